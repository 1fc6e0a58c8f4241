//! What people paste and mistype: each quirk with a document of its own.

use super::{fargate_task, wrapped_json, wrapped_yaml};
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{Document, read};
use crate::text::{self, Format};
use crate::tree::Tree;

fn reading(text: &str, format: Format) -> (Option<Document>, Vec<Diagnostic>) {
    read(text::parse(text.as_bytes(), Some(format)).unwrap())
}

/// A document with this one task definition, and what was found, as `note code /path`, below the section.
fn task(source: &str) -> (Option<Tree>, Vec<String>) {
    let text = wrapped_json("taskDefinitions/web", source, "");
    let (document, found) = reading(&text, Format::Json);
    (document.and_then(|d| d.task_definitions.into_values().next()), told(&found, "/taskDefinitions/web"))
}

fn told(found: &[Diagnostic], below: &str) -> Vec<String> {
    assert!(found.iter().all(|d| d.at.is_some()), "{found:#?}");
    let short = |d: &Diagnostic| {
        let path = d.path.to_string();
        format!("{} {} {}", d.severity.word(), d.code, path.strip_prefix(below).unwrap_or(&path))
    };
    found.iter().map(short).collect()
}

const CONTAINER: &str = r#"{"name": "web", "image": "web:1", "memory": 64}"#;

#[test]
fn response_only_members_are_left_out_with_a_note() {
    let (tree, found) = task(&format!(
        r#"{{"family": "web", "taskDefinitionArn": "arn:x", "revision": 7, "status": "ACTIVE",
        "requiresAttributes": [{{"name": "x"}}], "compatibilities": ["EC2"], "registeredAt": {{"odd": 1}},
        "registeredBy": null, "containerDefinitions": [{CONTAINER}]}}"#
    ));
    assert_eq!(
        tree.unwrap().entries().map(|(n, _)| n.to_string()).collect::<Vec<_>>(),
        ["containerDefinitions", "family"]
    );
    assert_eq!(found.len(), 7, "{found:?}");
    assert!(found.iter().all(|f| f.starts_with("note dropped /")), "{found:?}");
}

#[test]
fn nested_response_only_members_are_left_out_too() {
    let rule = r#"{"listenerArn": "arn:x", "priority": 1, "isDefault": false, "ruleArn": "arn:y",
        "conditions": [{"field": "host-header", "values": ["a"]}],
        "actions": [{"type": "forward", "targetGroupArn": "arn:z"}]}"#;
    let service = format!(
        r#"|"taskDefinition": {{"containerDefinitions": [{CONTAINER}]}}, "service": {{"loadBalancers": []}}"#
    );
    let text = wrapped_json("services/web/listenerRules/r", rule, &service);
    let (document, found) = reading(&text, Format::Json);
    assert!(document.is_some(), "{found:#?}");
    let below = "/services/web/listenerRules/r";
    assert_eq!(told(&found, below), ["note dropped /isDefault", "note dropped /ruleArn"]);
}

#[test]
fn a_whole_answer_is_taken_for_what_it_holds_tags_included() {
    let source = format!(
        r#"{{"taskDefinition": {{"family": "web", "status": "ACTIVE", "containerDefinitions": [{CONTAINER}],
        "cpu": "lots"}}, "tags": [{{"key": "Team", "value": "a"}}], "ResponseMetadata": {{}}}}"#
    );
    let text = wrapped_json("taskDefinitions/web", &source, "");
    let (document, found) = reading(&text, Format::Json);
    assert!(document.is_none());
    let below = "/taskDefinitions/web";
    assert_eq!(
        told(&found, below),
        ["note envelope /taskDefinition", "note dropped /status", "error bad-amount /cpu"]
    );
    // The position is where it stands, inside the envelope.
    let at = found.last().unwrap().at.unwrap();
    assert_eq!(&text[at.offset as usize..][..at.length as usize], "\"lots\"");

    let (document, _) = reading(&text.replace("\"lots\"", "\"512\""), Format::Json);
    let tree = &document.unwrap().task_definitions["web"];
    assert_eq!(tree.pointer("tags/0/key"), Some(&Tree::from("Team")));
}

