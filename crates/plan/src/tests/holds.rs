//! Deployments that failed: when they are tried again, and what else waits because of them.

use evenkeel_model::memory::Intent;

use super::rollouts::failed;
use super::*;
use crate::State;

fn held(scene: &Scene) -> &HeldDeployment {
    scene.memory.unit(&unit("api")).held.as_ref().unwrap()
}

/// The plan was carried out, and this deployment is what it started.
fn deployed(scene: &mut Scene, id: &str) {
    carried_out(scene);
    scene.memory.0.get_mut(&unit("api")).unwrap().deployment = Some(id.into());
}

/// A deployment of ours under way, and one before it.
fn rolls(scene: &mut Scene, id: &str, state: &str) {
    scene.edit(service("api"), |s| {
        s["deployments"] = json!([
            {"id": id, "status": "PRIMARY", "rolloutState": state, "desiredCount": 2, "runningCount": 0,
             "failedTasks": 3, "createdAt": CLOCK, "rolloutStateReason": "it was tried"},
            {"id": "ecs-svc/1", "status": "ACTIVE", "rolloutState": "COMPLETED", "runningCount": 2}]);
    });
}

#[test]
fn a_release_lifts_a_hold_once() {
    let mut scene = Scene::settled(small());
    failed(&mut scene);
    scene.remember();
    assert_eq!((held(&scene).at, held(&scene).failures), (CLOCK, 1));
    assert_eq!(held(&scene).version.as_deref(), Some("v1+"));
    // One from before the failure says nothing about it.
    scene.orders.releases.insert(unit("api"), CLOCK - 1);
    assert!(scene.plan().report.units[&unit("api")].held.is_some());
    scene.clock += 60;
    scene.orders.releases.insert(unit("api"), CLOCK + 60);
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             taskDefinition api:1 -> api:2
        unchanged 1
    "#]],
    );
    deployed(&mut scene, "ecs-svc/4");
    scene.edit(service("api"), |s| s["taskDefinition"] = json!(revision("api", 2)));
    rolls(&mut scene, "ecs-svc/4", "IN_PROGRESS");
    scene.remember();
    assert_eq!(scene.plan().report.units[&unit("api")].state, State::Rolling);
    // It fails again, and the release is used up.
    scene.clock += 60;
    rolls(&mut scene, "ecs-svc/4", "FAILED");
    scene.remember();
    assert_eq!((held(&scene).at, held(&scene).failures), (CLOCK + 120, 2));
    prints(
        &scene,
        expect![[r#"
        web/api
          ! held      it was tried
                      the same deployment is not tried again until the document changes or it is released
        unchanged 1
    "#]],
    );
}

#[test]
fn a_release_of_what_ecs_left_in_place_forces_it_once() {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    deployed(&mut scene, "ecs-svc/2");
    let tree = scene.document.services[&key("api")].task_definition.clone();
    scene.observe(Subject::TaskDefinition(revision("api", 2)), tree.with("status", "ACTIVE"));
    scene.edit(service("api"), |s| s["taskDefinition"] = json!(revision("api", 2)));
    rolls(&mut scene, "ecs-svc/2", "FAILED");
    scene.remember();
    prints(
        &scene,
        expect![[r#"
        web/api
          ! held      it was tried
                      the same deployment is not tried again until the document changes or it is released
        unchanged 1
    "#]],
    );
    scene.orders.releases.insert(unit("api"), CLOCK);
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             released: tried again
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[r#"{"cluster":"web","forceNewDeployment":true,"service":"api"}"#]],
    );
    // Whether or not the answer came: what runs now is another deployment.
    rolls(&mut scene, "ecs-svc/4", "IN_PROGRESS");
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn a_failed_rollout_is_tried_again_as_often_as_the_document_says() {
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = json!({"retry": {"after": "10m", "max": 2}, "heal": "off"});
    }));
    failed(&mut scene);
    scene.remember();
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
          ! held      ECS deployment circuit breaker: tasks failed to start.
                      the same deployment is tried again in 600 s
        unchanged 1
    "#]],
    );
    scene.clock += 600;
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
    for (id, failures) in [("ecs-svc/4", 2), ("ecs-svc/5", 3)] {
        deployed(&mut scene, id);
        rolls(&mut scene, id, "FAILED");
        scene.remember();
        assert_eq!(held(&scene).failures, failures);
        assert!(scene.plan().plan.units.is_empty());
        scene.clock += 600;
    }
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
          ! held      it was tried
                      the same deployment is not tried again until the document changes or it is released
        unchanged 1
    "#]],
    );
}

