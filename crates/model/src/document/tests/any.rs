//! A short run of what `fuzz/` does without end: any text is read or refused with findings, and never a
//! panic. The same run every time.

use serde_json::{Value, json};

use super::*;

/// Numbers that look random and are not: xorshift.
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

fn is_read_or_refused(bytes: &[u8]) {
    for format in [Format::Json, Format::Yaml] {
        let (read, found) = match text::parse(bytes, Some(format)) {
            Ok(parsed) => read(parsed),
            Err(found) => (None, found),
        };
        assert_eq!(read.is_none(), diagnostic::any_error(&found));
        let source = String::from_utf8_lossy(bytes);
        let shown = diagnostic::render("any", &source, &found, false);
        assert_eq!(shown.is_empty(), found.is_empty());
        for d in &found {
            let at = d.at.map_or(0, |at| at.offset as usize);
            assert!(at <= source.len(), "{d:?}");
        }
    }
}

/// Pointers to everything in a value.
fn pointers(value: &Value, here: String, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                pointers(value, format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                pointers(value, format!("{here}/{i}"), all);
            }
        }
        _ => {}
    }
    all.push(here);
}

#[test]
fn documents_with_other_values_anywhere_are_read_or_refused() {
    let good = super::semantics::good();
    let mut all = Vec::new();
    pointers(&good, String::new(), &mut all);
    let others = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("${targetGroup:x}"),
        json!("{{ x }}"),
        json!("arn:aws:iam::1:role/é"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!({}),
        json!({"": {"a": null}}),
        json!({"services": [{}, {}]}),
        json!([{"name": "x", "Name": "y"}]),
    ];
    for pointer in &all {
        for other in &others {
            let mut document = good.clone();
            *document.pointer_mut(pointer).unwrap() = other.clone();
            let bytes = document.to_string();
            let parsed = text::parse(bytes.as_bytes(), Some(Format::Json)).unwrap();
            let (read, found) = read(parsed);
            assert_eq!(read.is_none(), diagnostic::any_error(&found), "{pointer} {other}");
            assert!(found.iter().all(|d| d.at.is_some()), "{pointer} {other}: {found:#?}");
        }
    }
    println!("{} documents", all.len() * others.len());
}

#[test]
fn bytes_that_are_changed_anywhere_are_read_or_refused() {
    let good = serde_json::to_string_pretty(&super::semantics::good()).unwrap().into_bytes();
    let mut choices = Choices(0x9e37_79b9_7f4a_7c15);
    const BYTES: &[u8] = b"{}[]\",:\n\t #&*!|>'%@`0-\\\xff\xe2\x00aZ$<";
    for _ in 0..300 {
        let mut bytes = good.clone();
        for _ in 0..=choices.below(4) {
            let at = choices.below(bytes.len());
            match choices.below(4) {
                0 => bytes[at] = BYTES[choices.below(BYTES.len())],
                1 => bytes.insert(at, BYTES[choices.below(BYTES.len())]),
                2 => drop(bytes.remove(at)),
                _ => {
                    let end = (at + choices.below(200)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = choices.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        is_read_or_refused(&bytes);
    }
}
