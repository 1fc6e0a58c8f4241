//! Paths are turned into positions, in the forms that checks and comparisons write them.

use super::*;

const SOURCE: &str = r#"{
  "services": {
    "api": {
      "taskDefinition": {
        "containerDefinitions": [
          {"name": "proxy", "image": "envoy"},
          {"name": "api", "image": "x", "portMappings": [{"containerPort": 8000}],
           "environment": [{"name": "MODE", "value": "a"}], "command": ["run", "fast"]}
        ],
        "Tags": [{"Key": "Team", "Value": "é"}, {"Key": "Cost", "Value": null}]
      }
    }
  },
  "apiVersion": "evenkeel/v1"
}"#;

/// What stands at the position of a path, and the line and column.
fn at(path: &str, key: bool) -> String {
    let parsed = parse(SOURCE.as_bytes(), None).unwrap();
    let at = parsed.marks.locate(&parsed.tree, &path.parse().unwrap(), key).unwrap();
    let written = &SOURCE[at.offset as usize..(at.offset + at.length) as usize];
    format!("{}:{} {written}", at.line, at.column)
}

#[test]
fn a_path_leads_to_a_value_or_its_key() {
    assert_eq!(at("", false), "1:1 {");
    assert_eq!(at("/apiVersion", false), "14:17 \"evenkeel/v1\"");
    assert_eq!(at("/apiVersion", true), "14:3 \"apiVersion\"");
    assert_eq!(at("/services/api", false), "3:12 {");
    assert_eq!(at("/services/api", true), "3:5 \"api\"");
}

#[test]
fn an_element_is_found_by_index_or_by_what_names_it() {
    let containers = "/services/api/taskDefinition/containerDefinitions";
    assert_eq!(at(&format!("{containers}/1/image"), false), "7:36 \"x\"");
    assert_eq!(at(&format!("{containers}/api/image"), false), "7:36 \"x\"");
    assert_eq!(at(&format!("{containers}/api/portMappings/8000/containerPort"), false), "7:76 8000");
    assert_eq!(at(&format!("{containers}/api/environment/MODE/value"), false), "8:54 \"a\"");
    assert_eq!(at(&format!("{containers}/api/command/fast"), false), "8:80 \"fast\"");
    assert_eq!(at(&format!("{containers}/proxy"), true), "6:11 {");
}

#[test]
fn a_first_letter_in_the_other_case_is_found_too() {
    assert_eq!(at("/services/api/taskDefinition/tags/Team/value", false), "10:43 \"é\"");
    assert_eq!(at("/services/api/taskDefinition/tags/Cost/value", false), "10:74 null");
}

#[test]
fn what_is_missing_is_looked_for_around_it() {
    assert_eq!(at("/services/api/service/desiredCount", false), "3:5 \"api\"");
    assert_eq!(
        at("/services/api/taskDefinition/containerDefinitions/2/image", false),
        "5:9 \"containerDefinitions\""
    );
    assert_eq!(at("/services/api/taskDefinition/containerDefinitions/api/cpu", false), "7:11 {");
    assert_eq!(at("/account", false), "1:1 {");
}

#[test]
fn findings_without_a_position_get_that_of_their_path() {
    let parsed = parse(SOURCE.as_bytes(), None).unwrap();
    let mut found = [Diagnostic::error("x", Path::of(["apiVersion"]), "no").at_key()];
    parsed.marks.place(&parsed.tree, &mut found);
    assert_eq!(found[0].at.map(|at| (at.line, at.column, at.length)), Some((14, 3, 12)));
}

#[test]
fn of_a_key_written_twice_the_last_value_is_found() {
    let source = r#"{"b": {"y": 1}, "a": [1, 2], "b": {"z": 3, "c": 4}}"#;
    let parsed = parse(source.as_bytes(), None).unwrap();
    let place = |path: &str| parsed.marks.locate(&parsed.tree, &path.parse().unwrap(), false).unwrap().column;
    assert_eq!((place("/b"), place("/b/c"), place("/b/z"), place("/a/1")), (35, 49, 41, 26));
}

#[test]
fn aliases_point_at_themselves_and_what_lies_in_them_at_the_anchor() {
    let source = "a: &a {x: [1, 2], y: 3}\nb: *a\nc:\n  <<: *a\n  d: 4\n";
    let parsed = parse(source.as_bytes(), Some(Format::Yaml)).unwrap();
    let place = |path: &str| {
        let at = parsed.marks.locate(&parsed.tree, &path.parse().unwrap(), false).unwrap();
        (at.line, at.column)
    };
    assert_eq!(place("/b"), (2, 4));
    assert_eq!(place("/b/x/1"), (1, 15));
    assert_eq!(place("/c/y"), (1, 22));
    assert_eq!(place("/c/d"), (5, 6));
}

#[test]
fn lines_are_counted_through_every_kind_of_break_and_far_into_a_text() {
    let mut source = format!("{BOM}[\r\n1,\r2,\n");
    for _ in 0..10_000 {
        source.push_str("\"é\",\r\n");
    }
    source.push_str("3]");
    let parsed = parse(source.as_bytes(), None).unwrap();
    let place = |index: usize| {
        let at = parsed.marks.locate(&parsed.tree, &Path::of([index.to_string()]), false).unwrap();
        (at.line, at.column)
    };
    assert_eq!((place(0), place(1), place(2), place(10_002)), ((2, 1), (3, 1), (4, 1), (10_004, 1)));
    assert_eq!(parsed.marks.locate(&parsed.tree, &Path::root(), false).map(|at| at.column), Some(1));
    let codes: Vec<_> = parsed.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["byte-order-mark", "crlf"]);
}
