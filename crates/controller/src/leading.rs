//! The loop that holds the lease, and reads memory anew whenever it becomes ours.

use std::sync::Arc;

use evenkeel_cloud::store::{Lease, LeaseState, lease};
use evenkeel_model::document::Mode;
use tokio_util::sync::CancellationToken;

use crate::daemon::Shared;
use crate::status::Lease as Shown;

/// Takes the lease, renews it, and gives it back at the end. An observer neither takes nor writes one.
pub(crate) async fn hold(shared: Arc<Shared>, mut lease: Lease, end: CancellationToken) {
    let leads = shared.settings.ceilings.mode == Mode::Enforce;
    loop {
        if leads {
            let shown = match lease.turn().await {
                LeaseState::Ours { .. } => Shown::Ours,
                LeaseState::Other { holder } => Shown::Other(holder),
                LeaseState::Unreachable(error) => Shown::Unreachable(error.to_string()),
            };
            show(&shared, shown);
        }
        if !shared.book.is_loaded() {
            match shared.book.load().await {
                Ok(()) => shared.wake.notify_one(),
                Err(error) => show(&shared, Shown::Unreachable(error.to_string())),
            }
        }
        tokio::select! {
            biased;
            () = end.cancelled() => break,
            () = shared.sleep(lease::RENEW_EVERY) => {}
        }
    }
    if leads {
        let seen = shared.world.lock().last_written().map(|at| at + lease::HANDOVER);
        let left = seen.unwrap_or_default().since(shared.clock.now());
        if !left.is_zero() {
            tracing::info!(
                seconds = left.as_secs(),
                "what was written last is left to show before the lease is given back"
            );
            shared.sleep(left).await;
        }
    }
    if leads && let Err(error) = lease.release().await {
        tracing::warn!(%error, "the lease was not given back and runs out by itself");
    }
}

fn show(shared: &Shared, shown: Shown) {
    let before = shared.board().lease.clone();
    if before == shown {
        return;
    }
    if shown == Shown::Ours && matches!(before, Shown::Other(_)) {
        // What another holder wrote since memory was read would be lost; nobody is to see the lease as ours
        // with that memory.
        shared.book.forget();
    }
    shared.board().lease = shown.clone();
    let (message, warning) = match &shown {
        Shown::Ours => ("this Evenkeel holds the lease and writes".to_owned(), false),
        Shown::Other(holder) => {
            let takes_over = lease::LEASE.as_secs();
            let message = format!(
                "{holder} holds the lease: this one only observes, and takes over {takes_over} s after the last renewal"
            );
            (message, false)
        }
        Shown::Unreachable(error) => (format!("the state cannot be used: {error}"), true),
        Shown::Unknown => return,
    };
    shared.event(None, message, warning);
    shared.wake.notify_one();
}
