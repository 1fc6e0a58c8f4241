//! `/metrics`: what the process counts, and series about services drawn from the status when they are asked
//! for, so that those of removed services vanish.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_cloud::calls::{Effect, rows};
use evenkeel_controller::Status;
use evenkeel_controller::status::Lease;
use evenkeel_model::key::UnitKey;
use evenkeel_plan::{Drift, Owner};
use prometheus::core::Collector;
use prometheus::{Error, GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

/// What becomes of a step.
const OUTCOMES: [&str; 3] = ["done", "failed", "mismatch"];

/// Everything in Prometheus' text format. Where the registry has a family already, that one is shown.
pub fn text(registry: &Registry, status: &Status) -> Result<String, Error> {
    let mut families = registry.gather();
    let counted: BTreeSet<String> = families.iter().map(|family| family.name().to_owned()).collect();
    let drawn = of_status(status)?.gather();
    families.extend(drawn.into_iter().filter(|family| !counted.contains(family.name())));
    families.sort_by(|a, b| a.name().cmp(b.name()));
    TextEncoder::new().encode_to_string(&families)
}

/// A registry of this moment.
struct Moment(Registry);

impl Moment {
    fn add<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, Error> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
        self.add(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.gauges(name, help, &[])?.with_label_values::<&str>(&[]).set(value);
        Ok(())
    }
}

fn of_status(status: &Status) -> Result<Registry, Error> {
    let moment = Moment(Registry::new());
    services(&moment, status)?;
    drift(&moment, status)?;
    document(&moment, status)?;

    let age = moment.gauges(
        "evenkeel_observation_age_seconds",
        "How old the oldest reading of each kind is, by AWS's clock.",
        &["kind"],
    )?;
    for (kind, seconds) in &status.ages {
        age.with_label_values(&[kind.name()]).set(*seconds);
    }
    let steps = moment.add(IntCounterVec::new(
        Opts::new("evenkeel_steps_total", "Steps of plans, by what they do and what became of them."),
        &["action", "outcome"],
    )?)?;
    for row in rows().iter().filter(|row| row.effect == Effect::Write) {
        for outcome in OUTCOMES {
            steps.with_label_values(&[row.op.name(), outcome]);
        }
    }
    for ((action, outcome), count) in &status.steps {
        steps.with_label_values(&[action, *outcome]).inc_by(*count);
    }
    moment.gauge("evenkeel_queue_depth", "Units that wait for a run.", status.queued as f64)?;
    moment.gauge(
        "evenkeel_last_success_timestamp_seconds",
        "When everything was last found as the document wants it, by AWS's clock; 0 before that.",
        status.settled_at.unwrap_or_default() as f64,
    )?;
    let leads = f64::from(u8::from(status.lease == Lease::Ours));
    moment.gauge("evenkeel_leader", "1 where this process holds the lease and so writes.", leads)?;
    Ok(moment.0)
}

fn services(moment: &Moment, status: &Status) -> Result<(), Error> {
    let all = moment.gauges("evenkeel_services", "Services in each state.", &["state"])?;
    for (state, count) in status.services() {
        all.with_label_values(&[state.word()]).set(count as f64);
    }
    let each = moment.gauges(
        "evenkeel_service_state",
        "1 for the present state of each service.",
        &["cluster", "service", "state"],
    )?;
    let mut held = 0;
    for (key, report) in &status.planned.report.units {
        if let Some(service) = key.service() {
            each.with_label_values(&[&*service.cluster, &*service.name, report.state.word()]).set(1.0);
            held += usize::from(report.held.is_some());
        }
    }
    moment.gauge("evenkeel_held", "Services whose last rollout failed and is not tried again.", held as f64)
}

fn drift(moment: &Moment, status: &Status) -> Result<(), Error> {
    let fields = moment.gauges(
        "evenkeel_drift_fields",
        "Fields that differ between the document and AWS, where there are any, by what they belong to and who made the difference.",
        &["cluster", "service", "kind", "owner"],
    )?;
    let since = moment.gauges(
        "evenkeel_drift_since_timestamp_seconds",
        "Since when something of a service, or of what stands beside services, differs by the document or a human, by AWS's clock, where anything does.",
        &["cluster", "service"],
    )?;
    let mut oldest: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let there = |key: &UnitKey| status.planned.report.units.contains_key(key);
    for (key, at) in status.differing.iter().filter(|(key, _)| there(key)) {
        let of = key.service().map_or(("", ""), |service| (&*service.cluster, &*service.name));
        let known = oldest.entry(of).or_insert(*at);
        *known = (*known).min(*at);
    }
    for ((cluster, service), at) in oldest {
        since.with_label_values(&[cluster, service]).set(at as f64);
    }
    for (key, report) in &status.planned.report.units {
        let mut counts: BTreeMap<(&'static str, Owner), u32> = BTreeMap::new();
        for drift in &report.drift {
            *counts.entry((kind(key, drift), drift.owner)).or_default() += 1;
        }
        let (cluster, name) = match key.service() {
            Some(service) => (&*service.cluster, &*service.name),
            None => ("", ""),
        };
        for ((kind, owner), count) in counts {
            fields.with_label_values(&[cluster, name, kind, owner.word()]).add(f64::from(count));
        }
    }
    Ok(())
}

/// What a differing field belongs to: a closed set, where parts of a unit carry names.
fn kind(key: &UnitKey, drift: &Drift) -> &'static str {
    match key {
        UnitKey::Cluster(_) => "cluster",
        UnitKey::Repository(_) => "repository",
        UnitKey::LogGroup(_) => "log_group",
        UnitKey::TargetGroup(_) => "target_group",
        UnitKey::LoadBalancer(_) => match drift.part.split(' ').next() {
            Some("listener") => "listener",
            Some("rule") => "listener_rule",
            Some("tags") => "tags",
            _ => "load_balancer",
        },
        UnitKey::TaskDefinition(_) => "task_definition",
        UnitKey::Service(_) => match drift.part.split(' ').next() {
            Some("taskDefinition") => "task_definition",
            Some("scaling") => "scalable_target",
            Some("policy") => "scaling_policy",
            Some("scheduled") => "scheduled_action",
            Some("rule") => "listener_rule",
            Some("tags") => "tags",
            _ => "service",
        },
    }
}

fn document(moment: &Moment, status: &Status) -> Result<(), Error> {
    let info = moment.gauges(
        "evenkeel_document_info",
        "1 for each document in force and its version.",
        &["document", "version"],
    )?;
    for document in &status.documents {
        info.with_label_values(&[&*document.name, &*document.version]).set(1.0);
    }
    // A version that could not even be read is one error, too.
    let errors: usize = status
        .faults
        .iter()
        .map(|fault| fault.diagnostics.iter().filter(|found| found.is_error()).count().max(1))
        .sum();
    moment.gauge(
        "evenkeel_document_errors",
        "Errors in the newest versions of documents; what has errors is not in force.",
        errors as f64,
    )
}
