# What AWS tells of tasks and Spot machines, kept for muster, as events.yaml makes it: a queue, and the rules of EventBridge that fill it.
# Once per region and installation; an environment names the queue as spec.provider.events.queue.
terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "name" {
  description = "Of the queue; the controller's policy knows those that begin with muster-."
  type        = string
  default     = "muster-events"
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  clusters = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:cluster/muster-"
}

resource "aws_sqs_queue" "events" {
  name                       = var.name
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 20
  visibility_timeout_seconds = 30
  sqs_managed_sse_enabled    = true
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.events.arn
      Condition = {
        ArnEquals = { "aws:SourceArn" = [aws_cloudwatch_event_rule.tasks.arn, aws_cloudwatch_event_rule.spot.arn] }
      }
    }]
  })
}

resource "aws_cloudwatch_event_rule" "tasks" {
  name        = "${var.name}-tasks"
  description = "how tasks of muster go and end"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [{ prefix = local.clusters }]
      lastStatus = ["RUNNING", "STOPPED"]
    }
  })
}

resource "aws_cloudwatch_event_rule" "spot" {
  name        = "${var.name}-spot"
  description = "machines that Spot takes back in two minutes"
  event_pattern = jsonencode({
    source      = ["aws.ec2"]
    detail-type = ["EC2 Spot Instance Interruption Warning"]
  })
}

resource "aws_cloudwatch_event_target" "tasks" {
  rule      = aws_cloudwatch_event_rule.tasks.name
  target_id = "queue"
  arn       = aws_sqs_queue.events.arn
}

resource "aws_cloudwatch_event_target" "spot" {
  rule      = aws_cloudwatch_event_rule.spot.name
  target_id = "queue"
  arn       = aws_sqs_queue.events.arn
}

output "queue" {
  description = "For spec.provider.events.queue."
  value       = aws_sqs_queue.events.arn
}
