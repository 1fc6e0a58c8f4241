//! Reads documents, JSON or YAML, into the compact [`Tree`], and keeps where everything stood.
//!
//! Readers report all that is wrong in one go: after a mistake that is plain to see (a trailing comma, a
//! comment, an unrendered template) they go on as if it had been written right. Nothing here knows what
//! a member means.

use std::sync::OnceLock;

use crate::diagnostic::{self, Diagnostic, Position};
use crate::{Path, Tree};

mod build;
mod bytes;
mod json;
mod literal;
mod marks;
mod template;
mod yaml;

pub use bytes::has_any;
pub use marks::{Marks, Places};
pub use template::{is_placeholder, looks_like_template};

/// Deeper nesting than this is refused: AWS shapes need a dozen levels.
pub const MAX_DEPTH: usize = 128;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// YAML 1.2, core schema.
    Yaml,
}

/// A text, and the way from an offset in it to a line and column.
#[derive(Debug)]
pub struct Text {
    source: Box<str>,
    format: Format,
    /// Line and column at every [`STRIDE`] bytes; counted when first asked for.
    checkpoints: OnceLock<Box<[(u32, u32)]>>,
}

/// Bytes between two checkpoints: short to count through, long enough that they take no space.
const STRIDE: usize = 4096;
/// The byte order mark, as some editors put it before UTF-8.
const BOM: &str = "\u{feff}";

impl Text {
    fn new(source: &str, format: Format) -> Self {
        Text { source: source.into(), format, checkpoints: OnceLock::new() }
    }

    /// The text as it was read, byte order mark included.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it was read as.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where the content begins: behind the byte order mark, if there is one.
    fn content(&self) -> usize {
        if self.source.starts_with(BOM) { BOM.len() } else { 0 }
    }

    /// Line and column of a stretch of `length` bytes at `offset`; an offset behind the end is taken for
    /// the end.
    pub fn position(&self, offset: u32, length: u32) -> Position {
        let at = (offset as usize).min(self.source.len());
        let checkpoints = self.checkpoints.get_or_init(|| self.count());
        let nearest = at / STRIDE;
        let from = checkpoints.get(nearest).copied().unwrap_or((1, 1));
        let (line, column) = self.advance(from, nearest * STRIDE, at);
        Position { line, column, offset: at as u32, length }
    }

    fn count(&self) -> Box<[(u32, u32)]> {
        let mut here = (1, 1);
        let mut checkpoints = vec![here];
        let mut at = 0;
        while at + STRIDE <= self.source.len() {
            here = self.advance(here, at, at + STRIDE);
            at += STRIDE;
            checkpoints.push(here);
        }
        checkpoints.into()
    }

    /// Line and column at `to`, from those at `from`. A line ends with CR LF, LF or CR.
    fn advance(&self, (mut line, mut column): (u32, u32), from: usize, to: usize) -> (u32, u32) {
        let bytes = self.source.as_bytes();
        let from = from.max(self.content()).min(to);
        for (at, &byte) in bytes.iter().enumerate().take(to).skip(from) {
            if byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                line += 1;
                column = 1;
            } else if byte & 0xc0 != 0x80 {
                column += 1;
            }
        }
        (line, column)
    }
}

/// What a reader made of a text.
#[derive(Debug)]
pub struct Parsed {
    /// The value that was written.
    pub tree: Tree,
    /// Where each part of it stood; holds the text.
    pub marks: Marks,
    /// What is worth saying about the text, in its order. May hold errors (a duplicate key, a comment in
    /// JSON): then `tree` is what was probably meant, good for finding more faults and not to be applied.
    pub diagnostics: Vec<Diagnostic>,
}

/// The format of a text, by the ending of its name or else by its first character: what begins with `{`
/// or `[` is JSON.
pub fn detect(name: &str, bytes: &[u8]) -> Format {
    format_of_name(name).unwrap_or_else(|| format_of_content(bytes))
}

fn format_of_name(name: &str) -> Option<Format> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "json" => Some(Format::Json),
        "yaml" | "yml" => Some(Format::Yaml),
        _ => None,
    }
}

fn format_of_content(bytes: &[u8]) -> Format {
    let content = bytes.strip_prefix(BOM.as_bytes()).unwrap_or(bytes);
    let first = content.iter().find(|b| !b.is_ascii_whitespace());
    match (first, content) {
        (Some(b'{' | b'['), _) => Format::Json,
        (Some(b'/'), _) => Format::Json,
        _ => Format::Yaml,
    }
}

/// Reads a text in the format that its name promises (see [`detect`]), or that it seems to be in.
///
/// # Errors
///
/// All findings, at least one of them an error, where nothing certain can be made of the text: not
/// UTF-8, empty, more than one document, brackets that do not match, text where no text can stand.
/// Mistakes that leave no doubt about what was meant are errors among [`Parsed::diagnostics`] instead.
pub fn parse(bytes: &[u8], hint: Option<Format>) -> Result<Parsed, Vec<Diagnostic>> {
    let source = match std::str::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) => return Err(vec![not_utf8(bytes, error.valid_up_to())]),
    };
    if u32::try_from(source.len()).is_err() {
        return Err(vec![Diagnostic::error(
            "too-large",
            Path::root(),
            "a text of more than 4 GiB is not read",
        )]);
    }
    let format = hint.unwrap_or_else(|| format_of_content(bytes));
    let text = Text::new(source, format);
    let mut findings = build::Findings::new(&text);
    note_the_encoding(&mut findings);
    let read = match format {
        Format::Json => json::read(&text, &mut findings),
        Format::Yaml => yaml::read(&text, &mut findings),
    };
    let mut diagnostics = findings.finish();
    diagnostic::sort(&mut diagnostics);
    match read {
        Some((tree, nodes)) => Ok(Parsed { tree, marks: Marks::new(text, nodes), diagnostics }),
        None => Err(diagnostics),
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> Diagnostic {
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it begins as UTF-16 does; save it as UTF-8",
        _ => "save it as UTF-8",
    };
    Diagnostic::error(
        "not-utf8",
        Path::root(),
        format!("the text is not UTF-8: byte {at} does not belong to any character"),
    )
    .with_hint(hint)
}

fn note_the_encoding(findings: &mut build::Findings<'_>) {
    let source = findings.text().source();
    if source.starts_with(BOM) {
        let message = "the text begins with a byte order mark, which is skipped";
        findings.add_about_all(Diagnostic::note("byte-order-mark", Path::root(), message));
    }
    if source.contains("\r\n") {
        let message = "lines end with CR LF, as on Windows; they are read as if they ended with LF";
        findings.add_about_all(Diagnostic::note("crlf", Path::root(), message));
    }
}

#[cfg(test)]
mod tests;
