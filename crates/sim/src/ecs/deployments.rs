//! Service deployments and service revisions: the history that DescribeServices does not show.

use super::services::{Service, ServiceDeployment};
use super::shown::revision_counts;
use super::{Key, invalid, paging, scheduler, short};
use crate::sim::{Answer, Sim};
use crate::value::{self, has, list, page, paged, set, text, texts};
use serde_json::{Value, json};

pub(super) fn list_deployments(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = super::clusters::named(sim, input)?;
    let name = short(value::required(input, "service", "InvalidParameterException")?).to_owned();
    let service = sim.ecs.services.get(&(cluster, name)).ok_or_else(super::services::not_found)?;
    let wanted = texts(input, "status");
    let items = service
        .service_deployments
        .iter()
        .filter(|it| wanted.is_empty() || wanted.contains(&it.status))
        .map(|it| {
            let cluster = super::clusters::arn(sim, service.cluster());
            let mut brief = json!({
                "serviceDeploymentArn": it.arn,
                "serviceArn": service.arn,
                "clusterArn": cluster,
                "status": it.status,
                "targetServiceRevisionArn": it.target,
            });
            stamp(&mut brief, it);
            (it.arn.clone(), brief)
        })
        .collect();
    let paging = paging(20);
    let (page, next) = page(items, input, &paging)?;
    Ok(paged("serviceDeployments", page, next, &paging))
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    each(sim, input, "serviceDeploymentArns", "serviceDeployments", |sim, service, arn| {
        let it = service.service_deployments.iter().find(|it| it.arn == arn)?;
        Some(show(sim, service, it))
    })
}

pub(super) fn describe_revisions(sim: &mut Sim, input: &Value) -> Answer {
    each(sim, input, "serviceRevisionArns", "serviceRevisions", |sim, service, arn| {
        let mut revision = service.revision(arn)?.clone();
        if has(&revision, "resolvedConfiguration") {
            return Some(revision);
        }
        let balancers: Vec<Value> = list(&revision, "loadBalancers")
            .iter()
            .filter_map(|it| text(it, "targetGroupArn"))
            .map(|group| match sim.elb.rule_of(group) {
                Some(rule) => json!({"targetGroupArn": group, "productionListenerRule": rule}),
                None => json!({"targetGroupArn": group}),
            })
            .collect();
        if !balancers.is_empty() {
            set(&mut revision, "resolvedConfiguration", json!({"loadBalancers": balancers}));
        }
        Some(revision)
    })
}

/// Looks up the ARNs in the list under `names`, at most twenty; what is missing is a failure.
fn each(
    sim: &Sim,
    input: &Value,
    names: &str,
    answer: &str,
    find: impl Fn(&Sim, &Service, &str) -> Option<Value>,
) -> Answer {
    let arns = texts(input, names);
    refuse! {
        arns.is_empty() || arns.len() > 20 => invalid(format!("{names} must have between 1 and 20 items."));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        match key_in(arn).and_then(|key| find(sim, sim.ecs.services.get(&key)?, arn)) {
            Some(value) => found.push(value),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({answer: found, "failures": failures}))
}

/// The service that the ARN of a service, of a service deployment or of a revision belongs to.
pub fn key_in(arn: &str) -> Option<Key> {
    let mut parts = arn.split('/').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

fn stamp(out: &mut Value, it: &ServiceDeployment) {
    set(out, "createdAt", value::time(it.created));
    set(out, "startedAt", value::time(it.created));
    if let Some(at) = it.finished {
        set(out, "finishedAt", value::time(at));
    }
    if !it.reason.is_empty() {
        set(out, "statusReason", json!(it.reason));
    }
}

fn show(sim: &Sim, service: &Service, it: &ServiceDeployment) -> Value {
    let breaker = &it.configuration["deploymentCircuitBreaker"];
    let watching = match (it.rollback.is_some(), it.finished.is_some()) {
        _ if breaker["enable"] != true => "DISABLED",
        (true, _) => "TRIGGERED",
        (false, true) => "MONITORING_COMPLETE",
        (false, false) => "MONITORING",
    };
    let sources: Vec<Value> = it.sources.iter().map(|arn| revision_counts(service, arn)).collect();
    let mut out = json!({
        "serviceDeploymentArn": it.arn,
        "serviceArn": service.arn,
        "clusterArn": super::clusters::arn(sim, service.cluster()),
        "status": it.status,
        "updatedAt": value::time(it.updated),
        "sourceServiceRevisions": sources,
        "targetServiceRevision": revision_counts(service, &it.target),
        "deploymentConfiguration": it.configuration,
        "deploymentCircuitBreaker": {
            "status": watching,
            "failureCount": it.failed,
            "threshold": scheduler::threshold(breaker, service.desired),
        },
    });
    stamp(&mut out, it);
    if let Some(stages) = &it.stages {
        stages.show(&mut out);
    }
    if let Some((reason, at, revision)) = &it.rollback {
        set(
            &mut out,
            "rollback",
            json!({
                "reason": reason, "startedAt": value::time(*at), "serviceRevisionArn": revision,
            }),
        );
    }
    out
}
