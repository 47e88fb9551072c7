//! The condition keys of a line, and how many of them there may be.

use std::{collections::HashSet, fmt};

use iam_policy::RequestContext;
use serde::{
    Deserialize, Deserializer,
    de::{self, Error as _, MapAccess, SeqAccess, Visitor},
};

/// The condition keys, taken as given
#[derive(Default)]
pub(super) struct Context(pub(super) RequestContext<'static>);

/// The values of one key: a text or a list of texts
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Context {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContextVisitor;

        impl<'de> Visitor<'de> for ContextVisitor {
            type Value = Context;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of condition keys")
            }

            // An absent context and `null` are both one without keys.
            fn visit_unit<E: de::Error>(self) -> Result<Context, E> {
                Ok(Context::default())
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Context, M::Error> {
                let mut context = RequestContext::new();
                let mut seen = HashSet::new();
                let (mut texts, mut bytes) = (0, 0);
                while let Some(key) = members.next_key::<String>()? {
                    let Values(values) = members.next_value()?;
                    texts += 1 + values.len();
                    bytes += key.len() + values.iter().map(String::len).sum::<usize>();
                    if texts > CONTEXT_TEXTS_MAX {
                        let message = format!("more than {CONTEXT_TEXTS_MAX} keys and values");
                        return Err(M::Error::custom(message));
                    }
                    if bytes > CONTEXT_BYTES_MAX {
                        let message = format!("more than {CONTEXT_BYTES_MAX} bytes of keys and values");
                        return Err(M::Error::custom(message));
                    }
                    let folded: String = key.chars().flat_map(char::to_lowercase).collect();
                    if !seen.insert(folded) {
                        return Err(M::Error::custom(format!("`{key}` is there twice")));
                    }
                    context.insert_all(key, values);
                }
                Ok(Context(context))
            }
        }

        deserializer.deserialize_any(ContextVisitor)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;

        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
                Ok(Values(vec![checked(text.to_owned())?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(text) = elements.next_element::<String>()? {
                    values.push(checked(text)?);
                }
                Ok(Values(values))
            }
        }

        deserializer.deserialize_any(ValuesVisitor)
    }
}

fn checked<E: de::Error>(value: String) -> Result<String, E> {
    if value.len() > VALUE_BYTES_MAX {
        let message = format!(
            "a value of {} bytes; at most {VALUE_BYTES_MAX} are read",
            value.len()
        );
        return Err(E::custom(message));
    }
    Ok(value)
}

/// The most keys and values of a context: 50 tags each of principal, resource and request, and every global key, are a
/// fifth of it
const CONTEXT_TEXTS_MAX: usize = 1_024;

/// The most bytes of a context's keys and values together
const CONTEXT_BYTES_MAX: usize = 65_536;

/// The most bytes of one value, which a policy may insert many times; as long as the longest ARN that is read
const VALUE_BYTES_MAX: usize = iam_policy::ARN_BYTES_MAX;
