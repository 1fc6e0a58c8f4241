//! Blue/green, linear and canary: what of a rule is ECS's and what is not.

use super::*;

fn listener() -> String {
    elb("listener/app", "shared")
}

fn rules() -> Subject {
    Subject::Rules(listener())
}

fn blue() -> String {
    elb("targetgroup", "api-blue")
}

fn green() -> String {
    elb("targetgroup", "api-green")
}

fn rule() -> String {
    elb("listener-rule/app", "api/main")
}

fn revision_arn() -> String {
    "arn:aws:ecs:us-east-1:123456789012:service-revision/web/api/1".into()
}

fn forward(blue_weight: i64, green_weight: i64) -> Value {
    json!([{"type": "forward", "forwardConfig": {"targetGroups": [
        {"targetGroupArn": blue(), "weight": blue_weight}, {"targetGroupArn": green(), "weight": green_weight}]}}])
}

/// `api` with a blue and a green target group behind a rule that forwards to the blue one.
fn document() -> Value {
    small_with(|d| {
        let api = &mut d["services"]["api"];
        for colour in ["blue", "green"] {
            api["targetGroups"][colour] = json!({"name": format!("api-{colour}"), "protocol": "HTTP", "port": 80,
                "vpcId": "vpc-1", "targetType": "ip"});
        }
        api["service"]["deploymentConfiguration"] = json!({"strategy": "BLUE_GREEN"});
        api["service"]["loadBalancers"] = json!([{"targetGroupArn": "${targetGroup:blue}", "containerName": "app",
            "containerPort": 80, "advancedConfiguration": {
                "alternateTargetGroupArn": "${targetGroup:green}", "productionListenerRule": "${listenerRule:api/main}",
                "roleArn": "arn:aws:iam::123456789012:role/ecs"}}]);
        api["listenerRules"] = json!({"main": {"listenerArn": listener(), "priority": 120,
            "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
            "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:blue}"}]}});
    })
}

/// It was deployed twice: green has the traffic.
fn deployed() -> Scene {
    let mut scene = Scene::settled(document());
    scene.edit(service("api"), |s| {
        s["loadBalancers"][0]["advancedConfiguration"]["productionListenerRule"] = json!(rule());
        s["currentServiceRevisions"] = json!([{"arn": revision_arn()}]);
    });
    scene.sees(
        Subject::ServiceRevision(revision_arn()),
        json!({"serviceRevisionArn": revision_arn(), "resolvedConfiguration": {
            "loadBalancers": [{"targetGroupArn": green(), "productionListenerRule": rule()}]}}),
    );
    scene.edit(rules(), |r| r[0]["actions"] = forward(0, 100));
    scene.memory.0.clear();
    scene.remember();
    assert!(scene.memory.0.contains_key(&unit("api")), "{}", scene.print());
    scene
}

fn runs(scene: &mut Scene, state: &str) {
    scene.edit(service("api"), |s| {
        s["deployments"][0]["rolloutState"] = json!(state);
        let mut revisions = vec![json!({"arn": revision_arn()})];
        if state == "IN_PROGRESS" {
            revisions.push(json!({"arn": format!("{}/next", revision_arn())}));
        }
        s["currentServiceRevisions"] = json!(revisions);
    });
}

