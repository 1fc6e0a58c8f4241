//! What has not been seen waits, and nothing is written from what was once so.

use super::*;

#[test]
fn with_nothing_seen_everything_waits_and_nothing_is_planned() {
    let scene = Scene::new(farsight());
    assert!(scene.plan().plan.units.is_empty());
    assert!(scene.plan().report.units.values().all(|u| u.state == crate::State::Unknown));
    prints(
        &scene,
        expect![[r#"
        cluster farsight-cluster
          … waiting   to see cluster farsight-cluster
        repository farsight-server
          … waiting   to see repository farsight-server
        log-group /ecs/farsight-api-server
          … waiting   to see log group /ecs/farsight-api-server
        log-group /ecs/farsight-worker
          … waiting   to see log group /ecs/farsight-worker
        target-group farsight-api-tg
          … waiting   to see target group farsight-api-tg
        load-balancer farsight-alb
          … waiting   to see load balancer farsight-alb
        farsight-cluster/farsight-api-server
          … waiting   to see cluster farsight-cluster
        farsight-cluster/farsight-worker
          … waiting   to see cluster farsight-cluster
    "#]],
    );
}

/// One subject at a time is not known: its own unit writes nothing that rests on it, the others go on.
#[test]
fn each_subject_that_is_unknown_makes_its_own_unit_wait_and_no_other() {
    let settled = Scene::settled(farsight());
    let subjects: Vec<Subject> = settled.world.iter().map(|(s, _)| s.clone()).collect();
    for subject in subjects {
        let mut scene = Scene::settled(farsight());
        scene.unseen(subject.clone());
        let planned = scene.plan();
        assert!(planned.plan.units.is_empty(), "{subject}: {}", scene.print());
        let waiting = planned.report.units.values().filter(|u| !u.waiting.is_empty()).count();
        match subject {
            // Nothing needs them while all is in sync.
            Subject::Family(_) | Subject::ScheduledActions(_) => assert!(waiting <= 1, "{subject}"),
            // Whose services are in it, or which are behind it.
            Subject::Cluster(_) => assert_eq!(waiting, 3, "{subject}"),
            Subject::TargetGroup(_) => assert_eq!(waiting, 3, "{subject}"),
            _ => assert!(waiting >= 1, "{subject}"),
        }
    }
}

#[test]
fn a_service_that_aws_still_describes_as_inactive_is_absent() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["status"] = json!("INACTIVE"));
    prints(
        &scene,
        expect![[r#"
        web/api
          + create-service             api
        unchanged 1
    "#]],
    );
    let planned = scene.plan();
    assert_eq!(planned.plan.units[&unit("api")].steps[0].guard, crate::Guard::Absent);
}

#[test]
fn a_scalable_target_that_still_shows_is_registered_without_tags_for_a_new_service() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["api"]["scaling"] = json!({"minCapacity": 2, "maxCapacity": 3, "policies": {"cpu": {
                "policyType": "StepScaling",
                "stepScalingPolicyConfiguration": {"adjustmentType": "ExactCapacity", "stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 1}]}}}});
    }));
    scene.edit(service("api"), |s| s["status"] = json!("INACTIVE"));
    prints(
        &scene,
        expect![[r#"
        web/api
          + create-service             api
          + register-scalable-target   api
          + put-scaling-policy         cpu
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":3,"minCapacity":2,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
    // All that follows the service is as the service's creation left it.
    let planned = scene.plan();
    let steps = &planned.plan.units[&unit("api")].steps;
    assert!(steps[1..].iter().all(|s| matches!(s.guard, crate::Guard::AsLeftBy(_))), "{steps:?}");
    scene.gone(Subject::ScalableTarget(key("api")));
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":3,"minCapacity":2,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs","tags":{"Team":"a","evenkeel:document":"shop","evenkeel:key":"api"}}"#
        ]],
    );
}

#[test]
fn a_service_that_drains_is_waited_for() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["status"] = json!("DRAINING"));
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   for its deletion to end: tasks are draining
        unchanged 1
    "#]],
    );
}

#[test]
fn a_cluster_that_nobody_declared_must_be_there() {
    let mut scene = Scene::settled(small_with(|d| {
        d.as_object_mut().unwrap().remove("clusters");
    }));
    assert!(scene.plan().plan.units.is_empty());
    scene.gone(Subject::Cluster("web".into()));
    prints(
        &scene,
        expect![[r#"
        web/api
          ! refused   there is no cluster web in this account and region
                      create it, or declare it under `clusters`
    "#]],
    );
}

#[test]
fn what_is_kept_in_sight_is_enough_to_come_to_the_same_choice_again() {
    let mut scene = Scene::settled(farsight());
    scene.change(|d| d["services"]["farsight-worker"]["taskDefinition"]["memory"] = json!("2048"));
    scene.look_for_the_rest();
    let before = scene.plan().plan.id;
    let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
    scene.world.retain(|s, _| interest.contains(s));
    assert_eq!(scene.plan().plan.id, before);
}

#[test]
fn the_intent_of_a_run_that_was_cut_off_is_closed_by_what_aws_shows() {
    let mut scene = Scene::settled(small());
    let intent = evenkeel_model::memory::Intent {
        plan: "p".into(),
        steps: vec!["update-service api".into()],
        document_version: "v1".into(),
        at: CLOCK,
        restart: None,
        primary: None,
    };
    scene.memory.0.get_mut(&unit("api")).unwrap().intent = Some(intent);
    let remembered = &scene.plan().remember[&unit("api")];
    assert_eq!(remembered.intent, None);
    assert_eq!(remembered.deployment.as_deref(), Some("ecs-svc/1"));
    assert_eq!(remembered.document_version.as_deref(), Some("v1"));
    assert!(remembered.deployment_key.is_some());
    // Not while the service has not been seen, nor while something is left to be done.
    let mut unseen = Scene::settled(small());
    unseen.memory = scene.memory.clone();
    unseen.unseen(service("api"));
    assert!(unseen.plan().remember.is_empty());
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    let remembered = &scene.plan().remember[&unit("api")];
    assert_eq!(
        (&remembered.intent, &remembered.deployment, &remembered.document_version),
        (&None, &None, &None)
    );
}

#[test]
fn a_unit_in_flight_says_so() {
    let mut scene = Scene::settled(small());
    scene.in_flight.insert(unit("api"));
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   executing
        unchanged 1
    "#]],
    );
}
