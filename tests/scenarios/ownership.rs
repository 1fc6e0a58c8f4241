//! Whose a thing is: by its tags, and nothing is written that does not carry ours.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, CLUSTER, WORKER, farsight};
use crate::stage::Stage;

const SOON: u64 = 120;

#[tokio::test(start_paused = true)]
async fn a_service_whose_tag_was_removed_is_disowned() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.stage.service(WORKER)["serviceArn"].clone();
    let tag = json!(["evenkeel:document"]);
    scene.aws("ecs", "UntagResource", json!({"resourceArn": arn, "tagKeys": tag}));
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.until("refused", |s| !s.is_settled()).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    scene.saw(&[WORKER, "refused", "disowned", "evenkeel:document"]);
    scene.wrote(&[]);
    // Handed back.
    let tags = json!([{"key": "evenkeel:document", "value": "farsight"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tags}));
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_others_are_left_in_peace() {
    let mut scene = Scene::settled(&farsight()).await;
    let service = scene.stage.service(WORKER)["serviceArn"].clone();
    let group = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let theirs = json!([{"key": "CostCenter", "value": "42"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": service, "tags": theirs}));
    let theirs = json!([{"Key": "CostCenter", "Value": "42"}]);
    scene.aws("elbv2", "AddTags", json!({"ResourceArns": [group], "Tags": theirs}));
    scene.rest(SOON).await;
    scene.wrote(&[]);
    let tags = scene.stage.service(WORKER)["tags"].to_string();
    scene.check(tags.contains("CostCenter"), "their tag is there");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_the_document_changed_by_hand_is_put_right_without_a_rollout() {
    let mut scene = Scene::settled(&farsight()).await;
    let service = scene.stage.service(WORKER);
    let tags = json!([{"key": "Project", "value": "mine"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": service["serviceArn"], "tags": tags}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "tags/Project", "human", "healed"]);
    scene.wrote(&["TagResource farsight-worker"]);
    let now = scene.stage.service(WORKER);
    scene.check(now["deployments"][0]["id"] == service["deployments"][0]["id"], "no deployment");
    scene.end().await;
}

/// A service of that name, made by hand before Evenkeel came.
fn made_by_hand(stage: &Stage) -> Value {
    let part = &farsight()["services"][WORKER];
    stage.operator("ecs", "CreateCluster", json!({"clusterName": CLUSTER}));
    stage.operator("ecs", "RegisterTaskDefinition", part["taskDefinition"].clone());
    let mut input = part["service"].clone();
    input["cluster"] = CLUSTER.into();
    input["serviceName"] = WORKER.into();
    input["taskDefinition"] = WORKER.into();
    stage.operator("ecs", "CreateService", input)["service"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ours_is_refused_and_adopted_by_the_command_that_is_told() {
    let stage = Stage::new(&farsight());
    let made = made_by_hand(&stage);
    stage.is_seen().await;
    let mut scene = Scene::on(stage);
    let arn = made["serviceArn"].as_str().unwrap().to_owned();
    let command = format!(
        "aws ecs tag-resource --resource-arn {arn} --tags key=evenkeel:document,value=farsight key=evenkeel:key,value={WORKER}"
    );
    let told = move |s: &evenkeel_controller::Status| {
        let ways =
            s.planned.report.units.values().flat_map(|u| &u.refused).filter_map(|r| r.way_out.as_ref());
        ways.into_iter().any(|w| w.contains(&command))
    };
    scene.until("told how to adopt", told).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let touched: Vec<String> = scene.writes().into_iter().filter(|w| w.contains(WORKER)).collect();
    scene.check(
        touched.iter().all(|w| w == "CreateLogGroup /ecs/farsight-worker"),
        &format!("nothing is written to it: {touched:?}"),
    );
    let tags =
        json!([{"key": "evenkeel:document", "value": "farsight"}, {"key": "evenkeel:key", "value": WORKER}]);
    // The cluster was made by hand as well.
    let cluster = made["clusterArn"].clone();
    let of_cluster =
        json!([{"key": "evenkeel:document", "value": "farsight"}, {"key": "evenkeel:key", "value": CLUSTER}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": cluster, "tags": of_cluster}));
    scene.mark_here();
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tags}));
    scene.rest(SOON).await;
    let writes = scene.writes();
    let deploys = |w: &&String| w.starts_with("RegisterTask") && w.contains(WORKER);
    scene.check(writes.iter().filter(deploys).count() == 0, "adopting registers nothing");
    scene.check(!writes.contains(&"UpdateService farsight-worker".into()), "adopting deploys nothing");
    scene.check(writes.contains(&"RegisterScalableTarget farsight-worker".into()), "the rest is done");
    scene.check(
        scene.stage.writes(0).contains(&"CreateService farsight-api-server".into()),
        "the other one was made, because the one it depends on runs",
    );
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_another_document_is_refused() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.stage.service(API)["serviceArn"].clone();
    let tags = json!([{"key": "evenkeel:document", "value": "other"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tags}));
    scene.update(API, json!({"enableExecuteCommand": true}));
    scene.until("refused", |s| !s.is_settled()).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.saw(&[API, "refused", "belongs to the document \"other\""]);
    scene.wrote(&[]);
    let tags = json!([{"key": "evenkeel:document", "value": "farsight"}]);
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tags}));
    scene.rest(SOON).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_group_that_is_not_ours_keeps_the_service_waiting_and_nothing_else() {
    let stage = Stage::new(&farsight());
    let mut input = json!({"Name": "farsight-api-tg"});
    for (name, value) in farsight()["targetGroups"]["farsight-api-tg"].as_object().unwrap() {
        let mut chars = name.chars();
        let first = chars.next().unwrap().to_ascii_uppercase();
        input[format!("{first}{}", chars.as_str())] = value.clone();
    }
    stage.operator("elbv2", "CreateTargetGroup", input);
    stage.is_seen().await;
    let mut scene = Scene::on(stage);
    let done = |s: &evenkeel_controller::Status| {
        let state = |name: &str| {
            let found = s.planned.report.units.iter().find(|(k, _)| k.name().ends_with(name));
            found.map(|(_, u)| u.state.word())
        };
        state("farsight-api-tg") == Some("refused") && state(WORKER) == Some("synced")
    };
    scene.until("refused, and the worker at rest", done).await;
    scene.saw(&["farsight-api-tg", "refused", "exists already"]);
    let arn = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let tags = json!([{"Key": "evenkeel:document", "Value": "farsight"}, {"Key": "evenkeel:key", "Value": "farsight-api-tg"}]);
    scene.aws("elbv2", "AddTags", json!({"ResourceArns": [arn], "Tags": tags}));
    scene.rest(SOON).await;
    scene.check(!scene.writes().contains(&"CreateTargetGroup farsight-api-tg".into()), "it was adopted");
    scene.end().await;
}

/// The same services in a document of another name.
fn renamed(adopt: Value) -> Value {
    let mut document = farsight();
    document["name"] = "farsight-two".into();
    document["adopt"] = adopt;
    document
}

#[tokio::test(start_paused = true)]
async fn services_move_to_another_document_by_their_tags_alone() {
    let mut scene = Scene::settled(&farsight()).await;
    let before = scene.stage.service(API);
    // By another name nothing is ours, and nothing is touched.
    scene.stage.push(&renamed(Value::Bool(false)));
    scene.until("refused", |s| !s.is_settled()).await;
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.saw(&[API, "refused", "belongs to the document \"farsight\""]);
    scene.wrote(&[]);
    scene.stage.push(&renamed(json!({"from": "farsight"})));
    scene.rest(SOON).await;
    let writes = scene.writes();
    let tagging = |w: &String| w.starts_with("TagResource") || w.starts_with("AddTags");
    scene.check(!writes.is_empty() && writes.iter().all(tagging), "tags and nothing else");
    let after = scene.stage.service(API);
    scene.check(after["deployments"][0]["id"] == before["deployments"][0]["id"], "no deployment");
    scene.check(after["tags"].to_string().contains("farsight-two"), "it is the other document's");
    scene.end().await;
}
