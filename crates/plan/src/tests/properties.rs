//! What no sequence of events may bring about, each with a plan or a planner that is wrong on purpose.

use evenkeel_model::document::Heal;
use evenkeel_model::memory::Intent;
use evenkeel_model::shapes::Op;
use proptest::prelude::*;

use super::*;
use crate::{Planned, Step};

/// An ECS in which every deployment of one image fails and is taken back, and a daemon whose answers and memory
/// get lost.
struct Play {
    scene: Scene,
    /// The images that were deployed, in order.
    tried: Vec<String>,
    revisions: u32,
}

const BAD: &str = "app:2";

impl Play {
    fn new() -> Play {
        let mut scene = Scene::settled(small());
        scene.edit(service("api"), |s| s["currentServiceDeployment"] = json!("arn:1"));
        scene.change(|d| new_image(d, "api"));
        scene.look_for_the_rest();
        Play { scene, tried: Vec::new(), revisions: 1 }
    }

    /// One pass and what it does. `chance` says what happens to its answer, and what people do meanwhile.
    fn pass(&mut self, chance: u32) {
        self.scene.clock += 70;
        match chance % 7 {
            0 => self.scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true)),
            1 => self.scene.memory.0.clear(),
            2 => self.scene.document.settings.heal = Heal::Off,
            3 => self.scene.document.settings.heal = Heal::On,
            _ => {}
        }
        self.scene.look_for_the_rest();
        let planned = self.scene.plan();
        self.scene.memory.0.extend(planned.remember);
        let Some(unit) = planned.plan.units.get(&unit("api")) else { return };
        if unit.ready() == 0 {
            return;
        }
        let intent = Intent {
            plan: planned.plan.id.clone(),
            steps: unit.steps.iter().map(|s| s.id.to_string()).collect(),
            document_version: self.scene.input().version.to_owned(),
            at: self.scene.clock,
            restart: unit.restarts.clone(),
            primary: unit.primary.clone(),
        };
        let mut registered = None;
        let mut deployed = None;
        for step in unit.steps.iter().take(unit.ready()) {
            match step.action.op {
                Op::EcsRegisterTaskDefinition => registered = Some(self.register(step)),
                Op::EcsUpdateService => deployed = self.update(step, registered.as_deref()),
                _ => {}
            }
        }
        let memory = self.scene.memory.0.entry(super::unit("api")).or_default();
        if chance.is_multiple_of(3) {
            // The answer got lost, or the process ended before it wrote it down.
            memory.intent = Some(intent);
            return;
        }
        memory.intent = None;
        memory.applied = unit.applied.clone();
        if let (Some(id), Some(key)) = (deployed, &unit.deployment_key) {
            (memory.deployment, memory.deployment_key) = (Some(id), Some(key.clone()));
        }
    }

    fn register(&mut self, step: &Step) -> String {
        self.revisions += 1;
        let arn = revision("api", self.revisions);
        let tree = step.action.input.clone().with("status", "ACTIVE");
        self.scene.observe(Subject::TaskDefinition(arn.clone()), tree);
        let newest = (1..=self.revisions).rev().map(|n| revision("api", n)).collect::<Vec<_>>();
        self.scene.sees(Subject::Family("api".into()), json!(newest));
        arn
    }

    /// The id of the deployment that the call starts, which fails before anybody looks again.
    fn update(&mut self, step: &Step, registered: Option<&str>) -> Option<String> {
        let sent: Value = serde_json::from_str(&step.action.input.to_json()).unwrap();
        self.scene.edit(service("api"), |s| {
            if sent.get("enableExecuteCommand").is_some() {
                s["enableExecuteCommand"] = json!(false);
            }
        });
        let arn =
            registered.map(str::to_owned).or_else(|| Some(sent["taskDefinition"].as_str()?.to_owned()))?;
        let tree = self.scene.world.tree(&Subject::TaskDefinition(arn.clone())).unwrap();
        let image = tree.pointer("containerDefinitions/0/image").and_then(Tree::as_str).unwrap().to_owned();
        self.tried.push(image.clone());
        let n = self.tried.len() * 10;
        let (ours, back, at) = (format!("ecs-svc/{n}"), format!("ecs-svc/{}", n + 1), self.scene.clock);
        if image != BAD {
            let done = json!([{"id": ours, "status": "PRIMARY", "rolloutState": "COMPLETED", "desiredCount": 2, "runningCount": 2}]);
            self.scene.edit(service("api"), |s| {
                s["deployments"] = done;
                s["taskDefinition"] = json!(arn);
            });
            return Some(ours);
        }
        self.scene.edit(service("api"), |s| {
            s["deployments"] = json!([{"id": back, "status": "PRIMARY", "rolloutState": "COMPLETED", "desiredCount": 2,
                "runningCount": 2, "rolloutStateReason": format!("ECS deployment {back} completed.")}]);
            let message = format!("(service api) (deployment {ours}) deployment failed: tasks failed to start.");
            s["events"] = json!([{"message": message, "createdAt": at + 1}]);
        });
        self.scene.sees(
            Subject::Deployments(key("api")),
            json!([{"status": "ROLLBACK_SUCCESSFUL", "targetServiceRevision": {"arn": arn}}]),
        );
        self.scene.sees(Subject::ServiceRevision(arn.clone()), json!({"taskDefinition": arn}));
        Some(ours)
    }

    fn tries(&self) -> usize {
        self.tried.iter().filter(|image| *image == BAD).count()
    }
}

