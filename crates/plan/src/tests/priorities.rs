//! The priorities of listener rules.

use std::collections::BTreeSet;

use evenkeel_model::document::Mode;
use proptest::prelude::*;

use super::*;

fn listener() -> String {
    elb("listener/app", "shared")
}

fn rules() -> Subject {
    Subject::Rules(listener())
}

fn rule(priority: Value, path: &str) -> Value {
    json!({"listenerArn": listener(), "priority": priority,
        "conditions": [{"field": "path-pattern", "values": [path]}],
        "actions": [{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "200"}}]})
}

/// A service for each entry, with rules of these names and priorities on one listener of somebody else.
fn ruled(services: &[(&str, &[(&str, Value)])]) -> Value {
    small_with(|d| {
        d["services"] = json!({});
        for (service, rules) in services {
            let mut declared = small_service(service);
            for (name, priority) in *rules {
                declared["listenerRules"][*name] = rule(priority.clone(), &format!("/{service}/{name}"));
            }
            d["services"][*service] = declared;
        }
    })
}

/// Gives rules, by service and name, other priorities.
fn set(scene: &mut Scene, priorities: &[(&str, &str, Value)]) {
    scene.change(|d| {
        for (service, rule, priority) in priorities {
            d["services"][service]["listenerRules"][rule]["priority"] = priority.clone();
        }
    });
}

/// The document's services are there, and on the listener nothing but these rules.
fn before_the_rules(document: Value, there: Value) -> Scene {
    let mut settled = Scene::settled(document.clone());
    settled.sees(rules(), there);
    settled.memory = Scene::new(document).memory;
    settled
}

fn foreign(priority: i64) -> Value {
    json!({"ruleArn": elb("listener-rule/app", &format!("theirs/{priority}")), "priority": priority.to_string(), "tags": []})
}

fn add(scene: &mut Scene, rule: Value) {
    scene.edit(rules(), |r| r.as_array_mut().unwrap().push(rule));
}

/// Which priority every rule has, by the key in its tag or its ARN's tail.
fn numbers(scene: &Scene) -> BTreeMap<String, String> {
    let rules = scene.world.tree(&rules()).unwrap().items();
    let name =
        |r: &Tree| crate::ownership::tag(r, "evenkeel:key").map(str::to_owned).unwrap_or_else(|| "?".into());
    rules.iter().map(|r| (name(r), r.str("priority").unwrap().to_owned())).collect()
}

#[track_caller]
fn has(scene: &Scene, expected: &[(&str, &str)]) {
    let expected = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    assert_eq!(numbers(scene), expected);
}

