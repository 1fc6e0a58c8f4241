//! Traffic that is to go elsewhere: to another target group of the same service, or to a service that takes the
//! place of another. At no time does a rule lead only to a group in which nobody is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use evenkeel_controller::Status;
use serde_json::{Value, json};

use super::cut_off::{cut_off, on_the_brink};
use super::scene::Scene;
use super::{API, CLUSTER, farsight};
use crate::stage::Fate;

const HOUR: u64 = 3600;
const SOON: u64 = 180;
const GROUP: &str = "farsight-api-tg";

fn pruned() -> Value {
    let mut document = farsight();
    document["settings"]["prune"] = "on".into();
    document
}

/// Brings `before` to rest, pushes `after`, and waits until that is at rest too.
async fn changed(before: &Value, after: &Value) -> Scene {
    let mut scene = Scene::settled(before).await;
    scene.stage.push(after);
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.rest(SOON).await;
    scene
}

fn groups(scene: &Scene) -> Vec<String> {
    let found = scene.aws("elbv2", "DescribeTargetGroups", json!({}));
    let names = found["TargetGroups"].as_array().unwrap().iter().map(|g| g["TargetGroupName"].as_str());
    names.map(|n| n.unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_changes_its_group_is_in_both_until_its_traffic_has_moved() {
    let mut after = pruned();
    let group = after["targetGroups"].as_object_mut().unwrap().remove(GROUP).unwrap();
    after["targetGroups"]["front"] = group;
    after["targetGroups"]["front"]["port"] = 8001.into();
    after["services"][API]["service"]["loadBalancers"][0]["targetGroupArn"] = "${targetGroup:front}".into();
    after["loadBalancers"]["farsight-alb"]["listeners"]["http"]["defaultActions"][0]["targetGroupArn"] =
        "${targetGroup:front}".into();
    let scene = changed(&pruned(), &after).await;
    scene.saw(&["farsight-alb", "waits for", "its traffic moves to front"]);
    scene.check(groups(&scene) == ["front"], "the other group alone");
    let rollouts = scene.writes().iter().filter(|w| w.starts_with("UpdateService")).count();
    scene.check(rollouts == 2, "two rollouts");
    scene.end().await;
}

/// Its tasks cannot serve the old port any more: they change within the old group first.
#[tokio::test(start_paused = true)]
async fn containers_that_change_their_port_with_another_group_do_so_first() {
    let mut after = pruned();
    let group = after["targetGroups"].as_object_mut().unwrap().remove(GROUP).unwrap();
    after["targetGroups"]["front"] = group;
    let api = &mut after["services"][API];
    api["taskDefinition"]["containerDefinitions"][0]["portMappings"][0]["containerPort"] = 9000.into();
    api["service"]["loadBalancers"][0] = json!({"targetGroupArn": "${targetGroup:front}",
        "containerName": "api-server", "containerPort": 9000});
    after["loadBalancers"]["farsight-alb"]["listeners"]["http"]["defaultActions"][0]["targetGroupArn"] =
        "${targetGroup:front}".into();
    let scene = changed(&pruned(), &after).await;
    let rollouts = scene.writes().iter().filter(|w| w.starts_with("UpdateService")).count();
    scene.check(rollouts == 3, "three rollouts");
    scene.check(!scene.writes().iter().any(|w| w.contains('!')), "nothing was refused by AWS");
    scene.end().await;
}

/// The example whose API is called so, with a rule; and with a target group of its own.
fn named(name: &str, own: bool) -> Value {
    let mut document = pruned();
    let services = document["services"].as_object_mut().unwrap();
    let mut service = services.remove(API).unwrap();
    let mut group = GROUP;
    if own {
        service["targetGroups"] = json!({"own": farsight()["targetGroups"][GROUP].clone()});
        service["targetGroups"]["own"]["name"] = format!("{name}-tg").into();
        group = "own";
    }
    service["service"]["loadBalancers"][0]["targetGroupArn"] = format!("${{targetGroup:{group}}}").into();
    service["listenerRules"] = json!({"main": {"listenerArn": "${listener:farsight-alb/http}", "priority": 10,
        "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
        "actions": [{"type": "forward", "targetGroupArn": format!("${{targetGroup:{group}}}")}]}});
    services.insert(name.to_owned(), service);
    if own {
        document["targetGroups"].as_object_mut().unwrap().remove(GROUP);
        document["loadBalancers"]["farsight-alb"]["listeners"]["http"]["defaultActions"] =
            json!([{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "404"}}]);
    }
    document
}

/// The number of a row of the audit of the first write that begins so.
fn first(scene: &Scene, write: &str) -> usize {
    let writes = scene.writes();
    writes.iter().position(|w| w.starts_with(write)).unwrap_or_else(|| panic!("no {write}: {writes:#?}"))
}

#[tokio::test(start_paused = true)]
async fn a_service_that_gets_another_name_serves_before_the_old_one_goes() {
    for own in [false, true] {
        let scene = changed(&named(API, own), &named("front", own)).await;
        scene.check(
            first(&scene, "CreateService front") < first(&scene, "DeleteService"),
            "the new one first",
        );
        let count = |verb: &str| scene.writes().iter().filter(|w| w.starts_with(verb)).count();
        scene.check(count("DeleteRule") + count("CreateRule") == 0, "its rule is taken over");
        let tags = scene.aws(
            "elbv2",
            "DescribeRules",
            json!({"ListenerArn": scene.listener("farsight-alb")["ListenerArn"]}),
        );
        let arn =
            tags["Rules"].as_array().unwrap().iter().find(|r| r["Priority"] == "10").unwrap()["RuleArn"]
                .clone();
        let tags = scene.aws("elbv2", "DescribeTags", json!({"ResourceArns": [arn]})).to_string();
        scene.check(tags.contains("front/main"), &tags);
        let old = scene.aws("ecs", "DescribeServices", json!({"cluster": CLUSTER, "services": [API]}));
        scene.check(old["services"][0]["status"] != "ACTIVE", "the old one is gone");
        let left = if own { "front-tg" } else { GROUP };
        scene.check(groups(&scene) == [left], "one group");
        scene.end().await;
    }
}

/// Each write of it in turn meets a fate; another daemon follows where one died.
#[tokio::test(start_paused = true)]
async fn a_new_name_that_is_cut_off_anywhere_comes_to_its_end_without_a_gap() {
    let stage = on_the_brink(&named(API, true), &named("front", true)).await;
    for fate in [Fate::DiesAfter, Fate::AnswerLost] {
        for nth in 0.. {
            let (mut daemon, met) = cut_off(&stage, nth, fate).await;
            daemon.until(Duration::from_secs(2 * HOUR), "settled", Status::is_settled).await;
            tokio::time::sleep(Duration::from_secs(HOUR / 2)).await;
            daemon.settled().await;
            let story = || format!("{fate:?} at write {nth}\n{}", daemon.story());
            assert_eq!(stage.violations(), [""; 0], "{}", story());
            assert_eq!(stage.service("front")["runningCount"], 2, "{}", story());
            assert_ne!(stage.service(API)["status"], "ACTIVE", "{}", story());
            daemon.stop().await;
            if !met.load(Ordering::SeqCst) {
                assert!(nth > 8, "{nth} writes");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_successor_never_serves_stays() {
    let mut after = named("front", true);
    super::set_image(&mut after, "front", "crash");
    let mut scene = Scene::settled(&named(API, true)).await;
    scene.stage.push(&after);
    tokio::time::sleep(Duration::from_secs(3 * HOUR)).await;
    let count = |verb: &str| scene.writes().iter().filter(|w| w.starts_with(verb)).count();
    scene.check(count("DeleteService") == 0, "the old one serves on");
    scene.saw(&["service:farsight-cluster/farsight-api-server", "waits", "its traffic moves to front-tg"]);
    // Taken back, all is as it was.
    scene.stage.push(&named(API, true));
    scene.rest(HOUR).await;
    scene.end().await;
}

/// The document contradicts itself: somebody is to be led to a group in which nobody is to be.
#[tokio::test(start_paused = true)]
async fn a_service_to_which_the_document_still_leads_traffic_stays() {
    let mut after = pruned();
    after["services"].as_object_mut().unwrap().remove(API);
    let mut scene = Scene::settled(&pruned()).await;
    scene.stage.push(&after);
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.saw(&["service:farsight-cluster/farsight-api-server", "refused", "lead to its target group"]);
    scene.wrote(&[]);
    after["loadBalancers"]["farsight-alb"]["listeners"]["http"]["defaultActions"] =
        json!([{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "404"}}]);
    after["targetGroups"].as_object_mut().unwrap().remove(GROUP);
    scene.stage.push(&after);
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.rest(SOON).await;
    scene.check(first(&scene, "ModifyListener") < first(&scene, "DeleteService"), "in this order");
    scene.end().await;
}
