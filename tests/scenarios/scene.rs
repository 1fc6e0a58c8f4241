//! A scene: one daemon that has brought a document to rest, and the audit from then on.

use std::time::Duration;

use evenkeel_controller::Status;
use serde_json::{Value, json};

use super::CLUSTER;
use crate::stage::{Daemon, Stage};

/// One daemon at work on one document.
pub struct Scene {
    pub stage: Stage,
    pub daemon: Daemon,
    mark: usize,
}

impl Scene {
    /// A daemon that has just been started in an empty account.
    pub fn start(document: &Value) -> Self {
        Self::on(Stage::new(document))
    }

    /// A daemon that has just been started on a stage.
    pub fn on(stage: Stage) -> Self {
        let daemon = stage.daemon();
        Self::of(stage, daemon)
    }

    /// A daemon at work on a stage.
    pub fn of(stage: Stage, daemon: Daemon) -> Self {
        Scene { stage, daemon, mark: 0 }
    }

    /// A daemon that has brought the document to rest; what was written until then is not looked at.
    pub async fn settled(document: &Value) -> Self {
        let mut scene = Self::start(document);
        scene.daemon.settled().await;
        // Every reading is taken once more, and memory is written.
        tokio::time::sleep(Duration::from_secs(30)).await;
        scene.daemon.settled().await;
        scene.mark_here();
        scene
    }

    /// From here on the audit, and what passes say, is looked at.
    pub fn mark_here(&mut self) {
        self.mark = self.stage.mark();
        self.daemon.forget();
    }

    /// A call of an operator.
    pub fn aws(&self, service: &str, operation: &str, input: Value) -> Value {
        self.stage.operator(service, operation, input)
    }

    /// An operator's UpdateService of a service.
    pub fn update(&self, service: &str, mut change: Value) {
        change["cluster"] = CLUSTER.into();
        change["service"] = service.into();
        self.aws("ecs", "UpdateService", change);
    }

    /// An operator's call about the scaling of a service.
    pub fn scaling(&self, operation: &str, service: &str, more: Value) -> Value {
        let mut input = more;
        input["ServiceNamespace"] = "ecs".into();
        if operation.starts_with("DescribeScalableTargets") {
            input["ResourceIds"] = json!([format!("service/{CLUSTER}/{service}")]);
        } else {
            input["ScalableDimension"] = "ecs:service:DesiredCount".into();
            input["ResourceId"] = format!("service/{CLUSTER}/{service}").into();
        }
        self.aws("application-autoscaling", operation, input)
    }

    /// A target group of the account, with its ARN.
    pub fn target_group(&self, name: &str) -> Value {
        self.aws("elbv2", "DescribeTargetGroups", json!({"Names": [name]}))["TargetGroups"][0].clone()
    }

    /// The only listener of a load balancer.
    pub fn listener(&self, balancer: &str) -> Value {
        let found = self.aws("elbv2", "DescribeLoadBalancers", json!({"Names": [balancer]}));
        let arn = found["LoadBalancers"][0]["LoadBalancerArn"].clone();
        self.aws("elbv2", "DescribeListeners", json!({"LoadBalancerArn": arn}))["Listeners"][0].clone()
    }

    /// Lets time pass, and then waits until everything is settled.
    pub async fn rest(&mut self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.daemon.settled().await;
    }

    /// Waits until the daemon shows something, for an hour.
    pub async fn until(&mut self, what: &str, shown: impl Fn(&Status) -> bool) {
        self.daemon.until(Duration::from_secs(3600), what, shown).await;
    }

    /// Nobody is there for so many hours; then another daemon is.
    pub async fn away(&mut self, hours: u64) {
        let Scene { stage, daemon, mark } = self;
        daemon.end().await;
        tokio::time::sleep(Duration::from_secs(3600 * hours)).await;
        *daemon = stage.daemon();
        *mark = stage.mark();
    }

    /// The daemon's writes.
    pub fn writes(&self) -> Vec<String> {
        self.stage.writes(self.mark)
    }

    /// Fails unless exactly this was written.
    #[track_caller]
    pub fn wrote(&self, expected: &[&str]) {
        let writes = self.writes();
        assert!(writes == expected, "written: {writes:#?}\nexpected: {expected:#?}\n{}", self.story());
    }

    /// Fails unless a pass said something with all these words.
    #[track_caller]
    pub fn saw(&self, words: &[&str]) {
        let said = self.daemon.said();
        let found = said.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no pass said {words:?}\n{}", self.story());
    }

    /// Fails if a pass said something with all these words.
    #[track_caller]
    pub fn never_saw(&self, words: &[&str]) {
        let said = self.daemon.said();
        let found = said.iter().find(|line| words.iter().all(|word| line.contains(word)));
        assert!(found.is_none(), "a pass said {found:?}\n{}", self.story());
    }

    /// Fails unless it holds.
    #[track_caller]
    pub fn check(&self, holds: bool, what: &str) {
        assert!(holds, "not so: {what}\n{}", self.story());
    }

    /// All there is to know, for the message of a test that failed.
    pub fn story(&self) -> String {
        format!("{}\nwritten: {:#?}\nsaid: {:#?}", self.daemon.story(), self.writes(), self.daemon.said())
    }

    /// Every scenario's end: settled, and then nothing is written but the lease.
    pub async fn end(mut self) {
        self.daemon.settled().await;
        self.mark = self.stage.mark();
        tokio::time::sleep(Duration::from_secs(400)).await;
        let rows = self.stage.sim.audit(self.mark);
        let writes: Vec<String> = rows
            .iter()
            .filter(|r| r.write && r.caller != "operator")
            .map(|r| format!("{} {}", r.operation, r.input["Key"].as_str().unwrap_or_default()))
            .filter(|w| w != "PutObject state/lease.json")
            .collect();
        assert!(writes.is_empty(), "written though settled: {writes:#?}\n{}", self.story());
        self.daemon.settled().await;
        let unknown = self.stage.sim.unknown_operations();
        assert!(unknown.is_empty(), "{unknown:?}");
        let violations = self.stage.violations();
        assert!(violations.is_empty(), "{violations:#?}\n{}", self.story());
        self.daemon.stop().await;
    }
}