#[test]
fn a_hold_is_forgotten_once_its_deployment_comes_to_its_end() {
    let mut scene = Scene::settled(small_with(|d| d["settings"] = json!({"rollouts": {"deadline": "30m"}})));
    scene.change(|d| new_image(d, "api"));
    deployed(&mut scene, "ecs-svc/2");
    let tree = scene.document.services[&key("api")].task_definition.clone();
    scene.observe(Subject::TaskDefinition(revision("api", 2)), tree.with("status", "ACTIVE"));
    scene.edit(service("api"), |s| s["taskDefinition"] = json!(revision("api", 2)));
    rolls(&mut scene, "ecs-svc/2", "IN_PROGRESS");
    scene.clock += 1799;
    scene.remember();
    assert_eq!(scene.plan().report.units[&unit("api")].state, State::Rolling);
    // ECS ends no deployment that has no circuit breaker.
    scene.clock += 1;
    scene.remember();
    prints(
        &scene,
        expect![[r#"
            web/api
              … waiting   rollout ecs-svc/2: 0 of 2 running, 3 failed, 30 min so far
              ! held      not done after 30 min, rollout ecs-svc/2: 0 of 2 running, 3 failed
                          the same deployment is not tried again until the document changes or it is released
            unchanged 1
        "#]],
    );
    assert_eq!(scene.plan().report.units[&unit("api")].state, State::Held);
    assert!(scene.plan().remember.is_empty());
    rolls(&mut scene, "ecs-svc/2", "COMPLETED");
    scene.remember();
    assert_eq!(scene.memory.unit(&unit("api")).held, None);
    assert!(scene.plan().report.units[&unit("api")].held.is_none());
}

/// Five services with another image, of which `api` failed to roll it out.
fn fleet(settings: Value) -> Scene {
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = settings;
        for name in ["b", "c", "d"] {
            d["services"][name] = small_service(name);
        }
    }));
    failed(&mut scene);
    for name in ["b", "c", "d"] {
        scene.change(|d| new_image(d, name));
    }
    scene.look_for_the_rest();
    scene
}

fn ready(scene: &Scene) -> Vec<String> {
    let planned = scene.plan();
    planned.plan.units.iter().filter(|(_, u)| u.ready() > 0).map(|(k, _)| k.name()).collect()
}

