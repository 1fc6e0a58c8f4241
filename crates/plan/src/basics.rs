//! Clusters, repositories and log groups: things with a name, a few fields and tags.

use std::borrow::Cow;

use evenkeel_diff::{Kind, clearing, rules};
use evenkeel_model::Tree;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::adoption::Resource;
use crate::ownership;
use crate::report::{Drift, Owner, Refusal};
use crate::tagging::Tagging;
use crate::unit::Draft;
use crate::{Because, Need, Planner, dotted};

/// What distinguishes one of these kinds from the others.
struct Basic {
    kind: Kind,
    word: &'static str,
    name_member: &'static str,
    arn_member: &'static str,
    create: &'static str,
    tagging: Tagging,
    unit: fn(String) -> UnitKey,
    subject: fn(String) -> Subject,
    change: fn(&mut Draft<'_>, &Subject, &str, &Tree, &Tree, Vec<Drift>),
}

const CLUSTER: Basic = Basic {
    kind: Kind::Cluster,
    word: "cluster",
    name_member: "clusterName",
    arn_member: "clusterArn",
    create: "create-cluster",
    tagging: Tagging::Ecs,
    unit: UnitKey::Cluster,
    subject: Subject::Cluster,
    change: change_cluster,
};

const REPOSITORY: Basic = Basic {
    kind: Kind::Repository,
    word: "repository",
    name_member: "repositoryName",
    arn_member: "repositoryArn",
    create: "create-repository",
    tagging: Tagging::Ecr,
    unit: UnitKey::Repository,
    subject: Subject::Repository,
    change: change_repository,
};

const LOG_GROUP: Basic = Basic {
    kind: Kind::LogGroup,
    word: "log group",
    name_member: "logGroupName",
    arn_member: "logGroupArn",
    create: "create-log-group",
    tagging: Tagging::Logs,
    unit: UnitKey::LogGroup,
    subject: Subject::LogGroup,
    change: change_log_group,
};

impl Planner<'_> {
    pub(crate) fn basics(&mut self) {
        let document = self.document();
        for (basic, items) in [
            (&CLUSTER, &document.clusters),
            (&REPOSITORY, &document.repositories),
            (&LOG_GROUP, &document.log_groups),
        ] {
            for (name, want) in items {
                self.basic(basic, name, want);
            }
        }
    }

    fn basic(&mut self, basic: &Basic, name: &str, want: &Tree) {
        let mut draft = Draft::new(self.input, (basic.unit)(name.to_owned()));
        let subject = (basic.subject)(name.to_owned());
        let mut input = want.clone();
        let retention = input.take("retentionInDays");
        draft.applies(basic.word, &input);
        if let Some(days) = &retention {
            draft.applies("retention", days);
        }
        match draft.seen(&subject) {
            None => {}
            Some(Seen::Present { tree, .. }) if tree.str("status") != Some("INACTIVE") => {
                let want = (&input, retention.as_ref());
                self.keep_basic(&mut draft, basic, name, want, &subject, tree);
            }
            Some(_) if !draft.missing(basic.word) => {}
            Some(_) => {
                let tags = ownership::wanted(self.document(), &input, name);
                draft.applies_texts("tags", &tags);
                let tags = match basic.tagging {
                    Tagging::Logs => ownership::map(&tags),
                    _ => ownership::list(&tags),
                };
                let full = input.clone().with(basic.name_member, name).with("tags", tags);
                let op = basic.kind.create();
                let step = draft.step(format!("{} {name}", basic.create), subject.clone(), op, full);
                let created = step.because(Because::Missing).id.clone();
                if let Some(days) = &retention {
                    put_retention(&mut draft, name, days, &subject)
                        .because(Because::Missing)
                        .needs([Need::Step(created)]);
                }
            }
        }
        let (key, unit, report) = draft.finish();
        self.put(key, unit, report);
    }

    /// Changes what is there, where it is ours.
    fn keep_basic(
        &self,
        draft: &mut Draft<'_>,
        basic: &Basic,
        name: &str,
        (want, retention): (&Tree, Option<&Tree>),
        subject: &Subject,
        tree: &Tree,
    ) {
        let arn = tree.str(basic.arn_member).or_else(|| tree.str("arn")).unwrap_or_default();
        let arn = arn.trim_end_matches(":*").to_owned();
        let live_tags = ownership::tags(tree);
        let resource = Resource {
            what: &|| format!("{} {name}", basic.word),
            tagging: basic.tagging,
            subject,
            arn: &arn,
            label: "",
            item: name,
            part: basic.word,
            adopt: self.document().adopt(&draft.key),
            tags: &live_tags,
        };
        let Some(claimed) = draft.claim(&resource) else { return };
        let full = draft.with_baseline(basic.word, basic.kind, want, tree);
        let want = &*full;
        let drifts = draft.drifts(basic.word, basic.kind, want, tree);
        let (immutable, mutable): (Vec<Drift>, Vec<Drift>) = drifts
            .into_iter()
            .partition(|d| rules::immutable(basic.kind).any(|m| d.path.segments().next() == Some(m)));
        for drift in immutable {
            let why = format!("`{}` of {} cannot be changed", dotted(&drift.path), (resource.what)());
            let way_out = format!("declare a {} of another name", basic.word);
            draft.cannot(drift, Refusal::new(why).or(way_out));
        }
        let acted = draft.accept(mutable);
        if !acted.is_empty() {
            let want = draft.carry_left(basic.word, basic.kind, Cow::Borrowed(want));
            (basic.change)(draft, subject, name, &want, tree, acted);
        }
        let tags = ownership::wanted(self.document(), want, name);
        basic.tagging.steps(draft, subject, &arn, "", &tags, &live_tags);
        if basic.kind == Kind::LogGroup {
            keep_retention(draft, name, retention, subject, tree);
        }
        draft.take_over(&resource, claimed);
    }
}

