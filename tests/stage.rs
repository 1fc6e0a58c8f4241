//! The stage of every scenario: the real daemon on the real SDK, in process against the simulated AWS, under
//! a paused clock. Virtual time is tokio's: where everybody waits, it jumps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use evenkeel_cloud::calls::Pace;
use evenkeel_controller::{Control, Settings, Status, control};
use evenkeel_model::document::Mode;
use evenkeel_plan::Ceilings;
use evenkeel_sim::{AuditRow, Damage, SimConfig, SimHandle};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const ACCOUNT: &str = "123456789012";
pub const BUCKET: &str = "desired";
pub const KEY: &str = "services.json";

/// What becomes of one call of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// The daemon dies before it leaves.
    DiesBefore,
    /// It is done, and the daemon dies before it has the answer.
    DiesAfter,
    /// It is done, and its answer is lost on the way.
    AnswerLost,
}

/// The longest lag of AWS's readings in seconds, as it is in every scenario that does not ask for another. AWS
/// promises none: ECS and Application Auto Scaling say "eventual consistency", and a new deployment has been
/// missing from several readings three seconds apart.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
pub const USUAL_LAG: f64 = 5.0;

type Oracle = dyn Fn(usize, &http::Request<Bytes>) -> Fate + Send + Sync;

/// Keeps the simulator's clock with tokio's.
#[derive(Clone)]
struct Time {
    sim: SimHandle,
    epoch: Instant,
    passed: Arc<Mutex<Duration>>,
}

impl Time {
    fn catch_up(&self) {
        let mut passed = self.passed.lock().unwrap();
        let now = self.epoch.elapsed();
        self.sim.advance(now - *passed);
        *passed = now;
    }
}

/// The way of one daemon to the simulated AWS.
#[derive(Clone)]
struct Wire {
    time: Time,
    calls: Arc<Mutex<usize>>,
    oracle: Arc<Oracle>,
    dead: CancellationToken,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.dead.is_cancelled() {
            return HttpConnectorFuture::new(std::future::pending());
        }
        self.time.catch_up();
        let request = request
            .try_into_http1x()
            .unwrap()
            .map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
        let index = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls - 1
        };
        let fate = (self.oracle)(index, &request);
        if fate == Fate::DiesBefore {
            self.dead.cancel();
            return HttpConnectorFuture::new(std::future::pending());
        }
        let answer = self.time.sim.request(request);
        match fate {
            Fate::DiesAfter => {
                self.dead.cancel();
                HttpConnectorFuture::new(std::future::pending())
            }
            Fate::AnswerLost => HttpConnectorFuture::ready(Err(lost())),
            _ => {
                let damage = answer.extensions().get::<Damage>().cloned();
                HttpConnectorFuture::new(async move {
                    match damage {
                        Some(Damage::Lost | Damage::Truncated) => return Err(lost()),
                        Some(Damage::Late(millis) | Damage::Waits(millis)) => {
                            tokio::time::sleep(Duration::from_millis(millis.unsigned_abs())).await;
                        }
                        None => {}
                    }
                    Ok(answer.map(SdkBody::from).try_into().unwrap())
                })
            }
        }
    }
}

/// What a client sees of a connection that breaks before the answer is there.
fn lost() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

/// A simulated account with a document in its S3.
pub struct Stage {
    pub sim: SimHandle,
    time: Time,
    key: String,
    daemons: AtomicUsize,
}

