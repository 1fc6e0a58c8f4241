//! From what was written to what AWS takes: one walk that gives every value of an AWS shape its canonical
//! form and reports all that does not fit.

use super::answers::Shown;
use super::behaviour;
use super::schema::{ADOPT_FROM, ALLOW_UNKNOWN, Aws, Entry, Field};
use crate::diagnostic::Diagnostic;
use crate::path::Path;
use crate::shapes::{self, Kind, Member, Op, Problem, ShapeId};
use crate::text::{has_any, is_placeholder, looks_like_template};
use crate::tree::{MASKED, Map, Name, Tree};

/// Members whose texts are written in languages of their own, where `${X}` and `<x>` mean something: only
/// a text that is a placeholder as a whole is taken for one.
const OTHER_LANGUAGES: [&str; 7] =
    ["command", "entryPoint", "environment", "dockerLabels", "options", "messageBody", "hookDetails"];

/// Members for which AWS takes `""` as absent, beside those whose values are words of a list.
const EMPTY_IS_ABSENT: [&str; 8] = [
    "taskRoleArn",
    "executionRoleArn",
    "cpu",
    "memory",
    "role",
    "platformVersion",
    "user",
    "workingDirectory",
];

/// What stands beside the thing itself in answers, whatever the operation.
const BESIDE_ANSWERS: [&str; 4] = ["failures", "nextToken", "nextMarker", "responseMetadata"];

/// A part of the document that was pasted elsewhere, as in an envelope.
pub(super) struct Moved {
    /// Where it stands now.
    pub now: Path,
    /// Where it stands in the text.
    pub was: Path,
}

/// A step of the way down: no text is made of it before something is found.
enum Segment {
    Name(Name),
    Index(usize),
}

impl From<&Name> for Segment {
    fn from(name: &Name) -> Self {
        Segment::Name(name.clone())
    }
}
impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Segment::Index(index)
    }
}

/// The walk over a document.
pub(super) struct Walk<'o> {
    out: &'o mut Vec<Diagnostic>,
    at: Vec<Segment>,
    allow_unknown: bool,
    /// Below a member whose values may be secret.
    masked: bool,
    /// Below one of [`OTHER_LANGUAGES`].
    other_language: bool,
    /// The nulls of one AWS shape: the first, and how many.
    nulls: Option<(Path, usize)>,
    /// Parts that were taken out of envelopes, and from where answers show them.
    pub moved: Vec<Moved>,
}

impl<'o> Walk<'o> {
    /// A walk that begins at the root.
    pub fn new(out: &'o mut Vec<Diagnostic>) -> Self {
        Walk {
            out,
            at: Vec::new(),
            allow_unknown: false,
            masked: false,
            other_language: false,
            nulls: None,
            moved: Vec::new(),
        }
    }

    fn below<T>(&mut self, segment: impl Into<Segment>, what: impl FnOnce(&mut Self) -> T) -> T {
        self.at.push(segment.into());
        let result = what(self);
        self.at.pop();
        result
    }

    /// Where the walk is.
    fn path(&self) -> Path {
        let mut path = Path::root();
        for segment in &self.at {
            match segment {
                Segment::Name(name) => path.push(name),
                Segment::Index(index) => path.push(index.to_string()),
            }
        }
        path
    }

    fn error(&mut self, code: &'static str, message: impl Into<String>) {
        self.out.push(Diagnostic::error(code, self.path(), message));
    }

    fn wrong(&mut self, expected: &str, found: &Tree) {
        self.error("wrong-type", format!("{expected} belongs here, not {}", found.kind()));
    }

