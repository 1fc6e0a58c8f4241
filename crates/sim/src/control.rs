//! The control API under `/_sim/`: what a test or a person does that AWS has no call for.

use crate::front::respond;
use crate::query;
use crate::sim::Sim;
use crate::value::{int, text};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

/// Answers one request to the control API.
pub fn handle(sim: &mut Sim, request: &Request<Bytes>) -> Response<Bytes> {
    let input: Value = serde_json::from_slice(request.body()).unwrap_or_else(|_| json!({}));
    let path = request.uri().path().trim_start_matches("/_sim/");
    let of = |name: &str| text(&input, name).unwrap_or_default().to_owned();
    let answer = match (request.method(), path) {
        (&Method::GET, "state") => sim.state(),
        (&Method::GET, "audit") => {
            let query = query::fields(request.uri().query().unwrap_or_default().as_bytes());
            let from = query.iter().find(|(name, _)| name == "from").and_then(|(_, text)| text.parse().ok());
            sim.audit.iter().skip(from.unwrap_or(0)).map(crate::audit::AuditRow::to_value).collect()
        }
        (&Method::POST, "advance") => {
            sim.advance(sim.now + int(&input, "seconds").unwrap_or(0).max(0) * 1000);
            json!({"now": crate::value::time(sim.now)})
        }
        (&Method::POST, "reset") => {
            let mut config = sim.config.clone();
            config.start_epoch_seconds = sim.now / 1000;
            *sim = Sim::new(config);
            json!({})
        }
        (&Method::POST, "deny") => {
            sim.s3.denied.insert((of("bucket"), of("prefix")));
            json!({})
        }
        (&Method::POST, "allow") => {
            sim.s3.denied.remove(&(of("bucket"), of("prefix")));
            json!({})
        }
        (&Method::POST, "image") => {
            match sim.ecr.push(&of("repository"), &of("tag"), text(&input, "digest"), sim.now) {
                Some(digest) => json!({"digest": digest}),
                None => {
                    return respond(
                        404,
                        "application/json",
                        json!({"error": "no such repository"}).to_string(),
                    );
                }
            }
        }
        _ => {
            return respond(404, "application/json", json!({"error": "no such control"}).to_string());
        }
    };
    respond(200, "application/json", answer.to_string())
}
