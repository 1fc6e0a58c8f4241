//! Looks at AWS: subjects in, what is there out, in as few calls as AWS's batches allow.
//!
//! # Guarantees
//! A subject is reported absent only where AWS said so by name, or left it out of a complete listing that
//! began after `begun`. A subject whose reading failed is not reported at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_model::key::{ServiceKey, Subject, SubjectKind, short_name};
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Moment, Seen, World};
use evenkeel_model::{Name, Tree};

use crate::calls::{CallError, Calls, Class};

/// What a look at some subjects gave.
#[derive(Debug, Default)]
pub struct Observed {
    /// What was seen.
    pub seen: Vec<(Subject, Seen)>,
    /// What kept the rest from being seen.
    pub errors: Vec<CallError>,
}

/// How many of a family's newest revisions are listed.
const NEWEST_REVISIONS: i64 = 10;

/// From this many services on, one listing of all policies is cheaper than a call for each.
const LIST_ALL_FROM: usize = 10;

/// The attributes of a target group cost a call each: one group's are read again after this time, or after
/// half a second for each group there is, whichever is longer. Half of the ELB API's ten calls a second is
/// ours, and attributes are not to take more than half of that.
const ATTRIBUTES_FOR_LEAST: Duration = Duration::from_secs(60);

/// In the tree of a target group: when its attributes were read. No field of AWS, so never compared.
const ATTRIBUTES_AT: &str = "evenkeelAttributesAt";

/// What is known already and expensive to read again: the attributes of target groups, and when they were
/// read.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<String, (Tree, Tree)>);

impl Known {
    /// What the world has of it for these subjects.
    pub fn of(world: &World, subjects: &BTreeSet<Subject>) -> Self {
        let groups = subjects.iter().filter(|s| s.kind() == SubjectKind::TargetGroup);
        let known = groups.filter_map(|subject| {
            let tree = world.tree(subject)?;
            let attributes = (tree.get("attributes")?.clone(), tree.get(ATTRIBUTES_AT)?.clone());
            Some((name_of(subject).to_owned(), attributes))
        });
        Known(known.collect())
    }
}

/// Looks at subjects. `begun` is this moment; of `known`, what is fresh enough is taken over.
///
/// # Errors
/// None as a whole: each call that fails is in [`Observed::errors`], and its subjects are left out.
pub async fn observe(calls: &Calls, subjects: &BTreeSet<Subject>, known: &Known, begun: Moment) -> Observed {
    let mut look = Look { calls, known, begun, observed: Observed::default() };
    for kind in SubjectKind::ALL {
        let of_kind: Vec<&Subject> = subjects.iter().filter(|s| s.kind() == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let result = match kind {
            SubjectKind::Cluster => look.clusters(&of_kind).await,
            SubjectKind::Repository => look.repositories(&of_kind).await,
            SubjectKind::LogGroup => look.log_groups(&of_kind).await,
            SubjectKind::TargetGroup => look.target_groups(&of_kind).await,
            SubjectKind::TargetHealth => look.target_health(&of_kind).await,
            SubjectKind::LoadBalancer => look.load_balancers(&of_kind).await,
            SubjectKind::Listeners => look.listeners(&of_kind).await,
            SubjectKind::Rules => look.rules(&of_kind).await,
            SubjectKind::Family => look.families(&of_kind).await,
            SubjectKind::TaskDefinition => look.task_definitions(&of_kind).await,
            SubjectKind::ServiceRevision => look.service_revisions(&of_kind).await,
            SubjectKind::Service => look.services(&of_kind).await,
            SubjectKind::ScalableTarget => look.scalable_targets(&of_kind).await,
            SubjectKind::Policies => look.policies(&of_kind).await,
            SubjectKind::ScheduledActions => look.scheduled_actions(&of_kind).await,
            SubjectKind::Deployments => look.deployments(&of_kind).await,
            SubjectKind::StoppedTasks => look.stopped_tasks(&of_kind).await,
        };
        if let Err(error) = result {
            look.observed.errors.push(error);
        }
    }
    look.observed
}

struct Look<'a> {
    calls: &'a Calls,
    known: &'a Known,
    begun: Moment,
    observed: Observed,
}

type Looked = Result<(), CallError>;

