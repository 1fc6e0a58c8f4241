//! The loop that watches the documents, one or all below a prefix: polls them by ETag, reads what changed, and
//! keeps the last good version of each in force whatever comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_cloud::calls::account;
use evenkeel_cloud::store::{DocumentSource, Poll, Version};
use evenkeel_model::diagnostic::{self, Diagnostic};
use evenkeel_model::document::{Document, Partial, read_partial};
use evenkeel_model::path::Path;
use evenkeel_model::text;
use tokio_util::sync::CancellationToken;

use crate::daemon::{Current, Shared, Slot};
use crate::status::Fault;

/// Checks that a document is for this account and region: a guard against the wrong bucket, not a filter.
/// Where the account is not known (`None`), it is not compared.
pub fn guard(document: &Document, account: Option<&str>, region: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(account) = account
        && document.account != account
    {
        found.push(
            Diagnostic::error(
                "wrong-account",
                Path::of(["account"]),
                format!(
                    "this document is for account {}, and the credentials are of account {account}",
                    document.account
                ),
            )
            .with_hint("run with credentials of that account, or correct `account`"),
        );
    }
    if document.region != region {
        found.push(
            Diagnostic::error(
                "wrong-region",
                Path::of(["region"]),
                format!("this document is for {}, and this Evenkeel runs in {region}", document.region),
            )
            .with_hint("run one Evenkeel for each region, or correct `region`"),
        );
    }
    found
}

/// Most documents below a prefix: each costs a request a poll.
const MOST_DOCUMENTS: usize = 500;

/// Polls until the end.
pub(crate) async fn watch(shared: Arc<Shared>, end: CancellationToken) {
    let mut last: BTreeMap<String, Version> = BTreeMap::new();
    let mut renew = shared.renew.subscribe();
    loop {
        turn(&shared, &mut last).await;
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            _ = renew.changed() => {}
            () = shared.sleep(shared.settings.poll) => {}
        }
    }
}

async fn turn(shared: &Shared, last: &mut BTreeMap<String, Version>) {
    let location = &shared.settings.document;
    let place = location.to_string();
    if shared.board().account.is_none() {
        match account(&shared.sdk, shared.settings.pace).await {
            Ok(account) => {
                tracing::info!(account = account.id, caller = account.caller, "signed in");
                shared.board().account = Some(account.id);
            }
            Err(error) => return unlisted(shared, Some(error.to_string())),
        }
    }
    let sources = match DocumentSource::all_at(location, &shared.s3).await {
        Ok(sources) if sources.len() > MOST_DOCUMENTS => {
            let message = format!(
                "there are {} documents below {place}, and at most {MOST_DOCUMENTS} are read",
                sources.len()
            );
            return unlisted(shared, Some(message));
        }
        Ok(sources) if sources.is_empty() && last.is_empty() => {
            let message = format!("there is no document below {place}: none ends in .json, .yaml or .yml");
            return unlisted(shared, Some(message));
        }
        Ok(sources) => sources,
        Err(error) => return unlisted(shared, Some(error.to_string())),
    };
    unlisted(shared, None);
    forget(shared, last, &sources);
    for source in sources {
        poll(shared, &source, last).await;
    }
}

/// A document that is no longer there is no longer managed: nothing that it had is touched.
fn forget(shared: &Shared, last: &mut BTreeMap<String, Version>, sources: &[DocumentSource]) {
    let there: BTreeSet<String> = sources.iter().map(|s| s.location().to_string()).collect();
    last.retain(|place, _| there.contains(place));
    let gone: Vec<String> = {
        let mut board = shared.board();
        let gone = board.documents.keys().filter(|place| !there.contains(*place)).cloned().collect();
        board.documents.retain(|place, _| there.contains(place));
        gone
    };
    for place in gone {
        shared.event(None, format!("{place} is gone: what it has is no longer managed"), true);
        shared.wake.notify_one();
    }
}

async fn poll(shared: &Shared, source: &DocumentSource, last: &mut BTreeMap<String, Version>) {
    let place = source.location().to_string();
    match source.poll(last.get(&place)).await {
        Ok(Poll::Unchanged) => {
            // The object can be read again: what kept it from being read is over, what is wrong with its
            // content is not.
            let mut board = shared.board();
            let slot = board.documents.entry(place).or_default();
            if slot.fault.as_ref().is_some_and(|f| f.version.is_none()) {
                slot.fault = None;
                drop(board);
                shared.wake.notify_one();
            }
        }
        Ok(Poll::Changed { bytes, version }) => {
            take(shared, &place, &bytes, &version);
            last.insert(place, version);
        }
        Err(error) => fault(shared, &place, None, error.to_string(), Vec::new()),
    }
}

