# Service Connect, volumes, secrets and everything a container definition can say.

locals {
  namespace = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-abc"
}

resource "aws_ecs_cluster" "main" {
  name = "connect"

  setting {
    name  = "containerInsights"
    value = var.changed ? "enhanced" : "disabled"
  }

  # One of its tags is another resource's business.
  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/connect/app"
  retention_in_days = var.changed ? 30 : 7
}

resource "aws_cloudwatch_log_stream" "manual" {
  name           = "manual"
  log_group_name = aws_cloudwatch_log_group.app.name
}

data "aws_cloudwatch_log_group" "app" {
  name = aws_cloudwatch_log_group.app.name
}

resource "aws_ssm_parameter" "level" {
  name        = "/connect/level"
  type        = "String"
  value       = var.changed ? "debug" : "info"
  description = "how much is logged"
}

data "aws_ssm_parameter" "level" {
  name       = aws_ssm_parameter.level.name
  depends_on = [aws_ssm_parameter.level]
}

resource "aws_secretsmanager_secret" "key" {
  name                    = "connect/key"
  description             = "a key"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "key" {
  secret_id     = aws_secretsmanager_secret.key.id
  secret_string = var.changed ? "two" : "one"
}

resource "aws_ecs_task_definition" "app" {
  family                   = "connect"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "1024"
  memory                   = "2048"
  execution_role_arn       = "arn:aws:iam::123456789012:role/execution"
  task_role_arn            = "arn:aws:iam::123456789012:role/task"
  track_latest             = true
  skip_destroy             = var.changed

  container_definitions = jsonencode([{
    name      = "app"
    image     = "app:v1"
    essential = true
    cpu       = 512
    portMappings = [
      { name = "http", containerPort = 8080, appProtocol = "http" },
      { name = "grpc", containerPort = 9090, hostPort = 9090, protocol = "tcp", appProtocol = "grpc" },
    ]
    environment = [
      { name = "Z", value = "1" }, { name = "A", value = "" }, { name = "M", value = "x" },
    ]
    secrets = [
      { name = "LEVEL", valueFrom = aws_ssm_parameter.level.arn },
      { name = "KEY", valueFrom = "${aws_secretsmanager_secret.key.arn}:password::" },
    ]
    entryPoint             = ["/bin/sh", "-c"]
    command                = ["run"]
    workingDirectory       = "/srv"
    user                   = "1000:1000"
    readonlyRootFilesystem = true
    stopTimeout            = 60
    startTimeout           = 120
    systemControls         = [{ namespace = "net.core.somaxconn", value = "1024" }]
    mountPoints = [
      { sourceVolume = "shared", containerPath = "/shared", readOnly = true },
      { sourceVolume = "block", containerPath = "/block" },
      { sourceVolume = "scratch", containerPath = "/tmp" },
    ]
    restartPolicy = { enabled = true, ignoredExitCodes = [0], restartAttemptPeriod = 300 }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.app.name
        awslogs-region        = "us-east-1"
        awslogs-stream-prefix = "app"
      }
      secretOptions = []
    }
    }, {
    name              = "router"
    image             = "fluent:1"
    essential         = true
    memoryReservation = 50
    firelensConfiguration = {
      type    = "fluentbit"
      options = { enable-ecs-log-metadata = "true" }
    }
  }])

  volume {
    name = "shared"

    efs_volume_configuration {
      file_system_id     = "fs-1"
      transit_encryption = "ENABLED"

      authorization_config {
        access_point_id = "fsap-1"
        iam             = "ENABLED"
      }
    }
  }

  volume {
    name                = "block"
    configure_at_launch = true
  }

  volume {
    name = "scratch"
  }
}

resource "aws_ecs_service" "app" {
  name                               = "app"
  cluster                            = aws_ecs_cluster.main.id
  task_definition                    = aws_ecs_task_definition.app.arn
  desired_count                      = 1
  launch_type                        = "FARGATE"
  platform_version                   = "1.4.0"
  enable_execute_command             = var.changed
  availability_zone_rebalancing      = "DISABLED"
  deployment_maximum_percent         = 100
  deployment_minimum_healthy_percent = 0
  force_new_deployment               = true
  wait_for_steady_state              = true

  network_configuration {
    subnets = ["subnet-1"]
  }

  service_connect_configuration {
    enabled   = true
    namespace = local.namespace

    log_configuration {
      log_driver = "awslogs"

      options = {
        awslogs-group         = aws_cloudwatch_log_group.app.name
        awslogs-region        = "us-east-1"
        awslogs-stream-prefix = "connect"
      }
    }

    service {
      port_name      = "http"
      discovery_name = "app"

      client_alias {
        port     = 80
        dns_name = var.changed ? "app.internal" : "app"
      }

      timeout {
        idle_timeout_seconds = 120
      }
    }
  }

  volume_configuration {
    name = "block"

    managed_ebs_volume {
      role_arn         = "arn:aws:iam::123456789012:role/volumes"
      size_in_gb       = 20
      volume_type      = "gp3"
      file_system_type = "ext4"
    }
  }

  service_registries {
    registry_arn   = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"
    container_name = "app"
    container_port = 8080
  }

  deployment_controller {
    type = "ECS"
  }

  tags = { Team = "a" }
}

resource "aws_ecs_tag" "owner" {
  resource_arn = aws_ecs_cluster.main.arn
  key          = "Owner"
  value        = "somebody"
}
