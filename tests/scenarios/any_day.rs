//! Days on which anything may happen: people change the document and edit AWS by hand, calls fail, readings are
//! old, daemons die. Whatever it is, nobody is harmed, nothing is done twice, and once it is over all comes to
//! rest.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, CLUSTER, WORKER, all_guarded, set_image};
use crate::stage::{Fate, USUAL_LAG};

/// Chance that is the same for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.next(choices.len() as u64) as usize]
    }
}

/// Somebody changes the document.
fn rewrite(document: &mut Value, chance: &mut Chance) -> String {
    let service = chance.one_of(&[WORKER, API]);
    let own = &mut document["services"][service];
    match chance.next(7) {
        0 => {
            let tag = chance.one_of(&["latest", "v2", "v3", "crash"]);
            set_image(document, service, tag);
            format!("image {tag} for {service}")
        }
        1 => {
            let value = chance.one_of(&["a", "b"]);
            own["taskDefinition"]["containerDefinitions"][0]["environment"][0]["value"] = value.into();
            format!("environment {value} for {service}")
        }
        2 => {
            let least = 1 + chance.next(3);
            own["scaling"]["minCapacity"] = least.into();
            format!("at least {least} for {service}")
        }
        3 => {
            let most = 150 + 50 * chance.next(2);
            own["service"]["deploymentConfiguration"]["maximumPercent"] = most.into();
            format!("{most} percent for {service}")
        }
        4 => {
            let port = 8000 + chance.next(2);
            document["targetGroups"]["farsight-api-tg"]["port"] = port.into();
            format!("target group on port {port}")
        }
        5 => {
            let delay = chance.one_of(&["30", "60"]);
            document["targetGroups"]["farsight-api-tg"]["attributes"] =
                json!({"deregistration_delay.timeout_seconds": delay});
            format!("a delay of {delay} s")
        }
        _ => {
            own["restart"] = chance.next(3).to_string().into();
            format!("a restart of {service}")
        }
    }
}

/// Somebody edits AWS by hand; what AWS refuses is not done.
fn edit(scene: &Scene, chance: &mut Chance) -> String {
    let service = chance.one_of(&[WORKER, API]);
    let update = |mut change: Value| {
        change["cluster"] = CLUSTER.into();
        change["service"] = service.into();
        ("ecs", "UpdateService", change)
    };
    let scaling = |operation: &'static str, mut input: Value| {
        input["ServiceNamespace"] = "ecs".into();
        input["ScalableDimension"] = "ecs:service:DesiredCount".into();
        input["ResourceId"] = format!("service/{CLUSTER}/{service}").into();
        ("application-autoscaling", operation, input)
    };
    let groups = scene.aws("elbv2", "DescribeTargetGroups", json!({}));
    let group = &groups["TargetGroups"][0]["TargetGroupArn"];
    let listed = scene.aws("ecs", "ListTasks", json!({"cluster": CLUSTER, "serviceName": service}));
    let network = |group: &str| {
        json!({"awsvpcConfiguration": {
            "subnets": ["subnet-0a3f1c5e7b9d2f468"], "securityGroups": [group], "assignPublicIp": "ENABLED",
        }})
    };
    let (to, operation, input) = match chance.next(10) {
        0 => update(json!({"networkConfiguration": network("sg-0badbadbadbadbad0")})),
        1 => update(json!({"desiredCount": chance.next(6)})),
        2 => update(json!({"forceNewDeployment": true})),
        3 => update(json!({"enableExecuteCommand": true})),
        4 => scaling("DeregisterScalableTarget", json!({})),
        5 => scaling("RegisterScalableTarget", json!({"MinCapacity": 4, "MaxCapacity": 5})),
        6 => ("ecs", "StopTask", json!({"cluster": CLUSTER, "task": listed["taskArns"][0]})),
        7 => ("elbv2", "ModifyTargetGroup", json!({"TargetGroupArn": group, "HealthCheckPath": "/by-hand"})),
        8 => {
            let tags = json!([{"key": "owner", "value": chance.one_of(&["a", "b"])}]);
            let arn = scene.stage.service(service)["serviceArn"].clone();
            ("ecs", "TagResource", json!({"resourceArn": arn, "tags": tags}))
        }
        _ => ("logs", "DeleteLogGroup", json!({"logGroupName": format!("/ecs/{service}")})),
    };
    match scene.stage.try_operator(to, operation, input) {
        Ok(_) => format!("{operation} of {service} by hand"),
        Err(error) => format!("{operation} of {service} by hand, refused: {error}"),
    }
}

/// AWS is at its worst for a while, or at its best again.
fn disturb(scene: &Scene, chance: &mut Chance) -> String {
    calm(scene);
    let what = chance.one_of(&[
        "nothing",
        "lost",
        "lost-before",
        "truncated",
        "late",
        "throttled",
        "500",
        "500-after",
        "503",
        "stale",
        "used up",
    ]);
    match what {
        "nothing" => {}
        "stale" => scene.stage.lag(15.0),
        "used up" => {
            let load = json!({"ecs service modify": 4.0, "elb": 8.0});
            scene.stage.control("throttle", json!({"on": true, "load": load}));
        }
        fault => {
            // Whichever daemon it is by then.
            let of = |n: usize| json!({"fault": fault, "probability": 0.1, "caller": format!("daemon-{n}")});
            scene.stage.control("faults", (1..=50).map(of).collect());
        }
    }
    format!("trouble: {what}")
}

