//! Calls against canned answers: budgets, retries, pages, permits, classes.

use super::*;
use crate::testing::{Canned, Response, answer, silent_sdk};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::result::ConnectorError;
use prometheus::Registry;

fn calls(aws: &Canned) -> Calls {
    let metrics = CallMetrics::register(&Registry::new()).unwrap();
    Calls::new(&aws.sdk(), CallsOptions::new(metrics))
}

fn permit() -> Permit {
    let deadline = Deadline::passed();
    deadline.extend_to(Instant::now() + Duration::from_secs(40));
    Permit::new("main/api", deadline)
}

#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no role here")))
    }
}

fn json_error(status: u16, code: &str, message: &str) -> Response {
    let body = format!(r#"{{"__type":"com.amazonaws.x#{code}","message":"{message}"}}"#);
    answer(status, body)
}

fn xml_error(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-2</RequestId></ErrorResponse>"
    );
    answer(status, body)
}

fn service(name: &str) -> Tree {
    Tree::map().with("services", vec![Tree::from(name)])
}

#[tokio::test(start_paused = true)]
async fn a_throttled_read_is_tried_again_and_counted() {
    let throttled = json_error(400, "ThrottlingException", "Rate exceeded");
    let aws = Canned::turns([throttled.clone(), throttled, answer(200, r#"{"services":[]}"#)]);
    let calls = calls(&aws);
    assert_eq!(calls.now(), None);
    let output = calls.read(Op::EcsDescribeServices, service("api")).await.unwrap();
    assert_eq!(output.to_json(), r#"{"services":[]}"#);
    let count = |class: &str| {
        let key = ("ecs".to_owned(), "DescribeServices".to_owned(), class.to_owned());
        calls.counts().get(&key).copied()
    };
    assert_eq!((count("throttled"), count("ok")), (Some(2), Some(1)));
    assert_eq!(calls.now().unwrap().to_string(), "2026-11-21T10:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_read_gives_up_after_four_attempts() {
    let aws = Canned::turns([json_error(500, "ServerException", "Service Unavailable.")]);
    let error = calls(&aws).read(Op::EcsDescribeServices, service("api")).await.unwrap_err();
    assert_eq!((error.class, aws.seen().len()), (Class::Transient, 4));
    assert_eq!(error.to_string(), "ecs DescribeServices failed with ServerException: Service Unavailable.");
    assert_eq!(error.request_id.as_deref(), Some("req-1"));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_tried_again_only_where_it_cannot_have_been_done() {
    let op = Op::EcsUpdateService;
    for (turn, attempts, class) in [
        (json_error(400, "ThrottlingException", "Rate exceeded"), 4, Class::Throttled),
        (json_error(500, "ServerException", "Oops"), 1, Class::UnknownEffect),
        (json_error(400, "ServiceNotFoundException", "Service not found."), 1, Class::NotFound),
        (answer(503, "<html>"), 1, Class::UnknownEffect),
    ] {
        let aws = Canned::turns([turn]);
        let error = calls(&aws).write(&permit(), op, service("api")).await.unwrap_err();
        assert_eq!((error.class, aws.seen().len()), (class, attempts), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_a_write_unknown_and_a_missing_connection_does_not() {
    let reset = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let lost = Canned::new(move |_| Err(ConnectorError::io(reset().into())));
    let error = calls(&lost).write(&permit(), Op::EcsUpdateService, service("api")).await.unwrap_err();
    assert_eq!((error.class, lost.seen().len()), (Class::UnknownEffect, 1), "{error}");

    let refusal = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let nobody = Canned::new(move |_| Err(ConnectorError::io(refusal().into())));
    let error = calls(&nobody).write(&permit(), Op::EcsUpdateService, service("api")).await.unwrap_err();
    assert_eq!((error.class, nobody.seen().len()), (Class::Transient, 4), "{error}");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_twenty_seconds_of_the_worlds_time() {
    for (pace, seconds) in [(1.0, 20.0), (10.0, 2.0)] {
        let metrics = CallMetrics::register(&Registry::new()).unwrap();
        let options = CallsOptions { pace: Pace::new(pace).unwrap(), ..CallsOptions::new(metrics) };
        let calls = Calls::new(&silent_sdk(), options);
        let start = Instant::now();
        let error = calls.write(&permit(), Op::EcsUpdateService, service("api")).await.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (Class::UnknownEffect, "no answer in time"));
        let passed = start.elapsed().as_secs_f64();
        assert!((seconds..seconds + 0.1).contains(&passed), "{passed}");
        let error = calls.read(Op::EcsDescribeServices, service("api")).await.unwrap_err();
        assert_eq!(error.class, Class::Transient);
    }
}

#[tokio::test(start_paused = true)]
async fn without_credentials_nothing_is_sent_and_the_error_says_so() {
    let aws = Canned::turns([answer(200, "{}")]);
    let mut sdk = aws.sdk().into_builder();
    sdk.set_credentials_provider(Some(SharedCredentialsProvider::new(Nobody)));
    let metrics = CallMetrics::register(&Registry::new()).unwrap();
    let calls = Calls::new(&sdk.build(), CallsOptions::new(metrics));
    let error = calls.write(&permit(), Op::EcsUpdateService, service("api")).await.unwrap_err();
    assert_eq!(error.class, Class::Denied, "{error}");
    assert!(error.to_string().contains("no AWS credentials: "), "{error}");
    assert!(error.to_string().contains("no role here"), "{error}");
    assert!(aws.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waited_beyond_the_lease_is_not_sent() {
    let aws = Canned::turns([answer(200, "{}")]);
    let calls = calls(&aws);
    let permit = permit();
    // 18 registrations are at hand, and one more comes in about a second: the lease ends in between.
    for _ in 0..18 + 35 {
        calls.write(&permit, Op::EcsRegisterTaskDefinition, Tree::map()).await.unwrap();
    }
    let error = calls.write(&permit, Op::EcsRegisterTaskDefinition, Tree::map()).await.unwrap_err();
    assert_eq!(error.class, Class::Refused, "{error}");
    assert_eq!(aws.seen().len(), 53);
}

#[tokio::test]
async fn reads_and_writes_are_not_mixed_up() {
    let aws = Canned::turns([answer(200, "{}")]);
    let calls = calls(&aws);
    let write = calls.read(Op::EcsDeleteService, Tree::map()).await.unwrap_err();
    let read = calls.write(&permit(), Op::EcsListServices, Tree::map()).await.unwrap_err();
    assert_eq!((write.class, read.class), (Class::Refused, Class::Refused));
    assert!(aws.seen().is_empty());
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let aws = Canned::turns([
        answer(200, r#"{"serviceArns":["a","b"],"nextToken":"t1"}"#),
        answer(200, r#"{"serviceArns":[],"nextToken":"t2"}"#),
        answer(200, r#"{"serviceArns":["c"],"nextToken":""}"#),
    ]);
    let input = Tree::map().with("cluster", "main");
    let items = calls(&aws).pages(Op::EcsListServices, input).await.unwrap();
    assert_eq!(Tree::from(items).to_json(), r#"["a","b","c"]"#);
    assert_eq!(
        aws.bodies(),
        [
            r#"{"cluster":"main","maxResults":100}"#,
            r#"{"cluster":"main","maxResults":100,"nextToken":"t1"}"#,
            r#"{"cluster":"main","maxResults":100,"nextToken":"t2"}"#,
        ]
    );
}

#[tokio::test]
async fn a_repeated_token_does_not_go_on_for_ever() {
    let aws = Canned::turns([answer(200, r#"{"serviceArns":["a"],"nextToken":"t"}"#)]);
    let error = calls(&aws).pages(Op::EcsListServices, Tree::map()).await.unwrap_err();
    assert_eq!((error.class, aws.seen().len()), (Class::Transient, 2), "{error}");
}

#[tokio::test]
async fn load_balancers_speak_forms_and_xml_under_the_same_names() {
    let body = "<DescribeTargetGroupsResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><DescribeTargetGroupsResult><TargetGroups><member><TargetGroupArn>arn:tg/1</TargetGroupArn><Port>80</Port></member></TargetGroups></DescribeTargetGroupsResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeTargetGroupsResponse>";
    let aws = Canned::turns([answer(200, body)]);
    let names = Tree::map().with("targetGroupArns", vec![Tree::from("arn:tg/1")]);
    let items = calls(&aws).pages(Op::Elbv2DescribeTargetGroups, names).await.unwrap();
    assert_eq!(Tree::from(items).to_json(), r#"[{"port":80,"targetGroupArn":"arn:tg/1"}]"#);
    assert_eq!(
        aws.bodies(),
        ["Action=DescribeTargetGroups&Version=2015-12-01&TargetGroupArns.member.1=arn%3Atg%2F1"]
    );
}

#[tokio::test(start_paused = true)]
async fn classes_come_from_service_operation_code_and_message() {
    let json = json_error;
    for (op, turn, class) in [
        (
            Op::EcsRegisterTaskDefinition,
            json(400, "ClientException", "Too many concurrent attempts to create a new revision"),
            Class::Conflict,
        ),
        (
            Op::EcsRegisterTaskDefinition,
            json(400, "ClientException", "Fargate requires that 'cpu' be defined at the task level."),
            Class::Invalid,
        ),
        (
            Op::EcsCreateService,
            json(400, "InvalidParameterException", "Creation of service was not idempotent."),
            Class::Conflict,
        ),
        (Op::EcsCreateService, json(400, "ClusterNotFoundException", "Cluster not found."), Class::NotFound),
        (
            Op::EcsUpdateService,
            json(400, "ExpiredTokenException", "The security token included in the request is expired"),
            Class::Denied,
        ),
        (
            Op::EcsUpdateService,
            json(400, "AccessDeniedException", "User: x is not authorized"),
            Class::Denied,
        ),
        (
            Op::ScalingPutScalingPolicy,
            json(400, "ObjectNotFoundException", "No scalable target registered"),
            Class::NotFound,
        ),
        (
            Op::ScalingPutScalingPolicy,
            json(400, "ConcurrentUpdateException", "You already have a pending update"),
            Class::Conflict,
        ),
        (
            Op::Elbv2DeleteTargetGroup,
            xml_error(400, "ResourceInUse", "Target group is in use"),
            Class::Conflict,
        ),
        (Op::Elbv2ModifyRule, xml_error(400, "RuleNotFound", "One or more rules not found"), Class::NotFound),
        (
            Op::Elbv2CreateRule,
            xml_error(400, "PriorityInUse", "Priority '1' is currently in use"),
            Class::Conflict,
        ),
        (
            Op::Elbv2CreateRule,
            xml_error(400, "ValidationError", "1 validation error detected"),
            Class::Invalid,
        ),
        (Op::Elbv2CreateRule, xml_error(400, "Throttling", "Rate exceeded"), Class::Throttled),
        (Op::LogsCreateLogGroup, json(400, "ResourceAlreadyExistsException", "exists"), Class::Conflict),
        (Op::EcrDeleteRepository, json(400, "RepositoryNotFoundException", "none"), Class::NotFound),
    ] {
        let aws = Canned::turns([turn]);
        let error = calls(&aws).write(&permit(), op, Tree::map()).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_said_plainly() {
    let aws = Canned::turns([json_error(400, "ExpiredTokenException", "x")]);
    let error = calls(&aws).read(Op::EcsListClusters, Tree::map()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ecs ListClusters failed with ExpiredTokenException: the AWS credentials have expired"
    );
}

#[tokio::test]
async fn every_operation_goes_out_under_its_own_name() {
    for op in Op::ALL {
        let aws = Canned::new(|_| Ok(answer(418, "")));
        let clients = carry::Clients::new(&aws.sdk(), Pace::REAL);
        let error = clients.carry(op, &Tree::map(), None).await.result.unwrap_err();
        assert_eq!(error.status, Some(418), "{error}");
        let seen = aws.seen();
        let target = seen[0].headers().get("x-amz-target");
        let named = match target {
            Some(target) => target.to_str().unwrap().ends_with(&format!(".{}", op.name())),
            None => aws.bodies()[0].starts_with(&format!("Action={}&", op.name())),
        };
        assert!(named, "{op}");
    }
}