fn of(drift: &Drift, member: &str) -> bool {
    drift.path.segments().next() == Some(member)
}

fn change_cluster(
    draft: &mut Draft<'_>,
    subject: &Subject,
    name: &str,
    want: &Tree,
    live: &Tree,
    drifts: Vec<Drift>,
) {
    let (attached, rest): (Vec<Drift>, Vec<Drift>) = drifts
        .into_iter()
        .partition(|d| of(d, "capacityProviders") || of(d, "defaultCapacityProviderStrategy"));
    if !attached.is_empty() {
        let mut input = Tree::map().with("cluster", name);
        for member in ["capacityProviders", "defaultCapacityProviderStrategy"] {
            // The call replaces both; the one that is not declared belongs to others.
            let value = want.get(member).or_else(|| live.get(member)).cloned();
            input.set(member, value.unwrap_or_else(|| Tree::list([])));
        }
        let id = format!("put-cluster-capacity-providers {name}");
        draft.step(id, subject.clone(), Op::EcsPutClusterCapacityProviders, input).because_of(attached);
    }
    if !rest.is_empty() {
        let mut input = Tree::map().with("cluster", name);
        for member in ["settings", "configuration", "serviceConnectDefaults"] {
            let differs = rest.iter().any(|d| of(d, member));
            let off = || clearing(Kind::Cluster, member).value().filter(|_| differs);
            if let Some(value) = want.get(member).cloned().or_else(off) {
                input.set(member, value);
            }
        }
        draft
            .step(format!("update-cluster {name}"), subject.clone(), Op::EcsUpdateCluster, input)
            .because_of(rest);
    }
}

/// What CloudWatch Logs lets one change of a group has calls of its own, which are not made here.
fn change_log_group(draft: &mut Draft<'_>, _: &Subject, name: &str, _: &Tree, _: &Tree, drifts: Vec<Drift>) {
    for drift in drifts {
        let why = format!(
            "`{}` of log group {name} differs, and this version does not change it",
            dotted(&drift.path)
        );
        draft.report.drift.retain(|d| *d != drift);
        draft.cannot(drift, Refusal::new(why).or("change it in AWS"));
    }
}

fn change_repository(
    draft: &mut Draft<'_>,
    subject: &Subject,
    name: &str,
    want: &Tree,
    _: &Tree,
    drifts: Vec<Drift>,
) {
    let (scanning, mutability): (Vec<Drift>, Vec<Drift>) =
        drifts.into_iter().partition(|d| of(d, "imageScanningConfiguration"));
    if !mutability.is_empty() {
        let mut input = Tree::map()
            .with("repositoryName", name)
            .with("imageTagMutability", want.str("imageTagMutability").unwrap_or("MUTABLE"));
        if let Some(filters) = want.get("imageTagMutabilityExclusionFilters") {
            input.set("imageTagMutabilityExclusionFilters", filters.clone());
        }
        let id = format!("put-image-tag-mutability {name}");
        draft.step(id, subject.clone(), Op::EcrPutImageTagMutability, input).because_of(mutability);
    }
    if !scanning.is_empty() {
        let off = Tree::map().with("scanOnPush", false);
        let input = Tree::map().with("repositoryName", name).with(
            "imageScanningConfiguration",
            want.get("imageScanningConfiguration").cloned().unwrap_or(off),
        );
        let id = format!("put-image-scanning-configuration {name}");
        draft.step(id, subject.clone(), Op::EcrPutImageScanningConfiguration, input).because_of(scanning);
    }
}

fn put_retention<'s>(
    draft: &'s mut Draft<'_>,
    name: &str,
    days: &Tree,
    subject: &Subject,
) -> &'s mut crate::Step {
    let input = Tree::map().with("logGroupName", name).with("retentionInDays", days.clone());
    draft.step(format!("put-retention-policy {name}"), subject.clone(), Op::LogsPutRetentionPolicy, input)
}

/// How long logs are kept; a retention that the document never declared is left as it is.
fn keep_retention(draft: &mut Draft<'_>, name: &str, want: Option<&Tree>, subject: &Subject, live: &Tree) {
    let have = live.get("retentionInDays");
    let last = draft.memory().applied.get("retention").cloned();
    let days = |tree: Option<&Tree>| tree.and_then(Tree::as_int);
    if days(want) == days(have) {
        return;
    }
    if let (None, None, Some(days)) = (want, &last, have) {
        let days = days.to_json();
        draft.note(format!("its logs are kept for {days} days, of which the document says nothing: left so"));
        return;
    }
    let drift = Drift {
        part: "logGroup".into(),
        path: Path::of(["retentionInDays"]),
        want: want.cloned(),
        live: have.cloned(),
        owner: if last.as_ref() == want { Owner::Human } else { Owner::Document },
        acted_on: true,
    };
    let acted = draft.accept(vec![drift]);
    if acted.is_empty() {
        return;
    }
    match want {
        Some(days) => {
            put_retention(draft, name, days, subject).because_of(acted);
        }
        None => {
            let input = Tree::map().with("logGroupName", name);
            let id = format!("delete-retention-policy {name}");
            draft.step(id, subject.clone(), Op::LogsDeleteRetentionPolicy, input).because_of(acted);
        }
    }
}
