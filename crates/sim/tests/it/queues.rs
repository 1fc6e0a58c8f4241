//! SQS, what S3 and ECS send to it, and what buckets are configured with.

use crate::account::{Account, empty, service};
use bytes::Bytes;
use evenkeel_sim::SimHandle;
use http::{Method, Request};
use serde_json::{Value, json};
use std::time::Duration;

fn sqs(sim: &SimHandle, operation: &str, mut input: Value) -> Value {
    input["QueueUrl"] = json!("https://sqs.us-east-1.amazonaws.com/123456789012/changes");
    sim.call("ctl", "sqs", operation, input).unwrap()
}

/// The bodies of what can be received now, deleted after.
fn bodies(sim: &SimHandle) -> Vec<Value> {
    sim.advance(Duration::from_secs(1));
    let mut all = Vec::new();
    loop {
        let answer = sqs(sim, "ReceiveMessage", json!({"MaxNumberOfMessages": 10}));
        let Some(messages) = answer["Messages"].as_array() else { return all };
        for message in messages {
            all.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
            sqs(sim, "DeleteMessage", json!({"ReceiptHandle": message["ReceiptHandle"]}));
        }
    }
}

fn s3(sim: &SimHandle, method: Method, path: &str, body: &str) -> http::Response<Bytes> {
    let request = Request::builder().method(method).uri(format!("http://sim{path}"));
    sim.request(request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

const NOTIFY: &str = "<NotificationConfiguration><QueueConfiguration><Id>x</Id><Queue>arn:aws:sqs:us-east-1:123456789012:changes</Queue><Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>teams/</Value></FilterRule></S3Key></Filter></QueueConfiguration></NotificationConfiguration>";

#[test]
fn a_message_is_hidden_while_somebody_has_it() {
    let sim = empty();
    sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "changes"})).unwrap();
    sqs(&sim, "SendMessage", json!({"MessageBody": "one"}));
    let input = json!({"AttributeNames": ["ApproximateReceiveCount"], "VisibilityTimeout": 20});
    let first = sqs(&sim, "ReceiveMessage", input.clone())["Messages"][0].clone();
    assert_eq!(sqs(&sim, "ReceiveMessage", input.clone()), json!({}));
    sim.advance(Duration::from_secs(20));
    let again = sqs(&sim, "ReceiveMessage", input.clone())["Messages"][0].clone();
    assert_eq!(again["Attributes"]["ApproximateReceiveCount"], "2");
    sqs(&sim, "DeleteMessage", json!({"ReceiptHandle": first["ReceiptHandle"]}));
    sim.advance(Duration::from_secs(20));
    let third = sqs(&sim, "ReceiveMessage", input.clone())["Messages"][0].clone();
    sqs(&sim, "DeleteMessage", json!({"ReceiptHandle": third["ReceiptHandle"]}));
    sim.advance(Duration::from_secs(20));
    assert_eq!(sqs(&sim, "ReceiveMessage", input), json!({}));
    let error = sim.call("ctl", "sqs", "GetQueueUrl", json!({"QueueName": "none"})).unwrap_err();
    assert_eq!(error.code, "QueueDoesNotExist");
}

#[test]
fn messages_received_too_often_go_to_the_dead_letters() {
    let sim = empty();
    sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "dead"})).unwrap();
    let redrive =
        json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 2});
    let attributes = json!({"RedrivePolicy": redrive.to_string(), "VisibilityTimeout": "5"});
    sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "changes", "Attributes": attributes})).unwrap();
    sqs(&sim, "SendMessage", json!({"MessageBody": "poison"}));
    let receive = || {
        let answer = sqs(&sim, "ReceiveMessage", json!({}));
        sim.advance(Duration::from_secs(5));
        answer["Messages"].as_array().map_or(0, Vec::len)
    };
    assert_eq!([receive(), receive(), receive()], [1, 1, 0]);
    let dead = sim.call("ctl", "sqs", "ReceiveMessage", json!({"QueueUrl": "x/dead"})).unwrap();
    assert_eq!(dead["Messages"][0]["Body"], "poison");
    let sources =
        sim.call("ctl", "sqs", "ListDeadLetterSourceQueues", json!({"QueueUrl": "x/dead"})).unwrap();
    assert!(sources["queueUrls"][0].as_str().unwrap().ends_with("/changes"));
}

