//! How each service takes tags: which call, in which form, and the AWS CLI's spelling of it.

use std::collections::BTreeMap;

use evenkeel_model::Tree;
use evenkeel_model::document::Document;
use evenkeel_model::key::Subject;
use evenkeel_model::shapes::Op;

use crate::Step;
use crate::ownership::{self, TAG_DOCUMENT, TAG_KEY, TagChange};
use crate::report::{Drift, Owner};
use crate::unit::Draft;
use evenkeel_model::path::Path;

fn named(verb: &str, label: &str) -> String {
    if label.is_empty() { verb.to_owned() } else { format!("{verb} {label}") }
}

/// A service's way with tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tagging {
    Ecs,
    Elbv2,
    Ecr,
    Logs,
}

impl Tagging {
    const fn ops(self) -> (Op, Op) {
        match self {
            Tagging::Ecs => (Op::EcsTagResource, Op::EcsUntagResource),
            Tagging::Elbv2 => (Op::Elbv2AddTags, Op::Elbv2RemoveTags),
            Tagging::Ecr => (Op::EcrTagResource, Op::EcrUntagResource),
            Tagging::Logs => (Op::LogsTagResource, Op::LogsUntagResource),
        }
    }

    fn resource(self, arn: &str) -> Tree {
        match self {
            Tagging::Elbv2 => Tree::map().with("resourceArns", Tree::list([Tree::from(arn)])),
            _ => Tree::map().with("resourceArn", arn),
        }
    }

    /// The command that puts our ownership on a resource.
    pub fn adopt_command(self, document: &Document, arn: &str, key: &str) -> String {
        let tags = [(TAG_DOCUMENT, document.name.as_str()), (TAG_KEY, key)];
        let pairs = |name: &str, value: &str, between: &str| {
            tags.map(|(k, v)| format!("{name}{k}{value}{v}")).join(between)
        };
        match self {
            Tagging::Ecs => {
                format!("aws ecs tag-resource --resource-arn {arn} --tags {}", pairs("key=", ",value=", " "))
            }
            Tagging::Elbv2 => {
                format!("aws elbv2 add-tags --resource-arns {arn} --tags {}", pairs("Key=", ",Value=", " "))
            }
            Tagging::Ecr => {
                format!("aws ecr tag-resource --resource-arn {arn} --tags {}", pairs("Key=", ",Value=", " "))
            }
            Tagging::Logs => {
                format!("aws logs tag-resource --resource-arn {arn} --tags {}", pairs("", "=", ","))
            }
        }
    }

    /// Adds the steps that bring a resource's tags to what is wanted.
    pub fn steps(
        self,
        draft: &mut Draft<'_>,
        subject: &Subject,
        arn: &str,
        label: &str,
        wanted: &BTreeMap<String, String>,
        live: &BTreeMap<String, String>,
    ) {
        let part = if label.is_empty() { "tags".to_owned() } else { format!("tags {label}") };
        let applied = draft.memory().applied.get(&part);
        let change = TagChange::between(wanted, live, applied);
        draft.applies_texts(&part, wanted);
        if change.is_empty() {
            return;
        }
        let owner = |key: &str| {
            let before = applied.and_then(|a| a.str(key));
            match (applied, before == wanted.get(key).map(String::as_str)) {
                (Some(_), true) => Owner::Human,
                _ => Owner::Document,
            }
        };
        let drift = |key: &str| Drift {
            part: part.clone(),
            path: Path::of([key]),
            want: wanted.get(key).map(|v| Tree::from(v.as_str())),
            live: live.get(key).map(|v| Tree::from(v.as_str())),
            owner: owner(key),
            acted_on: true,
        };
        let set = draft.accept(change.set.keys().map(|k| drift(k)).collect());
        let removed = draft.accept(change.remove.iter().map(|k| drift(k)).collect());
        if !set.is_empty() {
            let tags: BTreeMap<String, String> = set
                .iter()
                .filter_map(|d| {
                    let key = d.path.last()?;
                    Some((key.to_owned(), wanted.get(key)?.clone()))
                })
                .collect();
            self.add(draft, subject, arn, label, &tags).because_of(set);
        }
        if !removed.is_empty() {
            let keys = Tree::list(removed.iter().filter_map(|d| d.path.last()).map(Tree::from));
            let input = self.resource(arn).with("tagKeys", keys);
            let (_, remove) = self.ops();
            draft.step(named(remove.verb(), label), subject.clone(), remove, input).because_of(removed);
        }
    }

    /// Adds the step that puts these tags on a resource.
    pub fn add<'s>(
        self,
        draft: &'s mut Draft<'_>,
        subject: &Subject,
        arn: &str,
        label: &str,
        tags: &BTreeMap<String, String>,
    ) -> &'s mut Step {
        let (add, _) = self.ops();
        let tags = match self {
            Tagging::Logs => ownership::map(tags),
            _ => ownership::list(tags),
        };
        let input = self.resource(arn).with("tags", tags);
        draft.step(named(add.verb(), label), subject.clone(), add, input)
    }
}
