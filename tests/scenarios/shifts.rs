//! Deployments in which ECS moves the traffic between two target groups: blue/green, linear, canary.

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, farsight};

const HOUR: u64 = 3600;

/// The example with its API behind a rule whose traffic ECS moves in this way, and an image.
pub fn shifted(strategy: Value, image: &str) -> Value {
    let mut document = farsight();
    let fixed = json!([{"type": "fixed-response", "fixedResponseConfig": {"statusCode": "404"}}]);
    document["loadBalancers"]["farsight-alb"]["listeners"]["http"]["defaultActions"] = fixed;
    let mut green = document["targetGroups"]["farsight-api-tg"].clone();
    green["name"] = "farsight-api-green".into();
    let service = &mut document["services"][API];
    service["targetGroups"] = json!({"green": green});
    let pair = json!([{"targetGroupArn": "${targetGroup:farsight-api-tg}", "weight": 100},
        {"targetGroupArn": "${targetGroup:green}", "weight": 0}]);
    service["listenerRules"] = json!({"main": {"listenerArn": "${listener:farsight-alb/http}", "priority": 10,
        "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
        "actions": [{"type": "forward", "forwardConfig": {"targetGroups": pair}}]}});
    service["service"]["loadBalancers"][0]["advancedConfiguration"] = json!({
        "alternateTargetGroupArn": "${targetGroup:green}",
        "productionListenerRule": format!("${{listenerRule:{API}/main}}"),
        "roleArn": "arn:aws:iam::123456789012:role/ecs-shifts"});
    service["service"]["deploymentConfiguration"] = strategy;
    service["taskDefinition"]["containerDefinitions"][0]["image"] =
        format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/farsight-server:{image}").into();
    document
}

/// The rule of ours, and the weights that it gives to the two groups.
fn weights(scene: &Scene) -> (Value, Vec<(String, String)>) {
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    let rules = scene.aws("elbv2", "DescribeRules", json!({"ListenerArn": listener}))["Rules"].clone();
    let rule = rules.as_array().unwrap().iter().find(|r| r["Priority"] == "10").unwrap().clone();
    let groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"].as_array().unwrap();
    let name = |g: &Value| g["TargetGroupArn"].as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let weight = |g: &Value| g["Weight"].as_str().map_or_else(|| g["Weight"].to_string(), str::to_owned);
    let mut found: Vec<(String, String)> = groups.iter().map(|g| (name(g), weight(g))).collect();
    found.sort();
    (rule["RuleArn"].clone(), found)
}

fn all_on(group: &str) -> Vec<(String, String)> {
    let weight = |it: &str| if it == group { "100" } else { "0" };
    ["farsight-api-green", "farsight-api-tg"].map(|it| (it.to_owned(), weight(it).to_owned())).to_vec()
}

/// A rollout by this strategy: ECS moves the traffic, and we write the revision and nothing else.
async fn rolls_out(strategy: Value) -> Scene {
    let mut scene = Scene::settled(&shifted(strategy.clone(), "v1")).await;
    scene.stage.push(&shifted(strategy, "v2"));
    scene.rest(2 * HOUR).await;
    scene.wrote(&["RegisterTaskDefinition farsight-api-server", "UpdateService farsight-api-server"]);
    assert_eq!(weights(&scene).1, all_on("farsight-api-green"), "{}", scene.story());
    scene.mark_here();
    scene
}

#[tokio::test(start_paused = true)]
async fn a_blue_green_rollout_is_left_to_ecs_and_its_end_is_kept() {
    let mut scene = rolls_out(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1})).await;
    // By hand, the traffic is sent back to where it was.
    let (rule, _) = weights(&scene);
    let blue = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let green = scene.target_group("farsight-api-green")["TargetGroupArn"].clone();
    let pair = json!([{"TargetGroupArn": blue, "Weight": 50}, {"TargetGroupArn": green, "Weight": 50}]);
    let actions = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": pair}}]);
    scene.aws("elbv2", "ModifyRule", json!({"RuleArn": rule, "Actions": actions}));
    scene.rest(300).await;
    scene.check(scene.writes().iter().all(|w| w.starts_with("ModifyRule")), "the rule is put right");
    assert_eq!(weights(&scene).1, all_on("farsight-api-green"), "{}", scene.story());
    // A rule that is deleted comes back as ECS left it. The service has to be told of the new one, which is a
    // rollout, and that moves the traffic once more.
    scene.mark_here();
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": weights(&scene).0}));
    scene.rest(HOUR).await;
    scene.wrote(&["CreateRule farsight-alb", "UpdateService farsight-api-server"]);
    assert_eq!(weights(&scene).1, all_on("farsight-api-tg"), "{}", scene.story());
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_linear_rollout_is_left_to_ecs() {
    let linear = json!({"stepPercent": 50.0, "stepBakeTimeInMinutes": 1});
    let strategy = json!({"strategy": "LINEAR", "bakeTimeInMinutes": 1, "linearConfiguration": linear});
    rolls_out(strategy).await.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_rollout_is_left_to_ecs() {
    let canary = json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1});
    let strategy = json!({"strategy": "CANARY", "bakeTimeInMinutes": 1, "canaryConfiguration": canary});
    rolls_out(strategy).await.end().await;
}
