//! A document, the world it is to be compared with, and what is remembered: the stage of every test here.
//!
//! [`Scene::settled`] fills the world with everything the document has, as AWS describes it, in sync and
//! ours; a test then changes what it is about.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::Tree;
use evenkeel_model::document::{self, Document, Mode, Priority};
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::memory::Memory;
use evenkeel_model::orders::Orders;
use evenkeel_model::text::{self, Format};
use evenkeel_model::world::{Moment, Seen, World};
use serde_json::{Value, json};

use crate::generations::Generations;
use crate::refs::Lookup;
use crate::{Ceilings, Input, Planned, check, ownership, plan, print};

/// The time of every pass: 2027-01-15T08:00:00Z.
pub(crate) const CLOCK: i64 = 1_800_000_000;

/// Everything a decision is made from, to be changed by a test.
pub(crate) struct Scene {
    pub document: Document,
    pub world: World,
    pub memory: Memory,
    pub clock: i64,
    pub ceilings: Ceilings,
    pub orders: Orders,
    pub in_flight: BTreeSet<UnitKey>,
    /// The target groups of each task of the services that the miniature runs.
    pub tasks: BTreeMap<Subject, Vec<BTreeSet<String>>>,
    /// Other documents in force.
    pub others: Vec<&'static Document>,
    /// The document as it was read last.
    json: Value,
    version: String,
    moment: u64,
}

pub(crate) fn read(json: &Value) -> Document {
    let text = json.to_string();
    let parsed = text::parse(text.as_bytes(), Some(Format::Json)).unwrap();
    let (document, found) = document::read(parsed);
    document.unwrap_or_else(|| panic!("{}", evenkeel_model::diagnostic::render("test", &text, &found, false)))
}

/// The whole example of `config/examples`.
pub(crate) fn farsight() -> Value {
    serde_json::from_str(include_str!("../../../config/examples/farsight.json")).unwrap()
}

/// A document with one service, `web/api`, with little about it.
pub(crate) fn small() -> Value {
    json!({
        "apiVersion": "evenkeel/v1", "name": "shop", "account": "123456789012", "region": "us-east-1",
        "cluster": "web", "clusters": {"web": {}}, "tags": {"Team": "a"},
        "services": {"api": small_service("api")}
    })
}

/// A service of [`small`].
pub(crate) fn small_service(name: &str) -> Value {
    json!({
        "taskDefinition": {
            "family": name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": "app", "image": "app:1", "portMappings": [{"containerPort": 80}]}]
        },
        "service": {
            "launchType": "FARGATE", "desiredCount": 2,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}}
        }
    })
}

pub(crate) fn key(name: &str) -> ServiceKey {
    ServiceKey::new("web", name)
}

pub(crate) fn service(name: &str) -> Subject {
    Subject::Service(key(name))
}

pub(crate) fn unit(name: &str) -> UnitKey {
    UnitKey::Service(key(name))
}

pub(crate) fn revision(family: &str, n: u32) -> String {
    format!("arn:aws:ecs:us-east-1:123456789012:task-definition/{family}:{n}")
}

pub(crate) fn elb(kind: &str, name: &str) -> String {
    format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:{kind}/{name}/1")
}

impl Scene {
    /// A document, and nothing seen yet.
    pub fn new(json: Value) -> Scene {
        Scene {
            document: read(&json),
            world: World::default(),
            memory: Memory::default(),
            clock: CLOCK,
            ceilings: Ceilings { mode: Mode::Enforce, prune: true, replace: true },
            orders: Orders::default(),
            in_flight: BTreeSet::new(),
            others: Vec::new(),
            tasks: BTreeMap::new(),
            json,
            version: "v1".into(),
            moment: 1,
        }
    }

    /// A document in an account with nothing in it.
    pub fn empty(json: Value) -> Scene {
        let mut scene = Scene::new(json);
        scene.look_for_the_rest();
        scene
    }

    /// A document that is in sync and remembered.
    pub fn settled(json: Value) -> Scene {
        let mut scene = Scene::new(json);
        scene.fill();
        scene.look_for_the_rest();
        scene.remember();
        scene
    }

    /// Takes into memory what a pass says is to be remembered.
    pub fn remember(&mut self) {
        self.memory.0.extend(self.plan().remember);
    }