    /// Checks a value of the document against its field and brings it into canonical form. `Null` where
    /// nothing is left.
    pub fn field(&mut self, field: &'static Field, tree: Tree) -> Tree {
        match (field, tree) {
            (_, Tree::Null) => Tree::Null,
            (Field::Text, Tree::Str(text)) => {
                if text.trim().is_empty() {
                    self.error("empty", "this text must not be empty");
                }
                self.template(&text);
                Tree::Str(text)
            }
            // An account id or a date that was written without quotes, in YAML for instance.
            (Field::Text, Tree::Int(n)) => Tree::from(n.to_string()),
            (Field::Flag, Tree::Bool(b)) => Tree::Bool(b),
            (Field::Count, tree) => match tree.as_int() {
                Some(n) if n >= 1 => Tree::Int(n),
                Some(_) => {
                    self.error("limit", "this number must be at least 1");
                    Tree::Null
                }
                None => {
                    self.wrong("a whole number", &tree);
                    Tree::Null
                }
            },
            (Field::Word(words) | Field::WordOr(words, _), Tree::Str(text)) => {
                if !words.contains(&&*text) {
                    let near = shapes::nearest(&text, words.iter().copied());
                    self.not_in_enum(&text, words, near);
                }
                Tree::Str(text)
            }
            // YAML's and people's own on and off.
            (Field::Word(words) | Field::WordOr(words, _), Tree::Bool(b)) if words.contains(&"on") => {
                Tree::from(if b { "on" } else { "off" })
            }
            (Field::WordOr(_, entries), Tree::Map(map)) => self.object(entries, map),
            (Field::Duration, Tree::Str(text)) => {
                if behaviour::seconds(&text).is_none() {
                    let wrong = "this is no length of time from a second to thirty days";
                    self.out.push(
                        Diagnostic::error("bad-duration", self.path(), wrong)
                            .with_hint("for example `10m` or `1h 30m`"),
                    );
                }
                Tree::Str(text)
            }
            (Field::Texts, Tree::List(items)) => self.list(items, |walk, item| match item {
                Tree::Null => walk.error("wrong-type", "a string belongs here, not null"),
                item => *item = walk.field(&Field::Text, std::mem::take(item)),
            }),
            (Field::TextMap, Tree::Map(map)) => self.texts(map),
            (Field::Adopt, Tree::Bool(b)) => Tree::Bool(b),
            (Field::Adopt, Tree::Str(text)) if &*text == "ifEqual" => Tree::Str(text),
            (Field::Adopt, Tree::Map(map)) => self.object(ADOPT_FROM, map),
            (Field::Object(entries), Tree::Map(map)) => self.object(entries, map),
            (Field::Each(item), Tree::Map(map)) => Tree::Map(
                map.into_iter()
                    .filter(|(_, value)| *value != Tree::Null)
                    .map(|(name, value)| {
                        let value = self.below(&name, |walk| walk.field(item, value));
                        (name, value)
                    })
                    .collect(),
            ),
            (Field::List(item), Tree::List(items)) => {
                self.list(items, |walk, value| *value = walk.field(item, std::mem::take(value)))
            }
            (Field::Aws(aws), Tree::Map(map)) => self.aws(aws, map),
            (field, tree) => {
                match field {
                    Field::Text => self.wrong("a string", &tree),
                    Field::Flag => self.wrong("true or false", &tree),
                    Field::Word(words) => self.wrong(&format!("one of {}", words.join(", ")), &tree),
                    Field::Adopt => {
                        let wanted = "true, false, \"ifEqual\" or {\"from\": DOCUMENT}";
                        match tree {
                            Tree::Str(_) => {
                                self.error("not-in-enum", format!("{wanted} belongs here, no other text"))
                            }
                            _ => self.wrong(wanted, &tree),
                        }
                    }
                    Field::WordOr(words, _) => {
                        self.wrong(&format!("one of {}, or an object", words.join(", ")), &tree)
                    }
                    Field::Duration => self.wrong("a length of time such as `10m`", &tree),
                    Field::Texts => self.wrong("a list of strings", &tree),
                    Field::TextMap => self.wrong("an object of strings", &tree),
                    Field::List(_) => self.wrong("a list", &tree),
                    Field::Aws(aws)
                        if aws.op == Op::EcsRegisterTaskDefinition && !tree.items().is_empty() =>
                    {
                        let d = Diagnostic::error(
                            "wrong-type",
                            self.path(),
                            "an object belongs here, not a list",
                        );
                        self.out.push(
                            d.with_hint("a list of containers is written `{\"containerDefinitions\": […]}`"),
                        );
                    }
                    _ => self.wrong("an object", &tree),
                }
                Tree::Null
            }
        }
    }

