//! What else a document can say: rules, YAML, defaults, observing, suspending.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight};
use crate::stage::Stage;

const SOON: u64 = 120;

/// The example with a rule of the API server on the listener of the document.
fn with_rule(path: &str) -> Value {
    let mut document = farsight();
    document["services"][API]["listenerRules"] = json!({"api": {
        "listenerArn": "${listener:farsight-alb/http}",
        "priority": 120,
        "conditions": [{"field": "path-pattern", "pathPatternConfig": {"values": [path]}}],
        "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:farsight-api-tg}"}],
    }});
    document
}

#[tokio::test(start_paused = true)]
async fn a_rule_on_a_listener_of_the_document_is_made_kept_and_changed() {
    let mut scene = Scene::settled(&with_rule("/api/*")).await;
    let count = scene.stage.writes(0).iter().filter(|w| w.starts_with("CreateRule")).count();
    scene.check(count == 1, "made once");
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    let rules = |scene: &Scene| {
        let found = scene.aws("elbv2", "DescribeRules", json!({"ListenerArn": listener}));
        let all = found["Rules"].as_array().unwrap().clone();
        all.into_iter().filter(|r| r["IsDefault"] == false || r["IsDefault"] == "false").collect::<Vec<_>>()
    };
    let rule = rules(&scene)[0].clone();
    // Changed by hand.
    let other = json!([{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/mine"]}}]);
    scene.aws("elbv2", "ModifyRule", json!({"RuleArn": rule["RuleArn"], "Conditions": other}));
    scene.rest(SOON).await;
    scene.saw(&[API, "rule", "human", "healed"]);
    scene.check(scene.writes().len() == 1, "one write");
    // Changed by the document.
    scene.mark_here();
    scene.stage.push(&with_rule("/v2/*"));
    scene.rest(SOON).await;
    scene.check(scene.writes().len() == 1, "one write");
    scene.check(rules(&scene)[0].to_string().contains("/v2/*"), "the new path");
    // Deleted by hand.
    scene.mark_here();
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": rule["RuleArn"]}));
    scene.rest(SOON).await;
    scene.check(scene.writes() == ["CreateRule farsight-alb"], "made again");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_priority_that_somebody_elses_rule_has_is_refused() {
    let mut scene = Scene::settled(&farsight()).await;
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    scene.aws(
        "elbv2",
        "CreateRule",
        json!({"ListenerArn": listener, "Priority": 120,
            "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/theirs"]}}],
            "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]}),
    );
    scene.stage.push(&with_rule("/api/*"));
    scene.until("refused", |s| s.planned.report.units.values().any(|u| !u.refused.is_empty())).await;
    scene.saw(&[API, "refused", "priority 120"]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    scene.wrote(&[]);
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.end().await;
}

/// A document in YAML with the same content.
fn yaml(value: &Value, indent: usize) -> String {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let lines = map.iter().map(|(k, v)| format!("{pad}{}:{}", json!(k), below(v, indent)));
            lines.collect::<Vec<_>>().join("\n")
        }
        Value::Array(list) if !list.is_empty() => {
            let lines = list.iter().map(|v| format!("{pad}-{}", below(v, indent)));
            lines.collect::<Vec<_>>().join("\n")
        }
        other => format!("{pad}{other}"),
    }
}

fn below(value: &Value, indent: usize) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => format!("\n{}", yaml(value, indent + 1)),
        Value::Array(list) if !list.is_empty() => format!("\n{}", yaml(value, indent + 1)),
        other => format!(" {other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_yaml_document_does_the_same_as_its_json() {
    let text = format!("# In YAML.\n{}\n", yaml(&farsight(), 0));
    let stage = Stage::with_object("services.yaml", text.as_bytes());
    let mut daemon = stage.daemon();
    daemon.settled().await;
    assert_eq!(stage.writes(0).len(), 15, "{:#?}", stage.writes(0));
    let mark = stage.mark();
    stage.push(&farsight());
    tokio::time::sleep(Duration::from_secs(60)).await;
    daemon.settled().await;
    assert_eq!(stage.writes(mark), [""; 0], "JSON is YAML");
    stage.push_text(text.replacen("\"region\": ", "\"region\":\n   - ", 1).as_bytes());
    let at_fault = |s: &evenkeel_controller::Status| !s.faults.is_empty();
    let status = daemon.until(Duration::from_secs(60), "at fault", at_fault).await;
    let said = status.faults[0].message.clone();
    assert!(said.contains("line "), "{said}");
    daemon.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_only_observes_writes_nothing_and_shows_what_differs() {
    let mut document = farsight();
    document["settings"] = json!({"mode": "observe"});
    let mut scene = Scene::start(&document);
    scene.until("planned", |s| !s.planned.plan.units.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "is drifted"]);
    // Enforced, and then only observed again.
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.mark_here();
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.saw(&[WORKER, "enableExecuteCommand", "human"]);
    scene.saw(&[WORKER, "is drifted"]);
    scene.wrote(&[]);
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_only_observes_writes_nothing_not_even_a_lease() {
    let stage = Stage::new(&farsight());
    let mut observer = stage.observer();
    observer
        .until(Duration::from_secs(300), "drifted", |s| !s.planned.plan.units.is_empty() && s.observed)
        .await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let written: Vec<_> =
        stage.sim.audit(0).into_iter().filter(|r| r.write && r.caller != "operator").collect();
    assert!(written.is_empty(), "{written:#?}");
    // Beside one that enforces it follows what happens.
    let mut daemon = stage.daemon();
    daemon.settled().await;
    observer.settled().await;
    daemon.stop().await;
    observer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspended_service_is_left_alone_while_the_others_are_kept() {
    let mut document = farsight();
    document["services"][WORKER]["suspend"] = true.into();
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&document);
    scene
        .until("suspended", |s| s.planned.report.units.values().any(|u| u.state.word() == "suspended"))
        .await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.update(API, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.saw(&[WORKER, "enableExecuteCommand", "human", "left"]);
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-api-server", "UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_service_can_be_observed_only() {
    let mut document = farsight();
    document["services"][WORKER]["mode"] = "observe".into();
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "is drifted"]);
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn defaults_are_merged_under_every_service() {
    let mut document = farsight();
    let mut scene = Scene::settled(&document).await;
    let network = document["services"][WORKER]["service"]["networkConfiguration"].clone();
    let role = document["services"][WORKER]["taskDefinition"]["executionRoleArn"].clone();
    document["defaults"] = json!({
        "service": {"networkConfiguration": network, "launchType": "FARGATE"},
        "taskDefinition": {"executionRoleArn": role, "networkMode": "awsvpc"},
    });
    for name in [WORKER, API] {
        let part = &mut document["services"][name];
        let service = part["service"].as_object_mut().unwrap();
        service.remove("launchType");
        if name == WORKER {
            service.remove("networkConfiguration");
        }
        let task = part["taskDefinition"].as_object_mut().unwrap();
        task.remove("executionRoleArn");
        task.remove("networkMode");
    }
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.wrote(&[]);
    document["defaults"]["service"]["enableExecuteCommand"] = true.into();
    scene.stage.push(&document);
    scene.rest(SOON).await;
    // It starts no deployment, so neither waits for the other.
    let mut writes = scene.writes();
    writes.sort();
    let both = ["UpdateService farsight-api-server", "UpdateService farsight-worker"];
    scene.check(writes == both, "one update each");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_document_ignores_is_said_and_left() {
    let mut document = farsight();
    document["services"][WORKER]["ignore"] =
        json!([{"path": "/service/enableExecuteCommand", "reason": "debugging", "until": "2027-01-31"}]);
    let mut scene = Scene::settled(&document).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "note", "enableExecuteCommand", "debugging"]);
    scene.wrote(&[]);
    scene.end().await;
}

/// Many services in one document keep within the budgets and come to rest.
#[tokio::test(start_paused = true)]
async fn sixty_services_are_brought_up_ten_rollouts_at_a_time() {
    let mut document = farsight();
    let worker = document["services"][WORKER].clone();
    let services = document["services"].as_object_mut().unwrap();
    for n in 0..60 {
        let mut part = worker.clone();
        part["taskDefinition"]["family"] = format!("job-{n:02}").into();
        services.insert(format!("job-{n:02}"), part);
    }
    let mut scene = Scene::start(&document);
    scene.until("settled", |s| s.is_settled()).await;
    let writes = scene.writes();
    let mut once = writes.clone();
    once.sort();
    once.dedup();
    // Policies share one name.
    let policies = writes.iter().filter(|w| w.starts_with("PutScalingPolicy worker-cpu")).count();
    scene.check(policies == 61, "a policy each");
    scene.check(once.len() == writes.len() - 60, "everything once");
    scene.end().await;
}
