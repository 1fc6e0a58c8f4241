//! The rules of the house that a machine can check, each with its reason.

use std::path::{Path, PathBuf};

use crate::root;

/// A file longer than this is not read at one sitting.
const MOST_LINES: usize = 900;

/// How the first line of a generated file ends.
const GENERATED: &str = "not edited by hand.";

struct File {
    /// From the workspace's root, with forward slashes.
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// What of a Rust file is a test: all of it, or the module at its end.
    fn tests(&self) -> &str {
        let path = Path::new(&self.path);
        let all = path.file_name().is_some_and(|name| name == "tests.rs")
            || path.parent().is_some_and(|folder| folder.iter().any(|part| part == "tests"));
        let start = if all { Some(0) } else { self.text.find("#[cfg(test)]\nmod tests {") };
        start.map_or("", |start| &self.text[start..])
    }
}

/// Every text file that is ours: not what is built, downloaded or hidden.
fn files() -> Vec<File> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let ours = !name.starts_with('.') || [".ci", ".cargo", ".dockerignore"].contains(&name.as_str());
            if path.is_file() && ours {
                found.push(path);
            } else if path.is_dir()
                && ours
                && !["target", "node_modules", "__pycache__"].contains(&name.as_str())
            {
                walk(&path, found);
            }
        }
    }
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = String::from_utf8(std::fs::read(&path).unwrap()).ok()?;
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        Some(File { path, text })
    };
    let files: Vec<_> = paths.into_iter().filter_map(read).collect();
    assert!(files.iter().any(|f| f.path == "tests/tidy.rs"), "the walk misses files");
    files
}

fn rust() -> impl Iterator<Item = File> {
    files().into_iter().filter(File::is_rust)
}

/// Fails with every place at which a rule is broken.
fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// The lines of `text` that contain one of `words`, as `path:line: word`.
fn places(file: &File, text: &str, words: &[&str]) -> Vec<String> {
    let skipped = file.text[..file.text.len() - text.len()].lines().count();
    let lines = text.lines().enumerate();
    let hits = lines.flat_map(|(i, line)| words.iter().filter(|w| line.contains(*w)).map(move |w| (i, w)));
    hits.map(|(i, word)| format!("{}:{}: {word}", file.path, skipped + i + 1)).collect()
}

/// The reader learns first what a file is for.
#[test]
fn every_file_says_what_it_is_for() {
    none(rust().filter(|f| !f.first_line().starts_with("//! ")).map(|f| f.path).collect());
}

#[test]
fn every_file_can_be_read_at_one_sitting() {
    let long = rust().filter(|f| !f.first_line().ends_with(GENERATED) && f.text.lines().count() > MOST_LINES);
    none(long.map(|f| format!("{}: {} lines", f.path, f.text.lines().count())).collect());
}

/// What is left to do is an issue, not a remark.
#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("dbg", "!(")];
    none(rust().flat_map(|f| places(&f, &f.text, &words)).collect());
}

/// A test that sleeps is slow on a good day and wrong on a bad one; a test that is ignored rots. Under tokio's
/// paused clock a sleep takes no time: it stands for somebody else's slowness.
#[test]
fn no_test_sleeps_or_is_ignored() {
    let never = [concat!("thread::", "sleep"), concat!("#[", "ignore")];
    let with_a_real_clock = [concat!("time::", "sleep")];
    let broken = rust().flat_map(|f| {
        // The stage runs every scenario under a paused clock.
        let staged = f.path == "tests/stage.rs" || f.path.starts_with("tests/scenarios/");
        let paused = staged || f.tests().contains("start_paused = true");
        let mut broken = places(&f, f.tests(), &never);
        broken.extend(places(&f, f.tests(), if paused { &[] } else { &with_a_real_clock }));
        broken
    });
    none(broken.collect());
}

/// What works on one machine only is not part of the project.
#[test]
fn no_file_names_a_place_on_one_machine() {
    let words = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Use", "rs/"), concat!("/wo", "rk/")];
    none(files().iter().flat_map(|f| places(f, &f.text, &words)).collect());
}

/// Every crate comes from the registry that everyone has.
#[test]
fn the_lock_file_names_one_registry() {
    let lock = crate::text("Cargo.lock");
    let other = lock
        .lines()
        .filter(|line| line.starts_with("source = "))
        .filter(|line| *line != "source = \"registry+https://github.com/rust-lang/crates.io-index\"");
    none(other.map(str::to_owned).collect());
}

/// A file that no `mod` names is not compiled, so it looks like code or a test and is neither.
#[test]
fn no_file_is_forgotten() {
    let sources: Vec<File> = rust().collect();
    let text = |path: &str| sources.iter().find(|f| f.path == path).map(|f| f.text.as_str());
    let mut orphans = Vec::new();
    for file in &sources {
        let Some((folder, name)) = file.path.rsplit_once('/') else { continue };
        let stem = name.trim_end_matches(".rs");
        let root_of_a_target = ["main", "lib", "build"].contains(&stem)
            || ["/examples", "/benches", "/src/bin", "/fuzz_targets"]
                .iter()
                .any(|targets| folder.ends_with(targets))
            // Cargo makes a target of each file beside a crate's sources.
            || folder.strip_prefix("crates/").is_some_and(|f| f.split('/').skip(1).eq(["tests"]));
        if root_of_a_target {
            continue;
        }
        let (module, folder) = match (stem, folder.rsplit_once('/')) {
            ("mod", Some((above, module))) => (module, above),
            _ => (stem, folder),
        };
        let declared = [
            format!("{folder}/mod.rs"),
            format!("{folder}/lib.rs"),
            format!("{folder}/main.rs"),
            format!("{folder}.rs"),
        ]
        .iter()
        .filter_map(|parent| text(parent))
        .any(|text| {
            text.lines().any(|line| {
                line.trim().trim_end_matches(';').rsplit_once("mod ").is_some_and(|(_, m)| m == module)
            })
        });
        if !declared {
            orphans.push(file.path.clone());
        }
    }
    none(orphans);
}

#[test]
fn the_rules_find_what_they_look_for() {
    let text = format!("//! A file.\n#[cfg(test)]\nmod tests {{\n    std::thread::{}(x);\n}}\n", "sleep");
    let file = File { path: "crates/x/src/lib.rs".into(), text };
    assert_eq!(places(&file, file.tests(), &["sleep"]), ["crates/x/src/lib.rs:4: sleep"]);
    let file = File { path: "tests/x.rs".into(), ..file };
    assert_eq!(file.tests(), file.text);
}
