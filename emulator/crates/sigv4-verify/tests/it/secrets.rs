//! What must not be seen in a log.

use sigv4_verify::{AccessKey, SecretAccessKey, SessionToken, SignedRequest};

use crate::support::{ACCESS_KEY_ID, Endpoint, Request, SECRET};

#[test]
fn secrets_print_as_redacted() {
    let secret = SecretAccessKey::new(SECRET);
    let token = SessionToken::new("token");
    assert_eq!(
        format!("{secret} {secret:?} {token} {token:?}"),
        "[redacted] [redacted] [redacted] [redacted]"
    );
    let key = AccessKey::temporary(secret.clone(), token, None);
    let printed = format!("{key:?}");
    assert!(
        !printed.contains(SECRET) && !printed.contains("token\""),
        "{printed}"
    );
    assert_eq!(secret.expose(), SECRET);
    assert_eq!(key.secret().expose(), SECRET);
}

#[test]
fn secrets_are_equal_when_their_text_is() {
    assert_eq!(SecretAccessKey::new("a"), SecretAccessKey::new("a"));
    assert_ne!(SecretAccessKey::new("a"), SecretAccessKey::new("b"));
    assert_ne!(SessionToken::new("a"), SessionToken::new("aa"));
}

/// A request with a token, signed with another secret, once in the header and once in the query.
fn requests() -> [Request; 2] {
    let scope = format!("{ACCESS_KEY_ID}/20261123/us-east-1/lookoutvision/aws4_request");
    let header = format!(
        "Host: localhost\nX-Amz-Date: 20261123T033454Z\nX-Amz-Security-Token: hush-hush\n\
         Authorization: AWS4-HMAC-SHA256 Credential={scope}, \
         SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=0"
    );
    let query = format!(
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date=20261123T033454Z\
         &X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Security-Token=hush-hush&z=1"
    );
    [
        Request::new("GET", "/", &header),
        Request::new("GET", &query, "Host: localhost"),
    ]
}

#[test]
fn a_session_token_does_not_reach_a_log() {
    let key = AccessKey::temporary(SecretAccessKey::new(SECRET), SessionToken::new("hush-hush"), None);
    let endpoint = Endpoint {
        key: Some(key),
        ..Endpoint::at("2026-11-23T03:34:54Z")
    };
    for request in requests() {
        let head = request.head().unwrap();
        let signed = SignedRequest::parse(head, &endpoint.expected, endpoint.now).unwrap();
        assert_eq!(signed.session_token(), Some(b"hush-hush".as_slice()));
        let mismatch = endpoint.mismatch(&request);
        let error = endpoint.receive(&request).unwrap_err();
        let redacted = mismatch.redacted();
        let kept = redacted.canonical_request();
        for printed in [
            format!("{signed:?}"),
            format!("{mismatch:?}"),
            format!("{error:?} {error}"),
            kept.to_owned(),
        ] {
            assert!(!printed.contains("hush"), "{printed}");
        }
        assert_eq!(
            kept.replace("[redacted]", "hush-hush"),
            mismatch.canonical_request()
        );
    }
}

#[test]
fn no_other_spelling_of_a_secret_reaches_a_log() {
    let scope = format!("{ACCESS_KEY_ID}/20261123/us-east-1/lookoutvision/aws4_request");
    let signed = "authorization;cookie;host;referer;user-agent;x-amz-date";
    let headers = format!(
        "Host: localhost\nX-Amz-Date: 20261123T033454Z\nCookie: session=hush\n\
         Referer: https://a/?X-Amz-Security-Token=hush-hush&b=1\n\
         User-Agent: a (https://a/?x-amz-signature=hush)\n\
         Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature=hush"
    );
    let target = "/?X-Amz-Security%2DToken=hush&x-amz-security-token=hush&x-amz-security-token=hush&a=1";
    let mismatch = Endpoint::at("2026-11-23T03:34:54Z").mismatch(&Request::new("GET", target, &headers));
    assert!(mismatch.canonical_request().contains("hush"));
    let redacted = mismatch.redacted();
    let kept = redacted.canonical_request();
    assert!(!kept.contains("hush"), "{kept}");
    assert!(kept.contains("a=1&"), "{kept}");
    assert!(!format!("{mismatch:?}").contains("hush"));
}

#[test]
fn a_bearer_token_meant_for_somebody_else_does_not_reach_a_log() {
    let mut request = requests()[0].clone();
    for authorization in ["Bearer hush-hush", "hush-hush"] {
        request.set_header("Authorization", Some(authorization));
        let error = Endpoint::at("2026-11-23T03:34:54Z")
            .receive(&request)
            .unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}
