//! Principals, their keys and tags; and that no secret is repeated.

use super::*;
use crate::identity::Credentials;

fn principal(arn: &str, rest: &str) -> String {
    format!("principals:\n  - arn: {arn}\n{rest}")
}

const USER: &str = "arn:aws:iam::123456789012:user/alice";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/inspector/line-7";
const ROOT: &str = "arn:aws:iam::123456789012:root";
const KEY: &str = "    access_keys: [{access_key_id: AKIA, secret_access_key: s3cret}]\n";
const TEMPORARY: &str = "    access_keys: [{access_key_id: ASIA, secret_access_key: s3cret, session_token: t0ken, expires_at: 2030-01-01T00:00:00Z}]\n";

#[test]
fn users_sessions_federated_users_and_the_root_can_sign() {
    let caller = |arn: &str, keys: &str| {
        let config = valid(&principal(arn, keys));
        let principal = config.settings.identities.principals[0].clone();
        (
            principal.policy_arn.to_string(),
            principal.user_id.to_string(),
            principal.access_keys[0].credentials,
        )
    };
    let (policy_arn, user_id, credentials) = caller(USER, KEY);
    assert_eq!((policy_arn.as_str(), credentials), (USER, Credentials::LongTerm));
    assert!(user_id.starts_with("AIDA") && user_id.len() == 21, "{user_id}");
    assert_eq!(caller(USER, KEY).1, user_id, "the id stays what it is");
    assert_eq!(caller(USER, TEMPORARY).2, Credentials::Temporary);

    let (policy_arn, user_id, credentials) = caller(SESSION, TEMPORARY);
    assert_eq!(
        (policy_arn.as_str(), credentials),
        ("arn:aws:iam::123456789012:role/inspector", Credentials::Temporary)
    );
    assert!(
        user_id.starts_with("AROA") && user_id.ends_with(":line-7"),
        "{user_id}"
    );

    let federated = "arn:aws:sts::123456789012:federated-user/bob";
    let expected = (
        federated.to_owned(),
        "123456789012:bob".to_owned(),
        Credentials::Temporary,
    );
    assert_eq!(caller(federated, TEMPORARY), expected);
    assert_eq!(
        caller(ROOT, KEY),
        (ROOT.to_owned(), "123456789012".to_owned(), Credentials::LongTerm)
    );
}

