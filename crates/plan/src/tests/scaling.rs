//! Counts, bounds, policies and scheduled actions.

use super::*;

fn scaled() -> Value {
    small_with(|d| {
        d["services"]["api"]["scaling"] = json!({"minCapacity": 2, "maxCapacity": 10, "policies": {"cpu": {
            "policyType": "TargetTrackingScaling", "targetTrackingScalingPolicyConfiguration": {"targetValue": 70,
                "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"}}}}});
    })
}

fn target() -> Subject {
    Subject::ScalableTarget(key("api"))
}

/// A scheduled action that sets these bounds.
fn night(bounds: Value) -> Value {
    json!([{"scheduledActionName": "night", "schedule": "cron(0 0 * * ? *)", "scalableTargetAction": bounds}])
}

#[test]
fn a_policy_that_somebody_deleted_is_put_again() {
    let mut scene = Scene::settled(scaled());
    scene.sees(Subject::Policies(key("api")), json!([]));
    prints(
        &scene,
        expect![[r#"
        web/api
          + put-scaling-policy         cpu
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "put-scaling-policy cpu",
        expect![[
            r#"{"policyName":"cpu","policyType":"TargetTrackingScaling","resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs","targetTrackingScalingPolicyConfiguration":{"predefinedMetricSpecification":{"predefinedMetricType":"ECSServiceAverageCPUUtilization"},"targetValue":70.0}}"#
        ]],
    );
    assert_eq!(scene.plan().report.units[&unit("api")].drift[0].owner, crate::Owner::Human);
    scene.change(|d| d["settings"] = json!({"heal": "off"}));
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      policy cpu   (absent) -> present   (human)
        unchanged 1
    "#]],
    );
}

#[test]
fn a_policy_of_another_type_is_refused_and_one_nobody_declared_is_told() {
    let mut scene = Scene::settled(scaled());
    scene.sees(
        Subject::Policies(key("api")),
        json!([{"policyName": "cpu", "policyType": "StepScaling"}, {"policyName": "night", "policyType": "StepScaling"}]),
    );
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      policyType   StepScaling -> TargetTrackingScaling   (human)
          ! refused   `policyType` of policy cpu cannot be changed
                      declare it under another name
          · note      it has a policy night that the document does not declare
        unchanged 1
    "#]],
    );
}

#[test]
fn a_target_that_is_gone_is_registered_before_its_policies() {
    let mut scene = Scene::settled(scaled());
    scene.gone(target());
    scene.sees(Subject::Policies(key("api")), json!([]));
    prints(
        &scene,
        expect![[r#"
        web/api
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
            r#"{"maxCapacity":10,"minCapacity":2,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs","tags":{"Team":"a","evenkeel:document":"shop","evenkeel:key":"api"}}"#
        ]],
    );
}

#[test]
fn no_policy_is_put_on_a_target_that_has_not_been_seen() {
    let mut scene = Scene::settled(scaled());
    scene.sees(Subject::Policies(key("api")), json!([]));
    scene.unseen(target());
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   to see scalable target of web/api
        unchanged 1
    "#]],
    );
}

