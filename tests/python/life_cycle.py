"""The whole life of a service by boto3 and the AWS CLI, unmodified; no answer has a field AWS does not have.

usage: life_cycle.py ENDPOINT
"""

import json
import os
import subprocess
import sys

from botocore.exceptions import ClientError, WaiterError
from wire import Simulator, finish

FAST = {"Delay": 0, "MaxAttempts": 3}


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} expected")


def hangs(waiter, **arguments):
    try:
        waiter.wait(WaiterConfig=FAST, **arguments)
    except WaiterError:
        return
    raise AssertionError("the waiter should hang")


def main(endpoint):
    sim = Simulator(endpoint)
    ecs, elb, logs = sim.client("ecs"), sim.client("elbv2"), sim.client("logs")
    scaling, ecr, s3 = sim.client("application-autoscaling"), sim.client("ecr"), sim.client("s3")
    sqs, sts, ssm = sim.client("sqs"), sim.client("sts"), sim.client("ssm")
    assert sts.get_caller_identity()["Account"] == "123456789012"

    tags = [{"key": "team", "value": "a"}]
    ecs.create_cluster(clusterName="life", tags=tags)
    ecs.put_cluster_capacity_providers(
        cluster="life", capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    )
    described = ecs.describe_clusters(clusters=["life", "none"], include=["TAGS", "SETTINGS", "CONFIGURATIONS"])
    assert (len(described["clusters"]), described["failures"][0]["reason"]) == (1, "MISSING")
    logs.create_log_group(logGroupName="/life", tags={"team": "a"})
    logs.put_retention_policy(logGroupName="/life", retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix="/life")["logGroups"][0]["retentionInDays"] == 7

    ecr.create_repository(repositoryName="life", tags=[{"Key": "team", "Value": "a"}])
    ecr.put_lifecycle_policy(repositoryName="life", lifecyclePolicyText=json.dumps({"rules": []}).ljust(100))
    sim.control("image", {"repository": "life", "tag": "v1"})
    assert len(ecr.describe_images(repositoryName="life")["imageDetails"]) == 1
    image = ecr.batch_get_image(repositoryName="life", imageIds=[{"imageTag": "v1"}, {"imageTag": "none"}])
    assert (len(image["images"]), len(image["failures"])) == (1, 1)

    def register(tag):
        return ecs.register_task_definition(
            family="life", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="0.5GB",
            executionRoleArn="arn:aws:iam::123456789012:role/e", tags=tags,
            containerDefinitions=[{
                "name": "app", "image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/life:{tag}",
                "portMappings": [{"containerPort": 80, "name": "web"}],
                "environment": [{"name": "A", "value": ""}],
                "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 10},
                "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": "/life", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "a"}},
            }],
        )["taskDefinition"]

    assert register("v1")["memory"] == "512"
    ecs.describe_task_definition(taskDefinition="life", include=["TAGS"])
    ecs.list_task_definition_families(familyPrefix="li")
    group = elb.create_target_group(
        Name="life", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip", HealthCheckIntervalSeconds=5,
        HealthyThresholdCount=2, HealthCheckTimeoutSeconds=2, Tags=[{"Key": "team", "Value": "a"}],
    )["TargetGroups"][0]["TargetGroupArn"]
    service = dict(
        cluster="life", serviceName="app", taskDefinition="life", desiredCount=2, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}}, tags=tags,
        loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 80}],
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        propagateTags="SERVICE", enableECSManagedTags=True,
    )
    refused("InvalidParameterException", ecs.create_service, **service)
    balancer = elb.create_load_balancer(Name="life", Subnets=["subnet-1", "subnet-2"], Scheme="internal")
    balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    hangs(elb.get_waiter("load_balancer_available"), LoadBalancerArns=[balancer])
    sim.advance(180)
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer], WaiterConfig=FAST)
    elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)
    listener = elb.create_listener(
        LoadBalancerArn=balancer, Port=80, Protocol="HTTP",
        DefaultActions=[{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Port": "443"}}],
    )["Listeners"][0]["ListenerArn"]
    rule = elb.create_rule(
        ListenerArn=listener, Priority=5, Actions=[{"Type": "forward", "TargetGroupArn": group}],
        Conditions=[{"Field": "path-pattern", "Values": ["/a", "/b"]},
                    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x", "Values": ["1"]}},
                    {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}]}}],
    )["Rules"][0]["RuleArn"]
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": 7}])
    assert [it["Priority"] for it in elb.describe_rules(ListenerArn=listener)["Rules"]] == ["7", "default"]
    elb.describe_listeners(LoadBalancerArn=balancer)
    elb.describe_listener_attributes(ListenerArn=listener)
    elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}])
    assert len(elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]) == 14
    assert len(elb.describe_tags(ResourceArns=[group, rule])["TagDescriptions"]) == 2

    made = ecs.create_service(**service)["service"]
    refused("InvalidParameterException", ecs.create_service, **service)
    stable, healthy = ecs.get_waiter("services_stable"), elb.get_waiter("target_in_service")
    hangs(stable, cluster="life", services=["app"])
    hangs(healthy, TargetGroupArn=group, Targets=[{"Id": "10.0.0.1", "Port": 80}])
    seen = set()
    for _ in range(30):
        sim.advance(4)
        targets = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        seen.update(it["TargetHealth"]["State"] for it in targets)
    assert seen == {"initial", "healthy"}, seen
    stable.wait(cluster="life", services=["app"], WaiterConfig=FAST)
    targets = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    healthy.wait(TargetGroupArn=group, WaiterConfig=FAST,
                 Targets=[{"Id": it["Target"]["Id"], "Port": it["Target"]["Port"]} for it in targets])
    described = ecs.describe_services(cluster="life", services=["app", "none"], include=["TAGS"])
    assert described["services"][0]["deploymentConfiguration"]["deploymentCircuitBreaker"]["resetOnHealthyTask"]
    tasks = ecs.list_tasks(cluster="life", serviceName="app")["taskArns"]
    ecs.get_waiter("tasks_running").wait(cluster="life", tasks=tasks, WaiterConfig=FAST)
    assert ecs.describe_tasks(cluster="life", tasks=tasks, include=["TAGS"])["tasks"][0]["healthStatus"] == "HEALTHY"
    refused("ClusterContainsServicesException", ecs.delete_cluster, cluster="life")
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group)

    of = dict(ServiceNamespace="ecs", ResourceId="service/life/app", ScalableDimension="ecs:service:DesiredCount")
    scaling.register_scalable_target(MinCapacity=3, MaxCapacity=5, Tags={"team": "a"}, **of)
    scaling.put_scaling_policy(
        PolicyName="cpu", PolicyType="TargetTrackingScaling", **of,
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 50.0, "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ECSServiceAverageCPUUtilization"}})
    scaling.put_scheduled_action(
        ScheduledActionName="n", Schedule="rate(1 day)", ScalableTargetAction={"MinCapacity": 1}, **of)
    for call in (scaling.describe_scalable_targets, scaling.describe_scaling_policies,
                 scaling.describe_scheduled_actions, scaling.describe_scaling_activities):
        call(ServiceNamespace="ecs")
    sim.advance(200)
    assert ecs.describe_services(cluster="life", services=["app"])["services"][0]["runningCount"] == 3

    ecs.update_service(cluster="life", service="app", taskDefinition=register("unhealthy")["taskDefinitionArn"],
                       healthCheckGracePeriodSeconds=300)
    sim.advance(90)
    hangs(healthy, TargetGroupArn=group)
    sim.advance(1800)
    healthy.wait(TargetGroupArn=group, WaiterConfig=FAST)
    broken = register("pullfail")["taskDefinitionArn"]
    ecs.update_service(cluster="life", service="app", taskDefinition=broken)
    sim.advance(60)
    hangs(stable, cluster="life", services=["app"])
    sim.advance(3600)
    stable.wait(cluster="life", services=["app"], WaiterConfig=FAST)
    service_now = ecs.describe_services(cluster="life", services=["app"])["services"][0]
    assert service_now["taskDefinition"].endswith("life:1"), "rolled back"
    deployments = ecs.list_service_deployments(cluster="life", service="app")["serviceDeployments"]
    found = ecs.describe_service_deployments(
        serviceDeploymentArns=[it["serviceDeploymentArn"] for it in deployments])["serviceDeployments"]
    assert found[0]["status"] == "ROLLBACK_SUCCESSFUL", found[0]["status"]
    ecs.describe_service_revisions(
        serviceRevisionArns=[it["arn"] for it in service_now["currentServiceRevisions"]])
    ecs.tag_resource(resourceArn=made["serviceArn"], tags=[{"key": "x", "value": "y"}])
    assert len(ecs.list_tags_for_resource(resourceArn=made["serviceArn"])["tags"]) == 2

    s3.create_bucket(Bucket="life")
    s3.put_bucket_versioning(Bucket="life", VersioningConfiguration={"Status": "Enabled"})
    queue = sqs.create_queue(QueueName="life", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(Bucket="life", NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]})
    assert s3.get_bucket_notification_configuration(Bucket="life")["QueueConfigurations"][0]["QueueArn"] == arn
    etag = s3.put_object(Bucket="life", Key="d/x y.json", Body=b"{}", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", s3.put_object, Bucket="life", Key="d/x y.json", Body=b"1", IfNoneMatch="*")
    s3.put_object(Bucket="life", Key="d/x y.json", Body=b"[]", IfMatch=etag)
    refused("304", s3.get_object, Bucket="life", Key="d/x y.json",
            IfNoneMatch=s3.head_object(Bucket="life", Key="d/x y.json")["ETag"])
    s3.copy_object(Bucket="life", Key="copy", CopySource={"Bucket": "life", "Key": "d/x y.json"})
    assert [it["Key"] for it in s3.list_objects_v2(Bucket="life", Prefix="d/")["Contents"]] == ["d/x y.json"]
    s3.list_object_versions(Bucket="life")
    s3.delete_objects(Bucket="life", Delete={"Objects": [{"Key": "copy"}]})
    sim.advance(1)
    message = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    assert {json.loads(it["Body"]).get("Event", "Records") for it in message} == {"s3:TestEvent", "Records"}
    sqs.delete_message_batch(QueueUrl=queue, Entries=[
        {"Id": str(i), "ReceiptHandle": it["ReceiptHandle"]} for i, it in enumerate(message)])
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="none")
    ssm.put_parameter(Name="/life/x", Value="1", Type="String")
    assert ssm.get_parameters(Names=["/life/x", "/no"])["InvalidParameters"] == ["/no"]

    refused("InvalidParameterException", ecs.delete_service, cluster="life", service="app")
    ecs.delete_service(cluster="life", service="app", force=True)
    inactive = ecs.get_waiter("services_inactive")
    hangs(inactive, cluster="life", services=["app"])
    assert ecs.list_services(cluster="life")["serviceArns"] == []
    sim.advance(120)
    inactive.wait(cluster="life", services=["app"], WaiterConfig=FAST)
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    command_line(endpoint, sim, group)
    around(sim, balancer, group)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=group)
    ecs.deregister_task_definition(taskDefinition="life:1")
    assert ecs.delete_task_definitions(taskDefinitions=["life:1", "life:2"])["failures"]
    ecs.delete_cluster(cluster="life")
    state = sim.control("state")
    assert not state["dirty"], state["unknownOperations"]
    finish("boto3 and the AWS CLI: a whole life, no field left over")