/// Reads a new version and puts it in force, or says what is wrong with it.
fn take(shared: &Shared, place: &str, bytes: &[u8], version: &Version) {
    let name = version.version_id.clone().unwrap_or_else(|| version.etag.trim_matches('"').to_owned());
    let format = text::detect(place, bytes);
    let parsed = match text::parse(bytes, Some(format)) {
        Ok(parsed) => parsed,
        Err(diagnostics) => {
            let message = summary(&diagnostics);
            return fault(shared, place, Some(name), message, diagnostics);
        }
    };
    let account = shared.board().account.clone();
    let (partial, diagnostics) = read_guarded(parsed, account.as_deref(), &shared.region);
    let Some(partial) = partial else {
        let message = summary(&diagnostics);
        return fault(shared, place, Some(name), message, diagnostics);
    };
    let before = shared.board().documents.get(place).and_then(|slot| slot.current.clone());
    let kept_back: Vec<String> = partial.faulty().map(|(place, _)| place.to_string()).collect();
    let fault = (!partial.is_whole()).then(|| Fault {
        source: place.to_owned(),
        version: Some(name.clone()),
        message: summary(&diagnostics),
        diagnostics: diagnostics.clone(),
    });
    let document = partial.with_last_good(before.as_ref().map(|b| &b.document));
    let title = document.name.clone();
    for warning in &diagnostics {
        tracing::debug!(path = %warning.path, "{}: {}", warning.severity.word(), warning.message);
    }
    let current = Arc::new(Current {
        document,
        version: name.clone(),
        modified: version.last_modified.map(|t| t.as_second()),
        warnings: diagnostics,
    });
    let message = fault.as_ref().map(|f| f.message.clone());
    shared.board().documents.insert(place.to_owned(), Slot { current: Some(current), fault });
    match message {
        None => shared.event(None, format!("document \"{title}\" version {name} is in force"), false),
        Some(message) => {
            let kept = kept_back.join(", ");
            let said = format!("document \"{title}\" version {name} is in force but for {kept}: {message}");
            shared.event(None, said, true);
        }
    }
    shared.wake.notify_one();
}

/// Reads what of a document can be put in force, and checks that it is for this account and region, positions
/// included.
fn read_guarded(
    parsed: text::Parsed,
    account: Option<&str>,
    region: &str,
) -> (Option<Partial>, Vec<Diagnostic>) {
    let place = |name: &str| {
        let path = Path::of([name]);
        (path.clone(), parsed.marks.locate(&parsed.tree, &path, false))
    };
    let places = [place("account"), place("region")];
    let (partial, mut diagnostics) = read_partial(parsed);
    let Some(partial) = partial else { return (None, diagnostics) };
    let mut wrong = guard(partial.document(), account, region);
    if wrong.is_empty() {
        return (Some(partial), diagnostics);
    }
    for diagnostic in &mut wrong {
        diagnostic.at = places.iter().find(|(p, _)| *p == diagnostic.path).and_then(|(_, at)| *at);
    }
    diagnostics.extend(wrong);
    diagnostic::sort(&mut diagnostics);
    (None, diagnostics)
}

/// The first error with its place, and how many there are.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let mut errors = diagnostics.iter().filter(|d| d.is_error());
    let Some(first) = errors.next() else { return String::new() };
    let line = first.at.map(|at| format!("line {}: ", at.line)).unwrap_or_default();
    let path = if first.path.is_root() { String::new() } else { format!("{}: ", first.path) };
    let more = match errors.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("{line}{path}{}{more}", first.message)
}

fn fault(
    shared: &Shared,
    place: &str,
    version: Option<String>,
    message: String,
    diagnostics: Vec<Diagnostic>,
) {
    let fault = Fault { source: place.to_owned(), version, message: message.clone(), diagnostics };
    let (news, kept) = {
        let mut board = shared.board();
        let slot = board.documents.entry(place.to_owned()).or_default();
        let news = slot.fault.as_ref() != Some(&fault);
        slot.fault = Some(fault);
        (news, slot.current.as_ref().map(|c| c.version.clone()))
    };
    if news {
        let kept = match kept {
            Some(version) => format!("version {version} stays in force"),
            None => "nothing of it is in force".to_owned(),
        };
        shared.event(None, format!("the document cannot be used: {message}; {kept}"), true);
        shared.wake.notify_one();
    }
}

/// Notes why documents cannot be looked for, or that they can.
fn unlisted(shared: &Shared, message: Option<String>) {
    let source = shared.settings.document.to_string();
    let fault =
        message.clone().map(|message| Fault { source, version: None, message, diagnostics: Vec::new() });
    let before = std::mem::replace(&mut shared.board().unlisted, fault.clone());
    if before == fault {
        return;
    }
    if let Some(message) = message {
        shared.event(None, format!("documents cannot be looked for: {message}"), true);
    }
    shared.wake.notify_one();
}
