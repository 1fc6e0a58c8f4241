//! The SDK carries trees: it does endpoints, credentials, signing, time-outs and error codes, while body
//! and answer are ours.
//!
//! Each operation goes out through its own typed call with an empty input. One interceptor puts the encoded
//! tree in its place before signing, refuses a write without a valid lease just before the bytes leave, and
//! takes the raw answer once the SDK has read it. So every member AWS knows can be sent and seen, those that
//! this version of the SDK has no field for included.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use bytes::Bytes;
use evenkeel_model::Tree;
use evenkeel_model::shapes::{Op, Protocol};
use evenkeel_model::wire::{DecodeError, json, query};

use super::error::{CallError, Class, Fault, FaultKind, chain, class_of_answer, class_of_silence, sentence};
use super::{Pace, Permit};

/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a call may take, from its first byte out to its last byte in. The lease counts on it.
pub const LONGEST_REQUEST: Duration = Duration::from_secs(20);

pub(super) const LEASE_OVER: &str = "the lease is not ours any more, so the write was not sent";

/// The settings that every client of ours shares: no retries by the SDK, because their jitter cannot be
/// seeded, and bounded times.
pub(crate) fn settings(sdk: &SdkConfig, pace: Pace) -> SdkConfig {
    let longest = pace.real(LONGEST_REQUEST);
    sdk.to_builder()
        .behavior_version(super::connect::behavior())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(pace.real(CONNECT))
                .read_timeout(longest)
                .operation_timeout(longest)
                .build(),
        )
        .build()
}

/// One client for each service.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    ecs: aws_sdk_ecs::Client,
    elbv2: aws_sdk_elasticloadbalancingv2::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
    ecr: aws_sdk_ecr::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

impl Clients {
    pub fn new(sdk: &SdkConfig, pace: Pace) -> Self {
        let sdk = settings(sdk, pace);
        Clients {
            ecs: aws_sdk_ecs::Client::new(&sdk),
            elbv2: aws_sdk_elasticloadbalancingv2::Client::new(&sdk),
            scaling: aws_sdk_applicationautoscaling::Client::new(&sdk),
            ecr: aws_sdk_ecr::Client::new(&sdk),
            logs: aws_sdk_cloudwatchlogs::Client::new(&sdk),
        }
    }

    /// Sends one call and waits for its answer, once.
    ///
    /// Guarantees: what is signed and sent is the encoding of `input`; with a permit whose deadline has
    /// passed nothing is sent. Errors: see [`Class`].
    pub async fn carry(&self, op: Op, input: &Tree, permit: Option<&Permit>) -> Carried {
        let exchange = Exchange(Arc::new(Shared {
            body: encode(op, input).into(),
            permit: permit.cloned(),
            left: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            answer: Mutex::new(None),
        }));
        let sent = self.send(op, &exchange).await;
        exchange.finish(op, sent)
    }
}

/// What came of one call.
pub(super) struct Carried {
    pub result: Result<Tree, CallError>,
    /// AWS's clock, in seconds since 1970, where it answered.
    pub date: Option<i64>,
}

/// One request and its answer: the interceptor between our trees and the SDK.
#[derive(Clone)]
struct Exchange(Arc<Shared>);

struct Shared {
    body: Bytes,
    permit: Option<Permit>,
    /// Set just before the first byte may leave.
    left: AtomicBool,
    refused: AtomicBool,
    answer: Mutex<Option<Answer>>,
}

struct Answer {
    status: u16,
    date: Option<i64>,
    request_id: Option<String>,
    /// `None` where the body broke off.
    body: Option<Bytes>,
}

/// Bodies may hold secrets.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

#[dyn_dispatch_hint]
impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.0.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.body.clone());
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.permit.as_ref().is_some_and(|permit| !permit.holds()) {
            self.0.refused.store(true, Ordering::SeqCst);
            return Err(LEASE_OVER.into());
        }
        self.0.left.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Only here is the body of a response over a socket in memory; the hooks before see a stream.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let header = |name| response.headers().get(name);
        let answer = Answer {
            status: response.status().as_u16(),
            date: header("date").and_then(seconds_of),
            request_id: header("x-amzn-requestid").map(str::to_owned),
            body: response.body().bytes().map(Bytes::copy_from_slice),
        };
        *self.0.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(())
    }
}

