//! What is declared, registered and observed again is equal to what was declared: for task definitions as
//! people really write them.

use std::time::Duration;

use evenkeel_plan::State;
use serde_json::{Value, json};

use super::farsight;
use super::scene::Scene;

/// Task definitions that AWS takes, by file; none where the folder is not there.
fn real() -> Vec<(String, Value)> {
    let folder = crate::root().join("../shared/corpus");
    let Ok(index) = std::fs::read_to_string(folder.join("INDEX.tsv")) else {
        eprintln!("NOT TESTED: there is no corpus at {}, beside the workspace", folder.display());
        return Vec::new();
    };
    let mut found = Vec::new();
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (file, kind, status) = (columns[0], columns[4], columns[5]);
        if kind != "taskdef" || !["valid", "export_extra_fields"].contains(&status) {
            continue;
        }
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let Ok(mut json) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else {
            continue;
        };
        for envelope in ["data", "taskDefinition"] {
            if let Some(inner) = json.get_mut(envelope).filter(|it| it.is_object()) {
                json = inner.take();
            }
        }
        // What is still to be rendered is no size.
        if !["cpu", "memory"].iter().any(|size| json[size].as_str().is_some_and(|text| text.contains('{'))) {
            found.push((file.to_owned(), json));
        }
    }
    found
}

/// Every field that the tables of defaults and sets have something to say about.
fn of_our_own() -> Vec<(String, Value)> {
    let container = |more: Value| {
        let mut container = json!({"name": "app", "image": "app:1", "cpu": 10, "memory": 128});
        container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"family": "own", "containerDefinitions": [container]})
    };
    [
        json!({}),
        json!({"environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}),
        json!({"portMappings": [{"containerPort": 80}, {"containerPort": 53, "protocol": "udp", "hostPort": 0}]}),
        json!({"healthCheck": {"command": ["CMD-SHELL", "true"]}}),
        json!({"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}], "essential": true, "links": []}),
        json!({"logConfiguration": {"logDriver": "json-file", "options": {"max-size": "1m"}}}),
        json!({"linuxParameters": {"initProcessEnabled": true}, "dockerLabels": {"b": "2", "a": "1"}}),
        json!({"mountPoints": [], "volumesFrom": [], "systemControls": [], "environmentFiles": []}),
    ]
    .into_iter()
    .enumerate()
    .map(|(i, more)| (format!("own {i}"), container(more)))
    .collect()
}

#[tokio::test(start_paused = true)]
async fn task_definitions_as_people_write_them_are_registered_once_and_then_equal() {
    let mut document = farsight();
    let written: Vec<(String, Value)> = of_our_own().into_iter().chain(real()).collect();
    let mut families = serde_json::Map::new();
    for (i, (_, task)) in written.iter().enumerate() {
        let mut task = task.clone();
        // One family may be in many files.
        task["family"] = format!("family-{i}").into();
        families.insert(format!("family-{i}"), task);
    }
    document["taskDefinitions"] = families.into();
    let mut scene = Scene::start(&document);
    scene
        .until("everything is decided", |s| {
            let decided = |state: State| matches!(state, State::Synced | State::Refused);
            s.observed
                && !s.planned.report.units.is_empty()
                && s.planned.report.units.values().all(|u| decided(u.state))
        })
        .await;
    let status = scene.daemon.status.borrow().clone();
    for (key, report) in &status.planned.report.units {
        let number = key.name().rsplit('-').next().and_then(|n| n.parse::<usize>().ok());
        let file = number.and_then(|n| written.get(n)).map(|(file, _)| file.as_str()).unwrap_or_default();
        assert_eq!(report.state, State::Synced, "{key} ({file}): {:?}", report.refused);
    }
    let registered =
        scene.writes().iter().filter(|w| w.starts_with("RegisterTaskDefinition family-")).count();
    assert_eq!(registered, written.len());
    eprintln!("{registered} task definitions registered once and equal afterwards");
    tokio::time::sleep(Duration::from_secs(60)).await;
    scene.daemon.settled().await;
    // What is changed is seen to be: one of them, and that one only.
    scene.mark_here();
    document["taskDefinitions"]["family-1"]["containerDefinitions"][0]["environment"][0]["value"] =
        "3".into();
    scene.stage.push(&document);
    scene.rest(60).await;
    scene.wrote(&["RegisterTaskDefinition family-1"]);
    scene.end().await;
}
