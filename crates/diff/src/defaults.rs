//! Fills in what AWS would.

use evenkeel_model::{Map, Name, Tree};

use crate::kind::Kind;
use crate::rules::{Form, Node, Place, compiled};
use crate::whole::Whole;

/// `want` with everything that AWS fills in, blocks that it keeps for everybody included: what a
/// describe call shows of it, but for what AWS alone knows.
pub fn defaults(kind: Kind, want: &Tree) -> Tree {
    let root = Whole::declared(want);
    let mut filled = want.clone();
    below(compiled(kind), root, &mut filled, true);
    filled
}

/// `want` with AWS's defaults filled in below the members it declares: what to send where a call
/// replaces a member as a whole.
pub fn fill(kind: Kind, want: &Tree) -> Tree {
    let root = Whole::declared(want);
    let mut filled = want.clone();
    if let Tree::Map(map) = &mut filled {
        for (name, value) in map.iter_mut() {
            if let Some(child) = compiled(kind).child(name) {
                below(child, root, value, false);
            }
        }
    }
    filled
}

/// What AWS fills in for a top-level member of `want` that is absent there.
pub fn default_at(kind: Kind, want: &Tree, member: &str) -> Option<Tree> {
    let root = Whole::declared(want);
    absent(compiled(kind).child(member)?, root, Some(want))
}

/// What AWS shows where nothing was sent; for a block, one that is whole with what is filled in.
fn absent(node: &Node, root: Whole<'_>, parent: Option<&Tree>) -> Option<Tree> {
    if node.elsewhere {
        return None;
    }
    if let Some(value) = node.default(&Place { root, parent }) {
        return Some(value.tree());
    }
    let Form::Structure { members, .. } = &node.form else {
        return None;
    };
    if node.presence {
        return None;
    }
    let block: Map =
        members.iter().filter_map(|(name, child)| Some((name.clone(), absent(child, root, None)?))).collect();
    // A switch that is off makes no block.
    let says = members.iter().any(|(name, child)| child.says && block.contains(name));
    let whole = node.required.iter().all(|name| block.contains(name));
    (says && whole).then_some(Tree::Map(block))
}

fn below(node: &Node, root: Whole<'_>, tree: &mut Tree, blocks: bool) {
    match (&node.form, &mut *tree) {
        (Form::Structure { members, .. }, Tree::Map(_)) => {
            let missing: Vec<(Name, Tree)> = members
                .iter()
                .filter(|(name, child)| {
                    let known = blocks || !matches!(child.form, Form::Structure { .. });
                    known
                        && child.says
                        && tree.get(name).is_none_or(|v| child.empty_is_absent && v.as_str() == Some(""))
                })
                .filter_map(|(name, child)| Some((name.clone(), absent(child, root, Some(tree))?)))
                .collect();
            for (name, value) in missing {
                tree.set(name, value);
            }
            if let Tree::Map(map) = tree {
                for (name, value) in map.iter_mut() {
                    // An empty block is no block, where being there means something.
                    if let Some(child) = node.child(name).filter(|c| !(c.presence && value.is_empty())) {
                        below(child, root, value, blocks);
                    }
                }
            }
        }
        (Form::List(element), Tree::List(items)) => {
            items.iter_mut().for_each(|item| below(element, root, item, blocks));
        }
        _ => {}
    }
}
