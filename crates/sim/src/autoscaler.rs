//! The autoscaler at work: target tracking by a scripted load, step scaling by alarms, and scheduled actions on
//! the virtual clock.

use crate::alarms;
use crate::scaling::{clamp, key, scale};
use crate::sim::Sim;
use crate::value::{self, flag, has, int, list, number, set, text};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: i64 = 60_000;
/// For how many minutes in a row a metric is above its target before a service grows, and below nine tenths
/// of it before it shrinks: what the alarms of target tracking say.
const ABOVE: u32 = 3;
const BELOW: u32 = 15;

/// What moves the counts of services.
#[derive(Clone, Default)]
pub struct Autoscaler {
    watched: BTreeMap<String, Watched>,
    /// When the metrics are looked at next, and when which scheduled action is due.
    look: Option<i64>,
    due: BTreeSet<(i64, (String, String))>,
    /// When each step scaling policy last changed a count.
    stepped: BTreeMap<(String, String), i64>,
}

/// A service with a load.
#[derive(Clone, Default)]
struct Watched {
    points: Vec<(i64, f64)>,
    above: u32,
    below: u32,
    out_at: Option<i64>,
    in_at: Option<i64>,
}

impl Autoscaler {
    /// When there is something to do next.
    pub fn next_wake(&self) -> Option<i64> {
        self.look.into_iter().chain(self.due.first().map(|(at, _)| *at)).min()
    }

    /// Gives a service a load that changes at the times of the points.
    pub fn load(&mut self, id: &str, points: Vec<(i64, f64)>, now: i64) {
        self.watched.insert(id.to_owned(), Watched { points, ..Watched::default() });
        self.look.get_or_insert(now + MINUTE);
    }
}

/// Does what is due now.
pub fn wake(sim: &mut Sim) {
    let now = sim.now;
    sim.draw_for(value::fnv("autoscaler"));
    if sim.scaling.autoscaler.look.is_some_and(|at| at <= now) {
        sim.scaling.autoscaler.look = Some(now + MINUTE);
        let ids: Vec<String> = sim.scaling.autoscaler.watched.keys().cloned().collect();
        for id in &ids {
            if let Some((key, metric)) = key(id).and_then(|key| Some((key, metric(sim, id)?))) {
                alarms::look(sim, &key, metric);
                track(sim, id, metric);
            }
        }
    }
    while let Some((at, of)) = sim.scaling.autoscaler.due.first().filter(|(at, _)| *at <= now).cloned() {
        sim.scaling.autoscaler.due.remove(&(at, of.clone()));
        fire(sim, &of);
        schedule(sim, &of);
    }
}

/// What every metric of a service is now: its load, shared by the tasks that run.
fn metric(sim: &Sim, id: &str) -> Option<f64> {
    let service = sim.ecs.services.get(&key(id)?)?;
    Some(load(sim, id)? / service.running(None).max(1) as f64)
}

fn load(sim: &Sim, id: &str) -> Option<f64> {
    let watched = sim.scaling.autoscaler.watched.get(id)?;
    watched.points.iter().rfind(|(at, _)| *at <= sim.now).map(|(_, load)| *load)
}

/// Looks at the metric of one service, as its policies' alarms do every minute.
fn track(sim: &mut Sim, id: &str, metric: f64) -> Option<()> {
    let now = sim.now;
    let mut watched = sim.scaling.autoscaler.watched.get(id)?.clone();
    let target = sim.scaling.targets.get(id)?;
    let service = sim.ecs.services.get(&key(id)?)?;
    let load = load(sim, id)?;
    let bound = |name: &str| int(target, name).unwrap_or(0);
    let suspended = |name: &str| flag(&target["SuspendedState"], name) == Some(true);
    let policies: Vec<&Value> = sim
        .scaling
        .policies
        .range((id.to_owned(), String::new())..)
        .take_while(|((of, _), _)| of == id)
        .filter_map(|(_, policy)| policy.get("TargetTrackingScalingPolicyConfiguration"))
        .collect();
    let goal = |policy: &Value| number(policy, "TargetValue").unwrap_or(1.0).max(0.001);
    // The policy that asks for most is followed.
    let wanted = policies.iter().map(|it| (load / goal(it)).ceil() as i64).max()?;
    let above = policies.iter().any(|it| metric > goal(it));
    let below = policies.iter().all(|it| metric < 0.9 * goal(it));
    watched.above = if above { watched.above + 1 } else { 0 };
    watched.below = if below { watched.below + 1 } else { 0 };
    let cool = |since: Option<i64>, name: &str| {
        let seconds = policies.iter().filter_map(|it| int(it, name)).max().unwrap_or(300);
        since.is_none_or(|at| now - at >= seconds * 1000)
    };
    let rolls = service.deployments.iter().any(|it| it.rollout == "IN_PROGRESS");
    let shrinks = policies.iter().all(|it| flag(it, "DisableScaleIn") != Some(true));
    let wanted = wanted.clamp(bound("MinCapacity"), bound("MaxCapacity"));
    let (grow, shrink) = (wanted > service.desired, wanted < service.desired);
    let mut to = None;
    if grow
        && watched.above >= ABOVE
        && !suspended("DynamicScalingOutSuspended")
        && cool(watched.out_at, "ScaleOutCooldown")
    {
        watched.out_at = Some(now);
        to = Some("AlarmHigh");
    }
    // While a deployment is in progress nothing shrinks.
    let may = shrinks && !rolls && !suspended("DynamicScalingInSuspended");
    if shrink && may && watched.below >= BELOW && cool(watched.in_at, "ScaleInCooldown") {
        watched.in_at = Some(now);
        to = Some("AlarmLow");
    }
    sim.scaling.autoscaler.watched.insert(id.to_owned(), watched);
    let alarm = to?;
    scale(
        sim,
        id,
        wanted,
        &format!("monitor alarm TargetTracking-{id}-{alarm} in state ALARM triggered policy"),
    );
    Some(())
}