fn encode(op: Op, input: &Tree) -> String {
    match op.service().protocol() {
        Protocol::Json { .. } => json::encode(input, op.input()),
        Protocol::Query { .. } => query::encode(op, input),
    }
}

fn decode(op: Op, body: &[u8]) -> Result<Tree, DecodeError> {
    match op.service().protocol() {
        Protocol::Json { .. } => json::decode(body, op.output()),
        Protocol::Query { .. } => query::decode(body, op),
    }
}

/// An HTTP date as seconds since 1970.
fn seconds_of(date: &str) -> Option<i64> {
    Some(DateTime::from_str(date, Format::HttpDate).ok()?.secs())
}

impl Exchange {
    fn finish(&self, op: Op, sent: Result<(), Fault>) -> Carried {
        let answer = self.0.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let date = answer.as_ref().and_then(|answer| answer.date);
        Carried { result: self.outcome(op, sent, answer), date }
    }

    fn outcome(&self, op: Op, sent: Result<(), Fault>, answer: Option<Answer>) -> Result<Tree, CallError> {
        let left = self.0.left.load(Ordering::SeqCst);
        let error = |class, code, message| CallError {
            op,
            class,
            code,
            message,
            status: answer.as_ref().map(|answer| answer.status),
            request_id: answer.as_ref().and_then(|answer| answer.request_id.clone()),
        };
        if self.0.refused.load(Ordering::SeqCst) {
            return Err(error(Class::Refused, None, LEASE_OVER.to_owned()));
        }
        let success = answer.as_ref().is_some_and(|answer| (200..300).contains(&answer.status));
        let body = answer.as_ref().and_then(|answer| answer.body.as_ref());
        if let (true, Some(body)) = (success, body) {
            // Our codec decides, not the SDK's: what the SDK's types cannot take may still be a good answer.
            return decode(op, body).map_err(|fault| {
                let class = class_of_silence(op, FaultKind::Unreadable, left);
                error(class, None, format!("the answer cannot be read: {}", chain(&fault)))
            });
        }
        let fault = match sent {
            Err(fault) => fault,
            Ok(()) => {
                let class = class_of_silence(op, FaultKind::Unreadable, left);
                return Err(error(class, None, "the answer has no body".to_owned()));
            }
        };
        match &answer {
            Some(answer) if !success => {
                let class = class_of_answer(
                    op,
                    fault.code.as_deref(),
                    fault.message.as_deref().unwrap_or_default(),
                    answer.status,
                );
                let message = match (&fault.code, fault.message) {
                    (None, None) => format!("AWS answered {} without an error code", answer.status),
                    (code, message) => sentence(code.as_deref(), message),
                };
                Err(error(class, fault.code, message))
            }
            _ => {
                let message = match fault.kind {
                    FaultKind::TimedOut => "no answer in time".to_owned(),
                    FaultKind::NeverConnected => format!("no connection to AWS: {}", fault.chain),
                    FaultKind::NoCredentials => format!("no AWS credentials: {}", fault.chain),
                    FaultKind::Answered | FaultKind::Unreadable | FaultKind::Broken => fault.chain,
                };
                Err(error(class_of_silence(op, fault.kind, left), None, message))
            }
        }
    }
}

type Sending = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

macro_rules! rows {
    ($clients:ident, $op:ident, $exchange:ident, $( $client:ident { $( $variant:ident => $method:ident, )+ } )+) => {
        match $op { $( $(
            Op::$variant => {
                let call = $clients.$client.$method().customize().interceptor($exchange.clone());
                Box::pin(async move { call.send().await.map(drop).map_err(|error| Fault::of(&error)) })
            }
        )+ )+ }
    };
}

