# A network load balancer before services on TCP, and what is looked up instead of made.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_partition" "current" {}

resource "aws_ecs_cluster" "main" {
  name = "network"

  configuration {
    execute_command_configuration {
      logging = "DEFAULT"
    }
  }

  service_connect_defaults {
    namespace = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-abc"
  }
}

resource "aws_lb" "main" {
  name                             = "network"
  internal                         = false
  load_balancer_type               = "network"
  enable_cross_zone_load_balancing = var.changed
  ip_address_type                  = "ipv4"

  subnet_mapping {
    subnet_id     = "subnet-1"
    allocation_id = "eipalloc-1"
  }

  subnet_mapping {
    subnet_id     = "subnet-2"
    allocation_id = "eipalloc-2"
  }
}

resource "aws_lb_target_group" "tcp" {
  name                              = "network-tcp"
  port                              = 5432
  protocol                          = "TCP"
  target_type                       = "ip"
  vpc_id                            = "vpc-1"
  deregistration_delay              = 5
  preserve_client_ip                = "false"
  proxy_protocol_v2                 = var.changed
  connection_termination            = true
  load_balancing_cross_zone_enabled = "true"

  health_check {
    protocol            = "TCP"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  stickiness {
    enabled = true
    type    = "source_ip"
  }
}

resource "aws_lb_target_group" "web_checked" {
  name        = "network-udp"
  port        = 53
  protocol    = "UDP"
  target_type = "instance"
  vpc_id      = "vpc-1"

  health_check {
    protocol = "HTTP"
    path     = "/health"
    port     = "8080"
    matcher  = "200-299"
  }
}

resource "aws_lb_target_group_attachment" "one" {
  target_group_arn = aws_lb_target_group.tcp.arn
  target_id        = "10.1.2.3"
  port             = 5433
}

resource "aws_lb_target_group_attachment" "two" {
  target_group_arn = aws_lb_target_group.web_checked.arn
  target_id        = "i-0123456789abcdef0"
}

resource "aws_lb_listener" "tcp" {
  load_balancer_arn        = aws_lb.main.arn
  port                     = 5432
  protocol                 = "TCP"
  tcp_idle_timeout_seconds = var.changed ? 400 : 360

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.tcp.arn
  }
}

resource "aws_lb_listener" "udp" {
  load_balancer_arn = aws_lb.main.arn
  port              = 53
  protocol          = "UDP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web_checked.arn
  }
}

resource "aws_lb_listener" "tls" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "TLS"
  certificate_arn   = "arn:aws:acm:us-east-1:123456789012:certificate/one"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  alpn_policy       = "HTTP2Preferred"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.tcp.arn
  }
}

resource "aws_ecs_task_definition" "bridge" {
  family       = "network-bridge"
  network_mode = "bridge"

  container_definitions = jsonencode([{
    name              = "db"
    image             = "postgres:16"
    memoryReservation = 128
    portMappings      = [{ containerPort = 5432, hostPort = 0 }]
    healthCheck       = { command = ["CMD-SHELL", "pg_isready"], startPeriod = 10 }
    mountPoints       = [{ sourceVolume = "data", containerPath = "/var/lib" }]
    ulimits           = [{ name = "nofile", softLimit = 1024, hardLimit = 4096 }]
    linuxParameters   = { initProcessEnabled = true }
    dockerLabels      = { role = "db" }
    }, {
    name      = "side"
    image     = "busybox:1"
    memory    = 64
    essential = false
    command   = ["sleep", var.changed ? "20" : "10"]
    dependsOn = [{ containerName = "db", condition = "HEALTHY" }]
  }])

  volume {
    name      = "data"
    host_path = "/ecs/data"
  }

  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.os-type == linux"
  }
}

resource "aws_ecs_service" "daemon" {
  name                = "daemon"
  cluster             = aws_ecs_cluster.main.arn
  task_definition     = aws_ecs_task_definition.bridge.arn
  scheduling_strategy = "DAEMON"
  launch_type         = "EC2"
}

resource "aws_ecs_service" "placed" {
  name                               = "placed"
  cluster                            = aws_ecs_cluster.main.arn
  task_definition                    = aws_ecs_task_definition.bridge.arn
  desired_count                      = 1
  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 150
  propagate_tags                     = "SERVICE"
  enable_ecs_managed_tags            = true

  ordered_placement_strategy {
    type  = "spread"
    field = "instanceId"
  }

  ordered_placement_strategy {
    type  = "binpack"
    field = "cpu"
  }

  placement_constraints {
    type = "distinctInstance"
  }
}

data "aws_lb" "main" {
  arn = aws_lb.main.arn
}

data "aws_lbs" "all" {
  tags       = { Project = "conformance" }
  depends_on = [aws_lb.main]
}

data "aws_lb_target_group" "tcp" {
  name       = aws_lb_target_group.tcp.name
  depends_on = [aws_lb_listener.tcp]
}

data "aws_lb_listener" "tcp" {
  load_balancer_arn = aws_lb.main.arn
  port              = aws_lb_listener.tcp.port
}

data "aws_ecs_cluster" "main" {
  cluster_name = aws_ecs_cluster.main.name
}

data "aws_ecs_clusters" "all" {
  depends_on = [aws_ecs_cluster.main]
}

data "aws_ecs_service" "placed" {
  cluster_arn  = aws_ecs_cluster.main.arn
  service_name = aws_ecs_service.placed.name
}

data "aws_ecs_task_definition" "bridge" {
  task_definition = aws_ecs_task_definition.bridge.family
  depends_on      = [aws_ecs_task_definition.bridge]
}

data "aws_ecs_container_definition" "db" {
  task_definition = aws_ecs_task_definition.bridge.arn
  container_name  = "db"
}

output "account" {
  value = data.aws_caller_identity.current.account_id
}
