//! Round trips through both protocols, over generated trees and over replies as AWS writes them.

use super::*;
use crate::shapes::{Kind, Op, Protocol, Service, ShapeId, grow};
use proptest::prelude::*;
use serde_json::json;

/// The result of an operation as the query protocol writes it.
fn to_xml(op: Op, tree: &Tree) -> String {
    let (name, mut out) = (op.name(), String::new());
    element(&format!("{name}Result"), tree, op.output().unwrap(), &mut out);
    format!(
        "<?xml version=\"1.0\"?>\n<{name}Response xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">{out}\n\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{name}Response>"
    )
}

fn element(name: &str, tree: &Tree, shape: ShapeId, out: &mut String) {
    out.push_str(&format!("<{name}>"));
    match (shape.kind(), tree) {
        (Kind::List { item, .. }, Tree::List(items)) => {
            items.iter().for_each(|v| element("member", v, item, out));
        }
        (Kind::Map { value, .. }, Tree::Map(map)) => {
            for (key, entry) in map.iter() {
                let key = quick_xml::escape::escape(&**key);
                out.push_str(&format!("<entry><key>{key}</key>"));
                element("value", entry, value, out);
                out.push_str("</entry>");
            }
        }
        (Kind::Structure { .. }, Tree::Map(map)) => {
            for (name, value) in map.iter() {
                let member = shape.member(name).unwrap();
                element(member.wire, value, member.shape, out);
            }
        }
        (_, Tree::Str(text)) => out.push_str(&quick_xml::escape::escape(&**text)),
        (_, scalar) => out.push_str(&scalar.to_json()),
    }
    out.push_str(&format!("</{name}>"));
}

/// The pairs of a form body, unescaped.
fn pairs(form: &str) -> Vec<(String, String)> {
    let text = |t: &str| percent_encoding::percent_decode_str(t).decode_utf8().unwrap().into_owned();
    form.split('&').map(|p| p.split_once('=').map(|(n, v)| (text(n), text(v))).unwrap()).collect()
}

