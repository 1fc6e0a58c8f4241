"""Resources recorded on AWS, created again here: what AWS had filled in must come back.

usage: recorded.py ENDPOINT FOLDER: the second holds pairs of what was declared and what AWS then showed, as
CloudFormation writes them. Prints SKIPPED where there is none.
"""

import json
import pathlib
import sys

from wire import Simulator, finish

# Maps whose keys are the user's.
FREE = {"Options", "DockerLabels", "Labels", "DriverOpts"}


def lower(value, key=None):
    """CloudFormation's names as ECS writes them."""
    if isinstance(value, dict):
        if key in FREE:
            return value
        return {name[:1].lower() + name[1:]: lower(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [lower(item) for item in value]
    return value


def lost(recorded, shown, path=""):
    """What was recorded and is not shown: absent, null, empty, false and zero-like text are one."""
    if recorded in (None, [], {}, ""):
        return
    if isinstance(recorded, dict) and isinstance(shown, dict):
        for name, item in recorded.items():
            yield from lost(item, shown.get(name), f"{path}/{name}")
    elif isinstance(recorded, list) and isinstance(shown, list):
        for item in recorded:
            if isinstance(item, dict):
                if not any(not list(lost(item, other)) for other in shown):
                    yield f"{path}: {item} not among {shown}"
            elif item not in shown and str(item) not in map(str, shown):
                yield f"{path}: {item!r} not among {shown}"
    elif recorded != shown and str(recorded) != str(shown):
        yield f"{path}: {recorded!r} on AWS, {shown!r} here"


def target_group(sim, name, declared, live):
    elb = sim.client("elbv2")
    fixed = {**declared, "Name": name, "VpcId": "vpc-1"}
    attributes = fixed.pop("TargetGroupAttributes", [])
    for unused in ("Targets", "Tags"):
        fixed.pop(unused, None)
    if live.get("TargetType") == "lambda":
        fixed.pop("VpcId")
    made = elb.create_target_group(**fixed)["TargetGroups"][0]
    if attributes:
        elb.modify_target_group_attributes(TargetGroupArn=made["TargetGroupArn"], Attributes=attributes)
    found = elb.describe_target_group_attributes(TargetGroupArn=made["TargetGroupArn"])["Attributes"]
    shown = elb.describe_target_groups(Names=[name])["TargetGroups"][0]
    return {**shown, "TargetGroupAttributes": found}, (
        "LoadBalancerArns", "TargetGroupArn", "TargetGroupFullName", "TargetGroupName", "Name", "VpcId", "Targets", "Tags")


def task_definition(sim, name, declared, live):
    sent = lower(declared)
    sent.pop("tags", None)
    sent["family"] = name
    shown = sim.client("ecs").register_task_definition(**sent)["taskDefinition"]
    return shown, ("TaskDefinitionArn", "Family", "Tags")


def service(sim, name, declared, live):
    ecs = sim.client("ecs")
    ecs.create_cluster(clusterName="recorded", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    fargate = live.get("LaunchType") == "FARGATE" or live.get("CapacityProviderStrategy")
    awsvpc = "NetworkConfiguration" in live
    balancers = declared.get("LoadBalancers", [])
    container = {"name": "c", "image": "i", "memory": 128}
    if balancers:
        container.update(name=balancers[0]["ContainerName"],
                         portMappings=[{"containerPort": int(balancers[0]["ContainerPort"])}])
    definition = {"family": name, "containerDefinitions": [container]}
    if awsvpc:
        definition["networkMode"] = "awsvpc"
    if fargate:
        definition.update(requiresCompatibilities=["FARGATE"], cpu="256", memory="512")
    ecs.register_task_definition(**definition)
    sent = lower(declared)
    for unused in ("tags", "cluster", "loadBalancers", "serviceName", "role", "serviceRegistries"):
        sent.pop(unused, None)
    if "placementStrategies" in sent:
        sent["placementStrategy"] = sent.pop("placementStrategies")
    sent.update(cluster="recorded", serviceName=name, taskDefinition=name)
    sent.setdefault("desiredCount", 0)
    if live.get("SchedulingStrategy") == "DAEMON":
        sent.pop("desiredCount")
    ecs.create_service(**sent)
    shown = ecs.describe_services(cluster="recorded", services=[name])["services"][0]
    return shown, ("ServiceArn", "ServiceName", "Name", "Cluster", "TaskDefinition", "Tags", "Role", "LoadBalancers",
                   "PlacementStrategies", "ServiceRegistries", "DesiredCount", "PropagateTags")


def log_group(sim, name, declared, live):
    logs = sim.client("logs")
    logs.create_log_group(logGroupName=name, logGroupClass=declared.get("LogGroupClass", "STANDARD"))
    if "RetentionInDays" in declared:
        logs.put_retention_policy(logGroupName=name, retentionInDays=declared["RetentionInDays"])
    shown = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    return shown, ("Arn", "LogGroupName", "Tags", "KmsKeyId", "DataProtectionPolicy", "FieldIndexPolicies",
                   "DeletionProtectionEnabled", "BearerTokenAuthenticationEnabled", "ResourcePolicyDocument")


def forwarded(sim, name, declared, live):
    """A load balancer and, where actions forward, a target group, both made for the occasion."""
    elb = sim.client("elbv2")
    network = "/net/" in live.get("LoadBalancerArn", "")
    balancer = elb.create_load_balancer(
        Name=name, Type="network" if network else "application", Subnets=["subnet-1", "subnet-2"])
    of = {"LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"]}
    actions = [dict(it) for it in declared.get("DefaultActions", declared.get("Actions", []))]
    if any("TargetGroupArn" in it for it in actions):
        protocol = declared["Protocol"]
        group = elb.create_target_group(Name=name, Port=80, VpcId="vpc-1", Protocol=protocol, TargetType="ip")
        for action in actions:
            action["TargetGroupArn"] = group["TargetGroups"][0]["TargetGroupArn"]
    return elb, of, actions


def unlinked(actions):
    """Actions without the ARNs of another account."""
    return json.loads(json.dumps(actions), object_hook=lambda it: {k: v for k, v in it.items() if k != "TargetGroupArn"})


def listener(sim, name, declared, live):
    elb, of, actions = forwarded(sim, name, declared, live)
    sent = {key: item for key, item in declared.items() if key not in ("DefaultActions", "LoadBalancerArn", "Tags")}
    made = elb.create_listener(DefaultActions=actions, **of, **sent)["Listeners"][0]
    shown = elb.describe_listeners(ListenerArns=[made["ListenerArn"]])["Listeners"][0]
    shown["DefaultActions"] = unlinked(shown["DefaultActions"])
    live["DefaultActions"] = unlinked(live["DefaultActions"])
    shown["ListenerAttributes"] = elb.describe_listener_attributes(ListenerArn=made["ListenerArn"])["Attributes"]
    return shown, ("ListenerArn", "LoadBalancerArn", "Tags")


def listener_rule(sim, name, declared, live):
    elb, of, actions = forwarded(sim, name, declared, live)
    made = elb.create_listener(DefaultActions=actions, Port=80, Protocol="HTTP", **of)["Listeners"][0]
    rule = elb.create_rule(
        ListenerArn=made["ListenerArn"], Priority=declared["Priority"], Conditions=declared["Conditions"], Actions=actions)
    shown = elb.describe_rules(RuleArns=[rule["Rules"][0]["RuleArn"]])["Rules"][0]
    return shown, ("RuleArn", "ListenerArn", "Tags")


def repository(sim, name, declared, live):
    shown = sim.client("ecr").create_repository(repositoryName=name)["repository"]
    return shown, ("RepositoryName", "RepositoryUri", "Arn", "Tags")


def alarm(sim, name, declared, live):
    watch = sim.client("cloudwatch")
    watch.put_metric_alarm(AlarmName=name, **{key: it for key, it in declared.items() if key not in ("AlarmName", "Tags")})
    return watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0], ("AlarmName", "Arn", "Tags")


KINDS = {
    "AWS::CloudWatch::Alarm": (alarm, False),
    "AWS::ElasticLoadBalancingV2::Listener": (listener, False),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (listener_rule, False),
    "AWS::ECR::Repository": (repository, True),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (target_group, False),
    "AWS::ECS::TaskDefinition": (task_definition, True),
    "AWS::ECS::Service": (service, True),
    "AWS::Logs::LogGroup": (log_group, True),
}


def main(endpoint, folder):
    files = sorted(pathlib.Path(folder).glob("*.json"))
    if not files:
        print(f"SKIPPED: nothing recorded in {folder}")
        return
    sim = Simulator(endpoint)
    sim.control("reset", {"seed": 5})
    missing, count, left = [], 0, set()
    for number, file in enumerate(files):
        pair = json.loads(file.read_text())
        resource = pair["resource"]
        kind = KINDS.get(resource["resourceType"])
        if kind is None:
            # DynamoDB's scaling and certificates without a listener are not simulated.
            left.add(resource["resourceType"])
            continue
        create, lowers = kind
        live = pair["liveRaw"]
        count += 1
        shown, own = create(sim, f"r{number}", resource["declared"], live)
        recorded = {name: item for name, item in live.items() if name not in own}
        recorded = lower(recorded) if lowers else recorded
        missing += [f"{file.name} {it}" for it in lost(recorded, shown)]
    if missing:
        raise SystemExit("\n".join(missing))
    finish(f"{count} recorded resources come back as AWS showed them; not simulated: {', '.join(sorted(left))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