def around(sim, balancer, group):
    """What a deployment needs now and then; each answer is looked at as the others are."""
    ecs, elb, ecr, logs = sim.client("ecs"), sim.client("elbv2"), sim.client("ecr"), sim.client("logs")
    ssm, secrets, sqs, alarms = sim.client("ssm"), sim.client("secretsmanager"), sim.client("sqs"), sim.client("cloudwatch")
    ran = ecs.run_task(cluster="life", taskDefinition="life:1", launchType="FARGATE", enableExecuteCommand=True,
                       networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}})["tasks"][0]["taskArn"]
    sim.advance(60)
    ecs.execute_command(cluster="life", task=ran, command="sh", interactive=True)
    ecs.stop_task(cluster="life", task=ran)
    sim.advance(60)
    assert ecs.describe_tasks(cluster="life", tasks=[ran])["tasks"][0]["stopCode"] == "UserInitiated"
    provider = {"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/x"}
    ecs.create_capacity_provider(name="own", autoScalingGroupProvider=provider)
    assert len(ecs.describe_capacity_providers(include=["TAGS"])["capacityProviders"]) == 3
    ecs.update_capacity_provider(name="own", autoScalingGroupProvider={"managedScaling": {"status": "ENABLED"}})
    ecs.delete_capacity_provider(capacityProvider="own")
    ecs.put_account_setting_default(name="containerInsights", value="enabled")
    assert ecs.list_account_settings(effectiveSettings=True)["settings"]
    ecs.list_container_instances(cluster="life")
    ecs.describe_container_instances(cluster="life", containerInstances=["x"])
    certificate = [{"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/one"}]
    secure = elb.create_listener(
        LoadBalancerArn=balancer, Port=443, Protocol="HTTPS", Certificates=certificate,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])["Listeners"][0]["ListenerArn"]
    elb.add_listener_certificates(ListenerArn=secure, Certificates=[{"CertificateArn": "two"}])
    assert len(elb.describe_listener_certificates(ListenerArn=secure)["Certificates"]) == 2
    ecr.get_authorization_token()
    ecr.set_repository_policy(repositoryName="life", policyText="{}")
    assert ecr.get_repository_policy(repositoryName="life")["policyText"] == "{}"
    ecr.put_image(repositoryName="life", imageTag="v9", imageManifest="{}")
    refused("ImageAlreadyExistsException", ecr.put_image, repositoryName="life", imageTag="v9", imageManifest="{}")
    assert len(ecr.list_images(repositoryName="life")["imageIds"]) == 2
    ecr.batch_delete_image(repositoryName="life", imageIds=[{"imageTag": "v9"}, {"imageTag": "none"}])
    logs.create_log_stream(logGroupName="/life", logStreamName="s")
    logs.put_log_events(logGroupName="/life", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}])
    assert logs.get_log_events(logGroupName="/life", logStreamName="s")["events"][0]["message"] == "m"
    logs.filter_log_events(logGroupName="/life")
    assert logs.describe_log_streams(logGroupName="/life", orderBy="LastEventTime")["logStreams"]
    ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/life/x"]}])
    assert ssm.get_parameters_by_path(Path="/life")["Parameters"][0]["Value"] == "1"
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="/life/x", Tags=[{"Key": "a", "Value": "b"}])
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/life/x")["TagList"]
    ssm.delete_parameters(Names=["/life/x", "/no"])
    made = secrets.create_secret(Name="life", SecretString="one", Tags=[{"Key": "a", "Value": "b"}])["ARN"]
    secrets.put_secret_value(SecretId=made, SecretString="two")
    assert secrets.get_secret_value(SecretId="life")["SecretString"] == "two"
    assert secrets.get_secret_value(SecretId="life", VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    secrets.describe_secret(SecretId="life")
    secrets.list_secrets()
    secrets.get_resource_policy(SecretId="life")
    secrets.delete_secret(SecretId="life", ForceDeleteWithoutRecovery=True)
    queue = sqs.create_queue(QueueName="life.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sqs.send_message_batch(QueueUrl=queue, Entries=[
        {"Id": "1", "MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d"}, {"Id": "2", "MessageBody": "n"}])
    received = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"]
    sqs.change_message_visibility_batch(
        QueueUrl=queue, Entries=[{"Id": "1", "ReceiptHandle": received[0]["ReceiptHandle"], "VisibilityTimeout": 0}])
    alarms.put_metric_alarm(AlarmName="life", MetricName="x", Namespace="y", EvaluationPeriods=1, Period=60, Threshold=1.5,
                            ComparisonOperator="GreaterThanThreshold", Statistic="Sum", Tags=[{"Key": "a", "Value": "b"}])
    alarms.set_alarm_state(AlarmName="life", StateValue="OK", StateReason="r")
    arn = alarms.describe_alarms(AlarmNamePrefix="li")["MetricAlarms"][0]["AlarmArn"]
    assert alarms.list_tags_for_resource(ResourceARN=arn)["Tags"]
    refused("ResourceNotFound", alarms.delete_alarms, AlarmNames=["none"])
    alarms.delete_alarms(AlarmNames=["life"])


