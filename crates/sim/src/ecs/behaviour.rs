//! What a task is going to do, which the document under test chooses, and what must be there for it to start.

use crate::parameters;
use crate::sim::Sim;
use crate::value::{list, text};
use serde_json::Value;

/// What a task is going to do. The document under test chooses, by a container's environment variable
/// `SIM_BEHAVIOUR`, by an image tag of the same word, or by an image whose digest has such a tag in ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts within 20 to 40 seconds and stays healthy.
    Ok,
    /// `slow`, `slow-300`: starts so many seconds later than that (two minutes).
    Slow(i64),
    /// `pullfail`: its image cannot be pulled. So it is with one that is not in ECR, where a script wants that known.
    PullFail,
    /// `crash`, `crash-60`: its essential container fails so many seconds after it started (at once).
    Crash(i64),
    /// `exit`, `exit-60`: its essential container has done its work so many seconds after it started (at once).
    Exit(i64),
    /// `unhealthy`, `unhealthy-120`: fails whatever health check there is, from so many seconds on (at once).
    Unhealthy(i64),
    /// `flaky`, `flaky-20`: so many of a hundred tasks, by lot, crash at once (half of them).
    Flaky(i64),
    /// `no-capacity`: there is no room for it, so that none is started.
    NoCapacity,
    /// Its log group is missing.
    NoLogGroup,
    /// A secret or parameter of a container is missing.
    NoSecret,
}

impl Behaviour {
    fn named(word: &str) -> Option<Self> {
        let (name, seconds) = match word.rsplit_once('-').map(|(name, text)| (name, text.parse::<i64>())) {
            Some((name, Ok(seconds))) => (name, Some(seconds)),
            _ => (word, None),
        };
        Some(match name {
            "slow" => Self::Slow(seconds.unwrap_or(120)),
            "pullfail" => Self::PullFail,
            "crash" => Self::Crash(seconds.unwrap_or(0)),
            "exit" => Self::Exit(seconds.unwrap_or(0)),
            "unhealthy" => Self::Unhealthy(seconds.unwrap_or(0)),
            "flaky" => Self::Flaky(seconds.unwrap_or(50)),
            "no-capacity" => Self::NoCapacity,
            _ => return None,
        })
    }

    /// What the tasks of a task definition are going to do; `overrides` are those of RunTask.
    pub(super) fn of(sim: &Sim, definition: &Value, overrides: &Value) -> Self {
        let containers = list(definition, "containerDefinitions");
        let overridden = list(overrides, "containerOverrides").iter().find_map(variable);
        let chosen = overridden.or_else(|| containers.iter().find_map(variable)).map_or_else(
            || {
                let images = containers.iter().filter_map(|it| text(it, "image"));
                images.flat_map(|image| sim.ecr.tags_of(image)).find_map(|tag| Self::named(&tag))
            },
            Self::named,
        );
        let mut images = containers.iter().filter_map(|it| text(it, "image"));
        match chosen {
            Some(Self::PullFail) => Self::PullFail,
            _ if !images.all(|image| sim.ecr.can_pull(image)) => Self::PullFail,
            _ if !containers.iter().all(|it| secrets(it).all(|it| parameters::has(sim, it))) => {
                Self::NoSecret
            }
            _ if !containers.iter().filter_map(log_group).all(|group| sim.logs.has(group)) => {
                Self::NoLogGroup
            }
            chosen => chosen.unwrap_or(Self::Ok),
        }
    }
}

fn variable(container: &Value) -> Option<&str> {
    let mut variables = list(container, "environment").iter();
    text(variables.find(|it| text(it, "name") == Some("SIM_BEHAVIOUR"))?, "value")
}

pub(super) fn secrets(container: &Value) -> impl Iterator<Item = &str> {
    list(container, "secrets").iter().filter_map(|it| text(it, "valueFrom"))
}

/// The log group that must be there before a container starts.
fn log_group(container: &Value) -> Option<&str> {
    let log = &container["logConfiguration"];
    let needs = text(log, "logDriver") == Some("awslogs")
        && text(&log["options"], "awslogs-create-group") != Some("true");
    needs.then(|| text(&log["options"], "awslogs-group").unwrap_or_default())
}
