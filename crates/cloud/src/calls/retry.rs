//! The one retry loop. The SDK's own retries are off, because their jitter cannot be seeded and a run could
//! not be replayed.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use tokio::time::Instant;

use super::Pace;

/// How often one call is tried.
const ATTEMPTS: u32 = 4;
/// No further attempt begins this long after the first one failed.
const LONGEST: Duration = Duration::from_secs(20);
/// The wait before the second attempt, and the longest; before jitter.
const FIRST_WAIT: Duration = Duration::from_millis(400);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Jitter from a seed, one stream for each name, so that a new kind of call does not shift the others.
#[derive(Clone, Debug)]
pub(crate) struct Jitter {
    seed: u64,
    streams: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Jitter {
    pub fn new(seed: u64) -> Self {
        Jitter { seed, streams: Arc::default() }
    }

    /// The next number of a stream, from 0 up to 1. The generator is SplitMix64.
    fn next(&self, stream: &'static str) -> f64 {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let state = streams.entry(stream).or_insert_with(|| {
            // FNV-1a tells the streams apart.
            let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            self.seed ^ stream.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
        });
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Tries `attempt` until it succeeds, fails in a way that `again` does not accept, or four attempts or
    /// twenty seconds are used up; then its last result stands.
    pub async fn retry<T, E, F>(
        &self,
        stream: &'static str,
        pace: Pace,
        again: impl Fn(&E) -> bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut growth = growth();
        let mut begun: Option<Instant> = None;
        let mut turn = 0;
        loop {
            turn += 1;
            let error = match attempt().await {
                Err(error) if turn < ATTEMPTS && again(&error) => error,
                result => return result,
            };
            // Waiting for the budget before the first attempt does not count.
            let begun = *begun.get_or_insert_with(Instant::now);
            let interval = growth.next_backoff().unwrap_or(LONGEST_WAIT);
            let wait = pace.real(interval.mul_f64(0.5 + self.next(stream) / 2.0));
            if begun.elapsed() + wait > pace.real(LONGEST) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// Growing intervals without randomness of their own.
fn growth() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(FIRST_WAIT)
        .with_multiplier(2.0)
        .with_max_interval(LONGEST_WAIT)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn failing(jitter: &Jitter, lasting: Duration) -> (u32, Duration) {
        let start = Instant::now();
        let mut attempts = 0;
        let result: Result<(), ()> = jitter
            .retry(
                "s",
                Pace::REAL,
                |()| true,
                || {
                    attempts += 1;
                    async move {
                        tokio::time::sleep(lasting).await;
                        Err(())
                    }
                },
            )
            .await;
        assert!(result.is_err());
        (attempts, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn four_attempts_and_the_same_seed_waits_the_same() {
        let first = failing(&Jitter::new(7), Duration::ZERO).await;
        assert_eq!(first.0, 4);
        // 0.4 + 0.8 + 1.6 s, each between its half and its whole.
        assert!((1.4..=2.81).contains(&first.1.as_secs_f64()), "{first:?}");
        assert_eq!(failing(&Jitter::new(7), Duration::ZERO).await, first);
        assert_ne!(failing(&Jitter::new(8), Duration::ZERO).await, first);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_failures_use_up_the_time() {
        let (attempts, elapsed) = failing(&Jitter::new(7), Duration::from_secs(20)).await;
        assert_eq!(attempts, 2);
        assert!(elapsed <= Duration::from_secs(41), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_help_is_not_tried_again() {
        let mut attempts = 0;
        let result: Result<(), &str> = Jitter::new(7)
            .retry(
                "s",
                Pace::REAL,
                |_| false,
                || {
                    attempts += 1;
                    async { Err("invalid") }
                },
            )
            .await;
        assert_eq!((result, attempts), (Err("invalid"), 1));
    }

    #[test]
    fn one_stream_does_not_shift_another() {
        let (a, b) = (Jitter::new(7), Jitter::new(7));
        a.next("other");
        assert_eq!(a.next("s"), b.next("s"));
    }
}
