//! Every check of what AWS would refuse later: what is told about a good document after one change, at
//! which path, and that the position in the text is that of the path.

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity};
use crate::document::read;
use crate::path::Path;
use crate::text::{self, Format};

/// A document without a fault: two services, balanced and scaled.
pub(super) fn good() -> Value {
    json!({
        "apiVersion": "evenkeel/v1", "name": "shop", "account": "123456789012", "region": "eu-west-1",
        "cluster": "main",
        "services": {
            "api": {
                "taskDefinition": {
                    "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
                    "cpu": "512", "memory": "1024",
                    "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
                    "volumes": [{"name": "scratch"}],
                    "containerDefinitions": [
                        {"name": "api", "image": "api:1", "memory": 256,
                         "portMappings": [{"containerPort": 8000, "name": "http"}],
                         "environment": [{"name": "A", "value": "1"}],
                         "secrets": [{"name": "S", "valueFrom": "/shop/s"}],
                         "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/tmp"}],
                         "dependsOn": [{"containerName": "proxy", "condition": "START"}],
                         "logConfiguration": {"logDriver": "awslogs", "options": {
                            "awslogs-group": "/ecs/api", "awslogs-region": "eu-west-1",
                            "awslogs-stream-prefix": "api"}}},
                        {"name": "proxy", "image": "proxy:1", "essential": false}
                    ]
                },
                "service": {
                    "launchType": "FARGATE", "desiredCount": 2,
                    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
                    "loadBalancers": [{"targetGroupArn": "${targetGroup:api}", "containerName": "api",
                                       "containerPort": 8000}]
                },
                "targetGroups": {"api": {"protocol": "HTTP", "port": 80, "vpcId": "vpc-1", "targetType": "ip"}},
                "listenerRules": {"main": {
                    "listenerArn": "${listener:web/http}", "priority": 10,
                    "conditions": [{"field": "path-pattern", "pathPatternConfig": {"values": ["/a", "/b"]}}],
                    "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:api}"}]}},
                "scaling": {
                    "minCapacity": 1, "maxCapacity": 4,
                    "policies": {"cpu": {
                        "policyType": "TargetTrackingScaling",
                        "targetTrackingScalingPolicyConfiguration": {
                            "targetValue": 60.0,
                            "predefinedMetricSpecification": {
                                "predefinedMetricType": "ECSServiceAverageCPUUtilization"}}}},
                    "scheduledActions": {"night": {
                        "schedule": "cron(0 22 * * ? *)",
                        "scalableTargetAction": {"minCapacity": 1, "maxCapacity": 1}}}
                }
            },
            "agent": {
                "taskDefinition": {"networkMode": "bridge", "containerDefinitions": [
                    {"name": "agent", "image": "agent:1", "memory": 128,
                     "portMappings": [{"containerPort": 80, "hostPort": 8080}]}]},
                "service": {"launchType": "EC2", "schedulingStrategy": "DAEMON"}
            }
        },
        "loadBalancers": {"web": {
            "subnets": ["subnet-1", "subnet-2"],
            "listeners": {"http": {"port": 80, "protocol": "HTTP", "defaultActions": [
                {"type": "fixed-response", "fixedResponseConfig": {"statusCode": "404"}}]}}
        }},
        "repositories": {"shop/api": {}},
        "logGroups": {"/ecs/api": {"retentionInDays": 30}},
        "clusters": {"main": {}}
    })
}

/// The document with values put at pointers; null takes what stands there away.
fn with(edits: &[(&str, Value)]) -> Value {
    let mut document = good();
    for (pointer, value) in edits {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        match document.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")) {
            Value::Object(map) if value.is_null() => drop(map.remove(&name)),
            Value::Object(map) => drop(map.insert(name, value.clone())),
            Value::Array(items) if name == "-" => items.push(value.clone()),
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            other => panic!("{pointer}: {other}"),
        }
    }
    document
}

fn findings(document: &Value) -> Vec<Diagnostic> {
    let text = serde_json::to_string_pretty(document).unwrap();
    let parsed = text::parse(text.as_bytes(), Some(Format::Json)).unwrap();
    let (read, found) = read(parsed);
    assert_eq!(read.is_some(), !found.iter().any(Diagnostic::is_error));
    for d in &found {
        is_placed(d, &text, document);
    }
    found
}

