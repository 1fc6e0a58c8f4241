//! SSM parameters and Secrets Manager secrets, which the containers of tasks refer to.

use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, fill, flag, int, list, page, paged, set, text, texts};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Parameters and secrets by name.
#[derive(Clone, Default)]
pub struct Parameters {
    parameters: BTreeMap<String, Value>,
    secrets: BTreeMap<String, Secret>,
}

#[derive(Clone)]
struct Secret {
    shown: Value,
    /// Values by version, newest last; the last is AWSCURRENT, the one before it AWSPREVIOUS.
    versions: Vec<(String, Value)>,
    policy: Option<Value>,
}

/// SSM's rows of the table.
pub const SSM: &[Operation] = &[
    write("ssm", "PutParameter", put),
    read("ssm", "GetParameter", get_one),
    read("ssm", "GetParameters", get),
    read("ssm", "GetParametersByPath", get_by_path),
    read("ssm", "DescribeParameters", describe),
    write("ssm", "DeleteParameter", delete),
    write("ssm", "DeleteParameters", delete),
    tags("ssm", "AddTagsToResource", &SSM_TAGS, TagVerb::Add),
    tags("ssm", "RemoveTagsFromResource", &SSM_TAGS, TagVerb::Remove),
    read("ssm", "ListTagsForResource", |sim, input| {
        let found = SSM_TAGS.run(TagVerb::List, sim, input)?;
        Ok(json!({"TagList": found["Tags"]}))
    }),
];

/// Secrets Manager's rows of the table.
pub const SECRETS: &[Operation] = &[
    write("secretsmanager", "CreateSecret", create_secret),
    write("secretsmanager", "PutSecretValue", put_secret_value),
    write("secretsmanager", "UpdateSecret", update_secret),
    write("secretsmanager", "DeleteSecret", delete_secret),
    read("secretsmanager", "DescribeSecret", describe_secret),
    read("secretsmanager", "GetSecretValue", get_secret_value),
    read("secretsmanager", "ListSecrets", list_secrets),
    read("secretsmanager", "GetResourcePolicy", get_policy),
    write("secretsmanager", "PutResourcePolicy", put_policy),
    write("secretsmanager", "DeleteResourcePolicy", put_policy),
    tags("secretsmanager", "TagResource", &SECRET_TAGS, TagVerb::Add),
    tags("secretsmanager", "UntagResource", &SECRET_TAGS, TagVerb::Remove),
];

const SSM_TAGS: TagStyle = TagStyle {
    tags: "Tags",
    key: "Key",
    value: "Value",
    invalid: "ValidationException",
    too_many: "TooManyTagsError",
    keys: "TagKeys",
    find: |sim, input| {
        let found = find(sim, text(input, "ResourceId").unwrap_or_default());
        let missing = || ApiError::new("InvalidResourceId", "The resource ID is not valid.");
        Ok(vec![text(found.ok_or_else(missing)?, "ARN").unwrap_or_default().to_owned()])
    },
};

const SECRET_TAGS: TagStyle = TagStyle {
    tags: "Tags",
    key: "Key",
    value: "Value",
    invalid: "InvalidParameterException",
    too_many: "InvalidParameterException",
    keys: "TagKeys",
    find: |sim, input| {
        let (_, secret) = secret(sim, text(input, "SecretId").unwrap_or_default())?;
        Ok(vec![text(&secret.shown, "ARN").unwrap_or_default().to_owned()])
    },
};

const PAGING: Paging = Paging {
    limit: "MaxResults",
    token: "NextToken",
    next: "NextToken",
    default: 50,
    max: 100,
    code: "ValidationException",
};

/// Whether what a container's `valueFrom` names is there: a parameter by name or ARN, or a secret by its ARN,
/// with or without a JSON key, a version stage and a version id.
pub fn has(sim: &Sim, reference: &str) -> bool {
    match reference.contains(":secretsmanager:") {
        true => {
            let arn: Vec<&str> = reference.split(':').take(7).collect();
            secret(sim, &arn.join(":")).is_ok_and(|(_, it)| !it.versions.is_empty())
        }
        false => find(sim, reference).is_some(),
    }
}

