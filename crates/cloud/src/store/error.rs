//! Why S3 did not do what it was asked, each with a way out.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Place;
use crate::calls::{chain, never_connected, no_credentials};

/// Why S3 did not do what it was asked. Places are written `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("`{place}` does not exist: put the object there or correct the address")]
    Missing {
        /// The object.
        place: String,
    },
    /// There is no such bucket.
    #[error("the bucket `{bucket}` does not exist: create it or correct the address")]
    NoBucket {
        /// The bucket.
        bucket: String,
    },
    /// Policy does not allow it. Without `s3:ListBucket` S3 says so of missing objects, too.
    #[error(
        "access to `{place}` is denied: allow {action} on it, and s3:ListBucket on the bucket, without which S3 says the same of an object that does not exist"
    )]
    Denied {
        /// The object or prefix.
        place: String,
        /// The IAM action that is missing.
        action: &'static str,
    },
    /// The bucket is elsewhere.
    #[error("the bucket `{bucket}` is in {}: use a bucket in the region that is configured, or configure that region", .region.as_deref().unwrap_or("another region"))]
    WrongRegion {
        /// The bucket.
        bucket: String,
        /// Where it is, where S3 said so.
        region: Option<String>,
    },
    /// The object must be restored before it can be read.
    #[error("`{place}` is in an archive storage class: restore it, or copy it to STANDARD")]
    Archived {
        /// The object.
        place: String,
    },
    /// AWS does not accept who we are.
    #[error("S3 does not accept the AWS credentials: {message}")]
    Credentials {
        /// What is wrong with them.
        message: String,
    },
    /// The object is not the version that was to be replaced.
    #[error("`{place}` was changed by somebody else in between")]
    Lost {
        /// The object.
        place: String,
    },
    /// Somebody else is writing the object right now.
    #[error("`{place}` is being written by somebody else: try again")]
    Busy {
        /// The object.
        place: String,
    },
    /// S3 asks for fewer requests, or failed.
    #[error("S3 is not available for `{place}`: {message}")]
    Unavailable {
        /// The object or prefix.
        place: String,
        /// What happened.
        message: String,
    },
    /// No answer: the request may have been done or not.
    #[error("no answer from S3 for `{place}` (check the network, and the endpoint if one is set): {message}")]
    Silent {
        /// The object or prefix.
        place: String,
        /// What happened.
        message: String,
        /// True where nothing was sent, because there was no connection.
        unsent: bool,
    },
    /// Any other answer.
    #[error("S3 refused `{place}`: {message}")]
    Answer {
        /// The object or prefix.
        place: String,
        /// AWS's code and message.
        message: String,
    },
}

impl StoreError {
    /// True where the same request may well succeed a little later.
    pub fn passes(&self) -> bool {
        matches!(self, StoreError::Unavailable { .. } | StoreError::Silent { .. })
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl Place<'_> {
    pub(super) fn answer(&self, message: impl Into<String>) -> StoreError {
        StoreError::Answer { place: self.to_string(), message: message.into() }
    }

    /// The error of a request that needs `action`.
    pub(super) fn error<E>(&self, action: &'static str, error: &SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let place = self.to_string();
        let bucket = self.bucket.to_owned();
        let Some(response) = error.raw_response() else {
            let message = chain(error);
            if no_credentials(error) {
                return StoreError::Credentials { message };
            }
            return StoreError::Silent { place, message, unsent: never_connected(error) };
        };
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        let code = meta.and_then(|meta| meta.code());
        let said = meta.and_then(|meta| meta.message()).map(str::trim).filter(|text| !text.is_empty());
        let status = response.status().as_u16();
        let message = match (code, said) {
            (Some(code), Some(said)) => format!("{code}: {said}"),
            (Some(text), None) | (None, Some(text)) => text.to_owned(),
            (None, None) => format!("it answered {status}"),
        };
        match (code.unwrap_or_default(), status) {
            ("NoSuchBucket", _) => StoreError::NoBucket { bucket },
            ("NoSuchKey" | "NoSuchVersion", _) => StoreError::Missing { place },
            ("InvalidObjectState", _) => StoreError::Archived { place },
            (
                "PermanentRedirect"
                | "TemporaryRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
                _,
            )
            | (_, 301 | 307) => {
                let region = response.headers().get("x-amz-bucket-region").map(str::to_owned);
                StoreError::WrongRegion { bucket, region }
            }
            (
                "ExpiredToken"
                | "InvalidAccessKeyId"
                | "InvalidToken"
                | "SignatureDoesNotMatch"
                | "RequestTimeTooSkewed",
                _,
            ) => StoreError::Credentials { message },
            ("PreconditionFailed", _) | (_, 412) => StoreError::Lost { place },
            ("ConditionalRequestConflict", _) | (_, 409) => StoreError::Busy { place },
            ("SlowDown" | "RequestTimeout" | "InternalError" | "ServiceUnavailable", _)
            | (_, 429 | 500..) => StoreError::Unavailable { place, message },
            (_, 401 | 403) => StoreError::Denied { place, action },
            ("", 404) | ("NotFound", _) => StoreError::Missing { place },
            // Answered, and the answer cannot be read.
            (_, 200..=299) => StoreError::Silent { place, message: chain(error), unsent: false },
            _ => StoreError::Answer { place, message },
        }
    }
}
