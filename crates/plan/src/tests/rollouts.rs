//! Rollouts under way, failed, limited and in order.

use super::*;

fn rolling(scene: &mut Scene, name: &str) {
    scene.edit(service(name), |s| {
        s["deployments"] = json!([
            {"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": 2, "runningCount": 1},
            {"id": "ecs-svc/1", "status": "ACTIVE", "rolloutState": "COMPLETED", "runningCount": 1}]);
    });
}

/// Our deployment failed and ECS went back to the revision before.
pub(super) fn failed(scene: &mut Scene) {
    scene.change(|d| new_image(d, "api"));
    carried_out(scene);
    let memory = scene.memory.0.get_mut(&unit("api")).unwrap();
    memory.deployment = Some("ecs-svc/2".into());
    memory.task_definition = Some(revision("api", 2));
    let tree = scene.document.services[&key("api")].task_definition.clone();
    scene.observe(Subject::TaskDefinition(revision("api", 2)), tree.with("status", "ACTIVE"));
    scene.edit(service("api"), |s| {
        s["deployments"] = json!([
            {"id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "COMPLETED", "desiredCount": 2, "runningCount": 2,
             "rolloutStateReason": "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."},
            {"id": "ecs-svc/2", "status": "ACTIVE", "rolloutState": "FAILED", "runningCount": 0,
             "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start."}]);
    });
}

#[test]
fn a_rollout_under_way_is_waited_for_and_planned_around() {
    let mut scene = Scene::settled(small());
    rolling(&mut scene, "api");
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   rollout ecs-svc/2: 1 of 2 running
        unchanged 1
    "#]],
    );
    assert_eq!(scene.plan().report.units[&unit("api")].state, crate::State::Rolling);
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
          … waiting   rollout ecs-svc/2: 1 of 2 running
        unchanged 1
    "#]],
    );
}

#[test]
fn a_failed_deployment_is_held_and_not_tried_again_while_the_rest_is_healed() {
    let mut scene = Scene::settled(small());
    failed(&mut scene);
    prints(
        &scene,
        expect![[r#"
            web/api
              = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
              ! held      ECS deployment circuit breaker: tasks failed to start.
                          the same deployment is not tried again until the document changes or it is released
            unchanged 1
        "#]],
    );
    scene.remember();
    assert!(scene.memory.unit(&unit("api")).held.is_some());
    // ECS stops showing the failed deployment: memory still holds it.
    scene.edit(service("api"), |s| {
        s["deployments"].as_array_mut().unwrap().pop();
    });
    prints(
        &scene,
        expect![[r#"
            web/api
              = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
              ! held      ECS deployment circuit breaker: tasks failed to start.
                          the same deployment is not tried again until the document changes or it is released
            unchanged 1
        "#]],
    );
    scene.edit(service("api"), |s| {
        s["enableExecuteCommand"] = json!(true);
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
    });
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  enableExecuteCommand   true -> false
              = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
              = left      networkConfiguration.awsvpcConfiguration.securityGroups[sg-1]   (absent)…   (rollout)
              = left      networkConfiguration.awsvpcConfiguration.securityGroups[sg-2]   sg-2 -> (…   (rollout)
              ! held      ECS deployment circuit breaker: tasks failed to start.
                          the same deployment is not tried again until the document changes or it is released
            unchanged 1
        "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[r#"{"cluster":"web","enableExecuteCommand":false,"service":"api"}"#]],
    );
    // The hand-made run must not pass the held revision for applied.
    let applied = &scene.plan().plan.units[&unit("api")].applied;
    assert_eq!(applied.get("taskDefinition"), scene.memory.unit(&unit("api")).applied.get("taskDefinition"));
}

#[test]
fn a_hold_ends_when_what_would_be_deployed_changes() {
    let mut scene = Scene::settled(small());
    failed(&mut scene);
    scene.remember();
    scene.change(|d| {
        d["services"]["api"]["taskDefinition"]["containerDefinitions"][0]["image"] = json!("app:3");
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
              containerDefinitions[app].image   app:1 -> app:3
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
        unchanged 1
    "#]],
    );
    // The content that failed is held again when the document goes back to it.
    scene.change(|d| new_image(d, "api"));
    assert!(scene.plan().report.units[&unit("api")].held.is_some());
}

#[test]
fn a_restart_releases_a_hold() {
    let mut scene = Scene::settled(small());
    failed(&mut scene);
    scene.remember();
    scene.change(|d| d["services"]["api"]["restart"] = json!("again"));
    assert!(scene.plan().report.units[&unit("api")].held.is_none());
}

#[test]
fn after_failures_it_backs_off_and_another_version_is_tried_at_once() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    let memory = scene.memory.0.get_mut(&unit("api")).unwrap();
    memory.failures = 3;
    memory.failed_at = Some(CLOCK - 15);
    memory.failure = Some("AccessDeniedException".into());
    memory.failed_version = Some("v1".into());
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   next try in 25 s, after: AccessDeniedException
        unchanged 1
    "#]],
    );
    assert!(scene.plan().plan.units.is_empty());
    scene.clock += 25;
    assert_eq!(scene.plan().plan.units.len(), 1);
    scene.clock -= 25;
    scene.change(|d| d["tags"] = json!({"Team": "a"}));
    assert_eq!(scene.plan().plan.units.len(), 1);
}

fn changed_both(settings: Value) -> Scene {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["worker"] = small_service("worker");
        d["settings"] = settings;
    }));
    scene.change(|d| {
        new_image(d, "api");
        new_image(d, "worker");
    });
    scene.look_for_the_rest();
    scene
}

