//! The proof that a write may leave, and the deadline it is checked against just before it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Until when writes may leave; shared between the lease, which extends it, and the permits, which read it.
///
/// It is monotonic and goes on while the process is stopped, so a process that wakes late finds it passed.
#[derive(Clone, Debug)]
pub struct Deadline(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    anchor: Instant,
    /// Microseconds after `anchor`; 0 where nothing may leave.
    until: AtomicU64,
}

impl Deadline {
    /// A deadline that has passed: nothing may leave until [`Deadline::extend_to`] is called.
    pub fn passed() -> Self {
        Deadline(Arc::new(Shared { anchor: Instant::now(), until: AtomicU64::new(0) }))
    }

    /// Writes may leave until `instant`; never moves the deadline to an earlier time.
    pub fn extend_to(&self, instant: Instant) {
        let micros = instant.saturating_duration_since(self.0.anchor).as_micros();
        self.0.until.fetch_max(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Nothing may leave from now on: the lease was lost or given back.
    pub fn end(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }

    /// How much time is left; `None` once it has passed.
    pub fn left(&self) -> Option<Duration> {
        let until = Duration::from_micros(self.0.until.load(Ordering::SeqCst));
        until.checked_sub(self.0.anchor.elapsed()).filter(|left| !left.is_zero())
    }

    /// True while writes may leave.
    pub fn holds(&self) -> bool {
        self.left().is_some()
    }
}

/// Proof that one write to `subject` may leave: the lease is ours and the subject was seen fresh.
///
/// Granted only inside this crate. It does not promise that the write still leaves: the deadline is checked
/// again by the last hook before the bytes go out, and a write that comes too late fails as
/// [`Class::Refused`](super::Class::Refused) without being sent.
#[derive(Clone, Debug)]
pub struct Permit {
    subject: Arc<str>,
    deadline: Deadline,
}

impl Permit {
    /// A permit for one subject under a lease.
    #[allow(dead_code, reason = "granted by `execute`")]
    pub(crate) fn new(subject: impl Into<Arc<str>>, deadline: Deadline) -> Self {
        Permit { subject: subject.into(), deadline }
    }

    /// What may be written, as it is printed in plans.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// True while the lease that it rests on is ours.
    pub fn holds(&self) -> bool {
        self.deadline.holds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_permit_holds_as_long_as_its_lease_is_renewed() {
        let deadline = Deadline::passed();
        let permit = Permit::new("ecs/service/main/api", deadline.clone());
        assert!(!permit.holds());
        deadline.extend_to(Instant::now() + Duration::from_secs(40));
        tokio::time::advance(Duration::from_secs(39)).await;
        assert!(permit.holds());
        deadline.extend_to(Instant::now() + Duration::from_secs(40));
        tokio::time::advance(Duration::from_secs(39)).await;
        assert!(permit.holds());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!permit.holds());
    }

    #[tokio::test(start_paused = true)]
    async fn an_ended_deadline_refuses_at_once() {
        let deadline = Deadline::passed();
        deadline.extend_to(Instant::now() + Duration::from_secs(40));
        assert!(deadline.holds());
        deadline.end();
        assert_eq!(deadline.left(), None);
    }
}
