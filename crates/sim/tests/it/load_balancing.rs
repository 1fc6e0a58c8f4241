//! Target groups, listeners and rules.

use crate::account::{Account, arn, says};
use serde_json::{Value, json};

fn group(name: &str) -> Value {
    json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip"})
}

fn fails(it: &Account, operation: &str, input: Value) -> String {
    says(&it.sim.call("tests", "elbv2", operation, input).unwrap_err())
}

#[test]
fn health_checks_default_by_protocol_and_target() {
    let it = Account::new();
    for (change, expected) in [
        (json!({}), json!(["HTTP", "traffic-port", 30, 5, "200", "/", "HTTP1"])),
        (json!({"Protocol": "HTTPS"}), json!(["HTTPS", "traffic-port", 30, 5, "200", "/", "HTTP1"])),
        (
            json!({"ProtocolVersion": "GRPC"}),
            json!(["HTTP", "traffic-port", 30, 5, null, "/AWS.ALB/healthcheck", "GRPC"]),
        ),
        (json!({"Protocol": "TCP"}), json!(["TCP", "traffic-port", 30, 10, null, null, null])),
        (
            json!({"Protocol": "TCP", "TargetType": "alb"}),
            json!(["HTTP", "traffic-port", 30, 6, "200-399", "/", null]),
        ),
        (
            json!({"Protocol": "GENEVE", "TargetType": "instance"}),
            json!(["TCP", "80", 10, 5, null, null, null]),
        ),
        (json!({"TargetType": "lambda"}), json!([null, null, 35, 30, "200", "/", null])),
    ] {
        let mut input = group("defaults");
        for (name, member) in change.as_object().unwrap() {
            input[name] = member.clone();
        }
        if input["TargetType"] == "lambda" {
            for name in ["Protocol", "Port", "VpcId"] {
                input[name] = Value::Null;
            }
        }
        let made = it.elb("CreateTargetGroup", input)["TargetGroups"][0].clone();
        let found = json!([
            made["HealthCheckProtocol"],
            made["HealthCheckPort"],
            made["HealthCheckIntervalSeconds"],
            made["HealthCheckTimeoutSeconds"],
            made["Matcher"]["HttpCode"],
            made["HealthCheckPath"],
            made["ProtocolVersion"],
        ]);
        assert_eq!(found, expected, "{change}");
        it.elb("DeleteTargetGroup", json!({"TargetGroupArn": made["TargetGroupArn"]}));
    }
}

#[test]
fn attributes_are_those_of_the_kind() {
    let it = Account::new();
    for (protocol, kind, count) in
        [("HTTP", "ip", 14), ("TCP", "ip", 13), ("TCP", "alb", 11), ("GENEVE", "instance", 5)]
    {
        let mut input = group("attributes");
        input["Protocol"] = json!(protocol);
        input["TargetType"] = json!(kind);
        let made = arn(&it.elb("CreateTargetGroup", input)["TargetGroups"][0]["TargetGroupArn"]);
        let attributes = it.elb("DescribeTargetGroupAttributes", json!({"TargetGroupArn": made}));
        assert_eq!(attributes["Attributes"].as_array().unwrap().len(), count, "{protocol} {kind}");
        it.elb("DeleteTargetGroup", json!({"TargetGroupArn": made}));
    }
    let modify = |key: &str, value: &str| json!({"TargetGroupArn": it.group, "Attributes": [{"Key": key, "Value": value}]});
    it.elb("ModifyTargetGroupAttributes", modify("deregistration_delay.timeout_seconds", "3600"));
    fails(&it, "ModifyTargetGroupAttributes", modify("deregistration_delay.timeout_seconds", "3601"));
    assert!(
        fails(&it, "ModifyTargetGroupAttributes", modify("made.up", "1"))
            .starts_with("InvalidConfigurationRequest")
    );
}

