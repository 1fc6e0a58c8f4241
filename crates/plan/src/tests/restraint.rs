//! What is left alone for a while, and what is healed only after one.

use evenkeel_model::orders::{LONGEST_PAUSE_SECONDS, Pause};

use super::*;
use crate::{Guard, Owner, State, paused_by_tag, stable};

/// A service that somebody changed by hand.
fn edited(change: impl FnOnce(&mut Value)) -> Scene {
    let mut scene = Scene::settled(small_with(change));
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene
}

fn tag(scene: &mut Scene, subject: Subject, until: &str) {
    scene.edit(subject, |s| {
        s["tags"].as_array_mut().unwrap().push(json!({"key": "evenkeel:pause", "value": until}));
    });
}

#[test]
fn what_a_human_changed_is_healed_once_it_has_been_seen_for_that_long() {
    let mut scene = edited(|d| d["settings"] = json!({"heal": {"after": "10m"}}));
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      enableExecuteCommand   true -> false   (human, heals in 600 s)
        unchanged 1
    "#]],
    );
    scene.remember();
    assert_eq!(scene.memory.unit(&unit("api")).drift_since.len(), 1);
    scene.clock += 300;
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      enableExecuteCommand   true -> false   (human, heals in 300 s)
        unchanged 1
    "#]],
    );
    // Remembered once, not in every pass.
    assert!(scene.plan().remember.is_empty());
    // What is changed later waits longer, and is not undone along with the rest of its block.
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(false));
    scene.edit(service("api"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
    });
    scene.remember();
    scene.clock += 300;
    scene.edit(service("api"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = json!("ENABLED");
    });
    scene.remember();
    scene.clock += 300;
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  networkConfiguration.awsvpcConfiguration.securityGroups[sg-1]   (absent) -> sg-1
                  networkConfiguration.awsvpcConfiguration.securityGroups[sg-2]   sg-2 -> (absent)
              = left      networkConfiguration.awsvpcConfiguration.assignPublicIp   E…   (human, heals in 300 s)
            unchanged 1
        "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"ENABLED","securityGroups":["sg-1"],"subnets":["subnet-1","subnet-2"]}},"service":"api"}"#
        ]],
    );
    scene.clock += 300;
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"DISABLED","securityGroups":["sg-1"],"subnets":["subnet-1","subnet-2"]}},"service":"api"}"#
        ]],
    );
}

#[test]
fn since_when_a_change_has_been_there_is_forgotten_with_it_and_not_before() {
    let mut scene = edited(|d| d["settings"] = json!({"heal": {"after": "10m"}}));
    scene.remember();
    scene.unseen(Subject::ScalableTarget(key("api")));
    scene.unseen(service("api"));
    scene.remember();
    assert_eq!(scene.memory.unit(&unit("api")).drift_since.len(), 1);
    let mut healed = Scene::settled(small_with(|d| d["settings"] = json!({"heal": {"after": "10m"}})));
    healed.memory = scene.memory.clone();
    healed.remember();
    assert!(healed.memory.unit(&unit("api")).drift_since.is_empty());
}

#[test]
fn a_service_heals_in_its_own_way() {
    let scene = edited(|d| {
        d["settings"] = json!({"heal": "off"});
        d["services"]["api"]["heal"] = json!("on");
    });
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
    let scene = edited(|d| d["services"]["api"]["heal"] = json!("off"));
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn the_documents_change_does_not_undo_what_is_left_beside_it() {
    let mut scene = edited(|d| d["settings"] = json!({"heal": "off"}));
    let groups = |s: &mut Value| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
    };
    scene.edit(service("api"), groups);
    scene.change(|d| {
        let network = &mut d["services"]["api"]["service"]["networkConfiguration"]["awsvpcConfiguration"];
        network["assignPublicIp"] = json!("ENABLED");
    });
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"ENABLED","securityGroups":["sg-2"],"subnets":["subnet-1","subnet-2"]}},"service":"api"}"#
        ]],
    );
}

