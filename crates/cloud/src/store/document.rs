//! Where documents come from: polled cheaply, because an unchanged object is answered with 304 and no body.

use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{BodyError, Location, Place, S3, StoreError, read_body};

/// The largest document, in bytes.
pub const LARGEST_DOCUMENT: u64 = 64 << 20;

/// Which version of a document it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// S3's ETag; of a file, a hash of its content.
    pub etag: String,
    /// S3's id of the version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// When it was written, where that is known.
    pub last_modified: Option<jiff::Timestamp>,
}

/// What a poll found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The version that was seen last.
    Unchanged,
    /// Another one.
    Changed {
        /// The whole document.
        bytes: Bytes,
        /// Which version it is.
        version: Version,
    },
}

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// S3 did not give it.
    #[error(transparent)]
    S3(#[from] StoreError),
    /// It is larger than [`LARGEST_DOCUMENT`].
    #[error("`{place}` is too large: {} where at most {} are read; split it into several documents", .size.map_or("more bytes".to_owned(), |size| format!("{size} bytes")), LARGEST_DOCUMENT)]
    TooLarge {
        /// The document.
        place: String,
        /// Its size in bytes, where it was announced.
        size: Option<u64>,
    },
    /// A file, or standard input, could not be read.
    #[error("`{place}` cannot be read: check that it exists and that its permissions allow it")]
    Local {
        /// The path, or `-`.
        place: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A prefix where one document belongs.
    #[error(
        "`{0}` names every document below it; name one of them here (`evenkeel run` takes all, and shows its plan of them at /v1/plan)"
    )]
    Prefix(String),
}

/// One document: an object, a file, or standard input.
#[derive(Clone, Debug)]
pub struct DocumentSource(Origin);

#[derive(Clone, Debug)]
enum Origin {
    S3 { s3: S3, bucket: String, key: String },
    File(PathBuf),
    Stdin,
}

impl DocumentSource {
    /// The object `key` of `bucket`.
    pub fn object(s3: S3, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        DocumentSource(Origin::S3 { s3, bucket: bucket.into(), key: key.into() })
    }

    /// The documents at a location: one, or where it is a prefix, each `.json`, `.yaml` and `.yml` object
    /// below it, by key. A file and standard input are read without `s3`.
    ///
    /// # Errors
    /// Where a prefix cannot be listed.
    pub async fn all_at(location: &Location, s3: &S3) -> Result<Vec<Self>, SourceError> {
        let Location::S3 { bucket, key } = location else {
            return Ok(Self::local(location).into_iter().collect());
        };
        if !location.is_prefix() {
            return Ok(vec![Self::object(s3.clone(), bucket, key)]);
        }
        let is_document = |key: &str| [".json", ".yaml", ".yml"].iter().any(|end| key.ends_with(end));
        let listed = s3.list(bucket, key).await?;
        let documents = listed.into_iter().filter(|object| is_document(&object.key));
        Ok(documents.map(|object| Self::object(s3.clone(), bucket, object.key)).collect())
    }

    /// A file or standard input; `None` for an object in S3.
    pub fn local(location: &Location) -> Option<Self> {
        match location {
            Location::S3 { .. } => None,
            Location::File(path) => Some(DocumentSource(Origin::File(path.clone()))),
            Location::Stdin => Some(DocumentSource(Origin::Stdin)),
        }
    }

    /// Where it is.
    pub fn location(&self) -> Location {
        match &self.0 {
            Origin::S3 { bucket, key, .. } => Location::S3 { bucket: bucket.clone(), key: key.clone() },
            Origin::File(path) => Location::File(path.clone()),
            Origin::Stdin => Location::Stdin,
        }
    }

    /// Reads it if it is not the version `last`; nothing larger than [`LARGEST_DOCUMENT`] is ever held.
    /// Tries up to four times where S3 fails or does not answer. Standard input is read to its end at once.
    pub async fn poll(&self, last: Option<&Version>) -> Result<Poll, SourceError> {
        match &self.0 {
            Origin::S3 { s3, bucket, key } => {
                let place = Place { bucket, key };
                if self.location().is_prefix() {
                    return Err(SourceError::Prefix(place.to_string()));
                }
                fetch(s3, place, Wanted::NewerThan(last.map(|version| version.etag.as_str()))).await
            }
            Origin::File(path) => poll_file(path, last),
            Origin::Stdin => of_content("-", read_local("-", std::io::stdin().lock())?, None, last),
        }
    }

