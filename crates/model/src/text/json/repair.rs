//! What is not JSON: says what is wrong, and reads on as if it had been written right.

use super::super::literal::{Flaw, key_length};
use super::super::template::{REACH, head, placeholder};
use super::{Frame, Last, Reader, quoted, word_length};
use crate::diagnostic::{Diagnostic, Severity};
use crate::tree::Name;
use crate::{Path, Tree};

const TEMPLATE: &str = "this looks like an unrendered template; render it first";

impl Reader<'_, '_> {
    fn error(
        &mut self,
        code: &'static str,
        start: usize,
        end: usize,
        message: impl Into<String>,
        hint: &str,
    ) {
        if self.findings.is_full(Severity::Error) {
            self.findings.count(Severity::Error);
            return;
        }
        let mut diagnostic = Diagnostic::error(code, self.path(), message);
        if !hint.is_empty() {
            diagnostic = diagnostic.with_hint(hint);
        }
        self.findings.add(diagnostic, start, end.saturating_sub(start));
    }

    /// Reads no further: says nothing about brackets that are open.
    fn stop(&mut self) {
        self.at = self.bytes.len();
        self.refused = true;
        self.lost = true;
    }

    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or_default()
    }

    pub(super) fn empty(&mut self) {
        let end = self.bytes.len();
        self.error("empty-document", end, end, "the text is empty", "an empty document is written `{}`");
        self.stop();
    }

    pub(super) fn too_deep(&mut self) {
        let path = self.path();
        self.findings.too_deep(path, self.at);
        self.stop();
    }

    pub(super) fn more_content(&mut self) {
        if self.lost {
            // Brackets or quotes went wrong before, and that is said already.
            return;
        }
        let start = self.at;
        let (message, hint) = match self.peek() {
            Some(b'}' | b']') => {
                ("this bracket closes nothing", "remove it, or look for one too many before it")
            }
            Some(b'{' | b'[') => ("a second document begins here", "write one document in each file"),
            _ => ("the document has ended, but the text goes on", "remove what follows the last bracket"),
        };
        self.error("trailing-content", start, start + 1, message, hint);
        self.stop();
    }

    /// Skips a comment or a white space that JSON does not know; false where there is neither.
    pub(super) fn odd_space(&mut self) -> bool {
        let start = self.at;
        let rest = self.rest();
        if rest.starts_with("//") || rest.starts_with('#') {
            let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
            self.at += length;
        } else if rest.starts_with("/*") {
            let length = rest.find("*/").map_or(rest.len(), |at| at + 2);
            self.at += length;
        } else {
            let Some(c) = rest.chars().next() else {
                return false;
            };
            let odd = c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}');
            if odd {
                self.at += c.len_utf8();
                let message = format!("the invisible character U+{:04X} must not stand here", u32::from(c));
                self.error("stray-character", start, self.at, message, "remove it");
            }
            return odd;
        }
        self.error(
            "comment",
            start,
            self.at,
            "JSON knows no comments",
            "remove it, or write the document in YAML",
        );
        true
    }

    pub(super) fn report_flaws(&mut self, flaws: &[(Flaw, usize, usize)]) {
        let mut broken = false;
        for &(flaw, at, length) in flaws {
            let end = at + length;
            match flaw {
                Flaw::Control(c) => {
                    let (name, written) = match c {
                        '\t' => ("a tab".to_owned(), "\\t".to_owned()),
                        c => (
                            format!("the control character U+{:04X}", u32::from(c)),
                            format!("\\u{:04x}", u32::from(c)),
                        ),
                    };
                    let message = format!("{name} must not stand in a string as it is");
                    self.error("control-character", at, end, message, &format!("write `{written}`"));
                }
                Flaw::LineBreak if broken => {}
                Flaw::LineBreak => {
                    broken = true;
                    let message = "a string must not go on over the end of a line";
                    self.error("control-character", at, end, message, "write `\\n` for a line break");
                }
                Flaw::Escape => {
                    let message = "this is no escape that JSON knows";
                    self.error("invalid-escape", at, end, message, "a backslash itself is written `\\\\`");
                }
                Flaw::Surrogate => {
                    let message = "this is half a character: one of two surrogates is missing";
                    self.error("lone-surrogate", at, end, message, "write the character itself");
                }
                Flaw::Unclosed => {
                    let message = "this string is not closed on its line";
                    self.error("unterminated-string", at, end, message, "put a double quote behind it");
                    self.refused = true;
                    self.lost = true;
                }
            }
        }
    }

    pub(super) fn number_out_of_range(&mut self, start: usize) -> Tree {
        self.error("number-range", start, self.at, "this number is too large", "");
        Tree::Num(f64::MAX)
    }

    /// Reads, at a place where a value must stand, what is none.
    pub(super) fn odd_value(&mut self, key: u32) -> Tree {
        let start = self.at;
        let tree = self.mend_value();
        self.marks.push(start, key, self.at - start);
        tree
    }

    fn mend_value(&mut self) -> Tree {
        let start = self.at;
        if let Some(length) = placeholder(self.rest()) {
            self.at += length;
            self.at += self.rest().find([',', ']', '}', '"', ' ', '\n', '\r', '\t']).unwrap_or(0);
            self.error("unrendered-template", start, self.at, TEMPLATE, "");
            return self.source.get(start..self.at).unwrap_or_default().into();
        }
        match self.peek() {
            None | Some(b',' | b'}' | b']') => {
                self.error("missing-value", start, start + 1, "a value is missing here", "");
                self.refused = true;
                return Tree::Null;
            }
            Some(b'\'') => return self.single_quoted().into(),
            _ => {}
        }
        let run = self.run_length();
        let text = self.rest().get(..run).unwrap_or_default().to_owned();
        if run == 0 {
            self.unexpected("a value must stand here");
            return Tree::Null;
        }
        self.at += run;
        let (tree, code, message, hint) = name_value(&text);
        self.error(code, start, self.at, message, hint);
        tree
    }

    /// How long the unquoted text is that begins here.
    fn run_length(&self) -> usize {
        let rest = self.rest();
        let first = rest.as_bytes().first();
        if !first.is_some_and(|b| super::is_word(*b) || matches!(b, b'+' | b'.' | b'/' | b'*' | b'@' | b'%'))
        {
            return 0;
        }
        let run = rest
            .get(..rest.find([',', ']', '}', '{', '[', '"', '\n', '\r']).unwrap_or(rest.len()))
            .unwrap_or_default();
        let run = run.split(" //").next().unwrap_or(run).split(" #").next().unwrap_or(run);
        run.trim_end().len()
    }

    fn single_quoted(&mut self) -> String {
        let start = self.at;
        let mut flaws = Vec::new();
        let read = quoted(self.source, start, &mut |flaw, at, length| flaws.push((flaw, at, length)));
        // A backslash before a single quote is right between single quotes.
        flaws.retain(|(flaw, at, _)| *flaw != Flaw::Escape || self.bytes.get(at + 1) != Some(&b'\''));
        self.at = read.end;
        self.error("single-quotes", start, self.at, "JSON wants double quotes", "write `\"` instead of `'`");
        self.report_flaws(&flaws);
        read.text.into_owned()
    }

    /// Reads, at a place where a key must stand, what is none; `None` where there is no key to make of
    /// it.
    pub(super) fn odd_key(&mut self) -> Option<Name> {
        let start = self.at;
        if let Some(length) = placeholder(self.rest()) {
            self.at += length;
            self.error("unrendered-template", start, self.at, TEMPLATE, "");
            let text = self.source.get(start..self.at).unwrap_or_default();
            return self.peek_is_colon().then(|| self.name(text));
        }
        if self.peek() == Some(b'\'') {
            let text = self.single_quoted();
            return Some(self.name(&text));
        }
        let length = word_length(self.rest());
        if length > 0 && self.colon_follows(length) {
            self.at += length;
            let text = self.source.get(start..self.at).unwrap_or_default();
            let message = "a key must stand in double quotes";
            self.error("unquoted-key", start, self.at, message, typographic(text));
            return Some(self.name(text.trim_matches(TYPOGRAPHIC)));
        }
        self.unexpected("a key in double quotes must stand here");
        None
    }

    fn peek_is_colon(&self) -> bool {
        self.colon_follows(0)
    }

    fn colon_follows(&self, ahead: usize) -> bool {
        let rest = self.bytes.get(self.at + ahead..).unwrap_or_default();
        rest.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':')
    }

    /// What stands behind a key is no colon.
    pub(super) fn no_colon(&mut self) {
        let start = self.at;
        match self.peek() {
            Some(b'=') => {
                self.at += if self.rest().starts_with("=>") { 2 } else { 1 };
                self.error("missing-colon", start, self.at, "a key is followed by a colon", "write `:` here");
                self.space();
            }
            None | Some(b',' | b'}' | b']') => {}
            _ => self.error("missing-colon", start, start + 1, "a colon is missing before this", ""),
        }
    }

    /// Where the reader stands behind a value.
    pub(super) fn behind_value(&self) -> Last {
        match self.bytes.get(self.at.saturating_sub(1)) {
            Some(b'}' | b'>' | b'$') if self.ends_placeholder() => Last::Placeholder,
            _ => Last::Value(self.at),
        }
    }

    fn ends_placeholder(&self) -> bool {
        let before = self.source.get(..self.at).unwrap_or_default();
        ["}}", "%}", "#}", "%>", "$$"].iter().any(|close| before.ends_with(close))
            && self.findings.last_ends_at("unrendered-template", self.at)
    }

    pub(super) fn comma(&mut self, last: Last) {
        if matches!(last, Last::Open | Last::Comma(_)) {
            let start = self.at;
            self.error("extra-comma", start, start + 1, "there is a comma too many here", "remove it");
        }
    }

    pub(super) fn check_last_comma(&mut self, last: Last) {
        if let Last::Comma(at) = last {
            let message = "no comma must follow the last one";
            self.error("trailing-comma", at, at + 1, message, "remove this comma");
        }
    }

    /// Something follows a value, which ended at `end`, without a comma. True where it can be read as the
    /// next member or element.
    pub(super) fn no_comma(&mut self, end: usize) -> bool {
        if self.template_with_quotes(end) {
            return false;
        }
        if placeholder(self.rest()).is_some() || self.findings.last_ends_at("unterminated-string", end) {
            return true;
        }
        // As in `"echo "hi" there"`.
        let inner_quote = end == self.at
            && self.bytes.get(end.saturating_sub(1)) == Some(&b'"')
            && word_length(self.rest()) > 0;
        let list = self.frames.last().is_some_and(|f| f.list);
        let begins = match self.peek() {
            _ if inner_quote => false,
            Some(b'"' | b'\'') => true,
            Some(b'{' | b'[' | b'-' | b'0'..=b'9') => list,
            _ => {
                let length = word_length(self.rest());
                length > 0 && (list || self.colon_follows(length))
            }
        };
        if !begins {
            let hint = if inner_quote { "a double quote inside a string is written `\\\"`" } else { "" };
            self.unexpected_with("a comma or a closing bracket must follow the value", hint);
            return false;
        }
        self.error("missing-comma", end, end + 1, "a comma is missing behind this value", "");
        true
    }

    /// A string that holds a template which holds quotes: skips to its real end.
    fn template_with_quotes(&mut self, end: usize) -> bool {
        let line_start = line_start(self.source, end);
        let line = self.source.get(line_start..end).unwrap_or_default();
        let Some(open) = line
            .rfind("{{")
            .filter(|at| line.ends_with('"') && !line.get(*at..).unwrap_or_default().contains("}}"))
        else {
            return false;
        };
        let ahead = head(self.rest());
        let ahead = ahead.get(..ahead.find('\n').unwrap_or(ahead.len())).unwrap_or_default();
        let Some(close) = ahead.find("}}").map(|at| at + 2) else {
            return false;
        };
        let tail = ahead.get(close..).unwrap_or_default();
        let quote = tail.find('"').map_or(tail.len(), |at| at + 1);
        self.at += close;
        self.error("unrendered-template", line_start + open, self.at, TEMPLATE, "");
        self.at += quote;
        true
    }

    fn unexpected(&mut self, expected: &str) {
        self.unexpected_with(expected, "");
    }

    fn unexpected_with(&mut self, expected: &str, hint: &str) {
        let start = self.at;
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        self.error("unexpected-text", start, start + length, expected, hint);
        self.refused = true;
        self.skip();
        self.lost = true;
    }

    /// Skips to the comma or bracket that ends the present member or element.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    while let Some(inside) = self.peek() {
                        match inside {
                            b'"' | b'\n' => break,
                            b'\\' => self.at += 2,
                            _ => self.at += 1,
                        }
                    }
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.bytes.len();
    }

    /// The map or list that is being read ends with the wrong bracket or with the text.
    pub(super) fn not_closed(&mut self) {
        if self.peek().is_none() && self.lost {
            return;
        }
        let (open, list) = self.frames.last().map_or((0, false), |f: &Frame| (f.open, f.list));
        let line = self.findings.line(open);
        let (what, close) = if list { ("list", ']') } else { ("object", '}') };
        let path = self.frame_path();
        let start = self.at;
        if self.peek().is_none() {
            let message = format!("the text ends inside the {what} that begins on line {line}");
            let diagnostic =
                Diagnostic::error("unclosed", path, message).with_hint(format!("a `{close}` is missing"));
            self.findings.add(diagnostic, open, 1);
            self.stop();
            return;
        }
        let message = format!("this bracket does not close the {what} that begins on line {line}");
        let diagnostic =
            Diagnostic::error("mismatched-bracket", path, message).with_hint(format!("write `{close}`"));
        self.findings.add(diagnostic, start, 1);
        // Either this bracket is a slip, or the right one before it was left out and it closes what is
        // further out.
        if self.lost || self.rest_closes(self.frames.len().saturating_sub(1)) {
            self.at += 1;
        }
        self.refused = true;
        self.lost = true;
    }

    /// True where the text behind the bracket here closes at least this many maps and lists more than it
    /// opens, or where no such bracket can close anything.
    fn rest_closes(&self, levels: usize) -> bool {
        let outer = self.frames.get(..levels).unwrap_or_default();
        let list = self.frames.last().is_some_and(|f| f.list);
        if !outer.iter().any(|f| f.list != list) {
            return true;
        }
        let mut open = levels;
        let mut at = self.at + 1;
        while let Some(byte) = self.bytes.get(at) {
            match byte {
                b'"' => at += key_length(self.source.get(at..).unwrap_or_default()).max(1) - 1,
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        open == 0
    }

    /// The path of the map or list that is being read.
    fn frame_path(&mut self) -> Path {
        let frame = self.frames.pop();
        let path = self.path();
        self.frames.extend(frame);
        path
    }
}

/// Where the line of `at` begins, or a place on it that is near enough.
fn line_start(source: &str, at: usize) -> usize {
    let before = source.as_bytes().get(..at).unwrap_or_default();
    let start = at - before.iter().rev().take(REACH).take_while(|b| **b != b'\n').count();
    (start..=at).find(|start| source.is_char_boundary(*start)).unwrap_or(at)
}

const TYPOGRAPHIC: [char; 5] = ['“', '”', '„', '‘', '’'];

/// The hint for text in quotes that a word processor made.
fn typographic(text: &str) -> &'static str {
    if text.starts_with(TYPOGRAPHIC) { "these are typographic quotes; write `\"`" } else { "" }
}

