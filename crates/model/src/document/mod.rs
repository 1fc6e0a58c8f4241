//! The document: what the user wants, in AWS's own shapes.
//!
//! [`read`] turns a parsed text into a [`Document`] and everything that is wrong with it, [`read_partial`] into
//! what of it can be put in force; [`schema`] holds which members a document has; [`refs`] knows the references
//! between its parts.

mod answers;
mod behaviour;
mod conform;
mod json_schema;
mod links;
mod partial;
mod read;
pub mod refs;
mod schema;
mod semantics;
mod treatment;
mod windows;

use std::collections::BTreeMap;

pub use behaviour::{Behaviour, Heal, Mode, Prune, Retry, Settings};
pub use json_schema::json_schema;
pub use partial::{Partial, read_partial};
pub use read::read;
pub use treatment::Adopt;
pub use windows::Window;

use crate::key::{ServiceKey, UnitKey};
use crate::path::Path;
use crate::tree::Tree;

/// Most bytes of a document.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The `apiVersion` of the documents this Evenkeel reads.
pub const API_VERSION: &str = "evenkeel/v1";

/// A document without errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its name: the scope of ownership, written into tags.
    pub name: String,
    /// The account it is for: 12 digits.
    pub account: String,
    /// The region it is for.
    pub region: String,
    /// Tags for everything it creates.
    pub tags: BTreeMap<String, String>,
    /// How to behave.
    pub settings: Settings,
    /// Services by cluster and name.
    pub services: BTreeMap<ServiceKey, Service>,
    /// Target groups by AWS name, those declared inside services included.
    pub target_groups: BTreeMap<String, TargetGroup>,
    /// Load balancers by AWS name.
    pub load_balancers: BTreeMap<String, LoadBalancer>,
    /// Task definitions that no service uses, by family.
    pub task_definitions: BTreeMap<String, Tree>,
    /// Clusters by name.
    pub clusters: BTreeMap<String, Tree>,
    /// ECR repositories by name.
    pub repositories: BTreeMap<String, Tree>,
    /// Log groups by name.
    pub log_groups: BTreeMap<String, Tree>,
    /// What stands under which key.
    items: refs::Items,
    treatment: treatment::Treatment,
    /// Units whose entry in the text has errors, and those that depend on them, with the reason in a sentence:
    /// their last good version counts, or they are left out where there is none.
    pub kept_back: BTreeMap<UnitKey, String>,
}

/// A service with all that belongs to its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its key in the document's `services`.
    pub item: String,
    /// RegisterTaskDefinition input.
    pub task_definition: Tree,
    /// CreateService input, without the names.
    pub input: Tree,
    /// Listener rules by key.
    pub rules: BTreeMap<String, Rule>,
    /// The scalable target with its policies, where declared.
    pub scaling: Option<Scaling>,
    /// Services whose rollout comes first.
    pub depends_on: Vec<ServiceKey>,
    /// Stricter than the document's, where given.
    pub mode: Mode,
    /// What else it says of its own behaviour.
    pub behaviour: Behaviour,
    /// Leave this service alone.
    pub suspend: bool,
    /// Where something about it cannot be changed, delete it and make it anew.
    pub recreate: bool,
    /// Changing it forces a new deployment.
    pub restart: Option<String>,
    /// Paths whose drift is nobody's business.
    pub ignore: Vec<Ignore>,
}

/// A path of a service that is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// From the service's root, as in `/service/healthCheckGracePeriodSeconds`.
    pub path: Path,
    /// Why.
    pub reason: String,
    /// The last day on which it holds (`2027-01-31`); without end where absent.
    pub until: Option<jiff::civil::Date>,
}

/// A listener rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The listener: an ARN or `${listener:LB/NAME}`.
    pub listener: String,
    /// Its place among the listener's rules, unique there.
    pub priority: Priority,
    /// CreateRule input, without listener and priority.
    pub input: Tree,
    /// Whether one that exists is taken over; as its unit says where absent.
    pub adopt: Option<Adopt>,
}

/// Where a rule stands among the rules of its listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// At this number.
    At(i64),
    /// At one of these numbers, both ends included: chosen once, then kept.
    Within {
        /// The lowest.
        from: i64,
        /// The highest.
        to: i64,
    },
}

impl Priority {
    /// True where the number is right for it.
    pub const fn admits(self, number: i64) -> bool {
        match self {
            Priority::At(at) => at == number,
            Priority::Within { from, to } => from <= number && number <= to,
        }
    }
}

/// A scalable target with its policies and scheduled actions.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// RegisterScalableTarget input, without the ids.
    pub target: Tree,
    /// PutScalingPolicy inputs by name, without the ids.
    pub policies: BTreeMap<String, Tree>,
    /// PutScheduledAction inputs by name, without the ids.
    pub scheduled_actions: BTreeMap<String, Tree>,
}

/// A target group.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetGroup {
    /// Its key in the document.
    pub item: String,
    /// The service inside which it is declared, if any.
    pub service: Option<ServiceKey>,
    /// CreateTargetGroup input.
    pub input: Tree,
    /// Attributes by name.
    pub attributes: BTreeMap<String, String>,
}

/// A load balancer with its listeners.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadBalancer {
    /// Its key in the document.
    pub item: String,
    /// CreateLoadBalancer input.
    pub input: Tree,
    /// Listeners by key.
    pub listeners: BTreeMap<String, Listener>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// CreateListener input, without the load balancer.
    pub input: Tree,
    /// Whether one that exists is taken over; as its unit says where absent.
    pub adopt: Option<Adopt>,
    /// Rules by key.
    pub rules: BTreeMap<String, Rule>,
}

impl Document {
    /// The URI under which ECR serves a repository of this account and region.
    pub fn repository_uri(&self, repository: &str) -> String {
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("{}.dkr.ecr.{}.{suffix}/{repository}", self.account, self.region)
    }
}

#[cfg(test)]
mod tests;