/// Step scaling: an alarm that is on, every minute that it is, changes the count of the service whose policy has
/// this ARN. `beyond` is by how much its metric is beyond its threshold.
pub fn step(sim: &mut Sim, arn: &str, alarm: &str, beyond: f64) -> Option<()> {
    let now = sim.now;
    let (of, policy) = sim.scaling.policies.iter().find(|(_, it)| text(it, "PolicyARN") == Some(arn))?;
    let configuration = policy.get("StepScalingPolicyConfiguration")?;
    let (target, service) = (sim.scaling.targets.get(&of.0)?, sim.ecs.services.get(&key(&of.0)?)?);
    let bound = |step: &Value, name: &str, open: f64| number(step, name).unwrap_or(open);
    let adjustment = list(configuration, "StepAdjustments").iter().find(|step| {
        let low = bound(step, "MetricIntervalLowerBound", f64::NEG_INFINITY);
        let high = bound(step, "MetricIntervalUpperBound", f64::INFINITY);
        // Bounds belong to the step that is nearer to the threshold's other side.
        (low <= beyond && beyond < high) || (beyond < 0.0 && low < beyond && beyond <= high)
    })?;
    let change = number(adjustment, "ScalingAdjustment")?;
    let desired = service.desired as f64;
    let smallest = number(configuration, "MinAdjustmentMagnitude").unwrap_or(1.0);
    let wanted = match text(configuration, "AdjustmentType") {
        Some("ExactCapacity") => change,
        Some("PercentChangeInCapacity") => {
            let exact = desired * change / 100.0;
            desired + exact.abs().trunc().max(smallest).copysign(exact)
        }
        _ => desired + change,
    };
    let wanted = (wanted as i64).clamp(int(target, "MinCapacity")?, int(target, "MaxCapacity")?);
    let shrinks = wanted < service.desired;
    let which = if shrinks { "DynamicScalingInSuspended" } else { "DynamicScalingOutSuspended" };
    let rolls = service.deployments.iter().any(|it| it.rollout == "IN_PROGRESS");
    let pause = int(configuration, "Cooldown").unwrap_or(300) * 1000;
    let cooling = sim.scaling.autoscaler.stepped.get(of).is_some_and(|at| now - at < pause);
    if cooling || (shrinks && rolls) || flag(&target["SuspendedState"], which) == Some(true) {
        return None;
    }
    let of = of.clone();
    let cause = format!("monitor alarm {alarm} in state ALARM triggered policy {}", of.1);
    if wanted != service.desired {
        sim.scaling.autoscaler.stepped.insert(of.clone(), now);
    }
    scale(sim, &of.0, wanted, &cause);
    Some(())
}

/// Puts the next time of a scheduled action on the clock.
pub fn schedule(sim: &mut Sim, of: &(String, String)) {
    sim.scaling.autoscaler.due.retain(|(_, it)| it != of);
    let next = sim.scaling.scheduled.get(of).and_then(|it| next_fire(it, sim.now).ok().flatten());
    if let Some(at) = next {
        sim.scaling.autoscaler.due.insert((at, of.clone()));
    }
}

/// A scheduled action rewrites the bounds, and the count follows them.
fn fire(sim: &mut Sim, of: &(String, String)) -> Option<()> {
    let action = sim.scaling.scheduled.get(of)?.get("ScalableTargetAction").cloned().unwrap_or_default();
    let target = sim.scaling.targets.get_mut(&of.0)?;
    if flag(&target["SuspendedState"], "ScheduledScalingSuspended") == Some(true) {
        return None;
    }
    for name in ["MinCapacity", "MaxCapacity"] {
        if let Some(count) = action.get(name) {
            set(target, name, count.clone());
        }
    }
    clamp(sim, &of.0, &format!("scheduled action name {} was triggered: ", of.1));
    Some(())
}

