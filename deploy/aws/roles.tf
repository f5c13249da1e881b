# The roles of muster in an account, as roles.yaml makes them: what it may do itself, what its machines may, what starts its tasks. Once per
# account. The policies are those of policy.json and doctor.json beside this file, with this account and partition in them.
terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "trusted" {
  description = "ARN of a user or role that may take the controller's role too, from outside of EC2 (muster doctor --role). Empty: nobody."
  type        = string
  default     = ""
}

variable "doctor" {
  description = "Whether the controller may look at what muster doctor SOURCE looks at: networks, roles, quotas, images; reading only."
  type        = bool
  default     = true
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  instances = "ec2.${data.aws_partition.current.dns_suffix}"
}

# Where muster runs: on the machine of host.yaml, or wherever var.trusted is.
resource "aws_iam_role" "controller" {
  name        = "muster-controller"
  description = "muster itself"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Effect = "Allow", Principal = { Service = local.instances }, Action = "sts:AssumeRole" }],
      var.trusted == "" ? [] : [{ Effect = "Allow", Principal = { AWS = var.trusted }, Action = "sts:AssumeRole" }]
    )
  })
}

resource "aws_iam_policy" "controller" {
  name        = "muster-controller"
  description = "what muster asks AWS for"
  policy = replace(
    replace(file("${path.module}/policy.json"), "arn:*:", "arn:${local.partition}:"),
    ":iam::*:", ":iam::${local.account}:"
  )
}

resource "aws_iam_role_policy_attachment" "controller" {
  role       = aws_iam_role.controller.name
  policy_arn = aws_iam_policy.controller.arn
}

resource "aws_iam_policy" "doctor" {
  for_each    = var.doctor ? toset(["doctor"]) : toset([])
  name        = "muster-doctor"
  description = "what muster doctor looks at"
  policy      = file("${path.module}/doctor.json")
}

resource "aws_iam_role_policy_attachment" "doctor" {
  for_each   = aws_iam_policy.doctor
  role       = aws_iam_role.controller.name
  policy_arn = each.value.arn
}

resource "aws_iam_instance_profile" "controller" {
  name = "muster-controller"
  role = aws_iam_role.controller.name
}

# instanceRole of an environment: muster-instance. What the agent of ECS needs on a machine that muster buys; jobs get none of it.
resource "aws_iam_role" "instance" {
  name        = "muster-instance"
  description = "machines that muster buys"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = local.instances }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "instance" {
  role       = aws_iam_role.instance.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
}

resource "aws_iam_instance_profile" "instance" {
  name = "muster-instance"
  role = aws_iam_role.instance.name
}

# executionRoleArn of a job definition: pulls its image and writes its log where no machine's role does, that is on Fargate.
resource "aws_iam_role" "execution" {
  name        = "muster-execution"
  description = "starts tasks of muster"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ecs-tasks.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

output "controller_role" {
  value = aws_iam_role.controller.arn
}

output "instance_role" {
  description = "instanceRole of environments"
  value       = aws_iam_instance_profile.instance.arn
}

output "execution_role" {
  description = "executionRoleArn of job definitions"
  value       = aws_iam_role.execution.arn
}
