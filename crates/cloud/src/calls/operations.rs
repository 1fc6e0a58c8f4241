//! The table of operations: what each call is, which throttle it draws on, how much it takes at once, how
//! its pages hang together, and what IAM calls it.
//!
//! The call path, budgets, metric labels and the IAM policy come from here, one row for each [`Op`].

use super::budget::Bucket;
use evenkeel_model::shapes::Op;

/// Whether a call changes the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It changes nothing and may be repeated.
    Read,
    /// It may change something; needs a [`Permit`](super::Permit).
    Write,
}

/// How many things one call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The list member of the input that names them.
    pub member: &'static str,
    /// Its longest allowed length; lists of names that stand for the same have the same limit.
    pub max: usize,
}

/// How a listing comes in pages. Members are named canonically, in `camelCase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The input member for the token of the next page.
    pub token_in: &'static str,
    /// The output member that gives that token; absent or empty on the last page.
    pub token_out: &'static str,
    /// The output member with the items.
    pub items: &'static str,
    /// The input member for the size of a page.
    pub size: &'static str,
    /// The largest page. AWS's default is often much smaller.
    pub max: i64,
}

/// What is known of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The operation.
    pub op: Op,
    /// Whether it changes the world.
    pub effect: Effect,
    /// The throttle that it draws on.
    pub bucket: Bucket,
    /// How many things it takes at once, where it takes a list.
    pub batch: Option<Batch>,
    /// How its pages hang together, where it has any.
    pub page: Option<Page>,
    /// The IAM action that allows it.
    pub iam: &'static str,
}

/// The row of an operation.
pub fn row(op: Op) -> &'static Row {
    &ROWS[op as usize]
}

/// Every row, in the order of [`Op::ALL`].
pub fn rows() -> &'static [Row] {
    &ROWS
}

const fn new(op: Op, effect: Effect, bucket: Bucket, iam: &'static str) -> Row {
    Row { op, effect, bucket, batch: None, page: None, iam }
}

const fn read(op: Op, bucket: Bucket, iam: &'static str) -> Row {
    new(op, Effect::Read, bucket, iam)
}

const fn write(op: Op, bucket: Bucket, iam: &'static str) -> Row {
    new(op, Effect::Write, bucket, iam)
}

impl Row {
    const fn batch(mut self, member: &'static str, max: usize) -> Row {
        self.batch = Some(Batch { member, max });
        self
    }

    const fn pages(
        mut self,
        token_in: &'static str,
        token_out: &'static str,
        items: &'static str,
        size: &'static str,
        max: i64,
    ) -> Row {
        self.page = Some(Page { token_in, token_out, items, size, max });
        self
    }
}

