//! `cargo xtask ci`: everything that must hold before a change is merged, in one run.
//!
//! Each step is announced, timed and summed up at the end. A failed step does not stop the others, so that
//! one run shows all there is to repair. A step that cannot run here (no network, no Python) is skipped,
//! loudly: only a step that ran can fail.
//!
//! Clippy and the tests build with the same features and profile and so share what they can: build scripts,
//! procedural macros and their dependencies.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum as _;

/// The version of cargo-deny that is installed where there is none.
const CARGO_DENY: &str = "0.20.2";

/// How long the advisory database may take to arrive; a clone takes a few seconds.
const ADVISORIES_WITHIN: Duration = Duration::from_secs(60);

/// How long pip may take; half a minute is usual.
const PIP_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What `cargo xtask ci` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Only these steps, in the usual order
    #[arg(value_enum)]
    steps: Vec<Step>,
}

/// One thing to check.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// The code is formatted
    Format,
    /// A Python environment for the tests that need one, in .venv
    Python,
    /// Clippy has nothing to say about any target
    Clippy,
    /// All tests
    Test,
    /// Licenses, sources, banned crates and advisories of the dependencies
    Deny,
}

/// What became of a step.
enum Outcome {
    Passed,
    /// It ran, less what the text names.
    PassedWithout(String),
    Skipped(String),
    Failed(String),
}

/// Runs the steps; ends the process with 1 where one of them failed.
///
/// # Errors
///
/// Where the steps could not even begin.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let root = root()?;
    std::env::set_current_dir(&root).with_context(|| format!("entering {}", root.display()))?;
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| args.steps.is_empty() || args.steps.contains(step))
        .collect();

    let began = now();
    let mut results = Vec::new();
    for (index, &step) in steps.iter().enumerate() {
        announce(&format!("[{}/{}] {}", index + 1, steps.len(), step.name()));
        let began = now();
        let outcome = step.run().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let took = began.elapsed();
        announce(&format!("{} {}: {}", step.name(), outcome.words(), seconds(took)));
        results.push((step, outcome, took));
    }

    announce("summary");
    for (step, outcome, took) in &results {
        let reason = outcome.reason().map(|reason| format!("   {reason}")).unwrap_or_default();
        println!("{:<8} {:<16} {:>7}{reason}", step.name(), outcome.words(), seconds(*took));
    }
    println!("{:<8} {:<16} {:>7}", "all", "", seconds(began.elapsed()));
    let failed: Vec<_> = results
        .iter()
        .filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)))
        .map(|(step, ..)| step.name())
        .collect();
    if !failed.is_empty() {
        println!("\nFAILED: {}", failed.join(", "));
        // Not an error of ours: a chain and a backtrace would only hide the summary.
        std::process::exit(1);
    }
    Ok(())
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Format => "format",
            Step::Python => "python",
            Step::Clippy => "clippy",
            Step::Test => "test",
            Step::Deny => "deny",
        }
    }

    fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Step::Format => succeed(&mut cargo(&["fmt", "--all", "--check"])),
            Step::Python => python(),
            Step::Clippy => succeed(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ])),
            Step::Test => succeed(&mut cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])),
            Step::Deny => deny(),
        }
    }
}

impl Outcome {
    fn words(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::PassedWithout(_) => "PASSED IN PART",
            Outcome::Skipped(_) => "SKIPPED",
            Outcome::Failed(_) => "FAILED",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Passed => None,
            Outcome::PassedWithout(reason) | Outcome::Skipped(reason) | Outcome::Failed(reason) => {
                Some(reason)
            }
        }
    }
}

