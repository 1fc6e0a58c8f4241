//! Target groups that cannot be replaced in a running service: refused with the way out, and one that can be,
//! under load.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::shifts::shifted;
use super::{API, CLUSTER, farsight};

const SOON: u64 = 180;
const LATER: u64 = 400;
const HOUR: u64 = 3600;

/// Pushes a document that asks for what cannot be, and expects it refused; then takes it back.
async fn refused(before: &Value, after: &Value, words: &[&str]) {
    let mut scene = Scene::settled(before).await;
    scene.stage.push(after);
    tokio::time::sleep(Duration::from_secs(LATER)).await;
    scene.saw(words);
    let writes = scene.writes();
    let replaces = |w: &String| w.contains("TargetGroup") || w.contains("Rule") || w.contains("Listener");
    scene.check(!writes.iter().any(replaces), "nothing of the traffic is touched");
    let status = scene.daemon.status.borrow().clone();
    let group =
        status.planned.report.units.iter().find(|(key, _)| key.to_string().contains("farsight-api-tg"));
    let refusals = &group.unwrap().1.refused;
    let way = |r: &evenkeel_plan::Refusal| r.way_out.as_ref().is_some_and(|w| w.contains("another name"));
    scene.check(!refusals.is_empty() && refusals.iter().all(way), "the way out is told");
    scene.stage.push(before);
    scene.rest(LATER).await;
    scene.end().await;
}

fn with_group(mut document: Value, member: &str, value: &str) -> Value {
    document["targetGroups"]["farsight-api-tg"][member] = value.into();
    document
}

#[tokio::test(start_paused = true)]
async fn a_group_of_another_vpc_or_target_type_is_refused() {
    let vpc = with_group(farsight(), "vpcId", "vpc-0ffffffffffffffff");
    refused(&farsight(), &vpc, &["farsight-api-tg", "refused", "`vpcId`", "its load balancer is in the VPC"])
        .await;
    let kind = with_group(farsight(), "targetType", "instance");
    refused(&farsight(), &kind, &["farsight-api-tg", "refused", "`targetType`", "two target types"]).await;
}

/// Tasks of the new revision cannot serve the old port: they go into the old group under their own one first, and
/// then serve both groups.
#[tokio::test(start_paused = true)]
async fn containers_that_change_their_port_with_their_group_do_so_first() {
    let mut other = farsight();
    other["targetGroups"]["farsight-api-tg"]["port"] = 9000.into();
    let api = &mut other["services"][API];
    api["taskDefinition"]["containerDefinitions"][0]["portMappings"][0]["containerPort"] = 9000.into();
    api["service"]["loadBalancers"][0]["containerPort"] = 9000.into();
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&other);
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.rest(SOON).await;
    scene.saw(&["farsight-api-tg", "refused", "cannot be in both", "have no port 8000"]);
    only_group(&scene, "farsight-api-tg-", 9000);
    let writes = scene.writes();
    let count = |verb: &str| writes.iter().filter(|w| w.starts_with(verb)).count();
    let seen = [count("RegisterTaskDefinition"), count("UpdateService"), count("CreateTargetGroup")];
    scene.check(seen == [1, 3, 1], "the new revision, then a replacement");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_pair_of_a_blue_green_service_is_refused() {
    let strategy = || json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1});
    let before = shifted(strategy(), "v1");
    let mut after = before.clone();
    after["targetGroups"]["farsight-api-tg"]["port"] = 8001.into();
    refused(&before, &after, &["farsight-api-tg", "refused", "ECS moves its traffic between two groups"])
        .await;
}

/// The example behind a network load balancer.
fn network(port: i64) -> Value {
    let mut document = farsight();
    document["loadBalancers"]["farsight-alb"] = json!({"type": "network",
        "subnets": farsight()["loadBalancers"]["farsight-alb"]["subnets"],
        "listeners": {"tcp": {"protocol": "TCP", "port": 80,
            "defaultActions": [{"type": "forward", "targetGroupArn": "${targetGroup:farsight-api-tg}"}]}}});
    document["targetGroups"]["farsight-api-tg"] = json!({"protocol": "TCP", "port": port,
        "vpcId": farsight()["targetGroups"]["farsight-api-tg"]["vpcId"], "targetType": "ip"});
    document
}

