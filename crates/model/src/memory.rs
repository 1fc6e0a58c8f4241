//! What earlier passes left us: one small record for each unit, written to S3 before the first write of
//! a run (its intent) and after its last (its outcome).
//!
//! A cache with a source for each fact. The stored form is a type of its own with a version, so that
//! records of older versions still load when the types in memory change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::key::UnitKey;
use crate::path::Path;
use crate::tree::Tree;

/// What stood in fields that the document does not declare when a part came to us from elsewhere: it is as
/// right as what AWS fills in.
pub type Baseline = BTreeMap<Path, Tree>;

/// What is remembered of one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// The version of the document that was last applied in full.
    pub document_version: Option<String>,
    /// What was last applied, by part (`taskDefinition`, `service`, `targetGroup`, …), to tell a human's
    /// edit from a change of the document.
    pub applied: BTreeMap<String, Tree>,
    /// The baseline of each part whose first sight is over; empty for what we made ourselves.
    pub baseline: BTreeMap<String, Baseline>,
    /// Whether it may be deleted once its document no longer has it, as that said last.
    pub deletes: bool,
    /// What of it we deleted within the last day, and when: the unit itself by its key, a part of it by its
    /// name. Times are Unix seconds by AWS's clock.
    pub deleted: BTreeMap<String, i64>,
    /// The document that it belonged to when we last wrote it or found it in order.
    pub document: Option<String>,
    /// The task definition revision the unit last registered or chose.
    pub task_definition: Option<String>,
    /// The deployment that our last write to the service started.
    pub deployment: Option<String>,
    /// The key of that deployment: the hash of everything that would start the same one again.
    pub deployment_key: Option<String>,
    /// A deployment that failed and is not tried again while its key stays the same.
    pub held: Option<HeldDeployment>,
    /// The value of `restart` that was last applied.
    pub restart: Option<String>,
    /// A run that was begun and whose outcome is not recorded.
    pub intent: Option<Intent>,
    /// Runs that failed in a row, for back-off.
    pub failures: u32,
    /// Unix seconds by AWS's clock of the last failure.
    pub failed_at: Option<i64>,
    /// What the last failure said.
    pub failure: Option<String>,
    /// The document version whose run failed: another one is tried at once.
    pub failed_version: Option<String>,
    /// What humans changed and nobody has undone yet: by a hash of the place and the value there, when it was
    /// seen first (Unix seconds by AWS's clock).
    pub drift_since: BTreeMap<String, i64>,
    /// What was written last, where that may have had no effect.
    pub repeated: Option<Repeated>,
}

/// A run that may have to be done over and over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repeated {
    /// The hash of its steps and of what they were to put right.
    pub what: String,
    /// How often it was done in a row.
    pub times: u32,
    /// When it was done last, in Unix seconds by AWS's clock.
    pub at: i64,
}

/// A deployment that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeldDeployment {
    /// The key of the deployment.
    pub key: String,
    /// What ECS said.
    pub reason: String,
    /// ECS's id of it; absent where it was told by a rollback alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// When that was noticed, in Unix seconds by AWS's clock; 0 in the records of older versions.
    pub at: i64,
    /// How often deployments of this key failed.
    pub failures: u32,
    /// The document version that wanted it when it failed, if that one still did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it failed, as AWS told while it could still be asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Something that tells why a rollout fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// What AWS said.
    pub said: String,
    /// What to look at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub check: Option<String>,
}

/// A run that was about to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The plan it came from.
    pub plan: String,
    /// Its steps.
    pub steps: Vec<String>,
    /// The document version it works towards.
    pub document_version: String,
    /// Unix seconds by AWS's clock.
    pub at: i64,
    /// The value of `restart` for which it forces a deployment, if it does.
    pub restart: Option<String>,
    /// The service's primary deployment before it.
    pub primary: Option<String>,
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory(pub BTreeMap<UnitKey, Remembered>);

