//! What the document no longer has.

use evenkeel_model::key::UnitKey;
use evenkeel_model::shapes::Op;
use proptest::prelude::*;

use super::*;
use crate::check::check;
use crate::{Planned, State, WaitingOn};

/// Services `s0`, `s1`, … with these settings.
fn many(n: usize, settings: Value) -> Value {
    small_with(|d| {
        d["services"] = (0..n).map(|i| (format!("s{i}"), small_service(&format!("s{i}")))).collect();
        d["settings"] = settings;
    })
}

/// The document loses services.
fn lose(scene: &mut Scene, names: &[&str]) {
    scene.change(|d| {
        for name in names {
            d["services"].as_object_mut().unwrap().remove(*name);
        }
    });
    scene.look_for_the_rest();
}

/// The steps that delete something, by operation and unit.
fn deleting(planned: &Planned) -> Vec<String> {
    let deletes = |op: Op| op.name().starts_with("Delete") || op.name().starts_with("Deregister");
    let steps = planned.plan.units.iter().flat_map(|(k, u)| u.steps.iter().map(move |s| (k, s)));
    steps
        .filter(|(_, s)| deletes(s.action.op))
        .map(|(k, s)| format!("{} of {k}", s.action.op.name()))
        .collect()
}

/// Carries out what is ready to be deleted, in AWS and in memory.
fn deletes(scene: &mut Scene) -> Vec<String> {
    let planned = scene.plan();
    let told = deleting(&planned);
    for (key, unit) in planned.plan.units {
        let ready = unit.ready();
        let done: BTreeSet<_> = unit.steps.iter().take(ready).map(|s| s.id.clone()).collect();
        for step in unit.steps.iter().take(ready) {
            let sent = &step.action.input;
            match step.action.op {
                Op::Elbv2DeleteRule | Op::Elbv2DeleteListener => {
                    let arn = sent.str("ruleArn").or(sent.str("listenerArn")).unwrap().to_owned();
                    scene.edit(step.subject.clone(), |all| {
                        all.as_array_mut()
                            .unwrap()
                            .retain(|it| it["ruleArn"] != *arn && it["listenerArn"] != *arn);
                    });
                }
                op if op.name().starts_with("Delete") || op.name().starts_with("Deregister") => {
                    scene.gone(step.subject.clone());
                }
                _ => {}
            }
        }
        if ready > 0 {
            let run = crate::Run {
                complete: ready == unit.steps.len(),
                ..ran(&scene.document.name, scene.clock, &done)
            };
            unit.record(&key, scene.memory.0.entry(key.clone()).or_default(), &run);
        }
    }
    scene.remember();
    told
}

