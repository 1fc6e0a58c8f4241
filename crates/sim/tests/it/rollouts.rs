//! The scheduler: starting, rolling, failing, going back, deleting.

use crate::account::{Account, service, task_definition};
use serde_json::{Value, json};

/// Status and rollout state of each deployment, newest first.
fn deployments(service: &Value) -> Vec<String> {
    let all = service["deployments"].as_array().unwrap();
    all.iter()
        .map(|it| {
            format!(
                "{} {} {}/{}",
                it["status"].as_str().unwrap(),
                it["rolloutState"].as_str().unwrap(),
                it["runningCount"],
                it["desiredCount"]
            )
        })
        .collect()
}

fn says(service: &Value, what: &str) -> bool {
    service["events"].as_array().unwrap().iter().any(|it| it["message"].as_str().unwrap().contains(what))
}

#[test]
fn a_service_starts_and_becomes_steady() {
    let it = Account::new();
    let created = it.ecs("CreateService", it.balanced_service())["service"].clone();
    assert_eq!(deployments(&created), ["PRIMARY IN_PROGRESS 0/2"]);
    it.wait(3);
    assert_eq!(it.described("app")["pendingCount"], 2);
    it.wait(42);
    let running = it.described("app");
    assert_eq!((&running["runningCount"], &running["pendingCount"]), (&json!(2), &json!(0)));
    assert_eq!(deployments(&running), ["PRIMARY IN_PROGRESS 2/2"], "running is not yet healthy");
    assert!(it.health().iter().any(|state| state == "initial"));
    it.wait(30);
    let steady = it.described("app");
    assert_eq!(deployments(&steady), ["PRIMARY COMPLETED 2/2"]);
    assert_eq!(it.health(), ["healthy", "healthy"]);
    assert!(says(&steady, "(service app) has reached a steady state."));
    assert!(says(&steady, "has started 2 tasks:"));
}

#[test]
fn a_rolling_update_keeps_enough_healthy_and_drains_the_old() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    it.wait(120);
    it.ecs("RegisterTaskDefinition", task_definition("app", "repo/app:v2"));
    let updated =
        it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "taskDefinition": "app"}));
    assert_eq!(deployments(&updated["service"]), ["PRIMARY IN_PROGRESS 0/2", "ACTIVE COMPLETED 2/2"]);
    assert!(updated["service"]["taskDefinition"].as_str().unwrap().ends_with("task-definition/app:2"));
    let mut drained = false;
    for _ in 0..120 {
        it.wait(1);
        let health = it.health();
        drained |= health.iter().any(|state| state == "draining");
        assert!(health.iter().filter(|state| *state == "healthy").count() >= 2, "{health:?}");
        assert!(it.tasks("app", "RUNNING").len() <= 4);
    }
    let done = it.described("app");
    assert_eq!(deployments(&done), ["PRIMARY COMPLETED 2/2"]);
    assert!(drained && says(&done, "has begun draining connections on"));
    assert!(
        it.tasks("app", "RUNNING")
            .iter()
            .all(|task| task["taskDefinitionArn"].as_str().unwrap().ends_with(":2"))
    );
}

#[test]
fn limits_can_stop_before_they_start() {
    let it = Account::new();
    let mut input = service("tight", "app");
    input["deploymentConfiguration"] = json!({"minimumHealthyPercent": 50, "maximumPercent": 100});
    it.ecs("CreateService", input);
    it.wait(120);
    it.ecs("UpdateService", json!({"cluster": "main", "service": "tight", "forceNewDeployment": true}));
    let mut fewest = 2;
    for _ in 0..300 {
        it.wait(1);
        let tasks = it.tasks("tight", "RUNNING");
        assert!(tasks.len() <= 2, "the upper limit holds");
        fewest = fewest.min(tasks.iter().filter(|task| task["lastStatus"] == "RUNNING").count());
    }
    assert_eq!(fewest, 1);
    assert_eq!(deployments(&it.described("tight")), ["PRIMARY COMPLETED 2/2"]);
}

