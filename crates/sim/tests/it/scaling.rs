//! Application Auto Scaling, ECR and logs.

use crate::account::{Account, says, service};
use serde_json::{Value, json};

const SCALING: &str = "application-autoscaling";

fn on(service: &str, more: Value) -> Value {
    let mut input = json!({"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": format!("service/main/{service}")});
    for (name, member) in more.as_object().unwrap() {
        input[name] = member.clone();
    }
    input
}

fn call(it: &Account, operation: &str, input: Value) -> Value {
    it.sim.call("tests", SCALING, operation, input).unwrap()
}

fn fails(it: &Account, service: &str, operation: &str, input: Value) -> String {
    says(&it.sim.call("tests", service, operation, input).unwrap_err())
}

fn policy() -> Value {
    json!({"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}})
}

#[test]
fn registering_brings_the_count_into_its_bounds() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    call(&it, "RegisterScalableTarget", on("app", json!({"MinCapacity": 4, "MaxCapacity": 8})));
    assert_eq!(it.described("app")["desiredCount"], 4);
    let described = call(&it, "DescribeScalableTargets", json!({"ServiceNamespace": "ecs"}));
    let target = &described["ScalableTargets"][0];
    assert_eq!(
        target["SuspendedState"],
        json!({"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false})
    );
    assert!(
        target["RoleARN"].as_str().unwrap().ends_with("AWSServiceRoleForApplicationAutoScaling_ECSService")
    );
    it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "desiredCount": 20}));
    call(&it, "RegisterScalableTarget", on("app", json!({})));
    assert_eq!(it.described("app")["desiredCount"], 8, "even when it names no bounds");
    let activities = call(&it, "DescribeScalingActivities", json!({"ServiceNamespace": "ecs"}));
    assert_eq!(activities["ScalingActivities"].as_array().unwrap().len(), 2);
    it.wait(120);
    assert_eq!(it.described("app")["runningCount"], 8);
}

#[test]
fn a_target_is_tagged_once_at_registration() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    let input = on("app", json!({"MinCapacity": 1, "MaxCapacity": 8, "Tags": {"a": "1"}}));
    let arn = call(&it, "RegisterScalableTarget", input.clone())["ScalableTargetARN"].clone();
    assert!(
        fails(&it, SCALING, "RegisterScalableTarget", input)
            .starts_with("ValidationException The scalable target that you tried to tag already exists")
    );
    call(&it, "TagResource", json!({"ResourceARN": arn, "Tags": {"b": "2"}}));
    call(&it, "UntagResource", json!({"ResourceARN": arn, "TagKeys": ["a"]}));
    assert_eq!(call(&it, "ListTagsForResource", json!({"ResourceARN": arn}))["Tags"], json!({"b": "2"}));
    assert!(
        fails(&it, SCALING, "ListTagsForResource", json!({"ResourceARN": "arn:none"}))
            .starts_with("ResourceNotFoundException")
    );
}

#[test]
fn bad_targets_are_refused() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    assert!(
        fails(
            &it,
            SCALING,
            "RegisterScalableTarget",
            on("none", json!({"MinCapacity": 1, "MaxCapacity": 2}))
        )
        .starts_with("ValidationException ECS service doesn't exist")
    );
    assert!(
        fails(&it, SCALING, "RegisterScalableTarget", on("app", json!({"MinCapacity": 1})))
            .starts_with("ValidationException")
    );
    assert!(
        fails(&it, SCALING, "RegisterScalableTarget", on("app", json!({"MinCapacity": 3, "MaxCapacity": 2})))
            .starts_with("ValidationException")
    );
    assert!(
        fails(&it, SCALING, "PutScalingPolicy", on("app", policy())).starts_with("ObjectNotFoundException")
    );
    assert!(
        fails(&it, SCALING, "DeregisterScalableTarget", on("app", json!({})))
            .starts_with("ObjectNotFoundException")
    );
}

#[test]
fn a_policy_is_put_again_under_its_arn_and_goes_with_its_target() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    call(&it, "RegisterScalableTarget", on("app", json!({"MinCapacity": 1, "MaxCapacity": 8})));
    let first = call(&it, "PutScalingPolicy", on("app", policy()));
    assert_eq!(first["Alarms"].as_array().unwrap().len(), 2);
    assert_eq!(call(&it, "PutScalingPolicy", on("app", policy())), first);
    let scheduled = json!({"ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)", "StartTime": 1.0, "ScalableTargetAction": {"MinCapacity": 0}});
    call(&it, "PutScheduledAction", on("app", scheduled));
    call(
        &it,
        "PutScheduledAction",
        on("app", json!({"ScheduledActionName": "night", "Timezone": "Europe/Berlin"})),
    );
    let actions = call(&it, "DescribeScheduledActions", json!({"ServiceNamespace": "ecs"}));
    let action = &actions["ScheduledActions"][0];
    assert_eq!((action.get("StartTime"), &action["Schedule"]), (None, &json!("cron(0 22 * * ? *)")));
    call(&it, "DeregisterScalableTarget", on("app", json!({})));
    assert_eq!(
        call(&it, "DescribeScalingPolicies", json!({"ServiceNamespace": "ecs"}))["ScalingPolicies"],
        json!([])
    );
    call(&it, "RegisterScalableTarget", on("app", json!({"MinCapacity": 1, "MaxCapacity": 8})));
    call(&it, "PutScalingPolicy", on("app", policy()));
    it.ecs("DeleteService", json!({"cluster": "main", "service": "app", "force": true}));
    assert_eq!(
        call(&it, "DescribeScalableTargets", json!({"ServiceNamespace": "ecs"}))["ScalableTargets"],
        json!([])
    );
}

