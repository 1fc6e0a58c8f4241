//! Target groups with their attributes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use evenkeel_diff::{Kind, attribute_default, default_at, fill, rules};
use evenkeel_model::document::TargetGroup;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;
use evenkeel_model::{Name, Tree};

use crate::adoption::Resource;
use crate::report::{Drift, Owner, Refusal, WaitingOn};
use crate::tagging::Tagging;
use crate::unit::Draft;
use crate::{Because, Planner, Step, Unit, dotted, generations, ownership};

/// What ModifyTargetGroup takes. Source: the API reference.
const MODIFIABLE: [&str; 9] = [
    "healthCheckProtocol",
    "healthCheckPort",
    "healthCheckPath",
    "healthCheckEnabled",
    "healthCheckIntervalSeconds",
    "healthCheckTimeoutSeconds",
    "healthyThresholdCount",
    "unhealthyThresholdCount",
    "matcher",
];

impl Planner<'_> {
    pub(crate) fn target_groups(&mut self) {
        for (name, group) in &self.document().target_groups {
            let mut draft = Draft::new(self.input, UnitKey::TargetGroup(name.clone()));
            draft.applies("targetGroup", &group.input);
            draft.applies_texts("attributes", &group.attributes);
            self.target_group(&mut draft, name, group);
            let (key, unit, report) = draft.finish();
            self.remember_generations(&key, name, &unit);
            self.put(key, unit, report);
        }
    }

    /// A generation is remembered before it is made: once the document changes again, nothing else may tell
    /// of it.
    fn remember_generations(&mut self, key: &UnitKey, name: &str, unit: &Unit) {
        let Some(generation) = self.generations.get(name).filter(|_| unit.ready() > 0) else { return };
        let before = self.input.memory.unit(key);
        let names = generation.names(name);
        if names.is_empty() || before.applied.get(generations::NAMES) == Some(&names) {
            return;
        }
        let mut remembered = before.clone();
        remembered.applied.insert(generations::NAMES.to_owned(), names);
        self.planned.remember.insert(key.clone(), remembered);
    }

    fn target_group(&self, draft: &mut Draft<'_>, name: &str, group: &TargetGroup) {
        let generation = self.generations.get(name);
        let unseen = generation.map_or(&[][..], |g| &g.unseen);
        if !unseen.is_empty() {
            unseen.iter().for_each(|n| draft.wait(WaitingOn::Seen(Subject::TargetGroup(n.clone()))));
            return;
        }
        let found = self.generations.name(name);
        let subject = Subject::TargetGroup(found.to_owned());
        match draft.seen(&subject) {
            None => {}
            Some(Seen::Present { tree, .. }) => self.keep_group(draft, name, group, &subject, tree),
            Some(_) => self.create_group(draft, found, group),
        }
        if let Some(generation) = generation {
            draft.applies(generations::NAMES, &generation.names(name));
            if generation.target.is_some() {
                self.retire(draft, name, generation);
            }
        }
    }

    fn create_group(&self, draft: &mut Draft<'_>, name: &str, group: &TargetGroup) {
        if draft.missing("targetGroup") {
            draft.makes("attributes");
            self.make_group(draft, name, group, &group.input).because(Because::Missing);
        }
    }

    /// Makes the group under a name; returns the step that does.
    pub(crate) fn make_group<'d>(
        &self,
        draft: &'d mut Draft<'_>,
        name: &str,
        group: &TargetGroup,
        input: &Tree,
    ) -> &'d mut Step {
        let subject = Subject::TargetGroup(name.to_owned());
        let tags = ownership::wanted(self.document(), &group.input, &group.item);
        draft.applies_texts("tags", &tags);
        let input = input.clone().with("name", name).with("tags", ownership::list(&tags));
        let op = Op::Elbv2CreateTargetGroup;
        let at = draft.unit.steps.len();
        let created =
            draft.step(format!("create-target-group {name}"), subject.clone(), op, input).id.clone();
        if !group.attributes.is_empty() {
            let input = Tree::map().with("attributes", attribute_list(&group.attributes));
            draft
                .step(
                    format!("modify-target-group-attributes {name}"),
                    subject,
                    Op::Elbv2ModifyTargetGroupAttributes,
                    input,
                )
                .because(Because::Missing)
                .fill("targetGroupArn", &created, "targetGroups/0/targetGroupArn");
        }
        &mut draft.unit.steps[at]
    }

    fn keep_group(
        &self,
        draft: &mut Draft<'_>,
        name: &str,
        group: &TargetGroup,
        subject: &Subject,
        tree: &Tree,
    ) {
        let arn = tree.str("targetGroupArn").unwrap_or_default().to_owned();
        let live_tags = ownership::tags(tree);
        let resource = Resource {
            what: &|| format!("target group {name}"),
            tagging: Tagging::Elbv2,
            subject,
            arn: &arn,
            label: "",
            item: &group.item,
            part: "targetGroup",
            adopt: self.document().adopt(&draft.key),
            tags: &live_tags,
        };
        let Some(claimed) = draft.claim(&resource) else { return };
        // Under a name of the document's, it is the one that the document means.
        let declared = match subject {
            Subject::TargetGroup(found) if found != name && generations::is_named(found, name) => {
                Cow::Owned(group.input.clone().with("name", found.as_str()))
            }
            _ => Cow::Borrowed(&group.input),
        };
        let base = Path::of(["targetGroups", &group.item]);
        let full = draft.with_baseline("targetGroup", Kind::TargetGroup, &declared, tree);
        let want = draft.carry(&base, Kind::TargetGroup, &full, tree);
        let fixed = |drift: &Drift| {
            let member = drift.path.segments().next();
            rules::immutable(Kind::TargetGroup).any(|fixed| Some(fixed) == member)
        };
        let mut immutable = draft.drifts("targetGroup", Kind::TargetGroup, &want, tree);
        immutable.retain(fixed);
        // Whatever becomes of that, this group has the defaults that go with what it is.
        let kept = with_fixed_of(tree, &want);
        let mut mutable = draft.drifts_beside("targetGroup", Kind::TargetGroup, &want, &kept, tree);
        mutable.retain(|drift| !fixed(drift));
        if draft.judging.is_none() && self.generations.get(name).is_some() && !immutable.is_empty() {
            self.succeed(draft, name, group, &want, immutable, tree);
        } else {
            for drift in immutable {
                let why = format!("`{}` of target group {name} cannot be changed", dotted(&drift.path));
                draft.cannot(drift, Refusal::new(why));
            }
        }
        let acted = draft.accept(mutable);
        if !acted.is_empty() {
            let want = draft.carry_left("targetGroup", Kind::TargetGroup, Cow::Owned(kept));
            let input = modification(&want, &acted, &arn);
            draft
                .step(
                    format!("modify-target-group {name}"),
                    subject.clone(),
                    Op::Elbv2ModifyTargetGroup,
                    input,
                )
                .because_of(acted);
        }
        let drifts = attribute_drifts(draft, group, tree);
        let acted = draft.accept(drifts);
        if !acted.is_empty() {
            let changed: BTreeMap<String, String> = acted
                .iter()
                .filter_map(|d| Some((d.path.last()?.to_owned(), d.want.as_ref()?.as_str()?.to_owned())))
                .collect();
            let input =
                Tree::map().with("targetGroupArn", arn.as_str()).with("attributes", attribute_list(&changed));
            draft
                .step(
                    format!("modify-target-group-attributes {name}"),
                    subject.clone(),
                    Op::Elbv2ModifyTargetGroupAttributes,
                    input,
                )
                .because_of(acted);
        }
        let tags = ownership::wanted(self.document(), &group.input, &group.item);
        Tagging::Elbv2.steps(draft, subject, &arn, "", &tags, &live_tags);
        draft.take_over(&resource, claimed);
    }
}

