//! What somebody changed in AWS, and what the document changed.

use super::*;

#[test]
fn a_security_group_changed_by_hand_is_put_back_with_its_whole_block_and_nothing_else() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-evil"]);
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              networkConfiguration.awsvpcConfiguration.securityGroups[sg-1]   (absent) -> sg-1
              networkConfiguration.awsvpcConfiguration.securityGroups[sg-evil]   sg-evil -> (absent)
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"DISABLED","securityGroups":["sg-1"],"subnets":["subnet-1","subnet-2"]}},"service":"api"}"#
        ]],
    );
    let drift = &scene.plan().report.units[&unit("api")].drift;
    assert!(drift.iter().all(|d| d.owner == crate::Owner::Human));
}

#[test]
fn with_healing_off_a_humans_change_is_reported_and_left_and_the_documents_is_made() {
    let mut scene = Scene::settled(small_with(|d| d["settings"] = json!({"heal": "off"})));
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    prints(
        &scene,
        expect![[r#"
        web/api
          = left      enableExecuteCommand   true -> false   (human)
        unchanged 1
    "#]],
    );
    scene.change(|d| {
        d["services"]["api"]["service"]["propagateTags"] = json!("SERVICE");
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              propagateTags   NONE -> SERVICE
          = left      enableExecuteCommand   true -> false   (human)
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[r#"{"cluster":"web","propagateTags":"SERVICE","service":"api"}"#]],
    );
}

#[test]
fn a_service_pointed_at_another_revision_goes_back_to_the_remembered_one_without_registering() {
    let mut scene = Scene::settled(small());
    let other = revision("api", 2);
    scene.edit(service("api"), |s| s["taskDefinition"] = json!(other));
    scene.sees(Subject::Family("api".into()), json!([other, revision("api", 1)]));
    scene.sees(
        Subject::TaskDefinition(other),
        json!({"family": "api", "status": "ACTIVE", "containerDefinitions": [{"name": "app", "image": "bad"}]}),
    );
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             taskDefinition api:2 -> api:1
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","service":"api","taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/api:1"}"#
        ]],
    );
    assert!(scene.plan().report.units[&unit("api")].drift.iter().all(|d| d.owner == crate::Owner::Human));
}

#[test]
fn a_changed_task_definition_is_registered_and_run() {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
              containerDefinitions[app].image   app:1 -> app:2
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
        unchanged 1
    "#]],
    );
    let planned = scene.plan();
    let steps = &planned.plan.units[&unit("api")].steps;
    assert_eq!(
        steps[1].action.fills,
        [crate::Fill {
            member: "taskDefinition",
            from: steps[0].id.clone(),
            output: "taskDefinition/taskDefinitionArn",
            in_list: false,
        }]
    );
    assert_eq!(planned.plan.units[&unit("api")].ready(), 2);
}

#[test]
fn a_revision_that_somebody_registered_already_is_used() {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    let found = revision("api", 7);
    scene.sees(Subject::Family("api".into()), json!([found, revision("api", 1)]));
    let tree = scene.document.services[&key("api")].task_definition.clone();
    scene.observe(Subject::TaskDefinition(found), tree.with("status", "ACTIVE"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             taskDefinition api:1 -> api:7
        unchanged 1
    "#]],
    );
}

#[test]
fn a_revision_that_was_deregistered_cannot_be_chosen() {
    let mut scene = Scene::settled(small());
    scene.change(|d| new_image(d, "api"));
    let found = revision("api", 7);
    scene.sees(Subject::Family("api".into()), json!([found]));
    let tree = scene.document.services[&key("api")].task_definition.clone();
    scene.observe(Subject::TaskDefinition(found), tree.with("status", "INACTIVE"));
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
              containerDefinitions[app].image   app:1 -> app:2
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
        unchanged 1
    "#]],
    );
}

