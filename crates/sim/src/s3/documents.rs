//! What a bucket is configured with: XML (or JSON, for policies) kept as it was sent, and notifications.

use super::{Bucket, bucket};
use crate::query::{escape, from_xml, many};
use crate::sim::{ApiError, Reply, Sim};
use crate::sqs;
use crate::value::{set, text};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a bucket without a document answers.
pub enum Absent {
    /// An error of this code.
    Code(&'static str),
    /// This body.
    Body(&'static str),
    /// This body until it is deleted, then an error of this code.
    Until(&'static str, &'static str),
}
use Absent::{Body, Code, Until};

/// The documents: query parameter, the operations that get, put and delete it, what there is without it.
pub const DOCUMENTS: &[(&str, [&str; 3], Absent)] = &[
    ("tagging", ["GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"], Code("NoSuchTagSet")),
    ("policy", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"], Code("NoSuchBucketPolicy")),
    ("cors", ["GetBucketCors", "PutBucketCors", "DeleteBucketCors"], Code("NoSuchCORSConfiguration")),
    (
        "website",
        ["GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"],
        Code("NoSuchWebsiteConfiguration"),
    ),
    (
        "lifecycle",
        ["GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"],
        Code("NoSuchLifecycleConfiguration"),
    ),
    (
        "replication",
        ["GetBucketReplication", "PutBucketReplication", "DeleteBucketReplication"],
        Code("ReplicationConfigurationNotFoundError"),
    ),
    (
        "object-lock",
        ["GetObjectLockConfiguration", "PutObjectLockConfiguration", ""],
        Code("ObjectLockConfigurationNotFoundError"),
    ),
    (
        "publicAccessBlock",
        ["GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"],
        Code("NoSuchPublicAccessBlockConfiguration"),
    ),
    (
        "encryption",
        ["GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"],
        Body(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>",
        ),
    ),
    (
        "ownershipControls",
        ["GetBucketOwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"],
        Until(
            "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
            "OwnershipControlsNotFoundError",
        ),
    ),
    (
        "acl",
        ["GetBucketAcl", "PutBucketAcl", ""],
        Body(
            "<AccessControlPolicy><Owner><ID>sim</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>sim</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>",
        ),
    ),
    ("logging", ["GetBucketLogging", "PutBucketLogging", ""], Body("<BucketLoggingStatus/>")),
    (
        "accelerate",
        ["GetBucketAccelerateConfiguration", "PutBucketAccelerateConfiguration", ""],
        Body("<AccelerateConfiguration/>"),
    ),
    (
        "requestPayment",
        ["GetBucketRequestPayment", "PutBucketRequestPayment", ""],
        Body("<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"),
    ),
    (
        "notification",
        ["GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration", ""],
        Body("<NotificationConfiguration/>"),
    ),
];

/// Beside a lifecycle stands the smallest size of what moves between storage classes; it travels as a header.
const MINIMUM: &str = "lifecycle minimum size";

/// Gets a document.
pub(super) fn get(sim: &mut Sim, input: &Value, _: &Bytes) -> Result<Reply, ApiError> {
    let name = text(input, "Document").unwrap_or_default();
    let documents = &bucket(sim, input, "")?.documents;
    let absent = DOCUMENTS.iter().find(|(known, ..)| *known == name).map(|(_, _, absent)| absent);
    match (documents.get(name), absent) {
        (Some(body), _) if !body.is_empty() => {
            let minimum = documents.get(MINIMUM).filter(|_| name == "lifecycle");
            let value = minimum.map_or(json!({}), |it| json!({"MinimumSize": String::from_utf8_lossy(it)}));
            Ok(Reply { value, body: body.clone() })
        }
        (None, Some(Until(body, _))) | (_, Some(Body(body))) => {
            Ok(Reply { value: json!({}), body: Bytes::from_static(body.as_bytes()) })
        }
        (_, Some(Code(code) | Until(_, code))) => {
            Err(ApiError::with_status(404, *code, format!("The {name} configuration does not exist")))
        }
        _ => Err(crate::table::unknown("s3", name)),
    }
}

/// Puts a document. Queues to be notified must be there, and are told.
pub(super) fn put(sim: &mut Sim, input: &Value, body: &Bytes) -> Result<Reply, ApiError> {
    let name = text(input, "Document").unwrap_or_default();
    bucket(sim, input, "")?;
    if name == "notification" {
        let test = json!({
            "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": sim.iso(sim.now), "Bucket": input["Bucket"],
        });
        for target in queues(body) {
            refuse! {
                !sqs::notify(sim, text(&target, "Queue").unwrap_or_default(), &test) => ApiError::new("InvalidArgument", "Unable to validate the following destination configurations");
            }
        }
    }
    let documents = &mut bucket(sim, input, "")?.documents;
    documents.insert(name.to_owned(), body.clone());
    if name != "lifecycle" {
        return Ok(Reply::default());
    }
    let minimum = text(input, "MinimumSize").unwrap_or("all_storage_classes_128K").to_owned();
    documents.insert(MINIMUM.to_owned(), Bytes::from(minimum.clone()));
    Ok(json!({"MinimumSize": minimum}).into())
}

/// Deletes a document.
pub(super) fn delete(sim: &mut Sim, input: &Value, _: &Bytes) -> Result<Reply, ApiError> {
    let name = text(input, "Document").unwrap_or_default();
    let ends = DOCUMENTS.iter().any(|(known, _, absent)| *known == name && matches!(absent, Until(..)));
    let documents = &mut bucket(sim, input, "")?.documents;
    match ends {
        // Nothing is kept, which is not the same as never having been told.
        true => documents.insert(name.to_owned(), Bytes::new()),
        false => documents.remove(name),
    };
    Ok(Reply::default())
}

/// The queues that a notification configuration names.
fn queues(body: &Bytes) -> Vec<Value> {
    let (_, configuration) = from_xml(&String::from_utf8_lossy(body));
    many(&configuration, "QueueConfiguration").to_vec()
}

/// Whether a configuration is for this event on this key.
fn is_for(target: &Value, event: &str, key: &str) -> bool {
    let named = many(target, "Event").iter().filter_map(Value::as_str).any(|it| {
        let it = it.trim_start_matches("s3:");
        it == event || it.strip_suffix('*').is_some_and(|beginning| event.starts_with(beginning))
    });
    let rules = target.get("Filter").and_then(|it| it.get("S3Key")).cloned().unwrap_or_default();
    named
        && many(&rules, "FilterRule").iter().all(|rule| {
            let value = text(rule, "Value").unwrap_or_default();
            match text(rule, "Name").unwrap_or_default().to_ascii_lowercase().as_str() {
                "prefix" => key.starts_with(value),
                "suffix" => key.ends_with(value),
                _ => true,
            }
        })
}

/// Tells whoever wants to know what happened to an object.
pub(super) fn notify(sim: &mut Sim, bucket: &str, key: &str, event: &str, answer: &Value, size: usize) {
    let Some(Bucket { documents, .. }) = sim.s3.buckets.get(bucket) else {
        return;
    };
    for target in documents.get("notification").map(queues).unwrap_or_default() {
        if !is_for(&target, event, key) {
            continue;
        }
        sim.s3.sequence += 1;
        let mut object = json!({"key": encoded(key), "sequencer": format!("{:018X}", sim.s3.sequence)});
        if event.starts_with("ObjectCreated") {
            set(&mut object, "size", json!(size));
            let etag = text(answer, "ETag").unwrap_or_default().trim_matches('"');
            set(&mut object, "eTag", json!(etag));
        }
        if let Some(version) = answer.get("VersionId") {
            set(&mut object, "versionId", version.clone());
        }
        let record = json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": sim.config.region,
            "eventTime": sim.iso(sim.now), "eventName": event,
            "userIdentity": {"principalId": format!("AWS:{}", sim.caller)},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": "0"},
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": text(&target, "Id").unwrap_or("notification"),
                "bucket": {"name": bucket, "ownerIdentity": {"principalId": "sim"}, "arn": format!("arn:aws:s3:::{bucket}")},
                "object": object,
            },
        });
        sqs::notify(sim, text(&target, "Queue").unwrap_or_default(), &json!({"Records": [record]}));
    }
}

