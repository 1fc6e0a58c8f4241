//! What keeps a unit from being written for now: mode, suspension, pauses, maintenance windows.
//!
//! A target group that is declared inside a service is left alone with it.

use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Heal, Mode, Retry, Service, Window};
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::orders::LONGEST_PAUSE_SECONDS;
use jiff::Timestamp;

use crate::report::Paused;
use crate::{Input, ownership};

/// The tag by which somebody without access to Evenkeel asks it to leave something alone: until a time, as in
/// `2027-01-15T18:00:00Z` or in Unix seconds, at most a day ahead.
pub const TAG_PAUSE: &str = "evenkeel:pause";

/// What keeps a unit from being written, and what becomes of a human's changes in it.
pub(crate) struct Restraint {
    /// Nothing is written, by mode.
    pub observing: bool,
    /// Nothing is written, by the document.
    pub suspended: bool,
    /// Nothing is written until then.
    pub paused: Option<Paused>,
    /// No maintenance window is open.
    pub closed: Option<Closed>,
    /// What becomes of a human's changes.
    pub heal: Heal,
    /// Whether a failed rollout is tried again.
    pub retry: Option<Retry>,
    /// What is wrong with a request to pause.
    pub warning: Option<String>,
}

/// Maintenance windows, none of which is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// When the next one opens.
    pub opens: String,
    /// What a human changed is left until then, too.
    pub holds_drift: bool,
}

impl Restraint {
    /// What keeps this unit from being written now.
    pub fn of(input: &Input<'_>, key: &UnitKey) -> Restraint {
        let settings = &input.document.settings;
        let service = service_of(input.document, key);
        let own = service.map(|s| &s.behaviour);
        let mode = input.ceilings.mode.min(settings.mode).min(service.map_or(Mode::Enforce, |s| s.mode));
        let (paused, warning) = paused(input, key);
        let windows = own.and_then(|o| o.windows.as_ref()).unwrap_or(&settings.windows);
        Restraint {
            observing: mode == Mode::Observe,
            suspended: service.is_some_and(|s| s.suspend),
            paused,
            closed: closed(windows, input.clock),
            heal: own.and_then(|o| o.heal).unwrap_or(settings.heal),
            retry: own.and_then(|o| o.retry).or(settings.retry),
            warning,
        }
    }

    /// True where nothing at all may be written.
    pub fn forbids(&self) -> bool {
        self.observing || self.suspended || self.paused.is_some()
    }
}

/// The service that a unit is, or belongs to.
pub(crate) fn service_of<'d>(document: &'d Document, key: &UnitKey) -> Option<&'d Service> {
    let key = match key {
        UnitKey::Service(key) => key,
        UnitKey::TargetGroup(name) => document.target_groups.get(name)?.service.as_ref()?,
        _ => return None,
    };
    document.services.get(key)
}

/// What carries a unit's tags, where that is one thing.
pub(crate) fn tagged(key: &UnitKey) -> Option<Subject> {
    Some(match key {
        UnitKey::Cluster(name) => Subject::Cluster(name.clone()),
        UnitKey::Repository(name) => Subject::Repository(name.clone()),
        UnitKey::LogGroup(name) => Subject::LogGroup(name.clone()),
        UnitKey::TargetGroup(name) => Subject::TargetGroup(name.clone()),
        UnitKey::LoadBalancer(name) => Subject::LoadBalancer(name.clone()),
        UnitKey::Service(key) => Subject::Service(key.clone()),
        UnitKey::TaskDefinition(_) => return None,
    })
}

/// Until when the tag of a described resource pauses it, in Unix seconds; `None` where it does not, or not any
/// more, or where what it says does not count.
pub fn paused_by_tag(tree: &Tree, clock: i64) -> Option<i64> {
    asked(tree, clock).and_then(Result::ok)
}

/// What the tag of a described resource asks for: a time that counts, or words on one that does not.
fn asked(tree: &Tree, clock: i64) -> Option<Result<i64, String>> {
    let text = ownership::tag(tree, TAG_PAUSE)?.trim();
    let until = text.parse().or_else(|_| text.parse().map(Timestamp::as_second));
    match until {
        Ok(until) if until <= clock => None,
        Ok(until) if until <= clock.saturating_add(LONGEST_PAUSE_SECONDS) => Some(Ok(until)),
        Ok(_) => Some(Err(format!(
            "the tag {TAG_PAUSE} is not heeded: {text} is more than a day ahead; say `suspend` in the document"
        ))),
        Err(_) => Some(Err(format!(
            "the tag {TAG_PAUSE} is not heeded: `{text}` is no time such as 2027-01-15T18:00:00Z"
        ))),
    }
}

/// The pause of a unit that ends last, and what is wrong with a tag that asks for one.
fn paused(input: &Input<'_>, key: &UnitKey) -> (Option<Paused>, Option<String>) {
    let of_service = match key {
        UnitKey::TargetGroup(name) => {
            let group = input.document.target_groups.get(name);
            group.and_then(|g| g.service.clone()).map(UnitKey::Service)
        }
        _ => None,
    };
    let (mut pauses, mut warning) = (Vec::new(), None);
    for key in of_service.iter().chain([key]) {
        let ordered = input.orders.pause(key, input.clock);
        pauses.extend(ordered.map(|p| Paused { until: p.until, reason: p.reason.clone() }));
        let tree = tagged(key).and_then(|subject| input.world.tree(&subject));
        match tree.and_then(|tree| asked(tree, input.clock)) {
            None => {}
            Some(Ok(until)) => {
                pauses.push(Paused { until, reason: Some(format!("by its tag {TAG_PAUSE}")) });
            }
            Some(Err(wrong)) => warning = Some(wrong),
        }
    }
    (pauses.into_iter().max_by_key(|p| p.until), warning)
}

fn closed(windows: &[Window], clock: i64) -> Option<Closed> {
    let now = Timestamp::from_second(clock).ok().filter(|_| !windows.is_empty())?;
    if windows.iter().any(|w| w.is_open(now)) {
        return None;
    }
    let next = windows.iter().filter_map(|w| w.opens(now)).min();
    let zone = |z: &jiff::Zoned| z.time_zone().iana_name().unwrap_or("UTC").to_owned();
    Some(Closed {
        opens: next.map_or_else(String::new, |z| format!("{} {}", z.strftime("%Y-%m-%d %H:%M"), zone(&z))),
        holds_drift: windows.iter().any(|w| w.holds_drift),
    })
}
