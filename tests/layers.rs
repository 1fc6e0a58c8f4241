//! Which crate may use which. The table is the design; the manifests have to follow it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The crates below `crates/`, lowest first, each with those of ours that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("evenkeel-model", &[]),
    ("evenkeel-diff", &["evenkeel-model"]),
    ("evenkeel-plan", &["evenkeel-model", "evenkeel-diff"]),
    ("evenkeel-cloud", &["evenkeel-model", "evenkeel-diff", "evenkeel-plan"]),
    ("evenkeel-controller", &["evenkeel-model", "evenkeel-diff", "evenkeel-plan", "evenkeel-cloud"]),
    (
        "evenkeel",
        &[
            "evenkeel-model",
            "evenkeel-diff",
            "evenkeel-plan",
            "evenkeel-cloud",
            "evenkeel-controller",
            "evenkeel-sim",
        ],
    ),
    // One mistake about AWS must not hide on both sides of the wire.
    ("evenkeel-sim", &[]),
];

/// The crates whose own tests may talk to the simulator.
const TESTED_AGAINST_SIM: &[&str] = &["evenkeel-cloud", "evenkeel-controller"];

/// The crates that do no I/O, read no clock and draw no randomness.
const PURE: &[&str] = &["evenkeel-model", "evenkeel-diff", "evenkeel-plan"];

/// What no pure crate depends on, however indirectly: by name, or by what the name begins with.
const IMPURE: &[&str] =
    &["aws-*", "tokio*", "async-*", "hyper*", "reqwest", "mio", "socket2", "rand", "rand_*", "getrandom"];

/// What of these the simulator must do without: it stands for AWS, so it is no client of it.
const CLIENTS: &[&str] = &["aws-*", "reqwest"];

fn cargo(args: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(args).current_dir(crate::root()).output().unwrap();
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages of `crates/`: name and folder, then their direct dependencies, each with whether it is for
/// tests alone.
fn crates() -> BTreeMap<(String, String), BTreeSet<(String, bool)>> {
    let metadata: Value = serde_json::from_str(&cargo(&[
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
        "--offline",
    ]))
    .unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|package| {
            let manifest = text(&package["manifest_path"]);
            let (_, folder) = manifest.strip_suffix("/Cargo.toml")?.rsplit_once("/crates/")?;
            let uses = package["dependencies"].as_array().unwrap().iter();
            let uses = uses.map(|d| (text(&d["name"]), d["kind"] == "dev")).collect();
            Some(((text(&package["name"]), folder.to_owned()), uses))
        })
        .collect()
}

fn matches(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => *pattern == name,
    })
}

/// Everything of `names` that a crate brings into a build, tests and build scripts aside.
fn brings(package: &str, names: &[&str]) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        "--edges=normal",
        "--prefix=none",
        "--format={p}",
        "--locked",
        "--offline",
    ]);
    let found = tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| matches(names, name));
    found.map(str::to_owned).collect()
}

#[test]
fn a_crate_uses_only_those_below_it() {
    for ((name, _), uses) in crates() {
        let (_, may) = MAY_USE
            .iter()
            .find(|(n, _)| *n == name)
            .unwrap_or_else(|| panic!("{name} is not in the table of layers"));
        let in_tests = TESTED_AGAINST_SIM.contains(&name.as_str());
        let wrong: Vec<_> = uses
            .iter()
            .filter(|(used, _)| MAY_USE.iter().any(|(ours, _)| ours == used))
            .filter(|(used, _)| !may.contains(&used.as_str()))
            .filter(|(used, dev)| !(*dev && in_tests && used == "evenkeel-sim"))
            .collect();
        assert!(wrong.is_empty(), "{name} may not use {wrong:?}");
    }
}

#[test]
fn a_crate_is_called_as_its_folder() {
    for (name, folder) in crates().into_keys() {
        assert_eq!(name, if folder == "evenkeel" { folder } else { format!("evenkeel-{folder}") });
    }
}

#[test]
fn a_pure_crate_can_reach_neither_network_nor_clock_nor_randomness() {
    for (name, _) in crates().into_keys().filter(|(name, _)| PURE.contains(&name.as_str())) {
        assert_eq!(brings(&name, IMPURE), BTreeSet::new(), "{name} is pure");
    }
}

#[test]
fn the_simulator_is_no_client_of_aws() {
    for (name, _) in crates().into_keys().filter(|(name, _)| name == "evenkeel-sim") {
        assert_eq!(brings(&name, CLIENTS), BTreeSet::new());
    }
}

#[test]
fn the_rules_find_what_they_look_for() {
    let names: BTreeSet<String> = crates().into_keys().map(|(name, _)| name).collect();
    assert!(names.contains("evenkeel-model"), "{names:?}");
    // Directly and through another.
    let found = ["serde_json".to_owned(), "serde_core".to_owned()].into();
    assert_eq!(brings("evenkeel-diff", &["serde_json", "serde_core"]), found);
}

#[test]
fn patterns_match_names_and_beginnings() {
    assert!(matches(IMPURE, "tokio") && matches(IMPURE, "aws-sdk-ecs") && matches(IMPURE, "rand_core"));
    assert!(!matches(IMPURE, "randomize") && !matches(IMPURE, "serde"));
}
