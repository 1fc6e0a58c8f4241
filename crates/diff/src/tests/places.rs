//! Putting values back where a difference was found.

use super::*;
use crate::{ordered, put};

fn put_all(kind: Kind, want: Value, live: Value) -> Tree {
    let (mut want, live) = (Tree::from(want), Tree::from(live));
    for diff in compare(kind, &want, &live) {
        put(kind, &mut want, &diff.path, diff.live);
    }
    want
}

#[test]
fn what_is_put_where_it_differs_makes_both_sides_equal() {
    let want = json!({"family": "f", "containerDefinitions": [
        {"name": "a", "image": "1", "environment": [{"name": "X", "value": "1"}, {"name": "GONE", "value": ""}], "command": ["x"]},
        {"name": "old", "image": "o"}]});
    let live = json!({"family": "f", "ephemeralStorage": {"sizeInGiB": 30}, "containerDefinitions": [
        {"name": "b", "image": "new"},
        {"name": "a", "image": "2", "environment": [{"name": "Y", "value": "2"}, {"name": "X", "value": "3"}], "healthCheck": {"command": ["c"]}}]});
    let put = put_all(Kind::TaskDefinition, want, live.clone());
    assert_eq!(compare(Kind::TaskDefinition, &put, &Tree::from(live)), []);
}

#[test]
fn a_block_on_the_way_is_made() {
    let mut tree = Tree::map();
    let path = Path::of(["deploymentConfiguration", "deploymentCircuitBreaker", "enable"]);
    put(Kind::Service, &mut tree, &path, Some(Tree::Bool(true)));
    expect![[r#"{"deploymentConfiguration":{"deploymentCircuitBreaker":{"enable":true}}}"#]]
        .assert_eq(&tree.to_json());
}

#[test]
fn order_of_sets_goes_and_order_of_lists_stays() {
    let tree = |subnets: [&str; 2], strategy: [&str; 2]| {
        ordered(
            Kind::Service,
            &Tree::from(json!({
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}},
            "placementStrategy": strategy.map(|s| json!({"type": s}))})),
        )
    };
    assert_eq!(tree(["a", "b"], ["spread", "binpack"]), tree(["b", "a"], ["spread", "binpack"]));
    assert_ne!(tree(["a", "b"], ["spread", "binpack"]), tree(["a", "b"], ["binpack", "spread"]));
}