#[test]
fn a_count_within_the_bounds_belongs_to_the_autoscaler() {
    let mut scene = Scene::settled(scaled());
    scene.edit(service("api"), |s| s["desiredCount"] = json!(7));
    prints(
        &scene,
        expect![[r#"
            unchanged 2
        "#]],
    );
    assert_eq!(scene.plan().report.units[&unit("api")].state, crate::State::Synced);
}

#[test]
fn a_count_outside_the_bounds_is_healed_by_registering_the_target() {
    let mut scene = Scene::settled(scaled());
    scene.edit(service("api"), |s| s["desiredCount"] = json!(0));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ register-scalable-target   api
              desiredCount   0 -> 2 to 10
          = left      desiredCount   0 -> 2   (autoscaler)
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":10,"minCapacity":2,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
}

#[test]
fn bounds_that_somebody_changed_are_put_back_and_tags_are_not_sent_again() {
    let mut scene = Scene::settled(scaled());
    scene.sees(target(), json!({"minCapacity": 0, "maxCapacity": 10}));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ register-scalable-target   api
              minCapacity   0 -> 2
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":10,"minCapacity":2,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
}

#[test]
fn bounds_belong_to_scheduled_actions_where_there_are_any() {
    let mut scene = Scene::settled(scaled());
    scene.sees(Subject::ScheduledActions(key("api")), night(json!({"minCapacity": 0, "maxCapacity": 1})));
    scene.sees(target(), json!({"minCapacity": 0, "maxCapacity": 1}));
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      maxCapacity   1 -> 10   (autoscaler)
          = left      minCapacity   0 -> 2   (autoscaler)
          · note      it has a scheduled action night that the document does not declare
        unchanged 1
    "#]],
    );
    // Nor does it matter that memory was lost.
    scene.memory.0.clear();
    prints(
        &scene,
        expect![[r#"
            web/api
              = left      maxCapacity   1 -> 10   (autoscaler)
              = left      minCapacity   0 -> 2   (autoscaler)
              · note      it has a scheduled action night that the document does not declare
              · note      MemoryRebuilt: nothing was remembered of it
            unchanged 1
        "#]],
    );
    // A change of the document is made.
    let mut scene = Scene::settled(scaled());
    scene.sees(Subject::ScheduledActions(key("api")), night(json!({"minCapacity": 0, "maxCapacity": 1})));
    scene.change(|d| d["services"]["api"]["scaling"]["maxCapacity"] = json!(20));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ register-scalable-target   api
              maxCapacity   10 -> 20
          · note      it has a scheduled action night that the document does not declare
        unchanged 1
    "#]],
    );
    // Until they were looked for, nobody knows.
    scene.unseen(Subject::ScheduledActions(key("api")));
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   to see scheduled actions of web/api
        unchanged 1
    "#]],
    );
}

#[test]
fn a_count_out_of_bounds_that_actions_set_is_healed_once_it_is_no_action_at_work() {
    let mut scene = Scene::settled(scaled());
    scene.sees(Subject::ScheduledActions(key("api")), night(json!({"minCapacity": 0, "maxCapacity": 1})));
    let register = |scene: &Scene| scene.plan().plan.units.contains_key(&unit("api"));
    let again = |scene: &mut Scene, seconds: u64| {
        scene.wait(seconds * 1000);
        scene.edit(service("api"), |_| {});
        scene.edit(target(), |_| {});
    };
    again(&mut scene, 600);
    scene.edit(service("api"), |s| s["desiredCount"] = json!(0));
    // The bounds may be from before an action fired, or the count from before it took effect.
    assert!(!register(&scene));
    again(&mut scene, 59);
    assert!(!register(&scene));
    again(&mut scene, 2);
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ register-scalable-target   api
              desiredCount   0 -> 2 to 10
          = left      desiredCount   0 -> 2   (autoscaler)
          · note      it has a scheduled action night that the document does not declare
        unchanged 1
    "#]],
    );
    // AWS knows best which bounds count by now.
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
    // An action fired: what is seen of one of the two is from before it.
    scene.sees(target(), json!({"minCapacity": 0, "maxCapacity": 1}));
    assert!(!register(&scene));
    scene.edit(service("api"), |s| s["desiredCount"] = json!(4));
    again(&mut scene, 61);
    assert!(register(&scene));
    scene.sees(target(), json!({"minCapacity": 2, "maxCapacity": 10}));
    assert!(!register(&scene));
    // With healing off it stays.
    scene.edit(service("api"), |s| s["desiredCount"] = json!(0));
    again(&mut scene, 61);
    assert!(register(&scene));
    scene.change(|d| d["settings"] = json!({"heal": "off"}));
    assert!(!register(&scene));
}

#[test]
fn a_scheduled_action_is_put_where_it_differs() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["api"]["scaling"] = json!({"minCapacity": 2, "maxCapacity": 10, "scheduledActions": {"night": {
            "schedule": "cron(0 20 * * ? *)", "scalableTargetAction": {"minCapacity": 0, "maxCapacity": 1}}}});
    }));
    scene.edit(Subject::ScheduledActions(key("api")), |a| a[0]["schedule"] = json!("cron(0 8 * * ? *)"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ put-scheduled-action       night
              schedule   cron(0 8 * * ? *) -> cron(0 20 * * ? *)
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "put-scheduled-action night",
        expect![[
            r#"{"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","scalableTargetAction":{"maxCapacity":1,"minCapacity":0},"schedule":"cron(0 20 * * ? *)","scheduledActionName":"night","serviceNamespace":"ecs"}"#
        ]],
    );
}

