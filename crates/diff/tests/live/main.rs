//! What was declared and what AWS then returned: comparing the two gives nothing, and every single change
//! of what AWS returned gives exactly that change.
//!
//! The pairs are our own fixtures, and recordings beside the workspace where there are any.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed: that is its way")]

mod cloudformation;
mod mutation;
mod pair;

use pair::{Attributes, Pair};

fn all() -> Vec<Pair> {
    let mut pairs = pair::fixtures();
    pairs.extend(cloudformation::recordings());
    pairs
}

#[test]
fn what_aws_returns_for_what_was_declared_is_no_drift() {
    let mut failed = Vec::new();
    let pairs = all();
    for pair in &pairs {
        for diff in pair.compare_described() {
            failed.push(format!("{}: {:?}", pair.name, diff));
        }
    }
    println!("compared {} pairs", pairs.len());
    assert!(failed.is_empty(), "drift that is not there:\n{}", failed.join("\n"));
}

#[test]
fn lifting_first_or_reading_in_place_is_the_same() {
    for pair in all() {
        assert_eq!(pair.compare_described(), pair.compare(&pair.live), "{}", pair.name);
    }
}

#[test]
fn every_kind_has_a_fixture() {
    let kinds: Vec<_> = pair::fixtures().iter().map(|p| p.kind).collect();
    for kind in evenkeel_diff::Kind::ALL {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

/// A comparison that finds nothing would pass the first test.
#[test]
fn what_was_declared_for_another_differs() {
    let pairs = all();
    for (a, b) in pairs.iter().zip(pairs.iter().skip(1)) {
        if a.kind == b.kind && a.want != b.want {
            let crossed = Pair { live: b.live.clone(), raw: b.raw.clone(), ..a.clone() };
            let same = a.compare(&b.live).is_empty();
            let both = evenkeel_diff::compare(a.kind, &a.want, &b.want).is_empty();
            assert!(!same || both || !crossed.attributes.is_empty(), "{} and {}", a.name, b.name);
        }
    }
}

#[test]
fn every_leaf_that_is_changed_dropped_or_added_is_found_and_nothing_else() {
    let mut count = mutation::Count::default();
    let mut failed = Vec::new();
    for pair in all() {
        mutation::leaves(&pair, &mut count, &mut failed);
        for Attributes { default, want, live } in &pair.attributes {
            mutation::attributes(&pair.name, default, want, live, &mut count, &mut failed);
        }
    }
    println!("{count}");
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
    assert!(count.leaves > 500, "{count}");
}
