//! What was there before: taken over by its tags alone, or refused with the way to do it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, CLUSTER, WORKER, farsight};
use crate::stage::{BUCKET, Stage};

const SOON: u64 = 120;
/// Longer than the reading of what hardly ever changes.
const LATER: u64 = 400;

/// The example with a rule, and with `adopt` at its top.
fn document(adopt: Option<Value>) -> Value {
    let mut document = farsight();
    document["services"][API]["listenerRules"] = json!({"main": {
        "listenerArn": "${listener:farsight-alb/http}", "priority": 10,
        "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
        "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:farsight-api-tg}"}]}});
    if let Some(adopt) = adopt {
        document["adopt"] = adopt;
    }
    document
}

/// The ARNs of everything that carries tags, each with its service's name.
fn resources(stage: &Stage) -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    let mut list = |service, operation, input: Value, listed: &str, arn: &str| {
        let found = stage.operator(service, operation, input)[listed].clone();
        let found = found.as_array().cloned().unwrap_or_default();
        let arns: Vec<Value> =
            found.into_iter().map(|it| if arn.is_empty() { it } else { it[arn].clone() }).collect();
        all.extend(arns.iter().map(|arn| (service, arn.clone())));
        arns
    };
    list("ecs", "ListClusters", json!({}), "clusterArns", "");
    list("ecs", "ListServices", json!({"cluster": CLUSTER}), "serviceArns", "");
    list("ecs", "ListTaskDefinitions", json!({}), "taskDefinitionArns", "");
    list("elbv2", "DescribeTargetGroups", json!({}), "TargetGroups", "TargetGroupArn");
    for balancer in list("elbv2", "DescribeLoadBalancers", json!({}), "LoadBalancers", "LoadBalancerArn") {
        let of = json!({"LoadBalancerArn": balancer});
        for listener in list("elbv2", "DescribeListeners", of, "Listeners", "ListenerArn") {
            list("elbv2", "DescribeRules", json!({"ListenerArn": listener}), "Rules", "RuleArn");
        }
    }
    list("ecr", "DescribeRepositories", json!({}), "repositories", "repositoryArn");
    list("logs", "DescribeLogGroups", json!({}), "logGroups", "logGroupArn");
    all
}

/// Takes our tags off everything there is.
fn untag(stage: &Stage) {
    let keys = ["evenkeel:document", "evenkeel:key", "evenkeel:hash"];
    for (service, arn) in resources(stage) {
        match service {
            "elbv2" => {
                drop(stage.operator(service, "RemoveTags", json!({"ResourceArns": [arn], "TagKeys": keys})))
            }
            _ => drop(stage.operator(service, "UntagResource", json!({"resourceArn": arn, "tagKeys": keys}))),
        }
    }
}

/// An account in which somebody else has made everything the document has: nothing carries a tag of ours, and
/// nothing is remembered.
async fn made_by_others(document: &Value) -> Stage {
    let scene = Scene::settled(document).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    untag(&stage);
    let listed = stage.operator("s3", "ListObjectsV2", json!({"Bucket": BUCKET, "Prefix": "state/"}));
    for object in listed["Contents"].as_array().unwrap() {
        stage.operator("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": object["Key"]}));
    }
    // Whoever saw our tags on it would say that somebody took them off.
    stage.is_seen().await;
    stage
}

/// A daemon that comes to an account with a document.
fn comes_to(stage: Stage, document: &Value) -> Scene {
    stage.push(document);
    let mut scene = Scene::on(stage);
    scene.mark_here();
    scene
}

fn is_tagging(write: &str) -> bool {
    ["TagResource ", "AddTags "].iter().any(|verb| write.starts_with(verb))
}

