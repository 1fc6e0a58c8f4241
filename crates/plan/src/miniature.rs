//! An AWS of a few lines, for tests over many passes: it carries steps out on a scene's world, refuses what
//! AWS would refuse, and remembers as a run does.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::Tree;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::replacement::{groups_in, groups_of};
use crate::testing::{Scene, elb};
use crate::unit::stable;
use crate::{Guard, Step, StepId, Unit, WaitingOn};

/// Why a step was not carried out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Its subject is not as the plan saw it.
    Mismatch,
    /// AWS refused it.
    Refused(String),
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Stopped> {
    Err(Stopped::Refused(why.into()))
}

fn text(tree: &Tree, member: &str) -> String {
    tree.str(member).unwrap_or_default().to_owned()
}

impl Scene {
    /// Passes, each followed by runs of all ready units, until nothing is ready; panics where AWS refuses a
    /// step or it never ends. Returns the steps in the order in which they were taken.
    #[track_caller]
    pub fn settle(&mut self) -> Vec<String> {
        let mut taken = Vec::new();
        for _ in 0..60 {
            let before = taken.len();
            let planned = self.plan();
            self.memory.0.extend(planned.remember);
            for (key, unit) in &planned.plan.units {
                self.run(key, unit, unit.ready(), &mut taken).unwrap();
            }
            self.look_for_the_rest();
            if taken.len() == before && !self.is_under_way() {
                return taken;
            }
            self.tick();
        }
        panic!("{taken:#?}");
    }

    /// True where time alone changes something.
    fn is_under_way(&self) -> bool {
        let waits = self.plan().report.units.into_values().flat_map(|u| u.waiting);
        waits
            .into_iter()
            .any(|w| matches!(w, WaitingOn::Rollout(_) | WaitingOn::Replacement(_) | WaitingOn::Seen(_)))
    }

    /// The first steps of a unit, and what is remembered of them. A mismatch ends the run.
    pub fn run(
        &mut self,
        key: &UnitKey,
        unit: &Unit,
        steps: usize,
        taken: &mut Vec<String>,
    ) -> Result<(), Stopped> {
        let mut outputs = BTreeMap::new();
        for step in unit.steps.iter().take(steps) {
            match self.take(step, &mut outputs) {
                Ok(()) => taken.push(step.id.0.clone()),
                Err(Stopped::Mismatch) => return Ok(()),
                Err(refused) => return Err(refused),
            }
        }
        if steps == unit.steps.len() {
            let memory = self.memory.0.entry(key.clone()).or_default();
            memory.applied.clone_from(&unit.applied);
            memory.restart.clone_from(&unit.restart);
            memory.task_definition = unit.task_definition.clone().or(memory.task_definition.take());
            memory.deployment_key = unit.deployment_key.clone().or(memory.deployment_key.take());
        }
        Ok(())
    }

    /// One step.
    pub fn take(&mut self, step: &Step, outputs: &mut BTreeMap<StepId, Tree>) -> Result<(), Stopped> {
        let holds = match (&step.guard, self.world.seen(&step.subject)) {
            (Guard::AsLeftBy(_), _) => true,
            (Guard::Absent, seen) => seen.is_absent(),
            (Guard::AsPlanned(hash), Seen::Present { tree, .. }) => stable(step, tree) == *hash,
            _ => false,
        };
        if !holds {
            return Err(Stopped::Mismatch);
        }
        let mut input = step.action.input.clone();
        for fill in &step.action.fills {
            let value = outputs.get(&fill.from).and_then(|o| o.pointer(fill.output)).cloned().unwrap();
            input.set(fill.member, if fill.in_list { Tree::list([value]) } else { value });
        }
        let output = self.call(step, &input)?;
        self.attach();
        self.no_rule_leads_nowhere(&step.id.0);
        outputs.insert(step.id.clone(), output);
        Ok(())
    }

