//! What AWS would refuse only after half the work is done, told before anything is begun.
//!
//! What the facts about AWS say is refused is an error; what is known only from use, or merely unwise, is
//! a warning. A value that is still open (a reference, an unrendered template) is not judged.

mod attributes;
mod balancing;
mod containers;
mod fargate;
mod names;
mod scaling;
mod schedule;
mod service;
mod task_definition;

use super::{Document, TargetGroup};
use crate::diagnostic::Diagnostic;
use crate::path::{Path, Trail};
use crate::text::looks_like_template;
use crate::tree::Tree;

/// Where findings go, and the part of the document they are about: made into a path where something is found.
struct Place<'o> {
    out: &'o mut Vec<Diagnostic>,
    at: Trail<'o>,
}

impl<'o> Place<'o> {
    fn new(out: &'o mut Vec<Diagnostic>, at: Trail<'o>) -> Self {
        Place { out, at }
    }

    /// The same findings, for a member of this part.
    fn member<'p>(&'p mut self, name: &'p str) -> Place<'p> {
        Place { at: self.at.member(name), out: self.out }
    }

    /// The same, for what stands under a name in a section of this part.
    fn item<'p>(&'p mut self, section: &'p str, name: &'p str) -> Place<'p> {
        Place { at: self.at.item(section, name), out: self.out }
    }

    /// The same, for an element of this part.
    fn element(&mut self, index: usize) -> Place<'_> {
        Place { at: self.at.element(index), out: self.out }
    }

    /// The same, for an element of a list of this part.
    fn element_of<'p>(&'p mut self, list: &'p str, index: usize) -> Place<'p> {
        Place { at: self.at.element_of(list, index), out: self.out }
    }

    /// The path of what `pointer` names here: members and indexes between slashes.
    fn path(&self, pointer: &str) -> Path {
        let mut path = self.at.path();
        pointer.split('/').filter(|s| !s.is_empty()).for_each(|s| path.push(s));
        path
    }

    fn push(&mut self, diagnostic: Diagnostic) -> Said<'_> {
        self.out.push(diagnostic);
        Said(self.out.last_mut())
    }

    fn error(&mut self, code: &'static str, pointer: &str, message: impl Into<String>) -> Said<'_> {
        let diagnostic = Diagnostic::error(code, self.path(pointer), message);
        self.push(diagnostic)
    }

    fn warning(&mut self, code: &'static str, pointer: &str, message: impl Into<String>) -> Said<'_> {
        let diagnostic = Diagnostic::warning(code, self.path(pointer), message);
        self.push(diagnostic)
    }

    fn missing(&mut self, pointer: &str, name: &str, why: &str) {
        let message = format!("`{name}` is required{why}");
        self.error("missing-required", pointer, message).at_key();
    }
}

/// What was just said, to be said more precisely.
struct Said<'d>(Option<&'d mut Diagnostic>);

impl Said<'_> {
    /// It is about the key.
    fn at_key(mut self) -> Self {
        if let Said(Some(d)) = &mut self {
            d.key = true;
        }
        self
    }

    /// What to do about it.
    fn hint(self, hint: impl Into<String>) {
        if let Said(Some(d)) = self {
            d.hint = Some(hint.into());
        }
    }
}

/// True for text whose value is not known yet: it holds a reference or looks like a template.
fn is_open(text: &str) -> bool {
    text.contains("${") || looks_like_template(text)
}

/// The text of a member, unless it is still open.
fn settled<'t>(tree: &'t Tree, member: &str) -> Option<&'t str> {
    tree.str(member).filter(|text| !is_open(text))
}

/// Checks what shapes alone cannot tell.
pub(super) fn check(document: &Document, out: &mut Vec<Diagnostic>) {
    names::top(document, out);
    let home = names::Home { account: &document.account, region: &document.region };
    for (key, service) in &document.services {
        let mut place = Place::new(out, Trail::ROOT.item("services", &service.item));
        names::name(&key.name, 255, "a service name", &mut place);
        let fargate = service::runs_on_fargate(&service.input);
        // A family that nobody gave is the service's key, of which this is told above.
        if service.task_definition.str("family") != Some(&service.item) {
            names::family(&service.task_definition, &mut place.member("taskDefinition"));
        }
        task_definition::check(&service.task_definition, fargate, &mut place.member("taskDefinition"));
        names::arns(&service.task_definition, &home, &mut place.member("taskDefinition"));
        service::check(document, key, service, &mut place.member("service"));
        names::arns(&service.input, &home, &mut place.member("service"));
        for (name, rule) in &service.rules {
            let mut place = place.item("listenerRules", name);
            balancing::rule(rule, &mut place);
            names::arns(&rule.input, &home, &mut place);
            names::arn("listenerArn", &rule.listener, &home, &mut place);
        }
        if let Some(scaling) = &service.scaling {
            scaling::check(scaling, &service.input, &mut place);
        }
    }
    for (family, tree) in &document.task_definitions {
        let at = document.items.place("taskDefinitions", family);
        let mut place = Place::new(out, Trail::ROOT.follow(&at));
        names::family(tree, &mut place);
        task_definition::check(tree, false, &mut place);
        names::arns(tree, &home, &mut place);
    }
    for (name, group) in &document.target_groups {
        let service = group.service.as_ref().and_then(|key| document.services.get(key));
        let around = service.map_or(Trail::ROOT, |s| Trail::ROOT.item("services", &s.item));
        let mut place = Place::new(out, around.item("targetGroups", &group.item));
        names::balancer_name(name, "a target group's name", &mut place);
        balancing::target_group(group, &mut place);
        attributes::check(group, &mut place);
    }
    for (name, lb) in &document.load_balancers {
        let mut place = Place::new(out, Trail::ROOT.item("loadBalancers", &lb.item));
        names::balancer_name(name, "a load balancer's name", &mut place);
        names::arns(&lb.input, &home, &mut place);
        balancing::load_balancer(lb, &home, &mut place);
    }
    balancing::priorities(document, out);
    names::others(document, out);
}

/// Where a target group stands in the document.
pub(super) fn place_of_target_group(document: &Document, group: &TargetGroup) -> Path {
    match group.service.as_ref().and_then(|key| document.services.get(key)) {
        Some(service) => Path::of(["services", &service.item, "targetGroups", &group.item]),
        None => Path::of(["targetGroups", &group.item]),
    }
}
