//! `evenkeel demo`: the very daemon of production, over HTTP, against a simulated AWS in the same process.

mod progress;
mod surroundings;

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use evenkeel_cloud::calls::Pace;
use evenkeel_cloud::store::Location;
use evenkeel_controller::{Settings, Status};
use evenkeel_model::diagnostic;
use evenkeel_model::document::{Document, Mode};
use evenkeel_model::text::{self, Format};
use evenkeel_plan::Ceilings;
use evenkeel_sim::{SimConfig, SimHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Demo, file, pace};
use crate::command::Usage;
use crate::output::say;
use crate::run::{listen, signals};
use crate::source::Written;
use crate::{http, sim, simulated, source, validate};
use progress::{Progress, clock};

/// The document where no other is given.
const EXAMPLE: &str = include_str!("../../../../config/examples/farsight.json");
/// The bucket for the document and for what the daemon remembers.
const BUCKET: &str = "evenkeel-demo";
const STATE: &str = "state/";
/// What opens the API of the demo, which only this machine reaches and which has nothing to lose.
const TOKEN: &str = "demo";
const PAGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// How long settling may take, in simulated time. A rollout of a large service takes a few minutes of it.
const LONGEST: Duration = Duration::from_secs(3600);
/// And in real time, on a machine that is busy with something else.
const LONGEST_REAL: Duration = Duration::from_secs(120);
/// Nothing more is expected once nothing can go on by itself for that long: simulated, and real.
const STALLED: Duration = Duration::from_secs(120);
const STALLED_REAL: Duration = Duration::from_secs(5);
/// How often it is looked whether time is up.
const LOOK: Duration = Duration::from_millis(500);

/// Runs until Ctrl-C, or with `--exit-when-settled` until AWS is as the document wants it.
pub async fn demo(arguments: Demo) -> anyhow::Result<ExitCode> {
    let written = document(&arguments).await?;
    let color = std::io::stderr().is_terminal();
    eprint!("{}", diagnostic::render(&written.name, &written.text(), &written.diagnostics, color));
    let Some(document) = &written.document else {
        bail!("{} has errors, so there is nothing to show", written.name);
    };
    let end = signals()?;
    let pace = pace(arguments.speed);
    let sim = SimHandle::new(SimConfig {
        account: document.account.clone(),
        region: document.region.clone(),
        seed: 1,
        start_epoch_seconds: jiff::Timestamp::now().as_second(),
    });
    let begun = sim.now_epoch_millis() / 1000;
    let aws = TcpListener::bind(arguments.sim_listen)
        .await
        .with_context(|| format!("{} cannot be listened on", arguments.sim_listen))?;
    let sdk = simulated::sdk(aws.local_addr()?, &document.region)?;
    let page = match arguments.listen {
        Some(address) => listen(address).await?,
        None => match TcpListener::bind(PAGE).await {
            Ok(listener) => listener,
            Err(_) => listen(SocketAddr::new(PAGE.ip(), 0)).await?,
        },
    };
    let places = Places { page: page.local_addr()?, endpoint: format!("http://{}", aws.local_addr()?) };
    let key = match text::detect(&written.name, &written.bytes) {
        Format::Json => "document.json",
        Format::Yaml => "document.yaml",
    };
    sim.put_bucket(BUCKET, true);
    sim.put_object(BUCKET, key, &written.bytes);
    let made = surroundings::make(&sim, document);
    introduce(document, &written, &places, key, arguments.speed, &made);

    let forever = CancellationToken::new();
    let (stop_serving, stop_clock) = (forever.clone(), forever.clone());
    tokio::spawn(evenkeel_sim::serve(aws, sim.clone(), stop_serving.cancelled_owned()));
    tokio::spawn(evenkeel_sim::drive_clock(sim.clone(), arguments.speed, stop_clock.cancelled_owned()));
    let settings = Settings {
        document: Location::S3 { bucket: BUCKET.to_owned(), key: key.to_owned() },
        state: Location::S3 { bucket: BUCKET.to_owned(), key: STATE.to_owned() },
        ceilings: Ceilings { mode: Mode::Enforce, prune: true, replace: true },
        poll: Duration::from_secs(10),
        pace,
        seed: 1,
        holder: "demo".to_owned(),
    };
    let (control, asks) = evenkeel_controller::control();
    let orders = http::Orders { control, token: Some(TOKEN.to_owned()) };
    let registry = prometheus::Registry::new();
    let (status, shown) = watch::channel(Arc::new(Status::default()));
    tokio::spawn(http::serve(page, shown.clone(), registry.clone(), orders, forever.clone()));
    let daemon = {
        let end = end.clone();
        tokio::spawn(
            async move { evenkeel_controller::run(&sdk, settings, &registry, status, asks, end).await },
        )
    };
    let progress = Progress::new(begun, document, std::io::stdout().is_terminal());
    let outcome = tokio::select! {
        biased;
        () = end.cancelled() => Watched::Interrupted,
        watched = watch(shown, progress, pace, arguments.exit_when_settled) => watched,
    };
    // Ours to stop where nobody did.
    end.cancel();
    daemon.await.context("the daemon broke down")??;
    forever.cancel();
    match outcome {
        Watched::Interrupted => {
            say("stopped; the simulated AWS is gone with it");
            Ok(ExitCode::SUCCESS)
        }
        Watched::Settled(status) => {
            say(&progress::summary(&status, &sim.audit(0)));
            Ok(ExitCode::SUCCESS)
        }
        Watched::Never(reasons) => bail!("{}", reasons.join("\n  ")),
        Watched::Ended => bail!("the daemon ended by itself"),
    }
}