#[test]
fn a_deployment_that_cannot_start_or_stop_anything_stays_in_progress() {
    let it = Account::new();
    let mut input = service("stuck", "app");
    input["desiredCount"] = json!(3);
    input["deploymentConfiguration"] = json!({"minimumHealthyPercent": 100, "maximumPercent": 125});
    it.ecs("CreateService", input);
    it.wait(120);
    it.ecs("UpdateService", json!({"cluster": "main", "service": "stuck", "forceNewDeployment": true}));
    it.wait(3600);
    assert_eq!(deployments(&it.described("stuck")), ["PRIMARY IN_PROGRESS 0/3", "ACTIVE COMPLETED 3/3"]);
}

#[test]
fn only_some_fields_start_a_deployment() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    it.wait(120);
    let before = it.described("app")["deployments"][0]["id"].clone();
    let update = |mut change: Value| {
        change["cluster"] = json!("main");
        change["service"] = json!("app");
        it.ecs("UpdateService", change)["service"]["deployments"][0]["id"].clone()
    };
    for quiet in [
        json!({"desiredCount": 3}),
        json!({"deploymentConfiguration": {"maximumPercent": 150}}),
        json!({"healthCheckGracePeriodSeconds": 30}),
        json!({"enableExecuteCommand": true}),
        json!({"propagateTags": "SERVICE"}),
        json!({"availabilityZoneRebalancing": "DISABLED"}),
        json!({"taskDefinition": "app:1"}),
        json!({"loadBalancers": [{"targetGroupArn": it.group, "containerName": "app", "containerPort": 8000}]}),
    ] {
        assert_eq!(update(quiet.clone()), before, "{quiet}");
    }
    let mut last = before;
    for loud in [
        json!({"forceNewDeployment": true}),
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-9"]}}}),
        json!({"platformVersion": "1.4.0"}),
        json!({"loadBalancers": []}),
    ] {
        let id = update(loud.clone());
        assert_ne!(id, last, "{loud}");
        last = id;
    }
}

#[test]
fn the_circuit_breaker_goes_back_to_the_last_completed_revision() {
    let it = Account::new();
    let mut input = it.balanced_service();
    input["deploymentConfiguration"] =
        json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    it.ecs("CreateService", input);
    it.wait(120);
    it.ecs("RegisterTaskDefinition", task_definition("app", "repo/app:pullfail"));
    let updated =
        it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "taskDefinition": "app:2"}));
    let failed = updated["service"]["deployments"][0]["id"].as_str().unwrap().to_owned();
    let mut seen = Value::Null;
    for _ in 0..200 {
        it.wait(10);
        let now = it.described("app");
        if now["deployments"][0]["id"] != json!(failed) {
            seen = now;
            break;
        }
    }
    assert!(seen["taskDefinition"].as_str().unwrap().ends_with("app:1"), "the old revision is back");
    let reason = seen["deployments"][0]["rolloutStateReason"].as_str().unwrap();
    assert!(
        reason.starts_with("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/"),
        "{reason}"
    );
    let old = seen["deployments"].as_array().unwrap().iter().find(|it| it["id"] == json!(failed));
    if let Some(old) = old {
        assert_eq!(old["rolloutState"], "FAILED");
        assert_eq!(old["rolloutStateReason"], "ECS deployment circuit breaker: tasks failed to start.");
    }
    let stopped = it.tasks("app", "STOPPED");
    assert!(
        stopped
            .iter()
            .any(|task| { task["stoppedReason"].as_str().unwrap().starts_with("CannotPullContainerError") })
    );
    it.wait(200);
    assert_eq!(deployments(&it.described("app")), ["PRIMARY COMPLETED 2/2"]);
    let listed = it.ecs("ListServiceDeployments", json!({"cluster": "main", "service": "app"}));
    assert_eq!(listed["serviceDeployments"][0]["status"], "ROLLBACK_SUCCESSFUL");
    let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
    let described = it.ecs("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]}));
    let first = listed["serviceDeployments"][1]["targetServiceRevisionArn"].clone();
    assert_eq!(described["serviceDeployments"][0]["rollback"]["serviceRevisionArn"], first);
    assert_eq!(described["serviceDeployments"][0]["deploymentCircuitBreaker"]["threshold"], 3);
}