    fn list(&mut self, mut items: Box<[Tree]>, mut each: impl FnMut(&mut Self, &mut Tree)) -> Tree {
        for (i, item) in items.iter_mut().enumerate() {
            self.below(i, |walk| each(walk, item));
        }
        Tree::List(items)
    }

    fn texts(&mut self, map: Map) -> Tree {
        let mut texts = Vec::with_capacity(map.len());
        for (name, value) in map {
            let value = self.below(&name, |walk| match value {
                Tree::Str(text) => {
                    walk.template(&text);
                    Tree::Str(text)
                }
                Tree::Int(_) | Tree::Num(_) | Tree::Bool(_) => Tree::from(value.to_json()),
                other => {
                    walk.wrong("a string", &other);
                    Tree::from("")
                }
            });
            texts.push((name, value));
        }
        Tree::Map(texts.into_iter().collect())
    }

    fn object(&mut self, entries: &'static [Entry], map: Map) -> Tree {
        let outside = self.allow_unknown;
        if map.get(ALLOW_UNKNOWN) == Some(&Tree::Bool(true))
            && entries.iter().any(|e| e.name == ALLOW_UNKNOWN)
        {
            self.allow_unknown = true;
        }
        let mut given = Vec::with_capacity(map.len());
        for (name, value) in map {
            let Some(entry) = entries.iter().find(|e| e.name == &*name) else {
                self.unknown(&name, shapes::nearest(&name, entries.iter().map(|e| e.name)), false);
                continue;
            };
            if value != Tree::Null {
                let value = self.below(&name, |walk| walk.field(&entry.field, value));
                given.push((name, value));
            }
        }
        for entry in entries.iter().filter(|e| e.required && !given.iter().any(|(n, _)| **n == *e.name)) {
            self.missing(entry.name);
        }
        self.allow_unknown = outside;
        Tree::Map(given.into_iter().filter(|(_, v)| *v != Tree::Null).collect())
    }

    fn missing(&mut self, name: &str) {
        self.out.push(missing(name, &self.path()));
    }

    fn unknown(&mut self, name: &str, nearest: Option<&str>, of_aws: bool) {
        let message = match of_aws {
            true => format!("AWS knows no field `{name}` here"),
            false => format!("there is no field `{name}` here"),
        };
        let d = Diagnostic::error("unknown-field", self.path().child(name), message).at_key();
        self.out.push(match nearest {
            Some(near) => d.with_hint(format!("did you mean `{near}`?")),
            None if !of_aws => d,
            None => d.with_hint("if AWS has it since, `\"allowUnknownFields\": true` at the top of the document passes it through"),
        });
    }

    fn not_in_enum(&mut self, found: &str, values: &[&str], nearest: Option<&str>) {
        let what = if self.masked { "this".to_owned() } else { format!("`{found}`") };
        let message = match values {
            [only] => format!("only `{only}` can stand here"),
            _ => format!("{what} is not one of {}", values.join(", ")),
        };
        let d = Diagnostic::error("not-in-enum", self.path(), message);
        self.out.push(match nearest {
            Some(near) if values.len() > 1 => d.with_hint(format!("did you mean `{near}`?")),
            _ => d,
        });
    }

    fn dropped(&mut self, name: &str, why: &str) {
        let message = format!("`{name}` is left out: {why}");
        self.out.push(Diagnostic::note("dropped", self.path().child(name), message).at_key());
    }

