//! Deleting what the document no longer has, in the reverse of the order in which it was made.
//!
//! A rule goes before the service it leads to, so that none is left that forwards to nobody; a target group
//! once no rule, listener or service holds it.

use std::collections::BTreeSet;

use evenkeel_model::Tree;
use evenkeel_model::document::Document;
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::memory::{Memory, Remembered};
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Seen, World};

use crate::deletions::{self, DAY, Verdict};
use crate::generations::name_in;
use crate::ownership::{TAG_DOCUMENT, TAG_KEY, tag};
use crate::refs::{find_rule, is_ours};
use crate::replacement::{groups_in, groups_of, services_in};
use crate::report::{Refusal, State, WaitingOn};
use crate::unit::Draft;
use crate::{Because, Input, Need, Planner, StepId, moves, rollout, scaling};

/// Of what is not deleted.
const GONE: &str = "the document no longer has it";

impl Planner<'_> {
    /// Units that the document no longer has.
    pub(crate) fn gone(&mut self) {
        let input = self.input;
        for (unit, memory) in &input.memory.0 {
            let ours = memory.document.as_ref() == Some(&input.document.name);
            // What moved to another document is that one's to say and do something about.
            let moved = || input.others.iter().any(|other| other.declares(unit));
            // A target group with another name in the document goes at the end of its replacement.
            let renamed = || matches!(unit, UnitKey::TargetGroup(name) if self.generations.has_old(name));
            let gone = !input.document.declares(unit) && !moved() && !renamed();
            if ours && *memory != Remembered::default() && gone {
                self.gone_unit(unit, memory);
            }
        }
    }

    fn gone_unit(&mut self, unit: &UnitKey, memory: &Remembered) {
        let input = self.input;
        let mut draft = Draft::new(input, unit.clone());
        draft.report.state = State::Undeclared;
        // Families have nothing to delete but their revisions, which go by a setting of their own.
        let subjects = deletions::subjects(unit, memory);
        if let Some(unseen) = subjects.iter().find(|s| input.world.seen(s).is_unknown()) {
            draft.wait(WaitingOn::Seen(unseen.clone()));
            return self.put_gone(draft);
        }
        let ours = |tree: &Tree| tag(tree, TAG_DOCUMENT) == Some(&input.document.name);
        let there = subjects.iter().filter_map(|s| Some((s, input.world.tree(s)?)));
        let there: Vec<(&Subject, &Tree)> = there.filter(|(_, tree)| ours(tree)).collect();
        if there.iter().any(|(_, tree)| tree.str("status") == Some("DRAINING")) {
            draft.wait(WaitingOn::Draining);
            return self.put_gone(draft);
        }
        let Some((_, tree)) = there.iter().find(|(_, tree)| deletions::is_there(tree)) else {
            return self.forget(unit, memory);
        };
        let Some(verdict) = self.deletions.of_unit(unit).cloned() else {
            draft.note(not_a_candidate(memory, tree));
            return self.put_gone(draft);
        };
        match verdict {
            Verdict::Off => draft.refuse(
                Refusal::new("delete: prune is off")
                    .or("set `prune` to `confirm` or `on`, or delete it by hand"),
            ),
            Verdict::Refused(refusal) => draft.refuse(refusal),
            Verdict::Waits(wait) => draft.wait(wait),
            Verdict::May if !draft.is_open() => {}
            Verdict::May if unit.service().is_some() && !self.may_end(&mut draft, tree) => {}
            Verdict::May => {
                there.iter().for_each(|(subject, tree)| delete(&mut draft, subject, tree, &self.deletions))
            }
        }
        self.put_gone(draft);
    }

    /// True where nobody is left unserved by the end of a service: where traffic is led to it, another one of the
    /// document has to serve first, or the traffic has to be elsewhere. Says what is missing.
    fn may_end(&self, draft: &mut Draft<'_>, live: &Tree) -> bool {
        let (document, world, generations) = (self.document(), self.world(), &*self.generations);
        for group in groups_of(live) {
            let (mut stays, mut leaves) = (false, false);
            let leads = |actions: &[Tree]| groups_in(actions).any(|(arn, weight)| arn == group && weight > 0);
            let besides =
                |actions: &[Tree]| groups_in(actions).any(|(arn, weight)| arn != group && weight > 0);
            moves::each_forward(document, world, generations, |declared, there| match declared {
                _ if !leads(there) || besides(there) => {}
                Some(declared) if leads(declared) => stays = true,
                _ => leaves = true,
            });
            let name = name_in(group).unwrap_or(group);
            if leaves {
                let by = || WaitingOn::Released {
                    what: format!("target group {name}"),
                    by: "the rules and listeners that are to lead elsewhere".into(),
                };
                draft.wait(self.rules.replacements.leaving(group).unwrap_or_else(by));
                return false;
            }
            let others = services_in(document, world, generations, group);
            let serves = |live: &Tree| {
                let (wanted, running) = (live.int("desiredCount"), live.int("runningCount"));
                rollout::under_way(live).is_none() && running >= wanted && groups_of(live).any(|g| g == group)
            };
            if let Some((key, _)) = others.iter().find(|(_, live)| !live.is_some_and(serves)) {
                draft.wait(WaitingOn::DependsOn(vec![key.to_string()]));
                return false;
            }
            if stays && others.is_empty() {
                let why = format!(
                    "delete: rules or listeners of the document lead to its target group {name} alone, in which \
                     no other service of the document is"
                );
                draft.refuse(Refusal::new(why).or("take them out of the document, or lead them elsewhere"));
                return false;
            }
        }
        true
    }

    fn put_gone(&mut self, draft: Draft<'_>) {
        let (key, unit, report) = draft.finish();
        if !unit.steps.is_empty() {
            self.planned.plan.units.insert(key.clone(), unit);
        }
        self.planned.report.units.insert(key, report);
    }

    /// What is not there, or not ours any longer, is not remembered either; what we deleted of it counts until
    /// the day is over.
    fn forget(&mut self, unit: &UnitKey, memory: &Remembered) {
        let input = self.input;
        if input.in_flight.contains(unit) {
            return;
        }
        let mut deleted = memory.deleted.clone();
        if let Some(intent) = &memory.intent
            && intent.steps.iter().any(|step| step.starts_with("delete-"))
        {
            deleted.entry(unit.to_string()).or_insert(intent.at);
        }
        deleted.retain(|_, at| *at + DAY > input.clock);
        let document = memory.document.clone().filter(|_| !deleted.is_empty());
        let left = Remembered { deleted, document, ..Remembered::default() };
        if left != *memory && !crate::observing(input) {
            self.planned.remember.insert(unit.clone(), left);
        }
    }
}

