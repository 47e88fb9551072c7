//! What was made and changed over EC2 and the control API, on top of what the configuration declares.
//!
//! The table of endpoints is always made anew from the configuration and this. So a reload, and a restart with a state
//! file, keep what was acknowledged (a policy, an endpoint, a deletion), and `/reset` only has to forget it. The
//! configuration has the last word on what there is room for: a made endpoint that has no place in it is set aside
//! ([`Misfit`]) until it has one, and changes of an endpoint that it no longer declares are dropped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use iam_policy::PolicyDocument;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, PrivateDns, Vpc, VpcEndpoint},
    door::{EndpointDetails, EndpointTable, PlacedEndpoint},
    identifiers::{Region, SecurityGroupId, SubnetId, VpcEndpointId, VpcId},
};

/// What was made and changed
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointChanges {
    made: Vec<Arc<MadeEndpoint>>,
    changed: BTreeMap<VpcEndpointId, EndpointChange>,
    /// Whose records are not as the state file has them
    touched: BTreeSet<VpcEndpointId>,
}

/// An endpoint as CreateVpcEndpoint made it
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MadeEndpoint {
    pub(crate) endpoint: VpcEndpoint,
    pub(crate) region: Region,
    pub(crate) details: EndpointDetails,
    /// The client token it was made with, and a hash of everything that came with it
    pub(crate) client_token: Option<(Box<str>, [u8; 32])>,
    /// Its place among those that were made; given when it is added
    pub(crate) number: u64,
}

/// What is otherwise than an endpoint began; `None`: nothing
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct EndpointChange {
    pub(crate) policy_document: Option<Arc<PolicyDocument>>,
    pub(crate) private_dns: Option<PrivateDns>,
    pub(crate) subnet_ids: Option<Vec<SubnetId>>,
    pub(crate) group_ids: Option<Vec<SecurityGroupId>>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) deleted_at: Option<Timestamp>,
}

/// What the state file has of an endpoint
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointRecord {
    vpc_endpoint_id: VpcEndpointId,
    made: Option<Arc<MadeEndpoint>>,
    changed: Option<EndpointChange>,
}

/// Why a made endpoint does not stand as it was made
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Its network is not there
    NoVpc(VpcId),
    /// Its network lies in another Region now
    OtherRegion { vpc_id: VpcId, made_in: Region },
    /// The configuration declares an endpoint of the same id
    Declared,
    /// Another endpoint answers for the service's own name; it stands without
    PrivateDnsTaken { by: VpcEndpointId },
}

impl EndpointChanges {
    /// Adds an endpoint
    pub(crate) fn make(&mut self, endpoint: MadeEndpoint) -> Arc<MadeEndpoint> {
        let number = self.made.last().map_or(0, |last| last.number + 1);
        let made = Arc::new(MadeEndpoint { number, ..endpoint });
        self.touched.insert(made.endpoint.vpc_endpoint_id.clone());
        self.made.push(made.clone());
        made
    }

    /// What is otherwise about an endpoint, to be changed
    pub(crate) fn of(&mut self, id: &VpcEndpointId) -> &mut EndpointChange {
        self.touched.insert(id.clone());
        self.changed.entry(id.clone()).or_default()
    }

    /// As the state file has it
    pub(crate) fn restore(records: Vec<EndpointRecord>) -> Self {
        let mut changes = Self::default();
        for record in records {
            changes.made.extend(record.made);
            if let Some(change) = record.changed {
                changes.changed.insert(record.vpc_endpoint_id, change);
            }
        }
        changes.made.sort_by_key(|made| made.number);
        changes
    }

