//! A target group whose port, protocol or the like changes.

use proptest::prelude::*;

use super::*;
use crate::Ceilings;

fn listeners() -> Subject {
    Subject::Listeners(elb("loadbalancer/app", "alb"))
}

fn rules() -> Subject {
    Subject::Rules(elb("listener/app", "shared"))
}

fn group() -> UnitKey {
    UnitKey::TargetGroup("tg".into())
}

/// `api` in one target group, to which a rule of its own and the default action of a listener of the document
/// lead.
fn document() -> Value {
    small_with(|d| {
        let listener = json!({"port": 80, "protocol": "HTTP",
            "defaultActions": [{"type": "forward", "targetGroupArn": "${targetGroup:tg}"}]});
        d["loadBalancers"] =
            json!({"alb": {"subnets": ["subnet-1", "subnet-2"], "listeners": {"http": listener}}});
        d["targetGroups"] = json!({"tg": {"protocol": "HTTP", "port": 80, "vpcId": "vpc-1", "targetType": "ip",
            "attributes": {"deregistration_delay.timeout_seconds": "5"}}});
        let api = &mut d["services"]["api"];
        api["service"]["loadBalancers"] =
            json!([{"targetGroupArn": "${targetGroup:tg}", "containerName": "app", "containerPort": 80}]);
        api["listenerRules"] = json!({"main": {"listenerArn": elb("listener/app", "shared"), "priority": 120,
            "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
            "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:tg}"}]}});
    })
}

fn port(scene: &mut Scene, port: u32) {
    scene.change(|d| d["targetGroups"]["tg"]["port"] = json!(port));
}

/// The document in force, and then another port.
pub(super) fn changed() -> Scene {
    let mut scene = Scene::settled(document());
    port(&mut scene, 81);
    scene.look_for_the_rest();
    scene
}

/// The target groups there are.
fn groups(scene: &Scene) -> Vec<String> {
    let groups = scene.world.iter().filter(|(_, seen)| seen.tree().is_some());
    groups.filter_map(|(s, _)| if let Subject::TargetGroup(n) = s { Some(n.clone()) } else { None }).collect()
}

/// One pass after the other with a look in between; what each does and what it then waits for.
fn story(scene: &mut Scene) -> String {
    let mut told = String::new();
    for _ in 0..60 {
        let planned = scene.plan();
        scene.memory.0.extend(planned.remember.clone());
        let mut taken = Vec::new();
        for (key, unit) in &planned.plan.units {
            scene.run(key, unit, unit.ready(), &mut taken).unwrap();
        }
        for step in &taken {
            told.push_str(&format!("{step}\n"));
        }
        scene.tick();
        let waits = scene.plan().report.units.remove(&group()).map(|u| u.waiting).unwrap_or_default();
        for wait in &waits {
            let line = format!("    {wait}\n");
            if !told.ends_with(&line) {
                told.push_str(&line);
            }
        }
        if taken.is_empty() && waits.is_empty() {
            break;
        }
    }
    told
}