#[tokio::test(start_paused = true)]
async fn what_is_equal_is_adopted_by_its_tags_alone() {
    let stage = made_by_others(&document(None)).await;
    let before = [API, WORKER].map(|name| stage.service(name)["deployments"][0]["id"].clone());
    let mut scene = comes_to(stage, &document(Some(json!("ifEqual"))));
    scene.rest(LATER).await;
    let mut writes = scene.writes();
    writes.sort();
    let expected = [
        "AddTags farsight-alb",
        "AddTags farsight-alb",
        "AddTags farsight-alb",
        "AddTags farsight-api-tg",
        "TagResource /ecs/farsight-api-server",
        "TagResource /ecs/farsight-worker",
        "TagResource farsight-api-server",
        "TagResource farsight-cluster",
        "TagResource farsight-server",
        "TagResource farsight-worker",
    ];
    scene.check(writes == expected, &format!("{expected:#?}"));
    let after = [API, WORKER].map(|name| scene.stage.service(name)["deployments"][0]["id"].clone());
    scene.check(before == after, "nothing was deployed");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_refused_with_the_difference_and_adopted_once_it_is_equal() {
    let declared = |adopt: Option<Value>| {
        let mut document = document(adopt);
        document["logGroups"]["/ecs/farsight-worker"]["retentionInDays"] = 30.into();
        document
    };
    let stage = made_by_others(&declared(None)).await;
    let set = |service, operation, input| stage.operator(service, operation, input);
    let exec = |on: bool| json!({"cluster": CLUSTER, "service": WORKER, "enableExecuteCommand": on});
    set("ecs", "UpdateService", exec(true));
    let groups = set("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
    let group = groups[0]["TargetGroupArn"].clone();
    let path = |path: &str| json!({"TargetGroupArn": group, "HealthCheckPath": path});
    set("elbv2", "ModifyTargetGroup", path("/other"));
    let kept = |days: u32| json!({"logGroupName": "/ecs/farsight-worker", "retentionInDays": days});
    set("logs", "PutRetentionPolicy", kept(7));
    let mutability = |it: &str| json!({"repositoryName": "farsight-server", "imageTagMutability": it});
    set("ecr", "PutImageTagMutability", mutability("IMMUTABLE"));
    stage.is_seen().await;
    let mut scene = comes_to(stage, &declared(Some(json!("ifEqual"))));
    tokio::time::sleep(Duration::from_secs(LATER)).await;
    scene.saw(&[WORKER, "refused", "is not adopted, because it differs", "enableExecuteCommand"]);
    scene.saw(&["farsight-api-tg", "refused", "is not adopted", "healthCheckPath"]);
    scene.saw(&["/ecs/farsight-worker", "refused", "is not adopted", "retention"]);
    scene.saw(&["farsight-server", "refused", "is not adopted", "imageTagMutability"]);
    scene.check(scene.writes().iter().all(|w| is_tagging(w)), "tags and nothing else");
    let untouched = ["farsight-api-tg", "farsight-server", "/ecs/farsight-worker"];
    let touched = scene.writes().iter().any(|w| untouched.iter().any(|it| w.ends_with(it)));
    scene.check(!touched, "what differs is not written");
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == true, "it is as it was");
    // Made equal by hand.
    scene.aws("ecs", "UpdateService", exec(false));
    scene.aws("elbv2", "ModifyTargetGroup", path("/health"));
    scene.aws("logs", "PutRetentionPolicy", kept(30));
    scene.aws("ecr", "PutImageTagMutability", mutability("MUTABLE"));
    scene.rest(LATER).await;
    scene.check(scene.writes().iter().all(|w| is_tagging(w)), "tags and nothing else");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_declared_is_the_baseline_and_a_later_edit_of_it_is_undone() {
    let stage = made_by_others(&document(None)).await;
    let exec = |on: bool| json!({"enableExecuteCommand": on});
    let mut change = exec(true);
    change["cluster"] = CLUSTER.into();
    change["service"] = WORKER.into();
    stage.operator("ecs", "UpdateService", change);
    let groups = stage.operator("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
    let group = groups[0]["TargetGroupArn"].clone();
    let delay = |seconds: &str| {
        let attributes = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": seconds}]);
        json!({"TargetGroupArn": group, "Attributes": attributes})
    };
    stage.operator("elbv2", "ModifyTargetGroupAttributes", delay("5"));
    stage.is_seen().await;
    let mut scene = comes_to(stage, &document(Some(json!(true))));
    scene.rest(LATER).await;
    scene.check(scene.writes().iter().all(|w| is_tagging(w)), "tags and nothing else");
    scene.never_saw(&["human"]);
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == true, "it is as it was");
    // It is as right as what AWS fills in: what a human makes of it later is drift.
    scene.mark_here();
    scene.update(WORKER, exec(false));
    scene.aws("elbv2", "ModifyTargetGroupAttributes", delay("90"));
    scene.rest(SOON).await;
    let mut writes = scene.writes();
    writes.sort();
    let expected = ["ModifyTargetGroupAttributes farsight-api-tg", "UpdateService farsight-worker"];
    scene.check(writes == expected, "each is undone");
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == true, "back at what was there");
    scene.saw(&[WORKER, "enableExecuteCommand", "human", "healed"]);
    // A daemon that starts anew remembers the same.
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.stop().await;
    scene.rest(SOON).await;
    scene.end().await;
}

/// Adopting is a step of its own: only what carries our tags is changed, by a pass after that.
#[tokio::test(start_paused = true)]
async fn what_the_document_declares_otherwise_is_changed_once_it_is_ours() {
    let stage = made_by_others(&document(None)).await;
    let change = json!({"cluster": CLUSTER, "service": API, "healthCheckGracePeriodSeconds": 600});
    stage.operator("ecs", "UpdateService", change);
    stage.is_seen().await;
    let mut scene = comes_to(stage, &document(Some(json!(true))));
    scene.rest(LATER).await;
    let writes = scene.writes();
    let at = |title: &str| writes.iter().position(|w| w == title);
    let tagged = at("TagResource farsight-api-server");
    scene.check(tagged.is_some() && tagged < at("UpdateService farsight-api-server"), "tags first");
    let others = writes.iter().filter(|w| !is_tagging(w)).count();
    scene.check(others == 1, "and the one change");
    scene.saw(&[API, "healthCheckGracePeriodSeconds", "document", "healed"]);
    scene.end().await;
}

/// Each item that is refused tells how it is handed over, and that does it.
#[tokio::test(start_paused = true)]
async fn every_refusal_names_the_command_that_adopts() {
    let stage = made_by_others(&document(None)).await;
    let mut scene = comes_to(stage, &document(None));
    let mut done: BTreeSet<String> = BTreeSet::new();
    // A listener is looked at once its load balancer is ours, its rules once it is.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(LATER)).await;
        let status = scene.daemon.status.borrow().clone();
        let refused = status.planned.report.units.values().flat_map(|u| &u.refused);
        let ways: BTreeSet<String> = refused.filter_map(|r| r.way_out.clone()).collect();
        for way in ways {
            let command = &way[way.find("aws ").expect(&way)..];
            if done.insert(command.to_owned()) {
                carry_out(&scene, command);
            }
        }
    }
    scene.rest(LATER).await;
    scene.wrote(&[]);
    scene.check(done.len() == 10, &format!("{done:#?}"));
    scene.end().await;
}

