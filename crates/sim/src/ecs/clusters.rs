//! Clusters.

use super::{TAGS, includes, invalid, paging, short};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, fill, list, list_mut, page, paged, set, text, texts};
use serde_json::{Value, json};

/// What AWS says where a cluster is missing.
pub fn not_found() -> ApiError {
    ApiError::new("ClusterNotFoundException", "Cluster not found.")
}

/// The name of the cluster a request means (`default` where it names none), which must be active.
pub fn named(sim: &Sim, input: &Value) -> Result<String, ApiError> {
    let name = short(text(input, "cluster").unwrap_or("default"));
    match sim.ecs.clusters.get(name) {
        Some(cluster) if text(cluster, "status") == Some("ACTIVE") => Ok(name.to_owned()),
        _ => Err(not_found()),
    }
}

/// The ARN of a cluster.
pub fn arn(sim: &Sim, name: &str) -> String {
    sim.arn("ecs", &format!("cluster/{name}"))
}

pub(super) fn create(sim: &mut Sim, input: &Value) -> Answer {
    let name = text(input, "clusterName").unwrap_or("default").to_owned();
    refuse! {
        name.len() > 255 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) => invalid("Identifiers must contain only alphanumeric characters, hyphens and underscores, and be 255 characters or fewer.");
    }
    let arn = arn(sim, &name);
    // A cluster that is there is answered as it is.
    let active = sim.ecs.clusters.get(&name).is_some_and(|cluster| text(cluster, "status") == Some("ACTIVE"));
    if !active {
        TAGS.parse(input)?;
        sim.tags.remove(&arn);
        TAGS.add(sim, &arn, input)?;
        let mut cluster = value::pick(
            input,
            &[
                "configuration",
                "serviceConnectDefaults",
                "settings",
                "capacityProviders",
                "defaultCapacityProviderStrategy",
            ],
        );
        set(&mut cluster, "clusterName", json!(name));
        set(&mut cluster, "clusterArn", json!(arn));
        set(&mut cluster, "status", json!("ACTIVE"));
        fill(&mut cluster, "settings", json!([{"name": "containerInsights", "value": "disabled"}]));
        fill(&mut cluster, "capacityProviders", json!([]));
        fill(&mut cluster, "defaultCapacityProviderStrategy", json!([]));
        sim.ecs.clusters.insert(name.clone(), cluster);
    }
    let all = json!({"include": ["TAGS", "SETTINGS", "CONFIGURATIONS"]});
    Ok(json!({"cluster": show(sim, &name, &all)}))
}

/// Changes settings, configuration, Service Connect defaults or capacity providers: what is sent replaces
/// what was there, settings one by one.
pub(super) fn update(sim: &mut Sim, input: &Value) -> Answer {
    let name = named(sim, input)?;
    let Some(cluster) = sim.ecs.clusters.get_mut(&name) else {
        return Err(not_found());
    };
    for member in
        ["configuration", "serviceConnectDefaults", "capacityProviders", "defaultCapacityProviderStrategy"]
    {
        if let Some(new) = input.get(member) {
            set(cluster, member, new.clone());
        }
    }
    for item in list_mut(cluster, "defaultCapacityProviderStrategy").into_iter().flatten() {
        fill(item, "base", json!(0));
        fill(item, "weight", json!(0));
    }
    for setting in list(input, "settings") {
        if let Some(settings) = list_mut(cluster, "settings") {
            settings.retain(|it| it["name"] != setting["name"]);
            settings.push(setting.clone());
        }
    }
    let all = json!({"include": ["TAGS", "SETTINGS", "CONFIGURATIONS"]});
    Ok(json!({"cluster": show(sim, &name, &all)}))
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let mut names = texts(input, "clusters");
    if names.is_empty() {
        names.push("default");
    }
    refuse! {
        names.len() > 100 => invalid("Cluster ids length should be at most 100.");
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match show(sim, short(name), input) {
            Some(cluster) => clusters.push(cluster),
            None => failures.push(json!({"arn": arn(sim, short(name)), "reason": "MISSING"})),
        }
    }
    Ok(json!({"clusters": clusters, "failures": failures}))
}

pub(super) fn list_clusters(sim: &mut Sim, input: &Value) -> Answer {
    let items = sim
        .ecs
        .clusters
        .iter()
        .filter(|(_, cluster)| text(cluster, "status") == Some("ACTIVE"))
        .map(|(name, cluster)| (name.clone(), cluster["clusterArn"].clone()))
        .collect();
    let (page, next) = page(items, input, &paging(100))?;
    Ok(paged("clusterArns", page, next, &paging(100)))
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let name = named(sim, input)?;
    let busy = sim.ecs.in_cluster(&name).any(|(_, service)| service.status != "INACTIVE");
    let runs = sim.ecs.standalone.in_cluster(&name).any(|task| task.stopped.is_none());
    refuse! {
        runs => ApiError::new("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.");
        busy => ApiError::new("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.");
    }
    if let Some(cluster) = sim.ecs.clusters.get_mut(&name) {
        set(cluster, "status", json!("INACTIVE"));
    }
    Ok(json!({"cluster": show(sim, &name, &json!({}))}))
}

fn show(sim: &Sim, name: &str, input: &Value) -> Option<Value> {
    let mut cluster = sim.ecs.clusters.get(name)?.clone();
    let (mut running, mut pending, mut active) = (0, 0, 0);
    for (_, service) in sim.ecs.in_cluster(name) {
        running += service.running(None);
        pending += service.pending(None);
        active += i64::from(service.status == "ACTIVE");
    }
    for task in sim.ecs.standalone.in_cluster(name) {
        running += i64::from(task.is_running());
        pending += i64::from(task.is_pending());
    }
    set(&mut cluster, "runningTasksCount", json!(running));
    set(&mut cluster, "pendingTasksCount", json!(pending));
    set(&mut cluster, "activeServicesCount", json!(active));
    set(&mut cluster, "registeredContainerInstancesCount", json!(0));
    set(&mut cluster, "statistics", json!([]));
    if !includes(input, "SETTINGS") {
        set(&mut cluster, "settings", json!([]));
    }
    let tags = match includes(input, "TAGS") {
        true => TAGS.show(sim.tags.get(text(&cluster, "clusterArn")?)),
        false => json!([]),
    };
    set(&mut cluster, "tags", tags);
    Some(cluster)
}