#[test]
fn unhealthy_tasks_trip_the_breaker_and_without_a_completed_one_it_stalls() {
    let it = Account::new();
    it.ecs("RegisterTaskDefinition", task_definition("app", "repo/app:unhealthy"));
    let mut input = it.balanced_service();
    input["deploymentConfiguration"] =
        json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    input["healthCheckGracePeriodSeconds"] = json!(60);
    it.ecs("CreateService", input);
    it.wait(75);
    assert_eq!(it.health(), ["unhealthy", "unhealthy"], "the grace period still runs");
    it.wait(1800);
    let stalled = it.described("app");
    assert_eq!(deployments(&stalled), ["PRIMARY FAILED 0/2"]);
    assert!(says(&stalled, "is unhealthy in (target-group"));
    assert!(it.tasks("app", "RUNNING").is_empty(), "nothing more is started");
}

#[test]
fn without_the_breaker_attempts_go_on_more_and_more_slowly() {
    let it = Account::new();
    it.ecs("RegisterTaskDefinition", task_definition("bad", "repo/app:crash"));
    it.ecs("CreateService", service("bad", "bad"));
    it.wait(600);
    let early = it.described("bad")["deployments"][0]["failedTasks"].as_i64().unwrap();
    it.wait(7200);
    let late = it.described("bad");
    let failures = late["deployments"][0]["failedTasks"].as_i64().unwrap();
    assert!(early >= 4 && failures > early && failures < early * 5, "{early} then {failures}");
    assert_eq!(late["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert!(says(&late, "is unable to consistently start tasks successfully"));
    let stopped = &it.tasks("bad", "STOPPED")[0];
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
    assert_eq!(stopped["containers"][0]["exitCode"], 1);
}

#[test]
fn an_environment_variable_and_a_digest_choose_a_behaviour_too() {
    let it = Account::new();
    it.sim.call("tests", "ecr", "CreateRepository", json!({"repositoryName": "app"})).unwrap();
    let digest = it.sim.put_image("app", "crash", None).unwrap();
    it.sim.put_image("app", "latest", Some(&digest));
    let image = format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/app@{digest}");
    it.ecs("RegisterTaskDefinition", task_definition("pinned", &image));
    let mut by_variable = task_definition("variable", "repo/app:v1");
    by_variable["containerDefinitions"][0]["environment"] =
        json!([{"name": "SIM_BEHAVIOUR", "value": "pullfail"}]);
    it.ecs("RegisterTaskDefinition", by_variable);
    it.ecs("CreateService", service("pinned", "pinned"));
    it.ecs("CreateService", service("variable", "variable"));
    it.wait(400);
    assert_eq!(it.tasks("pinned", "STOPPED")[0]["stopCode"], "EssentialContainerExited");
    assert_eq!(it.tasks("variable", "STOPPED")[0]["stopCode"], "TaskFailedToStart");
}

#[test]
fn an_image_that_was_never_pushed_cannot_be_pulled_where_that_matters() {
    let it = Account::new();
    it.sim.control("defaults", json!({"pushedOnly": true})).unwrap();
    it.sim.call("tests", "ecr", "CreateRepository", json!({"repositoryName": "app"})).unwrap();
    let image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1";
    it.ecs("RegisterTaskDefinition", task_definition("pushed", image));
    it.ecs("CreateService", service("pushed", "pushed"));
    it.wait(400);
    let reason = it.tasks("pushed", "STOPPED")[0]["stoppedReason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("CannotPullContainerError"), "{reason}");
    it.sim.put_image("app", "v1", None);
    it.wait(900);
    assert_eq!(it.described("pushed")["runningCount"], 2);
}

#[test]
fn a_missing_log_group_fails_the_task_not_the_call() {
    let it = Account::new();
    let mut input = task_definition("logs", "repo/app:v1");
    input["containerDefinitions"][0]["logConfiguration"] = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/logs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}});
    it.ecs("RegisterTaskDefinition", input);
    it.ecs("CreateService", service("logs", "logs"));
    it.wait(60);
    assert!(
        it.tasks("logs", "STOPPED")[0]["stoppedReason"]
            .as_str()
            .unwrap()
            .starts_with("ResourceInitializationError")
    );
    it.sim.call("tests", "logs", "CreateLogGroup", json!({"logGroupName": "/ecs/logs"})).unwrap();
    it.wait(300);
    assert_eq!(it.described("logs")["runningCount"], 2);
}

