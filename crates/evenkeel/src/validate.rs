//! `evenkeel validate`: is the document right, and if not, what is wrong with it and where.

use std::io::IsTerminal;
use std::process::ExitCode;

use evenkeel_cloud::calls::{Pace, account};
use evenkeel_cloud::store::Location;
use evenkeel_model::diagnostic;
use evenkeel_model::document::Document;
use serde_json::json;

use crate::arguments::{Output, Validate};
use crate::output;
use crate::source::{self, Written};

/// Checks a document. Findings go to standard error, the verdict to standard output; JSON has both.
pub async fn validate(arguments: Validate) -> anyhow::Result<ExitCode> {
    let mut account_unknown = None;
    let written = match &arguments.document {
        Location::S3 { .. } => {
            let sdk = source::connect(None, None).await?;
            let mut written = source::read(&arguments.document, Some(&sdk)).await?;
            let region = sdk.region().map(ToString::to_string);
            let mut id = arguments.account.clone();
            if id.is_none() && written.document.is_some() {
                match account(&sdk, Pace::REAL).await {
                    Ok(account) => id = Some(account.id),
                    Err(error) => account_unknown = Some(error.to_string()),
                }
            }
            written.require(id.as_deref(), region.as_deref());
            written
        }
        _ => {
            let mut written = source::read(&arguments.document, None).await?;
            written.require(arguments.account.as_deref(), None);
            written
        }
    };
    match arguments.output {
        Output::Text => {
            let color = std::io::stderr().is_terminal();
            let found = diagnostic::render(&written.name, &written.text(), &written.diagnostics, color);
            eprint!("{found}");
            if let Some(error) = account_unknown {
                eprintln!("warning: the account was not checked: {error}");
            }
            if let Some(document) = &written.document {
                output::print(&format!("valid: {}\n", contents(document)))?;
            }
        }
        Output::Json => output::print_json(&to_json(&written))?,
    }
    Ok(ExitCode::from(if written.document.is_some() { 0 } else { 1 }))
}

fn to_json(written: &Written) -> serde_json::Value {
    json!({
        "valid": written.document.is_some(),
        "source": written.name,
        "version": written.version,
        "document": written.document.as_ref().map(|document| json!({
            "name": document.name,
            "account": document.account,
            "region": document.region,
            "contents": counts(document).into_iter().map(|(_, many, count)| {
                (member(many), json!(count))
            }).collect::<serde_json::Map<_, _>>(),
        })),
        "diagnostics": diagnostic::to_json(&written.diagnostics),
    })
}

fn counts(document: &Document) -> [(&'static str, &'static str, usize); 7] {
    [
        ("service", "services", document.services.len()),
        ("target group", "target groups", document.target_groups.len()),
        ("load balancer", "load balancers", document.load_balancers.len()),
        ("task definition", "task definitions", document.task_definitions.len()),
        ("cluster", "clusters", document.clusters.len()),
        ("repository", "repositories", document.repositories.len()),
        ("log group", "log groups", document.log_groups.len()),
    ]
}

/// What a document has, in a line: `document "web": 2 services, 1 target group`.
pub fn contents(document: &Document) -> String {
    let parts: Vec<String> = counts(document)
        .into_iter()
        .filter(|(_, many, count)| *count > 0 || *many == "services")
        .map(|(one, many, count)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    format!("document \"{}\": {}", document.name, parts.join(", "))
}

/// The document's own name of a kind: `target groups` is `targetGroups` there.
fn member(words: &str) -> String {
    let mut upper = false;
    let letters = words.chars().filter_map(|letter| {
        if letter == ' ' {
            upper = true;
            return None;
        }
        Some(if std::mem::take(&mut upper) { letter.to_ascii_uppercase() } else { letter })
    });
    letters.collect()
}
