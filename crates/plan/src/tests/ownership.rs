//! What is ours, and what is somebody else's.

use super::*;

fn untag(scene: &mut Scene, subject: Subject) {
    scene.edit(subject, |s| {
        s["tags"].as_array_mut().unwrap().retain(|t| t["key"] != "evenkeel:document");
        s["enableExecuteCommand"] = json!(true);
    });
}

#[test]
fn a_service_that_is_not_ours_is_refused_with_the_command_that_adopts_it() {
    let mut scene = Scene::settled(small());
    scene.memory.0.clear();
    untag(&mut scene, service("api"));
    prints(
        &scene,
        expect![[r#"
            web/api
              ! refused   service web/api exists already and does not carry our tag evenkeel:document
                          to adopt it, say "adopt": true, or: aws ecs tag-resource --resource-arn
                          arn:aws:ecs:us-east-1:123456789012:service/web/api --tags
                          key=evenkeel:document,value=shop key=evenkeel:key,value=api
            unchanged 1
        "#]],
    );
    assert!(scene.plan().remember.iter().all(|(key, _)| *key != unit("api")));
}

#[test]
fn a_service_whose_tag_somebody_removed_is_disowned() {
    let mut scene = Scene::settled(small());
    untag(&mut scene, service("api"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ! refused   service web/api is disowned: somebody removed its tag evenkeel:document
                      to hand it back: aws ecs tag-resource --resource-arn
                      arn:aws:ecs:us-east-1:123456789012:service/web/api --tags
                      key=evenkeel:document,value=shop key=evenkeel:key,value=api
        unchanged 1
    "#]],
    );
}

#[test]
fn a_service_of_another_document_is_refused() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["tags"] = json!([{"key": "evenkeel:document", "value": "other"}]));
    prints(
        &scene,
        expect![[r#"
            web/api
              ! refused   service web/api belongs to the document "other"
                          take it out of one of the two documents, or move it: "adopt": {"from": "other"}
            unchanged 1
        "#]],
    );
}

#[test]
fn a_service_under_another_controller_is_refused() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["deploymentController"] = json!({"type": "CODE_DEPLOY"}));
    prints(
        &scene,
        expect![[r#"
        web/api
          ! refused   service web/api is deployed by the CODE_DEPLOY controller, whose services Evenkeel
                      does not touch
        unchanged 1
    "#]],
    );
}

#[test]
fn everything_else_that_is_not_ours_is_refused_too() {
    let mut scene = Scene::settled(farsight());
    scene.memory.0.clear();
    for subject in [
        Subject::Cluster("farsight-cluster".into()),
        Subject::Repository("farsight-server".into()),
        Subject::TargetGroup("farsight-api-tg".into()),
        Subject::LoadBalancer("farsight-alb".into()),
    ] {
        scene.edit(subject, |s| s["tags"] = json!([]));
    }
    scene.edit(Subject::LogGroup("/ecs/farsight-worker".into()), |s| s["tags"] = json!({}));
    prints(
        &scene,
        expect![[r#"
            cluster farsight-cluster
              ! refused   cluster farsight-cluster exists already and does not carry our tag evenkeel:document
                          to adopt it, say "adopt": true, or: aws ecs tag-resource --resource-arn
                          arn:aws:ecs:us-east-1:123456789012:cluster/farsight-cluster --tags
                          key=evenkeel:document,value=farsight key=evenkeel:key,value=farsight-cluster
            repository farsight-server
              ! refused   repository farsight-server exists already and does not carry our tag evenkeel:document
                          to adopt it, say "adopt": true, or: aws ecr tag-resource --resource-arn
                          arn:aws:ecr:us-east-1:123456789012:repository/farsight-server --tags
                          Key=evenkeel:document,Value=farsight Key=evenkeel:key,Value=farsight-server
            log-group /ecs/farsight-worker
              ! refused   log group /ecs/farsight-worker exists already and does not carry our tag
                          evenkeel:document
                          to adopt it, say "adopt": true, or: aws logs tag-resource --resource-arn
                          arn:aws:logs:us-east-1:123456789012:log-group:/ecs/farsight-worker --tags
                          evenkeel:document=farsight,evenkeel:key=/ecs/farsight-worker
            target-group farsight-api-tg
              ! refused   target group farsight-api-tg exists already and does not carry our tag
                          evenkeel:document
                          to adopt it, say "adopt": true, or: aws elbv2 add-tags --resource-arns
                          arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/farsight-api-tg/1
                          --tags Key=evenkeel:document,Value=farsight Key=evenkeel:key,Value=farsight-api-tg
            load-balancer farsight-alb
              ! refused   load balancer farsight-alb exists already and does not carry our tag evenkeel:document
                          to adopt it, say "adopt": true, or: aws elbv2 add-tags --resource-arns
                          arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/farsight-alb/1
                          --tags Key=evenkeel:document,Value=farsight Key=evenkeel:key,Value=farsight-alb
            unchanged 3
        "#]],
    );
}
