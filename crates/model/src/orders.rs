//! What people asked for by hand, beside the document: pauses, releases, approvals, hooks let go on.
//!
//! One small object beside memory, written by the API and the command line with conditional writes and read
//! by the daemon before every pass. It holds wishes and when they were made; what they do is decided in
//! `plan`. The stored form has a version, as records of memory have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::key::UnitKey;

/// The longest pause: whoever needs more says `suspend` in the document.
pub const LONGEST_PAUSE_SECONDS: i64 = 24 * 60 * 60;

/// An approval counts for this long: the world it was given for is gone by then.
pub const APPROVAL_SECONDS: i64 = 24 * 60 * 60;

/// Everything that was asked for. Times are Unix seconds by AWS's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Units that are left alone for a while.
    pub pauses: BTreeMap<UnitKey, Pause>,
    /// Units whose held deployment may be tried again, and when that was said: a deployment that fails after
    /// it is held anew.
    pub releases: BTreeMap<UnitKey, i64>,
    /// Plans whose deletions were approved, by id, and when.
    pub approvals: BTreeMap<String, i64>,
    /// Lifecycle hooks that wait for a person, by their id, and what the person said.
    pub hooks: BTreeMap<String, Verdict>,
}

/// A unit left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it ends.
    pub until: i64,
    /// Why, in the words of whoever asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// What a person said to a lifecycle hook that pauses a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Go on with the deployment.
    Continue,
    /// Take it back.
    Rollback,
}

impl Verdict {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Continue => "continue",
            Verdict::Rollback => "rollback",
        }
    }
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Leave a unit alone for that many seconds, at most [`LONGEST_PAUSE_SECONDS`].
    Pause {
        /// Which.
        unit: UnitKey,
        /// For how long.
        seconds: i64,
        /// Why, in the words of whoever asks.
        reason: Option<String>,
    },
    /// End the pause of a unit.
    Resume(UnitKey),
    /// Let the held deployment of a unit be tried again.
    Release(UnitKey),
    /// Let the deletions of this plan happen.
    Approve(String),
    /// Answer a lifecycle hook.
    Answer {
        /// Its id.
        hook: String,
        /// What to do.
        verdict: Verdict,
    },
}

/// Orders that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// They are not JSON of the expected form.
    #[error("the orders are not readable")]
    Unreadable(#[source] serde_json::Error),
    /// A newer Evenkeel wrote them.
    #[error("the orders have version {0}, which this Evenkeel does not know")]
    Version(u32),
}

impl Orders {
    /// Takes an order in at this time, and drops what no longer counts.
    pub fn take(&mut self, order: Order, now: i64) {
        match order {
            Order::Pause { unit, seconds, reason } => {
                let until = now.saturating_add(seconds.clamp(0, LONGEST_PAUSE_SECONDS));
                self.pauses.insert(unit, Pause { until, reason });
            }
            Order::Resume(unit) => {
                self.pauses.remove(&unit);
            }
            Order::Release(unit) => {
                self.releases.insert(unit, now);
            }
            Order::Approve(plan) => {
                self.approvals.insert(plan, now);
            }
            Order::Answer { hook, verdict } => {
                self.hooks.insert(hook, verdict);
            }
        }
        self.prune(now);
    }

    /// Drops what no longer counts, so that the object stays small: pauses that are over, approvals that are
    /// too old, and releases and verdicts of long ago.
    fn prune(&mut self, now: i64) {
        const FORGOTTEN: i64 = 30 * 24 * 60 * 60;
        self.pauses.retain(|_, pause| pause.until > now);
        self.approvals.retain(|_, at| *at + APPROVAL_SECONDS > now);
        self.releases.retain(|_, at| *at + FORGOTTEN > now);
        while self.hooks.len() > 1000 {
            self.hooks.pop_first();
        }
    }

    /// The pause of a unit that counts now, cut to the longest one.
    pub fn pause(&self, unit: &UnitKey, now: i64) -> Option<&Pause> {
        let counts = |p: &&Pause| p.until > now && p.until <= now + LONGEST_PAUSE_SECONDS;
        self.pauses.get(unit).filter(counts)
    }