#[test]
fn a_role_a_service_and_a_word_cannot_sign() {
    for arn in [
        "arn:aws:iam::123456789012:role/inspector",
        "arn:aws:s3:::bucket",
        "anonymous",
        "'*'",
    ] {
        let text = mistakes(&principal(arn, KEY));
        let arn = arn.trim_matches('\'');
        let expected = format!(
            "emulator.yaml:2:5: /principals/0/arn: `{arn}` is not the ARN of a user, an assumed-role session, a federated \
             user or the account root"
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn the_keys_of_a_session_are_temporary_and_only_temporary_keys_expire() {
    check(
        &principal(SESSION, KEY),
        "emulator.yaml:3:19: /principals/0/access_keys/0: a session has temporary credentials only: the key \
         `session_token` is missing",
    );
    let expiring =
        "    access_keys: [{access_key_id: A, secret_access_key: b, expires_at: 2030-01-01T00:00:00Z}]\n";
    check(
        &principal(USER, expiring),
        "emulator.yaml:3:60: /principals/0/access_keys/0/expires_at: only temporary credentials expire, and those have a \
         `session_token`",
    );
    check(
        &principal(USER, &TEMPORARY.replace("2030-01-01T00:00:00Z", "tomorrow")),
        "emulator.yaml:3:90: /principals/0/access_keys/0/expires_at: `tomorrow` is not an instant (like \
         `2030-01-01T00:00:00Z`)",
    );
    valid(&principal(
        SESSION,
        &TEMPORARY.replace(", expires_at: 2030-01-01T00:00:00Z", ""),
    ));
}

#[test]
fn an_access_key_id_is_there_once_whoever_has_it() {
    check(
        &(principal(USER, KEY) + "  - arn: arn:aws:iam::123456789012:user/bob\n" + KEY),
        "emulator.yaml:5:20: /principals/1/access_keys/0/access_key_id: duplicate access key id `AKIA`; first at \
         emulator.yaml:3:20",
    );
}

#[test]
fn a_user_is_there_once_and_a_session_may_be_there_twice() {
    let again = |arn: &str, key: &str| {
        format!(
            "{}  - arn: {arn}\n{}",
            principal(arn, key),
            key.replace("access_key_id: A", "access_key_id: B")
        )
    };
    check(
        &again(USER, KEY),
        "emulator.yaml:4:5: /principals/1/arn: duplicate principal `arn:aws:iam::123456789012:user/alice`; first at \
         emulator.yaml:2:5",
    );
    assert_eq!(
        valid(&again(SESSION, TEMPORARY))
            .settings
            .identities
            .principals
            .len(),
        2
    );
}

#[test]
fn no_secret_is_repeated_wherever_it_was_pasted() {
    let wrong = [
        "    access_keys: [{access_key_id: wJalrXUtnFEMI/K7MDENG, secret_access_key: [wJalrXUtnFEMI]}]\n",
        "    access_keys: wJalrXUtnFEMI\n",
        "    access_keys: [wJalrXUtnFEMI]\n",
        "    access_keys: [{access_key_id: A, secret_access_key: {wJalr: wJalrXUtnFEMI}, session_token: [wJalrXUtnFEMI]}]\n",
    ];
    for rest in wrong {
        let text = mistakes(&principal(USER, rest));
        assert!(!text.contains("wJalrXUtnFEMI"), "{text}");
    }
    check(
        &principal(USER, wrong[0]),
        "emulator.yaml:3:20: /principals/0/access_keys/0/access_key_id: not an access key id (1 to 128 of [A-Za-z0-9_])\n\
         emulator.yaml:3:58: /principals/0/access_keys/0/secret_access_key: expected a text, found a list",
    );
    let debug = format!("{:?}", valid(&principal(USER, TEMPORARY)));
    assert!(!debug.contains("s3cret") && !debug.contains("t0ken"), "{debug}");
}

#[test]
fn an_empty_secret_is_none() {
    check(
        &principal(
            USER,
            "    access_keys: [{access_key_id: A, secret_access_key: ''}]\n",
        ),
        "emulator.yaml:3:38: /principals/0/access_keys/0/secret_access_key: an empty text is no secret",
    );
}

#[test]
fn the_root_has_no_policies_and_session_policies_are_for_sessions() {
    check(
        &principal(
            ROOT,
            &format!(
                "{KEY}    identity_policies: []\n    permissions_boundary: policies/identity.json\n    session_policies: [policies/identity.json]\n"
            ),
        ),
        "emulator.yaml:4:5: /principals/0/identity_policies: the account root has no policies of its own\n\
         emulator.yaml:5:5: /principals/0/permissions_boundary: the account root has no policies of its own\n\
         emulator.yaml:6:5: /principals/0/session_policies: session policies belong to an assumed-role session or a \
         federated user",
    );
    let rest = format!("{TEMPORARY}    session_policies: [policies/identity.json]\n");
    assert_eq!(
        valid(&principal(SESSION, &rest)).settings.identities.principals[0]
            .session_policies
            .len(),
        1
    );
    // An empty list says nothing, so every principal may have it.
    valid(&principal(USER, &format!("{KEY}    session_policies: []\n")));
}

#[test]
fn an_identity_policy_names_no_principal() {
    let text = mistakes(&principal(
        USER,
        &format!("{KEY}    identity_policies: [policies/endpoint.json]\n"),
    ));
    assert!(
        text.starts_with("policies/endpoint.json:1:") && text.contains("/Statement/0/Principal: "),
        "{text}"
    );
}

#[test]
fn no_identity_policies_and_none_at_all_are_two_things() {
    let policies = |rest: &str| {
        valid(&principal(USER, &format!("{KEY}{rest}")))
            .settings
            .identities
            .principals[0]
            .identity_policies
            .as_ref()
            .map(Vec::len)
    };
    assert_eq!(policies(""), None);
    assert_eq!(policies("    identity_policies: []\n"), Some(0));
}

#[test]
fn tags_are_those_of_iam() {
    let config = valid(&principal(
        USER,
        &format!("{KEY}    tags: {{Équipe: 'ligne 1', cost-center: 0042}}\n"),
    ));
    assert_eq!(
        config.settings.identities.principals[0].tags["cost-center"],
        "0042"
    );
    check(
        &principal(
            USER,
            &format!("{KEY}    tags: {{team: a, Team: b, 'a*': c, d: 'é;'}}\n"),
        ),
        "emulator.yaml:4:12: /principals/0/tags/team: duplicate tag key `team`; first at emulator.yaml:4:21\n\
         emulator.yaml:4:30: /principals/0/tags/a*: `a*` is not a tag key (1 to 128 letters, digits, blanks or _.:/=+-@)\n\
         emulator.yaml:4:39: /principals/0/tags/d: `é;` is not a tag value (up to 256 letters, digits, blanks or \
         _.:/=+-@)",
    );
    let many: String = (0..51).map(|n| format!("k{n}: v, ")).collect();
    check(
        &principal(USER, &format!("{KEY}    tags: {{{many}}}\n")),
        "emulator.yaml:4:5: /principals/0/tags: 51 tags are more than 50",
    );
}

#[test]
fn who_cannot_sign_is_warned_of() {
    assert_eq!(
        warnings(&principal(USER, "")),
        ["emulator.yaml:2:5: /principals/0: without an access key it cannot sign a request"]
    );
}

const ROLES: &str = "roles:
  - arn: arn:aws:iam::123456789012:role/factory/inspector
    trust_policy: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}]}