#[test]
fn with_prune_off_what_left_the_document_is_reported_and_stays() {
    let mut scene = Scene::settled(many(2, json!({})));
    lose(&mut scene, &["s1"]);
    prints(
        &scene,
        expect![[r#"
        web/s1
          ! refused   delete: prune is off
                      set `prune` to `confirm` or `on`, or delete it by hand
        unchanged 2
    "#]],
    );
    let state = scene.plan().report.units[&unit("s1")].state;
    assert!(state == State::Undeclared && state.is_settled());
    // It is still there tomorrow, and goes out of sight once somebody deletes it.
    scene.gone(service("s1"));
    scene.remember();
    prints(
        &scene,
        expect![[r#"
        unchanged 2
    "#]],
    );
    assert!(scene.memory.unit(&unit("s1")).applied.is_empty());
}

#[test]
fn with_prune_on_a_service_goes_with_its_rules_and_its_scaling() {
    let mut document = many(1, json!({"prune": "on"}));
    document["services"]["s0"]["scaling"] = json!({"minCapacity": 1, "maxCapacity": 4});
    document["services"]["s0"]["listenerRules"] = json!({"main": {
        "listenerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2", "priority": 7,
        "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
        "actions": [{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "200"}}]}});
    let mut scene = Scene::settled(document);
    lose(&mut scene, &["s0"]);
    prints(
        &scene,
        expect![[r#"
            web/s0
              - deregister-scalable-target s0, which the document does not have
              - delete-rule                s0/main, which the document does not have
              - delete-service             s0, which the document does not have
            unchanged 1
        "#]],
    );
    sends(
        &scene,
        &unit("s0"),
        "delete-service s0",
        expect![[r#"{"cluster":"web","force":true,"service":"s0"}"#]],
    );
    assert_eq!(deletes(&mut scene).len(), 3);
    prints(
        &scene,
        expect![[r#"
        unchanged 1
    "#]],
    );
    let left = scene.memory.unit(&unit("s0"));
    assert!(left.applied.is_empty());
    assert_eq!(left.deleted["service:web/s0"], CLOCK);
    // The day over, nothing is left of it.
    scene.clock += 24 * 60 * 60;
    scene.remember();
    assert_eq!(*scene.memory.unit(&unit("s0")), evenkeel_model::memory::Remembered::default());
}

#[test]
fn a_service_that_drains_is_waited_for() {
    let mut scene = Scene::settled(many(2, json!({"prune": "on"})));
    lose(&mut scene, &["s1"]);
    let live = scene.world.tree(&service("s1")).unwrap().clone();
    deletes(&mut scene);
    scene.observe(service("s1"), live.clone().with("status", "DRAINING"));
    prints(
        &scene,
        expect![[r#"
        web/s1
          … waiting   for its deletion to end: tasks are draining
        unchanged 2
    "#]],
    );
    scene.observe(service("s1"), live.with("status", "INACTIVE"));
    prints(
        &scene,
        expect![[r#"
        unchanged 2
    "#]],
    );
}

#[test]
fn a_target_group_goes_once_nobody_holds_it() {
    let mut document = many(1, json!({"prune": "on"}));
    document["services"]["s0"]["targetGroups"] =
        json!({"in": {"name": "in", "protocol": "HTTP", "port": 80, "vpcId": "v", "targetType": "ip"}});
    document["services"]["s0"]["service"]["loadBalancers"] =
        json!([{"targetGroupArn": "${targetGroup:in}", "containerName": "app", "containerPort": 80}]);
    let mut scene = Scene::settled(document);
    lose(&mut scene, &["s0"]);
    prints(
        &scene,
        expect![[r#"
            target-group in
              … waiting   for listeners and rules to let go of target group in
            web/s0
              - delete-service             s0, which the document does not have
            unchanged 1
        "#]],
    );
    scene.edit(Subject::TargetGroup("in".into()), |g| g["loadBalancerArns"] = json!([]));
    assert_eq!(deletes(&mut scene), ["DeleteService of service:web/s0"]);
    assert_eq!(deletes(&mut scene), ["DeleteTargetGroup of target-group:in"]);
    assert_eq!(deletes(&mut scene), [""; 0]);
}

#[test]
fn what_holds_data_is_kept_unless_it_said_otherwise_while_it_was_declared() {
    let mut document = many(1, json!({"prune": "on", "maxDeletePercent": 100}));
    document["logGroups"] = json!({"/kept": {}, "/gone": {"deletion": "delete"}});
    document["repositories"] = json!({"kept": {}, "gone": {"deletion": "delete"}});
    document["loadBalancers"] = json!({"kept": {"subnets": ["a", "b"]}});
    document["clusters"] = json!({"web": {}, "gone": {"deletion": "delete"}, "kept": {}});
    let mut scene = Scene::settled(document);
    scene.change(|d| {
        for section in ["logGroups", "repositories", "loadBalancers"] {
            d[section] = json!({});
        }
        d["clusters"] = json!({"web": {}});
    });
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
            cluster gone
              - delete-cluster             gone, which the document does not have
            cluster kept
              · note      the document no longer has it; it is kept, because it did not say "deletion": "delete"
            repository gone
              - delete-repository          gone, which the document does not have
            repository kept
              · note      the document no longer has it; it is kept, because it did not say "deletion": "delete"
            log-group /gone
              - delete-log-group           /gone, which the document does not have
            log-group /kept
              · note      the document no longer has it; it is kept, because it did not say "deletion": "delete"
            load-balancer kept
              · note      the document no longer has it; it is kept, because it did not say "deletion": "delete"
            unchanged 2
        "#]],
    );
}

#[test]
fn a_cluster_in_use_and_a_load_balancer_with_rules_of_others_stay() {
    let mut document = many(1, json!({"prune": "on"}));
    document["loadBalancers"] = json!({"lb": {"subnets": ["a", "b"], "deletion": "delete", "listeners": {"http": {
        "protocol": "HTTP", "port": 80, "defaultActions": [{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "404"}}]}}}});
    document["clusters"]["busy"] = json!({"deletion": "delete"});
    let mut scene = Scene::settled(document);
    scene.change(|d| {
        d["loadBalancers"] = json!({});
        d["clusters"] = json!({"web": {}});
    });
    scene.edit(Subject::Cluster("busy".into()), |c| c["activeServicesCount"] = json!(1));
    scene.look_for_the_rest();
    let rules = scene.world.iter().find(|(s, _)| matches!(s, Subject::Rules(_))).unwrap().0.clone();
    scene.sees(rules.clone(), json!([{"ruleArn": "r", "priority": "1", "tags": []}]));
    prints(
        &scene,
        expect![[r#"
        cluster busy
          … waiting   for its services and tasks to let go of cluster busy
        load-balancer lb
          ! refused   delete: load balancer lb has listeners or rules that are not ours
                      delete those first, or this by hand
        unchanged 2
    "#]],
    );
    scene.sees(rules, json!([]));
    assert_eq!(deleting(&scene.plan()), ["DeleteLoadBalancer of load-balancer:lb"]);
}

#[test]
fn only_what_carries_our_tag_and_key_is_deleted() {
    for (tags, said) in [
        (json!([]), None),
        (
            json!([{"key": "evenkeel:document", "value": "other"}, {"key": "evenkeel:key", "value": "s1"}]),
            None,
        ),
        (
            json!([{"key": "evenkeel:document", "value": "shop"}, {"key": "evenkeel:key", "value": "x"}]),
            Some(
                "the document no longer has it; it is left, because its tag evenkeel:key does not say \"s1\"",
            ),
        ),
    ] {
        let mut scene = Scene::settled(many(2, json!({"prune": "on"})));
        lose(&mut scene, &["s1"]);
        assert_eq!(deleting(&scene.plan()), ["DeleteService of service:web/s1"]);
        scene.edit(service("s1"), |s| s["tags"] = tags);
        let planned = scene.plan();
        assert_eq!(deleting(&planned), [""; 0]);
        let notes = planned.report.units.get(&unit("s1")).and_then(|r| Some(r.notes.first()?.0.as_str()));
        assert_eq!(notes, said);
    }
    // Nor what memory knows nothing of, whatever it carries.
    let mut scene = Scene::settled(many(2, json!({"prune": "on"})));
    scene.memory.0.remove(&unit("s1"));
    lose(&mut scene, &["s1"]);
    assert_eq!(deleting(&scene.plan()), [""; 0]);
}

#[test]
fn no_more_than_the_share_of_a_kind_goes_in_a_day() {
    let mut scene = Scene::settled(many(20, json!({"prune": "on"})));
    lose(&mut scene, &["s1", "s2", "s3", "s4"]);
    prints(
        &scene,
        expect![[r#"
            web/s1
              - delete-service             s1, which the document does not have
            web/s2
              - delete-service             s2, which the document does not have
            web/s3
              … waiting   for another day: at most 2 of kind service may go in one
            web/s4
              … waiting   for another day: at most 2 of kind service may go in one
            unchanged 17
        "#]],
    );
    assert_eq!(deletes(&mut scene).len(), 2);
    assert_eq!(deletes(&mut scene), [""; 0]);
    scene.clock += 24 * 60 * 60 - 1;
    assert_eq!(deletes(&mut scene), [""; 0]);
    // The share is of what is left by then; one always may go.
    scene.clock += 1;
    assert_eq!(deletes(&mut scene).len(), 1);
    scene.clock += 24 * 60 * 60;
    assert_eq!(deletes(&mut scene).len(), 1);
    assert_eq!(scene.plan().report.units.len(), 17);
}

#[test]
fn a_run_that_was_cut_off_counts() {
    let mut scene = Scene::settled(many(9, json!({"prune": "on"})));
    lose(&mut scene, &["s1", "s2"]);
    let memory = scene.memory.0.get_mut(&unit("s2")).unwrap();
    memory.intent = Some(evenkeel_model::memory::Intent {
        plan: "p".into(),
        steps: vec!["delete-service s2".into()],
        document_version: "v".into(),
        at: CLOCK,
        restart: None,
        primary: None,
    });
    assert_eq!(deleting(&scene.plan()), ["DeleteService of service:web/s2"]);
    scene.gone(service("s2"));
    scene.remember();
    assert_eq!(scene.memory.unit(&unit("s2")).deleted.len(), 1);
    assert_eq!(deleting(&scene.plan()), [""; 0]);
}

#[test]
fn an_empty_document_and_one_with_errors_delete_nothing() {
    let mut scene = Scene::settled(many(1, json!({"prune": "on"})));
    scene.change(|d| {
        d["services"] = json!({});
        d["clusters"] = json!({});
    });
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
        cluster web
          · note      the document no longer has it; it is kept, because it did not say "deletion": "delete"
        web/s0
          ! refused   delete: an empty document deletes nothing
                      delete it by hand
    "#]],
    );
    let mut scene = Scene::settled(many(3, json!({"prune": "on"})));
    lose(&mut scene, &["s1"]);
    scene.document.kept_back.insert(unit("s2"), "line 1".into());
    scene.document.kept_back.insert(unit("s0"), "line 2".into());
    prints(
        &scene,
        expect![[r#"
        web/s0
          ! refused   line 2
                      until that is corrected, its last good version counts
        web/s1
          ! refused   delete: while an entry of the document has errors nothing is deleted
                      correct the document
        web/s2
          ! refused   line 1
                      until that is corrected, its last good version counts
        unchanged 1
    "#]],
    );
    // What is kept back and was never good is not deleted either.
    lose(&mut scene, &["s2"]);
    scene.document.kept_back.insert(unit("s2"), "line 1".into());
    assert_eq!(deleting(&scene.plan()), [""; 0]);
}

#[test]
fn the_daemon_has_the_last_word_and_so_has_another_document() {
    let mut scene = Scene::settled(many(2, json!({"prune": "on"})));
    lose(&mut scene, &["s1"]);
    scene.ceilings.prune = false;
    prints(
        &scene,
        expect![[r#"
        web/s1
          ! refused   delete: this Evenkeel may not delete anything
                      run it with `--allow prune`, or delete it by hand
        unchanged 2
    "#]],
    );
    scene.ceilings.prune = true;
    let other = small_with(|d| {
        d["name"] = json!("other");
        d["services"] = json!({"s1": small_service("s1")});
        d["clusters"] = json!({});
    });
    scene.others = vec![Box::leak(Box::new(read(&other)))];
    prints(
        &scene,
        expect![[r#"
            unchanged 2
        "#]],
    );
}

#[test]
fn outside_maintenance_windows_nothing_is_deleted() {
    let windows = json!([{"days": ["sun"], "from": "01:00", "to": "02:00"}]);
    let mut scene = Scene::settled(many(2, json!({"prune": "on", "windows": windows})));
    lose(&mut scene, &["s1"]);
    assert_eq!(deleting(&scene.plan()), [""; 0]);
    let report = &scene.plan().report.units[&unit("s1")];
    assert!(matches!(report.waiting[0], WaitingOn::Window(_)), "{report:?}");
}

fn approval(scene: &Scene) -> Option<String> {
    let planned = scene.plan();
    let waits = planned.report.units.into_values().flat_map(|r| r.waiting);
    waits.filter_map(|w| if let WaitingOn::Approval(id) = w { Some(id) } else { None }).next()
}

#[test]
fn with_confirm_exactly_what_was_approved_is_deleted() {
    let mut scene = Scene::settled(many(20, json!({"prune": "confirm"})));
    lose(&mut scene, &["s1", "s2"]);
    prints(
        &scene,
        expect![[r#"
            web/s1
              … waiting   for approval of its deletion: evenkeel approve ba5c71de
            web/s2
              … waiting   for approval of its deletion: evenkeel approve ba5c71de
            unchanged 19
        "#]],
    );
    let id = approval(&scene).unwrap();
    scene.orders.approvals.insert(id.clone(), CLOCK);
    assert_eq!(deleting(&scene.plan()).len(), 2);
    // It is the same approval while one after the other goes.
    scene.orders.approvals.clear();
    let mut one = scene.memory.unit(&unit("s1")).clone();
    one.applied.clear();
    one.deleted.insert("service:web/s1".into(), CLOCK);
    scene.memory.0.insert(unit("s1"), one);
    scene.gone(service("s1"));
    assert_eq!(approval(&scene), Some(id.clone()));
    // It says nothing about anything else.
    scene.orders.approvals.insert(id.clone(), CLOCK);
    lose(&mut scene, &["s3"]);
    assert!(approval(&scene).is_some_and(|other| other != id));
    assert_eq!(deleting(&scene.plan()), [""; 0]);
    // Nor does it last.
    let mut scene = Scene::settled(many(20, json!({"prune": "confirm"})));
    lose(&mut scene, &["s1"]);
    let id = approval(&scene).unwrap();
    scene.orders.approvals.insert(id, CLOCK);
    assert_eq!(deleting(&scene.plan()).len(), 1);
    scene.clock += evenkeel_model::orders::APPROVAL_SECONDS;
    assert_eq!(deleting(&scene.plan()), [""; 0]);
}

/// A service with scaling, rules and more of both than it will declare.
fn with_parts(prune: &str) -> Scene {
    let rule = |priority: i64, path: &str| {
        json!({"listenerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2", "priority": priority,
            "conditions": [{"field": "path-pattern", "values": [path]}],
            "actions": [{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "200"}}]})
    };
    let policy = json!({"policyType": "TargetTrackingScaling", "targetTrackingScalingPolicyConfiguration": {
        "targetValue": 50.0, "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"}}});
    let mut document = many(1, json!({"prune": prune}));
    document["services"]["s0"]["listenerRules"] = json!({"old": rule(7, "/old"), "new": rule(8, "/new")});
    document["services"]["s0"]["scaling"] =
        json!({"minCapacity": 1, "maxCapacity": 4, "policies": {"cpu": policy, "spare": policy}});
    let mut scene = Scene::settled(document);
    let actions = Subject::ScheduledActions(key("s0"));
    scene.sees(actions, json!([{"scheduledActionName": "by-hand", "schedule": "cron(0 1 * * ? *)"}]));
    scene.change(|d| {
        d["services"]["s0"]["listenerRules"].as_object_mut().unwrap().remove("old");
        d["services"]["s0"]["scaling"]["policies"].as_object_mut().unwrap().remove("spare");
    });
    scene
}

#[test]
fn rules_policies_and_scheduled_actions_that_are_not_declared_go_under_prune_only() {
    let mut scene = with_parts("off");
    prints(
        &scene,
        expect![[r#"
        web/s0
          · note      it has a policy spare that the document does not declare
          · note      it has a scheduled action by-hand that the document does not declare
          · note      it has a rule s0/old that the document does not declare
        unchanged 1
    "#]],
    );
    // Remembered on, they go as soon as that is asked for.
    scene.remember();
    scene.change(|d| d["settings"]["prune"] = json!("on"));
    prints(
        &scene,
        expect![[r#"
            web/s0
              - delete-scaling-policy      spare, which the document does not have
              - delete-rule                s0/old, which the document does not have
              - delete-scheduled-action    by-hand, which the document does not have
            unchanged 1
        "#]],
    );
    assert_eq!(deletes(&mut scene).len(), 3);
    prints(
        &scene,
        expect![[r#"
        web/s0
          + put-scaling-policy         cpu
        unchanged 1
    "#]],
    );
    assert!(
        scene
            .memory
            .unit(&unit("s0"))
            .applied
            .keys()
            .all(|part| !part.contains("old") && !part.contains("spare"))
    );
}

#[test]
fn scaling_that_is_taken_out_goes_where_we_made_it() {
    let mut scene = with_parts("on");
    scene.change(|d| {
        d["services"]["s0"].as_object_mut().unwrap().remove("scaling");
    });
    let of = |scene: &Scene| deleting(&scene.plan());
    assert!(of(&scene).contains(&"DeregisterScalableTarget of service:web/s0".to_owned()));
    scene.change(|d| d["settings"]["prune"] = json!("off"));
    prints(
        &scene,
        expect![[r#"
        web/s0
          · note      it has a scalable target that the document does not declare: its count is left to that
          · note      it has a rule s0/old that the document does not declare
        unchanged 1
    "#]],
    );
    // One that somebody else made stays.
    scene.change(|d| d["settings"]["prune"] = json!("on"));
    scene.memory.0.get_mut(&unit("s0")).unwrap().applied.remove("scaling");
    assert!(!of(&scene).contains(&"DeregisterScalableTarget of service:web/s0".to_owned()));
}

#[test]
fn a_listing_that_still_shows_what_was_deleted_a_moment_ago_deletes_nothing_twice() {
    let mut scene = with_parts("on");
    let rules = scene.world.iter().find(|(s, _)| matches!(s, Subject::Rules(_))).unwrap().0.clone();
    let before = scene.world.tree(&rules).unwrap().clone();
    deletes(&mut scene);
    scene.observe(rules.clone(), before.clone());
    assert_eq!(deleting(&scene.plan()), [""; 0]);
}

#[test]
fn a_listener_that_is_taken_out_goes_with_its_rules() {
    let listener = |port: i64| {
        json!({"protocol": "HTTP", "port": port,
        "defaultActions": [{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "404"}}]})
    };
    let mut document = many(1, json!({"prune": "on"}));
    document["loadBalancers"] =
        json!({"lb": {"subnets": ["a", "b"], "listeners": {"a": listener(80), "b": listener(81)}}});
    let mut scene = Scene::settled(document);
    scene.change(|d| {
        d["loadBalancers"]["lb"]["listeners"].as_object_mut().unwrap().remove("b");
    });
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
            load-balancer lb
              - delete-listener            b, which the document does not have
            unchanged 2
        "#]],
    );
    assert_eq!(deletes(&mut scene), ["DeleteListener of load-balancer:lb"]);
    prints(
        &scene,
        expect![[r#"
        unchanged 3
    "#]],
    );
}

/// The steps of a service.
fn names(scene: &Scene, service: &str) -> Vec<String> {
    scene.plan().plan.units[&unit(service)].steps.iter().map(|s| s.id.to_string()).collect()
}

/// A service with seven revisions, the first of which it runs.
fn revisions(keep: Value) -> Scene {
    let mut scene = Scene::settled(small_with(|d| d["settings"] = json!({"taskDefinitions": keep})));
    let of = |n: u32| revision("api", n);
    scene.sees(Subject::Family("api".into()), (1..=7).rev().map(|n| json!(of(n))).collect());
    scene.look_for_the_rest();
    let first = scene.world.tree(&Subject::TaskDefinition(of(1))).unwrap().clone();
    for n in 2..=7 {
        scene
            .observe(Subject::TaskDefinition(of(n)), first.clone().with("taskDefinitionArn", of(n).as_str()));
    }
    scene
}

#[test]
fn old_revisions_go_where_the_document_says_how_many_stay() {
    assert_eq!(deleting(&revisions(json!(null)).plan()), [""; 0]);
    let mut scene = revisions(json!({"keep": 3}));
    prints(
        &scene,
        expect![[r#"
            web/api
              - deregister-task-definition api:2, beyond the newest 3
              - deregister-task-definition api:3, beyond the newest 3
            unchanged 1
        "#]],
    );
    // Not what runs, rolls out, was chosen last, is not ours, or is gone already.
    scene.edit(Subject::TaskDefinition(revision("api", 3)), |r| r["tags"] = json!([]));
    scene.edit(Subject::TaskDefinition(revision("api", 4)), |r| r["status"] = json!("INACTIVE"));
    scene.memory.0.get_mut(&unit("api")).unwrap().task_definition = Some(revision("api", 2));
    assert_eq!(deleting(&scene.plan()), [""; 0]);
    let mut scene = revisions(json!({"keep": 3}));
    scene.edit(service("api"), |s| {
        s["deployments"].as_array_mut().unwrap().push(
            json!({"id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": revision("api", 2), "runningCount": 0}),
        );
    });
    scene.ceilings.prune = true;
    assert_eq!(
        names(&scene, "api"),
        ["deregister-task-definition api:3", "deregister-task-definition api:4"]
    );
    scene.ceilings.prune = false;
    assert_eq!(deleting(&scene.plan()), [""; 0]);
}

/// Revisions that somebody else registered in our family.
#[test]
fn those_that_are_not_ours_do_not_keep_those_behind_them_from_being_collected() {
    let mut scene = revisions(json!({"keep": 1}));
    for n in 2..=5 {
        scene.edit(Subject::TaskDefinition(revision("api", n)), |r| r["tags"] = json!([]));
    }
    assert_eq!(names(&scene, "api"), ["deregister-task-definition api:6"]);
    let looked_at = |scene: &Scene| {
        let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
        (2..=6).filter(|n| interest.contains(&Subject::TaskDefinition(revision("api", *n)))).count()
    };
    assert_eq!(looked_at(&scene), 5);
    // No more than four at a time that may be ours.
    assert_eq!(looked_at(&revisions(json!({"keep": 1}))), 4);
}

/// Two services, each with an action for the night and one for the day that the document does not have.
fn with_schedules(percent: i64) -> Scene {
    let mut document = many(2, json!({"prune": "on", "maxDeletePercent": percent}));
    for name in ["s0", "s1"] {
        document["services"][name]["scaling"] = json!({"minCapacity": 1, "maxCapacity": 4});
    }
    let mut scene = Scene::settled(document);
    for name in ["s0", "s1"] {
        let action = |name: &str| json!({"scheduledActionName": name, "schedule": "rate(1 day)"});
        scene.sees(Subject::ScheduledActions(key(name)), json!([action("day"), action("night")]));
    }
    scene
}

#[test]
fn the_scheduled_actions_of_a_service_go_together_or_not_at_all() {
    let mut scene = with_schedules(10);
    prints(
        &scene,
        expect![[r#"
        web/s0
          - delete-scheduled-action    day, which the document does not have
          - delete-scheduled-action    night, which the document does not have
        web/s1
          … waiting   for another day: at most 1 of kind scheduled actions of one service may go in one
          · note      it has a scheduled action day that the document does not declare
          · note      it has a scheduled action night that the document does not declare
        unchanged 1
    "#]],
    );
    // Cut off between the two, the other one follows on the same day.
    let memory = scene.memory.0.get_mut(&unit("s0")).unwrap();
    memory.deleted.insert("scheduled action day".into(), CLOCK - 3600);
    scene.sees(
        Subject::ScheduledActions(key("s0")),
        json!([{"scheduledActionName": "night", "schedule": "rate(1 day)"}]),
    );
    assert_eq!(names(&scene, "s0"), ["delete-scheduled-action night"]);
    assert_eq!(deleting(&with_schedules(100).plan()).len(), 4);
}

#[test]
fn families_are_looked_at_only_where_the_document_says_how_many_stay() {
    let looks = |keep: Value| {
        let scene = Scene::settled(small_with(|d| d["settings"] = json!({"taskDefinitions": keep})));
        let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
        interest.contains(&Subject::Family("api".into()))
    };
    assert_eq!([json!({"keep": 3}), json!(null)].map(looks), [true, false]);
}

#[test]
fn revisions_wait_until_nothing_else_is_to_be_done() {
    let mut scene = revisions(json!({"keep": 3}));
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    assert_eq!(deleting(&scene.plan()), [""; 0]);
}

/// Teeth: plans that delete what they may not are found.
#[test]
fn a_deletion_beyond_policy_is_found() {
    let findings = |scene: &Scene, planned: &Planned| {
        let found: BTreeSet<String> =
            check(&scene.input(), planned).into_iter().map(|f| f.message + "\n").collect();
        found.into_iter().collect::<String>()
    };
    let mut scene = Scene::settled(many(20, json!({"prune": "on", "maxDeletePercent": 20})));
    lose(&mut scene, &["s1", "s2", "s3"]);
    let planned = scene.plan();
    assert_eq!(findings(&scene, &planned), "");
    scene.change(|d| d["settings"]["maxDeletePercent"] = json!(10));
    expect![[r#"
        step delete-service s3 deletes what may not be deleted
    "#]]
    .assert_eq(&findings(&scene, &planned));
    scene.change(|d| d["settings"] = json!({"prune": "off"}));
    expect![[r#"
        step delete-service s1 deletes what may not be deleted
        step delete-service s2 deletes what may not be deleted
        step delete-service s3 deletes what may not be deleted
    "#]]
    .assert_eq(&findings(&scene, &planned));
    let mut unasked = planned.clone();
    unasked.plan.units.values_mut().for_each(|u| u.deletes.clear());
    expect![[r#"
        step delete-service s1 deletes what nobody asked to delete
        step delete-service s2 deletes what nobody asked to delete
        step delete-service s3 deletes what nobody asked to delete
    "#]]
    .assert_eq(&findings(&scene, &unasked));
    let mut scene = revisions(json!({"keep": 3}));
    let planned = scene.plan();
    scene.edit(service("api"), |s| s["taskDefinition"] = json!(revision("api", 2)));
    scene.edit(Subject::TaskDefinition(revision("api", 3)), |r| r["tags"] = json!([]));
    expect![[r#"
        step deregister-task-definition api:2 deregisters a revision that is in use
        step deregister-task-definition api:3 deregisters what is not ours
    "#]]
    .assert_eq(&findings(&scene, &planned));
    scene.change(|d| d["settings"] = json!({}));
    expect![[r#"
        step deregister-task-definition api:2 deregisters what nobody asked to deregister
        step deregister-task-definition api:3 deregisters what nobody asked to deregister
    "#]]
    .assert_eq(&findings(&scene, &planned));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever leaves the document, whenever: no more than the share of a kind goes within any day, nothing
    /// that is not ours is deleted, and in the end all is gone that may go.
    #[test]
    fn no_day_sees_more_deletions_than_may_be(n in 3_usize..14, percent in 1_usize..60, days in prop::collection::vec((0_usize..14, any::<bool>()), 1..8)) {
        let mut scene = Scene::settled(many(n, json!({"prune": "on", "maxDeletePercent": percent})));
        let mut log: Vec<(i64, usize)> = Vec::new();
        let mut foreign: BTreeSet<UnitKey> = BTreeSet::new();
        for (which, taken) in days {
            let name = format!("s{}", which % n);
            if which % n != 0 {
                lose(&mut scene, &[&name]);
                if taken && scene.world.tree(&service(&name)).is_some() {
                    scene.edit(service(&name), |s| s["tags"] = json!([]));
                    foreign.insert(unit(&name));
                }
            }
            for _ in 0..3 {
                let there = scene.memory.0.values().filter(|m| m.applied.contains_key("service")).count();
                let lately: usize = log.iter().filter(|(at, _)| at + 24 * 3600 > scene.clock).map(|(_, n)| n).sum();
                let gone = deletes(&mut scene);
                prop_assert!(gone.iter().all(|g| !foreign.iter().any(|f| g.ends_with(&f.to_string()))), "{:?}", gone);
                if !gone.is_empty() {
                    let most = ((there + lately) * percent / 100).max(1);
                    prop_assert!(lately + gone.len() <= most, "{} and {} of {} at {} %", lately, gone.len(), there, percent);
                    log.push((scene.clock, gone.len()));
                }
                scene.clock += 5 * 3600;
            }
        }
        for _ in 0..n {
            scene.clock += 25 * 3600;
            deletes(&mut scene);
        }
        prop_assert_eq!(deleting(&scene.plan()), Vec::<String>::new());
        let declared: BTreeSet<UnitKey> = scene.document.services.keys().cloned().map(UnitKey::Service).collect();
        let there: BTreeSet<UnitKey> = (0..n).map(|i| unit(&format!("s{i}"))).filter(|u| scene.world.tree(&Subject::Service(u.service().unwrap().clone())).is_some()).collect();
        prop_assert!(there.iter().all(|u| declared.contains(u) || foreign.contains(u)), "{:?}", there);
    }
}

#[test]
fn every_generation_of_a_target_group_goes() {
    let mut document = many(1, json!({"prune": "on"}));
    document["targetGroups"] = json!({"tg": {"protocol": "HTTP", "port": 80, "vpcId": "v"}});
    let mut scene = Scene::settled(document);
    let unit = UnitKey::TargetGroup("tg".into());
    let first = Subject::TargetGroup("tg".into());
    scene.edit(first.clone(), |g| g["loadBalancerArns"] = json!([]));
    let next = Subject::TargetGroup("tg-1a2b3c4d".into());
    let names = Tree::list([Tree::from("tg-1a2b3c4d")]);
    scene.memory.0.get_mut(&unit).unwrap().applied.insert("generations".into(), names);
    let arn = elb("targetgroup", "tg-1a2b3c4d");
    let live = scene.world.tree(&first).unwrap().clone().with("targetGroupArn", arn);
    scene.observe(next.clone(), live.with("targetGroupName", "tg-1a2b3c4d"));
    scene.change(|d| d["targetGroups"] = json!({}));
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
            target-group tg
              - delete-target-group        tg, which the document does not have
              - delete-target-group        tg-1a2b3c4d, which the document does not have
            unchanged 2
        "#]],
    );
    // A run that was cut off between them leaves the unit remembered.
    let planned = scene.plan();
    let group = &planned.plan.units[&unit];
    let done = BTreeSet::from([group.steps[0].id.clone()]);
    let mut half = scene.memory.unit(&unit).clone();
    group.record(&unit, &mut half, &crate::Run { complete: false, ..ran("shop", CLOCK, &done) });
    assert!(half.applied.contains_key("generations") && half.deleted.is_empty());
    assert_eq!(deletes(&mut scene).len(), 2);
    assert!(scene.memory.unit(&unit).applied.is_empty());
}
