//! What the daemon shows, asked over real TCP, with a status made by hand.

use std::sync::Arc;

use crate::served::{Server, status};
use evenkeel_controller::Status;
use evenkeel_controller::status::{Fault, Lease};
use evenkeel_model::{Diagnostic, Path, Position};
use expect_test::expect;

#[tokio::test]
async fn health_is_about_the_process_and_readiness_about_what_is_known() {
    let mut server = Server::start(Status::default()).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json()["reasons"],
        serde_json::json!(["AWS has not said yet whose account this is", "no document has been read yet"])
    );
    server.show(status()).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    server.end().await;
    let dead = server.get("/healthz").await;
    assert_eq!((dead.status, dead.json()["error"].as_str()), (503, Some("the daemon has ended")));
    assert_eq!(server.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn the_status_has_each_unit_with_its_reasons() {
    let server = Server::start(status()).await;
    let json = server.get("/v1/status").await.json();
    assert_eq!(json["documents"][0]["name"], "web");
    assert_eq!(json["settled"], false);
    assert_eq!(json["lease"]["state"], "ours");
    let unit = |key: &str| {
        let units = json["units"].as_array().unwrap();
        units.iter().find(|unit| unit["key"] == key).unwrap().clone()
    };
    let api = unit("service:main/api");
    assert_eq!((&api["cluster"], &api["name"]), (&"main".into(), &"api".into()));
    assert_eq!(api["message"], "1 of 2 new tasks running");
    let stable = api["conditions"].as_array().unwrap().iter().find(|it| it["type"] == "Stable").unwrap();
    let expected = serde_json::json!({"type": "Stable", "status": "False", "reason": "RollingOut",
        "message": "rollout ecs-svc/1: 1 of 2 running", "lastTransitionTime": "2026-11-21T10:00:00Z",
        "observedVersion": "3HL4kqtJ"});
    assert_eq!(*stable, expected);
    let legacy = unit("service:main/legacy");
    assert_eq!(legacy["message"], "it is not ours: its tag evenkeel:document is missing");
    assert_eq!(legacy["refused"][0]["wayOut"], "adopt it");
    assert_eq!(legacy["drift"][0]["owner"], "human");
    assert_eq!(legacy["drift"][1]["live"], "(hidden)");
    assert_eq!(unit("cluster:main")["kind"], "cluster");
    assert!(!json.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_fault_is_shown_with_line_pointer_and_hint() {
    let mut faulty = status();
    let mut found =
        Diagnostic::error("unknown-member", Path::of(["services", "api", "desired"]), "no such member")
            .with_hint("did you mean desiredCount?");
    found.at = Some(Position { line: 7, column: 3, offset: 90, length: 9 });
    faulty.faults = vec![Fault {
        source: "s3://bucket/web.json".into(),
        version: Some("4".into()),
        message: "line 7: no such member".into(),
        diagnostics: vec![found],
    }];
    let server = Server::start(faulty).await;
    let json = server.get("/v1/status").await.json();
    let expected = serde_json::json!({"source": "s3://bucket/web.json", "version": "4", "message": "line 7: no such member", "diagnostics": [{
        "severity": "error", "code": "unknown-member", "line": 7, "column": 3,
        "pointer": "/services/api/desired", "message": "no such member",
        "hint": "did you mean desiredCount?"}]});
    assert_eq!(json["faults"], serde_json::json!([expected]));
    assert_eq!(json["documents"][0]["version"], "3HL4kqtJ");
    let text = server.get("/metrics").await.body;
    assert!(text.contains("\nevenkeel_document_errors 1\n"), "{text}");
}

#[tokio::test]
async fn one_service_is_found_by_its_two_names() {
    let server = Server::start(status()).await;
    assert_eq!(server.get("/v1/services/main/api").await.json()["state"], "rolling");
    let missing = server.get("/v1/services/main/none").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["error"], "the document in force has no service main/none");
}

#[tokio::test]
async fn the_plan_is_json_unless_text_is_asked_for() {
    let server = Server::start(status()).await;
    assert_eq!(server.get("/v1/plan").await.json()["documents"][0]["version"], "3HL4kqtJ");
    let text = server.get_with("/v1/plan", "Accept: text/plain").await;
    assert!(text.header("content-type").starts_with("text/plain"));
    assert!(
        text.body.starts_with("plan (no changes, 1 refused)   document \"web\" version 3HL4kqtJ\n"),
        "{}",
        text.body
    );
    let none = Server::start(Status::default()).await.get("/v1/plan").await;
    assert_eq!(none.status, 503);
}

#[tokio::test]
async fn metrics_have_zeros_for_the_fleet_and_series_for_what_is_there() {
    let mut server = Server::start(status()).await;
    let lines = |text: &str| {
        let ours =
            text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("evenkeel_steps_total"));
        ours.collect::<Vec<_>>().join("\n")
    };
    let text = server.get("/metrics").await.body;
    expect![[r#"
        evenkeel_document_errors 0
        evenkeel_document_info{document="web",version="3HL4kqtJ"} 1
        evenkeel_drift_fields{cluster="main",kind="service",owner="human",service="legacy"} 1
        evenkeel_drift_fields{cluster="main",kind="task_definition",owner="human",service="legacy"} 1
        evenkeel_drift_since_timestamp_seconds{cluster="main",service="legacy"} 1795250000
        evenkeel_held 0
        evenkeel_last_success_timestamp_seconds 0
        evenkeel_leader 1
        evenkeel_observation_age_seconds{kind="service"} 2.5
        evenkeel_queue_depth 0
        evenkeel_service_state{cluster="main",service="api",state="rolling"} 1
        evenkeel_service_state{cluster="main",service="legacy",state="refused"} 1
        evenkeel_services{state="changing"} 0
        evenkeel_services{state="drifted"} 0
        evenkeel_services{state="held"} 0
        evenkeel_services{state="paused"} 0
        evenkeel_services{state="refused"} 1
        evenkeel_services{state="rolling"} 1
        evenkeel_services{state="suspended"} 0
        evenkeel_services{state="synced"} 0
        evenkeel_services{state="undeclared"} 0
        evenkeel_services{state="unknown"} 0
        evenkeel_services{state="waiting"} 0"#]]
    .assert_eq(&lines(&text));
    assert!(text.contains("\nevenkeel_steps_total{action=\"CreateService\",outcome=\"done\"} 2\n"), "{text}");
    assert!(
        text.contains("\nevenkeel_steps_total{action=\"UpdateService\",outcome=\"failed\"} 0\n"),
        "{text}"
    );

    let mut gone = status();
    Arc::make_mut(&mut gone.planned).report.units.retain(|key, _| key.service().is_none());
    gone.lease = Lease::Other("somebody".into());
    server.show(gone).await;
    let text = server.get("/metrics").await.body;
    assert!(!text.contains("service=\"legacy\"") && text.contains("\nevenkeel_leader 0\n"), "{text}");
}

#[tokio::test]
async fn what_the_process_counts_is_shown_too_and_nothing_twice() {
    let server = Server::start(status()).await;
    let own = prometheus::IntGauge::new("evenkeel_held", "Counted elsewhere.").unwrap();
    own.set(5);
    server.registry.register(Box::new(own)).unwrap();
    let text = server.get("/metrics").await.body;
    assert_eq!(text.matches("# TYPE evenkeel_held ").count(), 1);
    assert!(text.contains("\nevenkeel_held 5\n"), "{text}");
}

#[tokio::test]
async fn the_page_and_its_parts_are_served_with_a_strict_policy() {
    let server = Server::start(status()).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{path}");
        assert!(
            answer.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'")
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_written_or_is_too_large_is_refused_in_json() {
    let server = Server::start(status()).await;
    let missing = server.get("/nothing").await;
    assert_eq!((missing.status, missing.json()["error"].as_str()), (404, Some("there is nothing here")));
    let written = server.send("POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0").await;
    assert_eq!(written.status, 405);
    assert!(written.json()["error"].is_string());
    let large = server.send("POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000").await;
    assert_eq!(large.status, 413);
    assert_eq!(large.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn orders_need_the_token_and_something_to_be_about() {
    let closed = Server::start(status()).await;
    let post = |path: &str, header: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{header}")
    };
    let none = closed.send(&post("/v1/reconcile", "Authorization: Bearer any-token-at-all")).await;
    assert_eq!(none.status, 403);
    assert!(none.body.contains("EVENKEEL_API_TOKEN"), "{}", none.body);

    let token = "correct-horse-battery";
    let server = Server::with_token(status(), Some(token.to_owned())).await;
    for wrong in
        ["Accept: */*", "Authorization: Bearer correct-horse", "Authorization: Basic correct-horse-battery"]
    {
        let refused = server.send(&post("/v1/reconcile", wrong)).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"), "{wrong}");
    }
    let bearer = format!("authorization: bearer {token}");
    let answers = [
        ("/v1/reconcile", 202, "accepted"),
        ("/v1/services/main/nothing/pause", 404, "no service main/nothing"),
        ("/v1/services/main/api/release", 409, "no deployment of main/api is held"),
        ("/v1/services/main/api/stop", 404, "pause, resume or release"),
        ("/v1/plans/%2e%2e/approve", 400, "no id of a plan"),
        ("/v1/hooks/h/maybe", 404, "continue or rollback"),
        ("/v1/hooks/hook-2/continue", 404, "waits at a hook hook-2; these wait: hook-1 of main/api"),
    ];
    for (path, code, says) in answers {
        let answer = server.send(&post(path, &bearer)).await;
        assert_eq!(answer.status, code, "{path}: {}", answer.body);
        assert!(answer.body.contains(says), "{path}: {}", answer.body);
    }
    let read = server.get("/v1/reconcile").await;
    assert_eq!(read.status, 405);
    let body = r#"{"for": "3 weeks"}"#;
    let head = format!("Host: x\r\n{bearer}\r\nContent-Length: {}", body.len());
    let path = "/v1/services/main/api/pause";
    let long = server.send_with(&format!("POST {path} HTTP/1.1\r\n{head}"), body).await;
    assert_eq!(long.status, 400);
    assert!(long.body.contains("from 1m to 24h"), "{}", long.body);
}
