//! The document source against S3, its errors one by one.

use std::sync::Arc;

use super::*;
use crate::testing::{Canned, FakeS3, Response, answer};

fn source(s3: S3) -> DocumentSource {
    DocumentSource::object(s3, "bucket", "teams/services.json")
}

fn canned(response: Response) -> S3 {
    S3::new(&Canned::turns([response]).sdk(), 0, Pace::REAL)
}

fn s3_error(status: u16, code: &str) -> Response {
    answer(status, format!("<Error><Code>{code}</Code><Message>Because.</Message></Error>"))
}

#[tokio::test]
async fn an_unchanged_document_is_not_read_again() {
    let s3 = FakeS3::default();
    let source = source(s3.s3(Pace::REAL));
    s3.set("teams/services.json", "{}");
    let Poll::Changed { bytes, version } = source.poll(None).await.unwrap() else { panic!() };
    assert_eq!(&bytes[..], b"{}");
    assert_eq!(source.poll(Some(&version)).await.unwrap(), Poll::Unchanged);
    s3.set("teams/services.json", "{ }");
    assert!(matches!(source.poll(Some(&version)).await.unwrap(), Poll::Changed { .. }));
}

#[tokio::test]
async fn a_version_tells_where_it_is_from() {
    let mut response = answer(200, "{}");
    for (name, value) in [
        ("etag", "\"e1\""),
        ("x-amz-version-id", "3HL4kqtJ"),
        ("last-modified", "Sat, 21 Nov 2026 09:00:00 GMT"),
    ] {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    let Poll::Changed { version, .. } = source(canned(response)).poll(None).await.unwrap() else { panic!() };
    assert_eq!(
        version,
        Version {
            etag: "\"e1\"".into(),
            version_id: Some("3HL4kqtJ".into()),
            last_modified: Some("2026-11-21T09:00:00Z".parse().unwrap()),
        }
    );
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_one_sentence_with_a_way_out() {
    let place = "s3://bucket/teams/services.json";
    let redirect = {
        let mut response = s3_error(301, "PermanentRedirect");
        response.headers_mut().insert("x-amz-bucket-region", "eu-west-1".parse().unwrap());
        response
    };
    for (response, sentence) in [
        (s3_error(404, "NoSuchKey"), format!("`{place}` does not exist: put the object there or correct the address")),
        (s3_error(404, "NoSuchBucket"), "the bucket `bucket` does not exist: create it or correct the address".into()),
        (s3_error(403, "AccessDenied"), format!("access to `{place}` is denied: allow s3:GetObject on it, and s3:ListBucket on the bucket, without which S3 says the same of an object that does not exist")),
        (redirect, "the bucket `bucket` is in eu-west-1: use a bucket in the region that is configured, or configure that region".into()),
        (s3_error(403, "InvalidObjectState"), format!("`{place}` is in an archive storage class: restore it, or copy it to STANDARD")),
        (s3_error(400, "ExpiredToken"), "S3 does not accept the AWS credentials: ExpiredToken: Because.".into()),
        (s3_error(503, "SlowDown"), format!("S3 is not available for `{place}`: SlowDown: Because.")),
    ] {
        let error = source(canned(response)).poll(None).await.unwrap_err();
        assert_eq!(error.to_string(), sentence);
    }
}

#[tokio::test]
async fn a_document_that_is_too_large_is_refused_before_it_is_read() {
    let mut response = answer(200, "");
    response.headers_mut().insert("content-length", "70000000".parse().unwrap());
    let error = source(canned(response)).poll(None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`s3://bucket/teams/services.json` is too large: 70000000 bytes where at most 67108864 are read; split it into several documents"
    );
}

#[tokio::test]
async fn a_document_that_grows_beyond_the_limit_is_refused_while_it_is_read() {
    let large = Bytes::from(vec![b' '; 1 << 20]);
    assert!(matches!(
        read_body(ByteStream::from(large.clone()), (1 << 20) - 1, Pace::REAL).await,
        Err(BodyError::TooLarge)
    ));
    let whole = read_body(ByteStream::from(large.clone()), 1 << 20, Pace::REAL).await;
    assert!(matches!(whole, Ok(bytes) if bytes == large));
}

#[tokio::test(start_paused = true)]
async fn a_failing_s3_is_asked_again() {
    let aws = Canned::turns([s3_error(500, "InternalError"), s3_error(503, "SlowDown"), answer(200, "{}")]);
    let s3 = S3::new(&aws.sdk(), 0, Pace::REAL);
    assert!(matches!(source(s3).poll(None).await.unwrap(), Poll::Changed { .. }));
    assert_eq!(aws.seen().len(), 3);
}

#[tokio::test]
async fn the_documents_below_a_prefix_are_found() {
    let s3 = FakeS3::default();
    for key in
        ["teams/a.json", "teams/b.yaml", "teams/notes.txt", "teams/c/d.yml", "teams/e.json", "other.json"]
    {
        s3.set(key, "{}");
    }
    let location: Location = "s3://bucket/teams/".parse().unwrap();
    let sources = DocumentSource::all_at(&location, &s3.s3(Pace::REAL)).await.unwrap();
    let places: Vec<_> = sources.iter().map(|source| source.location().to_string()).collect();
    assert_eq!(
        places,
        [
            "s3://bucket/teams/a.json",
            "s3://bucket/teams/b.yaml",
            "s3://bucket/teams/c/d.yml",
            "s3://bucket/teams/e.json"
        ]
    );
}

#[tokio::test]
async fn a_file_is_a_document_too() {
    let path = std::env::temp_dir().join(format!("evenkeel-document-{}.json", std::process::id()));
    let source = DocumentSource::local(&Location::File(path.clone())).unwrap();
    let missing = source.poll(None).await.unwrap_err();
    assert!(missing.to_string().ends_with("check that it exists and that its permissions allow it"));
    std::fs::write(&path, "{}").unwrap();
    let Poll::Changed { version, .. } = source.poll(None).await.unwrap() else { panic!() };
    assert_eq!(source.poll(Some(&version)).await.unwrap(), Poll::Unchanged);
    std::fs::write(&path, "{\"a\":1}").unwrap();
    assert!(matches!(source.poll(Some(&version)).await.unwrap(), Poll::Changed { .. }));
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_bucket_stands_in_the_path_only_where_an_endpoint_is_set() {
    for (endpoint, address) in [
        (None, "https://bucket.s3.us-east-1.amazonaws.com/teams/services.json?x-id=GetObject"),
        (Some("http://127.0.0.1:9000"), "http://127.0.0.1:9000/bucket/teams/services.json?x-id=GetObject"),
    ] {
        let aws = Canned::turns([answer(200, "{}")]);
        let mut sdk = aws.sdk().into_builder();
        sdk.set_endpoint_url(endpoint.map(str::to_owned));
        source(S3::new(&sdk.build(), 0, Pace::REAL)).poll(None).await.unwrap();
        assert_eq!(aws.seen()[0].uri().to_string(), address);
    }
}

#[tokio::test]
async fn a_write_carries_no_checksum_that_nobody_asked_for() {
    let aws = Canned::turns([{
        let mut response = answer(200, "");
        response.headers_mut().insert("etag", "\"e\"".parse().unwrap());
        response
    }]);
    let store = Store::new(S3::new(&aws.sdk(), 0, Pace::REAL), "bucket", "ek");
    store.put("status.json", "{}".into(), Condition::Always).await.unwrap();
    let seen = aws.seen();
    let names: Vec<_> = seen[0].headers().keys().map(|name| name.as_str()).collect();
    assert!(!names.iter().any(|name| name.contains("checksum")), "{names:?}");
    assert_eq!(&seen[0].body()[..], b"{}");
}

#[tokio::test]
async fn a_document_is_read_over_a_socket() {
    let port = crate::testing::chunked(&["{\"name\":", "\"farsight\"", "}"], true).await;
    let s3 = S3::new(&crate::testing::sdk_over_tcp(port), 0, Pace::REAL);
    let Poll::Changed { bytes, .. } = source(s3).poll(None).await.unwrap() else { panic!() };
    assert_eq!(&bytes[..], b"{\"name\":\"farsight\"}");
}

#[tokio::test]
async fn versions_are_read_by_their_id() {
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let query = seen.clone();
    let aws = Canned::new(move |request| {
        *query.lock().unwrap() = request.uri().query().unwrap_or_default().to_owned();
        Ok(match request.uri().query() {
            Some(query) if query.contains("versionId=v1") => answer(200, "{}"),
            _ => s3_error(404, "NoSuchVersion"),
        })
    });
    let source = source(S3::new(&aws.sdk(), 0, Pace::REAL));
    assert_eq!(source.version("v1").await.unwrap(), Some("{}".into()));
    assert_eq!(source.version("v2").await.unwrap(), None);
    assert!(seen.lock().unwrap().contains("versionId=v2"));
}