fn texts<'t>(items: impl IntoIterator<Item = &'t str>) -> Tree {
    Tree::list(items.into_iter().map(Tree::from))
}

fn name_of(subject: &Subject) -> &str {
    match subject {
        Subject::Cluster(n)
        | Subject::Repository(n)
        | Subject::LogGroup(n)
        | Subject::TargetGroup(n)
        | Subject::TargetHealth(n)
        | Subject::LoadBalancer(n)
        | Subject::Listeners(n)
        | Subject::Rules(n)
        | Subject::Family(n)
        | Subject::TaskDefinition(n)
        | Subject::ServiceRevision(n) => n,
        Subject::Service(k)
        | Subject::ScalableTarget(k)
        | Subject::Policies(k)
        | Subject::ScheduledActions(k)
        | Subject::Deployments(k)
        | Subject::StoppedTasks(k) => &k.name,
    }
}

fn key_of(subject: &Subject) -> Option<&ServiceKey> {
    match subject {
        Subject::Service(k)
        | Subject::ScalableTarget(k)
        | Subject::Policies(k)
        | Subject::ScheduledActions(k)
        | Subject::Deployments(k)
        | Subject::StoppedTasks(k) => Some(k),
        _ => None,
    }
}

impl Look<'_> {
    fn present(&mut self, subject: &Subject, tree: Tree) {
        self.observed.seen.push((subject.clone(), Seen::Present { seen_at: self.begun, tree }));
    }

    fn absent(&mut self, subject: &Subject) {
        self.observed.seen.push((subject.clone(), Seen::Absent { seen_at: self.begun }));
    }

    /// Reports each subject from a complete listing by name.
    fn listed_by_name(&mut self, subjects: &[&Subject], mut found: BTreeMap<String, Tree>) {
        for subject in subjects {
            match found.remove(name_of(subject)) {
                Some(tree) => self.present(subject, tree),
                None => self.absent(subject),
            }
        }
    }

    async fn clusters(&mut self, subjects: &[&Subject]) -> Looked {
        for batch in subjects.chunks(100) {
            let input = Tree::map()
                .with("clusters", texts(batch.iter().map(|s| name_of(s))))
                .with("include", texts(["TAGS", "SETTINGS", "CONFIGURATIONS"]));
            let output = self.calls.read(Op::EcsDescribeClusters, input).await?;
            let found = by_name(output.list_of("clusters"), "clusterName");
            self.listed_by_name(batch, found);
        }
        Ok(())
    }

    async fn repositories(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let input = Tree::map().with("repositoryNames", texts([name_of(subject)]));
            let output = match self.calls.read(Op::EcrDescribeRepositories, input).await {
                Err(error) if error.class == Class::NotFound => {
                    self.absent(subject);
                    continue;
                }
                other => other?,
            };
            let Some(tree) = output.list_of("repositories").first() else {
                self.absent(subject);
                continue;
            };
            let arn = Tree::map().with("resourceArn", tree.str("repositoryArn").unwrap_or_default());
            let tags = self.calls.read(Op::EcrListTagsForResource, arn).await?;
            let tags = tags.get("tags").cloned().unwrap_or_default();
            self.present(subject, tree.clone().with("tags", tags));
        }
        Ok(())
    }

    async fn log_groups(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let input = Tree::map().with("logGroupNamePrefix", name_of(subject));
            let groups = self.calls.pages(Op::LogsDescribeLogGroups, input).await?;
            let Some(tree) = groups.into_iter().find(|g| g.str("logGroupName") == Some(name_of(subject)))
            else {
                self.absent(subject);
                continue;
            };
            let arn = tree.str("logGroupArn").or_else(|| tree.str("arn")).unwrap_or_default();
            let arn = Tree::map().with("resourceArn", arn.trim_end_matches(":*"));
            let tags = self.calls.read(Op::LogsListTagsForResource, arn).await?;
            let tags = tags.get("tags").cloned().unwrap_or_default();
            self.present(subject, tree.with("tags", tags));
        }
        Ok(())
    }

    /// Tags by ARN, twenty a call.
    async fn elb_tags(&self, arns: &[String]) -> Result<BTreeMap<String, Tree>, CallError> {
        let mut tags = BTreeMap::new();
        for batch in arns.chunks(20) {
            let input = Tree::map().with("resourceArns", texts(batch.iter().map(String::as_str)));
            let output = self.calls.read(Op::Elbv2DescribeTags, input).await?;
            for described in output.list_of("tagDescriptions") {
                if let Some(arn) = described.str("resourceArn") {
                    let list = described.get("tags").cloned().unwrap_or_default();
                    tags.insert(arn.to_owned(), list);
                }
            }
        }
        Ok(tags)
    }

    /// The trees with their tags.
    async fn tagged(&self, trees: Vec<Tree>, arn_member: &str) -> Result<Vec<Tree>, CallError> {
        let arns: Vec<String> = trees.iter().filter_map(|t| Some(t.str(arn_member)?.to_owned())).collect();
        let tags = self.elb_tags(&arns).await?;
        let tags_of = |tree: &Tree| tree.str(arn_member).and_then(|arn| tags.get(arn)).cloned();
        Ok(trees
            .into_iter()
            .map(|tree| {
                let own = tags_of(&tree).unwrap_or_default();
                tree.with("tags", own)
            })
            .collect())
    }

    async fn target_groups(&mut self, subjects: &[&Subject]) -> Looked {
        let names: BTreeSet<&str> = subjects.iter().map(|s| name_of(s)).collect();
        let mut groups = self.calls.pages(Op::Elbv2DescribeTargetGroups, Tree::map()).await?;
        groups.retain(|g| g.str("targetGroupName").is_some_and(|n| names.contains(n)));
        let groups = self.tagged(groups, "targetGroupArn").await?;
        let rotation = ATTRIBUTES_FOR_LEAST.max(Duration::from_millis(500 * groups.len() as u64));
        let mut found = BTreeMap::new();
        for group in groups {
            let name = group.str("targetGroupName").unwrap_or_default().to_owned();
            let group = match self.fresh_attributes(&name, rotation) {
                Some((attributes, at)) => group.with("attributes", attributes).with(ATTRIBUTES_AT, at),
                None => {
                    let arn = group.str("targetGroupArn").unwrap_or_default();
                    let input = Tree::map().with("targetGroupArn", arn);
                    let output = self.calls.read(Op::Elbv2DescribeTargetGroupAttributes, input).await?;
                    let attributes = output.list_of("attributes").iter().filter_map(|a| {
                        Some((Name::from(a.str("key")?), Tree::from(a.str("value").unwrap_or_default())))
                    });
                    let at = Tree::Int(i64::try_from(self.begun.0).unwrap_or(i64::MAX));
                    group.with("attributes", Tree::Map(attributes.collect())).with(ATTRIBUTES_AT, at)
                }
            };
            found.insert(name, group);
        }
        self.listed_by_name(subjects, found);
        Ok(())
    }

    /// What is known of a target group's attributes, where it was read recently and not written since.
    fn fresh_attributes(&self, name: &str, rotation: Duration) -> Option<(Tree, Tree)> {
        let (attributes, at) = self.known.0.get(name)?;
        let read = Moment(u64::try_from(at.as_int()?).ok()?);
        (self.begun.since(read) < rotation).then(|| (attributes.clone(), at.clone()))
    }

    async fn target_health(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let input = Tree::map().with("targetGroupArn", name_of(subject));
            match self.calls.read(Op::Elbv2DescribeTargetHealth, input).await {
                Ok(output) => {
                    let targets = output.get("targetHealthDescriptions").cloned();
                    self.present(subject, targets.unwrap_or_else(|| Tree::list([])));
                }
                Err(error) if error.class == Class::NotFound => self.absent(subject),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn load_balancers(&mut self, subjects: &[&Subject]) -> Looked {
        let names: BTreeSet<&str> = subjects.iter().map(|s| name_of(s)).collect();
        let mut all = self.calls.pages(Op::Elbv2DescribeLoadBalancers, Tree::map()).await?;
        all.retain(|lb| lb.str("loadBalancerName").is_some_and(|n| names.contains(n)));
        let all = self.tagged(all, "loadBalancerArn").await?;
        let found = by_name(&all, "loadBalancerName");
        self.listed_by_name(subjects, found);
        Ok(())
    }

    async fn listeners(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let input = Tree::map().with("loadBalancerArn", name_of(subject));
            match self.calls.pages(Op::Elbv2DescribeListeners, input).await {
                Ok(listeners) => {
                    let listeners = self.tagged(listeners, "listenerArn").await?;
                    self.present(subject, Tree::from(listeners));
                }
                Err(error) if error.class == Class::NotFound => self.absent(subject),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn rules(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let input = Tree::map().with("listenerArn", name_of(subject));
            match self.calls.pages(Op::Elbv2DescribeRules, input).await {
                Ok(mut rules) => {
                    // The default rule is the listener's, and has no tags of its own.
                    rules.retain(|r| r.bool("isDefault") != Some(true));
                    let rules = self.tagged(rules, "ruleArn").await?;
                    self.present(subject, Tree::from(rules));
                }
                Err(error) if error.class == Class::NotFound => self.absent(subject),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn families(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let input = Tree::map()
                .with("familyPrefix", name_of(subject))
                .with("sort", "DESC")
                .with("status", "ACTIVE")
                .with("maxResults", NEWEST_REVISIONS);
            let output = self.calls.read(Op::EcsListTaskDefinitions, input).await?;
            let arns = output.get("taskDefinitionArns").cloned().unwrap_or_else(|| Tree::list([]));
            self.present(subject, arns);
        }
        Ok(())
    }

    async fn task_definitions(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let input = Tree::map().with("taskDefinition", name_of(subject)).with("include", texts(["TAGS"]));
            match self.calls.read(Op::EcsDescribeTaskDefinition, input).await {
                Ok(output) => {
                    let tags = output.get("tags").cloned().unwrap_or_default();
                    let tree = output.get("taskDefinition").cloned().unwrap_or_default();
                    self.present(subject, tree.with("tags", tags));
                }
                // ECS says ClientException for a revision that it does not have.
                Err(error) if matches!(error.class, Class::NotFound | Class::Invalid) => {
                    self.absent(subject);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn service_revisions(&mut self, subjects: &[&Subject]) -> Looked {
        for batch in subjects.chunks(20) {
            let input = Tree::map().with("serviceRevisionArns", texts(batch.iter().map(|s| name_of(s))));
            let output = self.calls.read(Op::EcsDescribeServiceRevisions, input).await?;
            let found = by_name(output.list_of("serviceRevisions"), "serviceRevisionArn");
            self.listed_by_name(batch, found);
        }
        Ok(())
    }

    async fn services(&mut self, subjects: &[&Subject]) -> Looked {
        let mut by_cluster: BTreeMap<&str, Vec<&Subject>> = BTreeMap::new();
        for subject in subjects {
            if let Some(key) = key_of(subject) {
                by_cluster.entry(&key.cluster).or_default().push(subject);
            }
        }
        for (cluster, subjects) in by_cluster {
            for batch in subjects.chunks(10) {
                let input = Tree::map()
                    .with("cluster", cluster)
                    .with("services", texts(batch.iter().map(|s| name_of(s))))
                    .with("include", texts(["TAGS"]));
                let output = match self.calls.read(Op::EcsDescribeServices, input).await {
                    // Without its cluster a service is not there.
                    Err(error) if error.class == Class::NotFound => Tree::map(),
                    other => other?,
                };
                let found = by_name(output.list_of("services"), "serviceName");
                let missing: BTreeSet<&str> = output
                    .list_of("failures")
                    .iter()
                    .filter(|f| f.str("reason") != Some("MISSING"))
                    .filter_map(|f| f.str("arn"))
                    .map(short_name)
                    .collect();
                // A service that AWS neither described nor called missing is not known to be absent.
                let certain: Vec<&Subject> =
                    batch.iter().copied().filter(|s| !missing.contains(name_of(s))).collect();
                self.listed_by_name(&certain, found);
            }
        }
        Ok(())
    }

    /// The newest deployments of each service: their ARNs, then all about them.
    async fn deployments(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let Some(key) = key_of(subject) else { continue };
            let input = Tree::map()
                .with("cluster", key.cluster.as_str())
                .with("service", key.name.as_str())
                .with("maxResults", NEWEST_REVISIONS);
            let listed = match self.calls.read(Op::EcsListServiceDeployments, input).await {
                Ok(listed) => listed,
                Err(error) if error.class == Class::NotFound => {
                    self.absent(subject);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let arns: Vec<&str> = listed
                .list_of("serviceDeployments")
                .iter()
                .filter_map(|d| d.str("serviceDeploymentArn"))
                .collect();
            let mut found = Vec::new();
            for batch in arns.chunks(20) {
                let input = Tree::map().with("serviceDeploymentArns", texts(batch.iter().copied()));
                let output = self.calls.read(Op::EcsDescribeServiceDeployments, input).await?;
                found.extend(output.list_of("serviceDeployments").iter().cloned());
            }
            let at = |d: &Tree| d.get("createdAt").and_then(Tree::as_num).unwrap_or_default();
            found.sort_by(|a, b| at(b).total_cmp(&at(a)));
            self.present(subject, Tree::from(found));
        }
        Ok(())
    }

    /// The tasks of each service that stopped lately: ECS shows them for about an hour.
    async fn stopped_tasks(&mut self, subjects: &[&Subject]) -> Looked {
        for subject in subjects {
            let Some(key) = key_of(subject) else { continue };
            let input = Tree::map()
                .with("cluster", key.cluster.as_str())
                .with("serviceName", key.name.as_str())
                .with("desiredStatus", "STOPPED");
            let listed = match self.calls.read(Op::EcsListTasks, input).await {
                Ok(listed) => listed,
                Err(error) if error.class == Class::NotFound => {
                    self.absent(subject);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let arns: Vec<&str> = listed.list_of("taskArns").iter().filter_map(Tree::as_str).collect();
            let mut found = Vec::new();
            for batch in arns.chunks(100) {
                let input = Tree::map()
                    .with("cluster", key.cluster.as_str())
                    .with("tasks", texts(batch.iter().copied()));
                let output = self.calls.read(Op::EcsDescribeTasks, input).await?;
                found.extend(output.list_of("tasks").iter().cloned());
            }
            self.present(subject, Tree::from(found));
        }
        Ok(())
    }

    async fn scalable_targets(&mut self, subjects: &[&Subject]) -> Looked {
        for batch in subjects.chunks(50) {
            let ids: Vec<String> = batch.iter().filter_map(|s| Some(key_of(s)?.resource_id())).collect();
            let input = scaling().with("resourceIds", texts(ids.iter().map(String::as_str)));
            let targets = self.calls.pages(Op::ScalingDescribeScalableTargets, input).await?;
            let mut found = by_name(&targets, "resourceId");
            for subject in batch {
                match key_of(subject).and_then(|k| found.remove(&k.resource_id())) {
                    Some(tree) => self.present(subject, tree),
                    None => self.absent(subject),
                }
            }
        }
        Ok(())
    }

    async fn policies(&mut self, subjects: &[&Subject]) -> Looked {
        self.listed(subjects, Op::ScalingDescribeScalingPolicies).await
    }

    async fn scheduled_actions(&mut self, subjects: &[&Subject]) -> Looked {
        self.listed(subjects, Op::ScalingDescribeScheduledActions).await
    }

    /// What Application Auto Scaling lists for one service, or for all.
    async fn listed(&mut self, subjects: &[&Subject], op: Op) -> Looked {
        if subjects.len() < LIST_ALL_FROM {
            for subject in subjects {
                let Some(key) = key_of(subject) else { continue };
                let input = scaling().with("resourceId", key.resource_id());
                let items = self.calls.pages(op, input).await?;
                self.present(subject, Tree::from(items));
            }
            return Ok(());
        }
        let mut by_service: BTreeMap<String, Vec<Tree>> = BTreeMap::new();
        for item in self.calls.pages(op, scaling()).await? {
            if let Some(id) = item.str("resourceId") {
                by_service.entry(id.to_owned()).or_default().push(item);
            }
        }
        for subject in subjects {
            let items = key_of(subject).and_then(|k| by_service.remove(&k.resource_id()));
            self.present(subject, Tree::from(items.unwrap_or_default()));
        }
        Ok(())
    }
}

fn scaling() -> Tree {
    Tree::map().with("serviceNamespace", "ecs").with("scalableDimension", "ecs:service:DesiredCount")
}

fn by_name(trees: &[Tree], member: &str) -> BTreeMap<String, Tree> {
    trees.iter().filter_map(|t| Some((t.str(member)?.to_owned(), t.clone()))).collect()
}
