//! S3: buckets, versions, conditions. What its requests and answers look like on the wire is in [`wire`].

pub mod documents;
pub mod wire;

use crate::query::{from_xml, many};
use crate::sim::{Answer, ApiError, Reply, Sim};
use crate::table::{Operation, object, read, write};
use crate::value::{self, hex, int, set, text};
use bytes::Bytes;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Everything S3 keeps: buckets by name, and what is denied.
#[derive(Clone, Default)]
pub struct S3 {
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// Buckets and key prefixes to which access is denied.
    pub(crate) denied: BTreeSet<(String, String)>,
    uploads: BTreeMap<String, BTreeMap<i64, Bytes>>,
    /// Numbers the events.
    sequence: u64,
}

/// A bucket.
#[derive(Clone)]
pub struct Bucket {
    created: i64,
    /// Empty (never versioned), `Enabled` or `Suspended`.
    pub(crate) versioning: String,
    /// What it is configured with, by query parameter.
    documents: BTreeMap<String, Bytes>,
    /// Each key's versions, newest last.
    objects: BTreeMap<String, Vec<Version>>,
}

#[derive(Clone)]
struct Version {
    id: String,
    body: Bytes,
    etag: String,
    modified: i64,
    /// Whether this says that the object was deleted.
    marker: bool,
    /// Headers that are given back as they were sent: content type, metadata, checksum.
    headers: Value,
    /// Its tags as S3 writes them: `{"Tag": [{"Key": …, "Value": …}]}`.
    tags: Value,
}

impl S3 {
    /// Each bucket in one line.
    pub fn summary(&self) -> Value {
        self.buckets
            .iter()
            .map(|(name, bucket)| {
                let keys: Vec<&String> = bucket
                    .objects
                    .iter()
                    .filter(|(_, versions)| versions.last().is_some_and(|it| !it.marker))
                    .map(|(key, _)| key)
                    .collect();
                json!({"bucket": name, "versioning": bucket.versioning, "keys": keys})
            })
            .collect()
    }

    /// Creates a bucket; one that is there keeps its objects.
    pub fn create(&mut self, name: &str, versioned: bool, now: i64) {
        let bucket = self.buckets.entry(name.to_owned()).or_insert_with(|| Bucket {
            created: now,
            versioning: String::new(),
            documents: BTreeMap::new(),
            objects: BTreeMap::new(),
        });
        if versioned {
            bucket.versioning = "Enabled".to_owned();
        }
    }
}

/// The rows of the documents of a bucket.
pub static DOCUMENTS: std::sync::LazyLock<Vec<Operation>> = std::sync::LazyLock::new(|| {
    let rows = documents::DOCUMENTS.iter().flat_map(|(_, [get, put, delete], _)| {
        [
            object(get, false, documents::get),
            object(put, true, documents::put),
            object(delete, true, documents::delete),
        ]
    });
    rows.filter(|row| !row.name.is_empty()).collect()
});

/// S3's rows of the table.
pub const OPERATIONS: &[Operation] = &[
    read("s3", "ListBuckets", list_buckets),
    write("s3", "CreateBucket", create_bucket),
    read("s3", "HeadBucket", head_bucket),
    read("s3", "GetBucketLocation", get_location),
    write("s3", "DeleteBucket", delete_bucket),
    write("s3", "PutBucketVersioning", put_versioning),
    read("s3", "GetBucketVersioning", get_versioning),
    read("s3", "ListObjectsV2", list_objects),
    read("s3", "ListObjectVersions", list_versions),
    object("GetObject", false, get_object),
    object("HeadObject", false, get_object),
    object("PutObject", true, put_object),
    read("s3", "GetObjectTagging", get_tagging),
    object("PutObjectTagging", true, put_tagging),
    object("DeleteObjectTagging", true, put_tagging),
    write("s3", "DeleteObject", delete_object),
    object("DeleteObjects", true, documents::delete_objects),
    object("CopyObject", true, copy_object),
    write("s3", "CreateMultipartUpload", create_upload),
    object("UploadPart", true, upload_part),
    object("CompleteMultipartUpload", true, complete_upload),
    write("s3", "AbortMultipartUpload", abort_upload),
];

fn no_key(key: &str) -> ApiError {
    ApiError::with_status(404, "NoSuchKey", format!("The specified key does not exist. ({key})"))
}

fn failed(condition: &str) -> ApiError {
    ApiError::with_status(
        412,
        "PreconditionFailed",
        format!("At least one of the pre-conditions you specified did not hold ({condition})"),
    )
}

