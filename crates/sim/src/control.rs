//! The control API under `/_sim/`: what a test or a person does that AWS has no call for.
//!
//! Each command takes and answers JSON; scripts run the same commands at times of their own.

use crate::audit::AuditRow;
use crate::ecs::task_calls;
use crate::endpoint::Endpoint;
use crate::faults::Fault;
use crate::front::respond;
use crate::query;
use crate::sim::Call;
use crate::sqs::Mishaps;
use crate::staleness::Staleness;
use crate::value::{flag, int, list, number, set, text};
use crate::violations::Violation;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

/// Answers one request to the control API.
pub fn handle(endpoint: &mut Endpoint, request: &Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().trim_start_matches("/_sim/");
    let mut input: Value = serde_json::from_slice(request.body()).unwrap_or_else(|_| json!({}));
    for (name, text) in query::fields(request.uri().query().unwrap_or_default().as_bytes()) {
        set(&mut input, &name, Value::String(text));
    }
    let reads = matches!(path, "state" | "audit" | "violations");
    let answer = match *request.method() == Method::POST || reads {
        true => run(endpoint, path, &input),
        false => Err("use POST".to_owned()),
    };
    let (status, answer) = match answer {
        Ok(answer) => (200, answer),
        Err(error) if error.starts_with("no such") => (404, json!({"error": error})),
        Err(error) => (400, json!({"error": error})),
    };
    respond(status, "application/json", answer.to_string())
}

