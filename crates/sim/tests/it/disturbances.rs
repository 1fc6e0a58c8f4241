//! What stands between callers and the account: faults, throttles, staleness, scripts, snapshots.

use crate::account::{Account, empty, service};
use evenkeel_sim::{Damage, SimHandle, serve};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn code(sim: &SimHandle, caller: &str, service: &str, operation: &str, input: Value) -> String {
    sim.call(caller, service, operation, input).map_or_else(|error| error.code, |_| "ok".to_owned())
}

#[test]
fn a_fault_strikes_the_calls_it_names_and_no_others() {
    let it = Account::new();
    let fault =
        json!({"fault": "denied", "caller": "ctl", "service": "ecs", "operation": "ListServices", "nth": 2});
    it.sim.control("fault", fault).unwrap();
    let input = json!({"cluster": "main"});
    let ask = |caller: &str| code(&it.sim, caller, "ecs", "ListServices", input.clone());
    assert_eq!(
        [ask("ctl"), ask("other"), ask("ctl"), ask("ctl")],
        ["ok", "ok", "AccessDeniedException", "ok"]
    );
    assert!(it.sim.control("fault", json!({"fault": "meteor"})).is_err());
}

#[test]
fn a_fault_may_come_after_the_effect() {
    let it = Account::new();
    for (fault, code_seen, there) in
        [("503", "ServiceUnavailableException", false), ("500-after", "ServerException", true)]
    {
        it.sim
            .control("faults", json!([{"fault": fault, "operation": "CreateService", "times": 1}]))
            .unwrap();
        assert_eq!(code(&it.sim, "ctl", "ecs", "CreateService", service("app", "app")), code_seen);
        let found = it.ecs("DescribeServices", json!({"cluster": "main", "services": ["app"]}));
        assert_eq!(!found["services"].as_array().unwrap().is_empty(), there, "{fault}");
        let row = it.sim.audit(0).into_iter().rfind(|row| row.operation == "CreateService").unwrap();
        assert_eq!((row.applied, row.fault.as_deref()), (there, Some(fault)));
    }
}

#[test]
fn probability_window_and_times_limit_a_fault() {
    let sim = empty();
    let ask = || code(&sim, "ctl", "sts", "GetCallerIdentity", json!({}));
    sim.control("fault", json!({"fault": "expired", "service": "sts", "probability": 0.25})).unwrap();
    let struck = (0..400).filter(|_| ask() == "ExpiredToken").count();
    assert!((60..140).contains(&struck), "{struck}");
    sim.control(
        "faults",
        json!([{"fault": "expired", "service": "sts", "after": 10, "for": 10, "times": 2}]),
    )
    .unwrap();
    assert_eq!(ask(), "ok");
    sim.advance(Duration::from_secs(10));
    assert_eq!([ask(), ask(), ask()], ["ExpiredToken", "ExpiredToken", "ok"]);
}

#[test]
fn a_page_may_continue_where_it_began() {
    let it = Account::new();
    for name in ["a", "b", "c"] {
        it.ecs("CreateService", service(name, "app"));
    }
    let first = it.ecs("ListServices", json!({"cluster": "main", "maxResults": 1}));
    it.sim.control("fault", json!({"fault": "repeated-token", "operation": "ListServices"})).unwrap();
    let next = json!({"cluster": "main", "maxResults": 1, "nextToken": first["nextToken"]});
    assert_eq!(it.ecs("ListServices", next)["nextToken"], first["nextToken"]);
}

#[test]
fn a_page_may_be_short_or_have_an_item_twice() {
    let it = Account::new();
    for name in ["a", "b", "c", "d"] {
        it.ecs("CreateService", service(name, "app"));
    }
    let ask = || it.ecs("ListServices", json!({"cluster": "main", "maxResults": 4}));
    let fault = |name: &str| json!([{"fault": name, "operation": "ListServices", "times": 1}]);
    it.sim.control("faults", fault("short-page")).unwrap();
    let short = ask();
    assert_eq!((short["serviceArns"].as_array().unwrap().len(), short["nextToken"].is_string()), (2, true));
    assert_eq!(it.sim.audit(0).pop().unwrap().input["maxResults"], 4, "what was asked for is written down");
    it.sim.control("faults", fault("repeated-item")).unwrap();
    assert_eq!(ask()["serviceArns"].as_array().unwrap().len(), 5);
    assert_eq!(ask()["serviceArns"].as_array().unwrap().len(), 4);
}

#[test]
fn aws_takes_tasks_away_and_the_scheduler_replaces_them() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    it.wait(120);
    it.sim.control("retire", json!({"service": "app", "code": "SpotInterruption"})).unwrap();
    it.wait(120);
    let gone = it.tasks("app", "STOPPED");
    assert_eq!((gone.len(), &gone[0]["stopCode"]), (2, &json!("SpotInterruption")));
    assert_eq!(it.described("app")["runningCount"], 2);
}

