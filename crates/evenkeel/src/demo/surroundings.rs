//! What a document expects to exist and does not declare, made in the simulated AWS.

use std::collections::BTreeSet;

use evenkeel_model::Tree;
use evenkeel_model::document::Document;
use evenkeel_sim::SimHandle;
use serde_json::json;

/// Makes it as somebody else would have, and says what was made.
pub fn make(sim: &SimHandle, document: &Document) -> Vec<String> {
    let mut said = Vec::new();
    let clusters: BTreeSet<&str> = document.services.keys().map(|key| key.cluster.as_str()).collect();
    for name in clusters.into_iter().filter(|name| !document.clusters.contains_key(*name)) {
        let made = sim.call("operator", "ecs", "CreateCluster", json!({"clusterName": name}));
        said.push(line("cluster", name, made.is_ok()));
    }
    for name in log_groups(document).into_iter().filter(|name| !document.log_groups.contains_key(*name)) {
        let made = sim.call("operator", "logs", "CreateLogGroup", json!({"logGroupName": name}));
        said.push(line("log group", name, made.is_ok()));
    }
    for reference in secrets(document) {
        sim.put_secret(reference);
    }
    said
}

fn line(kind: &str, name: &str, made: bool) -> String {
    if made {
        format!("made in the simulated AWS, because the document expects it: {kind} {name}")
    } else {
        format!("the document expects {kind} {name}, and the simulated AWS refused to make it")
    }
}

fn containers(document: &Document) -> impl Iterator<Item = &Tree> {
    let definitions = document.services.values().map(|service| &service.task_definition);
    definitions
        .chain(document.task_definitions.values())
        .flat_map(|definition| definition.list_of("containerDefinitions"))
}

/// The secrets and parameters that containers read; without them no task starts.
fn secrets(document: &Document) -> BTreeSet<&str> {
    containers(document)
        .flat_map(|container| container.list_of("secrets"))
        .filter_map(|secret: &Tree| secret.str("valueFrom"))
        .collect()
}

/// The log groups that containers write to and that do not make themselves.
fn log_groups(document: &Document) -> BTreeSet<&str> {
    containers(document)
        .filter_map(|container| container.get("logConfiguration"))
        .filter(|log| log.str("logDriver") == Some("awslogs"))
        .filter_map(|log| log.get("options"))
        .filter(|options| options.str("awslogs-create-group") != Some("true"))
        .filter_map(|options: &Tree| options.str("awslogs-group"))
        .collect()
}

#[cfg(test)]
mod tests {
    use evenkeel_model::{document, text};
    use evenkeel_sim::SimConfig;

    use super::*;

    #[test]
    fn undeclared_clusters_and_log_groups_are_made_and_declared_ones_are_left_to_the_daemon() {
        let text = r#"{"apiVersion": "evenkeel/v1", "name": "x", "account": "123456789012",
            "region": "us-east-1", "cluster": "main", "logGroups": {"/declared": {}},
            "services": {"web": {"service": {}, "taskDefinition": {
              "executionRoleArn": "arn:aws:iam::123456789012:role/x",
              "containerDefinitions": [
                {"name": "a", "image": "a", "logConfiguration": {"logDriver": "awslogs",
                  "options": {"awslogs-group": "/declared", "awslogs-region": "us-east-1"}}},
                {"name": "b", "image": "b", "logConfiguration": {"logDriver": "awslogs",
                  "options": {"awslogs-group": "/other", "awslogs-region": "us-east-1"}}}]}}}}"#;
        let (document, found) = document::read(text::parse(text.as_bytes(), None).unwrap());
        let document = document.unwrap_or_else(|| panic!("{found:#?}"));
        let sim = SimHandle::new(SimConfig {
            account: document.account.clone(),
            region: document.region.clone(),
            seed: 1,
            start_epoch_seconds: 1_795_255_200,
        });
        let said = make(&sim, &document);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].ends_with("cluster main") && said[1].ends_with("log group /other"), "{said:?}");
    }
}
