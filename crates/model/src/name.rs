//! Member names: cheap to hold, to copy and to compare.
//!
//! The names of AWS's members are known: one of them is held as its place in the sorted list of all, so
//! that two are compared as two numbers and none is stored with a tree. Any other name, such as a key that
//! a user chose, is text that its copies share.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use crate::shapes::ShapeId;

/// A member name or map key. A [`Names`] shares equal ones.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Form);

/// Each name has one form, so equal forms are equal names.
#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// A place in [`Known::sorted`].
    Known(u16),
    Other(Arc<str>),
}

/// The canonical names of all members of all shapes.
struct Known {
    sorted: Vec<&'static str>,
    /// Places in `sorted` by hash, each in the first free slot from its own on; [`FREE`] for none.
    slots: Vec<u16>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut sorted: Vec<&str> = ShapeId::all().flat_map(|s| s.members()).map(|m| m.name).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut slots = vec![FREE; SLOTS];
    for (place, name) in (0..FREE).zip(&sorted) {
        if let Some(slot) = probe(name).find(|slot| slots[*slot] == FREE) {
            slots[slot] = place;
        }
    }
    Known { sorted, slots }
});

const FREE: u16 = u16::MAX;

/// Several for each name, so that the first slot looked at is the right one or free most often.
const SLOTS: usize = 8192;

/// The slots in which a name may be, the likeliest first.
fn probe(name: &str) -> impl Iterator<Item = usize> {
    let bytes = name.as_bytes();
    let (head, tail) = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
    };
    // Names of AWS differ at their ends or in their length.
    let mixed = (head ^ tail.rotate_left(23) ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let first = (mixed >> 51) as usize;
    (first..first + SLOTS).map(|slot| slot % SLOTS)
}

impl Known {
    fn place(&self, name: &str) -> Option<u16> {
        let places = probe(name).map_while(|slot| self.slots.get(slot).filter(|place| **place != FREE));
        places.copied().find(|place| self.sorted.get(usize::from(*place)) == Some(&name))
    }
}

impl Name {
    /// Its number among the canonical names of AWS's members, which are ordered as the names are; `None` for
    /// any other name.
    pub(crate) fn number(&self) -> Option<u16> {
        match self.0 {
            Form::Known(place) => Some(place),
            Form::Other(_) => None,
        }
    }

    fn known(text: &str) -> Option<Self> {
        KNOWN.place(text).map(|place| Name(Form::Known(place)))
    }
}

impl Deref for Name {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        match &self.0 {
            Form::Known(place) => KNOWN.sorted.get(usize::from(*place)).copied().unwrap_or_default(),
            Form::Other(text) => text,
        }
    }
}
impl Ord for Name {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Known(a), Form::Known(b)) => a.cmp(b),
            _ => (**self).cmp(&**other),
        }
    }
}
impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}
impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}
impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name::known(text).unwrap_or_else(|| Name(Form::Other(text.into())))
    }
}
impl From<String> for Name {
    fn from(text: String) -> Self {
        Name::from(text.as_str())
    }
}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// Shares equal names while one text is read; dropped with it, so that a long-running process keeps no
/// name that no tree holds.
#[derive(Default)]
pub struct Names(BTreeSet<Name>);

impl Names {
    /// The one [`Name`] for this text.
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(name) = Name::known(text) {
            return name;
        }
        if let Some(name) = self.0.get(text) {
            return name.clone();
        }
        let name = Name(Form::Other(text.into()));
        self.0.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_every_shape_is_known_and_reads_as_itself() {
        for member in ShapeId::all().flat_map(|s| s.members()) {
            let name = Name::from(member.name);
            assert!(matches!(name.0, Form::Known(_)), "{name}");
            assert_eq!(&*name, member.name);
        }
        assert!(KNOWN.sorted.len() * 4 < SLOTS, "{} names want more slots", KNOWN.sorted.len());
    }

    #[test]
    fn names_are_ordered_as_their_texts_whatever_their_form() {
        let texts = ["", "Zone", "a", "cluster", "clusterx", "family", "name", "service-1", "tags", "é"];
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (*a, *b))) {
            let (x, y) = (Name::from(a), Name::from(b.to_owned()));
            assert_eq!(x.cmp(&y), a.cmp(b), "{a} {b}");
            assert_eq!(x == y, a == b, "{a} {b}");
        }
    }

    #[test]
    fn equal_names_of_one_text_are_shared() {
        let mut names = Names::default();
        let [a, b] = [0, 1].map(|_| names.intern("a key of the user's"));
        assert_eq!(a.as_ptr(), b.as_ptr());
        assert_eq!(size_of::<Name>(), 16);
    }
}
