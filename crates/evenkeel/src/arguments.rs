//! What can be written on the command line, and the environment variable of each setting of the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use evenkeel_cloud::calls::Pace;
use evenkeel_cloud::store::Location;
use evenkeel_model::document;
use evenkeel_model::key::{ServiceKey, UnitKey};
use evenkeel_model::orders::{LONGEST_PAUSE_SECONDS, Order};

/// Keeps Amazon ECS services equal to a document in S3
///
/// One daemon compares what a JSON or YAML document asks for with what AWS really has, field by field, and
/// keeps the two equal: services, task definitions, target groups, load balancers, scaling. It explains every
/// difference, and leaves to ECS and to the autoscaler what is theirs.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, after_help = AFTER, after_long_help = AFTER, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
Start here:
  evenkeel demo                                two services in a simulated AWS, nothing to set up
  evenkeel validate services.json              is this document right?
  evenkeel plan services.json                  what would change?
  evenkeel schema > evenkeel.schema.json       completion and checks in your editor
  evenkeel run --document s3://bucket/services.json --state s3://bucket/state/

A document or URI is s3://BUCKET/KEY, a path, or - for standard input.

Exit codes:
  0    done; plan: nothing to do
  1    an error, told on standard error; validate: the document has errors
  2    plan: there are changes
  64   the command line is wrong
  130  stopped at once by a second signal

Environment:
  EVENKEEL_LOG         what is logged to standard error [default: evenkeel=info,warn]
  EVENKEEL_LOG_FORMAT  text or json
  AWS_…                as for every AWS tool, endpoints included; the demo reads none of them";

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)] // each is documented on its arguments
pub enum Command {
    Run(Run),
    Demo(Demo),
    Validate(Validate),
    Plan(Plan),
    Schema(Schema),
    Pause(Pause),
    Resume(Resume),
    Release(Release),
    Approve(Approve),
    Hook(Hook),
    Sim(Sim),
    Health(Health),
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The most the daemon may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Keep AWS equal to the document.
    Enforce,
    /// Compare and report, never write.
    Observe,
}

/// What only a daemon that was told so does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// Delete what was removed from a document.
    Prune,
    /// Replace what AWS does not let change by another of its kind, without a gap.
    Replace,
}

impl From<Mode> for document::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Enforce => document::Mode::Enforce,
            Mode::Observe => document::Mode::Observe,
        }
    }
}