    /// Reads an older version by S3's id of it; `None` where the source keeps no versions, or not that one.
    pub async fn version(&self, version_id: &str) -> Result<Option<Bytes>, SourceError> {
        let Origin::S3 { s3, bucket, key } = &self.0 else {
            return Ok(None);
        };
        match fetch(s3, Place { bucket, key }, Wanted::Version(version_id)).await {
            Ok(Poll::Changed { bytes, .. }) => Ok(Some(bytes)),
            Ok(Poll::Unchanged) | Err(SourceError::S3(StoreError::Missing { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[derive(Clone, Copy)]
enum Wanted<'w> {
    NewerThan(Option<&'w str>),
    Version(&'w str),
}

async fn fetch(s3: &S3, place: Place<'_>, wanted: Wanted<'_>) -> Result<Poll, SourceError> {
    let again = |error: &SourceError| matches!(error, SourceError::S3(error) if error.passes());
    s3.jitter.retry("s3:GetObject", s3.pace, again, || fetch_once(s3, place, wanted)).await
}

async fn fetch_once(s3: &S3, place: Place<'_>, wanted: Wanted<'_>) -> Result<Poll, SourceError> {
    let request = s3.client.get_object().bucket(place.bucket).key(place.key);
    let (request, action) = match wanted {
        Wanted::NewerThan(etag) => (request.set_if_none_match(etag.map(str::to_owned)), "s3:GetObject"),
        Wanted::Version(id) => (request.version_id(id), "s3:GetObjectVersion"),
    };
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 304) => {
            return Ok(Poll::Unchanged);
        }
        // An id that S3 never gave.
        Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 400) => {
            return match (wanted, place.error(action, &error)) {
                (Wanted::Version(_), StoreError::Answer { place, .. }) => {
                    Err(StoreError::Missing { place }.into())
                }
                (_, error) => Err(error.into()),
            };
        }
        Err(error) => return Err(place.error(action, &error).into()),
    };
    let size = answer.content_length.and_then(|length| u64::try_from(length).ok());
    let too_large = || SourceError::TooLarge { place: place.to_string(), size };
    if size.is_some_and(|size| size > LARGEST_DOCUMENT) {
        return Err(too_large());
    }
    let version = Version {
        etag: answer.e_tag.unwrap_or_default(),
        // What buckets without versions call their one version.
        version_id: answer.version_id.filter(|id| id != "null"),
        last_modified: answer.last_modified.and_then(|at| jiff::Timestamp::from_second(at.secs()).ok()),
    };
    let bytes = read_body(answer.body, LARGEST_DOCUMENT, s3.pace).await.map_err(|error| match error {
        BodyError::TooLarge => too_large(),
        BodyError::Broken(message) => StoreError::Unavailable { place: place.to_string(), message }.into(),
    })?;
    Ok(Poll::Changed { bytes, version })
}

fn poll_file(path: &std::path::Path, last: Option<&Version>) -> Result<Poll, SourceError> {
    let place = path.display().to_string();
    let local = |source| SourceError::Local { place: place.clone(), source };
    let file = std::fs::File::open(path).map_err(local)?;
    let written = file.metadata().and_then(|metadata| metadata.modified());
    let last_modified = written.ok().and_then(|at| jiff::Timestamp::try_from(at).ok());
    of_content(&place, read_local(&place, file)?, last_modified, last)
}

fn read_local(place: &str, from: impl Read) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let read = from.take(LARGEST_DOCUMENT + 1).read_to_end(&mut bytes);
    read.map_err(|source| SourceError::Local { place: place.to_owned(), source })?;
    Ok(bytes)
}

fn of_content(
    place: &str,
    bytes: Vec<u8>,
    last_modified: Option<jiff::Timestamp>,
    last: Option<&Version>,
) -> Result<Poll, SourceError> {
    if bytes.len() as u64 > LARGEST_DOCUMENT {
        return Err(SourceError::TooLarge { place: place.to_owned(), size: None });
    }
    let hash = Sha256::digest(&bytes);
    let etag: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    if last.is_some_and(|last| last.etag == etag) {
        return Ok(Poll::Unchanged);
    }
    Ok(Poll::Changed { bytes: bytes.into(), version: Version { etag, version_id: None, last_modified } })
}