/// A field that AWS gives back in a way no rule knows must not be registered again in every pass.
#[test]
fn a_revision_that_we_registered_for_this_very_content_is_not_registered_again() {
    let mut scene = Scene::settled(small());
    let want = scene.document.services[&key("api")].task_definition.clone();
    let hash = crate::hash::task_definition(&want);
    scene.edit(Subject::TaskDefinition(revision("api", 1)), |t| {
        t["containerDefinitions"][0]["image"] = json!("docker.io/library/app:1");
        t["tags"].as_array_mut().unwrap().push(json!({"key": "evenkeel:hash", "value": hash}));
    });
    prints(
        &scene,
        expect![[r#"
        unchanged 2
    "#]],
    );
    // A tag alone proves nothing.
    scene.memory.0.clear();
    prints(
        &scene,
        expect![[r#"
            web/api
              + register-task-definition   api
                  containerDefinitions[app].image   docker.io/library/app:1 -> app:1
              ~ update-service             taskDefinition api:1 -> (register-task-definition api)
              · note      MemoryRebuilt: nothing was remembered of it
            unchanged 1
        "#]],
    );
}

#[test]
fn a_field_that_the_document_no_longer_has_goes_back_to_its_default() {
    let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true},
        "alarms": {"alarmNames": ["a"], "enable": true, "rollback": true}, "minimumHealthyPercent": 50});
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["api"]["service"]["deploymentConfiguration"] = breaker;
        d["services"]["api"]["service"]["healthCheckGracePeriodSeconds"] = json!(60);
    }));
    scene.change(|d| {
        let service = d["services"]["api"]["service"].as_object_mut().unwrap();
        service.remove("deploymentConfiguration");
        service.remove("healthCheckGracePeriodSeconds");
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              deploymentConfiguration.alarms   {…} -> (absent)
              deploymentConfiguration.deploymentCircuitBreaker.enable   true -> false
              deploymentConfiguration.deploymentCircuitBreaker.rollback   true -> false
              deploymentConfiguration.minimumHealthyPercent   50 -> 100
              healthCheckGracePeriodSeconds   60 -> 0
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","deploymentConfiguration":{"alarms":{"alarmNames":[],"enable":false,"rollback":false},"deploymentCircuitBreaker":{"enable":false,"rollback":false},"minimumHealthyPercent":100},"healthCheckGracePeriodSeconds":0,"service":"api"}"#
        ]],
    );
}

#[test]
fn a_declared_deployment_configuration_is_sent_with_what_it_leaves_out_only_where_that_differs() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["api"]["service"]["deploymentConfiguration"] = json!({"maximumPercent": 150});
    }));
    scene.edit(service("api"), |s| {
        s["deploymentConfiguration"] =
            json!({"maximumPercent": 150, "minimumHealthyPercent": 0, "strategy": "ROLLING"});
    });
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","deploymentConfiguration":{"maximumPercent":150,"minimumHealthyPercent":100},"service":"api"}"#
        ]],
    );
}

#[test]
fn an_ignored_path_neither_differs_nor_is_undone_by_a_write_around_it() {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["api"]["ignore"] = json!([
            {"path": "/service/networkConfiguration/awsvpcConfiguration/securityGroups", "reason": "an incident"},
            {"path": "/service/desiredCount", "reason": "by hand"},
            {"path": "/taskDefinition/containerDefinitions/app/image", "reason": "CI deploys"}]);
    }));
    let current = Subject::TaskDefinition(revision("api", 1));
    scene.edit(service("api"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-2"]);
        s["desiredCount"] = json!(5);
    });
    scene.edit(current.clone(), |t| t["containerDefinitions"][0]["image"] = json!("app:ci"));
    prints(
        &scene,
        expect![[r#"
        web/api
          · note      /service/networkConfiguration/awsvpcConfiguration/securityGroups/sg-1 differs and is
                      ignored: an incident
          · note      /service/networkConfiguration/awsvpcConfiguration/securityGroups/sg-2 differs and is
                      ignored: an incident
          · note      /service/desiredCount differs and is ignored: by hand
          · note      /taskDefinition/containerDefinitions/app/image differs and is ignored: CI deploys
        unchanged 1
    "#]],
    );
    // What must send their parents sends the live values.
    scene.edit(service("api"), |s| {
        s["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = json!("ENABLED");
    });
    scene.change(|d| d["services"]["api"]["taskDefinition"]["memory"] = json!("1024"));
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"DISABLED","securityGroups":["sg-2"],"subnets":["subnet-1","subnet-2"]}},"service":"api"}"#
        ]],
    );
    let registered = scene.input_of(&unit("api"), "register-task-definition api");
    assert!(registered.contains("app:ci") && registered.contains("1024"), "{registered}");
}