/// Run the daemon: keep AWS equal to the document, until it is told to stop
///
/// Credentials, region and endpoints are found as every AWS tool finds them. The document is looked at every
/// --poll; one with a fault leaves the last good version in force. On SIGTERM or SIGINT the step in hand is
/// finished and recorded, and all is over within 50 s; a second signal stops at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  evenkeel run --document s3://acme-ecs/services.json --state s3://acme-ecs/state/ --listen 0.0.0.0:8080")]
pub struct Run {
    /// The document: s3://BUCKET/KEY; or s3://BUCKET/PREFIX/ for every document below it
    #[arg(long, env = "EVENKEEL_DOCUMENT", value_name = "URI")]
    pub document: Location,
    /// Where the lease and what is remembered are kept: s3://BUCKET/PREFIX/, not among documents
    #[arg(long, env = "EVENKEEL_STATE", value_name = "URI")]
    pub state: Location,
    /// Where health, metrics, status and the page are served
    #[arg(long, env = "EVENKEEL_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The most the daemon may do; a document can only be stricter
    #[arg(long, env = "EVENKEEL_MODE", default_value = "enforce")]
    pub mode: Mode,
    /// What a document may ask for besides: deleting what it no longer has, replacing what cannot be changed
    #[arg(long, env = "EVENKEEL_ALLOW", value_delimiter = ',', value_name = "WHAT")]
    pub allow: Vec<Allow>,
    /// How often to look for a new version of the document, such as 10s or 1m
    #[arg(long, env = "EVENKEEL_POLL", default_value = "10s", value_parser = interval, value_name = "TIME")]
    pub poll: Duration,
    /// What orders over HTTP must bring as their bearer token, 16 characters or more; none are taken without
    #[arg(long, env = "EVENKEEL_API_TOKEN", hide_env_values = true, value_parser = token, value_name = "TOKEN")]
    pub api_token: Option<String>,
    /// How log lines are written
    #[arg(long, env = "EVENKEEL_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// Run the daemon against a simulated AWS inside this process; reaches nothing outside the machine
///
/// Puts an example document (or --document) into the simulated S3 and lets the daemon bring its services up.
/// Reads no AWS profile and no AWS environment variable. While it is up, change things behind its back with
/// the AWS CLI and the lines it prints, and see them healed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  evenkeel demo
  evenkeel demo --document services.yaml --speed 60
  evenkeel demo --exit-when-settled")]
pub struct Demo {
    /// Where the page is served [default: 127.0.0.1:8080, or any free port where that is taken]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Another document than the example
    #[arg(long, value_name = "FILE")]
    pub document: Option<Location>,
    /// Simulated seconds per second
    #[arg(long, default_value = "20", value_parser = demo_speed, value_name = "N")]
    pub speed: f64,
    /// End once AWS is as the document wants it: exit code 0, or 1 where that cannot be
    #[arg(long)]
    pub exit_when_settled: bool,
    /// Where the simulated AWS is served; a loopback address
    #[arg(long, default_value = "127.0.0.1:0", value_parser = loopback, value_name = "ADDRESS")]
    pub sim_listen: SocketAddr,
}

/// Run the simulated AWS alone: ECS, ELBv2, Application Auto Scaling, ECR, CloudWatch Logs, S3 and STS
///
/// What is in it is gone when it ends. Any credentials are accepted.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  evenkeel sim --listen 127.0.0.1:4566 --speed 20
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 evenkeel run --document s3://desired/services.json --state s3://desired/state/")]
pub struct Sim {
    /// Where it is served; a loopback address, because it asks nobody who they are
    #[arg(long, default_value = "127.0.0.1:4566", value_parser = loopback, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Simulated seconds per second
    #[arg(long, default_value = "1", value_parser = speed, value_name = "N")]
    pub speed: f64,
    /// The account's id: 12 digits
    #[arg(long, default_value = "123456789012", value_parser = account, value_name = "ID")]
    pub account: String,
    /// The region
    #[arg(long, default_value = "us-east-1", value_name = "NAME")]
    pub region: String,
    /// Of the ids and durations that are drawn: the same seed, the same ones
    #[arg(long, default_value = "1", value_name = "N")]
    pub seed: u64,
}

/// Check a document and say what is wrong with it, and where
///
/// Exit code 0 where it can be applied, 1 where it has errors. A document in S3 is also compared with the
/// account of the credentials; a file only where --account is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  evenkeel validate services.json
  evenkeel validate s3://acme-ecs/services.json
  render-services | evenkeel validate - --output json")]
pub struct Validate {
    /// s3://BUCKET/KEY, a path, or - for standard input
    #[arg(value_name = "URI")]
    pub document: Location,
    /// How findings are printed
    #[arg(long, default_value = "text")]
    pub output: Output,
    /// The account that the document must be for: 12 digits
    #[arg(long, value_parser = account, value_name = "ID")]
    pub account: Option<String>,
}

/// Show what the daemon would do now, without doing anything
///
/// Exit code 0 where there is nothing to do, 2 where there are changes, 1 on errors.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  evenkeel plan services.json
  evenkeel plan s3://acme-ecs/services.json --state s3://acme-ecs/state/ --output json")]
pub struct Plan {
    /// s3://BUCKET/KEY, a path, or - for standard input
    #[arg(value_name = "URI")]
    pub document: Location,
    /// The daemon's --state: what it remembers tells a change of the document from an edit by hand
    #[arg(long, env = "EVENKEEL_STATE", value_name = "URI")]
    pub state: Option<Location>,
    /// How the plan is printed
    #[arg(long, default_value = "text")]
    pub output: Output,
    /// Another AWS, such as the simulator's http://127.0.0.1:4566
    #[arg(long, value_parser = endpoint, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// Print the JSON Schema (2020-12) of documents, for editors
///
/// With it an editor completes and checks every field that AWS takes. It is made from the tables that `evenkeel
/// validate` uses; what only the whole document can tell, such as a reference to nothing, is validate's.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  evenkeel schema > evenkeel.schema.json
and in the document, for editors that look there:
  {\"$schema\": \"./evenkeel.schema.json\", \"apiVersion\": \"evenkeel/v1\", ...}")]
pub struct Schema {}

/// Where an order is kept, and how the answer is printed.
#[derive(Clone, Debug, Args)]
pub struct Kept {
    /// The daemon's --state, where it reads orders
    #[arg(long, env = "EVENKEEL_STATE", value_name = "URI")]
    pub state: Location,
    /// How the answer is printed
    #[arg(long, default_value = "text")]
    pub output: Output,
    /// Another AWS, such as the simulator's http://127.0.0.1:4566
    #[arg(long, value_parser = endpoint, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// Leave a service alone for a while: nothing is written to it, its drift is still shown
///
/// The daemon takes it up within its --poll. The tag evenkeel:pause=TIME on the service does the same for those
/// who reach only AWS.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example:
  evenkeel pause main/api --for 2h --reason 'incident 42' --state s3://acme-ecs/state/")]
pub struct Pause {
    /// CLUSTER/SERVICE
    #[arg(value_parser = service, value_name = "SERVICE")]
    pub service: UnitKey,
    /// For how long: at most 24h
    #[arg(long, default_value = "1h", value_parser = pause_length, value_name = "TIME")]
    pub r#for: Duration,
    /// Why, for whoever looks at the status
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub kept: Kept,
}

impl Pause {
    /// What it asks for.
    pub fn order(self) -> Order {
        let seconds = i64::try_from(self.r#for.as_secs()).unwrap_or(i64::MAX);
        Order::Pause { unit: self.service, seconds, reason: self.reason }
    }
}

/// End the pause of a service
#[derive(Debug, Args)]
pub struct Resume {
    /// CLUSTER/SERVICE
    #[arg(value_parser = service, value_name = "SERVICE")]
    pub service: UnitKey,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub kept: Kept,
}

/// Let a deployment that failed and is held be tried once more
///
/// Without it a failed deployment is tried again only when the document changes.
#[derive(Debug, Args)]
pub struct Release {
    /// CLUSTER/SERVICE
    #[arg(value_parser = service, value_name = "SERVICE")]
    pub service: UnitKey,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub kept: Kept,
}

/// Let the deletions of a plan happen, where the document says `"prune": "confirm"`
///
/// The plan and the status print the id. An approval counts for a day, and only for exactly those deletions.
#[derive(Debug, Args)]
pub struct Approve {
    /// The id that the plan prints beside its deletions
    #[arg(value_name = "ID")]
    pub plan: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub kept: Kept,
}

/// Answer a lifecycle hook at which ECS pauses a deployment
#[derive(Debug, Args)]
pub struct Hook {
    /// What to do
    pub verdict: Verdict,
    /// The id that the status prints
    #[arg(value_name = "ID")]
    pub hook: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub kept: Kept,
}

/// An answer to a lifecycle hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verdict {
    /// Go on with the deployment.
    Continue,
    /// Take it back.
    Rollback,
}

impl From<Verdict> for evenkeel_model::orders::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Continue => evenkeel_model::orders::Verdict::Continue,
            Verdict::Rollback => evenkeel_model::orders::Verdict::Rollback,
        }
    }
}