/// A key as events and listings write it: percent-encoded, with `+` for a space, slashes left alone.
pub(super) fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*/".contains(&byte);
    key.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Deletes up to a thousand objects.
pub(super) fn delete_objects(sim: &mut Sim, input: &Value, body: &Bytes) -> Result<Reply, ApiError> {
    bucket(sim, input, "")?;
    let (_, request) = from_xml(&String::from_utf8_lossy(body));
    let quiet = text(&request, "Quiet") == Some("true");
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in many(&request, "Object") {
        let mut one = json!({"Bucket": input["Bucket"], "Key": object["Key"]});
        for (sent, member) in [("VersionId", "VersionId"), ("ETag", "IfMatch")] {
            if let Some(value) = object.get(sent) {
                set(&mut one, member, value.clone());
            }
        }
        match super::delete_object(sim, &one) {
            Ok(_) if quiet => {}
            Ok(answer) => {
                let mut row = json!({"Key": object["Key"]});
                match (object.get("VersionId"), answer.get("VersionId")) {
                    (Some(version), _) => set(&mut row, "VersionId", version.clone()),
                    (None, Some(marker)) => {
                        set(&mut row, "DeleteMarker", json!(true));
                        set(&mut row, "DeleteMarkerVersionId", marker.clone());
                    }
                    _ => {}
                }
                deleted.push(row);
            }
            Err(error) => {
                errors.push(
                    json!({"Key": object["Key"], "Code": error.code, "Message": escape(&error.message)}),
                );
            }
        }
    }
    Ok(json!({"Deleted": deleted, "Error": errors}).into())
}
