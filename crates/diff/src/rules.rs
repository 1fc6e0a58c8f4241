//! What is known of AWS's fields beyond their types: defaults, sets, equalities, what is not ours.
//!
//! Each row names its source: `L` recorded live values, `D` AWS's documentation, `B` the published
//! service models. Where recordings and documentation disagree, the recording stands here.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use evenkeel_model::Tree;
use evenkeel_model::shapes::{Op, ShapeId};

use crate::rules_derived as derived;

/// What is compared: each has one shape, in which it is declared, and one set of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the resources' own names
pub enum Kind {
    TaskDefinition,
    Service,
    TargetGroup,
    LoadBalancer,
    Listener,
    Rule,
    ScalableTarget,
    ScalingPolicy,
    ScheduledAction,
    Cluster,
    Repository,
    LogGroup,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 12] = [
        Kind::TaskDefinition,
        Kind::Service,
        Kind::TargetGroup,
        Kind::LoadBalancer,
        Kind::Listener,
        Kind::Rule,
        Kind::ScalableTarget,
        Kind::ScalingPolicy,
        Kind::ScheduledAction,
        Kind::Cluster,
        Kind::Repository,
        Kind::LogGroup,
    ];

    /// The operation that creates one; its input is the form in which it is declared and compared.
    pub const fn create(self) -> Op {
        match self {
            Kind::TaskDefinition => Op::EcsRegisterTaskDefinition,
            Kind::Service => Op::EcsCreateService,
            Kind::TargetGroup => Op::Elbv2CreateTargetGroup,
            Kind::LoadBalancer => Op::Elbv2CreateLoadBalancer,
            Kind::Listener => Op::Elbv2CreateListener,
            Kind::Rule => Op::Elbv2CreateRule,
            Kind::ScalableTarget => Op::ScalingRegisterScalableTarget,
            Kind::ScalingPolicy => Op::ScalingPutScalingPolicy,
            Kind::ScheduledAction => Op::ScalingPutScheduledAction,
            Kind::Cluster => Op::EcsCreateCluster,
            Kind::Repository => Op::EcrCreateRepository,
            Kind::LogGroup => Op::LogsCreateLogGroup,
        }
    }

    /// The shape in which it is declared and compared.
    pub fn shape(self) -> ShapeId {
        self.create().input()
    }

    /// The rows about it.
    pub const fn rows(self) -> &'static [Row] {
        match self {
            Kind::TaskDefinition => TASK_DEFINITION,
            Kind::Service => SERVICE,
            Kind::TargetGroup => TARGET_GROUP,
            Kind::LoadBalancer => LOAD_BALANCER,
            Kind::Listener => LISTENER,
            Kind::Rule => RULE,
            Kind::ScalableTarget => SCALABLE_TARGET,
            Kind::ScalingPolicy => SCALING_POLICY,
            Kind::ScheduledAction => SCHEDULED_ACTION,
            Kind::Cluster => CLUSTER,
            Kind::Repository => REPOSITORY,
            Kind::LogGroup => LOG_GROUP,
        }
    }
}

/// One thing known about one field.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Member names from the root of the kind's shape; `*` stands for any element or map key.
    pub path: &'static str,
    /// What is known.
    pub rule: Rule,
    /// Where it is known from.
    pub source: &'static str,
}

/// What can be known about a field.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Absent means this.
    Default(Const),
    /// Absent means what the function makes of the shape around it.
    Derived(fn(&Place<'_>) -> Option<Tree>),
    /// The list has no order; its elements are told apart by these members, or by their whole value
    /// where none is named. A member missing from an element counts with its default.
    Set(&'static [&'static str]),
    /// Compared elsewhere, or not a property of the resource.
    Elsewhere,
    /// Declared, it is compared. Undeclared, whatever AWS has is right, because its default depends on
    /// the account, the day of creation or another owner.
    FreeWhenUndeclared,
    /// Not compared where the two whole shapes, what is wanted and what is there, say so.
    FreeWhen(fn(&Tree, &Tree) -> bool),
    /// Two values written differently can be the same.
    Same(Sameness),
    /// Cannot be changed on what exists.
    Immutable,
}

/// Constants of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Const {
    Bool(bool),
    Int(i64),
    Str(&'static str),
}