/// The position is that of the value at the path, of its key, or of the nearest thing around it.
fn is_placed(d: &Diagnostic, text: &str, document: &Value) {
    let at = d.at.unwrap_or_else(|| panic!("no position: {d:?}"));
    let here = &text[at.offset as usize..][..at.length as usize];
    let line = text[..at.offset as usize].matches('\n').count() + 1;
    assert_eq!(line, at.line as usize, "{d:?}");
    let mut path = d.path.clone();
    let mut key = d.key;
    while document.pointer(&path.to_string()).is_none() {
        path = path.parent().unwrap();
        key = true;
    }
    let value = document.pointer(&path.to_string()).unwrap();
    let name = path.last().unwrap_or_default();
    if key && name.parse::<usize>().is_err() {
        assert_eq!(serde_json::from_str::<Value>(here).unwrap(), json!(name), "{d:?}");
    } else if value.is_object() || value.is_array() {
        assert!(here == "{" || here == "[", "{d:?}: {here}");
    } else {
        assert_eq!(&serde_json::from_str::<Value>(here).unwrap(), value, "{d:?}");
    }
}

const TASK: &str = "/services/api/taskDefinition";
const API: &str = "/services/api/taskDefinition/containerDefinitions/0";
const AGENT: &str = "/services/agent/taskDefinition/containerDefinitions/0";
const SERVICE: &str = "/services/api/service";
const GROUP: &str = "/services/api/targetGroups/api";
const RULE: &str = "/services/api/listenerRules/main";
const SCALING: &str = "/services/api/scaling";
const LISTENER: &str = "/loadBalancers/web/listeners/http";

/// After these edits exactly these findings: `error code path`.
#[track_caller]
fn case(edits: &[(String, Value)], expected: &[String]) {
    let edits: Vec<(&str, Value)> = edits.iter().map(|(p, v)| (p.as_str(), v.clone())).collect();
    let document = with(&edits);
    let found: Vec<String> = findings(&document)
        .iter()
        .filter(|d| d.severity != Severity::Note)
        .map(|d| format!("{} {} {}", d.severity.word(), d.code, d.path))
        .collect();
    assert_eq!(found, expected, "{edits:#?}\n{:#?}", findings(&document));
}

/// `case!(PLACE "member" = value, …; "error code" PLACE "/path", …)`
macro_rules! case {
    ($($base:ident $member:literal = $value:tt),+ ; $($what:literal $at:ident $path:literal),*) => {
        case(
            &[$((format!("{}{}", $base, $member), json!($value))),+],
            &[$(format!("{} {}{}", $what, $at, $path)),*],
        )
    };
}

const ROOT: &str = "";

#[test]
fn the_good_document_is_good() {
    assert_eq!(findings(&good()), []);
}

#[test]
fn names_tags_and_the_top() {
    case!(ROOT "/account" = "12"; "error bad-account" ROOT "/account");
    case!(ROOT "/name" = "a b"; "error bad-name" ROOT "/name");
    case!(ROOT "/tags" = {"aws:x": "1", "Evenkeel:key": "2"};
        "error reserved-tag" ROOT "/tags/Evenkeel:key", "error reserved-tag" ROOT "/tags/aws:x");
    case!(SERVICE "/tags" = [{"key": "a", "value": "1"}, {"key": "a"}, {"key": "AWS:b"}, {"value": "x"}];
        "error duplicate-name" SERVICE "/tags/1/key",
        "error reserved-tag" SERVICE "/tags/2", "error missing-required" SERVICE "/tags/3");
    let many: Vec<Value> = (0..49).map(|i| json!({"key": format!("k{i}")})).collect();
    case!(TASK "/tags" = many; "error limit" TASK "/tags");
    case!(TASK "/tags" = [{"key": "Größe", "value": "a+b @c"}, {"key": "a*", "value": "{{ tag }}"}];
        "warning bad-tag" TASK "/tags/1", "warning unrendered-template" TASK "/tags/1/value");
    case!(SERVICE "/serviceName" = "a.b"; "error bad-name" ROOT "/services/api");
    case!(TASK "/family" = "a.b"; "error bad-name" TASK "/family");
    case!(GROUP "/name" = "a_b"; "error bad-name" GROUP "");
    case!(ROOT "/repositories/Upper" = {}; "error bad-name" ROOT "/repositories/Upper");
    case!(ROOT "/repositories/a..b" = {}; "error bad-name" ROOT "/repositories/a..b");
    case!(ROOT "/repositories/a~1b--c.d__e" = {};);
    case!(ROOT "/logGroups/~1ecs~1api" = {"retentionInDays": 31};
        "error limit" ROOT "/logGroups/~1ecs~1api/retentionInDays");
    case!(ROOT "/logGroups/a b" = {}; "error bad-name" ROOT "/logGroups/a b");
    case!(ROOT "/clusters/a b" = {}; "error bad-name" ROOT "/clusters/a b");
    case!(TASK "/taskRoleArn" = "arn:aws:iam::210987654321:role/x"; "warning other-account" TASK "/taskRoleArn");
    case!(SERVICE "/loadBalancers/0/targetGroupArn" =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/1";
        "warning other-region" SERVICE "/loadBalancers/0/targetGroupArn");
    case!(RULE "/listenerArn" = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2";
        "warning other-region" RULE "/listenerArn");
}

