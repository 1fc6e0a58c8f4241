//! Target groups that stand beside each other while one replaces another.
//!
//! What cannot be changed on a target group (port, protocol, VPC and the like) is changed by making another
//! one, whose name is that of the document, with a hash of its content where that is taken. Both carry the same tag, so which
//! generations there are, and how far the replacement has come, is told by looking at AWS: nothing else is
//! kept. Everything that names the group in the document means the newest one as soon as it exists; the
//! forwards and services that lead to older ones get there step by step (see [`crate::replacement`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_diff::{Kind, default_at, rules};
use evenkeel_model::Tree;
use evenkeel_model::document::{Document, TargetGroup};
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::Memory;
use evenkeel_model::world::{Seen, World};

use crate::hash;
use crate::ownership::{TAG_DOCUMENT, TAG_KEY, tag};

/// Longest name of a target group.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>
const LONGEST: usize = 32;

/// Digits of the hash in a name.
const HASH: usize = 8;

/// The part of a target group's memory that holds the names of its generations, but for the document's own.
pub(crate) const NAMES: &str = "generations";

/// The target groups of the document of which AWS has not simply the one of that name and content.
#[derive(Default)]
pub(crate) struct Generations {
    all: BTreeMap<String, Generation>,
    /// The names to look at beside the document's own.
    pub names: BTreeSet<String>,
}

/// What AWS has of one target group of the document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    /// The name of the one with the wanted content, where it is there.
    pub target: Option<String>,
    /// The name it would be given.
    pub successor: String,
    /// The names of those with other content.
    pub old: Vec<String>,
    /// The names of which nobody knows yet.
    pub unseen: Vec<String>,
}

impl Generation {
    /// All that are there or are about to be made, but for the one of the document's own name.
    pub fn names(&self, name: &str) -> Tree {
        let target = self.target.as_ref().unwrap_or(&self.successor);
        let all: BTreeSet<&String> = self.old.iter().chain([target]).filter(|n| *n != name).collect();
        Tree::list(all.into_iter().map(|n| Tree::from(n.as_str())))
    }

    /// The one that the document means for now: the old one until the new one is there.
    pub fn meant(&self) -> Option<&str> {
        self.target.as_ref().or(self.old.first()).map(String::as_str)
    }
}

impl Generations {
    /// What of each target group is there.
    pub fn of(document: &Document, world: &World, memory: &Memory) -> Generations {
        let tree = |name: &str| world.tree(&Subject::TargetGroup(name.to_owned()));
        let mut generations = Generations::default();
        let mut used = generations.used(document, world);
        for (name, group) in &document.target_groups {
            // Those that services use, those that are remembered, and where the document's name is taken by
            // another content, the one that it would have.
            let mut names = used.remove(name).unwrap_or_default();
            let remembered = memory.unit(&UnitKey::TargetGroup(name.clone())).applied.get(NAMES);
            let remembered = remembered.map_or(&[][..], Tree::items).iter();
            names.extend(remembered.filter_map(Tree::as_str).map(str::to_owned));
            if tree(name).is_some_and(|t| !has_content(group, t)) || !names.is_empty() {
                names.insert(successor(name, group));
            }
            names.remove(name);
            if names.is_empty() {
                continue;
            }
            let mut found = Generation {
                target: None,
                successor: free(world, name).unwrap_or_else(|| successor(name, group)),
                old: Vec::new(),
                unseen: Vec::new(),
            };
            for candidate in std::iter::once(name).chain(&names) {
                if world.seen(&Subject::TargetGroup(candidate.clone())).is_unknown() {
                    found.unseen.push(candidate.clone());
                }
                match tree(candidate).filter(|t| is_ours(document, group, t)) {
                    Some(t)
                        if found.target.is_none() && has_content(group, t) && is_named(candidate, name) =>
                    {
                        found.target = Some(candidate.clone());
                    }
                    Some(_) => found.old.push(candidate.clone()),
                    None => {}
                }
            }
            generations.names.extend(names);
            if found.meant().is_some() || !found.unseen.is_empty() {
                generations.all.insert(name.clone(), found);
            }
        }
        generations
    }

