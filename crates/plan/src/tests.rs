//! What is decided, situation by situation.

use std::collections::BTreeSet;

use evenkeel_model::Tree;
use std::collections::BTreeMap;

use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::HeldDeployment;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::testing::*;

mod adoption;
mod balancing;
mod checker;
mod diagnosis;
mod finished;
mod floor;
mod healing;
mod holds;
mod kept_back;
mod order;
mod ownership;
mod persons;
mod priorities;
mod properties;
mod prune;
mod replacement;
mod rest;
mod restraint;
mod rollouts;
mod scaling;
mod shifts;
mod unknowns;
mod worlds;

#[track_caller]
fn prints(scene: &Scene, expected: Expect) {
    expected.assert_eq(&scene.print());
}

#[track_caller]
fn sends(scene: &Scene, unit: &evenkeel_model::key::UnitKey, step: &str, expected: Expect) {
    expected.assert_eq(&scene.input_of(unit, step));
}

/// What memory is after the plan of now was carried out to the end.
fn carried_out(scene: &mut Scene) {
    let planned = scene.plan();
    for (key, unit) in planned.plan.units {
        let memory = scene.memory.0.entry(key.clone()).or_default();
        let done = unit.steps.iter().map(|s| s.id.clone()).collect();
        unit.record(&key, memory, &ran(&scene.document.name, scene.clock, &done));
        memory.restart = unit.restart;
        memory.deployment_key = unit.deployment_key.or(memory.deployment_key.take());
    }
}

/// A run that did all it was to do.
fn ran<'a>(document: &'a str, clock: i64, done: &'a BTreeSet<crate::StepId>) -> crate::Run<'a> {
    crate::Run { document, version: "v", clock, done, complete: true }
}

/// [`small`] with a change.
fn small_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = small();
    change(&mut document);
    document
}

/// A second service, `web/worker`, on which `api` depends.
fn with_worker(document: &mut Value) {
    document["services"]["worker"] = small_service("worker");
    document["services"]["api"]["dependsOn"] = json!(["worker"]);
}

/// Gives a service another image.
fn new_image(document: &mut Value, service: &str) {
    document["services"][service]["taskDefinition"]["containerDefinitions"][0]["image"] = json!("app:2");
}