#[test]
fn containers() {
    case!(TASK "/containerDefinitions" = [], SERVICE "/loadBalancers" = [];
        "error no-container" TASK "/containerDefinitions");
    case!(API "/name" = null, SERVICE "/loadBalancers" = []; "error missing-required" API "");
    case!(API "/name" = "proxy", API "/dependsOn" = [], SERVICE "/loadBalancers" = [];
        "error duplicate-name" TASK "/containerDefinitions/1/name");
    case!(API "/name" = "a b", SERVICE "/loadBalancers" = []; "error bad-name" API "/name");
    case!(API "/image" = null; "error missing-required" API "");
    case!(API "/essential" = false; "error no-essential" TASK "/containerDefinitions");
    case!(API "/memory" = 2048; "error over-task" API "/memory");
    case!(API "/memoryReservation" = 512; "error over-memory" API "/memoryReservation");
    case!(AGENT "/memory" = null; "warning no-memory" AGENT "");
    case!(API "/memory" = 600, TASK "/containerDefinitions/1/memory" = 600; "warning over-task" TASK "/memory");
    case!(API "/cpu" = 600; "warning over-task" TASK "/cpu");
    case!(API "/portMappings/0/hostPort" = 80; "error host-port" API "/portMappings/0/hostPort");
    case!(API "/portMappings/0/hostPort" = 0;);
    case!(AGENT "/portMappings/0/containerPort" = 70000; "error limit" AGENT "/portMappings/0/containerPort");
    case!(API "/portMappings/-" = {"containerPort": 8000};
        "warning duplicate-port" API "/portMappings/1/containerPort");
    case!(API "/portMappings/-" = {"containerPort": 8001, "name": "http"};
        "warning duplicate-name" API "/portMappings/1/name");
    case!(API "/dependsOn/0/containerName" = "db"; "error no-such-container" API "/dependsOn/0/containerName");
    case!(API "/dependsOn/0/condition" = "HEALTHY"; "error no-health-check" API "/dependsOn/0/condition");
    case!(API "/dependsOn/0/condition" = "SUCCESS", TASK "/containerDefinitions/1/essential" = true;
        "warning essential-ends" API "/dependsOn/0/condition");
    case!(TASK "/containerDefinitions/1/dependsOn" = [{"containerName": "api", "condition": "START"}];
        "error cycle" API "/dependsOn", "error cycle" TASK "/containerDefinitions/1/dependsOn");
    case!(API "/mountPoints/0/sourceVolume" = "data"; "error no-such-volume" API "/mountPoints/0/sourceVolume");
    case!(API "/volumesFrom" = [{"sourceContainer": "db"}];
        "warning no-such-container" API "/volumesFrom/0/sourceContainer");
    case!(TASK "/volumes/-" = {"name": "scratch"}; "error duplicate-name" TASK "/volumes/1/name");
    case!(AGENT "/links" = ["db:database"]; "warning no-such-container" AGENT "/links/0");
    case!(API "/links" = ["proxy"]; "warning fargate" API "/links");
    case!(API "/hostname" = "x"; "warning not-with-awsvpc" API "/hostname");
    case!(API "/environment/-" = {"name": "A", "value": "2"}; "warning duplicate-name" API "/environment/1/name");
    case!(API "/environment/-" = {"value": "2"}; "error missing-required" API "/environment/1");
    case!(API "/secrets/-" = {"name": "S", "valueFrom": "/y"}; "warning duplicate-name" API "/secrets/1/name");
    case!(API "/secrets/-" = {"name": "A", "valueFrom": "/y"}; "warning duplicate-name" API "/secrets/1/name");
    case!(API "/healthCheck" = {"command": ["curl localhost"], "interval": 4};
        "warning health-check" API "/healthCheck/command", "warning limit" API "/healthCheck/interval");
    case!(API "/healthCheck" = {"command": []}; "error missing-required" API "/healthCheck");
    case!(API "/logConfiguration/options" = {"awslogs-region": "eu-west-1"};
        "error missing-required" API "/logConfiguration/options",
        "error missing-required" API "/logConfiguration/options");
    case!(AGENT "/logConfiguration" = {"logDriver": "awslogs", "options": {"awslogs-group": "x"}};);
}