    /// Warns of what looks like a template that nobody rendered. True where it does.
    fn template(&mut self, text: &str) -> bool {
        // Hardly any text has one of these.
        if !has_any(text, [b'{', b'<', b'$']) {
            return false;
        }
        let found = if self.other_language { is_placeholder(text) } else { looks_like_template(text) };
        if found {
            let message = "this looks like an unrendered template";
            self.out.push(
                Diagnostic::warning("unrendered-template", self.path(), message)
                    .with_hint("render it first; `$${` stands for `${`"),
            );
        }
        found
    }

    /// An AWS shape at its root: ours beside AWS's members, pasted descriptions, then AWS's own members.
    fn aws(&mut self, aws: &'static Aws, map: Map) -> Tree {
        let unwrapped = self.moved.len();
        let Some(mut map) = self.unwrapped(aws, map) else { return Tree::Null };
        self.brought(aws, &mut map);
        self.nulls = None;
        let described = aws.description();
        let input = aws.op.input();
        let only_answered =
            |name: &Name| input.named(name).is_none() && described.is_some_and(|d| d.named(name).is_some());
        let pasted = self.moved.len() > unwrapped || map.names().any(only_answered);
        let mut given: Vec<(Name, Tree)> = map.into_iter().collect();
        given.retain_mut(|(name, value)| {
            // What AWS knows too is ours where it is an object.
            let ours = |e: &&Entry| {
                e.name == &**name && (input.named(name).is_none() || matches!(value, Tree::Map(_)))
            };
            if let Some(entry) = aws.plus.iter().find(ours) {
                let outer = self.nulls.take();
                *value = self.below(&*name, |walk| walk.field(&entry.field, std::mem::take(value)));
                self.nulls = outer;
                return *value != Tree::Null;
            }
            if let Some((_, ours)) = aws.renamed.iter().find(|(theirs, _)| same_member(theirs, name)) {
                *name = Name::from(*ours);
            }
            self.member(input, described, Some(aws), (name, value), !aws.whole)
        });
        if let Some((first, count)) = self.nulls.take() {
            let message = match count {
                1 => "null is taken as absent".to_owned(),
                more => format!("null is taken as absent, here and in {} more places", more - 1),
            };
            self.out.push(Diagnostic::note("null", first, message));
        }
        let mut tree = Tree::Map(self.finish(input, Some(aws), !aws.whole, given));
        if pasted {
            self.drop_reserved_tags(&mut tree);
        }
        tree
    }

    /// Answers have tags that nobody may send: AWS's own, and Evenkeel's.
    fn drop_reserved_tags(&mut self, tree: &mut Tree) {
        let reserved = |tag: &Tree| {
            tag.str("key").is_some_and(|key| key.starts_with("aws:") || key.starts_with("evenkeel:"))
        };
        let Some(Tree::List(tags)) = tree.as_map_mut().and_then(|map| map.get_mut("tags")) else { return };
        if !tags.iter().any(reserved) {
            return;
        }
        let kept = tags.iter().filter(|tag| !reserved(tag)).cloned();
        *tags = kept.collect();
        let message = "tags of AWS and of Evenkeel are left out: only answers have them";
        self.out.push(Diagnostic::note("dropped", self.path().child("tags"), message).at_key());
    }

