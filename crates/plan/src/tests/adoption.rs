//! What exists already and is taken over, and what it had that the document does not declare.

use evenkeel_model::key::UnitKey;
use evenkeel_model::memory::Memory;
use evenkeel_model::shapes::Op;

use super::*;
use crate::{Owner, State};

/// A document that says this about what exists already.
fn adopting(adopt: Value) -> Value {
    small_with(|d| d["services"]["api"]["adopt"] = adopt)
}

/// The service was made by somebody else, in another way, and nothing is remembered of it.
fn foreign(json: Value) -> Scene {
    let mut scene = Scene::settled(json);
    scene.memory.0.remove(&unit("api"));
    scene.edit(service("api"), |s| s["tags"] = json!([{"key": "Team", "value": "a"}]));
    scene
}

fn steps(scene: &Scene, unit: &UnitKey) -> Vec<Op> {
    let planned = scene.plan();
    planned.plan.units.get(unit).into_iter().flat_map(|u| &u.steps).map(|s| s.action.op).collect()
}

/// Carries out the steps that write tags, in AWS and in memory.
fn tags_are_written(scene: &mut Scene) {
    let planned = scene.plan();
    for (key, unit) in planned.plan.units {
        let tagging = |op: Op| op.name() == "TagResource" || op.name() == "AddTags";
        let ready = unit.ready();
        let done: Vec<_> = unit.steps.iter().take(ready).filter(|s| tagging(s.action.op)).cloned().collect();
        for step in &done {
            let sent = step.action.input.clone();
            let arn = sent.pointer("resourceArns/0").and_then(Tree::as_str).map(str::to_owned);
            scene.edit(step.subject.clone(), |live| {
                let wanted = crate::ownership::tags(&sent);
                let one = match live.as_array_mut() {
                    Some(all) => {
                        all.iter_mut().find(|r| r["ruleArn"] == json!(arn) || r["listenerArn"] == json!(arn))
                    }
                    None => Some(live),
                };
                let one = one.unwrap();
                let mut tags = crate::ownership::tags(&Tree::from(one.clone()));
                tags.extend(wanted);
                one["tags"] = serde_json::from_str(&crate::ownership::list(&tags).to_json()).unwrap();
            });
        }
        if !done.is_empty() {
            let complete = done.len() == unit.steps.len();
            let ids = done.iter().map(|s| s.id.clone()).collect();
            let run = crate::Run { complete, ..ran(&scene.document.name, scene.clock, &ids) };
            unit.record(&key, scene.memory.0.entry(key.clone()).or_default(), &run);
        }
    }
    scene.remember();
}

#[test]
fn adopting_writes_our_tags_and_nothing_else() {
    let mut scene = foreign(adopting(json!(true)));
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene.change(|d| new_image(d, "api"));
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ tag-resource               adopted as it is: what differs is changed once it is ours
              = left      containerDefinitions[app].image   app:1 -> app:2   (document)
            unchanged 1
        "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "tag-resource",
        expect![[
            r#"{"resourceArn":"arn:aws:ecs:us-east-1:123456789012:service/web/api","tags":[{"key":"evenkeel:document","value":"shop"},{"key":"evenkeel:key","value":"api"}]}"#
        ]],
    );
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 1);
    // Ours, it is treated like any other: the document's image is rolled out, what was there stays.
    tags_are_written(&mut scene);
    assert_eq!(steps(&scene, &unit("api")), [Op::EcsRegisterTaskDefinition, Op::EcsUpdateService]);
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
              containerDefinitions[app].image   app:1 -> app:2
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
        unchanged 1
    "#]],
    );
}

#[test]
fn what_is_equal_is_adopted_and_what_is_not_is_refused_with_the_differences() {
    let mut scene = foreign(adopting(json!("ifEqual")));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ tag-resource               adopted: nothing differs
        unchanged 1
    "#]],
    );
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene.change(|d| {
        new_image(d, "api");
        d["services"]["api"]["scaling"] = json!({"minCapacity": 1, "maxCapacity": 2});
    });
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
            web/api
              = left      containerDefinitions[app].image   app:1 -> app:2   (document)
              = left      enableExecuteCommand   true -> false   (document)
              = left      scaling   (absent) -> present   (document)
              ! refused   service web/api is not adopted, because it differs from the document: taskDefinition
                          containerDefinitions[app].image, service enableExecuteCommand, scaling
                          declare it as it is, or say "adopt": true: what is declared is changed then, the rest
                          stays
            unchanged 1
        "#]],
    );
    assert_eq!(scene.plan().report.units[&unit("api")].state, State::Refused);
}

