//! What a caller does that no good controller does, found by the simulator itself.
//!
//! A caller is held to the documents whose tag (`evenkeel:document`) it puts on what it creates; one that
//! tags nothing, a person at the console, is held to none.

use crate::ecs::{short, task_definitions};
use crate::elbv2::listeners::listener_of;
use crate::sim::{Call, Sim};
use crate::value::{self, list, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The tag that says whose a resource is.
const DOCUMENT: &str = "evenkeel:document";

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Virtual time, in milliseconds since the epoch.
    pub at_millis: i64,
    /// Who did it; empty for what merely is so.
    pub caller: String,
    /// By which operation.
    pub operation: String,
    /// The rule: `not-owned`, `unhealthy`, `starved-rule`, `registered-twice`, `orphan`.
    pub rule: &'static str,
    /// The ARN it is about.
    pub subject: String,
}

impl Violation {
    /// The violation as the control API shows it.
    pub fn to_value(&self) -> Value {
        json!({
            "at": value::time(self.at_millis), "caller": self.caller, "operation": self.operation,
            "rule": self.rule, "subject": self.subject,
        })
    }
}

/// The violations so far, and the documents of each caller.
#[derive(Debug, Clone, Default)]
pub struct Violations {
    /// Oldest first.
    pub found: Vec<Violation>,
    documents: BTreeMap<String, BTreeSet<String>>,
}

impl Violations {
    /// Those so far, and what is wrong as things stand: target groups and rules of a document that no
    /// service uses.
    pub fn all(&self, sim: &Sim) -> Vec<Violation> {
        let standing = orphans(sim).into_iter().map(|subject| Violation {
            at_millis: sim.now,
            caller: String::new(),
            operation: String::new(),
            rule: "orphan",
            subject,
        });
        self.found.iter().cloned().chain(standing).collect()
    }
}

/// What was so before a write.
pub struct Watch {
    owners: Vec<(String, Option<String>)>,
    /// Services whose healthy tasks meet the lower bound.
    whole: BTreeSet<String>,
    /// Rules that serve, each with whether it still would by the services' own account.
    served: BTreeMap<String, bool>,
    revisions: Vec<u64>,
}

impl Watch {
    /// Looks at what a call is about.
    pub fn new(sim: &Sim, call: &Call) -> Self {
        let owner = |arn: String| {
            let owner = sim.tags.get(&arn).and_then(|tags| tags.get(DOCUMENT)).cloned();
            (arn, owner)
        };
        let mut watch = Self {
            owners: subjects(sim, call).into_iter().map(owner).collect(),
            whole: BTreeSet::new(),
            served: BTreeMap::new(),
            revisions: Vec::new(),
        };
        match (call.service.as_str(), call.operation.as_str()) {
            ("ecs", "StopTask") => {
                watch.whole = concerned(sim, call).into_iter().filter(|arn| is_whole(sim, arn)).collect()
            }
            ("ecs", "UpdateService" | "DeleteService") | ("elbv2", "ModifyRule" | "ModifyListener") => {
                watch.served = rules(sim, call).into_iter().filter(|(_, served)| *served).collect();
            }
            ("ecs", "RegisterTaskDefinition") => watch.revisions = same_content(sim, call),
            _ => {}
        }
        watch
    }

    /// Says what is wrong with a call that has taken effect.
    pub fn judge(self, sim: &Sim, call: &Call, violations: &mut Violations) {
        let Violations { found, documents } = violations;
        let mut say = |rule, subject: String| {
            found.push(Violation {
                at_millis: sim.now,
                caller: call.caller.clone(),
                operation: call.operation.clone(),
                rule,
                subject,
            });
        };
        let creates = ["Create", "Register"].iter().any(|verb| call.operation.starts_with(verb));
        if let Some(document) = document_in(&call.input).filter(|_| creates) {
            documents.entry(call.caller.clone()).or_default().insert(document);
        }
        if let Some(own) = documents.get(&call.caller) {
            for (arn, owner) in self.owners {
                if owner.is_none_or(|owner| !own.contains(&owner)) {
                    say("not-owned", arn);
                }
            }
        }
        for arn in self.whole.into_iter().filter(|arn| !is_whole(sim, arn)) {
            say("unhealthy", arn);
        }
        let now: BTreeMap<String, bool> =
            if self.served.is_empty() { BTreeMap::new() } else { rules(sim, call).into_iter().collect() };
        for rule in self.served.into_keys() {
            // A service that is gone or went elsewhere leaves its old rules without anybody.
            if now.get(&rule).is_none_or(|served| !served) {
                say("starved-rule", rule);
            }
        }
        if !self.revisions.is_empty() {
            say("registered-twice", text(&call.input, "family").unwrap_or_default().to_owned());
        }
    }
}