#[test]
fn a_new_deployment_supersedes_the_one_in_progress() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    it.wait(10);
    it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "forceNewDeployment": true}));
    let listed = it.ecs("ListServiceDeployments", json!({"cluster": "main", "service": "app"}));
    let states: Vec<&Value> =
        listed["serviceDeployments"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(states, ["IN_PROGRESS", "STOPPED"]);
    it.wait(120);
    assert_eq!(deployments(&it.described("app")), ["PRIMARY COMPLETED 2/2"]);
}

#[test]
fn a_stopped_task_is_replaced() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    it.wait(120);
    let task = it.tasks("app", "RUNNING")[0]["taskArn"].clone();
    let stopped = it.ecs("StopTask", json!({"cluster": "main", "task": task, "reason": "looked odd"}));
    assert_eq!(stopped["task"]["stopCode"], "UserInitiated");
    it.wait(120);
    assert_eq!(it.health(), ["healthy", "healthy"]);
    assert!(it.tasks("app", "RUNNING").iter().all(|it| it["taskArn"] != task));
    let gone = it.tasks("app", "STOPPED");
    assert_eq!(gone[0]["stoppedReason"], "looked odd");
    it.wait(3700);
    assert!(it.tasks("app", "STOPPED").is_empty(), "stopped tasks are shown for an hour");
}

#[test]
fn a_deleted_service_drains_and_is_inactive_for_an_hour() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    it.wait(120);
    let name = json!({"cluster": "main", "service": "app"});
    assert_eq!(
        it.refused("DeleteService", name.clone()).message,
        "The service cannot be stopped while it is scaled above 0."
    );
    let deleted = it.ecs("DeleteService", json!({"cluster": "main", "service": "app", "force": true}));
    assert_eq!(deleted["service"]["status"], "DRAINING");
    assert_eq!(it.ecs("ListServices", json!({"cluster": "main"}))["serviceArns"], json!([]));
    assert_eq!(
        it.refused("CreateService", it.balanced_service()).message,
        "Unable to Start a service that is still Draining."
    );
    assert_eq!(it.refused("UpdateService", name.clone()).code, "ServiceNotActiveException");
    assert_eq!(
        it.refused("DeleteCluster", json!({"cluster": "main"})).code,
        "ClusterContainsServicesException"
    );
    it.wait(60);
    assert_eq!(it.described("app")["status"], "INACTIVE");
    assert!(it.health().is_empty());
    it.ecs("CreateService", it.balanced_service());
    it.wait(5);
    assert_eq!(it.described("app")["status"], "ACTIVE", "the name can be used again");
    it.ecs("DeleteService", json!({"cluster": "main", "service": "app", "force": true}));
    it.wait(2 * 3600);
    let described = it.ecs("DescribeServices", json!({"cluster": "main", "services": ["app"]}));
    assert_eq!(described["failures"][0]["reason"], "MISSING");
}

#[test]
fn the_same_seed_and_calls_give_the_same_account() {
    let run = |look: bool| {
        let it = Account::new();
        it.ecs("CreateService", it.balanced_service());
        for _ in 0..20 {
            it.wait(7);
            if look {
                it.described("app");
            }
        }
        it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "forceNewDeployment": true}));
        it.wait(300);
        it.sim
            .audit(0)
            .into_iter()
            .filter(|row| row.write)
            .map(|row| row.input)
            .chain([it.described("app")])
            .collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(false));
    assert_eq!(run(false), run(true), "looking changes nothing");
}

