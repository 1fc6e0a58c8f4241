//! Findings about a text, in plain sentences: what is wrong, where, and what to write instead.
//!
//! The readers of [`crate::text`] and every check after them report in this one form; [`render`]
//! prints it for people, [`to_json`] for programs.

mod excerpt;

use std::fmt::Write as _;

use crate::Path;
use excerpt::Excerpt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text, or the part that the finding is about, is refused.
    Error,
    /// It is taken as it stands, and probably not what its author meant.
    Warning,
    /// Worth knowing; nothing needs to be done.
    Note,
}

impl Severity {
    /// The word that people and programs are shown.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A stretch of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// Where it begins, in bytes from the beginning of the text.
    pub offset: u32,
    /// How long it is, in bytes.
    pub length: u32,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// Its kind, in kebab case; stable, so that programs can tell kinds apart.
    pub code: &'static str,
    /// The value it is about.
    pub path: Path,
    /// Where that stands in the text; `None` until it is looked up, or where there is no text.
    pub at: Option<Position>,
    /// True where it is about the key of that value rather than the value.
    pub key: bool,
    /// What is wrong: one sentence that quotes no value, because values may be secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    fn new(severity: Severity, code: &'static str, path: Path, message: impl Into<String>) -> Self {
        Diagnostic { severity, code, path, at: None, key: false, message: message.into(), hint: None }
    }

    /// A finding for which the text, or a part of it, is refused.
    pub fn error(code: &'static str, path: Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, path, message)
    }

    /// A finding about something that is probably not meant so.
    pub fn warning(code: &'static str, path: Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, path, message)
    }

    /// A finding that asks for nothing.
    pub fn note(code: &'static str, path: Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, path, message)
    }

    /// This finding with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// This finding, about the key instead of the value.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.key = true;
        self
    }

    /// True for what makes the text, or a part of it, be refused.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// True where any finding is an error.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// Puts findings into the order of the text; those without a position come first, by path.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let place = |d: &Diagnostic| d.at.map(|at| (at.offset, at.length));
        place(a)
            .cmp(&place(b))
            .then(a.severity.cmp(&b.severity))
            .then_with(|| a.path.cmp(&b.path))
            .then(a.code.cmp(b.code))
    });
}

/// The findings for programs: a list of objects with `severity`, `code`, `line`, `column`, `pointer`,
/// `message` and `hint`; `line`, `column` and `hint` are null where there is none.
pub fn to_json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    diagnostics
        .iter()
        .map(|d| {
            serde_json::json!({
                "severity": d.severity.word(),
                "code": d.code,
                "line": d.at.map(|at| at.line),
                "column": d.at.map(|at| at.column),
                "pointer": d.path.to_string(),
                "message": d.message,
                "hint": d.hint,
            })
        })
        .collect()
}

/// The findings for people, each with the line of `text` it is about, and how many there are of each
/// severity at the end. Empty without findings.
///
/// A long line is shown only around the finding. What may be secret (see [`crate::tree::MASKED`]) is
/// not shown, and no control character of the text reaches the terminal.
pub fn render(source_name: &str, text: &str, diagnostics: &[Diagnostic], color: bool) -> String {
    let paint = Paint(color);
    let digits =
        diagnostics.iter().filter_map(|d| d.at).map(|at| at.line.to_string().len()).max().unwrap_or(1);
    let mut out = String::new();
    for diagnostic in diagnostics {
        render_one(&mut out, source_name, text, diagnostic, digits, &paint);
        out.push('\n');
    }
    out.push_str(&summary(diagnostics));
    if !diagnostics.is_empty() {
        out.push('\n');
    }
    out
}

fn render_one(
    out: &mut String,
    source_name: &str,
    text: &str,
    diagnostic: &Diagnostic,
    digits: usize,
    paint: &Paint,
) {
    let severity = diagnostic.severity;
    let head = paint.of(severity, &format!("{}[{}]", severity.word(), diagnostic.code));
    let _ = writeln!(out, "{head}: {}", paint.bold(&excerpt::printable(&diagnostic.message)));
    let pad = " ".repeat(digits);
    if let Some(at) = diagnostic.at {
        let arrow = paint.dim("-->");
        let _ = writeln!(out, "{pad}{arrow} {source_name}:{}:{}", at.line, at.column);
        if let Some(excerpt) = Excerpt::of(text, diagnostic, at) {
            let bar = paint.dim("|");
            let line = paint.dim(&format!("{:>digits$}", at.line));
            let carets = paint.of(severity, &"^".repeat(excerpt.carets));
            let _ = writeln!(out, "{pad} {bar}");
            let _ = writeln!(out, "{line} {bar} {}", excerpt.shown);
            let _ = writeln!(out, "{pad} {bar} {}{carets}", " ".repeat(excerpt.indent));
        }
    } else if diagnostic.path.is_root() {
        let _ = writeln!(out, "{pad}{} {source_name}", paint.dim("-->"));
    } else {
        let path = excerpt::printable(&diagnostic.path.to_string());
        let _ = writeln!(out, "{pad}{} {source_name} {path}", paint.dim("-->"));
    }
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(out, "{pad} {} help: {}", paint.dim("="), excerpt::printable(hint));
    }
}

/// How many findings there are of each severity, as in `2 errors, 1 warning`; empty without any.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| {
            let count = diagnostics.iter().filter(|d| d.severity == severity).count();
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {}{plural}", severity.word()))
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// Terminal colours, or none.
struct Paint(bool);

impl Paint {
    fn wrap(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn of(&self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Note => "1;36",
        };
        self.wrap(code, text)
    }
    fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }
    fn dim(&self, text: &str) -> String {
        self.wrap("1;34", text)
    }
}

#[cfg(test)]
mod tests;