    /// What an answer of AWS holds, where it was pasted whole.
    fn unwrapped(&mut self, aws: &'static Aws, map: Map) -> Option<Map> {
        let mut map = map;
        let mut through = Vec::new();
        // Recorded answers have one more around them.
        if map.contains("status_code") && matches!(map.get("data"), Some(Tree::Map(_))) {
            let Some(Tree::Map(inner)) = map.remove("data") else { return Some(map) };
            through.push("data".to_owned());
            map = inner;
        }
        let held = map.iter().find(|(name, value)| {
            matches!(value, Tree::Map(_) | Tree::List(_))
                && aws.envelopes.iter().any(|e| same_member(e, name))
                && !aws.plus.iter().any(|e| e.name == &***name)
        });
        let Some(name) = held.map(|(name, _)| name.clone()) else { return Some(map) };
        through.push(name.to_string());
        let inner = match map.remove(&name) {
            Some(Tree::List(items)) => {
                let at = self.path().join(&Path::of(&through));
                through.push("0".to_owned());
                let count = items.len();
                if count > 1 {
                    let message = format!("the first of {count} is taken");
                    let hint = "paste each of them under a name of its own";
                    self.out.push(Diagnostic::warning("envelope", at, message).at_key().with_hint(hint));
                } else if count == 0 {
                    self.out.push(Diagnostic::error("empty", at, "this list holds nothing to take").at_key());
                    return None;
                }
                items.into_vec().into_iter().next()
            }
            other => other,
        };
        let Some(Tree::Map(mut inner)) = inner else {
            self.error("wrong-type", format!("an object belongs in `{name}`"));
            return None;
        };
        let answer = aws.described.0.output();
        for (beside, value) in map {
            if same_member("tags", &beside) {
                if !inner.contains("tags") && !inner.contains("Tags") {
                    inner.insert("tags", value);
                }
            } else if answer.is_none_or(|a| a.member(&beside).is_none())
                && !BESIDE_ANSWERS.iter().any(|b| same_member(b, &beside))
            {
                inner.insert(beside, value);
            }
        }
        let message =
            format!("what `{name}` holds is taken: this looks like an answer of {}", aws.described.0);
        let was = self.path().join(&Path::of(&through));
        self.out.push(Diagnostic::note("envelope", was.clone(), message).at_key());
        self.moved.push(Moved { now: self.path(), was });
        Some(inner)
    }

    /// Brings what an answer shows elsewhere to where the call has it.
    fn brought(&mut self, aws: &'static Aws, map: &mut Map) {
        let shown = (aws.shown)(map);
        if shown.is_empty() {
            return;
        }
        let here = self.path();
        let whole = self.moved.last().filter(|m| m.now == here).map_or(&here, |m| &m.was).clone();
        for Shown { member, value, at } in shown {
            let was = whole.join(&Path::of(at));
            let now = here.child(member);
            let message = format!("`{member}` is taken from where AWS's answers show it");
            self.out.push(Diagnostic::note("shown-elsewhere", now.clone(), message).at_key());
            self.moved.push(Moved { now, was });
            map.insert(member, value);
        }
    }

    /// Brings one member of a structure into canonical form; false where it is not to be kept.
    fn member(
        &mut self,
        shape: ShapeId,
        described: Option<ShapeId>,
        aws: Option<&'static Aws>,
        (name, value): (&mut Name, &mut Tree),
        fragment: bool,
    ) -> bool {
        let Some(member) = shape.named(name) else {
            if described.is_some_and(|d| d.named(name).is_some()) {
                self.dropped(name, "only AWS's answers have it");
            } else if self.allow_unknown {
                let message = format!("`{name}` is unknown here and passes through as it is");
                self.out.push(Diagnostic::note("passed-through", self.path().child(name), message).at_key());
                return true;
            } else if *value != Tree::Null {
                let ours = aws.into_iter().flat_map(|a| a.plus.iter().map(|e| e.name));
                let known = shape.members().iter().map(|m| m.name).chain(ours);
                self.unknown(name, shapes::nearest(name, known), true);
            }
            return false;
        };
        if matches!(value, Tree::Null) {
            let first = self.nulls.take();
            let (at, count) = first.unwrap_or_else(|| (self.path().child(name), 0));
            self.nulls = Some((at, count + 1));
            return false;
        }
        if aws.is_some_and(|a| a.without.contains(&member.name)) {
            self.dropped(name, "it follows from where this stands in the document");
            return false;
        }
        if is_empty_text(value) && !member.required && empty_is_absent(member.name, member.shape) {
            let message = "empty text is taken as absent, as AWS does here";
            self.out.push(Diagnostic::note("empty", self.path().child(name), message));
            return false;
        }
        let (masked, other_language) = (self.masked, self.other_language);
        self.masked |= MASKED.contains(&member.name);
        self.other_language |= OTHER_LANGUAGES.contains(&member.name);
        let described = match member.shape.kind() {
            Kind::Structure { .. } | Kind::List { .. } => {
                described.and_then(|d| d.named(name)).map(|m| m.shape)
            }
            _ => None,
        };
        self.below(&*name, |walk| walk.value(member.shape, described, value, fragment));
        (self.masked, self.other_language) = (masked, other_language);
        if **name != *member.name {
            *name = member.name.into();
        }
        true
    }

