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
        Canned {
            answer: Arc::new(answer),
            seen: Arc::default(),
        }
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
        HttpConnectorFuture::ready(
            answer.map(|answer| answer.map(SdkBody::from).try_into().unwrap()),
        )
    }
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
            let (_, rest) = text.split_once("content-length: ").unwrap();
            let length: usize = rest.lines().next().unwrap().parse().unwrap();
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