/// Runs one command.
///
/// - `state`, `audit {from}`, `violations`: looks.
/// - `reset {seed, start}`: an empty account; `advance {seconds}`; `run_until {in, where, has, maxSeconds}`.
/// - `call {caller, service, operation, input}`: a call by another actor, such as a person at the console.
/// - `script [{after | at, do, …}]`: commands on a timeline.
/// - `fault {…}` (see [`Fault::parse`]), `faults []` to drop all; `throttle {on, load}`;
///   `staleness {seconds by service, replicas, except [callers]}`.
/// - `load {resourceId, points [[seconds, load], …]}`: what target tracking sees: a service of `n` running
///   tasks has a metric of `load / n`, by the last point before now.
/// - `events {queue, drop, duplicate, late}`: where ECS's events go; how probable it is that what a service
///   sends to a queue is lost or comes twice, and by how many seconds it is late at most.
/// - `defaults {epoch, inactiveSeconds, pushedOnly}`: the year whose defaults are described; how long INACTIVE services
///   are; whether only images that were pushed can be pulled from ECR.
/// - `retire {task | service, code}`: AWS takes tasks away, for maintenance (`TerminationNotice`) or because it wants
///   spare capacity back (`SpotInterruption`).
/// - `keep {rows}`: how much of the audit log is kept.
/// - `snapshot {name}`, `restore {name}`; `image {repository, tag, digest}`; `deny` and `allow {bucket, prefix}`.
///
/// # Errors
/// Says what is wrong with the command.
pub fn run(endpoint: &mut Endpoint, command: &str, input: &Value) -> Result<Value, String> {
    let of = |name: &str| text(input, name).unwrap_or_default().to_owned();
    let now = endpoint.sim.now;
    match command {
        "state" => return Ok(endpoint.state()),
        "audit" => {
            let from = int(input, "from").and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
            return Ok(endpoint.audit.from(from).map(AuditRow::to_value).collect());
        }
        "violations" => {
            return Ok(endpoint.violations.all(&endpoint.sim).iter().map(Violation::to_value).collect());
        }
        "advance" => {
            endpoint.advance(now + int(input, "seconds").unwrap_or(0).max(0) * 1000);
        }
        "run_until" => return run_until(endpoint, input),
        "reset" => {
            let mut config = endpoint.sim.config.clone();
            config.start_epoch_seconds = int(input, "start").unwrap_or(now / 1000);
            config.seed = input.get("seed").and_then(Value::as_u64).unwrap_or(config.seed);
            *endpoint = Endpoint::new(config);
        }
        "call" => {
            let call = Call {
                caller: text(input, "caller").unwrap_or("console-user").to_owned(),
                service: of("service"),
                operation: of("operation"),
                input: input.get("input").cloned().unwrap_or_else(|| json!({})),
                body: Bytes::from(of("body")),
            };
            return match endpoint.handle(call) {
                Ok(reply) => Ok(reply.into_value()),
                Err(error) => Err(error.to_string()),
            };
        }
        "script" => {
            let entries = input.as_array().map_or_else(|| list(input, "entries"), Vec::as_slice);
            for entry in entries {
                let at = int(entry, "at").map(|seconds| seconds * 1000);
                let after = int(entry, "after").unwrap_or(0) * 1000;
                let command = text(entry, "do").ok_or("each entry needs a command under do")?;
                endpoint.plan(at.unwrap_or(now + after), command.to_owned(), entry["with"].clone());
            }
        }
        "fault" => {
            let fault = Fault::parse(input, now)?;
            endpoint.disturbances.faults.push(fault);
        }
        "faults" => {
            let faults: Result<Vec<Fault>, String> =
                input.as_array().into_iter().flatten().map(|it| Fault::parse(it, now)).collect();
            endpoint.disturbances.faults = faults?;
        }
        "throttle" => {
            let throttle = &mut endpoint.disturbances.throttle;
            throttle.on = input["on"] != false;
            for (bucket, rate) in input.get("load").and_then(Value::as_object).into_iter().flatten() {
                throttle.load.insert(bucket.clone(), rate.as_f64().unwrap_or(0.0));
            }
            return Ok(json!({"levels": throttle.levels(now)}));
        }
        "staleness" => {
            let seconds = input.get("seconds").and_then(Value::as_object);
            let lags = seconds.into_iter().flatten().map(|(service, it)| {
                (service.clone(), (it.as_f64().unwrap_or(0.0).max(0.0) * 1000.0) as i64)
            });
            let replicas = int(input, "replicas").and_then(|it| usize::try_from(it).ok()).unwrap_or(3);
            let except = list(input, "except").iter().filter_map(Value::as_str).map(str::to_owned).collect();
            endpoint.disturbances.staleness = Staleness::new(&endpoint.sim, lags.collect(), replicas, except);
        }
        "load" => {
            let id = of("resourceId");
            let point = |it: &Value| Some((now + it[0].as_i64()? * 1000, it[1].as_f64()?));
            let points: Option<Vec<(i64, f64)>> = list(input, "points").iter().map(point).collect();
            let points = points.ok_or("points are pairs of seconds from now and load")?;
            endpoint.change(move |sim| sim.scaling.autoscaler.load(&id, points.clone(), sim.now));
        }
        "events" => {
            let queue = text(input, "queue").map(|name| endpoint.sim.arn("sqs", name));
            let of = |name| number(input, name).unwrap_or(0.0).max(0.0);
            let late = (of("late") * 1000.0) as u64;
            let mishaps = Mishaps { drop: of("drop"), duplicate: of("duplicate"), late };
            endpoint.change(move |sim| {
                sim.sqs.mishaps = mishaps;
                sim.ecs.events_to = queue.clone().or(sim.ecs.events_to.take());
            });
        }
        "defaults" => {
            let (epoch, remembered) = (int(input, "epoch"), int(input, "inactiveSeconds"));
            let pushed_only = flag(input, "pushedOnly");
            endpoint.change(move |sim| {
                sim.ecs.epoch = epoch.unwrap_or(sim.ecs.epoch);
                sim.ecs.services.forget_texts();
                sim.ecr.strict = pushed_only.unwrap_or(sim.ecr.strict);
                sim.ecs.remembered = remembered.map_or(sim.ecs.remembered, |seconds| seconds * 1000);
            });
        }
        "retire" => {
            let (name, code) = (text(input, "task").map_or_else(|| of("service"), str::to_owned), of("code"));
            endpoint.change(move |sim| task_calls::retire(sim, &name, &code));
        }
        "keep" => {
            let rows = int(input, "rows").and_then(|it| usize::try_from(it).ok());
            endpoint.audit.capacity = rows.unwrap_or(endpoint.audit.capacity);
        }
        "snapshot" => endpoint.snapshot(&of("name")),
        "restore" => {
            if !endpoint.restore(&of("name")) {
                return Err("no such snapshot".to_owned());
            }
        }
        "deny" | "allow" => {
            let (of, denied) = ((of("bucket"), of("prefix")), command == "deny");
            endpoint.change(move |sim| match denied {
                true => drop(sim.s3.denied.insert(of.clone())),
                false => drop(sim.s3.denied.remove(&of)),
            });
        }
        "image" => {
            let (repository, tag) = (of("repository"), of("tag"));
            let digest = text(input, "digest").map(str::to_owned);
            let image = format!("{repository}:{tag}");
            if !endpoint.sim.ecr.has(&repository) {
                return Err("no such repository".to_owned());
            }
            endpoint.change(move |sim| drop(sim.ecr.push(&repository, &tag, digest.as_deref(), sim.now)));
            return Ok(json!({"digest": endpoint.sim.ecr.digest_of(&image)}));
        }
        _ => return Err(format!("no such command: {command}")),
    }
    Ok(json!({"now": crate::value::time(endpoint.sim.now)}))
}

/// Lets time pass until something in a list of the state (`in`: `services`, `scalableTargets`, …) that has
/// the members of `where` also has those of `has`; or until `maxSeconds` have passed (an hour).
fn run_until(endpoint: &mut Endpoint, input: &Value) -> Result<Value, String> {
    let of = text(input, "in").ok_or("run_until needs in: the name of a list in the state")?;
    let fits = |item: &Value, pattern: &Value| {
        pattern.as_object().is_none_or(|it| it.iter().all(|(name, wanted)| item.get(name) == Some(wanted)))
    };
    let started = endpoint.sim.now;
    let limit = started + int(input, "maxSeconds").unwrap_or(3_600) * 1000;
    loop {
        let state = endpoint.sim.state();
        let reached =
            list(&state, of).iter().any(|item| fits(item, &input["where"]) && fits(item, &input["has"]));
        let next = endpoint.next_wake().filter(|at| *at <= limit);
        if reached || endpoint.sim.now >= limit {
            let seconds = (endpoint.sim.now - started) as f64 / 1000.0;
            return Ok(json!({"reached": reached, "seconds": seconds}));
        }
        let to = next.unwrap_or(limit).max(endpoint.sim.now + 1).min(limit);
        endpoint.advance(to);
    }
}
