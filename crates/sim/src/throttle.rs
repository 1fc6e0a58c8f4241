//! Throttling: AWS's published token buckets on virtual time, shared with a load that others put on them.
//! Off unless switched on.

use std::collections::BTreeMap;

/// A bucket: the calls it is for (`*` at the end of a name is any ending), its size, tokens a second.
struct Bucket {
    name: &'static str,
    service: &'static str,
    operations: &'static [&'static str],
    burst: f64,
    rate: f64,
}

const fn bucket(
    name: &'static str,
    service: &'static str,
    operations: &'static [&'static str],
    burst: f64,
    rate: f64,
) -> Bucket {
    Bucket { name, service, operations, burst, rate }
}

const AAS: &str = "application-autoscaling";

/// "Request throttling for the Amazon ECS API", the ELB API's page on throttling, the general reference for
/// Logs. What Application Auto Scaling allows is not published; these are what others have observed.
const BUCKETS: &[Bucket] = &[
    bucket("ecs service modify", "ecs", &["CreateService", "UpdateService", "DeleteService"], 50.0, 5.0),
    bucket("ecs service read", "ecs", &["DescribeServices", "ListServices"], 100.0, 20.0),
    bucket(
        "ecs task definition modify",
        "ecs",
        &["RegisterTaskDefinition", "DeregisterTaskDefinition"],
        20.0,
        1.0,
    ),
    bucket("ecs task definition read", "ecs", &["DescribeTaskDefinition", "ListTaskDefinition*"], 50.0, 20.0),
    bucket("ecs task definition delete", "ecs", &["DeleteTaskDefinitions"], 5.0, 1.0),
    bucket("ecs cluster modify", "ecs", &["CreateCluster", "DeleteCluster", "UpdateCluster*"], 20.0, 1.0),
    bucket("ecs cluster read", "ecs", &["DescribeClusters", "ListClusters"], 50.0, 20.0),
    bucket("ecs capacity provider modify", "ecs", &["PutClusterCapacityProviders"], 10.0, 1.0),
    bucket("ecs cluster resource read", "ecs", &["DescribeTasks", "ListTasks"], 100.0, 20.0),
    bucket("ecs cluster resource modify", "ecs", &["RunTask", "StopTask"], 100.0, 40.0),
    bucket(
        "ecs service deployment",
        "ecs",
        &["ListServiceDeployments", "DescribeServiceDeployments"],
        50.0,
        20.0,
    ),
    bucket("ecs service revision", "ecs", &["DescribeServiceRevisions"], 50.0, 20.0),
    bucket("ecs tag modify", "ecs", &["TagResource", "UntagResource"], 20.0, 10.0),
    bucket("ecs tag read", "ecs", &["ListTagsForResource"], 50.0, 20.0),
    bucket("elb account", "elbv2", &["*"], 40.0, 10.0),
    bucket("elb read", "elbv2", &["Describe*"], 40.0, 10.0),
    bucket(
        "elb modify",
        "elbv2",
        &[
            "CreateTargetGroup",
            "CreateListener",
            "CreateRule",
            "Modify*",
            "Delete*",
            "SetRulePriorities",
            "SetSecurityGroups",
            "SetIpAddressType",
            "Add*",
            "Remove*",
        ],
        20.0,
        3.0,
    ),
    bucket("elb registration", "elbv2", &["RegisterTargets", "DeregisterTargets"], 20.0, 4.0),
    bucket("elb heavy", "elbv2", &["CreateLoadBalancer", "SetSubnets"], 10.0, 0.2),
    bucket("scaling read", AAS, &["Describe*", "List*"], 10.0, 5.0),
    bucket(
        "scaling modify",
        AAS,
        &["Register*", "Deregister*", "Put*", "Delete*", "TagResource", "UntagResource"],
        5.0,
        1.0,
    ),
    bucket("alarms modify", "cloudwatch", &["PutMetricAlarm"], 3.0, 3.0),
    bucket("alarms read", "cloudwatch", &["DescribeAlarms"], 9.0, 9.0),
    bucket("logs read", "logs", &["DescribeLogGroups"], 10.0, 10.0),
    bucket("logs create", "logs", &["CreateLogGroup"], 10.0, 10.0),
];

impl Bucket {
    fn is_for(&self, service: &str, operation: &str) -> bool {
        let names = |name: &&str| match name.strip_suffix('*') {
            Some(beginning) => operation.starts_with(beginning),
            None => operation == *name,
        };
        self.service == service && self.operations.iter().any(names)
    }
}

/// The buckets' levels, and what others take from them.
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    /// Whether calls are throttled at all.
    pub on: bool,
    /// Tokens a second that other tools take, by bucket.
    pub load: BTreeMap<String, f64>,
    /// Tokens left, and when that was, in milliseconds.
    levels: BTreeMap<&'static str, (f64, i64)>,
}

impl Throttle {
    /// The tokens of each bucket now.
    pub fn levels(&self, now: i64) -> BTreeMap<&'static str, f64> {
        BUCKETS.iter().map(|bucket| (bucket.name, self.level(bucket, now))).collect()
    }

    /// The tokens of the buckets of one operation now; nothing where nothing is throttled.
    pub fn levels_of(&self, service: &str, operation: &str, now: i64) -> BTreeMap<&'static str, f64> {
        let concerned = BUCKETS.iter().filter(|bucket| self.on && bucket.is_for(service, operation));
        concerned.map(|bucket| (bucket.name, self.level(bucket, now))).collect()
    }

    fn level(&self, bucket: &Bucket, now: i64) -> f64 {
        let (tokens, at) = self.levels.get(bucket.name).copied().unwrap_or((bucket.burst, now));
        let rate = bucket.rate - self.load.get(bucket.name).copied().unwrap_or(0.0);
        (tokens + rate * (now - at) as f64 / 1000.0).clamp(0.0, bucket.burst)
    }

    /// Takes a token from every bucket of an operation; none where one of them is empty.
    pub fn admits(&mut self, service: &str, operation: &str, now: i64) -> bool {
        if !self.on {
            return true;
        }
        let concerned = BUCKETS.iter().filter(|bucket| bucket.is_for(service, operation));
        let levels: Vec<(&str, f64)> = concerned.map(|it| (it.name, self.level(it, now))).collect();
        let admitted = levels.iter().all(|(_, level)| *level >= 1.0);
        for (name, level) in levels {
            self.levels.insert(name, (if admitted { level - 1.0 } else { level }, now));
        }
        admitted
    }
}
