//! Every member of every shape that AWS lets a person change is changed by hand: what the document declares
//! otherwise, takes away, or never spoke of. Each is seen where it is, called a human's, and put back by as few
//! writes as it takes, or left for a reason that is said.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_diff::rules::{Row, Rule};
use evenkeel_diff::{Kind, compare, lift};
use evenkeel_model::Tree;
use evenkeel_model::shapes::{Kind as Form, ShapeId, canonical};
use evenkeel_plan::State;
use evenkeel_sim::AuditRow;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::by_hand::{self, Names};
use super::every_member::{self, Case, cases_of, fault, named, put, settled, with};
use super::scene::Scene;
use crate::cases;

/// Longer than any reading of a kind takes its turn.
const fn later(kind: Kind) -> u64 {
    match kind {
        Kind::Cluster | Kind::Repository | Kind::LogGroup | Kind::LoadBalancer => 400,
        _ => 150,
    }
}

/// What one edit may cost.
const FEW: usize = 2;

/// The number of the first thing that has only what it is made from.
const FIRST_BARE: usize = 400;

/// What is done to a member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum How {
    Changed,
    TakenAway,
    /// The document does not declare it.
    Set,
}

impl How {
    const ALL: [How; 3] = [How::Changed, How::Set, How::TakenAway];

    fn words(self) -> &'static str {
        match self {
            How::Changed => "changed",
            How::TakenAway => "taken away",
            How::Set => "set undeclared",
        }
    }
}

/// A member and what is done to it.
type Wanted = (How, String);

/// An edit that AWS took.
struct Edit {
    wanted: Wanted,
    thing: usize,
    before: Value,
    /// The members of the thing's shape that it is about.
    members: BTreeSet<String>,
}

/// Things of one kind in one account, and what is still to be done to them.
struct Matrix {
    kind: Kind,
    things: Vec<Case>,
    /// The members that each thing has, and where.
    has: Vec<BTreeMap<String, Vec<String>>>,
    scene: Scene,
    names: Names,
    /// What came of each edit.
    outcomes: BTreeMap<Wanted, String>,
}

/// The members that a create call only has.
fn editable(kind: Kind, member: &str) -> bool {
    let top = member.trim_start_matches('/').split('/').next().unwrap_or_default();
    by_hand::can_edit(kind, top)
}

fn document(kind: Kind, all: &[Case]) -> Value {
    let mut document = every_member::empty();
    document["settings"] = json!({"rollouts": {"maxConcurrent": 1000}});
    for case in all.iter().filter(|case| case.refused.is_none()) {
        match kind {
            // A revision is edited by another that takes its place.
            Kind::TaskDefinition => document["services"][&case.name] = run(&case.tree, &case.name),
            _ => put(&mut document, kind, &case.name, &case.tree),
        }
    }
    document
}

