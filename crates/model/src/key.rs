//! What things are called: the subjects we observe and write, the units execution goes by, ARNs.

use std::fmt;

/// A service: names are unique within a cluster only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// The cluster's short name.
    pub cluster: String,
    /// The service's short name.
    pub name: String,
}

impl ServiceKey {
    /// A key from its two names.
    pub fn new(cluster: impl Into<String>, name: impl Into<String>) -> Self {
        ServiceKey { cluster: cluster.into(), name: name.into() }
    }

    /// The name Application Auto Scaling knows the service by: `service/CLUSTER/NAME`.
    pub fn resource_id(&self) -> String {
        format!("service/{}/{}", self.cluster, self.name)
    }

    /// The key behind a scaling resource id; `None` where it names something else than a service.
    pub fn from_resource_id(id: &str) -> Option<Self> {
        let (cluster, name) = id.strip_prefix("service/")?.split_once('/')?;
        Some(ServiceKey::new(cluster, name))
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.name)
    }
}

/// Something in AWS that is observed as one and carries one `seen_at`.
///
/// What AWS only lists as a whole (the listeners of a load balancer, the rules of a listener, the
/// policies of a service) is one subject, because only the whole listing proves an absence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A cluster by name.
    Cluster(String),
    /// An ECR repository by name.
    Repository(String),
    /// A CloudWatch Logs group by name.
    LogGroup(String),
    /// A target group by name, with its attributes and tags.
    TargetGroup(String),
    /// The health of the targets of the target group with this ARN: a list of descriptions.
    TargetHealth(String),
    /// A load balancer by name, with its tags.
    LoadBalancer(String),
    /// All listeners of the load balancer with this ARN, with their tags.
    Listeners(String),
    /// All rules of the listener with this ARN, with their tags.
    Rules(String),
    /// The newest revisions of a task definition family: a list of ARNs, newest first.
    Family(String),
    /// A task definition revision by ARN, with its tags. Immutable but for its status.
    TaskDefinition(String),
    /// A service revision by ARN. Immutable.
    ServiceRevision(String),
    /// A service, with its tags.
    Service(ServiceKey),
    /// The scalable target of a service.
    ScalableTarget(ServiceKey),
    /// All scaling policies of a service.
    Policies(ServiceKey),
    /// All scheduled actions of a service.
    ScheduledActions(ServiceKey),
    /// The newest deployments of a service as DescribeServiceDeployments shows them, newest first.
    Deployments(ServiceKey),
    /// The tasks of a service that stopped lately, as DescribeTasks shows them.
    StoppedTasks(ServiceKey),
}

/// The kind of a [`Subject`]: what is refreshed together, and a closed metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names of `Subject`'s variants
pub enum SubjectKind {
    Cluster,
    Repository,
    LogGroup,
    TargetGroup,
    TargetHealth,
    LoadBalancer,
    Listeners,
    Rules,
    Family,
    TaskDefinition,
    ServiceRevision,
    Service,
    ScalableTarget,
    Policies,
    ScheduledActions,
    Deployments,
    StoppedTasks,
}

impl SubjectKind {
    /// All kinds.
    pub const ALL: [SubjectKind; 17] = [
        SubjectKind::Cluster,
        SubjectKind::Repository,
        SubjectKind::LogGroup,
        SubjectKind::TargetGroup,
        SubjectKind::TargetHealth,
        SubjectKind::LoadBalancer,
        SubjectKind::Listeners,
        SubjectKind::Rules,
        SubjectKind::Family,
        SubjectKind::TaskDefinition,
        SubjectKind::ServiceRevision,
        SubjectKind::Service,
        SubjectKind::ScalableTarget,
        SubjectKind::Policies,
        SubjectKind::ScheduledActions,
        SubjectKind::Deployments,
        SubjectKind::StoppedTasks,
    ];

