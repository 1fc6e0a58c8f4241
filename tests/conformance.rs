//! The simulator against clients that know nothing of it: boto3, the AWS CLI, Terraform; and beside moto and
//! what was recorded on AWS. What cannot run here says so, loudly.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;

use evenkeel_sim::{SimConfig, SimHandle, drive_clock, serve};
use tokio::net::TcpListener;

use crate::root;

/// Says what is not checked here, where nobody misses it: on the terminal too.
fn skipped(what: &str, why: &str) {
    eprintln!("\n*** SKIPPED: {what}: {why} ***\n");
}

/// The Python that `cargo xtask ci python` makes.
fn python() -> Option<PathBuf> {
    let path = root().join(".venv/bin/python");
    path.exists().then_some(path)
}

/// An account on a port, its clock running `speed` times as fast as the wall's.
fn served(speed: f64) -> (String, impl Drop) {
    struct Stop(Option<tokio::sync::oneshot::Sender<()>>, Option<std::thread::JoinHandle<()>>);
    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.take().map(|stop| stop.send(()));
            self.1.take().map(std::thread::JoinHandle::join);
        }
    }
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let (say, said) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let handle = SimHandle::new(SimConfig {
                account: "123456789012".into(),
                region: "us-east-1".into(),
                seed: 11,
                start_epoch_seconds: 1_795_000_000,
            });
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            say.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
            tokio::select! {
                biased;
                _ = stopped => {}
                () = serve(listener, handle.clone(), std::future::pending()) => {}
                () = drive_clock(handle, speed, std::future::pending()), if speed > 0.0 => {}
            }
        });
    });
    (said.recv().unwrap(), Stop(Some(stop), Some(thread)))
}

/// Runs a script against an account of its own.
fn run(script: &str, speed: f64, arguments: &[&str]) {
    let Some(python) = python() else {
        return skipped(script, "no .venv; `cargo xtask ci python` makes it");
    };
    let (endpoint, _served) = served(speed);
    let output = Command::new(python)
        .arg(root().join("tests/python").join(script))
        .arg(&endpoint)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}:\n{said}\n{errors}");
    match said.trim().strip_prefix("SKIPPED: ") {
        Some(why) => skipped(script, why),
        None => eprintln!("{}", said.trim()),
    }
}

#[test]
fn boto3_and_the_aws_cli_live_a_whole_life() {
    run("life_cycle.py", 0.0, &[]);
}

#[test]
fn the_aws_cli_deploys_as_guides_describe_it() {
    run("guides.py", 0.0, &[]);
}

#[test]
fn moto_agrees_but_for_named_differences() {
    let fidelity = root().join("docs/sim-fidelity.md");
    run("differential.py", 0.0, &[&fidelity.to_string_lossy()]);
}

#[test]
fn what_was_recorded_on_aws_comes_back() {
    let folder = root().join("../shared/corpus/live");
    run("recorded.py", 0.0, &[&folder.to_string_lossy()]);
}

/// Terraform polls by the wall's clock, so virtual time runs fast.
#[test]
fn terraform_applies_and_finds_nothing_to_change() {
    run("tf.py", 300.0, &[]);
}

/// The simulator stays smaller than the product.
#[test]
fn the_simulator_is_smaller_than_the_product() {
    fn lines(folder: PathBuf) -> usize {
        std::fs::read_dir(folder).map_or(0, |entries| {
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| match path.extension() {
                    _ if path.is_dir() => lines(path),
                    Some(end) if end == "rs" => {
                        let text = std::fs::read_to_string(&path).unwrap();
                        let generated =
                            text.lines().next().is_some_and(|it| it.ends_with("not edited by hand."));
                        if generated { 0 } else { text.lines().count() }
                    }
                    _ => 0,
                })
                .sum()
        })
    }
    let crates = root().join("crates");
    let simulator = lines(crates.join("sim/src"));
    let names = ["model", "diff", "plan", "cloud", "controller", "evenkeel"];
    let product: usize = names.iter().map(|name| lines(crates.join(name).join("src"))).sum();
    eprintln!("simulator {simulator} lines, product {product}");
    assert!(simulator < product);
}
