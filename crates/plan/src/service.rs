//! A service with its task definition, listener rules and scaling: one unit, in the order AWS demands.

use evenkeel_diff::{Kind, compare, fill, lift, rules};
use evenkeel_model::document::{Document, Mode, Service};
use evenkeel_model::key::{ServiceKey, Subject, UnitKey, short_name};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;
use evenkeel_model::{Map, Tree};

use crate::ownership;
use crate::refs::Lookup;
use crate::report::{Drift, Held, Note, Owner, Refusal, State, WaitingOn};
use crate::tagging::Tagging;
use crate::task_definition::{self, Choice};
use crate::unit::Draft;
use crate::{Because, Need, Planner, StepId, dotted, hash, rollout, rules as listener_rules, scaling};

/// Members of UpdateService that make ECS start a new deployment. Source: the API reference; a changed
/// capacity provider strategy needs one forced.
const DEPLOYING: [&str; 9] = [
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "capacityProviderStrategy",
    "launchType",
];

/// What stands for a service all through its planning.
struct Wanted<'a> {
    key: &'a ServiceKey,
    service: &'a Service,
    /// RegisterTaskDefinition input, references resolved.
    task: Tree,
    /// CreateService input, references resolved.
    input: Tree,
    /// What references still have to be seen or made.
    waits: Vec<WaitingOn>,
}

impl Wanted<'_> {
    /// The hash of everything that would start this very deployment again.
    fn deployment_key(&self) -> String {
        let mut text = hash::task_definition(&self.task);
        for member in DEPLOYING {
            if let Some(value) = self.input.get(member) {
                text.push_str(member);
                text.push_str(&value.to_json());
            }
        }
        text.push_str(self.service.restart.as_deref().unwrap_or_default());
        hash::hex(text.as_bytes(), 16)
    }
}