#[test]
fn after_so_many_failures_of_a_version_no_more_rollouts_begin() {
    let mut scene = fleet(json!({"rollouts": {"stopAfterFailures": 1}}));
    // From the pass on that sees the failure.
    assert!(ready(&scene).is_empty());
    scene.remember();
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
          ! held      ECS deployment circuit breaker: tasks failed to start.
                      the same deployment is not tried again until the document changes or it is released
        web/b
          + register-task-definition   b
              containerDefinitions[app].image   app:1 -> app:2
              … after another version: 1 rollout of this one failed, no more are begun
          ~ update-service             taskDefinition b:1 -> (register-task-definition b)
              … after another version: 1 rollout of this one failed, no more are begun
          … waiting   for another version: 1 rollout of this one failed, no more are begun
        web/c
          + register-task-definition   c
              containerDefinitions[app].image   app:1 -> app:2
              … after another version: 1 rollout of this one failed, no more are begun
          ~ update-service             taskDefinition c:1 -> (register-task-definition c)
              … after another version: 1 rollout of this one failed, no more are begun
          … waiting   for another version: 1 rollout of this one failed, no more are begun
        web/d
          + register-task-definition   d
              containerDefinitions[app].image   app:1 -> app:2
              … after another version: 1 rollout of this one failed, no more are begun
          ~ update-service             taskDefinition d:1 -> (register-task-definition d)
              … after another version: 1 rollout of this one failed, no more are begun
          … waiting   for another version: 1 rollout of this one failed, no more are begun
        unchanged 1
    "#]],
    );
    // Healing goes on, and so does a service without a task.
    scene.edit(service("c"), |s| s["runningCount"] = json!(0));
    scene.edit(service("d"), |s| s["taskDefinition"] = json!(revision("d", 1)));
    scene.edit(service("d"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
    });
    scene.change(|d| {
        d["services"]["d"]["taskDefinition"]["containerDefinitions"][0]["image"] = json!("app:1");
    });
    scene.memory.0.get_mut(&unit("api")).unwrap().held.as_mut().unwrap().version =
        Some(scene.input().version.to_owned());
    assert_eq!(ready(&scene), ["web/c", "web/d"]);
    // A hold that is lifted stops nobody.
    scene.orders.releases.insert(unit("api"), CLOCK);
    assert_eq!(ready(&scene), ["web/api", "web/b", "web/c", "web/d"]);
}

#[test]
fn another_version_begins_anew_and_fewer_failures_stop_nothing() {
    let mut scene = fleet(json!({"rollouts": {"stopAfterFailures": 1}}));
    scene.remember();
    scene.change(|d| d["tags"] = json!({"Team": "a"}));
    assert_eq!(ready(&scene), ["web/b", "web/c", "web/d"]);
    let mut scene = fleet(json!({"rollouts": {"stopAfterFailures": 2}}));
    scene.remember();
    assert_eq!(ready(&scene), ["web/b", "web/c", "web/d"]);
}

#[test]
fn a_rollout_that_a_run_under_way_is_about_to_begin_takes_its_place() {
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
        d["services"]["b"] = small_service("b");
    }));
    scene.change(|d| {
        new_image(d, "api");
        new_image(d, "b");
    });
    scene.look_for_the_rest();
    assert_eq!(ready(&scene), ["web/api"]);
    let intent = |step: &str| Intent {
        plan: "p".into(),
        steps: vec!["register-task-definition b".into(), step.into()],
        document_version: "v".into(),
        at: CLOCK,
        restart: None,
        primary: None,
    };
    scene.in_flight.insert(unit("b"));
    scene.memory.0.get_mut(&unit("b")).unwrap().intent = Some(intent("update-service b"));
    assert_eq!(ready(&scene), ["web/b"]);
    scene.memory.0.get_mut(&unit("b")).unwrap().intent = Some(intent("tag-resource"));
    assert_eq!(ready(&scene), ["web/api"]);
}

#[test]
fn a_service_without_a_task_goes_first_and_takes_its_place() {
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
        d["services"]["z"] = small_service("z");
    }));
    scene.change(|d| {
        new_image(d, "api");
        new_image(d, "z");
    });
    scene.look_for_the_rest();
    assert_eq!(ready(&scene), ["web/api"]);
    scene.edit(service("z"), |s| s["runningCount"] = json!(0));
    assert_eq!(ready(&scene), ["web/z"]);
}

#[test]
fn what_backs_off_takes_no_place_and_what_replaces_a_rollout_needs_none() {
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
        d["services"]["b"] = small_service("b");
    }));
    scene.change(|d| {
        new_image(d, "api");
        new_image(d, "b");
    });
    scene.look_for_the_rest();
    let version = scene.input().version.to_owned();
    let memory = scene.memory.0.get_mut(&unit("api")).unwrap();
    (memory.failures, memory.failed_at) = (9, Some(CLOCK));
    (memory.failure, memory.failed_version) = (Some("AccessDenied".into()), Some(version));
    assert_eq!(ready(&scene), ["web/b"]);
    // A rollout that is under way is superseded without waiting, by a rollback for instance.
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
        d["services"]["b"] = small_service("b");
    }));
    rolls(&mut scene, "ecs-svc/2", "IN_PROGRESS");
    scene.change(|d| {
        new_image(d, "api");
        new_image(d, "b");
    });
    scene.look_for_the_rest();
    assert_eq!(ready(&scene), ["web/api"]);
}

