//! Random documents and requests that often match each other.

use std::collections::BTreeMap;

use iam_policy::{Identity, IdentityKind, PolicyType, Principal, RequestContext};

/// Random numbers, from a seed that a failure names.
pub(crate) struct Random(pub(crate) u64);

/// A request as its sender would make it: the keys that follow from others have the values that follow.
#[derive(Debug)]
pub(crate) struct Asked {
    caller: &'static str,
    session: &'static str,
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    keys: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Random {
    /// One of them (SplitMix64).
    pub(crate) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let index = usize::try_from(mixed % choices.len() as u64).unwrap();
        choices[index].clone()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.of(&(0..100).collect::<Vec<u64>>()) < percent
    }

    /// The statements of two documents, the second often the first with a small change.
    pub(crate) fn pair(&mut self, policy_type: PolicyType) -> (String, String) {
        let count = self.of(&[1, 2, 3, 4]);
        let old: Vec<String> = (0..count).map(|_| self.statement(policy_type)).collect();
        let mut new = old.clone();
        match self.of(&[0, 1, 2, 3, 4]) {
            0 => new.reverse(),
            1 => new.push(self.statement(policy_type)),
            2 => new[0] = self.statement(policy_type),
            3 => {
                // A repeated statement changes nothing.
                let copy = self.of(&new);
                new.push(copy);
            }
            _ => new = (0..count).map(|_| self.statement(policy_type)).collect(),
        }
        (old.join(", "), new.join(", "))
    }

    fn list(&mut self, choices: &[&str]) -> String {
        let first = self.of(choices);
        if self.chance(60) {
            return format!("[\"{first}\"]");
        }
        format!("[\"{first}\", \"{}\"]", self.of(choices))
    }

    fn statement(&mut self, policy_type: PolicyType) -> String {
        let mut members = vec![format!(
            "\"Effect\": \"{}\"",
            self.of(&["Allow", "Allow", "Deny"])
        )];
        if policy_type.has_principal() {
            let name = if self.chance(85) {
                "Principal"
            } else {
                "NotPrincipal"
            };
            let entries = match self.chance(40) {
                true => "\"*\"".to_owned(),
                false => format!("{{\"AWS\": {}}}", self.list(&PRINCIPALS)),
            };
            // AWS does not document whom `NotPrincipal` with `*` covers.
            let name = if entries == "\"*\"" { "Principal" } else { name };
            members.push(format!("\"{name}\": {entries}"));
        }
        let name = if self.chance(85) { "Action" } else { "NotAction" };
        members.push(format!("\"{name}\": {}", self.list(&ACTIONS)));
        let name = if self.chance(85) {
            "Resource"
        } else {
            "NotResource"
        };
        members.push(format!("\"{name}\": {}", self.list(&RESOURCES)));
        let conditions = self.of(&[0, 0, 1, 1, 2]);
        let mut operators: BTreeMap<String, String> = BTreeMap::new();
        for _ in 0..conditions {
            let (operators_of_key, key, values) = self.of(&CONDITIONS);
            let operator = self.of(operators_of_key);
            let suffix = if self.chance(15) && operator != "Null" {
                "IfExists"
            } else {
                ""
            };
            let values = match operator {
                "Null" => format!("\"{}\"", self.of(&["true", "false"])),
                "Bool" => format!("\"{}\"", self.of(values)),
                _ => self.list(values),
            };
            operators.insert(format!("{operator}{suffix}"), format!("{{\"{key}\": {values}}}"));
        }
        let operators: Vec<String> = operators
            .iter()
            .map(|(name, keys)| format!("\"{name}\": {keys}"))
            .collect();
        members.push(format!("\"Condition\": {{{}}}", operators.join(", ")));
        format!("{{{}}}", members.join(", "))
    }

