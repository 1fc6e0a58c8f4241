//! What is written from the tables rather than by hand, and kept equal to them.
//!
//! After a change, `cargo xtask tidy` writes these files anew.

use std::collections::BTreeSet;

use evenkeel_model::shapes::{Op, Service};
use expect_test::expect_file;
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

/// The policy of the daemon's task role, with the account, region, bucket and roles of the example.
fn iam_policy() -> Value {
    // Most reading and some writing calls of these services know no narrower resource.
    let here = json!({"StringEquals": {"aws:RequestedRegion": "us-east-1"}});
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Observe", "Effect": "Allow", "Action": actions(is_read), "Resource": "*", "Condition": here},
            {
                "Sid": "Execute",
                "Effect": "Allow",
                "Action": actions(|op| !is_read(op) && !is_deletion(op)),
                "Resource": "*",
                "Condition": here,
            },
            {"Sid": "Delete", "Effect": "Allow", "Action": actions(is_deletion), "Resource": "*", "Condition": here},
            {
                // Asked of whoever creates a load balancer, on top of CreateLoadBalancer itself.
                "Sid": "CreateLoadBalancers",
                "Effect": "Allow",
                "Action": [
                    "ec2:DescribeAccountAttributes",
                    "ec2:DescribeInternetGateways",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                "Resource": "*",
                "Condition": here,
            },
            {
                // Asked of whoever puts a scaling policy, whose alarms these are.
                "Sid": "ScalingAlarms",
                "Effect": "Allow",
                "Action": ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
                "Resource": "*",
                "Condition": here,
            },
            {
                "Sid": "PassTaskRoles",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": [
                    "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
                    "arn:aws:iam::123456789012:role/ecsTaskRole",
                ],
                "Condition": {
                    "StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]},
                },
            },
            {
                "Sid": "CreateServiceLinkedRoles",
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": "arn:aws:iam::123456789012:role/aws-service-role/*",
                "Condition": {
                    "StringEquals": {
                        "iam:AWSServiceName": [
                            "ecs.amazonaws.com",
                            "ecs.application-autoscaling.amazonaws.com",
                            "elasticloadbalancing.amazonaws.com",
                        ],
                    },
                },
            },
            {
                // Without ListBucket, S3 says "denied" where it means "not there".
                "Sid": "Bucket",
                "Effect": "Allow",
                "Action": ["s3:GetBucketVersioning", "s3:ListBucket"],
                "Resource": "arn:aws:s3:::farsight-evenkeel",
            },
            {
                "Sid": "ReadDocuments",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "Resource": "arn:aws:s3:::farsight-evenkeel/documents/*",
            },
            {
                "Sid": "KeepState",
                "Effect": "Allow",
                "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::farsight-evenkeel/state/*",
            },
        ],
    })
}

#[test]
fn the_iam_policy_allows_every_operation_and_no_more() {
    let policy = serde_json::to_string_pretty(&iam_policy()).unwrap() + "\n";
    expect_file!["../deploy/iam-policy.json"].assert_eq(&policy);
}

/// IAM takes 6,144 characters in a managed policy, white space not counted.
#[test]
fn the_iam_policy_fits_a_managed_policy() {
    assert!(iam_policy().to_string().len() <= 6144, "{}", iam_policy().to_string().len());
}