#[test]
fn whether_it_is_equal_must_have_been_seen() {
    let mut scene = foreign(adopting(json!("ifEqual")));
    scene.unseen(Subject::TaskDefinition(revision("api", 1)));
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   to see task definition task-definition/api:1
        unchanged 1
    "#]],
    );
    // Whatever it is like, it is adopted all the same.
    scene.change(|d| d["services"]["api"]["adopt"] = json!(true));
    assert_eq!(steps(&scene, &unit("api")), [Op::EcsTagResource]);
}

#[test]
fn a_service_is_moved_from_the_document_that_its_tag_names_and_from_no_other() {
    let mut scene = foreign(adopting(json!({"from": "old"})));
    let tagged = |owner: &str| json!([{"key": "evenkeel:document", "value": owner}, {"key": "evenkeel:key", "value": "x"}]);
    prints(
        &scene,
        expect![[r#"
        web/api
          ! refused   service web/api exists already and does not carry our tag evenkeel:document
                      to adopt it, say "adopt": true, or: aws ecs tag-resource --resource-arn
                      arn:aws:ecs:us-east-1:123456789012:service/web/api --tags
                      key=evenkeel:document,value=shop key=evenkeel:key,value=api
        unchanged 1
    "#]],
    );
    scene.edit(service("api"), |s| s["tags"] = tagged("another"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ! refused   service web/api belongs to the document "another"
                      take it out of one of the two documents, or move it: "adopt": {"from": "another"}
        unchanged 1
    "#]],
    );
    scene.edit(service("api"), |s| s["tags"] = tagged("old"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ tag-resource               moved here from the document "old"
        unchanged 1
    "#]],
    );
    tags_are_written(&mut scene);
    assert_eq!(scene.memory.unit(&unit("api")).document.as_deref(), Some("shop"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ tag-resource
              Team   (absent) -> a
        unchanged 1
    "#]],
    );
}

#[test]
fn what_was_remembered_under_another_document_is_forgotten_with_the_move() {
    let mut scene = foreign(adopting(json!({"from": "old"})));
    scene.edit(service("api"), |s| {
        s["tags"] = json!([{"key": "evenkeel:document", "value": "old"}, {"key": "Team", "value": "a"}]);
    });
    let memory = scene.memory.0.entry(unit("api")).or_default();
    memory.document = Some("old".into());
    memory.applied.insert("service".into(), Tree::map().with("enableExecuteCommand", true));
    memory.baseline.insert("service".into(), Default::default());
    tags_are_written(&mut scene);
    let memory = scene.memory.unit(&unit("api"));
    assert_eq!(memory.document.as_deref(), Some("shop"));
    assert_eq!(memory.applied.get("service").unwrap().get("enableExecuteCommand"), None);
}

#[test]
fn what_somebody_disowned_is_never_tagged_again() {
    for adopt in [json!(true), json!("ifEqual"), json!({"from": "old"})] {
        let mut scene = Scene::settled(adopting(adopt));
        scene.edit(service("api"), |s| s["tags"] = json!([]));
        let planned = scene.plan();
        assert!(planned.plan.units.is_empty());
        assert!(planned.report.units[&unit("api")].refused[0].why.contains("disowned"));
    }
    // So it is where it was adopted itself, and nothing else has happened to it yet.
    let mut scene = foreign(adopting(json!(true)));
    tags_are_written(&mut scene);
    scene.memory.0.get_mut(&unit("api")).unwrap().applied.clear();
    scene.edit(service("api"), |s| s["tags"] = json!([]));
    assert_eq!(steps(&scene, &unit("api")), []);
}

/// Another document in force that declares `web/api` too.
fn another(name: &str) -> &'static evenkeel_model::document::Document {
    Box::leak(Box::new(read(&small_with(|d| {
        d["name"] = json!(name);
        d["clusters"] = json!({});
    }))))
}

#[test]
fn what_two_documents_declare_neither_of_them_gets() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene.others = vec![another("other")];
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      enableExecuteCommand   true -> false   (human)
          ! refused   it is declared by the documents "shop" and "other", and none of them gets it
                      take it out of all of them but one
        unchanged 1
    "#]],
    );
    // Neither is it made or adopted.
    scene.gone(service("api"));
    assert_eq!(steps(&scene, &unit("api")), []);
    let mut scene = foreign(adopting(json!(true)));
    scene.others = vec![another("other"), another("third")];
    assert_eq!(steps(&scene, &unit("api")), []);
}

#[test]
fn everything_that_carries_tags_is_adopted_and_nothing_is_made_or_deployed() {
    let mut document = farsight();
    document["adopt"] = json!(true);
    document["services"]["farsight-api-server"]["listenerRules"] = json!({"main": {
        "listenerArn": "${listener:farsight-alb/http}", "priority": 7,
        "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
        "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:farsight-api-tg}"}]}});
    let mut scene = Scene::settled(document);
    assert!(scene.plan().plan.units.is_empty());
    let owned = scene.memory.clone();
    scene.memory = Memory::default();
    let there = scene.world.iter().filter(|(_, seen)| seen.tree().is_some());
    let subjects: Vec<Subject> = there.map(|(s, _)| s.clone()).collect();
    for subject in subjects {
        scene.edit(subject, |live| match live.as_array_mut() {
            Some(all) => all.iter_mut().filter(|it| it.is_object()).for_each(|it| it["tags"] = json!([])),
            None => live["tags"] = json!([]),
        });
    }
    prints(
        &scene,
        expect![[r#"
        cluster farsight-cluster
          ~ tag-resource               adopted: nothing differs
        repository farsight-server
          ~ tag-resource               adopted: nothing differs
        log-group /ecs/farsight-api-server
          ~ tag-resource               adopted: nothing differs
        log-group /ecs/farsight-worker
          ~ tag-resource               adopted: nothing differs
        target-group farsight-api-tg
          ~ add-tags                   adopted: nothing differs
        load-balancer farsight-alb
          ~ add-tags                   adopted: nothing differs
        farsight-cluster/farsight-api-server
          ~ tag-resource               adopted: nothing differs
        farsight-cluster/farsight-worker
          ~ tag-resource               adopted: nothing differs
    "#]],
    );
    for _ in 0..4 {
        let planned = scene.plan();
        let steps = planned.plan.units.values().flat_map(|u| &u.steps);
        assert!(steps.into_iter().all(|s| ["TagResource", "AddTags"].contains(&s.action.op.name())));
        tags_are_written(&mut scene);
    }
    prints(
        &scene,
        expect![[r#"
        unchanged 8
    "#]],
    );
    let applied =
        |memory: &Memory| memory.0.iter().map(|(k, m)| (k.clone(), m.applied.clone())).collect::<Vec<_>>();
    assert_eq!(applied(&scene.memory), applied(&owned));
}

/// A document with a rule on a listener that somebody else owns.
fn with_rule() -> Value {
    small_with(|d| {
        d["services"]["api"]["listenerRules"] = json!({"main": {
            "adopt": true, "listenerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2",
            "priority": 7, "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
            "actions": [{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "200"}}]}});
    })
}

#[test]
fn a_rule_is_adopted_at_its_priority_where_its_conditions_are_the_same() {
    let mut scene = Scene::settled(with_rule());
    scene.memory.0.remove(&unit("api"));
    let rules = scene.world.iter().find(|(s, _)| matches!(s, Subject::Rules(_))).unwrap().0.clone();
    scene.edit(rules.clone(), |r| {
        r[0]["tags"] = json!([]);
        r[0]["actions"][0]["fixedResponseConfig"]["statusCode"] = json!("503");
    });
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ add-tags                   rule api/main (priority 7): adopted as it is: what differs is change…
              = left      actions[0].fixedResponseConfig.statusCode   503 -> 200   (document)
              · note      MemoryRebuilt: nothing was remembered of it
            unchanged 1
        "#]],
    );
    scene.change(|d| d["services"]["api"]["listenerRules"]["main"]["adopt"] = json!("ifEqual"));
    prints(
        &scene,
        expect![[r#"
            web/api
              = left      actions[0].fixedResponseConfig.statusCode   503 -> 200   (document)
              ! refused   rule api/main (priority 7) is not adopted, because it differs from the document: rule
                          api/main actions[0].fixedResponseConfig.statusCode
                          declare it as it is, or say "adopt": true: what is declared is changed then, the rest
                          stays
              · note      MemoryRebuilt: nothing was remembered of it
            unchanged 1
        "#]],
    );
    scene.change(|d| d["services"]["api"]["listenerRules"]["main"]["adopt"] = json!(true));
    let other = rules.clone();
    scene.edit(rules, |r| r[0]["conditions"][0]["values"] = json!(["/other"]));
    prints(
        &scene,
        expect![[r#"
            web/api
              ! refused   rule api/main cannot have priority 7 on its listener: it belongs to
                          arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/main/1
                          free there next: 8, 9, 10
            unchanged 1
        "#]],
    );
    scene.edit(other, |r| r[0]["conditions"][0]["values"] = json!(["/api/*"]));
    tags_are_written(&mut scene);
    assert_eq!(steps(&scene, &unit("api")), [Op::Elbv2ModifyRule]);
}

/// The user put our tags on it by hand; it had things that the document does not declare.
fn by_hand() -> Scene {
    let mut scene = foreign(small());
    scene.edit(service("api"), |s| {
        s["deploymentConfiguration"] = json!({"maximumPercent": 150, "minimumHealthyPercent": 50});
        s["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = json!("ENABLED");
        s["tags"] = json!([{"key": "Team", "value": "a"}, {"key": "evenkeel:document", "value": "shop"}, {"key": "evenkeel:key", "value": "api"}]);
    });
    scene
}

#[test]
fn undeclared_fields_that_were_there_are_the_baseline_and_stay() {
    let mut scene = by_hand();
    prints(
        &scene,
        expect![[r#"
        web/api
          · note      MemoryRebuilt: nothing was remembered of it; left as found, because the document does
                      not declare it: deploymentConfiguration.maximumPercent,
                      deploymentConfiguration.minimumHealthyPercent,
                      networkConfiguration.awsvpcConfiguration.assignPublicIp
        unchanged 1
    "#]],
    );
    scene.remember();
    prints(
        &scene,
        expect![[r#"
        unchanged 2
    "#]],
    );
    expect![[r#"
        {
            Path(
                [
                    "deploymentConfiguration",
                    "maximumPercent",
                ],
            ): 150,
            Path(
                [
                    "deploymentConfiguration",
                    "minimumHealthyPercent",
                ],
            ): 50,
            Path(
                [
                    "networkConfiguration",
                    "awsvpcConfiguration",
                    "assignPublicIp",
                ],
            ): "ENABLED",
        }
    "#]]
    .assert_debug_eq(&scene.memory.unit(&unit("api")).baseline["service"]);
    // A whole member that is written carries them.
    scene.change(|d| {
        d["services"]["api"]["service"]["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] =
            json!(["sg-2"]);
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
fn a_human_who_changes_what_was_there_is_undone_to_what_was_there() {
    let mut scene = by_hand();
    scene.remember();
    scene.edit(service("api"), |s| s["deploymentConfiguration"]["maximumPercent"] = json!(300));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              deploymentConfiguration.maximumPercent   300 -> 150
        unchanged 1
    "#]],
    );
    assert!(scene.plan().report.units[&unit("api")].drift.iter().all(|d| d.owner == Owner::Human));
}

#[test]
fn a_field_that_the_document_declares_is_no_longer_what_was_there() {
    let mut scene = by_hand();
    scene.remember();
    let percent = |d: &mut Value, n: Value| d["services"]["api"]["service"]["deploymentConfiguration"] = n;
    scene.change(|d| percent(d, json!({"maximumPercent": 175})));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              deploymentConfiguration.maximumPercent   150 -> 175
        unchanged 1
    "#]],
    );
    carried_out(&mut scene);
    scene.edit(service("api"), |s| s["deploymentConfiguration"]["maximumPercent"] = json!(175));
    // Taken out again, it goes to AWS's default and not to what was there; its neighbour stays.
    scene.change(|d| percent(d, Value::Null));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              deploymentConfiguration.maximumPercent   175 -> 200
        unchanged 1
    "#]],
    );
}

#[test]
fn what_we_made_has_no_baseline() {
    let mut scene = Scene::empty(small());
    let made = Scene::settled(small());
    carried_out(&mut scene);
    scene.memory.0.values_mut().for_each(|m| m.applied.clear());
    for (subject, seen) in made.world.iter() {
        if let Some(tree) = seen.tree() {
            scene.observe(subject.clone(), tree.clone());
        }
    }
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    assert_eq!(steps(&scene, &unit("api")), [Op::EcsUpdateService]);
    // Nor has what a run made of which only the intent is known.
    scene.memory.0.values_mut().for_each(|m| {
        m.baseline.clear();
        m.intent = Some(evenkeel_model::memory::Intent {
            plan: "p".into(),
            steps: vec!["register-task-definition api".into(), "create-service api".into()],
            document_version: "v".into(),
            at: CLOCK,
            restart: None,
            primary: None,
        });
    });
    assert_eq!(steps(&scene, &unit("api")), [Op::EcsUpdateService]);
}

#[test]
fn what_was_adopted_and_is_made_anew_is_as_the_document_says() {
    let mut scene = by_hand();
    scene.remember();
    scene.gone(service("api"));
    let input = scene.input_of(&unit("api"), "create-service api");
    assert!(!input.contains("maximumPercent"), "{input}");
    carried_out(&mut scene);
    assert!(scene.memory.unit(&unit("api")).baseline["service"].is_empty());
}

#[test]
fn attributes_that_were_there_stay_and_go_back_to_what_they_were() {
    let mut scene = Scene::settled(farsight());
    let key = UnitKey::TargetGroup("farsight-api-tg".into());
    let subject = Subject::TargetGroup("farsight-api-tg".into());
    scene.memory.0.remove(&key);
    scene.edit(subject.clone(), |g| g["attributes"]["slow_start.duration_seconds"] = json!("60"));
    prints(
        &scene,
        expect![[r#"
        target-group farsight-api-tg
          · note      MemoryRebuilt: nothing was remembered of it; left as found, because the document does
                      not declare it: [slow_start.duration_seconds]
        unchanged 7
    "#]],
    );
    scene.remember();
    scene.edit(subject, |g| g["attributes"]["slow_start.duration_seconds"] = json!("90"));
    prints(
        &scene,
        expect![[r#"
        target-group farsight-api-tg
          ~ modify-target-group-attributes farsight-api-tg
              attributes[slow_start.duration_seconds]   90 -> 60
        unchanged 7
    "#]],
    );
}

#[test]
fn without_memory_nothing_is_cleared_and_that_is_said() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| {
        s["enableExecuteCommand"] = json!(true);
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-evil"]);
    });
    assert_eq!(scene.plan().report.units[&unit("api")].drift.len(), 3);
    scene.memory.0.clear();
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              networkConfiguration.awsvpcConfiguration.securityGroups[sg-1]   (absent) -> sg-1
              networkConfiguration.awsvpcConfiguration.securityGroups[sg-evil]   sg-evil -> (absent)
          · note      MemoryRebuilt: nothing was remembered of it; left as found, because the document does
                      not declare it: enableExecuteCommand
        unchanged 1
    "#]],
    );
    // Once remembered, before anything is changed, it is not said again.
    scene.remember();
    assert_eq!(scene.plan().report.units[&unit("api")].notes, []);
    assert_eq!(steps(&scene, &unit("api")), [Op::EcsUpdateService]);
}

#[test]
fn in_mode_observe_nothing_is_adopted_and_nothing_remembered() {
    let mut scene = foreign(adopting(json!(true)));
    scene.ceilings.mode = evenkeel_model::document::Mode::Observe;
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 0);
    let mut scene = by_hand();
    scene.ceilings.mode = evenkeel_model::document::Mode::Observe;
    assert!(scene.plan().remember.is_empty());
}

#[test]
fn a_rule_that_is_adopted_leaves_what_its_service_does_and_remembers() {
    let mut scene = Scene::settled(with_rule());
    let rules = scene.world.iter().find(|(s, _)| matches!(s, Subject::Rules(_))).unwrap().0.clone();
    scene.edit(rules, |r| r[0]["tags"] = json!([]));
    scene.memory.0.entry(unit("api")).or_default().baseline.clear();
    scene.memory.0.entry(unit("api")).or_default().applied.clear();
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene.change(|d| {
        new_image(d, "api");
        d["services"]["api"]["restart"] = json!("1");
    });
    let planned = scene.plan();
    let does = &planned.plan.units[&unit("api")];
    for op in [Op::EcsUpdateService, Op::Elbv2AddTags] {
        assert!(does.steps.iter().any(|s| s.action.op == op), "{}", scene.print());
    }
    assert!(does.deployment_key.is_some() && does.restart.is_some());
    assert_eq!(planned.remember[&unit("api")].baseline["service"].len(), 1);
}