fn not_a_candidate(memory: &Remembered, tree: &Tree) -> String {
    match (deletions::item_key(memory), tag(tree, TAG_KEY)) {
        (Some(key), found) if found != Some(key) => {
            format!("{GONE}; it is left, because its tag {TAG_KEY} does not say \"{key}\"")
        }
        (None, _) => format!("{GONE}; it is left, because it is not remembered what it was"),
        _ => format!("{GONE}; it is kept, because it did not say \"deletion\": \"delete\""),
    }
}

/// Adds the step that deletes an item.
fn step<'s>(
    draft: &'s mut Draft<'_>,
    item: &str,
    id: String,
    subject: Subject,
    op: Op,
    input: Tree,
) -> &'s mut crate::Step {
    draft.unit.deletes.insert(StepId(id.clone()), item.to_owned());
    let about = id.split_once(' ').map_or("", |(_, about)| about);
    let why = Because::Reason(format!("{about}, which the document does not have"));
    draft.step(id, subject, op, input).because(why)
}

/// Adds the steps that delete a unit with all that belongs to it.
fn delete(draft: &mut Draft<'_>, subject: &Subject, tree: &Tree, deletions: &deletions::Deletions) {
    let unit = draft.key.clone();
    let arn = |member: &str| tree.str(member).unwrap_or_default().to_owned();
    let (op, input) = match &unit {
        UnitKey::Service(key) => return delete_service(draft, key, deletions),
        UnitKey::TaskDefinition(_) => return,
        UnitKey::TargetGroup(_) => {
            if let Some(wait) = holder(draft.input, subject, tree) {
                return draft.wait(wait);
            }
            (Op::Elbv2DeleteTargetGroup, Tree::map().with("targetGroupArn", arn("targetGroupArn")))
        }
        UnitKey::LoadBalancer(name) => {
            if !belongs_to_us(draft, name, &arn("loadBalancerArn"), None) {
                return;
            }
            (Op::Elbv2DeleteLoadBalancer, Tree::map().with("loadBalancerArn", arn("loadBalancerArn")))
        }
        UnitKey::Cluster(name) => {
            let counts = ["activeServicesCount", "runningTasksCount", "pendingTasksCount"];
            let busy = counts.iter().any(|m| tree.int(m).unwrap_or_default() > 0);
            if busy {
                return draft.wait(WaitingOn::Released {
                    what: subject.to_string(),
                    by: "its services and tasks".into(),
                });
            }
            (Op::EcsDeleteCluster, Tree::map().with("cluster", name.as_str()))
        }
        // Without force: a repository with images in it is not deleted by AWS.
        UnitKey::Repository(name) => {
            (Op::EcrDeleteRepository, Tree::map().with("repositoryName", name.as_str()))
        }
        UnitKey::LogGroup(name) => (Op::LogsDeleteLogGroup, Tree::map().with("logGroupName", name.as_str())),
    };
    let name = match subject {
        Subject::TargetGroup(name) => name.clone(),
        _ => unit.name(),
    };
    let id = format!("{} {name}", op.verb());
    step(draft, &unit.to_string(), id, subject.clone(), op, input);
}