    /// The records that are not as the state file has them, by key; `None`: to be taken out
    pub(crate) fn take_touched(&mut self) -> Vec<(String, Option<EndpointRecord>)> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        touched.map(|id| (id.to_string(), self.record(id))).collect()
    }

    fn record(&self, id: VpcEndpointId) -> Option<EndpointRecord> {
        let made = self.made.iter().find(|made| made.endpoint.vpc_endpoint_id == id);
        let changed = self.changed.get(&id);
        (made.is_some() || changed.is_some()).then(|| EndpointRecord {
            made: made.cloned(),
            changed: changed.cloned(),
            vpc_endpoint_id: id,
        })
    }

    /// The endpoint that was made with a client token
    pub(crate) fn made_with(&self, client_token: &str, region: &Region) -> Option<&Arc<MadeEndpoint>> {
        self.made.iter().find(|made| {
            made.region == *region
                && made
                    .client_token
                    .as_ref()
                    .is_some_and(|(token, _)| **token == *client_token)
        })
    }

    /// How many endpoints were made and stand
    pub(crate) fn count(&self) -> usize {
        let stands = |made: &&Arc<MadeEndpoint>| {
            let change = self.changed.get(&made.endpoint.vpc_endpoint_id);
            change.is_none_or(|change| change.deleted_at.is_none())
        };
        self.made.iter().filter(stands).count()
    }

    /// Forgets made endpoints that were deleted before a moment
    pub(crate) fn forget_deleted(&mut self, before: Timestamp) {
        let Self {
            made,
            changed,
            touched,
        } = self;
        made.retain(|made| {
            let id = &made.endpoint.vpc_endpoint_id;
            let deleted_at = changed.get(id).and_then(|change| change.deleted_at);
            let stays = deleted_at.is_none_or(|deleted_at| deleted_at >= before);
            if !stays {
                changed.remove(id);
                touched.insert(id.clone());
            }
            stays
        });
    }

    /// Drops the changes of endpoints that were neither made nor are declared, and says which
    pub(crate) fn drop_undeclared(&mut self, config: &Config) -> Vec<VpcEndpointId> {
        let is_there = |id: &VpcEndpointId| {
            let mut made = self.made.iter().map(|made| &made.endpoint);
            made.any(|made| made.vpc_endpoint_id == *id)
                || config
                    .vpc_endpoints
                    .iter()
                    .any(|declared| declared.vpc_endpoint_id == *id)
        };
        let dropped: Vec<_> = self.changed.keys().filter(|id| !is_there(id)).cloned().collect();
        for id in &dropped {
            self.changed.remove(id);
            self.touched.insert(id.clone());
        }
        dropped
    }

    /// The endpoints of the configuration that are otherwise than it says, with what is otherwise
    pub(crate) fn of_declared<'c>(
        &'c self,
        config: &'c Config,
    ) -> impl Iterator<Item = (&'c VpcEndpointId, &'c EndpointChange)> {
        let ids = config
            .vpc_endpoints
            .iter()
            .map(|declared| &declared.vpc_endpoint_id);
        ids.filter_map(|id| Some((id, self.changed.get(id)?)))
    }

    /// All endpoints: those of the configuration, which are as old as the emulator, and those that were made
    pub(crate) fn table(&self, config: &Config, started_at: Timestamp) -> EndpointTable {
        self.place(config, started_at).0
    }

    /// The made endpoints that do not stand as they were made
    pub(crate) fn misfits(&self, config: &Config) -> Vec<(VpcEndpointId, Misfit)> {
        self.place(config, Timestamp::MIN).1
    }

    fn place(&self, config: &Config, started_at: Timestamp) -> (EndpointTable, Vec<(VpcEndpointId, Misfit)>) {
        let (mut standing, mut deleting) = (Vec::new(), Vec::new());
        let mut misfits = Vec::new();
        for declared in &config.vpc_endpoints {
            // The configuration refuses endpoints without a network.
            let Some(vpc) = vpc(config, &declared.vpc_id) else {
                continue;
            };
            let details = EndpointDetails {
                subnet_ids: None,
                group_ids: None,
                tags: BTreeMap::new(),
                created_at: started_at,
            };
            let placed = PlacedEndpoint {
                endpoint: declared.clone(),
                vpc: vpc.clone(),
                region: vpc.region.clone(),
                details,
            };
            match self.changed(placed) {
                (placed, None) => standing.push(Arc::new(placed)),
                (placed, Some(since)) => deleting.push((Arc::new(placed), since)),
            }
        }
        for made in &self.made {
            let id = &made.endpoint.vpc_endpoint_id;
            let vpc = match made.fits(config) {
                Ok(vpc) => vpc,
                Err(misfit) => {
                    let change = self.changed.get(id);
                    if change.is_none_or(|change| change.deleted_at.is_none()) {
                        misfits.push((id.clone(), misfit));
                    }
                    continue;
                }
            };
            let placed = PlacedEndpoint {
                endpoint: made.endpoint.clone(),
                vpc: vpc.clone(),
                region: Some(made.region.clone()),
                details: made.details.clone(),
            };
            let (mut placed, deleted_at) = self.changed(placed);
            if let Some(since) = deleted_at {
                deleting.push((Arc::new(placed), since));
                continue;
            }
            let first = standing.iter().find(|first| first.answers_for(vpc, &made.region));
            if placed.endpoint.private_dns == PrivateDns::Enabled
                && let Some(first) = first
            {
                let by = first.id().clone();
                misfits.push((id.clone(), Misfit::PrivateDnsTaken { by }));
                placed.endpoint.private_dns = PrivateDns::Disabled;
            }
            standing.push(Arc::new(placed));
        }
        (EndpointTable::new(standing, deleting), misfits)
    }

    /// An endpoint as it was changed, and since when it is deleted
    fn changed(&self, mut placed: PlacedEndpoint) -> (PlacedEndpoint, Option<Timestamp>) {
        let Some(change) = self.changed.get(placed.id()) else {
            return (placed, None);
        };
        change.apply(&mut placed.endpoint, &mut placed.details);
        (placed, change.deleted_at)
    }
}

