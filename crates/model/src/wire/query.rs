//! awsQuery: form bodies and XML replies of Elastic Load Balancing.

use super::{DEEPEST, DecodeError, LARGEST, seconds};
use crate::shapes::{Kind, Op, Protocol, ShapeId, canonical};
use crate::tree::{Map, Name, Names, Tree};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// What AWS wants escaped: all but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The form body of a call: `Action` and `Version`, then the members under their wire names. Nulls and
/// empty structures leave no trace; an empty list is sent as an empty value, which clears what it names.
/// Of unknown members lists are written as lists and maps as structures.
pub fn encode(op: Op, tree: &Tree) -> String {
    let mut out = format!("Action={}", op.name());
    if let Protocol::Query { version } = op.service().protocol() {
        pair("Version", version, &mut out);
    }
    put("", tree, Some(op.input()), &mut out);
    out
}

fn put(prefix: &str, tree: &Tree, shape: Option<ShapeId>, out: &mut String) {
    let kind = shape.map(ShapeId::kind);
    match tree {
        Tree::Null => {}
        Tree::Map(map) => {
            let entries = map.iter().filter(|(_, v)| **v != Tree::Null);
            if let Some(Kind::Map { value: shape, .. }) = kind {
                for (i, (name, value)) in entries.enumerate() {
                    let entry = format!("{prefix}.entry.{}", i + 1);
                    pair(&format!("{entry}.key"), name, out);
                    put(&format!("{entry}.value"), value, Some(shape), out);
                }
                return;
            }
            for (name, value) in entries {
                let dot = if prefix.is_empty() { "" } else { "." };
                match shape.and_then(|s| s.member(name)) {
                    // Given in both cases: the canonical one counts.
                    Some(member) if **name != *member.name && tree.get(member.name).is_some() => {}
                    Some(member) => {
                        put(&format!("{prefix}{dot}{}", member.wire), value, Some(member.shape), out);
                    }
                    None => put(&format!("{prefix}{dot}{name}"), value, None, out),
                }
            }
        }
        Tree::List(items) => {
            let item = match kind {
                Some(Kind::List { item, .. }) => Some(item),
                _ => None,
            };
            if items.is_empty() {
                pair(prefix, "", out);
            }
            for (i, value) in items.iter().filter(|v| **v != Tree::Null).enumerate() {
                put(&format!("{prefix}.member.{}", i + 1), value, item, out);
            }
        }
        Tree::Str(text) => pair(prefix, text, out),
        Tree::Bool(_) | Tree::Int(_) | Tree::Num(_) => pair(prefix, &scalar(tree, shape), out),
    }
}

fn scalar(tree: &Tree, shape: Option<ShapeId>) -> String {
    match (shape.map(ShapeId::kind), shape) {
        (Some(Kind::Timestamp), _) => seconds(tree)
            .and_then(|s| jiff::Timestamp::from_millisecond((s * 1000.0).round() as i64).ok())
            .map_or_else(|| tree.to_json(), |t| t.to_string()),
        (_, Some(shape)) => canonical(tree.clone(), shape).to_json(),
        (_, None) => tree.to_json(),
    }
}

fn pair(name: &str, value: &str, out: &mut String) {
    out.push('&');
    out.extend(utf8_percent_encode(name, ESCAPED));
    out.push('=');
    out.extend(utf8_percent_encode(value, ESCAPED));
}

/// The canonical tree of an XML reply `<OpResponse><OpResult>…`; an empty map where the operation
/// answers nothing. Numbers and booleans have the type of their shape, times stay text. Of unknown
/// elements a leaf is text, one with `member` children alone a list, any other a map.
///
/// # Errors
/// Where it is no XML, another document (such as an error), too large or too deep, or has text where the
/// shape has a structure, a list or a map: such a reply must not pass for an empty one.
pub fn decode(bytes: &[u8], op: Op) -> Result<Tree, DecodeError> {
    if bytes.len() > LARGEST {
        return Err(DecodeError::TooLarge(bytes.len()));
    }
    let mut reader = Reader::from_str(std::str::from_utf8(bytes)?);
    reader.config_mut().expand_empty_elements = true;
    let mut reply = Reply { reader, names: Names::default() };
    reply.enter(&format!("{}Response", op.name()))?;
    let result = format!("{}Result", op.name());
    let mut tree = Tree::map();
    loop {
        match reply.reader.read_event()? {
            Event::Start(start) if start.local_name().as_ref() == result => {
                tree = reply.element(&result, op.output(), 1)?;
            }
            Event::Start(start) => {
                reply.reader.read_to_end(start.name())?;
            }
            Event::End(_) => return Ok(if tree.as_map().is_some() { tree } else { Tree::map() }),
            Event::Eof => return Err(DecodeError::Cut),
            _ => {}
        }
    }
}

