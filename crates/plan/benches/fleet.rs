//! What a pass costs: parse, validate, compare and plan a document of many services, in sync with AWS.
//!
//! `cargo bench -p evenkeel-plan` prints times of 1,000 and 5,000 services, their ratio, which tells whether
//! the cost is linear, and the bytes held on each side; then criterion measures each part.

#![allow(clippy::unwrap_used)] // its own fleet, written here

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use evenkeel_diff::{Kind, compare_described};
use evenkeel_model::document::refs::{Ref, substitute};
use evenkeel_model::document::{self, Document, Mode};
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::memory::Memory;
use evenkeel_model::orders::Orders;
use evenkeel_model::shapes::Op;
use evenkeel_model::text::{self, Format, Parsed};
use evenkeel_model::wire;
use evenkeel_model::world::{Moment, Seen, World};
use evenkeel_model::{Name, Tree};
use evenkeel_plan::{Ceilings, Input, interest, plan};

const SIZES: [usize; 2] = [1_000, 5_000];

const ACCOUNT: &str = "123456789012";

/// A service as they are: two containers, thirty variables, secrets, a health check, logs, a target group
/// behind a rule, scaling on CPU.
fn task_definition(i: usize) -> String {
    let mut environment = String::new();
    for n in 0..30 {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(environment, r#"{comma}{{"name":"SETTING_{n}","value":"value {n} of service {i}"}}"#);
    }
    format!(
        r#"{{"family":"service-{i}","networkMode":"awsvpc","requiresCompatibilities":["FARGATE"],"cpu":"512","memory":"1024","executionRoleArn":"arn:aws:iam::{ACCOUNT}:role/execution","taskRoleArn":"arn:aws:iam::{ACCOUNT}:role/task","containerDefinitions":[{{"name":"app","image":"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/service-{i}:1.2.3","essential":true,"portMappings":[{{"containerPort":8080,"protocol":"tcp"}}],"environment":[{environment}],"secrets":[{{"name":"DATABASE_PASSWORD","valueFrom":"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:service-{i}-AbCdEf:password::"}},{{"name":"API_KEY","valueFrom":"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/service-{i}/key"}}],"healthCheck":{{"command":["CMD-SHELL","curl -f http://localhost:8080/health || exit 1"],"interval":30,"timeout":5,"retries":3,"startPeriod":60}},"logConfiguration":{{"logDriver":"awslogs","options":{{"awslogs-group":"/ecs/service-{i}","awslogs-region":"us-east-1","awslogs-stream-prefix":"app"}}}},"ulimits":[{{"name":"nofile","softLimit":65536,"hardLimit":65536}}]}},{{"name":"agent","image":"public.ecr.aws/agent:7","essential":false,"environment":[{{"name":"DD_SITE","value":"example"}},{{"name":"ECS_FARGATE","value":"true"}}],"portMappings":[{{"containerPort":8125,"protocol":"udp"}}]}}]}}"#
    )
}

fn service(i: usize, group: &str) -> String {
    format!(
        r#"{{"launchType":"FARGATE","desiredCount":2,"networkConfiguration":{{"awsvpcConfiguration":{{"subnets":["subnet-0a1","subnet-0b2","subnet-0c3"],"securityGroups":["sg-{i}"]}}}},"loadBalancers":[{{"targetGroupArn":"{group}","containerName":"app","containerPort":8080}}],"deploymentConfiguration":{{"deploymentCircuitBreaker":{{"enable":true,"rollback":true}},"maximumPercent":200,"minimumHealthyPercent":100}},"healthCheckGracePeriodSeconds":60,"enableExecuteCommand":true,"propagateTags":"SERVICE"}}"#
    )
}

fn group(i: usize) -> String {
    format!(
        r#"{{"protocol":"HTTP","port":8080,"vpcId":"vpc-1","targetType":"ip","healthCheckPath":"/health","attributes":{{"deregistration_delay.timeout_seconds":"{}"}}}}"#,
        30 + i % 10
    )
}

const POLICY: &str = r#"{"policyType":"TargetTrackingScaling","targetTrackingScalingPolicyConfiguration":{"targetValue":60,"scaleInCooldown":120,"scaleOutCooldown":60,"predefinedMetricSpecification":{"predefinedMetricType":"ECSServiceAverageCPUUtilization"}}}"#;

fn listener(i: usize) -> String {
    // A listener takes a hundred rules.
    arn("elasticloadbalancing", &format!("listener/app/lb-{}/1/1", i / 90))
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}")
}