/// The bucket a request means, if the caller may touch `key` in it.
fn bucket<'a>(sim: &'a mut Sim, input: &Value, key: &str) -> Result<&'a mut Bucket, ApiError> {
    let name = text(input, "Bucket").unwrap_or_default();
    let denied =
        sim.s3.denied.iter().any(|(bucket, prefix)| bucket == name && key.starts_with(prefix.as_str()));
    refuse! {
        denied => ApiError::with_status(403, "AccessDenied", "Access Denied");
    }
    sim.s3
        .buckets
        .get_mut(name)
        .ok_or_else(|| ApiError::with_status(404, "NoSuchBucket", "The specified bucket does not exist"))
}

fn key(input: &Value) -> String {
    text(input, "Key").unwrap_or_default().to_owned()
}

fn list_buckets(sim: &mut Sim, _: &Value) -> Answer {
    let buckets: Vec<Value> = sim
        .s3
        .buckets
        .iter()
        .map(|(name, it)| json!({"Name": name, "CreationDate": sim.iso(it.created)}))
        .collect();
    Ok(json!({"Owner": {"ID": "sim", "DisplayName": "sim"}, "Buckets": {"Bucket": buckets}}))
}

fn create_bucket(sim: &mut Sim, input: &Value) -> Answer {
    let name = text(input, "Bucket").unwrap_or_default();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    refuse! {
        !(3..=63).contains(&name.len()) || !name.chars().all(allowed) => ApiError::new("InvalidBucketName", "The specified bucket is not valid.");
        // In us-east-1 one's own bucket can be created again.
        sim.s3.buckets.contains_key(name) && sim.config.region != "us-east-1" => ApiError::with_status(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.");
    }
    sim.s3.create(name, false, sim.now);
    Ok(json!({"Location": format!("/{name}")}))
}

fn head_bucket(sim: &mut Sim, input: &Value) -> Answer {
    bucket(sim, input, "")?;
    Ok(json!({"BucketRegion": sim.config.region}))
}

fn get_location(sim: &mut Sim, input: &Value) -> Answer {
    bucket(sim, input, "")?;
    let region = sim.config.region.clone();
    Ok(json!({"LocationConstraint": if region == "us-east-1" { String::new() } else { region }}))
}

fn delete_bucket(sim: &mut Sim, input: &Value) -> Answer {
    refuse! {
        !bucket(sim, input, "")?.objects.is_empty() => ApiError::with_status(409, "BucketNotEmpty", "The bucket you tried to delete is not empty");
    }
    sim.s3.buckets.remove(text(input, "Bucket").unwrap_or_default());
    Ok(json!({}))
}

fn put_versioning(sim: &mut Sim, input: &Value) -> Answer {
    let status = text(input, "Status").unwrap_or_default().to_owned();
    refuse! {
        !matches!(status.as_str(), "Enabled" | "Suspended") => ApiError::new("IllegalVersioningConfigurationException", "The Versioning element must be specified");
    }
    bucket(sim, input, "")?.versioning = status;
    Ok(json!({}))
}

fn get_versioning(sim: &mut Sim, input: &Value) -> Answer {
    let status = bucket(sim, input, "")?.versioning.clone();
    Ok(if status.is_empty() { json!({}) } else { json!({"Status": status}) })
}

fn list_objects(sim: &mut Sim, input: &Value) -> Answer {
    let prefix = text(input, "Prefix").unwrap_or_default().to_owned();
    let delimiter = text(input, "Delimiter").filter(|it| !it.is_empty());
    let most = int(input, "MaxKeys").unwrap_or(1000).clamp(0, 1000) as usize;
    let token = text(input, "ContinuationToken").and_then(|it| it.strip_prefix("after:"));
    let after = token.or(text(input, "StartAfter")).unwrap_or_default().to_owned();
    let name = text(input, "Bucket").unwrap_or_default().to_owned();
    bucket(sim, input, &prefix)?;
    let Some(it) = sim.s3.buckets.get(&name) else {
        return Ok(json!({}));
    };
    let (mut contents, mut prefixes) = (Vec::new(), Vec::<String>::new());
    let mut last = String::new();
    let mut truncated = false;
    for (key, versions) in it.objects.range(after.clone()..) {
        let Some(version) = versions.last().filter(|it| !it.marker) else {
            continue;
        };
        if *key <= after || !key.starts_with(&prefix) {
            continue;
        }
        let group = delimiter
            .and_then(|delimiter| key[prefix.len()..].find(delimiter).map(|at| at + delimiter.len()))
            .map(|end| key[..prefix.len() + end].to_owned());
        // A page may end within a group of keys with one prefix; the rest of it was then listed already.
        if group
            .as_ref()
            .is_some_and(|group| prefixes.last() == Some(group) || after.starts_with(group.as_str()))
        {
            last.clone_from(key);
            continue;
        }
        if contents.len() + prefixes.len() == most {
            truncated = true;
            break;
        }
        last.clone_from(key);
        match group {
            Some(group) => prefixes.push(group),
            None => {
                let mut row = json!({
                    "Key": written(input, key),
                    "LastModified": sim.iso(version.modified),
                    "ETag": version.etag,
                    "Size": version.body.len(),
                    "StorageClass": "STANDARD",
                });
                if let Some(algorithm) = checksum(&version.headers) {
                    set(&mut row, "ChecksumAlgorithm", json!(algorithm));
                }
                contents.push(row);
            }
        }
    }
    let mut out = json!({
        "Name": name,
        "Prefix": prefix,
        "KeyCount": contents.len() + prefixes.len(),
        "MaxKeys": most,
        "IsTruncated": truncated,
        "Contents": contents,
        "CommonPrefixes": prefixes.iter().map(|prefix| json!({"Prefix": written(input, prefix)})).collect::<Vec<_>>(),
    });
    if truncated {
        set(&mut out, "NextContinuationToken", json!(format!("after:{last}")));
    }
    for name in ["Delimiter", "StartAfter", "ContinuationToken", "EncodingType"] {
        if let Some(member) = input.get(name) {
            set(&mut out, name, member.clone());
        }
    }
    Ok(out)
}

/// A key as a listing writes it: encoded where the request asks for that.
fn written(input: &Value, key: &str) -> String {
    match text(input, "EncodingType") {
        Some("url") => documents::encoded(key),
        _ => key.to_owned(),
    }
}

/// The algorithm of an object's checksum.
fn checksum(headers: &Value) -> Option<String> {
    let name = headers.as_object()?.keys().find_map(|name| name.strip_prefix("x-amz-checksum-"))?;
    Some(name.to_ascii_uppercase())
}

/// All versions of a prefix on one page: histories here are short.
fn list_versions(sim: &mut Sim, input: &Value) -> Answer {
    let prefix = text(input, "Prefix").unwrap_or_default().to_owned();
    let name = text(input, "Bucket").unwrap_or_default().to_owned();
    bucket(sim, input, &prefix)?;
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    let objects = sim.s3.buckets.get(&name).map(|it| &it.objects);
    for (key, of) in objects.into_iter().flatten().filter(|(key, _)| key.starts_with(&prefix)) {
        for (index, version) in of.iter().enumerate().rev() {
            let mut row = json!({
                "Key": written(input, key),
                "VersionId": version.id,
                "Owner": {"ID": "sim", "DisplayName": "sim"},
                "IsLatest": index + 1 == of.len(),
                "LastModified": sim.iso(version.modified),
            });
            if version.marker {
                markers.push(row);
                continue;
            }
            set(&mut row, "ETag", json!(version.etag));
            set(&mut row, "Size", json!(version.body.len()));
            set(&mut row, "StorageClass", json!("STANDARD"));
            versions.push(row);
        }
    }
    Ok(json!({
        "Name": name, "Prefix": prefix, "KeyMarker": "", "VersionIdMarker": "", "MaxKeys": 1000, "IsTruncated": false,
        "Version": versions, "DeleteMarker": markers, "EncodingType": input.get("EncodingType"),
    }))
}

/// The version of an object that a request means.
fn meant<'a>(sim: &'a mut Sim, input: &Value) -> Result<&'a mut Version, ApiError> {
    let key = key(input);
    let versions = bucket(sim, input, &key)?.objects.get_mut(&key).ok_or_else(|| no_key(&key))?;
    let version = match text(input, "VersionId") {
        Some(id) => versions.iter_mut().find(|it| it.id == id).ok_or_else(|| {
            ApiError::with_status(404, "NoSuchVersion", "The specified version does not exist.")
        })?,
        None => versions.last_mut().ok_or_else(|| no_key(&key))?,
    };
    match version.marker {
        true => Err(no_key(&key)),
        false => Ok(version),
    }
}