#[test]
fn a_fifo_queue_keeps_the_order_of_a_group_and_drops_duplicates() {
    let sim = empty();
    let call = |operation: &str, mut input: Value| {
        input["QueueUrl"] = json!("x/jobs.fifo");
        sim.call("ctl", "sqs", operation, input)
    };
    let attributes =
        json!({"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "20"});
    assert!(
        sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "jobs", "Attributes": attributes}))
            .is_err()
    );
    sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "jobs.fifo", "Attributes": attributes}))
        .unwrap();
    assert_eq!(call("SendMessage", json!({"MessageBody": "a"})).unwrap_err().code, "MissingParameter");
    let send = |body: &str, group: &str| {
        call("SendMessage", json!({"MessageBody": body, "MessageGroupId": group})).unwrap()["MessageId"]
            .clone()
    };
    assert_eq!(send("a1", "a"), send("a1", "a"), "a duplicate");
    send("a2", "a");
    send("b1", "b");
    let receive = || call("ReceiveMessage", json!({})).unwrap()["Messages"][0].clone();
    let first = receive();
    assert_eq!((&first["Body"], &receive()["Body"]), (&json!("a1"), &json!("b1")), "a2 waits for a1");
    assert_eq!(receive(), Value::Null);
    call("DeleteMessage", json!({"ReceiptHandle": first["ReceiptHandle"]})).unwrap();
    assert_eq!(receive()["Body"], "a2");
    let entries =
        json!([{"Id": "1", "MessageBody": "c", "MessageGroupId": "c"}, {"Id": "2", "MessageBody": "d"}]);
    let batch = call("SendMessageBatch", json!({"Entries": entries})).unwrap();
    assert_eq!(
        (&batch["Successful"][0]["Id"], &batch["Failed"][0]["Code"]),
        (&json!("1"), &json!("MissingParameter"))
    );
}

#[test]
fn a_bucket_tells_a_queue_what_happens_in_it() {
    let sim = empty();
    sim.put_bucket("desired", true);
    assert_eq!(s3(&sim, Method::PUT, "/desired?notification", NOTIFY).status(), 400, "no such queue");
    sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "changes"})).unwrap();
    assert_eq!(s3(&sim, Method::PUT, "/desired?notification", NOTIFY).status(), 200);
    assert_eq!(bodies(&sim)[0]["Event"], "s3:TestEvent");
    sim.put_object("desired", "other/x.json", b"{}");
    sim.put_object("desired", "teams/a b.json", b"{}");
    s3(&sim, Method::DELETE, "/desired/teams/a%20b.json", "");
    let seen = bodies(&sim);
    assert_eq!(seen.len(), 2);
    let (put, deleted) = (&seen[0]["Records"][0], &seen[1]["Records"][0]);
    assert_eq!(
        (&put["eventName"], &put["s3"]["object"]["key"]),
        (&json!("ObjectCreated:Put"), &json!("teams/a+b.json"))
    );
    assert!(put["s3"]["object"]["versionId"].is_string() && put["s3"]["object"]["sequencer"].is_string());
    assert_eq!(deleted["eventName"], "ObjectRemoved:DeleteMarkerCreated");
    let configured = s3(&sim, Method::GET, "/desired?notification", "");
    assert_eq!(configured.body(), NOTIFY);
}

#[test]
fn a_bucket_keeps_its_configuration_as_it_was_sent() {
    let sim = empty();
    sim.put_bucket("desired", false);
    assert_eq!(s3(&sim, Method::GET, "/desired?tagging", "").status(), 404);
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    s3(&sim, Method::PUT, "/desired?tagging", tags);
    assert_eq!(s3(&sim, Method::GET, "/desired?tagging", "").body(), tags);
    assert_eq!(s3(&sim, Method::DELETE, "/desired?tagging", "").status(), 204);
    assert_eq!(s3(&sim, Method::GET, "/desired?tagging", "").status(), 404);
    assert!(!s3(&sim, Method::GET, "/desired?encryption", "").body().is_empty(), "AWS encrypts by default");
    assert_eq!(s3(&sim, Method::GET, "/desired?ownershipControls", "").status(), 200, "there from the start");
    s3(&sim, Method::DELETE, "/desired?ownershipControls", "");
    assert_eq!(s3(&sim, Method::GET, "/desired?ownershipControls", "").status(), 404);
    s3(&sim, Method::PUT, "/desired/x", "{}");
    s3(&sim, Method::PUT, "/desired/x?tagging", tags);
    let shown = s3(&sim, Method::GET, "/desired/x?tagging", "");
    assert!(String::from_utf8_lossy(shown.body()).contains("<Key>a</Key><Value>b</Value>"));
    s3(&sim, Method::DELETE, "/desired/x?tagging", "");
    assert!(
        !String::from_utf8_lossy(s3(&sim, Method::GET, "/desired/x?tagging", "").body()).contains("<Key>")
    );
}

