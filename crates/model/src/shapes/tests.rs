//! Tests of the tables, of canonical form and of every problem that the checker reports.

use super::*;
use crate::path::Path;
use proptest::prelude::*;
use serde_json::json;

fn problems(tree: serde_json::Value, shape: ShapeId) -> Vec<(String, Problem)> {
    let mut found = Vec::new();
    check(&Tree::from(tree), shape, &mut |path: &Path, p| found.push((path.to_string(), p)));
    found
}

#[test]
fn tables_agree_with_their_ids() {
    assert!(BOTOCORE_VERSION.split('.').filter_map(|n| n.parse::<u32>().ok()).count() >= 3);
    for (i, id) in ShapeId::all().enumerate() {
        assert_eq!(id as usize, i);
        let (mut names, mut last) = (0, "");
        for member in id.members() {
            assert!(last < member.name, "{id:?} is not sorted at {}", member.name);
            assert_eq!(id.member(member.name), Some(member));
            assert_eq!(id.member(member.wire), Some(member));
            assert_eq!(member.shape.service(), id.service());
            (names, last) = (names + 1, member.name);
        }
        assert_eq!(names, id.members().len());
    }
    for (i, op) in Op::ALL.into_iter().enumerate() {
        assert_eq!(op as usize, i);
        assert!(matches!(op.input().kind(), Kind::Structure { .. }), "{op}");
        assert_eq!(op.input().service(), op.service());
        assert!(format!("{op:?}").ends_with(op.name()));
    }
    assert_eq!(Service::ALL.map(Service::name), ["ecs", "elbv2", "application-autoscaling", "ecr", "logs"]);
}

#[test]
fn operations_and_shapes_answer_by_name() {
    let op = Op::EcsCreateService;
    assert_eq!(
        (op.name(), op.verb(), op.to_string()),
        ("CreateService", "create-service", "ecs:CreateService".into())
    );
    assert_eq!(Op::LogsCreateLogGroup.output(), None);
    let shape = Op::EcsRegisterTaskDefinition.input();
    assert_eq!(
        shape.at(["containerDefinitions", "api", "environment", "MODE", "value"]),
        Some(ShapeId::EcsString)
    );
    assert_eq!(shape.at(["containerDefinitions", "0", "dockerLabels", "any"]), Some(ShapeId::EcsString));
    assert_eq!(shape.at(["family", "below"]), None);
    assert_eq!(shape.member(""), None);
    let rule = Op::Elbv2CreateRule.input();
    assert_eq!(rule.member("priority").map(|m| (m.wire, m.required)), Some(("Priority", true)));
    assert_eq!(rule.member("Priority"), rule.member("priority"));
    assert_eq!(rule.member("PRIORITY"), None);
}

#[test]
fn canonical_renames_members_and_leaves_keys_and_strangers() {
    let tree = Tree::from(json!({
        "Name": "tg", "Novel": {"Name": 1}, "HealthCheckIntervalSeconds": 30.0,
        "Tags": [{"Key": "Team", "Value": "x"}], "matcher": {"HttpCode": "200"}
    }));
    assert_eq!(
        canonical(tree, Op::Elbv2CreateTargetGroup.input()),
        Tree::from(json!({
            "name": "tg", "Novel": {"Name": 1}, "healthCheckIntervalSeconds": 30,
            "tags": [{"key": "Team", "value": "x"}], "matcher": {"httpCode": "200"}
        }))
    );
    let tree = Tree::from(json!({"ContainerDefinitions": [{"DockerLabels": {"Image": "x", "image": "y"}}]}));
    assert_eq!(
        canonical(tree, Op::EcsRegisterTaskDefinition.input()),
        Tree::from(json!({"containerDefinitions": [{"dockerLabels": {"Image": "x", "image": "y"}}]}))
    );
    let policy = Tree::from(json!({"TargetValue": 70, "PredefinedMetricSpecification": null}));
    let policy = canonical(policy, ShapeId::ScalingTargetTrackingScalingPolicyConfiguration);
    assert_eq!(policy.get("targetValue"), Some(&Tree::Num(70.0)));
}

#[test]
fn of_both_cases_the_canonical_one_stays_unless_it_is_null() {
    let shape = Op::EcsCreateService.input();
    let name = |tree| canonical(Tree::from(tree), shape).str("serviceName").map(str::to_owned);
    assert_eq!(name(json!({"ServiceName": "a", "serviceName": "b"})).as_deref(), Some("b"));
    assert_eq!(name(json!({"ServiceName": "a", "serviceName": null})).as_deref(), Some("a"));
}

#[test]
fn nearest_forgives_slips_alone() {
    let shape = Op::EcsCreateService.input();
    assert_eq!(shape.nearest("desierdCount"), Some("desiredCount"));
    assert_eq!(shape.nearest("DESIREDCOUNT"), Some("desiredCount"));
    assert_eq!(shape.nearest("colour"), None);
}

#[test]
fn an_unknown_member_is_reported_with_the_nearest() {
    assert_eq!(
        problems(
            json!({"family": "f", "containerDefinitions": [{"imgae": "x", "zzz": null}]}),
            Op::EcsRegisterTaskDefinition.input()
        ),
        [(
            "/containerDefinitions/0/imgae".to_owned(),
            Problem::UnknownMember { name: "imgae".into(), nearest: Some("image") }
        )]
    );
}

