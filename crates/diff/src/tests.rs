//! What counts as a difference and what does not, family by family.

use evenkeel_model::{Path, Tree, shapes};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::{Kind, compare, lift};

mod any;
mod balancing;
mod places;
mod properties;
mod services;
mod tables;
mod task_definitions;

/// Names as the wire codecs make them.
fn lower(tree: Tree) -> Tree {
    match tree {
        Tree::Map(map) => Tree::of(map.into_iter().map(|(name, value)| {
            let (first, rest) = name.split_at(1);
            (first.to_ascii_lowercase() + rest, lower(value))
        })),
        Tree::List(items) => Tree::list(items.into_vec().into_iter().map(lower)),
        scalar => scalar,
    }
}

fn diffs(kind: Kind, want: Value, live: Value) -> String {
    let canonical = |tree: Value| shapes::canonical(lower(Tree::from(tree)), kind.shape());
    let want = lift::declared(kind, canonical(want));
    let live = lift::described(kind, canonical(live));
    let side = |tree: &Option<Tree>| tree.as_ref().map_or("-".to_owned(), Tree::to_json);
    compare(kind, &want, &live)
        .iter()
        .map(|d| format!("{} want {} live {}\n", d.path, side(&d.want), side(&d.live)))
        .collect()
}

#[track_caller]
fn same(kind: Kind, want: Value, live: Value) {
    assert_eq!(diffs(kind, want, live), "");
}

#[track_caller]
fn differ(kind: Kind, want: Value, live: Value, expected: Expect) {
    expected.assert_eq(&diffs(kind, want, live));
}

/// Equal whichever side leaves the field out.
#[track_caller]
fn same_both_ways(kind: Kind, short: Value, long: Value) {
    same(kind, short.clone(), long.clone());
    same(kind, long, short);
}

#[test]
fn every_row_speaks_of_members_that_the_shape_has() {
    for kind in Kind::ALL {
        for row in kind.rows() {
            let mut shape = Some(kind.shape());
            for segment in row.path.split('/') {
                let below = shape.and_then(|s| match s.kind() {
                    shapes::Kind::Structure { .. } => s.member(segment).map(|m| m.shape),
                    shapes::Kind::List { item, .. } => (segment == "*").then_some(item),
                    shapes::Kind::Map { value, .. } => Some(value),
                    _ => None,
                });
                assert!(below.is_some(), "{kind:?}: {} ({})", row.path, row.source);
                shape = below;
            }
        }
    }
}

#[test]
fn a_default_fits_the_type_of_its_field() {
    for kind in Kind::ALL {
        for row in kind.rows() {
            let crate::rules::Rule::Default(constant) = row.rule else { continue };
            let shape = row.path.split('/').fold(kind.shape(), |shape, segment| match shape.kind() {
                shapes::Kind::List { item, .. } => item,
                shapes::Kind::Map { value, .. } => value,
                _ => shape.member(segment).unwrap().shape,
            });
            let mut found = Vec::new();
            shapes::check(&constant.tree(), shape, &mut |_, problem| found.push(problem));
            assert_eq!(found, [], "{kind:?}: {}", row.path);
        }
    }
}

#[test]
fn what_aws_alone_sends_and_no_table_knows_is_no_drift_and_what_the_document_declares_is() {
    let live = json!({"family": "f", "newThing": {"a": 1}, "registeredBy": "me"});
    same(Kind::TaskDefinition, json!({"family": "f"}), live.clone());
    differ(
        Kind::TaskDefinition,
        json!({"family": "f", "newThing": {"a": 2}}),
        live.clone(),
        expect![[r#"
        /newThing/a want 2 live 1
    "#]],
    );
    // AWS may fill in members of what no table knows, too.
    same(
        Kind::TaskDefinition,
        json!({"family": "f", "newThing": {"a": 1}}),
        json!({"family": "f", "newThing": {"a": 1, "b": 2}}),
    );
    differ(
        Kind::TaskDefinition,
        json!({"family": "f", "newThing": {"a": 1}}),
        json!({"family": "f"}),
        expect![[r#"
            /newThing want {"a":1} live -
        "#]],
    );
}

#[test]
fn null_and_empty_are_absent() {
    same_both_ways(
        Kind::TaskDefinition,
        json!({"containerDefinitions": [{"name": "a"}]}),
        json!({"volumes": [], "placementConstraints": null, "containerDefinitions": [
            {"name": "a", "dockerLabels": {}, "command": [], "links": null}]}),
    );
}

#[test]
fn a_declared_empty_list_means_empty() {
    differ(
        Kind::Service,
        json!({"loadBalancers": []}),
        json!({"loadBalancers": [{"targetGroupArn": "tg", "containerName": "c", "containerPort": 1}]}),
        expect![[r#"
            /loadBalancers/tg want - live {"containerName":"c","containerPort":1,"targetGroupArn":"tg"}
        "#]],
    );
}

#[test]
fn numbers_are_one_value_however_they_are_written() {
    let policy = |target: Value| {
        json!({"policyType": "TargetTrackingScaling",
            "targetTrackingScalingPolicyConfiguration": {"targetValue": target}})
    };
    same_both_ways(Kind::ScalingPolicy, policy(json!(70)), policy(json!(70.0)));
    same_both_ways(Kind::TaskDefinition, json!({"cpu": 256}), json!({"cpu": "256"}));
    differ(
        Kind::ScalingPolicy,
        policy(json!(70)),
        policy(json!(70.5)),
        expect![[r#"
        /targetTrackingScalingPolicyConfiguration/targetValue want 70.0 live 70.5
    "#]],
    );
}

#[test]
fn a_path_names_elements_of_sets_by_key() {
    let found = compare(
        Kind::TaskDefinition,
        &Tree::from(
            json!({"containerDefinitions": [{"name": "api", "environment": [{"name": "MODE", "value": "a"}]}]}),
        ),
        &Tree::from(
            json!({"containerDefinitions": [{"name": "api", "environment": [{"name": "MODE", "value": "b"}]}]}),
        ),
    );
    assert_eq!(found[0].path, Path::of(["containerDefinitions", "api", "environment", "MODE", "value"]));
}