#[test]
fn many_objects_are_deleted_at_once_and_one_is_copied() {
    let sim = empty();
    sim.put_bucket("desired", true);
    for key in ["a", "b", "c"] {
        sim.put_object("desired", key, key.as_bytes());
    }
    let copy =
        Request::put("http://sim/desired/d").header("x-amz-copy-source", "/desired/c").body(Bytes::new());
    assert_eq!(sim.request(copy.unwrap()).status(), 200);
    assert_eq!(sim.get_object("desired", "d").unwrap(), "c");
    let two = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>";
    let answer = s3(&sim, Method::POST, "/desired?delete", two);
    assert!(String::from_utf8_lossy(answer.body()).contains("<DeleteMarker>true</DeleteMarker>"));
    assert_eq!(sim.state()["buckets"][0]["keys"], json!(["c", "d"]));
}

#[test]
fn ecs_says_what_it_does_to_a_queue() {
    let it = Account::new();
    it.sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "changes"})).unwrap();
    it.sim.control("events", json!({"queue": "changes"})).unwrap();
    it.ecs("CreateService", service("app", "app"));
    it.wait(200);
    let events = bodies(&it.sim);
    let named = |name: &str| events.iter().filter(|it| it["detail"]["eventName"] == name).count();
    assert_eq!((named("SERVICE_DEPLOYMENT_IN_PROGRESS"), named("SERVICE_DEPLOYMENT_COMPLETED")), (1, 1));
    assert_eq!(named("SERVICE_STEADY_STATE"), 1);
    let tasks = events.iter().filter(|it| it["detail-type"] == "ECS Task State Change");
    let running = tasks.filter(|it| it["detail"]["lastStatus"] == "RUNNING");
    assert!(
        running.clone().all(|it| it["detail"]["startedAt"].is_string() && it["detail"]["version"].is_i64())
    );
    assert_eq!(running.count(), 2);
}

#[test]
fn messages_are_lost_doubled_and_overtaken_where_a_script_asks_for_it() {
    let sim = empty();
    sim.put_bucket("desired", true);
    sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "changes"})).unwrap();
    s3(&sim, Method::PUT, "/desired?notification", NOTIFY);
    bodies(&sim);
    sim.control("events", json!({"drop": 0.3, "duplicate": 0.3, "late": 20})).unwrap();
    for index in 0..100 {
        sim.put_object("desired", &format!("teams/{index:03}"), b"{}");
    }
    sim.advance(Duration::from_secs(30));
    let keys: Vec<String> =
        bodies(&sim).iter().map(|it| it["Records"][0]["s3"]["object"]["key"].to_string()).collect();
    let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert!((55..85).contains(&distinct.len()) && keys.len() > distinct.len() + 15, "{}", keys.len());
    assert!(!keys.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_a_message_or_its_time() {
    let it = Account::new();
    it.sim.call("ctl", "sqs", "CreateQueue", json!({"QueueName": "changes"})).unwrap();
    let poll = || {
        let body = json!({"QueueUrl": "changes", "WaitTimeSeconds": 20}).to_string();
        let request = Request::post("http://sim/").header("x-amz-target", "AmazonSQS.ReceiveMessage");
        it.sim.send(request.body(Bytes::from(body)).unwrap())
    };
    let began = tokio::time::Instant::now();
    assert_eq!(poll().await.unwrap().body(), "{}");
    assert!(began.elapsed() >= Duration::from_secs(20));
    let began = tokio::time::Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        sqs(&it.sim, "SendMessage", json!({"MessageBody": "one"}));
    };
    let (answer, ()) = tokio::join!(poll(), later);
    assert!(answer.unwrap().body().len() > 20);
    assert!(began.elapsed() < Duration::from_secs(4));
}