async fn document(arguments: &Demo) -> anyhow::Result<Written> {
    match &arguments.document {
        None => {
            Ok(Written::of("farsight.json".into(), Bytes::from_static(EXAMPLE.as_bytes()), String::new()))
        }
        Some(location) if file(location).is_some() => source::read(location, None).await,
        Some(location) => Err(Usage(format!("--document takes a file, and `{location}` is none")).into()),
    }
}

/// Where to look.
struct Places {
    page: SocketAddr,
    endpoint: String,
}

fn introduce(document: &Document, written: &Written, at: &Places, key: &str, speed: f64, made: &[String]) {
    let endpoint = &at.endpoint;
    say(&format!("evenkeel demo   {}   ({})", validate::contents(document), written.name));
    say(&format!(
        "account {}   {}   {speed} simulated s/s   nothing leaves this machine\n",
        document.account, document.region
    ));
    say(&format!("  page           http://{}/", at.page));
    say(&format!("  simulated AWS  {endpoint}\n"));
    say("Look at it, and change it behind the daemon's back, from another terminal:");
    say(&sim::credentials(&document.region));
    if let Some(first) = document.services.keys().next() {
        let names: Vec<&str> = document
            .services
            .keys()
            .filter(|key| key.cluster == first.cluster)
            .take(4)
            .map(|key| key.name.as_str())
            .collect();
        let aws = format!("  aws --endpoint-url {endpoint} ecs");
        say(&format!("{aws} describe-services --cluster {} --services {}", first.cluster, names.join(" ")));
        say(&format!(
            "{aws} update-service --cluster {} --service {} --health-check-grace-period-seconds 5",
            first.cluster, first.name
        ));
    }
    say(&format!("  aws --endpoint-url {endpoint} s3 cp s3://{BUCKET}/{key} ."));
    if let Some(first) = document.services.keys().next() {
        say(&format!(
            "  curl -X POST -H 'Authorization: Bearer {TOKEN}' http://{}/v1/services/{first}/pause",
            at.page
        ));
    }
    say("");
    for line in made {
        say(line);
    }
}

/// How watching ended.
enum Watched {
    Settled(Arc<Status>),
    /// It never will, for these reasons.
    Never(Vec<String>),
    Interrupted,
    Ended,
}

/// Prints what happens. Ends where it is to end once settled.
async fn watch(
    mut shown: watch::Receiver<Arc<Status>>,
    mut progress: Progress,
    pace: Pace,
    exit_when_settled: bool,
) -> Watched {
    let begun = Instant::now();
    // Since when something is to be done, and since when nothing can go on by itself.
    let mut unsettled = Some((begun, 0));
    let mut stalled: Option<Instant> = None;
    let mut told = false;
    let longest = pace.real(LONGEST).max(LONGEST_REAL);
    let patience = pace.real(STALLED).max(STALLED_REAL);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            biased;
            changed = shown.changed() => if changed.is_err() { return Watched::Ended },
            _ = look.tick() => {}
        }
        let status = shown.borrow_and_update().clone();
        for line in progress.news(&status) {
            say(&line);
        }
        match (status.is_settled(), unsettled) {
            (true, Some((since, from))) => {
                let (real, simulated) = (since.elapsed(), progress.elapsed(&status) - from);
                let again = if since == begun { "" } else { "again " };
                let real = clock(real.as_secs() as i64);
                let said = format!("settled {again}after {real} ({} simulated)", clock(simulated));
                say(&progress.strong(&said));
                if exit_when_settled {
                    return Watched::Settled(status);
                }
                if since == begun {
                    say("It stays up and keeps it so. Ctrl-C ends it.");
                }
                unsettled = None;
                told = false;
            }
            (false, None) => unsettled = Some((Instant::now(), progress.elapsed(&status))),
            _ => {}
        }
        if !progress::stalls(&status) {
            stalled = None;
            told = false;
        } else if unsettled.is_some() {
            let since = *stalled.get_or_insert_with(Instant::now);
            if since.elapsed() > patience && !told {
                let mut reasons = vec!["this will not settle by itself:".to_owned()];
                reasons.extend(progress::obstacles(&status));
                if exit_when_settled {
                    return Watched::Never(reasons);
                }
                say(&reasons.join("\n  "));
                told = true;
            }
        }
        if exit_when_settled && begun.elapsed() > longest {
            let mut reasons =
                vec![format!("not settled after {} s, waiting for:", begun.elapsed().as_secs())];
            reasons.extend(progress::obstacles(&status));
            return Watched::Never(reasons);
        }
    }
}