    /// A structure of what was given, once it is known whether all that is required is there.
    fn finish(
        &mut self,
        shape: ShapeId,
        aws: Option<&'static Aws>,
        fragment: bool,
        given: Vec<(Name, Tree)>,
    ) -> Map {
        if !given.is_sorted_by(|(a, _), (b, _)| a < b) {
            let mut names: Vec<&Name> = given.iter().map(|(n, _)| n).collect();
            names.sort();
            for twice in names.windows(2).filter(|pair| pair[0] == pair[1]) {
                let name = twice[0];
                let message = format!("`{name}` is given twice, with its first letter in both cases");
                self.out.push(Diagnostic::error("duplicate-key", self.path().child(name), message).at_key());
            }
        }
        // Upper case sorts first, so of a name in both cases the canonical spelling wins.
        let map: Map = given.into_iter().collect();
        if !fragment {
            for member in shape.members().iter().filter(|m| m.required && !map.contains(m.name)) {
                if !aws.is_some_and(|a| a.given_otherwise(member.name)) {
                    self.missing(member.name);
                }
            }
        }
        map
    }

    /// Brings a value of an AWS shape into canonical form. `fragment`: members may be missing, because more is
    /// merged in later.
    fn value(&mut self, shape: ShapeId, described: Option<ShapeId>, tree: &mut Tree, fragment: bool) {
        match (shape.kind(), &mut *tree) {
            (Kind::Structure { .. }, Tree::Map(map)) => {
                let mut given: Vec<(Name, Tree)> = std::mem::take(map).into_iter().collect();
                given.retain_mut(|(n, v)| self.member(shape, described, None, (n, v), fragment));
                *map = self.finish(shape, None, fragment, given);
            }
            (Kind::List { item, .. }, Tree::List(items)) => {
                let described = described.and_then(|d| match d.kind() {
                    Kind::List { item, .. } => Some(item),
                    _ => None,
                });
                for (i, value) in items.iter_mut().enumerate() {
                    self.below(i, |walk| match value {
                        Tree::Null => {
                            walk.error("wrong-type", format!("{} belongs here, not null", item.words()))
                        }
                        value => walk.value(item, described, value, false),
                    });
                }
                self.fits(tree, shape);
            }
            (Kind::Map { key, value: item, .. }, Tree::Map(map)) => {
                let mut given: Vec<(Name, Tree)> = std::mem::take(map).into_iter().collect();
                given.retain_mut(|(name, value)| {
                    self.below(&*name, |walk| {
                        shapes::check_text(name, key, &mut |problem| walk.problem(problem, true));
                        if !matches!(value, Tree::Null) {
                            walk.value(item, None, value, false);
                        }
                    });
                    if matches!(value, Tree::Null) {
                        let (at, count) = self.nulls.take().unwrap_or_else(|| (self.path().child(name), 0));
                        self.nulls = Some((at, count + 1));
                        return false;
                    }
                    true
                });
                *map = given.into_iter().collect();
                self.fits(tree, shape);
            }
            (Kind::Document, _) => {}
            // Most values are texts that are as they are to be.
            (Kind::String { .. }, Tree::Str(text)) => {
                if !self.template(text) {
                    self.fits(tree, shape);
                }
            }
            (_, value) => *value = self.scalar(shape, std::mem::take(value)),
        }
    }

