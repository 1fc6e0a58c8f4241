//! The line of the text that a finding is about, made fit to be shown: short, printable, and without
//! values that may be secret.

use super::{Diagnostic, Position};
use crate::tree::MASKED;

/// A line longer than this many bytes is shown only around the finding.
const LONGEST_LINE: usize = 160;
/// Of a finding on such a line, at most this many bytes are shown.
const LONGEST_SPAN: usize = 60;
/// A key further than this before its value is not looked for.
const LONGEST_KEY: usize = 80;

/// One line to show, and where the carets go under it.
pub(super) struct Excerpt {
    /// The line.
    pub shown: String,
    /// Terminal columns before the carets.
    pub indent: usize,
    /// How many carets; at least one.
    pub carets: usize,
}

impl Excerpt {
    /// `None` where the position does not lie in `text`.
    pub fn of(text: &str, diagnostic: &Diagnostic, at: Position) -> Option<Excerpt> {
        let start = usize::try_from(at.offset).ok()?;
        let end = start.checked_add(usize::try_from(at.length).ok()?)?.min(text.len());
        let (before, after) = (text.get(..start)?, text.get(start..)?);
        let line_end = start
            + after
                .bytes()
                .take(LONGEST_LINE + 1)
                .position(is_break)
                .unwrap_or(after.len().min(LONGEST_LINE + 1));
        let reach = before.len().min(LONGEST_LINE + 1);
        let line_start = start - before.bytes().rev().take(reach).position(is_break).unwrap_or(reach);
        let span = (start, end.min(line_end).max(start));
        let secret = diagnostic.path.segments().any(|s| MASKED.iter().any(|m| m.eq_ignore_ascii_case(s)));
        // A finding about the key of `environment` shows that key; what lies below is masked.
        let hide_span = secret && !diagnostic.key;

        let mut pieces = Pieces::default();
        if line_end - line_start <= LONGEST_LINE {
            let line = text.get(line_start..line_end)?.trim_start_matches('\u{feff}');
            let line_start = line_end - line.len();
            let span = (span.0.max(line_start), span.1.max(line_start));
            if secret || diagnostic.path.is_root() || may_show_secrets(line) {
                masked_line(&mut pieces, line, line_start, span, hide_span);
            } else {
                pieces.push(text.get(line_start..span.0)?, Part::Before);
                pieces.push(text.get(span.0..span.1)?, Part::Span);
                pieces.push(text.get(span.1..line_end)?, Part::After);
            }
        } else {
            pieces.push("…", Part::Before);
            pieces.push(key_before(before).unwrap_or_default(), Part::Before);
            if hide_span {
                pieces.push("…", Part::Span);
            } else {
                let shown = floor(text, span.1.min(span.0 + LONGEST_SPAN)).max(span.0);
                pieces.push(text.get(span.0..shown)?, Part::Span);
            }
            pieces.push("…", Part::After);
        }
        Some(pieces.finish())
    }
}

fn is_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// The last character boundary at or before `at`.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// True where a line names something whose values may be secret.
fn may_show_secrets(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("value") || MASKED.iter().any(|m| line.contains(&m.to_ascii_lowercase()))
}

/// `"key": ` where `before` ends with it.
fn key_before(before: &str) -> Option<&str> {
    let key = before.trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
    let open = key.bytes().rev().take(LONGEST_KEY).position(|b| b == b'"')?;
    before.get(key.len() - open - 1..)
}

/// Shows keys and punctuation of a line, and the finding itself; every other value becomes `…`.
fn masked_line(pieces: &mut Pieces, line: &str, line_start: usize, span: (usize, usize), hide_span: bool) {
    let mut rest = line;
    // What stands behind a colon is a value, even where another colon follows.
    let mut key_may_follow = true;
    while let Some(first) = rest.chars().next() {
        let start = line_start + line.len() - rest.len();
        let (token, scalar) = token(rest, first);
        let end = start + token.len();
        rest = rest.get(token.len()..).unwrap_or_default();
        match first {
            ':' => key_may_follow = false,
            ',' | '{' => key_may_follow = true,
            _ => {}
        }
        let key = scalar && key_may_follow && is_key(rest, matches!(first, '"' | '\''));
        let part = if end <= span.0 {
            Part::Before
        } else if start >= span.1.max(span.0 + 1) {
            Part::After
        } else {
            Part::Span
        };
        if !scalar || key || (part == Part::Span && !hide_span) {
            pieces.push(token, part);
            continue;
        }
        pieces.push("…", part);
        if !matches!(first, '"' | '\'') {
            // Unquoted text may go on with spaces and colons: to be safe the rest goes with it.
            let end = rest.find([',', '}', ']', '\r']).unwrap_or(rest.len());
            rest = rest.get(end..).unwrap_or_default();
        }
    }
}

/// The first token of a line, and whether it is a scalar rather than punctuation.
fn token(rest: &str, first: char) -> (&str, bool) {
    let end_of = |pattern: &[char]| rest.find(pattern).unwrap_or(rest.len()).max(first.len_utf8());
    match first {
        '"' | '\'' => {
            let mut escaped = false;
            let close = rest.char_indices().skip(1).find(|&(_, c)| {
                let closes = c == first && !escaped;
                escaped = c == '\\' && !escaped && first == '"';
                closes
            });
            (rest.get(..close.map_or(rest.len(), |(at, _)| at + 1)).unwrap_or(rest), true)
        }
        '{' | '}' | '[' | ']' | ',' | ':' => (rest.get(..1).unwrap_or(rest), false),
        '-' if rest.get(1..).is_none_or(|r| r.is_empty() || r.starts_with(' ')) => {
            (rest.get(..1).unwrap_or(rest), false)
        }
        c if c.is_whitespace() => {
            let end = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
            (rest.get(..end).unwrap_or(rest), false)
        }
        _ => (rest.get(..end_of(&[' ', '\t', ',', '{', '}', '[', ']', ':'])).unwrap_or(rest), true),
    }
}

/// True where what follows a token makes that token a key.
fn is_key(rest: &str, quoted: bool) -> bool {
    rest.trim_start()
        .strip_prefix(':')
        .is_some_and(|r| quoted || r.is_empty() || r.starts_with([' ', '\t', '"', '\'', '{', '[', '\r']))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Before,
    Span,
    After,
}

/// Collects the pieces of a line, made printable, and measures them.
#[derive(Default)]
struct Pieces {
    shown: String,
    indent: usize,
    carets: usize,
}

impl Pieces {
    fn push(&mut self, text: &str, part: Part) {
        let text = printable(text);
        let width = text.chars().map(width).sum::<usize>();
        match part {
            Part::Before => self.indent += width,
            Part::Span => self.carets += width,
            Part::After => {}
        }
        self.shown.push_str(&text);
    }

    fn finish(self) -> Excerpt {
        Excerpt { shown: self.shown.trim_end().to_owned(), indent: self.indent, carets: self.carets.max(1) }
    }
}

/// Text without tabs and control characters, which would move the cursor or worse.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if (c as u32) < 0x20 => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

/// How many terminal columns a character takes: near enough to put carets under it.
fn width(c: char) -> usize {
    match c as u32 {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f | 0xfeff => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
