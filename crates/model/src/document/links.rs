//! What of a document names what else of it.

use super::refs::{self, Malformed, Ref};
use super::{Document, semantics};
use crate::diagnostic::Diagnostic;
use crate::key::ServiceKey;
use crate::path::Path;
use crate::tree::{Tree, is_masked};

/// A reference: the service inside which it stands, where, and what it names.
pub(super) type Found<'f> = &'f mut dyn FnMut(Option<&ServiceKey>, &Path, Result<Ref, Malformed>);

/// All references of a document that are resolved.
pub(super) fn each(document: &Document, found: Found<'_>) {
    let mut look = |service: Option<&ServiceKey>, at: &dyn Fn() -> Path, tree: &Tree| {
        refs::find(tree, &mut |path, reference| found(service, &at().join(path), reference));
    };
    for (key, service) in &document.services {
        let at = || Path::of(["services", &service.item]);
        look(Some(key), &|| at().child("taskDefinition"), &service.task_definition);
        look(Some(key), &|| at().child("service"), &service.input);
        for (name, rule) in &service.rules {
            let at = || at().child("listenerRules").child(name);
            look(Some(key), &|| at().child("listenerArn"), &Tree::from(rule.listener.as_str()));
            look(Some(key), &at, &rule.input);
        }
        for (name, policy) in service.scaling.iter().flat_map(|s| &s.policies) {
            look(Some(key), &|| at().child("scaling").child("policies").child(name), policy);
        }
    }
    for lb in document.load_balancers.values() {
        for (name, listener) in &lb.listeners {
            let at = || Path::of(["loadBalancers", &lb.item, "listeners", name]);
            look(None, &at, &listener.input);
            for (name, rule) in &listener.rules {
                look(None, &|| at().child("rules").child(name), &rule.input);
            }
        }
    }
    for (family, tree) in &document.task_definitions {
        look(None, &|| document.items.place("taskDefinitions", family), tree);
    }
}

/// References to what the document does not have, and those that nothing resolves.
pub(super) fn check(document: &Document, out: &mut Vec<Diagnostic>) {
    each(document, &mut |service, here, reference| {
        match reference {
        Ok(reference) if document.has(service, &reference) => {}
        Ok(reference) => {
            let what = if is_masked(here) { "this reference".to_owned() } else { format!("`{reference}`") };
            let message = format!("{what} names nothing in this document");
            let found = Diagnostic::error("dangling-reference", here.clone(), message);
            out.push(match document.nearest(service, &reference) {
                Some(near) => found.with_hint(format!("did you mean `{near}`?")),
                None => found,
            });
        }
        Err(Malformed(_)) => out.push(
            Diagnostic::error("bad-reference", here.clone(), "this has not the form of a reference")
                .with_hint("`${targetGroup:NAME}`, `${loadBalancer:NAME}`, `${listener:LOAD-BALANCER/NAME}`, `${listenerRule:SERVICE/NAME}`, `${repository:NAME}`"),
        ),
    }
    });
    misplaced(document, out);
}

/// References where nothing resolves them.
fn misplaced(document: &Document, out: &mut Vec<Diagnostic>) {
    let mut look = |at: &dyn Fn() -> Path, tree: &Tree| {
        refs::find(tree, &mut |path, _| {
            let message = "a reference cannot stand here";
            out.push(Diagnostic::error("misplaced-reference", at().join(path), message));
        });
    };
    for (section, items) in [
        ("clusters", &document.clusters),
        ("repositories", &document.repositories),
        ("logGroups", &document.log_groups),
    ] {
        for (name, tree) in items {
            look(&|| document.items.place(section, name), tree);
        }
    }
    for group in document.target_groups.values() {
        look(&|| semantics::place_of_target_group(document, group), &group.input);
    }
    for lb in document.load_balancers.values() {
        look(&|| Path::of(["loadBalancers", &lb.item]), &lb.input);
    }
    for service in document.services.values() {
        let at = || Path::of(["services", &service.item, "scaling"]);
        if let Some(scaling) = &service.scaling {
            look(&at, &scaling.target);
            for (name, action) in &scaling.scheduled_actions {
                look(&|| at().child("scheduledActions").child(name), action);
            }
        }
    }
}
