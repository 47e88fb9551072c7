//! The part of Amazon EC2 that makes interface endpoints: create one, attach a policy, look at it, delete it.
//!
//! People do not write a configuration file to get an endpoint, they run `aws ec2 create-vpc-endpoint`, Terraform or
//! CloudFormation. So these actions work on the same table of endpoints that the configuration starts with, and their
//! changes are in force for the next request. A worked example, in the words of the protocol:
//!
//! ```text
//! Action=CreateVpcEndpoint&VpcEndpointType=Interface&ServiceName=com.amazonaws.us-west-2.lookoutvision&VpcId=vpc-…
//! → <CreateVpcEndpointResponse><vpcEndpoint><vpcEndpointId>vpce-…</vpcEndpointId><state>pending</state>…
//! ```
//!
//! Actions and shapes are those of the API model (botocore, `ec2/2016-11-15`). The actions are authorised by the
//! identity side, on the resources that they touch (`authorization`). They come in at EC2's own public endpoint, so no
//! endpoint policy of another service is asked. Networks are those of the configuration. AWS has subnets, network
//! interfaces and security groups in them; the emulator makes those up (`network`), always the same ones.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use aws_identifiers::Region;
use iam_policy::Action;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    authorization::{Permit, Permitted, RequestTags},
    runtime::{Snapshot, Space},
    services::query::{
        parameters::{Parameters, Reader},
        xml::Xml,
    },
};

mod address_options;
pub(crate) mod authorization;
mod create;
mod delete;
mod describe;
pub(crate) mod error;
mod filters;
mod modify;
mod network;
pub(in crate::services) mod refusal;
mod tags;
mod view;

use self::error::Ec2Error;

/// The actions that are played
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ec2Action {
    CreateTags,
    CreateVpcEndpoint,
    DeleteTags,
    DeleteVpcEndpoints,
    DescribeAvailabilityZones,
    DescribeManagedPrefixLists,
    DescribeNetworkInterfaces,
    DescribePrefixLists,
    DescribeRegions,
    DescribeRouteTables,
    DescribeSecurityGroups,
    DescribeSubnets,
    DescribeTags,
    DescribeVpcAttribute,
    DescribeVpcEndpointServices,
    DescribeVpcEndpoints,
    DescribeVpcs,
    GetManagedPrefixListEntries,
    ModifyVpcEndpoint,
}

/// An action with its parameters, not yet allowed
#[derive(Debug)]
pub(crate) struct Invocation {
    action: Ec2Action,
    parameters: Parameters,
    region: Region,
    tags: RequestTags,
    /// The snapshot by which the call is authorised, and on which it is performed
    snapshot: Arc<Snapshot>,
}

/// A permitted call
struct Call<'c> {
    invocation: &'c Invocation,
    space: &'c Space,
    request_id: Uuid,
    now: Timestamp,
}

impl Ec2Action {
    pub(crate) const ALL: [Self; 19] = [
        Self::CreateTags,
        Self::CreateVpcEndpoint,
        Self::DeleteTags,
        Self::DeleteVpcEndpoints,
        Self::DescribeAvailabilityZones,
        Self::DescribeManagedPrefixLists,
        Self::DescribeNetworkInterfaces,
        Self::DescribePrefixLists,
        Self::DescribeRegions,
        Self::DescribeRouteTables,
        Self::DescribeSecurityGroups,
        Self::DescribeSubnets,
        Self::DescribeTags,
        Self::DescribeVpcAttribute,
        Self::DescribeVpcEndpointServices,
        Self::DescribeVpcEndpoints,
        Self::DescribeVpcs,
        Self::GetManagedPrefixListEntries,
        Self::ModifyVpcEndpoint,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CreateTags => "CreateTags",
            Self::CreateVpcEndpoint => "CreateVpcEndpoint",
            Self::DeleteTags => "DeleteTags",
            Self::DeleteVpcEndpoints => "DeleteVpcEndpoints",
            Self::DescribeAvailabilityZones => "DescribeAvailabilityZones",
            Self::DescribeManagedPrefixLists => "DescribeManagedPrefixLists",
            Self::DescribeNetworkInterfaces => "DescribeNetworkInterfaces",
            Self::DescribePrefixLists => "DescribePrefixLists",
            Self::DescribeRegions => "DescribeRegions",
            Self::DescribeRouteTables => "DescribeRouteTables",
            Self::DescribeSecurityGroups => "DescribeSecurityGroups",
            Self::DescribeSubnets => "DescribeSubnets",
            Self::DescribeTags => "DescribeTags",
            Self::DescribeVpcAttribute => "DescribeVpcAttribute",
            Self::DescribeVpcEndpointServices => "DescribeVpcEndpointServices",
            Self::DescribeVpcEndpoints => "DescribeVpcEndpoints",
            Self::DescribeVpcs => "DescribeVpcs",
            Self::GetManagedPrefixListEntries => "GetManagedPrefixListEntries",
            Self::ModifyVpcEndpoint => "ModifyVpcEndpoint",
        }
    }

    fn in_policies(self) -> &'static Action {
        let position = Self::ALL.iter().position(|action| *action == self);
        &ACTIONS[position.expect("ALL has every action")]
    }
}