#[test]
fn creating_again_answers_what_is_there_or_refuses() {
    let it = Account::new();
    let first = it.elb("CreateTargetGroup", group("twice"));
    let again = it.elb("CreateTargetGroup", group("twice"));
    assert_eq!(first, again);
    let mut other = group("twice");
    other["HealthCheckPath"] = json!("/other");
    assert_eq!(
        fails(&it, "CreateTargetGroup", other),
        "DuplicateTargetGroupName A target group with the same name 'twice' exists, but with different settings"
    );
    let balancer = json!({"Name": "alb", "Subnets": ["subnet-1", "subnet-2"], "SecurityGroups": ["sg-1"]});
    let same = it.elb("CreateLoadBalancer", balancer.clone());
    assert_eq!(same["LoadBalancers"][0]["LoadBalancerArn"], json!(it.balancer));
    let mut other = balancer;
    other["Scheme"] = json!("internal");
    assert!(fails(&it, "CreateLoadBalancer", other).starts_with("DuplicateLoadBalancerName"));
    let listener = |port: i64, kind: Value| json!({"LoadBalancerArn": it.balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": [kind]});
    let forward = json!({"Type": "forward", "TargetGroupArn": it.group});
    let same = it.elb("CreateListener", listener(80, forward));
    assert_eq!(same["Listeners"][0]["ListenerArn"], json!(it.listener));
    let fixed = json!({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}});
    assert!(fails(&it, "CreateListener", listener(80, fixed)).starts_with("DuplicateListener"));
}

#[test]
fn names_are_refused() {
    let it = Account::new();
    for name in ["a-name-that-is-longer-than-32-chars", "under_score", "-edge", "edge-"] {
        assert!(fails(&it, "CreateTargetGroup", group(name)).starts_with("ValidationError"), "{name}");
    }
}

fn rule(it: &Account, priority: i64, conditions: Value) -> Value {
    json!({"ListenerArn": it.listener, "Priority": priority, "Conditions": conditions,
        "Actions": [{"Type": "forward", "TargetGroupArn": it.group}]})
}

#[test]
fn rules_come_back_as_aws_writes_them() {
    let it = Account::new();
    let sent = json!([
        {"Field": "path-pattern", "Values": ["/a", "/b", "/c"]},
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["x.example", "a.example"]}},
    ]);
    let made = it.elb("CreateRule", rule(&it, 120, sent))["Rules"][0].clone();
    assert_eq!(
        (&made["Priority"], &made["IsDefault"], &made["Transforms"]),
        (&json!("120"), &json!(false), &json!([]))
    );
    let condition = |field: &str| {
        made["Conditions"].as_array().unwrap().iter().find(|it| it["Field"] == field).unwrap().clone()
    };
    let paths = condition("path-pattern");
    assert_eq!(paths["Values"], paths["PathPatternConfig"]["Values"]);
    assert_ne!(paths["Values"], json!(["/a", "/b", "/c"]), "values are reordered");
    assert_eq!(
        condition("host-header")["Values"],
        json!(["x.example", "a.example"]),
        "but not those of hosts"
    );
    assert_eq!(
        made["Actions"],
        json!([{
            "Type": "forward", "TargetGroupArn": it.group,
            "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": it.group, "Weight": 1}], "TargetGroupStickinessConfig": {"Enabled": false}},
        }])
    );
    let second = arn(&it.elb("CreateTargetGroup", group("second"))["TargetGroups"][0]["TargetGroupArn"]);
    let both = json!({"RuleArn": made["RuleArn"], "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [
        {"TargetGroupArn": it.group, "Weight": 100}, {"TargetGroupArn": second, "Weight": 0}]}}]});
    let modified = it.elb("ModifyRule", both)["Rules"][0].clone();
    assert_eq!(modified["Actions"][0].get("TargetGroupArn"), None);
    assert_eq!(modified["Conditions"], made["Conditions"], "what is not sent stays");
    assert!(fails(&it, "DeleteTargetGroup", json!({"TargetGroupArn": second})).starts_with("ResourceInUse"));
    it.elb("DeleteRule", json!({"RuleArn": made["RuleArn"]}));
    it.elb("DeleteTargetGroup", json!({"TargetGroupArn": second}));
    it.elb("DeleteTargetGroup", json!({"TargetGroupArn": second}));
}

