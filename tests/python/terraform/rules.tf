# Everything a listener rule can say.

resource "aws_s3_bucket" "logs" {
  bucket        = "rules-logs"
  force_destroy = true
}

resource "aws_lb" "web" {
  name                       = "rules"
  internal                   = true
  subnets                    = ["subnet-1", "subnet-2"]
  security_groups            = ["sg-2", "sg-1"]
  drop_invalid_header_fields = var.changed
  enable_http2               = true
  xff_header_processing_mode = "preserve"
  preserve_host_header       = true
  client_keep_alive          = 1800

  access_logs {
    bucket  = aws_s3_bucket.logs.bucket
    prefix  = "access"
    enabled = true
  }
}

resource "aws_lb_target_group" "blue" {
  name                          = "rules-blue"
  port                          = 80
  protocol                      = "HTTP"
  vpc_id                        = "vpc-1"
  slow_start                    = 60
  load_balancing_algorithm_type = "least_outstanding_requests"

  stickiness {
    type            = "app_cookie"
    cookie_name     = "session"
    cookie_duration = 3600
  }

  target_group_health {
    dns_failover {
      minimum_healthy_targets_count = "2"
    }
    unhealthy_state_routing {
      minimum_healthy_targets_percentage = "50"
    }
  }
}

resource "aws_lb_target_group" "green" {
  name_prefix = "green-"
  port        = 443
  protocol    = "HTTPS"
  target_type = "ip"
  vpc_id      = "vpc-1"

  health_check {
    enabled             = true
    healthy_threshold   = 3
    unhealthy_threshold = 3
    timeout             = var.changed ? 7 : 6
    path                = "/ready"
    matcher             = "200,202"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_target_group" "grpc" {
  name             = "rules-grpc"
  port             = 50051
  protocol         = "HTTP"
  protocol_version = "GRPC"
  target_type      = "ip"
  vpc_id           = "vpc-1"
}

resource "aws_lb_target_group" "function" {
  name                               = "rules-function"
  target_type                        = "lambda"
  lambda_multi_value_headers_enabled = true
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.web.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = var.changed ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : "ELBSecurityPolicy-2016-08"
  certificate_arn   = "arn:aws:acm:us-east-1:123456789012:certificate/one"

  default_action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.blue.arn
        weight = 80
      }

      target_group {
        arn    = aws_lb_target_group.green.arn
        weight = 20
      }

      stickiness {
        enabled  = true
        duration = 600
      }
    }
  }
}

resource "aws_lb_listener_certificate" "two" {
  listener_arn    = aws_lb_listener.https.arn
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/two"
}

resource "aws_lb_listener_rule" "fixed" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = "{}"
      status_code  = var.changed ? "503" : "200"
    }
  }

  condition {
    path_pattern {
      values = ["/health", "/ready"]
    }
  }

  condition {
    http_request_method {
      values = ["GET", "HEAD"]
    }
  }
}

resource "aws_lb_listener_rule" "weighted" {
  listener_arn = aws_lb_listener.https.arn
  priority     = var.changed ? 25 : 20

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.blue.arn
        weight = var.changed ? 1 : 9
      }

      target_group {
        arn    = aws_lb_target_group.green.arn
        weight = 1
      }
    }
  }

  condition {
    host_header {
      values = ["b.example.com", "a.example.com"]
    }
  }

  condition {
    source_ip {
      values = ["10.1.0.0/16", "10.0.0.0/16"]
    }
  }

  tags = { Name = "weighted" }
}

resource "aws_lb_listener_rule" "signed_in" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 30

  action {
    type = "authenticate-oidc"

    authenticate_oidc {
      authorization_endpoint = "https://example.com/authorize"
      client_id              = "id"
      client_secret          = "secret"
      issuer                 = "https://example.com"
      token_endpoint         = "https://example.com/token"
      user_info_endpoint     = "https://example.com/user"
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.grpc.arn
  }

  condition {
    http_header {
      http_header_name = "X-Stage"
      values           = ["test", "dev*"]
    }
  }

  condition {
    query_string {
      key   = "beta"
      value = "1"
    }

    query_string {
      value = "all"
    }
  }
}

resource "aws_lb_listener_rule" "function" {
  listener_arn = aws_lb_listener.https.arn

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.function.arn
  }

  condition {
    path_pattern {
      values = ["/fn"]
    }
  }
}

resource "aws_lb_listener_rule" "moved" {
  listener_arn = aws_lb_listener.http.arn
  priority     = 1

  action {
    type = "redirect"

    redirect {
      host        = "new.example.com"
      path        = "/#{path}"
      query       = "from=old&#{query}"
      status_code = "HTTP_302"
    }
  }

  condition {
    host_header {
      values = ["old.example.com"]
    }
  }
}
