//! Task definitions, services and the like as people really write them.

use std::path::{Path as FilePath, PathBuf};

use super::*;

/// All files below a folder, sorted.
fn files(folder: &FilePath) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused_with_a_reason() {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if !folder.is_dir() {
        eprintln!("NOT TESTED: there is no corpus at {}, beside the workspace", folder.display());
        return;
    }
    let mut read = 0;
    for path in files(&folder) {
        let name = path.display().to_string();
        let Some(format) = format_of_name(&name) else {
            continue;
        };
        let bytes = std::fs::read(&path).unwrap();
        let result = parse(&bytes, Some(format));
        let diagnostics = match &result {
            Ok(parsed) => &parsed.diagnostics,
            Err(diagnostics) => diagnostics,
        };
        let text = String::from_utf8_lossy(&bytes);
        let shown = render(&name, &text, diagnostics, false);
        assert!(shown.lines().all(|line| line.len() < 1000), "{name}: a line is not cut\n{shown}");
        if format == Format::Json {
            let content = text.trim_start_matches(BOM);
            let theirs = serde_json::from_str::<serde_json::Value>(content);
            let ours = diagnostics.iter().filter(|d| d.code != "duplicate-key").all(|d| !d.is_error());
            assert_eq!(ours, theirs.is_ok(), "{name}\n{shown}");
        }
        assert!(result.is_ok() || any_error(diagnostics), "{name}: refused without an error");
        read += usize::from(result.is_ok());
    }
    assert!(read > 100, "only {read} files of the corpus could be read");
}