/// Services of which some roll, some were written and not seen again, some have no task, some are to roll.
fn fleet(tape: &[u32], most: usize) -> Scene {
    let names: Vec<String> = (0..tape.len()).map(|n| format!("s{n}")).collect();
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = json!({"rollouts": {"maxConcurrent": most, "stopAfterFailures": 2}});
        for name in &names {
            d["services"][name] = small_service(name);
        }
    }));
    let chosen = |bit: u32| names.iter().zip(tape).filter(move |(_, n)| **n % 8 == bit).map(|(name, _)| name);
    scene.change(|d| {
        for name in names.iter().zip(tape).filter(|(_, n)| **n % 3 != 0).map(|(name, _)| name) {
            new_image(d, name);
        }
    });
    scene.look_for_the_rest();
    for name in chosen(1) {
        scene.edit(service(name), |s| s["deployments"][0]["rolloutState"] = json!("IN_PROGRESS"));
    }
    for name in chosen(2) {
        scene.unseen(service(name));
    }
    for name in chosen(3) {
        scene.edit(service(name), |s| s["runningCount"] = json!(0));
    }
    for name in chosen(4) {
        scene.in_flight.insert(unit(name));
        let steps = vec![format!("update-service {name}")];
        let intent = Intent {
            plan: "p".into(),
            steps,
            document_version: "v".into(),
            at: CLOCK,
            restart: None,
            primary: None,
        };
        scene.memory.0.get_mut(&unit(name)).unwrap().intent = Some(intent);
    }
    for name in chosen(5) {
        scene.edit(service(name), |s| {
            s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
        });
    }
    scene
}

/// The rollouts that a plan begins beyond what may be: of those that have to wait for their turn, beside all
/// that are under way or about to be.
fn too_many(scene: &Scene, planned: &Planned, most: usize) -> usize {
    let deploys = |s: &Step| {
        s.action.op == Op::EcsUpdateService
            && (!s.action.fills.is_empty()
                || s.action.input.entries().any(|(m, _)| crate::service::deploys(m)))
    };
    let (mut under_way, mut waited, mut urgent) = (0_usize, 0, 0);
    for key in scene.document.services.keys() {
        let subject = Subject::Service(key.clone());
        let unit = evenkeel_model::key::UnitKey::Service(key.clone());
        let live = scene.world.tree(&subject);
        let rolls = scene.in_flight.contains(&unit)
            || live.map_or(scene.world.written_at(&subject).is_some(), |t| {
                t.list_of("deployments").iter().any(|d| d.str("rolloutState") == Some("IN_PROGRESS"))
            });
        let begins =
            planned.plan.units.get(&unit).is_some_and(|u| u.steps.iter().take(u.ready()).any(deploys));
        match (rolls, begins, live.and_then(|t| t.int("runningCount")) == Some(0)) {
            (true, _, _) => under_way += 1,
            (false, true, true) => urgent += 1,
            (false, true, false) => waited += 1,
            (false, false, _) => {}
        }
    }
    if waited == 0 { 0 } else { (under_way + waited + urgent).saturating_sub(most) }
}