/// A daemon at work.
pub struct Daemon {
    pub status: watch::Receiver<Arc<Status>>,
    /// What people ask it for.
    pub control: Control,
    /// What its passes said, each line once.
    said: Arc<Mutex<BTreeSet<String>>>,
    stop: CancellationToken,
    dead: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Stage {
    /// An empty account, and `document` in its S3.
    pub fn new(document: &Value) -> Self {
        Self::with_object(KEY, document.to_string().as_bytes())
    }

    /// An empty account, and a document of any form in its S3.
    pub fn with_object(key: &str, body: &[u8]) -> Self {
        let config = SimConfig {
            account: ACCOUNT.into(),
            region: "us-east-1".into(),
            seed: 7,
            start_epoch_seconds: 1_795_000_000,
        };
        let sim = SimHandle::new(config);
        sim.put_bucket(BUCKET, true);
        sim.put_object(BUCKET, key, body);
        for reference in secrets(&crate::json("config/examples/farsight.json")) {
            sim.put_secret(&reference);
        }
        let time = Time { sim: sim.clone(), epoch: Instant::now(), passed: Arc::default() };
        let stage = Stage { sim, time, key: key.to_owned(), daemons: AtomicUsize::new(0) };
        stage.lag(USUAL_LAG);
        stage
    }

    /// From here on what daemons read of AWS is up to so many seconds old, by lot, from replicas that do not agree. S3
    /// is consistent, and an operator sees what is so.
    pub fn lag(&self, seconds: f64) {
        let services = ["ecs", "elbv2", "application-autoscaling", "logs", "ecr"];
        let lags: BTreeMap<&str, f64> = services.map(|service| (service, seconds)).into_iter().collect();
        self.control("staleness", json!({"seconds": lags, "replicas": 3, "except": ["operator"]}));
    }

    /// Waits until every reading shows what somebody did until now, where readings lag as usual.
    pub async fn is_seen(&self) {
        tokio::time::sleep(Duration::from_secs_f64(USUAL_LAG)).await;
    }

    /// Puts another version of the document.
    pub fn push(&self, document: &Value) {
        self.push_text(document.to_string().as_bytes());
    }

    /// Puts another version of the document, whatever it is.
    pub fn push_text(&self, body: &[u8]) {
        self.time.catch_up();
        self.sim.put_object(BUCKET, &self.key, body);
    }

    fn sdk(wire: &Wire, caller: &str) -> SdkConfig {
        let connector = SharedHttpConnector::new(wire.clone());
        let credentials = Credentials::builder()
            .access_key_id(caller)
            .secret_access_key("not a secret")
            .provider_name("stage")
            .build();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .sleep_impl(TokioSleep::new())
            .endpoint_url("http://127.0.0.1:1")
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }

    /// Starts a daemon.
    pub fn daemon(&self) -> Daemon {
        self.daemon_with(|_, _| Fate::Answered)
    }

    /// Starts a daemon whose calls meet the fates that `oracle` names, by number and request.
    pub fn daemon_with(
        &self,
        oracle: impl Fn(usize, &http::Request<Bytes>) -> Fate + Send + Sync + 'static,
    ) -> Daemon {
        self.start(Mode::Enforce, Arc::new(oracle))
    }

    /// Starts a daemon that may only observe.
    pub fn observer(&self) -> Daemon {
        self.start(Mode::Observe, Arc::new(|_, _| Fate::Answered))
    }

    /// The first is called `daemon-1` in the lease and in the audit, the second `daemon-2`, and so on.
    fn start(&self, mode: Mode, oracle: Arc<Oracle>) -> Daemon {
        let name = format!("daemon-{}", self.daemons.fetch_add(1, Ordering::SeqCst) + 1);
        let dead = CancellationToken::new();
        let wire = Wire { time: self.time.clone(), calls: Arc::default(), oracle, dead: dead.clone() };
        let sdk = Self::sdk(&wire, &name);
        let (sender, status) = watch::channel(Arc::new(Status::default()));
        let said = Arc::new(Mutex::new(BTreeSet::new()));
        tokio::spawn(listen(status.clone(), said.clone()));
        let stop = CancellationToken::new();
        let (end, ended) = (stop.clone(), dead.clone());
        let key = self.key.clone();
        let (control, asks) = control();
        let task = tokio::spawn(async move {
            let settings = Settings {
                document: format!("s3://{BUCKET}/{key}").parse().unwrap(),
                state: format!("s3://{BUCKET}/state/").parse().unwrap(),
                ceilings: Ceilings { mode, prune: true, replace: true },
                poll: Duration::from_secs(10),
                pace: Pace::REAL,
                seed: 1,
                holder: name,
            };
            let registry = prometheus::Registry::new();
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                result = evenkeel_controller::run(&sdk, settings, &registry, sender, asks, end) => result.unwrap(),
            }
        });
        Daemon { status, control, said, stop, dead, task }
    }

    /// A call of somebody else: an operator with the AWS CLI.
    pub fn operator(&self, service: &str, operation: &str, input: Value) -> Value {
        self.try_operator(service, operation, input)
            .unwrap_or_else(|error| panic!("{service} {operation}: {error}"))
    }

    /// The same, where AWS may refuse it.
    pub fn try_operator(&self, service: &str, operation: &str, input: Value) -> Result<Value, String> {
        self.time.catch_up();
        self.sim.call("operator", service, operation, input).map_err(|error| format!("{error:?}"))
    }

    /// A command to the simulator: faults, throttling, staleness, load.
    pub fn control(&self, command: &str, input: Value) {
        self.time.catch_up();
        self.sim.control(command, input).unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// A described service.
    pub fn service(&self, name: &str) -> Value {
        let input = json!({"cluster": "farsight-cluster", "services": [name], "include": ["TAGS"]});
        self.operator("ecs", "DescribeServices", input)["services"][0].clone()
    }

    /// The writes to AWS from a row of the audit on, each with what it is about; state and lease left out.
    pub fn writes(&self, from: usize) -> Vec<String> {
        self.writes_in(from..usize::MAX)
    }

    /// The same, of these rows.
    pub fn writes_in(&self, rows: Range<usize>) -> Vec<String> {
        let all = self.sim.audit(rows.start);
        all.iter().filter(|r| r.seq < rows.end && is_write(r)).map(title).collect()
    }

    /// What somebody did that no good controller does, as the simulator sees it.
    pub fn violations(&self) -> Vec<String> {
        let all = self.sim.violations().into_iter().filter(|v| v.caller != "operator");
        all.map(|v| format!("{} by {} {}: {}", v.rule, v.caller, v.operation, v.subject)).collect()
    }

    /// How long the audit is.
    pub fn mark(&self) -> usize {
        self.sim.calls()
    }
}

/// The secrets that the containers of a document read: without them no task starts.
fn secrets(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let own = map.get("valueFrom").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(secrets)).collect()
        }
        Value::Array(items) => items.iter().flat_map(secrets).collect(),
        _ => Vec::new(),
    }
}