fn rule(i: usize, group: &str) -> String {
    format!(
        r#""priority":{},"conditions":[{{"field":"path-pattern","values":["/service-{i}/*"]}}],"actions":[{{"type":"forward","targetGroupArn":"{group}"}}]"#,
        i % 90 + 1
    )
}

/// The document's text.
fn source(services: usize) -> String {
    let mut text = format!(
        r#"{{"apiVersion":"evenkeel/v1","name":"fleet","account":"{ACCOUNT}","region":"us-east-1","cluster":"main","tags":{{"Project":"fleet"}},"services":{{"#
    );
    for i in 0..services {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}"service-{i}":{{"taskDefinition":{},"service":{},"targetGroups":{{"service-{i}":{}}},"listenerRules":{{"main":{{"listenerArn":"{}",{}}}}},"scaling":{{"minCapacity":2,"maxCapacity":10,"policies":{{"cpu":{POLICY}}}}}}}"#,
            task_definition(i),
            service(i, &format!("${{targetGroup:service-{i}}}")),
            group(i),
            listener(i),
            rule(i, &format!("${{targetGroup:service-{i}}}")),
        );
    }
    text + "}}"
}

fn parsed(source: &str) -> Parsed {
    text::parse(source.as_bytes(), Some(Format::Json)).unwrap()
}

fn read(source: &str) -> Document {
    let (document, found) = document::read(parsed(source));
    document.unwrap_or_else(|| panic!("{found:?}"))
}

/// A reply as it comes over the wire.
fn reply(op: Op, json: String) -> Tree {
    wire::json::decode(json.as_bytes(), op.output().unwrap()).unwrap()
}

fn tags(item: &str) -> String {
    format!(
        r#"[{{"key":"Project","value":"fleet"}},{{"key":"evenkeel:document","value":"fleet"}},{{"key":"evenkeel:key","value":"{item}"}}]"#
    )
}

/// An object with more members.
fn with(json: &str, more: &str) -> String {
    format!("{},{more}}}", json.strip_suffix('}').unwrap())
}