/// Makes what a container's `valueFrom` names, unless it is there.
pub fn make(sim: &mut Sim, reference: &str) {
    if has(sim, reference) {
        return;
    }
    if !reference.contains(":secretsmanager:") {
        let name = reference.split_once(":parameter").map_or(reference, |(_, name)| name);
        let _ = put(sim, &json!({"Name": name, "Value": "simulated", "Type": "SecureString"}));
        return;
    }
    let arn: Vec<&str> = reference.split(':').take(7).collect();
    let name = arn.last().copied().unwrap_or_default();
    let _ = create_secret(sim, &json!({"Name": name, "SecretString": "{}"}));
    // A reference may have the six characters that AWS adds to a name.
    let whole = name.rsplit_once('-').is_some_and(|(_, end)| end.len() == 6);
    if let Some(found) = sim.parameters.secrets.get_mut(name).filter(|_| whole) {
        set(&mut found.shown, "ARN", json!(arn.join(":")));
    }
}

fn put(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "Name", "ValidationException")?.to_owned();
    let before = sim.parameters.parameters.get(&name);
    refuse! {
        before.is_some() && flag(input, "Overwrite") != Some(true) => ApiError::new("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.");
    }
    let version = before.and_then(|it| int(it, "Version")).unwrap_or(0) + 1;
    let mut parameter = before.cloned().unwrap_or_else(|| json!({}));
    for member in ["Name", "Type", "Value", "Description", "DataType", "Tier", "KeyId", "AllowedPattern"] {
        if let Some(new) = input.get(member) {
            set(&mut parameter, member, new.clone());
        }
    }
    fill(&mut parameter, "Type", json!("String"));
    fill(&mut parameter, "DataType", json!("text"));
    fill(&mut parameter, "Tier", json!("Standard"));
    let arn = sim.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')));
    SSM_TAGS.add(sim, &arn, input)?;
    set(&mut parameter, "ARN", json!(arn));
    set(&mut parameter, "Version", json!(version));
    set(&mut parameter, "LastModifiedDate", value::time(sim.now));
    sim.parameters.parameters.insert(name, parameter);
    Ok(json!({"Version": version, "Tier": "Standard"}))
}

/// A parameter by its name or ARN, with or without a version.
fn find<'a>(sim: &'a Sim, name: &str) -> Option<&'a Value> {
    let name = name.split_once(":parameter/").map_or(name, |(_, name)| name);
    let name = name.split(':').next().unwrap_or(name);
    let all = &sim.parameters.parameters;
    all.get(name).or_else(|| all.get(&format!("/{name}")))
}

/// What is read of a parameter with its value.
fn with_value(parameter: &Value) -> Value {
    value::pick(parameter, &["Name", "Type", "Value", "Version", "LastModifiedDate", "ARN", "DataType"])
}

fn get(sim: &mut Sim, input: &Value) -> Answer {
    let names = texts(input, "Names");
    refuse! {
        names.is_empty() || names.len() > 10 => ApiError::new("ValidationException", "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10");
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match find(sim, name) {
            Some(parameter) => found.push(with_value(parameter)),
            None => missing.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": missing}))
}

fn no_parameter() -> ApiError {
    ApiError::new("ParameterNotFound", "Parameter not found.")
}

fn get_one(sim: &mut Sim, input: &Value) -> Answer {
    let found = find(sim, text(input, "Name").unwrap_or_default()).ok_or_else(no_parameter)?;
    Ok(json!({"Parameter": with_value(found)}))
}

fn get_by_path(sim: &mut Sim, input: &Value) -> Answer {
    let path = text(input, "Path").unwrap_or("/").trim_end_matches('/');
    let recursive = flag(input, "Recursive") == Some(true);
    let all = sim.parameters.parameters.iter();
    let items = all
        .filter_map(|(name, it)| Some((name, name.strip_prefix(path)?.strip_prefix('/')?, it)))
        .filter(|(_, rest, _)| recursive || !rest.contains('/'))
        .map(|(name, _, it)| (name.clone(), with_value(it)))
        .collect();
    let paging = Paging { default: 10, max: 10, ..PAGING };
    let (page, next) = page(items, input, &paging)?;
    Ok(paged("Parameters", page, next, &paging))
}

/// Filters by name only; all other filters let everything pass.
fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let filters = list(input, "ParameterFilters").iter().filter(|it| text(it, "Key") == Some("Name"));
    let wanted: Vec<(bool, Vec<&str>)> =
        filters.map(|it| (text(it, "Option") == Some("BeginsWith"), texts(it, "Values"))).collect();
    let fits = |name: &str| {
        wanted.iter().all(|(begins, values)| {
            values.iter().any(|it| if *begins { name.starts_with(it) } else { name == *it })
        })
    };
    let all = sim.parameters.parameters.iter().filter(|(name, _)| fits(name));
    let items = all
        .map(|(name, it)| {
            let mut shown = it.clone();
            value::unset(&mut shown, "Value");
            set(&mut shown, "LastModifiedUser", json!(sim.arn("iam", "user/sim")));
            set(&mut shown, "Policies", json!([]));
            (name.clone(), shown)
        })
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("Parameters", page, next, &PAGING))
}

