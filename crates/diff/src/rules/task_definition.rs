//! Task definitions: compared whole, because a revision is immutable.

use super::fields::{Change, Clearing, Field, at};
use super::{Place, Row, Rule, Sameness, Value};
use super::{counts, derive, elsewhere, flag, int, no_empty, row, same, says, set, text};

pub(super) const ROWS: &[Row] = &[
    elsewhere("tags", "B: go through TagResource, and never make a revision"),
    same("cpu", Sameness::Cpu, "D: `1 vCPU` is returned as 1024"),
    same("memory", Sameness::Memory, "D: `2 GB` is returned as 2048"),
    same("taskRoleArn", Sameness::Role, "D: a role's name is taken for its ARN"),
    no_empty("taskRoleArn", "D: no role"),
    same("executionRoleArn", Sameness::Role, "D: a role's name is taken for its ARN"),
    no_empty("executionRoleArn", "D: no role"),
    derive("networkMode", network_mode, "`awsvpc` on Fargate, else `bridge`", "D"),
    set("requiresCompatibilities", &[], "L: returned sorted"),
    derive("runtimePlatform/operatingSystemFamily", fargate_linux, "`LINUX` on Fargate", "D"),
    derive("runtimePlatform/cpuArchitecture", fargate_x86, "`X86_64` on Fargate", "D"),
    flag("enableFaultInjection", false, "B: off"),
    set("inferenceAccelerators", &["deviceName"], "B: named"),
    set("placementConstraints", &["type"], "D: constraints have no order"),
    no_empty("placementConstraints/*/expression", "B: none"),
    set("volumes", &["name"], "D: volumes are named"),
    flag("volumes/*/configuredAtLaunch", false, "terraform-provider-aws 46132: null or false"),
    text("volumes/*/efsVolumeConfiguration/rootDirectory", "/", "D"),
    no_empty("volumes/*/efsVolumeConfiguration/rootDirectory", "D"),
    text("volumes/*/efsVolumeConfiguration/transitEncryption", "DISABLED", "D"),
    text("volumes/*/efsVolumeConfiguration/authorizationConfig/iam", "DISABLED", "D"),
    no_empty("volumes/*/efsVolumeConfiguration/authorizationConfig/accessPointId", "D: none"),
    row(
        "volumes/*/dockerVolumeConfiguration",
        Rule::Presence,
        "D: a volume of Docker's own, not a bind mount",
    ),
    text("volumes/*/dockerVolumeConfiguration/scope", "task", "D"),
    flag("volumes/*/dockerVolumeConfiguration/autoprovision", false, "D"),
    text("volumes/*/dockerVolumeConfiguration/driver", "local", "D: Docker's own driver"),
    text("volumes/*/s3filesVolumeConfiguration/rootDirectory", "/", "B"),
    text("proxyConfiguration/type", "APPMESH", "D: the only one"),
    set("proxyConfiguration/properties", &["name"], "D: pairs have no order"),
    set("containerDefinitions", &["name"], "L: containers come back in another order"),
    int("containerDefinitions/*/cpu", 0, "L: 0 is echoed"),
    flag("containerDefinitions/*/essential", true, "L: true is echoed"),
    text("containerDefinitions/*/versionConsistency", "enabled", "D"),
    flag("containerDefinitions/*/interactive", false, "D"),
    flag("containerDefinitions/*/pseudoTerminal", false, "D"),
    flag("containerDefinitions/*/privileged", false, "D"),
    flag("containerDefinitions/*/readonlyRootFilesystem", false, "D"),
    flag("containerDefinitions/*/disableNetworking", false, "D"),
    no_empty("containerDefinitions/*/user", "D: the image's own"),
    no_empty("containerDefinitions/*/workingDirectory", "D: the image's own"),
    no_empty("containerDefinitions/*/hostname", "D: none"),
    set("containerDefinitions/*/environment", &["name"], "L: comes back shuffled"),
    set("containerDefinitions/*/secrets", &["name"], "L: order not kept"),
    same(
        "containerDefinitions/*/secrets/*/valueFrom",
        Sameness::Parameter,
        "D: a parameter of the same region goes by name or ARN; echoed as sent",
    ),
    set(
        "containerDefinitions/*/portMappings",
        &["containerPort", "containerPortRange", "protocol"],
        "L: reordered",
    ),
    text("containerDefinitions/*/portMappings/*/protocol", "tcp", "L: filled in"),
    derive(
        "containerDefinitions/*/portMappings/*/hostPort",
        host_port,
        "the container's port in `awsvpc` and `host` mode, else 0: any",
        "L",
    ),
    set("containerDefinitions/*/mountPoints", &["containerPath"], "D: a path is mounted once"),
    flag("containerDefinitions/*/mountPoints/*/readOnly", false, "D"),
    set("containerDefinitions/*/volumesFrom", &["sourceContainer"], "L: reordered"),
    flag("containerDefinitions/*/volumesFrom/*/readOnly", false, "D"),
    set("containerDefinitions/*/links", &[], "L: returned sorted"),
    set("containerDefinitions/*/dependsOn", &["containerName"], "D: one condition a container"),
    set("containerDefinitions/*/ulimits", &["name"], "D: one limit a name"),
    set("containerDefinitions/*/systemControls", &["namespace"], "D: one value a namespace"),
    set("containerDefinitions/*/extraHosts", &["hostname"], "D: lines of a hosts file"),
    set("containerDefinitions/*/resourceRequirements", &["type"], "D: one type can come twice"),
    set("containerDefinitions/*/linuxParameters/capabilities/add", &[], "D: a set of the kernel's"),
    set("containerDefinitions/*/linuxParameters/capabilities/drop", &[], "D: a set of the kernel's"),
    set("containerDefinitions/*/linuxParameters/devices", &["hostPath"], "L: [] is echoed"),
    derive(
        "containerDefinitions/*/linuxParameters/devices/*/containerPath",
        host_path,
        "the path on the host",
        "D: Docker's own",
    ),
    set("containerDefinitions/*/linuxParameters/devices/*/permissions", &[], "D: a set"),
    set("containerDefinitions/*/linuxParameters/tmpfs", &["containerPath"], "L: [] is echoed"),
    set("containerDefinitions/*/linuxParameters/tmpfs/*/mountOptions", &[], "D: options of mount"),
    flag("containerDefinitions/*/linuxParameters/initProcessEnabled", false, "D"),
    derive(
        "containerDefinitions/*/linuxParameters/swappiness",
        swappiness,
        "60 where `maxSwap` is set",
        "D: without maxSwap it is not used",
    ),
    int("containerDefinitions/*/healthCheck/interval", 30, "D: where there is a health check"),
    int("containerDefinitions/*/healthCheck/timeout", 5, "D: where there is a health check"),
    int("containerDefinitions/*/healthCheck/retries", 3, "D: where there is a health check"),
    int("containerDefinitions/*/healthCheck/startPeriod", 0, "D: off"),
    set("containerDefinitions/*/logConfiguration/secretOptions", &["name"], "D: options are named"),
    set("containerDefinitions/*/restartPolicy/ignoredExitCodes", &[], "D: a set of codes"),
    derive(
        "containerDefinitions/*/restartPolicy/restartAttemptPeriod",
        restart_period,
        "300 where the policy is on",
        "D",
    ),
];

