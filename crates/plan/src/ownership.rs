//! Whose it is: everything we create carries tags, and only what carries our document's tag is written.

use std::collections::BTreeMap;

use evenkeel_model::Tree;
use evenkeel_model::document::{Adopt, Document};

use crate::report::Refusal;

/// The tag that names the document a resource belongs to.
pub const TAG_DOCUMENT: &str = "evenkeel:document";
/// The tag that names the item of the document.
pub const TAG_KEY: &str = "evenkeel:key";
/// The tag that finds a task definition revision by its content.
pub const TAG_HASH: &str = "evenkeel:hash";

/// Tags as a map, whatever the casing of the service's list (`key`, `Key`); AWS's own left out.
pub(crate) fn tags(tree: &Tree) -> BTreeMap<String, String> {
    let list = tree.list_of("tags").iter().filter_map(|t| {
        let key = t.str("key").or_else(|| t.str("Key"))?;
        let value = t.str("value").or_else(|| t.str("Value")).unwrap_or_default();
        Some((key.to_owned(), value.to_owned()))
    });
    let map = tree.get("tags").into_iter().flat_map(Tree::entries);
    let map = map.filter_map(|(n, v)| Some((n.to_string(), v.as_str()?.to_owned())));
    let of_aws = |key: &str| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    list.chain(map).filter(|(k, _)| !of_aws(k)).collect()
}

/// One tag's value, whatever the casing of the service's list.
pub(crate) fn tag<'t>(tree: &'t Tree, key: &str) -> Option<&'t str> {
    let tags = tree.get("tags")?;
    let named = |t: &&Tree| t.str("key").or_else(|| t.str("Key")) == Some(key);
    match tags.items().iter().rfind(named) {
        Some(found) => Some(found.str("value").or_else(|| found.str("Value")).unwrap_or_default()),
        None => tags.str(key),
    }
}

/// The tags an item is to carry: the document's, the item's own over them, and ours.
pub(crate) fn wanted(document: &Document, input: &Tree, key: &str) -> BTreeMap<String, String> {
    let mut all = document.tags.clone();
    all.extend(tags(input));
    all.insert(TAG_DOCUMENT.into(), document.name.clone());
    all.insert(TAG_KEY.into(), key.into());
    all
}

/// As the list that ECS, ELBv2 and ECR take.
pub(crate) fn list(tags: &BTreeMap<String, String>) -> Tree {
    Tree::list(tags.iter().map(|(k, v)| Tree::map().with("key", k.as_str()).with("value", v.as_str())))
}

/// As the map that scaling and Logs take.
pub(crate) fn map(tags: &BTreeMap<String, String>) -> Tree {
    Tree::of(tags.iter().map(|(k, v)| (k.as_str(), Tree::from(v.as_str()))))
}

/// What differs between the tags a resource has and should have. Keys that are neither wanted nor were
/// applied by us belong to others; ours of ownership are never put back, because their removal disowns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TagChange {
    pub set: BTreeMap<String, String>,
    pub remove: Vec<String>,
}

impl TagChange {
    pub(crate) fn between(
        wanted: &BTreeMap<String, String>,
        live: &BTreeMap<String, String>,
        applied: Option<&Tree>,
    ) -> TagChange {
        let ours = |k: &str| k == TAG_DOCUMENT || k == TAG_KEY || k == TAG_HASH;
        let set = wanted
            .iter()
            .filter(|(k, v)| !ours(k) && live.get(*k) != Some(v))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let remove = applied
            .into_iter()
            .flat_map(Tree::entries)
            .map(|(k, _)| &**k)
            .filter(|k| !ours(k) && !wanted.contains_key(*k) && live.contains_key(*k))
            .map(str::to_owned)
            .collect();
        TagChange { set, remove }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

/// Whose something is that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It carries our document's tag.
    Ours,
    /// It does not, and the document adopts it.
    Adopted,
    /// It is somebody else's, or was ours and somebody removed the tag.
    Refused(Refusal),
}

/// Whose a resource is by its tags, and whether the document adopts it.
///
/// `what` names the resource, `known` is true where memory says that it was ours, `command` would put our tags
/// on it.
pub(crate) fn standing(
    document: &Document,
    live: &BTreeMap<String, String>,
    what: &dyn Fn() -> String,
    known: bool,
    adopt: &Adopt,
    command: impl FnOnce() -> String,
) -> Standing {
    let refused = |why: String, way_out: String| {
        Standing::Refused(Refusal::new(format!("{} {why}", what())).or(way_out))
    };
    match (live.get(TAG_DOCUMENT), adopt) {
        (Some(owner), _) if *owner == document.name => Standing::Ours,
        (Some(owner), Adopt::From(other)) if owner == other => Standing::Adopted,
        (Some(owner), _) => refused(
            format!("belongs to the document \"{owner}\""),
            format!(
                "take it out of one of the two documents, or move it: \"adopt\": {{\"from\": \"{owner}\"}}"
            ),
        ),
        (None, _) if known => refused(
            format!("is disowned: somebody removed its tag {TAG_DOCUMENT}"),
            format!("to hand it back: {}", command()),
        ),
        (None, Adopt::Always | Adopt::IfEqual) => Standing::Adopted,
        (None, _) => refused(
            format!("exists already and does not carry our tag {TAG_DOCUMENT}"),
            format!("to adopt it, say \"adopt\": true, or: {}", command()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map_of(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn foreign_tags_are_never_removed_and_ownership_never_put_back() {
        let wanted = map_of(&[("a", "1"), (TAG_DOCUMENT, "d")]);
        let live = map_of(&[("a", "2"), ("theirs", "x"), ("old", "y")]);
        let applied = Tree::map().with("a", "0").with("old", "y");
        let change = TagChange::between(&wanted, &live, Some(&applied));
        assert_eq!(change.set, map_of(&[("a", "1")]));
        assert_eq!(change.remove, ["old"]);
    }

    #[test]
    fn tags_are_read_in_every_casing_and_aws_own_are_left_out() {
        let tree = Tree::from(serde_json::json!({"tags": [
            {"key": "a", "value": "1"}, {"Key": "b", "Value": "2"}, {"key": "aws:cloudformation:stack-name", "value": "s"}]}));
        assert_eq!(tags(&tree), map_of(&[("a", "1"), ("b", "2")]));
    }
}