/// A service that runs a task definition.
fn run(task: &Value, name: &str) -> Value {
    let mut service = json!({"desiredCount": 0});
    if task["networkMode"] == "awsvpc" {
        service["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    }
    json!({"taskDefinition": with(task, json!({"family": name})), "service": service})
}

/// Each case, and beside it what it is made from.
fn things_of(kind: Kind) -> Vec<Case> {
    let declared: Vec<Case> = cases_of(kind).into_iter().filter(|case| case.refused.is_none()).collect();
    let bare = declared.iter().enumerate().map(|(at, case)| {
        let name = format!("case-{}", FIRST_BARE + at);
        let mut tree = case.base.clone();
        for member in kind.shape().members().iter().filter(|m| m.required) {
            if tree.get(member.name).is_none() && case.tree.get(member.name).is_some() {
                tree[member.name] = case.tree[member.name].clone();
            }
        }
        let tree = named(tree, &name);
        Case { refused: fault(kind, &name, &tree), name, base: Value::Null, tree }
    });
    declared.iter().cloned().chain(bare.collect::<Vec<_>>()).collect()
}

impl Matrix {
    async fn of(kind: Kind) -> Self {
        let mut things = things_of(kind);
        let scene = settled(&mut things, |all| document(kind, all)).await;
        let names = Names::of(&scene);
        let members = |case: &Case| {
            let mut has = BTreeMap::new();
            for (member, steps) in cases::within(&case.tree, kind.shape()) {
                has.entry(member).or_insert(steps);
            }
            has
        };
        let has = things.iter().map(members).collect();
        Matrix { kind, things, has, scene, names, outcomes: BTreeMap::new() }
    }

    fn shape(&self) -> ShapeId {
        self.kind.shape()
    }

    /// All that can be done: a member that has members is changed with them.
    fn wanted(&self) -> Vec<Wanted> {
        let members = cases::members(self.shape());
        let is_leaf = |m: &String| !members.iter().any(|other| other.starts_with(&format!("{m}/")));
        let leaves = members.iter().filter(|m| is_leaf(m) && editable(self.kind, m));
        let leaves: Vec<&String> = leaves.collect();
        How::ALL.iter().flat_map(|how| leaves.iter().map(|m| (*how, (*m).clone()))).collect()
    }

    /// The ways to do something to a thing: what it would be then.
    fn ways(&self, how: How, member: &str, thing: usize) -> Vec<Value> {
        let declared = self.things.len() / 2;
        let tree = &self.things[thing].tree;
        let steps = self.has[thing].get(member);
        if how == How::Set {
            if thing < declared || steps.is_some() || !self.has[thing - declared].contains_key(member) {
                return Vec::new();
            }
            // What another case has of it.
            return vec![named(self.things[thing - declared].tree.clone(), &self.things[thing].name)];
        }
        let Some(steps) = steps.filter(|_| thing < declared) else { return Vec::new() };
        let made = |new: Option<Value>| {
            let mut tree = tree.clone();
            cases::put_at(&mut tree, steps, new).then_some(tree)
        };
        match how {
            How::TakenAway => made(None).into_iter().collect(),
            _ => {
                let names: Vec<&str> = steps.iter().map(String::as_str).collect();
                let Some(shape) = self.shape().at(names.iter().copied()) else { return Vec::new() };
                if matches!(shape.kind(), Form::Structure { .. }) {
                    return Vec::new();
                }
                let value = cases::value_at(tree, steps).cloned().unwrap_or_default();
                let name = names.last().copied().unwrap_or_default();
                cases::others(shape, name, &value).into_iter().filter_map(|new| made(Some(new))).collect()
            }
        }
    }

    /// Does something to a thing, one way or another; or says why not.
    fn edit(&self, wanted: &Wanted, thing: usize) -> Result<Edit, String> {
        let (how, member) = wanted;
        let case = &self.things[thing];
        let before = by_hand::shown(&self.scene, self.kind, &case.name);
        let mut why = "not made: nothing can be made of it".to_owned();
        for way in self.ways(*how, member, thing).into_iter().take(4) {
            let calls = |from, to| by_hand::calls(&self.scene, &self.names, self.kind, &case.name, from, to);
            let Some(to) = calls(&case.tree, &way) else {
                why = "not made: no call does".to_owned();
                continue;
            };
            match by_hand::make(&self.scene, &case.name, &to) {
                Err(error) => why = not_made(&error),
                Ok(()) if by_hand::shown(&self.scene, self.kind, &case.name) == before => {
                    why = "not made: AWS shows no difference".to_owned();
                }
                Ok(()) => {
                    let members = self.shape().members().iter().map(|m| m.name);
                    let members = members.filter(|m| case.tree.get(m) != way.get(m)).map(str::to_owned);
                    return Ok(Edit { wanted: wanted.clone(), thing, before, members: members.collect() });
                }
            }
        }
        Err(why)
    }

    /// Does of all that is wanted what can be done at once.
    fn edits(&mut self) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut edited: BTreeSet<usize> = BTreeSet::new();
        for want in self.wanted() {
            let declared = self.things.len() / 2;
            let able = |thing: &usize| {
                let source = if want.0 == How::Set { thing.checked_sub(declared) } else { Some(*thing) };
                self.things[*thing].refused.is_none()
                    && source.is_some_and(|it| self.has[it].contains_key(&want.1))
                    && !self.ways(want.0, &want.1, *thing).is_empty()
            };
            let able: Vec<usize> = (0..self.things.len()).filter(able).collect();
            let free = able.iter().filter(|it| !edited.contains(it)).take(6);
            let mut why = match able.is_empty() {
                true => "not made: nothing can be made of it",
                false => "not made: what has it is edited otherwise",
            }
            .to_owned();
            let mut made = None;
            for thing in free {
                match self.edit(&want, *thing) {
                    Ok(edit) => {
                        made = Some(edit);
                        break;
                    }
                    Err(error) => why = error,
                }
            }
            match made {
                Some(edit) => {
                    edited.insert(edit.thing);
                    edits.push(edit);
                }
                None => _ = self.outcomes.insert(want, why),
            }
        }
        edits
    }

    /// What came of an edit, in words.
    fn outcome(
        &self,
        edit: &Edit,
        said: &BTreeSet<String>,
        writes: &[(String, String)],
    ) -> Result<(), String> {
        let name = &self.things[edit.thing].name;
        let unit = by_hand::unit(self.kind, name);
        let lines: Vec<&str> =
            said.iter().filter_map(|line| line.strip_prefix(&format!("{unit} "))).collect();
        let part = by_hand::part(self.kind, name);
        let drift: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix(&part)).collect();
        let segments: Vec<&str> = edit.wanted.1.trim_start_matches('/').split('/').collect();
        // One thing under two names.
        let alias = |line: &str| match edit.wanted.1.rsplit('/').next() {
            Some("targetGroupArn") => line.contains("/forwardConfig/targetGroups/"),
            Some("values" | "regexValues") => line.contains("/pathPatternConfig/"),
            _ => edit.wanted.1.starts_with("/subnetMappings") && line.starts_with("/subnets/"),
        };
        let about = |line: &str| {
            let path = line.trim_start_matches('/').rsplitn(3, ' ').last().unwrap_or_default().to_owned();
            // What was never declared comes with what has to stand beside it.
            edit.wanted.0 == How::Set || path.split('/').zip(&segments).all(|(a, b)| a == *b || *b == "*")
        };
        let wrote: Vec<&String> =
            writes.iter().filter(|(_, about)| about.contains(name.as_str())).map(|(verb, _)| verb).collect();
        let now = by_hand::shown(&self.scene, self.kind, name);
        let humans = drift
            .iter()
            .filter(|line| line.ends_with(" human healed"))
            .any(|line| about(line) || alias(line));
        let strangers: Vec<&&str> = drift
            .iter()
            .filter(|line| {
                let top = line.trim_start_matches('/').split(['/', ' ']).next().unwrap_or_default();
                !edit.members.contains(top) && !alias(line)
            })
            .collect();
        if !strangers.is_empty() {
            return Err(format!("WRONG: other drift {strangers:?}"));
        }
        if wrote.len() > FEW {
            return Err(format!("WRONG: {} writes {wrote:?}", wrote.len()));
        }
        if humans && !wrote.is_empty() {
            // AWS may show a default in words where it showed nothing before.
            return match now == edit.before || self.means_the_same(edit, &now) {
                true => Ok(()),
                false => Err(format!("WRONG: written, and not as it was: {}", differing(&edit.before, &now))),
            };
        }
        if now == edit.before {
            return Err(format!("healed by {wrote:?}, told as {drift:?}").replace(name.as_str(), "it"));
        }
        let told = lines.iter().find(|line| line.starts_with("refused") || line.starts_with("note"));
        let told = told.or_else(|| lines.iter().find(|line| line.ends_with(" left")));
        match told {
            Some(line) if wrote.is_empty() => Err(line.replace(name.as_str(), "it")),
            None if drift.is_empty() && wrote.is_empty() => Err(match self.rule(&edit.wanted.1) {
                Some(rule) => rule,
                None if self.means_the_same(edit, &now) => "it means the same".to_owned(),
                None => format!("WRONG: it stays, and nothing is said: {}", differing(&edit.before, &now)),
            }),
            _ => Err(format!("WRONG: {wrote:?} {lines:?} {}", differing(&edit.before, &now))),
        }
    }

    /// True where what AWS shows means what it showed before, by the rules of comparison.
    fn means_the_same(&self, edit: &Edit, now: &Value) -> bool {
        let tree = |shown: &Value| {
            let tree = canonical(Tree::from(shown.clone()), self.shape());
            if self.kind == Kind::Service { tree } else { lift::described(self.kind, tree) }
        };
        compare(self.kind, &tree(&edit.before), &tree(now)).is_empty()
    }

    /// The rule by which a member is left to others, where there is one.
    fn rule(&self, member: &str) -> Option<String> {
        let path = member.trim_start_matches('/');
        let about = |row: &&Row| path == row.path || path.starts_with(&format!("{}/", row.path));
        self.kind.rows().iter().filter(about).find_map(|row| match row.rule {
            Rule::FreeWhenUndeclared => Some("compared only where it is declared".to_owned()),
            Rule::FreeWhen(_, words) => Some(format!("not compared {words}")),
            Rule::Elsewhere => Some("no property of it".to_owned()),
            _ => None,
        })
    }

    /// Lets time pass until everything is as it will stay.
    async fn rest(&mut self) {
        tokio::time::sleep(std::time::Duration::from_secs(later(self.kind))).await;
        let quiet = |state: State| state.is_settled() || matches!(state, State::Refused | State::Drifted);
        self.scene.until("quiet", |s| s.planned.report.units.values().all(|u| quiet(u.state))).await;
    }

    /// Does everything that can be done at once: each thing is edited in one way.
    async fn run(mut self) -> Self {
        self.scene.mark_here();
        let mark = self.scene.stage.mark();
        let edits = self.edits();
        self.rest().await;
        let said = self.scene.daemon.said();
        let own = |r: &AuditRow| r.write && r.service != "s3" && r.caller != "operator";
        let rows = self.scene.stage.sim.audit(mark);
        let writes = rows.iter().filter(|r| own(r));
        let writes: Vec<_> = writes.map(|r| (r.operation.to_string(), r.input.to_string())).collect();
        for edit in edits {
            let outcome = self.outcome(&edit, &said, &writes);
            self.outcomes.insert(edit.wanted, outcome.err().unwrap_or_default());
        }
        self
    }

    /// What did not come out healed, by the reason.
    fn report(&self) -> String {
        let healed = self.outcomes.values().filter(|why| why.is_empty()).count();
        let made = self.outcomes.values().filter(|why| !why.starts_with("not made")).count();
        eprintln!("{:?}: {made} edits made, {healed} of them healed", self.kind);
        let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let told = |why: &String| !why.is_empty() && !why.starts_with("not made");
        for ((how, member), why) in self.outcomes.iter().filter(|(_, why)| told(why)) {
            by_reason.entry(format!("{}: {why}", how.words())).or_default().push(member.clone());
        }
        by_reason
            .into_iter()
            .map(|(why, members)| format!("{why}\n    {}\n", members.join("\n    ")))
            .collect()
    }
}