    /// A request that documents of this type can be evaluated for.
    pub(crate) fn request(&mut self, policy_type: PolicyType) -> Asked {
        let callers = match policy_type {
            PolicyType::VpcEndpoint => &CALLERS[..],
            _ => &CALLERS[..CALLERS_OF_IDENTITIES],
        };
        let (action, forms, has_tags) = self.of(&CALLS);
        let resource = match self.of(forms) {
            "*" => "*".to_owned(),
            form => format!("arn:aws:shop:{}:{}:{form}", self.of(&REGIONS), self.of(&ACCOUNTS)),
        };
        let mut keys = BTreeMap::new();
        let is_over_endpoint = policy_type == PolicyType::VpcEndpoint || self.chance(50);
        for (key, presence, values) in KEYS {
            let is_there = match presence {
                Presence::Always => true,
                Presence::Sometimes => self.chance(75),
                Presence::OverEndpoint => is_over_endpoint,
                Presence::Public => !is_over_endpoint,
                Presence::WithTags => has_tags && self.chance(75),
                Presence::OfTagging => action == "shop:TagThing" && self.chance(75),
            };
            if !is_there {
                continue;
            }
            let mut of_key = vec![self.of(values)];
            while key == "aws:TagKeys" && self.chance(50) {
                of_key.push(self.of(values));
            }
            keys.insert(key, of_key);
        }
        Asked {
            caller: self.of(callers),
            session: self.of(&["seven", "eight"]),
            action,
            resource,
            keys,
        }
    }
}

impl Asked {
    pub(crate) fn principal(&self) -> Principal {
        let identity: Identity = self.caller.parse().unwrap();
        Principal::Identity(match identity.kind() {
            IdentityKind::Role => Identity::session_of(&identity, self.session).unwrap(),
            _ => identity,
        })
    }

    pub(crate) fn context(&self) -> RequestContext<'_> {
        let mut context = RequestContext::new();
        let Principal::Identity(identity) = self.principal() else {
            return context;
        };
        let role_of_session = format!("arn:aws:iam::{}:role/{}", identity.account(), identity.name());
        match (identity.kind(), identity.role_arn()) {
            (IdentityKind::AssumedRole, None) => context.insert("aws:PrincipalArn", role_of_session),
            _ => context.insert("aws:PrincipalArn", self.caller),
        }
        context.insert("aws:PrincipalAccount", identity.account().to_owned());
        context.insert(
            "aws:PrincipalType",
            match identity.kind() {
                IdentityKind::User => "User",
                IdentityKind::Root => "Account",
                IdentityKind::FederatedUser => "FederatedUser",
                IdentityKind::Role | IdentityKind::AssumedRole => "AssumedRole",
            },
        );
        if identity.kind() == IdentityKind::User {
            context.insert("aws:username", identity.name().to_owned());
        }
        let parts: Vec<&str> = self.resource.split(':').collect();
        if let [_, _, _, region, account, _] = parts[..] {
            context.insert("aws:RequestedRegion", region);
            context.insert("aws:ResourceAccount", account);
        } else {
            context.insert("aws:RequestedRegion", "us-east-1");
        }
        for (key, values) in &self.keys {
            match values.as_slice() {
                [value] if *key != "aws:TagKeys" => context.insert(*key, *value),
                values => context.insert_all(*key, values.iter().copied()),
            }
        }
        context
    }
}

#[derive(Debug, Clone, Copy)]
enum Presence {
    Always,
    Sometimes,
    OverEndpoint,
    Public,
    WithTags,
    OfTagging,
}

const PRINCIPALS: [&str; 9] = [
    "arn:aws:iam::123456789012:role/g/line",
    "*",
    "123456789012",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::123456789012:user/alice",
    "arn:aws:iam::123456789012:user/ops/alice",
    "arn:aws:iam::123456789012:role/line",
    "arn:aws:iam::123456789012:role/factory/line",
    "arn:aws:sts::123456789012:assumed-role/line/seven",
];