impl Invocation {
    /// Reads which action is asked for; `None`: the request is not a call
    ///
    /// # Errors
    /// When it names no action that is played.
    pub(crate) fn resolve(
        parameters: Option<Parameters>,
        region: Region,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Self, Ec2Error> {
        let parameters = parameters.ok_or(Ec2Error::MissingAction)?;
        let name = parameters.get("Action").ok_or(Ec2Error::MissingAction)?;
        let action = Ec2Action::ALL.into_iter().find(|action| action.name() == name);
        let action = action.ok_or_else(|| Ec2Error::InvalidAction(name.to_owned()))?;
        match parameters.get("Version") {
            Some(VERSION) => {}
            other => return Err(Ec2Error::NoSuchVersion(other.unwrap_or_default().to_owned())),
        }
        let reader = parameters.reader();
        for list in RESOURCE_LISTS {
            let found = reader.structures(list).len();
            if found > RESOURCES_MAX {
                // Guess: the code and the sentence.
                return Err(Ec2Error::InvalidParameterValue(format!(
                    "The parameter {list} has {found} values, and {RESOURCES_MAX} are the most that a call can have."
                )));
            }
        }
        let tags = request_tags(action, &parameters);
        Ok(Self {
            action,
            parameters,
            region,
            tags,
            snapshot: snapshot.clone(),
        })
    }
}

/// Carries out a permitted call
///
/// # Errors
/// Those that EC2 itself would answer with.
pub(crate) fn perform(
    permit: Permit<Invocation>,
    request_id: Uuid,
    now: Timestamp,
    space: &Space,
) -> Result<String, Ec2Error> {
    let Permitted { request, .. } = permit.redeem();
    let call = Call {
        invocation: &request,
        space,
        request_id,
        now,
    };
    match request.action {
        Ec2Action::CreateTags => tags::create(&call),
        Ec2Action::CreateVpcEndpoint => create::create(&call),
        Ec2Action::DeleteTags => tags::delete(&call),
        Ec2Action::DeleteVpcEndpoints => delete::delete(&call),
        Ec2Action::DescribeAvailabilityZones => describe::availability_zones::describe(&call),
        Ec2Action::DescribeManagedPrefixLists => describe::managed_prefix_lists::describe(&call),
        Ec2Action::DescribeNetworkInterfaces => describe::network_interfaces::describe(&call),
        Ec2Action::DescribePrefixLists => describe::prefix_lists::describe(&call),
        Ec2Action::DescribeRegions => describe::regions::describe(&call),
        Ec2Action::DescribeRouteTables => describe::route_tables::describe(&call),
        Ec2Action::DescribeSecurityGroups => describe::security_groups::describe(&call),
        Ec2Action::DescribeSubnets => describe::subnets::describe(&call),
        Ec2Action::DescribeTags => tags::describe(&call),
        Ec2Action::DescribeVpcAttribute => describe::vpc_attribute::describe(&call),
        Ec2Action::DescribeVpcEndpointServices => describe::services::describe(&call),
        Ec2Action::DescribeVpcEndpoints => describe::endpoints::describe(&call),
        Ec2Action::DescribeVpcs => describe::vpcs::describe(&call),
        Ec2Action::GetManagedPrefixListEntries => describe::managed_prefix_lists::entries(&call),
        Ec2Action::ModifyVpcEndpoint => modify::modify(&call),
    }
}

impl<'c> Call<'c> {
    fn region(&self) -> &'c Region {
        &self.invocation.region
    }