#[test]
fn without_scaling_the_count_is_the_documents() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["desiredCount"] = json!(5));
    // A scalable target that somebody has just made may have moved it.
    assert!(scene.plan().plan.units.is_empty());
    scene.gone(target());
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              desiredCount   5 -> 2
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[r#"{"cluster":"web","desiredCount":2,"service":"api"}"#]],
    );
}

#[test]
fn a_target_that_the_document_does_not_declare_takes_the_count_all_the_same() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["desiredCount"] = json!(5));
    scene.sees(target(), json!({"minCapacity": 1, "maxCapacity": 9}));
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      desiredCount   5 -> 2   (autoscaler)
          · note      it has a scalable target that the document does not declare: its count is left to that
        unchanged 1
    "#]],
    );
    // Unknown, nobody touches the count.
    scene.unseen(target());
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn an_ignored_bound_stays_as_it_is() {
    let mut document = scaled();
    document["services"]["api"]["ignore"] = json!([{"path": "/scaling/minCapacity", "reason": "sale"}]);
    let mut scene = Scene::settled(document);
    scene.sees(target(), json!({"minCapacity": 5, "maxCapacity": 9}));
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":10,"minCapacity":5,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
}

#[test]
fn a_bound_that_no_scheduled_action_sets_is_put_back_and_the_others_left() {
    let mut scene = Scene::settled(scaled());
    scene.sees(Subject::ScheduledActions(key("api")), night(json!({"minCapacity": 0})));
    scene.sees(target(), json!({"minCapacity": 0, "maxCapacity": 50}));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ register-scalable-target   api
              maxCapacity   50 -> 10
          = left      minCapacity   0 -> 2   (autoscaler)
          · note      it has a scheduled action night that the document does not declare
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":10,"minCapacity":0,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
    // An action that is declared and not seen yet sets its bounds all the same.
    let mut document = scaled();
    document["services"]["api"]["scaling"]["scheduledActions"] =
        json!({"night": {"schedule": "cron(0 0 * * ? *)", "scalableTargetAction": {"minCapacity": 0}}});
    let mut scene = Scene::settled(document);
    scene.sees(target(), json!({"minCapacity": 0, "maxCapacity": 10}));
    assert!(scene.plan().plan.units.is_empty());
    assert_eq!(scene.plan().report.units[&unit("api")].state, crate::State::Synced);
}

#[test]
fn a_night_scale_down_is_left_in_peace_whatever_else_changes() {
    let mut scene = Scene::settled(scaled());
    scene.sees(Subject::ScheduledActions(key("api")), night(json!({"minCapacity": 0, "maxCapacity": 1})));
    scene.sees(target(), json!({"minCapacity": 0, "maxCapacity": 1}));
    scene.edit(service("api"), |s| {
        s["desiredCount"] = json!(0);
        s["enableExecuteCommand"] = json!(true);
    });
    scene.change(|d| d["services"]["api"]["service"]["propagateTags"] = json!("SERVICE"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
              propagateTags   NONE -> SERVICE
          = left      desiredCount   0 -> 2   (autoscaler)
          = left      maxCapacity   1 -> 10   (autoscaler)
          = left      minCapacity   0 -> 2   (autoscaler)
          · note      it has a scheduled action night that the document does not declare
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","enableExecuteCommand":false,"propagateTags":"SERVICE","service":"api"}"#
        ]],
    );
    // The document's own change of a bound is made, and takes the other as it is.
    scene.change(|d| d["services"]["api"]["scaling"]["maxCapacity"] = json!(20));
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":20,"minCapacity":0,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
    // One that AWS would refuse at night waits for the day.
    scene.change(|d| {
        d["services"]["api"]["scaling"]["maxCapacity"] = json!(10);
        d["services"]["api"]["scaling"]["minCapacity"] = json!(5);
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
              propagateTags   NONE -> SERVICE
          = left      desiredCount   0 -> 2   (autoscaler)
          = left      maxCapacity   1 -> 10   (autoscaler)
          = left      minCapacity   0 -> 5   (autoscaler)
          · note      it has a scheduled action night that the document does not declare
        unchanged 1
    "#]],
    );
}