/// What scales it, its rules, and then the service, whose tasks ECS drains. Deregistering the target takes its
/// policies and scheduled actions along.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html>
fn delete_service(draft: &mut Draft<'_>, key: &ServiceKey, deletions: &deletions::Deletions) {
    let mut before = Vec::new();
    let target = Subject::ScalableTarget(key.clone());
    match draft.world().seen(&target) {
        Seen::Unknown => return draft.wait(WaitingOn::Seen(target)),
        Seen::Present { .. } => before.push(deregister(draft, key)),
        Seen::Absent { .. } => {}
    }
    let rules: Vec<(String, String)> = {
        let stays = |(key, listener): &(&str, &str)| deletions.inherits(listener, key);
        let own = deletions::remembered_rules(draft.memory()).filter(|rule| !stays(rule));
        own.map(|(k, l)| (k.to_owned(), l.to_owned())).collect()
    };
    for (rule, listener) in rules {
        let Some(seen) = draft.seen(&Subject::Rules(listener.clone())) else {
            draft.unit.steps.clear();
            return;
        };
        if seen.tree().is_some_and(|rules| find_rule(draft.input.document, rules, &rule).is_some()) {
            before.extend(delete_rule(draft, &rule, &listener));
        }
    }
    let input = Tree::map()
        .with("cluster", key.cluster.as_str())
        .with("service", key.name.as_str())
        .with("force", true);
    let unit = draft.key.to_string();
    let id = format!("delete-service {}", key.name);
    step(draft, &unit, id, Subject::Service(key.clone()), Op::EcsDeleteService, input)
        .touches([
            Subject::ScalableTarget(key.clone()),
            Subject::Policies(key.clone()),
            Subject::ScheduledActions(key.clone()),
        ])
        .needs(before.into_iter().map(Need::Step));
}

fn deregister(draft: &mut Draft<'_>, key: &ServiceKey) -> StepId {
    let id = format!("deregister-scalable-target {}", key.name);
    let subject = Subject::ScalableTarget(key.clone());
    let op = Op::ScalingDeregisterScalableTarget;
    let step = step(draft, "scaling", id, subject, op, scaling::ids(key));
    step.touches([Subject::Policies(key.clone()), Subject::ScheduledActions(key.clone())]);
    step.id.clone()
}

fn delete_rule(draft: &mut Draft<'_>, key: &str, listener: &str) -> Option<StepId> {
    let subject = Subject::Rules(listener.to_owned());
    let rules = draft.world().tree(&subject)?;
    let rule = find_rule(draft.input.document, rules, key)?;
    let groups = target_groups(draft.input, rule);
    let input = Tree::map().with("ruleArn", rule.str("ruleArn")?);
    let step = step(
        draft,
        &format!("rule {key}"),
        format!("delete-rule {key}"),
        subject,
        Op::Elbv2DeleteRule,
        input,
    );
    Some(step.touches(groups).id.clone())
}

