//! Names, tags and ARNs.

use super::{Place, is_open};
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::key;
use crate::path::{Path, Trail};
use crate::tree::Tree;

/// The account and region that a document is for.
pub(super) struct Home<'d> {
    pub account: &'d str,
    pub region: &'d str,
}

/// Members whose ARN must lie in the account and region of what names it.
const AT_HOME: [&str; 13] = [
    "taskRoleArn",
    "executionRoleArn",
    "roleArn",
    "role",
    "targetGroupArn",
    "alternateTargetGroupArn",
    "productionListenerRule",
    "testListenerRule",
    "loadBalancerArn",
    "listenerArn",
    "registryArn",
    "certificateArn",
    "hookTargetArn",
];

/// Most tags of a resource.
const MOST_TAGS: usize = 50;

/// The members at the top of a document.
pub(super) fn top(document: &Document, out: &mut Vec<Diagnostic>) {
    let reported = out.iter().any(|d| d.is_error() && d.path == Path::of(["account"]));
    let mut place = Place::new(out, Trail::ROOT);
    if !document.account.is_empty() && !is_account(&document.account) && !reported {
        let said = place.error("bad-account", "account", "an account id has 12 digits");
        if document.account.bytes().all(|b| b.is_ascii_digit()) && document.account.len() < 12 {
            said.hint("put it in quotes with its leading zeros, which a number loses");
        }
    }
    if !document.name.is_empty() {
        name(&document.name, 128, "a document's name", &mut place.member("name"));
    }
    if document.tags.len() > MOST_TAGS - 2 {
        place
            .error("limit", "tags", "a resource has at most 50 tags, and two of them are Evenkeel's")
            .at_key();
    }
    for (key, value) in &document.tags {
        tag(key, value, &mut place.item("tags", key));
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// What is declared beside services and load balancing.
pub(super) fn others(document: &Document, out: &mut Vec<Diagnostic>) {
    let part_of_a_log_group = |b: u8| b.is_ascii_alphanumeric() || b"._-/#".contains(&b);
    for (called, tree) in &document.clusters {
        let at = document.items.place("clusters", called);
        let mut place = Place::new(out, Trail::ROOT.follow(&at));
        name(called, 255, "a cluster's name", &mut place);
        tags(tree, &mut place);
    }
    for (called, tree) in &document.repositories {
        let at = document.items.place("repositories", called);
        let mut place = Place::new(out, Trail::ROOT.follow(&at));
        if !is_repository(called) && !is_open(called) {
            let what = "a repository's name has 2 to 256 small letters and digits, with `.`, `_`, `-` and `/` between them";
            place.error("bad-name", "", what).at_key();
        }
        tags(tree, &mut place);
    }
    for (called, tree) in &document.log_groups {
        let at = document.items.place("logGroups", called);
        let mut place = Place::new(out, Trail::ROOT.follow(&at));
        if !(1..=512).contains(&called.len()) || !called.bytes().all(part_of_a_log_group) {
            let what = "a log group's name has 1 to 512 letters, digits, `.`, `_`, `-`, `/` and `#`";
            place.error("bad-name", "", what).at_key();
        }
        if let Some(days) = tree.int("retentionInDays")
            && !RETENTION_DAYS.contains(&days)
        {
            let allowed = RETENTION_DAYS.map(|d| d.to_string()).join(", ");
            place
                .error("limit", "retentionInDays", format!("logs are kept for one of {allowed} days"))
                .hint("leave it out to keep them for ever");
        }
    }
}

/// The retentions that CloudWatch Logs knows.
const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The `tags` of a shape: a list of keys and values.
pub(super) fn tags(shape: &Tree, place: &mut Place<'_>) {
    let tags = shape.list_of("tags");
    if tags.len() > MOST_TAGS - 2 {
        let message = "a resource has at most 50 tags, and two of them are Evenkeel's";
        place.error("limit", "tags", message).at_key();
    }
    let mut seen = std::collections::BTreeSet::new();
    for (i, entry) in tags.iter().enumerate() {
        let Some(key) = entry.str("key") else {
            place.missing(&format!("tags/{i}"), "key", "");
            continue;
        };
        let mut place = place.element_of("tags", i);
        if !seen.insert(key) {
            place.error("duplicate-name", "key", "another tag has this key");
        }
        tag(key, entry.str("value").unwrap_or_default(), &mut place);
    }
}

fn tag(key: &str, value: &str, place: &mut Place<'_>) {
    let reserved = ["aws:", "evenkeel:"]
        .into_iter()
        .find(|r| key.get(..r.len()).is_some_and(|start| start.eq_ignore_ascii_case(r)));
    if let Some(reserved) = reserved {
        place.error("reserved-tag", "", format!("tags that begin with `{reserved}` are reserved"));
    }
    if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
        place.error("limit", "", "a tag's key has 1 to 128 characters, its value at most 256");
    }
    let fits = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c) || is_separator(c);
    if [key, value].iter().any(|text| !is_open(text) && !text.chars().all(fits)) {
        let message = "tags have letters, digits, spaces and `_.:/=+-@`; not every service takes others";
        place.warning("bad-tag", "", message);
    }
}

