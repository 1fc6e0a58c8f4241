//! Reads JSON as RFC 8259 has it, straight into a tree. What goes wrong is said, and mended where it
//! can be, in [`repair`].

use super::build::{Entry, Findings, Marking};
use super::bytes::plain_length;
use super::literal::{Quoted, quoted};
use super::marks::{Mark, NO_KEY};
use super::{MAX_DEPTH, Text};
use crate::tree::{Name, Names, Str};
use crate::{Path, Tree};

mod repair;

/// Reads the text; `None` where nothing certain can be made of it, for which `findings` then hold the
/// reason.
pub(super) fn read<'t>(text: &'t Text, findings: &mut Findings<'t>) -> Option<(Tree, Vec<Mark>)> {
    let mut reader = Reader {
        source: text.source(),
        bytes: text.source().as_bytes(),
        at: text.content(),
        findings,
        names: Names::default(),
        recent: vec![None; RECENT].into(),
        marks: Marking::default(),
        entries: Vec::new(),
        items: Vec::new(),
        frames: Vec::new(),
        lost: false,
        refused: false,
    };
    let tree = reader.document();
    let nodes = reader.marks.into_nodes();
    (!reader.refused).then_some((tree, nodes))
}

/// How many names are kept at hand: the members of AWS shapes that one document uses fit.
const RECENT: usize = 512;

/// A map or list that is being read.
struct Frame {
    /// Its opening bracket.
    open: usize,
    list: bool,
    /// Of a list, the index of the element that is being read; of a map, the offset of the key.
    here: usize,
}

/// What stood last in a map or list.
#[derive(Clone, Copy)]
enum Last {
    Open,
    /// A comma, at this offset.
    Comma(usize),
    /// A value that ended at this offset.
    Value(usize),
    /// A placeholder, behind which anything may follow.
    Placeholder,
}

struct Reader<'t, 'f> {
    source: &'t str,
    bytes: &'t [u8],
    at: usize,
    findings: &'f mut Findings<'t>,
    names: Names,
    /// The names met last, by a cheap hash: finds most names without a search.
    recent: Box<[Option<Name>]>,
    marks: Marking,
    /// The members and elements of all maps and lists that are being read.
    entries: Vec<Entry>,
    items: Vec<Tree>,
    frames: Vec<Frame>,
    /// Set where brackets or quotes did not match, after which paths mean nothing.
    lost: bool,
    /// Set where nothing certain can be made of the text.
    refused: bool,
}