    fn call(&mut self, step: &Step, input: &Tree) -> Result<Tree, Stopped> {
        match step.action.op {
            Op::Elbv2CreateRule | Op::Elbv2ModifyRule | Op::Elbv2SetRulePriorities => {
                self.rules(step.action.op, &step.subject, input)
            }
            Op::Elbv2ModifyListener => self.listener(&step.subject, input),
            Op::Elbv2CreateTargetGroup => {
                let mut tree = input.clone();
                let name = tree.take("name").unwrap().as_str().unwrap().to_owned();
                let tree = tree.with("targetGroupName", name.as_str()).with("attributes", Tree::map());
                self.observe(step.subject.clone(), tree.with("targetGroupArn", elb("targetgroup", &name)));
                let made = Tree::map().with("targetGroupArn", elb("targetgroup", &name));
                Ok(Tree::map().with("targetGroups", Tree::list([made])))
            }
            Op::Elbv2ModifyTargetGroupAttributes => {
                let attributes = input.list_of("attributes").iter();
                let attributes = attributes.map(|a| (a.str("key").unwrap(), a.get("value").unwrap().clone()));
                let tree = self.world.tree(&step.subject).unwrap().clone();
                self.observe(step.subject.clone(), tree.with("attributes", Tree::of(attributes)));
                Ok(Tree::map())
            }
            Op::Elbv2DeleteTargetGroup => {
                let arn = text(input, "targetGroupArn");
                if self.forwards().iter().any(|actions| groups_in(actions).any(|(g, _)| g == arn)) {
                    return refuse("ResourceInUse");
                }
                self.gone(step.subject.clone());
                Ok(Tree::map())
            }
            Op::EcsDeleteService => {
                let live = self.world.tree(&step.subject).unwrap().clone();
                self.observe(step.subject.clone(), live.with("status", "INACTIVE"));
                Ok(Tree::map())
            }
            Op::EcsUpdateService => self.update_service(&step.subject, input),
            op => panic!("the miniature does not know {op}"),
        }
    }

    fn listener(&mut self, subject: &Subject, input: &Tree) -> Result<Tree, Stopped> {
        let arn = text(input, "listenerArn");
        let mut listeners = self.world.tree(subject).unwrap().items().to_vec();
        let found = listeners.iter_mut().find(|l| l.str("listenerArn") == Some(&arn)).unwrap();
        found.set("defaultActions", input.get("defaultActions").unwrap().clone());
        self.observe(subject.clone(), Tree::from(listeners));
        Ok(Tree::map())
    }

    /// A new deployment; its tasks come one by one with [`Scene::tick`].
    fn update_service(&mut self, subject: &Subject, input: &Tree) -> Result<Tree, Stopped> {
        let mut live = self.world.tree(subject).unwrap().clone();
        let balancers = input.get("loadBalancers").cloned();
        for entry in balancers.as_ref().map_or(&[][..], Tree::items) {
            let group = text(entry, "targetGroupArn");
            if !self.forwards().iter().any(|actions| groups_in(actions).any(|(g, _)| g == group)) {
                return refuse(format!("{group} is on no load balancer"));
            }
        }
        self.tasks_of(subject);
        live.set("loadBalancers", balancers.unwrap_or_else(|| live.get("loadBalancers").cloned().unwrap()));
        let number = 1 + text(&live.list_of("deployments")[0], "id")
            .trim_start_matches("ecs-svc/")
            .parse::<u32>()
            .unwrap();
        let count = live.int("desiredCount").unwrap();
        let deployment = |id: u32, status: &str, state: &str| {
            Tree::map()
                .with("id", format!("ecs-svc/{id}"))
                .with("status", status)
                .with("rolloutState", state)
                .with("desiredCount", count)
                .with("runningCount", count)
        };
        let both =
            [deployment(number, "PRIMARY", "IN_PROGRESS"), deployment(number - 1, "ACTIVE", "COMPLETED")];
        self.observe(subject.clone(), live.with("deployments", Tree::list(both)));
        Ok(Tree::map())
    }

    /// The target groups of each task of a service; at first all are where the service is.
    fn tasks_of(&mut self, subject: &Subject) -> &mut Vec<BTreeSet<String>> {
        let live = self.world.tree(subject).unwrap();
        let groups: BTreeSet<String> = groups_of(live).map(str::to_owned).collect();
        let count = usize::try_from(live.int("desiredCount").unwrap()).unwrap();
        self.tasks.entry(subject.clone()).or_insert_with(|| vec![groups; count])
    }

    /// Time goes by: every deployment under way replaces one task, or ends; health is read.
    pub fn tick(&mut self) {
        let services: Vec<Subject> = self.document.services.keys().cloned().map(Subject::Service).collect();
        for subject in services {
            let Some(live) = self.world.tree(&subject).cloned() else { continue };
            let groups: BTreeSet<String> = groups_of(&live).map(str::to_owned).collect();
            let tasks = self.tasks_of(&subject);
            if let Some(old) = tasks.iter_mut().find(|t| **t != groups) {
                *old = groups;
            } else if live.list_of("deployments").len() > 1 {
                let primary = live.list_of("deployments")[0].clone().with("rolloutState", "COMPLETED");
                self.observe(subject, live.with("deployments", Tree::list([primary])));
            }
        }
        self.no_rule_leads_nowhere("time");
        self.look_for_the_rest();
        let interest = crate::interest(&self.document, &self.world, &self.memory);
        for subject in interest {
            if let Subject::TargetHealth(arn) = &subject {
                let one = Tree::from(serde_json::json!({"targetHealth": {"state": "healthy"}}));
                let targets = vec![one; self.healthy(arn)];
                self.observe(subject, Tree::from(targets));
            }
        }
    }