const REVISION: &str = "B: a revision is immutable, and registered whole";

pub(super) const FIELDS: &[Field] = &[
    revision("family"),
    revision("containerDefinitions"),
    revision("cpu"),
    revision("memory"),
    revision("networkMode"),
    revision("taskRoleArn"),
    revision("executionRoleArn"),
    revision("volumes"),
    revision("placementConstraints"),
    revision("requiresCompatibilities"),
    revision("runtimePlatform"),
    revision("proxyConfiguration"),
    revision("inferenceAccelerators"),
    revision("ephemeralStorage"),
    revision("ipcMode"),
    revision("pidMode"),
    revision("enableFaultInjection"),
    revision("trustedExecutionConfiguration"),
    at("tags", Change::InPlace, Clearing::Unchanged("UntagResource"), "B: TagResource"),
];

const fn revision(path: &'static str) -> Field {
    at(path, Change::Revision, Clearing::Replaced, REVISION)
}

fn requires_fargate(place: &Place<'_>) -> bool {
    place.root.list_of("requiresCompatibilities").iter().any(|c| c.as_str() == Some("FARGATE"))
}

fn network_mode<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    says(if requires_fargate(place) { "awsvpc" } else { "bridge" })
}

fn fargate_linux<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    requires_fargate(place).then(|| says("LINUX"))?
}

fn fargate_x86<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    requires_fargate(place).then(|| says("X86_64"))?
}

fn host_port<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    let port = place.parent?.get("containerPort")?;
    let mode = place.root.str("networkMode").filter(|m| !m.is_empty());
    match mode.or_else(|| network_mode(place)?.as_str()) {
        Some("awsvpc" | "host") => Some(Value::Tree(port)),
        _ => counts(0),
    }
}

fn host_path<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    place.parent?.get("hostPath").map(Value::Tree)
}

fn swappiness<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    place.parent?.get("maxSwap").and_then(|_| counts(60))
}

fn restart_period<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    (place.parent?.bool("enabled") == Some(true)).then(|| counts(300))?
}