/// A daemon dies at one of its calls, and another comes.
async fn dies(scene: &mut Scene, chance: &mut Chance) -> String {
    scene.daemon.end().await;
    let at = chance.next(150) as usize;
    let fate = if chance.next(2) == 0 { Fate::DiesBefore } else { Fate::DiesAfter };
    scene.daemon = scene.stage.daemon_with(move |n, _| if n == at { fate } else { Fate::Answered });
    let died = scene.daemon.dies(Duration::from_secs(3600)).await;
    scene.check(died, "a daemon makes that many calls in an hour");
    scene.daemon = scene.stage.daemon();
    format!("a death at call {at}: {fate:?}")
}

fn calm(scene: &Scene) {
    scene.stage.control("faults", json!([]));
    scene.stage.control("throttle", json!({"on": false}));
    scene.stage.lag(USUAL_LAG);
}

async fn day(seed: u64) {
    let mut chance = Chance(seed);
    let mut document = all_guarded();
    let mut scene = Scene::settled(&document).await;
    let mut diary = Vec::new();
    for _ in 0..12 {
        let event = match chance.next(12) {
            0..4 => {
                let event = rewrite(&mut document, &mut chance);
                scene.stage.push(&document);
                event
            }
            4..8 => edit(&scene, &mut chance),
            8 | 9 => disturb(&scene, &mut chance),
            10 => dies(&mut scene, &mut chance).await,
            _ => {
                scene.daemon.end().await;
                scene.daemon = scene.stage.daemon();
                "another daemon".to_owned()
            }
        };
        diary.push(event);
        tokio::time::sleep(Duration::from_secs(5 + chance.next(400))).await;
    }
    calm(&scene);
    // What hardly ever changes is read every five minutes: a deployment before that fails without its log group.
    tokio::time::sleep(Duration::from_secs(400)).await;
    for service in [WORKER, API] {
        set_image(&mut document, service, "final");
    }
    scene.stage.push(&document);
    // Shown where the test fails.
    println!("seed {seed}: {diary:#?}");
    scene.rest(60).await;
    for service in [WORKER, API] {
        let shown = scene.stage.service(service);
        let counts = (&shown["runningCount"], &shown["pendingCount"]);
        scene.check(counts.0 == &shown["desiredCount"] && counts.1 == 0, &format!("{service} runs: {shown}"));
        let image = shown["taskDefinition"].clone();
        let image = scene.aws("ecs", "DescribeTaskDefinition", json!({"taskDefinition": image}));
        let image = image["taskDefinition"]["containerDefinitions"][0]["image"].to_string();
        scene.check(image.contains(":final"), &image);
    }
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_nobody_is_harmed_and_all_comes_to_rest() {
    for seed in 1..=4 {
        day(seed).await;
    }
}

/// What the days look for is found where a daemon does it.
#[tokio::test(start_paused = true)]
async fn a_daemon_that_harms_is_found_out() {
    let scene = Scene::settled(&all_guarded()).await;
    let found = |rule: &str| scene.stage.violations().iter().any(|v| v.starts_with(rule));
    let does = |service: &str, operation: &str, input: Value| {
        scene.stage.sim.call("daemon-1", service, operation, input).unwrap();
    };
    assert_eq!(scene.stage.violations(), [] as [String; 0]);

    let tasks = scene.aws("ecs", "ListTasks", json!({"cluster": CLUSTER, "serviceName": API}));
    does("ecs", "StopTask", json!({"cluster": CLUSTER, "task": tasks["taskArns"][0]}));
    assert!(found("unhealthy"));

    let shown = scene.stage.service(WORKER)["taskDefinition"].clone();
    let ask = json!({"taskDefinition": shown, "include": ["TAGS"]});
    let described = scene.aws("ecs", "DescribeTaskDefinition", ask);
    let mut again = described["taskDefinition"].clone();
    again["tags"] = described["tags"].clone();
    does("ecs", "RegisterTaskDefinition", again);
    assert!(found("registered-twice"));

    scene.aws("ecs", "CreateCluster", json!({"clusterName": "theirs"}));
    does(
        "ecs",
        "UpdateClusterSettings",
        json!({"cluster": "theirs", "settings": [{"name": "containerInsights", "value": "enabled"}]}),
    );
    assert!(found("not-owned"));

    let empty = json!({"Name": "empty", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0d4e5f6a7b8c90123", "TargetType": "ip"});
    let empty = scene.aws("elbv2", "CreateTargetGroup", empty)["TargetGroups"][0]["TargetGroupArn"].clone();
    let actions = json!([{"Type": "forward", "TargetGroupArn": empty}]);
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    does("elbv2", "ModifyListener", json!({"ListenerArn": listener, "DefaultActions": actions}));
    assert!(found("starved-rule"));
    scene.daemon.stop().await;
}
