//! A status made by hand, a server that shows it, and a client that asks it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use evenkeel::http::{Orders, follow, router};
use evenkeel_controller::status::{InForce, Lease};
use evenkeel_controller::{Asks, Status, control};
use evenkeel_model::key::{SubjectKind, UnitKey};
use evenkeel_model::{Path, Tree};
use evenkeel_plan::{Drift, Finished, Hook, Outcome, Owner, Planned, Refusal, Rollout, State, UnitReport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A daemon with one service on its way and one that is not ours.
pub fn status() -> Status {
    let drift = |part: &str, path: &[&str], live: Tree| Drift {
        part: part.into(),
        path: Path::of(path),
        want: Some(Tree::from(60_i64)),
        live: Some(live),
        owner: Owner::Human,
        acted_on: false,
    };
    let api = UnitReport {
        state: State::Rolling,
        rollout: Some(Rollout {
            deployment: "ecs-svc/1".into(),
            desired: 2,
            running: 1,
            failed: 0,
            began: Some(1_795_255_000),
            took: Some(200),
            stage: None,
        }),
        last_rollout: Some(Finished {
            deployment: "ecs-svc/0".into(),
            outcome: Outcome::CircuitBreaker,
            began: Some(1_795_254_000),
            ended: Some(1_795_254_400),
            reason: Some("tasks failed to start.".into()),
        }),
        tasks: Some((2, 1)),
        hooks: vec![Hook {
            id: "hook-1".into(),
            stage: "POST_TEST_TRAFFIC_SHIFT".into(),
            expires: None,
            then: "ROLLBACK".into(),
        }],
        ..UnitReport::default()
    };
    let legacy = UnitReport {
        state: State::Refused,
        refused: vec![Refusal::new("it is not ours: its tag evenkeel:document is missing").or("adopt it")],
        drift: vec![
            drift("service", &["healthCheckGracePeriodSeconds"], Tree::from(5_i64)),
            drift(
                "taskDefinition",
                &["containerDefinitions", "a", "environment", "KEY"],
                Tree::from("hunter2"),
            ),
        ],
        tasks: Some((1, 1)),
        ..UnitReport::default()
    };
    let mut planned = Planned::default();
    for (key, report) in [
        ("service:main/api", api),
        ("service:main/legacy", legacy),
        ("cluster:main", UnitReport { state: State::Synced, ..UnitReport::default() }),
    ] {
        planned.report.units.insert(UnitKey::parse(key).unwrap(), report);
    }
    Status {
        account: Some("123456789012".into()),
        region: "us-east-1".into(),
        source: "s3://bucket/web.json".into(),
        documents: vec![InForce {
            source: "s3://bucket/web.json".into(),
            name: "web".into(),
            version: "3HL4kqtJ".into(),
            modified: None,
            warnings: Vec::new(),
        }],
        planned: Arc::new(planned),
        lease: Lease::Ours,
        passes: 3,
        clock: 1_795_255_200,
        ages: BTreeMap::from([(SubjectKind::Service, 2.5)]),
        observed: true,
        steps: BTreeMap::from([(("CreateService".to_owned(), "done"), 2)]),
        mode: "enforce",
        differing: BTreeMap::from([(UnitKey::parse("service:main/legacy").unwrap(), 1_795_250_000)]),
        ..Status::default()
    }
}

/// A server over a status that can be replaced.
pub struct Server {
    address: SocketAddr,
    status: Option<watch::Sender<Arc<Status>>>,
    shown: watch::Receiver<Arc<evenkeel::http::Shown>>,
    pub registry: prometheus::Registry,
    /// So that orders are taken up, and wait.
    _asks: Asks,
}

impl Server {
    pub async fn start(status: Status) -> Self {
        Self::with_token(status, None).await
    }

    /// A server that takes orders with this token; nobody acts on them.
    pub async fn with_token(status: Status, token: Option<String>) -> Self {
        let (status, receiver) = watch::channel(Arc::new(status));
        let (shown, following) = follow(receiver);
        tokio::spawn(following);
        let registry = prometheus::Registry::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (control, asks) = control();
        let orders = Orders { control, token };
        let router = router(shown.clone(), registry.clone(), orders);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { address, status: Some(status), shown, registry, _asks: asks }
    }

    /// Replaces the status and waits until it is the one that is shown.
    pub async fn show(&mut self, status: Status) {
        self.shown.mark_unchanged();
        self.status.as_ref().unwrap().send_replace(Arc::new(status));
        self.shown.changed().await.unwrap();
    }

    /// Lets the daemon end.
    pub async fn end(&mut self) {
        self.status = None;
        self.shown.wait_for(|shown| !shown.alive).await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, "Accept: */*").await
    }

    pub async fn get_with(&self, path: &str, header: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{header}")).await
    }

    /// Sends the head of a request, with no body, and reads the answer.
    pub async fn send(&self, head: &str) -> Answer {
        self.send_with(head, "").await
    }

    /// The same with a body, whose length the head tells.
    pub async fn send_with(&self, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// A header by its lower-case name; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(it, _)| it.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}
