//! The daemon's status as the routes see it: with what only time tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_controller::Status;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::conditions::{self, About, Condition, Transitions};

/// One status, and what was made of those before it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The daemon at that moment.
    pub status: Arc<Status>,
    /// Conditions of the document and of each service.
    pub conditions: BTreeMap<About, Vec<Condition>>,
    /// Since when they hold.
    pub transitions: Transitions,
    /// When the status came, on our clock.
    pub received: Instant,
    /// False once the daemon has ended.
    pub alive: bool,
}

impl Shown {
    /// What is shown first.
    pub fn first(status: Arc<Status>) -> Self {
        Shown::after(&Transitions::default(), status)
    }

    fn after(before: &Transitions, status: Arc<Status>) -> Self {
        let conditions = conditions::of(&status);
        let transitions = before.after(&conditions, status.clock);
        Shown { status, conditions, transitions, received: Instant::now(), alive: true }
    }
}

/// What is shown of a status that is replaced from time to time, and the work of keeping up with it, which
/// ends with the daemon.
pub fn follow(
    mut status: watch::Receiver<Arc<Status>>,
) -> (watch::Receiver<Arc<Shown>>, impl Future<Output = ()> + Send) {
    let first = status.borrow_and_update().clone();
    let (sender, shown) = watch::channel(Arc::new(Shown::first(first)));
    let following = async move {
        while status.changed().await.is_ok() {
            let next = status.borrow_and_update().clone();
            let before = sender.borrow().clone();
            sender.send_replace(Arc::new(Shown::after(&before.transitions, next)));
        }
        let last = sender.borrow().clone();
        sender.send_replace(Arc::new(Shown { alive: false, ..(*last).clone() }));
    };
    (shown, following)
}