#[test]
fn fargate() {
    for (cpu, memory) in [("1 vCPU", "2 GB"), ("0.5 vcpu", "4GB"), (".25 vCPU", ".5 GB"), ("16384", "122880")]
    {
        case!(TASK "/cpu" = cpu, TASK "/memory" = memory;);
    }
    case!(TASK "/memory" = "5 GB"; "error fargate-size" TASK "/memory");
    case!(TASK "/cpu" = "256", TASK "/memory" = "1536"; "error fargate-size" TASK "/memory");
    case!(TASK "/cpu" = "300"; "error fargate-size" TASK "/cpu");
    case!(TASK "/cpu" = "lots"; "error bad-amount" TASK "/cpu");
    case!(TASK "/memory" = "2 GiB"; "error bad-amount" TASK "/memory");
    case!(TASK "/cpu" = null, TASK "/memory" = null;
        "error missing-required" TASK "", "error missing-required" TASK "");
    case!(TASK "/networkMode" = "bridge", SERVICE "/networkConfiguration" = null, GROUP "/targetType" = "instance";
        "error fargate" TASK "/networkMode");
    case!(TASK "/networkMode" = null; "error missing-required" TASK "");
    case!(TASK "/executionRoleArn" = null;
        "error no-execution-role" API "/logConfiguration", "error no-execution-role" API "/secrets");
    case!(TASK "/executionRoleArn" = null, API "/logConfiguration" = null, API "/secrets" = [],
        API "/image" = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:1",
        API "/repositoryCredentials" = {"credentialsParameter": "arn:x"};
        "error no-execution-role" API "/image", "error no-execution-role" API "/repositoryCredentials");
    case!(TASK "/ephemeralStorage" = {"sizeInGiB": 20}; "error limit" TASK "/ephemeralStorage/sizeInGiB");
    case!(TASK "/ephemeralStorage" = {"sizeInGiB": 201}, TASK "/requiresCompatibilities" = ["EC2"],
        SERVICE "/launchType" = "EC2"; "error limit" TASK "/ephemeralStorage/sizeInGiB");
    case!(TASK "/pidMode" = "host", TASK "/ipcMode" = "task";
        "warning fargate" TASK "/ipcMode", "warning fargate" TASK "/pidMode");
    case!(TASK "/placementConstraints" = [{"type": "memberOf", "expression": "x"}];
        "warning fargate" TASK "/placementConstraints");
    case!(TASK "/volumes/0/host" = {"sourcePath": "/x"}; "warning fargate" TASK "/volumes/0/host/sourcePath");
    case!(TASK "/volumes/0/dockerVolumeConfiguration" = {"driver": "x"};
        "warning fargate" TASK "/volumes/0/dockerVolumeConfiguration");
    case!(API "/privileged" = true; "warning fargate" API "/privileged");
    case!(API "/logConfiguration/logDriver" = "syslog"; "warning fargate" API "/logConfiguration/logDriver");
}