impl Planner<'_> {
    pub(crate) fn services(&mut self) {
        let document = self.document();
        // Dependencies first, so that it is known whether they have steps; the plan itself is sorted.
        for key in ordered(document) {
            if let Some(service) = document.services.get(key) {
                self.service(key, service);
            }
        }
    }

    fn service(&mut self, key: &ServiceKey, service: &Service) {
        let document = self.document();
        let mut draft = Draft::new(self.input, UnitKey::Service(key.clone()));
        if service.suspend {
            draft.report.state = State::Suspended;
            draft.report.notes.push(Note("the document suspends it: nothing is changed".into()));
        }
        let lookup = Lookup { document, world: self.world(), service: Some(key) };
        let (task, mut waits) = lookup.resolve(&service.task_definition);
        let (input, more) = lookup.resolve(&service.input);
        waits.extend(more);
        let wanted = Wanted { key, service, task, input, waits };
        if self.cluster_is_there(&mut draft, key) {
            match self.world().seen(&Subject::Service(key.clone())) {
                Seen::Unknown => draft.wait(WaitingOn::Seen(Subject::Service(key.clone()))),
                Seen::Absent { .. } => self.create(&mut draft, &wanted, lookup),
                Seen::Present { tree, .. } if tree.str("status") == Some("INACTIVE") => {
                    self.create(&mut draft, &wanted, lookup);
                }
                Seen::Present { tree, .. } if tree.str("status") == Some("DRAINING") => {
                    draft.wait(WaitingOn::Draining);
                }
                Seen::Present { tree, .. } => self.keep(&mut draft, &wanted, lookup, tree),
            }
        }
        if service.suspend || service.mode == Mode::Observe {
            draft.unit.steps.clear();
            draft.report.drift.iter_mut().for_each(|d| d.acted_on = false);
        }
        let (key, unit, report) = draft.finish();
        self.put(key, unit, report);
    }

    fn cluster_is_there(&self, draft: &mut Draft<'_>, key: &ServiceKey) -> bool {
        let subject = Subject::Cluster(key.cluster.clone());
        let active = |tree: &Tree| tree.str("status").is_none_or(|s| s == "ACTIVE");
        match draft.seen(&subject) {
            None => false,
            Some(Seen::Present { tree, .. }) if active(tree) => true,
            Some(_) if self.document().clusters.contains_key(&key.cluster) => {
                draft.wait(WaitingOn::Exists(subject));
                // Planned all the same: the plan shows what follows the cluster.
                true
            }
            Some(_) => {
                draft.refuse(
                    Refusal::new(format!("there is no cluster {} in this account and region", key.cluster))
                        .or("create it, or declare it under `clusters`"),
                );
                false
            }
        }
    }

    /// Steps for a service that does not exist.
    fn create(&mut self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, lookup: Lookup<'_>) {
        let document = self.document();
        let key = wanted.key;
        let mut needs: Vec<Need> = wanted.waits.iter().cloned().map(Need::Observed).collect();
        needs.extend(draft.report.waiting.drain(..).map(Need::Observed));
        let chosen = self.choose(draft, wanted, None, vec![Because::Missing]);
        let Some(chosen) = chosen else { return };
        needs.extend(self.log_groups(&wanted.task));
        let ordered = self.dependencies(wanted.service);
        if !ordered.is_empty() {
            needs.push(Need::Observed(WaitingOn::DependsOn(ordered)));
        }
        let most = document.settings.max_concurrent_rollouts;
        if self.rolling >= most {
            needs.push(Need::Observed(WaitingOn::Rollouts(most)));
        }
        if let Some(step) = draft.unit.steps.first_mut() {
            // Nothing is registered for a service whose turn it is not yet.
            step.needs(needs.clone());
        }
        let rules = listener_rules::steps(draft, lookup, wanted.service);
        needs.extend(attached(draft, lookup, &wanted.service.input, &rules));
        self.rolling += 1;

        let mut input = wanted.input.clone();
        input.set("cluster", Tree::from(key.cluster.as_str()));
        input.set("serviceName", Tree::from(key.name.as_str()));
        if input.str("schedulingStrategy") != Some("DAEMON") {
            input.set("desiredCount", Tree::Int(first_count(wanted)));
        }
        let tags = ownership::wanted(document, &wanted.service.input, &wanted.service.item);
        input.set("tags", ownership::list(&tags));
        let incarnation = draft.memory().deployment.clone().unwrap_or_default();
        let seed = format!("{key} {} {incarnation} {}", wanted.deployment_key(), input.to_json());
        input.set("clientToken", Tree::from(hash::hex(seed.as_bytes(), 32)));
        draft.applies("tags", &ownership::map(&tags));
        draft.applies("service", &wanted.input);
        draft.unit.restart = wanted.service.restart.clone();
        draft.unit.deployment_key = Some(wanted.deployment_key());

        let after: Vec<Need> = draft.unit.steps.iter().map(|s| Need::Step(s.id.clone())).collect();
        let subject = Subject::Service(key.clone());
        let step = draft.step(format!("create-service {}", key.name), subject, Op::EcsCreateService, input);
        step.because(Because::Missing).needs(needs).needs(after);
        chosen.into_input(step, "taskDefinition");
        let created = step.id.clone();
        scaling::steps(draft, document, key, wanted.service, None, Some(&created));
    }

    /// Steps for a service that exists.
    fn keep(&mut self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, lookup: Lookup<'_>, live: &Tree) {
        let document = self.document();
        let key = wanted.key;
        draft.report.tasks = live.int("desiredCount").zip(live.int("runningCount"));
        draft.report.rollout = rollout::under_way(live);
        if let Some(rollout) = draft.report.rollout.clone() {
            draft.wait(WaitingOn::Rollout(rollout));
        }
        let arn = live.str("serviceArn").unwrap_or_default();
        let live_tags = ownership::tags(live);
        let known = !draft.memory().applied.is_empty();
        let command = Tagging::Ecs.adopt_command(document, arn, &wanted.service.item);
        if let Err(refusal) =
            ownership::ours(document, &live_tags, &format!("service {key}"), known, &command)
        {
            draft.refuse(refusal);
            return;
        }
        if let Some(controller) = live.pointer("deploymentController/type").and_then(Tree::as_str)
            && controller != "ECS"
        {
            draft.refuse(Refusal::new(format!(
                "service {key} is deployed by the {controller} controller, whose services Evenkeel does not touch"
            )));
            return;
        }
        if !wanted.waits.is_empty() {
            wanted.waits.iter().cloned().for_each(|w| draft.wait(w));
            return;
        }
        let held = self.hold(draft, wanted, live);
        self.update(draft, wanted, lookup, live, held.is_some());
        if draft.memory().intent.is_some() && held.is_none() {
            // A run was cut off: what it started is known by this key from now on.
            draft.unit.deployment_key.get_or_insert_with(|| wanted.deployment_key());
        }
        draft.report.held = held;
        let subject = Subject::Service(key.clone());
        let tags = ownership::wanted(document, &wanted.service.input, &wanted.service.item);
        Tagging::Ecs.steps(draft, &subject, arn, "", &tags, &live_tags);
        scaling::steps(draft, document, key, wanted.service, Some(live), None);
    }

    /// Notes a deployment that failed, and says whether the wanted one is it.
    fn hold(&mut self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, live: &Tree) -> Option<Held> {
        let memory = draft.memory();
        let held = match rollout::failed(live, memory) {
            Some(failed) if memory.held.as_ref() != Some(&failed) => {
                let mut remembered = memory.clone();
                remembered.held = Some(failed.clone());
                self.planned.remember.insert(draft.key.clone(), remembered);
                Some(failed)
            }
            _ => memory.held.clone(),
        };
        let held = held.filter(|h| h.key == wanted.deployment_key())?;
        Some(Held { key: held.key, reason: held.reason })
    }

    fn update(
        &mut self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        lookup: Lookup<'_>,
        live: &Tree,
        held: bool,
    ) {
        let key = wanted.key;
        let lifted = lift::described(Kind::Service, live.clone());
        let mut drifts = draft.drifts("service", Kind::Service, &wanted.input, &lifted);
        drifts.retain(|d| !self.ignored(draft, wanted.service, "service", &d.path));
        draft.applies("service", &wanted.input);
        drifts.extend(self.desired_count(draft, wanted, live));

        let fixed: Vec<&'static str> = rules::immutable(Kind::Service).collect();
        let (immutable, mutable): (Vec<Drift>, Vec<Drift>) =
            drifts.into_iter().partition(|d| d.path.segments().next().is_some_and(|m| fixed.contains(&m)));
        for mut drift in immutable {
            draft.refuse(
                Refusal::new(format!("`{}` of a service cannot be changed", dotted(&drift.path)))
                    .or("delete the service and let Evenkeel create it anew"),
            );
            drift.acted_on = false;
            draft.report.drift.push(drift);
        }

        let current = live.str("taskDefinition");
        let task_drift = self.task_drift(draft, wanted, current);
        let Some(mut task_drift) = task_drift else { return };
        if held {
            task_drift.iter_mut().for_each(|d| {
                d.owner = Owner::Rollout;
                d.acted_on = false;
            });
        }
        let restart = wanted.service.restart.is_some()
            && wanted.service.restart != draft.memory().restart
            && !draft.memory().applied.is_empty();
        draft.unit.restart = wanted.service.restart.clone();

        let mut mutable = mutable;
        if held {
            for drift in &mut mutable {
                let member = drift.path.segments().next().unwrap_or_default().to_owned();
                if DEPLOYING.contains(&member.as_str()) {
                    drift.owner = Owner::Rollout;
                    drift.acted_on = false;
                }
            }
        }
        let task_drift = draft.accept(task_drift);
        let service_drift = draft.accept(mutable);

        let mut because: Vec<Because> = Vec::new();
        let mut chosen = None;
        if !task_drift.is_empty() {
            let fields: Vec<Because> = task_drift.iter().cloned().map(Because::Field).collect();
            chosen = self.choose(draft, wanted, current, fields);
            let Some(chosen) = &chosen else { return };
            match chosen {
                Chosen::Revision(arn) => because.push(Because::Reason(format!(
                    "taskDefinition {} -> {}",
                    short_name(current.unwrap_or("none")),
                    short_name(arn)
                ))),
                Chosen::Registered(id) => because.push(Because::Reason(format!(
                    "taskDefinition {} -> ({id})",
                    short_name(current.unwrap_or("none"))
                ))),
            }
        } else if draft.report.drift.iter().all(|d| d.part != "taskDefinition") {
            draft.unit.task_definition = current.map(str::to_owned);
        }
        if restart && !held {
            because.push(Because::Reason(format!(
                "restart is now \"{}\"",
                wanted.service.restart.as_deref().unwrap_or_default()
            )));
        }
        listener_rules::steps(draft, lookup, wanted.service);
        if service_drift.is_empty() && because.is_empty() {
            return;
        }
        let mut input = Tree::map().with("cluster", key.cluster.as_str()).with("service", key.name.as_str());
        let members = update_members(&wanted.input, &service_drift);
        let forced = restart || members.contains("capacityProviderStrategy");
        let deploys = chosen.is_some() || forced || DEPLOYING.iter().any(|m| members.contains(m));
        for (name, value) in members {
            input.set(name, value);
        }
        if forced {
            input.set("forceNewDeployment", Tree::Bool(true));
        }
        // Absent, it would be taken for NONE.
        if input.get("propagateTags").is_none()
            && let Some(value) = wanted.input.get("propagateTags")
        {
            input.set("propagateTags", value.clone());
        }
        let mut needs = Vec::new();
        if deploys {
            draft.unit.deployment_key = Some(wanted.deployment_key());
            needs = self.turn(draft, wanted.service, live, &task_drift, &service_drift);
        }
        because.splice(0..0, service_drift.into_iter().map(Because::Field));
        if let Some(first) = draft.unit.steps.first_mut() {
            first.needs(needs.clone());
        }
        let subject = Subject::Service(key.clone());
        let step = draft.step(format!("update-service {}", key.name), subject, Op::EcsUpdateService, input);
        step.because = because;
        step.needs(needs);
        if let Some(chosen) = chosen {
            chosen.into_input(step, "taskDefinition");
        }
    }

    /// What a deployment that begins with this plan has to wait for: the limit on rollouts, and for what
    /// the document changed the services it depends on. A service without a running task waits for neither.
    fn turn(
        &mut self,
        draft: &Draft<'_>,
        service: &Service,
        live: &Tree,
        task: &[Drift],
        other: &[Drift],
    ) -> Vec<Need> {
        if live.int("runningCount") == Some(0) {
            return Vec::new();
        }
        let mut needs = Vec::new();
        let by_document = task.iter().chain(other).any(|d| d.owner == Owner::Document);
        if by_document {
            let waiting = self.dependencies(service);
            if !waiting.is_empty() {
                needs.push(Need::Observed(WaitingOn::DependsOn(waiting)));
            }
        }
        let most = self.document().settings.max_concurrent_rollouts;
        if draft.report.rollout.is_none() {
            if self.rolling >= most {
                needs.push(Need::Observed(WaitingOn::Rollouts(most)));
            }
            self.rolling += 1;
        }
        needs
    }

    /// Log groups of the document that its containers write to and that do not exist yet: without them no
    /// task would start.
    fn log_groups(&self, task: &Tree) -> Vec<Need> {
        let mut needs = Vec::new();
        for container in task.list_of("containerDefinitions") {
            let log = container.get("logConfiguration");
            let driver = log.and_then(|l| l.str("logDriver"));
            let group = log.and_then(|l| l.get("options")).and_then(|o| o.str("awslogs-group"));
            let Some(group) = group.filter(|_| driver == Some("awslogs")) else { continue };
            let subject = Subject::LogGroup(group.to_owned());
            if self.document().log_groups.contains_key(group) && self.world().tree(&subject).is_none() {
                let need = Need::Observed(WaitingOn::Exists(subject));
                if !needs.contains(&need) {
                    needs.push(need);
                }
            }
        }
        needs
    }

    /// The services it depends on that are not stable, or are about to be changed.
    fn dependencies(&self, service: &Service) -> Vec<String> {
        service
            .depends_on
            .iter()
            .filter(|key| {
                let tree = self.world().tree(&Subject::Service((*key).clone()));
                let stable = tree.is_some_and(rollout::is_stable);
                let unit = UnitKey::Service((*key).clone());
                let changing = self.planned.plan.units.get(&unit).is_some_and(|u| {
                    u.steps.iter().any(|s| {
                        matches!(s.action.op, Op::EcsCreateService | Op::EcsUpdateService)
                            && s.because
                                .iter()
                                .any(|b| !matches!(b, Because::Field(d) if d.owner == Owner::Human))
                    })
                });
                !stable || changing
            })
            .map(ToString::to_string)
            .collect()
    }

    /// The differences between the wanted task definition and the service's revision; `None` where that
    /// has not been seen.
    fn task_drift(
        &self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        current: Option<&str>,
    ) -> Option<Vec<Drift>> {
        draft.applies("taskDefinition", &wanted.task);
        let current = Subject::TaskDefinition(current.unwrap_or_default().to_owned());
        let Seen::Present { tree, .. } = draft.seen(&current)? else {
            // Deregistered and gone: nothing to compare with, so all of it is to be put right.
            return Some(vec![Drift {
                part: "taskDefinition".into(),
                path: Path::root(),
                want: None,
                live: None,
                owner: Owner::Human,
                acted_on: true,
            }]);
        };
        let mut drifts = draft.drifts("taskDefinition", Kind::TaskDefinition, &wanted.task, tree);
        drifts.retain(|d| !self.ignored(draft, wanted.service, "taskDefinition", &d.path));
        if !drifts.is_empty()
            && draft
                .memory()
                .applied
                .get("taskDefinition")
                .is_some_and(|last| compare(Kind::TaskDefinition, &wanted.task, last).is_empty())
        {
            drifts.iter_mut().for_each(|d| d.owner = Owner::Human);
        }
        Some(drifts)
    }

    /// True where the document says that nobody minds a difference there.
    fn ignored(&self, draft: &mut Draft<'_>, service: &Service, part: &str, path: &Path) -> bool {
        let full = Path::of([part]).join(path);
        let today = jiff::Timestamp::from_second(self.input.clock)
            .map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date())
            .ok();
        for ignore in &service.ignore {
            if !full.starts_with(&ignore.path) {
                continue;
            }
            let expired = ignore.until.zip(today).is_some_and(|(until, today)| today > until);
            let note = if expired {
                Note(format!("ignoring {} has expired: it is compared again", ignore.path))
            } else {
                Note(format!("{full} differs and is ignored: {}", ignore.reason))
            };
            if !draft.report.notes.contains(&note) {
                draft.report.notes.push(note);
            }
            if !expired {
                return true;
            }
        }
        false
    }

    /// The difference in the count of tasks, which has owners of its own.
    fn desired_count(&self, draft: &Draft<'_>, wanted: &Wanted<'_>, live: &Tree) -> Option<Drift> {
        let want = wanted.input.int("desiredCount")?;
        let have = live.int("desiredCount")?;
        if want == have || live.str("schedulingStrategy") == Some("DAEMON") {
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
        if self.world().seen(&target).is_unknown() {
            // Whose it is cannot be told before the scalable target has been looked for.
            return None;
        }
        let last = draft.memory().applied.get("service").and_then(|t| t.int("desiredCount"));
        Some(drift(if last == Some(want) { Owner::Human } else { Owner::Document }, true))
    }

    /// The revision to run; adds the step that registers it. `None` where something must be seen first.
    fn choose(
        &self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        current: Option<&str>,
        because: Vec<Because>,
    ) -> Option<Chosen> {
        draft.applies("taskDefinition", &wanted.task);
        match task_definition::choose(self.world(), draft.memory(), &wanted.task, current) {
            Choice::Revision(arn) => {
                draft.unit.task_definition = Some(arn.clone());
                Some(Chosen::Revision(arn))
            }
            Choice::Register => Some(Chosen::Registered(task_definition::register(
                draft,
                self.document(),
                &wanted.task,
                &wanted.service.item,
                because,
            ))),
            Choice::Wait(subjects) => {
                subjects.into_iter().for_each(|s| draft.wait(WaitingOn::Seen(s)));
                None
            }
        }
    }
}

