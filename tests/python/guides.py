"""A deployment from an empty account with nothing but the AWS CLI, step by step as deployment guides have it.

usage: guides.py ENDPOINT
"""

import base64
import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile

from awscli.clidriver import create_clidriver
from wire import Simulator, finish

ACCOUNT, REGION = "123456789012", "us-east-1"


def container(name, environment=()):
    return {
        "name": name, "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop:latest", "essential": True,
        "portMappings": [{"containerPort": 8000, "protocol": "tcp"}],
        "environment": [{"name": key, "value": value} for key, value in environment],
        "secrets": [{"name": "KEY", "valueFrom": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop/keys:KEY::"}],
        "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": "/ecs/shop", "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}},
        "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 30, "timeout": 10, "startPeriod": 60},
    }


def definition(family, **more):
    return {
        "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "512",
        "memory": "1024", "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ecsTaskExecutionRole",
        "containerDefinitions": [{**container("app"), **more}],
    }


class Shell:
    """The AWS CLI as a person has it in a terminal, without the second that it takes to start."""

    def __init__(self, endpoint, folder):
        os.chdir(folder)
        os.environ.update({
            "AWS_ACCESS_KEY_ID": "AKIAGUIDE", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PAGER": "", "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true",
        })

    def run(self, command):
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            code = create_clidriver().main([*command, "--output", "json"] if "--output" not in command else command)
        return code, said.getvalue().strip(), complained.getvalue()

    def __call__(self, *command):
        code, said, complained = self.run(list(command))
        assert code == 0, (command, complained)
        return said

    def json(self, *command):
        return json.loads(self(*command))

    def refused(self, expected, *command):
        code, _, complained = self.run(list(command))
        assert code != 0 and expected in complained, (command, complained)


def main(endpoint):
    sim = Simulator(endpoint)
    with tempfile.TemporaryDirectory() as folder:
        aws = Shell(endpoint, folder)
        write = lambda name, content: (pathlib.Path(folder) / name).write_text(json.dumps(content))
        prepare(aws, write)
        group, rule = balance(aws, sim)
        serve(aws, sim, group, folder)
        scale(aws, sim)
        look(aws, sim, group)
        deploy(aws, sim, write)
        one_off(aws, sim)
        clean_up(aws, sim, rule, group)
    state = sim.control("state")
    assert not state["dirty"], state["unknownOperations"]
    finish("the AWS CLI: a deployment as guides describe it")


def prepare(aws, write):
    assert aws("sts", "get-caller-identity", "--query", "Account", "--output", "text") == ACCOUNT
    aws("s3", "mb", "s3://shop-terraform-state", "--region", REGION)
    aws("s3api", "put-bucket-versioning", "--bucket", "shop-terraform-state",
        "--versioning-configuration", "Status=Enabled")
    assert "shop-terraform-state" in aws("s3", "ls")
    secret = ("--secret-string", '{"KEY": "one"}')
    aws("secretsmanager", "create-secret", "--name", "shop/keys", *secret)
    aws("secretsmanager", "put-secret-value", "--secret-id", "shop/keys", *secret)
    assert aws.json("secretsmanager", "describe-secret", "--secret-id", "shop/keys")["Name"] == "shop/keys"
    made = aws.json("ecr", "create-repository", "--repository-name", "shop", "--region", REGION,
                    "--image-scanning-configuration", "scanOnPush=true")
    assert made["repository"]["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop"
    aws("ecr", "describe-repositories", "--repository-names", "shop", "--query", "repositories[0].repositoryUri",
        "--output", "text")
    assert aws("ecr", "get-login-password", "--region", REGION) == base64.b64decode("c2ltdWxhdGVk").decode()
    aws("ecr", "put-image", "--repository-name", "shop", "--image-tag", "latest", "--image-manifest", "{}")
    assert "latest" in aws("ecr", "list-images", "--repository-name", "shop")
    aws("logs", "create-log-group", "--log-group-name", "/ecs/shop")
    aws("logs", "put-retention-policy", "--log-group-name", "/ecs/shop", "--retention-in-days", "30")
    aws("ecs", "create-cluster", "--cluster-name", "shop", "--capacity-providers", "FARGATE", "FARGATE_SPOT",
        "--default-capacity-provider-strategy", "capacityProvider=FARGATE,weight=1,base=1",
        "--settings", "name=containerInsights,value=enabled")
    write("task-definition.json", definition("shop"))
    aws("ecs", "register-task-definition", "--cli-input-json", "file://task-definition.json")


def balance(aws, sim):
    group = aws.json(
        "elbv2", "create-target-group", "--name", "shop-tg", "--protocol", "HTTP", "--port", "8000", "--vpc-id", "vpc-1",
        "--target-type", "ip", "--health-check-path", "/health", "--health-check-interval-seconds", "30",
        "--health-check-timeout-seconds", "10", "--healthy-threshold-count", "2", "--unhealthy-threshold-count", "3",
    )["TargetGroups"][0]["TargetGroupArn"]
    balancer = aws("elbv2", "create-load-balancer", "--name", "shop-alb", "--subnets", "subnet-1", "subnet-2",
                   "--security-groups", "sg-1", "--query", "LoadBalancers[0].LoadBalancerArn", "--output", "text")
    aws("elbv2", "create-listener", "--load-balancer-arn", balancer, "--protocol", "HTTP", "--port", "80",
        "--default-actions", f"Type=forward,TargetGroupArn={group}")
    sim.advance(180)
    aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", balancer)
    listener = aws("elbv2", "describe-listeners", "--load-balancer-arn", balancer, "--query",
                   "Listeners[0].ListenerArn", "--output", "text")
    rule = aws("elbv2", "create-rule", "--listener-arn", listener, "--priority", "10", "--conditions",
               "Field=path-pattern,Values=/api/*", "--actions", f"Type=forward,TargetGroupArn={group}", "--query",
               "Rules[0].RuleArn", "--output", "text")
    return group, rule


NETWORK = "awsvpcConfiguration={subnets=[subnet-1,subnet-2],securityGroups=[sg-1],assignPublicIp=ENABLED}"
APP = ("--cluster", "shop", "--service", "shop-api")


def serve(aws, sim, group, folder):
    aws("ecs", "create-service", "--cluster", "shop", "--service-name", "shop-api", "--task-definition", "shop",
        "--desired-count", "2", "--launch-type", "FARGATE", "--network-configuration", NETWORK, "--load-balancers",
        f"targetGroupArn={group},containerName=app,containerPort=8000", "--health-check-grace-period-seconds", "60",
        "--deployment-configuration", "deploymentCircuitBreaker={enable=true,rollback=true}",
        "--enable-execute-command")
    aws("ecs", "create-service", "--cluster", "shop", "--service-name", "shop-worker", "--task-definition", "shop",
        "--desired-count", "1", "--network-configuration", NETWORK)
    sim.advance(300)
    aws("ecs", "wait", "services-stable", "--cluster", "shop", "--services", "shop-api", "shop-worker")
    aws("elbv2", "wait", "target-in-service", "--target-group-arn", group)


def scale(aws, sim):
    of = ("--service-namespace", "ecs", "--scalable-dimension", "ecs:service:DesiredCount", "--resource-id",
          "service/shop/shop-api")
    aws("application-autoscaling", "register-scalable-target", *of, "--min-capacity", "2", "--max-capacity", "10")
    aws("application-autoscaling", "put-scaling-policy", *of, "--policy-name", "cpu", "--policy-type",
        "TargetTrackingScaling", "--target-tracking-scaling-policy-configuration", json.dumps({
            "TargetValue": 70.0, "ScaleInCooldown": 300, "ScaleOutCooldown": 60, "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}))
    steps = {"AdjustmentType": "ChangeInCapacity", "Cooldown": 60, "StepAdjustments": [
        {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 2}]}
    policy = aws.json("application-autoscaling", "put-scaling-policy", *of, "--policy-name", "step", "--policy-type",
                      "StepScaling", "--step-scaling-policy-configuration", json.dumps(steps))["PolicyARN"]
    aws("cloudwatch", "put-metric-alarm", "--alarm-name", "shop-busy", "--metric-name", "CPUUtilization", "--namespace",
        "AWS/ECS", "--statistic", "Average", "--period", "60", "--threshold", "80", "--comparison-operator",
        "GreaterThanThreshold", "--evaluation-periods", "2", "--alarm-actions", policy, "--dimensions",
        "Name=ClusterName,Value=shop", "Name=ServiceName,Value=shop-api")
    alarms = aws.json("cloudwatch", "describe-alarms", "--alarm-names", "shop-busy")["MetricAlarms"]
    assert (alarms[0]["StateValue"], alarms[0]["Threshold"]) == ("INSUFFICIENT_DATA", 80.0)
    aws("cloudwatch", "set-alarm-state", "--alarm-name", "shop-busy", "--state-value", "ALARM", "--state-reason", "x")
    sim.advance(300)
    assert aws("ecs", "describe-services", "--cluster", "shop", "--services", "shop-api", "--query",
               "services[0].runningCount", "--output", "text") == "4"
    aws("cloudwatch", "delete-alarms", "--alarm-names", "shop-busy")
    aws("application-autoscaling", "describe-scaling-activities", "--service-namespace", "ecs")
    aws("ecs", "update-service", *APP, "--desired-count", "2")


def look(aws, sim, group):
    sim.advance(400)
    aws("ecs", "describe-services", "--cluster", "shop", "--services", "shop-api", "--query",
        "services[0].{Status:status,Running:runningCount,Desired:desiredCount}")
    assert "steady state" in aws("ecs", "describe-services", "--cluster", "shop", "--services", "shop-api", "--query",
                                 "services[0].events[:5]")
    task = aws("ecs", "list-tasks", "--cluster", "shop", "--service-name", "shop-api", "--query", "taskArns[0]",
               "--output", "text")
    found = aws.json("ecs", "describe-tasks", "--cluster", "shop", "--tasks", task)["tasks"][0]
    assert (found["lastStatus"], found["launchType"]) == ("RUNNING", "FARGATE")
    stream = f"ecs/app/{task.rsplit('/', 1)[1]}"
    assert "started" in aws("logs", "get-log-events", "--log-group-name", "/ecs/shop", "--log-stream-name", stream)
    assert "started" in aws("logs", "filter-log-events", "--log-group-name", "/ecs/shop", "--filter-pattern", "started")
    assert aws.json("logs", "describe-log-streams", "--log-group-name", "/ecs/shop", "--order-by", "LastEventTime",
                    "--descending", "--max-items", "1")["logStreams"]
    health = aws.json("elbv2", "describe-target-health", "--target-group-arn", group)["TargetHealthDescriptions"]
    assert [it["TargetHealth"]["State"] for it in health] == ["healthy", "healthy"], health
    aws("logs", "create-export-task", "--log-group-name", "/ecs/shop", "--from", "0", "--to", "1", "--destination", "b")
    aws("cloudwatch", "get-metric-statistics", "--namespace", "AWS/ECS", "--metric-name", "MemoryUtilization",
        "--dimensions", "Name=ServiceName,Value=shop-api", "--start-time", "2026-01-01T00:00:00", "--end-time",
        "2026-01-01T01:00:00", "--period", "300", "--statistics", "Average")


def deploy(aws, sim, write):
    aws("ecs", "update-service", *APP, "--force-new-deployment", "--region", REGION)
    sim.advance(900)
    aws("ecs", "wait", "services-stable", "--cluster", "shop", "--services", "shop-api")
    # The new revision as pipelines make it: the old one, described, with another image.
    described = aws.json("ecs", "describe-task-definition", "--task-definition", "shop")["taskDefinition"]
    kept = {key: it for key, it in described.items() if key not in (
        "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt",
        "registeredBy")}
    kept["containerDefinitions"][0]["environment"] = [{"name": "VERSION", "value": "2"}]
    write("next.json", kept)
    revision = aws("ecs", "register-task-definition", "--cli-input-json", "file://next.json", "--query",
                   "taskDefinition.taskDefinitionArn", "--output", "text")
    aws("ecs", "update-service", *APP, "--task-definition", revision)
    sim.advance(60)
    deployments = aws.json("ecs", "describe-services", "--cluster", "shop", "--services", "shop-api", "--query",
                           "services[0].deployments")
    assert [it["status"] for it in deployments] == ["PRIMARY", "ACTIVE"], deployments
    sim.advance(900)
    aws("ecs", "wait", "services-stable", "--cluster", "shop", "--services", "shop-api")
    aws("ecs", "update-service", *APP, "--task-definition", "shop:1")
    sim.advance(900)
    aws("ecs", "wait", "services-stable", "--cluster", "shop", "--services", "shop-api")


def one_off(aws, sim):
    overrides = {"containerOverrides": [{"name": "app", "command": ["migrate"], "environment": [
        {"name": "SIM_BEHAVIOUR", "value": "exit-100"}]}]}
    task = aws("ecs", "run-task", "--cluster", "shop", "--task-definition", "shop", "--launch-type", "FARGATE",
               "--network-configuration", NETWORK, "--overrides", json.dumps(overrides), "--started-by", "pipeline",
               "--query", "tasks[0].taskArn", "--output", "text")
    sim.advance(60)
    aws("ecs", "wait", "tasks-running", "--cluster", "shop", "--tasks", task)
    sim.advance(200)
    aws("ecs", "wait", "tasks-stopped", "--cluster", "shop", "--tasks", task)
    assert aws("ecs", "describe-tasks", "--cluster", "shop", "--tasks", task, "--query",
               "tasks[0].containers[0].exitCode", "--output", "text") == "0"
    found = aws.json("ecs", "list-tasks", "--cluster", "shop", "--started-by", "pipeline", "--desired-status", "STOPPED")
    assert found["taskArns"] == [task]
    stays = aws("ecs", "run-task", "--cluster", "shop", "--task-definition", "shop", "--network-configuration",
                NETWORK, "--query", "tasks[0].taskArn", "--output", "text")
    sim.advance(60)
    aws.refused("ClusterContainsTasksException", "ecs", "delete-cluster", "--cluster", "shop")
    aws("ecs", "stop-task", "--cluster", "shop", "--task", stays, "--reason", "done")
    sim.advance(60)


def clean_up(aws, sim, rule, group):
    aws("ecs", "update-service", "--cluster", "shop", "--service", "shop-worker", "--desired-count", "0")
    aws("ecs", "delete-service", "--cluster", "shop", "--service", "shop-worker")
    aws("ecs", "delete-service", *APP, "--force")
    sim.advance(600)
    aws("ecs", "wait", "services-inactive", "--cluster", "shop", "--services", "shop-api", "shop-worker")
    balancer = aws("elbv2", "describe-load-balancers", "--names", "shop-alb", "--query",
                   "LoadBalancers[0].LoadBalancerArn", "--output", "text")
    aws("elbv2", "delete-rule", "--rule-arn", rule)
    aws("elbv2", "delete-load-balancer", "--load-balancer-arn", balancer)
    aws("elbv2", "wait", "load-balancers-deleted", "--load-balancer-arns", balancer)
    aws("elbv2", "delete-target-group", "--target-group-arn", group)
    for revision in ("shop:1", "shop:2"):
        aws("ecs", "deregister-task-definition", "--task-definition", revision)
    aws("ecs", "delete-cluster", "--cluster", "shop")
    aws("logs", "delete-log-group", "--log-group-name", "/ecs/shop")
    aws.refused("RepositoryNotEmptyException", "ecr", "delete-repository", "--repository-name", "shop")
    aws("ecr", "delete-repository", "--repository-name", "shop", "--force")
    aws("secretsmanager", "delete-secret", "--secret-id", "shop/keys", "--force-delete-without-recovery")
    aws("s3", "cp", "task-definition.json", "s3://shop-terraform-state/td.json")
    aws("s3api", "list-objects-v2", "--bucket", "shop-terraform-state")
    aws("s3api", "put-bucket-versioning", "--bucket", "shop-terraform-state",
        "--versioning-configuration", "Status=Suspended")
    aws.refused("BucketNotEmpty", "s3", "rb", "s3://shop-terraform-state")


if __name__ == "__main__":
    main(sys.argv[1])