impl Const {
    /// As a value to compare with.
    pub fn tree(self) -> Tree {
        match self {
            Const::Bool(b) => Tree::Bool(b),
            Const::Int(n) => Tree::Int(n),
            Const::Str(s) => Tree::from(s),
        }
    }
}

/// Ways in which two spellings are one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// CPU units: `1024`, `"1024"`, `"1 vCPU"`.
    Cpu,
    /// MiB: `2048`, `"2048"`, `"2 GB"`.
    Memory,
    /// A role by name, path and name, or ARN.
    Role,
    /// Upper and lower case alike.
    AnyCase,
    /// JSON text, compared as JSON.
    Json,
    /// `LATEST` is any version.
    PlatformVersion,
    /// A name or the ARN that ends in it.
    NameOrArn,
}

/// Where a derived default is asked for: the sides' own shapes around the field.
pub struct Place<'a> {
    /// The whole shape.
    pub root: &'a Tree,
    /// The structure in which the field is missing, where that exists.
    pub parent: Option<&'a Tree>,
}

/// Rows by path, compiled once for each kind.
#[derive(Debug, Default)]
pub(crate) struct Node {
    children: BTreeMap<&'static str, Node>,
    pub(crate) rules: Vec<Rule>,
}

impl Node {
    pub(crate) const fn empty() -> Node {
        Node { children: BTreeMap::new(), rules: Vec::new() }
    }

    pub(crate) fn child(&self, segment: &str) -> Option<&Node> {
        self.children.get(segment).or_else(|| self.children.get("*"))
    }

    /// Members that rows speak of below here, `*` left out.
    pub(crate) fn named(&self) -> impl Iterator<Item = &'static str> {
        self.children.keys().copied().filter(|n| *n != "*")
    }
}

pub(crate) fn compiled(kind: Kind) -> &'static Node {
    static TABLES: OnceLock<BTreeMap<Kind, Node>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        Kind::ALL
            .into_iter()
            .map(|kind| {
                let mut root = Node::default();
                for row in kind.rows() {
                    let mut node = &mut root;
                    for segment in row.path.split('/') {
                        node = node.children.entry(segment).or_default();
                    }
                    node.rules.push(row.rule);
                }
                (kind, root)
            })
            .collect()
    });
    static EMPTY: Node = Node::empty();
    tables.get(&kind).unwrap_or(&EMPTY)
}

/// Names the way an element of a set is told apart: the set rule at a path of this kind, if any.
pub fn set_keys(kind: Kind, path: &evenkeel_model::Path) -> Option<&'static [&'static str]> {
    let mut node = compiled(kind);
    for segment in path.segments() {
        node = node.child(segment)?;
    }
    node.rules.iter().find_map(|r| match r {
        Rule::Set(keys) => Some(*keys),
        _ => None,
    })
}

/// True where a member of that name is a set in some kind: its elements are named by key.
pub fn names_a_set(member: &str) -> bool {
    let named = |row: &Row| row.path.rsplit('/').next() == Some(member);
    Kind::ALL.iter().flat_map(|k| k.rows()).any(|r| matches!(r.rule, Rule::Set(_)) && named(r))
}

/// The top-level members of a kind that cannot be changed on what exists.
pub fn immutable(kind: Kind) -> impl Iterator<Item = &'static str> {
    kind.rows().iter().filter(|r| matches!(r.rule, Rule::Immutable)).map(|r| r.path)
}

const fn row(path: &'static str, rule: Rule, source: &'static str) -> Row {
    Row { path, rule, source }
}
const fn int(path: &'static str, n: i64, source: &'static str) -> Row {
    row(path, Rule::Default(Const::Int(n)), source)
}
const fn text(path: &'static str, s: &'static str, source: &'static str) -> Row {
    row(path, Rule::Default(Const::Str(s)), source)
}
const fn flag(path: &'static str, b: bool, source: &'static str) -> Row {
    row(path, Rule::Default(Const::Bool(b)), source)
}
const fn set(path: &'static str, keys: &'static [&'static str], source: &'static str) -> Row {
    row(path, Rule::Set(keys), source)
}
const fn derive(path: &'static str, f: fn(&Place<'_>) -> Option<Tree>, source: &'static str) -> Row {
    row(path, Rule::Derived(f), source)
}