    /// Target groups that services of the document are in and that it does not name, by the group of the
    /// document whose tags they carry. Those that may be such and have not been seen are noted.
    fn used(&mut self, document: &Document, world: &World) -> BTreeMap<String, BTreeSet<String>> {
        let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for key in document.services.keys() {
            let Some(live) = world.tree(&Subject::Service(key.clone())) else { continue };
            for arn in live.list_of("loadBalancers").iter().filter_map(|e| e.str("targetGroupArn")) {
                let Some(name) = name_in(arn).filter(|n| !document.target_groups.contains_key(*n)) else {
                    continue;
                };
                let Some(tree) = world.tree(&Subject::TargetGroup(name.to_owned())) else {
                    self.names.extend(is_hashed(name).then(|| name.to_owned()));
                    continue;
                };
                let ours = tag(tree, TAG_DOCUMENT) == Some(&document.name);
                let item = tag(tree, TAG_KEY).filter(|_| ours).unwrap_or_default();
                if let Some(declared) = document.target_group_named(Some(key), item) {
                    self.names.insert(name.to_owned());
                    used.entry(declared.to_owned()).or_default().insert(name.to_owned());
                }
            }
        }
        used
    }

    /// What AWS has of a target group, where that is not simply the one of this name and content.
    pub fn get(&self, name: &str) -> Option<&Generation> {
        self.all.get(name)
    }

    /// The name under which AWS has what the document calls `name`.
    pub fn name<'n>(&'n self, name: &'n str) -> &'n str {
        self.get(name).and_then(Generation::meant).unwrap_or(name)
    }

    /// True where older ones of a target group of the document were made for one called `name`.
    pub fn has_old(&self, name: &str) -> bool {
        self.all.values().any(|g| g.old.iter().any(|old| is_named(old, name)))
    }

    /// Those of which several are there.
    pub fn several(&self) -> impl Iterator<Item = (&str, &Generation)> {
        let several = |g: &Generation| g.old.len() + usize::from(g.target.is_some()) > 1;
        self.all.iter().filter(move |(_, g)| several(g)).map(|(n, g)| (n.as_str(), g))
    }
}

/// The name in a target group's ARN: `…:targetgroup/NAME/ID`.
pub(crate) fn name_in(arn: &str) -> Option<&str> {
    arn.split_once(":targetgroup/")?.1.split('/').next()
}

/// True where it carries the tags of this group.
fn is_ours(document: &Document, group: &TargetGroup, tree: &Tree) -> bool {
    tag(tree, TAG_DOCUMENT) == Some(&document.name) && tag(tree, TAG_KEY) == Some(&group.item)
}

/// True where a live group has everything of the document's that cannot be changed, but for the name.
fn has_content(group: &TargetGroup, live: &Tree) -> bool {
    fixed_members().all(|member| fixed(&group.input, member) == fixed(live, member))
}

/// What cannot be changed, with what AWS fills in.
fn fixed<'t>(group: &'t Tree, member: &str) -> Option<Cow<'t, Tree>> {
    let filled_in = || default_at(Kind::TargetGroup, group, member).map(Cow::Owned);
    group.get(member).map(Cow::Borrowed).or_else(filled_in)
}

/// What cannot be changed on a target group, but for the name.
fn fixed_members() -> impl Iterator<Item = &'static str> {
    rules::immutable(Kind::TargetGroup).filter(|m| *m != "name")
}

/// True for a name under which AWS may have what the document calls `name`: that, or that with a hash.
pub(crate) fn is_named(found: &str, name: &str) -> bool {
    found == name || is_hashed(found) && found[..found.len() - HASH - 1] == *cut(name)
}

/// True for a name that ends as [`successor`] ends.
fn is_hashed(name: &str) -> bool {
    let hash = name.rsplit_once('-').map(|(_, hash)| hash);
    hash.is_some_and(|h| h.len() == HASH && h.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The document's own name, where AWS has no target group of it: it was given another name.
fn free(world: &World, name: &str) -> Option<String> {
    let absent = matches!(world.seen(&Subject::TargetGroup(name.to_owned())), Seen::Absent { .. });
    absent.then(|| name.to_owned())
}

/// The name of the generation with this content where the document's is taken: that, cut, with a hash.
fn successor(name: &str, group: &TargetGroup) -> String {
    let mut content = Tree::map();
    for member in fixed_members() {
        if let Some(value) = fixed(&group.input, member) {
            content.set(member, value.into_owned());
        }
    }
    let hash = hash::hex(content.to_json().as_bytes(), HASH);
    format!("{}-{hash}", cut(name))
}

/// As much of a name as leaves room for a hash.
fn cut(name: &str) -> &str {
    let end = name.char_indices().nth(LONGEST - 1 - HASH).map_or(name.len(), |(end, _)| end);
    name[..end].trim_end_matches('-')
}