#[test]
fn a_target_group_is_replaced_step_by_step() {
    let mut scene = changed();
    prints(
        &scene,
        expect![[r#"
        target-group tg
          + create-target-group        tg-d7632f0a
              port   80 -> 81
          + modify-target-group-attributes tg-d7632f0a
          · note      to replace it: make tg-d7632f0a; put it at weight 0 on every rule and listener that
                      leads to the old one; deploy web/api with both; move the traffic once all targets are
                      healthy; deploy web/api with the new one alone; delete the old one
        unchanged 3
    "#]],
    );
    sends(
        &scene,
        &group(),
        "create-target-group tg-d7632f0a",
        expect![[
            r#"{"name":"tg-d7632f0a","port":81,"protocol":"HTTP","tags":[{"key":"Team","value":"a"},{"key":"evenkeel:document","value":"shop"},{"key":"evenkeel:key","value":"tg"}],"targetType":"ip","vpcId":"vpc-1"}"#
        ]],
    );
    expect![[r#"
        create-target-group tg-d7632f0a
        modify-target-group-attributes tg-d7632f0a
            for the new one to be on every rule and listener (it is being replaced)
        modify-listener http
        modify-rule api/main
        update-service api
            for the deployment of web/api (it is being replaced)
            for its traffic to move (it is being replaced)
        modify-listener http
        modify-rule api/main
            for web/api to leave the old one (it is being replaced)
        update-service api
            for web/api to leave the old one (it is being replaced)
            for the old one to be on no rule or listener (it is being replaced)
        modify-listener http
        modify-rule api/main
        delete-target-group tg
    "#]]
    .assert_eq(&story(&mut scene));
    prints(
        &scene,
        expect![[r#"
        unchanged 4
    "#]],
    );
    assert_eq!(groups(&scene).len(), 1);
    let live = scene.world.tree(&service("api")).unwrap().list_of("loadBalancers").len();
    assert_eq!(live, 1);
    // Mutable fields of the new one are kept like those of any other.
    scene.change(|d| d["targetGroups"]["tg"]["healthCheckPath"] = json!("/up"));
    prints(
        &scene,
        expect![[r#"
        target-group tg
          ~ modify-target-group        tg
              healthCheckPath   / -> /up
        unchanged 3
    "#]],
    );
    // And it is replaced again, though nothing has its name any more; memory may be lost meanwhile.
    scene.change(|d| drop(d["targetGroups"]["tg"].as_object_mut().unwrap().remove("healthCheckPath")));
    port(&mut scene, 82);
    scene.memory.0.clear();
    scene.look_for_the_rest();
    story(&mut scene);
    prints(
        &scene,
        expect![[r#"
        unchanged 4
    "#]],
    );
    assert_eq!(groups(&scene).len(), 1);
}

#[test]
fn each_step_of_a_replacement_in_the_plan() {
    let mut scene = changed();
    let mut told = String::new();
    for _ in 0..40 {
        let planned = scene.plan();
        scene.memory.0.extend(planned.remember.clone());
        if !planned.plan.units.is_empty() {
            told.push_str(&scene.print());
            told.push('\n');
        }
        for (key, unit) in &planned.plan.units {
            scene.run(key, unit, unit.ready(), &mut Vec::new()).unwrap();
        }
        scene.tick();
    }
    expect![[r#"
        target-group tg
          + create-target-group        tg-d7632f0a
              port   80 -> 81
          + modify-target-group-attributes tg-d7632f0a
          · note      to replace it: make tg-d7632f0a; put it at weight 0 on every rule and listener that
                      leads to the old one; deploy web/api with both; move the traffic once all targets are
                      healthy; deploy web/api with the new one alone; delete the old one
        unchanged 3

        target-group tg
          … waiting   for the new one to be on every rule and listener (it is being replaced)
        load-balancer alb
          ~ modify-listener            http
              defaultActions[0].forwardConfig.targetGroups[targetgroup/tg-d7632f0a/1]   (absent) -> {…}
        web/api
          ~ modify-rule                api/main
              actions[0].forwardConfig.targetGroups[targetgroup/tg-d7632f0a/1]   (absent) -> {…}
          ~ update-service             api
              loadBalancers[targetgroup/tg-d7632f0a/1]   (absent) -> {…}
        unchanged 1

        target-group tg
          … waiting   for its traffic to move (it is being replaced)
        load-balancer alb
          ~ modify-listener            http
              defaultActions[0].forwardConfig.targetGroups[targetgroup/tg-d7632f0a/1].weight   0 -> 1
              defaultActions[0].forwardConfig.targetGroups[targetgroup/tg/1].weight   1 -> 0
        web/api
          ~ modify-rule                api/main
              actions[0].forwardConfig.targetGroups[targetgroup/tg-d7632f0a/1].weight   0 -> 1
              actions[0].forwardConfig.targetGroups[targetgroup/tg/1].weight   1 -> 0
        unchanged 1

        target-group tg
          … waiting   for web/api to leave the old one (it is being replaced)
        web/api
          ~ update-service             api
              loadBalancers[targetgroup/tg/1]   {…} -> (absent)
        unchanged 2

        target-group tg
          … waiting   for the old one to be on no rule or listener (it is being replaced)
        load-balancer alb
          ~ modify-listener            http
              defaultActions[0].forwardConfig.targetGroups[targetgroup/tg/1]   {…} -> (absent)
        web/api
          ~ modify-rule                api/main
              actions[0].forwardConfig.targetGroups[targetgroup/tg/1]   {…} -> (absent)
        unchanged 1

        target-group tg
          - delete-target-group        tg, which tg-d7632f0a has replaced
        unchanged 3

    "#]]
    .assert_eq(&told);
}

#[test]
fn traffic_does_not_move_before_all_targets_are_healthy() {
    let mut scene = changed();
    for _ in 0..12 {
        let planned = scene.plan();
        for (key, unit) in &planned.plan.units {
            scene.run(key, unit, unit.ready(), &mut Vec::new()).unwrap();
        }
        scene.tick();
        let healths: Vec<Subject> = scene
            .world
            .iter()
            .map(|(s, _)| s.clone())
            .filter(|s| matches!(s, Subject::TargetHealth(_)))
            .collect();
        for subject in healths {
            let state = |state: &str| json!({"targetHealth": {"state": state}});
            scene.sees(subject, json!([state("healthy"), state("initial")]));
        }
    }
    prints(
        &scene,
        expect![[r#"
            target-group tg
              … waiting   for all targets to be healthy: 1 of 2 (it is being replaced)
            unchanged 3
        "#]],
    );
    // Nor on the word of an old reading.
    let health = |s: &Subject| matches!(s, Subject::TargetHealth(_));
    let subject = scene.world.iter().map(|(s, _)| s.clone()).find(health).unwrap();
    let healthy = json!({"targetHealth": {"state": "healthy"}});
    scene.sees(subject, json!([healthy, healthy]));
    assert!(!scene.plan().plan.units.is_empty());
    scene.wait(31_000);
    prints(
        &scene,
        expect![[r#"
        target-group tg
          … waiting   to see target health of targetgroup/tg-d7632f0a/1
        unchanged 3
    "#]],
    );
}

#[test]
fn what_is_made_anew_meanwhile_leads_where_the_targets_are() {
    let mut scene = changed();
    let planned = scene.plan();
    scene.run(&group(), &planned.plan.units[&group()], 2, &mut Vec::new()).unwrap();
    scene.look_for_the_rest();
    scene.sees(listeners(), json!([]));
    scene.sees(rules(), json!([]));
    let actions = |scene: &Scene, unit: &UnitKey, step: &str, member: &str| {
        let input: Value = serde_json::from_str(&scene.input_of(unit, step)).unwrap();
        input[member][0]["forwardConfig"]["targetGroups"].to_string()
    };
    let both = expect![[
        r#"[{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/tg/1","weight":1},{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/tg-d7632f0a/1","weight":0}]"#
    ]];
    both.assert_eq(&actions(&scene, &unit("api"), "create-rule api/main", "actions"));
    let listener =
        actions(&scene, &UnitKey::LoadBalancer("alb".into()), "create-listener http", "defaultActions");
    assert_eq!(listener, actions(&scene, &unit("api"), "create-rule api/main", "actions"));
}

#[test]
fn a_group_that_nothing_uses_is_made_anew_at_once() {
    let mut scene = Scene::settled(small_with(|d| {
        d["targetGroups"] = json!({"tg": {"protocol": "TCP", "port": 80, "vpcId": "vpc-1"}});
    }));
    scene.edit(Subject::TargetGroup("tg".into()), |g| g["loadBalancerArns"] = json!([]));
    scene.change(|d| d["targetGroups"]["tg"]["protocol"] = json!("UDP"));
    scene.look_for_the_rest();
    prints(
        &scene,
        expect![[r#"
        target-group tg
          + create-target-group        tg-d4a7e2a4
              protocol   TCP -> UDP
          · note      to replace it: make tg-d4a7e2a4, delete the old one
        unchanged 2
    "#]],
    );
    assert_eq!(scene.settle(), ["create-target-group tg-d4a7e2a4", "delete-target-group tg"]);
}

#[test]
fn long_names_are_cut() {
    let name = "a-target-group-with-a-long-name1";
    let mut json = document();
    json["targetGroups"][name] = json["targetGroups"]["tg"].take();
    json["targetGroups"].as_object_mut().unwrap().remove("tg");
    let json =
        serde_json::from_str(&json.to_string().replace("targetGroup:tg}", &format!("targetGroup:{name}}}")))
            .unwrap();
    let mut scene = Scene::settled(json);
    scene.change(|d| d["targetGroups"][name]["port"] = json!(81));
    scene.look_for_the_rest();
    scene.settle();
    expect!["a-target-group-with-a-l-d7632f0a"].assert_eq(&groups(&scene).join(" "));
}

/// What is said where a replacement is refused.
#[track_caller]
fn refuses(change: impl FnOnce(&mut Scene), expected: Expect) {
    let mut scene = changed();
    change(&mut scene);
    scene.look_for_the_rest();
    let planned = scene.plan();
    assert!(!planned.plan.units.contains_key(&group()), "{}", scene.print());
    let refused = planned.report.units[&group()].refused.iter();
    let said: Vec<&str> = refused.map(|r| r.why.as_str()).collect();
    expected.assert_eq(&said.join("\n"));
}

#[test]
fn what_cannot_be_done_without_harm_is_refused_with_the_plan_shown() {
    let mut scene = changed();
    scene.ceilings = Ceilings { replace: false, ..scene.ceilings };
    prints(
        &scene,
        expect![[r#"
        target-group tg
          = left      port   80 -> 81   (document)
          ! refused   `port` of target group tg cannot be changed, nor the group replaced: this daemon
                      replaces nothing
                      start the daemon with `--allow replace`
          · note      to replace it: make tg-d7632f0a; put it at weight 0 on every rule and listener that
                      leads to the old one; deploy web/api with both; move the traffic once all targets are
                      healthy; deploy web/api with the new one alone; delete the old one
        unchanged 3
    "#]],
    );
    // The rest of the document goes on meanwhile.
    scene.change(|d| new_image(d, "api"));
    assert!(scene.print().contains("update-service"));
}

#[test]
fn what_listeners_do_not_weigh_is_refused() {
    refuses(
        |s| s.change(|d| d["targetGroups"]["tg"]["protocol"] = json!("TCP")),
        expect![
            "`port`, `protocol` of target group tg cannot be changed, nor the group replaced: no listener leads to target groups of the protocols HTTP and TCP at once"
        ],
    );
}

#[test]
fn another_vpc_is_refused() {
    refuses(
        |s| s.change(|d| d["targetGroups"]["tg"]["vpcId"] = json!("vpc-2")),
        expect![
            "`port`, `vpcId` of target group tg cannot be changed, nor the group replaced: its load balancer is in the VPC of the old one"
        ],
    );
}

#[test]
fn a_port_that_the_new_tasks_lack_is_refused() {
    refuses(
        |s| {
            s.change(|d| {
                let api = &mut d["services"]["api"];
                api["taskDefinition"]["containerDefinitions"][0]["portMappings"] =
                    json!([{"containerPort": 81}]);
                api["service"]["loadBalancers"][0]["containerPort"] = json!(81);
            });
        },
        expect![
            "`port` of target group tg cannot be changed, nor the group replaced: web/api cannot be in both: its new tasks have no port 80 of a container app for the old one"
        ],
    );
}

#[test]
fn fixed_ports_on_hosts_are_refused() {
    let on_hosts = |d: &mut Value| {
        let api = &mut d["services"]["api"];
        let task = &mut api["taskDefinition"];
        task["networkMode"] = json!("bridge");
        task["requiresCompatibilities"] = json!(["EC2"]);
        task["containerDefinitions"][0]["portMappings"] = json!([{"containerPort": 80, "hostPort": 8080}]);
        api["service"]["launchType"] = json!("EC2");
        api["service"].as_object_mut().unwrap().remove("networkConfiguration");
        d["targetGroups"]["tg"]["targetType"] = json!("instance");
    };
    let mut json = document();
    on_hosts(&mut json);
    refuses(
        |s| {
            *s = Scene::settled(json);
            port(s, 81);
        },
        expect![
            "`port` of target group tg cannot be changed, nor the group replaced: web/api cannot be in both: its tasks have fixed ports on their hosts (network mode bridge)"
        ],
    );
}

#[test]
fn traffic_that_is_not_the_documents_is_refused() {
    refuses(
        |s| {
            s.edit(rules(), |r| {
                let mut theirs = r[0].clone();
                theirs["ruleArn"] = json!("arn:theirs");
                theirs["priority"] = json!("7");
                theirs["tags"] = json!([]);
                r.as_array_mut().unwrap().push(theirs);
            });
        },
        expect![
            "`port` of target group tg cannot be changed, nor the group replaced: arn:theirs, which is not ours, leads to it"
        ],
    );
    refuses(
        |s| {
            s.change(|d| {
                d["services"]["api"]["listenerRules"] = json!({});
                d["loadBalancers"] = json!({});
            });
        },
        expect![
            "`port` of target group tg cannot be changed, nor the group replaced: it is on a rule or listener that the document does not have"
        ],
    );
    refuses(
        |s| {
            s.change(|d| {
                drop(d["services"]["api"]["service"].as_object_mut().unwrap().remove("loadBalancers"))
            })
        },
        expect![
            "`port` of target group tg cannot be changed, nor the group replaced: no service of the document is in it, so nobody would be in the new one"
        ],
    );
}

#[test]
fn groups_between_which_ecs_moves_traffic_are_refused() {
    refuses(
        |s| {
            s.edit(service("api"), |s| {
                s["loadBalancers"][0]["advancedConfiguration"] = json!({"alternateTargetGroupArn": "x"});
            });
        },
        expect![
            "`port` of target group tg cannot be changed, nor the group replaced: web/api cannot be in both: ECS moves its traffic between two groups of its own"
        ],
    );
}

/// What somebody or something does between two looks.
#[derive(Clone, Debug)]
enum Event {
    /// A pass, and of the run of one unit the first steps.
    Pass(usize, usize),
    Time,
    /// The process is gone, and its memory with it.
    Forget,
    /// The document wants another port; the first is what was there.
    Port(u32),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (0..4_usize, 0..3_usize).prop_map(|(unit, steps)| Event::Pass(unit, steps)),
        6 => Just(Event::Time),
        1 => Just(Event::Forget),
        1 => (80..83_u32).prop_map(Event::Port),
    ];
    proptest::collection::vec(event, 0..60)
}

fn live_through(scene: &mut Scene, events: &[Event]) {
    for event in events {
        match event {
            Event::Pass(which, steps) => {
                let planned = scene.plan();
                scene.memory.0.extend(planned.remember);
                if let Some((key, unit)) = planned.plan.units.iter().nth(*which) {
                    scene.run(key, unit, unit.ready().min(*steps), &mut Vec::new()).unwrap();
                }
                scene.look_for_the_rest();
            }
            Event::Time => scene.tick(),
            Event::Forget => scene.memory.0.clear(),
            Event::Port(n) => {
                port(scene, *n);
                scene.look_for_the_rest();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// Wherever it is cut off, and however often the document changes its mind, no rule forwards only to groups
    /// without a healthy target, and in the end there is one group, of the wanted content, that has it all.
    #[test]
    fn a_replacement_may_be_cut_off_anywhere(events in events()) {
        let mut scene = changed();
        scene.tick();
        live_through(&mut scene, &events);
        port(&mut scene, 81);
        scene.look_for_the_rest();
        scene.settle();
        let left = groups(&scene);
        // Without memory one that was made for a document of long ago may be left over, unused.
        let forgot = events.iter().any(|e| matches!(e, Event::Forget));
        prop_assert!(forgot || left.len() == 1, "{:?} {}", left, scene.print());
        let used = scene.world.tree(&service("api")).unwrap().list_of("loadBalancers").to_vec();
        prop_assert_eq!(used.len(), 1);
        let used = used[0].str("targetGroupArn").unwrap().to_owned();
        let left: Vec<String> = left.into_iter().filter(|n| elb("targetgroup", n) == used).collect();
        prop_assert!(scene.plan().plan.units.is_empty(), "{}", scene.print());
        let tree = scene.world.tree(&Subject::TargetGroup(left[0].clone())).unwrap();
        prop_assert_eq!(tree.int("port"), Some(81));
        let health = scene.tasks[&service("api")].iter().all(|t| t.len() == 1);
        prop_assert!(health);
    }
}

/// The property finds a plan that moves traffic too early.
#[test]
#[should_panic(expected = "a rule leads to")]
fn traffic_that_moves_too_early_is_found() {
    let mut scene = changed();
    scene.tick();
    for _ in 0..6 {
        let planned = scene.plan();
        for (key, unit) in &planned.plan.units {
            let mut unit = unit.clone();
            for step in &mut unit.steps {
                if let Some(actions) = step.action.input.get("actions").cloned() {
                    let early = actions.to_json().replace(r#""weight":1"#, r#""weight":2"#);
                    let early = early
                        .replace(r#""weight":0"#, r#""weight":1"#)
                        .replace(r#""weight":2"#, r#""weight":0"#);
                    let early: Value = serde_json::from_str(&early).unwrap();
                    step.action.input.set("actions", Tree::from(early));
                }
            }
            scene.run(key, &unit, unit.ready(), &mut Vec::new()).unwrap();
        }
        scene.tick();
    }
}

/// A service whose scheduling strategy changes, which no call can do.
fn another_strategy(replace: Value) -> Scene {
    let mut scene = Scene::settled(small());
    scene.change(|d| {
        let api = &mut d["services"]["api"];
        api["replace"] = replace;
        api["service"]["launchType"] = json!("EC2");
        api["service"]["schedulingStrategy"] = json!("DAEMON");
        api["service"].as_object_mut().unwrap().remove("desiredCount");
        api["taskDefinition"]["requiresCompatibilities"] = json!(["EC2"]);
    });
    scene
}

#[test]
fn a_service_is_deleted_and_made_anew_only_where_the_document_and_the_daemon_say_so() {
    prints(
        &another_strategy(json!(null)),
        expect![[r#"
        web/api
          + register-task-definition   api
              requiresCompatibilities[EC2]   (absent) -> EC2
              requiresCompatibilities[FARGATE]   FARGATE -> (absent)
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
          = left      launchType   FARGATE -> EC2   (document)
          = left      schedulingStrategy   REPLICA -> DAEMON   (document)
          ! refused   `launchType` of a service cannot be changed
                      say `"replace": "recreate"` in the service: it is deleted and made anew, and down in
                      between
          ! refused   `schedulingStrategy` of a service cannot be changed
                      say `"replace": "recreate"` in the service: it is deleted and made anew, and down in
                      between
        unchanged 1
    "#]],
    );
    let mut scene = another_strategy(json!("recreate"));
    scene.ceilings.replace = false;
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
              requiresCompatibilities[EC2]   (absent) -> EC2
              requiresCompatibilities[FARGATE]   FARGATE -> (absent)
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
          = left      launchType   FARGATE -> EC2   (document)
          = left      schedulingStrategy   REPLICA -> DAEMON   (document)
          ! refused   `launchType` of a service cannot be changed
                      start the daemon with `--allow replace`
          ! refused   `schedulingStrategy` of a service cannot be changed
                      start the daemon with `--allow replace`
        unchanged 1
    "#]],
    );
    scene.ceilings.replace = true;
    prints(
        &scene,
        expect![[r#"
        web/api
          - delete-service             api
              launchType   FARGATE -> EC2
              schedulingStrategy   REPLICA -> DAEMON
          · note      web/api is deleted with all its tasks and then made anew: in between it is down
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "delete-service api",
        expect![[r#"{"cluster":"web","force":true,"service":"api"}"#]],
    );
    // Gone, it is made anew, though with healing off nobody would heal a deletion.
    scene.change(|d| d["settings"] = json!({"heal": "off"}));
    let planned = scene.plan();
    scene.take(&planned.plan.units[&unit("api")].steps[0], &mut BTreeMap::new()).unwrap();
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
          + create-service             api
        unchanged 1
    "#]],
    );
}
