//! Tasks that somebody runs, and what tasks need to start.

use crate::account::{Account, service, task_definition};
use serde_json::{Value, json};

fn order(more: Value) -> Value {
    let mut input = json!({
        "cluster": "main", "taskDefinition": "app", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    });
    for (name, member) in more.as_object().unwrap() {
        input[name] = member.clone();
    }
    input
}

fn described(it: &Account, ran: &Value) -> Value {
    let tasks = json!({"cluster": "main", "tasks": [ran["taskArn"]], "include": ["TAGS"]});
    it.ecs("DescribeTasks", tasks)["tasks"][0].clone()
}

fn behaviour(word: &str) -> Value {
    let environment = json!([{"name": "SIM_BEHAVIOUR", "value": word}]);
    json!({"overrides": {"containerOverrides": [{"name": "app", "environment": environment}]}})
}

#[test]
fn a_task_runs_through_its_states_and_is_forgotten_after_an_hour() {
    let it = Account::new();
    let answer = it.ecs("RunTask", order(behaviour("exit-60")));
    assert_eq!((answer["tasks"].as_array().unwrap().len(), &answer["failures"]), (1, &json!([])));
    let ran = &answer["tasks"][0];
    assert_eq!((&ran["group"], &ran["launchType"]), (&json!("family:app"), &json!("FARGATE")));
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..150 {
        it.wait(1);
        let status = described(&it, ran)["lastStatus"].as_str().unwrap().to_owned();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
    }
    assert_eq!(seen, ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "STOPPED"]);
    let stopped = described(&it, ran);
    assert_eq!(
        (&stopped["containers"][0]["exitCode"], &stopped["stopCode"]),
        (&json!(0), &json!("EssentialContainerExited"))
    );
    it.wait(3_700);
    assert_eq!(described(&it, ran), Value::Null);
}