#[tokio::test(start_paused = true)]
async fn a_group_behind_a_network_load_balancer_is_replaced_by_one_of_its_protocol_alone() {
    let mut scene = Scene::settled(&network(8000)).await;
    scene.stage.push(&network(8001));
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.rest(SOON).await;
    only_group(&scene, "farsight-api-tg-", 8001);
    let weights = scene.listener("farsight-alb")["DefaultActions"].to_string();
    scene.check(!weights.contains("Weight"), &format!("one group needs no weight: {weights}"));
    let rollouts = scene.writes().iter().filter(|w| w.starts_with("UpdateService")).count();
    scene.check(rollouts == 2, "two rollouts");
    scene.end().await;
    let mut other = network(8000);
    other["targetGroups"]["farsight-api-tg"]["protocol"] = "TCP_UDP".into();
    let words =
        ["farsight-api-tg", "refused", "no listener leads to target groups of the protocols TCP and TCP_UDP"];
    refused(&network(8000), &other, &words).await;
}

/// What is asked for is the name, and the old one is no less replaced: it is not pruned besides, nor kept where
/// pruning is off.
#[tokio::test(start_paused = true)]
async fn a_group_that_gets_another_name_has_that_name() {
    for prune in ["off", "on"] {
        let mut document = farsight();
        document["settings"]["prune"] = prune.into();
        let mut scene = Scene::settled(&document).await;
        // Where the name is taken by the old one, there is a hash in it; that one is renamed as well.
        for (name, port, found) in [
            ("farsight-web", 8000, "farsight-web"),
            ("farsight-web", 8001, "farsight-web-"),
            ("front", 8001, "front"),
        ] {
            document["targetGroups"]["farsight-api-tg"]["name"] = name.into();
            document["targetGroups"]["farsight-api-tg"]["port"] = port.into();
            scene.mark_here();
            scene.stage.push(&document);
            tokio::time::sleep(Duration::from_secs(HOUR)).await;
            scene.rest(SOON).await;
            only_group(&scene, found, port);
            scene.never_saw(&["prune is off"]);
            let deleted = scene.writes().iter().filter(|w| w.starts_with("DeleteTargetGroup")).count();
            scene.check(deleted == 1, "deleted once");
            let events = scene.daemon.status.borrow().events.clone();
            scene.check(!events.iter().any(|e| e.message.contains("not begun")), "and tried once");
        }
        scene.end().await;
    }
}

/// Fails unless there is one target group, whose name begins so, on this port.
#[track_caller]
fn only_group(scene: &Scene, name: &str, port: i64) {
    let groups = scene.aws("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
    let named = groups[0]["TargetGroupName"].as_str().is_some_and(|n| n.starts_with(name));
    let alone = groups.as_array().is_some_and(|g| g.len() == 1);
    scene.check(alone && named && groups[0]["Port"] == *port.to_string(), &groups.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_group_is_replaced_while_the_autoscaler_is_at_work() {
    let mut scene = Scene::settled(&farsight()).await;
    let resource = format!("service/{CLUSTER}/{API}");
    let load = json!([[0, 140.0], [120, 560.0], [1500, 70.0]]);
    scene.stage.control("load", json!({"resourceId": resource, "points": load}));
    let mut document = farsight();
    document["targetGroups"]["farsight-api-tg"]["port"] = 8001.into();
    document["targetGroups"]["farsight-api-tg"]["protocolVersion"] = "HTTP2".into();
    scene.stage.push(&document);
    tokio::time::sleep(Duration::from_secs(900)).await;
    scene.check(scene.stage.service(API)["desiredCount"].as_i64() > Some(4), "it has grown meanwhile");
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.rest(SOON).await;
    only_group(&scene, "farsight-api-tg-", 8001);
    let rollouts = scene.writes().iter().filter(|w| w.starts_with("UpdateService")).count();
    scene.check(rollouts == 2, "two rollouts");
    let rows = scene.stage.sim.audit(0);
    let counts =
        rows.iter().filter(|r| r.operation == "UpdateService" && r.input.get("desiredCount").is_some());
    scene.check(counts.count() == 0, "no count is sent");
    scene.end().await;
}