#[test]
fn answers_that_list_things_are_taken_too() {
    let group = r#"{"TargetGroupName": "web-tg", "TargetGroupArn": "arn:x", "Protocol": "HTTP", "Port": 80,
        "VpcId": "vpc-1", "LoadBalancerArns": []}"#;
    let listed = format!(r#"{{"TargetGroups": [{group}], "NextMarker": "x"}}"#);
    for source in [&listed, &format!(r#"{{"status_code": 200, "data": {listed}}}"#)] {
        let (document, found) = reading(&wrapped_json("targetGroups/a", source, ""), Format::Json);
        let document = document.unwrap_or_else(|| panic!("{found:#?}"));
        assert_eq!(document.target_groups.keys().collect::<Vec<_>>(), ["web-tg"]);
        assert!(found.iter().all(|d| d.severity == Severity::Note), "{found:#?}");
    }
    let two = format!(r#"{{"TargetGroups": [{group}, {group}]}}"#);
    let (_, found) = reading(&wrapped_json("targetGroups/a", &two, ""), Format::Json);
    assert!(
        told(&found, "/targetGroups/a").contains(&"warning envelope /TargetGroups".to_owned()),
        "{found:#?}"
    );
    let (_, found) = reading(&wrapped_json("targetGroups/a", r#"{"TargetGroups": []}"#, ""), Format::Json);
    assert!(told(&found, "/targetGroups/a").contains(&"error empty /TargetGroups".to_owned()), "{found:#?}");
}

#[test]
fn a_described_service_is_taken() {
    let service = r#"{"services": [{"serviceArn": "arn:x", "serviceName": "web", "clusterArn": "arn:c",
        "status": "ACTIVE", "desiredCount": 1, "runningCount": 1, "deployments": [{"id": "x"}], "events": [],
        "loadBalancers": [], "taskDefinition": "web:3", "createdAt": "2026-01-01T00:00:00Z"}], "failures": []}"#;
    let beside = format!(r#""taskDefinition": {{"containerDefinitions": [{CONTAINER}]}}"#);
    let (document, found) = reading(&wrapped_json("services/web/service", service, &beside), Format::Json);
    let document = document.unwrap_or_else(|| panic!("{found:#?}"));
    let service = document.services.values().next().unwrap();
    assert_eq!(service.input.to_json(), r#"{"desiredCount":1,"loadBalancers":[]}"#);
}

#[test]
fn tags_that_only_answers_have_are_left_out_of_answers() {
    let tags =
        r#""tags": [{"key": "aws:x", "value": "1"}, {"key": "evenkeel:key", "value": "2"}, {"key": "T"}]"#;
    let (tree, found) = task(&format!(r#"{{"containerDefinitions": [{CONTAINER}], "revision": 1, {tags}}}"#));
    assert_eq!(tree.unwrap().list_of("tags").len(), 1);
    assert_eq!(found, ["note dropped /revision", "note dropped /tags"]);
    let (_, found) = task(&format!(r#"{{"containerDefinitions": [{CONTAINER}], {tags}}}"#));
    assert_eq!(found, ["error reserved-tag /tags/0", "error reserved-tag /tags/1"]);
}

#[test]
fn values_that_repeat_a_conditions_configuration_are_left_out() {
    let rule = r#"{"listenerArn": "arn:x", "priority": 1, "conditions": [
        {"field": "path-pattern", "values": ["/a", "/b", "/c"], "pathPatternConfig": {"values": ["/a", "/b", "/c"]}},
        {"field": "http-header", "values": [], "httpHeaderConfig": {"httpHeaderName": "x", "values": ["y"]}}],
        "actions": [{"type": "forward", "targetGroupArn": "arn:z"}]}"#;
    let beside = format!(
        r#"|"images": {{"db": "asWritten"}}, "taskDefinition": {{"containerDefinitions": [{CONTAINER}]}}, "service": {{}}"#
    );
    let text = wrapped_json("services/web/listenerRules/r", rule, &beside);
    let (_, found) = reading(&text, Format::Json);
    assert_eq!(
        told(&found, "/services/web"),
        [
            "note dropped /listenerRules/r/conditions/0/values",
            "note dropped /listenerRules/r/conditions/1/values",
            "error no-such-container /images/db"
        ]
    );
}

#[test]
fn null_is_absent_and_said_once_for_a_shape() {
    let (tree, found) = task(
        r#"{"ipcMode": null, "containerDefinitions": [{"name": "a", "image": "a", "memory": 1, "command": null,
        "logConfiguration": {"logDriver": "syslog", "options": {"a": null}}}], "placementConstraints": []}"#,
    );
    assert_eq!(found, ["note null /containerDefinitions/0/command"]);
    let tree = tree.unwrap();
    assert_eq!(tree.pointer("containerDefinitions/0/logConfiguration/options"), Some(&Tree::map()));
    assert_eq!(tree.get("placementConstraints"), Some(&Tree::list([])), "a declared [] stays");
}

#[test]
fn null_in_a_list_is_a_fault() {
    let (_, found) = task(&format!(r#"{{"containerDefinitions": [{CONTAINER}, null]}}"#));
    assert!(found.contains(&"error wrong-type /containerDefinitions/1".to_owned()), "{found:?}");
}

#[test]
fn empty_text_is_absent_where_aws_takes_it_so() {
    let (tree, found) = task(
        r#"{"ipcMode": "", "pidMode": "", "taskRoleArn": "", "containerDefinitions": [{"name": "a", "image": "a",
        "memory": 1, "portMappings": [{"containerPort": 1, "appProtocol": ""}],
        "environment": [{"name": "A", "value": ""}], "dockerLabels": {"l": ""},
        "logConfiguration": {"logDriver": "syslog", "options": {"o": ""}}}], "tags": [{"key": "t", "value": ""}]}"#,
    );
    let empty = |path: &str| format!("note empty {path}");
    assert_eq!(
        found,
        ["/ipcMode", "/pidMode", "/taskRoleArn", "/containerDefinitions/0/portMappings/0/appProtocol"]
            .map(empty)
    );
    let tree = tree.unwrap();
    for kept in ["environment/0/value", "dockerLabels/l", "logConfiguration/options/o"] {
        assert_eq!(tree.pointer(&format!("containerDefinitions/0/{kept}")), Some(&Tree::from("")), "{kept}");
    }
    assert_eq!(tree.pointer("tags/0/value"), Some(&Tree::from("")));
}

#[test]
fn either_first_letter_is_taken_and_both_are_a_fault() {
    let (tree, found) = task(
        r#"{"Family": "web", "ContainerDefinitions": [{"Name": "a", "Image": "a", "Memory": 1,
            "DockerLabels": {"Name": "x", "name": "y"}}]}"#,
    );
    assert_eq!(found, Vec::<String>::new());
    let labels = r#"{"Name":"x","name":"y"}"#;
    assert_eq!(tree.unwrap().pointer("containerDefinitions/0/dockerLabels").unwrap().to_json(), labels);
    let (_, found) =
        task(&format!(r#"{{"Family": "a", "family": "b", "containerDefinitions": [{CONTAINER}]}}"#));
    assert_eq!(found, ["error duplicate-key /family"]);
}

#[test]
fn unknown_members_are_faults_unless_they_are_allowed() {
    let source =
        r#"{"containerDefinitions": [{"name": "a", "imgae": "a", "image": "a", "memory": 1}], "novelty": 1}"#;
    let (_, found) = task(source);
    assert_eq!(found, ["error unknown-field /containerDefinitions/0/imgae", "error unknown-field /novelty"]);
    let text = wrapped_json("taskDefinitions/web", source, "|\"allowUnknownFields\": true");
    let (document, found) = reading(&text, Format::Json);
    let tree = &document.unwrap_or_else(|| panic!("{found:#?}")).task_definitions["web"];
    assert_eq!(tree.get("novelty"), Some(&Tree::Int(1)));
    assert_eq!(
        told(&found, "/taskDefinitions/web"),
        ["note passed-through /containerDefinitions/0/imgae", "note passed-through /novelty"]
    );
    // In one service, for that service alone.
    let services = format!(
        r#"{{"a": {{"allowUnknownFields": true, "taskDefinition": {{"containerDefinitions": [{CONTAINER}], "novelty": 1}},
        "service": {{}}}}, "b": {{"taskDefinition": {{"containerDefinitions": [{CONTAINER}], "novelty": 1}}, "service": {{}}}}}}"#
    );
    let (_, found) = reading(&wrapped_json("services", &services, ""), Format::Json);
    assert_eq!(
        told(&found, "/services"),
        ["note passed-through /a/taskDefinition/novelty", "error unknown-field /b/taskDefinition/novelty"]
    );
    // Our own members are known.
    let (_, found) =
        reading(&wrapped_json("settings", r#"{"mood": "x"}"#, "\"allowUnknownFields\": true"), Format::Json);
    assert_eq!(told(&found, ""), ["error unknown-field /settings/mood"]);
}

#[test]
fn numbers_as_text_and_text_as_numbers_are_taken_with_a_warning() {
    let body = "family: web\ncpu: 256\nmemory: 512\nnetworkMode: awsvpc\ncontainerDefinitions:\n  - name: a\n    image: a\n    portMappings:\n      - containerPort: '80'\n";
    let text = wrapped_yaml("taskDefinitions/web", body, "");
    let (document, found) = reading(&text, Format::Yaml);
    let tree = &document.unwrap_or_else(|| panic!("{found:#?}")).task_definitions["web"];
    assert_eq!(tree.str("cpu"), Some("256"));
    assert_eq!(tree.pointer("containerDefinitions/0/portMappings/0/containerPort"), Some(&Tree::Int(80)));
    assert_eq!(
        told(&found, "/taskDefinitions/web"),
        [
            "warning coerced /cpu",
            "warning coerced /memory",
            "warning coerced /containerDefinitions/0/portMappings/0/containerPort"
        ]
    );
}

#[test]
fn templates_are_told_but_not_in_other_languages() {
    let (tree, found) = task(
        r#"{"containerDefinitions": [{"name": "a", "image": "{{ image }}", "memory": 1,
        "command": ["sh", "-c", "echo ${HOME} <x> {{.Name}}", "${ARGS}"],
        "environment": [{"name": "A", "value": "x-${B}"}, {"name": "C", "value": "<C>"}],
        "healthCheck": {"command": ["CMD-SHELL", "test ${X}"]}, "workingDirectory": "$${x}",
        "dockerLabels": {"rule": "Host(`{{a}}.b`)"}}]}"#,
    );
    assert!(tree.is_some());
    let template = |path: &str| format!("warning unrendered-template /containerDefinitions/0/{path}");
    assert_eq!(found, ["image", "command/3", "environment/1/value"].map(template));
}

