//! What is counted of the calls: how many, how long, how long they waited for the budget.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_model::shapes::Op;
use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use super::budget::Bucket;
use super::error::Class;

/// How many calls there were, by operation and class (`ok` where it went well).
pub type Counts = BTreeMap<(String, String, String), u64>;

/// Calls to AWS. Labels are closed: operations of the table, classes, buckets.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    wait: HistogramVec,
}

impl CallMetrics {
    /// Puts the families on a registry; `evenkeel_aws_requests_total` has a zero for each operation.
    ///
    /// Durations are in AWS's seconds, which the demo lets pass faster than ours.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new(
                "evenkeel_aws_requests_total",
                "Calls to AWS, by service, operation and what came of them.",
            ),
            &["service", "operation", "class"],
        )?;
        let duration = HistogramVec::new(
            HistogramOpts::new(
                "evenkeel_aws_request_duration_seconds",
                "How long calls to AWS took, each attempt on its own.",
            )
            .buckets(vec![0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0]),
            &["service", "operation"],
        )?;
        let wait = HistogramVec::new(
            HistogramOpts::new(
                "evenkeel_aws_budget_wait_seconds",
                "How long calls waited for our share of AWS's throttles.",
            )
            .buckets(vec![0.001, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0]),
            &["bucket"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(wait.clone()))?;
        for op in Op::ALL {
            requests.with_label_values(&[op.service().name(), op.name(), OK]);
        }
        for bucket in Bucket::ALL {
            wait.with_label_values(&[bucket.name()]);
        }
        Ok(CallMetrics { requests, duration, wait })
    }

    pub(super) fn waited(&self, bucket: Bucket, wait: Duration) {
        self.wait.with_label_values(&[bucket.name()]).observe(wait.as_secs_f64());
    }

    pub(super) fn called(&self, op: Op, class: Option<Class>, duration: Duration) {
        let (service, operation) = (op.service().name(), op.name());
        let class = class.map_or(OK, Class::name);
        self.requests.with_label_values(&[service, operation, class]).inc();
        self.duration.with_label_values(&[service, operation]).observe(duration.as_secs_f64());
    }

    /// The calls so far, without zeros.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for family in self.requests.collect() {
            for metric in family.get_metric() {
                let label = |name| {
                    let found = metric.get_label().iter().find(|pair| pair.name() == name);
                    found.map(|pair| pair.value().to_owned()).unwrap_or_default()
                };
                let count = metric.get_counter().get_value() as u64;
                if count > 0 {
                    counts.insert((label("service"), label("operation"), label("class")), count);
                }
            }
        }
        counts
    }
}

const OK: &str = "ok";
