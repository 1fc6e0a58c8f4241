//! Nothing that is planned takes a service under its floor: its count is not lowered, and no traffic goes, and no
//! task goes away, while there is no healthy target for it elsewhere. At every stage of a replacement, whatever is
//! seen of health and whatever somebody edited. Each with a plan that is wrong on purpose.

use evenkeel_model::shapes::Op;
use proptest::prelude::*;

use super::replacement::changed;
use super::*;
use crate::replacement::{groups_in, groups_of};
use crate::{Planned, Step};

/// The target groups that actions send traffic to.
fn served(actions: &[Tree]) -> Vec<&str> {
    groups_in(actions).filter(|(_, weight)| *weight > 0).map(|(group, _)| group).collect()
}

fn is_healthy(scene: &Scene, group: &str) -> bool {
    let targets = scene.world.tree(&Subject::TargetHealth(group.to_owned()));
    let healthy = |t: &Tree| t.get("targetHealth").and_then(|h| h.str("state")) == Some("healthy");
    targets.is_some_and(|targets| targets.items().iter().any(healthy))
}

/// Every rule and listener with its actions.
fn forwards(scene: &Scene) -> Vec<(&str, &[Tree])> {
    let all = scene.world.iter().filter_map(|(subject, seen)| match subject {
        Subject::Rules(_) => Some(("ruleArn", "actions", seen.tree()?)),
        Subject::Listeners(_) => Some(("listenerArn", "defaultActions", seen.tree()?)),
        _ => None,
    });
    let each = all.flat_map(|(arn, actions, tree)| {
        tree.items().iter().filter_map(move |item| Some((item.str(arn)?, item.list_of(actions))))
    });
    each.collect()
}

/// How a step takes something under its floor.
fn lowers(scene: &Scene, step: &Step) -> Option<&'static str> {
    let input = &step.action.input;
    match step.action.op {
        Op::Elbv2ModifyRule | Op::Elbv2ModifyListener => {
            let arn = input.str("ruleArn").or(input.str("listenerArn"));
            let actions = [input.list_of("actions"), input.list_of("defaultActions")].concat();
            let (_, before) = forwards(scene).into_iter().find(|(it, _)| Some(*it) == arn)?;
            let (before, after) = (served(before), served(&actions));
            let moves = !before.is_empty() && !actions.is_empty();
            let stays = after.iter().any(|g| before.contains(g) || is_healthy(scene, g));
            (moves && !stays).then_some("moves traffic to where nobody is healthy")
        }
        Op::Elbv2DeleteTargetGroup => {
            let arn = input.str("targetGroupArn")?;
            let services = scene.world.iter().filter(|(s, _)| matches!(s, Subject::Service(_)));
            let mut services = services.filter_map(|(_, seen)| seen.tree());
            let used = services.any(|service| groups_of(service).any(|g| g == arn))
                || forwards(scene).iter().any(|(_, actions)| served(actions).contains(&arn));
            used.then_some("deletes what is in use")
        }
        Op::EcsUpdateService => {
            let live = scene.world.tree(&step.subject)?;
            let Subject::Service(key) = &step.subject else { return None };
            if input.int("desiredCount")
                < live.int("desiredCount").filter(|_| input.get("desiredCount").is_some())
                && input.int("desiredCount") != scene.document.services[key].input.int("desiredCount")
            {
                return Some("lowers the count");
            }
            input.get("loadBalancers")?;
            let (before, after): (Vec<&str>, Vec<&str>) =
                (groups_of(live).collect(), groups_of(input).collect());
            let left = |(_, actions): &(&str, &[Tree])| {
                let served = served(actions);
                served.iter().any(|g| before.contains(g)) && !served.iter().any(|g| after.contains(g))
            };
            forwards(scene).iter().any(left).then_some("leaves a rule behind")
        }
        Op::EcsDeleteService => Some("deletes a service that is declared"),
        _ => None,
    }
}

fn wrong(scene: &Scene, planned: &Planned) -> Vec<String> {
    let ready = planned.plan.units.values().flat_map(|unit| &unit.steps[..unit.ready()]);
    ready.filter_map(|step| Some(format!("{} {}", step.id, lowers(scene, step)?))).collect()
}

/// A replacement after so many passes.
fn on_its_way(passes: usize) -> Scene {
    let mut scene = changed();
    for _ in 0..passes {
        let planned = scene.plan();
        scene.memory.0.extend(planned.remember.clone());
        for (key, unit) in &planned.plan.units {
            scene.run(key, unit, unit.ready(), &mut Vec::new()).unwrap();
        }
        scene.tick();
    }
    scene
}

