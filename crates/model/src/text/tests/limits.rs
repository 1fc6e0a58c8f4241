//! Texts that are no documents at all, and hostile ones.

use super::*;

fn refusal(bytes: &[u8], format: Option<Format>) -> String {
    let diagnostics = parse(bytes, format).expect_err("read");
    diagnostics
        .iter()
        .map(|d| format!("{}: {} ({})", d.code, d.message, d.hint.as_deref().unwrap_or("")))
        .collect()
}

#[test]
fn what_is_not_utf8_is_refused_with_the_byte() {
    assert_eq!(
        refusal(b"{\"a\": \"\xe9\"}", None),
        "not-utf8: the text is not UTF-8: byte 7 does not belong to any character (save it as UTF-8)"
    );
    assert_eq!(
        refusal(b"\xff\xfe{\0}\0", None),
        "not-utf8: the text is not UTF-8: byte 0 does not belong to any character (it begins as UTF-16 does; save it as UTF-8)"
    );
}

#[test]
fn the_format_is_told_by_the_name_or_else_by_the_first_character() {
    for (name, content, format) in [
        ("a.json", "a: 1", Format::Json),
        ("a.YML", "{}", Format::Yaml),
        ("a.yaml", "", Format::Yaml),
        ("-", " \n\t{", Format::Json),
        ("a.tpl", "\u{feff}[", Format::Json),
        ("a", "// x\n{}", Format::Json),
        ("a", "# x\na: 1", Format::Yaml),
        ("a", "", Format::Yaml),
        ("dir.json/a", "a: 1", Format::Yaml),
    ] {
        assert_eq!(detect(name, content.as_bytes()), format, "{name} {content}");
    }
}

#[test]
fn nesting_has_a_limit_in_both_formats() {
    for format in [Format::Json, Format::Yaml] {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes(), Some(format)).is_ok());
        assert!(refusal(nested(MAX_DEPTH + 1).as_bytes(), Some(format)).starts_with("too-deep: "));
        assert!(parse("[{\"a\":".repeat(200_000).as_bytes(), Some(format)).is_err());
    }
}

#[test]
fn aliases_of_aliases_do_not_fill_the_memory() {
    let mut source = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        source.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(refusal(source.as_bytes(), Some(Format::Yaml)).starts_with("too-many-aliases: "));
}

#[test]
fn findings_past_the_thousandth_are_counted() {
    let source = format!("[{}1]", ",".repeat(1500));
    let diagnostics = parse(source.as_bytes(), None).unwrap().diagnostics;
    assert_eq!(diagnostics.len(), 1001);
    assert!(diagnostics.iter().any(|d| d.message == "500 more findings are not shown"));
}
