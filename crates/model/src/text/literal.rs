//! The smallest pieces of a text: quoted strings with their escapes, and how long a key is.

use std::borrow::Cow;

/// What is wrong with a quoted string at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A control character that must be escaped.
    Control(char),
    /// A line break, and the string goes on behind it.
    LineBreak,
    /// A backslash before something that is no escape.
    Escape,
    /// Half of a surrogate pair.
    Surrogate,
    /// The string does not end on its line.
    Unclosed,
}

/// A quoted string that was read.
pub(super) struct Quoted<'t> {
    /// What it says.
    pub text: Cow<'t, str>,
    /// The offset behind its closing quote.
    pub end: usize,
}

/// Reads the quoted string that begins with the quote at `start`, and tells `flaw` of each fault with its
/// offset and length. What is faulty is read as well as can be.
pub(super) fn quoted<'t>(
    source: &'t str,
    start: usize,
    flaw: &mut dyn FnMut(Flaw, usize, usize),
) -> Quoted<'t> {
    let bytes = source.as_bytes();
    let quote = bytes.get(start).copied().unwrap_or(b'"');
    let mut copied = String::new();
    let mut from = start + 1;
    let mut at = from;
    loop {
        let piece = |to: usize| source.get(from..to).unwrap_or_default();
        match bytes.get(at).copied() {
            None => {
                flaw(Flaw::Unclosed, start, at - start);
                return finish(copied, piece(at), at);
            }
            Some(byte) if byte == quote => return finish(copied, piece(at), at + 1),
            Some(b'\\') => {
                copied.push_str(piece(at));
                at = escape(source, at, &mut copied, flaw);
                from = at;
            }
            Some(b'\n' | b'\r') => {
                if !goes_on(source, at, quote) {
                    flaw(Flaw::Unclosed, start, at - start);
                    return finish(copied, piece(at), at);
                }
                let length = if source.get(at..).is_some_and(|r| r.starts_with("\r\n")) { 2 } else { 1 };
                flaw(Flaw::LineBreak, at, 0);
                at += length;
            }
            Some(byte) if byte < 0x20 => {
                flaw(Flaw::Control(char::from(byte)), at, 1);
                at += 1;
            }
            Some(_) => at += 1,
        }
    }
}

fn finish<'t>(mut copied: String, last: &'t str, end: usize) -> Quoted<'t> {
    let text = if copied.is_empty() {
        Cow::Borrowed(last)
    } else {
        copied.push_str(last);
        Cow::Owned(copied)
    };
    Quoted { text, end }
}

/// True where a string broken at `at` seems to go on behind the line break rather than to lack its
/// closing quote: the next quote on the following lines stands before a comma, colon or bracket.
fn goes_on(source: &str, at: usize, quote: u8) -> bool {
    /// Only this far ahead is looked at, so that reading stays linear.
    const REACH: usize = 1024;
    let ahead = source.as_bytes().get(at..).unwrap_or_default();
    let ahead = ahead.get(..REACH).unwrap_or(ahead);
    let Some(close) = ahead.iter().position(|b| *b == quote) else {
        return false;
    };
    let mut behind = ahead.iter().skip(close + 1).skip_while(|b| matches!(b, b' ' | b'\t'));
    // A quote that opens a string stands behind a bracket, comma or colon, or begins its line.
    let opens = ahead
        .iter()
        .take(close)
        .rev()
        .find(|b| !matches!(b, b' ' | b'\t'))
        .is_none_or(|b| matches!(b, b'\n' | b'\r' | b'{' | b'[' | b','));
    let ends = matches!(behind.next(), None | Some(b',' | b']' | b'}' | b'\n' | b'\r'));
    ends && !(opens && matches!(ahead.get(close + 1), Some(b':')))
}

/// Reads the escape whose backslash is at `at`; returns the offset behind it.
fn escape(source: &str, at: usize, out: &mut String, flaw: &mut dyn FnMut(Flaw, usize, usize)) -> usize {
    let c = match source.as_bytes().get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(source, at, out, flaw),
        _ => {
            let length = source.get(at + 1..).and_then(|r| r.chars().next()).filter(|c| !c.is_control());
            flaw(Flaw::Escape, at, 1 + length.map_or(0, char::len_utf8));
            // The backslash stands for itself, and what follows is read as usual.
            out.push('\\');
            if source.as_bytes().get(at + 1) == Some(&b'\'') {
                out.pop();
                out.push('\'');
                return at + 2;
            }
            return at + 1;
        }
    };
    out.push(c);
    at + 2
}

fn unicode(source: &str, at: usize, out: &mut String, flaw: &mut dyn FnMut(Flaw, usize, usize)) -> usize {
    let hex = |from: usize| {
        let digits = source.get(from..from + 4)?;
        let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let Some(first) = hex(at + 2) else {
        flaw(Flaw::Escape, at, 2);
        out.push('\\');
        return at + 1;
    };
    if let Some(c) = char::from_u32(first) {
        out.push(c);
        return at + 6;
    }
    let second = source.get(at + 6..at + 8).filter(|u| *u == "\\u").and_then(|_| hex(at + 8));
    match second {
        Some(low @ 0xdc00..=0xdfff) if first < 0xdc00 => {
            let code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            at + 12
        }
        _ => {
            flaw(Flaw::Surrogate, at, 6);
            out.push(char::REPLACEMENT_CHARACTER);
            at + 6
        }
    }
}

/// The length of the key that `rest` begins with: to its closing quote, or to the colon.
pub(super) fn key_length(rest: &str) -> usize {
    match rest.as_bytes().first() {
        Some(b'"' | b'\'') => quoted_length(rest.as_bytes()),
        _ => {
            let spaced = |r: &str| r.is_empty() || r.starts_with(char::is_whitespace);
            let end = rest
                .char_indices()
                .find(|&(at, c)| c == '\n' || (c == ':' && rest.get(at + 1..).is_none_or(spaced)))
                .map_or(rest.len(), |(at, _)| at);
            rest.get(..end).unwrap_or_default().trim_end().len().max(1)
        }
    }
}

/// The length of a quoted string on one line, quotes included.
fn quoted_length(bytes: &[u8]) -> usize {
    let quote = bytes.first().copied().unwrap_or(b'"');
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' => at += 2,
            b'\n' => return at,
            _ if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}
