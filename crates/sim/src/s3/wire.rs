//! S3 on the wire: which operation a request means, and the headers and XML of its answer.

use super::documents::DOCUMENTS;
use crate::query::{decode, escape, fields, from_xml};
use crate::sim::{ApiError, Reply, Sim};
use crate::value::{has, hex, set, text};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

/// Headers of a put that are given back with the object.
const KEPT: &[&str] = &[
    "content-type",
    "content-encoding",
    "content-disposition",
    "content-language",
    "cache-control",
    "expires",
];

/// Query parameters that are members of the input, by their name there.
const PARAMETERS: &[(&str, &str)] = &[
    ("prefix", "Prefix"),
    ("delimiter", "Delimiter"),
    ("continuation-token", "ContinuationToken"),
    ("start-after", "StartAfter"),
    ("max-keys", "MaxKeys"),
    ("encoding-type", "EncodingType"),
    ("versionId", "VersionId"),
    ("uploadId", "UploadId"),
    ("partNumber", "PartNumber"),
];

/// Headers that are members of the input.
const CONDITIONS: &[(&str, &str)] = &[
    ("if-match", "IfMatch"),
    ("if-none-match", "IfNoneMatch"),
    ("range", "Range"),
    ("x-amz-copy-source", "CopySource"),
    ("x-amz-metadata-directive", "MetadataDirective"),
    ("x-amz-tagging-directive", "TaggingDirective"),
    ("x-amz-transition-default-minimum-object-size", "MinimumSize"),
];

