//! The wire: one pure function from an HTTP request to an HTTP response, for the socket and for in-process use.
//!
//! Routing is by `X-Amz-Target` (JSON protocols), by a form with `Action` (query protocol), by `/_sim/`
//! (control); anything else is S3. Signatures are not checked, but the access key is the caller's name.

use crate::control;
use crate::endpoint::Endpoint;
use crate::faults::Damage;
use crate::query;
use crate::s3;
use crate::sim::{ApiError, Call, Reply};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};

/// The services of the JSON protocols, by the prefix of their targets.
const TARGETS: &[(&str, &str)] = &[
    ("AmazonEC2ContainerServiceV20141113", "ecs"),
    ("AnyScaleFrontendService", "application-autoscaling"),
    ("AmazonEC2ContainerRegistry_V20150921", "ecr"),
    ("Logs_20140328", "logs"),
    ("AmazonSQS", "sqs"),
    ("GraniteServiceVersion20100801", "cloudwatch"),
    ("AmazonSSM", "ssm"),
    ("secretsmanager", "secretsmanager"),
];

/// The services of the query protocol, by version, with the namespace of their answers.
const VERSIONS: &[(&str, &str, &str)] = &[
    ("2015-12-01", "elbv2", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"),
    ("2010-08-01", "cloudwatch", "http://monitoring.amazonaws.com/doc/2010-08-01/"),
    ("2011-06-15", "sts", "https://sts.amazonaws.com/doc/2011-06-15/"),
];

/// Answers one request.
pub fn handle(endpoint: &mut Endpoint, request: &Request<Bytes>) -> Response<Bytes> {
    let id = endpoint.sim.request_id();
    endpoint.damage = None;
    let caller = caller(request);
    let target = header(request.headers(), "x-amz-target");
    let form = header(request.headers(), "content-type")
        .is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"));
    let mut response = match (target, request.uri().path()) {
        (Some(target), _) => json_protocol(endpoint, request, caller, target),
        (None, path) if path.starts_with("/_sim/") => control::handle(endpoint, request),
        (None, "/") if form => query_protocol(endpoint, request, caller, &id),
        (None, _) => rest(endpoint, request, caller, &id),
    };
    if let Some(damage) = endpoint.damage.take() {
        spoil(&mut response, damage);
    }
    let date = endpoint.sim.http_date(endpoint.sim.now);
    for (name, value) in [
        ("date", date.as_str()),
        ("x-amzn-requestid", &id),
        ("x-amz-request-id", &id),
        ("server", "evenkeel-sim"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Marks a response as damaged, and cuts the body of a truncated one under its full length.
fn spoil(response: &mut Response<Bytes>, damage: Damage) {
    let length = response.body().len();
    if damage == Damage::Truncated {
        response.headers_mut().insert("content-length", HeaderValue::from(length));
        *response.body_mut() = response.body().slice(..length / 2);
    }
    response.extensions_mut().insert(damage);
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The access key in the credential scope of the signature.
fn caller(request: &Request<Bytes>) -> String {
    let authorization = header(request.headers(), "authorization").unwrap_or_default();
    let query = query::fields(request.uri().query().unwrap_or_default().as_bytes());
    let presigned =
        query.iter().find(|(name, _)| name == "X-Amz-Credential").map(|(_, scope)| scope.as_str());
    authorization
        .split("Credential=")
        .nth(1)
        .or(presigned)
        .and_then(|scope| scope.split('/').next())
        .unwrap_or("anonymous")
        .to_owned()
}

fn json_protocol(
    endpoint: &mut Endpoint,
    request: &Request<Bytes>,
    caller: String,
    target: &str,
) -> Response<Bytes> {
    let (prefix, operation) = target.split_once('.').unwrap_or((target, ""));
    let service = TARGETS.iter().find(|(known, _)| *known == prefix).map_or(prefix, |(_, service)| service);
    let parsed = match request.body().is_empty() {
        true => Ok(json!({})),
        false => serde_json::from_slice::<Value>(request.body()),
    };
    let answer = match parsed {
        Ok(input @ Value::Object(_)) => endpoint.handle(Call {
            caller,
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
            body: Bytes::new(),
        }),
        Ok(_) => Err(ApiError::new(
            "SerializationException",
            "Start of structure or map found where not expected.",
        )),
        Err(error) => Err(ApiError::new("SerializationException", error.to_string())),
    };
    let (status, body, code) = match answer {
        Ok(Reply { value: Value::Null, body }) => (200, body, None),
        Ok(reply) => (200, bytes(&reply.value), None),
        Err(error) => {
            let said = json!({"__type": error.code, "message": error.message});
            (error.status, bytes(&said), Some(error.code))
        }
    };
    // These two had the query protocol once, and still say what an error was called there.
    let queried = matches!(service, "sqs" | "cloudwatch");
    let kind = if queried { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
    let mut response = respond(status, kind, body);
    let query =
        code.as_ref().filter(|_| queried).map(|code| format!("{};Sender", crate::sqs::query_code(code)));
    for (name, text) in [("x-amzn-errortype", code), ("x-amzn-query-error", query)] {
        if let Some(text) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert(name, text);
        }
    }
    response
}

fn query_protocol(
    endpoint: &mut Endpoint,
    request: &Request<Bytes>,
    caller: String,
    id: &str,
) -> Response<Bytes> {
    let mut input = query::from_form(request.body());
    let mut take = |name: &str| {
        let taken = input.as_object_mut().and_then(|map| map.remove(name));
        taken.and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let (operation, version) = (take("Action"), take("Version"));
    let known = VERSIONS.iter().find(|(known, ..)| *known == version);
    let (service, namespace) = known
        .map_or((version.as_str(), "http://webservices.amazon.com/"), |(_, service, namespace)| {
            (service, namespace)
        });
    let answer = endpoint.handle(Call {
        caller,
        service: service.to_owned(),
        operation: operation.clone(),
        input,
        body: Bytes::new(),
    });
    let (status, body) = match answer {
        Ok(reply) => (200, query::to_response(&operation, namespace, &reply.value, id)),
        Err(error) => {
            let code = crate::sqs::query_code(&error.code);
            (error.status, query::to_error(namespace, code, &error.message, error.status < 500, id))
        }
    };
    respond(status, "text/xml", body)
}

fn rest(endpoint: &mut Endpoint, request: &Request<Bytes>, caller: String, id: &str) -> Response<Bytes> {
    let parsed = s3::wire::parse(request);
    let (operation, input, answer): (&str, Value, Result<Reply, ApiError>) = match parsed {
        Ok((operation, input, body)) => {
            let answer = endpoint.handle(Call {
                caller,
                service: "s3".to_owned(),
                operation: operation.to_owned(),
                input: input.clone(),
                body,
            });
            (operation, input, answer)
        }
        Err(error) => ("Unsupported", json!({}), Err(error)),
    };
    s3::wire::respond(&endpoint.sim, request, operation, &input, answer, id)
}

/// A value as JSON.
fn bytes(value: &Value) -> Bytes {
    // Writing a value into memory fails for no value there is.
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// A response with a body of this type.
pub fn respond(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    response
}