impl MadeEndpoint {
    /// The network it stands in, if the configuration has a place for it there
    fn fits<'c>(&self, config: &'c Config) -> Result<&'c Vpc, Misfit> {
        let vpc_id = &self.endpoint.vpc_id;
        let mut declared = config.vpc_endpoints.iter();
        if declared.any(|declared| declared.vpc_endpoint_id == self.endpoint.vpc_endpoint_id) {
            return Err(Misfit::Declared);
        }
        let vpc = vpc(config, vpc_id).ok_or_else(|| Misfit::NoVpc(vpc_id.clone()))?;
        match &vpc.region {
            Some(region) if *region != self.region => Err(Misfit::OtherRegion {
                vpc_id: vpc_id.clone(),
                made_in: self.region.clone(),
            }),
            _ => Ok(vpc),
        }
    }
}

fn vpc<'c>(config: &'c Config, id: &VpcId) -> Option<&'c Vpc> {
    config.vpcs.iter().find(|vpc| vpc.vpc_id == *id)
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVpc(vpc_id) => {
                write!(
                    f,
                    "is set aside until the configuration has its VPC `{vpc_id}` again"
                )
            }
            Self::OtherRegion { vpc_id, made_in } => {
                write!(
                    f,
                    "is set aside, because its VPC `{vpc_id}` does not lie in {made_in} any more"
                )
            }
            Self::Declared => f.write_str("is set aside, because the configuration declares one of this id"),
            Self::PrivateDnsTaken { by } => {
                write!(f, "stands without its private DNS name, which leads to `{by}`")
            }
        }
    }
}

impl fmt::Display for EndpointChange {
    /// What is otherwise, by name
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            policy_document,
            private_dns,
            subnet_ids,
            group_ids,
            tags,
            deleted_at,
        } = self;
        let named = [
            ("deleted", deleted_at.is_some()),
            ("policy", policy_document.is_some()),
            ("private DNS", private_dns.is_some()),
            ("subnets", subnet_ids.is_some()),
            ("security groups", group_ids.is_some()),
            ("tags", tags.is_some()),
        ];
        let otherwise: Vec<_> = named
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| name)
            .collect();
        f.write_str(&otherwise.join(", "))
    }
}