    fn healthy(&self, group: &str) -> usize {
        self.tasks.values().flatten().filter(|t| t.contains(group)).count()
    }

    /// The actions of all rules and listeners.
    fn forwards(&self) -> Vec<Vec<Tree>> {
        let mut found = Vec::new();
        for (subject, seen) in self.world.iter() {
            let member = match subject {
                Subject::Rules(_) => "actions",
                Subject::Listeners(_) => "defaultActions",
                _ => continue,
            };
            let each = seen.tree().map_or(&[][..], Tree::items).iter();
            found.extend(each.map(|item| item.list_of(member).to_vec()));
        }
        found
    }

    /// AWS shows on a target group whether anything leads to it.
    fn attach(&mut self) {
        let used: BTreeSet<String> = self
            .forwards()
            .iter()
            .flat_map(|a| groups_in(a).map(|(g, _)| g.to_owned()).collect::<Vec<_>>())
            .collect();
        let groups: Vec<(Subject, Tree)> = self
            .world
            .iter()
            .filter(|(s, _)| matches!(s, Subject::TargetGroup(_)))
            .filter_map(|(s, seen)| Some((s.clone(), seen.tree()?.clone())))
            .collect();
        for (subject, tree) in groups {
            let on = used.contains(&text(&tree, "targetGroupArn"));
            let balancers = on.then(|| Tree::from("alb"));
            self.observe(subject, tree.with("loadBalancerArns", Tree::list(balancers)));
        }
    }

    /// No rule forwards only to groups without a healthy target.
    fn no_rule_leads_nowhere(&self, after: &str) {
        for actions in self.forwards() {
            let served: Vec<&str> = groups_in(&actions).filter(|(_, w)| *w > 0).map(|(g, _)| g).collect();
            let known = |g: &&str| self.tasks.values().flatten().any(|t| t.contains(*g));
            let dead = !self.tasks.is_empty() && !served.is_empty() && !served.iter().any(known);
            assert!(!dead, "after {after} a rule leads to {served:?} only: {:?}", self.tasks);
        }
    }

    /// The rules of a listener after one call; no two have one priority.
    fn rules(&mut self, op: Op, subject: &Subject, input: &Tree) -> Result<Tree, Stopped> {
        let mut rules = self.world.tree(subject).unwrap().items().to_vec();
        let find = |rules: &mut [Tree], arn: &str, change: &dyn Fn(&mut Tree)| match rules
            .iter_mut()
            .find(|r| r.str("ruleArn") == Some(arn))
        {
            Some(rule) => {
                change(rule);
                Ok(())
            }
            None => refuse(format!("RuleNotFound {arn}")),
        };
        match op {
            Op::Elbv2CreateRule => {
                let mut rule = input.clone();
                rule.take("listenerArn");
                let n = input.int("priority").unwrap();
                let arn = elb("listener-rule/app", &format!("made-{n}-{}", rules.len()));
                rules.push(rule.with("priority", n.to_string()).with("ruleArn", arn));
            }
            Op::Elbv2ModifyRule => find(&mut rules, &text(input, "ruleArn"), &|rule| {
                for member in ["actions", "conditions"] {
                    if let Some(value) = input.get(member) {
                        rule.set(member, value.clone());
                    }
                }
            })?,
            _ => {
                for pair in input.list_of("rulePriorities") {
                    let n = pair.int("priority").unwrap().to_string();
                    find(&mut rules, &text(pair, "ruleArn"), &|rule| {
                        rule.set("priority", Tree::from(n.as_str()));
                    })?;
                }
            }
        }
        let mut numbers: Vec<&str> = rules.iter().filter_map(|r| r.str("priority")).collect();
        numbers.sort_unstable();
        if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return refuse("PriorityInUse");
        }
        let made = rules.last().cloned().unwrap_or_default();
        self.observe(subject.clone(), Tree::from(rules));
        Ok(Tree::map().with("rules", Tree::list([made])))
    }
}