#[test]
fn a_task_is_listed_counted_and_stopped_by_hand() {
    let it = Account::new();
    let ran =
        it.ecs("RunTask", order(json!({"startedBy": "me", "group": "jobs", "count": 2})))["tasks"][0].clone();
    it.wait(60);
    let listed = |more: Value| {
        let mut input = json!({"cluster": "main"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it.ecs("ListTasks", input)["taskArns"].as_array().unwrap().len()
    };
    assert_eq!((listed(json!({"startedBy": "me"})), listed(json!({"startedBy": "you"}))), (2, 0));
    assert_eq!(
        it.ecs("DescribeClusters", json!({"clusters": ["main"]}))["clusters"][0]["runningTasksCount"],
        2
    );
    assert_eq!(it.refused("DeleteCluster", json!({"cluster": "main"})).code, "ClusterContainsTasksException");
    let stop = json!({"cluster": "main", "task": ran["taskArn"], "reason": "enough"});
    assert_eq!(it.ecs("StopTask", stop)["task"]["desiredStatus"], "STOPPED");
    it.wait(30);
    let stopped = described(&it, &ran);
    assert_eq!(
        (&stopped["stopCode"], &stopped["stoppedReason"]),
        (&json!("UserInitiated"), &json!("enough"))
    );
    assert_eq!((listed(json!({})), listed(json!({"desiredStatus": "STOPPED"}))), (1, 1));
}

#[test]
fn what_cannot_be_placed_is_a_failure_and_what_is_wrong_an_error() {
    let it = Account::new();
    let full = it.ecs("RunTask", order(behaviour("no-capacity")));
    assert_eq!((&full["tasks"], full["failures"].as_array().unwrap().len()), (&json!([]), 1));
    for (more, says) in [
        (json!({"count": 11}), "Count must be between 1 and 10"),
        (json!({"taskDefinition": "none"}), "TaskDefinition not found"),
        (json!({"overrides": {"containerOverrides": [{"name": "x"}]}}), "Override for container named x"),
        (json!({"group": "service:app"}), "Task group may not start with"),
        (json!({"networkConfiguration": null}), "Network Configuration must be provided"),
        (json!({"tags": [{"key": "aws:x", "value": ""}]}), "aws: prefixed tag key names"),
    ] {
        let refused = it.refused("RunTask", order(more));
        assert!(refused.message.starts_with(says), "{}", refused.message);
    }
}

#[test]
fn the_same_token_runs_a_task_once() {
    let it = Account::new();
    let run = || it.ecs("RunTask", order(json!({"clientToken": "t"})))["tasks"][0]["taskArn"].clone();
    assert_eq!(run(), run());
    let without = || it.ecs("RunTask", order(json!({})))["tasks"][0]["taskArn"].clone();
    assert_ne!(without(), without());
}

/// "Fargate task launches": a hundred at once, then twenty a second.
#[test]
fn launches_run_out_and_come_back() {
    let it = Account::new();
    let ten = || it.sim.call("tests", "ecs", "RunTask", order(json!({"count": 10}))).is_ok();
    assert_eq!((0..12).filter(|_| ten()).count(), 10);
    it.wait(1);
    assert_eq!((0..12).filter(|_| ten()).count(), 2);
    let mut large = service("large", "app");
    large["desiredCount"] = json!(900);
    it.wait(60);
    it.ecs("CreateService", large);
    let pending = || it.described("large")["pendingCount"].as_i64().unwrap();
    it.wait(2);
    assert!((100..=140).contains(&pending()), "{}", pending());
    it.wait(10);
    assert!((300..=340).contains(&pending()), "{}", pending());
    // And no service starts more than five hundred in a minute.
    let started = || {
        it.described("large")["pendingCount"].as_i64().unwrap()
            + it.described("large")["runningCount"].as_i64().unwrap()
    };
    it.wait(40);
    assert_eq!(started(), 500);
    it.wait(60);
    assert_eq!(started(), 900);
}

#[test]
fn a_missing_secret_fails_the_task_not_the_call() {
    let it = Account::new();
    let mut input = task_definition("secret", "repo/app:v1");
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys:KEY::";
    input["containerDefinitions"][0]["secrets"] =
        json!([{"name": "KEY", "valueFrom": arn}, {"name": "P", "valueFrom": "/p"}]);
    it.ecs("RegisterTaskDefinition", input);
    it.ecs("CreateService", service("app", "secret"));
    it.wait(60);
    let reason = it.tasks("app", "STOPPED")[0]["stoppedReason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("ResourceInitializationError: unable to pull secrets"), "{reason}");
    it.sim.put_secret(arn);
    it.sim.put_secret("/p");
    it.wait(300);
    assert_eq!(it.described("app")["runningCount"], 2);
}

#[test]
fn strategies_need_providers_of_the_cluster_and_spread_tasks_over_them() {
    let it = Account::new();
    let on = |strategy: Value| {
        let mut input = service("spread", "app");
        input.as_object_mut().unwrap().remove("launchType");
        input["desiredCount"] = json!(5);
        input["capacityProviderStrategy"] = strategy;
        input
    };
    let stranger = it.refused("CreateService", on(json!([{"capacityProvider": "mine"}])));
    assert!(stranger.message.contains("not associated with the cluster"), "{}", stranger.message);
    it.ecs("CreateService", on(json!([
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 2}])));
    it.wait(120);
    let tasks = it.tasks("spread", "RUNNING");
    let spot = tasks.iter().filter(|task| task["capacityProviderName"] == "FARGATE_SPOT").count();
    assert_eq!((tasks.len(), spot), (5, 2));
    // Who names neither gets the cluster's default.
    let default = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    it.ecs("PutClusterCapacityProviders", json!({
        "cluster": "main", "capacityProviders": ["FARGATE_SPOT"], "defaultCapacityProviderStrategy": default}));
    let mut plain = service("plain", "app");
    plain.as_object_mut().unwrap().remove("launchType");
    let made = it.ecs("CreateService", plain)["service"].clone();
    assert_eq!(
        (&made["capacityProviderStrategy"][0]["capacityProvider"], made.get("launchType")),
        (&json!("FARGATE_SPOT"), None)
    );
}

#[test]
fn containers_write_where_their_logs_go() {
    let it = Account::new();
    let logs = |operation: &str, input| it.sim.call("tests", "logs", operation, input).unwrap();
    logs("CreateLogGroup", json!({"logGroupName": "/app"}));
    let mut input = task_definition("logged", "repo/app:v1");
    input["containerDefinitions"][0]["logConfiguration"] = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}});
    it.ecs("RegisterTaskDefinition", input);
    let ran = it.ecs("RunTask", order(json!({"taskDefinition": "logged"})))["tasks"][0].clone();
    it.wait(60);
    let id = ran["taskArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let of = json!({"logGroupName": "/app", "logStreamName": format!("ecs/app/{id}")});
    assert_eq!(logs("GetLogEvents", of.clone())["events"][0]["message"], "started");
    assert_eq!(
        logs("FilterLogEvents", json!({"logGroupName": "/app", "filterPattern": "start"}))["events"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let mut put = of;
    put["logEvents"] = json!([{"timestamp": 1, "message": "by hand"}]);
    logs("PutLogEvents", put);
    let streams = logs("DescribeLogStreams", json!({"logGroupName": "/app"}));
    assert_eq!(streams["logStreams"].as_array().unwrap().len(), 1);
    let error =
        it.sim.call("tests", "logs", "DescribeLogStreams", json!({"logGroupName": "/no"})).unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
}
