//! What EC2's actions are authorised on: pairs of an action and a resource, each with the condition keys that belong to it.
//!
//! The resources and keys are those of the Service Authorization Reference (*Amazon EC2*), in one table, [`RESOURCES`],
//! that the lint reads as well. How a call's parameters become resources and keys is described here:
//!
//! - A resource that the call makes has no id yet: its ARN ends in `/*` (ministryofjustice/modernisation-platform#12326).
//! - Types that are required are always asked about, others as far as the call names some.
//! - Tags of a resource that is made are a pair of their own, `ec2:CreateTags` on it (EC2 User Guide, *Grant permission to
//!   tag resources during creation*).
//! - The default security group, which is used when no group is named, is not asked about. Guess.
//! - An id that nothing has is asked about all the same, with no key but its own, and refused afterwards. Guess.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use iam_policy::{Action, Resource};
use lookoutvision::model::partition;

use super::{Ec2Action, Invocation, network, view};
use crate::{
    authorization::{Authorizable, AuthorizationRequest, Pair},
    network::Vpc,
    runtime::Snapshot,
    services::query::parameters::Reader,
    services::vocabulary::WITH_EC2_AND_STS,
};

/// A type of resource that the actions here are authorised on
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceType {
    NetworkInterface,
    PrefixList,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
    VpcEndpoint,
}

/// One resource of a call
#[derive(Clone, Copy)]
enum Named<'i> {
    /// The resource of this id
    Id(&'i str),
    /// The resource that the call makes
    New,
}

impl ResourceType {
    pub(crate) const ALL: [Self; 7] = [
        Self::NetworkInterface,
        Self::PrefixList,
        Self::RouteTable,
        Self::SecurityGroup,
        Self::Subnet,
        Self::Vpc,
        Self::VpcEndpoint,
    ];

    /// The name in ARNs and in the reference
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NetworkInterface => "network-interface",
            Self::PrefixList => "prefix-list",
            Self::RouteTable => "route-table",
            Self::SecurityGroup => "security-group",
            Self::Subnet => "subnet",
            Self::Vpc => "vpc",
            Self::VpcEndpoint => "vpc-endpoint",
        }
    }

    /// The form of its ARNs (Service Authorization Reference, *Amazon EC2*)
    pub(crate) fn arn_form(self) -> &'static str {
        match self {
            Self::NetworkInterface => {
                "arn:${Partition}:ec2:${Region}:${Account}:network-interface/${NetworkInterfaceId}"
            }
            Self::PrefixList => "arn:${Partition}:ec2:${Region}:${Account}:prefix-list/${PrefixListId}",
            Self::RouteTable => "arn:${Partition}:ec2:${Region}:${Account}:route-table/${RouteTableId}",
            Self::SecurityGroup => {
                "arn:${Partition}:ec2:${Region}:${Account}:security-group/${SecurityGroupId}"
            }
            Self::Subnet => "arn:${Partition}:ec2:${Region}:${Account}:subnet/${SubnetId}",
            Self::Vpc => "arn:${Partition}:ec2:${Region}:${Account}:vpc/${VpcId}",
            Self::VpcEndpoint => "arn:${Partition}:ec2:${Region}:${Account}:vpc-endpoint/${VpcEndpointId}",
        }
    }

    // EC2 API reference, *Resource IDs*.
    fn of_id(id: &str) -> Option<Self> {
        Some(match id.rsplit_once('-')?.0 {
            "eni" => Self::NetworkInterface,
            "rtb" => Self::RouteTable,
            "sg" => Self::SecurityGroup,
            "subnet" => Self::Subnet,
            "vpc" => Self::Vpc,
            "vpce" => Self::VpcEndpoint,
            _ => return None,
        })
    }
}

