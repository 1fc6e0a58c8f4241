//! What ECS refuses, fills in, reorders and pages.

use crate::account::{Account, says, service, task_definition};
use serde_json::{Value, json};

#[test]
fn aws_fills_in_a_service() {
    let it = Account::new();
    let created = it.ecs("CreateService", service("plain", "app"))["service"].clone();
    for (name, filled) in [
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({"type": "ECS"})),
        ("platformVersion", json!("LATEST")),
        ("healthCheckGracePeriodSeconds", json!(0)),
        ("enableExecuteCommand", json!(false)),
        ("enableECSManagedTags", json!(false)),
        ("propagateTags", json!("NONE")),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("availabilityZoneRebalancing", json!("ENABLED")),
        (
            "roleArn",
            json!("arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"),
        ),
        ("taskDefinition", json!("arn:aws:ecs:us-east-1:123456789012:task-definition/app:1")),
        (
            "deploymentConfiguration",
            json!({
                "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0,
                "deploymentCircuitBreaker": {"enable": false, "rollback": false, "resetOnHealthyTask": true,
                    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}},
            }),
        ),
    ] {
        assert_eq!(created[name], filled, "{name}");
    }
    let network = &created["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!((&network["assignPublicIp"], &network["securityGroups"]), (&json!("DISABLED"), &json!([])));
}

