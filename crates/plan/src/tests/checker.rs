//! The checker, each finding by a plan that is wrong on purpose; and that plans are functions of their input.

use evenkeel_model::key::UnitKey;
use evenkeel_model::shapes::Op;
use proptest::prelude::*;

use super::*;
use crate::check::check;
use crate::{Guard, Need, Planned, Step, StepId, WaitingOn};

/// A plan of two steps, register and update, spoilt.
fn finds(spoil: impl FnOnce(&mut Scene, &mut Vec<Step>), expected: Expect) {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    let mut planned = scene.plan();
    spoil(&mut scene, &mut planned.plan.units.get_mut(&unit("api")).unwrap().steps);
    let found: Vec<String> = check(&scene.input(), &planned).into_iter().map(|f| f.message + "\n").collect();
    assert!(!found.is_empty());
    expected.assert_eq(&found.concat());
}

#[test]
fn two_steps_of_one_name() {
    finds(
        |_, steps| steps[1].id = steps[0].id.clone(),
        expect![[r#"
        the plan has two steps register-task-definition api
    "#]],
    );
}

#[test]
fn a_step_before_what_it_needs() {
    finds(
        |_, steps| steps.reverse(),
        expect![[r#"
        step update-service api needs register-task-definition api, which does not come before it
    "#]],
    );
}

#[test]
fn a_guard_by_a_step_that_comes_later() {
    finds(
        |_, steps| steps[0].guard = Guard::AsLeftBy(StepId("later".into())),
        expect![[r#"
        step register-task-definition api is guarded by later, which does not come before it
    "#]],
    );
}

#[test]
fn a_value_from_a_step_that_is_not_needed() {
    finds(
        |_, steps| steps[1].needs.clear(),
        expect![[r#"
        step update-service api takes a value from a step it does not need
    "#]],
    );
}

#[test]
fn a_difference_answered_twice() {
    finds(
        |_, steps| steps[1].because = steps[0].because.clone(),
        expect![[r#"
        step update-service api answers /containerDefinitions/app/image a second time
    "#]],
    );
}

#[test]
fn a_reference_that_nobody_resolved() {
    finds(
        |_, steps| steps[0].action.input.set("taskRoleArn", Tree::from("${targetGroup:x}")),
        expect![[r#"
        step register-task-definition api is ready with ${targetGroup:x} unresolved
    "#]],
    );
}

#[test]
fn an_input_that_aws_would_refuse() {
    finds(
        |_, steps| {
            steps[0].action.input.take("family");
            steps[0].action.input.set("volumes", Tree::from("x"));
        },
        expect![[r#"
            step register-task-definition api would be refused at `/volumes`: a list belongs here, not a string
            step register-task-definition api would be refused at ``: `family` is required
        "#]],
    );
}

#[test]
fn a_write_to_what_has_not_been_seen() {
    finds(
        |scene, steps| {
            scene.unseen(service("api"));
            steps[1].guard = Guard::Absent;
        },
        expect![[r#"
            step update-service api writes service web/api, which has not been seen
            step update-service api updates what has not been seen
        "#]],
    );
}

#[test]
fn a_deletion() {
    finds(
        |_, steps| steps[1].action.op = Op::EcsDeleteService,
        expect![[r#"
            step update-service api deletes what nobody asked to delete
        "#]],
    );
}

#[test]
fn a_write_to_what_is_not_ours() {
    finds(
        |scene, _| scene.edit(service("api"), |s| s["tags"] = json!([])),
        expect![[r#"
        step update-service api writes what is not ours
    "#]],
    );
}

#[test]
fn a_tag_on_what_the_document_does_not_adopt() {
    finds(
        |scene, steps| {
            scene.edit(service("api"), |s| s["tags"] = json!([]));
            steps[1].action.op = Op::EcsTagResource;
            steps[1].action.input = ownership_tags(&[]);
        },
        expect![[r#"
            step update-service api writes what is not ours
        "#]],
    );
}

#[test]
fn more_than_the_tags_of_ownership_on_what_is_adopted() {
    finds(
        |scene, steps| {
            scene.change(|d| d["adopt"] = json!(true));
            scene.edit(service("api"), |s| s["tags"] = json!([]));
            steps[1].action.op = Op::EcsTagResource;
            steps[1].action.input = ownership_tags(&[("Team", "b")]);
        },
        expect![[r#"
            step update-service api writes what is not ours
        "#]],
    );
    finds(
        |scene, _| {
            scene.change(|d| d["adopt"] = json!(true));
            scene.edit(service("api"), |s| s["tags"] = json!([]));
        },
        expect![[r#"
            step update-service api writes what is not ours
        "#]],
    );
}

fn ownership_tags(more: &[(&str, &str)]) -> Tree {
    let ours = [("evenkeel:document", "shop"), ("evenkeel:key", "api")];
    let tags = ours.iter().chain(more).map(|(k, v)| json!({"key": k, "value": v})).collect::<Vec<_>>();
    Tree::from(json!({"resourceArn": "arn", "tags": tags}))
}

#[test]
fn a_count_that_belongs_to_the_autoscaler() {
    finds(
        |scene, steps| {
            steps[1].action.input.set("desiredCount", Tree::Int(1));
            scene.sees(Subject::ScalableTarget(key("api")), json!({"minCapacity": 1}));
        },
        expect![[r#"
            step update-service api sends a count that belongs to the autoscaler
        "#]],
    );
}

#[test]
fn a_write_where_nothing_may_be_written() {
    finds(
        |scene, _| scene.ceilings.mode = evenkeel_model::document::Mode::Observe,
        expect![[r#"
        the plan writes where nothing may be written
    "#]],
    );
    finds(
        |scene, _| scene.change(|d| d["services"]["api"]["suspend"] = json!(true)),
        expect![[r#"
        the plan writes where nothing may be written
    "#]],
    );
}

#[test]
fn a_deployment_that_is_held() {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    let mut planned = scene.plan();
    let report = planned.report.units.get_mut(&unit("api")).unwrap();
    report.held =
        Some(crate::Held { key: "k".into(), reason: "r".into(), since: 0, failures: 1, retry_in: None });
    let found: Vec<String> = check(&scene.input(), &planned).into_iter().map(|f| f.message).collect();
    expect!["step update-service api starts a deployment that is held"].assert_eq(&found.join("\n"));
}

#[test]
fn a_finding_stops_its_unit_and_no_other() {
    // An input that the shapes refuse comes from a live name that no table allows.
    let mut scene = Scene::settled(small_with(|d| d["services"]["worker"] = small_service("worker")));
    for name in ["api", "worker"] {
        scene.edit(service(name), |s| s["enableExecuteCommand"] = json!(true));
    }
    scene.edit(service("api"), |s| {
        s["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["x"]}})
    });
    assert_eq!(scene.plan().plan.units.len(), 2);
    let document = &mut scene.document;
    let api = document.services.get_mut(&key("api")).unwrap();
    api.input.set("networkConfiguration", Tree::from("nonsense"));
    let planned = crate::plan(&scene.input());
    assert_eq!(planned.plan.units.keys().collect::<Vec<_>>(), [&unit("worker")]);
    assert_eq!(planned.report.units[&unit("api")].state, crate::State::Refused);
}

#[test]
fn a_step_that_is_not_ready_lets_none_after_it_run() {
    let step = |needs: Vec<Need>, id: &str| Step {
        id: StepId(id.into()),
        subject: service("api"),
        touches: Vec::new(),
        action: crate::Action { op: Op::EcsTagResource, input: Tree::map(), fills: Vec::new() },
        needs,
        because: Vec::new(),
        guard: Guard::Absent,
        watches: None,
    };
    let waits = vec![Need::Observed(WaitingOn::Executing)];
    let unit = crate::Unit {
        steps: vec![step(vec![], "a"), step(waits, "b"), step(vec![], "c")],
        ..Default::default()
    };
    assert_eq!(unit.ready(), 1);
}

/// A world in which some subjects are gone, some not known and some changed, as the tape says.
fn disturbed(tape: &[u32]) -> Scene {
    let mut document = farsight();
    document["settings"] = json!({"rollouts": {"maxConcurrent": 1 + tape.len() % 3}});
    let adopt = [json!(true), json!("ifEqual"), json!(false), json!({"from": "other"})];
    document["adopt"] = adopt[tape.iter().map(|n| *n as usize % 4).sum::<usize>() % 4].clone();
    let mut scene = Scene::settled(document);
    let subjects: Vec<Subject> = scene.world.iter().map(|(s, _)| s.clone()).collect();
    for (subject, choice) in subjects.into_iter().zip(tape) {
        let present = scene.world.tree(&subject).is_some();
        match choice % 8 {
            0 => scene.gone(subject),
            1 => scene.unseen(subject),
            2 if present => scene.edit(subject, |s| {
                if s.is_object() {
                    s["tags"] = json!([]);
                }
            }),
            3 if present => scene.edit(subject, |s| {
                if s.is_object() {
                    s["status"] = json!("INACTIVE");
                }
            }),
            4 if present => scene.edit(subject, |s| {
                for name in [
                    "enableExecuteCommand",
                    "healthCheckPath",
                    "minCapacity",
                    "securityGroups",
                    "retentionInDays",
                ] {
                    if let Some(value) = s.get_mut(name) {
                        *value = if value.is_number() { json!(1) } else { json!("x") };
                    }
                }
            }),
            5 if present => scene.edit(subject, |s| {
                if s.is_array() {
                    *s = json!([]);
                }
            }),
            _ => {}
        }
    }
    if tape.first().is_some_and(|n| n % 2 == 0) {
        scene.memory.0.clear();
    }
    if tape.first().is_some_and(|n| n % 3 == 0) {
        scene.change(|d| d["services"]["farsight-worker"]["taskDefinition"]["memory"] = json!("2048"));
    }
    scene
}

fn written_while_unknown(scene: &Scene, planned: &Planned) -> Vec<String> {
    let mut found = Vec::new();
    for unit in planned.plan.units.values() {
        for step in unit.steps.iter().take(unit.ready()) {
            if scene.world.seen(&step.subject).is_unknown() && !matches!(step.guard, Guard::AsLeftBy(_)) {
                found.push(step.id.to_string());
            }
        }
    }
    found
}

/// Writes to what is there and is not ours that are more than tags of ownership.
fn written_to_others(scene: &Scene, planned: &Planned) -> Vec<String> {
    let theirs = |step: &&Step| {
        // What scales a service belongs to the service.
        let own = !matches!(step.subject, Subject::ScalableTarget(_));
        let tree = scene.world.tree(&step.subject).filter(|_| own);
        let one = tree.filter(|t| t.get("tags").is_some_and(|tags| tags.is_empty()));
        let sent = crate::ownership::tags(&step.action.input);
        let tags = step.action.op.name().contains("Tag") && sent.keys().all(|k| k.starts_with("evenkeel:"));
        one.is_some_and(|t| t.str("status") != Some("INACTIVE")) && !tags
    };
    let steps = planned.plan.units.values().flat_map(|u| &u.steps);
    steps.filter(theirs).map(|s| s.id.to_string()).collect()
}

#[test]
fn a_write_to_others_would_be_found() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    let planned = scene.plan();
    assert_eq!(written_to_others(&scene, &planned), Vec::<String>::new());
    scene.edit(service("api"), |s| s["tags"] = json!([]));
    assert_eq!(written_to_others(&scene, &planned), ["update-service api"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_any_world_a_plan_passes_the_checker_and_equal_inputs_give_equal_plans(tape in prop::collection::vec(any::<u32>(), 0..40)) {
        let scene = disturbed(&tape);
        let planned = crate::plan(&scene.input());
        prop_assert_eq!(check(&scene.input(), &planned), []);
        let refused: Vec<_> = planned.report.units.values().flat_map(|u| &u.refused).filter(|r| r.why.starts_with("step ")).collect();
        prop_assert!(refused.is_empty(), "{:?}", refused);
        prop_assert_eq!(written_while_unknown(&scene, &planned), Vec::<String>::new());
        prop_assert_eq!(written_to_others(&scene, &planned), Vec::<String>::new());
        let again = crate::plan(&scene.input());
        prop_assert_eq!(&again.plan.id, &planned.plan.id);
        prop_assert_eq!(&again.plan.units, &planned.plan.units);
        prop_assert_eq!(crate::print(&again, &[]), crate::print(&planned, &[]));
        let keys: Vec<&UnitKey> = planned.report.units.keys().collect();
        prop_assert!(planned.plan.units.keys().all(|k| keys.contains(&k)));
    }
}
