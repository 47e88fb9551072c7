# What a module around an endpoint looks up, beside the resource of the README.

data "aws_vpc" "selected" {
  id = "vpc-0a1b2c3d4e5f67890"
}

data "aws_subnets" "of_vpc" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.selected.id]
  }
}

data "aws_security_groups" "default" {
  filter {
    name   = "group-name"
    values = ["default"]
  }
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.selected.id]
  }
}

data "aws_availability_zones" "available" {
  state = "available"
}

data "aws_regions" "all" {}

data "aws_ec2_managed_prefix_lists" "s3" {
  filter {
    name   = "prefix-list-name"
    values = ["com.amazonaws.us-west-2.s3"]
  }
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.us-west-2.s3"
}

data "aws_prefix_list" "s3" {
  name = "com.amazonaws.us-west-2.s3"
}

data "aws_route_table" "main" {
  vpc_id = data.aws_vpc.selected.id
  filter {
    name   = "association.main"
    values = ["true"]
  }
}

data "aws_vpc_endpoint_service" "lookoutvision" {
  service_name = "com.amazonaws.us-west-2.lookoutvision"
}

data "aws_subnet" "first" {
  id = sort(data.aws_subnets.of_vpc.ids)[0]
}

variable "team" {
  default = "vision"
}

# A second endpoint, without private DNS, with an address of its own and a policy that is a resource of its own.
resource "aws_vpc_endpoint" "second" {
  vpc_id              = data.aws_vpc.selected.id
  service_name        = data.aws_vpc_endpoint_service.lookoutvision.service_name
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = false
  security_group_ids  = data.aws_security_groups.default.ids
  subnet_ids          = [data.aws_subnet.first.id]
  subnet_configuration {
    subnet_id = data.aws_subnet.first.id
    ipv4      = cidrhost(data.aws_subnet.first.cidr_block, 25)
  }
  tags = { team = var.team }
}

resource "aws_vpc_endpoint_policy" "second" {
  vpc_endpoint_id = aws_vpc_endpoint.second.id
  policy          = file("seed.json")
}

output "found" {
  value = {
    zones     = data.aws_availability_zones.available.names
    regions   = contains(data.aws_regions.all.names, "us-west-2")
    groups    = length(data.aws_security_groups.default.ids)
    main      = data.aws_vpc.selected.main_route_table_id == data.aws_route_table.main.id
    dns       = data.aws_vpc.selected.enable_dns_support && data.aws_vpc.selected.enable_dns_hostnames
    interface = length(aws_vpc_endpoint.second.network_interface_ids)
    prefixes  = length(data.aws_ec2_managed_prefix_lists.s3.ids)
    blocks    = data.aws_prefix_list.s3.cidr_blocks
    entries   = [for entry in data.aws_ec2_managed_prefix_list.s3.entries : entry.cidr]
  }
}
