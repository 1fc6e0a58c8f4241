//! Which members a document has, and of what form: one table from which it is checked.

use super::answers::{self, Shown};
use super::windows::DAYS;
use crate::shapes::{self, Op, ShapeId};
use crate::tree::Map;

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
    /// A length of time, such as `10m`.
    Duration,
    /// One of these words, or an object.
    WordOr(&'static [&'static str], &'static [Entry]),
    /// A list of texts.
    Texts,
    /// A map of text to text.
    TextMap,
    /// Whether what exists already is taken over: true, false, `"ifEqual"` or `{"from": DOCUMENT}`.
    Adopt,
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
    /// Members of ours beside AWS's. One that AWS has too is ours where it is an object.
    pub plus: &'static [Entry],
    /// The operation whose answer describes it, the member with it, and whether that is a list: what is
    /// known only there is response-only and dropped with a note.
    pub described: (Op, &'static str),
    /// Names under which AWS's answers hold it, alone or in a list: what is pasted whole is unwrapped.
    pub envelopes: &'static [&'static str],
    /// Members of AWS's answers that say under another name what the input says, and the input's name.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Members that AWS's answers show elsewhere.
    pub shown: fn(&Map) -> Vec<Shown>,
    /// Required members are asked for (not in fragments, to which `defaults` are still to be added).
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

/// What is written for editors and means nothing to Evenkeel.
const FOR_EDITORS: Entry = may("$schema", Field::Text);
/// Members of AWS's shapes that no table knows pass through.
pub(super) const ALLOW_UNKNOWN: &str = "allowUnknownFields";

/// A whole document.
pub(super) static ROOT: Field = Field::Object(DOCUMENT);

