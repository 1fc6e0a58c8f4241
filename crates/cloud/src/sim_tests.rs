//! Calls and store against the simulated AWS, in process and over a socket.

use std::collections::BTreeMap;

use evenkeel_model::Tree;
use evenkeel_model::shapes::Op;
use evenkeel_sim::{SimConfig, SimHandle};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::calls::{
    CallMetrics, Calls, CallsOptions, Class, Deadline, LONGEST_REQUEST, Pace, Permit, account,
};
use crate::store::{Condition, DocumentSource, Lease, LeaseState, Poll, Records, S3, Store, StoreError};
use crate::testing::{Canned, sdk_over_tcp};

fn sim() -> SimHandle {
    SimHandle::new(SimConfig {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        seed: 1,
        start_epoch_seconds: 1_795_255_200,
    })
}

fn in_process(sim: &SimHandle) -> aws_config::SdkConfig {
    let sim = sim.clone();
    Canned::new(move |request| Ok(sim.request(request.clone()))).sdk()
}

fn calls(sdk: &aws_config::SdkConfig) -> Calls {
    let metrics = CallMetrics::register(&Registry::new()).unwrap();
    Calls::new(sdk, CallsOptions::new(metrics))
}

fn permit() -> Permit {
    let deadline = Deadline::passed();
    deadline.extend_to(Instant::now() + LONGEST_REQUEST);
    Permit::new("anything", deadline)
}

fn tree(json: serde_json::Value) -> Tree {
    Tree::from(json)
}

