//! `truststore.p12`: the authority as a PKCS#12 truststore for Java.
//!
//! Java trusts a certificate only when its bag carries an attribute of Oracle's; OpenSSL and others ignore it. Nothing
//! in the file is secret, and the password is that of every Java truststore, so the certificate is not encrypted. The
//! MAC is there only because Java checks it when a password is given.
//!
//! Structures: RFC 7292, *PKCS #12: Personal Information Exchange Syntax v1.1*. The file follows from the certificate
//! alone, down to the byte, so that an existing file can be compared with the one that should be there.

use ring::{
    digest::{self, SHA256, digest},
    hmac,
};
use yasna::{ASN1Result, BERReader, DERWriter, Tag, models::ObjectIdentifier};

/// The password that Java's own truststore has
const PASSWORD: &str = "changeit";

/// The name that keytool lists the entry under
const FRIENDLY_NAME: &str = "lookoutvision-emulator";

/// The truststore with this one certificate
pub(super) fn pkcs12(certificate: &[u8]) -> Vec<u8> {
    let authenticated_safe = yasna::construct_der(|writer| {
        writer.write_sequence(|contents| write_data(contents.next(), &safe_contents(certificate)));
    });
    let salt = digest(&SHA256, certificate);
    let salt = &salt.as_ref()[..SALT_BYTES];
    let mac = hmac::sign(&mac_key(salt), &authenticated_safe);
    yasna::construct_der(|writer| {
        writer.write_sequence(|pfx| {
            pfx.next().write_u8(3);
            write_data(pfx.next(), &authenticated_safe);
            pfx.next().write_sequence(|mac_data| {
                mac_data.next().write_sequence(|digest_info| {
                    digest_info.next().write_sequence(|algorithm| {
                        algorithm.next().write_oid(&oid(SHA_256));
                        algorithm.next().write_null();
                    });
                    digest_info.next().write_bytes(mac.as_ref());
                });
                mac_data.next().write_bytes(salt);
                mac_data.next().write_u32(MAC_ITERATIONS);
            });
        });
    })
}

/// Whether we wrote this truststore, for this authority or an earlier one
pub(super) fn is_ours(file: &[u8]) -> bool {
    let name = bmp_string(FRIENDLY_NAME);
    file.windows(name.len()).any(|window| window == name)
}

/// A truststore cannot be read
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrustStoreError {
    /// It is ours, and has another password
    WrongPassword,
    /// We did not write it, or it was changed since
    Foreign,
}

/// The certificate in a truststore that we wrote; without a password its MAC is checked all the same, by the password
/// that we always use
pub(crate) fn read_truststore(file: &[u8], password: Option<&str>) -> Result<Vec<u8>, TrustStoreError> {
    let certificate = certificate_in(file).map_err(|_| TrustStoreError::Foreign)?;
    // The whole file follows from the certificate, its MAC included.
    if file != pkcs12(&certificate) {
        return Err(TrustStoreError::Foreign);
    }
    match password {
        Some(password) if password != PASSWORD => Err(TrustStoreError::WrongPassword),
        _ => Ok(certificate),
    }
}

/// The certificate of the first bag
fn certificate_in(file: &[u8]) -> ASN1Result<Vec<u8>> {
    let authenticated_safe = yasna::parse_der(file, |pfx| {
        pfx.read_sequence(|pfx| {
            let _version = pfx.next().read_der()?;
            let content = read_data(pfx.next())?;
            let _mac_data = pfx.next().read_der()?;
            Ok(content)
        })
    })?;
    let safe_contents = yasna::parse_der(&authenticated_safe, |contents| {
        contents.read_sequence(|contents| read_data(contents.next()))
    })?;
    yasna::parse_der(&safe_contents, |bags| {
        bags.read_sequence(|bags| {
            bags.next().read_sequence(|bag| {
                let _cert_bag = bag.next().read_oid()?;
                let certificate = bag.next().read_tagged(Tag::context(0), |value| {
                    value.read_sequence(|cert_bag| {
                        let _x509 = cert_bag.next().read_oid()?;
                        cert_bag.next().read_tagged(Tag::context(0), octets)
                    })
                })?;
                let _attributes = bag.next().read_der()?;
                Ok(certificate)
            })
        })
    })
}

/// `ContentInfo` of type `data`
fn read_data(reader: BERReader<'_, '_>) -> ASN1Result<Vec<u8>> {
    reader.read_sequence(|content_info| {
        let _data = content_info.next().read_oid()?;
        content_info.next().read_tagged(Tag::context(0), octets)
    })
}

fn octets(reader: BERReader<'_, '_>) -> ASN1Result<Vec<u8>> {
    reader.read_bytes()
}