/// The target groups that a rule or listener forwards to.
fn target_groups(input: &Input<'_>, of: &Tree) -> Vec<Subject> {
    let text = of.to_json();
    let groups = input.world.iter().filter(|(s, _)| matches!(s, Subject::TargetGroup(_)));
    let named = groups.filter(|(_, seen)| {
        let arn = seen.tree().and_then(|t| t.str("targetGroupArn"));
        arn.is_some_and(|arn| text.contains(&format!("\"{arn}\"")))
    });
    named.map(|(subject, _)| subject.clone()).collect()
}

/// Who still holds a target group.
fn holder(input: &Input<'_>, group: &Subject, tree: &Tree) -> Option<WaitingOn> {
    let by = |by: String| Some(WaitingOn::Released { what: group.to_string(), by });
    if !tree.list_of("loadBalancerArns").is_empty() {
        return by("listeners and rules".into());
    }
    let arn = tree.str("targetGroupArn").unwrap_or_default();
    let uses = |service: &Tree| {
        let entries = service.list_of("loadBalancers").iter();
        let active = service.str("status") != Some("INACTIVE");
        active
            && entries.into_iter().any(|entry| {
                let other = entry.get("advancedConfiguration").and_then(|a| a.str("alternateTargetGroupArn"));
                entry.str("targetGroupArn") == Some(arn) || other == Some(arn)
            })
    };
    let services = input.world.iter().filter(|(s, _)| matches!(s, Subject::Service(_)));
    let mut users = services.filter(|(_, seen)| seen.tree().is_some_and(uses));
    users.next().and_then(|(subject, _)| by(subject.to_string()))
}

/// True where all listeners of a load balancer, or one of them, and all their rules are ours; says so where
/// they are not, or not all seen.
fn belongs_to_us(draft: &mut Draft<'_>, name: &str, arn: &str, only: Option<&str>) -> bool {
    let document = draft.input.document;
    let Some(listeners) = draft.seen(&Subject::Listeners(arn.to_owned())) else { return false };
    let ours = |tree: &Tree| tag(tree, TAG_DOCUMENT) == Some(&document.name);
    let live = listeners.tree().map(Tree::items).unwrap_or_default();
    for listener in live.iter().filter(|l| only.is_none_or(|only| l.str("listenerArn") == Some(only))) {
        let listener_arn = listener.str("listenerArn").unwrap_or_default();
        let Some(rules) = draft.seen(&Subject::Rules(listener_arn.to_owned())) else { return false };
        let foreign = rules.tree().map(Tree::items).unwrap_or_default().iter().any(|rule| !ours(rule));
        if foreign || !ours(listener) {
            let why = format!("delete: load balancer {name} has listeners or rules that are not ours");
            draft.refuse(Refusal::new(why).or("delete those first, or this by hand"));
            return false;
        }
    }
    true
}

/// Deletes what a unit has beside what the document declares of it, or says that it is there. What stays is
/// remembered on.
pub(crate) fn parts(draft: &mut Draft<'_>, deletions: &deletions::Deletions) {
    let unit = draft.key.clone();
    for (item, verdict) in deletions.of_parts(&unit) {
        draft.keeps_on(item);
        let told = format!("it has a {} that the document does not declare", words(item));
        match verdict {
            // Its scaling says that of itself.
            Verdict::Off if item == "scaling" => {}
            Verdict::Off => draft.note(told),
            Verdict::Refused(refusal) => draft.note(format!("{told}; {}", refusal.why)),
            Verdict::Waits(wait) => {
                draft.note(told);
                draft.wait(wait.clone());
            }
            Verdict::May if !draft.is_open() => {}
            Verdict::May => {
                draft.report.notes.retain(|note| note.0 != told);
                delete_part(draft, &unit, item);
            }
        }
    }
}

fn words(item: &str) -> String {
    if item == "scaling" { "scalable target".to_owned() } else { item.to_owned() }
}