/// What is wanted of a live group as long as it is the one that serves: what cannot be changed is as it is.
fn with_fixed_of(live: &Tree, want: &Tree) -> Tree {
    let mut kept = want.clone();
    for member in rules::immutable(Kind::TargetGroup) {
        kept.take(member);
        if let Some(value) = live.get(member) {
            kept.set(member, value.clone());
        }
    }
    kept
}

/// What ModifyTargetGroup is sent: the members that differ, with their defaults where they are not
/// declared. A changed protocol takes everything that hangs on it along, in one call.
fn modification(want: &Tree, drifts: &[Drift], arn: &str) -> Tree {
    let filled = filled(want);
    let mut input = Tree::map().with("targetGroupArn", arn);
    let protocol = drifts.iter().any(|d| d.path.segments().next() == Some("healthCheckProtocol"));
    for member in MODIFIABLE {
        let differs = drifts.iter().any(|d| d.path.segments().next() == Some(member));
        if (differs || protocol)
            && let Some(value) = filled.get(member)
        {
            input.set(member, value.clone());
        }
    }
    input
}

/// The wanted group with AWS's defaults at its top level too.
fn filled(want: &Tree) -> Tree {
    let mut all = fill(Kind::TargetGroup, want);
    for member in MODIFIABLE {
        if all.get(member).is_none()
            && let Some(value) = default_at(Kind::TargetGroup, want, member)
        {
            all.set(member, value);
        }
    }
    all
}

fn attribute_list(attributes: &BTreeMap<String, String>) -> Tree {
    Tree::list(attributes.iter().map(|(k, v)| Tree::map().with("key", k.as_str()).with("value", v.as_str())))
}

/// Attributes that differ: declared ones from their value, undeclared ones from AWS's default.
fn attribute_drifts(draft: &mut Draft<'_>, group: &TargetGroup, live: &Tree) -> Vec<Drift> {
    let Some(Tree::Map(have)) = live.get("attributes") else {
        return Vec::new();
    };
    let declared = |name: &str| group.attributes.contains_key(name);
    let undeclared = |path: &Path| path.last().is_some_and(|name| !declared(name));
    let default = |name: &str| attribute_default(live, name);
    let base = draft.baseline_of("attributes", undeclared, || {
        let set = |(n, v): &(&Name, &Tree)| default(n).is_some_and(|d| v.as_str() != Some(d));
        have.iter().filter(set).map(|(n, v)| (Path::of([&**n]), v.clone())).collect()
    });
    let last = draft.memory().applied.get("attributes");
    let mut names: Vec<&str> = group.attributes.keys().map(String::as_str).collect();
    names.extend(have.names().map(|n| &**n));
    names.sort_unstable();
    names.dedup();
    let mut drifts = Vec::new();
    for name in names {
        let want = match group.attributes.get(name) {
            Some(declared) => declared.as_str(),
            None => {
                let found = base.get(&Path::of([name])).and_then(Tree::as_str);
                match found.or_else(|| default(name)) {
                    Some(right) => right,
                    None => continue,
                }
            }
        };
        let found = have.get(name).and_then(Tree::as_str).unwrap_or_default();
        if want == found || draft.ignored(&Path::of(["targetGroups", &group.item, "attributes", name])) {
            continue;
        }
        let unchanged = last.is_some_and(|l| l.str(name) == group.attributes.get(name).map(String::as_str));
        drifts.push(Drift {
            part: "attributes".into(),
            path: Path::of([name]),
            want: Some(Tree::from(want)),
            live: have.get(name).cloned(),
            owner: if unchanged { Owner::Human } else { Owner::Document },
            acted_on: true,
        });
    }
    drifts
}
