//! Which of several daemons writes: a lease object in S3, taken and renewed with conditional writes.
//!
//! # Arithmetic
//! All times are AWS's seconds, divided by the pace.
//!
//! - The holder renews every [`RENEW_EVERY`] = 10 s.
//! - A follower takes the lease once the object stayed the same for [`LEASE`] = 60 s on its own clock, counted
//!   from when it first *read* that version, so never earlier than 60 s after the holder wrote it.
//! - The holder's writes may leave until [`HOLD`] = 40 s after it *began* the last renewal that succeeded.
//! - A request lasts at most [`LONGEST_REQUEST`] = 20 s, and 40 + 20 = 60: what the holder sent is over before
//!   a follower may begin. Three renewals may fail before the holder stops writing.
//!
//! # Caveats
//! A request that its client gave up may still be at work inside AWS when the next holder begins. AWS takes no
//! fencing token, so every write of ours is guarded and repeatable. Whoever deletes the object gives the lease
//! away at once, while its holder learns of it only at its next renewal.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Condition, Object, Store, StoreError};
use crate::calls::{Deadline, LONGEST_REQUEST};

/// How long the object stays the same before a follower takes it.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often [`Lease::turn`] is to be called.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);
/// How long after the beginning of a renewal writes may leave.
pub const HOLD: Duration = Duration::from_secs(LEASE.as_secs() - LONGEST_REQUEST.as_secs());

/// How long after a holder's last write the next one begins at the earliest: it may read from before that write
/// otherwise, and do it again. So it is where the lease runs out, and so it is to be where it is given back.
pub const HANDOVER: Duration = Duration::from_secs(LEASE.as_secs() - HOLD.as_secs());

const NAME: &str = "lease.json";

/// Whose the lease is.
#[derive(Clone, Debug)]
pub enum LeaseState {
    /// Ours, until the deadline passes.
    Ours {
        /// What permits are checked against.
        deadline: Deadline,
    },
    /// Somebody else's.
    Other {
        /// Who it is.
        holder: String,
    },
    /// It cannot be told. If the lease was ours, it is as long as the deadline holds.
    Unreachable(StoreError),
}

/// The record as it stands in S3. Old versions still load; fields that are not known are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    version: u32,
    /// Who holds it; absent once it was given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    /// Counts the writes, because S3's ETag is a hash of the content and must change with each.
    renewals: u64,
}

/// Our part in the contest for the lease.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    holder: String,
    deadline: Deadline,
    /// The version we wrote last, while we think the lease is ours.
    ours: Option<(String, u64)>,
    /// Another's version, and when we first read it.
    watched: Option<(String, Instant)>,
}

/// What stands in S3.
enum Found {
    Nothing,
    Held { object: Object, record: Option<Record> },
}

impl Lease {
    /// A lease that is not ours yet. `holder` is unique for each process: it is how we know our own record,
    /// and what others print.
    pub fn new(store: Store, holder: impl Into<String>) -> Self {
        Lease { store, holder: holder.into(), deadline: Deadline::passed(), ours: None, watched: None }
    }

    /// Until when our writes may leave; the same for the life of the lease, extended by each renewal.
    pub fn deadline(&self) -> Deadline {
        self.deadline.clone()
    }

    /// Renews the lease if it is ours, takes it if it is free, and says whose it is. To be called every
    /// [`RENEW_EVERY`], divided by the pace.
    ///
    /// Takes no longer than that. Guarantees: two leases on one object are never ours at the same time, if both clocks run alike.
    pub async fn turn(&mut self) -> LeaseState {
        // A hanging request must not cost the turns after it; one that still lands is found as our own.
        let patience = self.store.pace().real(RENEW_EVERY);
        let contest = tokio::time::timeout(patience, self.contest()).await.unwrap_or_else(|_| {
            let message = "no answer before the next renewal is due".to_owned();
            Err(StoreError::Silent { place: NAME.to_owned(), message, unsent: false })
        });
        match contest {
            Ok(Some(holder)) => {
                self.ours = None;
                self.deadline.end();
                LeaseState::Other { holder }
            }
            Ok(None) => LeaseState::Ours { deadline: self.deadline() },
            Err(error) => LeaseState::Unreachable(error),
        }
    }