/// A restart whose answer was lost.
fn restarting() -> Scene {
    let mut scene = Scene::settled(small());
    scene.change(|d| d["services"]["api"]["restart"] = json!("again"));
    let planned = scene.plan();
    let steps = &planned.plan.units[&unit("api")];
    assert_eq!((steps.restarts.as_deref(), steps.primary.as_deref()), (Some("again"), Some("ecs-svc/1")));
    scene.memory.0.get_mut(&unit("api")).unwrap().intent = Some(Intent {
        plan: planned.plan.id.clone(),
        steps: vec!["update-service api".into()],
        document_version: "v1+".into(),
        at: CLOCK,
        restart: steps.restarts.clone(),
        primary: steps.primary.clone(),
    });
    scene
}

#[test]
fn a_restart_whose_answer_was_lost_is_not_made_twice() {
    let mut scene = restarting();
    scene.edit(service("api"), |s| {
        s["deployments"][0]["id"] = json!("ecs-svc/2");
        s["enableExecuteCommand"] = json!(true);
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
        unchanged 1
    "#]],
    );
    scene.remember();
    let memory = scene.memory.unit(&unit("api"));
    assert_eq!((memory.restart.as_deref(), &memory.intent), (Some("again"), &None));
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(false));
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn a_restart_that_was_not_made_is_made_once_that_is_certain() {
    let mut scene = restarting();
    prints(
        &scene,
        expect![[r#"
            web/api
              … waiting   to see service web/api
              · note      restart is now "again", and waits
            unchanged 1
        "#]],
    );
    assert!(scene.plan().remember.is_empty());
    // Nothing else is begun meanwhile, or its outcome would stand for that of the run before.
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    assert!(ready(&scene).is_empty());
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(false));
    scene.clock += 60;
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             restart is now "again"
        unchanged 1
    "#]],
    );
    // Another value was never asked for.
    let mut scene = restarting();
    scene.change(|d| d["services"]["api"]["restart"] = json!("and again"));
    assert_eq!(ready(&scene), ["web/api"]);
}

/// While the next try waits, nobody knows what the cut off run did.
#[test]
fn an_intent_stays_open_while_the_next_try_waits() {
    let mut scene = restarting();
    let version = scene.input().version.to_owned();
    let memory = scene.memory.0.get_mut(&unit("api")).unwrap();
    (memory.failures, memory.failed_at) = (3, Some(CLOCK + 60));
    (memory.failure, memory.failed_version) = (Some("no answer".into()), Some(version));
    scene.clock += 60;
    assert!(scene.plan().remember.is_empty());
}

/// A run was cut off after its call, and ECS gave its deployment up before anybody looked again.
#[test]
fn what_failed_while_nobody_looked_is_held() {
    for told in ["reason", "event"] {
        let mut scene = Scene::settled(small());
        scene.change(|d| new_image(d, "api"));
        scene.look_for_the_rest();
        scene.memory.0.get_mut(&unit("api")).unwrap().intent = Some(Intent {
            plan: "p".into(),
            steps: vec!["update-service api".into()],
            document_version: "v1+".into(),
            at: CLOCK,
            restart: None,
            primary: Some("ecs-svc/1".into()),
        });
        // It was not made: it is made.
        assert_eq!(ready(&scene), ["web/api"]);
        scene.edit(service("api"), |s| {
            let reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.";
            s["deployments"][0]["id"] = json!("ecs-svc/3");
            match told {
                "reason" => s["deployments"][0]["rolloutStateReason"] = json!(reason),
                _ => {
                    let message =
                        "(service api) (deployment ecs-svc/2) deployment failed: tasks failed to start.";
                    s["events"] = json!([{"message": message, "createdAt": CLOCK + 100}]);
                }
            }
        });
        scene.remember();
        assert!(scene.plan().plan.units.is_empty(), "{told}");
        assert_eq!(scene.plan().report.units[&unit("api")].state, State::Held, "{told}");
        assert_eq!(scene.memory.unit(&unit("api")).intent, None);
    }
}

/// What is healed while the document's changes wait is a deployment of its own.
#[test]
fn outside_its_windows_what_failed_to_heal_does_not_hold_what_the_document_wants() {
    let mut scene = Scene::settled(small_with(|d| {
        d["settings"] = json!({"windows": [{"days": ["fri"], "from": "22:00", "to": "23:00"}]});
    }));
    scene.change(|d| new_image(d, "api"));
    scene.look_for_the_rest();
    let groups = |s: &mut Value, group: &str| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!([group]);
    };
    scene.edit(service("api"), |s| groups(s, "sg-2"));
    deployed(&mut scene, "ecs-svc/2");
    let healing = scene.memory.unit(&unit("api")).deployment_key.clone();
    rolls(&mut scene, "ecs-svc/2", "FAILED");
    scene.remember();
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
          = left      networkConfiguration.awsvpcConfiguration.securityGroups[sg-1]   (absent)…   (rollout)
          = left      networkConfiguration.awsvpcConfiguration.securityGroups[sg-2]   sg-2 -> (…   (rollout)
          ! held      it was tried
                      the same deployment is not tried again until the document changes or it is released
        unchanged 1
    "#]],
    );
    // Friday, 22:00.
    scene.clock = CLOCK + 14 * 3600;
    assert_eq!(ready(&scene), ["web/api"]);
    let planned = scene.plan();
    assert!(planned.report.units[&unit("api")].held.is_none());
    assert_ne!(planned.plan.units[&unit("api")].deployment_key, healing);
}

