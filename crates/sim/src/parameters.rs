//! SSM parameters and Secrets Manager secrets, as far as references to them are looked up.

use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, read, write};
use crate::value::{self, set, text, texts};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Parameters and secrets by name.
#[derive(Clone, Default)]
pub struct Parameters {
    parameters: BTreeMap<String, Value>,
    secrets: BTreeMap<String, Value>,
}

/// SSM's rows of the table.
pub const SSM: &[Operation] = &[
    write("ssm", "PutParameter", put),
    read("ssm", "GetParameter", get_one),
    read("ssm", "GetParameters", get),
];

/// Secrets Manager's rows of the table.
pub const SECRETS: &[Operation] = &[
    write("secretsmanager", "CreateSecret", create_secret),
    read("secretsmanager", "DescribeSecret", describe_secret),
];

fn put(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "Name", "ValidationException")?;
    let before = sim.parameters.parameters.get(name);
    refuse! {
        before.is_some() && value::flag(input, "Overwrite") != Some(true) => ApiError::new("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.");
    }
    let version = before.and_then(|it| value::int(it, "Version")).unwrap_or(0) + 1;
    let mut parameter = value::pick(input, &["Name", "Type", "Value"]);
    value::fill(&mut parameter, "Type", json!("String"));
    let arn = sim.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')));
    set(&mut parameter, "ARN", json!(arn));
    set(&mut parameter, "DataType", json!("text"));
    set(&mut parameter, "Version", json!(version));
    set(&mut parameter, "LastModifiedDate", value::time(sim.now));
    sim.parameters.parameters.insert(name.to_owned(), parameter);
    Ok(json!({"Version": version, "Tier": "Standard"}))
}

/// A parameter by its name or ARN, with or without a version.
fn find<'a>(sim: &'a Sim, name: &str) -> Option<&'a Value> {
    let name = name.split_once(":parameter/").map_or(name, |(_, name)| name);
    let name = name.split(':').next().unwrap_or(name);
    let all = &sim.parameters.parameters;
    all.get(name).or_else(|| all.get(&format!("/{name}")))
}

fn get(sim: &mut Sim, input: &Value) -> Answer {
    let names = texts(input, "Names");
    refuse! {
        names.is_empty() || names.len() > 10 => ApiError::new("ValidationException", "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10");
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match find(sim, name) {
            Some(parameter) => found.push(parameter.clone()),
            None => missing.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": missing}))
}

fn get_one(sim: &mut Sim, input: &Value) -> Answer {
    let found = find(sim, text(input, "Name").unwrap_or_default());
    let found = found.ok_or_else(|| ApiError::new("ParameterNotFound", "Parameter not found."))?;
    Ok(json!({"Parameter": found}))
}

fn create_secret(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "Name", "InvalidParameterException")?.to_owned();
    refuse! {
        sim.parameters.secrets.contains_key(&name) => ApiError::new("ResourceExistsException", format!("The operation failed because the secret {name} already exists."));
    }
    let suffix = sim.hex(6);
    let arn = sim.arn("secretsmanager", &format!("secret:{name}-{suffix}"));
    let version = sim.uuid();
    let secret = json!({
        "ARN": arn, "Name": name, "CreatedDate": value::time(sim.now), "LastChangedDate": value::time(sim.now),
        "VersionIdsToStages": {version.clone(): ["AWSCURRENT"]},
    });
    sim.parameters.secrets.insert(name.clone(), secret);
    Ok(json!({"ARN": arn, "Name": name, "VersionId": version}))
}

fn describe_secret(sim: &mut Sim, input: &Value) -> Answer {
    let id = text(input, "SecretId").unwrap_or_default();
    let found = sim.parameters.secrets.iter().find(|(name, it)| *name == id || text(it, "ARN") == Some(id));
    let missing =
        || ApiError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    found.map(|(_, secret)| secret.clone()).ok_or_else(missing)
}
