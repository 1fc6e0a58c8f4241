//! Capacity providers: Fargate's two, those of Auto Scaling groups, and strategies over them.

use super::tasks::Task;
use super::{TAGS, client, invalid, paging, short};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, fill, has, int, list, object_mut, page, paged, set, text, texts};
use serde_json::{Value, json};

const FARGATE: &[&str] = &["FARGATE", "FARGATE_SPOT"];

fn fargate(sim: &Sim, name: &str) -> Value {
    let arn = sim.arn("ecs", &format!("capacity-provider/{name}"));
    json!({"capacityProviderArn": arn, "name": name, "status": "ACTIVE", "tags": []})
}

fn missing() -> ApiError {
    client("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
}

pub(super) fn create(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "name", "ClientException")?.to_owned();
    let taken = sim.ecs.providers.contains_key(&name) || FARGATE.contains(&name.as_str());
    refuse! {
        taken => client("The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.");
        ["aws", "ecs", "fargate"].iter().any(|it| name.to_lowercase().starts_with(it)) => client("The specified capacity provider name is invalid. Up to 255 characters are allowed, and it cannot be prefixed with 'aws', 'ecs' or 'fargate'.");
        !has(input, "autoScalingGroupProvider") => client("The specified capacity provider needs an Auto Scaling group.");
    }
    let arn = sim.arn("ecs", &format!("capacity-provider/{name}"));
    TAGS.add(sim, &arn, input)?;
    let mut provider = value::pick(input, &["name", "autoScalingGroupProvider"]);
    set(&mut provider, "capacityProviderArn", json!(arn));
    set(&mut provider, "status", json!("ACTIVE"));
    fill_in(&mut provider);
    sim.ecs.providers.insert(name, provider.clone());
    Ok(json!({"capacityProvider": provider}))
}

fn fill_in(provider: &mut Value) {
    let group = object_mut(provider, "autoScalingGroupProvider");
    fill(group, "managedTerminationProtection", json!("DISABLED"));
    fill(group, "managedDraining", json!("ENABLED"));
    let scaling = object_mut(group, "managedScaling");
    for (name, default) in [
        ("status", json!("DISABLED")),
        ("targetCapacity", json!(100)),
        ("minimumScalingStepSize", json!(1)),
        ("maximumScalingStepSize", json!(10_000)),
        ("instanceWarmupPeriod", json!(300)),
    ] {
        fill(scaling, name, default);
    }
}

pub(super) fn update(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "name", "ClientException")?;
    let provider = sim.ecs.providers.get_mut(name).ok_or_else(missing)?;
    for (member, new) in input["autoScalingGroupProvider"].as_object().into_iter().flatten() {
        set(object_mut(provider, "autoScalingGroupProvider"), member, new.clone());
    }
    fill_in(provider);
    set(provider, "updateStatus", json!("UPDATE_COMPLETE"));
    Ok(json!({"capacityProvider": provider}))
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let name = short(value::required(input, "capacityProvider", "ClientException")?).to_owned();
    let used = sim.ecs.clusters.values().any(|it| texts(it, "capacityProviders").contains(&name.as_str()));
    refuse! {
        used => client("The capacity provider cannot be deleted because it is associated with a cluster. Remove the capacity provider from the cluster and try again.");
    }
    let mut provider = sim.ecs.providers.remove(&name).ok_or_else(missing)?;
    sim.tags.remove(text(&provider, "capacityProviderArn").unwrap_or_default());
    set(&mut provider, "status", json!("INACTIVE"));
    set(&mut provider, "updateStatus", json!("DELETE_COMPLETE"));
    Ok(json!({"capacityProvider": provider}))
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let wanted: Vec<&str> = texts(input, "capacityProviders").into_iter().map(short).collect();
    let (mut items, mut failures) = (Vec::new(), Vec::new());
    let known = FARGATE.iter().map(|name| ((*name).to_owned(), fargate(sim, name)));
    for (name, mut it) in known.chain(sim.ecs.providers.clone()) {
        if wanted.is_empty() || wanted.contains(&name.as_str()) {
            let tags = sim.tags.get(text(&it, "capacityProviderArn").unwrap_or_default());
            let tags = if super::includes(input, "TAGS") { TAGS.show(tags) } else { json!([]) };
            set(&mut it, "tags", tags);
            items.push((name, it));
        }
    }
    for name in wanted.into_iter().filter(|name| !items.iter().any(|(known, _)| known == name)) {
        failures
            .push(json!({"arn": sim.arn("ecs", &format!("capacity-provider/{name}")), "reason": "MISSING"}));
    }
    let (page, next) = page(items, input, &paging(10))?;
    let mut answer = paged("capacityProviders", page, next, &paging(10));
    set(&mut answer, "failures", json!(failures));
    Ok(answer)
}

/// Gives a service or a request that names neither launch type nor strategy its cluster's default strategy, and
/// refuses strategies over what the cluster does not have.
pub(super) fn default_strategy(sim: &Sim, cluster: &str, config: &mut Value) -> Result<(), ApiError> {
    let cluster = sim.ecs.clusters.get(cluster).unwrap_or(&Value::Null);
    let default = list(cluster, "defaultCapacityProviderStrategy");
    if !has(config, "launchType") && !has(config, "capacityProviderStrategy") && !default.is_empty() {
        set(config, "capacityProviderStrategy", json!(default));
    }
    let strategy = list(config, "capacityProviderStrategy");
    let attached = texts(cluster, "capacityProviders");
    let stranger =
        strategy.iter().any(|it| !attached.contains(&text(it, "capacityProvider").unwrap_or_default()));
    let bases = strategy.iter().filter(|it| int(it, "base").unwrap_or(0) > 0).count();
    refuse! {
        stranger => invalid("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.");
        bases > 1 => invalid("The specified capacity provider strategy cannot contain more than one capacity provider with a base value defined.");
        strategy.len() > 20 => invalid("The specified capacity provider strategy cannot contain more than 20 capacity providers.");
    }
    Ok(())
}

/// The capacity provider of the next task: bases first, then as the weights say.
pub(super) fn choose<'a>(config: &Value, there: impl Iterator<Item = &'a Task>) -> Option<String> {
    let strategy = list(config, "capacityProviderStrategy");
    if strategy.is_empty() {
        return None;
    }
    let there: Vec<&str> = there.filter_map(Task::provider).collect();
    let share = |item: &Value| {
        let name = text(item, "capacityProvider").unwrap_or_default();
        let (base, weight) = (int(item, "base").unwrap_or(0), int(item, "weight").unwrap_or(0));
        let own = there.iter().filter(|it| **it == name).count() as i64;
        // In thousandths of its weight; what lacks of a base comes before everything.
        if own < base {
            -1
        } else if weight == 0 {
            i64::MAX
        } else {
            (own - base + 1) * 1000 / weight
        }
    };
    let next = strategy.iter().min_by_key(|item| share(item))?;
    text(next, "capacityProvider").map(str::to_owned)
}
