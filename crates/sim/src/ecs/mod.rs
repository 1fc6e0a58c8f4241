//! ECS: its state, its operations, its tags.

mod account;
pub mod behaviour;
pub mod capacity;
pub mod clusters;
pub mod deployments;
pub mod events;
pub mod kept;
pub mod launches;
pub mod scheduler;
pub mod service_rules;
pub mod services;
pub mod shown;
pub mod stages;
pub mod standalone;
pub mod task_calls;
pub mod task_definitions;
pub mod tasks;

use crate::sim::{ApiError, Sim};
use crate::table::{Operation, Run, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, text};
use kept::Services;
use launches::Launches;
use serde_json::{Value, json};
use services::Service;
use standalone::Standalone;
use std::collections::{BTreeMap, BTreeSet};
use task_definitions::Family;

/// A cluster's name and a service's.
pub type Key = (String, String);

/// Everything ECS keeps.
#[derive(Clone)]
pub struct Ecs {
    pub(crate) clusters: BTreeMap<String, Value>,
    pub(crate) families: BTreeMap<String, Family>,
    pub(crate) services: Services,
    /// Tasks that belong to no service.
    pub(crate) standalone: Standalone,
    /// Capacity providers of Auto Scaling groups, by name.
    pub(crate) providers: BTreeMap<String, Value>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) launches: Launches,
    /// When the scheduler looks at which service next.
    pub(crate) wakes: BTreeSet<(i64, Key)>,
    /// The ARN of the queue that events go to.
    pub(crate) events_to: Option<String>,
    /// How long an INACTIVE service can still be described, in milliseconds. Not published; an hour is what
    /// others have seen.
    pub(crate) remembered: i64,
    /// The year whose defaults are described: AWS adds members over time.
    pub(crate) epoch: i64,
}

impl Default for Ecs {
    fn default() -> Self {
        Self {
            clusters: BTreeMap::new(),
            families: BTreeMap::new(),
            services: Services::default(),
            standalone: Standalone::default(),
            providers: BTreeMap::new(),
            settings: BTreeMap::new(),
            launches: Launches::default(),
            wakes: BTreeSet::new(),
            events_to: None,
            remembered: 3_600_000,
            epoch: 2026,
        }
    }
}

impl Ecs {
    /// When the scheduler has something to do next.
    pub fn next_wake(&self) -> Option<i64> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// The services of a cluster, by name.
    pub fn in_cluster<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = (&'a String, &'a Service)> {
        self.services.in_cluster(cluster)
    }

    /// Each service in one line.
    pub fn summary(&self) -> Value {
        self.services
            .iter()
            .map(|((cluster, name), service)| {
                json!({
                    "cluster": cluster,
                    "service": name,
                    "status": service.status,
                    "desired": service.desired,
                    "running": service.running(None),
                    "pending": service.pending(None),
                    "healthy": service.healthy(),
                    "taskDefinition": text(&service.config, "taskDefinition"),
                    "rollout": service.deployments.first().map(|deployment| deployment.rollout),
                })
            })
            .collect()
    }
}

/// ECS's names for tags.
pub const TAGS: TagStyle = TagStyle {
    tags: "tags",
    key: "key",
    value: "value",
    invalid: "InvalidParameterException",
    too_many: "InvalidParameterException",
    keys: "tagKeys",
    find: existing,
};

const SERVICE: &str = "ecs";

