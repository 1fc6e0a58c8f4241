//! What a service that exists is sent: UpdateService with whole members, and only those that differ.

use std::borrow::Cow;

use evenkeel_diff::{Clearing, Kind, clearing, compare_described, fill, put};
use evenkeel_model::Tree;
use evenkeel_model::key::{ServiceKey, Subject, short_name};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{EXPECTATION, Seen};

use crate::generations::name_in;
use crate::hold::Differences;
use crate::recreation::is_fixed;
use crate::refs::Lookup;
use crate::replacement::groups_of;
use crate::report::{Drift, Owner, Refusal, WaitingOn};
use crate::service::{Chosen, Wanted, attached, deploys};
use crate::unit::Draft;
use crate::{Because, Planner, dotted, rollout, rules as listener_rules, task_definition};

fn member(drift: &Drift) -> &str {
    drift.path.segments().next().unwrap_or_default()
}

/// True where a service is to be in the target group of that name.
fn is_in(input: &Tree, name: &str) -> bool {
    groups_of(input).any(|arn| name_in(arn) == Some(name))
}

/// Why what differs cannot be put right: the document has it no longer, and no call takes it away.
fn lasting(want: &Tree, drift: &Drift) -> Option<&'static str> {
    match clearing(Kind::Service, member(drift)) {
        Clearing::CannotBeCleared(why) if want.get(member(drift)).is_none() => Some(why),
        _ => None,
    }
}