/// The resource types of an action with the condition keys that each brings, besides those of every action
///
/// Service Authorization Reference, *Amazon EC2*. An action that is not here has no resource.
// Guess: `ec2:Vpc` on the subnets, groups and tables of CreateVpcEndpoint and on the tables of ModifyVpcEndpoint: the
// reference does not have it, and AWS's managed policy SageMakerStudioProjectRoleMachineLearningPolicy asks for it.
pub(crate) const RESOURCES: &[(Ec2Action, ResourceType, &[&str])] = &[
    (
        Ec2Action::CreateVpcEndpoint,
        ResourceType::Vpc,
        &[AWS_TAGS, EC2_TAGS, "ec2:VpcID"],
    ),
    (
        Ec2Action::CreateVpcEndpoint,
        ResourceType::VpcEndpoint,
        &[
            "aws:RequestTag/",
            "aws:TagKeys",
            "ec2:VpceMultiRegion",
            "ec2:VpceServiceName",
            "ec2:VpceServiceOwner",
            "ec2:VpceServiceRegion",
        ],
    ),
    (
        Ec2Action::CreateVpcEndpoint,
        ResourceType::Subnet,
        &[AWS_TAGS, EC2_TAGS, "ec2:SubnetID", "ec2:Vpc"],
    ),
    (
        Ec2Action::CreateVpcEndpoint,
        ResourceType::SecurityGroup,
        &[AWS_TAGS, EC2_TAGS, "ec2:SecurityGroupID", "ec2:Vpc"],
    ),
    (
        Ec2Action::CreateVpcEndpoint,
        ResourceType::RouteTable,
        &[AWS_TAGS, EC2_TAGS, "ec2:RouteTableID", "ec2:Vpc"],
    ),
    (
        Ec2Action::ModifyVpcEndpoint,
        ResourceType::VpcEndpoint,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "ec2:Attribute",
            "ec2:Attribute/",
            "ec2:VpceMultiRegion",
            "ec2:VpceServiceRegion",
        ],
    ),
    (
        Ec2Action::ModifyVpcEndpoint,
        ResourceType::Subnet,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "ec2:AvailabilityZone",
            "ec2:AvailabilityZoneId",
            "ec2:SubnetID",
            "ec2:Vpc",
        ],
    ),
    (
        Ec2Action::ModifyVpcEndpoint,
        ResourceType::SecurityGroup,
        &[AWS_TAGS, EC2_TAGS, "ec2:SecurityGroupID", "ec2:Vpc"],
    ),
    (
        Ec2Action::ModifyVpcEndpoint,
        ResourceType::RouteTable,
        &[AWS_TAGS, EC2_TAGS, "ec2:RouteTableID", "ec2:Vpc"],
    ),
    (
        Ec2Action::DeleteVpcEndpoints,
        ResourceType::VpcEndpoint,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "ec2:VpceMultiRegion",
            "ec2:VpceServiceName",
            "ec2:VpceServiceRegion",
        ],
    ),
    (
        Ec2Action::DescribeVpcAttribute,
        ResourceType::Vpc,
        &[AWS_TAGS, EC2_TAGS, "ec2:Tenancy", "ec2:VpcID"],
    ),
    // Guess: that AWS's own lists are authorised on with the caller's account in their ARN, as everything else is.
    (
        Ec2Action::GetManagedPrefixListEntries,
        ResourceType::PrefixList,
        &[AWS_TAGS, EC2_TAGS],
    ),
    (
        Ec2Action::CreateTags,
        ResourceType::VpcEndpoint,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "aws:RequestTag/",
            "aws:TagKeys",
            "ec2:CreateAction",
        ],
    ),
    (
        Ec2Action::CreateTags,
        ResourceType::Vpc,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "aws:RequestTag/",
            "aws:TagKeys",
            "ec2:Tenancy",
            "ec2:VpcID",
        ],
    ),
    (
        Ec2Action::CreateTags,
        ResourceType::Subnet,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "aws:RequestTag/",
            "aws:TagKeys",
            "ec2:AvailabilityZone",
            "ec2:AvailabilityZoneId",
            "ec2:SubnetID",
            "ec2:Vpc",
        ],
    ),
    (
        Ec2Action::CreateTags,
        ResourceType::SecurityGroup,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "aws:RequestTag/",
            "aws:TagKeys",
            "ec2:SecurityGroupID",
            "ec2:Vpc",
        ],
    ),
    (
        Ec2Action::CreateTags,
        ResourceType::RouteTable,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "aws:RequestTag/",
            "aws:TagKeys",
            "ec2:RouteTableID",
            "ec2:Vpc",
        ],
    ),
    (
        Ec2Action::CreateTags,
        ResourceType::NetworkInterface,
        &[
            AWS_TAGS,
            EC2_TAGS,
            "aws:RequestTag/",
            "aws:TagKeys",
            "ec2:AvailabilityZone",
            "ec2:NetworkInterfaceID",
            "ec2:Subnet",
            "ec2:Vpc",
        ],
    ),
    (Ec2Action::DeleteTags, ResourceType::VpcEndpoint, UNTAGGING),
    (Ec2Action::DeleteTags, ResourceType::Vpc, UNTAGGING),
    (Ec2Action::DeleteTags, ResourceType::Subnet, UNTAGGING),
    (Ec2Action::DeleteTags, ResourceType::SecurityGroup, UNTAGGING),
    (Ec2Action::DeleteTags, ResourceType::RouteTable, UNTAGGING),
    (Ec2Action::DeleteTags, ResourceType::NetworkInterface, UNTAGGING),
];