/// What AWS says to an edit that it does not take, without what is different every time.
fn not_made(error: &str) -> String {
    let code = error.split('"').nth(1).unwrap_or_default();
    format!("not made: AWS answers {code}")
}

/// The members of two trees that are not the same.
fn differing(before: &Value, now: &Value) -> String {
    let both = [before, now].into_iter().filter_map(Value::as_object);
    let all: BTreeSet<&String> = both.flat_map(|map| map.keys()).collect();
    let differ = all.into_iter().filter(|name| before.get(*name) != now.get(*name));
    differ.map(|name| format!("{name}: {} -> {}; ", before[name], now[name])).collect()
}

/// Fails unless every edit of a kind is healed but these, each for that reason.
async fn all_healed_but(kind: Kind, expected: Expect) {
    let matrix = Matrix::of(kind).await.run().await;
    expected.assert_eq(&matrix.report());
}

#[tokio::test(start_paused = true)]
async fn of_a_target_group() {
    all_healed_but(Kind::TargetGroup, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_load_balancer() {
    all_healed_but(
        Kind::LoadBalancer,
        expect![[r#"
        changed: compared only where it is declared
            /subnetMappings/*/allocationId
            /subnetMappings/*/iPv6Address
            /subnetMappings/*/privateIPv4Address
        changed: refused: `ipAddressType` of load balancer it cannot be changed
            /ipAddressType
        set undeclared: refused: `ipAddressType` of load balancer it cannot be changed
            /ipAddressType
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_listener() {
    all_healed_but(
        Kind::Listener,
        expect![[r#"
        changed: no property of it
            /certificates/*/isDefault
            /mutualAuthentication/trustStoreAssociationStatus
        set undeclared: compared only where it is declared
            /defaultActions/*/order
        set undeclared: it means the same
            /mutualAuthentication/ignoreClientCertificateExpiry
        set undeclared: no property of it
            /certificates/*/isDefault
            /mutualAuthentication/trustStoreAssociationStatus
        taken away: it means the same
            /mutualAuthentication/advertiseTrustStoreCaNames
        taken away: no property of it
            /mutualAuthentication/trustStoreAssociationStatus
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_rule() {
    all_healed_but(
        Kind::Rule,
        expect![[r#"
        changed: no property of it
            /conditions/*/sourceIpConfig/ipAddressType
        set undeclared: compared only where it is declared
            /actions/*/order
        set undeclared: no property of it
            /conditions/*/sourceIpConfig/ipAddressType
        taken away: no property of it
            /conditions/*/sourceIpConfig/ipAddressType
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_scalable_target() {
    all_healed_but(Kind::ScalableTarget, expect![[r#"
        set undeclared: note: its scaling is suspended by `dynamicScalingInSuspended`, of which the document says nothing: left so
            /suspendedState/dynamicScalingInSuspended
        set undeclared: note: its scaling is suspended by `dynamicScalingOutSuspended`, of which the document says nothing: left so
            /suspendedState/dynamicScalingOutSuspended
        set undeclared: note: its scaling is suspended by `scheduledScalingSuspended`, of which the document says nothing: left so
            /suspendedState/scheduledScalingSuspended
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_scaling_policy() {
    all_healed_but(
        Kind::ScalingPolicy,
        expect![[r#"
        set undeclared: compared only where it is declared
            /predictiveScalingPolicyConfiguration/schedulingBufferTime
        set undeclared: it means the same
            /predictiveScalingPolicyConfiguration/maxCapacityBreachBehavior
            /predictiveScalingPolicyConfiguration/mode
            /stepScalingPolicyConfiguration/metricAggregationType
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_scheduled_action() {
    all_healed_but(
        Kind::ScheduledAction,
        expect![[r#"
        set undeclared: compared only where it is declared
            /startTime
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_cluster() {
    all_healed_but(
        Kind::Cluster,
        expect![[r#"
        set undeclared: compared only where it is declared
            /capacityProviders
            /defaultCapacityProviderStrategy/*/base
            /defaultCapacityProviderStrategy/*/capacityProvider
            /defaultCapacityProviderStrategy/*/weight
            /serviceConnectDefaults/namespace
            /settings/*/name
            /settings/*/value
        set undeclared: it means the same
            /configuration/executeCommandConfiguration/logConfiguration/cloudWatchEncryptionEnabled
            /configuration/executeCommandConfiguration/logConfiguration/s3EncryptionEnabled
        taken away: compared only where it is declared
            /settings/*/name
        taken away: it means the same
            /configuration/executeCommandConfiguration/logging
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_repository() {
    all_healed_but(Kind::Repository, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_log_group() {
    all_healed_but(Kind::LogGroup, expect![""]).await;
}
