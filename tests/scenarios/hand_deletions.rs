//! Somebody deletes by hand what the document declares: it is made again, once, with all that went with it; and
//! what somebody made in its place without our tags is not touched.

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, CLUSTER, WORKER, farsight, set_image};

/// Longer than any reading takes its turn.
const LATER: u64 = 400;

/// The example with a rule of its own for the service behind the load balancer.
fn with_rule() -> Value {
    let mut document = farsight();
    document["targetGroups"]["admin"] = document["targetGroups"]["farsight-api-tg"].clone();
    document["services"][API]["service"]["loadBalancers"] = json!([
        {"targetGroupArn": "${targetGroup:farsight-api-tg}", "containerName": "api-server", "containerPort": 8000},
        {"targetGroupArn": "${targetGroup:admin}", "containerName": "api-server", "containerPort": 8000},
    ]);
    document["services"][API]["listenerRules"] = json!({"admin": {
        "listenerArn": "${listener:farsight-alb/http}", "priority": 10,
        "conditions": [{"field": "path-pattern", "pathPatternConfig": {"values": ["/admin"]}}],
        "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:admin}"}],
    }});
    document
}

fn balancer(scene: &Scene) -> Value {
    let found = scene.aws("elbv2", "DescribeLoadBalancers", json!({"Names": ["farsight-alb"]}));
    found["LoadBalancers"][0]["LoadBalancerArn"].clone()
}

/// The rule beside the default one.
fn rule(scene: &Scene) -> Value {
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    let found = scene.aws("elbv2", "DescribeRules", json!({"ListenerArn": listener}));
    let own = |rule: &&Value| rule["IsDefault"] != true;
    found["Rules"].as_array().and_then(|all| all.iter().find(own)).cloned().unwrap_or_default()
}

/// Fails unless tasks of the service behind the load balancer are healthy in a target group.
#[track_caller]
fn serves(scene: &Scene, group: &str) {
    let group = scene.target_group(group)["TargetGroupArn"].clone();
    let health = scene.aws("elbv2", "DescribeTargetHealth", json!({"TargetGroupArn": group}));
    scene.check(health.to_string().contains("\"healthy\""), &format!("it serves: {health}"));
}