#[test]
fn a_priority_that_belongs_to_somebody_else_is_refused_with_what_is_free() {
    let mut scene = Scene::empty(ruled(&[("api", &[("main", json!(120))])]));
    scene.sees(rules(), json!([foreign(120), foreign(121), foreign(123)]));
    prints(
        &scene,
        expect![[r#"
            cluster web
              + create-cluster             web
            web/api
              + register-task-definition   api
                  … after cluster web to exist
              + create-service             api
                  … after cluster web to exist
              … waiting   for cluster web to exist
              ! refused   rule api/main cannot have priority 120 on its listener: it belongs to
                          arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/theirs/120/1
                          free there next: 122, 124, 125
        "#]],
    );
    // What was refused was not applied: freed, the rule is the document's to make.
    carried_out(&mut scene);
    scene.sees(rules(), json!([]));
    prints(
        &scene,
        expect![[r#"
        cluster web
          + create-cluster             web
        web/api
          + register-task-definition   api
              … after cluster web to exist
          + create-rule                api/main
              … after cluster web to exist
          + create-service             api
              … after cluster web to exist
          … waiting   for cluster web to exist
    "#]],
    );
    // Another document's rule says whose it is.
    scene.sees(
        rules(),
        json!([{"ruleArn": "arn:x", "priority": "120", "tags": [
        {"key": "evenkeel:document", "value": "other"}, {"key": "evenkeel:key", "value": "a/b"}]}]),
    );
    refuses(
        &scene,
        "api",
        expect![[r#"
            rule api/main cannot have priority 120 on its listener: it belongs to arn:x of the document "other"
              free there next: 121, 122, 123"#]],
    );
    // Ours, no longer declared, is in the way until it is gone.
    scene.sees(
        rules(),
        json!([{"ruleArn": "arn:x", "priority": "120", "tags": [
        {"key": "evenkeel:document", "value": "shop"}, {"key": "evenkeel:key", "value": "api/old"}]}]),
    );
    refuses(
        &scene,
        "api",
        expect![[r#"
            rule api/main cannot have priority 120 on its listener: it belongs to arn:x, our rule api/old, which the document no longer has
              free there next: 121, 122, 123"#]],
    );
}

#[track_caller]
fn refuses(scene: &Scene, service: &str, expected: Expect) {
    let planned = scene.plan();
    let report = &planned.report.units[&unit(service)];
    let said: Vec<String> = report
        .refused
        .iter()
        .map(|r| format!("{}\n  {}", r.why, r.way_out.as_deref().unwrap_or_default()))
        .collect();
    expected.assert_eq(&said.join("\n"));
}

#[test]
fn a_rule_whose_place_is_taken_is_healed_in_all_else() {
    let mut scene = Scene::settled(ruled(&[("api", &[("main", json!(120))])]));
    set(&mut scene, &[("api", "main", json!(130))]);
    add(&mut scene, foreign(130));
    scene.edit(rules(), |r| r[0]["conditions"] = json!([{"field": "path-pattern", "values": ["/x"]}]));
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ modify-rule                api/main
                  conditions[path-pattern].pathPatternConfig.values[/api/main]   (absent) -> /api/main
                  conditions[path-pattern].pathPatternConfig.values[/x]   /x -> (absent)
              ! refused   rule api/main cannot have priority 130 on its listener: it belongs to
                          arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/theirs/130/1
                          free there next: 131, 132, 133
            unchanged 1
        "#]],
    );
}

#[test]
fn two_documents_that_want_one_priority_both_refuse() {
    let mine = ruled(&[("api", &[("main", json!(120))])]);
    let mut theirs = mine.clone();
    theirs["name"] = json!("other");
    theirs["cluster"] = json!("more");
    theirs["clusters"] = json!({"more": {}});
    for (mine, theirs) in [(&mine, &theirs), (&theirs, &mine)] {
        let mut scene = Scene::empty(mine.clone());
        scene.sees(rules(), json!([]));
        assert!(scene.print().contains("create-rule"));
        scene.others = vec![Box::leak(Box::new(read(theirs)))];
        assert!(!scene.print().contains("create-rule"));
    }
    let mut scene = Scene::empty(mine.clone());
    scene.sees(rules(), json!([]));
    scene.others = vec![Box::leak(Box::new(read(&theirs)))];
    refuses(
        &scene,
        "api",
        expect![[r#"
            rule api/main cannot have priority 120 on its listener: the rule api/main of the document "other" is to have it too
              free there next: 121, 122, 123"#]],
    );
    // A range goes round what another document names.
    set(&mut scene, &[("api", "main", json!({"from": 120, "to": 125}))]);
    assert!(scene.input_of(&unit("api"), "create-rule api/main").contains(r#""priority":121"#));
    // Who has it keeps it.
    let mut scene = Scene::settled(mine);
    scene.others = vec![Box::leak(Box::new(read(&theirs)))];
    prints(
        &scene,
        expect![[r#"
        unchanged 2
    "#]],
    );
}

#[test]
fn a_priority_is_chosen_once_from_a_range_and_kept() {
    let range = json!({"from": 100, "to": 103});
    let document = ruled(&[
        ("api", &[("a", range.clone()), ("b", json!(102))]),
        ("web", &[("a", range.clone())]),
        ("worker", &[("a", range)]),
    ]);
    let mut scene = before_the_rules(document, json!([foreign(100)]));
    refuses(
        &scene,
        "worker",
        expect![[r#"
        rule worker/a: no priority from 100 to 103 is free on arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1
          widen the range, or take rules away that nobody needs"#]],
    );
    scene.settle();
    has(&scene, &[("?", "100"), ("api/a", "101"), ("api/b", "102"), ("web/a", "103")]);
    // Somebody makes room: the one without a place gets it, nobody else moves.
    scene.edit(rules(), |r| drop(r.as_array_mut().unwrap().remove(0)));
    scene.settle();
    let all = [("api/a", "101"), ("api/b", "102"), ("web/a", "103"), ("worker/a", "100")];
    has(&scene, &all);
    // Deleted by hand, a rule is made again where it was, though another number is free by now.
    scene.edit(rules(), |r| r.as_array_mut().unwrap().retain(|r| r["priority"] == "102"));
    scene.settle();
    has(&scene, &all);
    // Moved by hand within its range, it is as the document wants it; out of it, it goes back.
    scene.change(|d| d["services"].as_object_mut().unwrap().retain(|name, _| name != "worker"));
    scene.edit(rules(), |r| {
        r.as_array_mut().unwrap().retain(|r| r["priority"] != "100");
        for rule in r.as_array_mut().unwrap() {
            match rule["priority"].as_str() {
                Some("101") => rule["priority"] = json!("100"),
                Some("103") => rule["priority"] = json!("7"),
                _ => {}
            }
        }
    });
    prints(
        &scene,
        expect![[r#"
            web/web
              ~ set-rule-priorities        web/a
                  priority[web/a]   7 -> 103
            web/worker
              ! refused   delete: prune is off
                          set `prune` to `confirm` or `on`, or delete it by hand
            unchanged 2
        "#]],
    );
    scene.settle();
    has(&scene, &[("api/a", "100"), ("api/b", "102"), ("web/a", "103")]);
    // A new range moves it; memory counts only as far as the range admits.
    set(&mut scene, &[("web", "a", json!({"from": 7, "to": 9}))]);
    scene.settle();
    has(&scene, &[("api/a", "100"), ("api/b", "102"), ("web/a", "7")]);
}

#[test]
fn rules_of_one_service_change_places_in_one_call() {
    let mut scene = Scene::settled(ruled(&[("api", &[("a", json!(1)), ("b", json!(2))])]));
    set(&mut scene, &[("api", "a", json!(2)), ("api", "b", json!(1))]);
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ set-rule-priorities        api/a api/b
              priority[api/a]   1 -> 2
              priority[api/b]   2 -> 1
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "set-rule-priorities api/a api/b",
        expect![[
            r#"{"rulePriorities":[{"priority":2,"ruleArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/a/1"},{"priority":1,"ruleArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/b/1"}]}"#
        ]],
    );
    scene.settle();
    has(&scene, &[("api/a", "2"), ("api/b", "1")]);
}

#[test]
fn rules_of_two_services_change_places_by_the_first_of_them() {
    let mut scene = Scene::settled(ruled(&[
        ("api", &[("main", json!(1))]),
        ("web", &[("main", json!(2))]),
        ("worker", &[("main", json!(3))]),
    ]));
    // A circle.
    set(&mut scene, &[("api", "main", json!(3)), ("web", "main", json!(1)), ("worker", "main", json!(2))]);
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ set-rule-priorities        api/main web/main worker/main
                  priority[api/main]   1 -> 3
                  priority[web/main]   2 -> 1
                  priority[worker/main]   3 -> 2
            web/web
              … waiting   for web/api to set the priority of api/main, web/main, worker/main
            web/worker
              … waiting   for web/api to set the priority of api/main, web/main, worker/main
            unchanged 1
        "#]],
    );
    let taken = scene.settle();
    assert_eq!(taken, ["set-rule-priorities api/main web/main worker/main"]);
    has(&scene, &[("api/main", "3"), ("web/main", "1"), ("worker/main", "2")]);
    // A chain: each goes where the next one leaves.
    set(&mut scene, &[("worker", "main", json!(1)), ("web", "main", json!(3)), ("api", "main", json!(9))]);
    assert_eq!(scene.settle(), ["set-rule-priorities api/main web/main worker/main"]);
    has(&scene, &[("api/main", "9"), ("web/main", "3"), ("worker/main", "1")]);
    // Two that have nothing to do with each other go each on its own.
    set(&mut scene, &[("worker", "main", json!(11)), ("web", "main", json!(12))]);
    assert_eq!(scene.settle(), ["set-rule-priorities web/main", "set-rule-priorities worker/main"]);
}

#[test]
fn a_new_rule_waits_until_the_old_one_has_left() {
    let mut scene = Scene::settled(ruled(&[("api", &[("b", json!(1))]), ("web", &[("main", json!(5))])]));
    scene.change(|d| d["services"]["api"]["listenerRules"]["a"] = rule(json!(9), "/new"));
    set(&mut scene, &[("api", "a", json!(1)), ("api", "b", json!(5)), ("web", "main", json!(6))]);
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ set-rule-priorities        api/b web/main
                  priority[api/b]   1 -> 5
                  priority[web/main]   5 -> 6
              + create-rule                api/a
            web/web
              … waiting   for web/api to set the priority of api/b, web/main
            unchanged 1
        "#]],
    );
    scene.settle();
    has(&scene, &[("api/a", "1"), ("api/b", "5"), ("web/main", "6")]);
    // Of another unit's rule it is told who moves it.
    scene.change(|d| d["services"]["web"]["listenerRules"]["new"] = rule(json!(9), "/newer"));
    set(&mut scene, &[("api", "a", json!(2)), ("web", "new", json!(1))]);
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ set-rule-priorities        api/a
                  priority[api/a]   1 -> 2
            web/web
              + create-rule                web/new
                  … after web/api to set the priority of api/a
              … waiting   for web/api to set the priority of api/a
            unchanged 1
        "#]],
    );
    scene.settle();
    has(&scene, &[("api/a", "2"), ("api/b", "5"), ("web/main", "6"), ("web/new", "1")]);
}

#[test]
fn a_rule_that_is_left_alone_keeps_those_behind_it_where_they_are() {
    let document = ruled(&[("api", &[("main", json!(1))]), ("web", &[("main", json!(2))])]);
    let swapped = |change: &dyn Fn(&mut Scene)| {
        let mut scene = Scene::settled(document.clone());
        set(&mut scene, &[("api", "main", json!(2)), ("web", "main", json!(1))]);
        change(&mut scene);
        scene
    };
    let suspended = swapped(&|s| s.change(|d| d["services"]["web"]["suspend"] = json!(true)));
    prints(
        &suspended,
        expect![[r#"
            web/api
              ! refused   rule api/main cannot have priority 2 on its listener: the rule web/main has it and
                          stays there
                          free there next: 3, 4, 5
            web/web
              … suspended   by the document
              = left      priority[web/main]   2 -> 1   (document)
            unchanged 1
        "#]],
    );
    let observed = swapped(&|s| s.change(|d| d["services"]["web"]["mode"] = json!("observe")));
    prints(
        &observed,
        expect![[r#"
            web/api
              ! refused   rule api/main cannot have priority 2 on its listener: the rule web/main has it and
                          stays there
                          free there next: 3, 4, 5
            web/web
              = left      priority[web/main]   2 -> 1   (document)
            unchanged 1
        "#]],
    );
    let ignored = swapped(&|s| {
        s.change(|d| {
            d["services"]["web"]["ignore"] =
                json!([{"path": "/listenerRules/main/priority", "reason": "tuned by hand"}]);
        });
    });
    prints(
        &ignored,
        expect![[r#"
            web/api
              ! refused   rule api/main cannot have priority 2 on its listener: the rule web/main is to have it
                          too
                          free there next: 3, 4, 5
            web/web
              · note      /listenerRules/main/priority differs and is ignored: tuned by hand
            unchanged 1
        "#]],
    );
    // Where nothing is written at all the plan shows what would be.
    let mut observing = swapped(&|_| {});
    observing.ceilings.mode = Mode::Observe;
    prints(
        &observing,
        expect![[r#"
            web/api
              ~ set-rule-priorities        api/main web/main
                  priority[api/main]   1 -> 2
                  priority[web/main]   2 -> 1
                  … after mode enforce: in mode observe nothing is written
              … waiting   for mode enforce: in mode observe nothing is written
            web/web
              = left      priority[web/main]   2 -> 1   (document)
              … waiting   for web/api to set the priority of api/main, web/main
            unchanged 1
        "#]],
    );
    // A human's swap, with healing off.
    let mut scene = Scene::settled(document);
    scene.change(|d| d["settings"] = json!({"heal": "off"}));
    scene.edit(rules(), |r| {
        r[0]["priority"] = json!("2");
        r[1]["priority"] = json!("1");
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      priority[api/main]   2 -> 1   (human)
        web/web
          = left      priority[web/main]   1 -> 2   (human)
        unchanged 1
    "#]],
    );
}

#[test]
fn two_services_with_new_rules_on_one_listener_do_not_mismatch_each_other() {
    let document = ruled(&[("api", &[("main", json!(1))]), ("web", &[("main", json!(2))])]);
    let mut scene = before_the_rules(document, json!([]));
    let planned = scene.plan();
    let mut taken = Vec::new();
    for (key, unit) in &planned.plan.units {
        scene.run(key, unit, unit.ready(), &mut taken).unwrap();
    }
    assert_eq!(taken, ["create-rule api/main", "create-rule web/main"]);
}

/// Priorities for four rules of two services: numbers or ranges among few, so that they meet.
fn wanted() -> impl Strategy<Value = Vec<Value>> {
    let one = prop_oneof![
        (1..8_i64).prop_map(|n| json!(n)),
        (1..6_i64, 0..4_i64).prop_map(|(from, more)| json!({"from": from, "to": from + more})),
    ];
    proptest::collection::vec(one, 4)
}

fn of(wanted: &[Value]) -> Option<Value> {
    let numbers: Vec<i64> = wanted.iter().filter_map(Value::as_i64).collect();
    if numbers.iter().collect::<BTreeSet<_>>().len() != numbers.len() {
        return None;
    }
    let named = |of: &[Value]| [("a", of[0].clone()), ("b", of[1].clone())];
    Some(ruled(&[("api", &named(&wanted[..2])), ("web", &named(&wanted[2..]))]))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Whatever was there and whatever is wanted now, every rule that is not refused comes to a place that is
    /// right for it, AWS refuses nothing on the way, and then nothing more is written.
    #[test]
    fn rules_come_to_their_places(first in wanted(), then in wanted(), theirs in proptest::collection::btree_set(1..10_i64, 0..3)) {
        let (Some(first), Some(then)) = (of(&first), of(&then)) else { return Ok(()) };
        let theirs = theirs.iter().map(|n| foreign(*n)).collect::<Vec<_>>();
        let mut scene = before_the_rules(first, json!(theirs));
        scene.settle();
        scene.change(|d| *d = then);
        scene.settle();
        let planned = scene.plan();
        let live = numbers(&scene);
        for (key, service) in &scene.document.services {
            let refused = &planned.report.units[&UnitKey::Service(key.clone())].refused;
            for (name, rule) in &service.rules {
                let key = format!("{}/{name}", service.item);
                let said = refused.iter().any(|r| r.why.starts_with(&format!("rule {key}")));
                let right = live.get(&key).is_some_and(|n| rule.priority.admits(n.parse().unwrap()));
                prop_assert!(said || right, "{key} {live:?} {refused:?}");
            }
        }
    }
}

#[test]
fn the_checker_finds_somebody_elses_rule_among_those_that_move() {
    let mut scene = Scene::settled(ruled(&[("api", &[("a", json!(1)), ("b", json!(2))])]));
    set(&mut scene, &[("api", "a", json!(2)), ("api", "b", json!(1))]);
    add(&mut scene, foreign(7));
    let mut planned = scene.plan();
    assert_eq!(crate::check::check(&scene.input(), &planned), []);
    let theirs = foreign(7)["ruleArn"].clone();
    let step = &mut planned.plan.units.get_mut(&unit("api")).unwrap().steps[0];
    step.action.input = Tree::from(json!({"rulePriorities": [
        {"ruleArn": elb("listener-rule/app", "api/a"), "priority": 2}, {"ruleArn": theirs, "priority": 1}]}));
    let found = crate::check::check(&scene.input(), &planned);
    assert_eq!(found[0].message, "step set-rule-priorities api/a api/b writes what is not ours");
}
