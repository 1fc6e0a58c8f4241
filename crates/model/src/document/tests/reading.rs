//! Documents without errors.

use super::*;

#[test]
fn the_example_is_read_without_a_word() {
    let text = include_str!("../../../../../config/examples/farsight.json");
    let (document, said) = read_as(text, Format::Json);
    assert_eq!(said, "");
    let document = document.unwrap();
    assert_eq!(document.services.len(), 2);
    let api = &document.services[&ServiceKey::new("farsight-cluster", "farsight-api-server")];
    assert_eq!(api.depends_on, [ServiceKey::new("farsight-cluster", "farsight-worker")]);
    assert_eq!(api.input.get("cluster"), None);
    assert_eq!(document.target_groups["farsight-api-tg"].item, "farsight-api-tg");
}

#[test]
fn json_and_yaml_are_one_document() {
    let json = with_service(r#""restart": "1", "scaling": {"minCapacity": 1, "maxCapacity": 2}"#);
    let yaml = "
apiVersion: evenkeel/v1
name: shop
account: 123456789012
region: us-east-1
cluster: web
services:
  api:
    taskDefinition:
      containerDefinitions:
        - name: app
          image: app:1
          memory: 64
    service: {}
    restart: 1
    scaling: {minCapacity: 1, maxCapacity: 2}
";
    let (read, said) = read_as(yaml, Format::Yaml);
    assert_eq!(said, "");
    assert_eq!(read.unwrap(), document(&json));
}

#[test]
fn members_of_aws_shapes_are_taken_with_either_first_letter_and_map_keys_as_they_are() {
    let text = with_shapes(
        r#"{"ContainerDefinitions": [{"Name": "app", "Image": "i", "DockerLabels": {"Upper": "x"}, "Environment": [{"Name": "A", "Value": "B"}]}]}"#,
        r#"{"DesiredCount": 2}"#,
    );
    let document = document(&text);
    let api = &document.services[&ServiceKey::new("web", "api")];
    expect![[r#"{"containerDefinitions":[{"dockerLabels":{"Upper":"x"},"environment":[{"name":"A","value":"B"}],"image":"i","name":"app"}],"family":"api"}"#]]
        .assert_eq(&api.task_definition.to_json());
    assert_eq!(api.input.int("desiredCount"), Some(2));
}

#[test]
fn defaults_lie_under_every_service_and_lists_are_taken_whole() {
    let text = around(
        r#""defaults": {"taskDefinition": {"cpu": "256", "tags": [{"key": "a", "value": "b"}], "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}},
 "service": {"enableExecuteCommand": true}},
"services": {"api": {"taskDefinition": {"cpu": "512", "tags": [], "runtimePlatform": {"cpuArchitecture": "X86_64"}, "containerDefinitions": [{"name": "app", "image": "i"}]}, "service": {}}}"#,
    );
    let document = document(&text);
    let api = &document.services[&ServiceKey::new("web", "api")];
    expect![[r#"{"containerDefinitions":[{"image":"i","name":"app"}],"cpu":"512","family":"api","runtimePlatform":{"cpuArchitecture":"X86_64","operatingSystemFamily":"LINUX"},"tags":[]}"#]]
        .assert_eq(&api.task_definition.to_json());
    expect![[r#"{"enableExecuteCommand":true}"#]].assert_eq(&api.input.to_json());
}

#[test]
fn the_key_is_the_name_unless_the_value_carries_one() {
    let text = around(
        r#""services": {"a": {"taskDefinition": {"family": "fam", "containerDefinitions": [{"name": "app", "image": "i"}]}, "service": {"serviceName": "svc", "cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/other"}}},
"targetGroups": {"t": {"targetGroupName": "described", "TargetGroupArn": "arn", "protocol": "HTTP", "port": 80, "vpcId": "v"}},
"clusters": {"c": {"clusterName": "real"}}, "logGroups": {"l": {"logGroupName": "/x", "retentionInDays": 7}}, "repositories": {"r": {"repositoryName": "team/app"}},
"taskDefinitions": {"job": {"containerDefinitions": [{"name": "j", "image": "i"}]}}"#,
    );
    let document = document(&text);
    let names = (
        document.services.keys().map(ToString::to_string).collect::<Vec<_>>(),
        document.target_groups.keys().collect::<Vec<_>>(),
        document.clusters.keys().collect::<Vec<_>>(),
        document.log_groups.keys().collect::<Vec<_>>(),
        document.repositories.keys().collect::<Vec<_>>(),
        document.task_definitions.keys().collect::<Vec<_>>(),
    );
    expect![[r#"(["other/svc"], ["described"], ["real"], ["/x"], ["team/app"], ["job"])"#]]
        .assert_eq(&format!("{names:?}"));
}

#[test]
fn settings_have_defaults_and_yaml_words_for_on_and_off() {
    assert_eq!(document(&around("")).settings, Settings::default());
    let text = around(
        r#""settings": {"mode": "observe", "heal": false, "prune": "off", "atomic": true, "retry": {"after": "10m", "max": 3},
"rollouts": {"maxConcurrent": 3, "stopAfterFailures": 2, "deadline": "30m"}}"#,
    );
    let settings = Settings {
        mode: Mode::Observe,
        heal: Heal::Off,
        prune: Prune::Off,
        max_delete_percent: 10,
        keep_revisions: None,
        atomic: true,
        max_concurrent_rollouts: 3,
        stop_after_failures: Some(2),
        rollout_deadline: Some(1800),
        retry: Some(Retry { after: 600, max: 3 }),
        windows: Vec::new(),
    };
    assert_eq!(document(&text).settings, settings);
}

#[test]
fn a_service_says_otherwise_than_the_settings() {
    let text = with_service(
        r#""heal": {"after": "10m"}, "retry": {"after": "1h"}, "windows": [{"from": "22:00", "to": "04:00"}]"#,
    );
    let document = document(&text);
    let api = &document.services[&ServiceKey::new("web", "api")].behaviour;
    assert_eq!((api.heal, api.retry), (Some(Heal::After(600)), Some(Retry { after: 3600, max: 1 })));
    assert_eq!(api.windows.as_ref().map(Vec::len), Some(1));
}

#[test]
fn a_service_has_its_own_rules_groups_and_ignored_paths() {
    let text = with_service(
        r#""targetGroups": {"tg": {"name": "api-tg", "protocol": "HTTP", "port": 80, "vpcId": "v", "attributes": {"stickiness.enabled": true}}},
"listenerRules": {"main": {"listenerArn": "arn:x", "priority": "7", "conditions": [{"field": "host-header", "values": ["h"]}], "actions": [{"type": "forward", "targetGroupArn": "${targetGroup:tg}"}]}},
"ignore": [{"path": "/service/desiredCount", "reason": "by hand", "until": "2027-01-31"}],
"mode": "observe", "suspend": true"#,
    );
    let document = document(&text);
    let api = &document.services[&ServiceKey::new("web", "api")];
    let main = &api.rules["main"];
    assert_eq!((main.priority, main.listener.as_str()), (Priority::At(7), "arn:x"));
    assert_eq!(api.ignore[0].until, Some(jiff::civil::date(2027, 1, 31)));
    assert_eq!((api.mode, api.suspend), (Mode::Observe, true));
    assert_eq!(document.target_groups["api-tg"].attributes["stickiness.enabled"], "true");
}

#[test]
fn the_priority_of_a_rule_is_a_number_or_a_range() {
    let text = with_service(
        r#""listenerRules": {"main": {"listenerArn": "arn:x", "priority": {"from": 100, "to": 199}, "conditions": [{"field": "host-header", "values": ["h"]}], "actions": [{"type": "forward", "targetGroupArn": "arn:t"}]}}"#,
    );
    let document = document(&text);
    let range = document.services[&ServiceKey::new("web", "api")].rules["main"].priority;
    assert_eq!(range, Priority::Within { from: 100, to: 199 });
    assert!(range.admits(100) && range.admits(199) && !range.admits(99) && !range.admits(200));
    assert!(Priority::At(7).admits(7) && !Priority::At(7).admits(8));
}

#[test]
fn a_declared_empty_list_stays_and_null_goes() {
    let text = with_shapes(TASK, r#"{"loadBalancers": [], "serviceRegistries": null}"#);
    let document = document(&text);
    expect![[r#"{"loadBalancers":[]}"#]]
        .assert_eq(&document.services[&ServiceKey::new("web", "api")].input.to_json());
}