/// The document that a request puts on what it creates.
fn document_in(input: &Value) -> Option<String> {
    let tags = input.get("tags").or(input.get("Tags"))?;
    if let Some(value) = text(tags, DOCUMENT) {
        return Some(value.to_owned());
    }
    let part = |tag: &Value, name: [&str; 2]| name.iter().find_map(|it| text(tag, it)).map(str::to_owned);
    let tag = tags.as_array()?.iter().find(|tag| part(tag, ["key", "Key"]).as_deref() == Some(DOCUMENT))?;
    part(tag, ["value", "Value"])
}

/// The ARNs of what a write changes. Creating changes nothing that is there, and tags may be adopted.
fn subjects(sim: &Sim, call: &Call) -> Vec<String> {
    let input = &call.input;
    let of = |name: &str| text(input, name).map(str::to_owned);
    match (call.service.as_str(), call.operation.as_str()) {
        (_, "TagResource" | "UntagResource" | "AddTags" | "RemoveTags") => Vec::new(),
        ("ecs", "UpdateService" | "DeleteService" | "StopTask") => concerned(sim, call).into_iter().collect(),
        (
            "ecs",
            "UpdateCluster" | "UpdateClusterSettings" | "PutClusterCapacityProviders" | "DeleteCluster",
        ) => of("cluster").map(|it| sim.arn("ecs", &format!("cluster/{}", short(&it)))).into_iter().collect(),
        ("ecs", "DeregisterTaskDefinition") => {
            let named = of("taskDefinition");
            named.map(|it| sim.arn("ecs", &format!("task-definition/{}", short(&it)))).into_iter().collect()
        }
        ("elbv2", operation) if !operation.starts_with("Create") => {
            let direct = ["TargetGroupArn", "ListenerArn", "RuleArn", "LoadBalancerArn"];
            let priorities = list(input, "RulePriorities").iter().filter_map(|it| text(it, "RuleArn"));
            let mut arns: Vec<String> = priorities.map(str::to_owned).collect();
            arns.extend(direct.into_iter().find_map(of));
            arns
        }
        ("application-autoscaling", _) => {
            let id = text(input, "ResourceId").unwrap_or_default();
            let target = sim.scaling.arn_of(id).map(str::to_owned);
            let tagged = target.filter(|arn| sim.tags.get(arn).is_some_and(|it| it.contains_key(DOCUMENT)));
            tagged.or_else(|| Some(sim.arn("ecs", id))).into_iter().collect()
        }
        ("ecr", "CreateRepository") | ("logs", "CreateLogGroup") => Vec::new(),
        ("ecr", _) => {
            of("repositoryName").map(|it| sim.arn("ecr", &format!("repository/{it}"))).into_iter().collect()
        }
        ("logs", _) => {
            of("logGroupName").map(|it| sim.arn("logs", &format!("log-group:{it}"))).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The ARN of the service that a call to ECS is about.
fn concerned(sim: &Sim, call: &Call) -> Option<String> {
    let cluster = short(text(&call.input, "cluster").unwrap_or("default")).to_owned();
    if let Some(name) = text(&call.input, "service") {
        return sim.ecs.services.get(&(cluster, short(name).to_owned())).map(|it| it.arn.clone());
    }
    let id = short(text(&call.input, "task")?);
    let mut services = sim.ecs.in_cluster(&cluster).map(|(_, it)| it);
    services.find(|it| it.tasks.iter().any(|task| task.id() == id)).map(|it| it.arn.clone())
}

fn service<'a>(sim: &'a Sim, arn: &str) -> Option<&'a crate::ecs::services::Service> {
    sim.ecs.services.get(&crate::ecs::deployments::key_in(arn)?)
}

fn is_whole(sim: &Sim, arn: &str) -> bool {
    service(sim, arn).is_some_and(|it| it.healthy() >= it.lower_bound())
}

/// The rules that a call is about, each with whether anybody serves it: a rule that is changed needs a
/// healthy target, and one that a service is behind needs a service that stays there.
fn rules(sim: &Sim, call: &Call) -> Vec<(String, bool)> {
    if call.service == "elbv2" {
        let listener = text(&call.input, "ListenerArn").and_then(|arn| sim.elb.default_rule_of(arn));
        let rule = text(&call.input, "RuleArn").or(listener).map(str::to_owned);
        return rule
            .into_iter()
            .map(|rule| {
                let groups = sim.elb.weighted_groups(&rule);
                let healthy = groups.iter().any(|arn| sim.elb.healthy_targets(arn, sim.now) > 0);
                // A rule that forwards nowhere starves nobody.
                (rule, groups.is_empty() || healthy)
            })
            .collect();
    }
    let mut rules = BTreeMap::new();
    if let Some(service) = concerned(sim, call).and_then(|arn| service(sim, &arn)) {
        let own = service.groups();
        // Who is in the same group serves it as well.
        let beside = |arn: &str| {
            let others =
                sim.ecs.services.values().filter(|it| it.arn != service.arn && it.status == "ACTIVE");
            others.into_iter().any(|it| it.healthy() > 0 && it.groups().contains(arn))
        };
        for rule in service.groups().into_iter().flat_map(|arn| sim.elb.rules_of(arn)) {
            let weighted = sim.elb.weighted_groups(rule);
            let elsewhere = weighted.iter().any(|arn| {
                sim.elb.healthy_targets(arn, sim.now) > 0 && (!own.contains(arn.as_str()) || beside(arn))
            });
            let stays = service.status == "ACTIVE" && weighted.iter().any(|arn| own.contains(arn.as_str()));
            rules.insert(rule.to_owned(), stays || elsewhere || weighted.is_empty());
        }
    }
    rules.into_iter().collect()
}

/// ACTIVE revisions that this caller registered with the same content.
fn same_content(sim: &Sim, call: &Call) -> Vec<u64> {
    let by = format!("arn:aws:iam::{}:user/{}", sim.config.account, call.caller);
    let mut wanted = call.input.clone();
    value::unset(&mut wanted, "tags");
    let family = text(&call.input, "family").unwrap_or_default();
    let normal = task_definitions::normal(wanted);
    task_definitions::active(sim, family)
        .filter(|(_, it)| text(it, "registeredBy") == Some(&by))
        .filter(|(_, it)| {
            normal
                .as_object()
                .is_some_and(|map| map.iter().all(|(name, member)| it.get(name) == Some(member)))
        })
        .filter(|(_, it)| {
            it.as_object().is_some_and(|map| {
                map.keys().all(|name| {
                    normal.get(name).is_some() || task_definitions::ADDED.contains(&name.as_str())
                })
            })
        })
        .map(|(number, _)| number)
        .collect()
}

/// Target groups and rules with a document's tag that no service uses.
fn orphans(sim: &Sim) -> Vec<String> {
    let used: BTreeSet<&str> = sim
        .ecs
        .services
        .values()
        .filter(|service| service.status != "INACTIVE")
        .flat_map(|service| service.groups())
        .collect();
    let owned = sim.tags.iter().filter(|(_, tags)| tags.contains_key(DOCUMENT)).map(|(arn, _)| arn);
    owned
        .filter(|arn| {
            let rule =
                arn.contains(":listener-rule/") && sim.elb.listeners.contains_key(&listener_of(arn)) && {
                    let groups = sim.elb.weighted_groups(arn);
                    !groups.is_empty() && groups.iter().all(|group| !used.contains(group.as_str()))
                };
            let group = arn.contains(":targetgroup/") && !sim.elb.in_use(arn) && !used.contains(arn.as_str());
            rule || group
        })
        .cloned()
        .collect()
}