#[test]
fn a_suspended_state_that_nobody_declared_is_never_touched_and_a_declared_one_is_kept() {
    let mut scene = Scene::settled(scaled());
    let suspended = json!({"dynamicScalingInSuspended": true, "dynamicScalingOutSuspended": false, "scheduledScalingSuspended": true});
    scene.sees(target(), json!({"minCapacity": 2, "maxCapacity": 10, "suspendedState": suspended}));
    assert!(scene.plan().plan.units.is_empty());
    scene.sees(target(), json!({"minCapacity": 1, "maxCapacity": 10, "suspendedState": suspended}));
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":10,"minCapacity":2,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs"}"#
        ]],
    );
    let mut document = scaled();
    document["services"]["api"]["scaling"]["suspendedState"] = json!({"dynamicScalingInSuspended": false});
    let mut scene = Scene::settled(document);
    scene.sees(Subject::ScheduledActions(key("api")), night(json!({"minCapacity": 0, "maxCapacity": 1})));
    scene.sees(target(), json!({"minCapacity": 0, "maxCapacity": 1, "suspendedState": suspended}));
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ register-scalable-target   api
                  suspendedState.dynamicScalingInSuspended   true -> false
              = left      maxCapacity   1 -> 10   (autoscaler)
              = left      minCapacity   0 -> 2   (autoscaler)
              · note      its scaling is suspended by `scheduledScalingSuspended`, of which the document says
                          nothing: left so
              · note      it has a scheduled action night that the document does not declare
            unchanged 1
        "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "register-scalable-target api",
        expect![[
            r#"{"maxCapacity":1,"minCapacity":0,"resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs","suspendedState":{"dynamicScalingInSuspended":false,"dynamicScalingOutSuspended":false,"scheduledScalingSuspended":true}}"#
        ]],
    );
}

#[test]
fn a_step_policy_is_put_whole_where_it_differs() {
    let step = |to: i64| {
        json!({"policyType": "StepScaling", "stepScalingPolicyConfiguration": {"adjustmentType": "ChangeInCapacity",
            "cooldown": 60, "stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": to}]}})
    };
    let mut document = scaled();
    document["services"]["api"]["scaling"]["policies"] = json!({"burst": step(2)});
    let mut scene = Scene::settled(document);
    // What AWS fills in is no difference.
    scene.edit(Subject::Policies(key("api")), |p| {
        p[0]["stepScalingPolicyConfiguration"]["metricAggregationType"] = json!("Average");
        p[0]["alarms"] = json!([]);
    });
    assert!(scene.plan().plan.units.is_empty());
    scene.edit(Subject::Policies(key("api")), |p| {
        p[0]["stepScalingPolicyConfiguration"]["stepAdjustments"][0]["scalingAdjustment"] = json!(9);
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ put-scaling-policy         burst
              stepScalingPolicyConfiguration.stepAdjustments[0].scalingAdjustment   9 -> 2
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "put-scaling-policy burst",
        expect![[
            r#"{"policyName":"burst","policyType":"StepScaling","resourceId":"service/web/api","scalableDimension":"ecs:service:DesiredCount","serviceNamespace":"ecs","stepScalingPolicyConfiguration":{"adjustmentType":"ChangeInCapacity","cooldown":60,"stepAdjustments":[{"metricIntervalLowerBound":0.0,"scalingAdjustment":2}]}}"#
        ]],
    );
}

#[test]
fn a_service_that_is_created_starts_within_its_bounds_before_it_is_scaled() {
    let mut document = scaled();
    document["services"]["api"]["service"]["desiredCount"] = json!(50);
    let scene = Scene::empty(document);
    let planned = scene.plan();
    let steps: Vec<&str> = planned.plan.units[&unit("api")].steps.iter().map(|s| s.id.0.as_str()).collect();
    assert_eq!(
        steps,
        [
            "register-task-definition api",
            "create-service api",
            "register-scalable-target api",
            "put-scaling-policy cpu"
        ]
    );
    assert!(scene.input_of(&unit("api"), "create-service api").contains(r#""desiredCount":10"#));
}