";

#[test]
fn a_declared_role_tells_the_path_that_a_sessions_arn_leaves_out() {
    let config = valid(&(principal(SESSION, TEMPORARY) + ROLES));
    let (session, role) = (
        &config.settings.identities.principals[0],
        &config.settings.identities.roles[0],
    );
    assert_eq!(session.arn(), SESSION);
    assert_eq!(
        &*session.policy_arn,
        "arn:aws:iam::123456789012:role/factory/inspector"
    );
    assert_eq!(&*session.user_id, format!("{}:line-7", role.unique_id));
    // A role of another account, or of another name, does not tell the path.
    for roles in [
        ROLES.replace("123456789012", "210987654321"),
        ROLES.replace("/inspector", "/Inspector"),
    ] {
        let config = valid(&(principal(SESSION, TEMPORARY) + &roles));
        assert_eq!(
            &*config.settings.identities.principals[0].policy_arn,
            "arn:aws:iam::123456789012:role/inspector"
        );
    }
}

#[test]
fn a_session_whose_role_a_policy_may_or_may_not_mean_is_warned_of() {
    let policy = |element: &str| {
        format!(
            "endpoint_policy:\n  Version: '2012-10-17'\n  Statement:\n  \
             - {{Effect: Allow, Principal: '*', Action: '*', Resource: '*'}}\n  \
             - {{Effect: Deny, {element}: {{AWS: 'arn:aws:iam::123456789012:role/factory/inspector'}}, Action: '*', \
             Resource: '*'}}\n"
        )
    };
    for element in ["Principal", "NotPrincipal"] {
        assert_eq!(
            warnings(&(principal(SESSION, TEMPORARY) + &policy(element))),
            ["emulator.yaml:2:5: /principals/0/arn: the path of the role of \
                 `arn:aws:sts::123456789012:assumed-role/inspector/line-7` is not known, so a VPC endpoint policy that \
                 names `arn:aws:iam::123456789012:role/factory/inspector` is taken to mean it; declare the role under \
                 `roles`, with its path"]
        );
        let told = principal(SESSION, TEMPORARY) + &policy(element) + ROLES;
        assert_eq!(warnings(&told), Vec::<String>::new());
    }
}