/// Callers; those that identity policies are attached to come first.
const CALLERS: [&str; 10] = [
    "arn:aws:iam::123456789012:user/a!b/alice",
    // A session of a role whose path is not known.
    "arn:aws:sts::123456789012:assumed-role/line/seven",
    "arn:aws:iam::123456789012:user/alice",
    "arn:aws:iam::123456789012:user/ops/alice",
    "arn:aws:iam::111122223333:user/bob",
    "arn:aws:iam::123456789012:role/line",
    "arn:aws:iam::123456789012:role/factory/line",
    "arn:aws:iam::123456789012:role/other",
    "arn:aws:iam::111122223333:root",
    "arn:aws:sts::123456789012:federated-user/alice",
];

const CALLERS_OF_IDENTITIES: usize = 8;

const ACTIONS: [&str; 8] = [
    "*",
    "shop:*",
    "shop:ReadThing",
    "shop:WriteThing",
    "shop:*Thing",
    "shop:?a*",
    "shop:ListThings",
    "shop:TAGthing",
];

const RESOURCES: [&str; 11] = [
    "*",
    "*",
    "arn:aws:shop:us-east-1:123456789012:*",
    "arn:aws:shop:*:123456789012:thing/*",
    "arn:aws:shop:*:*:thing/a/*",
    "arn:aws:shop:*:*:thing/*/1",
    "arn:aws:shop:us-*:*:box/a",
    "arn:aws:shop:*:*:box/a*",
    "arn:aws:shop:*:*:?????/a/?",
    "arn:aws:shop:*:*:thing/${aws:PrincipalTag/team}/*",
    "arn:aws:shop:*:*:*/${aws:PrincipalTag/team, 'a'}*",
];

const REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];

const ACCOUNTS: [&str; 2] = ["123456789012", "111122223333"];

/// Actions with the resources that each is authorised on, and whether these have tags.
const CALLS: [(&str, &[&str], bool); 5] = [
    ("shop:ListThings", &["*"], false),
    (
        "shop:MakeThing",
        &["box/a", "box/ab", "box/b", "box/a b/c"],
        false,
    ),
    (
        "shop:ReadThing",
        &["thing/a/1", "thing/a/2", "thing/b/1", "thing/b/22"],
        true,
    ),
    (
        "shop:WriteThing",
        &["thing/a/1", "thing/a/2", "thing/b/1", "thing/b/22"],
        true,
    ),
    (
        "shop:TagThing",
        &["box/a", "box/b", "thing/a/1", "thing/b/22"],
        true,
    ),
];

const TEXT: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "Null",
];

