//! What is compared.

use evenkeel_model::shapes::{Op, ShapeId};

/// What is compared: each has one shape, in which it is declared, and one table of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the resources' own names
pub enum Kind {
    TaskDefinition,
    Service,
    TargetGroup,
    LoadBalancer,
    Listener,
    Rule,
    ScalableTarget,
    ScalingPolicy,
    ScheduledAction,
    Cluster,
    Repository,
    LogGroup,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 12] = [
        Kind::TaskDefinition,
        Kind::Service,
        Kind::TargetGroup,
        Kind::LoadBalancer,
        Kind::Listener,
        Kind::Rule,
        Kind::ScalableTarget,
        Kind::ScalingPolicy,
        Kind::ScheduledAction,
        Kind::Cluster,
        Kind::Repository,
        Kind::LogGroup,
    ];

    /// The operation that creates one; its input is the form in which it is declared and compared.
    pub const fn create(self) -> Op {
        match self {
            Kind::TaskDefinition => Op::EcsRegisterTaskDefinition,
            Kind::Service => Op::EcsCreateService,
            Kind::TargetGroup => Op::Elbv2CreateTargetGroup,
            Kind::LoadBalancer => Op::Elbv2CreateLoadBalancer,
            Kind::Listener => Op::Elbv2CreateListener,
            Kind::Rule => Op::Elbv2CreateRule,
            Kind::ScalableTarget => Op::ScalingRegisterScalableTarget,
            Kind::ScalingPolicy => Op::ScalingPutScalingPolicy,
            Kind::ScheduledAction => Op::ScalingPutScheduledAction,
            Kind::Cluster => Op::EcsCreateCluster,
            Kind::Repository => Op::EcrCreateRepository,
            Kind::LogGroup => Op::LogsCreateLogGroup,
        }
    }

    /// The shape in which it is declared and compared.
    pub fn shape(self) -> ShapeId {
        self.create().input()
    }

    /// In words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Kind::TaskDefinition => "Task definition",
            Kind::Service => "Service",
            Kind::TargetGroup => "Target group",
            Kind::LoadBalancer => "Load balancer",
            Kind::Listener => "Listener",
            Kind::Rule => "Listener rule",
            Kind::ScalableTarget => "Scalable target",
            Kind::ScalingPolicy => "Scaling policy",
            Kind::ScheduledAction => "Scheduled action",
            Kind::Cluster => "Cluster",
            Kind::Repository => "Repository",
            Kind::LogGroup => "Log group",
        }
    }
}
