//! Any two shapes of a kind are compared without a panic, and none differs from itself.
#![no_main]

use evenkeel_diff::{Kind, compare, compare_described, defaults, lift, ordered, put};
use evenkeel_model::shapes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let kind = Kind::ALL[usize::from(*first) % Kind::ALL.len()];
    let mut tape = rest.chunks(4).map(|c| c.iter().fold(0, |n, b| n << 8 | u32::from(*b)));
    let want = lift::declared(kind, shapes::grow(kind.shape(), &mut tape));
    let live = lift::declared(kind, shapes::grow(kind.shape(), &mut tape));
    for tree in [&want, &live] {
        assert_eq!(compare(kind, tree, tree), []);
        assert_eq!(compare(kind, tree, &ordered(kind, tree)), []);
        assert_eq!(compare(kind, tree, &defaults(kind, tree)), []);
    }
    let found = compare(kind, &want, &live);
    assert!(found.is_sorted_by(|a, b| a.path < b.path), "{found:?}");
    let _ = compare_described(kind, &want, &live);
    let mut carried = want;
    for diff in found {
        put(kind, &mut carried, &diff.path, diff.live);
    }
});