/// The revision of a service: known, or what an earlier step registers.
enum Chosen {
    Revision(String),
    Registered(StepId),
}

impl Chosen {
    fn into_input(self, step: &mut crate::Step, member: &'static str) {
        match self {
            Chosen::Revision(arn) => step.action.input.set(member, Tree::from(arn)),
            Chosen::Registered(id) => {
                step.fill(member, &id, "taskDefinition/taskDefinitionArn");
            }
        }
    }
}

/// How many tasks a new service starts with: the document's count, or one, within the bounds of scaling.
fn first_count(wanted: &Wanted<'_>) -> i64 {
    let count = wanted.input.int("desiredCount");
    match &wanted.service.scaling {
        Some(scaling) => {
            let min = scaling.target.int("minCapacity").unwrap_or_default();
            let max = scaling.target.int("maxCapacity").unwrap_or(i64::MAX).max(min);
            count.unwrap_or(min).clamp(min, max)
        }
        None => count.unwrap_or(1),
    }
}

/// What UpdateService is sent for these differences: whole top-level members, with AWS's defaults below
/// them, and for what the document no longer has, the value that turns it off.
fn update_members(want: &Tree, drifts: &[Drift]) -> Map {
    let filled = fill(Kind::Service, want);
    let mut members = Tree::map();
    for drift in drifts {
        let Some(name) = drift.path.segments().next() else { continue };
        if let Some(value) = filled.get(name) {
            members.set(name, value.clone());
            continue;
        }
        members.set(
            name,
            match name {
                "serviceConnectConfiguration" => Tree::map().with("enabled", false),
                "healthCheckGracePeriodSeconds" => Tree::Int(0),
                "enableExecuteCommand" | "enableECSManagedTags" => Tree::Bool(false),
                "propagateTags" => Tree::from("NONE"),
                "platformVersion" => Tree::from("LATEST"),
                "deploymentConfiguration" => {
                    fill(Kind::Service, &Tree::map().with("deploymentConfiguration", Tree::map()))
                        .take("deploymentConfiguration")
                        .unwrap_or_else(Tree::map)
                }
                _ => Tree::list([]),
            },
        );
    }
    // A circuit breaker's threshold is only sent where it is declared: AWS fills it in.
    if want.pointer("deploymentConfiguration/deploymentCircuitBreaker/thresholdConfiguration").is_none()
        && let Some(breaker) = members
            .as_map_mut()
            .and_then(|m| m.get_mut("deploymentConfiguration"))
            .and_then(|d| d.as_map_mut()?.get_mut("deploymentCircuitBreaker"))
    {
        breaker.take("thresholdConfiguration");
        breaker.take("resetOnHealthyTask");
    }
    match members {
        Tree::Map(map) => map,
        _ => Map::default(),
    }
}

