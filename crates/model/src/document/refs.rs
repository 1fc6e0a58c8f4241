//! References between the parts of a document: `${targetGroup:api}` and its kin.
//!
//! An unknown scheme is left alone, because shell commands in containers contain `${…}`; `$${` is a
//! literal `${`.

use std::collections::BTreeMap;
use std::fmt;

use super::Document;
use crate::key::ServiceKey;
use crate::path::{Path, Trail};
use crate::text;
use crate::tree::Tree;

/// What a reference names, by its key in the document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ref {
    /// `${targetGroup:NAME}`: the ARN.
    TargetGroup(String),
    /// `${loadBalancer:NAME}`: the ARN.
    LoadBalancer(String),
    /// `${listener:LB/NAME}`: the ARN.
    Listener(String, String),
    /// `${listenerRule:SERVICE/NAME}`: the ARN.
    ListenerRule(String, String),
    /// `${repository:NAME}`: the URI under which images are pushed and pulled.
    Repository(String),
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ref::TargetGroup(n) => write!(f, "${{targetGroup:{n}}}"),
            Ref::LoadBalancer(n) => write!(f, "${{loadBalancer:{n}}}"),
            Ref::Listener(lb, n) => write!(f, "${{listener:{lb}/{n}}}"),
            Ref::ListenerRule(s, n) => write!(f, "${{listenerRule:{s}/{n}}}"),
            Ref::Repository(n) => write!(f, "${{repository:{n}}}"),
        }
    }
}

/// A reference of a known scheme whose name has not the form of its scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

fn parse(inside: &str) -> Option<Result<Ref, Malformed>> {
    let (scheme, name) = inside.split_once(':')?;
    let pair = || name.split_once('/').filter(|(a, b)| !a.is_empty() && !b.is_empty());
    let reference = match scheme {
        "targetGroup" => (!name.is_empty()).then(|| Ref::TargetGroup(name.into())),
        "loadBalancer" => (!name.is_empty()).then(|| Ref::LoadBalancer(name.into())),
        "repository" => (!name.is_empty()).then(|| Ref::Repository(name.into())),
        "listener" => pair().map(|(a, b)| Ref::Listener(a.into(), b.into())),
        "listenerRule" => pair().map(|(a, b)| Ref::ListenerRule(a.into(), b.into())),
        _ => return None,
    };
    Some(reference.ok_or_else(|| Malformed(format!("${{{inside}}}"))))
}

