//! Whatever the world looks like: what belongs to others is not written, what is declared is not deleted, one
//! content is not registered twice, and no traffic is sent to where nobody listens. Each with a plan that is
//! wrong on purpose.

use evenkeel_model::memory::Memory;
use evenkeel_model::shapes::Op;
use proptest::prelude::*;

use super::*;
use crate::replacement::groups_in;
use crate::{Planned, Step};

const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/theirs/1";

/// The example, with rules on a listener of its own and on one of somebody else.
fn document(adopt: u32) -> Value {
    let mut document = farsight();
    let rule = |listener: &str, priority: u32| {
        json!({"listenerArn": listener, "priority": priority,
            "conditions": [{"field": "path-pattern", "values": [format!("/{priority}/*")]}],
            "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:farsight-api-tg}"}]})
    };
    document["services"]["farsight-api-server"]["listenerRules"] =
        json!({"own": rule("${listener:farsight-alb/http}", 7), "there": rule(LISTENER, 8)});
    document["settings"] = json!({"prune": "on", "maxDeletePercent": 100});
    match adopt % 4 {
        0 => document["adopt"] = json!("ifEqual"),
        1 => document["adopt"] = json!({"from": "other"}),
        _ => {}
    }
    document
}

/// What somebody does to everything there is: tags are taken off or given to others, fields change, things go or
/// have not been seen, memory is lost.
fn world(tape: &[u32]) -> Scene {
    let mut chances = tape.iter().copied().cycle();
    let mut chance = move || chances.next().unwrap_or_default();
    let mut scene = Scene::settled(document(chance()));
    let there: Vec<Subject> =
        scene.world.iter().filter(|(_, seen)| seen.tree().is_some()).map(|(s, _)| s.clone()).collect();
    for subject in there {
        let mut change = |item: &mut Value| {
            match chance() % 6 {
                0 => item["tags"] = json!([]),
                1 => item["tags"] = json!([{"key": "evenkeel:document", "value": "other"}]),
                _ => {}
            }
            match chance() % 4 {
                0 => item["healthCheckPath"] = json!("/other"),
                1 => item["enableExecuteCommand"] = json!(true),
                2 => {
                    item["actions"] =
                        json!([{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "503"}}])
                }
                _ => {}
            }
        };
        match &subject {
            Subject::TaskDefinition(_) | Subject::Family(_) => continue,
            Subject::Service(_)
            | Subject::TargetGroup(_)
            | Subject::Cluster(_)
            | Subject::Repository(_)
            | Subject::LogGroup(_)
            | Subject::LoadBalancer(_) => scene.edit(subject.clone(), change),
            Subject::Rules(_) | Subject::Listeners(_) => scene.edit(subject.clone(), |all| {
                all.as_array_mut().unwrap().iter_mut().for_each(&mut change);
            }),
            _ => {}
        }
        match chance() % 9 {
            0 => scene.gone(subject),
            1 => scene.unseen(subject),
            _ => {}
        }
    }
    match chance() % 3 {
        0 => scene.memory = Memory::default(),
        1 => scene.change(|d| new_image_of(d, "app:2")),
        _ => {}
    }
    scene.look_for_the_rest();
    scene
}

fn new_image_of(document: &mut Value, image: &str) {
    let task = &mut document["services"]["farsight-worker"]["taskDefinition"];
    task["containerDefinitions"][0]["image"] = json!(image);
}

/// The document that something belongs to, by its tag.
fn owner(tree: &Tree) -> Option<String> {
    let json: Value = serde_json::from_str(&tree.to_json()).unwrap();
    let tags = json["tags"].as_array().cloned().unwrap_or_default();
    let ours = |t: &&Value| t["key"] == "evenkeel:document" || t["Key"] == "evenkeel:document";
    let listed = tags.iter().find(ours).and_then(|t| t["value"].as_str().or(t["Value"].as_str()));
    listed.or(json["tags"]["evenkeel:document"].as_str()).map(str::to_owned)
}

