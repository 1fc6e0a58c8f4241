//! What references stand for, as far as the world has been seen.

use std::borrow::Cow;
use std::collections::BTreeMap;

use evenkeel_model::Tree;
use evenkeel_model::document::refs::{self, Ref};
use evenkeel_model::document::{Document, LoadBalancer, Rule};
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::world::{Seen, World};

use crate::generations::Generations;
use crate::ownership::{self, TAG_DOCUMENT, TAG_KEY};
use crate::report::WaitingOn;

/// Looks references up.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    pub document: &'a Document,
    pub world: &'a World,
    /// What AWS has of target groups that are or were replaced.
    pub generations: &'a Generations,
    /// The service inside which the reference stands.
    pub service: Option<&'a ServiceKey>,
}

/// Where a listener is, as far as it is known.
type Found<T> = Result<T, WaitingOn>;

fn present(world: &World, subject: Subject) -> Found<&Tree> {
    match world.seen(&subject) {
        Seen::Unknown => Err(WaitingOn::Seen(subject)),
        Seen::Absent { .. } => Err(WaitingOn::Exists(subject)),
        Seen::Present { tree, .. } => Ok(tree),
    }
}

impl<'a> Lookup<'a> {
    /// The tree with references replaced, and what has to be seen or made first for the rest.
    pub fn resolve<'t>(&self, tree: &'t Tree) -> (Cow<'t, Tree>, Vec<WaitingOn>) {
        if !refs::mentioned(tree) {
            return (Cow::Borrowed(tree), Vec::new());
        }
        let (tree, open) = refs::substitute(tree, &|reference| self.value(reference).ok());
        let mut waits = Vec::new();
        for reference in open {
            if let Err(wait) = self.value(&reference)
                && !waits.contains(&wait)
            {
                waits.push(wait);
            }
        }
        (Cow::Owned(tree), waits)
    }

    /// The subject that a text of one reference stands for, where it is a target group.
    pub fn target_group_of(&self, text: &str) -> Option<Subject> {
        let mut named = None;
        if !text.contains("${") {
            return None;
        }
        refs::find(&Tree::from(text), &mut |_, r| {
            if let Ok(Ref::TargetGroup(item)) = r {
                named = self.document.target_group_named(self.service, &item);
                named = named.map(|name| self.generations.name(name));
            }
        });
        named.map(|name| Subject::TargetGroup(name.to_owned()))
    }

    fn value(&self, reference: &Ref) -> Found<String> {
        match reference {
            Ref::Repository(name) => Ok(self.document.repository_uri(name)),
            Ref::TargetGroup(item) => {
                let name = self.document.target_group_named(self.service, item).unwrap_or(item);
                let subject = Subject::TargetGroup(self.generations.name(name).to_owned());
                let tree = present(self.world, subject.clone())?;
                text(tree, "targetGroupArn", subject)
            }
            Ref::LoadBalancer(item) => self.load_balancer_arn(item),
            Ref::Listener(lb, item) => self.listener_arn(lb, item),
            Ref::ListenerRule(service, item) => {
                let key = self.document.service_named(service);
                let rule = key.and_then(|k| self.document.services.get(k)).and_then(|s| s.rules.get(item));
                let rule = rule.ok_or_else(|| WaitingOn::Exists(Subject::LoadBalancer(service.clone())))?;
                let listener = self.listener_of(rule)?;
                let subject = Subject::Rules(listener);
                let rules = present(self.world, subject.clone())?;
                let wanted = format!("{service}/{item}");
                let live = find_rule(self.document, rules, &wanted);
                live.and_then(|r| r.str("ruleArn")).map(str::to_owned).ok_or(WaitingOn::Exists(subject))
            }
        }
    }

    fn load_balancer_arn(&self, item: &str) -> Found<String> {
        let name = self.document.load_balancer_named(item).unwrap_or(item);
        let subject = Subject::LoadBalancer(name.to_owned());
        text(present(self.world, subject.clone())?, "loadBalancerArn", subject)
    }

    fn listener_arn(&self, lb: &str, item: &str) -> Found<String> {
        let arn = self.load_balancer_arn(lb)?;
        let subject = Subject::Listeners(arn);
        let listeners = present(self.world, subject.clone())?;
        let lb =
            self.document.load_balancer_named(lb).and_then(|name| self.document.load_balancers.get(name));
        let live = lb.and_then(|lb| find_listener(self.document, lb, item, listeners.items()));
        live.and_then(|l| l.str("listenerArn")).map(str::to_owned).ok_or(WaitingOn::Exists(subject))
    }

    /// The ARN of the listener a rule stands on.
    pub fn listener_of(&self, rule: &Rule) -> Found<String> {
        if !refs::may_refer(&rule.listener) {
            return Ok(rule.listener.clone());
        }
        let listener = Tree::from(rule.listener.as_str());
        let (tree, waits) = self.resolve(&listener);
        match waits.into_iter().next() {
            Some(wait) => Err(wait),
            None => Ok(tree.as_str().unwrap_or_default().to_owned()),
        }
    }
}

fn text(tree: &Tree, member: &str, subject: Subject) -> Found<String> {
    tree.str(member).map(str::to_owned).ok_or(WaitingOn::Seen(subject))
}

/// The listener of that key among those of a load balancer: the one at its port, else ours of that key, whose
/// port somebody changed, in AWS or in the document. Made again beside it, it would be there twice.
pub(crate) fn find_listener<'t>(
    document: &Document,
    lb: &LoadBalancer,
    key: &str,
    live: &'t [Tree],
) -> Option<&'t Tree> {
    let port = lb.listeners.get(key)?.input.int("port");
    let declared = |port| lb.listeners.values().any(|l| l.input.int("port") == port);
    let item = format!("{}/{key}", lb.item);
    let moved = || live.iter().find(|l| is_ours(document, l, &item) && !declared(l.int("port")));
    live.iter().find(|l| l.int("port") == port).or_else(moved)
}

/// Our rule of that key among the rules of a listener.
pub(crate) fn find_rule<'t>(document: &Document, rules: &'t Tree, key: &str) -> Option<&'t Tree> {
    rules.items().iter().find(|rule| is_ours(document, rule, key))
}

/// All our rules among the rules of a listener, by key: of several with one key the one that [`find_rule`] finds.
pub(crate) fn ours<'t>(document: &Document, rules: &'t Tree) -> BTreeMap<&'t str, &'t Tree> {
    let ours = |r: &&Tree| ownership::tag(r, TAG_DOCUMENT) == Some(&document.name);
    let keyed = |r: &'t Tree| Some((ownership::tag(r, TAG_KEY)?, r));
    rules.items().iter().rev().filter(ours).filter_map(keyed).collect()
}

/// True where the tags of a rule or listener say that it is ours of that key.
pub(crate) fn is_ours(document: &Document, live: &Tree, key: &str) -> bool {
    ownership::tag(live, TAG_KEY) == Some(key) && ownership::tag(live, TAG_DOCUMENT) == Some(&document.name)
}