impl<'t> Reader<'t, '_> {
    fn document(&mut self) -> Tree {
        self.space();
        if self.peek().is_none() {
            self.empty();
            return Tree::Null;
        }
        let tree = self.value(NO_KEY);
        self.space();
        if self.peek().is_some() {
            self.more_content();
        }
        tree
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Skips white space.
    fn space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(b'/' | b'#' | 0x80..) if self.odd_space() => {}
                _ => return,
            }
        }
    }

    /// Reads the value that begins here, behind white space.
    fn value(&mut self, key: u32) -> Tree {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                let text = Str::from(self.string());
                self.marks.push(start, key, self.at - start);
                Tree::Str(text)
            }
            Some(b'{') if !matches!(self.peek_at(1), Some(b'{' | b'%' | b'#')) => self.map(key),
            Some(b'[') => self.list(key),
            Some(b'-' | b'0'..=b'9') => self.number(key),
            Some(b't') if self.word("true") => self.scalar(start, key, Tree::Bool(true)),
            Some(b'f') if self.word("false") => self.scalar(start, key, Tree::Bool(false)),
            Some(b'n') if self.word("null") => self.scalar(start, key, Tree::Null),
            _ => self.odd_value(key),
        }
    }

    fn scalar(&mut self, start: usize, key: u32, tree: Tree) -> Tree {
        self.marks.push(start, key, self.at - start);
        tree
    }

    /// Skips `word`, where it stands here and ends here.
    fn word(&mut self, word: &str) -> bool {
        let end = self.at + word.len();
        let is = self.bytes.get(self.at..end) == Some(word.as_bytes())
            && !self.bytes.get(end).is_some_and(|b| is_word(*b));
        if is {
            self.at = end;
        }
        is
    }

    /// Reads the double-quoted string that begins here.
    fn string(&mut self) -> std::borrow::Cow<'t, str> {
        let start = self.at + 1;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = plain_length(rest);
        if rest.get(length) == Some(&b'"') {
            self.at = start + length + 1;
            return self.source.get(start..start + length).unwrap_or_default().into();
        }
        self.string_with_flaws()
    }

    fn string_with_flaws(&mut self) -> std::borrow::Cow<'t, str> {
        let mut flaws = Vec::new();
        let Quoted { text, end } = quoted(self.source, self.at, &mut |flaw, at, length| {
            flaws.push((flaw, at, length));
        });
        self.at = end;
        self.report_flaws(&flaws);
        text
    }

    fn number(&mut self, key: u32) -> Tree {
        let start = self.at;
        let mut at = start + usize::from(self.peek() == Some(b'-'));
        let digits = |from: usize| {
            let rest = self.bytes.get(from..).unwrap_or_default();
            rest.iter().take_while(|b| b.is_ascii_digit()).count()
        };
        let whole = digits(at);
        let leading_zero = whole > 1 && self.bytes.get(at) == Some(&b'0');
        at += whole;
        let mut sound = whole > 0 && !leading_zero;
        let mut integer = true;
        if self.bytes.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            sound &= fraction > 0;
            integer = false;
            at += 1 + fraction;
        }
        if let Some(b'e' | b'E') = self.bytes.get(at) {
            let sign = usize::from(matches!(self.bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at + 1 + sign);
            sound &= exponent > 0;
            integer = false;
            at += 1 + sign + exponent;
        }
        if !sound || self.bytes.get(at).is_some_and(|b| is_word(*b) || matches!(b, b'+' | b'.' | b':')) {
            return self.odd_value(key);
        }
        let text = self.source.get(start..at).unwrap_or_default();
        self.at = at;
        let whole = if integer { text.parse().ok().map(Tree::Int) } else { None };
        let tree = match (whole, text.parse::<f64>()) {
            (Some(whole), _) => whole,
            (None, Ok(n)) if n.is_finite() => Tree::Num(n),
            _ => self.number_out_of_range(start),
        };
        self.scalar(start, key, tree)
    }

    fn list(&mut self, key: u32) -> Tree {
        let open = self.at;
        let mark = self.marks.push(open, key, 0);
        let base = self.items.len();
        if !self.enter(open, true) {
            return Tree::Null;
        }
        let mut last = Last::Open;
        while self.next(&mut last, b']') {
            let value = self.value(NO_KEY);
            self.items.push(value);
            if let Some(frame) = self.frames.last_mut() {
                frame.here += 1;
            }
            last = self.behind_value();
        }
        self.frames.pop();
        self.marks.close(mark);
        Tree::List(self.items.drain(base..).collect())
    }

    fn map(&mut self, key: u32) -> Tree {
        let open = self.at;
        let mark = self.marks.push(open, key, 0);
        let base = self.entries.len();
        if !self.enter(open, false) {
            return Tree::Null;
        }
        let mut last = Last::Open;
        while self.next(&mut last, b'}') {
            let key = self.at;
            if let Some(frame) = self.frames.last_mut() {
                frame.here = key;
            }
            let Some(name) = self.key() else {
                last = self.behind_value();
                continue;
            };
            self.space();
            if self.peek() == Some(b':') {
                self.at += 1;
                self.space();
            } else {
                self.no_colon();
            }
            let start = self.marks.len();
            let value = self.value(u32::try_from(key).unwrap_or(NO_KEY));
            self.entries.push(Entry { name, value, start });
            last = self.behind_value();
        }
        self.frames.pop();
        let mut repeated = Vec::new();
        let map = self.marks.close_map(mark, &mut self.entries, base, false, |name, first, second| {
            repeated.push((name.clone(), first, second));
        });
        for (name, first, second) in repeated {
            let path = if self.lost { Path::root() } else { self.path().child(&*name) };
            self.findings.duplicate(path, &name, first, second);
        }
        Tree::Map(map)
    }

    fn enter(&mut self, open: usize, list: bool) -> bool {
        if self.frames.len() >= MAX_DEPTH {
            self.too_deep();
            return false;
        }
        self.at += 1;
        self.frames.push(Frame { open, list, here: 0 });
        true
    }

    /// Goes to the next member or element; false, and behind the bracket, at the end.
    fn next(&mut self, last: &mut Last, close: u8) -> bool {
        loop {
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.comma(*last);
                    *last = Last::Comma(self.at);
                    self.at += 1;
                }
                Some(byte) if byte == close => {
                    self.check_last_comma(*last);
                    self.at += 1;
                    return false;
                }
                None | Some(b'}' | b']') => {
                    self.not_closed();
                    return false;
                }
                Some(_) => {
                    if let Last::Value(end) = *last
                        && !self.no_comma(end)
                    {
                        *last = Last::Value(self.at);
                        continue;
                    }
                    return true;
                }
            }
        }
    }

    fn key(&mut self) -> Option<Name> {
        if self.peek() != Some(b'"') {
            return self.odd_key();
        }
        let text = self.string();
        Some(self.name(&text))
    }

    fn name(&mut self, text: &str) -> Name {
        let slot = slot(text.as_bytes());
        if let Some(Some(name)) = self.recent.get(slot)
            && **name == *text
        {
            return name.clone();
        }
        let name = self.names.intern(text);
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = Some(name.clone());
        }
        name
    }

    /// The path of the value that is being read; the root where that is not known any more.
    fn path(&self) -> Path {
        if self.lost {
            return Path::root();
        }
        Path::of(self.frames.iter().filter(|f| f.list || f.here > 0).map(|frame| {
            if frame.list {
                frame.here.to_string()
            } else if self.bytes.get(frame.here).is_some_and(|b| matches!(b, b'"' | b'\'')) {
                quoted(self.source, frame.here, &mut |_, _, _| {}).text.into_owned()
            } else {
                let rest = self.source.get(frame.here..).unwrap_or_default();
                rest.get(..word_length(rest)).unwrap_or_default().to_owned()
            }
        }))
    }
}

/// Where a name is kept among the recent ones: from its length, beginning and end.
fn slot(name: &[u8]) -> usize {
    let mut ends = [0_u8; 16];
    let half = name.len().min(8);
    if let (Some(to), Some(from)) = (ends.get_mut(..half), name.get(..half)) {
        to.copy_from_slice(from);
    }
    if let (Some(to), Some(from)) = (ends.get_mut(8..8 + half), name.get(name.len() - half..)) {
        to.copy_from_slice(from);
    }
    let mixed = u128::from_le_bytes(ends);
    let mixed = (mixed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ ((mixed >> 64) as u64).wrapping_add(name.len() as u64);
    (mixed.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 55) as usize
}

/// True for what unquoted words are made of.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-') || byte >= 0x80
}

/// The length of the word that `text` begins with.
fn word_length(text: &str) -> usize {
    text.bytes().take_while(|b| is_word(*b)).count()
}
