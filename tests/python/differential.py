"""The same requests to the simulator and to moto, where moto is right; every difference has a name.

usage: differential.py ENDPOINT FIDELITY: the second is docs/sim-fidelity.md, whose lines that begin with a name in
backticks (`service operation/path`) are the differences that are allowed. One that is not seen any more is an
error too.
"""

import logging
import re
import sys

from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from wire import Simulator, finish

# What differs from run to run: ids, times, what hangs on them.
VOLATILE = re.compile(
    r"(Id|Date|Time|Timestamp|LastModified|createdAt|creationTime|Arn|ARN|arn|Url|repositoryUri|ETag|Handle|Digest|sequencer|"
    r"MD5|DNSName|HostId|imageDigest|registryId|nextToken|Owner|lastEvaluatedAt|imageManifest|UserId)$"
)


def plain(value, name=""):
    """A value without what differs from run to run, lists of objects in an order of their own."""
    if isinstance(value, dict):
        return {key: plain(item, key) for key, item in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list):
        items = [plain(item, name) for item in value]
        return sorted(items, key=repr)
    if hasattr(value, "read"):
        return value.read().decode()
    return "~" if VOLATILE.search(name) else value


def differences(ours, theirs, path):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            if key not in ours or key not in theirs:
                yield f"{path}/{key}"
            else:
                yield from differences(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield path


class Both:
    """Two clients that get the same calls."""

    def __init__(self, service, sides, found):
        self.service, self.found = service, found
        self.clients = [side.client(service) for side in sides]

    def __getattr__(self, operation):
        def call(**arguments):
            answers = []
            for index, client in enumerate(self.clients):
                own = {k: v[index] if isinstance(v, tuple) else v for k, v in arguments.items()}
                try:
                    answers.append(getattr(client, operation)(**own))
                except ClientError as error:
                    answers.append({"error": error.response["Error"]["Code"]})
            name = f"{self.service} {operation}"
            self.found.update(differences(plain(answers[0]), plain(answers[1]), name))
            return answers

        return call


def arns(answers, *path):
    found = []
    for answer in answers:
        for part in path:
            answer = answer[part]
        found.append(answer)
    return tuple(found)


def run(sides, found):
    s3, sqs = Both("s3", sides, found), Both("sqs", sides, found)
    s3.create_bucket(Bucket="agreed")
    s3.create_bucket(Bucket="agreed")
    s3.put_bucket_versioning(Bucket="agreed", VersioningConfiguration={"Status": "Enabled"})
    s3.get_bucket_versioning(Bucket="agreed")
    s3.head_bucket(Bucket="missing")
    s3.put_object(Bucket="agreed", Key="a", Body=b"1", IfNoneMatch="*")
    s3.put_object(Bucket="agreed", Key="a", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket="agreed", Key="a", Body=b"2", IfMatch='"0"')
    s3.put_object(Bucket="agreed", Key="none", Body=b"2", IfMatch='"0"')
    etag = '"c4ca4238a0b923820dcc509a6f75849b"'
    s3.get_object(Bucket="agreed", Key="a")
    s3.get_object(Bucket="agreed", Key="a", IfNoneMatch=etag)
    s3.head_object(Bucket="agreed", Key="a", IfNoneMatch=etag)
    s3.get_object(Bucket="agreed", Key="a", IfMatch='"0"')
    s3.get_object(Bucket="agreed", Key="missing")
    s3.put_object(Bucket="agreed", Key="a", Body=b"2", IfMatch=etag)
    s3.put_object(Bucket="agreed", Key="b/c", Body=b"3", ContentType="application/json", Metadata={"x": "y"})
    s3.get_object(Bucket="agreed", Key="b/c")
    s3.list_objects_v2(Bucket="agreed")
    s3.list_objects_v2(Bucket="agreed", Delimiter="/")
    s3.list_objects_v2(Bucket="agreed", Prefix="b/", MaxKeys=1)
    s3.list_object_versions(Bucket="agreed", Prefix="a")
    s3.delete_object(Bucket="agreed", Key="a")
    s3.get_object(Bucket="agreed", Key="a")
    s3.delete_bucket(Bucket="agreed")
    s3.get_bucket_tagging(Bucket="agreed")
    s3.get_bucket_policy(Bucket="agreed")

    urls = arns(sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "600"}), "QueueUrl")
    sqs.get_queue_url(QueueName="missing")
    sqs.send_message(QueueUrl=urls, MessageBody="hello")
    received = sqs.receive_message(QueueUrl=urls, AttributeNames=["ApproximateReceiveCount"])
    sqs.receive_message(QueueUrl=urls)
    handles = tuple(answer["Messages"][0]["ReceiptHandle"] for answer in received)
    sqs.change_message_visibility(QueueUrl=urls, ReceiptHandle=handles, VisibilityTimeout=0)
    handles = tuple(it["Messages"][0]["ReceiptHandle"] for it in sqs.receive_message(QueueUrl=urls))
    sqs.delete_message(QueueUrl=urls, ReceiptHandle=handles)
    sqs.get_queue_attributes(QueueUrl=urls, AttributeNames=["ApproximateNumberOfMessages", "VisibilityTimeout"])
    sqs.delete_queue(QueueUrl=urls)

    ecr = Both("ecr", sides, found)
    ecr.create_repository(repositoryName="team/app", tags=[{"Key": "a", "Value": "b"}])
    ecr.create_repository(repositoryName="team/app")
    ecr.create_repository(repositoryName="Bad_Name!")
    ecr.describe_repositories(repositoryNames=["team/app"])
    ecr.describe_repositories(repositoryNames=["none"])
    ecr.put_image_tag_mutability(repositoryName="team/app", imageTagMutability="IMMUTABLE")
    ecr.get_lifecycle_policy(repositoryName="team/app")
    ecr.describe_images(repositoryName="team/app", imageIds=[{"imageTag": "none"}])
    ecr.delete_repository(repositoryName="team/app")

    elb = Both("elbv2", sides, found)
    group = dict(Name="agreed", Protocol="HTTP", Port=80, VpcId=sides[1].vpc, TargetType="ip")
    made = elb.create_target_group(**group)
    of = arns(made, "TargetGroups", 0, "TargetGroupArn")
    elb.describe_target_groups(Names=["agreed"])
    elb.describe_target_groups(Names=["agreed", "none"])
    elb.create_target_group(**{**group, "Name": "-bad"})
    elb.create_target_group(**{**group, "Name": "x" * 33})
    elb.modify_target_group(TargetGroupArn=of, HealthCheckIntervalSeconds=60)
    elb.modify_target_group_attributes(
        TargetGroupArn=of, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}])
    elb.delete_target_group(TargetGroupArn=of)
    elb.describe_target_groups(Names=["agreed"])

    logs, sts = Both("logs", sides, found), Both("sts", sides, found)
    sts.get_caller_identity()
    logs.create_log_group(logGroupName="/agreed")
    logs.create_log_group(logGroupName="/agreed")
    logs.put_retention_policy(logGroupName="/agreed", retentionInDays=14)
    logs.put_retention_policy(logGroupName="/none", retentionInDays=14)
    logs.describe_log_groups(logGroupNamePrefix="/agreed")
    logs.delete_log_group(logGroupName="/agreed")

    ecs = Both("ecs", sides, found)
    ecs.create_cluster(clusterName="agreed")
    ecs.describe_clusters(clusters=["agreed", "none"])
    ecs.describe_services(cluster="none", services=["a"])
    ecs.delete_service(cluster="agreed", service="none")
    ecs.register_task_definition(family="agreed", containerDefinitions=[{"name": "a", "image": "b", "memory": 64}])
    ecs.describe_task_definition(taskDefinition="agreed")
    ecs.describe_task_definition(taskDefinition="none")
    ecs.register_task_definition(family="agreed", containerDefinitions=[{"image": "b", "memory": 64}])


def main(endpoint, fidelity):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        sim, moto = Simulator(endpoint), Simulator(f"http://{host}:{port}", strict=False)
        sim.control("reset", {"seed": 3})
        moto.vpc = moto.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        found = set()
        run((sim, moto), found)
    finally:
        server.stop()
    with open(fidelity, encoding="utf-8") as lines:
        allowed = {line[2:].split("`")[1] for line in lines if line.startswith("- `")}
    new, gone = sorted(found - allowed), sorted(allowed - found)
    if new or gone:
        raise SystemExit("\n".join([f"difference without a name: {it}" for it in new]
                                   + [f"named, but no difference any more: {it}" for it in gone]))
    finish(f"moto: agreed but for {len(found)} named differences")


if __name__ == "__main__":
    main(*sys.argv[1:])
