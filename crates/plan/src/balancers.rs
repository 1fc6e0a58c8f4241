//! Load balancers with their listeners and the listeners' own rules.

use std::borrow::Cow;

use evenkeel_diff::{Kind, clearing, default_at, fill, lift, rules as diff_rules};
use evenkeel_model::Tree;
use evenkeel_model::document::{Listener, LoadBalancer};
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::adoption::Resource;
use crate::ownership;
use crate::refs::{self, Lookup};
use crate::report::{Drift, Refusal};
use crate::shifts::Hands;
use crate::tagging::Tagging;
use crate::unit::Draft;
use crate::{Because, Need, Planner, StepId, dotted, prune, rules};

/// What ModifyListener takes. Source: the API reference.
const MODIFIABLE: [&str; 7] =
    ["port", "protocol", "sslPolicy", "certificates", "defaultActions", "alpnPolicy", "mutualAuthentication"];

impl Planner<'_> {
    pub(crate) fn load_balancers(&mut self) {
        for (name, lb) in &self.document().load_balancers {
            let mut draft = Draft::new(self.input, UnitKey::LoadBalancer(name.clone()));
            let subject = Subject::LoadBalancer(name.clone());
            draft.applies("loadBalancer", &lb.input);
            match draft.seen(&subject) {
                None => {}
                Some(Seen::Present { tree, .. }) => self.keep_balancer(&mut draft, name, lb, &subject, tree),
                Some(_) => self.create_balancer(&mut draft, name, lb, &subject),
            }
            let (key, unit, report) = draft.finish();
            self.put(key, unit, report);
        }
    }

    pub(crate) fn lookup(&self) -> Lookup<'_> {
        let (document, world) = (self.document(), self.world());
        Lookup { document, world, generations: &self.generations, service: None }
    }

    /// A listener's input with the target groups beside each other that replace one another.
    fn staged(&self, input: Tree, there: &[Tree]) -> Tree {
        match self.rules.replacements.actions(input.list_of("defaultActions"), there) {
            Some(actions) => input.with("defaultActions", actions),
            None => input,
        }
    }

    fn create_balancer(&self, draft: &mut Draft<'_>, name: &str, lb: &LoadBalancer, subject: &Subject) {
        if !draft.missing("loadBalancer") {
            return;
        }
        let tags = ownership::wanted(self.document(), &lb.input, &lb.item);
        draft.applies_texts("tags", &tags);
        let input = lb.input.clone().with("tags", ownership::list(&tags));
        let step = draft.step(
            format!("create-load-balancer {name}"),
            subject.clone(),
            Op::Elbv2CreateLoadBalancer,
            input,
        );
        step.because(Because::Missing);
        let created = step.id.clone();
        for (key, listener) in &lb.listeners {
            self.create_listener(draft, name, lb, key, listener, Place::Created(&created));
        }
    }

    fn create_listener(
        &self,
        draft: &mut Draft<'_>,
        name: &str,
        lb: &LoadBalancer,
        key: &str,
        listener: &Listener,
        place: Place<'_>,
    ) {
        let lookup = self.lookup();
        let (input, waits) = lookup.resolve(&listener.input);
        let input = self.staged(input.into_owned(), &[]);
        let item = format!("{}/{key}", lb.item);
        let tags = ownership::wanted(self.document(), &listener.input, &item);
        draft.applies(&format!("listener {key}"), &lift::declared(Kind::Listener, input.clone()));
        let input = input.with("tags", ownership::list(&tags));
        let tag_part = format!("tags {item}");
        let part = format!("listener {key}");
        let by_load_balancer = matches!(place, Place::Created(_));
        // The listeners of a load balancer that is gone are gone with it.
        if !by_load_balancer && !draft.missing(&part) {
            return;
        }
        draft.makes(&part);
        draft.applies_texts(&tag_part, &tags);
        let touched = rules::groups(lookup, &listener.input);
        let subject = match place {
            Place::Created(_) => Subject::LoadBalancer(name.to_owned()),
            Place::At(arn) => Subject::Listeners(arn.to_owned()),
        };
        let step = draft.step(format!("create-listener {key}"), subject, Op::Elbv2CreateListener, input);
        step.because(Because::Missing).touches(touched).needs(waits.into_iter().map(Need::Observed));
        match place {
            Place::Created(id) => {
                step.fill("loadBalancerArn", id, "loadBalancers/0/loadBalancerArn");
            }
            Place::At(arn) => step.action.input.set("loadBalancerArn", Tree::from(arn)),
        }
    }

    fn keep_balancer(
        &self,
        draft: &mut Draft<'_>,
        name: &str,
        lb: &LoadBalancer,
        subject: &Subject,
        tree: &Tree,
    ) {
        let arn = tree.str("loadBalancerArn").unwrap_or_default().to_owned();
        let live_tags = ownership::tags(tree);
        let resource = Resource {
            what: &|| format!("load balancer {name}"),
            tagging: Tagging::Elbv2,
            subject,
            arn: &arn,
            label: "",
            item: &lb.item,
            part: "loadBalancer",
            adopt: self.document().adopt(&draft.key),
            tags: &live_tags,
        };
        let Some(claimed) = draft.claim(&resource) else { return };
        self.balancer_fields(draft, name, lb, subject, tree, &arn);
        if claimed.adopting() {
            // Its listeners have tags of their own, and their turn once it is ours.
            draft.take_over(&resource, claimed);
            return;
        }
        let listeners = Subject::Listeners(arn.clone());
        let live = match draft.seen(&listeners) {
            Some(Seen::Present { tree, .. }) => tree.items(),
            Some(_) => &[],
            None => return,
        };
        for (key, listener) in &lb.listeners {
            match refs::find_listener(self.document(), lb, key, live) {
                None => self.create_listener(draft, name, lb, key, listener, Place::At(&arn)),
                Some(found) => self.keep_listener(draft, lb, key, listener, &listeners, found),
            }
        }
        prune::parts(draft, &self.deletions);
        let tags = ownership::wanted(self.document(), &lb.input, &lb.item);
        Tagging::Elbv2.steps(draft, subject, &arn, "", &tags, &live_tags);
    }

    fn balancer_fields(
        &self,
        draft: &mut Draft<'_>,
        name: &str,
        lb: &LoadBalancer,
        subject: &Subject,
        tree: &Tree,
        arn: &str,
    ) {
        let mut want = lb.input.clone();
        // Mappings come back as plain subnets.
        if let Some(mappings) = want.take("subnetMappings") {
            let subnets = mappings.items().iter().filter_map(|m| m.get("subnetId").cloned());
            want.set("subnets", Tree::list(subnets));
        }
        let live = lift::described(Kind::LoadBalancer, tree.clone());
        let want = draft.with_baseline("loadBalancer", Kind::LoadBalancer, &want, &live).into_owned();
        let drifts = draft.drifts("loadBalancer", Kind::LoadBalancer, &want, &live);
        let of = |d: &Drift, member: &str| d.path.segments().next() == Some(member);
        let (subnets, rest): (Vec<Drift>, Vec<Drift>) = drifts.into_iter().partition(|d| of(d, "subnets"));
        let (groups, rest): (Vec<Drift>, Vec<Drift>) =
            rest.into_iter().partition(|d| of(d, "securityGroups"));
        for drift in rest {
            let fixed = diff_rules::immutable(Kind::LoadBalancer).any(|m| of(&drift, m));
            let way_out = if fixed {
                "declare a load balancer of another name"
            } else {
                "change it in AWS: this version does not"
            };
            let why = format!("`{}` of load balancer {name} cannot be changed", dotted(&drift.path));
            draft.cannot(drift, Refusal::new(why).or(way_out));
        }
        for (verb, member, op, drifts) in [
            ("set-subnets", "subnets", Op::Elbv2SetSubnets, subnets),
            ("set-security-groups", "securityGroups", Op::Elbv2SetSecurityGroups, groups),
        ] {
            let acted = draft.accept(drifts);
            if acted.is_empty() {
                continue;
            }
            let mut input = Tree::map().with("loadBalancerArn", arn);
            match lb.input.get("subnetMappings").filter(|_| member == "subnets") {
                Some(mappings) => input.set("subnetMappings", mappings.clone()),
                None => input.set(member, want.get(member).cloned().unwrap_or_else(|| Tree::list([]))),
            }
            draft.step(format!("{verb} {name}"), subject.clone(), op, input).because_of(acted);
        }
    }

    fn keep_listener(
        &self,
        draft: &mut Draft<'_>,
        lb: &LoadBalancer,
        key: &str,
        listener: &Listener,
        subject: &Subject,
        live: &Tree,
    ) {
        let arn = live.str("listenerArn").unwrap_or_default().to_owned();
        let item = format!("{}/{key}", lb.item);
        let live_tags = ownership::tags(live);
        let part = format!("listener {key}");
        let resource = Resource {
            what: &|| format!("listener {key} (port {})", live.int("port").unwrap_or_default()),
            tagging: Tagging::Elbv2,
            subject,
            arn: &arn,
            label: &item,
            item: &item,
            part: &part,
            adopt: listener.adopt.as_ref().unwrap_or_else(|| self.document().adopt(&draft.key)),
            tags: &live_tags,
        };
        let Some(claimed) = draft.claim(&resource) else { return };
        let adopting = claimed.adopting();
        self.keep_our_listener(draft, listener, live, &resource);
        draft.take_over(&resource, claimed);
        if !adopting {
            rules::steps(draft, self.lookup(), &self.rules, &listener.rules, &item);
        }
    }

    fn keep_our_listener(
        &self,
        draft: &mut Draft<'_>,
        listener: &Listener,
        live: &Tree,
        resource: &Resource<'_>,
    ) {
        let lookup = self.lookup();
        let Resource { subject, arn, item, part, tags: live_tags, .. } = *resource;
        let key = item.rsplit('/').next().unwrap_or_default();
        let (input, waits) = lookup.resolve(&listener.input);
        let input = input.into_owned();
        if !waits.is_empty() {
            rules::wait_all(draft, waits);
            return;
        }
        if let Some(wait) = self.rules.replacements.moving(input.list_of("defaultActions")) {
            draft.wait(wait);
        }
        let input = self.staged(input, live.list_of("defaultActions"));
        let lifted = lift::declared(Kind::Listener, input.clone());
        draft.applies(part, &lifted);
        let live = lift::described(Kind::Listener, live.clone());
        let hands = self.rules.shifts.hands(self.world(), &[&format!("${{listener:{item}}}"), arn]);
        let mut want = match hands {
            Hands::Document => draft.with_baseline(part, Kind::Listener, &lifted, &live).into_owned(),
            // What stands there is ECS's, and not how it came to us.
            _ => lifted.clone(),
        };
        // As it is written, where it need not carry what was there.
        let input = if want == lifted { input } else { want.clone() };
        let (traffic, rest) = rules::differences(draft, &hands, Kind::Listener, part, &mut want, &live);
        let acted = draft.accept([traffic, rest].concat());
        if !acted.is_empty() {
            let input = match draft.carry_left(part, Kind::Listener, Cow::Borrowed(&want)) {
                Cow::Owned(carried) => carried,
                Cow::Borrowed(_) => input,
            };
            let filled = fill(Kind::Listener, &input);
            let mut change = Tree::map().with("listenerArn", arn);
            for member in MODIFIABLE {
                let differs = acted.iter().any(|d| d.path.segments().next() == Some(member));
                if differs {
                    let settled = want.get(member).filter(|_| member == "defaultActions");
                    let value = settled.or_else(|| input.get(member)).or_else(|| filled.get(member)).cloned();
                    // What is not sent stays as it is, so off is said.
                    let off = || clearing(Kind::Listener, member).value();
                    let value = value.or_else(off).or_else(|| default_at(Kind::Listener, &input, member));
                    if let Some(value) = value {
                        change.set(member, value);
                    }
                }
            }
            let mut touched = rules::groups(lookup, &listener.input);
            touched.extend(self.rules.replacements.beside(&touched));
            draft
                .step(format!("modify-listener {key}"), subject.clone(), Op::Elbv2ModifyListener, change)
                .because_of(acted)
                .touches(touched);
        }
        let tags = ownership::wanted(self.document(), &listener.input, item);
        Tagging::Elbv2.steps(draft, subject, arn, item, &tags, live_tags);
    }
}

/// Where a new listener goes.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// On the load balancer that this step creates.
    Created(&'a StepId),
    /// On the load balancer with this ARN.
    At(&'a str),
}