    /// The other holder, or `None` where the lease is ours now.
    async fn contest(&mut self) -> Result<Option<String>, StoreError> {
        if let Some((etag, renewals)) = self.ours.clone() {
            match self.write(Condition::Matches(&etag), renewals + 1).await {
                // Changed in between, perhaps by a write of ours whose answer was lost: look.
                Err(StoreError::Lost { .. }) => {}
                result => return result.map(|()| None),
            }
        }
        // A second look where somebody was faster.
        for _ in 0..2 {
            let (condition_etag, renewals) = match self.find().await? {
                Found::Nothing => (None, 0),
                Found::Held { object, record } => {
                    if let Some(holder) = self.judge(&object, record.as_ref()) {
                        return Ok(Some(holder));
                    }
                    (Some(object.etag), record.map_or(0, |record| record.renewals))
                }
            };
            let condition = condition_etag.as_deref().map_or(Condition::Absent, Condition::Matches);
            match self.write(condition, renewals + 1).await {
                Err(StoreError::Lost { .. }) => {}
                result => return result.map(|()| None),
            }
        }
        // It changes faster than we look: the next turn tells more.
        Err(StoreError::Busy { place: NAME.to_owned() })
    }

    async fn find(&self) -> Result<Found, StoreError> {
        Ok(match self.store.get(NAME).await? {
            None => Found::Nothing,
            Some(object) => {
                let record = serde_json::from_slice(&object.bytes).ok();
                Found::Held { object, record }
            }
        })
    }

    /// Who holds the lease so that we may not take it; `None` where it is free, ours, or over.
    fn judge(&mut self, object: &Object, record: Option<&Record>) -> Option<String> {
        let holder = match record {
            Some(Record { holder: None, .. }) => return None,
            Some(Record { holder: Some(holder), .. }) if *holder == self.holder => return None,
            Some(Record { holder: Some(holder), .. }) => holder.clone(),
            // Written by something else: it counts as long as it changes.
            None => UNKNOWN.to_owned(),
        };
        let lease = self.store.pace().real(LEASE);
        match &self.watched {
            Some((etag, since)) if *etag == object.etag => (since.elapsed() < lease).then_some(holder),
            _ => {
                self.watched = Some((object.etag.clone(), Instant::now()));
                Some(holder)
            }
        }
    }

    /// Writes our record and, where that went well, extends the deadline from before it was sent.
    async fn write(&mut self, condition: Condition<'_>, renewals: u64) -> Result<(), StoreError> {
        let begun = Instant::now();
        let record = Record { version: 1, holder: Some(self.holder.clone()), renewals };
        let etag = self.store.put(NAME, bytes_of(&record), condition).await?;
        self.ours = Some((etag, renewals));
        self.watched = None;
        self.deadline.extend_to(begun + self.store.pace().real(HOLD));
        Ok(())
    }