/// RFC 7292, section 4.2: one certificate bag
fn safe_contents(certificate: &[u8]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|bags| {
            bags.next().write_sequence(|bag| {
                bag.next().write_oid(&oid(CERT_BAG));
                bag.next().write_tagged(Tag::context(0), |value| {
                    value.write_sequence(|cert_bag| {
                        cert_bag.next().write_oid(&oid(X509_CERTIFICATE));
                        cert_bag
                            .next()
                            .write_tagged(Tag::context(0), |value| value.write_bytes(certificate));
                    });
                });
                // The two attributes are in the order of their encodings, as DER requires for a SET OF.
                bag.next().write_set_of(|attributes| {
                    attributes.next().write_sequence(|attribute| {
                        attribute.next().write_oid(&oid(FRIENDLY_NAME_ATTRIBUTE));
                        attribute
                            .next()
                            .write_set_of(|values| values.next().write_bmp_string(FRIENDLY_NAME));
                    });
                    attributes.next().write_sequence(|attribute| {
                        attribute.next().write_oid(&oid(ORACLE_TRUSTED_KEY_USAGE));
                        attribute
                            .next()
                            .write_set_of(|values| values.next().write_oid(&oid(ANY_EXTENDED_KEY_USAGE)));
                    });
                });
            });
        });
    })
}

/// `ContentInfo` of type `data`
fn write_data(writer: DERWriter<'_>, content: &[u8]) {
    writer.write_sequence(|content_info| {
        content_info.next().write_oid(&oid(PKCS7_DATA));
        content_info
            .next()
            .write_tagged(Tag::context(0), |value| value.write_bytes(content));
    });
}

/// RFC 7292, appendix B.2, for one block of SHA-256: the key is no longer than the digest, so the salt and the password
/// are hashed once, and then the digest again and again.
fn mac_key(salt: &[u8]) -> hmac::Key {
    const MAC_KEY_ID: u8 = 3;
    let mut password = bmp_string(PASSWORD);
    password.extend([0, 0]);
    let mut context = digest::Context::new(&SHA256);
    context.update(&[MAC_KEY_ID; SHA256_BLOCK_BYTES]);
    context.update(&repeated_to_a_block(salt));
    context.update(&repeated_to_a_block(&password));
    let first = context.finish();
    let key = (1..MAC_ITERATIONS).fold(first, |hash, _| digest(&SHA256, hash.as_ref()));
    hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
}

// Both our salt and our password are shorter than a block, so one block holds them.
fn repeated_to_a_block(text: &[u8]) -> [u8; SHA256_BLOCK_BYTES] {
    std::array::from_fn(|index| text[index % text.len()])
}

fn bmp_string(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn oid(components: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(components)
}

const SHA256_BLOCK_BYTES: usize = 64;
const SALT_BYTES: usize = 16;
/// The password is public, so rounds protect nothing and only cost time at the start; no reader asks for more
const MAC_ITERATIONS: u32 = 100;

const PKCS7_DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
const CERT_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: &[u64] = &[1, 2, 840, 113_549, 1, 9, 22, 1];
const FRIENDLY_NAME_ATTRIBUTE: &[u64] = &[1, 2, 840, 113_549, 1, 9, 20];
const SHA_256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
/// OpenJDK, `sun.security.pkcs12.PKCS12KeyStore`: the attribute that makes a certificate trusted
const ORACLE_TRUSTED_KEY_USAGE: &[u64] = &[2, 16, 840, 1, 113_894, 746_875, 1, 1];
const ANY_EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truststore_follows_from_the_certificate_to_the_byte() {
        assert_eq!(pkcs12(b"a certificate"), pkcs12(b"a certificate"));
        assert_ne!(pkcs12(b"a certificate"), pkcs12(b"another one"));
    }

    #[test]
    fn the_certificate_in_a_truststore_of_ours_is_read_back() {
        let file = pkcs12(b"a certificate");
        let certificate = Ok(b"a certificate".to_vec());
        assert_eq!(read_truststore(&file, Some(PASSWORD)), certificate);
        assert_eq!(read_truststore(&file, None), certificate);
        assert_eq!(
            read_truststore(&file, Some("x")),
            Err(TrustStoreError::WrongPassword)
        );
        // Each position costs a MAC of many rounds.
        for position in (0..file.len()).step_by(7) {
            let mut changed = file.clone();
            changed[position] ^= 1;
            assert!(
                read_truststore(&changed, Some(PASSWORD)) != certificate,
                "byte {position}"
            );
        }
        assert_eq!(read_truststore(b"", None), Err(TrustStoreError::Foreign));
    }

    #[test]
    fn a_truststore_of_ours_is_known_again() {
        assert!(is_ours(&pkcs12(b"a certificate")));
        assert!(!is_ours(b"lookoutvision-emulator"));
        assert!(!is_ours(b""));
    }
}