/// Does what a person does who pastes a tagging command of the AWS CLI.
fn carry_out(scene: &Scene, command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let ["aws", service, verb, _, arn, "--tags", tags @ ..] = &words[..] else { panic!("{command}") };
    let pair = |text: &str, between: char| {
        let (key, value) = text.split_once(between).unwrap_or_else(|| panic!("{command}"));
        (key.to_owned(), value.to_owned())
    };
    let part = |text: &str, key: &str, value: &str| {
        let (k, v) = pair(text, ',');
        let (k, v) = (k.strip_prefix(key).unwrap().to_owned(), v.strip_prefix(value).unwrap().to_owned());
        (k, v)
    };
    match (*service, *verb) {
        ("ecs", "tag-resource") => {
            let tags = tags.iter().map(|t| part(t, "key=", "value="));
            let tags: Vec<Value> = tags.map(|(k, v)| json!({"key": k, "value": v})).collect();
            scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tags}));
        }
        ("ecr", "tag-resource") => {
            let tags = tags.iter().map(|t| part(t, "Key=", "Value="));
            let tags: Vec<Value> = tags.map(|(k, v)| json!({"Key": k, "Value": v})).collect();
            scene.aws("ecr", "TagResource", json!({"resourceArn": arn, "tags": tags}));
        }
        ("elbv2", "add-tags") => {
            let tags = tags.iter().map(|t| part(t, "Key=", "Value="));
            let tags: Vec<Value> = tags.map(|(k, v)| json!({"Key": k, "Value": v})).collect();
            scene.aws("elbv2", "AddTags", json!({"ResourceArns": [arn], "Tags": tags}));
        }
        ("logs", "tag-resource") => {
            let [tags] = tags else { panic!("{command}") };
            let tags: serde_json::Map<String, Value> =
                tags.split(',').map(|t| pair(t, '=')).map(|(k, v)| (k, v.into())).collect();
            scene.aws("logs", "TagResource", json!({"resourceArn": arn, "tags": tags}));
        }
        _ => panic!("{command}"),
    }
}