#[test]
fn no_more_rollouts_begin_than_may_be_under_way() {
    let mut scene = changed_both(json!({"rollouts": {"maxConcurrent": 1}}));
    prints(
        &scene,
        expect![[r#"
            web/api
              + register-task-definition   api
                  containerDefinitions[app].image   app:1 -> app:2
              ~ update-service             taskDefinition api:1 -> (register-task-definition api)
            web/worker
              + register-task-definition   worker
                  containerDefinitions[app].image   app:1 -> app:2
                  … after its turn: 1 rollout at a time
              ~ update-service             taskDefinition worker:1 -> (register-task-definition worker)
                  … after its turn: 1 rollout at a time
              … waiting   its turn: 1 rollout at a time
            unchanged 1
        "#]],
    );
    // While the first is written and not seen again, it takes its place.
    scene.unseen(service("api"));
    scene.in_flight.insert(unit("api"));
    assert_eq!(scene.plan().plan.units[&unit("worker")].ready(), 0);
    // A service without a task waits for nobody.
    let mut scene = changed_both(json!({"rollouts": {"maxConcurrent": 1}}));
    scene.edit(service("worker"), |s| s["runningCount"] = json!(0));
    assert_eq!(scene.plan().plan.units[&unit("worker")].ready(), 2);
}

#[test]
fn what_waits_for_something_else_takes_no_place_among_the_rollouts() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["a"] = small_service("a");
        d["services"]["a"]["dependsOn"] = json!(["worker"]);
        d["services"]["worker"] = small_service("worker");
        d["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
    }));
    scene.edit(service("worker"), |s| s["runningCount"] = json!(1));
    scene.change(|d| {
        new_image(d, "a");
        new_image(d, "api");
    });
    let planned = scene.plan();
    assert_eq!(planned.plan.units[&unit("a")].ready(), 0);
    assert_eq!(planned.plan.units[&unit("api")].ready(), 2);
}

#[test]
fn what_the_document_changed_waits_for_what_it_depends_on() {
    let mut scene = Scene::settled(small_with(with_worker));
    scene.change(|d| {
        new_image(d, "api");
        new_image(d, "worker");
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
              containerDefinitions[app].image   app:1 -> app:2
              … after web/worker to be stable
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
              … after web/worker to be stable
          … waiting   for web/worker to be stable
        web/worker
          + register-task-definition   worker
              containerDefinitions[app].image   app:1 -> app:2
          ~ update-service             taskDefinition worker:1 -> (register-task-definition worker)
        unchanged 1
    "#]],
    );
    // The worker's revision is not decided yet: nothing about it is known to be done.
    scene.unseen(Subject::Family("worker".into()));
    let planned = scene.plan();
    assert!(!planned.plan.units.contains_key(&unit("worker")));
    assert_eq!(planned.plan.units[&unit("api")].ready(), 0);
}

#[test]
fn what_depends_on_a_held_deployment_waits() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["worker"] = small_service("worker");
        d["services"]["worker"]["dependsOn"] = json!(["api"]);
    }));
    failed(&mut scene);
    scene.remember();
    scene.change(|d| new_image(d, "worker"));
    assert_eq!(scene.plan().plan.units[&unit("worker")].ready(), 0);
}

