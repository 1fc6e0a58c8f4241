//! What passes measure of themselves. Everything about services is drawn from [`crate::Status`] at
//! scrape time instead, so that removed services vanish.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

/// What came of a pass; a closed label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// No document is in force.
    Idle,
    /// Nothing remains to be done.
    Settled,
    /// Something is being changed, or waited for.
    Unsettled,
}

impl Came {
    const ALL: [Came; 3] = [Came::Idle, Came::Settled, Came::Unsettled];

    const fn word(self) -> &'static str {
        match self {
            Came::Idle => "idle",
            Came::Settled => "settled",
            Came::Unsettled => "unsettled",
        }
    }
}

/// The daemon's own metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    passes: IntCounterVec,
    pass_seconds: Histogram,
}

impl Metrics {
    /// Registers them, each at zero.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let passes = IntCounterVec::new(
            Opts::new("evenkeel_reconcile_total", "Passes by what came of them"),
            &["result"],
        )?;
        for came in Came::ALL {
            passes.with_label_values(&[came.word()]);
        }
        let options = HistogramOpts::new(
            "evenkeel_reconcile_duration_seconds",
            "How long a pass takes, from its snapshot to what it hands to the queue",
        );
        let pass_seconds =
            Histogram::with_opts(options.buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]))?;
        registry.register(Box::new(passes.clone()))?;
        registry.register(Box::new(pass_seconds.clone()))?;
        Ok(Metrics { passes, pass_seconds })
    }

    pub fn passed(&self, came: Came, took: Duration) {
        self.passes.with_label_values(&[came.word()]).inc();
        self.pass_seconds.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_is_there_at_zero_and_counts() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.passed(Came::Settled, Duration::from_millis(3));
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text.contains("evenkeel_reconcile_total{result=\"settled\"} 1"), "{text}");
        assert!(text.contains("evenkeel_reconcile_total{result=\"idle\"} 0"), "{text}");
        assert!(text.contains("evenkeel_reconcile_duration_seconds_count 1"), "{text}");
    }
}
