//! What AWS refuses of a service, and what it fills in.

use super::{invalid, task_definitions};
use crate::sim::{ApiError, Sim};
use crate::value::{self, fill, has, int, list, list_mut, object_mut, set, text, texts};
use serde_json::{Value, json};

/// Replaces the name of a task definition with the ARN of the active revision it means.
pub(super) fn resolve_task_definition(sim: &Sim, config: &mut Value) -> Result<(), ApiError> {
    let name = value::required(config, "taskDefinition", "InvalidParameterException")?;
    let definition = task_definitions::usable(sim, name)?;
    let arn = definition["taskDefinitionArn"].clone();
    set(config, "taskDefinition", arn);
    Ok(())
}

/// Refuses what AWS refuses. `input` is the request, `config` what the service would become.
pub(super) fn validate(sim: &Sim, config: &Value, input: &Value) -> Result<(), ApiError> {
    let deployment = &config["deploymentConfiguration"];
    let minimum = int(deployment, "minimumHealthyPercent").unwrap_or(100);
    let maximum = int(deployment, "maximumPercent").unwrap_or(200);
    let daemon = text(config, "schedulingStrategy") == Some("DAEMON");
    let rebalances = text(input, "availabilityZoneRebalancing") == Some("ENABLED");
    let fargate = text(config, "launchType") == Some("FARGATE");
    let desired = int(input, "desiredCount");
    let definition = task_definitions::find(sim, text(config, "taskDefinition").unwrap_or_default())
        .ok_or_else(|| super::client("TaskDefinition not found."))?;
    let awsvpc = text(definition, "networkMode") == Some("awsvpc");
    let network = config.get("networkConfiguration");
    let own = network.and_then(|it| it.get("awsvpcConfiguration"));
    let count = |name: &str| own.map_or(0, |it| list(it, name).len());
    let (subnets, groups) = (count("subnets"), count("securityGroups"));
    let balancers = list(config, "loadBalancers");
    let checked = list(definition, "containerDefinitions").iter().any(|it| has(it, "healthCheck"));
    let staged = text(deployment, "strategy").is_some_and(|it| it != "ROLLING");
    let grace = int(input, "healthCheckGracePeriodSeconds").unwrap_or(0);
    refuse! {
        desired.is_some_and(|it| it < 0) => invalid("desiredCount cannot be negative.");
        desired.is_some_and(|it| it > 5_000) => invalid("The maximum number of tasks per service is 5000.");
        desired.is_some() && daemon => invalid("The daemon scheduling strategy does not support a desired count for services.");
        minimum > 100 => invalid("minimumHealthyPercent must be at most 100");
        minimum < 0 => invalid("minimumHealthyPercent must be at least 0");
        maximum < 100 => invalid("maximumPercent must be at least 100");
        maximum > 10_000 => invalid("maximumPercent is too large");
        minimum >= maximum => invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments");
        rebalances && daemon => invalid("Availability Zone Rebalancing does not support DAEMON services");
        rebalances && maximum <= 100 => invalid("Availability Zone Rebalancing does not support maximumPercent <= 100 % as deployment configuration.");
        has(input, "launchType") && !list(input, "capacityProviderStrategy").is_empty() => invalid("Specifying both a launch type and capacity provider strategy is not supported");
        daemon && fargate => invalid("The daemon scheduling strategy is not supported for the Fargate launch type.");
        awsvpc && subnets == 0 => invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
        !awsvpc && network.is_some() => invalid("Network Configuration is not valid for the given networkMode of this task definition.");
        groups > 5 => invalid("securityGroups can have at most 5 items.");
        subnets > 16 => invalid("subnets can have at most 16 items.");
        fargate && !texts(definition, "compatibilities").contains(&"FARGATE") => invalid("Task definition does not support launch_type FARGATE.");
        balancers.is_empty() && !checked && grace > 0 => invalid("Health check grace period is only valid for services configured to use load balancers");
        !(0..=2_147_483_647).contains(&grace) => invalid("healthCheckGracePeriodSeconds is out of range");
        staged && balancers.iter().any(|it| !has(it, "advancedConfiguration")) => invalid("advancedConfiguration with alternateTargetGroupArn, productionListenerRule and roleArn is required for this deployment strategy.");
        balancers.len() > 5 => invalid("load balancers can have at most 5 items.");
    }
    // AWS looks at target groups when they are sent, not on every update.
    for balancer in balancers {
        validate_load_balancer(sim, balancer, definition, awsvpc, has(input, "loadBalancers"))?;
    }
    Ok(())
}