/// Operators, a key, and values that requests come near.
const CONDITIONS: [(&[&str], &str, &[&str]); 20] = [
    (
        TEXT,
        "aws:ResourceAccount",
        &["123456789012", "${aws:PrincipalAccount}"],
    ),
    (TEXT, "aws:PrincipalTag/team", &["a", "A", "b", "ab"]),
    (
        TEXT,
        "aws:ResourceTag/team",
        &["a", "b", "${aws:PrincipalTag/team}"],
    ),
    (TEXT, "aws:SourceVpce", &["vpce-1", "vpce-2", "vpce-11"]),
    (
        TEXT,
        "aws:username",
        &["alice", "bob", "Alice", "${aws:PrincipalTag/team}"],
    ),
    (TEXT, "aws:PrincipalAccount", &["123456789012", "111122223333"]),
    (TEXT, "aws:PrincipalType", &["User", "AssumedRole", "Account"]),
    (TEXT, "aws:RequestedRegion", &["us-east-1", "us-west-2"]),
    (
        &["StringLike", "StringNotLike", "Null"],
        "aws:SourceVpc",
        &["vpc-*", "*1", "vpc-1?"],
    ),
    (
        &["ArnEquals", "ArnLike", "ArnNotLike", "Null"],
        "aws:PrincipalArn",
        &[
            "arn:aws:iam::*:role/*",
            "arn:aws:iam::123456789012:user/alice",
            "arn:*:iam::*:*line",
            "arn:aws:iam::*:*!*",
        ],
    ),
    (&["Bool", "Null"], "aws:SecureTransport", &["true", "false"]),
    (
        &[
            "NumericLessThan",
            "NumericEquals",
            "NumericNotEquals",
            "NumericGreaterThanEquals",
            "Null",
        ],
        "shop:Count",
        &["5", "5.5", "10"],
    ),
    // Tags compared as numbers and the like, which a tag need not be.
    (
        &[
            "NumericLessThan",
            "NumericGreaterThanEquals",
            "NumericNotEquals",
            "Null",
        ],
        "aws:PrincipalTag/level",
        &["3", "5"],
    ),
    (&["Bool", "Null"], "aws:PrincipalTag/trusted", &["true", "false"]),
    (
        &["IpAddress", "NotIpAddress", "Null"],
        "aws:PrincipalTag/net",
        &["0.0.0.0/0", "::/0"],
    ),
    (
        &["DateLessThan", "DateGreaterThanEquals", "Null"],
        "aws:PrincipalTag/until",
        &["2026-06-01"],
    ),
    (
        &["DateLessThan", "DateGreaterThanEquals", "DateNotEquals"],
        "aws:CurrentTime",
        &["2026-06-01", "2026-06-01T12:00:00Z"],
    ),
    (
        &["IpAddress", "NotIpAddress", "Null"],
        "aws:SourceIp",
        &["203.0.113.0/24", "203.0.113.7"],
    ),
    (
        &["IpAddress", "NotIpAddress", "Null"],
        "aws:VpcSourceIp",
        &["10.0.0.0/8", "10.0.1.0/24"],
    ),
    (
        &[
            "ForAllValues:StringEquals",
            "ForAnyValue:StringEquals",
            "ForAnyValue:StringNotEquals",
            "ForAllValues:StringLike",
            "Null",
        ],
        "aws:TagKeys",
        &["a", "b", "a*"],
    ),
];

const KEYS: [(&str, Presence, &[&str]); 14] = [
    (
        "aws:PrincipalTag/level",
        Presence::Sometimes,
        &["2", "3", "4", "5", "senior", ""],
    ),
    (
        "aws:PrincipalTag/trusted",
        Presence::Sometimes,
        &["true", "False", "yes", ""],
    ),
    (
        "aws:PrincipalTag/net",
        Presence::Sometimes,
        &["10.0.0.1", "::1", "home", ""],
    ),
    (
        "aws:PrincipalTag/until",
        Presence::Sometimes,
        &["2026-05-31", "2026-06-01", "tomorrow", ""],
    ),
    (
        "aws:PrincipalTag/team",
        Presence::Sometimes,
        &["a", "A", "b", "ab", "c"],
    ),
    (
        "aws:ResourceTag/team",
        Presence::WithTags,
        &["a", "A", "b", "ab", "c"],
    ),
    (
        "aws:SourceVpce",
        Presence::OverEndpoint,
        &["vpce-1", "vpce-2", "vpce-11", "VPCE-1", "vpce-3"],
    ),
    (
        "aws:SourceVpc",
        Presence::OverEndpoint,
        &["vpc-1", "vpc-2", "vpc-11", "vpc-12"],
    ),
    (
        "aws:VpcSourceIp",
        Presence::OverEndpoint,
        &["10.0.0.1", "10.0.1.1", "192.168.0.1"],
    ),
    (
        "aws:SourceIp",
        Presence::Public,
        &["203.0.113.7", "203.0.113.8", "198.51.100.1", "2001:db8::1"],
    ),
    ("aws:SecureTransport", Presence::Always, &["true", "false"]),
    (
        "shop:Count",
        Presence::Sometimes,
        &["4", "5", "5.0", "5.2", "5.5", "7", "10", "11", "many", ""],
    ),
    (
        "aws:CurrentTime",
        Presence::Always,
        &[
            "2026-05-31T00:00:00Z",
            "2026-06-01T00:00:00Z",
            "2026-06-01T07:00:00Z",
            "2026-06-01T12:00:00Z",
            "2026-07-01T00:00:00Z",
        ],
    ),
    ("aws:TagKeys", Presence::OfTagging, &["a", "b", "ab", "c"]),
];
