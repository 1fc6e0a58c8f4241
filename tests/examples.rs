//! The example documents and the example environment are ones that Evenkeel takes.

use evenkeel_model::{document, text};

use crate::root;

#[test]
fn every_example_document_is_read_without_a_word() {
    let mut examples: Vec<_> = std::fs::read_dir(root().join("config/examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    examples.sort();
    assert!(!examples.is_empty());
    for path in examples {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let parsed = text::parse(&bytes, Some(text::detect(&name, &bytes)))
            .unwrap_or_else(|found| panic!("{name}: {found:#?}"));
        let (document, found) = document::read(parsed);
        assert_eq!(found, [], "{name}");
        assert!(document.is_some(), "{name}");
    }
}

#[test]
fn the_farsight_example_is_what_its_guide_deploys() {
    let bytes = std::fs::read(root().join("config/examples/farsight.json")).unwrap();
    let document = document::read(text::parse(&bytes, None).unwrap()).0.unwrap();
    let services: Vec<_> = document.services.keys().map(|key| key.name.as_str()).collect();
    assert_eq!(services, ["farsight-api-server", "farsight-worker"]);
    for (key, (policy, most)) in
        document.services.keys().zip([("api-server-cpu-scaling", 10), ("worker-cpu-scaling", 5)])
    {
        let scaling = document.services[key].scaling.as_ref().unwrap();
        assert_eq!(scaling.target.int("maxCapacity"), Some(most));
        assert_eq!(scaling.policies.keys().collect::<Vec<_>>(), [policy]);
    }
}

/// Every line of `config/evenkeel.env` is a comment, blank, or a setting; one that is off is a comment.
#[test]
fn the_example_environment_is_one() {
    for line in crate::text("config/evenkeel.env").lines().filter(|line| !line.is_empty()) {
        let setting = line.trim_start_matches('#');
        if setting.starts_with(' ') {
            continue;
        }
        let (name, value) = setting.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        assert!(["EVENKEEL_", "AWS_"].iter().any(|start| name.starts_with(start)), "{line}");
        assert!(!value.is_empty() && value.trim() == value, "{line}");
    }
}
