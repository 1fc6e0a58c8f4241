//! Findings as people and programs are shown them.

use expect_test::{Expect, expect};

use super::*;

/// A finding about the first place where `what` stands in `text`.
fn about(text: &str, what: &str, path: &[&str]) -> Diagnostic {
    let offset = text.find(what).unwrap();
    let line_start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let at = Position {
        line: text[..offset].matches('\n').count() as u32 + 1,
        column: text[line_start..offset].chars().count() as u32 + 1,
        offset: offset as u32,
        length: what.len() as u32,
    };
    Diagnostic { at: Some(at), ..Diagnostic::error("odd", Path::of(path), "this is odd") }
}

fn check(text: &str, diagnostic: Diagnostic, expected: Expect) {
    expected.assert_eq(&render("doc", text, &[diagnostic], false));
}

#[test]
fn a_long_line_is_shown_only_around_the_finding() {
    let filler = "\"x\": \"hunter2\", ".repeat(100_000);
    let text = format!("{{{filler}\"cpu\" : \"{}\", {filler}}}", "9".repeat(70));
    let what = format!("\"{}\"", "9".repeat(70));
    check(
        &text,
        about(&text, &what, &["cpu"]),
        expect![[r#"
        error[odd]: this is odd
         --> doc:1:1600010
          |
        1 | …"cpu" : "99999999999999999999999999999999999999999999999999999999999…
          |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        1 error
    "#]],
    );
    check(
        &text,
        about(&text, &what, &["secrets", "cpu"]),
        expect![[r#"
        error[odd]: this is odd
         --> doc:1:1600010
          |
        1 | …"cpu" : ……
          |          ^

        1 error
    "#]],
    );
}

#[test]
fn secrets_on_the_line_of_a_finding_are_masked() {
    for text in [
        r#"{"name": "hunter2", "value": "hunter2", "cpu": 1, "options": {"k": "hunter2"}}"#,
        "{name: hunter2, value: hunter2 hunter2, cpu: 1, x: hunter2: hunter2}",
        r#"{"value": 'hunter2', "cpu": 1, "value": "hunter2"#,
        r#"{"value": "a \" hunter2", "cpu": 1 /* hunter2 */}"#,
    ] {
        let shown = render("doc", text, &[about(text, "1", &["cpu"])], false);
        assert!(shown.contains("cpu") && !shown.contains("hunter2"), "{shown}");
        for path in [&["environment", "0"][..], &[]] {
            let key = about(text, "value", path);
            let shown = render("doc", text, &[key], false);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn a_finding_without_a_place_shows_its_path() {
    let found = Diagnostic::warning("odd", Path::of(["a", "b\u{1b}"]), "this is odd").with_hint("do not");
    check(
        "",
        found,
        expect![[r#"
        warning[odd]: this is odd
         --> doc /a/b␛
          = help: do not

        1 warning
    "#]],
    );
}

#[test]
fn a_place_outside_the_text_is_named_and_not_shown() {
    let found = about("abcdef", "def", &["a"]);
    check(
        "é",
        found,
        expect![[r#"
        error[odd]: this is odd
         --> doc:1:4

        1 error
    "#]],
    );
}

#[test]
fn colours_are_only_added_where_they_are_wanted() {
    let text = "a: 1";
    let colored = render("doc", text, &[about(text, "1", &["a"])], true);
    let plain = render("doc", text, &[about(text, "1", &["a"])], false);
    assert!(colored.contains("\x1b[1;31merror[odd]\x1b[0m") && !plain.contains('\x1b'));
    let codes = ["\x1b[1;31m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"];
    assert_eq!(codes.iter().fold(colored, |text, code| text.replace(code, "")), plain);
}

#[test]
fn findings_are_sorted_by_place_and_counted() {
    let text = "a: 1\nb: 2\n";
    let mut found = [
        about(text, "2", &["b"]),
        about(text, "1", &["a"]),
        Diagnostic::note("n", Path::root(), "no place"),
        Diagnostic { severity: Severity::Warning, ..about(text, "1", &["a"]) },
    ];
    sort(&mut found);
    let order: Vec<_> = found.iter().map(|d| (d.at.map(|at| at.line), d.severity.word())).collect();
    assert_eq!(order, [(None, "note"), (Some(1), "error"), (Some(1), "warning"), (Some(2), "error")]);
    assert_eq!(summary(&found), "2 errors, 1 warning, 1 note");
    assert_eq!(render("doc", text, &[], false), "");
}

#[test]
fn programs_get_every_field() {
    let found = about("a: 1", "1", &["a", "b/c"]).with_hint("do not");
    let bare = Diagnostic::note("n", Path::root(), "no place");
    expect![[r#"
        [
          {
            "code": "odd",
            "column": 4,
            "hint": "do not",
            "line": 1,
            "message": "this is odd",
            "pointer": "/a/b~1c",
            "severity": "error"
          },
          {
            "code": "n",
            "column": null,
            "hint": null,
            "line": null,
            "message": "no place",
            "pointer": "",
            "severity": "note"
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&to_json(&[found, bare])).unwrap());
}