static DOCUMENT: &[Entry] = &[
    FOR_EDITORS,
    must("apiVersion", Field::Word(&[super::API_VERSION])),
    must("name", Field::Text),
    must("account", Field::Text),
    must("region", Field::Text),
    may("cluster", Field::Text),
    may("tags", Field::TextMap),
    ADOPT,
    may(ALLOW_UNKNOWN, Field::Flag),
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

/// The members of `adopt` where it names the document that has to let go.
pub(super) static ADOPT_FROM: &[Entry] = &[must("from", Field::Text)];

static SETTINGS: &[Entry] = &[
    may("mode", Field::Word(&["observe", "enforce"])),
    HEAL,
    RETRY,
    WINDOWS,
    may("prune", Field::Word(&["off", "confirm", "on"])),
    may("maxDeletePercent", Field::Count),
    may("taskDefinitions", Field::Object(&[must("keep", Field::Count)])),
    may(
        "rollouts",
        Field::Object(&[
            may("maxConcurrent", Field::Count),
            may("stopAfterFailures", Field::Count),
            may("deadline", Field::Duration),
        ]),
    ),
    may("atomic", Field::Flag),
];

const HEAL: Entry = may("heal", Field::WordOr(&["on", "off"], &[must("after", Field::Duration)]));
const RETRY: Entry = may("retry", Field::Object(&[must("after", Field::Duration), may("max", Field::Count)]));
const WINDOWS: Entry = may(
    "windows",
    Field::List(&Field::Object(&[
        may("days", Field::List(&Field::Word(&DAYS))),
        must("from", Field::Text),
        must("to", Field::Text),
        may("timezone", Field::Text),
        may("drift", Field::Word(&["heal", "hold"])),
    ])),
);

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
    may("replace", Field::Word(&["recreate"])),
    HEAL,
    RETRY,
    WINDOWS,
    may(ALLOW_UNKNOWN, Field::Flag),
    may("restart", Field::Text),
    ADOPT,
    DELETION,
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
/// A range from which a priority is chosen.
const PRIORITIES: Entry =
    may("priority", Field::Object(&[must("from", Field::Count), must("to", Field::Count)]));
const ADOPT: Entry = may("adopt", Field::Adopt);

const TASK_DEFINITION: Aws = Aws {
    op: Op::EcsRegisterTaskDefinition,
    without: &[],
    plus: &[],
    described: (Op::EcsDescribeTaskDefinition, "taskDefinition"),
    envelopes: &["taskDefinition", "taskDefinitions"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};
const SERVICE_INPUT: Aws = Aws {
    op: Op::EcsCreateService,
    without: &["taskDefinition", "clientToken"],
    plus: &[],
    described: (Op::EcsDescribeServices, "services"),
    envelopes: &["services", "service"],
    renamed: &[],
    shown: answers::service,
    whole: true,
};
const TARGET_GROUP: Aws = Aws {
    op: Op::Elbv2CreateTargetGroup,
    without: &[],
    plus: &[may("attributes", Field::TextMap), DELETION, ADOPT],
    described: (Op::Elbv2DescribeTargetGroups, "targetGroups"),
    envelopes: &["targetGroups"],
    renamed: &[("targetGroupName", "name")],
    shown: answers::in_place,
    whole: true,
};
const LOAD_BALANCER: Aws = Aws {
    op: Op::Elbv2CreateLoadBalancer,
    without: &[],
    plus: &[may("listeners", Field::Each(&Field::Aws(&LISTENER))), DELETION, ADOPT],
    described: (Op::Elbv2DescribeLoadBalancers, "loadBalancers"),
    envelopes: &["loadBalancers"],
    renamed: &[("loadBalancerName", "name")],
    shown: answers::load_balancer,
    whole: true,
};
const LISTENER: Aws = Aws {
    op: Op::Elbv2CreateListener,
    without: &["loadBalancerArn"],
    plus: &[may("rules", Field::Each(&Field::Aws(&LISTENER_RULE))), ADOPT],
    described: (Op::Elbv2DescribeListeners, "listeners"),
    envelopes: &["listeners"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};
const LISTENER_RULE: Aws = Aws {
    op: Op::Elbv2CreateRule,
    without: &["listenerArn"],
    plus: &[ADOPT, PRIORITIES],
    described: (Op::Elbv2DescribeRules, "rules"),
    envelopes: &["rules"],
    renamed: &[],
    shown: answers::in_place,
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
    envelopes: &["scalableTargets"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};
const POLICY: Aws = Aws {
    op: Op::ScalingPutScalingPolicy,
    without: &["policyName", "serviceNamespace", "resourceId", "scalableDimension"],
    plus: &[],
    described: (Op::ScalingDescribeScalingPolicies, "scalingPolicies"),
    envelopes: &["scalingPolicies"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};
const SCHEDULED_ACTION: Aws = Aws {
    op: Op::ScalingPutScheduledAction,
    without: &["scheduledActionName", "serviceNamespace", "resourceId", "scalableDimension"],
    plus: &[],
    described: (Op::ScalingDescribeScheduledActions, "scheduledActions"),
    envelopes: &["scheduledActions"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};
const CLUSTER: Aws = Aws {
    op: Op::EcsCreateCluster,
    without: &[],
    plus: &[DELETION, ADOPT],
    described: (Op::EcsDescribeClusters, "clusters"),
    envelopes: &["clusters", "cluster"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};
const REPOSITORY: Aws = Aws {
    op: Op::EcrCreateRepository,
    without: &[],
    plus: &[DELETION, ADOPT],
    described: (Op::EcrDescribeRepositories, "repositories"),
    envelopes: &["repositories", "repository"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};
const LOG_GROUP: Aws = Aws {
    op: Op::LogsCreateLogGroup,
    without: &[],
    plus: &[may("retentionInDays", Field::Count), DELETION, ADOPT],
    described: (Op::LogsDescribeLogGroups, "logGroups"),
    envelopes: &["logGroups"],
    renamed: &[],
    shown: answers::in_place,
    whole: true,
};

/// The AWS shapes of a whole task definition and service, for what is asked once `defaults` are merged.
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

impl Aws {
    /// The shape in which AWS's answers describe it.
    pub(super) fn description(&self) -> Option<ShapeId> {
        let (op, member) = self.described;
        let shape = op.output()?.member(member)?.shape;
        match shape.kind() {
            shapes::Kind::List { item, .. } => Some(item),
            _ => Some(shape),
        }
    }

    /// True for a member that is required of AWS's input and given here by other means.
    pub(super) fn given_otherwise(&self, member: &str) -> bool {
        NAMES.contains(&member) || self.without.contains(&member)
    }
}