    /// True where an approval of this plan counts now.
    pub fn approves(&self, plan: &str, now: i64) -> bool {
        self.approvals.get(plan).is_some_and(|at| *at + APPROVAL_SECONDS > now)
    }
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stored {
    version: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pauses: BTreeMap<String, Pause>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    releases: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    approvals: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    hooks: BTreeMap<String, Verdict>,
}

impl Default for Stored {
    fn default() -> Self {
        let (pauses, releases) = (BTreeMap::new(), BTreeMap::new());
        Stored { version: VERSION, pauses, releases, approvals: BTreeMap::new(), hooks: BTreeMap::new() }
    }
}

/// The bytes of the object.
pub fn write_orders(orders: &Orders) -> Vec<u8> {
    let stored = Stored {
        version: VERSION,
        pauses: orders.pauses.iter().map(|(k, p)| (k.to_string(), p.clone())).collect(),
        releases: orders.releases.iter().map(|(k, at)| (k.to_string(), *at)).collect(),
        approvals: orders.approvals.clone(),
        hooks: orders.hooks.clone(),
    };
    serde_json::to_vec(&stored).unwrap_or_default()
}

/// Orders from the bytes of the object.
///
/// # Errors
/// Where the bytes are no orders, or those of a newer version.
pub fn read_orders(bytes: &[u8]) -> Result<Orders, OrdersError> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(OrdersError::Unreadable)?;
    if stored.version > VERSION {
        return Err(OrdersError::Version(stored.version));
    }
    let unit = |name: &str| {
        UnitKey::parse(name)
            .ok_or_else(|| OrdersError::Unreadable(serde::de::Error::custom(format!("`{name}` is no unit"))))
    };
    let mut orders = Orders { approvals: stored.approvals, hooks: stored.hooks, ..Orders::default() };
    for (name, pause) in stored.pauses {
        orders.pauses.insert(unit(&name)?, pause);
    }
    for (name, at) in stored.releases {
        orders.releases.insert(unit(&name)?, at);
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> Orders {
        let api = UnitKey::parse("service:web/api").unwrap();
        Orders {
            pauses: [(api.clone(), Pause { until: 100, reason: Some("incident 7".into()) })].into(),
            releases: [(api, 50)].into(),
            approvals: [("7c1e09a4".to_owned(), 60)].into(),
            hooks: [("hook-1".to_owned(), Verdict::Rollback)].into(),
        }
    }

    #[test]
    fn orders_are_read_back_as_written() {
        assert_eq!(read_orders(&write_orders(&orders())).unwrap(), orders());
        assert_eq!(read_orders(b"{\"version\":1}").unwrap(), Orders::default());
    }

    #[test]
    fn orders_of_a_newer_version_are_refused_and_garbage_is_an_error() {
        assert!(matches!(read_orders(br#"{"version":9}"#), Err(OrdersError::Version(9))));
        assert!(matches!(read_orders(b"["), Err(OrdersError::Unreadable(_))));
        assert!(read_orders(br#"{"version":1,"releases":{"nothing":1}}"#).is_err());
    }

    #[test]
    fn a_pause_counts_until_it_ends_and_never_longer_than_a_day() {
        let api = UnitKey::parse("service:web/api").unwrap();
        assert!(orders().pause(&api, 99).is_some());
        assert!(orders().pause(&api, 100).is_none());
        assert!(orders().pause(&api, 99 - LONGEST_PAUSE_SECONDS).is_none());
    }

    #[test]
    fn orders_are_taken_one_by_one() {
        let api = UnitKey::parse("service:web/api").unwrap();
        let mut taken = Orders::default();
        taken.take(Order::Pause { unit: api.clone(), seconds: i64::MAX, reason: None }, 10);
        assert_eq!(taken.pause(&api, 10).map(|p| p.until), Some(10 + LONGEST_PAUSE_SECONDS));
        taken.take(Order::Resume(api.clone()), 11);
        taken.take(Order::Release(api.clone()), 12);
        taken.take(Order::Approve("p".into()), 13);
        taken.take(Order::Answer { hook: "h".into(), verdict: Verdict::Continue }, 14);
        assert!(taken.pause(&api, 14).is_none() && taken.approves("p", 14));
        assert_eq!((taken.releases[&api], taken.hooks["h"]), (12, Verdict::Continue));
    }

    #[test]
    fn what_no_longer_counts_is_dropped_when_an_order_is_taken() {
        let mut kept = orders();
        kept.take(Order::Resume(UnitKey::parse("service:web/other").unwrap()), 60 + APPROVAL_SECONDS);
        assert!(kept.pauses.is_empty() && kept.approvals.is_empty());
        assert_eq!(kept.releases.len(), 1);
    }
}
