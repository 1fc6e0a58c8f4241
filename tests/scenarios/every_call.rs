//! The daemon dies at any of its calls, those that only read and those to S3 among them, or their answers are lost.
//!
//! Between two calls that change something AWS and memory are the same for all others, so not all of them are tried:
//!
//! - A daemon dies at each call that changes something, and in between at the first call to each service. A death at
//!   a call leaves what was there just before it, and one after it what is there before the next: both are had from
//!   a snapshot before each of these calls of one undisturbed run.
//! - The first answer to each operation is lost, those of one such phase together. (Lost answers to what changes
//!   something are in `crash_matrix` and `cut_off`.)

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_controller::Status;
use serde_json::{Value, json};

use super::crash_matrix::is_write;
use super::cut_off::{images, made, on_the_brink, outcome};
use super::recreation::moved;
use super::shifts::shifted;
use super::{crash_matrix, farsight};
use crate::stage::{Daemon, Fate, Stage};

/// Longer than any way to the end, and the lease of a dead daemon.
const LONG: Duration = Duration::from_secs(3600);

/// What a call is, whatever it is about.
fn name(request: &http::Request<Bytes>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|t| t.to_str().ok());
    let body = std::str::from_utf8(request.body()).unwrap_or_default();
    let action = body.strip_prefix("Action=").and_then(|form| form.split('&').next());
    match target.or(action) {
        Some(operation) => operation.to_owned(),
        None => {
            let place: Vec<&str> = request.uri().path().split('/').skip(2).take(2).collect();
            format!("{} {}", request.method(), place.join("/"))
        }
    }
}

/// Whom a call is to.
fn service(request: &http::Request<Bytes>) -> String {
    let name = name(request);
    let s3 = name.contains(' ').then(|| "s3".to_owned());
    s3.unwrap_or_else(|| name.split_once('.').map_or("elb", |(service, _)| service).to_owned())
}

/// True for a call after which AWS or memory is another.
fn changes(request: &http::Request<Bytes>) -> bool {
    is_write(request) || *request.method() == http::Method::PUT && request.uri().path().contains("/units/")
}

/// The calls of a daemon, in phases that end with each change.
#[derive(Default)]
struct Phases {
    phase: usize,
    met: BTreeSet<(usize, String)>,
}

impl Phases {
    /// The phase of a call, where it is the first of that word there.
    fn first(&mut self, request: &http::Request<Bytes>, word: String) -> Option<usize> {
        let phase = self.phase;
        self.phase += usize::from(changes(request));
        self.met.insert((phase, word)).then_some(phase)
    }
}

/// What is wrong with a stage, where this was written.
type Judge = dyn Fn(&Stage, &[String]) -> Vec<String>;

/// From a brink, kept as the snapshot `before`, to where nothing is left to be done.
struct Way {
    stage: Stage,
    /// What is wrong at its end, with all that was written on it.
    wrong: Box<Judge>,
}

/// A moment of the undisturbed run, kept as a snapshot of its number.
struct At {
    call: String,
    /// How long the audit was.
    mark: usize,
    written: Vec<String>,
}

impl Way {
    /// From one document to another; whatever befalls it, it ends as it does undisturbed.
    async fn between(before: &Value, after: &Value) -> Self {
        let stage = on_the_brink(before, after).await;
        let mark = stage.mark();
        let mut daemon = stage.daemon();
        ends(&mut daemon).await;
        let expected = (made(&stage.writes(mark)), outcome(&stage));
        daemon.stop().await;
        let wrong = move |stage: &Stage, written: &[String]| {
            let found = (made(written), outcome(stage));
            let differs = (found != expected).then(|| format!("{found:#?}\nis not\n{expected:#?}"));
            differs.into_iter().chain(stage.violations()).collect()
        };
        Way { stage, wrong: Box::new(wrong) }
    }

    /// A first run.
    fn first() -> Self {
        let stage = Stage::new(&farsight());
        stage.control("snapshot", json!({"name": "before"}));
        Way { stage, wrong: Box::new(crash_matrix::faults) }
    }