impl Memory {
    /// What is remembered of a unit.
    pub fn unit(&self, key: &UnitKey) -> &Remembered {
        static NOTHING: Remembered = Remembered {
            document_version: None,
            applied: BTreeMap::new(),
            baseline: BTreeMap::new(),
            deletes: false,
            deleted: BTreeMap::new(),
            document: None,
            task_definition: None,
            deployment: None,
            deployment_key: None,
            held: None,
            restart: None,
            intent: None,
            failures: 0,
            failed_at: None,
            failure: None,
            failed_version: None,
            drift_since: BTreeMap::new(),
            repeated: None,
        };
        self.0.get(key).unwrap_or(&NOTHING)
    }
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON of the expected form.
    #[error("the record is not readable")]
    Unreadable(#[source] serde_json::Error),
    /// A newer Evenkeel wrote it.
    #[error("the record has version {0}, which this Evenkeel does not know")]
    Version(u32),
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    unit: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    document_version: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    applied: BTreeMap<String, serde_json::Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    baseline: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "is_false", default)]
    deletes: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    deleted: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    document: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    task_definition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    deployment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    deployment_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    held: Option<HeldDeployment>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    restart: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    intent: Option<StoredIntent>,
    #[serde(default)]
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    failed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    failed_version: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    drift_since: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    repeated: Option<Repeated>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredIntent {
    plan: String,
    steps: Vec<String>,
    document_version: String,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    restart: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    primary: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde asks
const fn is_false(flag: &bool) -> bool {
    !*flag
}

fn json(tree: &Tree) -> serde_json::Value {
    serde_json::from_str(&tree.to_json()).unwrap_or_default()
}

/// The bytes of a unit's record.
pub fn write_record(key: &UnitKey, unit: &Remembered) -> Vec<u8> {
    let stored = Stored {
        version: VERSION,
        unit: key.to_string(),
        document_version: unit.document_version.clone(),
        applied: unit.applied.iter().map(|(part, tree)| (part.clone(), json(tree))).collect(),
        baseline: unit
            .baseline
            .iter()
            .map(|(part, base)| (part.clone(), base.iter().map(|(p, t)| (p.to_string(), json(t))).collect()))
            .collect(),
        deletes: unit.deletes,
        deleted: unit.deleted.clone(),
        document: unit.document.clone(),
        task_definition: unit.task_definition.clone(),
        deployment: unit.deployment.clone(),
        deployment_key: unit.deployment_key.clone(),
        held: unit.held.clone(),
        restart: unit.restart.clone(),
        intent: unit.intent.as_ref().map(|i| StoredIntent {
            plan: i.plan.clone(),
            steps: i.steps.clone(),
            document_version: i.document_version.clone(),
            at: i.at,
            restart: i.restart.clone(),
            primary: i.primary.clone(),
        }),
        failures: unit.failures,
        failed_at: unit.failed_at,
        failure: unit.failure.clone(),
        failed_version: unit.failed_version.clone(),
        drift_since: unit.drift_since.clone(),
        repeated: unit.repeated.clone(),
    };
    serde_json::to_vec(&stored).unwrap_or_default()
}

/// A unit's record from its bytes.
///
/// # Errors
/// Where the bytes are no record, or one of a newer version.
pub fn read_record(bytes: &[u8]) -> Result<(UnitKey, Remembered), RecordError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_slice(bytes).map_err(RecordError::Unreadable)?;
    if version > VERSION {
        return Err(RecordError::Version(version));
    }
    let stored: Stored = serde_json::from_slice(bytes).map_err(RecordError::Unreadable)?;
    let key = UnitKey::parse(&stored.unit).ok_or_else(|| {
        RecordError::Unreadable(serde::de::Error::custom(format!("`{}` is no unit", stored.unit)))
    })?;
    let unit = Remembered {
        document_version: stored.document_version,
        applied: stored.applied.into_iter().map(|(p, v)| (p, Tree::from(v))).collect(),
        baseline: stored
            .baseline
            .into_iter()
            .map(|(part, base)| {
                let path = |(p, v): (String, _)| Some((p.parse().ok()?, Tree::from(v)));
                (part, base.into_iter().filter_map(path).collect())
            })
            .collect(),
        deletes: stored.deletes,
        deleted: stored.deleted,
        document: stored.document,
        task_definition: stored.task_definition,
        deployment: stored.deployment,
        deployment_key: stored.deployment_key,
        held: stored.held,
        restart: stored.restart,
        intent: stored.intent.map(|i| Intent {
            plan: i.plan,
            steps: i.steps,
            document_version: i.document_version,
            at: i.at,
            restart: i.restart,
            primary: i.primary,
        }),
        failures: stored.failures,
        failed_at: stored.failed_at,
        failure: stored.failure,
        failed_version: stored.failed_version,
        drift_since: stored.drift_since,
        repeated: stored.repeated,
    };
    Ok((key, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_as_written() {
        let key = UnitKey::LogGroup("/ecs/api".into());
        let unit = Remembered {
            document_version: Some("v7".into()),
            applied: [("logGroup".to_owned(), Tree::map().with("retentionInDays", 7_i64))].into(),
            baseline: [
                (
                    "service".to_owned(),
                    [(Path::of(["a/b", "c"]), Tree::from(true)), (Path::of(["d"]), Tree::map())].into(),
                ),
                ("attributes".to_owned(), Baseline::new()),
            ]
            .into(),
            deletes: true,
            deleted: [("rule api/main".to_owned(), 7)].into(),
            document: Some("shop".into()),
            intent: Some(Intent {
                plan: "p".into(),
                steps: vec!["create".into()],
                document_version: "v8".into(),
                at: 5,
                restart: Some("again".into()),
                primary: Some("ecs-svc/1".into()),
            }),
            held: Some(HeldDeployment {
                key: "k".into(),
                reason: "r".into(),
                deployment: Some("ecs-svc/2".into()),
                at: 7,
                failures: 1,
                version: Some("v8".into()),
                evidence: vec![Evidence { said: "1 task stopped".into(), check: None }],
            }),
            failures: 2,
            failed_at: Some(9),
            drift_since: [("h".to_owned(), 3)].into(),
            repeated: Some(Repeated { what: "r".into(), times: 2, at: 8 }),
            ..Remembered::default()
        };
        let (read_key, read) = read_record(&write_record(&key, &unit)).unwrap();
        assert_eq!((read_key, read), (key, unit));
    }

    #[test]
    fn a_record_of_the_first_version_still_loads() {
        let first =
            br#"{"version":1,"unit":"service:web/api","documentVersion":"a","deployment":"ecs-svc/1"}"#;
        let (key, unit) = read_record(first).unwrap();
        assert_eq!(key.to_string(), "service:web/api");
        assert_eq!(unit.deployment.as_deref(), Some("ecs-svc/1"));
        assert!(unit.baseline.is_empty() && unit.document.is_none());
        let held = br#"{"version":1,"unit":"service:web/api","held":{"key":"k","reason":"r"},"intent":{"plan":"p","steps":[],"documentVersion":"a","at":1}}"#;
        let (_, unit) = read_record(held).unwrap();
        let hold = HeldDeployment { key: "k".into(), reason: "r".into(), ..HeldDeployment::default() };
        assert_eq!((unit.held, unit.intent.unwrap().restart), (Some(hold), None));
    }

    #[test]
    fn a_record_of_a_newer_version_is_refused_and_garbage_is_an_error() {
        assert!(matches!(read_record(br#"{"version":9,"x":1}"#), Err(RecordError::Version(9))));
        assert!(matches!(read_record(b"{"), Err(RecordError::Unreadable(_))));
    }
}