const AWS_TAGS: &str = "aws:ResourceTag/";
const EC2_TAGS: &str = "ec2:ResourceTag/";
const UNTAGGING: &[&str] = &[AWS_TAGS, EC2_TAGS, "aws:RequestTag/", "aws:TagKeys"];

impl Authorizable for Invocation {
    fn authorization_request(&self) -> AuthorizationRequest {
        let call = Call {
            invocation: self,
            snapshot: &self.snapshot,
        };
        let mut parameters = self.parameters.reader();
        match self.action {
            Ec2Action::CreateVpcEndpoint => call.create(&mut parameters),
            Ec2Action::ModifyVpcEndpoint => call.modify(&mut parameters),
            Ec2Action::DeleteVpcEndpoints => call.each(&parameters.texts("VpcEndpointId"), |_| {
                Some(ResourceType::VpcEndpoint)
            }),
            Ec2Action::CreateTags | Ec2Action::DeleteTags => {
                call.each(&parameters.texts("ResourceId"), ResourceType::of_id)
            }
            Ec2Action::DescribeVpcAttribute => {
                let vpc_id = parameters.text("VpcId").unwrap_or_default();
                call.request(call.pair(ResourceType::Vpc, Named::Id(vpc_id)))
            }
            Ec2Action::GetManagedPrefixListEntries => {
                let list_id = parameters.text("PrefixListId").unwrap_or_default();
                call.request(call.pair(ResourceType::PrefixList, Named::Id(list_id)))
            }
            Ec2Action::DescribeAvailabilityZones
            | Ec2Action::DescribeManagedPrefixLists
            | Ec2Action::DescribeNetworkInterfaces
            | Ec2Action::DescribePrefixLists
            | Ec2Action::DescribeRegions
            | Ec2Action::DescribeRouteTables
            | Ec2Action::DescribeSecurityGroups
            | Ec2Action::DescribeSubnets
            | Ec2Action::DescribeTags
            | Ec2Action::DescribeVpcEndpointServices
            | Ec2Action::DescribeVpcEndpoints
            | Ec2Action::DescribeVpcs => call.request(call.without_resource()),
        }
    }
}

/// A call with the state that it is authorised by
struct Call<'i> {
    invocation: &'i Invocation,
    snapshot: &'i Snapshot,
}

impl<'i> Call<'i> {
    fn create(&self, parameters: &mut Reader<'i>) -> AuthorizationRequest {
        let endpoint = self.pair(ResourceType::VpcEndpoint, Named::New);
        let vpc_id = parameters.text("VpcId").unwrap_or_default();
        let vpc = self.pair(ResourceType::Vpc, Named::Id(vpc_id));
        let mut request = self.request(endpoint).and(vpc);
        for (lists, resource_type) in [
            (&["SubnetId"], ResourceType::Subnet),
            (&["SecurityGroupId"], ResourceType::SecurityGroup),
            (&["RouteTableId"], ResourceType::RouteTable),
        ] {
            let ids = resources(parameters, lists, resource_type);
            request = request.and_all(ids.into_iter().map(|id| self.pair(resource_type, Named::Id(id))));
        }
        let service_region = parameters.text("ServiceRegion");
        if service_region.is_some_and(|region| region != self.invocation.region.as_str()) {
            // Service Authorization Reference, *AWS PrivateLink*; the refusal is that of
            // ministryofjustice/modernisation-platform#12326.
            let across_regions = Pair::new(
                &ALLOW_MULTI_REGION,
                self.resource(ResourceType::VpcEndpoint, Named::New),
            );
            request = request.and(across_regions.refused_as(self.invocation.action.in_policies()));
        }
        if !self.invocation.tags.tags.is_empty() {
            let tagging = self.pair_of(Ec2Action::CreateTags, ResourceType::VpcEndpoint, Named::New);
            request = request.and(tagging.with("ec2:CreateAction", self.invocation.action.name()));
        }
        request
    }