#[test]
fn services() {
    case!(SERVICE "/launchType" = "EC2"; "warning conflict" SERVICE "/launchType");
    case!(SERVICE "/capacityProviderStrategy" = [{"capacityProvider": "FARGATE", "base": 1},
            {"capacityProvider": "FARGATE_SPOT", "base": 1}];
        "warning conflict" SERVICE "/capacityProviderStrategy", "error conflict" SERVICE "/launchType");
    case!(SERVICE "/placementStrategy" = [{"type": "random"}]; "error fargate" SERVICE "/placementStrategy");
    case!(SERVICE "/launchType" = null, SERVICE "/capacityProviderStrategy" = [{"capacityProvider": "FARGATE"}],
        SERVICE "/placementConstraints" = [{"type": "distinctInstance"}];
        "warning fargate" SERVICE "/placementConstraints");
    case!(SERVICE "/networkConfiguration" = null; "error missing-required" SERVICE "");
    case!(ROOT "/services/agent/service/networkConfiguration" = {"awsvpcConfiguration": {"subnets": ["s"]}};
        "error conflict" ROOT "/services/agent/service/networkConfiguration");
    case!(SERVICE "/networkConfiguration/awsvpcConfiguration/securityGroups" = ["1", "2", "3", "4", "5", "6"];
        "error limit" SERVICE "/networkConfiguration/awsvpcConfiguration/securityGroups");
    case!(SERVICE "/deploymentConfiguration" = {"minimumHealthyPercent": 100, "maximumPercent": 100};
        "error blocked-deployment" SERVICE "/deploymentConfiguration");
    case!(SERVICE "/desiredCount" = (-1); "error limit" SERVICE "/desiredCount", "warning bounds" SERVICE "/desiredCount");
    case!(SERVICE "/deploymentConfiguration" = {"minimumHealthyPercent": 150};
        "error limit" SERVICE "/deploymentConfiguration/minimumHealthyPercent");
    case!(SERVICE "/deploymentConfiguration" = {"maximumPercent": 50};
        "error limit" SERVICE "/deploymentConfiguration/maximumPercent");
    case!(SERVICE "/deploymentConfiguration" = {"maximumPercent": 100, "minimumHealthyPercent": 50},
        SERVICE "/availabilityZoneRebalancing" = "ENABLED";
        "error conflict" SERVICE "/deploymentConfiguration/maximumPercent");
    case!(SERVICE "/deploymentConfiguration" = {"canaryConfiguration": {}};
        "warning conflict" SERVICE "/deploymentConfiguration/canaryConfiguration");
    case!(SERVICE "/deploymentConfiguration" = {"strategy": "BLUE_GREEN"};
        "warning missing-required" SERVICE "/loadBalancers/0");
    case!(SERVICE "/deploymentController" = {"type": "CODE_DEPLOY"};
        "warning not-managed" SERVICE "/deploymentController/type");
    case!(SERVICE "/loadBalancers" = [], SERVICE "/healthCheckGracePeriodSeconds" = 60;
        "warning no-load-balancer" SERVICE "/healthCheckGracePeriodSeconds");
    case!(SERVICE "/enableExecuteCommand" = true; "warning no-task-role" SERVICE "/enableExecuteCommand");
    case!(SERVICE "/schedulingStrategy" = "DAEMON", ROOT "/services/api/scaling" = null;
        "warning dropped" SERVICE "/desiredCount", "error conflict" SERVICE "/schedulingStrategy");
    case!(ROOT "/services/agent/service/availabilityZoneRebalancing" = "ENABLED";
        "error conflict" ROOT "/services/agent/service/availabilityZoneRebalancing");
    case!(ROOT "/services/agent/scaling" = {"minCapacity": 1, "maxCapacity": 2};
        "error conflict" ROOT "/services/agent/scaling");
    case!(SERVICE "/loadBalancers/0/containerName" = "web";
        "error no-such-container" SERVICE "/loadBalancers/0/containerName");
    case!(SERVICE "/loadBalancers/0/containerPort" = 9000;
        "error no-such-port" SERVICE "/loadBalancers/0/containerPort");
    case!(API "/portMappings" = [{"containerPortRange": "7000-8000"}];);
    case!(API "/portMappings" = [{"containerPortRange": "7000-7999"}];
        "error no-such-port" SERVICE "/loadBalancers/0/containerPort");
    case!(SERVICE "/loadBalancers/0/loadBalancerName" = "x"; "error conflict" SERVICE "/loadBalancers/0/loadBalancerName");
    case!(SERVICE "/loadBalancers/0/targetGroupArn" = null; "warning missing-required" SERVICE "/loadBalancers/0");
    case!(GROUP "/targetType" = "instance"; "error target-type" SERVICE "/loadBalancers/0/targetGroupArn");
    case!(SERVICE "/serviceRegistries" = [{"registryArn": "x", "containerName": "web"}];
        "error no-such-container" SERVICE "/serviceRegistries/0/containerName");
    case!(SERVICE "/serviceConnectConfiguration" = {"enabled": true, "services": [{"portName": "grpc"}]};
        "error no-such-port" SERVICE "/serviceConnectConfiguration/services/0/portName");
    case!(SERVICE "/volumeConfigurations" = [{"name": "data", "managedEBSVolume": {"roleArn": "x"}}];
        "error no-such-volume" SERVICE "/volumeConfigurations/0/name");
    case!(TASK "/volumes/0/configuredAtLaunch" = true;
        "error missing-required" SERVICE "/volumeConfigurations");
}

