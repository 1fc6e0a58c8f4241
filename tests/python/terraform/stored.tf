# Images, objects and queues.

resource "aws_ecr_repository" "app" {
  name                 = "stored/app"
  image_tag_mutability = var.changed ? "MUTABLE" : "IMMUTABLE"
  force_delete         = true

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = "arn:aws:kms:us-east-1:123456789012:key/one"
  }
}

resource "aws_ecr_repository_policy" "app" {
  repository = aws_ecr_repository.app.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "pull"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::210987654321:root" }
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    }]
  })
}

resource "aws_ecr_lifecycle_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy     = data.aws_ecr_lifecycle_policy_document.app.json
}

data "aws_ecr_lifecycle_policy_document" "app" {
  rule {
    priority = 1

    selection {
      tag_status      = "tagged"
      tag_prefix_list = ["v"]
      count_type      = "imageCountMoreThan"
      count_number    = var.changed ? 50 : 30
    }
  }

  rule {
    priority = 2

    selection {
      tag_status   = "untagged"
      count_type   = "sinceImagePushed"
      count_unit   = "days"
      count_number = 14
    }
  }
}

data "aws_ecr_repository" "app" {
  name       = aws_ecr_repository.app.name
  depends_on = [aws_ecr_repository.app]
}

data "aws_ecr_repositories" "all" {
  depends_on = [aws_ecr_repository.app]
}

data "aws_ecr_authorization_token" "token" {}

resource "aws_s3_bucket" "state" {
  bucket        = "stored-state"
  force_destroy = true
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm = var.changed ? "aws:kms" : "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "old"
    status = "Enabled"

    filter {
      prefix = "plans/"
    }

    noncurrent_version_expiration {
      noncurrent_days = var.changed ? 60 : 30
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.state]
}

resource "aws_s3_bucket_cors_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["https://example.com"]
  }
}

resource "aws_s3_object" "desired" {
  bucket       = aws_s3_bucket.state.id
  key          = "services/app.json"
  content      = jsonencode({ version = var.changed ? 2 : 1 })
  content_type = "application/json"

  depends_on = [aws_s3_bucket_versioning.state]
}

data "aws_s3_bucket" "state" {
  bucket = aws_s3_bucket.state.id
}

data "aws_s3_object" "desired" {
  bucket = aws_s3_bucket.state.id
  key    = aws_s3_object.desired.key
}

resource "aws_sqs_queue" "dead" {
  name                      = "stored-dead.fifo"
  fifo_queue                = true
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue" "changes" {
  name                        = "stored-changes.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
  visibility_timeout_seconds  = var.changed ? 90 : 60

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 4
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.changes.arn]
  })
}

resource "aws_sqs_queue" "events" {
  name                    = "stored-events"
  sqs_managed_sse_enabled = true
  delay_seconds           = 5
  max_message_size        = 2048
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.events.arn
    }]
  })
}

data "aws_sqs_queue" "events" {
  name = aws_sqs_queue.events.name
}

resource "aws_s3_bucket_notification" "state" {
  bucket = aws_s3_bucket.state.id

  queue {
    id            = "events"
    queue_arn     = aws_sqs_queue.events.arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    filter_suffix = var.changed ? ".yaml" : ".json"
  }

  depends_on = [aws_sqs_queue_policy.events]
}
