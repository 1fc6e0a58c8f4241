//! Why a call failed: one class for code to branch on, one plain sentence for people.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::operations::{Effect, row};
use evenkeel_model::shapes::{Op, Service};

/// What a failure means for whoever made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// AWS asked for fewer calls; nothing was done.
    Throttled,
    /// It may work later and nothing was done: a failed read, or a write that was never sent.
    Transient,
    /// Something else changed or exists; read again before deciding anew.
    Conflict,
    /// What the call names does not exist.
    NotFound,
    /// Credentials or policy do not allow it.
    Denied,
    /// AWS will not accept this input as it is.
    Invalid,
    /// A write whose answer was lost: it may have been done or not.
    UnknownEffect,
    /// The lease is not ours, or no longer: the write was never sent.
    Refused,
}

impl Class {
    /// Every class, as metric labels need them.
    pub const ALL: [Class; 8] = [
        Class::Throttled,
        Class::Transient,
        Class::Conflict,
        Class::NotFound,
        Class::Denied,
        Class::Invalid,
        Class::UnknownEffect,
        Class::Refused,
    ];

    /// The name in metric labels and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Throttled => "throttled",
            Class::Transient => "transient",
            Class::Conflict => "conflict",
            Class::NotFound => "not_found",
            Class::Denied => "denied",
            Class::Invalid => "invalid",
            Class::UnknownEffect => "unknown_effect",
            Class::Refused => "refused",
        }
    }
}

/// A call that failed. It has no source: its sentence says all there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {} failed{}: {message}", .op.service().name(), .op.name(), .code.as_deref().map(|code| format!(" with {code}")).unwrap_or_default())]
pub struct CallError {
    /// The operation.
    pub op: Op,
    /// What it means.
    pub class: Class,
    /// AWS's error code, where AWS answered with one.
    pub code: Option<String>,
    /// AWS's message, or ours where AWS did not answer.
    pub message: String,
    /// The HTTP status, where AWS answered.
    pub status: Option<u16>,
    /// AWS's id of the request, for its support.
    pub request_id: Option<String>,
}

/// What the SDK said about a failed call, without its types.
#[derive(Debug)]
pub(super) struct Fault {
    pub code: Option<String>,
    pub message: Option<String>,
    pub kind: FaultKind,
    /// The chain of causes in one line.
    pub chain: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// AWS answered with an error.
    Answered,
    /// AWS answered, and the SDK could not read it.
    Unreadable,
    /// No connection was made, so nothing was sent.
    NeverConnected,
    /// No credentials were to be had, so nothing was sent.
    NoCredentials,
    /// The time was up.
    TimedOut,
    /// Anything else between us and AWS.
    Broken,
}

impl Fault {
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        let kind = match error {
            SdkError::ServiceError(_) => FaultKind::Answered,
            SdkError::ResponseError(_) => FaultKind::Unreadable,
            _ if never_connected(error) => FaultKind::NeverConnected,
            _ if no_credentials(error) => FaultKind::NoCredentials,
            SdkError::TimeoutError(_) => FaultKind::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => FaultKind::TimedOut,
            _ => FaultKind::Broken,
        };
        Fault {
            code: meta.and_then(|meta| meta.code()).map(str::to_owned),
            message: meta.and_then(|meta| meta.message()).map(str::to_owned),
            kind,
            chain: chain(error),
        }
    }
}

/// The causes of an error from the outside in, each once.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause: &&'e (dyn StdError + 'static)| (*cause).source())
}

/// True where no byte can have left: the connection (name lookup, TCP, TLS) was never made.
pub(crate) fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| {
        cause
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect)
            || cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
            || cause.is::<aws_smithy_runtime_api::client::dns::ResolveDnsError>()
    })
}

/// True where the call was not even signed.
pub(crate) fn no_credentials(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<aws_credential_types::provider::error::CredentialsError>())
}

/// Codes that mean the same in every service.
const COMMON: &[(Class, &[&str])] = &[
    (
        Class::Throttled,
        &[
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ],
    ),
    (
        Class::Denied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "AuthFailure",
            "BlockedException",
            "ExpiredToken",
            "ExpiredTokenException",
            "FailedResourceAccessException",
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "KmsException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "OptInRequired",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "UnauthorizedOperation",
            "UnrecognizedClientException",
        ],
    ),
    (
        Class::Transient,
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServiceError",
            "InternalServiceException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServerException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
    ),
    (
        Class::Conflict,
        &[
            "ConcurrentUpdateException",
            "ConflictException",
            "OperationAbortedException",
            "ResourceAlreadyExistsException",
            "ResourceInUse",
            "ResourceInUseException",
            "UpdateInProgressException",
        ],
    ),
    (Class::NotFound, &["ResourceNotFoundException"]),
];