/// What a request asks S3 for: the operation, its input and the bytes of the object.
pub fn parse(request: &Request<Bytes>) -> Result<(&'static str, Value, Bytes), ApiError> {
    let (bucket, key) = address(request);
    let query = fields(request.uri().query().unwrap_or_default().as_bytes());
    let asked = |name: &str| query.iter().any(|(field, _)| field == name);
    let mut input = json!({});
    if !bucket.is_empty() {
        set(&mut input, "Bucket", json!(bucket));
    }
    if !key.is_empty() {
        set(&mut input, "Key", json!(key));
    }
    for (name, member) in PARAMETERS {
        if let Some((_, text)) = query.iter().find(|(field, _)| field == name) {
            set(&mut input, member, json!(text));
        }
    }
    for (name, member) in CONDITIONS {
        if let Some(text) = header(request.headers(), name) {
            set(&mut input, member, json!(text));
        }
    }
    let (body, trailers) = unchunk(request.headers(), request.body())?;
    let on_object = !key.is_empty();
    let document = DOCUMENTS.iter().find(|(name, ..)| !on_object && !bucket.is_empty() && asked(name));
    if let Some((name, operations, _)) = document {
        set(&mut input, "Document", json!(name));
        let index = [Method::GET, Method::PUT, Method::DELETE].iter().position(|it| it == request.method());
        let operation = index.and_then(|index| operations.get(index)).filter(|it| !it.is_empty());
        return Ok((operation.unwrap_or(&"Unsupported"), input, body));
    }
    let operation = match (request.method(), bucket.is_empty(), on_object) {
        (&Method::GET, true, _) => "ListBuckets",
        (&Method::GET, _, false) if asked("versioning") => "GetBucketVersioning",
        (&Method::GET, _, false) if asked("location") => "GetBucketLocation",
        (&Method::GET, _, false) if asked("versions") => "ListObjectVersions",
        (&Method::GET, _, false)
            if query.iter().all(|(name, _)| {
                PARAMETERS.iter().any(|(known, _)| known == name)
                    || ["list-type", "fetch-owner", "x-id"].contains(&name.as_str())
            }) =>
        {
            "ListObjectsV2"
        }
        (&Method::HEAD, _, false) => "HeadBucket",
        (&Method::PUT, _, false) if asked("versioning") => "PutBucketVersioning",
        (&Method::POST, _, false) if asked("delete") => "DeleteObjects",
        (&Method::PUT, _, false) if query.is_empty() => "CreateBucket",
        (&Method::DELETE, _, false) if query.is_empty() => "DeleteBucket",
        (&Method::GET, _, true) if asked("tagging") => "GetObjectTagging",
        (&Method::PUT, _, true) if asked("tagging") => "PutObjectTagging",
        (&Method::DELETE, _, true) if asked("tagging") => "DeleteObjectTagging",
        (&Method::GET, _, true) if !asked("acl") && !asked("attributes") => "GetObject",
        (&Method::HEAD, _, true) => "HeadObject",
        (&Method::PUT, _, true) if asked("partNumber") => "UploadPart",
        (&Method::PUT, _, true) if !asked("acl") => {
            if has(&input, "CopySource") {
                "CopyObject"
            } else {
                "PutObject"
            }
        }
        (&Method::DELETE, _, true) if asked("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, _, true) => "DeleteObject",
        (&Method::POST, _, true) if asked("uploads") => "CreateMultipartUpload",
        (&Method::POST, _, true) if asked("uploadId") => "CompleteMultipartUpload",
        _ => "Unsupported",
    };
    if operation == "PutBucketVersioning" {
        let (_, sent) = from_xml(&String::from_utf8_lossy(&body));
        set(&mut input, "Status", json!(text(&sent, "Status").unwrap_or_default()));
    }
    if let Some(source) = text(&input, "CopySource").map(|it| decode(it.as_bytes(), false)) {
        set(&mut input, "CopySource", json!(source));
    }
    if matches!(operation, "PutObject" | "CopyObject") {
        set(&mut input, "Headers", kept(request.headers(), &trailers));
        set(&mut input, "ContentLength", json!(body.len()));
        if let Some(tags) = header(request.headers(), "x-amz-tagging") {
            let pair = |(key, value)| json!({"Key": key, "Value": value});
            let tags: Vec<Value> = fields(tags.as_bytes()).into_iter().map(pair).collect();
            set(&mut input, "Tagging", json!({"Tag": tags}));
        }
    }
    Ok((operation, input, body))
}

/// The bucket and key: in the path, or the bucket in the host's name.
fn address(request: &Request<Bytes>) -> (String, String) {
    let path = request.uri().path().trim_start_matches('/');
    let host = header(request.headers(), "host")
        .or_else(|| request.uri().host().map(str::to_owned))
        .unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let bucket = [".s3.", ".s3-", ".localhost"].iter().find_map(|mark| host.find(mark).map(|at| &host[..at]));
    match bucket {
        Some(bucket) => (bucket.to_owned(), decode(path.as_bytes(), false)),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (decode(bucket.as_bytes(), false), decode(key.as_bytes(), false))
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.to_owned())
}

/// Headers that stay with the object: its type, its metadata, its checksum.
fn kept(headers: &HeaderMap, trailers: &[(String, String)]) -> Value {
    let mut out = json!({});
    let stays = |name: &str| KEPT.contains(&name) || name.starts_with("x-amz-meta-") || is_checksum(name);
    for (name, value) in headers {
        if let (true, Ok(text)) = (stays(name.as_str()), value.to_str()) {
            set(&mut out, name.as_str(), json!(text));
        }
    }
    for (name, text) in trailers.iter().filter(|(name, _)| is_checksum(name)) {
        set(&mut out, name, json!(text));
    }
    // This says how the request was sent, not what the object is.
    if let Some(coding) = text(&out, "content-encoding").map(str::to_owned) {
        let rest: Vec<&str> =
            coding.split(',').map(str::trim).filter(|it| *it != "aws-chunked" && !it.is_empty()).collect();
        match (rest.is_empty(), out.as_object_mut()) {
            (true, Some(map)) => {
                map.remove("content-encoding");
            }
            _ => set(&mut out, "content-encoding", json!(rest.join(","))),
        }
    }
    out
}

fn is_checksum(name: &str) -> bool {
    name.starts_with("x-amz-checksum-")
        && !["x-amz-checksum-mode", "x-amz-checksum-algorithm"].contains(&name)
}

/// The bytes of a body sent in S3's own chunks (`SIZE;chunk-signature=…\r\n…`), and the trailers after them.
fn unchunk(headers: &HeaderMap, body: &Bytes) -> Result<(Bytes, Vec<(String, String)>), ApiError> {
    let coded = header(headers, "content-encoding").is_some_and(|it| it.contains("aws-chunked"));
    let streamed = header(headers, "x-amz-content-sha256").is_some_and(|it| it.starts_with("STREAMING-"));
    if !coded && !streamed {
        return Ok((body.clone(), Vec::new()));
    }
    let broken = || ApiError::new("IncompleteBody", "The request body terminated unexpectedly");
    let mut out = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    loop {
        let (line, after) = line(rest).ok_or_else(broken)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken())?;
        rest = after;
        if size == 0 {
            break;
        }
        out.extend_from_slice(rest.get(..size).ok_or_else(broken)?);
        rest = rest.get(size + 2..).ok_or_else(broken)?;
    }
    let mut trailers = Vec::new();
    while let Some((line, after)) = line(rest) {
        if let Some((name, value)) = line.split_once(':') {
            trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        rest = after;
    }
    Ok((Bytes::from(out), trailers))
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let at = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..at]).ok()?, &bytes[at + 2..]))
}

/// The answer to a request, without the headers that every answer carries.
pub fn respond(
    sim: &Sim,
    request: &Request<Bytes>,
    operation: &str,
    input: &Value,
    answer: Result<Reply, ApiError>,
    id: &str,
) -> Response<Bytes> {
    let head = request.method() == Method::HEAD;
    match answer {
        Ok(reply) => success(request.headers(), operation, input, reply, head),
        Err(error) => failure(sim, &error, input, head, id),
    }
}

