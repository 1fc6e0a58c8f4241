//! What passes measure of themselves. Everything about services is drawn from [`crate::Status`] at
//! scrape time instead, so that removed services vanish.

use std::time::Duration;

use evenkeel_plan::Outcome;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::ledger::Found;

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
    waited: Histogram,
    rollouts: HistogramVec,
    settled: Histogram,
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
        let options = HistogramOpts::new(
            "evenkeel_queue_wait_seconds",
            "How long units wait in the queue until a run of them begins, in AWS's seconds",
        );
        let waited =
            Histogram::with_opts(options.buckets(vec![0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0]))?;
        let options = HistogramOpts::new(
            "evenkeel_rollout_duration_seconds",
            "How long rollouts took by ECS's account, a rollback included, by what became of them; each once, where this process was leading and saw it end",
        );
        let minutes = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 360.0];
        let options = options.buckets(minutes.map(|it| it * 60.0).to_vec());
        let rollouts = HistogramVec::new(options, &["outcome"])?;
        for outcome in Outcome::ALL {
            rollouts.with_label_values(&[outcome.word()]);
        }
        let options = HistogramOpts::new(
            "evenkeel_convergence_seconds",
            "How long versions of documents took from when this process first saw them until all of them was settled, in AWS's seconds; each once, where this process was leading then",
        );
        let settled = vec![1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0];
        let settled = Histogram::with_opts(options.buckets(settled))?;
        registry.register(Box::new(passes.clone()))?;
        registry.register(Box::new(pass_seconds.clone()))?;
        registry.register(Box::new(waited.clone()))?;
        registry.register(Box::new(rollouts.clone()))?;
        registry.register(Box::new(settled.clone()))?;
        Ok(Metrics { passes, pass_seconds, waited, rollouts, settled })
    }

    /// A run began that had waited for so long.
    pub fn waited(&self, wait: Duration) {
        self.waited.observe(wait.as_secs_f64());
    }

    /// Counts what a pass found out.
    pub fn found(&self, found: &Found) {
        for (_, rollout) in &found.rollouts {
            let seconds = rollout.took().unwrap_or_default() as f64;
            self.rollouts.with_label_values(&[rollout.outcome.word()]).observe(seconds);
        }
        for took in &found.settled {
            self.settled.observe(took.as_secs_f64());
        }
    }

    pub fn passed(&self, came: Came, took: Duration) {
        self.passes.with_label_values(&[came.word()]).inc();
        self.pass_seconds.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::key::UnitKey;
    use evenkeel_plan::Finished;

    use super::*;

    #[test]
    fn every_result_is_there_at_zero_and_counts() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.passed(Came::Settled, Duration::from_millis(3));
        metrics.waited(Duration::from_secs(3));
        let over = Finished {
            deployment: "ecs-svc/1".into(),
            outcome: Outcome::CircuitBreaker,
            began: Some(100),
            ended: Some(340),
            reason: None,
        };
        metrics.found(&Found {
            rollouts: vec![(UnitKey::Cluster("c".into()), over)],
            settled: vec![Duration::from_secs(90)],
        });
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text.contains("evenkeel_reconcile_total{result=\"settled\"} 1"), "{text}");
        assert!(text.contains("evenkeel_reconcile_total{result=\"idle\"} 0"), "{text}");
        assert!(text.contains("evenkeel_reconcile_duration_seconds_count 1"), "{text}");
        assert!(text.contains("evenkeel_queue_wait_seconds_sum 3\n"), "{text}");
        let rollouts = "evenkeel_rollout_duration_seconds";
        assert!(text.contains(&format!("{rollouts}_sum{{outcome=\"circuit_breaker\"}} 240\n")), "{text}");
        assert!(text.contains(&format!("{rollouts}_count{{outcome=\"completed\"}} 0\n")), "{text}");
        assert!(text.contains("evenkeel_convergence_seconds_sum 90\n"), "{text}");
    }
}
