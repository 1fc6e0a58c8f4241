//! Answers for tests: in process, and over a socket in chunks.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request as the other side sees it.
pub type Request = http::Request<Bytes>;
/// An answer of the other side.
pub type Response = http::Response<Bytes>;

type Answer = dyn Fn(&Request) -> Result<Response, ConnectorError> + Send + Sync;

/// An AWS of one function, with everything that was sent to it.
#[derive(Clone)]
pub struct Canned {
    answer: Arc<Answer>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canned")
    }
}

impl Canned {
    pub fn new(
        answer: impl Fn(&Request) -> Result<Response, ConnectorError> + Send + Sync + 'static,
    ) -> Self {
        Canned { answer: Arc::new(answer), seen: Arc::default() }
    }

    /// Answers in turn; the last one again and again.
    pub fn turns(turns: impl IntoIterator<Item = Response>) -> Self {
        let turns: Vec<_> = turns.into_iter().collect();
        let next = Mutex::new(0);
        Canned::new(move |_| {
            let mut next = next.lock().unwrap();
            let turn = turns[(*next).min(turns.len() - 1)].clone();
            *next += 1;
            Ok(turn)
        })
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub fn bodies(&self) -> Vec<String> {
        let text = |r: &Request| String::from_utf8(r.body().to_vec()).unwrap();
        self.seen.lock().unwrap().iter().map(text).collect()
    }

    pub fn sdk(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        sdk(http_client_fn(move |_, _| connector.clone()))
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request
            .try_into_http1x()
            .unwrap()
            .map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
        let answer = (self.answer)(&request);
        self.seen.lock().unwrap().push(request);
        HttpConnectorFuture::ready(answer.map(|answer| answer.map(SdkBody::from).try_into().unwrap()))
    }
}

/// Settings for an AWS that never answers.
pub fn silent_sdk() -> SdkConfig {
    #[derive(Debug)]
    struct Silent;
    impl HttpConnector for Silent {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::new(std::future::pending())
        }
    }
    sdk(http_client_fn(|_, _| SharedHttpConnector::new(Silent)))
}

/// Settings for an AWS behind `client`.
pub fn sdk(client: SharedHttpClient) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .http_client(client)
        .build()
}

/// Settings for an AWS on a local port.
pub fn sdk_over_tcp(port: u16) -> SdkConfig {
    sdk(aws_smithy_http_client::Builder::new().build_http())
        .into_builder()
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .build()
}

/// An answer with a date.
pub fn answer(status: u16, body: impl Into<Bytes>) -> Response {
    http::Response::builder()
        .status(status)
        .header("date", "Sat, 21 Nov 2026 10:00:00 GMT")
        .header("x-amzn-requestid", "req-1")
        .body(body.into())
        .unwrap()
}

/// A server that answers every request with these chunks, each written on its own; returns its port.
///
/// `end` says whether the last chunk is announced as such or the connection just breaks.
pub async fn chunked(chunks: &'static [&'static str], end: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let text = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let length = text.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
            let length: usize = length.unwrap_or("0").parse().unwrap();
            socket.read_exact(&mut vec![0; length]).await.unwrap();
            let opening = "HTTP/1.1 200 OK\r\ndate: Sat, 21 Nov 2026 10:00:00 GMT\r\ntransfer-encoding: chunked\r\n\r\n";
            socket.write_all(opening.as_bytes()).await.unwrap();
            for chunk in chunks {
                let framed = format!("{:x}\r\n{chunk}\r\n", chunk.len());
                socket.write_all(framed.as_bytes()).await.unwrap();
                socket.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            if end {
                socket.write_all(b"0\r\n\r\n").await.unwrap();
            }
        }
    });
    port
}

/// An S3 of one bucket: objects with ETags, conditional writes, listings in small pages, faults on demand.
#[derive(Clone, Default)]
pub struct FakeS3(Arc<Mutex<Objects>>);

#[derive(Default)]
struct Objects {
    objects: std::collections::BTreeMap<String, Bytes>,
    down: bool,
    lost: usize,
    conflicts: usize,
}

const PAGE: usize = 3;