const TASK_DEFINITION: &[Row] = &[
    row("tags", Rule::Elsewhere, "tags go through TagResource and never make a revision"),
    row("cpu", Rule::Same(Sameness::Cpu), "D: `1 vCPU` is returned as 1024"),
    row("memory", Rule::Same(Sameness::Memory), "D: `2 GB` is returned as 2048"),
    row("taskRoleArn", Rule::Same(Sameness::Role), "D: a role's name is taken for its ARN"),
    row("executionRoleArn", Rule::Same(Sameness::Role), "D: a role's name is taken for its ARN"),
    derive("networkMode", derived::network_mode, "D: bridge on EC2; Fargate takes awsvpc only"),
    set("requiresCompatibilities", &[], "L: returned sorted"),
    derive("runtimePlatform/operatingSystemFamily", derived::fargate_linux, "D: Fargate runs LINUX"),
    derive("runtimePlatform/cpuArchitecture", derived::fargate_x86, "D: Fargate runs X86_64"),
    flag("enableFaultInjection", false, "D"),
    set("inferenceAccelerators", &["deviceName"], "B"),
    set("placementConstraints", &[], "D: constraints have no order"),
    set("volumes", &["name"], "D: volumes are named"),
    flag("volumes/*/configuredAtLaunch", false, "terraform-provider-aws 46132"),
    text("volumes/*/efsVolumeConfiguration/rootDirectory", "/", "D"),
    text("volumes/*/efsVolumeConfiguration/transitEncryption", "DISABLED", "D"),
    text("volumes/*/efsVolumeConfiguration/authorizationConfig/iam", "DISABLED", "D"),
    text("volumes/*/dockerVolumeConfiguration/scope", "task", "D"),
    flag("volumes/*/dockerVolumeConfiguration/autoprovision", false, "D"),
    text("proxyConfiguration/type", "APPMESH", "D"),
    set("proxyConfiguration/properties", &["name"], "D"),
    set("containerDefinitions", &["name"], "L: containers come back in another order"),
    int("containerDefinitions/*/cpu", 0, "L"),
    flag("containerDefinitions/*/essential", true, "L"),
    text("containerDefinitions/*/versionConsistency", "enabled", "D"),
    flag("containerDefinitions/*/interactive", false, "D"),
    flag("containerDefinitions/*/pseudoTerminal", false, "D"),
    flag("containerDefinitions/*/privileged", false, "D"),
    flag("containerDefinitions/*/readonlyRootFilesystem", false, "D"),
    flag("containerDefinitions/*/disableNetworking", false, "D"),
    set("containerDefinitions/*/environment", &["name"], "L: comes back shuffled"),
    set("containerDefinitions/*/secrets", &["name"], "L: order not kept"),
    set(
        "containerDefinitions/*/portMappings",
        &["containerPort", "containerPortRange", "protocol"],
        "L: reordered",
    ),
    text("containerDefinitions/*/portMappings/*/protocol", "tcp", "L"),
    derive(
        "containerDefinitions/*/portMappings/*/hostPort",
        derived::host_port,
        "L: the container's port in awsvpc and host mode, 0 (dynamic) otherwise",
    ),
    set("containerDefinitions/*/mountPoints", &["containerPath"], "D: a path is mounted once"),
    flag("containerDefinitions/*/mountPoints/*/readOnly", false, "D"),
    set("containerDefinitions/*/volumesFrom", &["sourceContainer"], "L: reordered"),
    flag("containerDefinitions/*/volumesFrom/*/readOnly", false, "D"),
    set("containerDefinitions/*/links", &[], "L: returned sorted"),
    set("containerDefinitions/*/dependsOn", &["containerName"], "D"),
    set("containerDefinitions/*/ulimits", &["name"], "D"),
    set("containerDefinitions/*/systemControls", &["namespace"], "D"),
    set("containerDefinitions/*/extraHosts", &["hostname", "ipAddress"], "D"),
    set("containerDefinitions/*/resourceRequirements", &["type", "value"], "D: one type can come twice"),
    set("containerDefinitions/*/linuxParameters/capabilities/add", &[], "D"),
    set("containerDefinitions/*/linuxParameters/capabilities/drop", &[], "D"),
    set("containerDefinitions/*/linuxParameters/devices", &["hostPath", "containerPath"], "D"),
    set("containerDefinitions/*/linuxParameters/tmpfs", &["containerPath"], "D"),
    flag("containerDefinitions/*/linuxParameters/initProcessEnabled", false, "D"),
    int("containerDefinitions/*/healthCheck/interval", 30, "D"),
    int("containerDefinitions/*/healthCheck/timeout", 5, "D"),
    int("containerDefinitions/*/healthCheck/retries", 3, "D"),
    int("containerDefinitions/*/healthCheck/startPeriod", 0, "D: off"),
    set("containerDefinitions/*/logConfiguration/secretOptions", &["name"], "D"),
    int("containerDefinitions/*/restartPolicy/restartAttemptPeriod", 300, "D"),
];

