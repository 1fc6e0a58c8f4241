//! What YAML's scalars say: the core schema of YAML 1.2, and the surprises of 1.1.

use super::{Reader, ScalarStyle, Span, Tag};
use crate::Tree;
use crate::diagnostic::Diagnostic;

impl Reader<'_, '_> {
    /// Reads a scalar, of which `length` bytes at `start` were written.
    pub(super) fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        start: usize,
        length: usize,
    ) -> Tree {
        let plain = match tag {
            None => style == ScalarStyle::Plain,
            Some(tag) => match core(tag) {
                Some("str") => false,
                Some("int" | "float" | "bool" | "null") => true,
                _ => {
                    self.tag(tag, start);
                    false
                }
            },
        };
        if !plain {
            return text.into();
        }
        let tree = plain_value(text);
        if tag.is_none() {
            self.surprises(text, &tree, start, length);
        }
        match tree {
            Tree::Num(n) if !n.is_finite() => {
                let (message, hint) = ("AWS takes no such number", "put it in quotes if it is text");
                self.error("not-a-number", start, length, message, hint);
                text.into()
            }
            tree => tree,
        }
    }

    /// Says where YAML 1.1, which many tools still speak, would read something else.
    fn surprises(&mut self, text: &str, tree: &Tree, start: usize, length: usize) {
        let finding = match tree {
            Tree::Str(_) if is_word_of_1_1(text) => {
                Diagnostic::note("yaml-word", self.path.clone(), "this is text in YAML 1.2, not a boolean")
                    .with_hint("put it in quotes if text is meant, or else write `true` or `false`")
            }
            Tree::Int(_) if leading_zero(text) => Diagnostic::warning(
                "leading-zero",
                self.path.clone(),
                "this is read as a decimal number, without its leading zeros",
            )
            .with_hint("put it in quotes if it is no number, as an account is not"),
            _ => return,
        };
        self.findings.add(finding, start, length);
    }

    /// Refuses what a tag asks for on a map or list, unless it asks for what stands there.
    pub(super) fn collection_tag(&mut self, tag: Option<&Tag>, kind: &str, start: usize) {
        if let Some(tag) = tag.filter(|tag| core(tag) != Some(kind)) {
            self.tag(tag, start);
        }
    }

    fn tag(&mut self, tag: &Tag, start: usize) {
        // The non-specific tag `!` asks for nothing.
        if tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty() {
            return;
        }
        let message = "a tag stands before this value, and tags mean nothing here";
        self.error("unknown-tag", start, 1, message, "write the value itself");
    }

    /// How many bytes of the text a scalar takes.
    pub(super) fn scalar_length(&mut self, start: usize, span: Span, style: ScalarStyle) -> usize {
        let end = self.cursor.offset(span.end);
        let written = self.source.get(start..end).unwrap_or_default();
        match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => written.len(),
            _ => written.trim_end().len(),
        }
    }
}

/// The name of a tag of the core schema.
fn core(tag: &Tag) -> Option<&str> {
    tag.is_yaml_core_schema().then_some(tag.suffix.as_str())
}

/// True for the booleans of YAML 1.1 that 1.2 does not know.
fn is_word_of_1_1(text: &str) -> bool {
    ["yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

/// What a plain scalar says in the core schema of YAML 1.2 (its section 10.3.2).
fn plain_value(text: &str) -> Tree {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Tree::Null,
        "true" | "True" | "TRUE" => return Tree::Bool(true),
        "false" | "False" | "FALSE" => return Tree::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Tree::Num(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Tree::Num(sign * f64::INFINITY);
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.starts_with(['+', '-'])
            && let Ok(n) = i64::from_str_radix(digits, radix)
        {
            return Tree::Int(n);
        }
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !is_number(unsigned) {
        return text.into();
    }
    match text.parse::<i64>() {
        Ok(n) => Tree::Int(n),
        Err(_) => text.parse().map_or_else(|_| text.into(), Tree::Num),
    }
}

/// Digits with at most one point among or around them, then perhaps an exponent.
fn is_number(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_is = match mantissa.split_once('.') {
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction) && mantissa.len() > 1,
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    mantissa_is
        && exponent
            .map(|e| e.strip_prefix(['+', '-']).unwrap_or(e))
            .is_none_or(|e| !e.is_empty() && all_digits(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, value) in [
            ("", Tree::Null),
            ("~", Tree::Null),
            ("NULL", Tree::Null),
            ("nULL", "nULL".into()),
            ("True", true.into()),
            ("tRUE", "tRUE".into()),
            ("yes", "yes".into()),
            ("on", "on".into()),
            ("0", Tree::Int(0)),
            ("-17", Tree::Int(-17)),
            ("+5", Tree::Int(5)),
            ("010", Tree::Int(10)),
            ("0o10", Tree::Int(8)),
            ("0x1F", Tree::Int(31)),
            ("0o", "0o".into()),
            ("0o9", "0o9".into()),
            ("0x-1", "0x-1".into()),
            ("1_000", "1_000".into()),
            ("190:20:30", "190:20:30".into()),
            ("1.5", Tree::Num(1.5)),
            (".5", Tree::Num(0.5)),
            ("1.", Tree::Num(1.0)),
            ("-1e3", Tree::Num(-1000.0)),
            ("1e", "1e".into()),
            (".", ".".into()),
            ("1.2.3", "1.2.3".into()),
            ("2026-11-21", "2026-11-21".into()),
            ("inf", "inf".into()),
            ("nan", "nan".into()),
            ("+", "+".into()),
            ("1e5", Tree::Num(100_000.0)),
            ("18446744073709551615", Tree::Num(18_446_744_073_709_551_615.0)),
        ] {
            assert_eq!(plain_value(text), value, "{text}");
        }
    }
}