fn get_object(sim: &mut Sim, input: &Value, _: &Bytes) -> Result<Reply, ApiError> {
    let version = meant(sim, input)?.clone();
    refuse! {
        text(input, "IfMatch").is_some_and(|wanted| !matches(wanted, &version.etag)) => failed("If-Match");
        text(input, "IfNoneMatch").is_some_and(|known| matches(known, &version.etag)) => ApiError::with_status(304, "NotModified", version.etag.clone());
    }
    let mut value = version.headers;
    set(&mut value, "ETag", json!(version.etag));
    set(&mut value, "ContentLength", json!(version.body.len()));
    set(&mut value, "LastModified", json!(sim.http_date(version.modified)));
    let tags = many(&version.tags, "Tag").len();
    if tags > 0 {
        set(&mut value, "x-amz-tagging-count", json!(tags.to_string()));
    }
    if version.id != "null" {
        set(&mut value, "VersionId", json!(version.id));
    }
    Ok(Reply { value, body: version.body })
}

fn get_tagging(sim: &mut Sim, input: &Value) -> Answer {
    Ok(json!({"TagSet": meant(sim, input)?.tags}))
}

/// PutObjectTagging, and DeleteObjectTagging, which has none.
fn put_tagging(sim: &mut Sim, input: &Value, body: &Bytes) -> Result<Reply, ApiError> {
    let (_, mut sent) = from_xml(&String::from_utf8_lossy(body));
    meant(sim, input)?.tags = sent.get_mut("TagSet").map(Value::take).unwrap_or_default();
    Ok(Reply::default())
}