/// Whose the things are that a step changes; what it makes is nobody's yet.
fn owners(scene: &Scene, step: &Step) -> Vec<Option<String>> {
    let input = &step.action.input;
    let service = |key| scene.world.tree(&Subject::Service(key)).map(owner);
    match &step.subject {
        Subject::ScalableTarget(key) | Subject::Policies(key) | Subject::ScheduledActions(key) => {
            service(key.clone()).into_iter().collect()
        }
        // A new revision changes nothing.
        Subject::Family(_) | Subject::TaskDefinition(_) => Vec::new(),
        Subject::Rules(_) | Subject::Listeners(_) if step.action.op.name().starts_with("Create") => {
            Vec::new()
        }
        Subject::Rules(_) | Subject::Listeners(_) => {
            let pairs = input.list_of("rulePriorities").iter().filter_map(|p| p.str("ruleArn"));
            let named = input.str("ruleArn").or(input.str("listenerArn")).into_iter().chain(pairs);
            let all = scene.world.tree(&step.subject).map(Tree::items).unwrap_or_default();
            let find = |arn: &str| {
                all.iter().find(|t| t.str("ruleArn") == Some(arn) || t.str("listenerArn") == Some(arn))
            };
            named.filter_map(|arn| find(arn).map(owner)).collect()
        }
        subject => {
            let tree = scene.world.tree(subject).filter(|t| t.str("status") != Some("INACTIVE"));
            tree.map(owner).into_iter().collect()
        }
    }
}

/// What is wrong with a plan.
fn wrong(scene: &Scene, planned: &Planned) -> Vec<String> {
    let mut found = Vec::new();
    for (key, unit) in &planned.plan.units {
        let declared = scene.document.declares(key);
        for (at, step) in unit.steps.iter().enumerate() {
            let op = step.action.op.name();
            let tagging = matches!(op, "TagResource" | "AddTags");
            if !tagging && owners(scene, step).iter().any(|o| o.as_deref() != Some("farsight")) {
                found.push(format!("{} changes what is not ours", step.id));
            }
            let deletes = matches!(step.action.op, Op::EcsDeleteService | Op::Elbv2DeleteTargetGroup)
                || op.starts_with("Delete") && step.subject.kind() == key_kind(key);
            if declared && deletes {
                found.push(format!("{} deletes what is declared", step.id));
            }
            if step.action.op == Op::EcsRegisterTaskDefinition && is_registered(scene, &step.action.input) {
                found.push(format!("{} registers what is there", step.id));
            }
            let actions = [step.action.input.list_of("actions"), step.action.input.list_of("defaultActions")];
            // What waits for a target group waits.
            if at < unit.ready() && actions.iter().any(|actions| leads_nowhere(scene, actions)) {
                found.push(format!("{} sends traffic where nobody is", step.id));
            }
        }
    }
    found
}

fn key_kind(key: &UnitKey) -> evenkeel_model::key::SubjectKind {
    use evenkeel_model::key::SubjectKind as K;
    match key {
        UnitKey::Service(_) => K::Service,
        UnitKey::TargetGroup(_) => K::TargetGroup,
        UnitKey::LoadBalancer(_) => K::LoadBalancer,
        UnitKey::Cluster(_) => K::Cluster,
        UnitKey::Repository(_) => K::Repository,
        UnitKey::LogGroup(_) => K::LogGroup,
        UnitKey::TaskDefinition(_) => K::TaskDefinition,
    }
}

/// True where a revision of the same family that may be used has the same containers.
fn is_registered(scene: &Scene, input: &Tree) -> bool {
    let text = |tree: &Tree, member: &str| tree.get(member).map(Tree::to_json);
    let members = ["family", "containerDefinitions", "cpu", "memory", "networkMode"];
    let revisions = scene.world.iter().filter(|(s, _)| matches!(s, Subject::TaskDefinition(_)));
    let mut trees = revisions.filter_map(|(_, seen)| seen.tree());
    trees.any(|t| t.str("status") != Some("INACTIVE") && members.iter().all(|m| text(t, m) == text(input, m)))
}