impl Planner<'_> {
    /// Adds the steps that bring a service's revision and fields to what is wanted.
    pub(crate) fn update(
        &mut self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        lookup: Lookup<'_>,
        live: &Tree,
    ) {
        let key = wanted.key;
        let full = draft.with_baseline("service", Kind::Service, &wanted.input, live);
        let input = draft.carry(&Path::of(["service"]), Kind::Service, &full, live);
        let mut drifts = draft.drifts("service", Kind::Service, &input, live);
        draft.applies("service", &wanted.input);
        drifts.extend(self.desired_count(draft, wanted, live));
        // AWS has refused a grace period in the call that brings the first load balancer.
        let first_balancer =
            live.list_of("loadBalancers").is_empty() && drifts.iter().any(|d| member(d) == "loadBalancers");
        if first_balancer {
            drifts.retain(|d| member(d) != "healthCheckGracePeriodSeconds");
        }

        let fixed = |d: &Drift| is_fixed(member(d));
        let (immutable, mut mutable): (Vec<Drift>, Vec<Drift>) = drifts.into_iter().partition(fixed);
        for drift in immutable {
            let why = format!("`{}` of a service cannot be changed", dotted(&drift.path));
            draft.cannot(drift, Refusal::new(why).or(self.how_to_recreate(wanted)));
        }
        mutable.retain(|drift| match lasting(&input, drift) {
            Some(why) => {
                let what = format!("`{}` of a service cannot be taken away: {why}", member(drift));
                draft.cannot(drift.clone(), Refusal::new(what).or("declare it as it is in AWS"));
                false
            }
            None => true,
        });

        let current = live.str("taskDefinition");
        let Some((task, task_drift)) = self.task_drift(draft, wanted, current) else { return };
        let mut differences = Differences { task, task_drift, input, drift: mutable };
        let forcing = self.settle(draft, wanted, live, &mut differences);
        let Differences { task, task_drift, input, drift } = differences;
        let task_drift = draft.accept(task_drift);
        let service_drift = draft.accept(drift);
        let input = draft.carry_left("service", Kind::Service, input);
        let task = draft.carry_left("taskDefinition", Kind::TaskDefinition, task);

        let mut because: Vec<Because> = Vec::new();
        let (mut chosen, mut goes_back) = (None, false);
        if !task_drift.is_empty() {
            let fields: Vec<Because> = task_drift.iter().cloned().map(Because::Field).collect();
            let (task, input) = (task.clone(), Cow::Owned(Tree::Null));
            let carried = Wanted { task, input, waits: Vec::new(), ..*wanted };
            let Some(found) = self.choose(draft, &carried, current, fields) else { return };
            let to = match &found {
                Chosen::Revision(arn) => short_name(arn).to_owned(),
                Chosen::Registered(id) => format!("({id})"),
            };
            let from = short_name(current.unwrap_or("none"));
            because.push(Because::Reason(format!("taskDefinition {from} -> {to}")));
            goes_back = matches!(&found, Chosen::Revision(arn) if rollout::goes_back(live, arn));
            chosen = Some(found);
        } else if draft.report.drift.iter().all(|d| d.part != "taskDefinition") {
            draft.unit.task_definition = current.map(str::to_owned);
        }
        because.extend(forcing.reasons.iter().cloned().map(Because::Reason));
        let registered = draft.unit.steps.len();
        // A rule belongs to whom its own tag says; those of a service that is not ours yet come later.
        let rules = match draft.judging.is_some() {
            true => Vec::new(),
            false => {
                listener_rules::steps(draft, lookup, &self.rules, &wanted.service.rules, &wanted.service.item)
            }
        };
        if service_drift.is_empty() && because.is_empty() {
            return;
        }

        let mut sent = update_members(&input, live, &service_drift);
        let forced = !forcing.reasons.is_empty() || sent.get("capacityProviderStrategy").is_some();
        let deployed = chosen.is_some() || forced || sent.entries().any(|(m, _)| deploys(m));
        let balanced = sent.get("loadBalancers").is_some();
        sent.set("cluster", Tree::from(key.cluster.as_str()));
        sent.set("service", Tree::from(key.name.as_str()));
        if forced {
            sent.set("forceNewDeployment", Tree::Bool(true));
        }
        // Absent, it would be taken for NONE.
        if sent.get("propagateTags").is_none()
            && let Some(value) = input.get("propagateTags")
        {
            sent.set("propagateTags", value.clone());
        }
        let mut needs =
            if balanced { attached(draft, lookup, &wanted.service.input, &rules) } else { Vec::new() };
        // Where its containers change first, it is in the old group for now.
        needs.retain(|need| match need {
            crate::Need::Observed(WaitingOn::Attached(name)) => is_in(&wanted.input, name),
            _ => true,
        });
        // A service without a task waits for nobody's rollout, and everybody else for its. So does one that goes
        // back to what still runs.
        let is_urgent = goes_back || live.int("runningCount") == Some(0);
        if deployed && is_urgent && !draft.stands_still() {
            self.rolling().insert(key.clone());
        } else if deployed {
            let by_document = task_drift.iter().chain(&service_drift).any(|d| d.owner == Owner::Document)
                || !forcing.reasons.is_empty();
            if by_document {
                needs.extend(self.dependencies(wanted.service).map(crate::Need::Observed));
            }
            let waits = |n: &crate::Need| matches!(n, crate::Need::Observed(_));
            let blocked = draft.stands_still() || needs.iter().any(waits);
            needs.extend(self.turn(key, blocked, by_document));
        }
        if deployed {
            draft.unit.deployment_key = Some(forcing.key(wanted, &task, &input));
        }
        because.splice(0..0, service_drift.into_iter().map(Because::Field));
        // Nothing is registered for a service whose turn it is not yet.
        let observed: Vec<_> =
            needs.iter().filter(|n| matches!(n, crate::Need::Observed(_))).cloned().collect();
        for step in draft.unit.steps.iter_mut().take(registered) {
            step.needs(observed.clone());
        }
        let subject = Subject::Service(key.clone());
        let step = draft.step(format!("update-service {}", key.name), subject, Op::EcsUpdateService, sent);
        step.because = because;
        step.needs(needs);
        if let Some(chosen) = chosen {
            chosen.into_input(step, "taskDefinition");
        }
    }

    /// True where the service's newest deployment began a short while ago, so that readings of what it uses
    /// may be from before it.
    fn is_young(&self, key: &ServiceKey) -> bool {
        let service = self.world().tree(&Subject::Service(key.clone()));
        let deployments = service.map(|s| s.list_of("deployments")).unwrap_or_default().iter();
        let begun = deployments.filter_map(|d| d.get("createdAt")?.as_num()).fold(0.0, f64::max);
        self.input.clock as f64 - begun < EXPECTATION.as_secs_f64()
    }

    /// True where a subject was looked at since the numbers of another have been what they are.
    fn looked_after(&self, subject: &Subject, other: &Subject) -> bool {
        let world = self.world();
        let times = world.seen(subject).seen_at().zip(world.seen(other).seen_at());
        times.is_some_and(|(looked, last)| last.since(looked) <= world.steady_for(other))
    }

    /// What the task definition is to be, and its differences from the service's revision; `None` where that
    /// has not been seen.
    fn task_drift<'w>(
        &self,
        draft: &mut Draft<'_>,
        wanted: &'w Wanted<'_>,
        current: Option<&str>,
    ) -> Option<(Cow<'w, Tree>, Vec<Drift>)> {
        let arn = current.unwrap_or_default();
        let subject = Subject::TaskDefinition(arn.to_owned());
        let seen = draft.seen(&subject)?;
        if seen.is_absent() && self.is_young(wanted.key) {
            // A service cannot be given a revision that does not exist: the reading is older than that.
            draft.wait(WaitingOn::Seen(subject));
            return None;
        }
        let Seen::Present { tree, .. } = seen else {
            // Deregistered and gone: nothing to compare with, so all of it is to be put right.
            draft.applies("taskDefinition", &wanted.task);
            let gone = Drift {
                part: "taskDefinition".into(),
                path: Path::root(),
                want: Some(Tree::from("present")),
                live: None,
                owner: Owner::Human,
                acted_on: true,
            };
            return Some((wanted.task.clone(), vec![gone]));
        };
        let base = Path::of(["taskDefinition"]);
        let task = draft.carry(&base, Kind::TaskDefinition, &wanted.task, tree);
        let drifts = if task_definition::has_content(draft.memory(), &task, arn, tree) {
            Vec::new()
        } else {
            draft.drifts("taskDefinition", Kind::TaskDefinition, &task, tree)
        };
        draft.applies("taskDefinition", &wanted.task);
        Some((task, drifts))
    }

    /// The difference in the count of tasks, which has owners of its own.
    fn desired_count(&self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, live: &Tree) -> Option<Drift> {
        let want = wanted.input.int("desiredCount")?;
        let have = live.int("desiredCount")?;
        if want == have
            || live.str("schedulingStrategy") == Some("DAEMON")
            || draft.ignored(&Path::of(["service", "desiredCount"]))
        {
            return None;
        }
        let target = Subject::ScalableTarget(wanted.key.clone());
        let scaled = wanted.service.scaling.is_some() || self.world().tree(&target).is_some();
        let drift = |owner, acted_on| Drift {
            part: "service".into(),
            path: Path::of(["desiredCount"]),
            want: Some(Tree::Int(want)),
            live: Some(Tree::Int(have)),
            owner,
            acted_on,
        };
        if scaled {
            return Some(drift(Owner::Autoscaler, false));
        }
        if !self.looked_after(&target, &Subject::Service(wanted.key.clone())) {
            // Whose it is cannot be told before the scalable target has been looked for: one that was made a
            // moment ago may have moved the count already.
            return None;
        }
        let last = draft.memory().applied.get("service").and_then(|t| t.int("desiredCount"));
        Some(drift(if last == Some(want) { Owner::Human } else { Owner::Document }, true))
    }
}

