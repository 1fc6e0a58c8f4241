//! From nothing to running, and then nothing but the lease.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight};

/// The order that AWS demands, and the one that the document asks for: the worker first.
#[tokio::test(start_paused = true)]
async fn two_services_are_brought_from_nothing_to_running() {
    let mut scene = Scene::start(&farsight());
    let status = scene.daemon.settled().await;
    assert!(status.is_ready());
    for name in [WORKER, API] {
        let service = scene.stage.service(name);
        assert_eq!((&service["runningCount"], &service["desiredCount"]), (&2.into(), &2.into()), "{name}");
    }
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn everything_is_made_once_and_in_the_order_that_aws_demands() {
    let mut scene = Scene::start(&farsight());
    scene.daemon.settled().await;
    let writes = scene.writes();
    let place = |title: &str| {
        let found: Vec<usize> = (0..writes.len()).filter(|i| writes[*i] == title).collect();
        assert_eq!(found.len(), 1, "{title} once in {writes:#?}");
        found[0]
    };
    let chains: [&[&str]; 4] = [
        &[
            "CreateCluster farsight-cluster",
            "CreateService farsight-worker",
            "RegisterScalableTarget farsight-worker",
            "PutScalingPolicy worker-cpu-scaling",
        ],
        &[
            "CreateTargetGroup farsight-api-tg",
            "CreateListener farsight-alb",
            "CreateService farsight-api-server",
            "RegisterScalableTarget farsight-api-server",
            "PutScalingPolicy api-server-cpu-scaling",
        ],
        &[
            "CreateLogGroup /ecs/farsight-worker",
            "RegisterTaskDefinition farsight-worker",
            "CreateService farsight-worker",
            "CreateService farsight-api-server",
        ],
        &[
            "CreateRepository farsight-server",
            "CreateLogGroup /ecs/farsight-api-server",
            "CreateLoadBalancer farsight-alb",
            "CreateListener farsight-alb",
            "RegisterTaskDefinition farsight-api-server",
        ],
    ];
    let mut places: Vec<usize> = Vec::new();
    for chain in chains {
        let found: Vec<usize> = chain.iter().map(|title| place(title)).collect();
        if chain[0] != "CreateRepository farsight-server" {
            assert!(found.is_sorted(), "{chain:?} in {writes:#?}");
        }
        places.extend(found);
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), writes.len(), "nothing else: {writes:#?}");
    scene.end().await;
}

/// The tags in an input, whatever the service calls them.
fn tags(input: &Value) -> BTreeMap<String, String> {
    let list = ["tags", "Tags"].into_iter().find_map(|n| input.get(n)).cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match list {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), text(v))).collect(),
        Value::Array(list) => list
            .iter()
            .map(|t| {
                let member = |a: &str, b: &str| text(t.get(a).or(t.get(b)).unwrap_or(&Value::Null));
                (member("key", "Key"), member("value", "Value"))
            })
            .collect(),
        _ => BTreeMap::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_made_carries_the_tags_of_ownership_and_of_the_document() {
    let mut scene = Scene::start(&farsight());
    scene.daemon.settled().await;
    let mut seen = 0;
    for row in scene.stage.sim.audit(0).iter().filter(|r| r.caller != "operator" && r.write) {
        let makes = row.operation.starts_with("Create") || row.operation.starts_with("Register");
        if !makes || row.service == "s3" {
            continue;
        }
        let tags = tags(&row.input);
        let of = |key: &str| tags.get(key).map(String::as_str);
        assert_eq!(of("evenkeel:document"), Some("farsight"), "{row:#?}");
        assert_eq!(of("Project"), Some("farsight"), "{row:#?}");
        assert!(of("evenkeel:key").is_some_and(|k| !k.is_empty()), "{row:#?}");
        seen += 1;
    }
    assert_eq!(seen, 13);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn once_settled_nothing_is_written_but_the_lease() {
    let scene = Scene::settled(&farsight()).await;
    let mark = scene.stage.mark();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let rows = scene.stage.sim.audit(mark);
    assert!(rows.len() > 100, "the daemon goes on looking");
    let writes: Vec<String> = rows
        .iter()
        .filter(|r| r.write)
        .map(|r| format!("{} {}", r.operation, r.input["Key"].as_str().unwrap_or_default()))
        .filter(|w| w != "PutObject state/lease.json")
        .collect();
    assert_eq!(writes, Vec::<String>::new());
    let mut minute: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *minute.entry(format!("{} {}", row.service, row.operation)).or_default() += 1;
    }
    println!("calls in an hour at rest: {minute:#?}");
    // A fleet at rest costs a handful of calls a minute for each service.
    assert!(rows.len() < 60 * 60, "{} calls in an hour", rows.len());
    scene.end().await;
}

/// The memory of what was done is whole: every unit's outcome, and no intent left open.
#[tokio::test(start_paused = true)]
async fn memory_ends_with_an_outcome_for_every_unit() {
    let scene = Scene::settled(&farsight()).await;
    let units = super::restarts::records(&scene.stage);
    assert!(units.len() >= 8, "{units:#?}");
    for (key, unit) in &units {
        scene.check(unit.get("intent").is_none(), &format!("no intent is left at {key}: {unit:#}"));
        scene.check(unit.get("documentVersion").is_some(), &format!("{key} was applied: {unit:#}"));
        scene.check(unit["failures"] == json!(0), &format!("{key} did not fail: {unit:#}"));
    }
    scene.end().await;
}
