//! Target groups, listeners and rules.

use super::*;
use crate::attribute_default;

const TG: Kind = Kind::TargetGroup;

/// Recorded live values by protocol and target type.
#[test]
fn health_checks_have_defaults_by_protocol_and_target_type() {
    let rows = [
        (
            json!({"protocol": "HTTP", "port": 80, "targetType": "ip"}),
            json!({"HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckPath": "/", "HealthCheckTimeoutSeconds": 5, "Matcher": {"HttpCode": "200"}, "ProtocolVersion": "HTTP1"}),
        ),
        (
            json!({"protocol": "HTTPS", "port": 443}),
            json!({"HealthCheckProtocol": "HTTPS", "HealthCheckPath": "/", "HealthCheckTimeoutSeconds": 5, "Matcher": {"HttpCode": "200"}, "ProtocolVersion": "HTTP1"}),
        ),
        (
            json!({"protocol": "HTTP", "port": 80, "protocolVersion": "GRPC"}),
            json!({"HealthCheckProtocol": "HTTP", "HealthCheckPath": "/AWS.ALB/healthcheck", "Matcher": {"GrpcCode": "12"}}),
        ),
        (
            json!({"protocol": "HTTPS", "port": 443, "protocolVersion": "GRPC"}),
            json!({"HealthCheckProtocol": "HTTPS", "HealthCheckPath": "/AWS.ALB/healthcheck", "Matcher": {"GrpcCode": "12"}}),
        ),
        (
            json!({"protocol": "TCP", "port": 80}),
            json!({"HealthCheckProtocol": "TCP", "HealthCheckTimeoutSeconds": 10}),
        ),
        (
            json!({"protocol": "TLS", "port": 443, "healthCheckProtocol": "HTTPS"}),
            json!({"HealthCheckTimeoutSeconds": 10, "HealthCheckPath": "/", "Matcher": {"HttpCode": "200-399"}}),
        ),
        (
            json!({"protocol": "TCP", "port": 80, "healthCheckProtocol": "HTTP"}),
            json!({"HealthCheckProtocol": "HTTP", "HealthCheckTimeoutSeconds": 6, "HealthCheckPath": "/", "Matcher": {"HttpCode": "200-399"}}),
        ),
        (
            json!({"protocol": "TCP", "port": 80, "targetType": "alb"}),
            json!({"HealthCheckProtocol": "HTTP", "HealthCheckTimeoutSeconds": 6, "HealthCheckPath": "/", "Matcher": {"HttpCode": "200-399"}}),
        ),
        (
            json!({"protocol": "GENEVE", "port": 6081}),
            json!({"HealthCheckProtocol": "TCP", "HealthCheckPort": "80", "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5}),
        ),
        (
            json!({"targetType": "lambda"}),
            json!({"HealthCheckEnabled": false, "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 35, "HealthCheckTimeoutSeconds": 30, "Matcher": {"HttpCode": "200"}}),
        ),
    ];
    for (declared, filled) in rows {
        let mut live = declared.clone();
        let common = json!({"TargetGroupArn": "arn", "TargetGroupName": "t", "IpAddressType": "ipv4", "HealthyThresholdCount": 5,
            "UnhealthyThresholdCount": 2, "LoadBalancerArns": ["lb"]});
        for more in [common, filled] {
            live.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        if declared["targetType"] != "lambda" {
            live["HealthCheckEnabled"] = json!(true);
            let interval = live["HealthCheckIntervalSeconds"].as_i64().unwrap_or(30);
            live["HealthCheckIntervalSeconds"] = json!(interval);
        }
        let mut want = declared;
        want["name"] = json!("t");
        same(TG, want, live);
    }
}

#[test]
fn a_health_check_that_terraform_made_differs_from_aws_defaults() {
    let live = json!({"targetGroupName": "t", "protocol": "HTTP", "healthyThresholdCount": 3, "healthCheckPath": "/health"});
    differ(
        TG,
        json!({"name": "t", "protocol": "HTTP"}),
        live,
        expect![[r#"
        /healthCheckPath want "/" live "/health"
        /healthyThresholdCount want 5 live 3
    "#]],
    );
}

#[test]
fn attributes_have_defaults_by_protocol() {
    let of = |group: Value, name: &str| attribute_default(&Tree::from(group), name);
    let delay = "deregistration_delay.timeout_seconds";
    assert_eq!(of(json!({"protocol": "HTTP"}), delay), Some("300"));
    assert_eq!(of(json!({"protocol": "HTTP"}), "stickiness.type"), Some("lb_cookie"));
    assert_eq!(of(json!({"protocol": "TCP"}), "stickiness.type"), Some("source_ip"));
    let client_ip = "preserve_client_ip.enabled";
    assert_eq!(of(json!({"protocol": "TCP", "targetType": "ip"}), client_ip), Some("false"));
    assert_eq!(of(json!({"protocol": "UDP", "targetType": "ip"}), client_ip), Some("true"));
    assert_eq!(of(json!({"protocol": "TCP"}), client_ip), Some("true"));
    assert_eq!(of(json!({"targetType": "lambda"}), delay), None);
    assert_eq!(of(json!({"protocol": "HTTP"}), "new.attribute"), None);
}

#[test]
fn a_lone_target_group_is_echoed_twice() {
    same(
        Kind::Listener,
        json!({"port": 80, "protocol": "HTTP", "defaultActions": [{"type": "forward", "targetGroupArn": "tg"}]}),
        json!({"ListenerArn": "l", "LoadBalancerArn": "lb", "Port": 80, "Protocol": "HTTP", "DefaultActions": [
            {"Type": "forward", "TargetGroupArn": "tg", "Order": 1, "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": "tg", "Weight": 1}],
                "TargetGroupStickinessConfig": {"Enabled": false}}}]}),
    );
    // Network load balancers fill in no weight.
    same_both_ways(
        Kind::Rule,
        json!({"actions": [{"type": "forward", "targetGroupArn": "tg"}]}),
        json!({"actions": [{"type": "forward", "targetGroupArn": "tg", "forwardConfig": {"targetGroups": [{"targetGroupArn": "tg"}]}}]}),
    );
}

#[test]
fn weights_are_compared_group_by_group() {
    let forward = |a: i64, b: i64, reversed: bool| {
        let mut groups =
            vec![json!({"targetGroupArn": "a", "weight": a}), json!({"targetGroupArn": "b", "weight": b})];
        if reversed {
            groups.reverse();
        }
        json!({"actions": [{"type": "forward", "forwardConfig": {"targetGroups": groups}}]})
    };
    same(Kind::Rule, forward(1, 2, false), forward(1, 2, true));
    differ(
        Kind::Rule,
        forward(100, 0, false),
        forward(0, 100, true),
        expect![[r#"
        /actions/0/forwardConfig/targetGroups/a/weight want 100 live 0
        /actions/0/forwardConfig/targetGroups/b/weight want 0 live 100
    "#]],
    );
}

#[test]
fn actions_are_compared_in_their_order() {
    let login = json!({"type": "authenticate-oidc", "order": 1, "authenticateOidcConfig": {"clientId": "c", "clientSecret": "s"}});
    let echoed = json!({"type": "authenticate-oidc", "order": 1, "authenticateOidcConfig": {"clientId": "c",
        "scope": "openid", "sessionCookieName": "AWSELBAuthSessionCookie", "sessionTimeout": 604800, "onUnauthenticatedRequest": "authenticate"}});
    let forward = json!({"type": "forward", "order": 2, "targetGroupArn": "tg"});
    same(Kind::Rule, json!({"actions": [login, forward]}), json!({"actions": [forward, echoed]}));
}

#[test]
fn a_redirect_is_filled_in() {
    same(
        Kind::Listener,
        json!({"defaultActions": [{"type": "redirect", "redirectConfig": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}]}),
        json!({"defaultActions": [{"type": "redirect", "order": 1, "redirectConfig": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301",
            "host": "#{host}", "path": "/#{path}", "query": "#{query}"}}]}),
    );
}

#[test]
fn conditions_are_mirrored_and_reordered() {
    let declared = json!({"conditions": [
        {"field": "path-pattern", "values": ["/b", "/a"]},
        {"field": "host-header", "hostHeaderConfig": {"values": ["x.example", "y.example"]}},
        {"field": "http-header", "httpHeaderConfig": {"httpHeaderName": "X", "values": ["1", "2"]}},
        {"field": "query-string", "queryStringConfig": {"values": [{"key": "k", "value": "v"}, {"value": "w"}]}}]});
    let echoed = json!({"Conditions": [
        {"Field": "query-string", "Values": [], "QueryStringConfig": {"Values": [{"Value": "w"}, {"Key": "k", "Value": "v"}]}},
        {"Field": "http-header", "Values": [], "HttpHeaderConfig": {"HttpHeaderName": "X", "Values": ["2", "1"]}},
        {"Field": "host-header", "Values": ["x.example", "y.example"], "HostHeaderConfig": {"Values": ["x.example", "y.example"]}},
        {"Field": "path-pattern", "Values": ["/a", "/b"], "PathPatternConfig": {"Values": ["/a", "/b"]}}],
        "Transforms": [], "IsDefault": false, "Priority": "7", "RuleArn": "r"});
    same(Kind::Rule, declared.clone(), echoed);
    differ(
        Kind::Rule,
        declared,
        json!({"conditions": [{"field": "path-pattern", "values": ["/a", "/c"]}]}),
        expect![[r#"
            /conditions/host-header want {"field":"host-header","hostHeaderConfig":{"values":["x.example","y.example"]}} live -
            /conditions/http-header:X want {"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X","values":["1","2"]}} live -
            /conditions/path-pattern/pathPatternConfig/values/~1b want "/b" live -
            /conditions/path-pattern/pathPatternConfig/values/~1c want - live "/c"
            /conditions/query-string want {"field":"query-string","queryStringConfig":{"values":[{"key":"k","value":"v"},{"value":"w"}]}} live -
        "#]],
    );
}

#[test]
fn a_load_balancers_zones_are_its_subnets() {
    same(
        Kind::LoadBalancer,
        json!({"name": "alb", "subnets": ["a", "b"], "securityGroups": ["s", "t"]}),
        json!({"LoadBalancerName": "alb", "Scheme": "internet-facing", "Type": "application", "IpAddressType": "ipv4", "State": {"Code": "active"},
            "AvailabilityZones": [{"ZoneName": "z2", "SubnetId": "b"}, {"ZoneName": "z1", "SubnetId": "a"}], "SecurityGroups": ["t", "s"]}),
    );
}

#[test]
fn the_rest_have_defaults_too() {
    same(
        Kind::Repository,
        json!({}),
        json!({"repositoryName": "r", "registryId": "1", "imageTagMutability": "MUTABLE", "imageScanningConfiguration": {"scanOnPush": false}, "encryptionConfiguration": {"encryptionType": "AES256"}}),
    );
    same(
        Kind::Cluster,
        json!({}),
        json!({"clusterName": "c", "status": "ACTIVE", "settings": [{"name": "containerInsights", "value": "enabled"}], "capacityProviders": ["FARGATE"]}),
    );
    same(
        Kind::LogGroup,
        json!({}),
        json!({"logGroupName": "l", "retentionInDays": 7, "storedBytes": 9, "logGroupClass": "STANDARD"}),
    );
}

#[test]
fn documents_in_members_that_no_table_knows_are_compared_as_what_they_hold() {
    let policy = |text: &str| json!({"lifecyclePolicyText": text});
    same(Kind::Repository, policy(r#"{"rules": [1, 2]}"#), policy("{ \"rules\":[1,2]\n}"));
    differ(
        Kind::Repository,
        policy(r#"{"rules": [1]}"#),
        policy(r#"{"rules":[2]}"#),
        expect![[r#"
        /lifecyclePolicyText want "{\"rules\": [1]}" live "{\"rules\":[2]}"
    "#]],
    );
    // A text that reads like a number is a text.
    differ(
        Kind::Repository,
        policy("1"),
        policy("1.0"),
        expect![[r#"
        /lifecyclePolicyText want "1" live "1.0"
    "#]],
    );
}

#[test]
fn what_says_nothing_is_no_difference() {
    let constraint =
        |extra: &str| json!({"placementConstraints": [{"type": "distinctInstance", "expression": extra}]});
    same(Kind::Service, json!({"placementConstraints": [{"type": "distinctInstance"}]}), constraint(""));
    let answer = |config: Value| json!({"defaultActions": [{"type": "fixed-response", "fixedResponseConfig": config}]});
    same(
        Kind::Listener,
        answer(json!({"statusCode": "503"})),
        answer(json!({"statusCode": "503", "contentType": "text/plain"})),
    );
}

#[test]
fn what_is_said_twice_and_not_alike_is_a_difference() {
    let lifted = |kind, want: Value, live: Value| {
        let found = crate::compare_described(kind, &Tree::from(want), &Tree::from(live));
        found.into_iter().map(|d| d.path.to_string()).collect::<Vec<_>>()
    };
    let rule = |arn: &str, value: &str| {
        json!({
            "actions": [{"type": "forward", "targetGroupArn": arn,
                         "forwardConfig": {"targetGroups": [{"targetGroupArn": "a", "weight": 1}]}}],
            "conditions": [{"field": "path-pattern", "values": [value], "pathPatternConfig": {"values": ["/a"]}}],
        })
    };
    let want = json!({
        "actions": [{"type": "forward", "targetGroupArn": "a"}],
        "conditions": [{"field": "path-pattern", "values": ["/a"]}],
    });
    assert!(lifted(Kind::Rule, want.clone(), rule("a", "/a")).is_empty());
    assert_eq!(
        lifted(Kind::Rule, want.clone(), rule("b", "/a")),
        ["/actions/0/forwardConfig/targetGroups/b"]
    );
    assert_eq!(
        lifted(Kind::Rule, want, rule("a", "/b")),
        ["/conditions/path-pattern/pathPatternConfig/values/~1b"]
    );
    let live = json!({"subnets": ["a", "c"], "subnetMappings": [{"subnetId": "a"}, {"subnetId": "b"}]});
    assert_eq!(lifted(Kind::LoadBalancer, json!({"subnets": ["a", "b"]}), live), ["/subnets/c"]);
}