    /// The words for people and for metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            SubjectKind::Cluster => "cluster",
            SubjectKind::Repository => "repository",
            SubjectKind::LogGroup => "log_group",
            SubjectKind::TargetGroup => "target_group",
            SubjectKind::TargetHealth => "target_health",
            SubjectKind::LoadBalancer => "load_balancer",
            SubjectKind::Listeners => "listeners",
            SubjectKind::Rules => "rules",
            SubjectKind::Family => "family",
            SubjectKind::TaskDefinition => "task_definition",
            SubjectKind::ServiceRevision => "service_revision",
            SubjectKind::Service => "service",
            SubjectKind::ScalableTarget => "scalable_target",
            SubjectKind::Policies => "scaling_policies",
            SubjectKind::ScheduledActions => "scheduled_actions",
            SubjectKind::Deployments => "service_deployments",
            SubjectKind::StoppedTasks => "stopped_tasks",
        }
    }
}

impl Subject {
    /// What kind it is.
    pub const fn kind(&self) -> SubjectKind {
        match self {
            Subject::Cluster(_) => SubjectKind::Cluster,
            Subject::Repository(_) => SubjectKind::Repository,
            Subject::LogGroup(_) => SubjectKind::LogGroup,
            Subject::TargetGroup(_) => SubjectKind::TargetGroup,
            Subject::TargetHealth(_) => SubjectKind::TargetHealth,
            Subject::LoadBalancer(_) => SubjectKind::LoadBalancer,
            Subject::Listeners(_) => SubjectKind::Listeners,
            Subject::Rules(_) => SubjectKind::Rules,
            Subject::Family(_) => SubjectKind::Family,
            Subject::TaskDefinition(_) => SubjectKind::TaskDefinition,
            Subject::ServiceRevision(_) => SubjectKind::ServiceRevision,
            Subject::Service(_) => SubjectKind::Service,
            Subject::ScalableTarget(_) => SubjectKind::ScalableTarget,
            Subject::Policies(_) => SubjectKind::Policies,
            Subject::ScheduledActions(_) => SubjectKind::ScheduledActions,
            Subject::Deployments(_) => SubjectKind::Deployments,
            Subject::StoppedTasks(_) => SubjectKind::StoppedTasks,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Cluster(n) => write!(f, "cluster {n}"),
            Subject::Repository(n) => write!(f, "repository {n}"),
            Subject::LogGroup(n) => write!(f, "log group {n}"),
            Subject::TargetGroup(n) => write!(f, "target group {n}"),
            Subject::TargetHealth(arn) => write!(f, "target health of {}", arn_tail(arn)),
            Subject::LoadBalancer(n) => write!(f, "load balancer {n}"),
            Subject::Listeners(arn) => write!(f, "listeners of {}", arn_tail(arn)),
            Subject::Rules(arn) => write!(f, "rules of {}", arn_tail(arn)),
            Subject::Family(n) => write!(f, "task definition family {n}"),
            Subject::TaskDefinition(arn) => write!(f, "task definition {}", arn_tail(arn)),
            Subject::ServiceRevision(arn) => write!(f, "service revision {}", arn_tail(arn)),
            Subject::Service(k) => write!(f, "service {k}"),
            Subject::ScalableTarget(k) => write!(f, "scalable target of {k}"),
            Subject::Policies(k) => write!(f, "scaling policies of {k}"),
            Subject::ScheduledActions(k) => write!(f, "scheduled actions of {k}"),
            Subject::Deployments(k) => write!(f, "deployments of {k}"),
            Subject::StoppedTasks(k) => write!(f, "stopped tasks of {k}"),
        }
    }
}

/// What execution goes by, one run at a time each. Static, so that it can key a queue and a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKey {
    /// A cluster.
    Cluster(String),
    /// An ECR repository.
    Repository(String),
    /// A CloudWatch Logs group.
    LogGroup(String),
    /// A target group.
    TargetGroup(String),
    /// A load balancer with its listeners and their own rules.
    LoadBalancer(String),
    /// A task definition family that no service of the document uses.
    TaskDefinition(String),
    /// A service with its task definition, listener rules and scaling.
    Service(ServiceKey),
}