/// `.venv` with exactly what `tests/python/requirements.txt` names. An environment made from the same file
/// before is kept.
fn python() -> anyhow::Result<Outcome> {
    let requirements = Path::new("tests/python/requirements.txt");
    let venv = Path::new(".venv");
    let stamp = venv.join("requirements.txt");
    let wanted = std::fs::read(requirements).with_context(|| requirements.display().to_string())?;
    if std::fs::read(&stamp).is_ok_and(|had| had == wanted) {
        println!(".venv is what {} asks for", requirements.display());
        return Ok(Outcome::Passed);
    }
    // A half-made environment is worse than none.
    if venv.exists() {
        std::fs::remove_dir_all(venv).context("removing the old .venv")?;
    }
    let create =
        || within(Command::new("python3").args(["-m", "venv", ".venv"]), PIP_WITHIN).unwrap_or(false);
    let created = create() || (debian_package("python3-venv") && create());
    if !created {
        return Ok(Outcome::Skipped("no Python environment: python3 -m venv does not work".into()));
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    if !within(pip.arg(requirements), PIP_WITHIN)? {
        std::fs::remove_dir_all(venv).context("removing the half-made .venv")?;
        return Ok(Outcome::Skipped("no Python environment: pip could not install it".into()));
    }
    std::fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    Ok(Outcome::Passed)
}

/// cargo-deny, with advisories where their database can be reached.
fn deny() -> anyhow::Result<Outcome> {
    let version = cargo(&["deny", "--version"]).stderr(Stdio::null()).output()?;
    if version.status.success() {
        let found = String::from_utf8_lossy(&version.stdout);
        if found.trim() != format!("cargo-deny {CARGO_DENY}") {
            println!("note: using {} where CI installs {CARGO_DENY}", found.trim());
        }
    } else {
        println!("cargo-deny is absent: installing {CARGO_DENY} (about three minutes)");
        if !show(&mut cargo(&["install", "--locked", "cargo-deny", "--version", CARGO_DENY]))
            .status()?
            .success()
        {
            return Ok(Outcome::Skipped(format!("cargo-deny {CARGO_DENY} could not be installed")));
        }
    }
    if within(&mut cargo(&["deny", "fetch", "db"]), ADVISORIES_WITHIN)? {
        // Fetched just now: a second fetch could only fail.
        return succeed(&mut cargo(&["deny", "check", "--disable-fetch"]));
    }
    announce("NO ADVISORY DATABASE: it could not be fetched, so known vulnerabilities are NOT checked");
    Ok(match succeed(&mut cargo(&["deny", "check", "bans", "licenses", "sources"]))? {
        Outcome::Passed => Outcome::PassedWithout("advisories not checked: no database".into()),
        other => other,
    })
}

/// Installs a Debian package where that is possible; says whether it did.
fn debian_package(name: &str) -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if !root {
        println!("note: not root, so {name} is not installed");
        return false;
    }
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        within(command.env("DEBIAN_FRONTEND", "noninteractive").args(args), PIP_WITHIN).unwrap_or(false)
    };
    apt(&["update", "--quiet"]) && apt(&["install", "--yes", "--quiet", "--no-install-recommends", name])
}

/// The workspace's root: the folder above this crate's.
fn root() -> anyhow::Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    Path::new(&manifest).parent().map(Path::to_owned).context("xtask is not in a workspace")
}

/// Cargo, as the toolchain that runs us has it.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The package being run is xtask; what is started from here is not part of it.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
    command.args(args);
    command
}

/// Runs a command to its end, whatever it takes.
fn succeed(command: &mut Command) -> anyhow::Result<Outcome> {
    let status = show(command).status().with_context(|| words(command))?;
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("`{}`: {status}", words(command)))
    })
}

/// Runs a command, stopping it after `limit`; says whether it succeeded.
fn within(command: &mut Command, limit: Duration) -> anyhow::Result<bool> {
    let mut child = show(command).spawn().with_context(|| words(command))?;
    let began = now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if began.elapsed() > limit {
            println!("stopped after {}: {}", seconds(limit), words(command));
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn show(command: &mut Command) -> &mut Command {
    println!("$ {}", words(command));
    // Ours goes first, however the output is buffered.
    std::io::stdout().flush().ok();
    command.stdin(Stdio::null())
}

fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn announce(text: &str) {
    println!("\n==== {text} ====");
    std::io::stdout().flush().ok();
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The clock for durations: nothing here decides by it.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}
