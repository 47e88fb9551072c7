//! AWS answers with the first check that fails. Here every request has two faults.

use std::mem;

use jiff::{SignedDuration, Timestamp};
use sigv4_verify::{AccessKey, SecretAccessKey, SessionToken, SignatureError};

use crate::support::{ACCESS_KEY_ID, Endpoint, Request, SECRET};

/// A request and its receiver in pieces that can be broken one by one.
#[derive(Clone)]
struct Pieces {
    path: &'static str,
    query: &'static str,
    is_signed: bool,
    algorithm: &'static str,
    parameter: &'static str,
    signature: &'static str,
    expires: &'static str,
    signed_headers: &'static str,
    date: &'static str,
    arrives_after: i64,
    region: &'static str,
    terminator: &'static str,
    token: &'static str,
    token_lifetime: i64,
    key_is_known: bool,
}

impl Pieces {
    fn sound() -> Self {
        Self {
            path: "/2020-11-20/projects",
            query: "a=1",
            is_signed: true,
            algorithm: "AWS4-HMAC-SHA256",
            parameter: "",
            signature: "Signature=",
            expires: "60",
            signed_headers: "host",
            date: "20261123T033454Z",
            arrives_after: 0,
            region: "us-east-1",
            terminator: "/aws4_request",
            token: "token",
            token_lifetime: 3600,
            key_is_known: true,
        }
    }

    fn endpoint(&self) -> Endpoint {
        let date: Timestamp = "2026-11-23T03:34:54Z".parse().unwrap();
        let now = date + SignedDuration::from_secs(self.arrives_after);
        let expires_at = now + SignedDuration::from_secs(self.token_lifetime);
        let secret = SecretAccessKey::new(SECRET);
        let key = AccessKey::temporary(secret, SessionToken::new("token"), Some(expires_at));
        Endpoint {
            now,
            key: self.key_is_known.then_some(key),
            ..Endpoint::at("2026-11-23T03:34:54Z")
        }
    }

    fn credential(&self) -> String {
        format!(
            "{ACCESS_KEY_ID}/20261123/{}/lookoutvision{}",
            self.region, self.terminator
        )
    }

    fn in_header(&self) -> SignatureError {
        let Self {
            path,
            query,
            algorithm,
            parameter,
            signature,
            signed_headers,
            date,
            token,
            ..
        } = self;
        let mut request = Request::new("GET", &format!("{path}?{query}"), "Host: localhost");
        request
            .set_header("X-Amz-Security-Token", Some(token))
            .set_header("Date", Some(date));
        let authorization = format!(
            "{algorithm} Credential={}, SignedHeaders={signed_headers}, {signature}0{parameter}",
            self.credential()
        );
        request.set_header(
            "Authorization",
            Some(&authorization)
                .filter(|_| self.is_signed)
                .map(String::as_str),
        );
        self.endpoint().receive(&request).unwrap_err()
    }

    fn in_query(&self) -> SignatureError {
        let Self {
            path,
            query,
            algorithm,
            signature,
            expires,
            signed_headers,
            date,
            token,
            ..
        } = self;
        let mut target = format!(
            "{path}?{query}&X-Amz-Credential={}&X-Amz-SignedHeaders={signed_headers}&X-Amz-{signature}0\
             &X-Amz-Date={date}&X-Amz-Expires={expires}&X-Amz-Security-Token={token}",
            self.credential()
        );
        if self.is_signed {
            target.push_str(&format!("&X-Amz-Algorithm={algorithm}"));
        }
        self.endpoint()
            .receive(&Request::new("GET", &target, "Host: localhost"))
            .unwrap_err()
    }
}

struct Fault {
    rule: &'static str,
    make: fn(&mut Pieces),
}

const RULES_1_TO_5: [Fault; 3] = [
    Fault {
        rule: "1",
        make: |pieces| pieces.path = "/%zz",
    },
    Fault {
        rule: "4",
        make: |pieces| pieces.query = "a=%zz",
    },
    Fault {
        rule: "5",
        make: |pieces| pieces.is_signed = false,
    },
];

const RULE_6: [Fault; 3] = [
    Fault {
        rule: "6a",
        make: |pieces| pieces.algorithm = "AWS4-HMAC-SHA512",
    },
    Fault {
        rule: "6b",
        make: |pieces| pieces.parameter = ", x",
    },
    Fault {
        rule: "6d",
        make: |pieces| pieces.signature = "Other=",
    },
];