    /// Another version of the document.
    pub fn change(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.json);
        self.document = read(&self.json);
        self.version = format!("{}+", self.version);
    }

    pub fn sees(&mut self, subject: Subject, json: Value) {
        self.observe(subject, Tree::from(json));
    }

    pub fn observe(&mut self, subject: Subject, tree: Tree) {
        self.moment += 1;
        let seen_at = Moment(self.moment);
        assert!(self.world.observe(subject, Seen::Present { seen_at, tree }));
    }

    pub fn gone(&mut self, subject: Subject) {
        self.moment += 1;
        assert!(self.world.observe(subject, Seen::Absent { seen_at: Moment(self.moment) }));
    }

    /// We wrote it, and have not seen it since.
    pub fn unseen(&mut self, subject: Subject) {
        self.moment += 1;
        self.world.wrote(subject, Moment(self.moment), evenkeel_model::world::Expect::Anything);
    }

    /// Time goes by without a look.
    pub fn wait(&mut self, millis: u64) {
        self.moment += millis;
    }

    /// Somebody changes a live thing.
    pub fn edit(&mut self, subject: Subject, change: impl FnOnce(&mut Value)) {
        let tree = self.world.tree(&subject).unwrap_or_else(|| panic!("{subject} is not there"));
        let mut json = serde_json::from_str(&tree.to_json()).unwrap();
        change(&mut json);
        self.sees(subject, json);
    }

    /// All that is of interest and not in the world is seen to be absent; listings of what is there, empty.
    pub fn look_for_the_rest(&mut self) {
        loop {
            let interest = crate::interest(&self.document, &self.world, &self.memory);
            let unseen: Vec<Subject> =
                interest.into_iter().filter(|s| self.world.seen(s).is_unknown()).collect();
            if unseen.is_empty() {
                return;
            }
            for subject in unseen {
                match subject {
                    Subject::Family(_)
                    | Subject::Policies(_)
                    | Subject::ScheduledActions(_)
                    | Subject::Listeners(_)
                    | Subject::Rules(_)
                    | Subject::Deployments(_)
                    | Subject::StoppedTasks(_)
                    | Subject::TargetHealth(_) => self.sees(subject, json!([])),
                    _ => self.gone(subject),
                }
            }
        }
    }

    pub fn input(&self) -> Input<'_> {
        Input {
            document: &self.document,
            version: &self.version,
            others: &self.others,
            world: &self.world,
            memory: &self.memory,
            now: Moment(self.moment),
            clock: self.clock,
            ceilings: self.ceilings,
            orders: &self.orders,
            in_flight: &self.in_flight,
        }
    }

    /// Plans, and checks what every plan must keep to.
    pub fn plan(&self) -> Planned {
        let planned = plan(&self.input());
        assert_eq!(check::check(&self.input(), &planned), []);
        let refusals = planned.report.units.values().flat_map(|u| &u.refused);
        assert!(refusals.clone().all(|r| !r.why.starts_with("step ")), "{:?}", refusals.collect::<Vec<_>>());
        assert_eq!(planned.plan.id, plan(&self.input()).plan.id);
        planned
    }

    /// What the pass prints, without the first line, whose id is no help to a reader.
    pub fn print(&self) -> String {
        let printed = print(&self.plan(), &[(&self.document.name, "v")]);
        printed.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
    }

    /// The input of a step.
    pub fn input_of(&self, unit: &UnitKey, step: &str) -> String {
        let planned = self.plan();
        let steps = planned.plan.units.get(unit).map(|u| &u.steps[..]).unwrap_or_default();
        let found = steps.iter().find(|s| s.id.0 == step);
        let ids: Vec<&str> = steps.iter().map(|s| s.id.0.as_str()).collect();
        found.unwrap_or_else(|| panic!("no step {step} among {ids:?}")).action.input.to_json()
    }

    fn tags(&self, input: &Tree, item: &str) -> Tree {
        ownership::list(&ownership::wanted(&self.document, input, item))
    }

    /// Everything the document has, as AWS describes it.
    fn fill(&mut self) {
        let document = self.document.clone();
        for (name, input) in &document.clusters {
            let tags = self.tags(input, name);
            let tree = input.clone().with("clusterName", name.as_str()).with("status", "ACTIVE");
            let arn = format!("arn:aws:ecs:us-east-1:123456789012:cluster/{name}");
            self.observe(Subject::Cluster(name.clone()), tree.with("clusterArn", arn).with("tags", tags));
        }
        for (name, input) in &document.repositories {
            let tags = self.tags(input, name);
            let arn = format!("arn:aws:ecr:us-east-1:123456789012:repository/{name}");
            let tree = input.clone().with("repositoryName", name.as_str()).with("repositoryArn", arn);
            self.observe(Subject::Repository(name.clone()), tree.with("tags", tags));
        }
        for (name, input) in &document.log_groups {
            let tags = ownership::map(&ownership::wanted(&document, input, name));
            let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}");
            let tree = input.clone().with("logGroupName", name.as_str()).with("logGroupArn", arn);
            self.observe(Subject::LogGroup(name.clone()), tree.with("tags", tags));
        }
        for (name, group) in &document.target_groups {
            let tags = self.tags(&group.input, &group.item);
            let mut tree = group.input.clone();
            tree.take("name");
            let tree = tree
                .with("targetGroupName", name.as_str())
                .with("targetGroupArn", elb("targetgroup", name))
                .with("loadBalancerArns", Tree::list([Tree::from(elb("loadbalancer/app", "alb"))]))
                .with("attributes", ownership::map(&group.attributes))
                .with("tags", tags);
            self.observe(Subject::TargetGroup(name.clone()), tree);
        }
        self.fill_load_balancers(&document);
        for (key, service) in &document.services {
            self.fill_service(&document, key, service);
        }
    }

    fn fill_load_balancers(&mut self, document: &Document) {
        for (name, lb) in &document.load_balancers {
            let tags = self.tags(&lb.input, &lb.item);
            let mut tree = lb.input.clone();
            tree.take("name");
            let zones = tree.take("subnets").unwrap_or_default();
            let zones = zones.items().iter().map(|s| Tree::map().with("subnetId", s.clone()));
            let arn = elb("loadbalancer/app", name);
            let tree = tree
                .with("loadBalancerName", name.as_str())
                .with("availabilityZones", Tree::list(zones))
                .with("loadBalancerArn", arn.as_str())
                .with("tags", tags);
            self.observe(Subject::LoadBalancer(name.clone()), tree);
            let mut listeners = Vec::new();
            for (key, listener) in &lb.listeners {
                let (input, waits) = Lookup {
                    document,
                    world: &self.world,
                    generations: &Generations::default(),
                    service: None,
                }
                .resolve(&listener.input);
                assert_eq!(waits, []);
                let input = input.into_owned();
                let tags = self.tags(&listener.input, &format!("{}/{key}", lb.item));
                let tree = input
                    .with("listenerArn", elb("listener/app", &format!("{name}/{key}")))
                    .with("loadBalancerArn", arn.as_str());
                listeners.push(tree.with("tags", tags));
            }
            self.observe(Subject::Listeners(arn), Tree::from(listeners));
        }
    }

    fn fill_service(&mut self, document: &Document, key: &ServiceKey, service: &document::Service) {
        if self.world.seen(&Subject::Cluster(key.cluster.clone())).is_unknown() {
            self.sees(
                Subject::Cluster(key.cluster.clone()),
                json!({"clusterName": key.cluster, "status": "ACTIVE"}),
            );
        }
        let lookup =
            Lookup { document, world: &self.world, generations: &Generations::default(), service: Some(key) };
        let (task, _) = lookup.resolve(&service.task_definition);
        let (input, _) = lookup.resolve(&service.input);
        let (task, input) = (task.into_owned(), input.into_owned());
        let family = task.str("family").unwrap().to_owned();
        let arn = revision(&family, 1);
        let tags = self.tags(&task, &service.item);
        let described = task
            .with("taskDefinitionArn", arn.as_str())
            .with("status", "ACTIVE")
            .with("revision", 1)
            .with("tags", tags);
        self.observe(Subject::TaskDefinition(arn.clone()), described);
        self.sees(Subject::Family(family), json!([arn]));
        let count = input.int("desiredCount").unwrap_or(1);
        let deployment = json!({"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED",
            "desiredCount": count, "runningCount": count, "taskDefinition": arn});
        let tags = self.tags(&service.input, &service.item);
        let live = input
            .with("serviceName", key.name.as_str())
            .with("serviceArn", format!("arn:aws:ecs:us-east-1:123456789012:service/{key}"))
            .with("status", "ACTIVE")
            .with("taskDefinition", arn.as_str())
            .with("runningCount", count)
            .with("deployments", Tree::list([Tree::from(deployment)]))
            .with("tags", tags);
        self.observe(Subject::Service(key.clone()), live);
        for (name, rule) in &service.rules {
            let lookup = Lookup {
                document,
                world: &self.world,
                generations: &Generations::default(),
                service: Some(key),
            };
            let (input, _) = lookup.resolve(&rule.input);
            let input = input.into_owned();
            let listener = lookup.listener_of(rule).unwrap();
            let item = format!("{}/{name}", service.item);
            let priority = match rule.priority {
                Priority::At(number) => number,
                Priority::Within { from, .. } => from,
            };
            let live = input
                .with("ruleArn", elb("listener-rule/app", &item))
                .with("priority", priority.to_string())
                .with("tags", self.tags(&rule.input, &item));
            let mut rules = self
                .world
                .tree(&Subject::Rules(listener.clone()))
                .map(|t| t.items().to_vec())
                .unwrap_or_default();
            rules.push(live);
            self.observe(Subject::Rules(listener), Tree::from(rules));
        }
        if let Some(scaling) = &service.scaling {
            self.observe(Subject::ScalableTarget(key.clone()), scaling.target.clone());
            let lookup = Lookup {
                document,
                world: &self.world,
                generations: &Generations::default(),
                service: Some(key),
            };
            let policies: Vec<Tree> = scaling
                .policies
                .iter()
                .map(|(n, p)| lookup.resolve(p).0.into_owned().with("policyName", n.as_str()))
                .collect();
            self.observe(Subject::Policies(key.clone()), Tree::from(policies));
            let actions = scaling.scheduled_actions.iter();
            let actions = actions.map(|(n, a)| a.clone().with("scheduledActionName", n.as_str()));
            self.observe(Subject::ScheduledActions(key.clone()), Tree::list(actions));
        }
    }
}