impl EndpointChange {
    fn apply(&self, endpoint: &mut VpcEndpoint, details: &mut EndpointDetails) {
        if let Some(document) = &self.policy_document {
            endpoint.policy_document = document.clone();
        }
        if let Some(private_dns) = self.private_dns {
            endpoint.private_dns = private_dns;
        }
        if let Some(subnet_ids) = &self.subnet_ids {
            details.subnet_ids = Some(subnet_ids.clone());
        }
        if let Some(group_ids) = &self.group_ids {
            details.group_ids = Some(group_ids.clone());
        }
        if let Some(tags) = &self.tags {
            details.tags.clone_from(tags);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "vpce-0000000000000000a";
    const MADE: &str = "vpce-0000000000000000b";

    fn config(vpcs: &str) -> Config {
        let yaml = format!(
            "vpcs: [{vpcs}{{vpc_id: vpc-0000000000000000a}}]\nvpc_endpoints: [{{vpc_endpoint_id: {ID}, vpc_id: \
             vpc-0000000000000000a}}]\n"
        );
        Config::embedded(Some(&yaml), None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn both() -> Config {
        config("{vpc_id: vpc-0000000000000000b, cidr_block: 10.0.0.0/16}, ")
    }

    fn changes() -> EndpointChanges {
        let mut changes = EndpointChanges::default();
        changes.make(MadeEndpoint {
            endpoint: VpcEndpoint {
                vpc_endpoint_id: MADE.parse().unwrap(),
                vpc_id: "vpc-0000000000000000b".parse().unwrap(),
                private_dns: PrivateDns::Disabled,
                policy_document: Arc::new(PolicyDocument::full_access()),
            },
            region: "us-west-2".parse().unwrap(),
            details: EndpointDetails {
                subnet_ids: None,
                group_ids: None,
                tags: BTreeMap::new(),
                created_at: Timestamp::UNIX_EPOCH,
            },
            client_token: None,
            number: 0,
        });
        changes
    }

    fn standing(changes: &EndpointChanges, config: &Config) -> Vec<String> {
        let table = changes.table(config, Timestamp::UNIX_EPOCH);
        table.iter().map(|placed| placed.id().to_string()).collect()
    }

    #[test]
    fn what_was_made_stands_whenever_its_network_is_there() {
        let changes = changes();
        assert_eq!(standing(&changes, &both()), [ID, MADE]);
        assert_eq!(changes.misfits(&both()), []);
        assert_eq!(standing(&changes, &config("")), [ID]);
        let misfits = changes.misfits(&config(""));
        assert_eq!(
            misfits[0].1.to_string(),
            "is set aside until the configuration has its VPC `vpc-0000000000000000b` again"
        );
        assert_eq!(standing(&changes, &both()), [ID, MADE]);
        // Of one that was deleted nothing is to be told.
        let mut changes = changes;
        changes.of(&MADE.parse().unwrap()).deleted_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(changes.misfits(&config("")), []);
    }

    #[test]
    fn a_network_of_another_region_has_no_place_for_what_was_made() {
        let elsewhere =
            config("{vpc_id: vpc-0000000000000000b, region: eu-west-1, cidr_block: 10.0.0.0/16}, ");
        assert_eq!(standing(&changes(), &elsewhere), [ID]);
        let misfits = changes().misfits(&elsewhere);
        assert!(matches!(misfits[0].1, Misfit::OtherRegion { .. }), "{misfits:?}");
    }

    #[test]
    fn a_declared_endpoint_takes_the_id_and_the_private_name_of_a_made_one() {
        let yaml = |id: &str| {
            let yaml = format!(
                "vpcs: [{{vpc_id: vpc-0000000000000000b}}]\nvpc_endpoints: [{{vpc_endpoint_id: {id}, vpc_id: \
                 vpc-0000000000000000b, private_dns_enabled: true}}]\n"
            );
            Config::embedded(Some(&yaml), None).unwrap_or_else(|problems| panic!("{problems}"))
        };
        let mut changes = changes();
        assert_eq!(standing(&changes, &yaml(MADE)), [MADE]);
        assert_eq!(
            changes.misfits(&yaml(MADE)),
            [(MADE.parse().unwrap(), Misfit::Declared)]
        );
        assert_eq!(changes.misfits(&yaml(ID)), [], "it has no private name");
        changes.of(&MADE.parse().unwrap()).private_dns = Some(PrivateDns::Enabled);
        let by = ID.parse().unwrap();
        assert_eq!(
            changes.misfits(&yaml(ID)),
            [(MADE.parse().unwrap(), Misfit::PrivateDnsTaken { by })]
        );
        let table = changes.table(&yaml(ID), Timestamp::UNIX_EPOCH);
        let placed = table.get(&MADE.parse().unwrap()).expect("it stands");
        assert_eq!(placed.endpoint.private_dns, PrivateDns::Disabled);
    }

    #[test]
    fn a_deletion_of_a_declared_endpoint_outlives_a_reload() {
        let mut changes = changes();
        changes.of(&ID.parse().unwrap()).deleted_at = Some(Timestamp::UNIX_EPOCH);
        changes.forget_deleted(Timestamp::MAX);
        assert_eq!(changes.drop_undeclared(&both()), []);
        assert_eq!(standing(&changes, &both()), [MADE]);
        let table = changes.table(&both(), Timestamp::UNIX_EPOCH);
        assert_eq!(table.deleting().count(), 1);
    }

    #[test]
    fn changes_of_an_endpoint_that_is_no_longer_declared_are_dropped() {
        let mut changes = changes();
        changes.of(&ID.parse().unwrap()).private_dns = Some(PrivateDns::Disabled);
        changes.take_touched();
        let without = Config::embedded(None, None).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(changes.drop_undeclared(&without), [ID.parse().unwrap()]);
        let touched = changes.take_touched();
        assert!(matches!(&touched[..], [(id, None)] if id == ID), "{touched:?}");
    }

    #[test]
    fn records_bring_back_everything_in_its_order() {
        let mut changes = changes();
        let second = MadeEndpoint {
            endpoint: VpcEndpoint {
                vpc_endpoint_id: "vpce-00000000000000001".parse().unwrap(),
                ..changes.made[0].endpoint.clone()
            },
            ..(*changes.made[0]).clone()
        };
        changes.make(second);
        let change = changes.of(&ID.parse().unwrap());
        change.policy_document = Some(Arc::new(PolicyDocument::full_access()));
        change.deleted_at = Some(Timestamp::UNIX_EPOCH);
        let records = changes.take_touched();
        assert_eq!(records.len(), 3);
        assert_eq!(changes.take_touched().len(), 0);
        let records = records.into_iter().map(|(_, record)| {
            let text = serde_json::to_string(&record).unwrap();
            serde_json::from_str(&text).unwrap()
        });
        let restored = EndpointChanges::restore(records.collect());
        assert_eq!(format!("{restored:?}"), format!("{changes:?}"));
    }

    #[test]
    fn a_change_takes_the_place_of_what_the_configuration_says_and_of_nothing_else() {
        let mut changes = changes();
        changes.of(&ID.parse().unwrap()).private_dns = Some(PrivateDns::Disabled);
        let table = changes.table(&both(), Timestamp::UNIX_EPOCH);
        let placed = table.get(&ID.parse().unwrap()).expect("it stands");
        assert_eq!(placed.endpoint.private_dns, PrivateDns::Disabled);
        assert_eq!(
            placed.endpoint.policy_document.text(),
            PolicyDocument::full_access().text()
        );
    }

    #[test]
    fn a_policy_is_read_again_with_its_record_and_one_that_is_not_understood_is_no_policy() {
        let mut changes = changes();
        let text =
            r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
        let document = PolicyDocument::parse(text, iam_policy::PolicyType::VpcEndpoint).unwrap();
        changes.of(&ID.parse().unwrap()).policy_document = Some(Arc::new(document));
        let record = serde_json::to_string(&changes.record(ID.parse().unwrap())).unwrap();
        let broken = record.replace("Allow", "Permit");
        assert_ne!(broken, record);
        let error = serde_json::from_str::<EndpointRecord>(&broken).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("VPC endpoint policy /Statement/0/Effect: "),
            "{error}"
        );
    }

    #[test]
    fn made_endpoints_that_were_deleted_are_forgotten_in_time() {
        let mut changes = changes();
        changes.of(&MADE.parse().unwrap()).deleted_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(changes.count(), 0);
        changes.forget_deleted(Timestamp::UNIX_EPOCH);
        assert_eq!(changes.made.len(), 1);
        changes.forget_deleted(Timestamp::MAX);
        assert_eq!((changes.made.len(), changes.changed.len()), (0, 0));
    }
}
