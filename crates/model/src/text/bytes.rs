//! Looks for bytes eight at a time: nearly every text of a document is asked, and hardly one holds them.

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// Sets the highest bit of the bytes of a word that are less than `limit`, which is 128 at most. The lowest bit that
/// is set is certain; those above it may owe to it (Hacker's Delight, 6-1).
const fn less(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

/// The same, for the bytes that are `byte`.
const fn equal(word: u64, byte: u8) -> u64 {
    less(word ^ (ONES * byte as u64), 1)
}

/// True where one of these bytes stands in a text.
pub fn has_any<const N: usize>(text: &str, bytes: [u8; N]) -> bool {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let found = |word: u64| bytes.iter().any(|byte| equal(word, *byte) != 0);
    words.iter().any(|word| found(u64::from_le_bytes(*word))) || rest.iter().any(|byte| bytes.contains(byte))
}

/// How many bytes stand before the first that ends a JSON string or stands for another: a quote, a backslash, a
/// control character.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, b'"') | equal(word, b'\\') | less(word, 0x20);
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let in_rest = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
    bytes.len() - rest.len() + in_rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for length in 0..40 {
            let text = "é".repeat(length);
            assert!(!has_any(&text, [b'$', b'{']), "{length}");
            for (at, _) in text.char_indices() {
                let (before, after) = text.split_at(at);
                assert!(has_any(&format!("{before}{{{after}"), [b'$', b'{']), "{length} {at}");
            }
        }
        for byte in (0..=0x7f_u8).filter(|b| *b != b'$') {
            assert!(!has_any(&char::from(byte).to_string().repeat(9), [b'$']), "{byte}");
        }
    }

    #[test]
    fn the_plain_part_of_a_string_ends_at_the_first_byte_that_is_not() {
        for byte in 0..=u8::MAX {
            let special = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in 0..20 {
                for after in [b'a', b'"', 0x1f, 0x20, 0x80, 0xff] {
                    let mut bytes = [b'z'; 20];
                    bytes[at..].fill(after);
                    bytes[at] = byte;
                    let next = if after == b'"' || after == 0x1f { at + 1 } else { 20 };
                    let expected = if special { at } else { next };
                    assert_eq!(plain_length(&bytes), expected, "{byte} at {at}, then {after}");
                }
            }
        }
    }
}