impl UnitKey {
    /// The kind's word, as in `service` or `target-group`.
    pub const fn kind(&self) -> &'static str {
        match self {
            UnitKey::Cluster(_) => "cluster",
            UnitKey::Repository(_) => "repository",
            UnitKey::LogGroup(_) => "log-group",
            UnitKey::TargetGroup(_) => "target-group",
            UnitKey::LoadBalancer(_) => "load-balancer",
            UnitKey::TaskDefinition(_) => "task-definition",
            UnitKey::Service(_) => "service",
        }
    }

    /// The name within its kind.
    pub fn name(&self) -> String {
        match self {
            UnitKey::Cluster(n)
            | UnitKey::Repository(n)
            | UnitKey::LogGroup(n)
            | UnitKey::TargetGroup(n)
            | UnitKey::LoadBalancer(n)
            | UnitKey::TaskDefinition(n) => n.clone(),
            UnitKey::Service(k) => k.to_string(),
        }
    }

    /// The service, where the unit is one.
    pub const fn service(&self) -> Option<&ServiceKey> {
        match self {
            UnitKey::Service(key) => Some(key),
            _ => None,
        }
    }

    /// The key that [`fmt::Display`] printed, read back.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        let name = name.to_owned();
        Some(match kind {
            "cluster" => UnitKey::Cluster(name),
            "repository" => UnitKey::Repository(name),
            "log-group" => UnitKey::LogGroup(name),
            "target-group" => UnitKey::TargetGroup(name),
            "load-balancer" => UnitKey::LoadBalancer(name),
            "task-definition" => UnitKey::TaskDefinition(name),
            "service" => {
                let (cluster, name) = name.split_once('/')?;
                UnitKey::Service(ServiceKey::new(cluster, name))
            }
            _ => return None,
        })
    }
}

/// `KIND:NAME`; [`UnitKey::parse`] reads it back.
impl fmt::Display for UnitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.name())
    }
}

/// The part of an ARN after its account, which names the thing for people; other text as it is.
pub fn arn_tail(arn: &str) -> &str {
    arn.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').nth(4)).unwrap_or(arn)
}

/// The last segment of an ARN or path: `arn:…:cluster/web` and `web` both give `web`.
pub fn short_name(arn_or_name: &str) -> &str {
    arn_or_name.rsplit('/').next().unwrap_or(arn_or_name)
}

/// The account id of an ARN, where it carries one.
pub fn arn_account(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn")).then_some(())?;
    parts.nth(3).filter(|a| !a.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_keys_are_read_back_as_printed() {
        for key in [
            UnitKey::LogGroup("/ecs/api".into()),
            UnitKey::Service(ServiceKey::new("web", "api")),
            UnitKey::TargetGroup("tg".into()),
        ] {
            assert_eq!(UnitKey::parse(&key.to_string()), Some(key));
        }
        assert_eq!(UnitKey::parse("nonsense"), None);
    }

    #[test]
    fn resource_ids_name_services() {
        let key = ServiceKey::new("web", "api");
        assert_eq!(key.resource_id(), "service/web/api");
        assert_eq!(ServiceKey::from_resource_id("service/web/api"), Some(key));
        assert_eq!(ServiceKey::from_resource_id("table/x"), None);
    }

    #[test]
    fn arns_give_their_parts() {
        let arn = "arn:aws:ecs:us-east-1:123456789012:service/web/api";
        assert_eq!(arn_tail(arn), "service/web/api");
        assert_eq!(short_name(arn), "api");
        assert_eq!(short_name("api"), "api");
        assert_eq!(arn_account(arn), Some("123456789012"));
        assert_eq!(arn_account("api"), None);
    }
}