fn delete_part(draft: &mut Draft<'_>, unit: &UnitKey, item: &str) {
    let named = |kind: &str| item.strip_prefix(kind).and_then(|rest| rest.strip_prefix(' '));
    if let Some(key) = named("rule") {
        let listener = draft.memory().applied.get(&deletions::listener_part(key)).and_then(Tree::as_str);
        if let Some(listener) = listener {
            delete_rule(draft, key, listener);
        }
        return;
    }
    match unit {
        UnitKey::Service(key) if item == "scaling" => {
            deregister(draft, key);
        }
        UnitKey::Service(key) => {
            let (subject, member, op, name) = match (named("policy"), named("scheduled action")) {
                (Some(name), _) => {
                    (Subject::Policies(key.clone()), "policyName", Op::ScalingDeleteScalingPolicy, name)
                }
                (_, Some(name)) => {
                    let subject = Subject::ScheduledActions(key.clone());
                    (subject, "scheduledActionName", Op::ScalingDeleteScheduledAction, name)
                }
                _ => return,
            };
            let input = scaling::ids(key).with(member, name);
            step(draft, item, format!("{} {name}", op.verb()), subject, op, input);
        }
        UnitKey::LoadBalancer(name) => {
            if let Some(key) = named("listener") {
                delete_listener(draft, name, key);
            }
        }
        _ => {}
    }
}

fn delete_listener(draft: &mut Draft<'_>, name: &str, key: &str) {
    let document = draft.input.document;
    let Some(declared) = document.load_balancers.get(name) else { return };
    let balancer = draft.world().tree(&Subject::LoadBalancer(name.to_owned()));
    let Some(arn) = balancer.and_then(|t| t.str("loadBalancerArn")) else { return };
    let subject = Subject::Listeners(arn.to_owned());
    let live = draft.world().tree(&subject).map(Tree::items).unwrap_or_default();
    let item = format!("{}/{key}", declared.item);
    let Some(listener) = live.iter().find(|l| is_ours(document, l, &item)) else { return };
    let listener_arn = listener.str("listenerArn").unwrap_or_default();
    if !belongs_to_us(draft, name, arn, Some(listener_arn)) {
        return;
    }
    let groups = target_groups(draft.input, listener);
    let input = Tree::map().with("listenerArn", listener_arn);
    let id = format!("delete-listener {key}");
    step(draft, &format!("listener {key}"), id, subject, Op::Elbv2DeleteListener, input).touches(groups);
}

/// What has to be seen to know what became of what the document no longer has.
pub(crate) fn needs(document: &Document, world: &World, memory: &Memory, all: &mut BTreeSet<Subject>) {
    for (unit, remembered) in &memory.0 {
        if remembered.document.as_ref() != Some(&document.name) || *remembered == Remembered::default() {
            continue;
        }
        let gone = !document.declares(unit);
        if gone {
            all.extend(deletions::subjects(unit, remembered));
        }
        match unit {
            UnitKey::Service(key) if gone => {
                all.insert(Subject::ScalableTarget(key.clone()));
            }
            UnitKey::LoadBalancer(name) if gone && remembered.deletes => {
                let tree = world.tree(&Subject::LoadBalancer(name.clone()));
                let Some(arn) = tree.and_then(|t| t.str("loadBalancerArn")) else { continue };
                let listeners = Subject::Listeners(arn.to_owned());
                let live = world.tree(&listeners).map(Tree::items).unwrap_or_default();
                all.extend(
                    live.iter().filter_map(|l| l.str("listenerArn")).map(|l| Subject::Rules(l.to_owned())),
                );
                all.insert(listeners);
            }
            UnitKey::LoadBalancer(name) => {
                // Rules that others put on a listener that goes are theirs.
                let declared = document.load_balancers.get(name);
                let tree = world.tree(&Subject::LoadBalancer(name.clone()));
                let arn = tree.and_then(|t| t.str("loadBalancerArn")).unwrap_or_default();
                let live =
                    world.tree(&Subject::Listeners(arn.to_owned())).map(Tree::items).unwrap_or_default();
                let undeclared = |l: &&Tree| {
                    let key = tag(l, TAG_KEY).and_then(|key| key.rsplit_once('/')).map(|(_, key)| key);
                    let of_us = tag(l, TAG_DOCUMENT) == Some(&document.name);
                    of_us && key.is_some_and(|key| declared.is_some_and(|lb| !lb.listeners.contains_key(key)))
                };
                let arns = live.iter().filter(undeclared).filter_map(|l| l.str("listenerArn"));
                all.extend(arns.map(|l| Subject::Rules(l.to_owned())));
            }
            _ => {}
        }
        let rules = deletions::remembered_rules(remembered);
        all.extend(rules.map(|(_, listener)| Subject::Rules(listener.to_owned())));
    }
}