impl Clients {
    /// The typed call of each operation.
    fn send(&self, op: Op, exchange: &Exchange) -> Sending {
        rows! { self, op, exchange,
            ecs {
                EcsContinueServiceDeployment => continue_service_deployment,
                EcsCreateCluster => create_cluster,
                EcsCreateService => create_service,
                EcsDeleteCluster => delete_cluster,
                EcsDeleteService => delete_service,
                EcsDeleteTaskDefinitions => delete_task_definitions,
                EcsDeregisterTaskDefinition => deregister_task_definition,
                EcsDescribeClusters => describe_clusters,
                EcsDescribeServiceDeployments => describe_service_deployments,
                EcsDescribeServiceRevisions => describe_service_revisions,
                EcsDescribeServices => describe_services,
                EcsDescribeTaskDefinition => describe_task_definition,
                EcsDescribeTasks => describe_tasks,
                EcsListClusters => list_clusters,
                EcsListServiceDeployments => list_service_deployments,
                EcsListServices => list_services,
                EcsListTagsForResource => list_tags_for_resource,
                EcsListTaskDefinitionFamilies => list_task_definition_families,
                EcsListTaskDefinitions => list_task_definitions,
                EcsListTasks => list_tasks,
                EcsPutClusterCapacityProviders => put_cluster_capacity_providers,
                EcsRegisterTaskDefinition => register_task_definition,
                EcsStopServiceDeployment => stop_service_deployment,
                EcsTagResource => tag_resource,
                EcsUntagResource => untag_resource,
                EcsUpdateCluster => update_cluster,
                EcsUpdateService => update_service,
            }
            elbv2 {
                Elbv2AddListenerCertificates => add_listener_certificates,
                Elbv2AddTags => add_tags,
                Elbv2CreateListener => create_listener,
                Elbv2CreateLoadBalancer => create_load_balancer,
                Elbv2CreateRule => create_rule,
                Elbv2CreateTargetGroup => create_target_group,
                Elbv2DeleteListener => delete_listener,
                Elbv2DeleteLoadBalancer => delete_load_balancer,
                Elbv2DeleteRule => delete_rule,
                Elbv2DeleteTargetGroup => delete_target_group,
                Elbv2DescribeListenerAttributes => describe_listener_attributes,
                Elbv2DescribeListenerCertificates => describe_listener_certificates,
                Elbv2DescribeListeners => describe_listeners,
                Elbv2DescribeLoadBalancerAttributes => describe_load_balancer_attributes,
                Elbv2DescribeLoadBalancers => describe_load_balancers,
                Elbv2DescribeRules => describe_rules,
                Elbv2DescribeTags => describe_tags,
                Elbv2DescribeTargetGroupAttributes => describe_target_group_attributes,
                Elbv2DescribeTargetGroups => describe_target_groups,
                Elbv2DescribeTargetHealth => describe_target_health,
                Elbv2ModifyListener => modify_listener,
                Elbv2ModifyListenerAttributes => modify_listener_attributes,
                Elbv2ModifyLoadBalancerAttributes => modify_load_balancer_attributes,
                Elbv2ModifyRule => modify_rule,
                Elbv2ModifyTargetGroup => modify_target_group,
                Elbv2ModifyTargetGroupAttributes => modify_target_group_attributes,
                Elbv2RemoveListenerCertificates => remove_listener_certificates,
                Elbv2RemoveTags => remove_tags,
                Elbv2SetRulePriorities => set_rule_priorities,
                Elbv2SetSecurityGroups => set_security_groups,
                Elbv2SetSubnets => set_subnets,
            }
            scaling {
                ScalingDeleteScalingPolicy => delete_scaling_policy,
                ScalingDeleteScheduledAction => delete_scheduled_action,
                ScalingDeregisterScalableTarget => deregister_scalable_target,
                ScalingDescribeScalableTargets => describe_scalable_targets,
                ScalingDescribeScalingActivities => describe_scaling_activities,
                ScalingDescribeScalingPolicies => describe_scaling_policies,
                ScalingDescribeScheduledActions => describe_scheduled_actions,
                ScalingListTagsForResource => list_tags_for_resource,
                ScalingPutScalingPolicy => put_scaling_policy,
                ScalingPutScheduledAction => put_scheduled_action,
                ScalingRegisterScalableTarget => register_scalable_target,
                ScalingTagResource => tag_resource,
                ScalingUntagResource => untag_resource,
            }
            ecr {
                EcrBatchGetImage => batch_get_image,
                EcrCreateRepository => create_repository,
                EcrDeleteLifecyclePolicy => delete_lifecycle_policy,
                EcrDeleteRepository => delete_repository,
                EcrDescribeImages => describe_images,
                EcrDescribeRepositories => describe_repositories,
                EcrGetLifecyclePolicy => get_lifecycle_policy,
                EcrGetRepositoryPolicy => get_repository_policy,
                EcrListTagsForResource => list_tags_for_resource,
                EcrPutImageScanningConfiguration => put_image_scanning_configuration,
                EcrPutImageTagMutability => put_image_tag_mutability,
                EcrPutLifecyclePolicy => put_lifecycle_policy,
                EcrSetRepositoryPolicy => set_repository_policy,
                EcrTagResource => tag_resource,
                EcrUntagResource => untag_resource,
            }
            logs {
                LogsCreateLogGroup => create_log_group,
                LogsDeleteLogGroup => delete_log_group,
                LogsDeleteRetentionPolicy => delete_retention_policy,
                LogsDescribeLogGroups => describe_log_groups,
                LogsListTagsForResource => list_tags_for_resource,
                LogsPutRetentionPolicy => put_retention_policy,
                LogsTagResource => tag_resource,
                LogsUntagResource => untag_resource,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Canned, answer, chunked, sdk_over_tcp};

    fn clients(aws: &Canned) -> Clients {
        Clients::new(&aws.sdk(), Pace::REAL)
    }

    fn input() -> Tree {
        Tree::map().with("maxResults", 100_i64).with("ofTomorrow", "x")
    }

    #[tokio::test]
    async fn our_body_is_sent_and_signed_and_members_the_sdk_does_not_know_come_back() {
        let aws = Canned::turns([answer(200, r#"{"clusterArns":["a"],"ofTomorrow":{"x":1}}"#)]);
        let carried = clients(&aws).carry(Op::EcsListClusters, &input(), None).await;
        assert_eq!(carried.result.unwrap().to_json(), r#"{"clusterArns":["a"],"ofTomorrow":{"x":1}}"#);
        assert_eq!(carried.date, Some(1_795_255_200));
        let seen = aws.seen();
        let request = &seen[0];
        assert_eq!(aws.bodies(), [r#"{"maxResults":100,"ofTomorrow":"x"}"#]);
        let header = |name| request.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("content-length"), request.body().len().to_string());
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        assert_eq!(header("x-amz-target"), "AmazonEC2ContainerServiceV20141113.ListClusters");
        assert!(header("authorization").contains("content-length"), "{}", header("authorization"));
    }

    #[tokio::test]
    async fn an_answer_that_the_sdk_has_no_type_for_is_still_an_answer() {
        let aws = Canned::turns([answer(200, r#"{"tasks":[{"cpu":256}]}"#)]);
        let carried = clients(&aws).carry(Op::EcsDescribeTasks, &input(), None).await;
        assert_eq!(carried.result.unwrap().to_json(), r#"{"tasks":[{"cpu":256}]}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_refused_just_before_it_leaves() {
        let aws = Canned::turns([answer(200, "{}")]);
        let deadline = crate::calls::Deadline::passed();
        let permit = Permit::new("main/api", deadline.clone());
        let op = Op::EcsUpdateService;
        let error = clients(&aws).carry(op, &input(), Some(&permit)).await.result.unwrap_err();
        assert_eq!((error.class, aws.seen().len()), (Class::Refused, 0), "{error}");
        deadline.extend_to(tokio::time::Instant::now() + Duration::from_secs(1));
        assert!(clients(&aws).carry(op, &input(), Some(&permit)).await.result.is_ok());
    }

    #[tokio::test]
    async fn an_answer_in_chunks_over_a_socket_is_read_whole() {
        let port = chunked(&[r#"{"clusterArns":["#, r#""a"],"ofTomo"#, r#"rrow":1}"#], true).await;
        let clients = Clients::new(&sdk_over_tcp(port), Pace::REAL);
        let carried = clients.carry(Op::EcsListClusters, &input(), None).await;
        assert_eq!(carried.result.unwrap().to_json(), r#"{"clusterArns":["a"],"ofTomorrow":1}"#);
        assert_eq!(carried.date, Some(1_795_255_200));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_leaves_the_effect_of_a_write_unknown() {
        let port = chunked(&[r#"{"cluster":"#], false).await;
        let clients = Clients::new(&sdk_over_tcp(port), Pace::REAL);
        let read = clients.carry(Op::EcsListClusters, &input(), None).await;
        assert_eq!(read.result.unwrap_err().class, Class::Transient);
        let write = clients.carry(Op::EcsCreateCluster, &input(), None).await;
        assert_eq!(write.result.unwrap_err().class, Class::UnknownEffect);
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_was_sent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let clients = Clients::new(&sdk_over_tcp(port), Pace::REAL);
        let error = clients.carry(Op::EcsCreateCluster, &input(), None).await.result.unwrap_err();
        assert_eq!(error.class, Class::Transient, "{error}");
        assert!(error.message.starts_with("no connection to AWS: "), "{error}");
    }
}