/// AWS's own example: fifty at once, then twenty a second, and what others take is missing.
#[test]
fn buckets_run_empty_and_refill_on_virtual_time() {
    let it = Account::new();
    let admitted = || {
        (0..200).take_while(|_| code(&it.sim, "ctl", "ecs", "DescribeClusters", json!({})) == "ok").count()
    };
    assert_eq!(admitted(), 200, "off by default");
    it.sim.control("throttle", json!({"on": true})).unwrap();
    assert_eq!(admitted(), 50);
    it.sim.advance(Duration::from_secs(1));
    assert_eq!(admitted(), 20);
    it.sim.control("throttle", json!({"load": {"ecs cluster read": 15.0}})).unwrap();
    it.sim.advance(Duration::from_secs(1));
    assert_eq!(admitted(), 5);
    assert_eq!(code(&it.sim, "ctl", "ecs", "DescribeClusters", json!({})), "ThrottlingException");
}

/// Every ELB call draws on the account's bucket, and on that of its kind.
#[test]
fn load_balancing_draws_on_two_buckets() {
    let it = Account::new();
    it.sim.control("throttle", json!({"on": true})).unwrap();
    let tags = json!({"ResourceArns": [it.group], "Tags": [{"Key": "a", "Value": "b"}]});
    let writes =
        (0..100).take_while(|_| code(&it.sim, "ctl", "elbv2", "AddTags", tags.clone()) == "ok").count();
    let reads = (0..100)
        .take_while(|_| code(&it.sim, "ctl", "elbv2", "DescribeTargetGroups", json!({})) == "ok")
        .count();
    assert_eq!((writes, reads), (20, 20));
}

#[test]
fn stale_reads_lag_and_may_go_back_but_not_beyond_the_limit() {
    let it = Account::new();
    it.sim.control("staleness", json!({"seconds": {"ecs": 2.0}, "except": ["auditor"]})).unwrap();
    it.ecs("CreateService", service("app", "app"));
    let seen_by = |caller: &str| {
        let input = json!({"cluster": "main", "services": ["app"]});
        let found = it.sim.call(caller, "ecs", "DescribeServices", input);
        !found.unwrap()["services"].as_array().unwrap().is_empty()
    };
    let sees = || seen_by("ctl");
    assert!(!sees(), "nothing is known of it in the first instant");
    assert!(seen_by("auditor"), "but to those who read what is so");
    let mut seen = Vec::new();
    for _ in 0..40 {
        it.sim.advance(Duration::from_millis(50));
        seen.push(sees());
    }
    assert!(seen.contains(&true) && seen.windows(2).any(|pair| pair[0] && !pair[1]), "{seen:?}");
    it.sim.advance(Duration::from_secs(2));
    assert!((0..50).all(|_| sees()));
    // A replica tells the same story as the account itself, only later.
    it.wait(300);
    it.sim.control("staleness", json!({"seconds": {"ecs": 0.001}})).unwrap();
    let stale = it.described("app");
    it.sim.control("staleness", json!({})).unwrap();
    assert_eq!(stale, it.described("app"));
}

#[test]
fn a_replica_that_was_fed_calls_ends_where_the_account_is() {
    let it = Account::new();
    it.sim.control("staleness", json!({"seconds": {"ecs": 5.0}, "replicas": 1})).unwrap();
    it.ecs("CreateService", it.balanced_service());
    it.wait(90);
    it.sim.call("ctl", "ecs", "CreateService", service("app", "app")).unwrap_err();
    it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "forceNewDeployment": true}));
    it.wait(5_000);
    let stale = it.described("app");
    it.sim.control("staleness", json!({})).unwrap();
    assert_eq!(stale, it.described("app"));
}

#[test]
fn a_script_acts_at_its_times_under_its_own_names() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    let call = json!({"service": "ecs", "operation": "UpdateService", "input": {"cluster": "main", "service": "app", "desiredCount": 5}});
    let script = json!([
        {"after": 60, "do": "call", "with": call},
        {"after": 30, "do": "fault", "with": {"fault": "500", "caller": "ctl"}},
    ]);
    it.sim.control("script", script).unwrap();
    it.sim.advance(Duration::from_secs(59));
    assert_eq!(it.described("app")["desiredCount"], 2);
    assert_eq!(code(&it.sim, "ctl", "ecs", "ListClusters", json!({})), "ServerException");
    it.sim.advance(Duration::from_secs(60));
    let row = it.sim.audit(0).into_iter().find(|row| row.operation == "UpdateService").unwrap();
    assert_eq!((row.caller.as_str(), row.at_millis % 60_000), ("console-user", 0));
    let until = json!({"in": "services", "where": {"service": "app"}, "has": {"running": 5}});
    let reached = it.sim.control("run_until", until).unwrap();
    assert_eq!(reached["reached"], true);
    assert!(reached["seconds"].as_f64().unwrap() < 60.0);
}