const SERVICE: &[Row] = &[
    row("cluster", Rule::Elsewhere, "the service's key"),
    row("serviceName", Rule::Elsewhere, "the service's key"),
    row("taskDefinition", Rule::Elsewhere, "compared by content"),
    row("clientToken", Rule::Elsewhere, "belongs to one call"),
    row("tags", Rule::Elsewhere, "go through TagResource"),
    row("desiredCount", Rule::Elsewhere, "has owners of its own: the autoscaler, scheduled actions"),
    row("role", Rule::FreeWhenUndeclared, "L: AWSServiceRoleForECS appears for some services"),
    row("role", Rule::Same(Sameness::Role), "D"),
    row("role", Rule::Immutable, "L: create only"),
    text("schedulingStrategy", "REPLICA", "L"),
    row("schedulingStrategy", Rule::Immutable, "B: UpdateService has no such member"),
    text("deploymentController/type", "ECS", "L"),
    derive(
        "launchType",
        derived::launch_type,
        "D: EC2 where neither it nor a capacity provider strategy is given",
    ),
    row("launchType", Rule::Immutable, "B: UpdateService has no such member"),
    row("launchType", Rule::FreeWhen(derived::by_strategy), "L: absent where there is a strategy"),
    set("capacityProviderStrategy", &["capacityProvider"], "L"),
    row(
        "capacityProviderStrategy",
        Rule::FreeWhen(derived::launch_left_open),
        "D: where neither is given, the cluster's default strategy",
    ),
    int("capacityProviderStrategy/*/base", 0, "L"),
    int("capacityProviderStrategy/*/weight", 0, "L"),
    row("platformVersion", Rule::FreeWhenUndeclared, "L: LATEST or a number on Fargate"),
    row("platformVersion", Rule::Same(Sameness::PlatformVersion), "L: LATEST may come back as a number"),
    row(
        "availabilityZoneRebalancing",
        Rule::FreeWhenUndeclared,
        "L: the default changed in September 2025 and differs by strategy",
    ),
    set("networkConfiguration/awsvpcConfiguration/subnets", &[], "order not kept"),
    set("networkConfiguration/awsvpcConfiguration/securityGroups", &[], "order not kept"),
    text("networkConfiguration/awsvpcConfiguration/assignPublicIp", "DISABLED", "L"),
    derive("deploymentConfiguration/maximumPercent", derived::maximum_percent, "L: 200, 100 for DAEMON"),
    derive("deploymentConfiguration/minimumHealthyPercent", derived::minimum_percent, "L: 100, 0 for DAEMON"),
    text("deploymentConfiguration/strategy", "ROLLING", "L"),
    int("deploymentConfiguration/bakeTimeInMinutes", 0, "L"),
    flag("deploymentConfiguration/deploymentCircuitBreaker/enable", false, "L"),
    flag("deploymentConfiguration/deploymentCircuitBreaker/rollback", false, "L"),
    flag("deploymentConfiguration/deploymentCircuitBreaker/resetOnHealthyTask", true, "L"),
    text(
        "deploymentConfiguration/deploymentCircuitBreaker/thresholdConfiguration/type",
        "BOUNDED_PERCENT",
        "L",
    ),
    int("deploymentConfiguration/deploymentCircuitBreaker/thresholdConfiguration/value", 50, "L"),
    set("deploymentConfiguration/alarms/alarmNames", &[], "D"),
    flag("deploymentConfiguration/alarms/enable", false, "L"),
    flag("deploymentConfiguration/alarms/rollback", false, "L"),
    text("deploymentConfiguration/lifecycleHooks/*/targetType", "AWS_LAMBDA", "D"),
    text("deploymentConfiguration/lifecycleHooks/*/timeoutConfiguration/action", "ROLLBACK", "D"),
    int("deploymentConfiguration/lifecycleHooks/*/timeoutConfiguration/timeoutInMinutes", 1440, "D"),
    row("deploymentConfiguration/lifecycleHooks/*/hookDetails", Rule::Same(Sameness::Json), "D"),
    set("deploymentConfiguration/lifecycleHooks/*/lifecycleStages", &[], "D"),
    row("deploymentConfiguration/linearConfiguration", Rule::FreeWhenUndeclared, "D: by strategy; stays"),
    row("deploymentConfiguration/canaryConfiguration", Rule::FreeWhenUndeclared, "D: by strategy; stays"),
    derive("deploymentConfiguration/linearConfiguration/stepPercent", derived::linear_percent, "D: 10"),
    derive("deploymentConfiguration/linearConfiguration/stepBakeTimeInMinutes", derived::linear_bake, "D: 6"),
    derive("deploymentConfiguration/canaryConfiguration/canaryPercent", derived::canary_percent, "D: 5"),
    derive(
        "deploymentConfiguration/canaryConfiguration/canaryBakeTimeInMinutes",
        derived::canary_bake,
        "D: 10",
    ),
    flag("deploymentConfiguration/earlySuccessCriteria/enable", false, "D"),
    int("deploymentConfiguration/earlySuccessCriteria/healthyPercent", 100, "D"),
    text("deploymentConfiguration/earlySuccessCriteria/sourceServiceRevisionCleanup", "BLOCKING", "D"),
    int("healthCheckGracePeriodSeconds", 0, "L"),
    flag("enableExecuteCommand", false, "L"),
    flag("enableECSManagedTags", false, "L"),
    text("propagateTags", "NONE", "B: absent means not propagated"),
    set("loadBalancers", &["targetGroupArn", "loadBalancerName", "containerName", "containerPort"], "D"),
    set("serviceRegistries", &["registryArn"], "D"),
    set("placementConstraints", &[], "D"),
    row("placementStrategy/*/field", Rule::Same(Sameness::AnyCase), "D: CPU and cpu are one"),
    row(
        "serviceConnectConfiguration",
        Rule::FreeWhen(derived::service_connect_off),
        "D: switched off, what is left of it does nothing",
    ),
    flag("serviceConnectConfiguration/enabled", false, "D: absent is off"),
    row("serviceConnectConfiguration/namespace", Rule::FreeWhenUndeclared, "D: the cluster's default"),
    row(
        "serviceConnectConfiguration/services/*/clientAliases/*/dnsName",
        Rule::FreeWhenUndeclared,
        "D: from discovery name and namespace",
    ),
    row("serviceConnectConfiguration/namespace", Rule::Same(Sameness::NameOrArn), "D"),
    set("serviceConnectConfiguration/services", &["portName"], "D"),
    derive(
        "serviceConnectConfiguration/services/*/discoveryName",
        derived::discovery_name,
        "D: the port's name",
    ),
    set("volumeConfigurations", &["name"], "D"),
    text("volumeConfigurations/*/managedEBSVolume/filesystemType", "xfs", "D"),
    row("volumeConfigurations/*/managedEBSVolume/volumeType", Rule::FreeWhenUndeclared, "D: EC2's default"),
    row("volumeConfigurations/*/managedEBSVolume/iops", Rule::FreeWhenUndeclared, "D: by volume type"),
    row("volumeConfigurations/*/managedEBSVolume/throughput", Rule::FreeWhenUndeclared, "D: by volume type"),
    row("volumeConfigurations/*/managedEBSVolume/encrypted", Rule::FreeWhenUndeclared, "D: the account's"),
    set("vpcLatticeConfigurations", &["portName"], "D"),
    row("monitoring", Rule::FreeWhenUndeclared, "B: only a service revision shows it"),
    row("gatewayConnectors", Rule::FreeWhenUndeclared, "B: only a service revision shows it"),
];