fn success(
    headers: &HeaderMap,
    operation: &str,
    input: &Value,
    mut reply: Reply,
    head: bool,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let mut put = |name: &str, value: &str| {
        let name = http::HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    };
    let value = &reply.value;
    for (member, name) in [
        ("ETag", "etag"),
        ("VersionId", "x-amz-version-id"),
        ("LastModified", "last-modified"),
        ("BucketRegion", "x-amz-bucket-region"),
        ("Location", "location"),
        ("MinimumSize", "x-amz-transition-default-minimum-object-size"),
    ] {
        if let Some(text) = text(value, member) {
            put(name, text);
        }
    }
    if value.get("DeleteMarker") == Some(&Value::Bool(true)) {
        put("x-amz-delete-marker", "true");
    }
    for (name, sum) in value.as_object().into_iter().flatten().filter(|_| operation == "PutObject") {
        if let (true, Some(sum)) = (is_checksum(name), sum.as_str()) {
            put(name, sum);
        }
    }
    let is_object = matches!(operation, "GetObject" | "HeadObject");
    let mut status = if operation.starts_with("Delete") && operation != "DeleteObjects"
        || operation.starts_with("Abort")
    {
        204
    } else {
        200
    };
    if is_object {
        put("accept-ranges", "bytes");
        let checksums = header(headers, "x-amz-checksum-mode").is_some();
        let whole = reply.body.len();
        let range = text(input, "Range").and_then(|range| span(range, whole));
        for (name, member) in value.as_object().into_iter().flatten() {
            let lower = name.starts_with(|c: char| c.is_ascii_lowercase());
            if let (true, Some(text)) =
                (lower && (!is_checksum(name) || (checksums && range.is_none())), member.as_str())
            {
                put(name, text);
            }
        }
        if value.get("content-type").is_none() {
            put("content-type", "binary/octet-stream");
        }
        if let Some((from, to)) = range {
            status = 206;
            put("content-range", &format!("bytes {from}-{}/{whole}", to - 1));
            reply.body = reply.body.slice(from..to);
        }
        put("content-length", &reply.body.len().to_string());
        if !head {
            *response.body_mut() = reply.body;
        }
    } else if !reply.body.is_empty() {
        put(
            "content-type",
            if operation == "GetBucketPolicy" { "application/json" } else { "application/xml" },
        );
        *response.body_mut() = reply.body;
    } else if let Some(body) = document(operation, value) {
        put("content-type", "application/xml");
        *response.body_mut() = Bytes::from(body);
    }
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// The first byte of a range, and the one after its last.
fn span(range: &str, whole: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let to = to.parse::<usize>().map_or(whole, |to| (to + 1).min(whole));
    (from < to).then_some((from, to))
}

fn failure(sim: &Sim, error: &ApiError, input: &Value, head: bool, id: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = http::StatusCode::from_u16(error.status).unwrap_or_default();
    if error.status == 304 {
        // The message of this one is the ETag.
        if let Ok(etag) = http::HeaderValue::from_str(&error.message) {
            response.headers_mut().insert("etag", etag);
        }
        return response;
    }
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/xml"));
    if !head {
        let host = hex(sim.config.account.as_bytes());
        let key = text(input, "Key").map_or(String::new(), |key| format!("<Key>{}</Key>", escape(key)));
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{key}<RequestId>{id}</RequestId><HostId>{host}</HostId></Error>",
            escape(&error.code),
            escape(&error.message)
        );
        *response.body_mut() = Bytes::from(body);
    }
    response
}

/// The XML of an answer that has one.
fn document(operation: &str, value: &Value) -> Option<String> {
    let root = match operation {
        "ListBuckets" => "ListAllMyBucketsResult",
        "ListObjectsV2" => "ListBucketResult",
        "ListObjectVersions" => "ListVersionsResult",
        "DeleteObjects" => "DeleteResult",
        "CopyObject" => "CopyObjectResult",
        "GetBucketVersioning" => "VersioningConfiguration",
        "GetBucketLocation" => "LocationConstraint",
        "GetObjectTagging" => "Tagging",
        "CreateMultipartUpload" => "InitiateMultipartUploadResult",
        "CompleteMultipartUpload" => "CompleteMultipartUploadResult",
        _ => return None,
    };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    );
    match text(value, "LocationConstraint") {
        Some(region) => out.push_str(region),
        None => write(&mut out, value),
    }
    out.push_str(&format!("</{root}>"));
    Some(out)
}

/// S3 repeats the element of a list where the query protocol wraps it.
fn write(out: &mut String, value: &Value) {
    for (name, member) in value.as_object().into_iter().flatten().filter(|(_, it)| !it.is_null()) {
        let items = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
        for item in items {
            out.push_str(&format!("<{name}>"));
            match item {
                Value::Object(_) => write(out, item),
                Value::String(text) => out.push_str(&escape(text)),
                scalar => out.push_str(&scalar.to_string()),
            }
            out.push_str(&format!("</{name}>"));
        }
    }
}