#[test]
fn references_and_order() {
    case!(SERVICE "/loadBalancers/0/targetGroupArn" = "${targetGroup:web}";
        "error dangling-reference" SERVICE "/loadBalancers/0/targetGroupArn");
    case!(RULE "/listenerArn" = "${listener:web/https}"; "error dangling-reference" RULE "/listenerArn");
    case!(RULE "/listenerArn" = "${listener:web}"; "error bad-reference" RULE "/listenerArn");
    case!(LISTENER "/defaultActions" = [{"type": "forward", "targetGroupArn": "${targetGroup:old}"}];
        "error dangling-reference" LISTENER "/defaultActions/0/targetGroupArn");
    case!(ROOT "/services/api/dependsOn" = ["db"]; "error dangling-reference" ROOT "/services/api/dependsOn/0");
    case!(ROOT "/services/api/dependsOn" = ["agent"], ROOT "/services/agent/dependsOn" = ["api"];
        "error cycle" ROOT "/services/agent/dependsOn", "error cycle" ROOT "/services/api/dependsOn");
    case!(ROOT "/services/api/dependsOn" = ["agent"];);
}

#[test]
fn target_groups() {
    case!(LISTENER "/defaultActions/0/fixedResponseConfig/statusCode" = "302";
        "error bad-status" LISTENER "/defaultActions/0/fixedResponseConfig/statusCode");
    case!(LISTENER "/defaultActions" = [{"type": "redirect", "redirectConfig":
        {"statusCode": "HTTP_301", "protocol": "https"}}];
        "error bad-redirect" LISTENER "/defaultActions/0/redirectConfig/protocol");
    case!(GROUP "/vpcId" = null, GROUP "/port" = null;
        "error missing-required" GROUP "", "error missing-required" GROUP "");
    case!(ROOT "/targetGroups" = {"fn": {"targetType": "lambda", "port": 80}};
        "error conflict" ROOT "/targetGroups/fn/port");
    case!(GROUP "/healthCheckTimeoutSeconds" = 30; "error timeout" GROUP "/healthCheckTimeoutSeconds");
    case!(GROUP "/healthCheckTimeoutSeconds" = 29;);
    case!(GROUP "/protocol" = "TCP", GROUP "/protocolVersion" = "HTTP2", GROUP "/matcher" = {"httpCode": "200"};
        "error conflict" GROUP "/matcher", "error conflict" GROUP "/protocolVersion");
    case!(GROUP "/protocol" = "TCP", GROUP "/healthCheckTimeoutSeconds" = 30;);
    case!(GROUP "/healthCheckProtocol" = "TCP"; "error conflict" GROUP "/healthCheckProtocol");
    case!(GROUP "/protocol" = "UDP", GROUP "/healthCheckProtocol" = "UDP";
        "error conflict" GROUP "/healthCheckProtocol");
    case!(GROUP "/attributes" = {"slow_start.duration_seconds": "30", "stickiness.enable": "true",
                                 "preserve_client_ip.enabled": "true"};
        "error conflict" GROUP "/attributes/preserve_client_ip.enabled",
        "warning unknown-attribute" GROUP "/attributes/stickiness.enable");
    case!(GROUP "/protocol" = "TCP", GROUP "/attributes" = {"preserve_client_ip.enabled": "true"};);
    case!(GROUP "/protocol" = "GENEVE", GROUP "/port" = 6081, GROUP "/attributes" =
        {"target_failover.on_deregistration": "rebalance", "target_failover.on_unhealthy": "no_rebalance"};
        "error conflict" GROUP "/attributes/target_failover.on_unhealthy");
    case!(ROOT "/targetGroups" = {"a": {"targetType": "alb", "protocol": "UDP", "port": 80, "vpcId": "v"}};
        "error conflict" ROOT "/targetGroups/a/protocol");
}