const RULE_7: [Fault; 3] = [
    Fault {
        rule: "7a",
        make: |pieces| pieces.algorithm = "AWS4-HMAC-SHA512",
    },
    Fault {
        rule: "7d",
        make: |pieces| pieces.signature = "Other=",
    },
    Fault {
        rule: "7e",
        make: |pieces| pieces.expires = "soon",
    },
];

/// The last fault, a wrong signature, is always there.
const RULES_8_TO_16: [Fault; 9] = [
    Fault {
        rule: "8",
        make: |pieces| pieces.signed_headers = "accept",
    },
    Fault {
        rule: "9",
        make: |pieces| pieces.date = "2026-11-23T03:34:54Z",
    },
    Fault {
        rule: "10",
        make: |pieces| pieces.arrives_after = 301,
    },
    Fault {
        rule: "12",
        make: |pieces| pieces.terminator = "",
    },
    Fault {
        rule: "13",
        make: |pieces| pieces.region = "nowhere",
    },
    Fault {
        rule: "15",
        make: |pieces| pieces.key_is_known = false,
    },
    Fault {
        rule: "14b",
        make: |pieces| pieces.token = "different",
    },
    Fault {
        rule: "14c",
        make: |pieces| pieces.token_lifetime = 0,
    },
    Fault {
        rule: "16",
        make: |_| {},
    },
];

fn check(faults: &[&Fault], receive: fn(&Pieces) -> SignatureError) {
    let mut pairs = 0;
    for (nth, first) in faults.iter().enumerate() {
        let mut one = Pieces::sound();
        (first.make)(&mut one);
        let alone = receive(&one);
        for second in &faults[nth + 1..] {
            let mut two = one.clone();
            (second.make)(&mut two);
            let together = receive(&two);
            assert_eq!(
                mem::discriminant(&together),
                mem::discriminant(&alone),
                "rules {} and {} are broken, and the answer is: {together}",
                first.rule,
                second.rule
            );
            pairs += 1;
        }
    }
    assert_eq!(pairs, 105);
}

#[test]
fn of_two_faults_of_a_signed_header_the_first_in_the_list_is_answered() {
    let faults: Vec<_> = RULES_1_TO_5.iter().chain(&RULE_6).chain(&RULES_8_TO_16).collect();
    check(&faults, Pieces::in_header);
}

#[test]
fn of_two_faults_of_a_presigned_url_the_first_in_the_list_is_answered() {
    let faults: Vec<_> = RULES_1_TO_5.iter().chain(&RULE_7).chain(&RULES_8_TO_16).collect();
    check(&faults, Pieces::in_query);
}

/// Guards the table above: unless each fault alone gives its own answer, the pairs prove nothing.
#[test]
fn every_fault_alone_has_its_own_answer() {
    for (rule, receive) in [
        (&RULE_6, Pieces::in_header as fn(&Pieces) -> _),
        (&RULE_7, Pieces::in_query),
    ] {
        let answers = RULES_1_TO_5
            .iter()
            .chain(rule)
            .chain(&RULES_8_TO_16)
            .map(|fault| {
                let mut pieces = Pieces::sound();
                (fault.make)(&mut pieces);
                (fault.rule, receive(&pieces))
            });
        let answers: Vec<_> = answers.collect();
        for (nth, (rule, answer)) in answers.iter().enumerate() {
            let alike = answers[..nth]
                .iter()
                .find(|(_, other)| mem::discriminant(other) == mem::discriminant(answer));
            match (alike, *rule) {
                // To IAM and STS, an unknown algorithm in the query is no signature at all.
                (Some(("5", _)), "7a") | (None, _) => {}
                (Some((other, _)), rule) => panic!("rules {other} and {rule} have one answer: {answer}"),
            }
        }
    }
}

#[test]
fn rule_11_comes_before_rules_12_to_16() {
    let mut pieces = Pieces::sound();
    pieces.arrives_after = -301;
    assert!(matches!(pieces.in_header(), SignatureError::NotYetCurrent { .. }));
    pieces.terminator = "";
    assert!(matches!(pieces.in_header(), SignatureError::NotYetCurrent { .. }));
    pieces.date = "x";
    assert!(matches!(pieces.in_header(), SignatureError::MalformedDate { .. }));
}
