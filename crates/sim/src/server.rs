//! The socket, and what drives the clock: the only parts that wait for anything.

use crate::{Damage, SimHandle};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// How often virtual time is moved on.
const TICK: Duration = Duration::from_millis(20);

/// How often a long poll looks.
const POLL: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 with keep-alive on `listener` until `shutdown` is ready.
pub async fn serve(listener: TcpListener, handle: SimHandle, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Too many open files, most likely: give connections time to close.
            tokio::time::sleep(TICK).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let handle = handle.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(handle.clone(), request));
            // A client that goes away in the middle is no concern of the server.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
    connections.shutdown().await;
}

async fn answer(handle: SimHandle, request: Request<Incoming>) -> io::Result<Response<Sent>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        let mut response = Response::new(Sent(Some(Bytes::new()), true));
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let response = handle.send(Request::from_parts(parts, body.to_bytes())).await?;
    let whole = response.extensions().get() != Some(&Damage::Truncated);
    Ok(response.map(|body| Sent(Some(body), whole)))
}

impl SimHandle {
    /// Answers a request as a client meets it, on the socket or in process: late answers come late, a long
    /// poll waits, and one that is lost is an error. A truncated body is shorter than its `content-length`.
    ///
    /// # Errors
    /// Where the connection would have been reset.
    pub async fn send(&self, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
        let response = self.request(request.clone());
        match response.extensions().get() {
            Some(Damage::Lost) => Err(io::ErrorKind::ConnectionReset.into()),
            Some(Damage::Late(millis)) => {
                tokio::time::sleep(millis_of(*millis)).await;
                Ok(response)
            }
            Some(Damage::Waits(millis)) => {
                let input = serde_json::from_slice(request.body()).unwrap_or_default();
                let (until, wall) = (self.now_epoch_millis() + millis, Instant::now() + millis_of(*millis));
                while self.now_epoch_millis() < until && Instant::now() < wall && !self.has_message(&input) {
                    tokio::time::sleep(POLL).await;
                }
                match self.has_message(&input) {
                    true => Ok(self.request(request)),
                    false => Ok(response),
                }
            }
            _ => Ok(response),
        }
    }
}

fn millis_of(millis: i64) -> Duration {
    Duration::from_millis(millis.try_into().unwrap_or(0))
}

/// A body in one piece. Of one that is not whole the length is not said, so that the header's may be larger.
struct Sent(Option<Bytes>, bool);

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.0, self.1) {
            (Some(bytes), true) => SizeHint::with_exact(bytes.len() as u64),
            (None, true) => SizeHint::with_exact(0),
            (_, false) => SizeHint::default(),
        }
    }
}

/// Moves virtual time on by wall time times `speed`, in small steps, until `shutdown` is ready.
pub async fn drive_clock(handle: SimHandle, speed: f64, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            now = ticks.tick() => {
                handle.advance(now.saturating_duration_since(last).mul_f64(speed.max(0.0)));
                last = last.max(now);
            }
        }
    }
}
