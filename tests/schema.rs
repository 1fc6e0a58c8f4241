//! The JSON Schema of documents, held against the example documents by a validator that is not ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use evenkeel_model::document;
use serde_json::{Value, json};

/// Reads a schema and documents, `{"schema": …, "documents": {NAME: …}}`, and prints what is wrong: a line
/// for each fault.
const VALIDATE: &str = "
import json, sys
from jsonschema import Draft202012Validator as Validator
given = json.load(sys.stdin)
Validator.check_schema(given['schema'])
validator = Validator(given['schema'])
for name, document in given['documents'].items():
    for error in validator.iter_errors(document):
        print(name, '/' + '/'.join(map(str, error.absolute_path)), error.message[:200])
";

/// The faults of documents by name; `None` where the Python environment is not there.
fn faults(documents: Value) -> Option<String> {
    let python = crate::root().join(".venv/bin/python");
    if !python.is_file() {
        eprintln!("NOT TESTED: there is no {}; `cargo xtask ci` makes it", python.display());
        return None;
    }
    let mut child = Command::new(python)
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({"schema": document::json_schema(), "documents": documents});
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_example_fits_the_schema() {
    let mut documents = serde_json::Map::new();
    for entry in std::fs::read_dir(crate::root().join("config/examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".json") {
            documents.insert(name.clone(), crate::json(&format!("config/examples/{name}")));
        }
    }
    assert!(!documents.is_empty());
    let mut open = crate::json("config/examples/farsight.json");
    open["services"]["farsight-api-server"]["allowUnknownFields"] = json!(true);
    open["services"]["farsight-api-server"]["service"]["novelty"] = json!(1);
    documents.insert("an allowed novelty".to_owned(), open);
    if let Some(faults) = faults(Value::Object(documents)) {
        assert_eq!(faults, "");
    }
}

#[test]
fn what_a_document_gets_wrong_does_not_fit_the_schema() {
    let good = crate::json("config/examples/farsight.json");
    let service = |edit: fn(&mut Value)| {
        let mut document = good.clone();
        edit(&mut document["services"]["farsight-api-server"]);
        document
    };
    let documents = json!({
        "upper case": service(|s| {
            let containers = s["taskDefinition"]["containerDefinitions"].take();
            s["taskDefinition"].as_object_mut().unwrap().remove("containerDefinitions");
            s["taskDefinition"]["ContainerDefinitions"] = containers;
        }),
        "unknown": service(|s| s["service"]["desierdCount"] = json!(1)),
        "enum": service(|s| s["service"]["launchType"] = json!("FARGAET")),
        "type": service(|s| s["scaling"]["minCapacity"] = json!([])),
        "ours": service(|s| s["mode"] = json!("sometimes")),
    });
    let Some(faults) = faults(documents) else { return };
    let wrong: Vec<&str> = faults.lines().map(|line| line.split(" /").next().unwrap()).collect();
    assert_eq!(wrong, ["enum", "ours", "type", "unknown"], "{faults}");
}
