//! S3, through HTTP requests in process.

use crate::account::empty;
use bytes::Bytes;
use evenkeel_sim::SimHandle;
use http::{Request, Response};

/// A request; `headers` are `name: value` lines.
pub fn send(
    sim: &SimHandle,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:4700");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    sim.request(request.body(Bytes::copy_from_slice(body)).unwrap())
}

fn header(response: &Response<Bytes>, name: &str) -> String {
    response.headers().get(name).map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn bucket(versioned: bool) -> SimHandle {
    let sim = empty();
    sim.put_bucket("desired", versioned);
    sim
}

#[test]
fn objects_are_put_read_and_deleted() {
    let sim = bucket(false);
    let put = send(
        &sim,
        "PUT",
        "/desired/teams/a.json?x-id=PutObject",
        &[("content-type", "application/json"), ("x-amz-meta-team", "a")],
        b"{}",
    );
    assert_eq!(
        (put.status().as_u16(), header(&put, "etag").as_str()),
        (200, "\"99914b932bd37a50b983c5e7c90ae93b\"")
    );
    assert_eq!(header(&put, "x-amz-version-id"), "", "no versions unless asked for");
    let got = send(&sim, "GET", "/desired/teams/a.json", &[], b"");
    assert_eq!(text(&got), "{}");
    assert_eq!(
        (header(&got, "content-type").as_str(), header(&got, "x-amz-meta-team").as_str()),
        ("application/json", "a")
    );
    assert_eq!(header(&got, "last-modified"), "Fri, 15 Jan 2027 08:00:00 GMT");
    let head = send(&sim, "HEAD", "/desired/teams/a.json", &[], b"");
    assert_eq!((header(&head, "content-length").as_str(), head.body().len()), ("2", 0));
    assert_eq!(send(&sim, "GET", "/desired/teams/a.json", &[("range", "bytes=1-5")], b"").status(), 206);
    assert_eq!(send(&sim, "DELETE", "/desired/teams/a.json", &[], b"").status(), 204);
    let missing = send(&sim, "GET", "/desired/teams/a.json", &[], b"");
    assert_eq!(missing.status(), 404);
    assert!(text(&missing).contains("<Code>NoSuchKey</Code>"));
    let head = send(&sim, "HEAD", "/desired/teams/a.json", &[], b"");
    assert_eq!((head.status().as_u16(), head.body().len()), (404, 0));
    assert!(text(&send(&sim, "GET", "/none/a", &[], b"")).contains("<Code>NoSuchBucket</Code>"));
}

#[test]
fn conditions_hold_or_refuse() {
    let sim = bucket(false);
    let put = |headers: &[(&str, &str)], body: &[u8]| send(&sim, "PUT", "/desired/lease", headers, body);
    assert_eq!(put(&[("if-match", "\"x\"")], b"1").status(), 404, "nothing to match");
    assert_eq!(put(&[("if-none-match", "*")], b"1").status(), 200);
    assert_eq!(put(&[("if-none-match", "*")], b"2").status(), 412);
    let etag = header(&send(&sim, "GET", "/desired/lease", &[], b""), "etag");
    let cached = send(&sim, "GET", "/desired/lease", &[("if-none-match", &etag)], b"");
    assert_eq!(
        (cached.status().as_u16(), cached.body().len(), header(&cached, "etag")),
        (304, 0, etag.clone())
    );
    assert_eq!(put(&[("if-match", &etag)], b"2").status(), 200);
    assert_eq!(put(&[("if-match", &etag)], b"3").status(), 412, "the etag is stale");
    assert_eq!(send(&sim, "GET", "/desired/lease", &[("if-match", &etag)], b"").status(), 412);
    assert_eq!(send(&sim, "DELETE", "/desired/lease", &[("if-match", &etag)], b"").status(), 412);
    let bare = header(&send(&sim, "HEAD", "/desired/lease", &[], b""), "etag").replace('"', "");
    assert_eq!(send(&sim, "DELETE", "/desired/lease", &[("if-match", &bare)], b"").status(), 204);
}

#[test]
fn versions_are_kept_where_they_are_asked_for() {
    let sim = bucket(false);
    assert!(!text(&send(&sim, "GET", "/desired?versioning", &[], b"")).contains("Status"));
    let on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(send(&sim, "PUT", "/desired?versioning", &[], on).status(), 200);
    assert!(text(&send(&sim, "GET", "/desired?versioning", &[], b"")).contains("<Status>Enabled</Status>"));
    let first = header(&send(&sim, "PUT", "/desired/a", &[], b"1"), "x-amz-version-id");
    let second = header(&send(&sim, "PUT", "/desired/a", &[], b"2"), "x-amz-version-id");
    assert_ne!(first, second);
    assert_eq!(header(&send(&sim, "GET", "/desired/a", &[], b""), "x-amz-version-id"), second);
    assert_eq!(text(&send(&sim, "GET", &format!("/desired/a?versionId={first}"), &[], b"")), "1");
    let deleted = send(&sim, "DELETE", "/desired/a", &[], b"");
    assert_eq!(header(&deleted, "x-amz-delete-marker"), "true");
    assert_eq!(send(&sim, "GET", "/desired/a", &[], b"").status(), 404);
    assert_eq!(text(&send(&sim, "GET", &format!("/desired/a?versionId={second}"), &[], b"")), "2");
    let listed = text(&send(&sim, "GET", "/desired?versions&prefix=a", &[], b""));
    assert_eq!((listed.matches("<Version>").count(), listed.matches("<DeleteMarker>").count()), (2, 1));
    let marker = header(&deleted, "x-amz-version-id");
    send(&sim, "DELETE", &format!("/desired/a?versionId={marker}"), &[], b"");
    assert_eq!(text(&send(&sim, "GET", "/desired/a", &[], b"")), "2", "the object is back");
}

#[test]
fn listings_have_prefixes_groups_and_pages() {
    let sim = bucket(false);
    for key in ["a/1", "a/2", "a/3", "b/1", "b/2", "c", "d & e"] {
        sim.put_object("desired", key, b"x");
    }
    let list = |query: &str| text(&send(&sim, "GET", &format!("/desired?list-type=2&{query}"), &[], b""));
    let all = list("prefix=a%2F");
    assert_eq!(all.matches("<Contents>").count(), 3);
    let grouped = list("delimiter=%2F");
    assert_eq!((grouped.matches("<Contents>").count(), grouped.matches("<CommonPrefixes>").count()), (2, 2));
    assert!(grouped.contains("<Key>d &amp; e</Key>"));
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("delimiter=%2F&max-keys=1{token}"));
        let of = |tag: &str| {
            page.split(&format!("<{tag}>")).nth(1).map(|rest| rest.split("</").next().unwrap().to_owned())
        };
        let group = page
            .split("<CommonPrefixes><Prefix>")
            .nth(1)
            .map(|rest| rest.split("</").next().unwrap().to_owned());
        seen.extend(of("Key").or(group));
        match of("NextContinuationToken") {
            Some(next) => token = format!("&continuation-token={}", next.replace('/', "%2F")),
            None => break,
        }
    }
    assert_eq!(seen, ["a/", "b/", "c", "d &amp; e"]);
}

