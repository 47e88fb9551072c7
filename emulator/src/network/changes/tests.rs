//! What was made and changed, under one configuration and another.

use super::{placing::Misfit, *};
use crate::{config::Config, settings::Settings};

const ID: &str = "vpce-0000000000000000a";
const MADE: &str = "vpce-0000000000000000b";

fn config(vpcs: &str) -> Arc<Settings> {
    let yaml = format!(
        "vpcs: [{vpcs}{{vpc_id: vpc-0000000000000000a}}]\nvpc_endpoints: [{{vpc_endpoint_id: {ID}, vpc_id: \
         vpc-0000000000000000a}}]\n"
    );
    Config::embedded(Some(&yaml), None)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .settings
}

fn both() -> Arc<Settings> {
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
            addresses: AddressOptions::default(),
            tags: BTreeMap::new(),
            created_at: Timestamp::UNIX_EPOCH,
        },
        client_token: None,
        number: 0,
    });
    changes
}

fn standing(changes: &EndpointChanges, settings: &Settings) -> Vec<String> {
    let table = changes.table(&settings.networks, Timestamp::UNIX_EPOCH);
    table.iter().map(|placed| placed.id().to_string()).collect()
}

#[test]
fn what_was_made_stands_whenever_its_network_is_there() {
    let changes = changes();
    assert_eq!(standing(&changes, &both()), [ID, MADE]);
    assert_eq!(changes.misfits(&both().networks), []);
    assert_eq!(standing(&changes, &config("")), [ID]);
    let misfits = changes.misfits(&config("").networks);
    assert_eq!(
        misfits[0].1.to_string(),
        "is set aside until the configuration has its VPC `vpc-0000000000000000b` again"
    );
    assert_eq!(standing(&changes, &both()), [ID, MADE]);
    // Nothing is told of an endpoint that was deleted.
    let mut changes = changes;
    changes.of(&MADE.parse().unwrap()).deleted_at = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(changes.misfits(&config("").networks), []);
}

#[test]
fn a_network_of_another_region_has_no_place_for_what_was_made() {
    let elsewhere = config("{vpc_id: vpc-0000000000000000b, region: eu-west-1, cidr_block: 10.0.0.0/16}, ");
    assert_eq!(standing(&changes(), &elsewhere), [ID]);
    let misfits = changes().misfits(&elsewhere.networks);
    assert!(matches!(misfits[0].1, Misfit::OtherRegion { .. }), "{misfits:?}");
}

#[test]
fn a_declared_endpoint_takes_the_id_and_the_private_name_of_a_made_one() {
    let yaml = |id: &str| {
        let yaml = format!(
            "vpcs: [{{vpc_id: vpc-0000000000000000b}}]\nvpc_endpoints: [{{vpc_endpoint_id: {id}, vpc_id: \
             vpc-0000000000000000b, private_dns_enabled: true}}]\n"
        );
        Config::embedded(Some(&yaml), None)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .settings
    };
    let mut changes = changes();
    assert_eq!(standing(&changes, &yaml(MADE)), [MADE]);
    assert_eq!(
        changes.misfits(&yaml(MADE).networks),
        [(MADE.parse().unwrap(), Misfit::Declared)]
    );
    assert_eq!(changes.misfits(&yaml(ID).networks), [], "it has no private name");
    changes.of(&MADE.parse().unwrap()).private_dns = Some(PrivateDns::Enabled);
    let by = ID.parse().unwrap();
    assert_eq!(
        changes.misfits(&yaml(ID).networks),
        [(MADE.parse().unwrap(), Misfit::PrivateDnsTaken { by })]
    );
    let table = changes.table(&yaml(ID).networks, Timestamp::UNIX_EPOCH);
    let placed = table.get(&MADE.parse().unwrap()).expect("it stands");
    assert_eq!(placed.endpoint.private_dns, PrivateDns::Disabled);
}

#[test]
fn a_deletion_of_a_declared_endpoint_outlives_a_reload() {
    let mut changes = changes();
    changes.of(&ID.parse().unwrap()).deleted_at = Some(Timestamp::UNIX_EPOCH);
    changes.forget_deleted(Timestamp::MAX);
    assert_eq!(changes.drop_undeclared(&both().networks), []);
    assert_eq!(standing(&changes, &both()), [MADE]);
    let table = changes.table(&both().networks, Timestamp::UNIX_EPOCH);
    assert_eq!(table.deleting().count(), 1);
}

#[test]
fn changes_of_an_endpoint_that_is_no_longer_declared_are_dropped() {
    let mut changes = changes();
    changes.of(&ID.parse().unwrap()).private_dns = Some(PrivateDns::Disabled);
    changes.take_touched();
    let without = Config::embedded(None, None)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .settings;
    assert_eq!(changes.drop_undeclared(&without.networks), [ID.parse().unwrap()]);
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
    let table = changes.table(&both().networks, Timestamp::UNIX_EPOCH);
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
    let text = r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
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