const TARGET_GROUP: &[Row] = &[
    row("tags", Rule::Elsewhere, "go through AddTags"),
    row("name", Rule::Immutable, "L: create only"),
    row("protocol", Rule::Immutable, "L: create only"),
    row("protocolVersion", Rule::Immutable, "L: create only"),
    row("port", Rule::Immutable, "L: create only"),
    row("vpcId", Rule::Immutable, "L: create only"),
    row("targetType", Rule::Immutable, "L: create only"),
    row("ipAddressType", Rule::Immutable, "L: create only"),
    row("targetControlPort", Rule::Immutable, "B: ModifyTargetGroup has no such member"),
    text("targetType", "instance", "L"),
    text("ipAddressType", "ipv4", "L"),
    derive("protocolVersion", derived::protocol_version, "L: HTTP1 for HTTP and HTTPS"),
    derive("healthCheckEnabled", derived::health_check_enabled, "L: off for lambda"),
    derive("healthCheckProtocol", derived::health_check_protocol, "L: by protocol and target type"),
    derive("healthCheckPort", derived::health_check_port, "L: traffic-port; 80 for GENEVE"),
    derive("healthCheckPath", derived::health_check_path, "L: / or the gRPC path"),
    derive("healthCheckIntervalSeconds", derived::health_check_interval, "L: 30; 10 GENEVE; 35 lambda"),
    derive("healthCheckTimeoutSeconds", derived::health_check_timeout, "L: by protocol and target type"),
    derive("healthyThresholdCount", derived::healthy_threshold, "L: 5"),
    derive("unhealthyThresholdCount", derived::unhealthy_threshold, "L: 2"),
    derive("matcher/httpCode", derived::http_code, "L: 200; 200-399 for alb targets"),
    derive("matcher/grpcCode", derived::grpc_code, "L: 12"),
];

