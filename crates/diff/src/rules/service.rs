//! Services.

use super::fields::{Change, Clearing, Field, at, fixed, name};
use super::{Place, Row, Sameness, Value};
use super::{counts, derive, elsewhere, flag, free, free_when, int, no_empty, same, set, text};
use crate::whole::{SERVICE_REVISION, Whole};

const BREAKER: &str = "L: filled in";
const ALARMS: &str = "L: absent, or empty and off";
const EARLY: &str = "D: where the block is present";
const HOOK: &str = "D: filled in";
const UNREAD: &str = "where the service's revision was not read";
const SWITCHED: &str = "D: CodeDeploy and task sets keep their own";

pub(super) const ROWS: &[Row] = &[
    elsewhere("cluster", "the service's key"),
    elsewhere("serviceName", "the service's key"),
    elsewhere("taskDefinition", "compared by content"),
    elsewhere("clientToken", "B: belongs to one call"),
    elsewhere("tags", "B: go through TagResource"),
    elsewhere("desiredCount", "has owners of its own: the autoscaler, scheduled actions, for DAEMON ECS"),
    free("role", "L: AWSServiceRoleForECS appears for some services"),
    same("role", Sameness::Role, "D"),
    no_empty("role", "D"),
    text("schedulingStrategy", "REPLICA", "L"),
    text("deploymentController/type", "ECS", "L"),
    derive("launchType", launch_type, "`EC2` without a capacity provider strategy", "D"),
    free_when("launchType", launch_elsewhere, "where either side has a strategy", "L: absent there"),
    set("capacityProviderStrategy", &["capacityProvider"], "L: echoed in any order"),
    free_when(
        "capacityProviderStrategy",
        launch_left_open,
        "where neither it nor a launch type is declared",
        "D: the cluster's default strategy",
    ),
    int("capacityProviderStrategy/*/base", 0, "L"),
    int("capacityProviderStrategy/*/weight", 0, "L"),
    free("platformVersion", "L: LATEST or a number on Fargate"),
    same("platformVersion", Sameness::PlatformVersion, "L: LATEST may come back as a number"),
    no_empty("platformVersion", "D"),
    free("availabilityZoneRebalancing", "L: the default changed in September 2025 and differs by strategy"),
    text("availabilityZoneRebalancing", "DISABLED", "L: absent or empty on old services"),
    set("networkConfiguration/awsvpcConfiguration/subnets", &[], "ecspresso, Terraform: order not kept"),
    set("networkConfiguration/awsvpcConfiguration/securityGroups", &[], "L: [] where none is given"),
    text("networkConfiguration/awsvpcConfiguration/assignPublicIp", "DISABLED", "L"),
    free_when("networkConfiguration", external, "under an EXTERNAL controller", SWITCHED),
    derive("deploymentConfiguration/maximumPercent", maximum_percent, "200, for DAEMON 100", "L"),
    derive("deploymentConfiguration/minimumHealthyPercent", minimum_percent, "100, for DAEMON 0", "L"),
    text("deploymentConfiguration/strategy", "ROLLING", "L"),
    int("deploymentConfiguration/bakeTimeInMinutes", 0, "L"),
    flag("deploymentConfiguration/deploymentCircuitBreaker/enable", false, BREAKER),
    flag("deploymentConfiguration/deploymentCircuitBreaker/rollback", false, BREAKER),
    flag("deploymentConfiguration/deploymentCircuitBreaker/resetOnHealthyTask", true, BREAKER),
    text(
        "deploymentConfiguration/deploymentCircuitBreaker/thresholdConfiguration/type",
        "BOUNDED_PERCENT",
        BREAKER,
    ),
    int("deploymentConfiguration/deploymentCircuitBreaker/thresholdConfiguration/value", 50, BREAKER),
    set("deploymentConfiguration/alarms/alarmNames", &[], ALARMS),
    flag("deploymentConfiguration/alarms/enable", false, ALARMS),
    flag("deploymentConfiguration/alarms/rollback", false, ALARMS),
    set("deploymentConfiguration/lifecycleHooks", &["hookTargetArn"], "D: hooks of a stage have no order"),
    text("deploymentConfiguration/lifecycleHooks/*/targetType", "AWS_LAMBDA", HOOK),
    text("deploymentConfiguration/lifecycleHooks/*/timeoutConfiguration/action", "ROLLBACK", HOOK),
    int("deploymentConfiguration/lifecycleHooks/*/timeoutConfiguration/timeoutInMinutes", 1440, HOOK),
    same("deploymentConfiguration/lifecycleHooks/*/hookDetails", Sameness::Json, "D: a JSON document"),
    set("deploymentConfiguration/lifecycleHooks/*/lifecycleStages", &[], "D: a set of stages"),
    derive("deploymentConfiguration/linearConfiguration/stepPercent", linear_percent, "10 under LINEAR", "D"),
    derive(
        "deploymentConfiguration/linearConfiguration/stepBakeTimeInMinutes",
        linear_bake,
        "6 under LINEAR",
        "D",
    ),
    free("deploymentConfiguration/linearConfiguration", "D: stays when the strategy changes"),
    derive(
        "deploymentConfiguration/canaryConfiguration/canaryPercent",
        canary_percent,
        "5 under CANARY",
        "D",
    ),
    derive(
        "deploymentConfiguration/canaryConfiguration/canaryBakeTimeInMinutes",
        canary_bake,
        "10 under CANARY",
        "D",
    ),
    free("deploymentConfiguration/canaryConfiguration", "D: stays when the strategy changes"),
    flag("deploymentConfiguration/earlySuccessCriteria/enable", false, "D: off"),
    int("deploymentConfiguration/earlySuccessCriteria/healthyPercent", 100, EARLY),
    text("deploymentConfiguration/earlySuccessCriteria/sourceServiceRevisionCleanup", "BLOCKING", EARLY),
    int("healthCheckGracePeriodSeconds", 0, "L"),
    flag("enableExecuteCommand", false, "L"),
    flag("enableECSManagedTags", false, "L"),
    text("propagateTags", "NONE", "B: absent means not propagated"),
    set("loadBalancers", &["targetGroupArn", "loadBalancerName"], "L: one entry a target group"),
    free_when("loadBalancers", switched, "under a CODE_DEPLOY or EXTERNAL controller", SWITCHED),
    set("serviceRegistries", &["registryArn"], "D: one entry a registry"),
    free_when("serviceRegistries", external, "under an EXTERNAL controller", SWITCHED),
    set("placementConstraints", &["type"], "D: constraints have no order"),
    no_empty("placementConstraints/*/expression", "B: none, as with distinctInstance"),
    same("placementStrategy/*/field", Sameness::PlacementField, "D: CPU is cpu, host is instanceId"),
    free_when(
        "serviceConnectConfiguration",
        service_connect_off,
        "where it is on on neither side",
        "D: switched off, what is left of it does nothing",
    ),
    flag("serviceConnectConfiguration/enabled", false, "D: absent is off; read from the primary deployment"),
    free("serviceConnectConfiguration/namespace", "D: the cluster's default"),
    same("serviceConnectConfiguration/namespace", Sameness::Namespace, "terraform-provider-aws 42818"),
    set("serviceConnectConfiguration/services", &["portName"], "D: one service a port"),
    derive("serviceConnectConfiguration/services/*/discoveryName", discovery_name, "the port's name", "D"),
    set("serviceConnectConfiguration/services/*/clientAliases", &["port"], "D: one alias a port"),
    free(
        "serviceConnectConfiguration/services/*/clientAliases/*/dnsName",
        "D: made of discovery name and namespace",
    ),
    free("serviceConnectConfiguration/services/*/tls/kmsKey", "D: the key AWS manages"),
    set("serviceConnectConfiguration/logConfiguration/secretOptions", &["name"], "D: options are named"),
    text("serviceConnectConfiguration/accessLogConfiguration/includeQueryParameters", "DISABLED", "B"),
    set("serviceConnectConfiguration/containerConfigurations", &["logLevel"], "B: one entry a container"),
    set("volumeConfigurations", &["name"], "D: volumes are named; read from the primary deployment"),
    text("volumeConfigurations/*/managedEBSVolume/filesystemType", "xfs", "D"),
    free("volumeConfigurations/*/managedEBSVolume/volumeType", "D: EC2's default"),
    free("volumeConfigurations/*/managedEBSVolume/iops", "D: by volume type"),
    free("volumeConfigurations/*/managedEBSVolume/throughput", "D: by volume type"),
    free("volumeConfigurations/*/managedEBSVolume/encrypted", "D: the account's default"),
    free("volumeConfigurations/*/managedEBSVolume/kmsKeyId", "D: the account's default"),
    free("volumeConfigurations/*/managedEBSVolume/sizeInGiB", "D: the snapshot's"),
    set("volumeConfigurations/*/managedEBSVolume/tagSpecifications", &["resourceType"], "D"),
    set("volumeConfigurations/*/managedEBSVolume/tagSpecifications/*/tags", &["key"], "D"),
    text("volumeConfigurations/*/managedEBSVolume/tagSpecifications/*/propagateTags", "NONE", "D"),
    set("vpcLatticeConfigurations", &["targetGroupArn"], "ecspresso: read from the primary deployment"),
    free_when(
        "monitoring",
        |_, live| unread(live, "monitoring"),
        UNREAD,
        "B: only a service revision shows it",
    ),
    free_when(
        "gatewayConnectors",
        |_, live| unread(live, "gatewayConnectors"),
        UNREAD,
        "B: only a service revision shows it",
    ),
    set("monitoring/metricConfigurations", &["resolutionSeconds"], "B: one entry a resolution"),
    set("monitoring/metricConfigurations/*/metricNames", &[], "B: a set"),
    set("gatewayConnectors", &["portName"], "B: one connector a port"),
    set("gatewayConnectors/*/filters/accessTypes", &[], "B: a set"),
];