/// The counts that a plan sends to services that an autoscaler has, or may have.
fn counts(scene: &Scene, planned: &Planned) -> usize {
    let units = planned.plan.units.iter().filter(|(key, _)| {
        key.service().is_some_and(|key| {
            let target = scene.world.seen(&Subject::ScalableTarget(key.clone()));
            !target.is_absent() || scene.document.services[key].scaling.is_some()
        })
    });
    let steps = units.flat_map(|(_, unit)| &unit.steps);
    steps
        .filter(|s| s.action.op == Op::EcsUpdateService && s.action.input.get("desiredCount").is_some())
        .count()
}

/// Services with and without scaling, of which somebody changed the count, the bounds, or all that scales them.
fn scaled(tape: &[u32]) -> Scene {
    let names: Vec<String> = (0..tape.len()).map(|n| format!("s{n}")).collect();
    let mut scene = Scene::settled(small_with(|d| {
        for (name, n) in names.iter().zip(tape) {
            d["services"][name] = small_service(name);
            if n % 2 == 0 {
                d["services"][name]["scaling"] = json!({"minCapacity": 1, "maxCapacity": 5});
            }
        }
    }));
    for (name, n) in names.iter().zip(tape) {
        let target = Subject::ScalableTarget(key(name));
        scene.edit(service(name), |s| s["desiredCount"] = json!(n % 9));
        match n % 7 {
            0 => scene.gone(target),
            1 => scene.unseen(target),
            2 | 3 => scene.sees(target, json!({"minCapacity": n % 4, "maxCapacity": 3 + n % 5})),
            _ => {}
        }
        if n % 5 == 0 {
            scene.change(|d| d["services"][name]["service"]["desiredCount"] = json!(4));
        }
    }
    scene
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_failed_is_never_tried_again_unasked(chances in prop::collection::vec(any::<u32>(), 1..20)) {
        let mut play = Play::new();
        chances.iter().for_each(|chance| play.pass(*chance));
        prop_assert!(play.tries() <= 1, "{:?}", play.tried);
        // Asked, it is, and not more than once.
        let tries = play.tries();
        play.scene.document.settings.heal = Heal::On;
        play.scene.clock += 70;
        play.scene.orders.releases.insert(unit("api"), play.scene.clock);
        [4, 5, 4, 5, 4].iter().for_each(|chance| play.pass(*chance));
        prop_assert!(play.tries() <= tries + 1, "{:?}", play.tried);
        prop_assert!(play.tries() >= 1, "{:?}", play.tried);
    }

    #[test]
    fn never_more_rollouts_begin_than_may_be_under_way(tape in prop::collection::vec(any::<u32>(), 1..12), most in 1_usize..4) {
        let scene = fleet(&tape, most);
        prop_assert_eq!(too_many(&scene, &scene.plan(), most), 0);
    }

    #[test]
    fn no_count_is_sent_where_an_autoscaler_is(tape in prop::collection::vec(any::<u32>(), 1..8)) {
        let scene = scaled(&tape);
        prop_assert_eq!(counts(&scene, &scene.plan()), 0);
    }
}

#[test]
fn a_daemon_that_holds_nothing_is_found_out() {
    let mut play = Play::new();
    for _ in 0..4 {
        play.pass(4);
        let memory = play.scene.memory.0.get_mut(&unit("api")).unwrap();
        (memory.held, memory.deployment) = (None, None);
    }
    assert!(play.tries() > 1, "{:?}", play.tried);
}

#[test]
fn a_plan_for_more_rollouts_is_found_out() {
    let scene = fleet(&[7, 7, 7, 1], 4);
    assert!(too_many(&scene, &scene.plan(), 2) > 0);
}

#[test]
fn a_plan_that_sends_a_count_is_found_out() {
    let mut scene = scaled(&[4]);
    scene.edit(service("s0"), |s| s["enableExecuteCommand"] = json!(true));
    let mut planned = scene.plan();
    let steps = &mut planned.plan.units.get_mut(&unit("s0")).unwrap().steps;
    let update = steps.iter_mut().find(|s| s.action.op == Op::EcsUpdateService).unwrap();
    update.action.input.set("desiredCount", Tree::Int(4));
    assert!(counts(&scene, &planned) > 0);
}
