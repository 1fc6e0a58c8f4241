//! What is read from and kept in S3: documents, the lease, memory, and small objects such as status.
//!
//! S3 is strongly consistent, and its conditional writes are all the coordination there is: a write says
//! which version it replaces, and the second of two loses with [`StoreError::Lost`].

pub mod document;
mod error;
pub mod lease;
mod location;
pub mod memory;
pub mod orders;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};

pub use document::{DocumentSource, Poll, SourceError, Version};
pub use error::StoreError;
pub use lease::{Lease, LeaseState};
pub use location::{Location, LocationError};
pub use memory::Records;
pub use orders::{OrdersFile, OrdersFileError};

use crate::calls::{Jitter, LONGEST_REQUEST, Pace, settings};

/// The IAM actions that documents and state need on their bucket and its objects.
pub const IAM_ACTIONS: [&str; 5] =
    ["s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject"];

/// The way to S3. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    jitter: Jitter,
    pace: Pace,
}

impl S3 {
    /// S3 as `sdk` says, with our time-outs and retries. Buckets stand in the path where an endpoint is
    /// set, because servers other than AWS seldom answer to `bucket.host`, and only there.
    pub fn new(sdk: &SdkConfig, seed: u64, pace: Pace) -> Self {
        let config = aws_sdk_s3::config::Builder::from(&settings(sdk, pace))
            .force_path_style(sdk.endpoint_url().is_some())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        S3 { client: Client::from_conf(config), jitter: Jitter::new(seed), pace }
    }

    /// The objects below a prefix of a bucket, by key.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let place = Place { bucket, key: prefix };
        let mut listed = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let attempt = || async {
                self.client
                    .list_objects_v2()
                    .bucket(bucket)
                    .prefix(prefix)
                    .set_continuation_token(token.clone())
                    .send()
                    .await
                    .map_err(|error| place.error("s3:ListBucket", &error))
            };
            let page = self.jitter.retry("s3:ListBucket", self.pace, StoreError::passes, attempt).await?;
            listed.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                Some(Listed {
                    key: object.key?,
                    etag: object.e_tag?,
                    size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                })
            }));
            match page.next_continuation_token {
                Some(next) if page.is_truncated == Some(true) && token.as_ref() != Some(&next) => {
                    token = Some(next);
                }
                _ => return Ok(listed),
            }
        }
    }
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its whole key.
    pub key: String,
    /// Its ETag, with its quotes.
    pub etag: String,
    /// In bytes.
    pub size: u64,
}

/// A bucket and a key, for errors.
#[derive(Clone, Copy)]
struct Place<'p> {
    bucket: &'p str,
    key: &'p str,
}

/// What must hold for a write to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'e> {
    /// Nothing: the last writer wins.
    Always,
    /// There is no object yet.
    Absent,
    /// The object has this ETag.
    Matches(&'e str),
}

/// An object read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What is in it.
    pub bytes: Bytes,
    /// Its ETag, with its quotes.
    pub etag: String,
}

/// Small objects under one prefix of a bucket: what `--state s3://bucket/prefix/` names.
#[derive(Clone, Debug)]
pub struct Store {
    s3: S3,
    bucket: String,
    prefix: String,
}

/// The largest object that a [`Store`] reads.
const LARGEST: u64 = 16 << 20;

impl Store {
    /// The objects of `bucket` whose keys begin with `prefix`, which ends with `/` or is made to.
    pub fn new(s3: S3, bucket: impl Into<String>, prefix: &str) -> Self {
        let prefix = match prefix.trim_end_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Store { s3, bucket: bucket.into(), prefix }
    }

