//! Old task definition revisions: deregistered where the document says how many are kept, and never one that is
//! in use.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{WORKER, farsight, guarded, unit};

const SOON: u64 = 300;

/// The example with this image of the worker, and so many revisions kept.
fn keeping(keep: Option<usize>, image: &str) -> Value {
    let mut document = guarded(image);
    if let Some(keep) = keep {
        document["settings"] = json!({"taskDefinitions": {"keep": keep}});
    }
    document
}

/// The numbers of the worker's revisions that can be chosen.
fn active(scene: &Scene) -> BTreeSet<u64> {
    let listed = scene.aws("ecs", "ListTaskDefinitions", json!({"familyPrefix": WORKER, "sort": "ASC"}));
    let number = |arn: &Value| arn.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    listed["taskDefinitionArns"].as_array().unwrap().iter().map(number).collect()
}

/// The number of the revision that the worker runs.
fn current(scene: &Scene) -> u64 {
    let arn = scene.stage.service(WORKER)["taskDefinition"].clone();
    arn.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

async fn rolled_out(scene: &mut Scene, keep: Option<usize>, images: &[&str]) {
    for image in images {
        scene.stage.push(&keeping(keep, image));
        scene.rest(60).await;
    }
    scene.rest(SOON).await;
}

#[tokio::test(start_paused = true)]
async fn all_revisions_are_kept_unless_the_document_says_how_many() {
    let mut scene = Scene::settled(&keeping(None, "v1")).await;
    rolled_out(&mut scene, None, &["v2", "v3", "v4"]).await;
    assert_eq!(active(&scene), (1..=4).collect(), "{}", scene.story());
    scene.mark_here();
    rolled_out(&mut scene, Some(2), &["v4"]).await;
    let mut writes = scene.writes();
    writes.sort();
    assert_eq!(writes, ["DeregisterTaskDefinition "; 2], "{}", scene.story());
    assert_eq!(active(&scene), [3, 4].into(), "{}", scene.story());
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_newest_are_kept_with_every_rollout() {
    let mut scene = Scene::settled(&keeping(Some(2), "v1")).await;
    rolled_out(&mut scene, Some(2), &["v2", "v3", "v4"]).await;
    assert_eq!(active(&scene), [3, 4].into(), "{}", scene.story());
    // Going back takes one that is kept, which is not the newest then and stays.
    rolled_out(&mut scene, Some(1), &["v3"]).await;
    assert_eq!(active(&scene), [3, 4].into(), "{}", scene.story());
    assert_eq!(current(&scene), 3);
    scene.end().await;
}

/// A failed rollout leaves a newer revision that nothing runs, and the one it went back to is in use.
#[tokio::test(start_paused = true)]
async fn what_a_rollout_may_go_back_to_is_kept_while_it_lasts_and_after_it_failed() {
    let mut scene = Scene::settled(&keeping(Some(1), "v1")).await;
    scene.stage.push(&keeping(Some(1), "crash"));
    scene.until("held", |s| s.planned.report.units[&unit(WORKER)].held.is_some()).await;
    scene.check(active(&scene).contains(&1), "there is something to go back to");
    tokio::time::sleep(Duration::from_secs(1200)).await;
    scene.check(current(&scene) == 1, "it went back");
    scene.check(active(&scene).contains(&1), "what runs is kept");
    rolled_out(&mut scene, Some(1), &["v2"]).await;
    assert_eq!((current(&scene), active(&scene)), (3, [3].into()), "{}", scene.story());
    scene.end().await;
}

/// What somebody else registered in the family, and what another service runs of it, is not ours to deregister.
#[tokio::test(start_paused = true)]
async fn revisions_of_others_are_left() {
    let mut scene = Scene::settled(&keeping(Some(1), "v1")).await;
    let mut other = farsight()["services"][WORKER]["taskDefinition"].clone();
    other["cpu"] = "1024".into();
    other["memory"] = "2048".into();
    scene.aws("ecs", "RegisterTaskDefinition", other);
    rolled_out(&mut scene, Some(1), &["v2", "v3"]).await;
    assert_eq!(active(&scene), [2, 4].into(), "{}", scene.story());
    scene.end().await;
}

/// Nobody undoes what a person put there, so it stays what runs.
#[tokio::test(start_paused = true)]
async fn an_old_revision_that_a_person_chose_is_kept() {
    let left = |keep: Option<usize>, image: &str| {
        let mut document = keeping(keep, image);
        document["settings"]["heal"] = "off".into();
        document
    };
    let mut scene = Scene::settled(&left(None, "v1")).await;
    for image in ["v2", "v3"] {
        scene.stage.push(&left(None, image));
        scene.rest(60).await;
    }
    scene.update(WORKER, json!({"taskDefinition": format!("{WORKER}:1")}));
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.stage.push(&left(Some(1), "v3"));
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    assert_eq!((current(&scene), active(&scene)), (1, [1, 3].into()), "{}", scene.story());
    rolled_out(&mut scene, Some(1), &["v3"]).await;
    assert_eq!((current(&scene), active(&scene)), (3, [3].into()), "{}", scene.story());
    scene.end().await;
}