/// What AWS has: the document in sync, filled in and reordered as AWS does.
fn world(services: usize) -> World {
    let mut world = World::default();
    let mut see = |subject, tree| {
        world.observe(subject, Seen::Present { seen_at: Moment(1), tree });
    };
    let elb = |op: Op, json: &str| canonical(json, op);
    see(Subject::Cluster("main".into()), Tree::map().with("clusterName", "main").with("status", "ACTIVE"));
    let mut rules: BTreeMap<String, Vec<Tree>> = BTreeMap::new();
    for i in 0..services {
        let key = ServiceKey::new("main", format!("service-{i}"));
        let item = format!("service-{i}");
        let revision = arn("ecs", &format!("task-definition/service-{i}:1"));
        let target = arn("elasticloadbalancing", &format!("targetgroup/service-{i}/1"));
        let task = with(
            &task_definition(i)
                .replace(r#""cpu":"512""#, r#""placementConstraints":[],"volumes":[],"cpu":"512""#),
            &format!(
                r#""taskDefinitionArn":"{revision}","revision":1,"status":"ACTIVE","compatibilities":["EC2","FARGATE"],"registeredAt":1700000000.5"#
            ),
        );
        let described = reply(
            Op::EcsDescribeTaskDefinition,
            format!(r#"{{"taskDefinition":{task},"tags":{}}}"#, tags(&item)),
        );
        let tree = described.get("taskDefinition").cloned().unwrap_or_default();
        let shuffled = shuffle(tree).with("tags", described.get("tags").cloned().unwrap_or_default());
        see(Subject::TaskDefinition(revision.clone()), shuffled);
        see(Subject::Family(item.clone()), Tree::list([Tree::from(revision.as_str())]));
        let live = with(
            &service(i, &target),
            &format!(
                r#""serviceArn":"{}","serviceName":"service-{i}","clusterArn":"{}","status":"ACTIVE","runningCount":2,"pendingCount":0,"taskDefinition":"{revision}","platformVersion":"LATEST","platformFamily":"Linux","schedulingStrategy":"REPLICA","deploymentController":{{"type":"ECS"}},"serviceRegistries":[],"placementConstraints":[],"placementStrategy":[],"enableECSManagedTags":false,"availabilityZoneRebalancing":"ENABLED","roleArn":"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS","createdAt":1700000000.1,"events":[{{"id":"1","createdAt":1700000100.0,"message":"(service service-{i}) has reached a steady state."}}],"deployments":[{{"id":"ecs-svc/{i}","status":"PRIMARY","rolloutState":"COMPLETED","desiredCount":2,"runningCount":2,"pendingCount":0,"taskDefinition":"{revision}","createdAt":1700000000.1,"launchType":"FARGATE"}}],"tags":{}"#,
                arn("ecs", &format!("service/main/service-{i}")),
                arn("ecs", "cluster/main"),
                tags(&item)
            ),
        );
        let described = reply(Op::EcsDescribeServices, format!(r#"{{"services":[{live}]}}"#));
        see(Subject::Service(key.clone()), described.list_of("services")[0].clone());
        let live = with(
            &group(i),
            &format!(
                r#""targetGroupName":"service-{i}","targetGroupArn":"{target}","loadBalancerArns":["lb"],"healthCheckEnabled":true,"healthCheckProtocol":"HTTP","healthCheckPort":"traffic-port","healthCheckIntervalSeconds":30,"healthCheckTimeoutSeconds":5,"healthyThresholdCount":5,"unhealthyThresholdCount":2,"matcher":{{"httpCode":"200"}},"protocolVersion":"HTTP1","ipAddressType":"ipv4","tags":{}"#,
                tags(&item)
            ),
        );
        see(Subject::TargetGroup(item.clone()), elb(Op::Elbv2CreateTargetGroup, &live));
        let live = format!(
            r#"{{{},"ruleArn":"{}","tags":{}}}"#,
            rule(i, &target).replace(r#""priority":"#, r#""at":"#),
            arn("elasticloadbalancing", &format!("listener-rule/app/lb/1/1/{i}")),
            tags(&format!("service-{i}/main"))
        );
        let priority = (i % 90 + 1).to_string();
        rules
            .entry(listener(i))
            .or_default()
            .push(elb(Op::Elbv2CreateRule, &live).with("priority", priority));
        let ids = format!(
            r#""serviceNamespace":"ecs","resourceId":"service/main/service-{i}","scalableDimension":"ecs:service:DesiredCount""#
        );
        let described = reply(
            Op::ScalingDescribeScalableTargets,
            format!(
                r#"{{"ScalableTargets":[{{{ids},"MinCapacity":2,"MaxCapacity":10,"RoleARN":"arn:role","SuspendedState":{{"DynamicScalingInSuspended":false,"DynamicScalingOutSuspended":false,"ScheduledScalingSuspended":false}}}}]}}"#
            ),
        );
        see(Subject::ScalableTarget(key.clone()), described.list_of("scalableTargets")[0].clone());
        let live = with(POLICY, &format!(r#"{ids},"policyName":"cpu","policyARN":"arn:policy","alarms":[]"#));
        see(Subject::Policies(key.clone()), Tree::list([elb(Op::ScalingPutScalingPolicy, &live)]));
        see(Subject::ScheduledActions(key), Tree::list([]));
    }
    for (listener, rules) in rules {
        see(Subject::Rules(listener), Tree::from(rules));
    }
    world
}

fn canonical(json: &str, op: Op) -> Tree {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    evenkeel_model::shapes::canonical(Tree::from(value), op.input())
}

/// AWS keeps no order of variables.
fn shuffle(tree: Tree) -> Tree {
    match tree {
        Tree::Map(map) => Tree::of(map.into_iter().map(|(name, value)| {
            let value = match shuffle(value) {
                Tree::List(items) if *name == *"environment" || *name == *"containerDefinitions" => {
                    let mut items = items.into_vec();
                    items.reverse();
                    Tree::from(items)
                }
                value => value,
            };
            (name, value)
        })),
        Tree::List(items) => Tree::list(items.into_vec().into_iter().map(shuffle)),
        scalar => scalar,
    }
}

/// Bytes that a tree holds; a name that several trees share counts once.
fn bytes(tree: &Tree, names: &mut BTreeSet<usize>) -> usize {
    let mut name = |n: &Name| if names.insert(n.as_ptr() as usize) { n.len() + 16 } else { 0 };
    match tree {
        Tree::Str(text) if text.is_heap_allocated() => text.capacity(),
        Tree::List(items) => items.iter().map(|t| size_of::<Tree>() + bytes(t, names)).sum(),
        Tree::Map(map) => {
            let own: usize = map.names().map(|n| name(n) + size_of::<(Name, Tree)>()).sum();
            own + map.iter().map(|(_, t)| bytes(t, names)).sum::<usize>()
        }
        _ => 0,
    }
}

struct Side {
    text: String,
    document: Document,
    world: World,
    memory: Memory,
    /// CreateService inputs with their references resolved.
    inputs: BTreeMap<ServiceKey, Tree>,
    none: BTreeSet<evenkeel_model::key::UnitKey>,
    orders: Orders,
}

impl Side {
    fn new(services: usize) -> Side {
        let text = source(services);
        let document = read(&text);
        let value = |r: &Ref| match r {
            Ref::TargetGroup(name) => Some(arn("elasticloadbalancing", &format!("targetgroup/{name}/1"))),
            _ => None,
        };
        let resolved = |s: &document::Service| substitute(&s.input, &value).0;
        let inputs = document.services.iter().map(|(k, s)| (k.clone(), resolved(s))).collect();
        let (memory, none) = (Memory::default(), BTreeSet::new());
        let mut side =
            Side { text, document, world: world(services), memory, inputs, none, orders: Orders::default() };
        let unseen: Vec<_> = interest(&side.document, &side.world, &side.memory)
            .into_iter()
            .filter(|s| side.world.seen(s).is_unknown())
            .collect();
        assert!(unseen.is_empty(), "{unseen:?}");
        // A first pass remembers, as the daemon does.
        let planned = plan(&side.input());
        let printed = evenkeel_plan::print(&planned, &[("fleet", "v")]);
        assert!(planned.plan.units.is_empty(), "{}", &printed[..printed.len().min(2000)]);
        side.memory.0.extend(planned.remember);
        side
    }

    fn input(&self) -> Input<'_> {
        Input {
            document: &self.document,
            version: "v",
            world: &self.world,
            memory: &self.memory,
            now: Moment(2),
            clock: 1_800_000_000,
            orders: &self.orders,
            others: &[],
            ceilings: Ceilings::of(Mode::Enforce),
            in_flight: &self.none,
        }
    }

    /// Each task definition, service, target group with what AWS has.
    fn compare(&self) -> usize {
        let tree = |subject| self.world.tree(&subject).unwrap();
        let mut found = 0;
        for (key, service) in &self.document.services {
            let live = tree(Subject::Service(key.clone()));
            let revision = live.str("taskDefinition").unwrap_or_default().to_owned();
            let revision = tree(Subject::TaskDefinition(revision));
            found += compare_described(Kind::TaskDefinition, &service.task_definition, revision).len();
            found += compare_described(Kind::Service, &self.inputs[key], live).len();
        }
        for (name, group) in &self.document.target_groups {
            let live = tree(Subject::TargetGroup(name.clone()));
            found += compare_described(Kind::TargetGroup, &group.input, live).len();
        }
        found
    }

    fn declared_bytes(&self) -> usize {
        let mut names = BTreeSet::new();
        let d = &self.document;
        let services = d.services.values().flat_map(|s| {
            let rules = s.rules.values().map(|r| &r.input);
            let scaling = s.scaling.iter().flat_map(|s| s.policies.values().chain([&s.target]));
            [&s.task_definition, &s.input].into_iter().chain(rules).chain(scaling)
        });
        services.chain(d.target_groups.values().map(|g| &g.input)).map(|t| bytes(t, &mut names)).sum()
    }

    fn live_bytes(&self) -> usize {
        let mut names = BTreeSet::new();
        self.world.iter().filter_map(|(_, seen)| seen.tree()).map(|t| bytes(t, &mut names)).sum()
    }
}

/// The best of some runs, which is what the code costs; the rest is the machine's.
fn best<T>(mut run: impl FnMut() -> T) -> Duration {
    (0..7)
        .map(|_| {
            let begun = spent();
            black_box(run());
            spent().saturating_sub(begun)
        })
        .min()
        .unwrap_or_default()
}

/// The time this thread has had on a processor; where the system does not tell, time as it goes by.
#[allow(clippy::disallowed_methods)] // measured here, decided nowhere
fn spent() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat");
    let on_processor = schedule.ok().and_then(|s| s.split(' ').next()?.parse().ok());
    on_processor.map_or_else(|| BEGUN.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

type Part = (&'static str, fn(&Side));

/// What each pass does, or each new version of a document.
const PARTS: [Part; 5] = [
    ("parse", |s| drop(black_box(parsed(&s.text)))),
    ("parse and validate", |s| drop(black_box(read(&s.text)))),
    ("compare", |s| assert_eq!(black_box(s.compare()), 0)),
    ("interest", |s| drop(black_box(interest(&s.document, &s.world, &s.memory)))),
    ("plan", |s| drop(black_box(plan(&s.input())))),
];

fn main() {
    let sides: Vec<(usize, Side)> = SIZES.into_iter().map(|n| (n, Side::new(n))).collect();
    println!("{:<20} {:>12} {:>12} {:>8}", "", "1,000", "5,000", "ratio");
    for (name, part) in PARTS {
        let [small, large] = [0, 1].map(|i| best(|| part(&sides[i].1)));
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        let ms = |d: Duration| format!("{:.1} ms", d.as_secs_f64() * 1e3);
        println!("{name:<20} {:>12} {:>12} {ratio:>8.2}", ms(small), ms(large));
    }
    type Held = (&'static str, fn(&Side) -> usize);
    let held: [Held; 4] = [
        ("text", |s| s.text.len()),
        ("document held", Side::declared_bytes),
        ("world held", Side::live_bytes),
        ("both sides held", |s| s.declared_bytes() + s.live_bytes()),
    ];
    for (name, of) in held {
        let [small, large] = [0, 1].map(|i| of(&sides[i].1));
        let mb = |n: usize| format!("{:.1} MB", n as f64 / 1e6);
        println!("{name:<20} {:>12} {:>12} {:>8.2}", mb(small), mb(large), large as f64 / small as f64);
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for (name, part) in PARTS {
        let mut group = criterion.benchmark_group(name);
        group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
        for (services, side) in &sides {
            group.throughput(Throughput::Elements(*services as u64));
            group.bench_with_input(BenchmarkId::from_parameter(services), side, |b, side| {
                b.iter(|| part(side));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
