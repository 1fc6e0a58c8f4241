//! What is written from the tables rather than by hand, and kept equal to them.
//!
//! After a change, `cargo xtask tidy` writes these files anew.

use std::collections::BTreeSet;

use evenkeel_model::shapes::{Op, Service};
use expect_test::expect_file;
use serde::Serialize;
use serde_json::{Value, json};

/// The IAM action for an operation.
fn action(op: Op) -> String {
    let prefix = match op.service() {
        Service::Ecr => "ecr",
        other => other.endpoint(),
    };
    format!("{prefix}:{}", op.name())
}

fn is_read(op: Op) -> bool {
    ["Describe", "List", "Get", "BatchGet"].iter().any(|verb| op.name().starts_with(verb))
}

fn is_deletion(op: Op) -> bool {
    ["Delete", "Deregister"].iter().any(|verb| op.name().starts_with(verb))
}

fn actions(of: impl Fn(Op) -> bool) -> BTreeSet<String> {
    Op::ALL.into_iter().filter(|op| of(*op)).map(action).collect()
}

/// An IAM policy. The members are in the order in which people write them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    action: BTreeSet<String>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// The policy of the daemon's task role, with the account, region, bucket and roles of the example.
fn iam_policy() -> Policy {
    fn allow<const A: usize>(sid: &'static str, actions: [&str; A], resource: &[&str]) -> Statement {
        all(sid, actions.map(str::to_owned).into(), resource)
    }
    fn all(sid: &'static str, action: BTreeSet<String>, resource: &[&str]) -> Statement {
        let resource = resource.iter().map(|arn| arn.to_string()).collect();
        Statement { sid, effect: "Allow", action, resource, condition: None }
    }
    fn only(key: &str, values: &[&str], statement: Statement) -> Statement {
        Statement { condition: Some(json!({"StringEquals": {key: values}})), ..statement }
    }
    // Most reading and some writing calls of these services know no narrower resource.
    let here = |statement| only("aws:RequestedRegion", &["us-east-1"], statement);
    let writes = actions(|op| !is_read(op) && !is_deletion(op));
    let statement = vec![
        here(all("Observe", actions(is_read), &["*"])),
        here(all("Execute", writes, &["*"])),
        here(all("Delete", actions(is_deletion), &["*"])),
        // Asked of whoever creates a load balancer, on top of CreateLoadBalancer itself.
        here(allow(
            "CreateLoadBalancers",
            [
                "ec2:DescribeAccountAttributes",
                "ec2:DescribeInternetGateways",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            &["*"],
        )),
        // Asked of whoever puts a scaling policy, whose alarms these are.
        here(allow(
            "ScalingAlarms",
            ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
            &["*"],
        )),
        only(
            "iam:PassedToService",
            &["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"],
            allow(
                "PassTaskRoles",
                ["iam:PassRole"],
                &[
                    "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
                    "arn:aws:iam::123456789012:role/ecsTaskRole",
                ],
            ),
        ),
        only(
            "iam:AWSServiceName",
            &[
                "ecs.amazonaws.com",
                "ecs.application-autoscaling.amazonaws.com",
                "elasticloadbalancing.amazonaws.com",
            ],
            allow(
                "CreateServiceLinkedRoles",
                ["iam:CreateServiceLinkedRole"],
                &["arn:aws:iam::123456789012:role/aws-service-role/*"],
            ),
        ),
        // Without ListBucket, S3 says "denied" where it means "not there".
        allow("Bucket", ["s3:GetBucketVersioning", "s3:ListBucket"], &["arn:aws:s3:::farsight-evenkeel"]),
        allow(
            "ReadDocuments",
            ["s3:GetObject", "s3:GetObjectVersion"],
            &["arn:aws:s3:::farsight-evenkeel/documents/*"],
        ),
        allow(
            "KeepState",
            ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            &["arn:aws:s3:::farsight-evenkeel/state/*"],
        ),
    ];
    Policy { version: "2012-10-17", statement }
}

#[test]
fn the_iam_policy_allows_every_operation_and_no_more() {
    let policy = serde_json::to_string_pretty(&iam_policy()).unwrap() + "\n";
    expect_file!["../deploy/iam-policy.json"].assert_eq(&policy);
}

/// IAM takes 6,144 characters in a managed policy, white space not counted.
#[test]
fn the_iam_policy_fits_a_managed_policy() {
    let length = serde_json::to_string(&iam_policy()).unwrap().len();
    assert!(length <= 6144, "{length}");
}

#[test]
fn the_page_of_rules_is_printed_from_the_tables() {
    expect_file!["../docs/rules.md"].assert_eq(&evenkeel_diff::rules::markdown());
}
