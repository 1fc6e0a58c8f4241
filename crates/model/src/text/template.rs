//! Recognizes placeholders that a template engine should have replaced before the text came here.

/// True where a string holds a placeholder of a template: `{{ image }}`, `<IMAGE1_NAME>`, `${IMAGE}`,
/// `{% if x %}`, `$$$IMAGE$$$`.
///
/// `${scheme:…}` is a reference and `$${…}` an escaped `${…}`; neither is a placeholder. Shell commands
/// hold `${…}` of their own, so the caller decides which strings to ask about.
pub fn looks_like_template(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        if byte == b'$' && rest.starts_with("$${") {
            at += 3;
            continue;
        }
        if matches!(byte, b'{' | b'<' | b'$') && placeholder(rest).is_some() {
            return true;
        }
        at += 1;
    }
    false
}

/// True where a whole text, but for the space around it, is one placeholder.
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && placeholder(text) == Some(text.len())
}

/// A placeholder is no longer than this many bytes, so that looking for its end stays cheap.
pub(super) const REACH: usize = 1024;

/// The first [`REACH`] bytes of a text, or a few less.
pub(super) fn head(text: &str) -> &str {
    (0..4).find_map(|less| text.get(..REACH - less)).unwrap_or(text)
}

/// The length in bytes of the placeholder that `text` begins with.
pub(super) fn placeholder(text: &str) -> Option<usize> {
    let text = head(text);
    let closed_by = |open: &str, close: &str| {
        let inner = text.strip_prefix(open)?;
        let end = inner.find(close)?;
        let inner = inner.get(..end)?;
        (!inner.contains('\n')).then_some(open.len() + end + close.len())
    };
    let first = *text.as_bytes().first()?;
    match first {
        b'{' => closed_by("{{{", "}}}")
            .or_else(|| closed_by("{{", "}}"))
            .or_else(|| closed_by("{%", "%}"))
            .or_else(|| closed_by("{#", "#}")),
        b'$' => {
            if let Some(length) = closed_by("${{", "}}") {
                return Some(length);
            }
            if text.starts_with("$$") {
                return dollars(text);
            }
            let length = closed_by("${", "}")?;
            let name = text.get(2..length - 1)?;
            is_variable(name).then_some(length)
        }
        b'<' => {
            if let Some(length) = closed_by("<%", "%>") {
                return Some(length);
            }
            let length = closed_by("<", ">")?;
            let name = text.get(1..length - 1)?;
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
            (name.starts_with(|c: char| c.is_alphabetic()) && name.chars().all(plain)).then_some(length)
        }
        _ => None,
    }
}

/// `$$NAME$$` with any number of dollars on both sides.
fn dollars(text: &str) -> Option<usize> {
    let inner = text.trim_start_matches('$');
    let word = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let close = inner.get(word..)?;
    let closing = close.len() - close.trim_start_matches('$').len();
    (word > 0 && closing >= 2).then_some(text.len() - close.len() + closing)
}

/// True for what a variable's reference holds, as in `${IMAGE}`, `${var.image}`, `${TAG:-latest}`; false
/// for `scheme:rest`.
fn is_variable(name: &str) -> bool {
    let word = name
        .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '-' | '[' | ']' | '\\'))
        .unwrap_or(name.len());
    let rest = name.get(word..).unwrap_or_default();
    word > 0 && (rest.is_empty() || [":-", ":=", ":?", ":+"].iter().any(|o| rest.starts_with(o)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_references_and_plain_text() {
        for text in [
            "{{ x }}",
            "a-{{x}}-b",
            "<IMAGE1_NAME>",
            "arn:aws:iam::<account id>:role/x",
            "${IMAGE}",
            "${var.image}",
            "${TAG:-latest}",
            "$$$CPU$$$",
            "{% if x %}",
            "${{ secrets.X }}",
            "<%= x %>",
            "${\\sg}",
            "é${X}",
        ] {
            assert!(looks_like_template(text), "{text}");
        }
        for text in [
            "",
            "$",
            "${",
            "a < b > c",
            "a<b",
            "${targetGroup:api}",
            "$${IMAGE}",
            "$HOME",
            "$(date)",
            "{}",
            "{a}",
            "{{",
            "100%",
            "<>",
            "${}",
            "1 <2> 3",
            "$$",
        ] {
            assert!(!looks_like_template(text), "{text}");
        }
    }

    #[test]
    fn a_whole_text_may_be_a_placeholder() {
        assert!(is_placeholder(" {{ x }} "));
        assert!(is_placeholder("${IMAGE}"));
        assert!(!is_placeholder("${A} ${B}"));
        assert!(!is_placeholder("echo ${A}"));
        assert!(!is_placeholder(""));
    }

    #[test]
    fn a_placeholder_ends_where_it_is_closed() {
        assert_eq!(placeholder("{{a}}}"), Some(5));
        assert_eq!(placeholder("{{{a}}}x"), Some(7));
        assert_eq!(placeholder("$$$$A_B$$$$ x"), Some(11));
        assert_eq!(placeholder("{{a\n}}"), None);
    }
}