const LOAD_BALANCER: &[Row] = &[
    row("tags", Rule::Elsewhere, "go through AddTags"),
    row("name", Rule::Immutable, "B"),
    row("scheme", Rule::Immutable, "B"),
    row("type", Rule::Immutable, "B"),
    text("scheme", "internet-facing", "D"),
    text("type", "application", "D"),
    text("ipAddressType", "ipv4", "D"),
    set("subnets", &[], "D"),
    set("subnetMappings", &["subnetId"], "D"),
    set("securityGroups", &[], "D"),
    row("securityGroups", Rule::FreeWhenUndeclared, "D: the VPC's default group"),
    row("enablePrefixForIpv6SourceNat", Rule::FreeWhenUndeclared, "D: by type"),
    row("customerOwnedIpv4Pool", Rule::FreeWhenUndeclared, "B: Outposts only"),
    row("ipamPools", Rule::FreeWhenUndeclared, "B: has an operation of its own"),
];

const ACTION_SOURCE: &str = "L: one target group comes back both bare and in ForwardConfig";
const SECRET_SOURCE: &str = "D: goes in and never comes back";
const LISTENER: &[Row] = &[
    row("tags", Rule::Elsewhere, "go through AddTags"),
    row("loadBalancerArn", Rule::Elsewhere, "the listener's place"),
    derive("sslPolicy", derived::ssl_policy, "L: ELBSecurityPolicy-2016-08 on HTTPS and TLS"),
    row("sslPolicy", Rule::FreeWhenUndeclared, "D: the default policy changes"),
    row("mutualAuthentication", Rule::FreeWhenUndeclared, "L: {Mode off}"),
    set("certificates", &["certificateArn"], "B"),
    set("alpnPolicy", &[], "B"),
    set("defaultActions/*/forwardConfig/targetGroups", &["targetGroupArn"], ACTION_SOURCE),
    int("defaultActions/*/forwardConfig/targetGroups/*/weight", 1, ACTION_SOURCE),
    flag("defaultActions/*/forwardConfig/targetGroupStickinessConfig/enabled", false, ACTION_SOURCE),
    row("defaultActions/*/order", Rule::FreeWhenUndeclared, "D: numbered by AWS"),
    row("defaultActions/*/authenticateOidcConfig/clientSecret", Rule::Elsewhere, SECRET_SOURCE),
    row("defaultActions/*/authenticateOidcConfig/useExistingClientSecret", Rule::Elsewhere, SECRET_SOURCE),
    text("defaultActions/*/authenticateOidcConfig/onUnauthenticatedRequest", "authenticate", "D"),
    text("defaultActions/*/authenticateOidcConfig/scope", "openid", "D"),
    text("defaultActions/*/authenticateOidcConfig/sessionCookieName", "AWSELBAuthSessionCookie", "D"),
    int("defaultActions/*/authenticateOidcConfig/sessionTimeout", 604_800, "D"),
    text("defaultActions/*/authenticateCognitoConfig/onUnauthenticatedRequest", "authenticate", "D"),
    text("defaultActions/*/authenticateCognitoConfig/scope", "openid", "D"),
    text("defaultActions/*/authenticateCognitoConfig/sessionCookieName", "AWSELBAuthSessionCookie", "D"),
    int("defaultActions/*/authenticateCognitoConfig/sessionTimeout", 604_800, "D"),
    text("defaultActions/*/redirectConfig/host", "#{host}", "D"),
    text("defaultActions/*/redirectConfig/path", "/#{path}", "D"),
    text("defaultActions/*/redirectConfig/port", "#{port}", "D"),
    text("defaultActions/*/redirectConfig/query", "#{query}", "D"),
    text("defaultActions/*/redirectConfig/protocol", "#{protocol}", "D"),
];