#[test]
fn policies_page_by_ten() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    call(&it, "RegisterScalableTarget", on("app", json!({"MinCapacity": 1, "MaxCapacity": 8})));
    for index in 0..12 {
        let mut input = policy();
        input["PolicyName"] = json!(format!("p{index}"));
        call(&it, "PutScalingPolicy", on("app", input));
    }
    let page = call(&it, "DescribeScalingPolicies", json!({"ServiceNamespace": "ecs"}));
    assert_eq!(page["ScalingPolicies"].as_array().unwrap().len(), 10);
    let rest = call(
        &it,
        "DescribeScalingPolicies",
        json!({"ServiceNamespace": "ecs", "NextToken": page["NextToken"]}),
    );
    assert_eq!(rest["ScalingPolicies"].as_array().unwrap().len(), 2);
}

#[test]
fn repositories_and_their_images() {
    let it = Account::new();
    let ecr = |operation: &str, input: Value| it.sim.call("tests", "ecr", operation, input);
    let app = json!({"repositoryName": "team/app"});
    let made = ecr("CreateRepository", app.clone()).unwrap();
    assert_eq!(made["repository"]["repositoryUri"], "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app");
    assert_eq!(ecr("CreateRepository", app.clone()).unwrap_err().code, "RepositoryAlreadyExistsException");
    assert_eq!(it.sim.put_image("none", "v1", None), None);
    let digest = it.sim.put_image("team/app", "v1", None).unwrap();
    it.sim.put_image("team/app", "main", Some(&digest));
    let answer = ecr(
        "BatchGetImage",
        json!({"repositoryName": "team/app", "imageIds": [{"imageTag": "main"}, {"imageTag": "v9"}]}),
    )
    .unwrap();
    assert_eq!(answer["images"][0]["imageId"], json!({"imageDigest": digest, "imageTag": "main"}));
    assert_eq!(answer["failures"][0]["failureCode"], "ImageNotFound");
    let described = ecr("DescribeImages", app.clone()).unwrap();
    assert_eq!(described["imageDetails"][0]["imageTags"], json!(["main", "v1"]));
    let missing =
        ecr("DescribeImages", json!({"repositoryName": "team/app", "imageIds": [{"imageTag": "v9"}]}))
            .unwrap_err();
    assert_eq!(missing.code, "ImageNotFoundException");
    assert_eq!(ecr("GetLifecyclePolicy", app.clone()).unwrap_err().code, "LifecyclePolicyNotFoundException");
    ecr("PutLifecyclePolicy", json!({"repositoryName": "team/app", "lifecyclePolicyText": "{}"})).unwrap();
    assert_eq!(ecr("GetLifecyclePolicy", app.clone()).unwrap()["lifecyclePolicyText"], "{}");
    assert_eq!(ecr("DeleteRepository", app).unwrap_err().code, "RepositoryNotEmptyException");
    ecr("DeleteRepository", json!({"repositoryName": "team/app", "force": true})).unwrap();
}

#[test]
fn log_groups_and_their_retention() {
    let it = Account::new();
    let logs = |operation: &str, input: Value| it.sim.call("tests", "logs", operation, input);
    let group = json!({"logGroupName": "/ecs/app", "tags": {"a": "1"}});
    logs("CreateLogGroup", group.clone()).unwrap();
    assert_eq!(logs("CreateLogGroup", group).unwrap_err().code, "ResourceAlreadyExistsException");
    assert_eq!(
        logs("PutRetentionPolicy", json!({"logGroupName": "/ecs/app", "retentionInDays": 31}))
            .unwrap_err()
            .code,
        "InvalidParameterException"
    );
    logs("PutRetentionPolicy", json!({"logGroupName": "/ecs/app", "retentionInDays": 30})).unwrap();
    let described = logs("DescribeLogGroups", json!({"logGroupNamePrefix": "/ecs/"})).unwrap();
    assert_eq!(described["logGroups"][0]["retentionInDays"], 30);
    let arn = described["logGroups"][0]["arn"].clone();
    assert_eq!(logs("ListTagsForResource", json!({"resourceArn": arn})).unwrap()["tags"], json!({"a": "1"}));
    logs("DeleteLogGroup", json!({"logGroupName": "/ecs/app"})).unwrap();
    assert_eq!(
        logs("DeleteLogGroup", json!({"logGroupName": "/ecs/app"})).unwrap_err().code,
        "ResourceNotFoundException"
    );
}