/// Ask the daemon on this machine whether it is alive; for container health checks
///
/// Exit code 0 where /healthz answers 200, else 1.
#[derive(Debug, Args)]
pub struct Health {
    /// What to ask [default: /healthz at the port of EVENKEEL_LISTEN, else http://127.0.0.1:8080/healthz]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u64>().ok().map(Duration::from_secs);
    let written = || text.parse::<jiff::SignedDuration>().ok().and_then(|it| it.try_into().ok());
    let interval: Option<Duration> = seconds.or_else(written);
    interval
        .filter(|it| (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(it))
        .ok_or_else(|| "write a time from 1s to 1h, such as 10s or 1m".to_owned())
}

/// A pause as people write it.
pub(crate) fn pause_length(text: &str) -> Result<Duration, String> {
    let written: Option<Duration> =
        text.parse::<jiff::SignedDuration>().ok().and_then(|it| it.try_into().ok());
    let day = Duration::from_secs(LONGEST_PAUSE_SECONDS.unsigned_abs());
    written
        .filter(|it| (Duration::from_secs(60)..=day).contains(it))
        .ok_or_else(|| "write a time from 1m to 24h, such as 90m or 2h".to_owned())
}

fn service(text: &str) -> Result<UnitKey, String> {
    match text.split_once('/') {
        Some((cluster, name)) if !cluster.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(UnitKey::Service(ServiceKey::new(cluster, name)))
        }
        _ => Err("write CLUSTER/SERVICE, such as main/api".to_owned()),
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let url: Option<http::Uri> = text.parse().ok();
    let fits =
        url.is_some_and(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some());
    if fits { Ok(text.to_owned()) } else { Err("write a URL such as http://127.0.0.1:4566".to_owned()) }
}

fn token(text: &str) -> Result<String, String> {
    let fits = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a token has 16 characters or more, and no spaces".to_owned())
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|it| (0.1..=1000.0).contains(it));
    speed.ok_or_else(|| "write a number from 0.1 to 1000".to_owned())
}

fn demo_speed(text: &str) -> Result<f64, String> {
    let speed = speed(text)?;
    // The lease's arithmetic leaves no room for the machine's own time beyond that.
    if speed > 200.0 { Err("write a number from 0.1 to 200".to_owned()) } else { Ok(speed) }
}

fn account(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("an account's id has 12 digits".to_owned()) }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:4566".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the simulated AWS accepts anybody, so it is served on a loopback address only".to_owned())
    }
}

/// The pace of a speed that the parsers above let through.
pub(crate) fn pace(speed: f64) -> Pace {
    Pace::new(speed).unwrap_or(Pace::REAL)
}

/// The file that `--document` of the demo names: a path, and nothing else.
pub(crate) fn file(location: &Location) -> Option<&PathBuf> {
    match location {
        Location::File(path) => Some(path),
        Location::S3 { .. } | Location::Stdin => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn intervals_are_read_as_people_write_them() {
        assert_eq!(interval("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(interval("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(interval("30"), Ok(Duration::from_secs(30)));
        for wrong in ["0", "100ms", "2h", "-1s", "soon"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_simulated_is_served_to_this_machine_only() {
        assert!(loopback("127.0.0.1:4566").is_ok());
        assert!(loopback("[::1]:0").is_ok());
        assert!(loopback("0.0.0.0:4566").is_err());
        assert!(loopback("192.168.1.1:4566").is_err());
    }
}
