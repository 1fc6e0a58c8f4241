//! The wire: protocols, errors, the control API, and the server on a socket.

use crate::account::{Account, empty, service};
use crate::objects::send;
use evenkeel_sim::{SimHandle, drive_clock, serve};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=controller/20270115/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=00",
);

fn target(name: &str) -> [(&str, &str); 3] {
    [("x-amz-target", name), ("content-type", "application/x-amz-json-1.1"), SIGNED]
}

fn form() -> [(&'static str, &'static str); 2] {
    [("content-type", "application/x-www-form-urlencoded; charset=utf-8"), SIGNED]
}

fn read(sim: &SimHandle, path: &str) -> Value {
    serde_json::from_slice(send(sim, "GET", path, &[], b"").body()).unwrap()
}

#[test]
fn json_calls_are_answered_and_written_down() {
    let sim = empty();
    let made = send(
        &sim,
        "POST",
        "/",
        &target("AmazonEC2ContainerServiceV20141113.CreateCluster"),
        br#"{"clusterName":"main","tags":null}"#,
    );
    assert_eq!(made.status(), 200);
    assert_eq!(made.headers()["date"], "Fri, 15 Jan 2027 08:00:00 GMT", "the date is virtual");
    assert!(made.headers().contains_key("x-amzn-requestid"));
    let refused = send(
        &sim,
        "POST",
        "/",
        &target("AmazonEC2ContainerServiceV20141113.DescribeServices"),
        br#"{"cluster":"none","services":["a"]}"#,
    );
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["x-amzn-errortype"].to_str().unwrap()),
        (400, "ClusterNotFoundException")
    );
    let body: Value = serde_json::from_slice(refused.body()).unwrap();
    assert_eq!(body, json!({"__type": "ClusterNotFoundException", "message": "Cluster not found."}));
    let rows = sim.audit(0);
    assert_eq!(
        (rows[0].caller.as_str(), rows[0].operation.as_str(), rows[0].write, rows[0].error.as_deref()),
        ("controller", "CreateCluster", true, None)
    );
    assert_eq!(
        (rows[1].write, rows[1].error.as_deref(), rows[1].status),
        (false, Some("ClusterNotFoundException"), 400)
    );
    assert_eq!(read(&sim, "/_sim/audit?from=1")[0]["operation"], "DescribeServices");
    let broken = send(&sim, "POST", "/", &target("AmazonEC2ContainerServiceV20141113.CreateCluster"), b"{");
    assert_eq!(broken.headers()["x-amzn-errortype"], "SerializationException");
}

#[test]
fn query_calls_are_forms_in_and_xml_out() {
    let sim = empty();
    let answer = send(&sim, "POST", "/", &form(), b"Action=CreateTargetGroup&Version=2015-12-01&Name=web&Protocol=HTTP&Port=80&VpcId=vpc-1&Tags.member.1.Key=a&Tags.member.1.Value=1");
    let xml = String::from_utf8(answer.body().to_vec()).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(xml.starts_with("<CreateTargetGroupResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><CreateTargetGroupResult><TargetGroups><member>"), "{xml}");
    assert!(
        xml.contains("<Port>80</Port>")
            && xml.contains("<HealthCheckTimeoutSeconds>5</HealthCheckTimeoutSeconds>")
    );
    let refused = send(
        &sim,
        "POST",
        "/",
        &form(),
        b"Action=DescribeTargetGroups&Version=2015-12-01&Names.member.1=none",
    );
    let xml = String::from_utf8(refused.body().to_vec()).unwrap();
    assert_eq!(refused.status(), 400);
    assert!(xml.contains("<Error><Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>One or more target groups not found</Message></Error>"));
    let who = send(&sim, "POST", "/", &form(), b"Action=GetCallerIdentity&Version=2011-06-15");
    assert!(String::from_utf8(who.body().to_vec()).unwrap().contains("<Account>123456789012</Account>"));
}

#[test]
fn what_does_not_exist_is_said_in_the_right_protocol_and_remembered() {
    let sim = empty();
    let json = send(&sim, "POST", "/", &target("AmazonEC2ContainerServiceV20141113.StartTask"), b"{}");
    assert_eq!(
        (json.status().as_u16(), json.headers()["x-amzn-errortype"].to_str().unwrap()),
        (400, "UnknownOperationException")
    );
    let query = send(&sim, "POST", "/", &form(), b"Action=DescribeAccountLimits&Version=2015-12-01");
    assert!(String::from_utf8(query.body().to_vec()).unwrap().contains("<Code>InvalidAction</Code>"));
    sim.put_bucket("desired", false);
    let s3 = send(&sim, "GET", "/desired?analytics", &[SIGNED], b"");
    assert_eq!(s3.status(), 501);
    assert_eq!(sim.unknown_operations(), ["ecs:StartTask", "elbv2:DescribeAccountLimits", "s3:Unsupported"]);
}