#[test]
fn load_balancers_listeners_and_rules() {
    case!(ROOT "/loadBalancers/web/subnets" = null; "error missing-required" ROOT "/loadBalancers/web");
    case!(LISTENER "/port" = null; "error missing-required" LISTENER "");
    case!(LISTENER "/protocol" = "TCP"; "error conflict" LISTENER "/protocol");
    case!(LISTENER "/protocol" = "HTTPS"; "error missing-required" LISTENER "");
    case!(LISTENER "/certificates" = [{"certificateArn": "x"}], LISTENER "/sslPolicy" = "p";
        "error conflict" LISTENER "/certificates", "error conflict" LISTENER "/sslPolicy");
    case!(ROOT "/loadBalancers/web/listeners/two" =
        {"port": 80, "protocol": "HTTP", "defaultActions": [{"type": "redirect"}]};
        "error missing-required" ROOT "/loadBalancers/web/listeners/two/defaultActions/0",
        "error duplicate-port" ROOT "/loadBalancers/web/listeners/two/port");
    case!(LISTENER "/rules" = {"same": {"priority": 10, "conditions": [{"field": "host-header", "values": ["x"]}],
            "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:api}"}]}};
        "error duplicate-priority" RULE "/priority");
    case!(RULE "/conditions" = []; "error missing-required" RULE "/conditions");
    case!(RULE "/conditions/0" = {"values": ["x"]}; "error missing-required" RULE "/conditions/0");
    case!(RULE "/conditions/0/pathPatternConfig/values" = ["1", "2", "3", "4", "5", "6"];
        "error limit" RULE "/conditions");
    case!(RULE "/conditions/0/field" = "host-header"; "error conflict" RULE "/conditions/0/pathPatternConfig");
    case!(RULE "/conditions/0/sourceIpConfig" = {"values": ["1.1.1.1/32"]}; "error conflict" RULE "/conditions/0");
    case!(RULE "/actions/0" = {"type": "authenticate-oidc"};
        "error actions" RULE "/actions", "error missing-required" RULE "/actions/0");
    case!(RULE "/actions/0/redirectConfig" = {"statusCode": "HTTP_301"};
        "error conflict" RULE "/actions/0/redirectConfig");
    case!(RULE "/actions/0/targetGroupArn" = null; "error missing-required" RULE "/actions/0");
    case!(RULE "/actions/0/forwardConfig" = {"targetGroups": [{"targetGroupArn": "a", "weight": 1000},
            {"targetGroupArn": "b"}]};
        "error limit" RULE "/actions/0/forwardConfig/targetGroups/0/weight",
        "error conflict" RULE "/actions/0/targetGroupArn");
    case!(RULE "/priority" = null; "error missing-required" RULE "");
    case!(RULE "/priority" = {"from": 10, "to": 19};);
    case!(RULE "/priority" = {"from": 19, "to": 10}; "error limit" RULE "/priority");
    case!(RULE "/priority" = {"from": 10, "to": 50001}; "error limit" RULE "/priority/to");
    case!(RULE "/priority" = {"from": 10}; "error missing-required" RULE "/priority");
    case!(RULE "/priority" = [10, 19]; "error wrong-type" RULE "/priority");
}