/// DeleteParameter fails for what is missing, DeleteParameters names it.
fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let (mut deleted, mut missing) = (Vec::new(), Vec::new());
    for name in texts(input, "Names").into_iter().chain(text(input, "Name")) {
        match sim.parameters.parameters.remove(name) {
            Some(it) => {
                sim.tags.remove(text(&it, "ARN").unwrap_or_default());
                deleted.push(name);
            }
            None => missing.push(name),
        }
    }
    match text(input, "Name") {
        Some(_) if deleted.is_empty() => Err(no_parameter()),
        Some(_) => Ok(json!({})),
        None => Ok(json!({"DeletedParameters": deleted, "InvalidParameters": missing})),
    }
}

/// A secret by its name, its ARN, or its ARN without the six characters at its end.
fn secret<'a>(sim: &'a Sim, id: &str) -> Result<(&'a str, &'a Secret), ApiError> {
    let is = |name: &str, it: &Secret| {
        let arn = text(&it.shown, "ARN").unwrap_or_default();
        name == id || arn == id || arn.rsplit_once('-').is_some_and(|(partial, _)| partial == id)
    };
    let found = sim.parameters.secrets.iter().find(|(name, it)| is(name, it));
    found.map(|(name, it)| (name.as_str(), it)).ok_or_else(|| {
        ApiError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    })
}

/// The secret of a request, to change it.
fn secret_mut<'a>(sim: &'a mut Sim, input: &Value) -> Result<&'a mut Secret, ApiError> {
    let name = secret(sim, text(input, "SecretId").unwrap_or_default())?.0.to_owned();
    let now = value::time(sim.now);
    let missing = || ApiError::new("ResourceNotFoundException", "");
    let found = sim.parameters.secrets.get_mut(&name).ok_or_else(missing)?;
    set(&mut found.shown, "LastChangedDate", now);
    Ok(found)
}

/// Adds a version where the request has a value; answers its id.
fn add_version(sim: &mut Sim, input: &Value) -> Result<Option<String>, ApiError> {
    let value = value::pick(input, &["SecretString", "SecretBinary"]);
    let (drawn, now) = (sim.uuid(), sim.now);
    let found = secret_mut(sim, input)?;
    if value.as_object().is_none_or(|it| it.is_empty()) {
        return Ok(None);
    }
    let id = text(input, "ClientRequestToken").map_or(drawn, str::to_owned);
    let mut value = value;
    set(&mut value, "CreatedDate", value::time(now));
    found.versions.retain(|(known, _)| *known != id);
    found.versions.push((id.clone(), value));
    let keep = found.versions.len().saturating_sub(2);
    found.versions.drain(..keep);
    Ok(Some(id))
}

fn create_secret(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "Name", "InvalidParameterException")?.to_owned();
    refuse! {
        sim.parameters.secrets.contains_key(&name) => ApiError::new("ResourceExistsException", format!("The operation failed because the secret {name} already exists."));
    }
    let suffix = sim.hex(6);
    let arn = sim.arn("secretsmanager", &format!("secret:{name}-{suffix}"));
    SECRET_TAGS.add(sim, &arn, input)?;
    let mut shown = value::pick(input, &["Description", "KmsKeyId"]);
    set(&mut shown, "ARN", json!(arn));
    set(&mut shown, "Name", json!(name));
    set(&mut shown, "CreatedDate", value::time(sim.now));
    sim.parameters.secrets.insert(name.clone(), Secret { shown, versions: Vec::new(), policy: None });
    let mut with_id = input.clone();
    set(&mut with_id, "SecretId", json!(name));
    let version = add_version(sim, &with_id)?;
    Ok(named(&arn, &name, version))
}

fn named(arn: &str, name: &str, version: Option<String>) -> Value {
    let mut out = json!({"ARN": arn, "Name": name});
    version.into_iter().for_each(|id| set(&mut out, "VersionId", json!(id)));
    out
}