fn is_write(row: &AuditRow) -> bool {
    row.write && row.service != "s3" && row.caller != "operator"
}

/// A write for people: the operation, what it is about, and how it failed.
fn title(row: &AuditRow) -> String {
    const NAMES: [&str; 17] = [
        "serviceName",
        "service",
        "family",
        "repositoryName",
        "logGroupName",
        "clusterName",
        "cluster",
        "PolicyName",
        "ScheduledActionName",
        "ResourceId",
        "Name",
        "TargetGroupArn",
        "ListenerArn",
        "RuleArn",
        "LoadBalancerArn",
        "resourceArn",
        "ResourceArns",
    ];
    let found = NAMES.iter().find_map(|name| {
        let value = &row.input[*name];
        value.as_str().or_else(|| value[0].as_str())
    });
    let about = found.map(short).unwrap_or_default();
    let error = row.error.as_ref().map(|code| format!(" !{code}")).unwrap_or_default();
    format!("{} {about}{error}", row.operation)
}

/// The name in an ARN or a path.
fn short(name: &str) -> &str {
    let tail = name.rsplit(':').next().unwrap_or_default();
    let parts: Vec<&str> = tail.split('/').collect();
    match parts[..] {
        ["targetgroup", name, _] | ["listener" | "listener-rule", "app", name, ..] => name,
        ["loadbalancer", "app", name, _] => name,
        ["", ..] => tail,
        _ => parts.last().copied().unwrap_or_default(),
    }
}

/// Notes what every pass says: states, waits, differences with their owners.
async fn listen(mut status: watch::Receiver<Arc<Status>>, said: Arc<Mutex<BTreeSet<String>>>) {
    while status.changed().await.is_ok() {
        let now = status.borrow_and_update().clone();
        let mut said = said.lock().unwrap();
        for (key, report) in &now.planned.report.units {
            said.insert(format!("{key} is {}", report.state.word()));
            said.extend(report.waiting.iter().map(|w| format!("{key} waits {w}")));
            said.extend(report.refused.iter().map(|r| format!("{key} refused: {}", r.why)));
            said.extend(report.held.iter().map(|h| format!("{key} held: {}", h.reason)));
            said.extend(report.notes.iter().map(|n| format!("{key} note: {}", n.0)));
            for d in &report.drift {
                let then = if d.acted_on { "healed" } else { "left" };
                said.insert(format!("{key} {}{} {} {then}", d.part, d.path, d.owner.word()));
            }
        }
    }
}

impl Daemon {
    /// Waits until the daemon shows what is asked for; fails with what it shows after `limit`.
    pub async fn until(
        &mut self,
        limit: Duration,
        what: &str,
        shown: impl Fn(&Status) -> bool,
    ) -> Arc<Status> {
        let deadline = Instant::now() + limit;
        loop {
            let now = self.status.borrow_and_update().clone();
            if shown(&now) {
                return now;
            }
            let changed = tokio::time::timeout_at(deadline, self.status.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                panic!("not {what} within {limit:?}\n{}", self.story());
            }
        }
    }

    /// Waits until everything is settled.
    pub async fn settled(&mut self) -> Arc<Status> {
        self.until(Duration::from_secs(3600), "settled", Status::is_settled).await
    }

    /// What it shows now, for people.
    pub fn story(&self) -> String {
        let now = self.status.borrow().clone();
        let named: Vec<(&str, &str)> = now.documents.iter().map(|d| (&*d.name, &*d.version)).collect();
        let printed = evenkeel_plan::print(&now.planned, &named);
        let events: Vec<&str> = now.events.iter().map(|e| e.message.as_str()).collect();
        format!(
            "{printed}\nfault: {:?}\ntrouble: {:?}\nlease: {:?}\nevents: {events:#?}",
            now.faults, now.trouble, now.lease
        )
    }

    /// What its passes said since it was last forgotten, each line once.
    pub fn said(&self) -> BTreeSet<String> {
        self.said.lock().unwrap().clone()
    }

    /// Forgets what its passes said.
    pub fn forget(&self) {
        self.said.lock().unwrap().clear();
    }

    /// Stops it as SIGTERM does, and waits for its end.
    pub async fn stop(mut self) {
        self.end().await;
    }

    /// The same, where its place is to be taken by another.
    pub async fn end(&mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }

    /// Stops it as `kill -9` does.
    pub async fn kill(self) {
        self.dead.cancel();
        self.task.await.unwrap();
    }

    /// Waits until it has died of its fate; false where it lived on until `limit`.
    pub async fn dies(&mut self, limit: Duration) -> bool {
        tokio::time::timeout(limit, &mut self.task).await.is_ok()
    }
}