#[test]
fn a_wrong_type_says_whether_it_can_be_coerced() {
    let shape = Op::EcsRegisterTaskDefinition.input();
    let base = |cpu: serde_json::Value| json!({"family": "f", "containerDefinitions": [], "cpu": cpu});
    let wrong = |found, coercible| Problem::WrongType { expected: "a string", found, coercible };
    assert_eq!(problems(base(json!(256)), shape), [("/cpu".to_owned(), wrong("an integer", true))]);
    assert_eq!(problems(base(json!([])), shape), [("/cpu".to_owned(), wrong("a list", false))]);
    assert_eq!(problems(base(json!(null)), shape), []);
    assert_eq!(coerce(&Tree::Int(256), ShapeId::EcsString), Some(Tree::from("256")));
    assert_eq!(coerce(&Tree::from("8"), ShapeId::EcsInteger), Some(Tree::Int(8)));
    assert_eq!(coerce(&Tree::from("8.5"), ShapeId::EcsInteger), None);
    assert_eq!(coerce(&Tree::from("true"), ShapeId::EcsBoolean), Some(Tree::Bool(true)));
    assert_eq!(
        problems(json!({"serviceName": "s", "desiredCount": 1.5}), Op::EcsCreateService.input()),
        [(
            "/desiredCount".to_owned(),
            Problem::WrongType { expected: "an integer", found: "a number", coercible: false }
        )]
    );
    assert_eq!(problems(json!({"serviceName": "s", "desiredCount": 2.0}), Op::EcsCreateService.input()), []);
}

#[test]
fn a_value_outside_its_enum_is_reported_with_the_nearest() {
    let found = problems(json!({"serviceName": "s", "launchType": "FARGAET"}), Op::EcsCreateService.input());
    let [(path, Problem::NotInEnum { found, values, nearest })] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((&**path, &**found, *nearest), ("/launchType", "FARGAET", Some("FARGATE")));
    assert!(values.contains(&"EC2"));
}

#[test]
fn a_missing_required_member_is_reported_at_its_structure() {
    assert_eq!(
        problems(json!({"family": "f", "containerDefinitions": null}), Op::EcsRegisterTaskDefinition.input()),
        [(String::new(), Problem::MissingRequired { name: "containerDefinitions" })]
    );
}

#[test]
fn limits_hold_for_numbers_text_and_lists() {
    let rule =
        |priority: i64| json!({"ListenerArn": "a", "Conditions": [], "Actions": [], "Priority": priority});
    assert_eq!(problems(rule(50_000), Op::Elbv2CreateRule.input()), []);
    assert_eq!(
        problems(rule(0), Op::Elbv2CreateRule.input()),
        [("/Priority".to_owned(), Problem::OutOfRange { min: Some(1.0), max: Some(50_000.0), found: 0.0 })]
    );
    let group = |name: String| json!({"logGroupName": name});
    let shape = Op::LogsCreateLogGroup.input();
    assert_eq!(
        problems(group(String::new()), shape),
        [("/logGroupName".to_owned(), Problem::TooShort { min: 1, found: 0 })]
    );
    assert_eq!(problems(group("é".repeat(512)), shape), []);
    assert_eq!(
        problems(group("é".repeat(513)), shape),
        [("/logGroupName".to_owned(), Problem::TooLong { max: 512, found: 513 })]
    );
}

#[test]
fn a_member_in_both_cases_is_reported() {
    assert_eq!(
        problems(json!({"serviceName": "s", "ServiceName": "s"}), Op::EcsCreateService.input()),
        [(String::new(), Problem::DuplicateMember { name: "serviceName" })]
    );
    assert_eq!(problems(json!({"serviceName": "s", "ServiceName": null}), Op::EcsCreateService.input()), []);
}

#[test]
fn a_document_takes_anything_and_times_come_in_two_forms() {
    assert_eq!(problems(json!([{"x": 1}]), ShapeId::EcsHookDetails), []);
    assert_eq!(problems(json!(1.7e9), ShapeId::EcsTimestamp), []);
    assert_eq!(problems(json!("2026-11-21T00:00:00Z"), ShapeId::EcsTimestamp), []);
    assert!(matches!(&problems(json!("soon"), ShapeId::EcsTimestamp)[..], [(_, Problem::WrongType { .. })]));
}

#[test]
fn problems_read_well() {
    let unknown = Problem::UnknownMember { name: "imgae".into(), nearest: Some("image") };
    assert_eq!(unknown.to_string(), "AWS knows no member `imgae` here; did you mean `image`?");
    let range = Problem::OutOfRange { min: Some(1.0), max: Some(50_000.0), found: 0.0 };
    assert_eq!(range.to_string(), "0 is not between 1 and 50000");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_grows_from_a_shape_fits_it(op in 0..Op::ALL.len(), tape in prop::collection::vec(any::<u32>(), 0..600)) {
        let op = Op::ALL[op];
        for shape in [Some(op.input()), op.output()].into_iter().flatten() {
            let tree = grow(shape, &mut tape.iter().copied());
            let mut found = Vec::new();
            check(&tree, shape, &mut |path, p| found.push(format!("{path}: {p}")));
            prop_assert_eq!(found, Vec::<String>::new());
            prop_assert_eq!(canonical(tree.clone(), shape), tree);
        }
    }
}
