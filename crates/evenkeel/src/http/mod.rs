//! What the daemon shows over HTTP: health, metrics, the API, the page; and the few orders it takes.

mod metrics;
mod orders;
mod page;
mod status;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use evenkeel_controller::Status;
use evenkeel_model::key::{ServiceKey, UnitKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

pub use orders::Orders;
pub use status::message;
pub use view::{Shown, follow};

/// The largest body of a request, in bytes.
const LARGEST_BODY: usize = 64 * 1024;
/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Without a new status for that long, the daemon is taken for stuck. Passes come every ten seconds, and one
/// waits for S3 at most four times twenty.
const STUCK: Duration = Duration::from_secs(300);

/// What the routes draw from.
#[derive(Clone)]
struct Source {
    shown: watch::Receiver<Arc<Shown>>,
    registry: prometheus::Registry,
    orders: Orders,
}

impl Source {
    fn now(&self) -> Arc<Shown> {
        self.shown.borrow().clone()
    }
}

/// Serves on `listener` until `end` is cancelled; then finishes the answers that are being sent.
///
/// # Errors
/// What the operating system says about the socket.
pub async fn serve(
    listener: TcpListener,
    status: watch::Receiver<Arc<Status>>,
    registry: prometheus::Registry,
    orders: Orders,
    end: CancellationToken,
) -> std::io::Result<()> {
    let (shown, following) = follow(status);
    let following = tokio::spawn(following);
    let served = axum::serve(listener, router(shown, registry, orders))
        .with_graceful_shutdown(async move { end.cancelled().await })
        .await;
    following.abort();
    served
}

/// All routes over what `shown` has at each moment.
pub fn router(shown: watch::Receiver<Arc<Shown>>, registry: prometheus::Registry, orders: Orders) -> Router {
    let header = |name, value| {
        SetResponseHeaderLayer::if_not_present(
            header::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .route("/v1/status", get(status_all))
        .route("/v1/services/{cluster}/{service}", get(status_of_service))
        .route("/v1/plan", get(plan))
        .merge(orders::routes(&orders))
        .merge(page::routes())
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "orders are POSTed, everything else is read with GET")
        })
        .with_state(Source { shown, registry, orders })
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE))
        .layer(header(
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ))
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("x-frame-options", "DENY"))
        .layer(header("referrer-policy", "no-referrer"))
        .layer(header("cross-origin-resource-policy", "same-origin"))
        .layer(header("cache-control", "no-store"))
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}

/// 200 while the daemon makes passes.
async fn healthz(State(source): State<Source>) -> Response {
    let shown = source.now();
    if !shown.alive {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the daemon has ended");
    }
    let since = shown.received.elapsed();
    if since > STUCK {
        let error = format!("the last pass was {} s ago", since.as_secs());
        return refuse(StatusCode::SERVICE_UNAVAILABLE, &error);
    }
    Json(json!({"alive": true})).into_response()
}

/// 200 once a document is in force and everything has been seen.
async fn readyz(State(source): State<Source>) -> Response {
    let shown = source.now();
    let reasons = status::not_ready(&shown);
    let code = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({"ready": reasons.is_empty(), "reasons": reasons}))).into_response()
}

async fn metrics_text(State(source): State<Source>) -> Response {
    match metrics::text(&source.registry, &source.now().status) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written")
        }
    }
}

async fn status_all(State(source): State<Source>) -> Json<Value> {
    Json(status::to_json(&source.now()))
}

async fn status_of_service(
    State(source): State<Source>,
    Path((cluster, service)): Path<(String, String)>,
) -> Response {
    let key = UnitKey::Service(ServiceKey::new(cluster, service));
    match status::unit_to_json(&source.now(), &key) {
        Some(unit) => Json(unit).into_response(),
        None => {
            refuse(StatusCode::NOT_FOUND, &format!("the document in force has no service {}", key.name()))
        }
    }
}

async fn plan(State(source): State<Source>, headers: HeaderMap) -> Response {
    let shown = source.now();
    let status = &shown.status;
    if status.documents.is_empty() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "no document is in force, so there is no plan");
    }
    let planned = &status.planned;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.split(',').any(|kind| kind.trim().starts_with("text/plain")) {
        let named = status.documents.iter().map(|d| (&*d.name, crate::plan::short(&d.version)));
        return evenkeel_plan::print(planned, &named.collect::<Vec<_>>()).into_response();
    }
    let named: Vec<(&str, &str)> = status.documents.iter().map(|d| (&*d.name, &*d.version)).collect();
    Json(evenkeel_plan::plan_json(planned, &named)).into_response()
}
