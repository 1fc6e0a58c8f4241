//! What an account has set for ECS, and what it asks about instances, of which there are none.

use super::clusters::named;
use super::{invalid, paging, task_definitions};
use crate::sim::{Answer, Sim};
use crate::value::{self, page, paged, text, texts};
use serde_json::{Value, json};

/// The settings there are, with what they are unless somebody says otherwise.
const SETTINGS: &[(&str, &str)] = &[
    ("awsvpcTrunking", "disabled"),
    ("containerInsights", "disabled"),
    ("containerInstanceLongArnFormat", "enabled"),
    ("defaultLogDriverMode", "non-blocking"),
    ("fargateEventWindows", "disabled"),
    ("fargateFIPSMode", "disabled"),
    ("fargateTaskRetirementWaitPeriod", "7"),
    ("guardDutyActivate", "off"),
    ("serviceLongArnFormat", "enabled"),
    ("tagResourceAuthorization", "off"),
    ("taskLongArnFormat", "enabled"),
];

fn show(sim: &Sim, name: &str, value: &str) -> Value {
    json!({"name": name, "value": value, "principalArn": task_definitions::principal(sim), "type": "user"})
}

/// PutAccountSetting and PutAccountSettingDefault: there is one user here.
pub(super) fn put(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "name", "InvalidParameterException")?;
    let value = value::required(input, "value", "InvalidParameterException")?;
    refuse! {
        !SETTINGS.iter().any(|(known, _)| *known == name) => invalid("The specified account setting name is invalid. Specify a valid name and try again.");
    }
    sim.ecs.settings.insert(name.to_owned(), value.to_owned());
    Ok(json!({"setting": show(sim, name, value)}))
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "name", "InvalidParameterException")?;
    let value = sim.ecs.settings.remove(name).unwrap_or_default();
    Ok(json!({"setting": show(sim, name, &value)}))
}

pub(super) fn list_settings(sim: &mut Sim, input: &Value) -> Answer {
    let effective = value::flag(input, "effectiveSettings") == Some(true);
    let (name, wanted) = (text(input, "name"), text(input, "value"));
    let own = |setting: &str| sim.ecs.settings.get(setting).map(String::as_str);
    let items = SETTINGS
        .iter()
        .filter_map(|(setting, default)| Some((*setting, own(setting).or(effective.then_some(*default))?)))
        .filter(|(setting, value)| {
            name.is_none_or(|it| it == *setting) && wanted.is_none_or(|it| it == *value)
        })
        .map(|(setting, value)| (setting.to_owned(), show(sim, setting, value)))
        .collect();
    let paging = paging(10);
    let (page, next) = page(items, input, &paging)?;
    Ok(paged("settings", page, next, &paging))
}

/// ListContainerInstances.
pub(super) fn list_instances(sim: &mut Sim, input: &Value) -> Answer {
    named(sim, input)?;
    Ok(json!({"containerInstanceArns": []}))
}

/// DescribeContainerInstances: whichever is asked for is missing.
pub(super) fn describe_instances(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let missing = texts(input, "containerInstances").into_iter().map(|id| {
        let arn = sim.arn("ecs", &format!("container-instance/{cluster}/{}", super::short(id)));
        json!({"arn": arn, "reason": "MISSING"})
    });
    Ok(json!({"containerInstances": [], "failures": missing.collect::<Vec<_>>()}))
}