struct Reply<'x> {
    reader: Reader<&'x [u8]>,
    names: Names,
}

impl Reply<'_> {
    /// Reads up to the start of the root, which must be `expected`.
    fn enter(&mut self, expected: &str) -> Result<(), DecodeError> {
        let found = loop {
            match self.reader.read_event()? {
                Event::Start(start) => break start.local_name().as_ref().to_owned(),
                Event::Eof => break String::new(),
                _ => {}
            }
        };
        if found == expected {
            return Ok(());
        }
        Err(DecodeError::Root { expected: expected.to_owned(), found })
    }

    /// Reads an element whose start has been read, and its end.
    fn element(&mut self, element: &str, shape: Option<ShapeId>, depth: usize) -> Result<Tree, DecodeError> {
        if depth > DEEPEST {
            return Err(DecodeError::TooDeep);
        }
        let kind = shape.map(ShapeId::kind);
        let mut text = String::new();
        let mut children: Vec<(Name, Tree)> = Vec::new();
        loop {
            match self.reader.read_event()? {
                Event::Start(start) => {
                    let wire = start.local_name();
                    let wire = wire.as_ref();
                    let (name, below) = match (kind, shape.and_then(|s| s.member(wire))) {
                        (Some(Kind::List { item, .. }), _) => (wire, Some(item)),
                        (_, Some(member)) => (member.name, Some(member.shape)),
                        // Entries of maps too: keys and values are text here.
                        _ => (wire, None),
                    };
                    let value = self.element(wire, below, depth + 1)?;
                    children.push((self.names.intern(name), value));
                }
                Event::End(_) => break,
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(entity) => match entity.resolve_char_ref()? {
                    Some(c) => text.push(c),
                    None => text.push_str(
                        resolve_predefined_entity(&entity)
                            .ok_or_else(|| DecodeError::Entity(entity.to_string()))?,
                    ),
                },
                Event::Eof => return Err(DecodeError::Cut),
                _ => {}
            }
        }
        if let (Some(Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. }), Some(shape)) =
            (kind, shape)
            && !text.trim().is_empty()
        {
            return Err(DecodeError::Misfit { element: element.to_owned(), expected: shape.words() });
        }
        Ok(match kind {
            Some(Kind::Structure { .. }) => structure(children),
            Some(Kind::List { .. }) => Tree::list(children.into_iter().map(|(_, v)| v)),
            Some(Kind::Map { .. }) => Tree::of(children.into_iter().filter_map(|(_, mut entry)| {
                let name = self.names.intern(entry.str("key")?);
                Some((name, entry.take("value").unwrap_or_default()))
            })),
            Some(kind) if children.is_empty() => leaf(text, kind),
            _ => unknown(text, children),
        })
    }
}

fn structure(children: Vec<(Name, Tree)>) -> Tree {
    Tree::Map(children.into_iter().filter(|(_, v)| *v != Tree::Null).collect::<Map>())
}

/// Text as its kind has it; null where the kind has no empty value; text where it does not fit.
fn leaf(text: String, kind: Kind) -> Tree {
    let word = text.trim();
    let read = match kind {
        Kind::Integer { .. } | Kind::Long { .. } => word.parse().ok().map(Tree::Int),
        Kind::Float { .. } | Kind::Double { .. } => word.parse().ok().map(Tree::Num),
        Kind::Boolean => word.parse().ok().map(Tree::Bool),
        _ => return Tree::from(text),
    };
    match read {
        None if word.is_empty() => Tree::Null,
        None => Tree::from(text),
        Some(tree) => tree,
    }
}

fn unknown(text: String, children: Vec<(Name, Tree)>) -> Tree {
    if children.is_empty() {
        return Tree::from(text);
    }
    if children.iter().all(|(name, _)| &**name == "member") {
        return Tree::list(children.into_iter().map(|(_, v)| v));
    }
    structure(children)
}