#[test]
fn the_control_api_moves_time_and_pushes_images() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    send(&it.sim, "POST", "/_sim/advance", &[], br#"{"seconds": 200}"#);
    assert_eq!(read(&it.sim, "/_sim/state")["services"][0]["healthy"], 2);
    it.sim.call("tests", "ecr", "CreateRepository", json!({"repositoryName": "app"})).unwrap();
    let pushed = send(&it.sim, "POST", "/_sim/image", &[], br#"{"repository": "app", "tag": "v1"}"#);
    let pushed: Value = serde_json::from_slice(pushed.body()).unwrap();
    assert!(pushed["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(send(&it.sim, "POST", "/_sim/nothing", &[], b"").status(), 404);
    send(&it.sim, "POST", "/_sim/reset", &[], b"");
    assert_eq!(read(&it.sim, "/_sim/state")["services"], json!([]));
}

#[test]
fn every_operation_is_there_once() {
    let mut names: Vec<(&str, &str)> =
        evenkeel_sim::table::operations().map(|it| (it.service, it.name)).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all > 100, "{all}");
}

#[test]
fn a_call_of_the_wrong_shape_is_no_reason_to_fall_over() {
    let it = Account::new();
    it.ecs("CreateService", it.balanced_service());
    for nonsense in
        [json!("x"), json!(1), json!([1]), json!({"a": 1}), json!([{"a": [1]}]), json!(-1), json!(i64::MAX)]
    {
        for operation in evenkeel_sim::table::operations() {
            let mut input = json!({});
            for name in [
                "cluster",
                "service",
                "services",
                "serviceName",
                "taskDefinition",
                "family",
                "containerDefinitions",
                "deploymentConfiguration",
                "networkConfiguration",
                "loadBalancers",
                "desiredCount",
                "tags",
                "Tags",
                "Name",
                "Names",
                "Actions",
                "Conditions",
                "DefaultActions",
                "SuspendedState",
                "MinCapacity",
                "ResourceId",
                "Bucket",
                "Key",
                "maxResults",
                "PageSize",
                "Attributes",
                "RulePriorities",
                "imageIds",
                "cpu",
                "memory",
                "volumes",
                "MaxKeys",
                "capacityProviderStrategy",
            ] {
                let keeps = matches!(name, "cluster" | "service" | "taskDefinition" | "family")
                    && nonsense.is_object();
                input[name] = if keeps { json!("app") } else { nonsense.clone() };
            }
            for (name, good) in [
                ("cluster", json!("main")),
                ("ListenerArn", json!(it.listener)),
                ("TargetGroupArn", json!(it.group)),
                ("LoadBalancerArn", json!(it.balancer)),
                ("Priority", json!(5)),
            ] {
                input[name] = good;
            }
            let _ = it.sim.call("tests", operation.service, operation.name, input);
        }
        it.wait(100);
    }
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the connection was closed");
        seen.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        if body.len() >= length {
            return text;
        }
    }
}

#[tokio::test]
async fn the_server_keeps_connections_and_says_continue() {
    let sim = empty();
    sim.put_bucket("desired", false);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, sim.clone(), async {
        let _ = stopped.await;
    }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT /desired/a HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 100 Continue"));
    stream.write_all(b"hello").await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    let again = format!("GET /desired/a HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(again.as_bytes()).await.unwrap();
    let got = answer(&mut stream).await;
    assert!(got.starts_with("HTTP/1.1 200 OK") && got.ends_with("hello"), "on the same connection: {got}");
    stop.send(()).unwrap();
    server.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the socket is closed");
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_driven_at_its_speed() {
    let sim = empty();
    let start = sim.now_epoch_millis();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let driver = tokio::spawn(drive_clock(sim.clone(), 60.0, async {
        let _ = stopped.await;
    }));
    tokio::time::sleep(Duration::from_millis(10_010)).await;
    stop.send(()).unwrap();
    driver.await.unwrap();
    assert_eq!(sim.now_epoch_millis() - start, 600_000);
}
