//! Rules on a listener that others share: whose priority is whose, and nobody else's rule is touched.

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, farsight};
use crate::stage::{BUCKET, Stage};

const SOON: u64 = 180;
const LATER: u64 = 600;

/// A load balancer of somebody else with a listener and a rule at 100, and the ARN of the listener.
fn shared(stage: &Stage) -> String {
    let subnets = farsight()["loadBalancers"]["farsight-alb"]["subnets"].clone();
    let made = stage.operator("elbv2", "CreateLoadBalancer", json!({"Name": "shared", "Subnets": subnets}));
    let answer = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    let listener = stage.operator(
        "elbv2",
        "CreateListener",
        json!({"LoadBalancerArn": made["LoadBalancers"][0]["LoadBalancerArn"], "Protocol": "HTTP", "Port": 80,
            "DefaultActions": answer}),
    );
    let listener = listener["Listeners"][0]["ListenerArn"].as_str().unwrap().to_owned();
    theirs(stage, &listener, 100);
    listener
}

/// Makes a rule of somebody else.
fn theirs(stage: &Stage, listener: &str, priority: i64) -> Value {
    let input = json!({"ListenerArn": listener, "Priority": priority,
        "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": [format!("/theirs/{priority}")]}}],
        "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]});
    stage.operator("elbv2", "CreateRule", input)["Rules"][0]["RuleArn"].clone()
}

/// The example with its API behind rules on a listener instead of one of its own, by name and priority.
fn ruled(listener: &str, rules: &[(&str, Value)]) -> Value {
    let mut document = farsight();
    document.as_object_mut().unwrap().remove("loadBalancers");
    let rules = rules.iter().map(|(name, priority)| {
        let rule = json!({"listenerArn": listener, "priority": priority,
            "conditions": [{"field": "path-pattern", "values": [format!("/{name}/*")]}],
            "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:farsight-api-tg}"}]});
        ((*name).to_owned(), rule)
    });
    document["services"][API]["listenerRules"] = Value::Object(rules.collect());
    document
}

/// All rules of a listener but its default, each with its priority: those of somebody else by theirs.
fn rules(scene: &Scene, listener: &str) -> Vec<(String, String)> {
    let found = scene.aws("elbv2", "DescribeRules", json!({"ListenerArn": listener}))["Rules"].clone();
    let mut all: Vec<(String, String)> = Vec::new();
    for rule in found.as_array().unwrap().iter().filter(|r| r["Priority"] != "default") {
        let path = rule["Conditions"][0]["PathPatternConfig"]["Values"][0].as_str().unwrap();
        let name = path.trim_matches(['/', '*']).to_owned();
        all.push((name, rule["Priority"].as_str().unwrap().to_owned()));
    }
    all.sort();
    all
}

#[track_caller]
fn stand(scene: &Scene, listener: &str, expected: &[(&str, &str)]) {
    let found = rules(scene, listener);
    let found: Vec<(&str, &str)> = found.iter().map(|(n, p)| (n.as_str(), p.as_str())).collect();
    scene.check(found == expected, &format!("{found:?}, not {expected:?}"));
}

/// The ARN of the rule of that name.
fn arn_of(scene: &Scene, listener: &str, name: &str) -> Value {
    let found = scene.aws("elbv2", "DescribeRules", json!({"ListenerArn": listener}))["Rules"].clone();
    let rules = found.as_array().unwrap();
    rules.iter().find(|r| r["Conditions"].to_string().contains(&format!("/{name}"))).unwrap()["RuleArn"]
        .clone()
}