    /// Reads all parameters, and stops a dry run before anything is done
    fn read<T>(
        &self,
        read: impl FnOnce(&mut Reader<'c>) -> Result<T, Ec2Error>,
    ) -> Result<(T, DryRun), Ec2Error> {
        let mut reader = self.invocation.parameters.reader();
        let is_dry = reader.flag("DryRun")?.unwrap_or(false);
        let input = read(&mut reader)?;
        reader.finish()?;
        Ok((input, DryRun(is_dry)))
    }

    /// The answer: the action's element with the request id and what `content` writes
    fn answer(&self, content: impl FnOnce(&mut Xml)) -> String {
        let name = format!("{}Response", self.invocation.action.name());
        let mut xml = Xml::with_declaration();
        xml.root(&name, NAMESPACE, |xml| {
            xml.text("requestId", &self.request_id.to_string());
            content(xml);
        });
        xml.into_string()
    }
}

/// `DryRun=true`
struct DryRun(bool);

impl DryRun {
    // Guess: a dry run is answered after everything else that could be wrong with the call.
    fn stop(&self) -> Result<(), Ec2Error> {
        if self.0 {
            Err(Ec2Error::DryRunOperation)
        } else {
            Ok(())
        }
    }
}

/// The tags of the request that policies may look at
fn request_tags(action: Ec2Action, parameters: &Parameters) -> RequestTags {
    let mut reader = parameters.reader();
    let prefixes: Vec<String> = match action {
        Ec2Action::CreateVpcEndpoint => {
            let specifications = reader.structures("TagSpecification").into_iter();
            specifications
                .flat_map(|specification| reader.structures(&format!("{specification}.Tag")))
                .collect()
        }
        Ec2Action::CreateTags | Ec2Action::DeleteTags => reader.structures("Tag"),
        _ => Vec::new(),
    };
    let mut tags = RequestTags::default();
    for (key, value) in BTreeMap::from_iter(prefixes.into_iter().filter_map(|prefix| {
        let key = reader.text(&format!("{prefix}.Key"))?;
        Some((key, reader.text(&format!("{prefix}.Value"))))
    })) {
        match (action, value) {
            // A tag that is removed whatever its value has no value to look at.
            (Ec2Action::DeleteTags, None) => tags.keys.push(key.to_owned()),
            (_, value) => tags
                .tags
                .push((key.to_owned(), value.unwrap_or_default().to_owned())),
        }
    }
    tags
}

/// The actions of [`Ec2Action::ALL`], in its order
static ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| {
    let action = |action: Ec2Action| {
        format!("ec2:{}", action.name())
            .parse()
            .expect("actions have names that actions may have")
    };
    Ec2Action::ALL.into_iter().map(action).collect()
});

/// The parameters that name resources in a list
const RESOURCE_LISTS: [&str; 12] = [
    "AddRouteTableId",
    "AddSecurityGroupId",
    "AddSubnetId",
    "RemoveRouteTableId",
    "RemoveSecurityGroupId",
    "RemoveSubnetId",
    "ResourceId",
    "RouteTableId",
    "SecurityGroupId",
    "SubnetConfiguration",
    "SubnetId",
    "VpcEndpointId",
];

/// API model, `CreateTags`, Resources: up to 1000. The limit holds for every other list too, so that a call asks the
/// policies about hardly more resources than this.
const RESOURCES_MAX: usize = 1_000;

/// The API's version (API model)
const VERSION: &str = "2016-11-15";
/// The XML namespace of its answers (API model, `xmlNamespace`)
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