    /// Gives the lease back, so that the next one takes it at once. Nothing of ours leaves from the
    /// beginning on; to be called once no write of ours is on its way.
    pub async fn release(mut self) -> Result<(), StoreError> {
        self.deadline.end();
        let Some((etag, renewals)) = self.ours.take() else {
            return Ok(());
        };
        let record = Record { version: 1, holder: None, renewals: renewals + 1 };
        match self.store.put(NAME, bytes_of(&record), Condition::Matches(&etag)).await {
            // Somebody else's already.
            Ok(_) | Err(StoreError::Lost { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How a holder is called whose record cannot be read.
const UNKNOWN: &str = "unknown";

fn bytes_of(record: &Record) -> Bytes {
    // A struct of numbers and text always has a JSON form.
    serde_json::to_vec(record).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::{LONGEST_REQUEST, Pace};
    use crate::testing::FakeS3;

    fn lease(s3: &FakeS3, holder: &str) -> Lease {
        Lease::new(Store::new(s3.s3(Pace::REAL), "state", "ek"), holder)
    }

    fn ours(state: &LeaseState) -> bool {
        matches!(state, LeaseState::Ours { .. })
    }

    #[track_caller]
    fn other(state: LeaseState) -> String {
        match state {
            LeaseState::Other { holder } => holder,
            state => panic!("{state:?}"),
        }
    }

    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
    }

    #[test]
    fn what_was_sent_is_over_before_another_may_begin() {
        assert!(HOLD + LONGEST_REQUEST <= LEASE);
        assert!(RENEW_EVERY * 3 < HOLD);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_takes_it_and_renews_it() {
        let s3 = FakeS3::default();
        let (mut a, mut b) = (lease(&s3, "a"), lease(&s3, "b"));
        assert!(!a.deadline().holds());
        for _ in 0..20 {
            assert!(ours(&a.turn().await));
            assert_eq!(other(b.turn().await), "a");
            assert!(a.deadline().holds() && !b.deadline().holds());
            pass(RENEW_EVERY).await;
        }
        assert_eq!(s3.text("ek/lease.json"), r#"{"version":1,"holder":"a","renewals":20}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_holder_is_followed_only_after_its_deadline_and_its_last_request() {
        let s3 = FakeS3::default();
        let (mut a, mut b) = (lease(&s3, "a"), lease(&s3, "b"));
        a.turn().await;
        let written = Instant::now();
        let deadline = a.deadline();
        let mut turns = 0;
        while !ours(&b.turn().await) {
            turns += 1;
            pass(RENEW_EVERY).await;
        }
        assert_eq!((turns, written.elapsed()), (6, LEASE));
        assert!(!deadline.holds());
        // It lives after all, and finds out.
        assert_eq!(other(a.turn().await), "b");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_given_back_is_taken_at_once() {
        let s3 = FakeS3::default();
        let (mut a, mut b) = (lease(&s3, "a"), lease(&s3, "b"));
        a.turn().await;
        let deadline = a.deadline();
        assert_eq!(other(b.turn().await), "a");
        a.release().await.unwrap();
        assert!(!deadline.holds());
        assert!(ours(&b.turn().await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_cannot_reach_s3_stops_at_its_deadline() {
        let s3 = FakeS3::default();
        let mut a = lease(&s3, "a");
        a.turn().await;
        s3.set_down(true);
        pass(HOLD - Duration::from_secs(10)).await;
        assert!(matches!(a.turn().await, LeaseState::Unreachable(_)));
        assert!(a.deadline().holds());
        pass(Duration::from_secs(10)).await;
        assert!(!a.deadline().holds());
        s3.set_down(false);
        assert!(ours(&a.turn().await) && a.deadline().holds());
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_whose_answer_was_lost_is_known_as_our_own() {
        let s3 = FakeS3::default();
        let mut a = lease(&s3, "a");
        a.turn().await;
        s3.lose_answers(1);
        assert!(ours(&a.turn().await));
        pass(RENEW_EVERY).await;
        s3.lose_answers(3);
        assert!(matches!(a.turn().await, LeaseState::Unreachable(_)));
        assert!(a.deadline().holds());
        assert!(ours(&a.turn().await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_over_before_the_next_one_is_due() {
        let s3 = crate::store::S3::new(&crate::testing::silent_sdk(), 0, Pace::new(2.0).unwrap());
        let start = Instant::now();
        assert!(matches!(
            Lease::new(Store::new(s3, "state", "ek"), "a").turn().await,
            LeaseState::Unreachable(_)
        ));
        assert_eq!(start.elapsed(), RENEW_EVERY / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_conflict_is_tried_again() {
        let s3 = FakeS3::default();
        let mut a = lease(&s3, "a");
        s3.conflicts(2);
        assert!(ours(&a.turn().await));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_is_left_alone_as_long_as_it_changes() {
        let s3 = FakeS3::default();
        let mut a = lease(&s3, "a");
        for i in 0..20 {
            s3.set("ek/lease.json", &format!("<{i}>"));
            assert_eq!(other(a.turn().await), "unknown");
            pass(RENEW_EVERY).await;
        }
        pass(LEASE).await;
        assert!(ours(&a.turn().await));
    }
}
