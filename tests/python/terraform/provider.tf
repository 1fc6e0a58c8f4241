# What every configuration here begins with. `changed` is the one thing that varies between two applies.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "changed" {
  type    = bool
  default = false
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "AKIATERRAFORM"
  secret_key                  = "secret"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  s3_use_path_style           = true

  default_tags {
    tags = { Project = "conformance" }
  }

  endpoints {
    applicationautoscaling = var.endpoint
    cloudwatch             = var.endpoint
    ecr                    = var.endpoint
    ecs                    = var.endpoint
    elbv2                  = var.endpoint
    logs                   = var.endpoint
    s3                     = var.endpoint
    secretsmanager         = var.endpoint
    sqs                    = var.endpoint
    ssm                    = var.endpoint
    sts                    = var.endpoint
  }
}
