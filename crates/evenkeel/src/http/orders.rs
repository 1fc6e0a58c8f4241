//! What may be asked of the daemon over HTTP: `POST` with a bearer token, off where none is configured.

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, middleware};
use evenkeel_controller::{Control, ControlError};
use evenkeel_model::key::{ServiceKey, UnitKey};
use evenkeel_model::orders::{LONGEST_PAUSE_SECONDS, Order, Verdict};
use evenkeel_plan::{Hook, WaitingOn};
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{Source, refuse};
use crate::arguments::pause_length;
use crate::orders::no_hook;

/// The way to the daemon, and what opens it.
#[derive(Clone)]
pub struct Orders {
    /// The daemon.
    pub control: Control,
    /// The token that must be sent along; without one nothing is taken.
    pub token: Option<String>,
}

/// The routes. Each checks the token before it reads anything else.
pub(super) fn routes(orders: &Orders) -> Router<Source> {
    Router::new()
        .route("/v1/reconcile", post(reconcile))
        .route("/v1/plans/{id}/approve", post(approve))
        .route("/v1/services/{cluster}/{service}/{order}", post(service))
        .route("/v1/hooks/{id}/{verdict}", post(hook))
        .route_layer(middleware::from_fn_with_state(orders.token.clone(), authorize))
}

async fn authorize(State(token): State<Option<String>>, request: Request, next: Next) -> Response {
    let Some(token) = token else {
        let why = "no token is configured (EVENKEEL_API_TOKEN), so this daemon takes no orders over HTTP";
        return refuse(StatusCode::FORBIDDEN, why);
    };
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.split_once(' ')).filter(|(s, _)| s.eq_ignore_ascii_case("bearer"));
    if !sent.is_some_and(|(_, sent)| bool::from(sent.trim().as_bytes().ct_eq(token.as_bytes()))) {
        let mut refusal = refuse(StatusCode::UNAUTHORIZED, "send the token: Authorization: Bearer TOKEN");
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        return refusal;
    }
    next.run(request).await
}

async fn reconcile(State(source): State<Source>) -> Response {
    match source.orders.control.reconcile() {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({"accepted": true}))).into_response(),
        Err(error) => failed(&error),
    }
}

async fn approve(State(source): State<Source>, Path(id): Path<String>) -> Response {
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return refuse(StatusCode::BAD_REQUEST, "this is no id of a plan; the plan and the status print it");
    }
    let waits = |wait: &WaitingOn| matches!(wait, WaitingOn::Approval(wanted) if *wanted == id);
    if !source.now().status.planned.report.units.values().any(|unit| unit.waiting.iter().any(waits)) {
        return refuse(StatusCode::NOT_FOUND, &format!("nothing waits for approval of {id}"));
    }
    give(&source, Order::Approve(id)).await
}

/// What a pause is asked with; nothing is an hour.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Pause {
    r#for: Option<String>,
    reason: Option<String>,
}

async fn service(
    State(source): State<Source>,
    Path((cluster, service, order)): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    let unit = UnitKey::Service(ServiceKey::new(cluster, service));
    let order = match order.as_str() {
        "pause" => {
            let pause = if body.is_empty() { Ok(Pause::default()) } else { serde_json::from_slice(&body) };
            let Ok(pause) = pause else {
                let way = r#"the body is {"for": "1h", "reason": "…"}, or nothing"#;
                return refuse(StatusCode::BAD_REQUEST, way);
            };
            let seconds = match pause.r#for.as_deref().map(pause_length) {
                None => 3600,
                Some(Ok(length)) => i64::try_from(length.as_secs()).unwrap_or(LONGEST_PAUSE_SECONDS),
                Some(Err(error)) => return refuse(StatusCode::BAD_REQUEST, &format!("`for`: {error}")),
            };
            let reason = pause.reason.map(|r| r.chars().take(200).collect());
            Order::Pause { unit: unit.clone(), seconds, reason }
        }
        "resume" => Order::Resume(unit.clone()),
        "release" => Order::Release(unit.clone()),
        other => {
            let error = format!("`{other}` is no order: pause, resume or release");
            return refuse(StatusCode::NOT_FOUND, &error);
        }
    };
    let planned = &source.now().status.planned;
    let Some(report) = planned.report.units.get(&unit) else {
        let error = format!("the document in force has no service {}", unit.name());
        return refuse(StatusCode::NOT_FOUND, &error);
    };
    if matches!(order, Order::Release(_)) && report.held.is_none() {
        let error = format!("no deployment of {} is held, so there is nothing to release", unit.name());
        return refuse(StatusCode::CONFLICT, &error);
    }
    give(&source, order).await
}

async fn hook(State(source): State<Source>, Path((id, verdict)): Path<(String, String)>) -> Response {
    let verdict = match verdict.as_str() {
        "continue" => Verdict::Continue,
        "rollback" => Verdict::Rollback,
        other => {
            let error = format!("`{other}` is no answer to a hook: continue or rollback");
            return refuse(StatusCode::NOT_FOUND, &error);
        }
    };
    if id.is_empty() || id.len() > 256 {
        return refuse(StatusCode::BAD_REQUEST, "this is no id of a hook; the status lists them");
    }
    let shown = source.now();
    let units = shown.status.planned.report.units.iter();
    let waiting: Vec<(String, &Hook)> =
        units.flat_map(|(key, unit)| unit.hooks.iter().map(|hook| (key.name(), hook))).collect();
    if !waiting.iter().any(|(_, hook)| hook.id == id) {
        return refuse(StatusCode::NOT_FOUND, &no_hook(&id, &waiting));
    }
    give(&source, Order::Answer { hook: id, verdict }).await
}

async fn give(source: &Source, order: Order) -> Response {
    match source.orders.control.order(order).await {
        Ok(()) => Json(json!({"accepted": true})).into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &ControlError) -> Response {
    let chain = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    refuse(StatusCode::SERVICE_UNAVAILABLE, &chain)
}