/// `adopt` within an item counts for that item.
#[tokio::test(start_paused = true)]
async fn an_item_is_adopted_by_its_own_word_and_the_others_are_refused() {
    let stage = made_by_others(&document(None)).await;
    let mut own = document(None);
    own["targetGroups"]["farsight-api-tg"]["adopt"] = true.into();
    own["logGroups"]["/ecs/farsight-worker"]["adopt"] = "ifEqual".into();
    own["repositories"]["farsight-server"]["adopt"] = true.into();
    own["services"][WORKER]["adopt"] = true.into();
    let mut scene = comes_to(stage, &own);
    tokio::time::sleep(Duration::from_secs(LATER)).await;
    let mut writes = scene.writes();
    writes.sort();
    let expected = [
        "AddTags farsight-api-tg",
        "TagResource /ecs/farsight-worker",
        "TagResource farsight-server",
        "TagResource farsight-worker",
    ];
    scene.check(writes == expected, &format!("{expected:#?}"));
    for refused in ["farsight-cluster", "farsight-alb", API, "/ecs/farsight-api-server"] {
        scene.saw(&[refused, "refused", "exists already"]);
    }
    // A service says it for its rules too, a listener for its own, a document for all that say nothing.
    own["loadBalancers"]["farsight-alb"]["adopt"] = true.into();
    own["loadBalancers"]["farsight-alb"]["listeners"]["http"]["adopt"] = true.into();
    own["services"][API]["adopt"] = true.into();
    own["clusters"]["farsight-cluster"]["adopt"] = true.into();
    own["logGroups"]["/ecs/farsight-api-server"]["adopt"] = true.into();
    scene.stage.push(&own);
    scene.rest(LATER).await;
    scene.check(scene.writes().iter().all(|w| is_tagging(w)), "tags and nothing else");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_somebody_made_is_adopted_by_its_own_word() {
    let mut scene = Scene::settled(&farsight()).await;
    let group = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    let made = json!({"ListenerArn": listener, "Priority": 10,
        "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}],
        "Actions": [{"Type": "forward", "TargetGroupArn": group}]});
    scene.aws("elbv2", "CreateRule", made);
    scene.stage.is_seen().await;
    let mut wanted = document(None);
    scene.stage.push(&wanted);
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.saw(&[API, "refused", "rule farsight-api-server/main (priority 10) exists already"]);
    wanted["services"][API]["listenerRules"]["main"]["adopt"] = "ifEqual".into();
    scene.stage.push(&wanted);
    scene.rest(SOON).await;
    scene.wrote(&["AddTags farsight-alb"]);
    scene.end().await;
}

/// The worker in a document of its own.
fn team(adopt: Option<Value>) -> Value {
    let example = farsight();
    let mut document =
        json!({"name": "team", "cluster": CLUSTER, "services": {WORKER: example["services"][WORKER]}});
    for member in ["apiVersion", "account", "region", "tags"] {
        document[member] = example[member].clone();
    }
    if let Some(adopt) = adopt {
        document["services"][WORKER]["adopt"] = adopt;
    }
    document
}

/// What moves from one document to another is neither deleted by the one nor deployed by the other, whichever
/// of the two objects is put first.
#[tokio::test(start_paused = true)]
async fn a_service_moves_between_two_documents_that_both_prune() {
    for first in ["a", "b"] {
        let stage = Stage::with_object("documents/", b"");
        let put = |stage: &Stage, name: &str, document: &Value| {
            stage.sim.put_object(BUCKET, &format!("documents/{name}.json"), document.to_string().as_bytes());
        };
        let mut giving = farsight();
        giving["settings"] = json!({"prune": "on", "maxDeletePercent": 100});
        giving["services"][API].as_object_mut().unwrap().remove("dependsOn");
        put(&stage, "a", &giving);
        let mut scene = Scene::on(stage);
        scene.daemon.settled().await;
        scene.rest(60).await;
        scene.mark_here();
        let before = scene.stage.service(WORKER)["deployments"][0]["id"].clone();
        giving["services"].as_object_mut().unwrap().remove(WORKER);
        let mut taking = team(Some(json!({"from": "farsight"})));
        taking["settings"] = json!({"prune": "on", "maxDeletePercent": 100});
        // With the one first, the service is for a moment in neither document.
        if first == "b" {
            put(&scene.stage, "b", &taking);
            tokio::time::sleep(Duration::from_secs(SOON)).await;
            scene.saw(&[WORKER, "refused", "\"farsight\" and \"team\""]);
            scene.wrote(&[]);
            put(&scene.stage, "a", &giving);
        } else {
            put(&scene.stage, "b", &taking);
            put(&scene.stage, "a", &giving);
        }
        scene.rest(LATER).await;
        scene.wrote(&["TagResource farsight-worker"]);
        scene.check(scene.stage.service(WORKER)["deployments"][0]["id"] == before, "nothing deployed");
        let tags = scene.stage.service(WORKER)["tags"].to_string();
        scene.check(
            tags.contains("\"team\"") && !tags.contains("evenkeel:document\",\"value\":\"farsight"),
            &tags,
        );
        scene.end().await;
    }
}