#[rustfmt::skip]
static ROWS: [Row; Op::ALL.len()] = [
    write(Op::EcsContinueServiceDeployment, Bucket::EcsServiceModify, "ecs:ContinueServiceDeployment"),
    write(Op::EcsCreateCluster, Bucket::EcsClusterModify, "ecs:CreateCluster"),
    write(Op::EcsCreateService, Bucket::EcsServiceModify, "ecs:CreateService"),
    write(Op::EcsDeleteCluster, Bucket::EcsClusterModify, "ecs:DeleteCluster"),
    write(Op::EcsDeleteService, Bucket::EcsServiceModify, "ecs:DeleteService"),
    write(Op::EcsDeleteTaskDefinitions, Bucket::EcsTaskDefinitionDelete, "ecs:DeleteTaskDefinitions").batch("taskDefinitions", 10),
    write(Op::EcsDeregisterTaskDefinition, Bucket::EcsTaskDefinitionModify, "ecs:DeregisterTaskDefinition"),
    read(Op::EcsDescribeClusters, Bucket::EcsClusterRead, "ecs:DescribeClusters").batch("clusters", 100),
    read(Op::EcsDescribeServiceDeployments, Bucket::EcsServiceDeploymentRead, "ecs:DescribeServiceDeployments").batch("serviceDeploymentArns", 20),
    read(Op::EcsDescribeServiceRevisions, Bucket::EcsServiceRevisionRead, "ecs:DescribeServiceRevisions").batch("serviceRevisionArns", 20),
    read(Op::EcsDescribeServices, Bucket::EcsServiceRead, "ecs:DescribeServices").batch("services", 10),
    read(Op::EcsDescribeTaskDefinition, Bucket::EcsTaskDefinitionRead, "ecs:DescribeTaskDefinition"),
    read(Op::EcsDescribeTasks, Bucket::EcsClusterResourceRead, "ecs:DescribeTasks").batch("tasks", 100),
    read(Op::EcsListClusters, Bucket::EcsClusterRead, "ecs:ListClusters").pages("nextToken", "nextToken", "clusterArns", "maxResults", 100),
    read(Op::EcsListServiceDeployments, Bucket::EcsServiceDeploymentRead, "ecs:ListServiceDeployments").pages("nextToken", "nextToken", "serviceDeployments", "maxResults", 100),
    read(Op::EcsListServices, Bucket::EcsServiceRead, "ecs:ListServices").pages("nextToken", "nextToken", "serviceArns", "maxResults", 100),
    read(Op::EcsListTagsForResource, Bucket::EcsTagRead, "ecs:ListTagsForResource"),
    read(Op::EcsListTaskDefinitionFamilies, Bucket::EcsTaskDefinitionRead, "ecs:ListTaskDefinitionFamilies").pages("nextToken", "nextToken", "families", "maxResults", 100),
    read(Op::EcsListTaskDefinitions, Bucket::EcsTaskDefinitionRead, "ecs:ListTaskDefinitions").pages("nextToken", "nextToken", "taskDefinitionArns", "maxResults", 100),
    read(Op::EcsListTasks, Bucket::EcsClusterResourceRead, "ecs:ListTasks").pages("nextToken", "nextToken", "taskArns", "maxResults", 100),
    write(Op::EcsPutClusterCapacityProviders, Bucket::EcsClusterModify, "ecs:PutClusterCapacityProviders"),
    write(Op::EcsRegisterTaskDefinition, Bucket::EcsTaskDefinitionModify, "ecs:RegisterTaskDefinition"),
    write(Op::EcsStopServiceDeployment, Bucket::EcsServiceModify, "ecs:StopServiceDeployment"),
    write(Op::EcsTagResource, Bucket::EcsTagModify, "ecs:TagResource"),
    write(Op::EcsUntagResource, Bucket::EcsTagModify, "ecs:UntagResource"),
    write(Op::EcsUpdateCluster, Bucket::EcsClusterModify, "ecs:UpdateCluster"),
    write(Op::EcsUpdateService, Bucket::EcsServiceModify, "ecs:UpdateService"),
    write(Op::Elbv2AddListenerCertificates, Bucket::ElbModify, "elasticloadbalancing:AddListenerCertificates"),
    write(Op::Elbv2AddTags, Bucket::ElbModify, "elasticloadbalancing:AddTags").batch("resourceArns", 20),
    write(Op::Elbv2CreateListener, Bucket::ElbModify, "elasticloadbalancing:CreateListener"),
    write(Op::Elbv2CreateLoadBalancer, Bucket::ElbResourceIntensive, "elasticloadbalancing:CreateLoadBalancer"),
    write(Op::Elbv2CreateRule, Bucket::ElbModify, "elasticloadbalancing:CreateRule"),
    write(Op::Elbv2CreateTargetGroup, Bucket::ElbModify, "elasticloadbalancing:CreateTargetGroup"),
    write(Op::Elbv2DeleteListener, Bucket::ElbModify, "elasticloadbalancing:DeleteListener"),
    write(Op::Elbv2DeleteLoadBalancer, Bucket::ElbModify, "elasticloadbalancing:DeleteLoadBalancer"),
    write(Op::Elbv2DeleteRule, Bucket::ElbModify, "elasticloadbalancing:DeleteRule"),
    write(Op::Elbv2DeleteTargetGroup, Bucket::ElbModify, "elasticloadbalancing:DeleteTargetGroup"),
    read(Op::Elbv2DescribeListenerAttributes, Bucket::ElbRead, "elasticloadbalancing:DescribeListenerAttributes"),
    read(Op::Elbv2DescribeListenerCertificates, Bucket::ElbRead, "elasticloadbalancing:DescribeListenerCertificates").pages("marker", "nextMarker", "certificates", "pageSize", 400),
    read(Op::Elbv2DescribeListeners, Bucket::ElbRead, "elasticloadbalancing:DescribeListeners").batch("listenerArns", 20).pages("marker", "nextMarker", "listeners", "pageSize", 400),
    read(Op::Elbv2DescribeLoadBalancerAttributes, Bucket::ElbRead, "elasticloadbalancing:DescribeLoadBalancerAttributes"),
    read(Op::Elbv2DescribeLoadBalancers, Bucket::ElbRead, "elasticloadbalancing:DescribeLoadBalancers").batch("loadBalancerArns", 20).pages("marker", "nextMarker", "loadBalancers", "pageSize", 400),
    read(Op::Elbv2DescribeRules, Bucket::ElbRead, "elasticloadbalancing:DescribeRules").batch("ruleArns", 20).pages("marker", "nextMarker", "rules", "pageSize", 400),
    read(Op::Elbv2DescribeTags, Bucket::ElbRead, "elasticloadbalancing:DescribeTags").batch("resourceArns", 20),
    read(Op::Elbv2DescribeTargetGroupAttributes, Bucket::ElbRead, "elasticloadbalancing:DescribeTargetGroupAttributes"),
    read(Op::Elbv2DescribeTargetGroups, Bucket::ElbRead, "elasticloadbalancing:DescribeTargetGroups").batch("targetGroupArns", 20).pages("marker", "nextMarker", "targetGroups", "pageSize", 400),
    read(Op::Elbv2DescribeTargetHealth, Bucket::ElbRead, "elasticloadbalancing:DescribeTargetHealth"),
    write(Op::Elbv2ModifyListener, Bucket::ElbModify, "elasticloadbalancing:ModifyListener"),
    write(Op::Elbv2ModifyListenerAttributes, Bucket::ElbModify, "elasticloadbalancing:ModifyListenerAttributes"),
    write(Op::Elbv2ModifyLoadBalancerAttributes, Bucket::ElbModify, "elasticloadbalancing:ModifyLoadBalancerAttributes"),
    write(Op::Elbv2ModifyRule, Bucket::ElbModify, "elasticloadbalancing:ModifyRule"),
    write(Op::Elbv2ModifyTargetGroup, Bucket::ElbModify, "elasticloadbalancing:ModifyTargetGroup"),
    write(Op::Elbv2ModifyTargetGroupAttributes, Bucket::ElbModify, "elasticloadbalancing:ModifyTargetGroupAttributes"),
    write(Op::Elbv2RemoveListenerCertificates, Bucket::ElbModify, "elasticloadbalancing:RemoveListenerCertificates"),
    write(Op::Elbv2RemoveTags, Bucket::ElbModify, "elasticloadbalancing:RemoveTags").batch("resourceArns", 20),
    write(Op::Elbv2SetRulePriorities, Bucket::ElbModify, "elasticloadbalancing:SetRulePriorities"),
    write(Op::Elbv2SetSecurityGroups, Bucket::ElbModify, "elasticloadbalancing:SetSecurityGroups"),
    write(Op::Elbv2SetSubnets, Bucket::ElbResourceIntensive, "elasticloadbalancing:SetSubnets"),
    write(Op::ScalingDeleteScalingPolicy, Bucket::ScalingModify, "application-autoscaling:DeleteScalingPolicy"),
    write(Op::ScalingDeleteScheduledAction, Bucket::ScalingModify, "application-autoscaling:DeleteScheduledAction"),
    write(Op::ScalingDeregisterScalableTarget, Bucket::ScalingModify, "application-autoscaling:DeregisterScalableTarget"),
    read(Op::ScalingDescribeScalableTargets, Bucket::ScalingRead, "application-autoscaling:DescribeScalableTargets").batch("resourceIds", 50).pages("nextToken", "nextToken", "scalableTargets", "maxResults", 50),
    read(Op::ScalingDescribeScalingActivities, Bucket::ScalingRead, "application-autoscaling:DescribeScalingActivities").pages("nextToken", "nextToken", "scalingActivities", "maxResults", 50),
    read(Op::ScalingDescribeScalingPolicies, Bucket::ScalingRead, "application-autoscaling:DescribeScalingPolicies").batch("policyNames", 50).pages("nextToken", "nextToken", "scalingPolicies", "maxResults", 10),
    read(Op::ScalingDescribeScheduledActions, Bucket::ScalingRead, "application-autoscaling:DescribeScheduledActions").batch("scheduledActionNames", 50).pages("nextToken", "nextToken", "scheduledActions", "maxResults", 50),
    read(Op::ScalingListTagsForResource, Bucket::ScalingRead, "application-autoscaling:ListTagsForResource"),
    write(Op::ScalingPutScalingPolicy, Bucket::ScalingModify, "application-autoscaling:PutScalingPolicy"),
    write(Op::ScalingPutScheduledAction, Bucket::ScalingModify, "application-autoscaling:PutScheduledAction"),
    write(Op::ScalingRegisterScalableTarget, Bucket::ScalingModify, "application-autoscaling:RegisterScalableTarget"),
    write(Op::ScalingTagResource, Bucket::ScalingModify, "application-autoscaling:TagResource"),
    write(Op::ScalingUntagResource, Bucket::ScalingModify, "application-autoscaling:UntagResource"),
    read(Op::EcrBatchGetImage, Bucket::EcrImageRead, "ecr:BatchGetImage").batch("imageIds", 100),
    write(Op::EcrCreateRepository, Bucket::EcrModify, "ecr:CreateRepository"),
    write(Op::EcrDeleteLifecyclePolicy, Bucket::EcrModify, "ecr:DeleteLifecyclePolicy"),
    write(Op::EcrDeleteRepository, Bucket::EcrModify, "ecr:DeleteRepository"),
    read(Op::EcrDescribeImages, Bucket::EcrRead, "ecr:DescribeImages").batch("imageIds", 100).pages("nextToken", "nextToken", "imageDetails", "maxResults", 1000),
    read(Op::EcrDescribeRepositories, Bucket::EcrRead, "ecr:DescribeRepositories").batch("repositoryNames", 100).pages("nextToken", "nextToken", "repositories", "maxResults", 1000),
    read(Op::EcrGetLifecyclePolicy, Bucket::EcrRead, "ecr:GetLifecyclePolicy"),
    read(Op::EcrGetRepositoryPolicy, Bucket::EcrRead, "ecr:GetRepositoryPolicy"),
    read(Op::EcrListTagsForResource, Bucket::EcrRead, "ecr:ListTagsForResource"),
    write(Op::EcrPutImageScanningConfiguration, Bucket::EcrModify, "ecr:PutImageScanningConfiguration"),
    write(Op::EcrPutImageTagMutability, Bucket::EcrModify, "ecr:PutImageTagMutability"),
    write(Op::EcrPutLifecyclePolicy, Bucket::EcrModify, "ecr:PutLifecyclePolicy"),
    write(Op::EcrSetRepositoryPolicy, Bucket::EcrModify, "ecr:SetRepositoryPolicy"),
    write(Op::EcrTagResource, Bucket::EcrModify, "ecr:TagResource"),
    write(Op::EcrUntagResource, Bucket::EcrModify, "ecr:UntagResource"),
    write(Op::LogsCreateLogGroup, Bucket::LogsModify, "logs:CreateLogGroup"),
    write(Op::LogsDeleteLogGroup, Bucket::LogsModify, "logs:DeleteLogGroup"),
    write(Op::LogsDeleteRetentionPolicy, Bucket::LogsModify, "logs:DeleteRetentionPolicy"),
    read(Op::LogsDescribeLogGroups, Bucket::LogsRead, "logs:DescribeLogGroups").pages("nextToken", "nextToken", "logGroups", "limit", 50),
    read(Op::LogsListTagsForResource, Bucket::LogsRead, "logs:ListTagsForResource"),
    write(Op::LogsPutRetentionPolicy, Bucket::LogsModify, "logs:PutRetentionPolicy"),
    write(Op::LogsTagResource, Bucket::LogsModify, "logs:TagResource"),
    write(Op::LogsUntagResource, Bucket::LogsModify, "logs:UntagResource"),
];

