//! A document from where a URI points to, read and checked.

use anyhow::{Context, bail};
use aws_config::SdkConfig;
use bytes::Bytes;
use evenkeel_cloud::calls::Pace;
use evenkeel_cloud::store::{DocumentSource, Location, Poll, S3};
use evenkeel_model::Diagnostic;
use evenkeel_model::document::{self, Document};
use evenkeel_model::text;

/// A document as it was written, and what was made of it.
pub struct Written {
    /// Where it came from, for people.
    pub name: String,
    /// The bytes.
    pub bytes: Bytes,
    /// Its version: S3's id or ETag, or a hash of the file.
    pub version: String,
    /// The document, where it has no errors.
    pub document: Option<Document>,
    /// Everything found in it.
    pub diagnostics: Vec<Diagnostic>,
}

impl Written {
    /// The text, for excerpts.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Reads and checks bytes. `name` decides between JSON and YAML where it has an ending.
    pub fn of(name: String, bytes: Bytes, version: String) -> Self {
        let (document, diagnostics) = match text::parse(&bytes, Some(text::detect(&name, &bytes))) {
            Ok(parsed) => document::read(parsed),
            Err(diagnostics) => (None, diagnostics),
        };
        Written { name, bytes, version, document, diagnostics }
    }

    /// Refuses a document that is for another account or region than these, where they are known.
    pub fn require(&mut self, account: Option<&str>, region: Option<&str>) {
        let Some(document) = &self.document else { return };
        let mut wrong = evenkeel_controller::guard(document, account, region.unwrap_or(&document.region));
        if wrong.is_empty() {
            return;
        }
        self.document = None;
        // The places are gone with the first reading; this is rare, so it is read once more.
        if let Ok(parsed) = text::parse(&self.bytes, Some(text::detect(&self.name, &self.bytes))) {
            parsed.marks.place(&parsed.tree, &mut wrong);
        }
        self.diagnostics.extend(wrong);
        evenkeel_model::diagnostic::sort(&mut self.diagnostics);
    }
}

/// Reads the document at `location`; `sdk` is needed for S3 only.
pub async fn read(location: &Location, sdk: Option<&SdkConfig>) -> anyhow::Result<Written> {
    let source = match (DocumentSource::local(location), location, sdk) {
        (Some(local), _, _) => local,
        (None, Location::S3 { bucket, key }, Some(sdk)) => {
            DocumentSource::object(S3::new(sdk, 0, Pace::REAL), bucket, key)
        }
        (None, ..) => bail!("`{location}` is in S3, which is not to be reached here"),
    };
    let name = if *location == Location::Stdin { "<stdin>".to_owned() } else { location.to_string() };
    match source.poll(None).await? {
        Poll::Changed { bytes, version } => {
            let version = version.version_id.unwrap_or(version.etag).trim_matches('"').to_owned();
            Ok(Written::of(name, bytes, version))
        }
        Poll::Unchanged => bail!("`{location}` was answered without content"),
    }
}

/// The way to AWS as every AWS tool finds it, with a region.
pub async fn connect(region: Option<String>, endpoint: Option<String>) -> anyhow::Result<SdkConfig> {
    let sdk = evenkeel_cloud::calls::connect(region, endpoint).await;
    sdk.region().context(
        "no AWS region is configured: set AWS_REGION, or `region` in the profile that AWS_PROFILE names",
    )?;
    Ok(sdk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(account: &str) -> Written {
        let text = format!(
            "{{\"apiVersion\": \"evenkeel/v1\", \"name\": \"x\",\n \"account\": \"{account}\", \"region\": \"us-east-1\"}}"
        );
        Written::of("x.json".into(), text.into(), "1".into())
    }

    #[test]
    fn a_document_for_another_account_is_refused_where_it_says_so() {
        let mut other = written("123456789012");
        assert_eq!(other.diagnostics, []);
        other.require(Some("210987654321"), None);
        assert!(other.document.is_none());
        let found = &other.diagnostics[0];
        assert!(found.message.contains("123456789012") && found.message.contains("210987654321"));
        assert_eq!(found.at.unwrap().line, 2);
    }

    #[test]
    fn a_document_for_this_account_stays() {
        let mut same = written("123456789012");
        same.require(Some("123456789012"), Some("us-east-1"));
        assert!(same.document.is_some());
    }
}