#[test]
fn an_ignored_path_is_compared_again_the_day_after_its_last() {
    let ignored = |until: &str| {
        let mut scene = Scene::settled(small_with(|d| {
            d["services"]["api"]["ignore"] =
                json!([{"path": "/service/enableExecuteCommand", "reason": "r", "until": until}]);
        }));
        scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
        scene.print()
    };
    expect![[r#"
        web/api
          · note      /service/enableExecuteCommand differs and is ignored: r
        unchanged 1
    "#]]
    .assert_eq(&ignored("2027-01-15"));
    expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
          · note      ignoring /service/enableExecuteCommand has expired: it is compared again
        unchanged 1
    "#]]
    .assert_eq(&ignored("2027-01-14"));
}

#[test]
fn what_cannot_be_changed_on_a_service_is_refused_and_the_rest_is_healed() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| {
        s["launchType"] = json!("EC2");
        s["enableECSManagedTags"] = json!(true);
    });
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ update-service             api
                  enableECSManagedTags   true -> false
              = left      launchType   EC2 -> FARGATE   (human)
              ! refused   `launchType` of a service cannot be changed
                          say `"replace": "recreate"` in the service: it is deleted and made anew, and down in
                          between
            unchanged 1
        "#]],
    );
}

#[test]
fn a_change_of_capacity_provider_strategy_forces_a_deployment() {
    let mut scene = Scene::settled(small());
    scene.change(|d| {
        let service = d["services"]["api"]["service"].as_object_mut().unwrap();
        service.remove("launchType");
        service.insert(
            "capacityProviderStrategy".into(),
            json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]),
        );
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             api
              capacityProviderStrategy[FARGATE_SPOT]   (absent) -> {…}
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"capacityProviderStrategy":[{"base":0,"capacityProvider":"FARGATE_SPOT","weight":1}],"cluster":"web","forceNewDeployment":true,"service":"api"}"#
        ]],
    );
}

#[test]
fn changed_tags_are_tagged_and_register_and_roll_out_nothing() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| {
        s["tags"].as_array_mut().unwrap().push(json!({"key": "theirs", "value": "x"}))
    });
    scene.change(|d| d["tags"] = json!({"Owner": "b"}));
    prints(
        &scene,
        expect![[r#"
        cluster web
          ~ tag-resource
              Owner   (absent) -> b
          ~ untag-resource
              Team   a -> (absent)
        web/api
          ~ tag-resource
              Owner   (absent) -> b
          ~ untag-resource
              Team   a -> (absent)
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "tag-resource",
        expect![[
            r#"{"resourceArn":"arn:aws:ecs:us-east-1:123456789012:service/web/api","tags":[{"key":"Owner","value":"b"}]}"#
        ]],
    );
    sends(
        &scene,
        &unit("api"),
        "untag-resource",
        expect![[
            r#"{"resourceArn":"arn:aws:ecs:us-east-1:123456789012:service/web/api","tagKeys":["Team"]}"#
        ]],
    );
}

#[test]
fn a_restart_forces_a_deployment_once() {
    let mut scene = Scene::settled(small());
    scene.change(|d| d["services"]["api"]["restart"] = json!("2027-01-15"));
    prints(
        &scene,
        expect![[r#"
        web/api
          ~ update-service             restart is now "2027-01-15"
        unchanged 1
    "#]],
    );
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[r#"{"cluster":"web","forceNewDeployment":true,"service":"api"}"#]],
    );
    carried_out(&mut scene);
    assert!(scene.plan().plan.units.is_empty());
    // Nobody restarts a fleet because memory was lost.
    scene.memory.0.clear();
    scene.remember();
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn propagated_tags_are_sent_along_with_every_update() {
    let mut scene =
        Scene::settled(small_with(|d| d["services"]["api"]["service"]["propagateTags"] = json!("SERVICE")));
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    sends(
        &scene,
        &unit("api"),
        "update-service api",
        expect![[
            r#"{"cluster":"web","enableExecuteCommand":false,"propagateTags":"SERVICE","service":"api"}"#
        ]],
    );
}

#[test]
fn after_memory_is_lost_and_rebuilt_a_humans_edit_is_still_a_humans() {
    let mut scene = Scene::settled(small());
    scene.memory.0.clear();
    scene.remember();
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    let planned = scene.plan();
    assert_eq!(planned.report.units[&unit("api")].drift[0].owner, crate::Owner::Human);
}

#[test]
fn what_was_changed_in_aws_before_the_document_said_so_is_remembered() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene.change(|d| d["services"]["api"]["service"]["enableExecuteCommand"] = json!(true));
    scene.remember();
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(false));
    assert_eq!(scene.plan().report.units[&unit("api")].drift[0].owner, crate::Owner::Human);
}
