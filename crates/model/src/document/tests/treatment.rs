//! How what exists already is taken over.

use super::*;
use crate::key::UnitKey;

fn unit(name: &str) -> UnitKey {
    UnitKey::parse(name).unwrap()
}

#[test]
fn an_item_says_more_than_its_service_and_that_more_than_the_document() {
    let group = |adopt: &str| format!(r#"{{"protocol": "HTTP", "port": 80, "vpcId": "v"{adopt}}}"#);
    let text = around(&format!(
        r#""adopt": "ifEqual",
"services": {{
"api": {{"adopt": {{"from": "old"}}, "taskDefinition": {TASK}, "service": {{}}, "targetGroups": {{"in": {}, "own": {}}},
"listenerRules": {{"r": {{"adopt": true, "listenerArn": "arn:x", "priority": 1, "conditions": [{{"field": "host-header", "values": ["h"]}}], "actions": [{{"type": "forward", "targetGroupArn": "${{targetGroup:in}}"}}]}}}}}},
"web": {{"adopt": false, "taskDefinition": {TASK}, "service": {{}}}}}},
"targetGroups": {{"shared": {}}}, "logGroups": {{"/x": {{"adopt": true}}}}, "clusters": {{"web": {{}}}}"#,
        group(""),
        group(r#", "adopt": true"#),
        group(""),
    ));
    let document = document(&text);
    let adopts = |name: &str| document.adopt(&unit(name)).clone();
    let old = Adopt::From("old".into());
    assert_eq!(adopts("service:web/api"), old);
    assert_eq!(adopts("service:web/web"), Adopt::Never);
    assert_eq!(adopts("target-group:in"), old);
    assert_eq!(adopts("target-group:own"), Adopt::Always);
    assert_eq!(adopts("target-group:shared"), Adopt::IfEqual);
    assert_eq!(adopts("log-group:/x"), Adopt::Always);
    assert_eq!(adopts("cluster:web"), Adopt::IfEqual);
    assert_eq!(
        document.services[&crate::key::ServiceKey::new("web", "api")].rules["r"].adopt,
        Some(Adopt::Always)
    );
    // None of it is sent to AWS.
    assert_eq!(document.target_groups["own"].input.get("adopt"), None);
    assert_eq!(document.log_groups["/x"].get("adopt"), None);
}

#[test]
fn a_listener_speaks_for_its_rules() {
    let rule = |adopt: &str| {
        format!(
            r#"{{{adopt}"priority": 1, "conditions": [{{"field": "host-header", "values": ["h"]}}], "actions": [{{"type": "forward", "targetGroupArn": "arn:g"}}]}}"#
        )
    };
    let text = around(&format!(
        r#""loadBalancers": {{"lb": {{"subnets": ["a", "b"], "listeners": {{"http": {{"adopt": true, "protocol": "HTTP", "port": 80,
"defaultActions": [{{"type": "forward", "targetGroupArn": "arn:g"}}], "rules": {{"a": {}, "b": {}}}}}}}}}}}"#,
        rule(""),
        rule(r#""adopt": false, "#).replace(r#""priority": 1"#, r#""priority": 2"#),
    ));
    let document = document(&text);
    let listener = &document.load_balancers["lb"].listeners["http"];
    assert_eq!(listener.adopt, Some(Adopt::Always));
    assert_eq!(listener.rules["a"].adopt, Some(Adopt::Always));
    assert_eq!(listener.rules["b"].adopt, Some(Adopt::Never));
    assert_eq!(document.adopt(&unit("load-balancer:lb")), &Adopt::Never);
}

#[test]
fn what_adopting_cannot_be() {
    says(
        &around(r#""adopt": "always", "logGroups": {"/x": {"adopt": {"of": "other"}}, "/y": {"adopt": 1}}"#),
        expect![[r#"
            error[not-in-enum]: true, false, "ifEqual" or {"from": DOCUMENT} belongs here, no other text
             --> doc.json:3:10
              |
            3 | "adopt": "always", "logGroups": {"/x": {"adopt": {"of": "other"}}, "/y": {"adopt": 1}}}
              |          ^^^^^^^^

            error[missing-required]: `from` is required
             --> doc.json:3:41
              |
            3 | "adopt": "always", "logGroups": {"/x": {"adopt": {"of": "other"}}, "/y": {"adopt": 1}}}
              |                                         ^^^^^^^

            error[unknown-field]: there is no field `of` here
             --> doc.json:3:51
              |
            3 | "adopt": "always", "logGroups": {"/x": {"adopt": {"of": "other"}}, "/y": {"adopt": 1}}}
              |                                                   ^^^^

            error[wrong-type]: true, false, "ifEqual" or {"from": DOCUMENT} belongs here, not an integer
             --> doc.json:3:84
              |
            3 | "adopt": "always", "logGroups": {"/x": {"adopt": {"of": "other"}}, "/y": {"adopt": 1}}}
              |                                                                                    ^

            4 errors
        "#]],
    );
}

#[test]
fn what_holds_data_is_kept_unless_it_says_otherwise() {
    let text = around(&format!(
        r#""services": {{"api": {{"taskDefinition": {TASK}, "service": {{}}, "targetGroups": {{"in": {{"protocol": "HTTP", "port": 80, "vpcId": "v", "deletion": "keep"}}}}}},
"web": {{"deletion": "keep", "taskDefinition": {TASK}, "service": {{}}}}}},
"logGroups": {{"/x": {{}}, "/y": {{"deletion": "delete"}}}}, "clusters": {{"web": {{}}}}, "repositories": {{"app": {{"deletion": "delete"}}}},
"loadBalancers": {{"lb": {{"subnets": ["a", "b"]}}}}"#
    ));
    let document = document(&text);
    let deleted: Vec<&str> = [
        "service:web/api",
        "service:web/web",
        "target-group:in",
        "log-group:/x",
        "log-group:/y",
        "cluster:web",
        "repository:app",
        "load-balancer:lb",
    ]
    .into_iter()
    .filter(|name| document.deletes(&unit(name)))
    .collect();
    assert_eq!(deleted, ["service:web/api", "log-group:/y", "repository:app"]);
    assert_eq!(document.log_groups["/y"].get("deletion"), None);
    assert_eq!(document.target_groups["in"].input.get("deletion"), None);
    assert!(!document.is_empty());
    assert!(super::document(&around("")).is_empty());
}

#[test]
fn settings_say_what_becomes_of_what_the_document_no_longer_has() {
    let settings = |more: &str| document(&around(&format!(r#""settings": {{{more}}}"#))).settings;
    assert_eq!(
        (settings("").prune, settings("").max_delete_percent, settings("").keep_revisions),
        (Prune::Off, 10, None)
    );
    let asked = settings(r#""prune": "confirm", "maxDeletePercent": 250, "taskDefinitions": {"keep": 5}"#);
    assert_eq!((asked.prune, asked.max_delete_percent, asked.keep_revisions), (Prune::Confirm, 100, Some(5)));
    assert_eq!(settings(r#""prune": true"#).prune, Prune::On);
}