#[test]
fn scaling() {
    const POLICY: &str = "/services/api/scaling/policies/cpu";
    const TRACKING: &str = "/services/api/scaling/policies/cpu/targetTrackingScalingPolicyConfiguration";
    const NIGHT: &str = "/services/api/scaling/scheduledActions/night";
    case!(SCALING "/scheduledActions/a:b" = {"schedule": "rate(1 day)", "scalableTargetAction": {"minCapacity": 1}};
        "error bad-name" SCALING "/scheduledActions/a:b");
    case!(SCALING "/minCapacity" = 5, SCALING "/scheduledActions" = null; "error bounds" SCALING "/minCapacity");
    case!(SCALING "/maxCapacity" = null; "error missing-required" SCALING "");
    case!(SCALING "/minCapacity" = (-1); "error limit" SCALING "/minCapacity");
    case!(SERVICE "/desiredCount" = 9; "warning bounds" SERVICE "/desiredCount");
    case!(POLICY "/policyType" = null; "error missing-required" POLICY "");
    case!(POLICY "/policyType" = "StepScaling";
        "error missing-required" POLICY "", "error conflict" POLICY "/targetTrackingScalingPolicyConfiguration");
    case!(TRACKING "/predefinedMetricSpecification" = null; "error missing-required" TRACKING "");
    case!(TRACKING "/customizedMetricSpecification" = {"metricName": "x", "namespace": "y", "statistic": "Sum"};
        "error conflict" TRACKING "/customizedMetricSpecification");
    case!(TRACKING "/predefinedMetricSpecification/predefinedMetricType" = "ALBRequestCountPerTarget";
        "error missing-required" TRACKING "/predefinedMetricSpecification");
    case!(TRACKING "/predefinedMetricSpecification/predefinedMetricType" = "RDSReaderAverageCPUUtilization";
        "warning not-for-ecs" TRACKING "/predefinedMetricSpecification/predefinedMetricType");
    case!(TRACKING "/targetValue" = null; "error missing-required" TRACKING "");
    let steps = |adjustments: Value| {
        json!({"policyType": "StepScaling", "stepScalingPolicyConfiguration":
            {"adjustmentType": "ChangeInCapacity", "stepAdjustments": adjustments}})
    };
    let step = |lower: Value, upper: Value| json!({"metricIntervalLowerBound": lower, "metricIntervalUpperBound": upper, "scalingAdjustment": 1});
    let at = |path: &str| format!("{POLICY}/stepScalingPolicyConfiguration{path}");
    let told = |adjustments: Value, expected: &[String]| {
        case(&[(POLICY.to_owned(), steps(adjustments))], expected);
    };
    told(json!([step(json!(0), json!(10)), step(json!(10), Value::Null)]), &[]);
    told(json!([]), &[format!("error missing-required {}", at(""))]);
    told(
        json!([step(json!(0), json!(10)), step(json!(5), Value::Null)]),
        &[format!("error bounds {}", at("/stepAdjustments/1"))],
    );
    told(
        json!([step(json!(0), json!(10)), step(json!(20), Value::Null)]),
        &[format!("error bounds {}", at("/stepAdjustments/1"))],
    );
    told(json!([step(json!(5), json!(5))]), &[format!("error bounds {}", at("/stepAdjustments/0"))]);
    case!(NIGHT "/schedule" = "every night"; "error bad-schedule" NIGHT "/schedule");
    case!(NIGHT "/schedule" = null; "error missing-required" NIGHT "");
    case!(NIGHT "/scalableTargetAction" = {"minCapacity": 2, "maxCapacity": 1};
        "error bounds" NIGHT "/scalableTargetAction/minCapacity");
    case!(NIGHT "/scalableTargetAction" = {}; "error missing-required" NIGHT "");
}

#[test]
fn what_is_open_is_not_judged() {
    case!(TASK "/cpu" = "{{ cpu }}"; "warning unrendered-template" TASK "/cpu");
    case!(TASK "/networkMode" = "${MODE}"; "warning unrendered-template" TASK "/networkMode");
    case!(API "/dependsOn/0/containerName" = "<proxy>";
        "warning unrendered-template" API "/dependsOn/0/containerName");
}

#[test]
fn nothing_under_a_masked_member_is_quoted() {
    let document = with(&[
        (
            "/services/api/taskDefinition/containerDefinitions/0/environment",
            json!([
            {"name": "hunter2", "value": ["hunter2"]}, {"name": "hunter2", "value": "${listener:hunter2}"},
            {"name": "x", "value": "${targetGroup:hunter2}"}]),
        ),
        (
            "/services/api/taskDefinition/containerDefinitions/0/logConfiguration/options/mode",
            json!({"a": "hunter2"}),
        ),
        ("/services/api/taskDefinition/containerDefinitions/0/dockerLabels", json!({"a": ["hunter2"]})),
        ("/services/api/taskDefinition/containerDefinitions/0/secrets/0/valueFrom", json!(["hunter2"])),
    ]);
    let found = findings(&document);
    assert!(found.iter().filter(|d| d.is_error()).count() >= 5, "{found:#?}");
    for d in found {
        assert!(
            !d.message.contains("hunter2") && !d.hint.as_deref().unwrap_or_default().contains("hunter2"),
            "{d:?}"
        );
    }
}

/// For [`Path`], so that the checks above name real places.
#[test]
fn pointers_of_the_tests_are_paths() {
    for place in [TASK, API, AGENT, SERVICE, GROUP, RULE, SCALING, LISTENER] {
        assert!(place.parse::<Path>().is_ok() && good().pointer(place).is_some(), "{place}");
    }
}