/// A daemon that has brought rules on a shared listener to rest.
async fn settled(wanted: &[(&str, Value)]) -> (Scene, String) {
    let stage = Stage::new(&farsight());
    let listener = shared(&stage);
    stage.push(&ruled(&listener, wanted));
    let mut scene = Scene::on(stage);
    scene.rest(SOON).await;
    scene.mark_here();
    (scene, listener)
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_ours_on_a_listener_of_others_is_kept_and_theirs_is_left() {
    let (mut scene, listener) = settled(&[("api", json!(120))]).await;
    stand(&scene, &listener, &[("api", "120"), ("theirs/100", "100")]);
    // They change what is theirs.
    let their = arn_of(&scene, &listener, "theirs/100");
    let gone = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "410"}}]);
    scene.aws("elbv2", "ModifyRule", json!({"RuleArn": their, "Actions": gone}));
    scene.aws("elbv2", "ModifyListener", json!({"ListenerArn": listener, "DefaultActions": gone}));
    theirs(&scene.stage, &listener, 110);
    scene.rest(SOON).await;
    scene.wrote(&[]);
    // Somebody bends ours, moves it, takes it away: each is put right, at its priority.
    let ours = arn_of(&scene, &listener, "api");
    scene.aws("elbv2", "ModifyRule", json!({"RuleArn": ours, "Actions": gone}));
    scene.rest(SOON).await;
    scene.wrote(&["ModifyRule shared"]);
    let pairs = json!([{"RuleArn": ours, "Priority": 7}]);
    scene.aws("elbv2", "SetRulePriorities", json!({"RulePriorities": pairs}));
    scene.rest(SOON).await;
    stand(&scene, &listener, &[("api", "120"), ("theirs/100", "100"), ("theirs/110", "110")]);
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": ours}));
    scene.rest(SOON).await;
    stand(&scene, &listener, &[("api", "120"), ("theirs/100", "100"), ("theirs/110", "110")]);
    let writes = scene.writes();
    scene.check(writes.len() == 3 && writes[1].starts_with("SetRulePriorities"), "one write for each");
    scene.check(writes[2] == "CreateRule shared", "made again");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_priority_from_a_range_is_chosen_once_and_kept() {
    let range = json!({"from": 100, "to": 104});
    let (mut scene, listener) = settled(&[("a", range.clone()), ("b", range.clone())]).await;
    stand(&scene, &listener, &[("a", "101"), ("b", "102"), ("theirs/100", "100")]);
    // Theirs goes, and one of ours comes before the others by name.
    let their = arn_of(&scene, &listener, "theirs/100");
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": their}));
    scene.rest(SOON).await;
    scene.stage.push(&ruled(&listener, &[("a", range.clone()), ("aa", range.clone()), ("b", range.clone())]));
    scene.rest(SOON).await;
    scene.wrote(&["CreateRule shared"]);
    stand(&scene, &listener, &[("a", "101"), ("aa", "100"), ("b", "102")]);
    // Another daemon keeps them.
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.stop().await;
    let theirs = theirs(&scene.stage, &listener, 103);
    scene.rest(SOON).await;
    // Deleted by hand, one comes back to where it was, though a lower one is free by then.
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": arn_of(&scene, &listener, "aa")}));
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": arn_of(&scene, &listener, "b/")}));
    scene.rest(SOON).await;
    stand(&scene, &listener, &[("a", "101"), ("aa", "100"), ("b", "102"), ("theirs/103", "103")]);
    scene.wrote(&["CreateRule shared", "CreateRule shared", "CreateRule shared"]);
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": theirs}));
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_priority_of_somebody_else_is_refused_before_anything_is_written_for_it() {
    let (mut scene, listener) = settled(&[("api", json!(120))]).await;
    scene.stage.push(&ruled(&listener, &[("api", json!(120)), ("new", json!(100))]));
    tokio::time::sleep(std::time::Duration::from_secs(LATER)).await;
    scene.saw(&[API, "refused", "rule farsight-api-server/new", "priority 100"]);
    scene.wrote(&[]);
    let status = scene.daemon.status.borrow().clone();
    let mut ways = status.planned.report.units.values().flat_map(|u| &u.refused);
    scene.check(ways.any(|r| r.way_out.as_ref().is_some_and(|w| w.contains("101"))), "told what is free");
    // A range that is full is refused as well.
    let full = json!({"from": 100, "to": 100});
    scene.stage.push(&ruled(&listener, &[("api", json!(120)), ("new", full)]));
    tokio::time::sleep(std::time::Duration::from_secs(LATER)).await;
    scene.saw(&[API, "refused", "no priority from 100 to 100 is free"]);
    scene.wrote(&[]);
    // They make room.
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": arn_of(&scene, &listener, "theirs/100")}));
    scene.rest(SOON).await;
    scene.wrote(&["CreateRule shared"]);
    stand(&scene, &listener, &[("api", "120"), ("new", "100")]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn two_rules_of_ours_change_places_in_one_call() {
    let (mut scene, listener) = settled(&[("a", json!(10)), ("b", json!(20)), ("c", json!(30))]).await;
    scene.stage.push(&ruled(&listener, &[("a", json!(20)), ("b", json!(10)), ("c", json!(40))]));
    scene.rest(SOON).await;
    stand(&scene, &listener, &[("a", "20"), ("b", "10"), ("c", "40"), ("theirs/100", "100")]);
    let writes = scene.writes();
    scene.check(writes.iter().all(|w| w.starts_with("SetRulePriorities")), "nothing is made anew");
    scene.check(writes.len() <= 2, "the swap is one call");
    scene.end().await;
}

/// A document with a service of its own behind a rule on the shared listener.
fn other(listener: &str, priority: i64) -> Value {
    let mut document = ruled(listener, &[("other", json!(priority))]);
    document["name"] = "other".into();
    for section in ["clusters", "repositories", "logGroups"] {
        document.as_object_mut().unwrap().remove(section);
    }
    let mut service = document["services"][API].clone();
    service["taskDefinition"]["family"] = "other-api".into();
    service.as_object_mut().unwrap().remove("dependsOn");
    service["service"]["loadBalancers"][0]["targetGroupArn"] = "${targetGroup:other-tg}".into();
    service["listenerRules"]["other"]["actions"][0]["targetGroupArn"] = "${targetGroup:other-tg}".into();
    document["services"] = json!({"other-api": service});
    document["targetGroups"] = json!({"other-tg": farsight()["targetGroups"]["farsight-api-tg"]});
    document
}

#[tokio::test(start_paused = true)]
async fn two_documents_that_claim_one_priority_are_told_before_anything_is_written_for_it() {
    let stage = Stage::with_object("documents/", b"");
    let listener = shared(&stage);
    let put = |stage: &Stage, name: &str, document: &Value| {
        stage.sim.put_object(BUCKET, &format!("documents/{name}.json"), document.to_string().as_bytes());
    };
    put(&stage, "a", &ruled(&listener, &[("api", json!(120))]));
    put(&stage, "b", &other(&listener, 120));
    let mut scene = Scene::on(stage);
    tokio::time::sleep(std::time::Duration::from_secs(LATER)).await;
    scene.saw(&[API, "refused", "priority 120", "the document \"other\""]);
    scene.saw(&["other-api", "refused", "priority 120", "the document \"farsight\""]);
    let made = scene
        .writes()
        .iter()
        .any(|w| w.starts_with("CreateRule") || w.starts_with("CreateService farsight-api"));
    scene.check(!made, "neither rule was made, nor what depends on it");
    put(&scene.stage, "b", &other(&listener, 121));
    scene.rest(LATER).await;
    stand(&scene, &listener, &[("api", "120"), ("other", "121"), ("theirs/100", "100")]);
    // Who has it keeps it.
    scene.mark_here();
    put(&scene.stage, "b", &other(&listener, 120));
    tokio::time::sleep(std::time::Duration::from_secs(LATER)).await;
    scene.saw(&["other-api", "refused", "120"]);
    scene.never_saw(&["farsight-api-server refused:"]);
    scene.wrote(&[]);
    put(&scene.stage, "b", &other(&listener, 121));
    scene.rest(SOON).await;
    scene.end().await;
}