fn validate_load_balancer(
    sim: &Sim,
    balancer: &Value,
    definition: &Value,
    awsvpc: bool,
    sent: bool,
) -> Result<(), ApiError> {
    let name = text(balancer, "containerName").unwrap_or_default();
    let Some(container) = task_definitions::container(definition, name) else {
        return Err(invalid(format!("The container {name} does not exist in the task definition.")));
    };
    let port = int(balancer, "containerPort").unwrap_or_default();
    refuse! {
        !list(container, "portMappings").iter().any(|it| int(it, "containerPort") == Some(port)) => invalid(format!("The container {name} did not have a container port {port} defined."));
    }
    let (Some(arn), true) = (text(balancer, "targetGroupArn"), sent) else {
        return Ok(());
    };
    let Some(group) = sim.elb.target_group(arn) else {
        return Err(invalid(format!("Unable to find target group with targetGroupArn {arn}.")));
    };
    refuse! {
        awsvpc && text(&group.config, "TargetType") != Some("ip") => invalid(format!("The provided target group {arn} has target type {}, which is incompatible with the awsvpc network mode specified in the task definition.", text(&group.config, "TargetType").unwrap_or_default()));
        !sim.elb.in_use(arn) => invalid(format!("The target group with targetGroupArn {arn} does not have an associated load balancer."));
    }
    Ok(())
}

/// What AWS adds to a service.
pub(super) fn fill_in(sim: &Sim, config: &mut Value) {
    fill(config, "schedulingStrategy", json!("REPLICA"));
    let daemon = text(config, "schedulingStrategy") == Some("DAEMON");
    if list(config, "capacityProviderStrategy").is_empty() {
        fill(config, "launchType", json!("EC2"));
    }
    for item in list_mut(config, "capacityProviderStrategy").into_iter().flatten() {
        fill(item, "base", json!(0));
        fill(item, "weight", json!(0));
    }
    if text(config, "launchType") != Some("EC2") {
        fill(config, "platformVersion", json!("LATEST"));
        fill(config, "platformFamily", json!("Linux"));
    }
    for name in ["loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"] {
        fill(config, name, json!([]));
    }
    fill(config, "deploymentController", json!({"type": "ECS"}));
    fill(config, "healthCheckGracePeriodSeconds", json!(0));
    fill(config, "enableExecuteCommand", json!(false));
    fill(config, "enableECSManagedTags", json!(false));
    fill(config, "propagateTags", json!("NONE"));
    let deployment = object_mut(config, "deploymentConfiguration");
    fill(deployment, "maximumPercent", json!(if daemon { 100 } else { 200 }));
    fill(deployment, "minimumHealthyPercent", json!(if daemon { 0 } else { 100 }));
    fill(deployment, "strategy", json!("ROLLING"));
    fill(deployment, "bakeTimeInMinutes", json!(0));
    let breaker = object_mut(deployment, "deploymentCircuitBreaker");
    fill(breaker, "enable", json!(false));
    fill(breaker, "rollback", json!(false));
    fill(breaker, "resetOnHealthyTask", json!(true));
    fill(breaker, "thresholdConfiguration", json!({"type": "BOUNDED_PERCENT", "value": 50}));
    let rebalances =
        !daemon && int(&config["deploymentConfiguration"], "maximumPercent").is_some_and(|it| it > 100);
    fill(config, "availabilityZoneRebalancing", json!(if rebalances { "ENABLED" } else { "DISABLED" }));
    let balanced = !list(config, "loadBalancers").is_empty();
    if let Some(network) =
        config.get_mut("networkConfiguration").and_then(|it| it.get_mut("awsvpcConfiguration"))
    {
        fill(network, "assignPublicIp", json!("DISABLED"));
        fill(network, "securityGroups", json!([]));
        for name in ["subnets", "securityGroups"] {
            value::shuffle(list_mut(network, name).map_or(&mut [], Vec::as_mut_slice));
        }
    } else if !balanced {
        return;
    }
    let role = format!(
        "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        sim.config.account
    );
    fill(config, "roleArn", json!(role));
}
