//! Trees that fit a shape, grown from a tape of choices: what property tests feed on.

use super::{Kind, Protocol, ShapeId};
use crate::tree::Tree;

/// Letters of generated text: what codecs must escape is among them.
const LETTERS: [char; 16] =
    ['a', 'Z', '0', '-', '.', '/', ' ', '&', '<', '"', '\'', '\\', '+', '%', 'é', '→'];

/// A tree that fits `shape` within its limits, in canonical form. The tape decides which optional
/// members are there and what the values are; once it ends only required members follow, so a shorter
/// tape grows a smaller tree, which is how a property test shrinks one. Times are text or numbers as the
/// service sends them.
pub fn grow(shape: ShapeId, tape: &mut dyn Iterator<Item = u32>) -> Tree {
    match shape.kind() {
        Kind::Structure { members, union } => {
            if union {
                let at = next(tape) as usize % members.len().max(1);
                return Tree::of(members.get(at).map(|m| (m.name, grow(m.shape, tape))));
            }
            let mut entries = Vec::new();
            for member in members {
                if member.required || next(tape) % 3 == 1 {
                    entries.push((member.name, grow(member.shape, tape)));
                }
            }
            Tree::of(entries)
        }
        Kind::List { item, min, max } => {
            let count = count(tape, min, max, 3);
            Tree::list((0..count).map(|_| grow(item, tape)))
        }
        Kind::Map { key, value, min, max } => {
            let count = count(tape, min, max, 3);
            Tree::of((0..count).map(|i| {
                let name = match grow(key, tape) {
                    Tree::Str(text) if matches!(key.kind(), Kind::String { enums: [], .. }) => {
                        format!("{i}{}", text.chars().skip(1).collect::<String>())
                    }
                    Tree::Str(text) => text.into(),
                    _ => i.to_string(),
                };
                (name, grow(value, tape))
            }))
        }
        Kind::String { enums: [], min, max, .. } => {
            let count = count(tape, min, max, 6);
            let text: String = (0..count).map(|_| LETTERS[next(tape) as usize % LETTERS.len()]).collect();
            Tree::from(text)
        }
        Kind::String { enums, .. } => Tree::from(enums[next(tape) as usize % enums.len()]),
        Kind::Integer { min, max } | Kind::Long { min, max } => {
            let least = min.unwrap_or(0);
            let most = max.unwrap_or(i64::from(i32::MAX)).max(least);
            Tree::Int(least + i64::from(next(tape)) % (most - least + 1))
        }
        Kind::Float { min, max } | Kind::Double { min, max } => {
            let n = f64::from(next(tape) % 4000) / 4.0;
            Tree::Num(n.max(min.unwrap_or(n)).min(max.unwrap_or(n)))
        }
        Kind::Boolean => Tree::Bool(next(tape) % 2 == 1),
        Kind::Timestamp => {
            let seconds = i64::from(next(tape));
            match shape.service().protocol() {
                Protocol::Json { .. } => Tree::Int(seconds),
                Protocol::Query { .. } => {
                    Tree::from(jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string())
                }
            }
        }
        Kind::Blob => Tree::from("AAAA"),
        Kind::Document => Tree::of([("any", Tree::from(i64::from(next(tape))))]),
    }
}

fn next(tape: &mut dyn Iterator<Item = u32>) -> u32 {
    tape.next().unwrap_or(0)
}

/// How many: at least one more than nothing where the limits leave it open and the tape goes on.
fn count(tape: &mut dyn Iterator<Item = u32>, min: Option<u64>, max: Option<u64>, usual: u64) -> u64 {
    let least = min.unwrap_or(0);
    let most = max.unwrap_or(u64::MAX).min(least + usual);
    least + u64::from(next(tape)) % (most.saturating_sub(least) + 1)
}
