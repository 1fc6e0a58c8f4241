//! The tables themselves.

use std::collections::BTreeSet;

use super::*;
use crate::rules::{Change, Clearing, Rule, clearing, markdown};
use crate::{change, defaults, fill};

#[test]
fn every_member_of_every_kind_has_a_field() {
    for kind in Kind::ALL {
        let known: BTreeSet<&str> = kind.shape().members().iter().map(|m| m.name).collect();
        let fields: BTreeSet<&str> =
            kind.fields().iter().map(|f| f.path).filter(|p| !p.contains('/')).collect();
        assert_eq!(fields, known, "{kind:?}");
    }
}

#[test]
fn a_field_stands_once_and_has_a_source() {
    for kind in Kind::ALL {
        let paths: Vec<&str> = kind.fields().iter().map(|f| f.path).collect();
        let once: BTreeSet<&str> = paths.iter().copied().collect();
        assert_eq!(paths.len(), once.len(), "{kind:?}");
        assert!(kind.fields().iter().all(|f| !f.source.is_empty()));
        assert!(kind.rows().iter().all(|r| !r.source.is_empty()));
    }
}

#[test]
fn what_is_sent_to_clear_a_field_is_json_of_its_type() {
    for kind in Kind::ALL {
        for field in kind.fields() {
            let Clearing::SendValue(text) = field.clearing else { continue };
            let value = field.clearing.value().unwrap_or_else(|| panic!("{kind:?} {}: {text}", field.path));
            let shape = kind.shape().at(field.path.split('/')).unwrap();
            let mut found = Vec::new();
            shapes::check(&value, shape, &mut |_, problem| found.push(problem));
            assert_eq!(found, [], "{kind:?} {}", field.path);
        }
    }
}

/// What clears a field in AWS must be what an absent field means in a comparison, or it would be sent for
/// ever.
#[test]
fn a_cleared_field_is_the_same_as_an_absent_one() {
    for kind in Kind::ALL {
        for field in kind.fields().iter().filter(|f| !f.path.contains('/')) {
            if matches!(
                (kind, field.path),
                (Kind::Cluster, "serviceConnectDefaults") | (Kind::Listener, "alpnPolicy")
            ) {
                // AWS answers these by leaving the field out.
                continue;
            }
            if let Some(value) = field.clearing.value() {
                let live = Tree::map().with(field.path, value);
                assert_eq!(compare(kind, &Tree::map(), &live), [], "{kind:?} {}", field.path);
            }
        }
    }
}

#[test]
fn only_lists_of_words_are_sets_by_their_whole_value() {
    for kind in Kind::ALL {
        for row in kind.rows() {
            let Rule::Set([]) = row.rule else { continue };
            let shapes::Kind::List { item, .. } = kind.shape().at(row.path.split('/')).unwrap().kind() else {
                panic!("{kind:?}: {}", row.path);
            };
            assert!(
                !matches!(item.kind(), shapes::Kind::Structure { .. }),
                "{kind:?}: {}: AWS may add members to its elements",
                row.path
            );
        }
    }
}

#[test]
fn fields_are_found_by_the_nearest_row_above() {
    let of = |path: &str| change(Kind::Service, path.split('/'));
    assert_eq!(of("networkConfiguration/awsvpcConfiguration/subnets"), Change::Deployment);
    assert_eq!(of("deploymentConfiguration/alarms/enable"), Change::InPlace);
    assert_eq!(of("capacityProviderStrategy"), Change::ForcedDeployment);
    assert_eq!(of("launchType"), Change::Replace);
    assert_eq!(
        clearing(Kind::Service, "serviceConnectConfiguration"),
        Clearing::SendValue(r#"{"enabled":false}"#)
    );
    assert_eq!(clearing(Kind::Service, "loadBalancers"), Clearing::SendEmptyList);
}

#[test]
fn defaults_fill_in_whole_blocks_and_fill_only_what_is_declared() {
    let want =
        Tree::from(json!({"deploymentConfiguration": {"maximumPercent": 150}, "launchType": "FARGATE"}));
    expect![[r#"{"deploymentConfiguration":{"bakeTimeInMinutes":0,"maximumPercent":150,"minimumHealthyPercent":100,"strategy":"ROLLING"},"launchType":"FARGATE"}"#]]
    .assert_eq(&fill(Kind::Service, &want).to_json());
    let all = defaults(Kind::Service, &want);
    assert_eq!(all.str("schedulingStrategy"), Some("REPLICA"));
    assert_eq!(
        all.pointer("deploymentConfiguration/deploymentCircuitBreaker/thresholdConfiguration/value"),
        Some(&Tree::Int(50))
    );
    let group = defaults(Kind::TargetGroup, &Tree::from(json!({"protocol": "TCP", "targetType": "alb"})));
    expect![[r#"{"healthCheckEnabled":true,"healthCheckIntervalSeconds":30,"healthCheckPath":"/","healthCheckPort":"traffic-port","healthCheckProtocol":"HTTP","healthCheckTimeoutSeconds":6,"healthyThresholdCount":5,"ipAddressType":"ipv4","matcher":{"httpCode":"200-399"},"protocol":"TCP","targetType":"alb","unhealthyThresholdCount":2}"#]]
    .assert_eq(&group.to_json());
}

#[test]
fn the_page_has_every_row() {
    let page = markdown();
    for kind in Kind::ALL {
        assert!(page.contains(&format!("\n## {}\n", kind.words())));
        for row in kind.rows() {
            assert!(page.contains(&format!("| `{}` |", row.path)), "{}", row.path);
        }
    }
}