fn delete_service(scene: &Scene, name: &str) {
    scene.aws("ecs", "DeleteService", json!({"cluster": CLUSTER, "service": name, "force": true}));
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_is_made_again_with_its_listener() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.aws("elbv2", "DeleteLoadBalancer", json!({"LoadBalancerArn": balancer(&scene)}));
    scene.rest(LATER).await;
    scene.saw(&["farsight-alb", "loadBalancer", "human", "healed"]);
    // It may be seen that the listener is gone before it is seen that all of it is.
    let writes = scene.writes();
    let done: Vec<&String> = writes.iter().filter(|w| !w.contains('!')).collect();
    scene.check(done == ["CreateLoadBalancer farsight-alb", "CreateListener farsight-alb"], "each once");
    serves(&scene, "farsight-api-tg");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_group_is_made_again_on_its_listener_and_its_service_goes_into_it() {
    let mut scene = Scene::settled(&farsight()).await;
    let listener = scene.listener("farsight-alb")["ListenerArn"].clone();
    let group = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    scene.aws("elbv2", "DeleteListener", json!({"ListenerArn": listener}));
    scene.aws("elbv2", "DeleteTargetGroup", json!({"TargetGroupArn": group}));
    scene.rest(LATER).await;
    scene.wrote(&[
        "CreateTargetGroup farsight-api-tg",
        "CreateListener farsight-alb",
        "UpdateService farsight-api-server",
    ]);
    serves(&scene, "farsight-api-tg");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_made_again_where_it_was() {
    let mut scene = Scene::settled(&with_rule()).await;
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": rule(&scene)["RuleArn"]}));
    scene.rest(LATER).await;
    scene.saw(&[API, "rule farsight-api-server/admin", "human", "healed"]);
    let writes = scene.writes();
    scene.check(writes.len() == 1 && writes[0].starts_with("CreateRule"), "one rule");
    scene.check(rule(&scene)["Priority"] == "10", "in its place");
    serves(&scene, "admin");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_and_its_target_group_are_made_again_and_the_service_goes_into_it() {
    let mut scene = Scene::settled(&with_rule()).await;
    let group = scene.target_group("admin")["TargetGroupArn"].clone();
    scene.aws("elbv2", "DeleteRule", json!({"RuleArn": rule(&scene)["RuleArn"]}));
    scene.aws("elbv2", "DeleteTargetGroup", json!({"TargetGroupArn": group}));
    scene.rest(LATER).await;
    let writes = scene.writes();
    let verbs: Vec<&str> = writes.iter().filter_map(|w| w.split(' ').next()).collect();
    scene.check(verbs == ["CreateTargetGroup", "CreateRule", "UpdateService"], "each once");
    serves(&scene, "admin");
    serves(&scene, "farsight-api-tg");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_repository_is_made_again() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.aws("ecr", "DeleteRepository", json!({"repositoryName": "farsight-server", "force": true}));
    scene.rest(LATER).await;
    scene.saw(&["farsight-server", "repository", "human", "healed"]);
    scene.wrote(&["CreateRepository farsight-server"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_whole_cluster_is_made_again_with_its_services() {
    let mut scene = Scene::settled(&farsight()).await;
    // Nobody is there meanwhile.
    scene.daemon.end().await;
    [API, WORKER].iter().for_each(|name| delete_service(&scene, name));
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    scene.aws("ecs", "DeleteCluster", json!({"cluster": CLUSTER}));
    scene.daemon = scene.stage.daemon();
    scene.mark_here();
    scene.rest(LATER).await;
    for name in [API, WORKER] {
        scene.check(scene.stage.service(name)["runningCount"] == 2, name);
    }
    // What a reading from before was believed for, AWS refused.
    let taken = |w: &&String| !w.contains('!');
    let creates = |verb: &str| scene.writes().iter().filter(taken).filter(|w| w.starts_with(verb)).count();
    scene.check(creates("CreateCluster") == 1 && creates("CreateService") == 2, "nothing over and over");
    scene.check(creates("RegisterTaskDefinition") == 0, "the revisions are still there");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_deleted_in_the_middle_of_its_rollout_runs_the_new_revision_in_the_end() {
    let mut document = farsight();
    let mut scene = Scene::settled(&document).await;
    set_image(&mut document, WORKER, "v2");
    scene.stage.push(&document);
    scene.until("rolling", |s| s.planned.report.units.values().any(|u| u.rollout.is_some())).await;
    delete_service(&scene, WORKER);
    scene.rest(LATER).await;
    let creates = scene.writes().iter().filter(|w| w.starts_with("CreateService")).count();
    scene.check(creates == 1, "made once");
    let shown = scene.stage.service(WORKER);
    scene.check(shown["runningCount"] == 2, "it runs");
    let found =
        scene.aws("ecs", "DescribeTaskDefinition", json!({"taskDefinition": shown["taskDefinition"]}));
    scene.check(found.to_string().contains("farsight-server:v2"), "the new one");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_somebody_made_anew_without_our_tags_is_not_touched() {
    let mut scene = Scene::settled(&farsight()).await;
    let old = scene.stage.service(WORKER);
    // Nobody is there meanwhile.
    scene.daemon.end().await;
    delete_service(&scene, WORKER);
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    scene.scaling("DeregisterScalableTarget", API, json!({}));
    let theirs = json!({
        "cluster": CLUSTER, "serviceName": WORKER, "taskDefinition": old["taskDefinition"], "desiredCount": 1,
        "launchType": "FARGATE", "networkConfiguration": old["networkConfiguration"],
    });
    scene.aws("ecs", "CreateService", theirs);
    scene.daemon = scene.stage.daemon();
    scene.mark_here();
    scene.until("refused", |s| s.planned.report.units.values().any(|u| !u.refused.is_empty())).await;
    tokio::time::sleep(std::time::Duration::from_secs(LATER)).await;
    scene.saw(&[WORKER, "refused", "evenkeel:document"]);
    let story = scene.daemon.story();
    scene.check(story.contains("aws ecs tag-resource"), "the way out is told");
    let writes = scene.writes();
    // A reading from before it was there may have been believed: AWS has refused what came of that.
    scene.check(writes.iter().all(|w| !w.contains(WORKER) || w.contains('!')), "it is left alone");
    let tags = json!([
        {"key": "evenkeel:document", "value": "farsight"}, {"key": "evenkeel:key", "value": WORKER},
    ]);
    let arn = scene.stage.service(WORKER)["serviceArn"].clone();
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tags}));
    scene.rest(LATER).await;
    scene.check(scene.stage.service(WORKER)["runningCount"] == 2, "it is ours again");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_group_that_somebody_made_anew_without_our_tags_is_not_touched() {
    let mut scene = Scene::settled(&farsight()).await;
    let name = "/ecs/farsight-worker";
    scene.aws("logs", "DeleteLogGroup", json!({"logGroupName": name}));
    scene.aws("logs", "CreateLogGroup", json!({"logGroupName": name}));
    scene.until("refused", |s| s.planned.report.units.values().any(|u| !u.refused.is_empty())).await;
    scene.wrote(&[]);
    scene.check(scene.daemon.story().contains("aws logs tag-resource"), "the way out is told");
    scene.daemon.stop().await;
}

/// Somebody, or something, who insists is not fought for ever, and it is said.
#[tokio::test(start_paused = true)]
async fn what_is_set_back_again_and_again_is_healed_ever_more_rarely() {
    let mut scene = Scene::settled(&farsight()).await;
    for _ in 0..120 {
        if scene.stage.service(WORKER)["enableExecuteCommand"] != true {
            scene.update(WORKER, json!({"enableExecuteCommand": true}));
        }
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    }
    let writes = scene.writes().len();
    scene.check((3..=12).contains(&writes), &format!("{writes} writes in an hour"));
    scene.saw(&[WORKER, "waits next try in", "somebody sets it back"]);
    scene.rest(900).await;
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == false, "in the end it is as declared");
    scene.end().await;
}