#[test]
fn healing_waits_for_no_dependency() {
    let mut scene = Scene::settled(small_with(with_worker));
    scene.edit(service("worker"), |s| s["runningCount"] = json!(0));
    scene.edit(service("api"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
    });
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
    // Nor does a service that somebody deleted.
    scene.gone(service("api"));
    prints(
        &scene,
        expect![[r#"
        web/api
          + create-service             api
        unchanged 2
    "#]],
    );
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
}

#[test]
fn healing_goes_on_while_a_rollout_waits_for_its_turn() {
    let mut document = farsight();
    document["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
    let mut scene = Scene::settled(document);
    let name = evenkeel_model::key::ServiceKey::new("farsight-cluster", "farsight-worker");
    let api = evenkeel_model::key::ServiceKey::new("farsight-cluster", "farsight-api-server");
    scene.edit(Subject::Service(name.clone()), |s| s["runningCount"] = json!(1));
    scene.sees(Subject::Policies(api.clone()), json!([]));
    scene.change(|d| {
        let task = &mut d["services"]["farsight-api-server"]["taskDefinition"];
        task["memory"] = json!("2048");
    });
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
        farsight-cluster/farsight-api-server
          + put-scaling-policy         api-server-cpu-scaling
          + register-task-definition   farsight-api-server
              memory   1024 -> 2048
              … after farsight-cluster/farsight-worker to be stable
          ~ update-service             taskDefinition farsight-api-server:1 -> (register-task-definition fa…
              … after farsight-cluster/farsight-worker to be stable
          … waiting   for farsight-cluster/farsight-worker to be stable
        unchanged 7
    "#]],
    );
    assert_eq!(scene.plan().plan.units[&evenkeel_model::key::UnitKey::Service(api)].ready(), 1);
}

#[test]
fn with_memory_gone_a_rollback_from_what_is_wanted_is_held() {
    let mut scene = Scene::settled(small());
    failed(&mut scene);
    scene.memory.0.clear();
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
            web/api
              = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
              ! held      ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.
                          the same deployment is not tried again until the document changes or it is released
              · note      MemoryRebuilt: nothing was remembered of it
            unchanged 1
        "#]],
    );
    scene.remember();
    assert!(scene.memory.unit(&unit("api")).held.is_some());
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn a_hold_of_other_content_holds_nothing() {
    let held = HeldDeployment { key: "k".into(), reason: "r".into(), ..HeldDeployment::default() };
    let mut scene = Scene::settled(small());
    scene.memory.0.get_mut(&unit("api")).unwrap().held = Some(held);
    assert!(scene.plan().report.units[&unit("api")].held.is_none());
}

/// `api` depends on `b`, which rolls out, as the one rollout that may; what it was to run itself was given up.
fn given_up() -> Scene {
    let mut document = small();
    document["services"]["b"] = small_service("b");
    document["services"]["api"]["dependsOn"] = json!(["b"]);
    document["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
    let mut scene = Scene::settled(document);
    rolling(&mut scene, "b");
    scene.edit(service("api"), |s| {
        s["taskDefinition"] = json!(revision("api", 2));
        s["deployments"] = json!([
            {"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "FAILED", "desiredCount": 2, "runningCount": 0,
             "taskDefinition": revision("api", 2)},
            {"id": "ecs-svc/1", "status": "ACTIVE", "rolloutState": "COMPLETED", "runningCount": 2,
             "taskDefinition": revision("api", 1)}]);
    });
    let mut tree = scene.document.services[&key("api")].task_definition.clone();
    tree.set("cpu", Tree::from("512"));
    scene.observe(Subject::TaskDefinition(revision("api", 2)), tree.with("status", "ACTIVE"));
    scene.memory.0.get_mut(&unit("api")).unwrap().applied.clear();
    scene
}

#[test]
fn going_back_to_what_still_runs_waits_for_nobody() {
    let mut scene = given_up();
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
    // To run something else does.
    scene.change(|d| new_image(d, "api"));
    scene.look_for_the_rest();
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 0);
    // Once nothing else rolls out, it goes before others.
    scene.edit(service("b"), |s| s["deployments"].as_array_mut().unwrap().truncate(0));
    scene.change(|d| {
        d["services"]["a"] = small_service("a");
        d["services"]["api"].as_object_mut().unwrap().remove("dependsOn");
    });
    let planned = scene.plan();
    assert!(planned.plan.units[&unit("api")].ready() > 0);
}

/// A rollout that waits for its turn keeps nothing of its service from being healed.
#[test]
fn what_a_human_changed_is_healed_while_the_rollout_waits() {
    let mut document = small();
    document["services"]["b"] = small_service("b");
    document["services"]["api"]["dependsOn"] = json!(["b"]);
    let mut scene = Scene::settled(document);
    rolling(&mut scene, "b");
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene.change(|d| {
        new_image(d, "api");
        d["services"]["api"]["restart"] = json!("today");
    });
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  enableExecuteCommand   true -> false
              = later     containerDefinitions[app].image   app:1 -> app:2   (document)
              … waiting   for web/b to be stable
              · note      restart is now "today", and waits
            web/b
              … waiting   rollout ecs-svc/2: 1 of 2 running
            unchanged 1
        "#]],
    );
    scene.change(|d| {
        d["services"]["api"].as_object_mut().unwrap().remove("dependsOn");
        d["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
    });
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
}