/// A cluster, a service with a target group behind a rule, scaling, a repository and a log group, written
/// and read back.
async fn round_trip(calls: &Calls) {
    let write = async |op, input| {
        let output = calls.write(&permit(), op, tree(input)).await;
        output.unwrap_or_else(|error| panic!("{error}"))
    };
    write(Op::EcsCreateCluster, serde_json::json!({"clusterName": "main"})).await;
    let balancer = write(
        Op::Elbv2CreateLoadBalancer,
        serde_json::json!({"name": "alb", "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}),
    )
    .await;
    let balancer = balancer.pointer("loadBalancers/0/loadBalancerArn").cloned().unwrap();
    let group = write(
        Op::Elbv2CreateTargetGroup,
        serde_json::json!({"name": "api", "protocol": "HTTP", "port": 8000, "vpcId": "vpc-1", "targetType": "ip",
            "tags": [{"key": "evenkeel:key", "value": "api & co"}]}),
    )
    .await;
    let group = group.pointer("targetGroups/0/targetGroupArn").cloned().unwrap();
    let forward = Tree::map().with("type", "forward").with("targetGroupArn", group.clone());
    let listener = Tree::map()
        .with("loadBalancerArn", balancer)
        .with("protocol", "HTTP")
        .with("port", 80_i64)
        .with("defaultActions", vec![forward]);
    calls.write(&permit(), Op::Elbv2CreateListener, listener).await.unwrap();
    write(
        Op::EcsRegisterTaskDefinition,
        serde_json::json!({"family": "api", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": "api", "image": "api:1", "portMappings": [{"containerPort": 8000}]}]}),
    )
    .await;
    let service =
        tree(serde_json::json!({"cluster": "main", "serviceName": "api", "taskDefinition": "api:1",
        "desiredCount": 2, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}}));
    let balanced = Tree::map()
        .with("targetGroupArn", group.clone())
        .with("containerName", "api")
        .with("containerPort", 8000_i64);
    calls
        .write(&permit(), Op::EcsCreateService, service.with("loadBalancers", vec![balanced]))
        .await
        .unwrap();
    write(
        Op::ScalingRegisterScalableTarget,
        serde_json::json!({"serviceNamespace": "ecs", "resourceId": "service/main/api",
            "scalableDimension": "ecs:service:DesiredCount", "minCapacity": 1, "maxCapacity": 4}),
    )
    .await;
    write(Op::EcrCreateRepository, serde_json::json!({"repositoryName": "api"})).await;
    write(Op::LogsCreateLogGroup, serde_json::json!({"logGroupName": "/ecs/api"})).await;

    let described = calls
        .read(
            Op::EcsDescribeServices,
            tree(serde_json::json!({"cluster": "main", "services": ["api", "none"]})),
        )
        .await
        .unwrap();
    assert_eq!(described.pointer("services/0").unwrap().str("serviceName"), Some("api"));
    assert_eq!(described.pointer("failures/0").unwrap().str("reason"), Some("MISSING"));
    let tags = Tree::map().with("resourceArns", vec![group]);
    let tags = calls.read(Op::Elbv2DescribeTags, tags).await.unwrap();
    assert_eq!(tags.pointer("tagDescriptions/0/tags/0").unwrap().str("value"), Some("api & co"));
    let ecs = || tree(serde_json::json!({"serviceNamespace": "ecs"}));
    for (op, input) in [
        (Op::EcsListServices, tree(serde_json::json!({"cluster": "main"}))),
        (Op::EcsListTaskDefinitions, Tree::map()),
        (Op::Elbv2DescribeTargetGroups, Tree::map()),
        (Op::Elbv2DescribeLoadBalancers, Tree::map()),
        (Op::ScalingDescribeScalableTargets, ecs()),
        (Op::EcrDescribeRepositories, Tree::map()),
        (Op::LogsDescribeLogGroups, Tree::map()),
    ] {
        assert_eq!(calls.pages(op, input).await.unwrap().len(), 1, "{op}");
    }
    let missing =
        calls.read(Op::Elbv2DescribeTargetGroups, tree(serde_json::json!({"names": ["none"]}))).await;
    assert_eq!(missing.unwrap_err().class, Class::NotFound);
    assert!(calls.now().is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_read_back_in_process() {
    let sim = sim();
    round_trip(&calls(&in_process(&sim))).await;
    assert_eq!(sim.unknown_operations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_written_is_read_back_over_a_socket() {
    let sim = sim();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(evenkeel_sim::serve(listener, sim.clone(), std::future::pending()));
    let sdk = sdk_over_tcp(port);
    round_trip(&calls(&sdk)).await;
    assert_eq!(account(&sdk, Pace::REAL).await.unwrap().id, "123456789012");
    objects(&sim, S3::new(&sdk, 0, Pace::REAL)).await;
}

#[tokio::test(start_paused = true)]
async fn objects_are_kept_in_process() {
    let sim = sim();
    objects(&sim, S3::new(&in_process(&sim), 0, Pace::REAL)).await;
}

/// Documents with versions, the lease of two, and records.
async fn objects(sim: &SimHandle, s3: S3) {
    sim.put_bucket("documents", true);
    sim.put_bucket("state", false);
    let source = DocumentSource::object(s3.clone(), "documents", "services.json");
    assert!(source.poll(None).await.unwrap_err().to_string().contains("does not exist"));
    sim.put_object("documents", "services.json", b"{}");
    let Poll::Changed { version, .. } = source.poll(None).await.unwrap() else { panic!() };
    assert_eq!(source.poll(Some(&version)).await.unwrap(), Poll::Unchanged);
    sim.put_object("documents", "services.json", b"{\"a\":1}");
    assert!(matches!(source.poll(Some(&version)).await.unwrap(), Poll::Changed { .. }));
    let first = version.version_id.unwrap();
    assert_eq!(source.version(&first).await.unwrap().as_deref(), Some(&b"{}"[..]));

    let store = Store::new(s3, "state", "evenkeel/");
    let (mut a, mut b) = (Lease::new(store.clone(), "a"), Lease::new(store.clone(), "b"));
    assert!(matches!(a.turn().await, LeaseState::Ours { .. }));
    assert!(matches!(b.turn().await, LeaseState::Other { holder } if holder == "a"));
    assert!(matches!(a.turn().await, LeaseState::Ours { .. }));
    a.release().await.unwrap();
    assert!(matches!(b.turn().await, LeaseState::Ours { .. }));

    let records = Records::new(store.clone());
    let mut wanted = BTreeMap::new();
    for key in ["service/main/api", "logGroup//ecs/api", "targetGroup/a!b"] {
        let etag = records.put(key, key.as_bytes().to_vec().into(), None).await.unwrap();
        wanted.insert(key.to_owned(), (key.as_bytes().to_vec().into(), etag));
    }
    assert_eq!(records.load_all().await.unwrap(), wanted);
    assert!(matches!(records.put("service/main/api", "x".into(), None).await, Err(StoreError::Lost { .. })));
    store.put("status.json", "{}".into(), Condition::Always).await.unwrap();
    store.delete("status.json").await.unwrap();
    assert_eq!(store.get("status.json").await.unwrap(), None);
}