#[test]
fn a_paused_unit_is_not_written_and_shows_its_drift_and_its_end() {
    let mut scene = edited(|_| {});
    let pause = Pause { until: CLOCK + 3600, reason: Some("incident 7".into()) };
    scene.orders.pauses.insert(unit("api"), pause);
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  enableExecuteCommand   true -> false
                  … after the end of its pause at 2027-01-15T09:00:00Z: incident 7
              … waiting   for the end of its pause at 2027-01-15T09:00:00Z: incident 7
            unchanged 1
        "#]],
    );
    let planned = scene.plan();
    assert_eq!(planned.report.units[&unit("api")].state, State::Paused);
    assert_eq!(planned.plan.units[&unit("api")].ready(), 0);
    assert_eq!(planned.report.units[&unit("api")].drift[0].owner, Owner::Human);
    // It ends by itself, and one of more than a day is none.
    scene.clock += 3600;
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
    scene.orders.pauses.values_mut().for_each(|p| p.until = CLOCK + 2 * LONGEST_PAUSE_SECONDS);
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
}

#[test]
fn a_tag_pauses_what_carries_it() {
    let mut scene = edited(|_| {});
    tag(&mut scene, service("api"), "2027-01-15T09:00:00Z");
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  enableExecuteCommand   true -> false
                  … after the end of its pause at 2027-01-15T09:00:00Z: by its tag evenkeel:pause
              … waiting   for the end of its pause at 2027-01-15T09:00:00Z: by its tag evenkeel:pause
            unchanged 1
        "#]],
    );
    assert_eq!(scene.plan().report.units[&unit("api")].state, State::Paused);
    scene.clock += 3600;
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
    // The time may be in Unix seconds; the tag itself is nobody's drift.
    let mut scene = Scene::settled(small());
    tag(&mut scene, service("api"), &(CLOCK + 60).to_string());
    prints(
        &scene,
        expect![[r#"
            web/api
              … waiting   for the end of its pause at 2027-01-15T08:01:00Z: by its tag evenkeel:pause
            unchanged 1
        "#]],
    );
    scene.clock += 60;
    prints(
        &scene,
        expect![[r#"
        unchanged 2
    "#]],
    );
}

#[test]
fn a_tag_that_asks_for_too_much_or_for_nothing_is_told_and_not_heeded() {
    let printed = |until: &str| {
        let mut scene = edited(|_| {});
        tag(&mut scene, service("api"), until);
        assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
        scene.print()
    };
    expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
          · note      the tag evenkeel:pause is not heeded: 2027-01-16T08:00:01Z is more than a day ahead;
                      say `suspend` in the document
        unchanged 1
    "#]]
    .assert_eq(&printed("2027-01-16T08:00:01Z"));
    expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
          · note      the tag evenkeel:pause is not heeded: `tomorrow` is no time such as
                      2027-01-15T18:00:00Z
        unchanged 1
    "#]]
    .assert_eq(&printed("tomorrow"));
}

#[test]
fn a_paused_service_takes_its_target_groups_along() {
    let mut scene = Scene::settled(balancing::ruled());
    scene.edit(Subject::TargetGroup("api-tg".into()), |g| g["healthCheckPath"] = json!("/else"));
    assert_eq!(scene.plan().plan.units.len(), 1);
    tag(&mut scene, service("api"), "2027-01-15T09:00:00Z");
    assert!(scene.plan().plan.units.values().all(|u| u.ready() == 0));
    prints(
        &scene,
        expect![[r#"
        target-group api-tg
          ~ modify-target-group        api-tg
              healthCheckPath   /else -> /
              … after the end of its pause at 2027-01-15T09:00:00Z: by its tag evenkeel:pause
          … waiting   for the end of its pause at 2027-01-15T09:00:00Z: by its tag evenkeel:pause
        web/api
          … waiting   for the end of its pause at 2027-01-15T09:00:00Z: by its tag evenkeel:pause
        unchanged 1
    "#]],
    );
}

/// What is planned before the tag is there must not be written after it.
#[test]
fn the_tag_is_looked_for_again_before_every_write() {
    let mut scene = edited(|_| {});
    scene.change(|d| new_image(d, "api"));
    let planned = scene.plan();
    let steps = &planned.plan.units[&unit("api")].steps;
    let watches: Vec<_> = steps.iter().map(|s| (s.id.0.as_str(), s.watches.clone())).collect();
    assert_eq!(
        watches,
        [("register-task-definition api", Some(service("api"))), ("update-service api", None)]
    );
    tag(&mut scene, service("api"), "2027-01-15T09:00:00Z");
    let tree = scene.world.tree(&service("api")).unwrap();
    assert_ne!(steps[1].guard, Guard::AsPlanned(stable(&steps[1], tree)));
    assert_eq!(paused_by_tag(tree, CLOCK), Some(CLOCK + 3600));
    assert_eq!(paused_by_tag(tree, CLOCK + 3600), None);
}

#[test]
fn what_is_left_alone_takes_no_place_among_the_rollouts() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["worker"] = small_service("worker");
        d["settings"] = json!({"rollouts": {"maxConcurrent": 1}});
    }));
    scene.change(|d| {
        new_image(d, "api");
        new_image(d, "worker");
    });
    scene.look_for_the_rest();
    assert_eq!(scene.plan().plan.units[&unit("worker")].ready(), 0);
    tag(&mut scene, service("api"), "2027-01-15T09:00:00Z");
    assert_eq!(scene.plan().plan.units[&unit("worker")].ready(), 2);
}

#[test]
fn a_service_in_mode_observe_is_compared_and_not_written() {
    let scene = edited(|d| d["services"]["api"]["mode"] = json!("observe"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
              … after mode enforce: in mode observe nothing is written
          … waiting   for mode enforce: in mode observe nothing is written
        unchanged 1
    "#]],
    );
    assert!(scene.plan().remember.is_empty());
    let scene = edited(|d| d["services"]["api"]["suspend"] = json!(true));
    prints(
        &scene,
        expect![[r#"
        web/api
          … suspended   by the document
          = left      enableExecuteCommand   true -> false   (document)
        unchanged 1
    "#]],
    );
    assert!(scene.plan().plan.units.is_empty());
}

fn with_window(drift: &str) -> Scene {
    let mut scene = edited(|d| {
        d["settings"] = json!({"windows": [
            {"days": ["fri"], "from": "22:00", "to": "04:00", "timezone": "Europe/Berlin", "drift": drift}]});
    });
    scene.change(|d| {
        new_image(d, "api");
        d["services"]["api"]["service"]["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] =
            json!("ENABLED");
        d["clusters"]["web"] = json!({"settings": [{"name": "containerInsights", "value": "enabled"}]});
        d["tags"] = json!({"Team": "b"});
        d["logGroups"] = json!({"new": {}});
        d["services"]["api"]["restart"] = json!("now");
    });
    scene.edit(service("api"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
    });
    scene.look_for_the_rest();
    scene
}

#[test]
fn outside_its_windows_the_documents_changes_wait_and_drift_is_healed() {
    let mut scene = with_window("heal");
    prints(
        &scene,
        expect![[r#"
            cluster web
              = later     settings[containerInsights]   (absent) -> {…}   (document)
              = later     Team   a -> b   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
            log-group new
              = later     log group   (absent) -> present   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
            web/api
              ~ update-service             api
                  enableExecuteCommand   true -> false
                  networkConfiguration.awsvpcConfiguration.securityGroups[sg-1]   (absent) -> sg-1
                  networkConfiguration.awsvpcConfiguration.securityGroups[sg-2]   sg-2 -> (absent)
              = later     containerDefinitions[app].image   app:1 -> app:2   (document)
              = later     networkConfiguration.awsvpcConfiguration.assignPublicIp   DISABLED -> EN…   (document)
              = later     Team   a -> b   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
              · note      restart is now "now", and waits
        "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","enableExecuteCommand":false,"networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"DISABLED","securityGroups":["sg-1"],"subnets":["subnet-1","subnet-2"]}},"service":"api"}"#
        ]],
    );
    // What is done meanwhile does not pass for the document's new state.
    carried_out(&mut scene);
    scene.edit(service("api"), |s| {
        s["enableExecuteCommand"] = json!(false);
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-1"]);
    });
    scene.remember();
    prints(
        &scene,
        expect![[r#"
            cluster web
              = later     settings[containerInsights]   (absent) -> {…}   (document)
              = later     Team   a -> b   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
            log-group new
              = later     log group   (absent) -> present   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
            web/api
              = later     containerDefinitions[app].image   app:1 -> app:2   (document)
              = later     networkConfiguration.awsvpcConfiguration.assignPublicIp   DISABLED -> EN…   (document)
              = later     Team   a -> b   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
              · note      restart is now "now", and waits
        "#]],
    );
    // Friday, 22:00 in Berlin.
    scene.clock = CLOCK + 13 * 3600;
    prints(
        &scene,
        expect![[r#"
            cluster web
              ~ update-cluster             web
                  settings[containerInsights]   (absent) -> {…}
              ~ tag-resource
                  Team   a -> b
            log-group new
              + create-log-group           new
            web/api
              + register-task-definition   api
                  containerDefinitions[app].image   app:1 -> app:2
              ~ update-service             taskDefinition api:1 -> (register-task-definition api)
                  restart is now "now"
                  networkConfiguration.awsvpcConfiguration.assignPublicIp   DISABLED -> ENABLED
              ~ tag-resource
                  Team   a -> b
        "#]],
    );
}

#[test]
fn outside_its_windows_drift_waits_too_where_they_say_so() {
    let scene = with_window("hold");
    prints(
        &scene,
        expect![[r#"
            cluster web
              = later     settings[containerInsights]   (absent) -> {…}   (document)
              = later     Team   a -> b   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
            log-group new
              = later     log group   (absent) -> present   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
            web/api
              = later     containerDefinitions[app].image   app:1 -> app:2   (document)
              = later     enableExecuteCommand   true -> false   (human)
              = later     networkConfiguration.awsvpcConfiguration.assignPublicIp   DISABLED -> EN…   (document)
              = later     networkConfiguration.awsvpcConfiguration.securityGroups[sg-1]   (absent) ->…   (human)
              = later     networkConfiguration.awsvpcConfiguration.securityGroups[sg-2]   sg-2 -> (ab…   (human)
              = later     Team   a -> b   (document)
              … waiting   for the maintenance window that opens 2027-01-15 22:00 Europe/Berlin
              · note      restart is now "now", and waits
        "#]],
    );
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn a_service_with_windows_of_its_own_goes_by_them() {
    let mut scene = with_window("hold");
    scene.change(|d| d["services"]["api"]["windows"] = json!([{"from": "08:00", "to": "09:00"}]));
    assert_eq!(scene.plan().plan.units.keys().collect::<Vec<_>>(), [&unit("api")]);
}

#[test]
fn every_part_of_a_service_can_be_ignored() {
    let mut document = balancing::ruled();
    document["services"]["api"]["scaling"] = json!({"minCapacity": 2, "maxCapacity": 10,
        "policies": {"cpu": {"policyType": "TargetTrackingScaling", "targetTrackingScalingPolicyConfiguration": {
            "targetValue": 70, "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"}}}},
        "scheduledActions": {"night": {"schedule": "rate(1 day)", "scalableTargetAction": {"minCapacity": 0}}}});
    document["services"]["api"]["ignore"] = json!([
        {"path": "/targetGroups", "reason": "tuned", "until": "2027-01-15"},
        {"path": "/listenerRules", "reason": "moved", "until": "2027-01-15"},
        {"path": "/scaling", "reason": "sale", "until": "2027-01-15"}]);
    let mut scene = Scene::settled(document);
    scene.edit(Subject::TargetGroup("api-tg".into()), |g| {
        g["healthCheckIntervalSeconds"] = json!(77);
        g["attributes"] = json!({"deregistration_delay.timeout_seconds": "77"});
    });
    scene.edit(Subject::Rules(elb("listener/app", "shared")), |rules| {
        rules[0]["priority"] = json!("77");
        rules[0]["conditions"] = json!([{"field": "path-pattern", "pathPatternConfig": {"values": ["/x"]}}]);
    });
    scene.edit(Subject::ScalableTarget(key("api")), |t| t["maxCapacity"] = json!(77));
    scene.edit(Subject::Policies(key("api")), |p| {
        p[0]["targetTrackingScalingPolicyConfiguration"]["targetValue"] = json!(77);
    });
    scene.edit(Subject::ScheduledActions(key("api")), |a| a[0]["schedule"] = json!("rate(2 days)"));
    prints(
        &scene,
        expect![[r#"
        target-group api-tg
          · note      /targetGroups/tg/healthCheckIntervalSeconds differs and is ignored: tuned
          · note      /targetGroups/tg/attributes/deregistration_delay.timeout_seconds differs and is
                      ignored: tuned
        web/api
          · note      /listenerRules/main/priority differs and is ignored: moved
          · note      /listenerRules/main/conditions/path-pattern/pathPatternConfig/values/~1api~1* differs
                      and is ignored: moved
          · note      /listenerRules/main/conditions/path-pattern/pathPatternConfig/values/~1x differs and
                      is ignored: moved
          · note      /scaling/maxCapacity differs and is ignored: sale
          · note      /scaling/policies/cpu/targetTrackingScalingPolicyConfiguration/targetValue differs and
                      is ignored: sale
          · note      /scaling/scheduledActions/night/schedule differs and is ignored: sale
        unchanged 1
    "#]],
    );
    scene.clock += 86_400;
    prints(
        &scene,
        expect![[r#"
            target-group api-tg
              ~ modify-target-group        api-tg
                  healthCheckIntervalSeconds   77 -> 30
              ~ modify-target-group-attributes api-tg
                  attributes[deregistration_delay.timeout_seconds]   77 -> 300
              · note      ignoring /targetGroups has expired: it is compared again
            web/api
              ~ set-rule-priorities        api/main
                  priority[api/main]   77 -> 120
              ~ modify-rule                api/main
                  conditions[path-pattern].pathPatternConfig.values[/api/*]   (absent) -> /api/*
                  conditions[path-pattern].pathPatternConfig.values[/x]   /x -> (absent)
              ~ register-scalable-target   api
                  maxCapacity   77 -> 10
              ~ put-scaling-policy         cpu
                  targetTrackingScalingPolicyConfiguration.targetValue   77 -> 70.0
              ~ put-scheduled-action       night
                  schedule   rate(2 days) -> rate(1 day)
              · note      ignoring /targetGroups has expired: it is compared again
              · note      ignoring /listenerRules has expired: it is compared again
              · note      ignoring /scaling has expired: it is compared again
            unchanged 1
        "#]],
    );
}

#[test]
fn what_nobody_minds_may_be_gone_but_is_made_at_first() {
    let mut document = balancing::ruled();
    let api = &mut document["services"]["api"];
    api["scaling"] = json!({"minCapacity": 2, "maxCapacity": 10, "scheduledActions": {"night": {
        "schedule": "rate(1 day)", "scalableTargetAction": {"minCapacity": 0}}}});
    api["ignore"] = json!([
        {"path": "/scaling/scheduledActions/night", "reason": "off for the fair"},
        {"path": "/listenerRules/main", "reason": "moved by hand"}]);
    let mut scene = Scene::settled(document);
    scene.sees(Subject::ScheduledActions(key("api")), json!([]));
    scene.sees(Subject::Rules(elb("listener/app", "shared")), json!([]));
    prints(
        &scene,
        expect![[r#"
        web/api
          · note      /listenerRules/main differs and is ignored: moved by hand
          · note      /scaling/scheduledActions/night differs and is ignored: off for the fair
        unchanged 2
    "#]],
    );
    scene.memory.0.clear();
    assert_eq!(scene.plan().plan.units[&unit("api")].steps.len(), 2);
}
