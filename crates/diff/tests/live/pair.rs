//! A pair of what was declared and what AWS then returned.

use std::path::{Path, PathBuf};

use evenkeel_diff::{FieldDiff, Kind, compare, compare_attributes, compare_described, lift};
use evenkeel_model::Tree;
use evenkeel_model::shapes::{self, ShapeId};
use serde_json::Value;

#[derive(Clone)]
pub struct Pair {
    pub name: String,
    pub kind: Kind,
    /// In the form that is compared.
    pub want: Tree,
    /// In the form that is compared.
    pub live: Tree,
    /// As declared.
    pub declared: Tree,
    /// As described.
    pub raw: Tree,
    pub attributes: Vec<Attributes>,
}

type Default = std::rc::Rc<dyn Fn(&str) -> Option<&'static str>>;

#[derive(Clone)]
pub struct Attributes {
    pub default: Default,
    pub want: Tree,
    pub live: Tree,
}

impl Pair {
    /// From trees in canonical names.
    pub fn new(name: impl Into<String>, kind: Kind, declared: Tree, raw: Tree) -> Pair {
        Pair {
            name: name.into(),
            kind,
            want: lift::declared(kind, declared.clone()),
            live: lift::described(kind, raw.clone()),
            declared,
            raw,
            attributes: Vec::new(),
        }
    }

    pub fn with_attributes(mut self, default: Default, want: Tree, live: Tree) -> Pair {
        self.attributes.push(Attributes { default, want, live });
        self
    }

    pub fn compare(&self, live: &Tree) -> Vec<FieldDiff> {
        let mut found = compare(self.kind, &self.want, live);
        found.extend(self.attribute_diffs());
        found
    }

    pub fn compare_described(&self) -> Vec<FieldDiff> {
        let mut found = compare_described(self.kind, &self.declared, &self.raw);
        found.extend(self.attribute_diffs());
        found
    }

    fn attribute_diffs(&self) -> Vec<FieldDiff> {
        self.attributes
            .iter()
            .flat_map(|a| compare_attributes(|n| (a.default)(n), &a.want, &a.live))
            .collect()
    }
}

/// The JSON files of a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    found.sort();
    found
}

pub fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The shape in which AWS describes one.
fn described(kind: Kind) -> ShapeId {
    let name = format!("{kind:?}");
    let service = kind.create().service();
    ShapeId::all().find(|s| s.service() == service && s.name() == name).unwrap_or_else(|| kind.shape())
}

/// Our own, in the spelling of AWS's own calls: each file has pairs of one kind.
pub fn fixtures() -> Vec<Pair> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/fixtures");
    let mut pairs = Vec::new();
    for path in files(&folder) {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        for (i, pair) in read(&path).as_array().unwrap().iter().enumerate() {
            let kind = Kind::ALL
                .into_iter()
                .find(|k| pair["kind"] == format!("{k:?}"))
                .unwrap_or_else(|| panic!("{}: {}", path.display(), pair["kind"]));
            let name = format!("{stem} {i} ({})", pair["about"].as_str().unwrap_or_default());
            let declared = shapes::canonical(Tree::from(pair["declared"].clone()), kind.shape());
            let live = shapes::canonical(Tree::from(pair["live"].clone()), described(kind));
            pairs.push(Pair::new(name, kind, declared, live));
        }
    }
    pairs
}
