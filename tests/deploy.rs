//! What is under `deploy/`, and the image, fit AWS and each other.

use evenkeel_model::Tree;
use evenkeel_model::shapes::{self, Op};
use serde_json::{Value, json};

use crate::{json as read, text};

fn task_definition() -> Value {
    read("deploy/task-definition.json")
}

/// The instruction of the Dockerfile that begins so, continued lines joined; the last one, which is that of
/// the image.
fn instruction(start: &str) -> String {
    let joined = text("Dockerfile").replace("\\\n", " ");
    let line = joined.lines().rfind(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_task_definition_is_one_that_aws_takes() {
    let mut found = Vec::new();
    let tree = Tree::from(task_definition());
    shapes::check(&tree, Op::EcsRegisterTaskDefinition.input(), &mut |path, problem| {
        found.push(format!("{path}: {problem}"));
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_image_and_the_task_definition_agree() {
    let container = &task_definition()["containerDefinitions"][0];
    let port = &container["portMappings"][0]["containerPort"];
    assert_eq!(instruction("EXPOSE "), format!("EXPOSE {port}"));

    let health = instruction("HEALTHCHECK ");
    let (_, command) = health.split_once("CMD ").unwrap();
    let mut command: Vec<String> = serde_json::from_str(command).unwrap();
    command.insert(0, "CMD".into());
    assert_eq!(container["healthCheck"]["command"], json!(command));

    let environment = container["environment"].as_array().unwrap();
    let listen = environment.iter().find(|e| e["name"] == "EVENKEEL_LISTEN").unwrap();
    assert_eq!(listen["value"], format!("0.0.0.0:{port}"));
}

/// Another compiler in the image than in CI would build what CI never saw.
#[test]
fn the_image_is_built_by_the_compiler_of_the_workspace() {
    let toolchain = text("rust-toolchain.toml");
    let version =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    let wanted = format!("ARG RUST={version}");
    assert_eq!(instruction("ARG RUST="), wanted);
}

/// The daemon is given what the policy lets it reach.
#[test]
fn the_task_definition_and_the_policy_name_one_bucket() {
    let container = &task_definition()["containerDefinitions"][0];
    let environment = container["environment"].as_array().unwrap();
    let uri = |name: &str| {
        let setting = environment.iter().find(|e| e["name"] == name).unwrap();
        setting["value"].as_str().unwrap().strip_prefix("s3://").unwrap().to_owned()
    };
    let policy = read("deploy/iam-policy.json");
    let resource = |sid: &str| {
        let statements = policy["Statement"].as_array().unwrap();
        let resource = &statements.iter().find(|s| s["Sid"] == sid).unwrap()["Resource"][0];
        resource.as_str().unwrap().strip_prefix("arn:aws:s3:::").unwrap().trim_end_matches('*').to_owned()
    };
    assert!(uri("EVENKEEL_DOCUMENT").starts_with(&resource("ReadDocuments")));
    assert!(format!("{}/", uri("EVENKEEL_STATE").trim_end_matches('/')).starts_with(&resource("KeepState")));
}