#[test]
fn fragments_in_defaults_complete_each_service() {
    let document = format!(
        r#"{{"defaults": {{"service": {{"networkConfiguration": {{"awsvpcConfiguration": {{"subnets": ["s"]}}}}}},
        "taskDefinition": {}}},
        "services": {{"web": {{"taskDefinition": {{"containerDefinitions": [{CONTAINER}]}},
          "service": {{"networkConfiguration": {{"awsvpcConfiguration": {{"assignPublicIp": "ENABLED"}}}}}}}}}}}}"#,
        fargate_task().to_json()
    );
    let inside = document.strip_prefix('{').and_then(|d| d.strip_suffix('}')).unwrap();
    let text = wrapped_json("tags", "{}", inside);
    let (read, found) = reading(&text, Format::Json);
    assert!(read.is_some(), "{found:#?}");
    let (_, found) = reading(&text.replace(r#""subnets": ["s"]"#, ""), Format::Json);
    assert_eq!(
        told(&found, "/services/web/service"),
        ["error missing-required /networkConfiguration/awsvpcConfiguration"]
    );
}

#[test]
fn a_long_chain_and_many_services_take_time_in_proportion() {
    let services = |count: usize| {
        let one = |i: usize| {
            let needs = if i == 0 { String::new() } else { format!(r#""dependsOn": ["s{}"], "#, i - 1) };
            format!(
                r#""s{i}": {{{needs}"taskDefinition": {{"containerDefinitions": [{CONTAINER}]}}, "service": {{}}}}"#
            )
        };
        wrapped_json("services", &format!("{{{}}}", (0..count).map(one).collect::<Vec<_>>().join(",")), "")
    };
    let (document, found) = reading(&services(5000), Format::Json);
    assert_eq!(found, []);
    assert_eq!(document.unwrap().services.len(), 5000);
}

#[test]
fn a_pasted_service_keeps_what_ecs_shows_on_its_primary_deployment() {
    let task = format!(
        r#""taskDefinition": {{"containerDefinitions": [{CONTAINER}],
        "volumes": [{{"name": "data", "configuredAtLaunch": true}}]}}"#
    );
    let source = r#"{"services": [{"serviceName": "web", "status": "ACTIVE", "deployments": [
        {"status": "ACTIVE", "volumeConfigurations": [{"name": "old"}]},
        {"status": "PRIMARY", "id": "ecs-svc/1", "serviceConnectConfiguration": {"enabled": "maybe"},
         "volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "arn:x"}}]}]}]}"#;
    let text = wrapped_json("services/web/service", source, &task);
    let (document, found) = reading(&text, Format::Json);
    assert!(document.is_none());
    assert_eq!(
        told(&found, "/services/web/service"),
        [
            "note envelope /services/0",
            "note dropped /status",
            "note dropped /deployments",
            "note shown-elsewhere /serviceConnectConfiguration",
            "error wrong-type /serviceConnectConfiguration/enabled",
            "note shown-elsewhere /volumeConfigurations",
        ]
    );
    let wrong = found.iter().find(|d| d.is_error()).unwrap().at.unwrap();
    assert_eq!(&text[wrong.offset as usize..][..wrong.length as usize], "\"maybe\"");

    let (document, _) = reading(&text.replace("\"maybe\"", "true"), Format::Json);
    let service = document.unwrap().services.into_values().next().unwrap().input;
    assert_eq!(service.pointer("serviceConnectConfiguration/enabled"), Some(&Tree::Bool(true)));
    assert_eq!(service.pointer("volumeConfigurations/0/name").and_then(Tree::as_str), Some("data"));
}

#[test]
fn a_pasted_load_balancer_has_the_subnets_of_its_zones() {
    let pasted = |zones: &str| {
        let source =
            format!(r#"{{"LoadBalancers": [{{"LoadBalancerName": "web", "AvailabilityZones": {zones}}}]}}"#);
        let (document, found) = reading(&wrapped_json("loadBalancers/web", &source, ""), Format::Json);
        assert!(found.iter().all(|d| d.severity == Severity::Note), "{found:#?}");
        document.unwrap().load_balancers["web"].input.clone()
    };
    let plain = pasted(
        r#"[{"ZoneName": "a", "SubnetId": "subnet-1", "LoadBalancerAddresses": [{"IpAddress": "192.0.2.1"}]},
            {"ZoneName": "b", "SubnetId": "subnet-2"}]"#,
    );
    assert_eq!(plain.list_of("subnets"), [Tree::from("subnet-1"), Tree::from("subnet-2")]);
    let fixed =
        pasted(r#"[{"SubnetId": "subnet-1", "LoadBalancerAddresses": [{"AllocationId": "eipalloc-1"}]}]"#);
    assert_eq!(fixed.pointer("subnetMappings/0/allocationId"), Some(&Tree::from("eipalloc-1")));
}

#[test]
fn a_list_of_containers_is_told_its_place() {
    let (tree, found) = task(&format!("[{CONTAINER}]"));
    assert!(tree.is_none());
    assert_eq!(found, ["error wrong-type "]);
}