/// AWS refuses a service whose target group is on no listener: what has to be there first.
fn attached(draft: &Draft<'_>, lookup: Lookup<'_>, input: &Tree, rules: &[StepId]) -> Vec<Need> {
    let mut needs = Vec::new();
    for entry in input.list_of("loadBalancers") {
        let Some(subject) = entry.str("targetGroupArn").and_then(|t| lookup.target_group_of(t)) else {
            continue;
        };
        let group = draft.world().tree(&subject);
        let on_listener = group.is_some_and(|g| !g.list_of("loadBalancerArns").is_empty());
        let by_rule = draft.unit.steps.iter().any(|s| rules.contains(&s.id) && s.touches.contains(&subject));
        if !on_listener && !by_rule {
            let name = match &subject {
                Subject::TargetGroup(name) => name.clone(),
                other => other.to_string(),
            };
            needs.push(Need::Observed(WaitingOn::Attached(name)));
        }
    }
    needs
}

/// Services so that those depended on come first; the document has no cycles.
fn ordered(document: &Document) -> Vec<&ServiceKey> {
    fn visit<'d>(document: &'d Document, key: &'d ServiceKey, out: &mut Vec<&'d ServiceKey>, depth: usize) {
        if out.contains(&key) || depth > document.services.len() {
            return;
        }
        for other in document.services.get(key).into_iter().flat_map(|s| &s.depends_on) {
            visit(document, other, out, depth + 1);
        }
        out.push(key);
    }
    if document.services.values().all(|s| s.depends_on.is_empty()) {
        return document.services.keys().collect();
    }
    let mut out = Vec::with_capacity(document.services.len());
    for key in document.services.keys() {
        visit(document, key, &mut out, 0);
    }
    out
}