#[test]
fn where_the_revision_has_put_the_traffic_is_where_it_belongs() {
    let mut scene = deployed();
    prints(
        &scene,
        expect![[r#"
        unchanged 4
    "#]],
    );
    // However that is written.
    for actions in [
        json!([{"type": "forward", "targetGroupArn": green()}]),
        json!([{"type": "forward", "forwardConfig": {"targetGroups": [{"targetGroupArn": green(), "weight": 1}]}}]),
        forward(0, 1),
    ] {
        scene.edit(rules(), |r| r[0]["actions"] = actions);
        assert!(scene.plan().plan.units.is_empty(), "{}", scene.print());
    }
}

#[test]
fn weights_that_somebody_changed_are_healed_to_the_revision() {
    let mut scene = deployed();
    scene.edit(rules(), |r| {
        r[0]["actions"] = forward(50, 50);
        r[0]["conditions"] = json!([{"field": "path-pattern", "values": ["/other"]}]);
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ modify-rule                api/main traffic
              actions[0].forwardConfig.targetGroups[targetgroup/api-blue/1].weight   50 -> 0
              actions[0].forwardConfig.targetGroups[targetgroup/api-green/1].weight   50 -> 100
          ~ modify-rule                api/main
              conditions[path-pattern].pathPatternConfig.values[/api/*]   (absent) -> /api/*
              conditions[path-pattern].pathPatternConfig.values[/other]   /other -> (absent)
        unchanged 3
    "#]],
    );
    // What the document says of the rule goes without the actions, what the revision says without the rest.
    sends(
        &scene,
        &unit("api"),
        "modify-rule api/main",
        expect![[
            r#"{"conditions":[{"field":"path-pattern","pathPatternConfig":{"values":["/api/*"]}}],"ruleArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/main/1"}"#
        ]],
    );
    sends(
        &scene,
        &unit("api"),
        "modify-rule api/main traffic",
        expect![[
            r#"{"actions":[{"forwardConfig":{"targetGroups":[{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-green/1","weight":100},{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-blue/1","weight":0}]},"type":"forward"}],"ruleArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/main/1"}"#
        ]],
    );
    // It is a human's: with healing off it stays.
    scene.change(|d| d["settings"] = json!({"heal": "off"}));
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn while_a_deployment_runs_the_weights_are_ecs_s() {
    let mut scene = deployed();
    runs(&mut scene, "IN_PROGRESS");
    for (blue_weight, green_weight) in [(0, 100), (10, 90), (100, 0)] {
        scene.edit(rules(), |r| r[0]["actions"] = forward(blue_weight, green_weight));
        assert!(scene.plan().plan.units.is_empty(), "{}", scene.print());
    }
    scene.edit(rules(), |r| r[0]["conditions"] = json!([{"field": "path-pattern", "values": ["/other"]}]));
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ modify-rule                api/main
                  conditions[path-pattern].pathPatternConfig.values[/api/*]   (absent) -> /api/*
                  conditions[path-pattern].pathPatternConfig.values[/other]   /other -> (absent)
              … waiting   rollout ecs-svc/1: 2 of 2 running
            unchanged 3
        "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "modify-rule api/main",
        expect![[
            r#"{"conditions":[{"field":"path-pattern","pathPatternConfig":{"values":["/api/*"]}}],"ruleArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/main/1"}"#
        ]],
    );
}

#[test]
fn what_is_not_known_is_waited_for() {
    let mut scene = deployed();
    scene.edit(rules(), |r| r[0]["actions"] = forward(50, 50));
    scene.unseen(Subject::ServiceRevision(revision_arn()));
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   to see service revision service-revision/web/api/1
        unchanged 3
    "#]],
    );
    // The revision is of interest as soon as the service has been seen.
    let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
    assert!(interest.contains(&Subject::ServiceRevision(revision_arn())));
    // Deployments from before there were revisions: nothing tells, so nothing is done.
    scene.edit(service("api"), |s| s["currentServiceRevisions"] = json!([]));
    prints(
        &scene,
        expect![[r#"
            unchanged 4
        "#]],
    );
}

#[test]
fn a_missing_rule_is_made_again_with_the_traffic_where_it_was() {
    let mut scene = deployed();
    scene.sees(rules(), json!([]));
    prints(
        &scene,
        expect![[r#"
        web/api
          + create-rule                api/main
          … waiting   for rules of listener/app/shared/1 to exist
        unchanged 3
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "create-rule api/main",
        expect![[
            r#"{"actions":[{"forwardConfig":{"targetGroups":[{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-green/1","weight":100},{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-blue/1","weight":0}]},"type":"forward"}],"conditions":[{"field":"path-pattern","values":["/api/*"]}],"listenerArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1","priority":120,"tags":[{"key":"Team","value":"a"},{"key":"evenkeel:document","value":"shop"},{"key":"evenkeel:key","value":"api/main"}]}"#
        ]],
    );
    // The service is then told of the new rule.
    let planned = scene.plan();
    let of_api = &planned.plan.units[&unit("api")];
    scene.run(&unit("api"), of_api, 1, &mut Vec::new()).unwrap();
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              loadBalancers[targetgroup/api-blue/1].advancedConfiguration.productionListenerRule   …789012:…
        unchanged 3
    "#]],
    );
    // Not while ECS moves traffic.
    scene.sees(rules(), json!([]));
    runs(&mut scene, "IN_PROGRESS");
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   rollout ecs-svc/1: 2 of 2 running
          … waiting   for rules of listener/app/shared/1 to exist
        unchanged 3
    "#]],
    );
}

#[test]
fn a_rule_is_the_documents_until_ecs_hears_of_it() {
    let mut scene = deployed();
    scene.edit(service("api"), |s| s["loadBalancers"][0]["advancedConfiguration"] = json!(null));
    // Within the pair nothing is touched.
    scene.edit(rules(), |r| r[0]["actions"] = forward(50, 50));
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  loadBalancers[targetgroup/api-blue/1].advancedConfiguration.alternateTargetGroupArn   (absent…
                  loadBalancers[targetgroup/api-blue/1].advancedConfiguration.productionListenerRule   (absent)…
                  loadBalancers[targetgroup/api-blue/1].advancedConfiguration.roleArn   (absent) -> arn:aws:iam…
            unchanged 3
        "#]],
    );
    // A rule that leads elsewhere is brought to the pair, which ECS demands.
    scene.edit(rules(), |r| {
        r[0]["actions"] = json!([{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "503"}}]);
    });
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ modify-rule                api/main
                  actions[0].fixedResponseConfig   {…} -> (absent)
                  actions[0].forwardConfig.targetGroups[targetgroup/api-blue/1]   (absent) -> {…}
                  actions[0].type   fixed-response -> forward
              ~ update-service             api
                  loadBalancers[targetgroup/api-blue/1].advancedConfiguration.alternateTargetGroupArn   (absent…
                  loadBalancers[targetgroup/api-blue/1].advancedConfiguration.productionListenerRule   (absent)…
                  loadBalancers[targetgroup/api-blue/1].advancedConfiguration.roleArn   (absent) -> arn:aws:iam…
            unchanged 3
        "#]],
    );
}

#[test]
fn the_weights_of_a_test_rule_are_left_to_ecs() {
    let mut scene = deployed();
    let test = elb("listener-rule/app", "api/test");
    scene.change(|d| {
        let api = &mut d["services"]["api"];
        api["listenerRules"]["test"] = json!({"listenerArn": listener(), "priority": 121,
            "conditions": [{"field": "path-pattern", "values": ["/test/*"]}],
            "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:blue}"}]});
        api["service"]["loadBalancers"][0]["advancedConfiguration"]["testListenerRule"] =
            json!("${listenerRule:api/test}");
    });
    // It is made with the traffic where the revision has it.
    sends(
        &scene,
        &unit("api"),
        "create-rule api/test",
        expect![[
            r#"{"actions":[{"forwardConfig":{"targetGroups":[{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-green/1","weight":100},{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-blue/1","weight":0}]},"type":"forward"}],"conditions":[{"field":"path-pattern","values":["/test/*"]}],"listenerArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1","priority":121,"tags":[{"key":"Team","value":"a"},{"key":"evenkeel:document","value":"shop"},{"key":"evenkeel:key","value":"api/test"}]}"#
        ]],
    );
    let planned = scene.plan();
    scene.run(&unit("api"), &planned.plan.units[&unit("api")], 1, &mut Vec::new()).unwrap();
    scene.edit(rules(), |r| {
        r[1]["ruleArn"] = json!(test);
        r[1]["actions"] = forward(30, 70);
    });
    scene.edit(service("api"), |s| {
        s["loadBalancers"][0]["advancedConfiguration"]["testListenerRule"] = json!(test)
    });
    prints(
        &scene,
        expect![[r#"
            unchanged 4
        "#]],
    );
}

#[test]
fn listeners_whose_traffic_ecs_moves_are_treated_alike() {
    let mut json = document();
    let alb = farsight()["loadBalancers"]["farsight-alb"].clone();
    json["loadBalancers"]["alb"] = alb;
    json["loadBalancers"]["alb"]["name"] = json!("alb");
    json["loadBalancers"]["alb"]["listeners"]["http"]["defaultActions"] =
        json!([{"type": "forward", "targetGroupArn": "${targetGroup:blue}"}]);
    json["services"]["api"]["listenerRules"] = json!({});
    json["services"]["api"]["service"]["loadBalancers"][0]["advancedConfiguration"]["productionListenerRule"] =
        json!("${listener:alb/http}");
    let mut scene = Scene::settled(json);
    scene.edit(service("api"), |s| s["currentServiceRevisions"] = json!([{"arn": revision_arn()}]));
    scene.sees(
        Subject::ServiceRevision(revision_arn()),
        json!({"resolvedConfiguration": {"loadBalancers": [{"targetGroupArn": green()}]}}),
    );
    let listeners = Subject::Listeners(elb("loadbalancer/app", "alb"));
    scene.edit(listeners.clone(), |l| l[0]["defaultActions"] = forward(0, 100));
    scene.remember();
    prints(
        &scene,
        expect![[r#"
        unchanged 5
    "#]],
    );
    scene.edit(listeners, |l| l[0]["defaultActions"] = forward(100, 0));
    prints(
        &scene,
        expect![[r#"
        load-balancer alb
          ~ modify-listener            http
              defaultActions[0].forwardConfig.targetGroups[targetgroup/api-blue/1].weight   100 -> 0
              defaultActions[0].forwardConfig.targetGroups[targetgroup/api-green/1].weight   0 -> 100
        unchanged 4
    "#]],
    );
    sends(
        &scene,
        &UnitKey::LoadBalancer("alb".into()),
        "modify-listener http",
        expect![[
            r#"{"defaultActions":[{"forwardConfig":{"targetGroups":[{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-green/1","weight":100},{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-blue/1","weight":0}]},"type":"forward"}],"listenerArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/alb/http/1"}"#
        ]],
    );
    runs(&mut scene, "IN_PROGRESS");
    prints(
        &scene,
        expect![[r#"
            web/api
              … waiting   rollout ecs-svc/1: 2 of 2 running
            unchanged 4
        "#]],
    );
}

#[test]
fn an_update_does_not_send_load_balancers_that_did_not_change() {
    let mut scene = deployed();
    scene.change(|d| {
        new_image(d, "api");
        d["services"]["api"]["service"]["deploymentConfiguration"]["bakeTimeInMinutes"] = json!(5);
    });
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","deploymentConfiguration":{"bakeTimeInMinutes":5,"strategy":"BLUE_GREEN"},"service":"api"}"#
        ]],
    );
}

#[test]
fn what_only_a_revision_shows_is_compared_once_it_is_read() {
    let monitored = |seconds: i64| json!({"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": seconds}]});
    let mut scene = deployed();
    scene.change(|d| d["services"]["api"]["service"]["monitoring"] = monitored(20));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              monitoring.metricConfigurations[20]   (absent) -> {…}
        unchanged 3
    "#]],
    );
    scene.edit(Subject::ServiceRevision(revision_arn()), |r| r["monitoring"] = monitored(20));
    prints(
        &scene,
        expect![[r#"
        unchanged 4
    "#]],
    );
    // Undeclared again, it is still told by memory that the revision matters.
    let mut scene =
        Scene::settled(small_with(|d| d["services"]["api"]["service"]["monitoring"] = monitored(20)));
    scene.edit(service("api"), |s| {
        s.as_object_mut().unwrap().remove("monitoring");
        s["currentServiceRevisions"] = json!([{"arn": revision_arn()}]);
    });
    scene.change(|d| drop(d["services"]["api"]["service"].as_object_mut().unwrap().remove("monitoring")));
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   to see service revision service-revision/web/api/1
        unchanged 1
    "#]],
    );
    scene.sees(Subject::ServiceRevision(revision_arn()), json!({"monitoring": monitored(20)}));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              monitoring.metricConfigurations[20]   {…} -> (absent)
        unchanged 1
    "#]],
    );
}

#[test]
fn a_service_that_names_a_rule_of_its_own_is_made_after_it() {
    let mut scene = Scene::settled(document());
    scene.memory.0.clear();
    scene.gone(service("api"));
    scene.sees(rules(), json!([]));
    prints(
        &scene,
        expect![[r#"
        web/api
          + create-rule                api/main
          + create-service             api
              … after rules of listener/app/shared/1 to exist
          … waiting   for rules of listener/app/shared/1 to exist
        unchanged 3
    "#]],
    );
    let planned = scene.plan();
    let unit = &planned.plan.units[&unit("api")];
    assert_eq!(unit.steps[unit.ready() - 1].action.op.name(), "CreateRule");
}