/// True where actions forward to target groups that are all unknown to the world.
fn leads_nowhere(scene: &Scene, actions: &[Tree]) -> bool {
    let groups: Vec<&str> = groups_in(actions).filter(|(_, weight)| *weight > 0).map(|(g, _)| g).collect();
    let there = |arn: &&str| {
        let mut trees = scene.world.iter().filter_map(|(s, seen)| match s {
            Subject::TargetGroup(_) => seen.tree(),
            _ => None,
        });
        trees.any(|t| t.str("targetGroupArn") == Some(arn))
    };
    !groups.is_empty() && !groups.iter().any(there)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_done_that_is_never_to_be_done(tape in prop::collection::vec(any::<u32>(), 8..40)) {
        let scene = world(&tape);
        prop_assert_eq!(wrong(&scene, &scene.plan()), Vec::<String>::new());
    }

    #[test]
    fn what_is_at_rest_stays_at_rest(adopt in 0_u32..4, forgets in any::<bool>()) {
        let mut scene = Scene::settled(document(adopt));
        if forgets {
            scene.memory = Memory::default();
        }
        prop_assert!(scene.plan().plan.units.is_empty(), "{}", scene.print());
    }
}

/// A plan for a world in which the worker was edited, and a step of it made wrong.
fn spoilt(change: impl FnOnce(&mut Scene, &mut Planned)) -> Vec<String> {
    let mut scene = Scene::settled(document(3));
    let worker =
        Subject::Service(evenkeel_model::key::ServiceKey::new("farsight-cluster", "farsight-worker"));
    scene.edit(worker, |s| s["enableExecuteCommand"] = json!(true));
    let mut planned = scene.plan();
    assert_eq!(wrong(&scene, &planned), [""; 0]);
    change(&mut scene, &mut planned);
    wrong(&scene, &planned)
}

fn only_step(planned: &mut Planned) -> &mut Step {
    &mut planned.plan.units.values_mut().next().unwrap().steps[0]
}

#[test]
fn a_plan_that_writes_what_is_not_ours_is_found_out() {
    let found = spoilt(|scene, planned| {
        let subject = only_step(planned).subject.clone();
        scene.edit(subject, |s| s["tags"] = json!([{"key": "evenkeel:document", "value": "other"}]));
    });
    assert_eq!(found, ["update-service farsight-worker changes what is not ours"]);
}

#[test]
fn a_plan_that_deletes_what_is_declared_is_found_out() {
    let found = spoilt(|_, planned| only_step(planned).action.op = Op::EcsDeleteService);
    assert_eq!(found, ["update-service farsight-worker deletes what is declared"]);
}

#[test]
fn a_plan_that_registers_what_is_there_is_found_out() {
    let found = spoilt(|scene, planned| {
        let revisions = scene.world.iter().filter(|(s, _)| matches!(s, Subject::TaskDefinition(_)));
        let (subject, tree) = revisions.filter_map(|(s, seen)| Some((s, seen.tree()?))).next().unwrap();
        let step = only_step(planned);
        step.action.op = Op::EcsRegisterTaskDefinition;
        step.action.input = tree.clone();
        step.subject = subject.clone();
    });
    assert!(
        found.contains(&"update-service farsight-worker registers what is there".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_plan_that_sends_traffic_nowhere_is_found_out() {
    let found = spoilt(|_, planned| {
        let forward = json!([{"type": "forward", "targetGroupArn": elb("targetgroup", "nobody")}]);
        only_step(planned).action.input.set("defaultActions", Tree::from(forward));
    });
    assert_eq!(found, ["update-service farsight-worker sends traffic where nobody is"]);
}
