//! Which members a document has, and of what form: one table from which it is checked.

use crate::diagnostic::Diagnostic;
use crate::path::Path;
use crate::shapes::{self, Op, Problem, ShapeId};
use crate::tree::Tree;

/// The form of one value of the document.
pub(super) enum Field {
    /// Text that is not empty.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number of at least one.
    Count,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A map of text to text.
    TextMap,
    /// A member of the language that this version reads and does not act on; the text says what happens.
    Later(&'static str),
    /// An AWS shape, less and plus some members.
    Aws(&'static Aws),
    /// An object of our own.
    Object(&'static [Entry]),
    /// A map of items by name.
    Each(&'static Field),
    /// A list of items.
    List(&'static Field),
}

/// An AWS shape in the document.
pub(super) struct Aws {
    /// Its form is this operation's input.
    pub op: Op,
    /// Members of that input that the document gives by other means: dropped with a note.
    pub without: &'static [&'static str],
    /// Members of ours beside AWS's.
    pub plus: &'static [Entry],
    /// The operation whose answer describes it, the member with it, and whether that is a list: what is
    /// known only there is response-only and dropped with a note.
    pub described: (Op, &'static str),
    /// Members that answers call by another name.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Required members are asked for (not in `defaults`, which are fragments).
    pub whole: bool,
}

/// A member of an object of ours.
pub(super) struct Entry {
    pub name: &'static str,
    pub field: Field,
    pub required: bool,
}

const fn may(name: &'static str, field: Field) -> Entry {
    Entry { name, field, required: false }
}
const fn must(name: &'static str, field: Field) -> Entry {
    Entry { name, field, required: true }
}

const NOT_YET_ADOPT: &str = "this version adopts nothing: what exists without our tag is refused";

pub(super) static DOCUMENT: &[Entry] = &[
    must("apiVersion", Field::Word(&[super::API_VERSION])),
    must("name", Field::Text),
    must("account", Field::Text),
    must("region", Field::Text),
    may("cluster", Field::Text),
    may("tags", Field::TextMap),
    may("adopt", Field::Later(NOT_YET_ADOPT)),
    may("settings", Field::Object(SETTINGS)),
    may("defaults", Field::Object(DEFAULTS)),
    may("services", Field::Each(&Field::Object(SERVICE))),
    may("targetGroups", Field::Each(&Field::Aws(&TARGET_GROUP))),
    may("loadBalancers", Field::Each(&Field::Aws(&LOAD_BALANCER))),
    may("taskDefinitions", Field::Each(&Field::Aws(&TASK_DEFINITION))),
    may("clusters", Field::Each(&Field::Aws(&CLUSTER))),
    may("repositories", Field::Each(&Field::Aws(&REPOSITORY))),
    may("logGroups", Field::Each(&Field::Aws(&LOG_GROUP))),
];

static SETTINGS: &[Entry] = &[
    may("mode", Field::Word(&["observe", "enforce"])),
    may("heal", Field::Word(&["on", "off"])),
    may("prune", Field::Word(&["off"])),
    may(
        "rollouts",
        Field::Object(&[
            may("maxConcurrent", Field::Count),
            may("stopAfterFailures", Field::Later("this version does not stop after failed rollouts")),
        ]),
    ),
    may("atomic", Field::Later("this version refuses a document with any error as a whole")),
];

static DEFAULTS: &[Entry] = &[
    may("service", Field::Aws(&Aws { whole: false, ..SERVICE_INPUT })),
    may("taskDefinition", Field::Aws(&Aws { whole: false, ..TASK_DEFINITION })),
];

static SERVICE: &[Entry] = &[
    // Checked as whole shapes once the defaults are merged in.
    must("taskDefinition", Field::Aws(&Aws { whole: false, ..TASK_DEFINITION })),
    must("service", Field::Aws(&Aws { whole: false, ..SERVICE_INPUT })),
    may("targetGroups", Field::Each(&Field::Aws(&TARGET_GROUP))),
    may("listenerRules", Field::Each(&Field::Aws(&SERVICE_RULE))),
    may("scaling", Field::Aws(&SCALING)),
    may("images", Field::Each(&Field::Word(&["asWritten", "follow", "pin"]))),
    may("dependsOn", Field::Texts),
    may("mode", Field::Word(&["observe", "enforce"])),
    may("suspend", Field::Flag),
    may("restart", Field::Text),
    may("adopt", Field::Later(NOT_YET_ADOPT)),
    may(
        "ignore",
        Field::List(&Field::Object(&[
            must("path", Field::Text),
            must("reason", Field::Text),
            may("until", Field::Text),
        ])),
    ),
];

const DELETION: Entry = may("deletion", Field::Word(&["keep", "delete"]));
const ADOPT: Entry = may("adopt", Field::Later(NOT_YET_ADOPT));

const TASK_DEFINITION: Aws = Aws {
    op: Op::EcsRegisterTaskDefinition,
    without: &[],
    plus: &[],
    described: (Op::EcsDescribeTaskDefinition, "taskDefinition"),
    renamed: &[],
    whole: true,
};
const SERVICE_INPUT: Aws = Aws {
    op: Op::EcsCreateService,
    without: &["taskDefinition", "clientToken"],
    plus: &[],
    described: (Op::EcsDescribeServices, "services"),
    renamed: &[],
    whole: true,
};
const TARGET_GROUP: Aws = Aws {
    op: Op::Elbv2CreateTargetGroup,
    without: &[],
    plus: &[may("attributes", Field::TextMap), DELETION, ADOPT],
    described: (Op::Elbv2DescribeTargetGroups, "targetGroups"),
    renamed: &[("targetGroupName", "name")],
    whole: true,
};
const LOAD_BALANCER: Aws = Aws {
    op: Op::Elbv2CreateLoadBalancer,
    without: &[],
    plus: &[may("listeners", Field::Each(&Field::Aws(&LISTENER))), DELETION, ADOPT],
    described: (Op::Elbv2DescribeLoadBalancers, "loadBalancers"),
    renamed: &[("loadBalancerName", "name")],
    whole: true,
};
const LISTENER: Aws = Aws {
    op: Op::Elbv2CreateListener,
    without: &["loadBalancerArn"],
    plus: &[may("rules", Field::Each(&Field::Aws(&LISTENER_RULE))), ADOPT],
    described: (Op::Elbv2DescribeListeners, "listeners"),
    renamed: &[],
    whole: true,
};
const LISTENER_RULE: Aws = Aws {
    op: Op::Elbv2CreateRule,
    without: &["listenerArn"],
    plus: &[ADOPT],
    described: (Op::Elbv2DescribeRules, "rules"),
    renamed: &[],
    whole: true,
};
const SERVICE_RULE: Aws = Aws { without: &[], ..LISTENER_RULE };
const SCALING: Aws = Aws {
    op: Op::ScalingRegisterScalableTarget,
    without: &["serviceNamespace", "resourceId", "scalableDimension"],
    plus: &[
        may("policies", Field::Each(&Field::Aws(&POLICY))),
        may("scheduledActions", Field::Each(&Field::Aws(&SCHEDULED_ACTION))),
    ],
    described: (Op::ScalingDescribeScalableTargets, "scalableTargets"),
    renamed: &[],
    whole: true,
};
const POLICY: Aws = Aws {
    op: Op::ScalingPutScalingPolicy,
    without: &["policyName", "serviceNamespace", "resourceId", "scalableDimension"],
    plus: &[],
    described: (Op::ScalingDescribeScalingPolicies, "scalingPolicies"),
    renamed: &[],
    whole: true,
};
const SCHEDULED_ACTION: Aws = Aws {
    op: Op::ScalingPutScheduledAction,
    without: &["scheduledActionName", "serviceNamespace", "resourceId", "scalableDimension"],
    plus: &[],
    described: (Op::ScalingDescribeScheduledActions, "scheduledActions"),
    renamed: &[],
    whole: true,
};
const CLUSTER: Aws = Aws {
    op: Op::EcsCreateCluster,
    without: &[],
    plus: &[DELETION, ADOPT],
    described: (Op::EcsDescribeClusters, "clusters"),
    renamed: &[],
    whole: true,
};
const REPOSITORY: Aws = Aws {
    op: Op::EcrCreateRepository,
    without: &[],
    plus: &[DELETION, ADOPT],
    described: (Op::EcrDescribeRepositories, "repositories"),
    renamed: &[],
    whole: true,
};
const LOG_GROUP: Aws = Aws {
    op: Op::LogsCreateLogGroup,
    without: &[],
    plus: &[may("retentionInDays", Field::Count), DELETION, ADOPT],
    described: (Op::LogsDescribeLogGroups, "logGroups"),
    renamed: &[],
    whole: true,
};

/// The AWS shape of a whole task definition and service, for the check after `defaults` are merged.
pub(super) const WHOLE_TASK_DEFINITION: &Aws = &TASK_DEFINITION;
pub(super) const WHOLE_SERVICE: &Aws = &SERVICE_INPUT;

/// Members that the key in the document may stand for: never asked for.
const NAMES: [&str; 9] = [
    "family",
    "serviceName",
    "name",
    "clusterName",
    "repositoryName",
    "logGroupName",
    "loadBalancerArn",
    "listenerArn",
    "taskDefinition",
];

/// Checks a value against its field and brings it into canonical form: members in canonical names,
/// response-only and null members dropped, numbers and texts as their shapes have them.
pub(super) fn check(field: &Field, tree: Tree, path: &Path, out: &mut Vec<Diagnostic>) -> Tree {
    let wrong = |expected: &str, tree: &Tree| {
        Diagnostic::error("wrong-type", path.clone(), format!("{expected} belongs here, not {}", tree.kind()))
    };
    match (field, tree) {
        (_, Tree::Null) => Tree::Null,
        (Field::Text, Tree::Str(text)) => {
            if text.trim().is_empty() {
                out.push(Diagnostic::error("empty", path.clone(), "this text must not be empty"));
            }
            Tree::Str(text)
        }
        // An account id or a date that was written without quotes, in YAML for instance.
        (Field::Text, Tree::Int(n)) => Tree::from(n.to_string()),
        (Field::Text, tree) => {
            out.push(wrong("a string", &tree));
            Tree::Null
        }
        (Field::Flag, Tree::Bool(b)) => Tree::Bool(b),
        (Field::Flag, tree) => {
            out.push(wrong("true or false", &tree));
            Tree::Null
        }
        (Field::Count, tree) => match tree.as_int() {
            Some(n) if n >= 1 => Tree::Int(n),
            Some(_) => {
                out.push(Diagnostic::error("limit", path.clone(), "this number must be at least 1"));
                Tree::Null
            }
            None => {
                out.push(wrong("a whole number", &tree));
                Tree::Null
            }
        },
        (Field::Word(words), Tree::Str(text)) => {
            if !words.contains(&&*text) {
                let message = match words {
                    [only] => format!("only `{only}` can stand here"),
                    _ => format!("`{text}` is not one of {}", words.join(", ")),
                };
                let mut d = Diagnostic::error("not-in-enum", path.clone(), message);
                if words.len() > 1
                    && let Some(near) = shapes::nearest(&text, words.iter().copied())
                {
                    d = d.with_hint(format!("did you mean `{near}`?"));
                }
                out.push(d);
            }
            Tree::Str(text)
        }
        // YAML's and people's own on and off.
        (Field::Word(words), Tree::Bool(b)) if words.contains(&"on") => {
            Tree::from(if b { "on" } else { "off" })
        }
        (Field::Word(words), tree) => {
            out.push(wrong(&format!("one of {}", words.join(", ")), &tree));
            Tree::Null
        }
        (Field::Texts, Tree::List(items)) => Tree::list(
            items
                .into_vec()
                .into_iter()
                .enumerate()
                .map(|(i, item)| check(&Field::Text, item, &path.child(i.to_string()), out)),
        ),
        (Field::Texts, tree) => {
            out.push(wrong("a list of strings", &tree));
            Tree::Null
        }
        (Field::TextMap, Tree::Map(map)) => Tree::Map(
            map.into_iter()
                .map(|(name, value)| {
                    let value = match value {
                        Tree::Str(_) => value,
                        Tree::Int(_) | Tree::Num(_) | Tree::Bool(_) => Tree::from(value.to_json()),
                        other => {
                            out.push(Diagnostic::error(
                                "wrong-type",
                                path.child(&name),
                                format!("a string belongs here, not {}", other.kind()),
                            ));
                            Tree::from("")
                        }
                    };
                    (name, value)
                })
                .collect(),
        ),
        (Field::TextMap, tree) => {
            out.push(wrong("an object of strings", &tree));
            Tree::Null
        }
        (Field::Later(what), _) => {
            out.push(Diagnostic::warning("not-yet", path.clone(), *what).at_key());
            Tree::Null
        }
        (Field::Object(entries), Tree::Map(map)) => object(entries, map, path, out),
        (Field::Each(item), Tree::Map(map)) => Tree::Map(
            map.into_iter()
                .filter(|(_, value)| *value != Tree::Null)
                .map(|(name, value)| {
                    let value = check(item, value, &path.child(&name), out);
                    (name, value)
                })
                .collect(),
        ),
        (Field::List(item), Tree::List(items)) => Tree::list(
            items
                .into_vec()
                .into_iter()
                .enumerate()
                .map(|(i, value)| check(item, value, &path.child(i.to_string()), out)),
        ),
        (Field::List(_), tree) => {
            out.push(wrong("a list", &tree));
            Tree::Null
        }
        (Field::Aws(aws), Tree::Map(map)) => aws_shape(aws, Tree::Map(map), path, out),
        (Field::Object(_) | Field::Each(_) | Field::Aws(_), tree) => {
            out.push(wrong("an object", &tree));
            Tree::Null
        }
    }
}

fn object(entries: &'static [Entry], map: crate::tree::Map, path: &Path, out: &mut Vec<Diagnostic>) -> Tree {
    let mut checked = Tree::map();
    for (name, value) in map {
        let Some(entry) = entries.iter().find(|e| e.name == &*name) else {
            out.push(unknown(&name, path, entries.iter().map(|e| e.name), false));
            continue;
        };
        let value = check(&entry.field, value, &path.child(&name), out);
        if value != Tree::Null {
            checked.set(name, value);
        } else if entry.required && !out.iter().any(|d| d.is_error() && d.path == path.child(&name)) {
            out.push(missing(entry.name, path));
        }
    }
    for entry in entries.iter().filter(|e| e.required) {
        let reported =
            out.iter().any(|d| d.path == path.child(entry.name) || *d == missing(entry.name, path));
        if checked.get(entry.name).is_none() && !reported {
            out.push(missing(entry.name, path));
        }
    }
    checked
}

fn missing(name: &str, path: &Path) -> Diagnostic {
    Diagnostic::error("missing-required", path.clone(), format!("`{name}` is required")).at_key()
}

fn unknown<'c>(name: &str, path: &Path, known: impl Iterator<Item = &'c str>, aws: bool) -> Diagnostic {
    let message = match aws {
        true => format!("AWS knows no field `{name}` here"),
        false => format!("there is no field `{name}` here"),
    };
    let d = Diagnostic::error("unknown-field", path.child(name), message).at_key();
    match shapes::nearest(name, known) {
        Some(near) => d.with_hint(format!("did you mean `{near}`?")),
        None => d,
    }
}

/// Checks an AWS shape: ours beside AWS's members, pasted descriptions, then the shape tables.
fn aws_shape(aws: &'static Aws, tree: Tree, path: &Path, out: &mut Vec<Diagnostic>) -> Tree {
    let input = aws.op.input();
    let described = described_shape(aws);
    let mut ours = Tree::map();
    let mut theirs = Tree::map();
    let Tree::Map(map) = tree else { return Tree::Null };
    for (name, value) in map {
        if value == Tree::Null {
            continue;
        }
        let at = path.child(&name);
        let known = described.and_then(|d| d.member(&name));
        let renamed = known.and_then(|m| aws.renamed.iter().find(|(from, _)| *from == m.name));
        if let Some((_, to)) = renamed {
            if theirs.get(to).is_none() {
                theirs.set(*to, value);
            }
        } else if let Some(entry) = aws.plus.iter().find(|e| e.name == &*name) {
            let value = check(&entry.field, value, &at, out);
            if value != Tree::Null {
                ours.set(name, value);
            }
        } else if let Some(member) = input.member(&name) {
            if aws.without.contains(&member.name) {
                out.push(dropped(&at, "it follows from where this stands in the document"));
            } else {
                theirs.set(name, value);
            }
        } else if known.is_some() {
            out.push(dropped(&at, "only AWS's answers have it"));
        } else {
            let known = input.members().iter().map(|m| m.name).chain(aws.plus.iter().map(|e| e.name));
            out.push(unknown(&name, path, known, true));
        }
    }
    shapes::check(&theirs, input, &mut |at, problem| {
        // In canonical form only one of the two would be left.
        if let Problem::DuplicateMember { name } = problem {
            let message = format!("`{name}` is given twice, with its first letter in both cases");
            out.push(Diagnostic::error("duplicate-key", path.join(at).child(name), message).at_key());
        }
    });
    let theirs = drop_nulls(shapes::canonical(theirs, input));
    let theirs = coerce_all(theirs, input, path, out);
    shape_problems(aws, &theirs, path, out);
    match theirs {
        Tree::Map(map) => map.into_iter().fold(ours, |mut all, (n, v)| {
            all.set(n, v);
            all
        }),
        _ => ours,
    }
}

fn dropped(path: &Path, why: &str) -> Diagnostic {
    let name = path.last().unwrap_or_default();
    Diagnostic::note("dropped", path.clone(), format!("`{name}` is left out: {why}")).at_key()
}

fn described_shape(aws: &Aws) -> Option<ShapeId> {
    let (op, member) = aws.described;
    let shape = op.output()?.member(member)?.shape;
    match shape.kind() {
        shapes::Kind::List { item, .. } => Some(item),
        _ => Some(shape),
    }
}

/// What the shape tables find.
pub(super) fn shape_problems(aws: &'static Aws, tree: &Tree, path: &Path, out: &mut Vec<Diagnostic>) {
    shapes::check(tree, aws.op.input(), &mut |at, problem| {
        let here = path.join(at);
        match problem {
            Problem::MissingRequired { name } => {
                let by_key = at.is_root() && (NAMES.contains(&name) || aws.without.contains(&name));
                let fragment = at.is_root() && !aws.whole;
                if !by_key && !fragment {
                    out.push(missing(name, &here));
                }
            }
            Problem::UnknownMember { name, nearest } => {
                let d = Diagnostic::error("unknown-field", here, format!("AWS knows no field `{name}` here"))
                    .at_key();
                out.push(match nearest {
                    Some(near) => d.with_hint(format!("did you mean `{near}`?")),
                    None => d,
                });
            }
            Problem::NotInEnum { found, values, nearest } => {
                let d = Diagnostic::error(
                    "not-in-enum",
                    here,
                    format!("`{found}` is not one of {}", values.join(", ")),
                );
                out.push(match nearest {
                    Some(near) => d.with_hint(format!("did you mean `{near}`?")),
                    None => d,
                });
            }
            Problem::WrongType { expected, found, .. } => out.push(Diagnostic::error(
                "wrong-type",
                here,
                format!("{expected} belongs here, not {found}"),
            )),
            // Told before the canonical form was made.
            Problem::DuplicateMember { .. } => {}
            limit => out.push(Diagnostic::error("limit", here, limit.to_string())),
        }
    });
}

fn drop_nulls(tree: Tree) -> Tree {
    match tree {
        Tree::Map(map) => Tree::Map(
            map.into_iter().filter(|(_, v)| *v != Tree::Null).map(|(n, v)| (n, drop_nulls(v))).collect(),
        ),
        Tree::List(items) => {
            Tree::list(items.into_vec().into_iter().filter(|v| *v != Tree::Null).map(drop_nulls))
        }
        scalar => scalar,
    }
}

/// Numbers where AWS takes text, and text where it takes numbers, said so in a note.
fn coerce_all(tree: Tree, shape: ShapeId, path: &Path, out: &mut Vec<Diagnostic>) -> Tree {
    if let Some(value) = shapes::coerce(&tree, shape) {
        out.push(Diagnostic::note(
            "coerced",
            path.clone(),
            format!("taken as {}, which is what AWS takes here", shape.words()),
        ));
        return value;
    }
    match (shape.kind(), tree) {
        (shapes::Kind::Structure { .. }, Tree::Map(map)) => Tree::Map(
            map.into_iter()
                .map(|(name, value)| {
                    let value = match shape.member(&name) {
                        Some(member) => coerce_all(value, member.shape, &path.child(&name), out),
                        None => value,
                    };
                    (name, value)
                })
                .collect(),
        ),
        (shapes::Kind::List { item, .. }, Tree::List(items)) => Tree::list(
            items
                .into_vec()
                .into_iter()
                .enumerate()
                .map(|(i, value)| coerce_all(value, item, &path.child(i.to_string()), out)),
        ),
        (shapes::Kind::Map { value: shape, .. }, Tree::Map(map)) => Tree::Map(
            map.into_iter()
                .map(|(name, value)| {
                    let value = coerce_all(value, shape, &path.child(&name), out);
                    (name, value)
                })
                .collect(),
        ),
        (_, tree) => tree,
    }
}