#[test]
fn priorities_are_unique_and_set_as_a_whole() {
    let it = Account::new();
    let path = |path: &str| json!([{"Field": "path-pattern", "Values": [path]}]);
    let one = it.elb("CreateRule", rule(&it, 1, path("/1")))["Rules"][0]["RuleArn"].clone();
    let two = it.elb("CreateRule", rule(&it, 2, path("/2")))["Rules"][0]["RuleArn"].clone();
    assert_eq!(
        fails(&it, "CreateRule", rule(&it, 2, path("/3"))),
        "PriorityInUse Priority '2' is currently in use"
    );
    it.elb(
        "SetRulePriorities",
        json!({"RulePriorities": [{"RuleArn": one, "Priority": 2}, {"RuleArn": two, "Priority": 1}]}),
    );
    let listed = it.elb("DescribeRules", json!({"ListenerArn": it.listener}));
    let order: Vec<&Value> = listed["Rules"].as_array().unwrap().iter().map(|it| &it["RuleArn"]).collect();
    assert_eq!(order[..2], [&two, &one]);
    assert_eq!(listed["Rules"][2]["Priority"], "default");
    assert!(
        fails(&it, "SetRulePriorities", json!({"RulePriorities": [{"RuleArn": one, "Priority": 1}]}))
            .starts_with("PriorityInUse")
    );
    let default = listed["Rules"][2]["RuleArn"].clone();
    assert!(fails(&it, "DeleteRule", json!({"RuleArn": default})).starts_with("OperationNotPermitted"));
    it.elb("DeleteRule", json!({"RuleArn": one}));
    assert!(fails(&it, "DeleteRule", json!({"RuleArn": one})).starts_with("RuleNotFound"));
}

#[test]
fn what_is_missing_fails_the_whole_call() {
    let it = Account::new();
    assert_eq!(
        fails(&it, "DescribeTargetGroups", json!({"Names": ["app-tg", "none"]})),
        "TargetGroupNotFound One or more target groups not found"
    );
    assert!(
        fails(
            &it,
            "DescribeTags",
            json!({"ResourceArns": [it.group, "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/x/1"]})
        )
        .starts_with("TargetGroupNotFound")
    );
    assert_eq!(
        fails(&it, "DescribeTargetGroups", json!({"Names": vec!["x"; 21]})),
        "ValidationError You cannot describe more than '20' target groups at a time"
    );
    assert!(
        fails(&it, "DescribeListeners", json!({"LoadBalancerArn": "none"}))
            .starts_with("LoadBalancerNotFound")
    );
}

