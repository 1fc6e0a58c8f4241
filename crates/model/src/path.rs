//! Where a value stands inside a document or an AWS shape.
//!
//! One syntax everywhere: a JSON pointer (RFC 6901) in which an element of a list that is a set is
//! named by its key instead of its index, as in
//! `/taskDefinition/containerDefinitions/api-server/environment/MODE`.

use std::fmt;
use std::str::FromStr;

/// A place in a tree: the segments from the root, unescaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Box<str>>);

/// Where a walk is: a list back to the root that is made into a [`Path`] only where something is found.
#[derive(Clone, Copy, Debug)]
pub struct Trail<'t> {
    up: Option<&'t Trail<'t>>,
    step: Step<'t>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'t> {
    Root,
    Name(&'t str),
    Index(usize),
    Item(&'t str, &'t str),
    Element(&'t str, usize),
    All(&'t Path),
}

impl Trail<'_> {
    /// Where every walk begins.
    pub const ROOT: Trail<'static> = Trail { up: None, step: Step::Root };

    /// One step down, to a member.
    pub fn member<'t>(&'t self, name: &'t str) -> Trail<'t> {
        Trail { up: Some(self), step: Step::Name(name) }
    }

    /// One step down, to an element of a list.
    pub fn element(&self, index: usize) -> Trail<'_> {
        Trail { up: Some(self), step: Step::Index(index) }
    }

    /// Two steps down, to what stands under a name in a section.
    pub fn item<'t>(&'t self, section: &'t str, name: &'t str) -> Trail<'t> {
        Trail { up: Some(self), step: Step::Item(section, name) }
    }

    /// Two steps down, to an element of a member that is a list.
    pub fn element_of<'t>(&'t self, list: &'t str, index: usize) -> Trail<'t> {
        Trail { up: Some(self), step: Step::Element(list, index) }
    }

    /// All the steps down that a path tells.
    pub fn follow<'t>(&'t self, path: &'t Path) -> Trail<'t> {
        Trail { up: Some(self), step: Step::All(path) }
    }

    /// The whole way from the root.
    pub fn path(&self) -> Path {
        let mut path = self.up.map_or_else(Path::root, Trail::path);
        match self.step {
            Step::Root => {}
            Step::Name(name) => path.push(name),
            Step::Index(index) => path.push(index.to_string()),
            Step::Item(section, name) => [section, name].iter().for_each(|s| path.push(s)),
            Step::Element(list, index) => [list, &index.to_string()].iter().for_each(|s| path.push(s)),
            Step::All(more) => more.segments().for_each(|s| path.push(s)),
        }
        path
    }
}

/// Text that is not a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path: a path is empty or begins with `/`, and `~` stands only in `~0` and `~1`")]
pub struct PathError(String);

impl Path {
    /// The whole tree.
    pub const fn root() -> Self {
        Path(Vec::new())
    }

    /// A path from segments as they are, unescaped.
    pub fn of<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Self {
        Path(segments.into_iter().map(|s| s.as_ref().into()).collect())
    }

    /// This path with one segment more.
    #[must_use]
    pub fn child(&self, segment: impl AsRef<str>) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment.as_ref().into());
        Path(segments)
    }

    /// This path followed by all of `rest`.
    #[must_use]
    pub fn join(&self, rest: &Path) -> Self {
        Path(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// Adds a segment in place; [`Path::pop`] takes it back. For walks that visit many places.
    pub fn push(&mut self, segment: impl AsRef<str>) {
        self.0.push(segment.as_ref().into());
    }

    /// Takes the last segment off.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// The path without its last segment; `None` at the root.
    pub fn parent(&self) -> Option<Path> {
        let (_, rest) = self.0.split_last()?;
        Some(Path(rest.to_vec()))
    }

    /// The segments, unescaped.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.0.iter().map(|s| &**s)
    }

    /// The last segment; `None` at the root.
    pub fn last(&self) -> Option<&str> {
        self.0.last().map(|s| &**s)
    }

    /// True for the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// True where this path is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &Path) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            f.write_str("/")?;
            f.write_str(&segment.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Ok(Path::root());
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PathError(text.to_owned()));
        };
        let mut segments = Vec::new();
        for raw in rest.split('/') {
            let mut parts = raw.split('~');
            let mut segment = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                segment.push(match part.as_bytes().first() {
                    Some(b'0') => '~',
                    Some(b'1') => '/',
                    _ => return Err(PathError(text.to_owned())),
                });
                segment.push_str(&part[1..]);
            }
            segments.push(segment.into_boxed_str());
        }
        Ok(Path(segments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_every_segment_it_is_given() {
        let path = Path::of(["a/b", "~", "", "c~1"]);
        assert_eq!(path.to_string(), "/a~1b/~0//c~01");
        assert_eq!(path.to_string().parse::<Path>().unwrap(), path);
        assert_eq!("".parse::<Path>().unwrap(), Path::root());
    }

    #[test]
    fn refuses_what_is_not_a_pointer() {
        for text in ["a", "/~", "/~2"] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }

    #[test]
    fn knows_what_lies_below() {
        let path = Path::of(["services", "api"]);
        assert!(path.child("mode").starts_with(&path));
        assert!(!Path::of(["services", "apis"]).starts_with(&path));
        assert_eq!(path.child("mode").parent(), Some(path));
    }
}