    fn modify(&self, parameters: &mut Reader<'i>) -> AuthorizationRequest {
        let id = parameters.text("VpcEndpointId").unwrap_or_default();
        // EC2 User Guide, *Policy structure*, `ec2:Attribute`: members of a primitive type. Guess: which of this action's
        // those are, and that a call which sets several is asked about with each of them in turn, as the key has one
        // value.
        let set: Vec<(&str, &str)> = [
            "PolicyDocument",
            "ResetPolicy",
            "PrivateDnsEnabled",
            "IpAddressType",
        ]
        .into_iter()
        .filter_map(|name| Some((name, parameters.text(name)?)))
        .collect();
        let endpoint = |attribute: Option<&'static str>| {
            let mut pair = self.pair(ResourceType::VpcEndpoint, Named::Id(id));
            for (name, value) in &set {
                pair = pair.with(format!("ec2:Attribute/{name}"), *value);
            }
            match attribute {
                Some(name) => pair.with("ec2:Attribute", name),
                None => pair,
            }
        };
        let mut attributes = set.iter().map(|(name, _)| Some(*name));
        let mut request = self.request(endpoint(attributes.next().flatten()));
        request = request.and_all(attributes.map(endpoint));
        for (lists, resource_type) in [
            (["AddSubnetId", "RemoveSubnetId"], ResourceType::Subnet),
            (
                ["AddSecurityGroupId", "RemoveSecurityGroupId"],
                ResourceType::SecurityGroup,
            ),
            (
                ["AddRouteTableId", "RemoveRouteTableId"],
                ResourceType::RouteTable,
            ),
        ] {
            let ids = resources(parameters, &lists, resource_type);
            request = request.and_all(ids.into_iter().map(|id| self.pair(resource_type, Named::Id(id))));
        }
        request
    }

    /// A pair of the action and the resource for each id
    fn each(&self, ids: &[&str], type_of: impl Fn(&str) -> Option<ResourceType>) -> AuthorizationRequest {
        let mut pairs = ids.iter().map(|id| match type_of(id) {
            Some(resource_type) => self.pair(resource_type, Named::Id(id)),
            // No resource of another type exists here; only a caller who may do everything learns that.
            None => self.without_resource(),
        });
        // Without any id there is nothing to do, and only a caller who may do that to everything learns it.
        let first = pairs.next().unwrap_or_else(|| self.without_resource());
        self.request(first).and_all(pairs)
    }

    fn request(&self, first: Pair) -> AuthorizationRequest {
        AuthorizationRequest::new(self.invocation.region.clone(), &WITH_EC2_AND_STS, first)
    }

    /// The pair for an action that has no resource
    fn without_resource(&self) -> Pair {
        self.with_region(Pair::new(self.invocation.action.in_policies(), Resource::Any))
    }

    fn pair(&self, resource_type: ResourceType, named: Named<'_>) -> Pair {
        self.pair_of(self.invocation.action, resource_type, named)
    }

    fn pair_of(&self, action: Ec2Action, resource_type: ResourceType, named: Named<'_>) -> Pair {
        let pair = Pair::new(action.in_policies(), self.resource(resource_type, named));
        let row = RESOURCES
            .iter()
            .find(|(other, other_type, _)| (*other, *other_type) == (action, resource_type));
        let keys = row.map_or(&[][..], |(_, _, keys)| keys);
        let facts = ResourceFacts::of(self, resource_type, named);
        keys.iter().fold(self.with_region(pair), |pair, key| match *key {
            AWS_TAGS => pair.with_resource_tags(facts.tags.clone(), &[AWS_TAGS, EC2_TAGS]),
            "aws:RequestTag/" => pair.with_request_tags(self.invocation.tags.clone()),
            key => match facts.value(key) {
                Some(value) => pair.with(key, value),
                None => pair,
            },
        })
    }

    // EC2 User Guide, *Policy structure*: all actions have it.
    fn with_region(&self, pair: Pair) -> Pair {
        pair.with("ec2:Region", self.invocation.region.as_str())
    }

    fn resource(&self, resource_type: ResourceType, named: Named<'_>) -> Resource {
        let id = match named {
            Named::Id(id) => id,
            Named::New => "*",
        };
        let arn = self.arn(resource_type, id);
        // A text that fits into no ARN is not an id either, as the action will say to whoever may call it on
        // everything.
        arn.parse().map_or(Resource::Any, Resource::Arn)
    }

    fn arn(&self, resource_type: ResourceType, id: &str) -> String {
        let region = &self.invocation.region;
        format!(
            "arn:{}:ec2:{region}:{}:{}/{id}",
            partition(region),
            self.snapshot.settings.account_id,
            resource_type.name()
        )
    }

    fn vpcs(&self) -> impl Iterator<Item = &'i Vpc> {
        self.snapshot.settings.networks.vpcs_in(&self.invocation.region)
    }

    /// The network that the call is about: the one that it names, or that of the endpoint that it names
    fn vpc(&self) -> Option<&'i Vpc> {
        let mut parameters = self.invocation.parameters.reader();
        if let Some(id) = parameters.text("VpcId") {
            return self.vpcs().find(|vpc| vpc.vpc_id.as_str() == id);
        }
        let id = parameters.text("VpcEndpointId")?.parse().ok()?;
        let placed = self.snapshot.endpoints.get(&id)?;
        placed.stands_in(&self.invocation.region).then_some(&placed.vpc)
    }
}

