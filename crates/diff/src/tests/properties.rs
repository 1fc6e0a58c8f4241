//! Over shapes grown at random.

use proptest::prelude::*;

use super::*;
use crate::ordered;

fn grown(kind: Kind, tape: &[u32]) -> Tree {
    shapes::grow(kind.shape(), &mut tape.iter().copied())
}

/// The tree with all its sets reversed: those that the table calls sets, along the same paths.
fn reversed(kind: Kind, tree: &Tree, path: &mut Path) -> Tree {
    match tree {
        Tree::Map(map) => Tree::of(map.iter().map(|(name, value)| {
            path.push(name);
            let value = reversed(kind, value, path);
            path.pop();
            (name.clone(), value)
        })),
        Tree::List(items) => {
            let set = crate::rules::set_keys(kind, path).is_some();
            path.push("*");
            let mut items: Vec<Tree> = items.iter().map(|item| reversed(kind, item, path)).collect();
            path.pop();
            if set {
                items.reverse();
            }
            Tree::from(items)
        }
        scalar => scalar.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_differs_from_itself_nor_from_itself_with_its_sets_reordered(tape in prop::collection::vec(any::<u32>(), 0..400)) {
        for kind in Kind::ALL {
            let tree = lift::declared(kind, grown(kind, &tape));
            prop_assert_eq!(compare(kind, &tree, &tree), [], "{:?}", kind);
            let turned = reversed(kind, &tree, &mut Path::root());
            prop_assert_eq!(compare(kind, &tree, &turned), [], "{:?}", kind);
            prop_assert_eq!(ordered(kind, &tree), ordered(kind, &turned), "{:?}", kind);
        }
    }
}
