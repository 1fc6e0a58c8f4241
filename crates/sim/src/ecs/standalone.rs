//! Tasks that somebody runs: RunTask, and what becomes of tasks that belong to no service.

use super::behaviour::Behaviour;
use super::clusters::named;
use super::tasks::{self, Order, Task, Turn};
use super::{TAGS, capacity, events, invalid, launches, short, task_calls, task_definitions};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, has, int, list, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The tasks that belong to no service.
#[derive(Clone, Default)]
pub struct Standalone {
    /// By ARN.
    tasks: BTreeMap<String, Task>,
    /// When something happens to which of them.
    wakes: BTreeSet<(i64, String)>,
    /// What each client token ran.
    tokens: BTreeMap<String, Vec<String>>,
}

impl Standalone {
    /// When something happens to one of them next.
    pub fn next_wake(&self) -> Option<i64> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Those of a cluster.
    pub fn in_cluster<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.values().filter(move |task| task.cluster() == cluster)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// Whether one with this ARN is still shown.
    pub fn has(&self, arn: &str) -> bool {
        self.tasks.contains_key(arn)
    }

    fn keep(&mut self, task: Task) {
        let forgotten = task.stopped.map(|at| at + tasks::SHOWN + 1);
        if let Some(at) = [task.due, task.healthy_at, forgotten].into_iter().flatten().min() {
            self.wakes.insert((at, task.arn.clone()));
        }
        self.tasks.insert(task.arn.clone(), task);
    }

    fn take(&mut self, arn: &str) -> Option<Task> {
        self.wakes.retain(|(_, of)| of != arn);
        self.tasks.remove(arn)
    }
}

/// Lets happen to a task what is due.
pub fn wake(sim: &mut Sim) {
    let Some(mut task) =
        sim.ecs.standalone.wakes.pop_first().and_then(|(_, arn)| sim.ecs.standalone.tasks.remove(&arn))
    else {
        return;
    };
    let now = sim.now;
    sim.draw_for(value::fnv(&task.arn));
    while task.due.is_some_and(|at| at <= now) {
        if tasks::turn(sim, &mut task) == Turn::Runs {
            task.healthy_at = tasks::checked(sim, &task).map(|(passes, _)| passes);
        }
        if sim.ecs.events_to.is_some() {
            let shown = task_calls::show(sim, &task, false);
            events::task(sim, shown);
        }
    }
    if task.healthy_at.is_some_and(|at| at <= now) {
        task.healthy_at = None;
        task.pass();
    }
    match tasks::expired(now, &task) {
        true => drop(sim.tags.remove(&task.arn)),
        false => sim.ecs.standalone.keep(task),
    }
}

/// Tells a task to stop; nothing where there is none of this ARN.
pub(super) fn stop(sim: &mut Sim, arn: &str, reason: &str) -> Option<Value> {
    let mut task = sim.ecs.standalone.take(arn)?;
    tasks::begin_stop(sim, &mut task, "UserInitiated", reason);
    let shown = task_calls::show(sim, &task, false);
    sim.ecs.standalone.keep(task);
    Some(shown)
}

/// RunTask: up to ten tasks at once. What cannot be placed is a failure, not an error.
pub(super) fn run(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let token = text(input, "clientToken").map(|token| format!("{cluster} {token}"));
    if let Some(before) = token.as_ref().and_then(|token| sim.ecs.standalone.tokens.get(token)) {
        let there = before.iter().filter_map(|arn| sim.ecs.standalone.tasks.get(arn));
        let tasks: Vec<Value> = there.map(|task| task_calls::show(sim, task, true)).collect();
        return Ok(json!({"tasks": tasks, "failures": []}));
    }
    let name = value::required(input, "taskDefinition", "InvalidParameterException")?;
    let definition = task_definitions::usable(sim, name)?.clone();
    let mut config = input.clone();
    capacity::default_strategy(sim, &cluster, &mut config)?;
    let count = int(input, "count").unwrap_or(1);
    validate(&definition, input, count)?;
    let arn = text(&definition, "taskDefinitionArn").unwrap_or_default();
    let behaviour = Behaviour::of(sim, &definition, &input["overrides"]);
    if behaviour == Behaviour::NoCapacity {
        let failure = json!({"reason": "Capacity is unavailable at this time. Please try again later or in a different availability zone"});
        return Ok(json!({"tasks": [], "failures": vec![failure; count.max(0) as usize]}));
    }
    let fargate = text(&config, "launchType") != Some("EC2");
    refuse! {
        fargate && !launches::all(sim, count) => ApiError::new("ThrottlingException", "Rate exceeded");
    }
    let family = short(arn).split(':').next().unwrap_or_default();
    let (mut shown, mut arns) = (Vec::new(), Vec::new());
    let mut placed: Vec<Task> = Vec::new();
    for _ in 0..count {
        let mut tags = tasks::inherited(sim, input, "", arn);
        tags.extend(TAGS.parse(input)?);
        let order = Order {
            cluster: &cluster,
            group: text(input, "group").map_or_else(|| format!("family:{family}"), str::to_owned),
            started_by: text(input, "startedBy").unwrap_or_default(),
            definition: arn,
            config: &config,
            provider: capacity::choose(&config, placed.iter()),
            overrides: input["overrides"].clone(),
            tags,
        };
        let task = tasks::launch(sim, order);
        shown.push(task_calls::show(sim, &task, true));
        arns.push(task.arn.clone());
        placed.push(task);
    }
    placed.into_iter().for_each(|task| sim.ecs.standalone.keep(task));
    token.into_iter().for_each(|token| drop(sim.ecs.standalone.tokens.insert(token, arns.clone())));
    Ok(json!({"tasks": shown, "failures": []}))
}

fn validate(definition: &Value, input: &Value, count: i64) -> Result<(), ApiError> {
    let awsvpc = text(definition, "networkMode") == Some("awsvpc");
    let fargate = text(input, "launchType") == Some("FARGATE");
    let containers = list(definition, "containerDefinitions");
    let overridden = list(&input["overrides"], "containerOverrides").iter().filter_map(|it| text(it, "name"));
    let stranger =
        overridden.into_iter().find(|name| !containers.iter().any(|it| text(it, "name") == Some(name)));
    refuse! {
        !(1..=10).contains(&count) => invalid("Count must be between 1 and 10.");
        awsvpc && !has(input, "networkConfiguration") => invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
        !awsvpc && has(input, "networkConfiguration") => invalid("Network Configuration is not valid for the given networkMode of this task definition.");
        fargate && !value::texts(definition, "compatibilities").contains(&"FARGATE") => invalid("Task definition does not support launch_type FARGATE.");
        stranger.is_some() => invalid(format!("Override for container named {} is not a container in the TaskDefinition.", stranger.unwrap_or_default()));
        text(input, "group").is_some_and(|it| it.starts_with("service:")) => invalid("Task group may not start with 'service:'");
        text(input, "propagateTags") == Some("SERVICE") => invalid("SERVICE is not a valid value for propagateTags when running a task");
    }
    TAGS.parse(input).map(drop)
}