/// The ids of a type that a call names, each once
fn resources<'i>(parameters: &mut Reader<'i>, lists: &[&str], resource_type: ResourceType) -> Vec<&'i str> {
    let mut named: Vec<&str> = lists.iter().flat_map(|list| parameters.texts(list)).collect();
    if resource_type == ResourceType::Subnet {
        // A subnet that has a configuration counts as named (`address_options`).
        for configuration in parameters.structures("SubnetConfiguration") {
            named.extend(parameters.text(&format!("{configuration}.SubnetId")));
        }
    }
    let mut once = Vec::with_capacity(named.len());
    for id in named {
        if !once.contains(&id) {
            once.push(id);
        }
    }
    once
}

/// What is known of a resource
struct ResourceFacts<'i> {
    call: &'i Call<'i>,
    named: Named<'i>,
    resource_type: ResourceType,
    vpc: Option<&'i Vpc>,
    subnet: Option<network::Subnet>,
    tags: Option<Arc<BTreeMap<String, String>>>,
}

impl<'i> ResourceFacts<'i> {
    fn of(call: &'i Call<'i>, resource_type: ResourceType, named: Named<'i>) -> Self {
        let mut facts = Self {
            call,
            named,
            resource_type,
            vpc: None,
            subnet: None,
            tags: None,
        };
        let Named::Id(id) = named else { return facts };
        let (invocation, endpoints) = (call.invocation, &call.snapshot.endpoints);
        let region = &invocation.region;
        match resource_type {
            ResourceType::Vpc => facts.vpc = call.vpcs().find(|vpc| vpc.vpc_id.as_str() == id),
            ResourceType::Subnet => {
                let found = call.vpcs().find_map(|vpc| {
                    let mut subnets = network::subnets(vpc, region).into_iter();
                    Some((vpc, subnets.find(|subnet| subnet.subnet_id.as_str() == id)?))
                });
                (facts.vpc, facts.subnet) = found.unzip();
            }
            ResourceType::PrefixList => {}
            // Any other id is taken for the id of a group in the network that the call is about.
            ResourceType::SecurityGroup => {
                let by_default = call.vpcs().find(|vpc| network::default_group(vpc).as_str() == id);
                facts.vpc = by_default.or_else(|| call.vpc());
            }
            ResourceType::RouteTable => {
                let mut vpcs = call.vpcs();
                facts.vpc = vpcs.find(|vpc| network::resource_id("rtb-", &[vpc.vpc_id.as_str()]) == id);
            }
            ResourceType::NetworkInterface => {
                let found = endpoints
                    .iter()
                    .filter(|placed| placed.stands_in(region))
                    .find_map(|placed| {
                        let mut interfaces = network::interfaces_of(placed, region).into_iter();
                        let interface = interfaces.find(|interface| interface.network_interface_id == id)?;
                        Some((&placed.vpc, interface.subnet))
                    });
                (facts.vpc, facts.subnet) = found.unzip();
            }
            ResourceType::VpcEndpoint => {
                // An endpoint that is being deleted has its tags until it is gone.
                let deleting = endpoints.deleting().map(|(placed, _)| placed);
                let shown = endpoints.iter().chain(deleting);
                let mut shown = shown.filter(|placed| placed.stands_in(region));
                if let Some(placed) = shown.find(|placed| placed.id().as_str() == id) {
                    facts.vpc = Some(&placed.vpc);
                    facts.tags = Some(Arc::new(placed.details.tags.clone()));
                }
            }
        }
        facts
    }