#[test]
fn access_can_be_denied_and_allowed_again() {
    let sim = bucket(false);
    sim.put_object("desired", "teams/a", b"x");
    sim.deny("desired", "teams/");
    let denied = send(&sim, "GET", "/desired/teams/a", &[], b"");
    assert_eq!(denied.status(), 403);
    assert!(text(&denied).contains("<Code>AccessDenied</Code>"));
    assert_eq!(send(&sim, "GET", "/desired/other", &[], b"").status(), 404);
    sim.allow("desired", "teams/");
    assert_eq!(send(&sim, "GET", "/desired/teams/a", &[], b"").status(), 200);
}

#[test]
fn chunks_of_aws_are_taken_apart_and_the_checksum_is_kept() {
    let sim = bucket(false);
    let body = b"5;chunk-signature=aa\r\nhello\r\n6;chunk-signature=bb\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-decoded-content-length", "11"),
    ];
    assert_eq!(send(&sim, "PUT", "/desired/a", &headers, body).status(), 200);
    let got = send(&sim, "GET", "/desired/a", &[("x-amz-checksum-mode", "ENABLED")], b"");
    assert_eq!(
        (
            text(&got).as_str(),
            header(&got, "x-amz-checksum-crc32").as_str(),
            header(&got, "content-encoding").as_str()
        ),
        ("hello world", "DUoRhQ==", "")
    );
    let plain = send(&sim, "GET", "/desired/a", &[], b"");
    assert_eq!(header(&plain, "x-amz-checksum-crc32"), "");
    let cut = send(&sim, "PUT", "/desired/b", &headers, b"5\r\nhel");
    assert_eq!(cut.status(), 400);
}

#[test]
fn a_bucket_in_the_name_of_the_host_is_understood() {
    let sim = bucket(false);
    sim.put_object("desired", "teams/a", b"x");
    for uri in [
        "https://desired.s3.us-east-1.amazonaws.com/teams/a",
        "https://s3.us-east-1.amazonaws.com/desired/teams/a",
        "http://desired.localhost:4700/teams/a",
    ] {
        let request = Request::builder().uri(uri).body(Bytes::new()).unwrap();
        assert_eq!(sim.request(request).status(), 200, "{uri}");
    }
}
