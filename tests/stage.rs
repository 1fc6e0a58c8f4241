//! The stage of every scenario: the real daemon on the real SDK, in process against the simulated AWS, under
//! a paused clock. Virtual time is tokio's: where everybody waits, it jumps.

use std::fmt;
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
use evenkeel_controller::{Settings, Status};
use evenkeel_model::document::Mode;
use evenkeel_sim::{AuditRow, SimConfig, SimHandle};
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

type Oracle = dyn Fn(usize, &http::Request<Bytes>) -> Fate + Send + Sync;

/// The way of one daemon to the simulated AWS.
#[derive(Clone)]
struct Wire {
    sim: SimHandle,
    epoch: Instant,
    passed: Arc<Mutex<Duration>>,
    calls: Arc<Mutex<usize>>,
    oracle: Arc<Oracle>,
    dead: CancellationToken,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// Brings the simulator's clock to tokio's.
    fn catch_up(&self) {
        let mut passed = self.passed.lock().unwrap();
        let now = self.epoch.elapsed();
        self.sim.advance(now - *passed);
        *passed = now;
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.dead.is_cancelled() {
            return HttpConnectorFuture::new(std::future::pending());
        }
        self.catch_up();
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
        let answer = self.sim.request(request);
        match fate {
            Fate::DiesAfter => {
                self.dead.cancel();
                HttpConnectorFuture::new(std::future::pending())
            }
            Fate::AnswerLost => {
                let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                HttpConnectorFuture::ready(Err(ConnectorError::io(cut.into())))
            }
            _ => HttpConnectorFuture::ready(Ok(answer.map(SdkBody::from).try_into().unwrap())),
        }
    }
}

/// A simulated account with a document in its S3.
pub struct Stage {
    pub sim: SimHandle,
    epoch: Instant,
    passed: Arc<Mutex<Duration>>,
}

/// A daemon at work.
pub struct Daemon {
    pub status: watch::Receiver<Arc<Status>>,
    stop: CancellationToken,
    dead: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Stage {
    /// An empty account, and `document` in its S3.
    pub fn new(document: &Value) -> Self {
        let config = SimConfig {
            account: ACCOUNT.into(),
            region: "us-east-1".into(),
            seed: 7,
            start_epoch_seconds: 1_795_000_000,
        };
        let sim = SimHandle::new(config);
        sim.put_bucket(BUCKET, true);
        let stage = Stage { sim, epoch: Instant::now(), passed: Arc::default() };
        stage.push(document);
        stage
    }

    /// Puts another version of the document.
    pub fn push(&self, document: &Value) {
        self.sim.put_object(BUCKET, KEY, document.to_string().as_bytes());
    }

    fn wire(&self, oracle: Arc<Oracle>) -> Wire {
        Wire {
            sim: self.sim.clone(),
            epoch: self.epoch,
            passed: self.passed.clone(),
            calls: Arc::default(),
            oracle,
            dead: CancellationToken::new(),
        }
    }

    fn sdk(wire: &Wire) -> SdkConfig {
        let connector = SharedHttpConnector::new(wire.clone());
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
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
        let wire = self.wire(Arc::new(oracle));
        let dead = wire.dead.clone();
        let sdk = Self::sdk(&wire);
        let (sender, status) = watch::channel(Arc::new(Status::default()));
        let stop = CancellationToken::new();
        let (end, ended) = (stop.clone(), dead.clone());
        static STARTED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = STARTED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let task = tokio::spawn(async move {
            let settings = Settings {
                document: format!("s3://{BUCKET}/{KEY}").parse().unwrap(),
                state: format!("s3://{BUCKET}/state/").parse().unwrap(),
                mode: Mode::Enforce,
                poll: Duration::from_secs(10),
                pace: Pace::REAL,
                seed: 1,
                holder: format!("daemon-{number}"),
            };
            let registry = prometheus::Registry::new();
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                result = evenkeel_controller::run(&sdk, settings, &registry, sender, end) => result.unwrap(),
            }
        });
        Daemon { status, stop, dead, task }
    }

    /// A call of somebody else: an operator with the AWS CLI.
    pub fn operator(&self, service: &str, operation: &str, input: Value) -> Value {
        self.sim
            .call("operator", service, operation, input)
            .unwrap_or_else(|error| panic!("{service} {operation}: {error:?}"))
    }

    /// A described service.
    pub fn service(&self, name: &str) -> Value {
        let input = json!({"cluster": "farsight-cluster", "services": [name], "include": ["TAGS"]});
        self.operator("ecs", "DescribeServices", input)["services"][0].clone()
    }

    /// The writes to AWS from a row of the audit on, by name, state and lease left out.
    pub fn writes(&self, from: usize) -> Vec<String> {
        self.sim.audit(from).iter().filter(|r| is_write(r)).map(|r| r.operation.clone()).collect()
    }

    /// How long the audit is.
    pub fn mark(&self) -> usize {
        self.sim.audit(0).len()
    }
}

fn is_write(row: &AuditRow) -> bool {
    row.write && row.service != "s3" && row.caller != "operator"
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
                let version = now.document.as_ref().map_or("-", |d| &d.version);
                let printed = evenkeel_plan::print(&now.planned, "-", version);
                let events: Vec<&str> = now.events.iter().map(|e| e.message.as_str()).collect();
                panic!(
                    "not {what} within {limit:?}\n{printed}\nfault: {:?}\ntrouble: {:?}\nlease: {:?}\nevents: {events:#?}",
                    now.fault, now.trouble, now.lease
                );
            }
        }
    }

    /// Waits until everything is settled.
    pub async fn settled(&mut self) -> Arc<Status> {
        self.until(Duration::from_secs(3600), "settled", Status::is_settled).await
    }

    /// Stops it as SIGTERM does, and waits for its end.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Stops it as `kill -9` does.
    pub async fn kill(self) {
        self.dead.cancel();
        self.task.await.unwrap();
    }

    /// Waits until it has died of its fate.
    pub async fn death(self) {
        self.task.await.unwrap();
    }
}