def command_line(endpoint, sim, group):
    """A deployment by the AWS CLI as guides describe it."""
    environment = {
        **os.environ, "AWS_ACCESS_KEY_ID": "AKIACLI", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint, "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
    }

    def aws(*arguments):
        command = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    aws("ecs", "create-service", "--cluster", "life", "--service-name", "cli", "--task-definition", "life:1",
        "--desired-count", "1", "--launch-type", "FARGATE", "--network-configuration",
        "awsvpcConfiguration={subnets=[subnet-1],assignPublicIp=ENABLED}",
        "--load-balancers", f"targetGroupArn={group},containerName=app,containerPort=80")
    sim.advance(120)
    aws("ecs", "wait", "services-stable", "--cluster", "life", "--services", "cli")
    aws("elbv2", "wait", "target-in-service", "--target-group-arn", group)
    tasks = aws("ecs", "list-tasks", "--cluster", "life", "--service-name", "cli")["taskArns"]
    aws("ecs", "wait", "tasks-running", "--cluster", "life", "--tasks", *tasks)
    aws("ecs", "update-service", "--cluster", "life", "--service", "cli", "--force-new-deployment")
    sim.advance(300)
    aws("ecs", "wait", "services-stable", "--cluster", "life", "--services", "cli")
    aws("ecs", "update-service", "--cluster", "life", "--service", "cli", "--desired-count", "0")
    aws("ecs", "delete-service", "--cluster", "life", "--service", "cli")
    sim.advance(120)
    aws("ecs", "wait", "services-inactive", "--cluster", "life", "--services", "cli")


if __name__ == "__main__":
    main(sys.argv[1])