/// The leaves of a tree as a form has them, in order.
fn leaves(prefix: &str, tree: &Tree, shape: ShapeId, out: &mut Vec<(String, String)>) {
    match (shape.kind(), tree) {
        (Kind::List { .. }, Tree::List(items)) if items.is_empty() => {
            out.push((prefix.to_owned(), String::new()));
        }
        (Kind::List { item, .. }, Tree::List(items)) => {
            for (i, value) in items.iter().enumerate() {
                leaves(&format!("{prefix}.member.{}", i + 1), value, item, out);
            }
        }
        (Kind::Map { value, .. }, Tree::Map(map)) => {
            for (i, (key, entry)) in map.iter().enumerate() {
                out.push((format!("{prefix}.entry.{}.key", i + 1), key.to_string()));
                leaves(&format!("{prefix}.entry.{}.value", i + 1), entry, value, out);
            }
        }
        (Kind::Structure { .. }, Tree::Map(map)) => {
            for (name, value) in map.iter() {
                let member = shape.member(name).unwrap();
                leaves(format!("{prefix}.{}", member.wire).trim_start_matches('.'), value, member.shape, out);
            }
        }
        (_, Tree::Str(text)) => out.push((prefix.to_owned(), text.to_string())),
        (_, scalar) => out.push((prefix.to_owned(), scalar.to_json())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_shape_survives_json(op in 0..Op::ALL.len(), tape in prop::collection::vec(any::<u32>(), 0..600)) {
        let op = Op::ALL[op];
        for shape in [Some(op.input()), op.output()].into_iter().flatten() {
            let tree = grow(shape, &mut tape.iter().copied());
            let read = json::decode(json::encode(&tree, shape).as_bytes(), shape);
            if let Protocol::Json { .. } = op.service().protocol() {
                prop_assert_eq!(read.unwrap(), tree);
            }
        }
    }

    #[test]
    fn every_elbv2_shape_survives_the_query_protocol(at in any::<prop::sample::Index>(), tape in prop::collection::vec(any::<u32>(), 0..600)) {
        let ops: Vec<Op> = Op::ALL.into_iter().filter(|o| o.service() == Service::Elbv2).collect();
        let op = *at.get(&ops);
        let reply = grow(op.output().unwrap(), &mut tape.iter().copied());
        prop_assert_eq!(query::decode(to_xml(op, &reply).as_bytes(), op).unwrap(), reply);

        let tree = grow(op.input(), &mut tape.iter().copied());
        let mut want = vec![("Action".to_owned(), op.name().to_owned()), ("Version".to_owned(), "2015-12-01".to_owned())];
        leaves("", &tree, op.input(), &mut want);
        prop_assert_eq!(pairs(&query::encode(op, &tree)), want);
    }

    #[test]
    fn no_bytes_break_the_decoders(text in "[<>/&;#a-zA-Z{}\\[\\]\":,0-9 ]{0,60}") {
        let inside = format!("<DescribeRulesResponse><DescribeRulesResult>{text}</DescribeRulesResult></DescribeRulesResponse>");
        let _ = query::decode(inside.as_bytes(), Op::Elbv2DescribeRules);
        let _ = query::decode(text.as_bytes(), Op::Elbv2DescribeRules);
        let _ = json::decode(text.as_bytes(), Op::EcsDescribeServices.output());
    }
}

#[test]
fn json_writes_wire_names_and_drops_nulls() {
    let tree = Tree::from(json!({
        "resourceId": "service/c/s", "scalableDimension": "ecs:service:DesiredCount", "serviceNamespace": "ecs",
        "policyName": null, "novelMember": {"X": null},
        "targetTrackingScalingPolicyConfiguration": {"targetValue": 70, "scaleInCooldown": 60.0,
            "customizedMetricSpecification": {"Dimensions": [{"name": "n", "value": "v"}, null]}}
    }));
    assert_eq!(
        json::encode(&tree, Op::ScalingPutScalingPolicy.input()),
        r#"{"novelMember":{"X":null},"ResourceId":"service/c/s","ScalableDimension":"ecs:service:DesiredCount","ServiceNamespace":"ecs","TargetTrackingScalingPolicyConfiguration":{"CustomizedMetricSpecification":{"Dimensions":[{"Name":"n","Value":"v"}]},"ScaleInCooldown":60,"TargetValue":70}}"#
    );
}

#[test]
fn json_sends_times_as_seconds_and_one_of_a_member_in_both_cases() {
    let shape = Op::ScalingPutScheduledAction.input();
    let tree = Tree::from(
        json!({"startTime": "2026-11-21T00:00:00Z", "EndTime": 1.5, "Schedule": "a", "schedule": "b"}),
    );
    assert_eq!(json::encode(&tree, shape), r#"{"EndTime":1.5,"Schedule":"b","StartTime":1795219200}"#);
    let soon = Tree::from(json!({"startTime": "soon"}));
    assert_eq!(json::encode(&soon, shape), r#"{"StartTime":"soon"}"#);
}

#[test]
fn json_replies_become_canonical_and_keep_strangers() {
    let reply = br#"{"ScalingPolicies":[{"PolicyARN":"a","CreationTime":1.732147200123E9,"Novel":{"Key":1},
        "Alarms":[],"PolicyType":null,
        "TargetTrackingScalingPolicyConfiguration":{"TargetValue":31.245270191439438,"ScaleInCooldown":60}}]}"#;
    let tree = json::decode(reply, Op::ScalingDescribeScalingPolicies.output()).unwrap();
    assert_eq!(
        tree.to_json(),
        r#"{"scalingPolicies":[{"Novel":{"Key":1},"alarms":[],"creationTime":1732147200.123,"policyARN":"a","targetTrackingScalingPolicyConfiguration":{"scaleInCooldown":60,"targetValue":31.245270191439438}}]}"#
    );
    let labels =
        br#"{"taskDefinition":{"containerDefinitions":[{"dockerLabels":{"Image":"x","image":"y"}}]}}"#;
    let tree = json::decode(labels, Op::EcsDescribeTaskDefinition.output()).unwrap();
    assert_eq!(
        tree.pointer("taskDefinition/containerDefinitions/0/dockerLabels/Image"),
        Some(&Tree::from("x"))
    );
}

#[test]
fn json_of_the_wrong_form_is_an_error_and_an_empty_body_is_not() {
    let output = Op::EcsDescribeServices.output();
    assert_eq!(json::decode(b"", Op::LogsCreateLogGroup.output()).unwrap(), Tree::map());
    for reply in
        ["\"no\"", "[]", r#"{"services":"x"}"#, r#"{"services":{}}"#, r#"{"services":[3]}"#, "{", "{} {}"]
    {
        assert!(matches!(json::decode(reply.as_bytes(), output), Err(DecodeError::Json(_))), "{reply}");
    }
    let deep = |n: usize| format!("{{\"x\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(json::decode(deep(DEEPEST - 1).as_bytes(), output).is_ok());
    let error = json::decode(deep(DEEPEST).as_bytes(), output).unwrap_err();
    assert!(std::error::Error::source(&error).is_some_and(|s| s.to_string().contains("deeper than 64")));
    let large = vec![b' '; LARGEST + 1];
    assert!(matches!(json::decode(&large, output), Err(DecodeError::TooLarge(_))));
}

#[test]
fn names_of_a_json_reply_are_shared() {
    let reply = br#"{"services":[{"serviceName":"a"},{"serviceName":"b"}]}"#;
    let tree = json::decode(reply, Op::EcsDescribeServices.output()).unwrap();
    let name = |i: usize| tree.list_of("services")[i].entries().next().map(|(n, _)| n.as_ptr()).unwrap();
    assert_eq!(name(0), name(1));
}

#[test]
fn a_form_has_lists_maps_and_structures() {
    let tree = Tree::from(json!({
        "listenerArn": "arn:aws:x/é ~", "priority": 7.0, "conditions": [{"field": "host-header", "hostHeaderConfig": {"values": ["a&b", "c"]}}],
        "Actions": [{"Type": "authenticate-oidc", "authenticateOidcConfig": {
            "authenticationRequestExtraParams": {"Display": "page"}, "useExistingClientSecret": true}}],
        "tags": [], "transforms": null, "novel": {"list": [1]}
    }));
    assert_eq!(
        query::encode(Op::Elbv2CreateRule, &tree),
        "Action=CreateRule&Version=2015-12-01\
         &Actions.member.1.Type=authenticate-oidc\
         &Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.key=Display\
         &Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.value=page\
         &Actions.member.1.AuthenticateOidcConfig.UseExistingClientSecret=true\
         &Conditions.member.1.Field=host-header\
         &Conditions.member.1.HostHeaderConfig.Values.member.1=a%26b\
         &Conditions.member.1.HostHeaderConfig.Values.member.2=c\
         &ListenerArn=arn%3Aaws%3Ax%2F%C3%A9%20~\
         &novel.list.member.1=1\
         &Priority=7\
         &Tags="
    );
}

#[test]
fn an_xml_reply_with_attributes_becomes_a_list_of_pairs() {
    let reply = br#"<DescribeTargetGroupAttributesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
  <DescribeTargetGroupAttributesResult>
    <Attributes>
      <member><Value>300</Value><Key>deregistration_delay.timeout_seconds</Key></member>
      <member><Key>stickiness.enabled</Key><Value>false</Value></member>
      <member><Key>stickiness.app_cookie.cookie_name</Key><Value/></member>
    </Attributes>
  </DescribeTargetGroupAttributesResult>
  <ResponseMetadata><RequestId>54618294-f3a8-11e5-bb98-57195a6eb84a</RequestId></ResponseMetadata>
</DescribeTargetGroupAttributesResponse>"#;
    assert_eq!(
        query::decode(reply, Op::Elbv2DescribeTargetGroupAttributes).unwrap(),
        Tree::from(json!({"attributes": [
            {"key": "deregistration_delay.timeout_seconds", "value": "300"},
            {"key": "stickiness.enabled", "value": "false"},
            {"key": "stickiness.app_cookie.cookie_name", "value": ""}
        ]}))
    );
}

#[test]
fn an_xml_reply_is_typed_by_its_shape_and_keeps_strangers() {
    let reply = br#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeRulesResponse><DescribeRulesResult><Rules><member>
  <IsDefault>true</IsDefault><Priority>default</Priority><Conditions/>
  <Actions><member>
    <Type>forward</Type><Order>1</Order>
    <ForwardConfig>
      <TargetGroups><member><TargetGroupArn>tg-a</TargetGroupArn><Weight>90</Weight></member>
        <member><TargetGroupArn>tg-b</TargetGroupArn><Weight>10</Weight></member></TargetGroups>
      <TargetGroupStickinessConfig><Enabled>false</Enabled><DurationSeconds/></TargetGroupStickinessConfig>
    </ForwardConfig>
  </member><member>
    <FixedResponseConfig><MessageBody> &lt;b&gt;&#65;<![CDATA[&amp;]]>
</MessageBody><StatusCode>404</StatusCode></FixedResponseConfig>
  </member></Actions>
  <Novel><member>1</member><member>2</member></Novel><NovelText>x</NovelText><NovelPart><A>1</A></NovelPart>
</member></Rules></DescribeRulesResult></DescribeRulesResponse>"#;
    assert_eq!(
        query::decode(reply, Op::Elbv2DescribeRules).unwrap(),
        Tree::from(json!({"rules": [{
            "isDefault": true, "priority": "default", "conditions": [],
            "actions": [
                {"type": "forward", "order": 1, "forwardConfig": {
                    "targetGroups": [{"targetGroupArn": "tg-a", "weight": 90}, {"targetGroupArn": "tg-b", "weight": 10}],
                    "targetGroupStickinessConfig": {"enabled": false}}},
                {"fixedResponseConfig": {"messageBody": " <b>A&amp;\n", "statusCode": "404"}}
            ],
            "Novel": ["1", "2"], "NovelText": "x", "NovelPart": {"A": "1"}
        }]}))
    );
}

/// What the decoder counts on.
#[test]
fn maps_of_the_query_protocol_hold_text() {
    for shape in ShapeId::all().filter(|s| s.service() == Service::Elbv2) {
        if let Kind::Map { value, .. } = shape.kind() {
            assert!(matches!(value.kind(), Kind::String { .. }), "{shape:?}");
        }
    }
}

#[test]
fn an_xml_map_has_entries_and_its_keys_are_not_names() {
    let reply = b"<CreateRuleResponse><CreateRuleResult><Rules><member><Actions><member><AuthenticateOidcConfig>\
        <SessionTimeout>7</SessionTimeout><AuthenticationRequestExtraParams>\
        <entry><key>Display</key><value>page</value></entry><entry><value>x y</value><key>prompt</key></entry>\
        </AuthenticationRequestExtraParams></AuthenticateOidcConfig></member></Actions></member></Rules>\
        </CreateRuleResult></CreateRuleResponse>";
    assert_eq!(
        query::decode(reply, Op::Elbv2CreateRule)
            .unwrap()
            .pointer("rules/0/actions/0/authenticateOidcConfig"),
        Some(&Tree::from(json!({
            "sessionTimeout": 7,
            "authenticationRequestExtraParams": {"Display": "page", "prompt": "x y"}
        })))
    );
}

#[test]
fn an_xml_reply_without_a_result_is_empty() {
    let reply = b"<DeleteRuleResponse><DeleteRuleResult/><ResponseMetadata/></DeleteRuleResponse>";
    assert_eq!(query::decode(reply, Op::Elbv2DeleteRule).unwrap(), Tree::map());
    assert_eq!(query::decode(b"<DeleteRuleResponse/>", Op::Elbv2DeleteRule).unwrap(), Tree::map());
}

#[test]
fn what_is_not_the_reply_is_an_error() {
    let decode = |text: &str| query::decode(text.as_bytes(), Op::Elbv2DescribeRules);
    let inside = |text: &str| {
        decode(&format!(
            "<DescribeRulesResponse><DescribeRulesResult>{text}</DescribeRulesResult></DescribeRulesResponse>"
        ))
    };
    assert!(matches!(decode(""), Err(DecodeError::Root { found, .. }) if found.is_empty()));
    assert!(
        matches!(decode("<ErrorResponse/>"), Err(DecodeError::Root { found, .. }) if found == "ErrorResponse")
    );
    assert!(matches!(decode("<DescribeRulesResponse>"), Err(DecodeError::Cut | DecodeError::Xml(_))));
    assert!(matches!(
        decode("<DescribeRulesResponse><DescribeRulesResult><Rules>"),
        Err(DecodeError::Cut | DecodeError::Xml(_))
    ));
    assert!(
        matches!(inside("<Rules>none</Rules>"), Err(DecodeError::Misfit { element, expected: "a list" }) if element == "Rules")
    );
    assert!(matches!(inside("<Rules></Wrong>"), Err(DecodeError::Xml(_))));
    assert!(
        matches!(inside("<NextMarker>&evil;</NextMarker>"), Err(DecodeError::Entity(name)) if name == "evil")
    );
    assert!(matches!(query::decode(b"\xff", Op::Elbv2DescribeRules), Err(DecodeError::Utf8(_))));
    let deep = |n: usize| inside(&format!("{}{}", "<x>".repeat(n), "</x>".repeat(n)));
    assert!(deep(DEEPEST - 1).is_ok());
    assert!(matches!(deep(DEEPEST), Err(DecodeError::TooDeep)));
    let large = vec![b' '; LARGEST + 1];
    assert!(matches!(query::decode(&large, Op::Elbv2DescribeRules), Err(DecodeError::TooLarge(_))));
}
