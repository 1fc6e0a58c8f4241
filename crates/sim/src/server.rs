//! The socket, and what drives the clock: the only parts that wait for anything.

use crate::SimHandle;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// How often virtual time is moved on.
const TICK: Duration = Duration::from_millis(20);

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

async fn answer(handle: SimHandle, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let response = handle.request(Request::from_parts(parts, body.to_bytes()));
    Ok(response.map(Full::new))
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
