"""Clients for the simulator, and a check that an answer has nothing that AWS's own model does not know."""

import json
import urllib.request
import xml.etree.ElementTree as ElementTree

import boto3
from botocore.config import Config

LEFT_OVER = []


class Simulator:
    """A running simulator: its clients by service, its control API."""

    def __init__(self, endpoint, key="AKIACONFORMANCE", strict=True):
        self.endpoint, self.key, self.strict = endpoint, key, strict

    def client(self, service):
        client = boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key="secret",
            config=Config(
                retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, inject_host_prefix=False
            ),
        )
        if self.strict:
            client.meta.events.register("before-parse.*.*", check)
        return client

    def control(self, command, body=None):
        data = json.dumps(body if body is not None else {}).encode()
        request = urllib.request.Request(f"{self.endpoint}/_sim/{command}", data=data, method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)

    def advance(self, seconds):
        self.control("advance", {"seconds": seconds})


def check(operation_model, response_dict, **_):
    """Looks at a raw answer before botocore drops what it does not know."""
    if response_dict["status_code"] >= 300 or operation_model.output_shape is None:
        return
    body, shape = response_dict["body"], operation_model.output_shape
    where = f"{operation_model.service_model.service_name} {operation_model.name}"
    protocol = operation_model.metadata["protocol"]
    if protocol == "json":
        walk_json(json.loads(body or b"{}"), shape, where)
    elif protocol == "query" and body:
        root = ElementTree.fromstring(body)
        wrapper = shape.serialization.get("resultWrapper")
        result = root.find(f"{{*}}{wrapper}") if wrapper else root
        if result is not None:
            walk_xml(result, shape, where)
    elif protocol == "rest-xml" and body and not shape.serialization.get("payload"):
        walk_xml(ElementTree.fromstring(body), shape, where)


SCALARS = {
    "string": str, "integer": int, "long": int, "boolean": bool, "double": (int, float), "float": (int, float),
    "timestamp": (int, float),
}


def walk_json(value, shape, where):
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, member in value.items():
            if name not in names:
                LEFT_OVER.append(f"{where}.{name}: unknown")
            else:
                walk_json(member, names[name], f"{where}.{name}")
    elif kind == "list" and isinstance(value, list):
        for item in value:
            walk_json(item, shape.member, f"{where}[]")
    elif kind == "map" and isinstance(value, dict):
        for item in value.values():
            walk_json(item, shape.value, f"{where}{{}}")
    elif kind not in SCALARS or not isinstance(value, SCALARS[kind]):
        LEFT_OVER.append(f"{where}: {value!r} is no {kind}")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        LEFT_OVER.append(f"{where}: {value!r} is none of {shape.enum}")


def walk_xml(element, shape, where):
    kind = shape.type_name
    children = list(element)
    if kind == "structure":
        names = {}
        for name, member in shape.members.items():
            if member.serialization.get("location") in ("header", "headers", "statusCode"):
                continue
            called = member.serialization.get("name", name)
            if member.type_name == "list" and member.serialization.get("flattened"):
                called = member.member.serialization.get("name", called) if "name" not in member.serialization else called
                names[called] = member.member
            else:
                names[called] = member
        for child in children:
            name = child.tag.split("}")[-1]
            if name not in names:
                LEFT_OVER.append(f"{where}.{name}: unknown")
            else:
                walk_xml(child, names[name], f"{where}.{name}")
    elif kind == "list":
        for child in children:
            wanted = shape.member.serialization.get("name", "member")
            if child.tag.split("}")[-1] != wanted:
                LEFT_OVER.append(f"{where}: {child.tag} in a list of {wanted}")
            walk_xml(child, shape.member, f"{where}[]")
    elif children:
        LEFT_OVER.append(f"{where}: elements in a {kind}")
    elif kind in ("integer", "long") and not (element.text or "").lstrip("-").isdigit():
        LEFT_OVER.append(f"{where}: {element.text!r} is no {kind}")
    elif kind == "boolean" and element.text not in ("true", "false"):
        LEFT_OVER.append(f"{where}: {element.text!r} is no boolean")
    elif getattr(shape, "enum", None) and element.text not in shape.enum:
        LEFT_OVER.append(f"{where}: {element.text!r} is none of {shape.enum}")


def finish(what):
    """Fails with everything that was left over."""
    if LEFT_OVER:
        raise SystemExit("left over by botocore's models:\n  " + "\n  ".join(sorted(set(LEFT_OVER))))
    print(what)