#[test]
fn aws_fills_in_and_reorders_a_task_definition() {
    let it = Account::new();
    let mut input = task_definition("full", "repo/app:v1");
    input["containerDefinitions"][0]["healthCheck"] = json!({"command": ["CMD", "true"]});
    let definition = it.ecs("RegisterTaskDefinition", input.clone())["taskDefinition"].clone();
    assert_eq!((&definition["memory"], &definition["revision"]), (&json!("1024"), &json!(1)));
    let container = &definition["containerDefinitions"][0];
    assert_eq!(
        container["portMappings"],
        json!([{"containerPort": 8000, "hostPort": 8000, "protocol": "tcp"}])
    );
    assert_eq!(
        container["healthCheck"],
        json!({"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3})
    );
    assert_eq!(
        (&container["cpu"], &container["essential"], &container["mountPoints"]),
        (&json!(0), &json!(true), &json!([]))
    );
    let (sent, kept) = (&input["containerDefinitions"][0]["environment"], &container["environment"]);
    let sorted = |it: &Value| {
        let mut all: Vec<String> = it.as_array().unwrap().iter().map(Value::to_string).collect();
        all.sort();
        all
    };
    assert_ne!(sent, kept, "the order is not kept");
    assert_eq!(sorted(sent), sorted(kept));
    assert_eq!(definition["compatibilities"], json!(["EC2", "FARGATE"]));
}

#[test]
fn creation_is_not_idempotent_but_for_its_token() {
    let it = Account::new();
    let mut input = service("once", "app");
    input["clientToken"] = json!("token-1");
    let first = it.ecs("CreateService", input.clone());
    assert_eq!(
        it.ecs("CreateService", input.clone())["service"]["deployments"],
        first["service"]["deployments"]
    );
    input["clientToken"] = json!("token-2");
    assert_eq!(
        says(&it.refused("CreateService", input)),
        "InvalidParameterException Creation of service was not idempotent."
    );
}

#[test]
fn aws_refuses_bad_services() {
    let it = Account::new();
    let bridge =
        json!({"family": "bridge", "containerDefinitions": [{"name": "app", "image": "x", "memory": 128}]});
    it.ecs("RegisterTaskDefinition", bridge);
    it.ecs("DeregisterTaskDefinition", {
        it.ecs("RegisterTaskDefinition", task_definition("old", "x"));
        json!({"taskDefinition": "old:1"})
    });
    // Until that is noticed, the revision can be used.
    it.ecs("CreateService", service("early", "old:1"));
    it.wait(600);
    let spare = it.elb(
        "CreateTargetGroup",
        json!({"Name": "spare", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip"}),
    );
    let spare = spare["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap().to_owned();
    let unused =
        format!("The target group with targetGroupArn {spare} does not have an associated load balancer.");
    let balancer = |group: &str, name: &str, port: i64| json!({"loadBalancers": [{"targetGroupArn": group, "containerName": name, "containerPort": port}]});
    for (change, expected) in [
        (json!({"serviceName": "bad name"}), "Identifiers must contain only"),
        (json!({"cluster": "none"}), "Cluster not found."),
        (json!({"taskDefinition": "none"}), "TaskDefinition not found."),
        (json!({"taskDefinition": "old:1"}), "TaskDefinition is inactive"),
        (
            json!({"deploymentConfiguration": {"minimumHealthyPercent": 101}}),
            "minimumHealthyPercent must be at most 100",
        ),
        (json!({"deploymentConfiguration": {"maximumPercent": 99}}), "maximumPercent must be at least 100"),
        (
            json!({"deploymentConfiguration": {"maximumPercent": 100}}),
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments",
        ),
        (
            json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
            "Specifying both a launch type and capacity provider strategy is not supported",
        ),
        (
            json!({"networkConfiguration": null}),
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ),
        (
            json!({"taskDefinition": "bridge", "launchType": "EC2"}),
            "Network Configuration is not valid for the given networkMode of this task definition.",
        ),
        (
            json!({"healthCheckGracePeriodSeconds": 60}),
            "Health check grace period is only valid for services configured to use load balancers",
        ),
        (balancer(&it.group, "web", 8000), "The container web does not exist in the task definition."),
        (balancer(&it.group, "app", 80), "The container app did not have a container port 80 defined."),
        (balancer(&spare, "app", 8000), &unused),
        (
            json!({"tags": [{"key": "aws:x", "value": "1"}]}),
            "aws: prefixed tag key names are not allowed for external use.",
        ),
        (
            json!({"schedulingStrategy": "DAEMON"}),
            "The daemon scheduling strategy does not support a desired count for services.",
        ),
        (
            json!({"deploymentConfiguration": "nonsense", "desiredCount": -1}),
            "desiredCount cannot be negative.",
        ),
    ] {
        let mut input = service("new", "app");
        for (name, member) in change.as_object().unwrap() {
            input[name] = member.clone();
        }
        let refused = it.refused("CreateService", input);
        assert!(refused.message.starts_with(expected), "{change}: {}", refused.message);
    }
}

#[test]
fn a_changed_capacity_provider_strategy_needs_force() {
    let it = Account::new();
    it.ecs("CreateService", service("spot", "app"));
    let mut input = json!({"cluster": "main", "service": "spot", "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]});
    assert!(
        it.refused("UpdateService", input.clone()).message.starts_with("When switching from launch type")
    );
    input["forceNewDeployment"] = json!(true);
    let updated = it.ecs("UpdateService", input)["service"].clone();
    assert_eq!(
        updated["capacityProviderStrategy"],
        json!([{"capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 0}])
    );
    assert_eq!(updated.get("launchType"), None);
}

#[test]
fn aws_refuses_bad_task_definitions() {
    let it = Account::new();
    for (change, expected) in [
        (json!({"family": "bad family"}), "Family contains invalid characters"),
        (json!({"cpu": null}), "Fargate requires that 'cpu' be defined at the task level."),
        (json!({"cpu": "300"}), "No Fargate configuration exists for given values."),
        (json!({"cpu": "two"}), "Invalid 'cpu' setting for task."),
        (json!({"cpu": "8 vCPU", "memory": "17 GB"}), "No Fargate configuration exists for given values."),
        (json!({"networkMode": "bridge"}), "Fargate only supports network mode 'awsvpc'."),
        (json!({"ephemeralStorage": {"sizeInGiB": 20}}), "EphemeralStorage size must be"),
        (json!({"containerDefinitions": []}), "Container list cannot be empty."),
        (
            json!({"containerDefinitions": [{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]}),
            "Container names must be unique",
        ),
        (
            json!({"containerDefinitions": [{"name": "a", "image": "x", "essential": false}]}),
            "At least one container must be essential.",
        ),
        (
            json!({"containerDefinitions": [{"name": "a", "image": "x", "memory": 4096}]}),
            "Invalid setting for container. Container memory can not be greater",
        ),
        (
            json!({"executionRoleArn": null, "containerDefinitions": [{"name": "a", "image": "x", "secrets": [{"name": "S", "valueFrom": "s"}]}]}),
            "When you are specifying container secrets",
        ),
        (
            json!({"containerDefinitions": [{"name": "a", "image": "x", "dependsOn": [{"containerName": "a", "condition": "HEALTHY"}]}]}),
            "A container must have a health check",
        ),
    ] {
        let mut input = task_definition("new", "x");
        for (name, member) in change.as_object().unwrap() {
            input[name] = member.clone();
        }
        let refused = it.refused("RegisterTaskDefinition", input);
        assert_eq!(refused.code, "ClientException");
        assert!(refused.message.starts_with(expected), "{change}: {}", refused.message);
    }
}

#[test]
fn every_fargate_size_is_accepted() {
    let it = Account::new();
    let mut accepted = 0;
    for cpu in [256, 512, 1024, 2048, 4096, 8192, 16384] {
        for memory in (512..=122_880).step_by(512) {
            let mut input = task_definition("size", "x");
            input["cpu"] = json!(cpu.to_string());
            input["memory"] = json!(memory.to_string());
            accepted += usize::from(it.sim.call("tests", "ecs", "RegisterTaskDefinition", input).is_ok());
        }
    }
    assert_eq!(accepted, 74);
}

#[test]
fn revisions_are_numbered_once_and_for_all() {
    let it = Account::new();
    it.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "app:1"}));
    assert_eq!(
        it.refused("DescribeTaskDefinition", json!({"taskDefinition": "app"})).message,
        "Unable to describe task definition."
    );
    let deleted = it.ecs("DeleteTaskDefinitions", json!({"taskDefinitions": ["app:1", "app:9"]}));
    assert_eq!(deleted["taskDefinitions"][0]["status"], "DELETE_IN_PROGRESS");
    assert_eq!(deleted["failures"].as_array().unwrap().len(), 1);
    let next = it.ecs("RegisterTaskDefinition", task_definition("app", "x"));
    assert_eq!(next["taskDefinition"]["revision"], 2);
    it.ecs("RegisterTaskDefinition", task_definition("app", "x"));
    let listed =
        it.ecs("ListTaskDefinitions", json!({"familyPrefix": "app", "sort": "DESC", "maxResults": 1}));
    assert!(listed["taskDefinitionArns"][0].as_str().unwrap().ends_with("app:3"));
    let rest = it.ecs(
        "ListTaskDefinitions",
        json!({"familyPrefix": "app", "sort": "DESC", "nextToken": listed["nextToken"]}),
    );
    assert!(rest["taskDefinitionArns"][0].as_str().unwrap().ends_with("app:2"));
    assert_eq!(rest.get("nextToken"), None);
}

#[test]
fn services_page_by_ten_and_are_described_by_ten() {
    let it = Account::new();
    let names: Vec<String> = (0..25).map(|index| format!("s{index:02}")).collect();
    for name in &names {
        it.ecs("CreateService", service(name, "app"));
    }
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let page = it.ecs("ListServices", json!({"cluster": "main", "nextToken": token}));
        let arns = page["serviceArns"].as_array().unwrap();
        assert!(arns.len() <= 10);
        seen.extend(arns.iter().map(|it| it.as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
        // What goes away between two pages does not shift the next one.
        it.ecs("DeleteService", json!({"cluster": "main", "service": seen[0], "force": true}));
    }
    assert_eq!(seen, names);
    assert_eq!(
        it.refused("ListServices", json!({"cluster": "main", "maxResults": 101})).code,
        "InvalidParameterException"
    );
    assert_eq!(
        it.refused("DescribeServices", json!({"cluster": "main", "services": names[..11]})).code,
        "InvalidParameterException"
    );
    let missing = it.ecs("DescribeServices", json!({"cluster": "main", "services": ["nobody"]}));
    assert_eq!(
        missing["failures"],
        json!([{"arn": "arn:aws:ecs:us-east-1:123456789012:service/main/nobody", "reason": "MISSING"}])
    );
}

#[test]
fn tags_are_their_own_resource() {
    let it = Account::new();
    let mut input = service("tagged", "app");
    input["tags"] = json!([{"key": "a", "value": "1"}]);
    input["propagateTags"] = json!("SERVICE");
    let arn = it.ecs("CreateService", input)["service"]["serviceArn"].clone();
    it.ecs("TagResource", json!({"resourceArn": arn, "tags": [{"key": "b", "value": "2"}]}));
    it.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["a"]}));
    assert_eq!(it.described("tagged")["tags"], json!([{"key": "b", "value": "2"}]));
    let untagged = it.ecs("DescribeServices", json!({"cluster": "main", "services": ["tagged"]}));
    assert_eq!(untagged["services"][0].get("tags"), None, "only where they are asked for");
    it.wait(5);
    let task = it.tasks("tagged", "RUNNING")[0]["taskArn"].clone();
    assert_eq!(
        it.ecs("ListTagsForResource", json!({"resourceArn": task}))["tags"],
        json!([{"key": "b", "value": "2"}])
    );
    let many: Vec<Value> = (0..51).map(|index| json!({"key": index.to_string(), "value": ""})).collect();
    it.refused("TagResource", json!({"resourceArn": arn, "tags": many}));
    it.refused(
        "TagResource",
        json!({"resourceArn": "arn:aws:ecs:us-east-1:123456789012:service/main/none", "tags": []}),
    );
}

#[test]
fn a_revision_keeps_what_a_rollback_restores() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    let revision = it.described("app")["currentServiceRevisions"][0]["arn"].clone();
    let described = it.ecs("DescribeServiceRevisions", json!({"serviceRevisionArns": [revision]}));
    let described = &described["serviceRevisions"][0];
    assert_eq!(described["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"], json!(it.group));
    assert!(described["containerImages"][0]["imageDigest"].as_str().unwrap().starts_with("sha256:"));
}