/// A space of any kind, which is no control character.
fn is_separator(c: char) -> bool {
    c.is_whitespace() && !c.is_control()
}

/// Whether ECR takes a name: parts between slashes, of words between `.`, `_`, `__` or any number of `-`.
fn is_repository(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let edges = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
        let mut between = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        edges && between.all(|b| matches!(b, "" | "." | "_" | "__") || b.bytes().all(|b| b == b'-'))
    };
    (2..=256).contains(&name.len()) && name.split('/').all(part)
}

/// Whether text is a name as ECS takes it.
pub(super) fn is_name(text: &str, most: usize) -> bool {
    !text.is_empty()
        && text.len() <= most
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

pub(super) fn name(text: &str, most: usize, what: &str, place: &mut Place<'_>) {
    if !is_name(text, most) && !is_open(text) {
        let message = format!("{what} has 1 to {most} letters, digits, `-` and `_`");
        place.error("bad-name", "", message).at_key();
    }
}

/// The family of a task definition.
pub(super) fn family(task: &Tree, place: &mut Place<'_>) {
    if task.str("family").is_some_and(|family| !is_open(family) && !is_name(family, 255)) {
        place.error("bad-name", "family", "a family has 1 to 255 letters, digits, `-` and `_`");
    }
}

/// The name of a target group or load balancer.
pub(super) fn balancer_name(text: &str, what: &str, place: &mut Place<'_>) {
    let fits = !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if !fits && !is_open(text) {
        let message = format!("{what} has 1 to 32 letters, digits and `-`, and no `-` at either end");
        place.error("bad-name", "", message).at_key();
    }
}

/// Warns of every ARN in a shape that lies in another account or region than the document's, where AWS
/// takes none from elsewhere.
pub(super) fn arns(tree: &Tree, home: &Home<'_>, place: &mut Place<'_>) {
    match tree {
        Tree::Map(map) => {
            for (name, value) in map.iter() {
                match value {
                    Tree::Str(text) if text.starts_with("arn:") && AT_HOME.contains(&&**name) => {
                        arn(name, text, home, place);
                    }
                    Tree::List(_) | Tree::Map(_) => arns(value, home, &mut place.member(name)),
                    _ => {}
                }
            }
        }
        Tree::List(items) => {
            for (i, item) in items.iter().enumerate() {
                if !matches!(item, Tree::List(_) | Tree::Map(_)) {
                    break;
                }
                arns(item, home, &mut place.element(i));
            }
        }
        _ => {}
    }
}

/// One ARN of [`arns`], under the member `member`.
pub(super) fn arn(member: &str, text: &str, home: &Home<'_>, place: &mut Place<'_>) {
    if !text.starts_with("arn:") || is_open(text) {
        return;
    }
    if is_account(home.account) && key::arn_account(text).is_some_and(|account| account != home.account) {
        place.warning("other-account", member, "this ARN is of another account than the document");
    }
    let region = text.split(':').nth(3).unwrap_or_default();
    if !region.is_empty() && region != home.region {
        place.warning("other-region", member, "this ARN is of another region than the document");
    }
}