const RULE: &[Row] = &[
    row("tags", Rule::Elsewhere, "go through AddTags"),
    row("listenerArn", Rule::Elsewhere, "the rule's place"),
    row("priority", Rule::Elsewhere, "set with SetRulePriorities"),
    set("actions/*/forwardConfig/targetGroups", &["targetGroupArn"], ACTION_SOURCE),
    int("actions/*/forwardConfig/targetGroups/*/weight", 1, ACTION_SOURCE),
    flag("actions/*/forwardConfig/targetGroupStickinessConfig/enabled", false, ACTION_SOURCE),
    row("actions/*/order", Rule::FreeWhenUndeclared, "D: numbered by AWS"),
    row("actions/*/authenticateOidcConfig/clientSecret", Rule::Elsewhere, SECRET_SOURCE),
    row("actions/*/authenticateOidcConfig/useExistingClientSecret", Rule::Elsewhere, SECRET_SOURCE),
    text("actions/*/authenticateOidcConfig/onUnauthenticatedRequest", "authenticate", "D"),
    text("actions/*/authenticateOidcConfig/scope", "openid", "D"),
    text("actions/*/authenticateOidcConfig/sessionCookieName", "AWSELBAuthSessionCookie", "D"),
    int("actions/*/authenticateOidcConfig/sessionTimeout", 604_800, "D"),
    text("actions/*/authenticateCognitoConfig/onUnauthenticatedRequest", "authenticate", "D"),
    text("actions/*/authenticateCognitoConfig/scope", "openid", "D"),
    text("actions/*/authenticateCognitoConfig/sessionCookieName", "AWSELBAuthSessionCookie", "D"),
    int("actions/*/authenticateCognitoConfig/sessionTimeout", 604_800, "D"),
    text("actions/*/redirectConfig/host", "#{host}", "D"),
    text("actions/*/redirectConfig/path", "/#{path}", "D"),
    text("actions/*/redirectConfig/port", "#{port}", "D"),
    text("actions/*/redirectConfig/query", "#{query}", "D"),
    text("actions/*/redirectConfig/protocol", "#{protocol}", "D"),
    set("conditions", &["field"], "L: reordered"),
    set("transforms", &[], "L: [] is added"),
];

const SCALABLE_TARGET: &[Row] = &[
    row("tags", Rule::Elsewhere, "only at creation"),
    row("serviceNamespace", Rule::Elsewhere, "the target's key"),
    row("resourceId", Rule::Elsewhere, "the target's key"),
    row("scalableDimension", Rule::Elsewhere, "the target's key"),
    row("roleARN", Rule::FreeWhenUndeclared, "L: always comes back as the service-linked role"),
    row("suspendedState", Rule::FreeWhenUndeclared, "an operator's own switch"),
    flag("suspendedState/dynamicScalingInSuspended", false, "L"),
    flag("suspendedState/dynamicScalingOutSuspended", false, "L"),
    flag("suspendedState/scheduledScalingSuspended", false, "L"),
];