/// Whether a condition's list of ETags (or `*`) has this one.
fn matches(condition: &str, etag: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    condition.trim() == "*" || condition.split(',').any(|it| bare(it) == bare(etag))
}

/// Refuses a write whose condition the newest version does not meet.
fn check(bucket: &Bucket, key: &str, input: &Value) -> Result<(), ApiError> {
    let newest = bucket.objects.get(key).and_then(|versions| versions.last()).filter(|it| !it.marker);
    match (text(input, "IfMatch"), newest) {
        (Some(_), None) => return Err(no_key(key)),
        (Some(wanted), Some(it)) if !matches(wanted, &it.etag) => return Err(failed("If-Match")),
        _ => {}
    }
    if let (Some(known), Some(it)) = (text(input, "IfNoneMatch"), newest)
        && matches(known, &it.etag)
    {
        return Err(failed("If-None-Match"));
    }
    Ok(())
}

/// Puts an object where the request's conditions hold.
fn put_object(sim: &mut Sim, input: &Value, body: &Bytes) -> Result<Reply, ApiError> {
    let etag = format!("\"{}\"", hex(&Md5::digest(body)));
    store(sim, input, body.clone(), etag)
}

fn store(sim: &mut Sim, input: &Value, body: Bytes, etag: String) -> Result<Reply, ApiError> {
    let key = key(input);
    let (now, id) = (sim.now, sim.hex(32));
    let bucket = bucket(sim, input, &key)?;
    check(bucket, &key, input)?;
    let versioned = bucket.versioning == "Enabled";
    let version = Version {
        id: if versioned { id.clone() } else { "null".to_owned() },
        body,
        etag: etag.clone(),
        modified: now,
        marker: false,
        headers: input.get("Headers").cloned().unwrap_or_else(|| json!({})),
        tags: input.get("Tagging").cloned().unwrap_or_else(|| json!({})),
    };
    let size = version.body.len();
    push(bucket, &key, version);
    let mut value = json!({"ETag": etag});
    for (name, sum) in input.get("Headers").and_then(Value::as_object).into_iter().flatten() {
        if name.starts_with("x-amz-checksum-") {
            set(&mut value, name, sum.clone());
        }
    }
    if versioned {
        set(&mut value, "VersionId", json!(id));
    }
    let event = match (input.get("CopySource"), input.get("UploadId")) {
        (Some(_), _) => "ObjectCreated:Copy",
        (_, Some(_)) => "ObjectCreated:CompleteMultipartUpload",
        _ => "ObjectCreated:Put",
    };
    documents::notify(sim, text(input, "Bucket").unwrap_or_default(), &key, event, &value, size);
    Ok(value.into())
}

