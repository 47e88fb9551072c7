//! The global condition keys that AWS documents (IAM User Guide, *AWS global condition context keys*).

/// What kind of global condition key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GlobalKey {
    /// One value per request.
    Single,
    /// A list of values.
    Multi,
    /// A tag prefix followed by the tag's key, with one value.
    Tag,
    /// A tag prefix without the tag's key.
    TagWithoutKey,
    /// No such key.
    Unknown,
}

/// Looks a key up; `None` when it is a service's own key and not a global one.
pub(crate) fn global_key(key: &str) -> Option<GlobalKey> {
    let (prefix, name) = key.split_once(':')?;
    if !prefix.eq_ignore_ascii_case("aws") {
        return None;
    }
    if crate::context::is_multivalued(key) {
        return Some(GlobalKey::Multi);
    }
    let (stem, tag) = match name.split_once('/') {
        Some((stem, tag)) => (stem, Some(tag)),
        None => (name, None),
    };
    if TAG_PREFIXES.iter().any(|known| known.eq_ignore_ascii_case(stem)) {
        return Some(if tag.is_some_and(|tag| !tag.is_empty()) {
            GlobalKey::Tag
        } else {
            GlobalKey::TagWithoutKey
        });
    }
    let single = tag.is_none() && SINGLE_VALUED.iter().any(|known| known.eq_ignore_ascii_case(name));
    Some(if single {
        GlobalKey::Single
    } else {
        GlobalKey::Unknown
    })
}

/// The known key nearest to a mistyped one.
pub(super) fn nearest(key: &str) -> Option<String> {
    let name = key.get("aws:".len()..)?;
    crate::nearest::nearest(name, SINGLE_VALUED.iter().chain(&TAG_PREFIXES).copied())
        .map(|name| format!("aws:{name}"))
}

const TAG_PREFIXES: [&str; 3] = ["PrincipalTag", "RequestTag", "ResourceTag"];

const SINGLE_VALUED: [&str; 42] = [
    "AssumedRoot",
    "CalledViaFirst",
    "CalledViaLast",
    "ChatbotSourceArn",
    "CurrentTime",
    "Ec2InstanceSourcePrivateIPv4",
    "Ec2InstanceSourceVpc",
    "EpochTime",
    "FederatedProvider",
    "MultiFactorAuthAge",
    "MultiFactorAuthPresent",
    "PrincipalAccount",
    "PrincipalArn",
    "PrincipalIsAWSService",
    "PrincipalOrgID",
    "PrincipalServiceName",
    "PrincipalType",
    "referer",
    "RequestedRegion",
    "ResourceAccount",
    "ResourceOrgID",
    "SecureTransport",
    "SignInSessionArn",
    "SourceAccount",
    "SourceArn",
    "SourceIdentity",
    "SourceIp",
    "SourceOrgID",
    "SourceVpc",
    "SourceVpcArn",
    "SourceVpce",
    "TokenIssueTime",
    "UserAgent",
    "userid",
    "username",
    "ViaAWSService",
    "VpceAccount",
    "VpceOrgID",
    "VpcSourceIp",
    // Newer names, found in AWS's own policies and examples.
    "CalledViaAWSMCP",
    "ViaAWSMCPService",
    "IsMcpServiceAction",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_whatever_their_case() {
        assert_eq!(global_key("AWS:UserName"), Some(GlobalKey::Single));
        assert_eq!(global_key("aws:tagkeys"), Some(GlobalKey::Multi));
        assert_eq!(
            global_key("aws:PrincipalTag/dp:exclude:resource"),
            Some(GlobalKey::Tag)
        );
        assert_eq!(global_key("aws:ResourceTag"), Some(GlobalKey::TagWithoutKey));
        assert_eq!(global_key("aws:ResourceTag/"), Some(GlobalKey::TagWithoutKey));
        assert_eq!(global_key("aws:NoSuchKey"), Some(GlobalKey::Unknown));
        assert_eq!(global_key("aws:username/x"), Some(GlobalKey::Unknown));
        assert_eq!(global_key("s3:prefix"), None);
    }
}