    /// The object `name` below the prefix; `None` where there is none.
    pub async fn get(&self, name: &str) -> Result<Option<Object>, StoreError> {
        let key = self.key(name);
        let place = self.place(&key);
        let attempt = || async {
            let request = self.s3.client.get_object().bucket(&self.bucket).key(&key);
            let answer = request.send().await.map_err(|error| place.error("s3:GetObject", &error))?;
            let bytes = read_body(answer.body, LARGEST, self.s3.pace).await.map_err(|error| match error {
                BodyError::TooLarge => place.answer("it is larger than anything Evenkeel keeps"),
                BodyError::Broken(message) => StoreError::Unavailable { place: place.to_string(), message },
            })?;
            Ok(Object { bytes, etag: answer.e_tag.unwrap_or_default() })
        };
        match self.s3.jitter.retry("s3:GetObject", self.s3.pace, StoreError::passes, attempt).await {
            Ok(object) => Ok(Some(object)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the object `name` if `condition` holds, and returns its new ETag.
    ///
    /// Errors: [`StoreError::Lost`] where the condition does not hold; also where an answer was lost, the
    /// write done, and a later attempt found it: read again to know.
    pub async fn put(
        &self,
        name: &str,
        bytes: Bytes,
        condition: Condition<'_>,
    ) -> Result<String, StoreError> {
        let key = self.key(name);
        let place = self.place(&key);
        let attempt = || async {
            let request = self.s3.client.put_object().bucket(&self.bucket).key(&key);
            let request = match condition {
                Condition::Always => request,
                Condition::Absent => request.if_none_match("*"),
                Condition::Matches(etag) => request.if_match(etag),
            };
            let request = request.content_type("application/json").body(ByteStream::from(bytes.clone()));
            let answer = request.send().await.map_err(|error| place.error("s3:PutObject", &error))?;
            answer.e_tag.ok_or_else(|| place.answer("S3 gave no ETag for what was written"))
        };
        let again = |error: &StoreError| error.passes() || matches!(error, StoreError::Busy { .. });
        match self.s3.jitter.retry("s3:PutObject", self.s3.pace, again, attempt).await {
            // Deleted meanwhile, so it is not what the writer saw.
            Err(StoreError::Missing { place }) => Err(StoreError::Lost { place }),
            result => result,
        }
    }

    /// Deletes the object `name`; nothing happens where there is none.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let key = self.key(name);
        let place = self.place(&key);
        let attempt = || async {
            let request = self.s3.client.delete_object().bucket(&self.bucket).key(&key);
            request.send().await.map(drop).map_err(|error| place.error("s3:DeleteObject", &error))
        };
        self.s3.jitter.retry("s3:DeleteObject", self.s3.pace, StoreError::passes, attempt).await
    }

    /// The objects whose names begin with `start`; their keys are cut to names.
    pub async fn list(&self, start: &str) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.s3.list(&self.bucket, &self.key(start)).await?;
        for object in &mut listed {
            object.key = object.key.strip_prefix(&self.prefix).unwrap_or(&object.key).to_owned();
        }
        Ok(listed)
    }

    /// How fast AWS's time passes.
    pub(crate) fn pace(&self) -> Pace {
        self.s3.pace
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn place<'p>(&'p self, key: &'p str) -> Place<'p> {
        Place { bucket: &self.bucket, key }
    }
}

/// Why a body could not be read to its end.
enum BodyError {
    TooLarge,
    Broken(String),
}

/// A body as a whole, or not at all: the SDK's time-outs end where a body begins, so each piece has its own.
async fn read_body(mut body: ByteStream, largest: u64, pace: Pace) -> Result<Bytes, BodyError> {
    let patience: Duration = pace.real(LONGEST_REQUEST);
    let mut whole = BytesMut::new();
    loop {
        match tokio::time::timeout(patience, body.try_next()).await {
            Ok(Ok(Some(piece))) if (whole.len() + piece.len()) as u64 > largest => {
                return Err(BodyError::TooLarge);
            }
            Ok(Ok(Some(piece))) => whole.extend_from_slice(&piece),
            Ok(Ok(None)) => return Ok(whole.freeze()),
            Ok(Err(error)) => return Err(BodyError::Broken(crate::calls::chain(&error))),
            Err(_) => return Err(BodyError::Broken("no more came in time".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
