//! Target groups, load balancers, listeners and rules.

use super::*;

fn group() -> Subject {
    Subject::TargetGroup("farsight-api-tg".into())
}

fn listeners() -> Subject {
    Subject::Listeners(elb("loadbalancer/app", "farsight-alb"))
}

/// `api` behind a rule on somebody else's listener.
pub(super) fn ruled() -> Value {
    small_with(|d| {
        let api = &mut d["services"]["api"];
        api["targetGroups"] = json!({"tg": {"name": "api-tg", "protocol": "HTTP", "port": 80, "vpcId": "vpc-1", "targetType": "ip"}});
        api["service"]["loadBalancers"] =
            json!([{"targetGroupArn": "${targetGroup:tg}", "containerName": "app", "containerPort": 80}]);
        api["listenerRules"] = json!({"main": {"listenerArn": elb("listener/app", "shared"), "priority": 120,
            "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
            "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:tg}"}]}});
    })
}

fn rules() -> Subject {
    Subject::Rules(elb("listener/app", "shared"))
}

#[test]
fn a_service_waits_until_its_target_group_is_on_a_listener() {
    let mut scene = Scene::settled(farsight());
    let api = evenkeel_model::key::ServiceKey::new("farsight-cluster", "farsight-api-server");
    scene.memory.0.clear();
    scene.gone(Subject::Service(api));
    scene.gone(Subject::LoadBalancer("farsight-alb".into()));
    scene.edit(group(), |g| g["loadBalancerArns"] = json!([]));
    prints(
        &scene,
        expect![[r#"
            load-balancer farsight-alb
              + create-load-balancer       farsight-alb
              + create-listener            http
            farsight-cluster/farsight-api-server
              + create-service             farsight-api-server
                  … after target group farsight-api-tg to be on a listener or rule
              + register-scalable-target   farsight-api-server
              + put-scaling-policy         api-server-cpu-scaling
              … waiting   for target group farsight-api-tg to be on a listener or rule
            unchanged 6
        "#]],
    );
    // The load balancer and its listener are there: the service follows.
    let settled = Scene::settled(farsight());
    for subject in [Subject::LoadBalancer("farsight-alb".into()), listeners(), group()] {
        scene.observe(subject.clone(), settled.world.tree(&subject).unwrap().clone());
    }
    prints(
        &scene,
        expect![[r#"
            farsight-cluster/farsight-api-server
              + create-service             farsight-api-server
              + register-scalable-target   farsight-api-server
              + put-scaling-policy         api-server-cpu-scaling
            unchanged 7
        "#]],
    );
}

#[test]
fn a_changed_health_check_is_modified_with_what_hangs_on_it() {
    let mut scene = Scene::settled(farsight());
    scene.change(|d| {
        let group = &mut d["targetGroups"]["farsight-api-tg"];
        group["healthCheckPath"] = json!("/ready");
        group["attributes"] = json!({"deregistration_delay.timeout_seconds": "30"});
    });
    prints(
        &scene,
        expect![[r#"
            target-group farsight-api-tg
              ~ modify-target-group        farsight-api-tg
                  healthCheckPath   /health -> /ready
              ~ modify-target-group-attributes farsight-api-tg
                  attributes[deregistration_delay.timeout_seconds]   (absent) -> 30
            unchanged 7
        "#]],
    );
    let unit = UnitKey::TargetGroup("farsight-api-tg".into());
    sends(
        &scene,
        &unit,
        "modify-target-group farsight-api-tg",
        expect![[
            r#"{"healthCheckPath":"/ready","targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/farsight-api-tg/1"}"#
        ]],
    );
    sends(
        &scene,
        &unit,
        "modify-target-group-attributes farsight-api-tg",
        expect![[
            r#"{"attributes":[{"key":"deregistration_delay.timeout_seconds","value":"30"}],"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/farsight-api-tg/1"}"#
        ]],
    );
}

#[test]
fn an_attribute_that_nobody_declared_goes_back_to_its_default() {
    let mut scene = Scene::settled(farsight());
    scene.edit(group(), |g| {
        g["attributes"] = json!({"stickiness.enabled": "true", "stickiness.app_cookie.cookie_name": "", "unheard.of": "x"});
    });
    prints(
        &scene,
        expect![[r#"
            target-group farsight-api-tg
              ~ modify-target-group-attributes farsight-api-tg
                  attributes[stickiness.enabled]   true -> false
            unchanged 7
        "#]],
    );
}

#[test]
fn a_listener_of_ours_at_another_port_is_moved_back_and_not_made_twice() {
    let mut scene = Scene::settled(farsight());
    scene.edit(listeners(), |l| l[0]["port"] = json!(81));
    prints(
        &scene,
        expect![[r#"
        load-balancer farsight-alb
          ~ modify-listener            http
              port   81 -> 80
        unchanged 7
    "#]],
    );
    let unit = UnitKey::LoadBalancer("farsight-alb".into());
    sends(
        &scene,
        &unit,
        "modify-listener http",
        expect![[
            r#"{"listenerArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/farsight-alb/http/1","port":80}"#
        ]],
    );
    // The document moves it likewise.
    let mut scene = Scene::settled(farsight());
    scene.change(|d| d["loadBalancers"]["farsight-alb"]["listeners"]["http"]["port"] = json!(8080));
    prints(
        &scene,
        expect![[r#"
        load-balancer farsight-alb
          ~ modify-listener            http
              port   80 -> 8080
        unchanged 7
    "#]],
    );
    // Somebody else's listener at another port is not it.
    let mut scene = Scene::settled(farsight());
    scene.edit(listeners(), |l| {
        l[0]["port"] = json!(81);
        l[0]["tags"] = json!([]);
    });
    prints(
        &scene,
        expect![[r#"
        load-balancer farsight-alb
          + create-listener            http
        unchanged 7
    "#]],
    );
}

#[test]
fn a_listener_is_made_where_it_is_missing_and_changed_where_it_differs() {
    let mut scene = Scene::settled(farsight());
    scene.sees(listeners(), json!([]));
    prints(
        &scene,
        expect![[r#"
        load-balancer farsight-alb
          + create-listener            http
        unchanged 7
    "#]],
    );
    let mut scene = Scene::settled(farsight());
    scene.edit(listeners(), |l| {
        l[0]["defaultActions"] =
            json!([{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "503"}}]);
    });
    prints(
        &scene,
        expect![[r#"
            load-balancer farsight-alb
              ~ modify-listener            http
                  defaultActions[0].fixedResponseConfig   {…} -> (absent)
                  defaultActions[0].forwardConfig.targetGroups[targetgroup/farsight-api-tg/1]   (absent) -> {…}
                  defaultActions[0].type   fixed-response -> forward
            unchanged 7
        "#]],
    );
    sends(
        &scene,
        &UnitKey::LoadBalancer("farsight-alb".into()),
        "modify-listener http",
        expect![[
            r#"{"defaultActions":[{"forwardConfig":{"targetGroups":[{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/farsight-api-tg/1"}]},"type":"forward"}],"listenerArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/farsight-alb/http/1"}"#
        ]],
    );
}

#[test]
fn subnets_and_security_groups_of_a_load_balancer_have_calls_of_their_own() {
    let mut scene = Scene::settled(farsight());
    scene.edit(Subject::LoadBalancer("farsight-alb".into()), |lb| {
        lb["availabilityZones"] = json!([{"subnetId": "subnet-x"}]);
        lb["securityGroups"] = json!(["sg-x"]);
        lb["scheme"] = json!("internal");
    });
    prints(
        &scene,
        expect![[r#"
        load-balancer farsight-alb
          ~ set-subnets                farsight-alb
              subnets[subnet-0a3f1c5e7b9d2f468]   (absent) -> subnet-0a3f1c5e7b9d2f468
              subnets[subnet-0b4e2d6f8c1a3e579]   (absent) -> subnet-0b4e2d6f8c1a3e579
              subnets[subnet-x]   subnet-x -> (absent)
          ~ set-security-groups        farsight-alb
              securityGroups[sg-0e7f5a9b3c4d2e681]   (absent) -> sg-0e7f5a9b3c4d2e681
              securityGroups[sg-x]   sg-x -> (absent)
          = left      scheme   internal -> internet-facing   (human)
          ! refused   `scheme` of load balancer farsight-alb cannot be changed
                      declare a load balancer of another name
        unchanged 7
    "#]],
    );
}

#[test]
fn a_rule_is_made_before_the_service_that_needs_it() {
    let mut scene = Scene::empty(ruled());
    scene.sees(rules(), json!([]));
    let settled = Scene::settled(ruled());
    for subject in [Subject::Cluster("web".into()), Subject::TargetGroup("api-tg".into())] {
        scene.observe(subject.clone(), settled.world.tree(&subject).unwrap().clone());
    }
    scene.edit(Subject::TargetGroup("api-tg".into()), |g| g["loadBalancerArns"] = json!([]));
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
          + create-rule                api/main
          + create-service             api
        unchanged 2
    "#]],
    );
    assert_eq!(scene.plan().plan.units[&unit("api")].ready(), 3);
    sends(
        &scene,
        &unit("api"),
        "create-rule api/main",
        expect![[
            r#"{"actions":[{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-tg/1","type":"forward"}],"conditions":[{"field":"path-pattern","values":["/api/*"]}],"listenerArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1","priority":120,"tags":[{"key":"Team","value":"a"},{"key":"evenkeel:document","value":"shop"},{"key":"evenkeel:key","value":"api/main"}]}"#
        ]],
    );
}

#[test]
fn a_rule_is_told_by_its_tag_and_only_what_differs_is_sent() {
    let mut scene = Scene::settled(ruled());
    scene.edit(rules(), |r| {
        r[0]["conditions"] = json!([{"field": "path-pattern", "pathPatternConfig": {"values": ["/*"]}}]);
        r[0]["priority"] = json!("7");
        r[0]["transforms"] = json!([{"type": "host-header-rewrite"}]);
    });
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ set-rule-priorities        api/main
                  priority[api/main]   7 -> 120
              ~ modify-rule                api/main
                  conditions[path-pattern].pathPatternConfig.values[/*]   /* -> (absent)
                  conditions[path-pattern].pathPatternConfig.values[/api/*]   (absent) -> /api/*
                  transforms[host-header-rewrite]   {…} -> (absent)
            unchanged 2
        "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "modify-rule api/main",
        expect![[
            r#"{"conditions":[{"field":"path-pattern","pathPatternConfig":{"values":["/api/*"]}}],"resetTransforms":true,"ruleArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/main/1"}"#
        ]],
    );
    sends(
        &scene,
        &unit("api"),
        "set-rule-priorities api/main",
        expect![[
            r#"{"rulePriorities":[{"priority":120,"ruleArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api/main/1"}]}"#
        ]],
    );
}

#[test]
fn a_load_balancer_for_a_service_without_one_comes_without_a_grace_period() {
    let mut scene = Scene::settled(ruled());
    scene.edit(service("api"), |s| s["loadBalancers"] = json!([]));
    scene.change(|d| d["services"]["api"]["service"]["healthCheckGracePeriodSeconds"] = json!(30));
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","loadBalancers":[{"containerName":"app","containerPort":80,"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api-tg/1"}],"service":"api"}"#
        ]],
    );
    // And not before its target group is on a listener.
    scene.edit(Subject::TargetGroup("api-tg".into()), |g| g["loadBalancerArns"] = json!([]));
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  loadBalancers[targetgroup/api-tg/1]   (absent) -> {…}
                  … after target group api-tg to be on a listener or rule
              … waiting   for target group api-tg to be on a listener or rule
            unchanged 2
        "#]],
    );
}