#[test]
fn a_group_belongs_to_one_load_balancer_and_knows_it() {
    let it = Account::new();
    let described = it.elb("DescribeTargetGroups", json!({"TargetGroupArns": [it.group]}));
    assert_eq!(described["TargetGroups"][0]["LoadBalancerArns"], json!([it.balancer]));
    let other = it.elb("CreateLoadBalancer", json!({"Name": "other", "Subnets": ["subnet-1", "subnet-2"]}));
    let other = other["LoadBalancers"][0]["LoadBalancerArn"].clone();
    let input = json!({"LoadBalancerArn": other, "Protocol": "HTTP", "Port": 80,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": it.group}]});
    assert!(fails(&it, "CreateListener", input).starts_with("TargetGroupAssociationLimit"));
    it.elb("DeleteLoadBalancer", json!({"LoadBalancerArn": it.balancer}));
    let described = it.elb("DescribeTargetGroups", json!({"TargetGroupArns": [it.group]}));
    assert_eq!(described["TargetGroups"][0]["LoadBalancerArns"], json!([]));
}

#[test]
fn a_group_that_no_listener_uses_reports_unused_targets() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    it.wait(120);
    it.elb("DeleteListener", json!({"ListenerArn": it.listener}));
    assert_eq!(it.health(), ["unused", "unused"]);
}

#[test]
fn the_health_of_a_target_is_asked_for_one_by_one_too() {
    let it = Account::new();
    let targets = |ids: &[&str]| ids.iter().map(|id| json!({"Id": id, "Port": 1})).collect::<Vec<_>>();
    it.elb(
        "RegisterTargets",
        json!({"TargetGroupArn": it.group, "Targets": targets(&["10.0.0.1", "10.0.0.2"])}),
    );
    let asked = json!({"TargetGroupArn": it.group, "Targets": targets(&["10.0.0.2", "10.0.0.9"])});
    let found = it.elb("DescribeTargetHealth", asked)["TargetHealthDescriptions"].clone();
    assert_eq!(
        (&found[0]["Target"]["Id"], &found[0]["TargetHealth"]["State"]),
        (&json!("10.0.0.2"), &json!("initial"))
    );
    assert_eq!(
        (found.as_array().unwrap().len(), &found[1]["TargetHealth"]["Reason"]),
        (2, &json!("Target.NotRegistered"))
    );
}

#[test]
fn an_https_listener_needs_a_certificate_and_gets_a_policy() {
    let it = Account::new();
    let mut input = json!({"LoadBalancerArn": it.balancer, "Protocol": "HTTPS", "Port": 443,
        "DefaultActions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}]});
    assert!(
        fails(&it, "CreateListener", input.clone())
            .starts_with("ValidationError A certificate must be specified")
    );
    input["Certificates"] = json!([{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/x"}]);
    let made = it.elb("CreateListener", input)["Listeners"][0].clone();
    assert_eq!(made["SslPolicy"], "ELBSecurityPolicy-2016-08");
    assert_eq!(made["DefaultActions"][0]["RedirectConfig"]["Host"], "#{host}");
}

#[test]
fn a_listener_has_certificates_beside_its_default_one() {
    let it = Account::new();
    let certificate = |name: &str| json!([{"CertificateArn": name}]);
    let of =
        |listener: &Value, name: &str| json!({"ListenerArn": listener, "Certificates": certificate(name)});
    let plain = of(&json!(it.listener), "two");
    assert!(fails(&it, "AddListenerCertificates", plain).starts_with("ValidationError"));
    let listener = it.elb(
        "CreateListener",
        json!({
        "LoadBalancerArn": it.balancer, "Protocol": "HTTPS", "Port": 443, "Certificates": certificate("one"),
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": it.group}]}),
    );
    let listener = listener["Listeners"][0]["ListenerArn"].clone();
    it.elb("AddListenerCertificates", of(&listener, "two"));
    let shown =
        it.elb("DescribeListenerCertificates", json!({"ListenerArn": listener}))["Certificates"].clone();
    assert_eq!(
        shown,
        json!([{"CertificateArn": "one", "IsDefault": true}, {"CertificateArn": "two", "IsDefault": false}])
    );
    assert!(
        fails(&it, "RemoveListenerCertificates", of(&listener, "one")).starts_with("OperationNotPermitted")
    );
    it.elb("RemoveListenerCertificates", of(&listener, "two"));
    let shown = it.elb("DescribeListenerCertificates", json!({"ListenerArn": listener}));
    assert_eq!(shown["Certificates"].as_array().unwrap().len(), 1);
}

#[test]
fn fields_that_nobody_here_knows_are_kept_and_shown() {
    let it = Account::new();
    let news = |mut input: Value| {
        input["TomorrowsMember"] = json!({"Inside": "x"});
        input
    };
    let kept = |described: &Value| described["TomorrowsMember"] == json!({"Inside": "x"});
    it.elb("CreateTargetGroup", news(group("news")));
    let groups = it.elb("DescribeTargetGroups", json!({"Names": ["news"]}));
    assert!(kept(&groups["TargetGroups"][0]), "{groups}");
    let balancer = json!({"Name": "news", "Subnets": ["subnet-1", "subnet-2"]});
    let balancer = it.elb("CreateLoadBalancer", news(balancer))["LoadBalancers"][0].clone();
    assert!(kept(&balancer) && balancer["Subnets"] == Value::Null, "{balancer}");
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    let listener = json!({"LoadBalancerArn": balancer["LoadBalancerArn"], "Protocol": "HTTP", "Port": 80,
        "DefaultActions": fixed});
    let listener = it.elb("CreateListener", news(listener))["Listeners"][0].clone();
    assert!(kept(&listener) && listener["Tags"] == Value::Null, "{listener}");
    let paths = json!([{"Field": "path-pattern", "Values": ["/news"]}]);
    let made = it.elb("CreateRule", news(rule(&it, 77, paths)))["Rules"][0].clone();
    let rules = it.elb("DescribeRules", json!({"RuleArns": [made["RuleArn"]]}));
    assert!(kept(&rules["Rules"][0]) && rules["Rules"][0]["ListenerArn"] == Value::Null, "{rules}");
}
