//! A short run of what `fuzz/` does without end: any two shapes are compared without a panic, and differ at
//! paths of which no two are one.

use super::*;
use crate::{compare_described, defaults, ordered, put};

#[test]
fn any_two_shapes_are_compared() {
    let mut differing = 0;
    for seed in 0..400_u32 {
        let mut tape =
            (0..).map(|n: u32| n.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 7).take(3000);
        for kind in Kind::ALL {
            let want = lift::declared(kind, shapes::grow(kind.shape(), &mut tape));
            let live = lift::declared(kind, shapes::grow(kind.shape(), &mut tape));
            for tree in [&want, &live] {
                assert_eq!(compare(kind, tree, tree), []);
                assert_eq!(compare(kind, tree, &ordered(kind, tree)), []);
                assert_eq!(compare(kind, tree, &defaults(kind, tree)), []);
            }
            let found = compare(kind, &want, &live);
            assert!(found.is_sorted_by(|a, b| a.path < b.path), "{kind:?}: {found:?}");
            let _ = compare_described(kind, &want, &live);
            differing += usize::from(!found.is_empty());
            let mut carried = want;
            for diff in found {
                put(kind, &mut carried, &diff.path, diff.live);
            }
        }
    }
    assert!(differing > 100, "{differing}");
}