#[cfg(test)]
mod tests {
    use evenkeel_model::shapes::{Kind, ShapeId};

    use super::*;

    #[test]
    fn every_operation_has_its_row_in_its_place() {
        for (op, row) in Op::ALL.into_iter().zip(rows()) {
            assert_eq!(row.op, op);
            let (_, action) = row.iam.split_once(':').unwrap();
            assert_eq!(action, op.name());
        }
    }

    #[test]
    fn members_of_batches_and_pages_are_members_of_the_shapes() {
        let list = |shape: Option<ShapeId>, name| {
            let member = shape.and_then(|shape| shape.member(name)).unwrap();
            matches!(member.shape.kind(), Kind::List { .. })
        };
        for row in rows() {
            let (input, output) = (Some(row.op.input()), row.op.output());
            if let Some(batch) = row.batch {
                assert!(list(input, batch.member), "{}", row.op);
            }
            if let Some(page) = row.page {
                assert!(list(output, page.items), "{}", row.op);
                assert!(
                    !list(input, page.token_in) && !list(output, page.token_out) && !list(input, page.size)
                );
            }
            let paged = output
                .is_some_and(|shape| shape.member("nextToken").or(shape.member("nextMarker")).is_some());
            assert_eq!(row.page.is_some(), paged, "{}", row.op);
        }
    }

    #[test]
    fn what_only_reads_is_told_from_what_writes_by_its_verb() {
        for row in rows() {
            let reads =
                ["Describe", "List", "Get", "BatchGet"].iter().any(|verb| row.op.name().starts_with(verb));
            assert_eq!(row.effect == Effect::Read, reads, "{:?}", row.op);
        }
    }
}
