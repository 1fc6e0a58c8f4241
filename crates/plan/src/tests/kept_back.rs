//! Documents some of whose entries have errors.

use evenkeel_model::document::read_partial;
use evenkeel_model::text::{self, Format};

use super::*;
use crate::State;

/// Puts a version in force as far as it has no errors.
fn reads(scene: &mut Scene, json: &Value) {
    let parsed = text::parse(json.to_string().as_bytes(), Some(Format::Json)).unwrap();
    let partial = read_partial(parsed).0.unwrap();
    scene.document = partial.with_last_good(Some(&scene.document));
}

fn two() -> Value {
    small_with(|d| d["services"]["worker"] = small_service("worker"))
}

fn faulty() -> Value {
    let mut document = two();
    new_image(&mut document, "api");
    new_image(&mut document, "worker");
    document["services"]["api"]["taskDefinition"]["cpu"] = json!("lots");
    document
}

#[test]
fn a_faulty_entry_keeps_its_service_where_it_is_while_the_others_proceed() {
    let mut scene = Scene::settled(two());
    reads(&mut scene, &faulty());
    prints(
        &scene,
        expect![[r#"
            web/api
              ! refused   its entry in the document has errors: line 1: this is no amount of CPU
                          until that is corrected, its last good version counts
            web/worker
              + register-task-definition   worker
                  containerDefinitions[app].image   app:1 -> app:2
              ~ update-service             taskDefinition worker:1 -> (register-task-definition worker)
            unchanged 1
        "#]],
    );
    assert_eq!(scene.plan().report.units[&unit("api")].state, State::Refused);
    // What somebody changes in it is healed to its last good version.
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    let planned = scene.plan();
    assert_eq!(planned.plan.units[&unit("api")].steps[0].id.0, "update-service api");
}

#[test]
fn a_faulty_entry_that_was_never_good_is_left_as_it_is_and_told() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"] = json!({"worker": small_service("worker")});
    }));
    reads(&mut scene, &faulty());
    prints(
        &scene,
        expect![[r#"
            web/api
              ! refused   its entry in the document has errors: line 1: this is no amount of CPU
                          until that is corrected, it is left as it is
            web/worker
              + register-task-definition   worker
                  containerDefinitions[app].image   app:1 -> app:2
              ~ update-service             taskDefinition worker:1 -> (register-task-definition worker)
            unchanged 1
        "#]],
    );
}