/// What is drawn for a call depends on the call and the time, not on what else is called at that moment.
#[test]
fn the_order_of_independent_calls_at_one_moment_does_not_matter() {
    let run = |order: &[usize]| {
        let it = Account::new();
        let group =
            json!({"Name": "spare", "Protocol": "HTTP", "Port": 1, "VpcId": "vpc-1", "TargetType": "ip"});
        let calls = [
            ("ecs", "CreateService", service("one", "app")),
            ("ecs", "CreateService", service("two", "app")),
            ("ecs", "RegisterTaskDefinition", task_definition("other", "app:flaky")),
            ("elbv2", "CreateTargetGroup", group),
            ("ecs", "CreateService", it.balanced_service()),
        ];
        for index in order {
            let (of, operation, input) = &calls[*index];
            it.sim.call("tests", of, operation, input.clone()).unwrap();
        }
        it.wait(30);
        let midway = it.sim.state();
        it.wait(600);
        let mut end = it.sim.state();
        end["auditHash"] = Value::Null;
        (midway["services"].clone(), end, it.described("one"), it.tasks("two", "RUNNING"))
    };
    let straight = run(&[0, 1, 2, 3, 4]);
    assert_eq!(straight, run(&[4, 3, 2, 1, 0]));
    assert_eq!(straight, run(&[2, 4, 0, 3, 1]));
}

#[test]
fn how_time_is_cut_does_not_matter() {
    let run = |step: u64| {
        let it = Account::new();
        it.ecs("CreateService", it.balanced_service());
        for _ in 0..(240 / step) {
            it.wait(step);
        }
        it.described("app")
    };
    assert_eq!(run(1), run(240));
}

#[test]
fn tasks_flap_crash_later_and_turn_unhealthy() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    it.wait(200);
    let roll = |tag: &str, seconds: u64| {
        it.ecs("RegisterTaskDefinition", task_definition("app", &format!("app:{tag}")));
        it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "taskDefinition": "app"}));
        it.wait(seconds);
        it.described("app")
    };
    let later = roll("crash-300", 500);
    let events = later["events"].as_array().unwrap();
    let started = events.iter().filter(|it| it["message"].as_str().unwrap().contains("has started 2 tasks"));
    assert_eq!(started.count(), 3, "those that crashed were replaced");
    assert!(it.health().len() <= 4, "a crashed task is no target any more");
    let bad = roll("unhealthy-60", 600);
    assert!(says(&bad, "is unhealthy in (target-group"));
    let flaky = roll("flaky", 1_200);
    assert_eq!(flaky["runningCount"], 2);
    let full = roll("no-capacity", 300);
    assert!(says(&full, "was unable to place a task. Reason: Capacity is unavailable"));
    assert_eq!((&full["runningCount"], &full["deployments"][0]["pendingCount"]), (&json!(2), &json!(0)));
}

#[test]
fn a_deleted_revision_vanishes_once_nothing_refers_to_it() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    it.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "app:1"}));
    it.ecs("DeleteTaskDefinitions", json!({"taskDefinitions": ["app:1"]}));
    it.wait(1_000);
    let input = json!({"taskDefinition": "app:1"});
    let found = it.ecs("DescribeTaskDefinition", input.clone());
    assert_eq!(found["taskDefinition"]["status"], "DELETE_IN_PROGRESS");
    it.ecs("DeleteService", json!({"cluster": "main", "service": "app", "force": true}));
    it.wait(300);
    assert_eq!(it.refused("DescribeTaskDefinition", input).code, "ClientException");
}

#[test]
fn older_defaults_can_be_described() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    let names = |epoch: i64| {
        it.sim.control("defaults", json!({"epoch": epoch})).unwrap();
        let configuration = it.described("app")["deploymentConfiguration"].clone();
        let breaker = configuration["deploymentCircuitBreaker"].as_object().unwrap().len();
        (configuration.as_object().unwrap().len(), breaker)
    };
    assert_eq!([names(2026), names(2025), names(2024)], [(5, 4), (5, 2), (3, 2)]);
}