    #[track_caller]
    fn check(&self, written: &[String], what: &str, daemon: &Daemon) {
        let wrong = (self.wrong)(&self.stage, written);
        assert!(wrong.is_empty(), "{what}: {wrong:#?}\nwritten: {written:#?}\n{}", daemon.story());
    }

    /// Every moment at which a daemon may die, and how many phases there are.
    async fn moments(&self) -> (Vec<At>, usize) {
        self.stage.control("restore", json!({"name": "before"}));
        let start = self.stage.mark();
        let phases: Arc<Mutex<Phases>> = Arc::default();
        let moments: Arc<Mutex<Vec<At>>> = Arc::default();
        let (counted, noted, sim) = (phases.clone(), moments.clone(), self.stage.sim.clone());
        let mut daemon = self.stage.daemon_with(move |_, request| {
            let first = counted.lock().unwrap().first(request, service(request)).is_some();
            if first || changes(request) {
                let mut noted = noted.lock().unwrap();
                sim.control("snapshot", json!({"name": noted.len().to_string()})).unwrap();
                noted.push(At { call: name(request), mark: sim.calls(), written: Vec::new() });
            }
            Fate::Answered
        });
        ends(&mut daemon).await;
        self.check(&self.stage.writes(start), "undisturbed", &daemon);
        daemon.kill().await;
        let mut moments = std::mem::take(&mut *moments.lock().unwrap());
        for moment in &mut moments {
            moment.written = self.stage.writes_in(start..moment.mark);
        }
        let phases = phases.lock().unwrap().phase + 1;
        (moments, phases)
    }

    /// Another daemon comes after one that died at this moment.
    async fn goes_on_from(&self, number: usize, at: &At) {
        self.stage.control("restore", json!({"name": number.to_string()}));
        let mark = self.stage.mark();
        let mut daemon = self.stage.daemon();
        ends(&mut daemon).await;
        let written = [&at.written[..], &self.stage.writes(mark)].concat();
        self.check(&written, &format!("dead at {}, call {number}", at.call), &daemon);
        daemon.stop().await;
    }

    /// In one phase the first answer to each operation that changes nothing is lost.
    async fn loses_answers_in(&self, phase: usize) {
        self.stage.control("restore", json!({"name": "before"}));
        let mark = self.stage.mark();
        let phases = Mutex::new(Phases::default());
        let mut daemon = self.stage.daemon_with(move |_, request| {
            let first = phases.lock().unwrap().first(request, name(request)) == Some(phase);
            if first && !changes(request) { Fate::AnswerLost } else { Fate::Answered }
        });
        ends(&mut daemon).await;
        self.check(&self.stage.writes(mark), &format!("answers lost in phase {phase}"), &daemon);
        daemon.stop().await;
    }

    async fn is_cut_off_at_every_call(&self) {
        let (moments, phases) = self.moments().await;
        for (number, at) in moments.iter().enumerate() {
            self.goes_on_from(number, at).await;
        }
        for phase in 0..phases {
            self.loses_answers_in(phase).await;
        }
        println!("{} deaths, answers lost in each of {phases} phases", moments.len());
    }
}

/// Settled, and still so a while later.
async fn ends(daemon: &mut Daemon) {
    daemon.until(LONG, "settled", Status::is_settled).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    daemon.until(LONG, "settled for good", Status::is_settled).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_run() {
    Way::first().is_cut_off_at_every_call().await;
}

#[tokio::test(start_paused = true)]
async fn rollouts_of_two_services() {
    Way::between(&images("v1", "v1"), &images("v2", "v2")).await.is_cut_off_at_every_call().await;
}

#[tokio::test(start_paused = true)]
async fn a_blue_green_rollout() {
    let strategy = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1});
    let (before, after) = (shifted(strategy.clone(), "v1"), shifted(strategy, "v2"));
    Way::between(&before, &after).await.is_cut_off_at_every_call().await;
}

#[tokio::test(start_paused = true)]
async fn the_replacement_of_a_target_group() {
    let mut after = farsight();
    after["targetGroups"]["farsight-api-tg"]["port"] = 8001.into();
    Way::between(&farsight(), &after).await.is_cut_off_at_every_call().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_made_anew() {
    Way::between(&farsight(), &moved("recreate".into())).await.is_cut_off_at_every_call().await;
}