    /// The value of a condition key; `None`: the resource does not have it
    fn value(&self, key: &str) -> Option<String> {
        let Call { invocation, .. } = self.call;
        let region = invocation.region.as_str();
        let mut parameters = invocation.parameters.reader();
        let id = match self.named {
            Named::Id(id) => Some(id),
            Named::New => None,
        };
        let is_endpoint = self.resource_type == ResourceType::VpcEndpoint;
        let stands = self.vpc.is_some();
        let text = |text: &str| Some(text.to_owned());
        match key {
            "ec2:VpcID"
            | "ec2:SubnetID"
            | "ec2:SecurityGroupID"
            | "ec2:RouteTableID"
            | "ec2:NetworkInterfaceID" => id.map(str::to_owned),
            "ec2:Vpc" => {
                let vpc = self.vpc?;
                Some(self.call.arn(ResourceType::Vpc, vpc.vpc_id.as_str()))
            }
            "ec2:Subnet" => {
                let subnet = self.subnet.as_ref()?;
                Some(self.call.arn(ResourceType::Subnet, subnet.subnet_id.as_str()))
            }
            "ec2:AvailabilityZone" => Some(self.subnet.as_ref()?.zone.clone()),
            "ec2:AvailabilityZoneId" => Some(self.subnet.as_ref()?.zone_id.clone()),
            // Networks of the configuration have no tenancy; this is the default that a VPC has.
            "ec2:Tenancy" => stands.then(|| "default".to_owned()),
            // For an endpoint that is to be created the call names the service; an existing one has the only service
            // here.
            "ec2:VpceServiceName" if is_endpoint && id.is_none() => {
                parameters.text("ServiceName").map(str::to_owned)
            }
            "ec2:VpceServiceName" if stands => Some(view::service_name(&invocation.region)),
            "ec2:VpceServiceOwner" => service_owner(parameters.text("ServiceName")?).map(str::to_owned),
            // Guess: without ServiceRegion it is the endpoint's own Region; and the values of the other key.
            "ec2:VpceServiceRegion" if id.is_none() => {
                text(parameters.text("ServiceRegion").unwrap_or(region))
            }
            "ec2:VpceServiceRegion" if stands => text(region),
            "ec2:VpceMultiRegion" if id.is_none() => {
                let service_region = parameters.text("ServiceRegion");
                let is_elsewhere = service_region.is_some_and(|service_region| service_region != region);
                Some(is_elsewhere.to_string())
            }
            "ec2:VpceMultiRegion" if stands => text("false"),
            // The remaining keys are set where a call is read: those of attributes, of what is created, and of tags,
            // each of which has two names.
            _ => None,
        }
    }
}

/// The owner of a service: AWS's own services are `amazon`'s (AWS PrivateLink Guide, *Identity-based policy examples*)
///
/// The names of other providers' services begin differently, and their owners are not known here.
fn service_owner(service_name: &str) -> Option<&'static str> {
    let of_aws =
        service_name.starts_with("com.amazonaws.") && !service_name.starts_with("com.amazonaws.vpce.");
    of_aws.then_some("amazon")
}

/// Permission for an endpoint whose service lies in another Region
static ALLOW_MULTI_REGION: LazyLock<Action> = LazyLock::new(|| {
    "vpce:AllowMultiRegion"
        .parse()
        .expect("the action's name is one that actions may have")
});

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use http::Method;
    use jiff::Timestamp;

    use super::*;
    use crate::{config::Config, services::query::parameters::Parameters};

    const CONFIG: &str = "
vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2}]
vpc_endpoints: [{vpc_endpoint_id: vpce-0a1b2c3d4e5f67890, vpc_id: vpc-0a1b2c3d4e5f67890}]
";

    fn snapshot() -> Arc<Snapshot> {
        let config = Config::embedded(Some(CONFIG), None).unwrap_or_else(|problems| panic!("{problems}"));
        Arc::new(Snapshot::untouched(config.settings, Timestamp::UNIX_EPOCH))
    }

    /// The pairs of a call: action, resource type, and the keys of each
    fn pairs(snapshot: &Arc<Snapshot>, parameters: &str) -> Vec<(String, String, Vec<String>)> {
        let body = format!("Version=2016-11-15&{parameters}");
        let parameters = Parameters::parse(&Method::POST, "/", body.as_bytes(), 100).expect("they are few");
        let region = "us-west-2".parse().expect("it is a Region");
        let invocation = Invocation::resolve(parameters, region, snapshot).expect("the action is played");
        let request = invocation.authorization_request();
        let pair = |pair: &Pair| {
            let resource = pair.resource().arn().map_or("*", iam_policy::Arn::resource);
            let resource_type = resource.split('/').next().unwrap_or_default();
            (
                pair.action().name().to_owned(),
                resource_type.to_owned(),
                pair.key_names(),
            )
        };
        request.pairs().map(pair).collect()
    }

    #[test]
    fn the_keys_of_each_pair_are_those_of_the_reference() {
        let snapshot = snapshot();
        let vpc = &snapshot.settings.networks.vpcs[0];
        let region = "us-west-2".parse().expect("it is a Region");
        let subnet = &network::subnets(vpc, &region)[0].subnet_id;
        let (group, endpoint) = (
            network::default_group(vpc),
            &snapshot.settings.networks.vpc_endpoints[0].vpc_endpoint_id,
        );
        let placed = snapshot.endpoints.get(endpoint).expect("it stands");
        let interface = &network::interfaces_of(placed, &region)[0].network_interface_id;
        let vpc_id = &vpc.vpc_id;
        let table = network::resource_id("rtb-", &[vpc_id.as_str()]);
        let resources = format!(
            "ResourceId.1={vpc_id}&ResourceId.2={subnet}&ResourceId.3={group}&ResourceId.4={table}&\
             ResourceId.5={interface}&ResourceId.6={endpoint}&Tag.1.Key=k&Tag.1.Value=v"
        );
        let mut seen = BTreeSet::new();
        for parameters in [
            format!(
                "Action=CreateVpcEndpoint&VpcId={vpc_id}&ServiceName=com.amazonaws.us-west-2.lookoutvision&\
                 SubnetId.1={subnet}&SecurityGroupId.1={group}&RouteTableId.1={table}&\
                 TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v"
            ),
            format!(
                "Action=ModifyVpcEndpoint&VpcEndpointId={endpoint}&ResetPolicy=true&AddSubnetId.1={subnet}&\
                 AddSecurityGroupId.1={group}&RemoveRouteTableId.1={table}"
            ),
            format!("Action=DeleteVpcEndpoints&VpcEndpointId.1={endpoint}"),
            format!("Action=DescribeVpcAttribute&VpcId={vpc_id}&Attribute=enableDnsSupport"),
            "Action=GetManagedPrefixListEntries&PrefixListId=pl-0123456789abcdef0".to_owned(),
            format!("Action=CreateTags&{resources}"),
            format!("Action=DeleteTags&{resources}"),
        ] {
            for (action, resource_type, found) in pairs(&snapshot, &parameters) {
                let row = RESOURCES.iter().find(|(other, other_type, _)| {
                    (other.name(), other_type.name()) == (&*action, &*resource_type)
                });
                let (_, _, known) = row.unwrap_or_else(|| panic!("{action} on {resource_type}"));
                // Nothing here has tags, and only what is created has a creator.
                let expected = known.iter().filter(|key| {
                    let is_of_creation =
                        **key == "ec2:CreateAction" && !parameters.contains("CreateVpcEndpoint");
                    ![AWS_TAGS, EC2_TAGS].contains(key) && !is_of_creation
                });
                let mut expected: Vec<_> = expected.chain(&["ec2:Region"]).copied().collect();
                expected.sort_unstable();
                assert_eq!(found, expected, "{action} on {resource_type}");
                seen.insert((action, resource_type));
            }
        }
        // Every row of the table was seen.
        assert_eq!(seen.len(), RESOURCES.len());
        for action in Ec2Action::ALL.into_iter().filter(|action| {
            let mut rows = RESOURCES.iter();
            !rows.any(|(other, ..)| other == action)
        }) {
            let found = pairs(&snapshot, &format!("Action={}", action.name()));
            let expected = (
                action.name().to_owned(),
                "*".to_owned(),
                vec!["ec2:Region".to_owned()],
            );
            assert_eq!(found, [expected]);
        }
    }
}