/// ECS's rows of the table.
pub const OPERATIONS: &[Operation] = &[
    write(SERVICE, "CreateCluster", clusters::create),
    read(SERVICE, "DescribeClusters", clusters::describe),
    read(SERVICE, "ListClusters", clusters::list_clusters),
    write(SERVICE, "DeleteCluster", clusters::delete),
    write(SERVICE, "UpdateCluster", clusters::update),
    write(SERVICE, "UpdateClusterSettings", clusters::update),
    write(SERVICE, "PutClusterCapacityProviders", clusters::update),
    write(SERVICE, "CreateCapacityProvider", capacity::create),
    write(SERVICE, "UpdateCapacityProvider", capacity::update),
    write(SERVICE, "DeleteCapacityProvider", capacity::delete),
    read(SERVICE, "DescribeCapacityProviders", capacity::describe),
    write(SERVICE, "PutAccountSetting", account::put),
    write(SERVICE, "PutAccountSettingDefault", account::put),
    write(SERVICE, "DeleteAccountSetting", account::delete),
    read(SERVICE, "ListAccountSettings", account::list_settings),
    read(SERVICE, "ListContainerInstances", account::list_instances),
    read(SERVICE, "DescribeContainerInstances", account::describe_instances),
    write(SERVICE, "CreateService", services::create),
    write(SERVICE, "UpdateService", services::update),
    write(SERVICE, "DeleteService", services::delete),
    Operation {
        service: SERVICE,
        name: "DescribeServices",
        write: false,
        run: Run::Text(services::describe),
    },
    read(SERVICE, "ListServices", services::list_services),
    write(SERVICE, "RegisterTaskDefinition", task_definitions::register),
    write(SERVICE, "DeregisterTaskDefinition", task_definitions::deregister),
    write(SERVICE, "DeleteTaskDefinitions", task_definitions::delete),
    read(SERVICE, "DescribeTaskDefinition", task_definitions::describe),
    read(SERVICE, "ListTaskDefinitions", task_definitions::list_revisions),
    read(SERVICE, "ListTaskDefinitionFamilies", task_definitions::list_families),
    read(SERVICE, "ListTasks", task_calls::list_tasks),
    read(SERVICE, "DescribeTasks", task_calls::describe),
    write(SERVICE, "RunTask", standalone::run),
    write(SERVICE, "StopTask", task_calls::stop),
    write(SERVICE, "ExecuteCommand", task_calls::execute),
    read(SERVICE, "ListServiceDeployments", deployments::list_deployments),
    read(SERVICE, "DescribeServiceDeployments", deployments::describe),
    read(SERVICE, "DescribeServiceRevisions", deployments::describe_revisions),
    write(SERVICE, "StopServiceDeployment", stages::stop),
    write(SERVICE, "ContinueServiceDeployment", stages::go_on),
    tags(SERVICE, "TagResource", &TAGS, TagVerb::Add),
    tags(SERVICE, "UntagResource", &TAGS, TagVerb::Remove),
    tags(SERVICE, "ListTagsForResource", &TAGS, TagVerb::List),
];

/// An `InvalidParameterException`.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// A `ClientException`, as RegisterTaskDefinition words nearly everything.
pub fn client(message: impl Into<String>) -> ApiError {
    ApiError::new("ClientException", message)
}

/// Pages as ECS pages them.
pub const fn paging(default: usize) -> Paging {
    Paging {
        limit: "maxResults",
        token: "nextToken",
        next: "nextToken",
        default,
        max: 100,
        code: "InvalidParameterException",
    }
}

/// The last part of an ARN, or the name itself where it is none.
pub fn short(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

/// Whether the request asks to `include` this.
pub fn includes(input: &Value, what: &str) -> bool {
    value::texts(input, "include").contains(&what)
}

/// The ARN that an operation on tags names, if what it names is there.
fn existing(sim: &Sim, input: &Value) -> Result<Vec<String>, ApiError> {
    let arn = value::required(input, "resourceArn", "InvalidParameterException")?;
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let mut parts = resource.split('/');
    let (kind, first, second) = (parts.next(), parts.next(), parts.next());
    let found = match (kind, first, second) {
        (Some("cluster"), Some(name), _) => sim.ecs.clusters.contains_key(name),
        (Some("service"), Some(cluster), Some(name)) => sim
            .ecs
            .services
            .get(&(cluster.to_owned(), name.to_owned()))
            .is_some_and(|service| service.status != "INACTIVE"),
        (Some("task-definition"), Some(_), _) => task_definitions::find(sim, arn).is_some(),
        (Some("capacity-provider"), Some(name), _) => sim.ecs.providers.contains_key(name),
        (Some("task"), Some(_), _) if sim.ecs.standalone.has(arn) => true,
        (Some("task"), Some(_), _) => sim
            .ecs
            .services
            .values()
            .any(|service| service.tasks.iter().chain(&service.stopped).any(|task| task.arn == arn)),
        _ => return Err(invalid(format!("Invalid identifier: {arn}"))),
    };
    match found {
        true => Ok(vec![arn.to_owned()]),
        false if kind == Some("cluster") => Err(clusters::not_found()),
        false => {
            Err(invalid("The specified resource is not found. Specify a valid resource ARN and try again."))
        }
    }
}
