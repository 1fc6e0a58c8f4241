//! Tags: ours, the document's, and everybody else's.

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, CLUSTER, WORKER, farsight};

const SOON: u64 = 120;
/// Longer than the reading of what hardly ever changes.
const LATER: u64 = 400;

/// The tags of a service by name.
fn of_service(scene: &Scene, name: &str) -> serde_json::Map<String, Value> {
    let tags = scene.stage.service(name)["tags"].as_array().cloned().unwrap_or_default();
    tags.iter().map(|t| (t["key"].as_str().unwrap().to_owned(), t["value"].clone())).collect()
}

fn only_tags(write: &str) -> bool {
    let verbs = ["TagResource ", "UntagResource ", "AddTags ", "RemoveTags "];
    verbs.iter().any(|verb| write.starts_with(verb))
}

#[tokio::test(start_paused = true)]
async fn the_documents_tags_are_merged_under_an_items_own_and_a_change_rolls_nothing_out() {
    let tagged = |of_document: Value, of_worker: Value| {
        let mut document = farsight();
        document["tags"] = of_document;
        document["services"][WORKER]["service"]["tags"] = of_worker;
        document
    };
    let own = |value: &str| json!([{"key": "Team", "value": value}]);
    let mut scene =
        Scene::settled(&tagged(json!({"Project": "farsight", "Team": "all"}), own("workers"))).await;
    let tags = of_service(&scene, WORKER);
    scene.check(tags["Team"] == "workers" && tags["Project"] == "farsight", &format!("{tags:?}"));
    scene.check(of_service(&scene, API)["Team"] == "all", "the document's");
    let before = [API, WORKER].map(|name| scene.stage.service(name)["deployments"][0]["id"].clone());
    // One is changed, one taken out, one added.
    scene.stage.push(&tagged(json!({"Project": "seer", "Stage": "test"}), own("workers")));
    scene.rest(LATER).await;
    let writes = scene.writes();
    scene.check(!writes.is_empty() && writes.iter().all(|w| only_tags(w)), "tags and nothing else");
    let tags = of_service(&scene, WORKER);
    let seen = (&tags["Project"], &tags["Stage"], &tags["Team"]);
    scene.check(seen == (&json!("seer"), &json!("test"), &json!("workers")), &format!("{tags:?}"));
    scene.check(!of_service(&scene, API).contains_key("Team"), "what the document took out is gone");
    let after = [API, WORKER].map(|name| scene.stage.service(name)["deployments"][0]["id"].clone());
    scene.check(before == after, "nothing was deployed");
    let group = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let found = scene.aws("elbv2", "DescribeTags", json!({"ResourceArns": [group]}));
    scene.check(found.to_string().contains("seer"), "target groups carry them too");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_a_task_definition_that_changes_registers_nothing() {
    let tagged = |value: &str| {
        let mut document = farsight();
        document["services"][WORKER]["taskDefinition"]["tags"] = json!([{"key": "Build", "value": value}]);
        document
    };
    let mut scene = Scene::settled(&tagged("1")).await;
    scene.stage.push(&tagged("2"));
    scene.rest(SOON).await;
    scene.wrote(&[]);
    scene.end().await;
}

/// What somebody adds stays, whatever becomes of the document; what is foreign and has the name of one of ours
/// is ours.
#[tokio::test(start_paused = true)]
async fn a_key_of_others_is_never_removed() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.stage.service(WORKER)["serviceArn"].clone();
    let theirs = json!([{"key": "CostCenter", "value": "42"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": theirs}));
    let group = json!({"resourceArn": log_group(&scene), "tags": {"CostCenter": "42"}});
    scene.aws("logs", "TagResource", group);
    // It comes into the document and goes out of it again: by then it was the document's.
    let mut document = farsight();
    document["tags"]["Owner"] = "us".into();
    scene.stage.push(&document);
    scene.rest(LATER).await;
    scene.check(of_service(&scene, WORKER)["CostCenter"] == "42", "theirs is there");
    scene.stage.push(&farsight());
    scene.rest(LATER).await;
    scene.check(of_service(&scene, WORKER)["CostCenter"] == "42", "theirs is there");
    scene.check(!of_service(&scene, WORKER).contains_key("Owner"), "ours is gone");
    let tags = scene.aws("logs", "ListTagsForResource", json!({"resourceArn": log_group(&scene)}));
    scene.check(tags["tags"]["CostCenter"] == "42" && tags["tags"].get("Owner").is_none(), "logs too");
    scene.end().await;
}

fn log_group(scene: &Scene) -> Value {
    let input = json!({"logGroupNamePrefix": "/ecs/farsight-worker"});
    scene.aws("logs", "DescribeLogGroups", input)["logGroups"][0]["logGroupArn"].clone()
}

/// Each kind of thing whose tag somebody took off, or gave to another document, is left, and said.
#[tokio::test(start_paused = true)]
async fn what_is_disowned_is_left_and_never_tagged_again() {
    let mut document = farsight();
    document["logGroups"]["/ecs/farsight-worker"]["retentionInDays"] = 30.into();
    let insights = |value: &str| json!([{"name": "containerInsights", "value": value}]);
    document["clusters"][CLUSTER]["settings"] = insights("disabled");
    let mut scene = Scene::settled(&document).await;
    let group = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let keys = json!(["evenkeel:document", "evenkeel:key"]);
    scene.aws("elbv2", "RemoveTags", json!({"ResourceArns": [group], "TagKeys": keys}));
    scene.aws("logs", "UntagResource", json!({"resourceArn": log_group(&scene), "tagKeys": keys}));
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    scene.aws("elbv2", "RemoveTags", json!({"ResourceArns": [listener], "TagKeys": keys}));
    let cluster = scene.stage.service(WORKER)["clusterArn"].clone();
    let other = json!([{"key": "evenkeel:document", "value": "other"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": cluster, "tags": other}));
    // Somebody also edits each.
    scene.stage.is_seen().await;
    scene.aws("elbv2", "ModifyTargetGroup", json!({"TargetGroupArn": group, "HealthCheckPath": "/"}));
    let kept = json!({"logGroupName": "/ecs/farsight-worker", "retentionInDays": 7});
    scene.aws("logs", "PutRetentionPolicy", kept);
    let insights = json!({"cluster": CLUSTER, "settings": insights("enabled")});
    scene.aws("ecs", "UpdateClusterSettings", insights);
    let down = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
    scene.aws("elbv2", "ModifyListener", json!({"ListenerArn": listener, "DefaultActions": down}));
    tokio::time::sleep(std::time::Duration::from_secs(2 * LATER)).await;
    for name in ["target group farsight-api-tg", "log group /ecs/farsight-worker", "listener http"] {
        scene.saw(&["refused", name, "is disowned: somebody removed its tag"]);
    }
    scene.saw(&["refused", "cluster farsight-cluster", "belongs to the document \"other\""]);
    scene.wrote(&[]);
    // The services go on being kept.
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(std::time::Duration::from_secs(SOON)).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    // Handed back, all of it is put right.
    let ours = |key: &str| json!([{"Key": "evenkeel:document", "Value": "farsight"}, {"Key": "evenkeel:key", "Value": key}]);
    scene.aws("elbv2", "AddTags", json!({"ResourceArns": [group], "Tags": ours("farsight-api-tg")}));
    scene.aws("elbv2", "AddTags", json!({"ResourceArns": [listener], "Tags": ours("farsight-alb/http")}));
    let tags = json!({"evenkeel:document": "farsight", "evenkeel:key": "/ecs/farsight-worker"});
    scene.aws("logs", "TagResource", json!({"resourceArn": log_group(&scene), "tags": tags}));
    let ours = json!([{"key": "evenkeel:document", "value": "farsight"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": cluster, "tags": ours}));
    scene.rest(LATER).await;
    let mut writes = scene.writes();
    writes.sort();
    let expected = [
        "ModifyListener farsight-alb",
        "ModifyTargetGroup farsight-api-tg",
        "PutRetentionPolicy /ecs/farsight-worker",
        "UpdateCluster farsight-cluster",
        "UpdateService farsight-worker",
    ];
    scene.check(writes == expected, &format!("{expected:#?}"));
    scene.end().await;
}
