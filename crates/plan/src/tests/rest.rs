//! Modes, deletions, and the things with a name and a few fields.

use evenkeel_model::document::Mode;
use evenkeel_model::key::UnitKey;

use super::*;

#[test]
fn where_nothing_may_be_written_the_steps_are_shown_and_none_is_ready() {
    let changed = |change: &dyn Fn(&mut Scene)| {
        let mut scene = Scene::settled(small());
        scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
        change(&mut scene);
        let planned = scene.plan();
        assert_eq!(planned.plan.units[&unit("api")].ready(), 0);
        assert_eq!(planned.report.units[&unit("api")].state, crate::State::Drifted);
        scene.print()
    };
    let by_document = changed(&|s| s.change(|d| d["settings"] = json!({"mode": "observe"})));
    let by_service = changed(&|s| s.change(|d| d["services"]["api"]["mode"] = json!("observe")));
    let by_daemon = changed(&|s| s.ceilings.mode = Mode::Observe);
    expect![[r#"
        web/api
          ~ update-service             api
              enableExecuteCommand   true -> false
              … after mode enforce: in mode observe nothing is written
          … waiting   for mode enforce: in mode observe nothing is written
        unchanged 1
    "#]]
    .assert_eq(&by_document);
    assert_eq!([&by_service, &by_daemon], [&by_document, &by_document]);
}

#[test]
fn a_missing_service_that_is_only_observed_is_not_in_sync() {
    let scene = Scene::empty(small_with(|d| d["services"]["api"]["mode"] = json!("observe")));
    assert_eq!(scene.plan().report.units[&unit("api")].state, crate::State::Drifted);
}

#[test]
fn a_suspended_service_is_left_alone() {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| s["enableExecuteCommand"] = json!(true));
    scene.change(|d| d["services"]["api"]["suspend"] = json!(true));
    prints(
        &scene,
        expect![[r#"
            web/api
              … suspended   by the document
              = left      enableExecuteCommand   true -> false   (human)
            unchanged 1
        "#]],
    );
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn what_somebody_deleted_is_made_again_only_where_healing_is_on() {
    let subjects = [
        Subject::Cluster("farsight-cluster".into()),
        Subject::Repository("farsight-server".into()),
        Subject::LogGroup("/ecs/farsight-worker".into()),
        Subject::TargetGroup("farsight-api-tg".into()),
        Subject::LoadBalancer("farsight-alb".into()),
        Subject::Listeners(elb("loadbalancer/app", "farsight-alb")),
        Subject::Service(evenkeel_model::key::ServiceKey::new("farsight-cluster", "farsight-worker")),
    ];
    for subject in subjects {
        let mut scene = Scene::settled(farsight());
        match &subject {
            Subject::Listeners(_) => scene.sees(subject.clone(), json!([])),
            _ => scene.gone(subject.clone()),
        }
        assert!(!scene.plan().plan.units.is_empty(), "{subject}");
        scene.change(|d| d["settings"] = json!({"heal": "off"}));
        assert!(scene.plan().plan.units.is_empty(), "{subject}: {}", scene.print());
        // Never made before, it is the document's.
        scene.memory.0.clear();
        assert!(!scene.plan().plan.units.is_empty(), "{subject}");
    }
}

#[test]
fn how_long_logs_are_kept_is_put_changed_and_removed() {
    let name = "/ecs/x";
    let group = || Subject::LogGroup(name.into());
    let unit = UnitKey::LogGroup(name.into());
    let with = |days: Value| small_with(|d| d["logGroups"] = json!({name: {"retentionInDays": days}}));
    let scene = Scene::empty(with(json!(30)));
    expect![[r#"
        cluster web
          + create-cluster             web
        log-group /ecs/x
          + create-log-group           /ecs/x
          + put-retention-policy       /ecs/x
        web/api
          + register-task-definition   api
              … after cluster web to exist
          + create-service             api
              … after cluster web to exist
          … waiting   for cluster web to exist
    "#]]
    .assert_eq(&scene.print());
    let mut scene = Scene::settled(with(json!(30)));
    scene.edit(group(), |g| g["retentionInDays"] = json!(1));
    prints(
        &scene,
        expect![[r#"
        log-group /ecs/x
          ~ put-retention-policy       /ecs/x
              retentionInDays   1 -> 30
        unchanged 2
    "#]],
    );
    assert_eq!(scene.plan().report.units[&unit].drift[0].owner, crate::Owner::Human);
    // What cannot be changed here does not keep the rest from being changed.
    scene.edit(group(), |g| g["deletionProtectionEnabled"] = json!(true));
    prints(
        &scene,
        expect![[r#"
            log-group /ecs/x
              ~ put-retention-policy       /ecs/x
                  retentionInDays   1 -> 30
              = left      deletionProtectionEnabled   true -> false   (human)
              ! refused   `deletionProtectionEnabled` of log group /ecs/x cannot be changed
                          declare a log group of another name
            unchanged 2
        "#]],
    );
    // No longer declared, it goes; never declared, it stays.
    let mut scene = Scene::settled(with(json!(30)));
    scene.change(|d| {
        d["logGroups"][name].as_object_mut().unwrap().clear();
    });
    prints(
        &scene,
        expect![[r#"
        log-group /ecs/x
          - delete-retention-policy    /ecs/x
              retentionInDays   30 -> (absent)
        unchanged 2
    "#]],
    );
    scene.memory.0.clear();
    assert!(scene.plan().plan.units.is_empty());
}

#[test]
fn clusters_and_repositories_are_changed_by_calls_of_their_own() {
    let mut scene = Scene::settled(small_with(|d| {
        d["clusters"]["web"] = json!({"settings": [{"name": "containerInsights", "value": "enabled"}], "capacityProviders": ["FARGATE"]});
        d["repositories"] = json!({"app": {"imageTagMutability": "IMMUTABLE"}});
    }));
    scene.edit(Subject::Cluster("web".into()), |c| {
        c["settings"][0]["value"] = json!("disabled");
        c["capacityProviders"] = json!([]);
        c["defaultCapacityProviderStrategy"] = json!([{"capacityProvider": "FARGATE", "weight": 1}]);
    });
    scene.edit(Subject::Repository("app".into()), |r| {
        r["imageTagMutability"] = json!("MUTABLE");
        r["imageScanningConfiguration"] = json!({"scanOnPush": true});
        r["encryptionConfiguration"] = json!({"encryptionType": "KMS"});
    });
    prints(
        &scene,
        expect![[r#"
            cluster web
              ~ put-cluster-capacity-providers web
                  capacityProviders[FARGATE]   (absent) -> FARGATE
              ~ update-cluster             web
                  settings[containerInsights].value   disabled -> enabled
            repository app
              ~ put-image-tag-mutability   app
                  imageTagMutability   MUTABLE -> IMMUTABLE
              ~ put-image-scanning-configuration app
                  imageScanningConfiguration.scanOnPush   true -> false
              = left      encryptionConfiguration.encryptionType   KMS -> AES256   (human)
              ! refused   `encryptionConfiguration.encryptionType` of repository app cannot be changed
                          declare a repository of another name
            unchanged 1
        "#]],
    );
    // The strategy is not declared: it belongs to others.
    sends(
        &scene,
        &UnitKey::Cluster("web".into()),
        "put-cluster-capacity-providers web",
        expect![[
            r#"{"capacityProviders":["FARGATE"],"cluster":"web","defaultCapacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1}]}"#
        ]],
    );
}

#[test]
fn a_task_definition_without_a_service_is_registered_when_its_content_changes() {
    let document = |image: &str| {
        small_with(|d| {
            d["taskDefinitions"] = json!({"job": {"containerDefinitions": [{"name": "j", "image": image}]}});
        })
    };
    let unit = UnitKey::TaskDefinition("job".into());
    let mut scene = Scene::settled(document("job:1"));
    expect![[r#"
        task-definition job
          + register-task-definition   job
        unchanged 2
    "#]]
    .assert_eq(&scene.print());
    carried_out(&mut scene);
    let arn = revision("job", 1);
    scene.memory.0.get_mut(&unit).unwrap().task_definition = Some(arn.clone());
    scene.sees(Subject::Family("job".into()), json!([arn]));
    scene.observe(
        Subject::TaskDefinition(arn),
        scene.document.task_definitions["job"].clone().with("status", "ACTIVE"),
    );
    assert!(scene.plan().plan.units.is_empty());
    scene.change(|d| d["taskDefinitions"]["job"]["containerDefinitions"][0]["image"] = json!("job:2"));
    assert_eq!(scene.plan().report.units[&unit].drift[0].owner, crate::Owner::Document);
}

#[test]
fn values_that_may_be_secret_are_not_shown() {
    let mut scene = Scene::settled(small_with(|d| {
        let task = &mut d["services"]["api"]["taskDefinition"];
        task["executionRoleArn"] = json!("ecsTaskExecutionRole");
        task["containerDefinitions"][0]["environment"] = json!([{"name": "PASSWORD", "value": "hunter2"}]);
    }));
    scene.change(|d| {
        let app = &mut d["services"]["api"]["taskDefinition"]["containerDefinitions"];
        app[0]["environment"][0]["value"] = json!("hunter3");
        app.as_array_mut()
            .unwrap()
            .push(json!({"name": "side", "image": "s", "secrets": [{"name": "S", "valueFrom": "hunter4"}]}));
    });
    prints(
        &scene,
        expect![[r#"
        web/api
          + register-task-definition   api
              containerDefinitions[app].environment[PASSWORD].value   (hidden) -> (hidden)
              containerDefinitions[side]   (absent) -> {…}
          ~ update-service             taskDefinition api:1 -> (register-task-definition api)
        unchanged 1
    "#]],
    );
    let json = crate::plan_json(&scene.plan(), &[("shop", "v")]).to_string();
    assert!(!json.contains("hunter") && !scene.print().contains("hunter"), "{json}");
    assert!(!format!("{:?}", scene.plan()).contains("hunter"));
}

#[test]
fn no_line_is_longer_than_a_hundred_columns() {
    let printed = Scene::empty(farsight()).print();
    assert!(printed.lines().all(|l| l.chars().count() <= 100), "{printed}");
}
