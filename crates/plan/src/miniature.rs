//! An AWS of a few lines, for tests over many passes: it carries steps out on a scene's world, refuses what
//! AWS would refuse, and remembers as a run does.

use std::collections::BTreeMap;

use evenkeel_model::Tree;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::testing::{Scene, elb};
use crate::unit::stable;
use crate::{Guard, Step, StepId, Unit};

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
        for _ in 0..40 {
            let before = taken.len();
            let planned = self.plan();
            self.memory.0.extend(planned.remember);
            for (key, unit) in &planned.plan.units {
                self.run(key, unit, unit.ready(), &mut taken).unwrap();
            }
            self.look_for_the_rest();
            if taken.len() == before {
                return taken;
            }
        }
        panic!("{taken:#?}");
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
        outputs.insert(step.id.clone(), output);
        Ok(())
    }

    fn call(&mut self, step: &Step, input: &Tree) -> Result<Tree, Stopped> {
        match step.action.op {
            Op::Elbv2CreateRule | Op::Elbv2ModifyRule | Op::Elbv2SetRulePriorities => {
                self.rules(step.action.op, &step.subject, input)
            }
            op => panic!("the miniature does not know {op}"),
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
