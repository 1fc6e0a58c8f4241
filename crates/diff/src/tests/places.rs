//! Putting values back where a difference was found.

use super::*;
use crate::{is_undeclared, ordered, put};

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

#[test]
fn a_list_on_the_way_is_made_with_its_elements() {
    let mut tree = Tree::map();
    let spread = || Some(Tree::map().with("type", "spread"));
    put(Kind::Service, &mut tree, &Path::of(["placementStrategy", "0"]), spread());
    let group = Path::of(["networkConfiguration", "awsvpcConfiguration", "securityGroups", "sg-1"]);
    put(Kind::Service, &mut tree, &group, Some(Tree::from("sg-1")));
    expect![[r#"{"networkConfiguration":{"awsvpcConfiguration":{"securityGroups":["sg-1"]}},"placementStrategy":[{"type":"spread"}]}"#]]
        .assert_eq(&tree.to_json());
}

#[test]
fn a_field_is_undeclared_where_a_structure_lacks_it_and_not_where_a_list_does() {
    let tree = Tree::from(json!({
        "launchType": null, "placementStrategy": [],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a"]}},
        "loadBalancers": [{"targetGroupArn": "t", "containerName": "c", "containerPort": 80}]}));
    let undeclared = |path: &str| is_undeclared(Kind::Service, &tree, &path.parse().unwrap());
    let network = "/networkConfiguration/awsvpcConfiguration";
    assert!(undeclared("/launchType"));
    assert!(undeclared("/deploymentConfiguration/deploymentCircuitBreaker/enable"));
    assert!(undeclared(&format!("{network}/securityGroups/sg-1")));
    assert!(!undeclared(&format!("{network}/subnets/b")));
    assert!(!undeclared("/placementStrategy/0"));
    let live = Tree::from(
        json!({"loadBalancers": [{"targetGroupArn": "t", "containerName": "c", "containerPort": 80,
        "advancedConfiguration": {"roleArn": "r"}}, {"targetGroupArn": "u", "containerName": "c", "containerPort": 80}]}),
    );
    let of_balancers: Vec<bool> = compare(Kind::Service, &tree, &live)
        .into_iter()
        .filter(|d| d.path.segments().next() == Some("loadBalancers"))
        .map(|d| is_undeclared(Kind::Service, &tree, &d.path))
        .collect();
    assert_eq!(of_balancers, [true, false]);
}