/// When a scheduled action fires next after `now`, in milliseconds; never, or an expression that is none.
#[allow(clippy::result_unit_err, reason = "there is one thing to say: it is no schedule")]
pub fn next_fire(action: &Value, now: i64) -> Result<Option<i64>, ()> {
    let expression = text(action, "Schedule").ok_or(())?;
    let (kind, inner) = expression.trim_end_matches(')').split_once('(').ok_or(())?;
    let zone = match text(action, "Timezone") {
        Some(name) => TimeZone::get(name).map_err(|_| ())?,
        None => TimeZone::UTC,
    };
    let seconds = |name: &str| number(action, name).map(|it| (it * 1000.0) as i64);
    let from = now.max(seconds("StartTime").unwrap_or(now) - 1);
    let next = match kind {
        "at" => {
            let at: DateTime = inner.parse().map_err(|_| ())?;
            let at = at.to_zoned(zone).map_err(|_| ())?.timestamp().as_millisecond();
            (at > from).then_some(at)
        }
        "rate" => {
            let (count, unit) = inner.split_once(' ').ok_or(())?;
            let unit = match unit.trim_end_matches('s') {
                "minute" => MINUTE,
                "hour" => 60 * MINUTE,
                "day" => 24 * 60 * MINUTE,
                _ => return Err(()),
            };
            let step = count.parse::<i64>().ok().filter(|it| *it > 0).ok_or(())? * unit;
            let began = seconds("StartTime").or(seconds("CreationTime")).unwrap_or(now);
            Some(began + ((from - began).div_euclid(step) + 1) * step)
        }
        "cron" => cron(inner, from, &zone)?,
        _ => return Err(()),
    };
    let ended = |at: &i64| has(action, "EndTime") && seconds("EndTime").is_some_and(|end| *at > end);
    Ok(next.filter(|at| !ended(at)))
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The numbers that a field of a cron expression stands for; names count from `first`.
fn field(text: &str, first: i64, last: i64, names: &[&str]) -> Result<BTreeSet<i64>, ()> {
    let number = |text: &str| match names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        Some(index) => Ok(index as i64 + first),
        None => text.parse::<i64>().map_err(|_| ()),
    };
    let mut found = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step = step.parse::<usize>().ok().filter(|it| *it > 0).ok_or(())?;
        let (from, to) = match range {
            "*" | "?" => (first, last),
            _ => match range.split_once('-') {
                Some((from, to)) => (number(from)?, number(to)?),
                None if step > 1 => (number(range)?, last),
                None => (number(range)?, number(range)?),
            },
        };
        if from < first || to > last {
            return Err(());
        }
        found.extend((from..=to).step_by(step));
    }
    Ok(found)
}

/// The first time after `from` that `minutes hours day-of-month month day-of-week year` stands for.
fn cron(expression: &str, from: i64, zone: &TimeZone) -> Result<Option<i64>, ()> {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays, years] = fields[..] else {
        return Err(());
    };
    let (minutes, hours) = (field(minutes, 0, 59, &[])?, field(hours, 0, 23, &[])?);
    let last_day = days == "L";
    let days = if last_day { BTreeSet::new() } else { field(days, 1, 31, &[])? };
    let (months, weekdays) = (field(months, 1, 12, MONTHS)?, field(weekdays, 1, 7, DAYS)?);
    let years = field(years, 1970, 2199, &[])?;
    let start: Zoned = Timestamp::from_millisecond(from).map_err(|_| ())?.to_zoned(zone.clone());
    let mut date: Date = start.date();
    // Leap days apart, what does not come within five years does not come.
    for _ in 0..5 * 366 {
        let day = i64::from(date.day());
        let fits = (if last_day { date.day() == date.days_in_month() } else { days.contains(&day) })
            && months.contains(&i64::from(date.month()))
            && weekdays.contains(&(i64::from(date.weekday().to_sunday_zero_offset()) + 1))
            && years.contains(&i64::from(date.year()));
        if fits {
            for (hour, minute) in
                hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (*hour, *minute)))
            {
                let at = date.at(hour as i8, minute as i8, 0, 0).to_zoned(zone.clone()).map_err(|_| ())?;
                let at = at.timestamp().as_millisecond();
                if at > from {
                    return Ok(Some(at));
                }
            }
        }
        date = date.checked_add(1.day()).map_err(|_| ())?;
    }
    Ok(None)
}
