//! An account with the example deployment in it, and short ways to ask it things.

use evenkeel_sim::{ApiError, SimConfig, SimHandle};
use serde_json::{Value, json};
use std::time::Duration;

/// A simulated account and the ARNs a test needs.
pub struct Account {
    /// The account.
    pub sim: SimHandle,
    /// The target group of the example.
    pub group: String,
    /// The load balancer of the example.
    pub balancer: String,
    /// The listener of the example.
    pub listener: String,
}

/// An empty account.
pub fn empty() -> SimHandle {
    SimHandle::new(SimConfig {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        seed: 7,
        start_epoch_seconds: 1_800_000_000,
    })
}

/// The input for a task definition on Fargate whose one container runs `image`.
pub fn task_definition(family: &str, image: &str) -> Value {
    json!({
        "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "512", "memory": "1 GB", "executionRoleArn": "arn:aws:iam::123456789012:role/exec",
        "containerDefinitions": [{
            "name": "app", "image": image, "portMappings": [{"containerPort": 8000}],
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
        }],
    })
}

/// The input for a service of two tasks without a load balancer.
pub fn service(name: &str, task_definition: &str) -> Value {
    json!({
        "cluster": "main", "serviceName": name, "taskDefinition": task_definition, "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}},
    })
}

impl Account {
    /// A cluster, a load balancer that forwards to a target group, and the task definition `app:1`.
    pub fn new() -> Self {
        let mut it =
            Self { sim: empty(), group: String::new(), balancer: String::new(), listener: String::new() };
        let providers = json!({"clusterName": "main", "capacityProviders": ["FARGATE", "FARGATE_SPOT"]});
        it.ecs("CreateCluster", providers);
        it.ecs("RegisterTaskDefinition", task_definition("app", "repo/app:v1"));
        let group = json!({
            "Name": "app-tg", "Protocol": "HTTP", "Port": 8000, "VpcId": "vpc-1", "TargetType": "ip",
            "HealthCheckIntervalSeconds": 10, "HealthyThresholdCount": 2,
        });
        it.group = arn(&it.elb("CreateTargetGroup", group)["TargetGroups"][0]["TargetGroupArn"]);
        let balancer =
            json!({"Name": "alb", "Subnets": ["subnet-1", "subnet-2"], "SecurityGroups": ["sg-1"]});
        it.balancer = arn(&it.elb("CreateLoadBalancer", balancer)["LoadBalancers"][0]["LoadBalancerArn"]);
        let listener = json!({
            "LoadBalancerArn": it.balancer, "Protocol": "HTTP", "Port": 80,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": it.group}],
        });
        it.listener = arn(&it.elb("CreateListener", listener)["Listeners"][0]["ListenerArn"]);
        it.elb(
            "ModifyTargetGroupAttributes",
            json!({
                "TargetGroupArn": it.group,
                "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}],
            }),
        );
        it
    }

    /// A service `app` behind the load balancer.
    pub fn balanced_service(&self) -> Value {
        let mut input = service("app", "app");
        input["loadBalancers"] =
            json!([{"targetGroupArn": self.group, "containerName": "app", "containerPort": 8000}]);
        input
    }

    /// An ECS call that must succeed.
    pub fn ecs(&self, operation: &str, input: Value) -> Value {
        self.sim.call("tests", "ecs", operation, input).unwrap()
    }

    /// An ECS call that must fail.
    pub fn refused(&self, operation: &str, input: Value) -> ApiError {
        self.sim.call("tests", "ecs", operation, input).unwrap_err()
    }

    /// An ELBv2 call that must succeed.
    pub fn elb(&self, operation: &str, input: Value) -> Value {
        self.sim.call("tests", "elbv2", operation, input).unwrap()
    }

    /// Lets time pass.
    pub fn wait(&self, seconds: u64) {
        self.sim.advance(Duration::from_secs(seconds));
    }

    /// A service as it is described.
    pub fn described(&self, name: &str) -> Value {
        self.ecs(
            "DescribeServices",
            json!({"cluster": "main", "services": [name], "include": ["TAGS"]}),
        )["services"][0]
            .clone()
    }

    /// The tasks of a service that should run, or that should not.
    pub fn tasks(&self, name: &str, status: &str) -> Vec<Value> {
        let listed =
            self.ecs("ListTasks", json!({"cluster": "main", "serviceName": name, "desiredStatus": status}));
        if listed["taskArns"].as_array().unwrap().is_empty() {
            return Vec::new();
        }
        let described = self.ecs("DescribeTasks", json!({"cluster": "main", "tasks": listed["taskArns"]}));
        described["tasks"].as_array().unwrap().clone()
    }

    /// The states of the example's targets.
    pub fn health(&self) -> Vec<String> {
        let health = self.elb("DescribeTargetHealth", json!({"TargetGroupArn": self.group}));
        let targets = health["TargetHealthDescriptions"].as_array().unwrap();
        targets.iter().map(|it| it["TargetHealth"]["State"].as_str().unwrap().to_owned()).collect()
    }
}

/// The text of a value that is one.
pub fn arn(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// How an error reads.
pub fn says(error: &ApiError) -> String {
    format!("{} {}", error.code, error.message)
}