const DOES_NOT_DEPLOY: &str = "B: starts no deployment";
const DEPLOYS: &str = "B: starts a deployment";

pub(super) const FIELDS: &[Field] = &[
    name("cluster", "the service's key"),
    fixed("serviceName", "L: create only"),
    name("clientToken", "B: belongs to one call"),
    at("taskDefinition", Change::Deployment, Clearing::CannotBeCleared("a service runs something"), DEPLOYS),
    at("tags", Change::InPlace, Clearing::Unchanged("UntagResource"), "B: TagResource"),
    at(
        "desiredCount",
        Change::InPlace,
        Clearing::Unchanged("the autoscaler or whoever set it"),
        DOES_NOT_DEPLOY,
    ),
    fixed("role", "L: create only"),
    fixed("schedulingStrategy", "B: UpdateService has no such member"),
    at(
        "deploymentController",
        Change::InPlace,
        Clearing::SendValue(r#"{"type":"ECS"}"#),
        "D: not during a deployment, nor with circuit breaker, alarms, blue/green or Service Connect",
    ),
    fixed("launchType", "B: UpdateService has no such member; a strategy takes its place"),
    at(
        "capacityProviderStrategy",
        Change::ForcedDeployment,
        Clearing::SendEmptyList,
        "L: refused without forceNewDeployment; [] goes back to the launch type",
    ),
    at("platformVersion", Change::Deployment, Clearing::SendValue(r#""LATEST""#), DEPLOYS),
    at(
        "availabilityZoneRebalancing",
        Change::InPlace,
        Clearing::Unchanged("AWS, by the day of creation"),
        "L: absent keeps what is there",
    ),
    at(
        "networkConfiguration",
        Change::Deployment,
        Clearing::CannotBeCleared("awsvpc tasks need one, others have none"),
        DEPLOYS,
    ),
    at("deploymentConfiguration", Change::InPlace, Clearing::SendDefault, DOES_NOT_DEPLOY),
    at(
        "deploymentConfiguration/deploymentCircuitBreaker",
        Change::InPlace,
        Clearing::SendValue(r#"{"enable":false,"rollback":false}"#),
        "L: off is said, absent keeps it",
    ),
    at(
        "deploymentConfiguration/alarms",
        Change::InPlace,
        Clearing::SendValue(r#"{"alarmNames":[],"enable":false,"rollback":false}"#),
        "L: off is said, absent keeps it",
    ),
    at(
        "deploymentConfiguration/earlySuccessCriteria",
        Change::InPlace,
        Clearing::SendValue(r#"{"enable":false}"#),
        "ecspresso 1082: absent keeps it, enable:false turns it off",
    ),
    at("deploymentConfiguration/lifecycleHooks", Change::InPlace, Clearing::SendEmptyList, "D"),
    at(
        "deploymentConfiguration/linearConfiguration",
        Change::InPlace,
        Clearing::Unchanged("used under LINEAR only"),
        "D",
    ),
    at(
        "deploymentConfiguration/canaryConfiguration",
        Change::InPlace,
        Clearing::Unchanged("used under CANARY only"),
        "D",
    ),
    at("healthCheckGracePeriodSeconds", Change::InPlace, Clearing::SendValue("0"), DOES_NOT_DEPLOY),
    at("enableExecuteCommand", Change::InPlace, Clearing::SendValue("false"), "B: reaches new tasks only"),
    at("enableECSManagedTags", Change::InPlace, Clearing::SendValue("false"), "B: reaches new tasks only"),
    at(
        "propagateTags",
        Change::InPlace,
        Clearing::SendValue(r#""NONE""#),
        "B: absent is taken for NONE, so it is always sent",
    ),
    at("loadBalancers", Change::Deployment, Clearing::SendEmptyList, DEPLOYS),
    at("serviceRegistries", Change::Deployment, Clearing::SendEmptyList, DEPLOYS),
    at("placementConstraints", Change::InPlace, Clearing::SendEmptyList, DOES_NOT_DEPLOY),
    at("placementStrategy", Change::InPlace, Clearing::SendEmptyList, DOES_NOT_DEPLOY),
    at(
        "serviceConnectConfiguration",
        Change::Deployment,
        Clearing::SendValue(r#"{"enabled":false}"#),
        "B: absent keeps it, enabled:false turns it off",
    ),
    at("volumeConfigurations", Change::Deployment, Clearing::SendEmptyList, "B: absent starts no deployment"),
    at("vpcLatticeConfigurations", Change::Deployment, Clearing::SendEmptyList, DEPLOYS),
    at("gatewayConnectors", Change::Deployment, Clearing::SendEmptyList, DEPLOYS),
    at(
        "monitoring",
        Change::Deployment,
        Clearing::SendValue(r#"{"metricConfigurations":[]}"#),
        "B: without it metrics come every 60 s",
    ),
];

fn is_daemon(place: &Place<'_>) -> bool {
    place.root.str("schedulingStrategy") == Some("DAEMON")
}

fn maximum_percent<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    counts(if is_daemon(place) { 100 } else { 200 })
}

fn minimum_percent<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    counts(if is_daemon(place) { 0 } else { 100 })
}

fn launch_type<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    place.root.list_of("capacityProviderStrategy").is_empty().then(|| super::says("EC2"))?
}

/// Where one side has a capacity provider strategy, that says all, and no launch type is shown; task
/// sets have their own.
fn launch_elsewhere(want: &Whole<'_>, live: &Whole<'_>) -> bool {
    [want, live].iter().any(|side| !side.list_of("capacityProviderStrategy").is_empty())
        || external(want, live)
}

/// The document leaves it to the cluster where its tasks run.
fn launch_left_open(want: &Whole<'_>, live: &Whole<'_>) -> bool {
    (want.get("launchType").is_none() && want.get("capacityProviderStrategy").is_none())
        || external(want, live)
}

/// Neither side has Service Connect switched on.
fn service_connect_off(want: &Whole<'_>, live: &Whole<'_>) -> bool {
    use evenkeel_model::Tree;
    let on = |side: &Whole<'_>| {
        side.get("serviceConnectConfiguration").and_then(|s| s.get("enabled")) == Some(&Tree::Bool(true))
    };
    !on(want) && !on(live)
}

/// What a revision would show is neither there nor absent until somebody reads it.
fn unread(live: &Whole<'_>, member: &str) -> bool {
    live.get(member).is_none() && live.get(SERVICE_REVISION).is_none()
}

fn controller<'a>(side: &Whole<'a>) -> &'a str {
    side.get("deploymentController").and_then(|c| c.str("type")).unwrap_or("ECS")
}

fn external(want: &Whole<'_>, live: &Whole<'_>) -> bool {
    controller(want) == "EXTERNAL" && controller(live) == "EXTERNAL"
}

fn switched(want: &Whole<'_>, live: &Whole<'_>) -> bool {
    controller(want) != "ECS" && controller(want) == controller(live)
}

fn under_strategy<'a>(place: &Place<'a>, strategy: &str, n: i64) -> Option<Value<'a>> {
    let current = place.root.get("deploymentConfiguration")?.str("strategy")?;
    (current == strategy).then(|| counts(n))?
}
fn linear_percent<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    under_strategy(place, "LINEAR", 10)
}
fn linear_bake<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    under_strategy(place, "LINEAR", 6)
}
fn canary_percent<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    under_strategy(place, "CANARY", 5)
}
fn canary_bake<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    under_strategy(place, "CANARY", 10)
}

fn discovery_name<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    place.parent?.get("portName").map(Value::Tree)
}