/// UpdateSecret: a description, a key, a value, whichever is sent.
fn update_secret(sim: &mut Sim, input: &Value) -> Answer {
    let version = add_version(sim, input)?;
    let found = secret_mut(sim, input)?;
    for member in ["Description", "KmsKeyId"] {
        if let Some(new) = input.get(member) {
            set(&mut found.shown, member, new.clone());
        }
    }
    let of = |member| text(&found.shown, member).unwrap_or_default();
    Ok(named(of("ARN"), of("Name"), version))
}

fn put_secret_value(sim: &mut Sim, input: &Value) -> Answer {
    let mut answer = update_secret(
        sim,
        &value::pick(input, &["SecretId", "SecretString", "SecretBinary", "ClientRequestToken"]),
    )?;
    set(&mut answer, "VersionStages", json!(["AWSCURRENT"]));
    Ok(answer)
}

/// A secret goes at once; nothing waits for a recovery window.
fn delete_secret(sim: &mut Sim, input: &Value) -> Answer {
    let found = secret_mut(sim, input)?.shown.clone();
    let (arn, name) = (text(&found, "ARN").unwrap_or_default(), text(&found, "Name").unwrap_or_default());
    sim.parameters.secrets.remove(name);
    sim.tags.remove(arn);
    Ok(json!({"ARN": arn, "Name": name, "DeletionDate": value::time(sim.now)}))
}

fn stages(found: &Secret) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    let stages = ["AWSCURRENT", "AWSPREVIOUS"];
    found.versions.iter().rev().zip(stages).map(|((id, value), stage)| (id.as_str(), stage, value))
}

fn show_secret(sim: &Sim, found: &Secret) -> Value {
    let mut out = found.shown.clone();
    let versions: serde_json::Map<String, Value> =
        stages(found).map(|(id, stage, _)| (id.to_owned(), json!([stage]))).collect();
    set(&mut out, "VersionIdsToStages", Value::Object(versions));
    let tags = SECRET_TAGS.show(sim.tags.get(text(&found.shown, "ARN").unwrap_or_default()));
    set(&mut out, "Tags", tags);
    out
}

fn describe_secret(sim: &mut Sim, input: &Value) -> Answer {
    let (_, found) = secret(sim, text(input, "SecretId").unwrap_or_default())?;
    Ok(show_secret(sim, found))
}

fn list_secrets(sim: &mut Sim, input: &Value) -> Answer {
    let all = sim.parameters.secrets.iter();
    let items = all
        .map(|(name, it)| {
            let mut shown = show_secret(sim, it);
            let versions = shown["VersionIdsToStages"].take();
            value::unset(&mut shown, "VersionIdsToStages");
            set(&mut shown, "SecretVersionsToStages", versions);
            (name.clone(), shown)
        })
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("SecretList", page, next, &PAGING))
}

fn get_secret_value(sim: &mut Sim, input: &Value) -> Answer {
    let (name, found) = secret(sim, text(input, "SecretId").unwrap_or_default())?;
    let (id, wanted) = (text(input, "VersionId"), text(input, "VersionStage").unwrap_or("AWSCURRENT"));
    let fits = |it: &(&str, &'static str, &Value)| id.map_or(it.1 == wanted, |id| it.0 == id);
    let missing = || {
        ApiError::new(
            "ResourceNotFoundException",
            format!("Secrets Manager can't find the specified secret value for staging label: {wanted}"),
        )
    };
    let (id, stage, value) = stages(found).find(fits).ok_or_else(missing)?;
    let mut out = value.clone();
    set(&mut out, "ARN", found.shown["ARN"].clone());
    set(&mut out, "Name", json!(name));
    set(&mut out, "VersionId", json!(id));
    set(&mut out, "VersionStages", json!([stage]));
    Ok(out)
}

fn get_policy(sim: &mut Sim, input: &Value) -> Answer {
    let (_, found) = secret(sim, text(input, "SecretId").unwrap_or_default())?;
    let mut out = value::pick(&found.shown, &["ARN", "Name"]);
    found.policy.iter().for_each(|policy| set(&mut out, "ResourcePolicy", policy.clone()));
    Ok(out)
}

/// PutResourcePolicy, and DeleteResourcePolicy, which has none.
fn put_policy(sim: &mut Sim, input: &Value) -> Answer {
    let found = secret_mut(sim, input)?;
    found.policy = input.get("ResourcePolicy").cloned();
    Ok(value::pick(&found.shown, &["ARN", "Name"]))
}