fn copy_object(sim: &mut Sim, input: &Value, _: &Bytes) -> Result<Reply, ApiError> {
    let source = text(input, "CopySource").unwrap_or_default().trim_start_matches('/');
    let (path, version) =
        source.split_once("?versionId=").map_or((source, None), |(path, it)| (path, Some(it)));
    let (from, path) = path.split_once('/').unwrap_or((path, ""));
    let mut asked = json!({"Bucket": from, "Key": path});
    if let Some(version) = version {
        set(&mut asked, "VersionId", json!(version));
    }
    let found = get_object(sim, &asked, &Bytes::new())?;
    let mut put = input.clone();
    if text(input, "MetadataDirective") != Some("REPLACE") {
        set(&mut put, "Headers", found.value.clone());
        for name in ["ETag", "ContentLength", "LastModified", "VersionId", "x-amz-tagging-count"] {
            value::unset(&mut put["Headers"], name);
        }
    }
    if text(input, "TaggingDirective") != Some("REPLACE") {
        set(&mut put, "Tagging", meant(sim, &asked)?.tags.clone());
    }
    let etag = format!("\"{}\"", hex(&Md5::digest(&found.body)));
    let mut reply = store(sim, &put, found.body, etag)?;
    set(&mut reply.value, "LastModified", json!(sim.iso(sim.now)));
    Ok(reply)
}

/// Adds a version; without versioning it takes the place of the one without an id.
fn push(bucket: &mut Bucket, key: &str, version: Version) {
    let versions = bucket.objects.entry(key.to_owned()).or_default();
    if version.id == "null" {
        versions.retain(|it| it.id != "null");
    }
    versions.push(version);
}

fn delete_object(sim: &mut Sim, input: &Value) -> Answer {
    let key = key(input);
    let (now, id) = (sim.now, sim.hex(32));
    let bucket = bucket(sim, input, &key)?;
    check(bucket, &key, input)?;
    let mut event = "ObjectRemoved:Delete";
    let answer = if let Some(id) = text(input, "VersionId") {
        let versions = bucket.objects.entry(key.clone()).or_default();
        let marker = versions.iter().any(|it| it.id == id && it.marker);
        versions.retain(|it| it.id != id);
        if versions.is_empty() {
            bucket.objects.remove(&key);
        }
        json!({"VersionId": id, "DeleteMarker": marker})
    } else if bucket.versioning.is_empty() {
        bucket.objects.remove(&key);
        json!({})
    } else {
        event = "ObjectRemoved:DeleteMarkerCreated";
        let id = if bucket.versioning == "Enabled" { id } else { "null".to_owned() };
        let marker = Version {
            id: id.clone(),
            body: Bytes::new(),
            etag: String::new(),
            modified: now,
            marker: true,
            headers: json!({}),
            tags: json!({}),
        };
        push(bucket, &key, marker);
        json!({"VersionId": id, "DeleteMarker": true})
    };
    documents::notify(sim, text(input, "Bucket").unwrap_or_default(), &key, event, &answer, 0);
    Ok(answer)
}

fn create_upload(sim: &mut Sim, input: &Value) -> Answer {
    let key = key(input);
    bucket(sim, input, &key)?;
    let id = sim.hex(32);
    sim.s3.uploads.insert(id.clone(), BTreeMap::new());
    Ok(json!({"Bucket": input["Bucket"], "Key": key, "UploadId": id}))
}

fn no_upload() -> ApiError {
    ApiError::with_status(404, "NoSuchUpload", "The specified multipart upload does not exist.")
}

fn upload_part(sim: &mut Sim, input: &Value, body: &Bytes) -> Result<Reply, ApiError> {
    let id = text(input, "UploadId").unwrap_or_default();
    let parts = sim.s3.uploads.get_mut(id).ok_or_else(no_upload)?;
    parts.insert(int(input, "PartNumber").unwrap_or(1), body.clone());
    let etag = format!("\"{}\"", hex(&Md5::digest(body)));
    Ok(Reply { value: json!({"ETag": etag}), body: Bytes::new() })
}

fn complete_upload(sim: &mut Sim, input: &Value, _: &Bytes) -> Result<Reply, ApiError> {
    let id = text(input, "UploadId").unwrap_or_default();
    let parts = sim.s3.uploads.get(id).ok_or_else(no_upload)?;
    let count = parts.len();
    let digests: Vec<u8> = parts.values().flat_map(|part| Md5::digest(part).to_vec()).collect();
    let body: Vec<u8> = parts.values().flat_map(|part| part.to_vec()).collect();
    let etag = format!("\"{}-{count}\"", hex(&Md5::digest(&digests)));
    let mut reply = store(sim, input, Bytes::from(body), etag)?;
    sim.s3.uploads.remove(id);
    for name in ["Bucket", "Key"] {
        set(&mut reply.value, name, input[name].clone());
    }
    Ok(reply)
}

fn abort_upload(sim: &mut Sim, input: &Value) -> Answer {
    sim.s3.uploads.remove(text(input, "UploadId").unwrap_or_default());
    Ok(json!({}))
}
