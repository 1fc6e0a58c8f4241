//! Why a rollout fails.

use super::*;

/// A rollout of `api` of which tasks failed.
fn failing() -> Scene {
    let mut scene = Scene::settled(balancing::ruled());
    scene.change(|d| new_image(d, "api"));
    carried_out(&mut scene);
    scene.memory.0.get_mut(&unit("api")).unwrap().deployment = Some("ecs-svc/2".into());
    let tree = scene.document.services[&key("api")].task_definition.clone();
    scene.observe(Subject::TaskDefinition(revision("api", 2)), tree.with("status", "ACTIVE"));
    scene.edit(service("api"), |s| {
        s["taskDefinition"] = json!(revision("api", 2));
        s["deployments"] = json!([
            {"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": 2,
             "runningCount": 0, "failedTasks": 3, "createdAt": CLOCK},
            {"id": "ecs-svc/1", "status": "ACTIVE", "rolloutState": "COMPLETED", "runningCount": 2}]);
        let event =
            |at: i64, text: &str| json!({"createdAt": at, "message": format!("(service api) {text}")});
        s["events"] = json!([
            event(
                CLOCK + 9,
                "(port 80) is unhealthy in (target-group x) due to (reason Health checks failed)"
            ),
            event(
                CLOCK + 8,
                "was unable to place a task because no container instance met all of its requirements."
            ),
            event(CLOCK + 7, "has started 2 tasks: (task a) (task b)."),
            event(CLOCK - 7, "was unable to place a task because of something long over.")
        ]);
    });
    scene
}

#[test]
fn what_tells_why_is_of_interest_while_a_rollout_fails_and_not_before() {
    let told = |scene: &Scene| {
        let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
        let tells = |s: &&Subject| matches!(s, Subject::StoppedTasks(_) | Subject::TargetHealth(_));
        interest.iter().filter(tells).map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(&Scene::settled(balancing::ruled())), "");
    expect!["target health of targetgroup/api-tg/1, stopped tasks of web/api"].assert_eq(&told(&failing()));
    // Until it was looked at, the events have to do.
    prints(
        &failing(),
        expect![[r#"
            web/api
              … waiting   rollout ecs-svc/2: 0 of 2 running, 3 failed, 0 s so far
              ? because   (port 80) is unhealthy in (target-group x) due to (reason Health checks failed)
              ? because   was unable to place a task because no container instance met all of its requirements.
                          is there room for the task in the cluster's capacity?
            unchanged 2
        "#]],
    );
}

#[test]
fn stopped_tasks_and_targets_say_why_and_what_to_look_at() {
    let mut scene = failing();
    let task = |reason: &str, container: Value| json!({"startedBy": "ecs-svc/2", "stopCode": "EssentialContainerExited", "stoppedReason": reason, "containers": [container]});
    scene.sees(
        Subject::StoppedTasks(key("api")),
        json!([
            task("Essential container in task exited", json!({"name": "app", "exitCode": 1})),
            task("Essential container in task exited", json!({"name": "app", "exitCode": 1})),
            task("CannotPullContainerError: pull image manifest has been retried 1 time(s): not found", json!({"name": "app"})),
            task("ResourceInitializationError: unable to pull secrets or registry auth: AccessDeniedException", json!({"name": "app"})),
            task("OutOfMemoryError: container killed", json!({"name": "app", "exitCode": 137})),
            task("Task failed ELB health checks in (target-group x)", json!({"name": "app", "exitCode": 143})),
            {"startedBy": "ecs-svc/2", "stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by deployment ecs-svc/2"},
            {"startedBy": "ecs-svc/1", "stopCode": "TaskFailedToStart", "stoppedReason": "of another deployment"}]),
    );
    let unhealthy = |reason: &str, text: &str| json!({"targetHealth": {"state": "unhealthy", "reason": reason, "description": text}});
    scene.sees(
        Subject::TargetHealth(elb("targetgroup", "api-tg")),
        json!([
            unhealthy("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
            unhealthy("Target.Timeout", "Request timed out"),
            {"targetHealth": {"state": "healthy"}}]),
    );
    prints(
        &scene,
        expect![[r#"
            web/api
              … waiting   rollout ecs-svc/2: 0 of 2 running, 3 failed, 0 s so far
              ? because   2 tasks stopped: Essential container in task exited; container app: exit code 1
                          what does it write before it ends? see the log group of its containers
              ? because   1 task stopped: CannotPullContainerError: pull image manifest has been retried 1
                          time(s): not found
                          is the image there, may the execution role pull it, and does the subnet reach the
                          registry?
              ? because   1 task stopped: OutOfMemoryError: container killed; container app: exit code 137
                          does it need more memory than the task definition gives it?
              ? because   1 task stopped: ResourceInitializationError: unable to pull secrets or registry auth:
                          AccessDeniedException
                          is the secret there, and may the execution role read it?
              ? because   1 task stopped: Task failed ELB health checks in (target-group x); container app: exit
                          code 143
                          does it answer its health check in time? see the grace period, path, port and security
                          groups
              ? because   1 target of api-tg is unhealthy: Target.ResponseCodeMismatch: Health checks failed
                          with these codes: [503]
                          is the health check's path right, and which codes does it accept?
              ? because   1 target of api-tg is unhealthy: Target.Timeout: Request timed out
                          do the security groups let the load balancer in, and does the container answer in
                          time?
              ? because   (port 80) is unhealthy in (target-group x) due to (reason Health checks failed)
              ? because   was unable to place a task because no container instance met all of its requirements.
                          is there room for the task in the cluster's capacity?
            unchanged 2
        "#]],
    );
    // Of a hold it is remembered, in one go.
    scene.edit(service("api"), |s| s["deployments"][0]["rolloutState"] = json!("FAILED"));
    scene.remember();
    let evidence = scene.memory.unit(&unit("api")).held.as_ref().unwrap().evidence.len();
    assert_eq!(evidence, scene.plan().report.units[&unit("api")].diagnosis.len());
    assert!(scene.plan().remember.is_empty());
    let shown = |scene: &Scene| scene.plan().report.units[&unit("api")].diagnosis.len();
    scene.unseen(Subject::StoppedTasks(key("api")));
    let asked = shown(&scene);
    scene.edit(service("api"), |s| {
        s["taskDefinition"] = json!(revision("api", 1));
        s["deployments"] = json!([{"id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "COMPLETED"}]);
    });
    assert!(asked < evidence);
    assert_eq!(shown(&scene), evidence);
    scene = failing();
    // It says so while ECS goes back, too.
    scene.edit(service("api"), |s| {
        s["deployments"][0] = json!({"id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."});
    });
    assert!(!scene.plan().report.units[&unit("api")].diagnosis.is_empty());
    // And no longer than that.
    scene.edit(service("api"), |s| {
        s["deployments"] = json!([{"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "COMPLETED"}]);
    });
    assert!(scene.plan().report.units[&unit("api")].diagnosis.is_empty());
}