/// A piece of text: as it is, or a reference.
enum Piece<'t> {
    Text(&'t str),
    Ref(Result<Ref, Malformed>),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if at > 0 && rest.as_bytes().get(at - 1) == Some(&b'$') {
            // `$${`: what stands before, then a literal `${`.
            pieces.push(Piece::Text(&rest[..at - 1]));
            pieces.push(Piece::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        let end = rest[at..].find('}').map(|e| at + e);
        match end.and_then(|end| parse(&rest[at + 2..end]).map(|r| (end, r))) {
            Some((end, reference)) => {
                pieces.push(Piece::Text(&rest[..at]));
                pieces.push(Piece::Ref(reference));
                rest = &rest[end + 1..];
            }
            None => {
                pieces.push(Piece::Text(&rest[..at + 2]));
                rest = &rest[at + 2..];
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// True where text could hold a reference. Hardly any has a dollar in it at all.
pub fn may_refer(text: &str) -> bool {
    text::has_any(text, [b'$']) && text.contains("${")
}

/// True where a text of the tree could hold a reference: most trees need no copy.
pub fn mentioned(tree: &Tree) -> bool {
    match tree {
        Tree::Str(text) => may_refer(text),
        Tree::List(items) => items.iter().any(mentioned),
        Tree::Map(map) => map.iter().any(|(_, value)| mentioned(value)),
        _ => false,
    }
}

/// All references in a tree, with where they stand (list elements by index).
pub fn find(tree: &Tree, found: &mut dyn FnMut(&Path, Result<Ref, Malformed>)) {
    fn walk(tree: &Tree, at: Trail<'_>, found: &mut dyn FnMut(&Path, Result<Ref, Malformed>)) {
        match tree {
            Tree::Str(text) if may_refer(text) => {
                for piece in pieces(text) {
                    if let Piece::Ref(reference) = piece {
                        found(&at.path(), reference);
                    }
                }
            }
            Tree::List(items) => {
                items.iter().enumerate().for_each(|(i, item)| walk(item, at.element(i), found));
            }
            Tree::Map(map) => map.iter().for_each(|(name, value)| walk(value, at.member(name), found)),
            _ => {}
        }
    }
    if mentioned(tree) {
        walk(tree, Trail::ROOT, found);
    }
}

/// The tree with every reference replaced by what `value` makes of it; where that is `None` the
/// reference stays as it is written and is returned.
pub fn substitute(tree: &Tree, value: &dyn Fn(&Ref) -> Option<String>) -> (Tree, Vec<Ref>) {
    fn walk(tree: &Tree, value: &dyn Fn(&Ref) -> Option<String>, open: &mut Vec<Ref>) -> Tree {
        match tree {
            Tree::Str(text) if may_refer(text) => {
                let mut out = String::with_capacity(text.len());
                for piece in pieces(text) {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Ref(Ok(reference)) => match value(&reference) {
                            Some(resolved) => out.push_str(&resolved),
                            None => {
                                out.push_str(&reference.to_string());
                                open.push(reference);
                            }
                        },
                        Piece::Ref(Err(Malformed(written))) => out.push_str(&written),
                    }
                }
                Tree::from(out)
            }
            Tree::List(items) => Tree::list(items.iter().map(|item| walk(item, value, open))),
            Tree::Map(map) => Tree::Map(map.iter().map(|(n, v)| (n.clone(), walk(v, value, open))).collect()),
            scalar => scalar.clone(),
        }
    }
    let mut open = Vec::new();
    let tree = walk(tree, value, &mut open);
    (tree, open)
}

/// What stands under which key in the document, so that a reference is one look-up however many items
/// there are. Made by [`super::read`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Items {
    services: BTreeMap<String, ServiceKey>,
    load_balancers: BTreeMap<String, String>,
    /// By key: the AWS name of the group beside the services, then those inside services.
    target_groups: BTreeMap<String, (Option<String>, BTreeMap<ServiceKey, String>)>,
    /// Keys that differ from the AWS name, by section and AWS name.
    others: BTreeMap<(&'static str, String), String>,
}

impl Items {
    pub(super) fn service(&mut self, item: &str, key: &ServiceKey) {
        self.services.insert(item.to_owned(), key.clone());
    }

    pub(super) fn load_balancer(&mut self, item: &str, name: &str) {
        self.load_balancers.insert(item.to_owned(), name.to_owned());
    }

    pub(super) fn other(&mut self, section: &'static str, item: &str, name: &str) {
        if item != name {
            self.others.insert((section, name.to_owned()), item.to_owned());
        }
    }

    /// Where in the document the thing of that AWS name stands.
    pub(super) fn place(&self, section: &'static str, name: &str) -> Path {
        let item = self.others.get(&(section, name.to_owned())).map_or(name, String::as_str);
        Path::of([section, item])
    }

    /// The key under which the thing of that AWS name stands in a section.
    pub(super) fn place_in<'n>(&'n self, section: &str, name: &'n str) -> &'n str {
        let found = self.others.iter().find(|((of, named), _)| *of == section && named == name);
        found.map_or(name, |(_, item)| item)
    }

    pub(super) fn target_group(&mut self, service: Option<&ServiceKey>, item: &str, name: &str) {
        let (shared, inside) = self.target_groups.entry(item.to_owned()).or_default();
        match service {
            Some(service) => drop(inside.insert(service.clone(), name.to_owned())),
            None => *shared = Some(name.to_owned()),
        }
    }
}

impl Document {
    /// The AWS name of the target group that a reference from inside `service` names: the service's own
    /// first, then the document's, then the only one of that key in any service.
    pub fn target_group_named(&self, service: Option<&ServiceKey>, item: &str) -> Option<&str> {
        let (shared, inside) = self.items.target_groups.get(item)?;
        let own = service.and_then(|key| inside.get(key));
        let only = || inside.values().next().filter(|_| inside.len() == 1);
        own.or(shared.as_ref()).or_else(only).map(String::as_str)
    }

    /// The AWS name of the load balancer with that key.
    pub fn load_balancer_named(&self, item: &str) -> Option<&str> {
        self.items.load_balancers.get(item).map(String::as_str)
    }

    /// The key of the service with that key in the document.
    pub fn service_named(&self, item: &str) -> Option<&ServiceKey> {
        self.items.services.get(item)
    }

    /// True where the document has what the reference names.
    pub fn has(&self, service: Option<&ServiceKey>, reference: &Ref) -> bool {
        match reference {
            Ref::TargetGroup(item) => self.target_group_named(service, item).is_some(),
            Ref::LoadBalancer(item) => self.load_balancer_named(item).is_some(),
            Ref::Listener(lb, item) => self
                .load_balancer_named(lb)
                .and_then(|name| self.load_balancers.get(name))
                .is_some_and(|lb| lb.listeners.contains_key(item)),
            Ref::ListenerRule(of, item) => self
                .service_named(of)
                .and_then(|key| self.services.get(key))
                .is_some_and(|s| s.rules.contains_key(item)),
            // Named, it need not be declared: the URI follows from account, region and name.
            Ref::Repository(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> (String, Vec<Ref>) {
        let (tree, open) = substitute(&Tree::from(text), &|r| match r {
            Ref::TargetGroup(n) if n == "api" => Some("ARN".into()),
            _ => None,
        });
        (tree.as_str().unwrap().to_owned(), open)
    }

    #[test]
    fn known_references_are_replaced_and_unknown_schemes_left_alone() {
        assert_eq!(resolved("${targetGroup:api}").0, "ARN");
        assert_eq!(resolved("a ${HOME} ${x:y} ${targetGroup:api}!").0, "a ${HOME} ${x:y} ARN!");
        assert_eq!(resolved("$${targetGroup:api}").0, "${targetGroup:api}");
        assert_eq!(resolved("${").0, "${");
    }

    #[test]
    fn open_references_are_told() {
        let (text, open) = resolved("${listener:alb/http}");
        assert_eq!(text, "${listener:alb/http}");
        assert_eq!(open, [Ref::Listener("alb".into(), "http".into())]);
    }

    #[test]
    fn a_listener_without_its_load_balancer_is_malformed() {
        let mut found = Vec::new();
        find(&Tree::map().with("a", "${listener:http}"), &mut |path, r| found.push((path.to_string(), r)));
        assert_eq!(found, [("/a".to_owned(), Err(Malformed("${listener:http}".into())))]);
    }
}