    fn scalar(&mut self, shape: ShapeId, tree: Tree) -> Tree {
        if let Some(value) = shapes::coerce(&tree, shape) {
            let message = format!("AWS takes {} here, so {} is taken for one", shape.words(), tree.kind());
            let hint = if matches!(tree, Tree::Str(_)) { "leave the quotes out" } else { "put it in quotes" };
            self.out.push(Diagnostic::warning("coerced", self.path(), message).with_hint(hint));
            self.fits(&value, shape);
            return value;
        }
        let template = tree.as_str().is_some_and(|text| self.template(text));
        // What a template becomes is not known, but a number it is not.
        if !template || !matches!(shape.kind(), Kind::String { .. }) {
            self.fits(&tree, shape);
        }
        match (shape.kind(), tree) {
            (Kind::Integer { .. } | Kind::Long { .. }, Tree::Num(n)) => {
                Tree::Num(n).as_int().map_or(Tree::Num(n), Tree::Int)
            }
            (Kind::Float { .. } | Kind::Double { .. }, Tree::Int(n)) => Tree::Num(n as f64),
            (_, tree) => tree,
        }
    }

    fn fits(&mut self, tree: &Tree, shape: ShapeId) {
        shapes::check_value(tree, shape, &mut |problem| self.problem(problem, false));
    }

    fn problem(&mut self, problem: Problem, key: bool) {
        let before = self.out.len();
        match problem {
            Problem::NotInEnum { found, values, nearest } => self.not_in_enum(&found, values, nearest),
            Problem::WrongType { expected, found, .. } => {
                self.error("wrong-type", format!("{expected} belongs here, not {found}"));
            }
            Problem::OutOfRange { .. } if self.masked => self.error("limit", "this number is out of range"),
            limit => self.error("limit", limit.to_string()),
        }
        for d in self.out.iter_mut().skip(before) {
            d.key = key;
        }
    }
}

fn missing(name: &str, path: &Path) -> Diagnostic {
    Diagnostic::error("missing-required", path.clone(), format!("`{name}` is required")).at_key()
}

/// What is still missing in a shape once its fragments are merged: fragments end where a list begins.
pub(super) fn still_missing(aws: &'static Aws, tree: &Tree, path: &Path, out: &mut Vec<Diagnostic>) {
    fn spine(shape: ShapeId, aws: Option<&Aws>, tree: &Tree, path: &mut Path, out: &mut Vec<Diagnostic>) {
        let spines = |m: &&Member| m.required || matches!(m.shape.kind(), Kind::Structure { .. });
        for member in shape.members().iter().filter(spines) {
            match tree.get(member.name) {
                Some(value @ Tree::Map(_)) if matches!(member.shape.kind(), Kind::Structure { .. }) => {
                    path.push(member.name);
                    spine(member.shape, None, value, path, out);
                    path.pop();
                }
                None if member.required && !aws.is_some_and(|a| a.given_otherwise(member.name)) => {
                    out.push(missing(member.name, path));
                }
                _ => {}
            }
        }
    }
    spine(aws.op.input(), Some(aws), tree, &mut path.clone(), out);
}

/// Whether two spellings name one member: the first letter may stand in either case.
fn same_member(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.bytes(), b.bytes());
    a.next().map(|c| c.to_ascii_lowercase()) == b.next().map(|c| c.to_ascii_lowercase()) && a.eq(b)
}

fn is_empty_text(tree: &Tree) -> bool {
    matches!(tree, Tree::Str(text) if text.is_empty())
}

fn empty_is_absent(member: &str, shape: ShapeId) -> bool {
    match shape.kind() {
        Kind::String { enums, .. } => !enums.is_empty() || EMPTY_IS_ABSENT.contains(&member),
        _ => false,
    }
}