/// Codes of one service.
const BY_SERVICE: &[(Service, Class, &[&str])] = &[
    (
        Service::Ecs,
        Class::NotFound,
        &[
            "ClusterNotFoundException",
            "ServiceDeploymentNotFoundException",
            "ServiceNotActiveException",
            "ServiceNotFoundException",
            "TargetNotFoundException",
        ],
    ),
    (
        Service::Ecs,
        Class::Conflict,
        &[
            "ClusterContainsCapacityProviderException",
            "ClusterContainsContainerInstancesException",
            "ClusterContainsServicesException",
            "ClusterContainsTasksException",
        ],
    ),
    (
        Service::Elbv2,
        Class::NotFound,
        &["ListenerNotFound", "LoadBalancerNotFound", "RuleNotFound", "TargetGroupNotFound"],
    ),
    (
        Service::Elbv2,
        Class::Conflict,
        &["DuplicateListener", "DuplicateLoadBalancerName", "DuplicateTargetGroupName", "PriorityInUse"],
    ),
    (Service::Scaling, Class::NotFound, &["ObjectNotFoundException"]),
    (
        Service::Ecr,
        Class::NotFound,
        &[
            "ImageNotFoundException",
            "LifecyclePolicyNotFoundException",
            "RepositoryNotFoundException",
            "RepositoryPolicyNotFoundException",
        ],
    ),
    (Service::Ecr, Class::Conflict, &["RepositoryAlreadyExistsException", "RepositoryNotEmptyException"]),
];

/// Where a code alone says too little: operation, code, what its message contains.
const BY_MESSAGE: &[(Op, &str, &str, Class)] = &[
    (Op::EcsRegisterTaskDefinition, "ClientException", "Too many concurrent attempts", Class::Conflict),
    (Op::EcsDescribeTaskDefinition, "ClientException", "Unable to describe task definition", Class::NotFound),
    (Op::EcsDeregisterTaskDefinition, "ClientException", "does not exist", Class::NotFound),
    (Op::EcsCreateService, "InvalidParameterException", "was not idempotent", Class::Conflict),
    (
        Op::EcsCreateService,
        "InvalidParameterException",
        "Unable to Start a service that is still Draining",
        Class::Conflict,
    ),
    (
        Op::ScalingRegisterScalableTarget,
        "ValidationException",
        "that you tried to tag already exists",
        Class::Conflict,
    ),
];

/// The class of an answer of AWS.
pub(super) fn class_of_answer(op: Op, code: Option<&str>, message: &str, status: u16) -> Class {
    let class = code
        .and_then(|code| {
            BY_MESSAGE
                .iter()
                .find(|(o, c, part, _)| *o == op && *c == code && message.contains(part))
                .map(|(.., class)| *class)
                .or_else(|| {
                    BY_SERVICE
                        .iter()
                        .find(|(service, _, codes)| *service == op.service() && codes.contains(&code))
                        .map(|(_, class, _)| *class)
                })
                .or_else(|| COMMON.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class))
        })
        .unwrap_or(match status {
            429 => Class::Throttled,
            500.. => Class::Transient,
            401 | 403 => Class::Denied,
            _ => Class::Invalid,
        });
    // A server that failed may have done the work before.
    match (class, row(op).effect) {
        (Class::Transient, Effect::Write) => Class::UnknownEffect,
        _ => class,
    }
}

/// The class of a call without a readable answer. `left` says whether bytes may have been sent.
pub(super) fn class_of_silence(op: Op, kind: FaultKind, left: bool) -> Class {
    match kind {
        FaultKind::NoCredentials => Class::Denied,
        FaultKind::NeverConnected => Class::Transient,
        _ if left && row(op).effect == Effect::Write => Class::UnknownEffect,
        _ => Class::Transient,
    }
}

/// The sentence for people: AWS's own, or ours where its codes need explaining.
pub(super) fn sentence(code: Option<&str>, message: Option<String>) -> String {
    match code {
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => {
            "the AWS credentials have expired".to_owned()
        }
        _ => message
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "AWS gave no message".to_owned()),
    }
}