#[test]
fn a_snapshot_can_be_gone_back_to() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    it.sim.control("snapshot", json!({"name": "before"})).unwrap();
    it.wait(100);
    let once = it.described("app");
    it.ecs("DeleteService", json!({"cluster": "main", "service": "app", "force": true}));
    it.sim.control("restore", json!({"name": "before"})).unwrap();
    it.wait(100);
    assert_eq!(it.described("app"), once, "the same seed and calls give the same");
    assert!(it.sim.control("restore", json!({"name": "never"})).is_err());
}

#[test]
fn the_audit_log_forgets_but_its_hash_does_not() {
    let run = |first: &str| {
        let sim = empty();
        sim.control("keep", json!({"rows": 3})).unwrap();
        sim.call(first, "sts", "GetCallerIdentity", json!({})).unwrap();
        for _ in 0..5 {
            sim.call("ctl", "sts", "GetCallerIdentity", json!({})).unwrap();
        }
        assert_eq!((sim.calls(), sim.audit(0).len(), sim.audit(0)[0].seq, sim.audit(5).len()), (6, 3, 3, 1));
        sim.audit_hash()
    };
    assert_eq!(run("ctl"), run("ctl"));
    assert_ne!(run("ctl"), run("other"));
}

#[tokio::test]
async fn answers_are_lost_and_cut_on_the_socket() {
    let it = Account::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, it.sim.clone(), std::future::pending()));
    for (fault, applied) in [("lost", true), ("lost-before", false), ("truncated", true)] {
        it.sim.control("faults", json!([{"fault": fault, "operation": "CreateCluster"}])).unwrap();
        let body = json!({"clusterName": fault}).to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: sim\r\nx-amz-target: AmazonEC2ContainerServiceV20141113.CreateCluster\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // How a cut connection ends is the platform's affair; what counts is what came before.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        match answer.split_once("\r\n\r\n") {
            None => assert_eq!(answer, "", "{fault}"),
            Some((head, body)) => {
                let whole = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                assert_eq!(fault, "truncated");
                assert!(body.len() < whole.parse().unwrap());
            }
        }
        let there = it.ecs("DescribeClusters", json!({"clusters": [fault]}));
        assert_eq!(!there["clusters"].as_array().unwrap().is_empty(), applied, "{fault}");
    }
    let request = http::Request::post("http://sim/")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")
        .body(bytes::Bytes::new())
        .unwrap();
    it.sim.control("faults", json!([{"fault": "late", "seconds": 3}])).unwrap();
    assert_eq!(it.sim.request(request).extensions().get(), Some(&Damage::Late(3_000)));
}

/// The same seed, script and calls give the same log, and another seed another.
#[test]
fn a_disturbed_run_can_be_run_again() {
    let run = |seed: u64| {
        let it = Account::new();
        it.sim.control("reset", json!({"seed": seed, "start": 1_800_000_000})).unwrap();
        let script = json!([
            {"after": 0, "do": "staleness", "with": {"seconds": {"ecs": 2.0, "elbv2": 1.0}}},
            {"after": 5, "do": "fault", "with": {"fault": "500-after", "probability": 0.3, "service": "ecs"}},
            {"after": 9, "do": "throttle", "with": {"on": true, "load": {"ecs service read": 19.0}}},
            {"after": 90, "do": "call", "with": {"service": "ecs", "operation": "UpdateService",
                "input": {"cluster": "main", "service": "app", "desiredCount": 4}}},
        ]);
        it.sim.control("script", script).unwrap();
        it.ecs("CreateCluster", json!({"clusterName": "main"}));
        let register = crate::account::task_definition("app", "app:flaky");
        it.ecs("RegisterTaskDefinition", register);
        it.ecs("CreateService", service("app", "app"));
        for _ in 0..400 {
            it.wait(1);
            let _ = it.sim.call(
                "ctl",
                "ecs",
                "DescribeServices",
                json!({"cluster": "main", "services": ["app"]}),
            );
        }
        (it.sim.audit_hash(), it.sim.state()["services"].clone())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn the_audit_tells_what_was_left_in_the_buckets_and_which_version_was_read() {
    let it = Account::new();
    it.sim.control("throttle", json!({"on": true})).unwrap();
    it.ecs("DescribeClusters", json!({}));
    it.sim.put_bucket("b", true);
    it.sim.put_object("b", "k", b"one");
    it.sim.call("tests", "s3", "GetObject", json!({"Bucket": "b", "Key": "k"})).unwrap();
    let rows = it.sim.audit(0);
    let read = rows.iter().rfind(|row| row.operation == "DescribeClusters").unwrap();
    assert_eq!(read.levels.get("ecs cluster read"), Some(&49.0));
    let object = rows.iter().rfind(|row| row.operation == "GetObject").unwrap();
    assert!(object.etag.is_some() && object.levels.is_empty());
    it.sim.control("throttle", json!({"on": false})).unwrap();
    it.ecs("DescribeClusters", json!({}));
    let rows = it.sim.audit(0);
    assert!(rows.last().unwrap().levels.is_empty(), "nothing is throttled");
}
