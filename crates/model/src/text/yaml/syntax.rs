//! Says in plain words what is wrong where a text is not YAML.

use super::{Reader, ScanError, placeholder};

/// A part of what the parser says, our sentence for it, and a hint. The first that fits is used.
const SENTENCES: [(&str, &str, &str); 20] = [
    (
        "indentation in quoted scalar",
        "this quoted value is not closed, or goes on in lines that are not indented",
        "put the closing quote behind it",
    ),
    ("tab", "a tab must not indent YAML", "indent with spaces"),
    ("unknown anchor", "this alias stands for nothing: no anchor of that name stands before it", ""),
    (
        "mapping values are not allowed",
        "a `:` must not stand in the middle of a plain value",
        "put the value in quotes",
    ),
    ("unexpected end of stream", "the text ends inside a quoted value", "put the closing quote behind it"),
    ("document indicator", "the document ends inside a quoted value", "put the closing quote behind it"),
    (
        "invalid trailing content",
        "something stands behind a quoted value",
        "a quote inside a value is written twice, or escaped",
    ),
    (
        "unknown escape",
        "this is no escape that YAML knows",
        "a backslash itself is written `\\\\`, or use single quotes",
    ),
    ("hexadecimal", "an escape lacks its hexadecimal digits", ""),
    ("Unicode character escape", "this escape stands for no character", ""),
    (
        "simple key expect",
        "this line is neither `key: value` nor part of what stands before it",
        "a space must follow the `:`",
    ),
    (
        "could not find expected ':'",
        "this line is neither `key: value` nor part of what stands before it",
        "a space must follow the `:`",
    ),
    ("',' or '}'", "a comma or `}` is missing before this", ""),
    ("',' or ']'", "a comma or `]` is missing before this", ""),
    ("misplaced bracket", "this bracket closes nothing", ""),
    ("recursion limit", "brackets are nested too deep here", ""),
    (
        "expected '-' indicator",
        "an element of a list must begin with `-` here",
        "indent it like the elements before it",
    ),
    ("expected key", "this does not belong to what stands before it", "indent it like the lines around it"),
    ("indent", "this line is not indented like the lines around it", "indent it like the lines around it"),
    ("unexpected character", "this character must not begin a plain value", "put the value in quotes"),
];

impl Reader<'_, '_> {
    /// Reports the error at which the parser stopped.
    pub(super) fn syntax(&mut self, error: &ScanError) {
        let at = self.cursor.offset(*error.marker());
        let line_start = self.source.get(..at).and_then(|s| s.rfind('\n')).map_or(0, |at| at + 1);
        let line = self.source.get(line_start..).and_then(|s| s.lines().next()).unwrap_or_default();
        let rest = self.source.get(at..).unwrap_or_default();
        let template = if placeholder(rest).is_some() {
            Some(at)
        } else {
            ["{{", "{%", "${{"].iter().find_map(|open| line.find(open)).map(|open| line_start + open)
        };
        if let Some(start) =
            template.filter(|start| placeholder(self.source.get(*start..).unwrap_or_default()).is_some())
        {
            self.template(start);
            return;
        }
        let tab = line.trim_start_matches(' ').starts_with('\t');
        let said = if tab { "tab" } else { error.info() };
        let (message, hint) = SENTENCES
            .iter()
            .find(|(part, ..)| said.contains(part))
            .map_or(("this is not YAML", ""), |(_, message, hint)| (*message, *hint));
        let length = rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        self.error("yaml-syntax", at, length, message, hint);
    }
}