/// What is seen of a target group's targets: nothing yet, none, or two in these states.
fn health(scene: &mut Scene, group: &str, seen: u8) {
    let subject = Subject::TargetHealth(group.to_owned());
    let two = |states: [&str; 2]| json!(states.map(|s| json!({"targetHealth": {"state": s}})));
    match seen % 5 {
        0 => scene.unseen(subject),
        1 => scene.sees(subject, json!([])),
        2 => scene.sees(subject, two(["initial", "unhealthy"])),
        3 => scene.sees(subject, two(["healthy", "unhealthy"])),
        _ => scene.sees(subject, two(["healthy", "healthy"])),
    }
}

fn live_groups(scene: &Scene) -> Vec<String> {
    let groups = scene.world.iter().filter(|(s, _)| matches!(s, Subject::TargetGroup(_)));
    groups.filter_map(|(_, seen)| Some(seen.tree()?.str("targetGroupArn")?.to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_step_of_a_replacement_lowers_a_floor(
        passes in 0_usize..18,
        seen in prop::collection::vec(any::<u8>(), 4),
        count in prop::option::of(0_i64..6),
        forgets in any::<bool>(),
    ) {
        let mut scene = on_its_way(passes);
        for (group, seen) in live_groups(&scene).iter().zip(seen) {
            health(&mut scene, group, seen);
        }
        if let Some(count) = count {
            scene.edit(service("api"), |s| s["desiredCount"] = json!(count));
        }
        if forgets {
            scene.memory = evenkeel_model::memory::Memory::default();
        }
        scene.look_for_the_rest();
        prop_assert_eq!(wrong(&scene, &scene.plan()), Vec::<String>::new());
    }
}

/// The first stage of a replacement whose plan has such a step, and what is wrong once it is changed.
fn spoilt(op: Op, change: impl FnOnce(&mut Scene, &mut Step)) -> Vec<String> {
    let has = |planned: &Planned| {
        let mut ready = planned.plan.units.iter().filter(|(_, u)| u.ready() > 0);
        ready.find(|(_, u)| u.steps[0].action.op == op).map(|(key, _)| key.clone())
    };
    let (mut scene, mut planned, key) = (0..40)
        .find_map(|passes| {
            let scene = on_its_way(passes);
            let planned = scene.plan();
            let key = has(&planned)?;
            Some((scene, planned, key))
        })
        .unwrap();
    assert_eq!(wrong(&scene, &planned), [""; 0]);
    change(&mut scene, &mut planned.plan.units.get_mut(&key).unwrap().steps[0]);
    wrong(&scene, &planned)
}

#[test]
fn a_plan_that_moves_traffic_to_the_sick_is_found_out() {
    let found = spoilt(Op::Elbv2ModifyListener, |scene, step| {
        let groups = live_groups(scene);
        let served: Vec<String> =
            forwards(scene).iter().flat_map(|(_, a)| served(a)).map(str::to_owned).collect();
        let other = groups.iter().find(|g| !served.contains(g)).unwrap();
        health(scene, other, 2);
        let forward = json!([{"type": "forward", "targetGroupArn": other}]);
        step.action.input.set("defaultActions", Tree::from(forward));
    });
    assert_eq!(found, ["modify-listener http moves traffic to where nobody is healthy"]);
}

#[test]
fn a_plan_that_deletes_what_is_in_use_is_found_out() {
    let found = spoilt(Op::Elbv2DeleteTargetGroup, |scene, step| {
        let used = groups_of(scene.world.tree(&service("api")).unwrap()).next().unwrap().to_owned();
        step.action.input.set("targetGroupArn", Tree::from(used.as_str()));
    });
    assert_eq!(found, ["delete-target-group tg deletes what is in use"]);
}

#[test]
fn a_plan_that_takes_a_service_from_behind_its_rules_is_found_out() {
    let found = spoilt(Op::EcsUpdateService, |_, step| {
        step.action.input.set("loadBalancers", Tree::list([]));
    });
    assert_eq!(found, ["update-service api leaves a rule behind"]);
}

#[test]
fn a_plan_that_lowers_a_count_is_found_out() {
    let found = spoilt(Op::EcsUpdateService, |_, step| {
        step.action.input.set("desiredCount", Tree::Int(1));
    });
    assert_eq!(found, ["update-service api lowers the count"]);
}