/// What UpdateService is sent for these differences: whole top-level members, with AWS's defaults below
/// them, and for what the document no longer has, the value that turns it off.
fn update_members(want: &Tree, live: &Tree, drifts: &[Drift]) -> Tree {
    let filled = fill(Kind::Service, want);
    let mut members = Tree::map();
    for name in drifts.iter().map(member) {
        if name == "deploymentConfiguration" {
            members.set(name, deployment_configuration(want, live));
            continue;
        }
        let value = filled.get(name).cloned().or_else(|| clearing(Kind::Service, name).value());
        if let Some(value) = value {
            members.set(name, value);
        }
    }
    members
}

/// The deployment configuration to send: what is declared, the default of whatever else differs, and blocks
/// that are no longer declared switched off. What is not sent stays as it is.
fn deployment_configuration(want: &Tree, live: &Tree) -> Tree {
    let name = "deploymentConfiguration";
    let mut sent = Tree::map().with(name, want.get(name).cloned().unwrap_or_else(Tree::map));
    for diff in compare_described(Kind::Service, want, live) {
        let mut segments = diff.path.segments();
        if segments.next() != Some(name) {
            continue;
        }
        let Some(block) = segments.next() else { continue };
        if want.get(name).and_then(|c| c.get(block)).is_some() {
            // Declared, it is sent whole; what it leaves out and differs goes with its default.
            if let Some(value) = diff.want {
                put(Kind::Service, &mut sent, &diff.path, Some(value));
            }
            continue;
        }
        // What is not sent stays as it is, so off is said.
        let path = Path::of([name, block]);
        let off = clearing(Kind::Service, &format!("{name}/{block}")).value();
        match off.or(diff.want) {
            Some(value) => put(Kind::Service, &mut sent, &path, Some(value)),
            None => put(Kind::Service, &mut sent, &path, Some(Tree::list([]))),
        }
    }
    sent.take(name).unwrap_or_else(Tree::map)
}