impl FakeS3 {
    pub fn s3(&self, pace: crate::calls::Pace) -> crate::store::S3 {
        let this = self.clone();
        crate::store::S3::new(&Canned::new(move |request| this.answer(request)).sdk(), 7, pace)
    }

    pub fn set(&self, key: &str, text: &str) {
        self.0.lock().unwrap().objects.insert(key.to_owned(), Bytes::copy_from_slice(text.as_bytes()));
    }

    pub fn text(&self, key: &str) -> String {
        String::from_utf8(self.0.lock().unwrap().objects[key].to_vec()).unwrap()
    }

    pub fn set_down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// The next writes are done, and their answers do not arrive.
    pub fn lose_answers(&self, writes: usize) {
        self.0.lock().unwrap().lost = writes;
    }

    /// The next writes meet another one at the same time.
    pub fn conflicts(&self, writes: usize) {
        self.0.lock().unwrap().conflicts = writes;
    }

    fn answer(&self, request: &Request) -> Result<Response, ConnectorError> {
        let mut this = self.0.lock().unwrap();
        let reset = || ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
        if this.down {
            return Err(reset());
        }
        let path = request.uri().path().trim_start_matches('/').replace("%20", " ");
        let key = path.replace("%21", "!");
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let there = this.objects.get(&key).map(|bytes| (etag(bytes), bytes.clone()));
        let tagged = |status, etag: &str, body: Bytes| {
            let mut response = answer(status, body);
            response.headers_mut().insert("etag", etag.parse().unwrap());
            response
        };
        let error = |status, code: &str| answer(status, format!("<Error><Code>{code}</Code></Error>"));
        Ok(match (request.method().as_str(), there) {
            ("GET", _) if key.is_empty() => this.list(request.uri().query().unwrap()),
            ("GET", None) => error(404, "NoSuchKey"),
            ("GET", Some((etag, _))) if header("if-none-match").as_deref() == Some(&etag) => answer(304, ""),
            ("GET", Some((etag, bytes))) => tagged(200, &etag, bytes),
            ("DELETE", _) => {
                this.objects.remove(&key);
                answer(204, "")
            }
            ("PUT", _) if this.conflicts > 0 => {
                this.conflicts -= 1;
                error(409, "ConditionalRequestConflict")
            }
            ("PUT", None) if header("if-match").is_some() => error(404, "NoSuchKey"),
            ("PUT", Some(_)) if header("if-none-match").is_some() => error(412, "PreconditionFailed"),
            ("PUT", Some((etag, _))) if header("if-match").is_some_and(|wanted| wanted != etag) => {
                error(412, "PreconditionFailed")
            }
            ("PUT", _) => {
                let etag = etag(request.body());
                this.objects.insert(key, request.body().clone());
                if this.lost > 0 {
                    this.lost -= 1;
                    return Err(reset());
                }
                tagged(200, &etag, Bytes::new())
            }
            (method, _) => panic!("{method}"),
        })
    }
}

impl Objects {
    fn list(&self, query: &str) -> Response {
        let value = |name: &str| {
            let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            found.unwrap_or_default().replace("%2F", "/").replace("%21", "!").replace("%20", " ")
        };
        let (prefix, after) = (value("prefix"), value("continuation-token"));
        let mut left = self.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        let page: Vec<_> = left.by_ref().take(PAGE).collect();
        let contents: String = page
            .iter()
            .map(|(key, bytes)| {
                let etag = etag(bytes).replace('"', "&quot;");
                format!(
                    "<Contents><Key>{key}</Key><ETag>{etag}</ETag><Size>{}</Size></Contents>",
                    bytes.len()
                )
            })
            .collect();
        let more = match (left.next(), page.last()) {
            (Some(_), Some((key, _))) => {
                format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{key}</NextContinuationToken>")
            }
            _ => "<IsTruncated>false</IsTruncated>".to_owned(),
        };
        answer(200, format!("<ListBucketResult>{contents}{more}</ListBucketResult>"))
    }
}

/// As S3's, a function of the content alone.
fn etag(bytes: &Bytes) -> String {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("\"{:016x}\"", bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}