/// What unquoted text was meant to be, and what is wrong with it.
fn name_value(text: &str) -> (Tree, &'static str, &'static str, &'static str) {
    let unsigned = text.trim_start_matches(['+', '-']);
    match unsigned {
        "True" | "TRUE" => {
            return (Tree::Bool(true), "invalid-word", "this is not JSON's word for it", "write `true`");
        }
        "False" | "FALSE" => {
            return (Tree::Bool(false), "invalid-word", "this is not JSON's word for it", "write `false`");
        }
        "None" | "NULL" | "Null" | "nil" | "undefined" => {
            return (
                Tree::Null,
                "invalid-word",
                "this is not JSON's word for it",
                "write `null`, or leave the member out",
            );
        }
        "NaN" | "Infinity" | "inf" | "Inf" => {
            return (Tree::Null, "not-a-number", "JSON has no such number", "");
        }
        _ => {}
    }
    let zeros =
        unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.bytes().all(|b| b.is_ascii_digit());
    let number = if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        text.parse::<f64>().ok()
    } else {
        None
    };
    match number.filter(|n| n.is_finite()) {
        Some(n) => {
            let tree = text.trim_start_matches('+').parse().map_or(Tree::Num(n), Tree::Int);
            if zeros {
                let hint = "remove the zeros, or put it in quotes if it is no number, as an account is not";
                (tree, "leading-zero", "a number must not begin with a zero", hint)
            } else {
                let hint = "a number begins with a digit or `-` and has digits on both sides of its point";
                (tree, "invalid-number", "this is not how JSON writes a number", hint)
            }
        }
        None => {
            let tree = text.trim_matches(TYPOGRAPHIC).into();
            let message = "this text must stand in double quotes";
            (tree, "unquoted-string", message, typographic(text))
        }
    }
}