/// Memory was lost, and ECS remembers a deployment that it took back.
fn forgotten() -> Scene {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    let tree = scene.document.services[&key("api")].task_definition.clone();
    scene.observe(Subject::TaskDefinition(revision("api", 2)), tree.with("status", "ACTIVE"));
    scene.edit(service("api"), |s| s["currentServiceDeployment"] = json!("arn:deployment"));
    scene.memory.0.clear();
    scene
}

#[test]
fn with_memory_gone_ecs_history_tells_what_failed() {
    let mut scene = forgotten();
    prints(
        &scene,
        expect![[r#"
            web/api
              + register-task-definition   api
                  containerDefinitions[app].image   app:1 -> app:2
                  … after to see deployments of web/api
              ~ update-service             taskDefinition api:1 -> (register-task-definition api)
              … waiting   to see deployments of web/api
              · note      MemoryRebuilt: nothing was remembered of it
            unchanged 1
        "#]],
    );
    scene.sees(
        Subject::Deployments(key("api")),
        json!([{"serviceDeploymentArn": "arn:2", "status": "ROLLBACK_SUCCESSFUL", "statusReason": "the circuit breaker was triggered",
            "targetServiceRevision": {"arn": "arn:revision"}}]),
    );
    let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
    assert!(interest.contains(&Subject::ServiceRevision("arn:revision".into())));
    assert!(ready(&scene).is_empty());
    scene
        .sees(Subject::ServiceRevision("arn:revision".into()), json!({"taskDefinition": revision("api", 2)}));
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
            web/api
              = left      containerDefinitions[app].image   app:1 -> app:2   (rollout)
              ! held      the circuit breaker was triggered
                          the same deployment is not tried again until the document changes or it is released
              · note      MemoryRebuilt: nothing was remembered of it
            unchanged 1
        "#]],
    );
    // What is wanted since is not what failed.
    scene.change(|d| {
        d["services"]["api"]["taskDefinition"]["containerDefinitions"][0]["image"] = json!("app:3");
    });
    scene.look_for_the_rest();
    assert_eq!(ready(&scene), ["web/api"]);
}

#[test]
fn a_history_without_failures_holds_nothing() {
    let mut scene = forgotten();
    scene.sees(
        Subject::Deployments(key("api")),
        json!([{"status": "SUCCESSFUL"}, {"status": "ROLLBACK_SUCCESSFUL", "targetServiceRevision": {"arn": "arn:revision"}}]),
    );
    scene.look_for_the_rest();
    assert_eq!(ready(&scene), ["web/api"]);
}

/// Our rollout of `api`, and then a service that shows the deployment before it as its newest.
fn gone_back() -> Scene {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    let unit = &scene.plan().plan.units[&unit("api")].clone();
    let memory = scene.memory.0.get_mut(&super::unit("api")).unwrap();
    memory.deployment = Some("ecs-svc/2".into());
    memory.deployment_key.clone_from(&unit.deployment_key);
    memory.task_definition = Some(revision("api", 2));
    scene.edit(service("api"), |s| s["currentServiceDeployment"] = json!("arn:2"));
    scene
}

/// ECS tells nowhere but in its history that it took a blue/green deployment back.
#[test]
fn a_deployment_that_is_gone_is_looked_for_in_the_history_before_anything_is_done() {
    let mut scene = gone_back();
    let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
    assert!(interest.contains(&Subject::Deployments(key("api"))));
    scene.look_for_the_rest();
    scene.sees(Subject::ServiceRevision("arn:new".into()), json!({"taskDefinition": revision("api", 2)}));
    let listed = |status: &str| {
        json!([{"serviceDeploymentArn": "arn:2", "status": status, "statusReason": "a hook failed",
            "targetServiceRevision": {"arn": "arn:new"}}])
    };
    // A reading from before it was over.
    scene.sees(Subject::Deployments(key("api")), listed("IN_PROGRESS"));
    scene.look_for_the_rest();
    assert!(ready(&scene).is_empty());
    scene.sees(Subject::Deployments(key("api")), listed("ROLLBACK_SUCCESSFUL"));
    scene.look_for_the_rest();
    let planned = scene.plan();
    assert_eq!(planned.report.units[&unit("api")].held.as_ref().unwrap().reason, "a hook failed");
    assert!(ready(&scene).is_empty());
    // Remembered, it is not counted again, and not looked for any longer.
    let remembered = planned.remember[&unit("api")].clone();
    assert_eq!(remembered.held.as_ref().unwrap().failures, 1);
    scene.memory.0.insert(unit("api"), remembered);
    assert!(!scene.plan().remember.contains_key(&unit("api")));
    let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
    assert!(!interest.contains(&Subject::Deployments(key("api"))));
}

#[test]
fn a_deployment_that_somebody_replaced_did_not_fail_and_is_forgotten_once_all_is_as_wanted() {
    let mut scene = gone_back();
    scene.look_for_the_rest();
    scene.sees(Subject::Deployments(key("api")), json!([{"status": "SUCCESSFUL"}]));
    assert_eq!(ready(&scene), ["web/api"]);
    scene.change(|d| *d = small());
    let remembered = scene.plan().remember[&unit("api")].clone();
    assert_eq!((remembered.deployment.as_deref(), remembered.deployment_key), (Some("ecs-svc/1"), None));
}

#[test]
fn a_rollout_whose_beginning_is_forgotten_is_held_where_it_fails() {
    let mut scene = Scene::settled(small());
    scene.memory.0.clear();
    rolls(&mut scene, "ecs-svc/2", "IN_PROGRESS");
    scene.remember();
    let memory = scene.memory.unit(&unit("api"));
    assert_eq!(memory.deployment.as_deref(), Some("ecs-svc/2"));
    rolls(&mut scene, "ecs-svc/2", "FAILED");
    scene.remember();
    assert_eq!(scene.plan().report.units[&unit("api")].state, State::Held);
    // One of another content is another matter.
    scene.change(|d| new_image(d, "api"));
    assert_eq!(scene.plan().report.units[&unit("api")].held, None);
}
