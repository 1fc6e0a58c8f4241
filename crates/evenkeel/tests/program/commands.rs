//! The program itself: exit codes, what it prints where, and the daemon from its start to its end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use evenkeel_sim::{SimConfig, SimHandle};
use tokio::net::TcpListener;

const GOOD: &str =
    "apiVersion: evenkeel/v1\nname: web\naccount: '123456789012'\nregion: us-east-1\nclusters:\n  main: {}\n";

fn evenkeel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AWS_") || name.starts_with("EVENKEEL_") {
            command.env_remove(name);
        }
    }
    // Nothing of whoever runs the tests.
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    said(evenkeel().args(arguments).output().unwrap())
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A file of its own for each test.
struct File(std::path::PathBuf);

impl File {
    fn of(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_good_document_is_valid() {
    let file = File::of("good.yaml", GOOD);
    let (code, out, error) = run(&["validate", file.path()]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(out, "valid: document \"web\": 0 services, 1 cluster\n");
}

#[test]
fn a_bad_document_is_explained_line_by_line() {
    let file = File::of("bad.yaml", &GOOD.replace("region: us-east-1", "region: us-east-1\nservcies: {}"));
    let (code, out, error) = run(&["validate", file.path()]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        error.contains("bad.yaml:5:1\n") && error.contains("help: ") && error.ends_with("1 error\n"),
        "{error}"
    );
    assert!(!error.contains('\x1b'), "{error}");
}

#[test]
fn the_schema_is_printed_as_json() {
    let (code, out, error) = run(&["schema"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["$defs"].as_object().unwrap().len() > 100);
}

#[test]
fn a_broken_text_is_explained_too() {
    let file = File::of("broken.json", "{\"apiVersion\": \"evenkeel/v1\",");
    let (code, _, error) = run(&["validate", file.path()]);
    assert_eq!(code, Some(1));
    assert!(error.starts_with("error["), "{error}");
}

#[test]
fn findings_are_json_for_programs() {
    let file = File::of("bad.json", "{\"apiVersion\": \"evenkeel/v1\", \"servcies\": {}}");
    let (code, out, error) = run(&["validate", "--output", "json", file.path()]);
    assert_eq!((code, error.as_str()), (Some(1), ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["valid"], false);
    assert_eq!(json["diagnostics"][0]["line"], 1);
}

/// As where `head` has seen enough.
#[test]
fn whoever_reads_may_stop() {
    let file = File::of("bad.json", "{\"apiVersion\": \"evenkeel/v1\", \"servcies\": {}}");
    let commands: [(&[&str], i32); 2] =
        [(&["schema"], 0), (&["validate", "--output", "json", file.path()], 1)];
    for (arguments, code) in commands {
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        let done = evenkeel().args(arguments).stdout(write).stderr(Stdio::piped()).output().unwrap();
        let error = String::from_utf8_lossy(&done.stderr);
        assert_eq!((done.status.code(), &*error), (Some(code), ""), "{arguments:?}");
    }
}

#[test]
fn standard_input_is_a_document_too() {
    let mut child = evenkeel()
        .args(["validate", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    assert_eq!(said(child.wait_with_output().unwrap()).0, Some(0));
}

#[test]
fn the_account_that_is_asked_for_has_to_be_the_documents() {
    let file = File::of("account.yaml", GOOD);
    let (code, _, error) = run(&["validate", "--account", "210987654321", file.path()]);
    assert_eq!(code, Some(1));
    assert!(error.contains("123456789012") && error.contains("210987654321"), "{error}");
}

#[test]
fn what_cannot_be_read_is_told_once() {
    let (code, _, error) = run(&["validate", "/nonexistent/x.json"]);
    assert_eq!(code, Some(1));
    assert!(error.starts_with("error: `/nonexistent/x.json` cannot be read"), "{error}");
    assert_eq!(error.matches("cannot be read").count(), 1);
}

#[test]
fn a_wrong_command_line_is_told_from_a_plan_with_changes() {
    assert_eq!(run(&["frobnicate"]).0, Some(64));
    assert_eq!(run(&["validate"]).0, Some(64));
    assert_eq!(run(&["sim", "--listen", "0.0.0.0:0"]).0, Some(64));
    // So it is where each argument is right by itself.
    let region = ["AWS_REGION", "us-east-1"];
    for wrong in [
        &["run", "--document", "services.json", "--state", "s3://b/state/"][..],
        &["run", "--document", "s3://b/x/", "--state", "s3://b/x/state/", "--listen", "127.0.0.1:0"],
        &["pause", "main/api", "--state", "state/"],
        &["demo", "--document", "s3://b/x.json"],
        &["health", "--url", "https://127.0.0.1/"],
    ] {
        let done = said(evenkeel().args(wrong).env(region[0], region[1]).output().unwrap());
        assert_eq!(done.0, Some(64), "{wrong:?}: {}", done.2);
        assert!(done.2.lines().any(|line| line.starts_with("error: ")), "{wrong:?}: {}", done.2);
    }
    let (code, out, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("Exit codes:"), "{out}");
    assert_eq!(run(&["--version"]).1, format!("evenkeel {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_daemon_takes_documents_in_s3_only() {
    let (code, _, error) = run(&["run", "--document", "x.json", "--state", "s3://bucket/state/"]);
    assert_eq!(code, Some(64));
    assert!(error.contains("--document must be in S3"), "{error}");
}

#[test]
fn without_a_region_it_says_what_to_set() {
    let (code, _, error) = run(&["run", "--document", "s3://bucket/x.json", "--state", "s3://bucket/state/"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("set AWS_REGION"), "{error}");
}

#[test]
fn a_daemon_that_is_not_there_is_not_healthy() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, _, error) = run(&["health", "--url", &format!("http://127.0.0.1:{port}/healthz")]);
    assert_eq!(code, Some(1));
    assert!(error.contains("nobody answers"), "{error}");
}

#[test]
fn the_demo_settles_and_says_what_it_took() {
    let listen = ["--listen", "127.0.0.1:0"];
    let (code, out, error) = run(&["demo", "--exit-when-settled", "--speed", "50", listen[0], listen[1]]);
    assert_eq!(code, Some(0), "{out}{error}");
    for part in ["simulated AWS  http://127.0.0.1:", "create-service done", "settled after ", "calls  "] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert_eq!(error, "");
}

#[test]
fn the_demo_explains_a_bad_document_and_ends() {
    let file = File::of("demo.yaml", &GOOD.replace("clusters:", "clutsers:"));
    let (code, out, error) = run(&["demo", "--exit-when-settled", "--document", file.path()]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("demo.yaml:5:1"), "{error}");
}

/// A simulated AWS with a document in its S3, and its endpoint.
async fn aws(document: &str) -> (SimHandle, String) {
    let sim = SimHandle::new(SimConfig {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        seed: 1,
        start_epoch_seconds: 1_795_255_200,
    });
    sim.put_bucket("bucket", true);
    sim.put_object("bucket", "web.yaml", document.as_bytes());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(evenkeel_sim::serve(listener, sim.clone(), std::future::pending()));
    (sim, endpoint)
}

/// The program in that AWS.
fn evenkeel_in(endpoint: &str) -> Command {
    let mut command = evenkeel();
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "daemon")
        .env("AWS_SECRET_ACCESS_KEY", "any");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_s3_are_validated_and_planned_there() {
    let (sim, endpoint) = aws(GOOD).await;
    let run = |arguments: &[&str]| said(evenkeel_in(&endpoint).args(arguments).output().unwrap());
    let (code, out, error) = run(&["validate", "s3://bucket/web.yaml"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    let (code, _, error) = run(&["validate", "s3://bucket/none.yaml"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("`s3://bucket/none.yaml` does not exist"), "{error}");
    sim.put_object("bucket", "other.yaml", GOOD.replace("123456789012", "210987654321").as_bytes());
    let (code, _, error) = run(&["validate", "s3://bucket/other.yaml"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("account 210987654321") && error.contains("account 123456789012"), "{error}");

    let (code, out, error) = run(&["plan", "s3://bucket/web.yaml"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(out.contains("+ create-cluster"), "{out}");
    sim.put_object("bucket", "nothing.yaml", GOOD.replace("clusters:\n  main: {}", "").as_bytes());
    let (code, out, error) = run(&["plan", "s3://bucket/nothing.yaml", "--output", "json"]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["changes"], 0);
    assert!(sim.audit(0).iter().all(|call| !call.write || call.caller != "daemon"));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_kept_where_the_daemon_reads_them() {
    let (sim, endpoint) = aws(GOOD).await;
    let state = ["--state", "s3://bucket/state/"];
    let run = |arguments: &[&str]| said(evenkeel_in(&endpoint).args(arguments).args(state).output().unwrap());
    let (code, _, error) = run(&["pause", "main/api"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("remembers no service main/api"), "{error}");
    let record = br#"{"version":1,"unit":"service:main/api"}"#;
    sim.put_object("bucket", "state/units/service!3amain!2fapi.json", record);
    let (code, out, error) = run(&["pause", "main/api", "--for", "2h", "--reason", "incident 42"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.starts_with("main/api is left alone until 20"), "{out}");
    let (code, out, _) = run(&["approve", "7c1e09a4", "--output", "json"]);
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["accepted"], true);
    let kept = sim.get_object("bucket", "state/orders.json").unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept["pauses"]["service:main/api"]["reason"], "incident 42");
    assert!(kept["approvals"]["7c1e09a4"].is_i64(), "{kept}");
    assert_eq!(run(&["resume", "main/api"]).0, Some(0));
    let (code, _, error) = run(&["hook", "continue", "hook-7"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no deployment waits at a hook hook-7, and none at any other"), "{error}");
    for wrong in [&["pause", "api"][..], &["pause", "main/api", "--for", "2d"], &["hook", "maybe", "h"]] {
        assert_eq!(run(wrong).0, Some(64), "{wrong:?}");
    }
}

/// A process that does not outlive its test.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// What a running daemon shows, and no more, stands in the table of docs/operate.md, with its labels.
fn every_metric_is_documented(listen: &str) {
    let mut stream = std::net::TcpStream::connect(listen).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let text = std::io::read_to_string(stream).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let shown: std::collections::BTreeSet<&str> =
        names.filter(|name| name.starts_with("evenkeel_")).collect();
    let page = include_str!("../../../../docs/operate.md").split_once("## Metrics").unwrap().1;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `evenkeel_")?.split(['`', '{']).next());
    // Without services, and where nothing differs, there are no series of these.
    let sometimes =
        ["evenkeel_drift_fields", "evenkeel_drift_since_timestamp_seconds", "evenkeel_service_state"];
    let rows: Vec<String> = rows.map(|name| format!("evenkeel_{name}")).collect();
    for name in &shown {
        assert!(rows.iter().any(|row| row == name), "{name} is not in docs/operate.md");
    }
    for row in &rows {
        assert!(shown.contains(&**row) || sometimes.contains(&&**row), "{row} is only in docs/operate.md");
    }
    for line in text.lines().filter(|line| line.starts_with("# HELP evenkeel_")) {
        assert!(line.split(' ').count() > 4, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_applies_serves_and_ends_when_told() {
    let (sim, endpoint) = aws(GOOD).await;
    let daemon = evenkeel_in(&endpoint)
        .args(["run", "--document", "s3://bucket/web.yaml", "--state", "s3://bucket/state/"])
        .args(["--listen", "127.0.0.1:0", "--log-format", "json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut daemon = Ends(daemon);
    let mut lines = BufReader::new(daemon.0.stderr.take().unwrap()).lines();
    let mut until = |message: &str| {
        let line = lines.find(|line| line.as_ref().unwrap().contains(message));
        let line = line.unwrap_or_else(|| panic!("it ended without: {message}")).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    let listen = until("\"started\"")["listen"].as_str().unwrap().to_owned();
    until("create-cluster main done");
    let (code, _, error) = run(&["health", "--url", &format!("http://{listen}/healthz")]);
    assert_eq!(code, Some(0), "{error}");
    every_metric_is_documented(&listen);
    let told = Command::new("kill").args(["-TERM", &daemon.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    until("\"stopped\"");
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    assert_eq!(
        sim.call("x", "ecs", "ListClusters", serde_json::json!({})).unwrap()["clusterArns"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let lease = String::from_utf8(sim.get_object("bucket", "state/lease.json").unwrap().to_vec()).unwrap();
    assert!(!lease.contains("holder"), "{lease}");
}