const TRACKING: &str = "targetTrackingScalingPolicyConfiguration";
const SCALING_POLICY: &[Row] = &[
    row("serviceNamespace", Rule::Elsewhere, "the policy's key"),
    row("resourceId", Rule::Elsewhere, "the policy's key"),
    row("scalableDimension", Rule::Elsewhere, "the policy's key"),
    row("policyName", Rule::Elsewhere, "the policy's key"),
    text("policyType", "StepScaling", "B: the default of PutScalingPolicy"),
    row("policyType", Rule::Immutable, "B: another type is another policy"),
    flag("targetTrackingScalingPolicyConfiguration/disableScaleIn", false, "B"),
    row("targetTrackingScalingPolicyConfiguration/scaleInCooldown", Rule::FreeWhenUndeclared, TRACKING),
    row("targetTrackingScalingPolicyConfiguration/scaleOutCooldown", Rule::FreeWhenUndeclared, TRACKING),
    set("targetTrackingScalingPolicyConfiguration/customizedMetricSpecification/dimensions", &["name"], "B"),
    set("targetTrackingScalingPolicyConfiguration/customizedMetricSpecification/metrics", &["id"], "B"),
    flag(
        "targetTrackingScalingPolicyConfiguration/customizedMetricSpecification/metrics/*/returnData",
        true,
        "B",
    ),
    int("stepScalingPolicyConfiguration/cooldown", 300, "D"),
    text("stepScalingPolicyConfiguration/metricAggregationType", "Average", "D"),
    set(
        "stepScalingPolicyConfiguration/stepAdjustments",
        &["metricIntervalLowerBound", "metricIntervalUpperBound"],
        "B",
    ),
    text("predictiveScalingPolicyConfiguration/mode", "ForecastOnly", "B"),
    row("predictiveScalingPolicyConfiguration/schedulingBufferTime", Rule::FreeWhenUndeclared, "B"),
    row("predictiveScalingPolicyConfiguration/maxCapacityBreachBehavior", Rule::FreeWhenUndeclared, "B"),
];

const SCHEDULED_ACTION: &[Row] = &[
    row("serviceNamespace", Rule::Elsewhere, "the action's key"),
    row("resourceId", Rule::Elsewhere, "the action's key"),
    row("scalableDimension", Rule::Elsewhere, "the action's key"),
    row("scheduledActionName", Rule::Elsewhere, "the action's key"),
    text("timezone", "UTC", "B"),
    row("startTime", Rule::FreeWhenUndeclared, "AWS notes the creation's time"),
];

const CLUSTER: &[Row] = &[
    row("tags", Rule::Elsewhere, "go through TagResource"),
    row("clusterName", Rule::Elsewhere, "the cluster's key"),
    set("settings", &["name"], "D"),
    row("settings", Rule::FreeWhenUndeclared, "D: from the account's settings"),
    set("capacityProviders", &[], "D"),
    row("capacityProviders", Rule::FreeWhenUndeclared, "others attach capacity providers"),
    set("defaultCapacityProviderStrategy", &["capacityProvider"], "D"),
    int("defaultCapacityProviderStrategy/*/base", 0, "L"),
    int("defaultCapacityProviderStrategy/*/weight", 0, "L"),
    row("defaultCapacityProviderStrategy", Rule::FreeWhenUndeclared, "others set the strategy"),
    row("configuration", Rule::FreeWhenUndeclared, "D"),
    row("serviceConnectDefaults", Rule::FreeWhenUndeclared, "D"),
    row("serviceConnectDefaults/namespace", Rule::Same(Sameness::NameOrArn), "D"),
];

const REPOSITORY: &[Row] = &[
    row("tags", Rule::Elsewhere, "go through TagResource"),
    row("repositoryName", Rule::Elsewhere, "the repository's key"),
    row("registryId", Rule::FreeWhenUndeclared, "the account"),
    text("imageTagMutability", "MUTABLE", "B"),
    set("imageTagMutabilityExclusionFilters", &[], "B"),
    flag("imageScanningConfiguration/scanOnPush", false, "B"),
    text("encryptionConfiguration/encryptionType", "AES256", "B"),
    row("encryptionConfiguration", Rule::Immutable, "B: create only"),
    row("encryptionConfiguration/kmsKey", Rule::FreeWhenUndeclared, "D: the key AWS manages"),
];

const LOG_GROUP: &[Row] = &[
    row("tags", Rule::Elsewhere, "go through TagResource"),
    row("logGroupName", Rule::Elsewhere, "the group's key"),
    row("kmsKeyId", Rule::Immutable, "B: has operations of its own"),
    row("logGroupClass", Rule::Immutable, "B: create only"),
    text("logGroupClass", "STANDARD", "B"),
    row("deletionProtectionEnabled", Rule::FreeWhenUndeclared, "B"),
];
