//! Any bytes are read, or refused with findings that stand in the text: never a panic.
#![no_main]

use evenkeel_model::{diagnostic, document, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for format in [text::Format::Json, text::Format::Yaml] {
        let (read, found) = match text::parse(bytes, Some(format)) {
            Ok(parsed) => document::read(parsed),
            Err(found) => (None, found),
        };
        assert_eq!(read.is_none(), diagnostic::any_error(&found));
        let source = String::from_utf8_lossy(bytes);
        let _ = diagnostic::render("fuzz", &source, &found, false);
        let _ = diagnostic::to_json(&found);
    }
});
