//! The protocol of EC2 and STS: an action and its parameters as a form, an answer in XML.
//!
//! A list is numbered (`SubnetId.1`, or in STS `Tags.member.1.Key`), a structure has dots, and everything is a text.
//! [`Reader`] takes parameters one by one, and knows in the end which of them nobody asked for.
//!
//! ```text
//! POST / HTTP/1.1
//! Action=CreateVpcEndpoint&Version=2016-11-15&VpcId=vpc-…&SubnetId.1=subnet-…&TagSpecification.1.Tag.1.Key=team
//! ```

use std::collections::{BTreeMap, BTreeSet};

use http::Method;

/// The parameters of a call, each once
#[derive(Debug, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

/// A call has more parameters than it may
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyParameters;

/// What is wrong with the parameters of a call
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParameterFault {
    /// A parameter that must be there is not
    Missing(String),
    /// A parameter that nobody asks for
    Unknown(String),
    /// A value of the wrong kind
    Invalid {
        /// The parameter
        name: String,
        /// What was found
        value: String,
        /// What it should be
        expected: &'static str,
    },
}

impl Parameters {
    /// Reads the query of a target and, of a POST, the body
    ///
    /// `None` when the request is not a call: the protocol knows GET and POST of `/`.
    ///
    /// # Errors
    /// When there are more than `parameters_max`: once read, they take forty times as much memory as their bytes did.
    pub(crate) fn parse(
        method: &Method,
        target: &str,
        body: &[u8],
        parameters_max: usize,
    ) -> Result<Option<Self>, TooManyParameters> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != "/" || !matches!(*method, Method::GET | Method::POST) {
            return Ok(None);
        }
        let form = if *method == Method::POST { body } else { &[] };
        let count = |form: &[u8]| {
            form.split(|&byte| byte == b'&')
                .filter(|pair| !pair.is_empty())
                .count()
        };
        if count(query.as_bytes()) + count(form) > parameters_max {
            return Err(TooManyParameters);
        }
        let pairs = form_urlencoded::parse(query.as_bytes())
            .chain(form_urlencoded::parse(form))
            // What a presigned URL adds belongs to the signature.
            .filter(|(name, _)| !name.starts_with("X-Amz-"));
        Ok(Some(Self(BTreeMap::from_iter(
            pairs.map(|(name, value)| (name.into_owned(), value.into_owned())),
        ))))
    }

    /// A parameter's value
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A reader of the parameters
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            parameters: self,
            read: BTreeSet::from_iter(["Action", "Version"]),
        }
    }

    /// Every parameter with its value, by name
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The numbers of the elements that a list has
    fn indices(&self, list: &str) -> BTreeSet<u32> {
        let elements = self
            .0
            .range(format!("{list}.")..)
            .map_while(|(name, _)| name.strip_prefix(list)?.strip_prefix('.'));
        BTreeSet::from_iter(elements.filter_map(|rest| rest.split('.').next()?.parse().ok()))
    }
}

/// Takes parameters, and remembers which
#[derive(Debug)]
pub(crate) struct Reader<'p> {
    parameters: &'p Parameters,
    read: BTreeSet<&'p str>,
}

impl<'p> Reader<'p> {
    /// A text that may be absent
    pub(crate) fn text(&mut self, name: &str) -> Option<&'p str> {
        let (name, value) = self.parameters.0.get_key_value(name)?;
        self.read.insert(name);
        Some(value)
    }

    /// A text that must be there
    pub(crate) fn required(&mut self, name: &str) -> Result<&'p str, ParameterFault> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| ParameterFault::Missing(name.to_owned()))
    }

    /// `true` or `false`
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, ParameterFault> {
        self.parsed(name, "true or false", |text| match text {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        })
    }

    /// A whole number
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<u32>, ParameterFault> {
        self.parsed(name, "a whole number", |text| text.parse().ok())
    }

    /// A list of texts, in the order of their numbers
    pub(crate) fn texts(&mut self, list: &str) -> Vec<&'p str> {
        self.parameters
            .indices(list)
            .into_iter()
            .filter_map(|index| self.text(&format!("{list}.{index}")))
            .collect()
    }

    /// The prefixes of a list of structures: `Filter.1`, `Filter.2`, …
    pub(crate) fn structures(&self, list: &str) -> Vec<String> {
        let indices = self.parameters.indices(list).into_iter();
        indices.map(|index| format!("{list}.{index}")).collect()
    }

    /// Checks that nothing is left
    pub(crate) fn finish(self) -> Result<(), ParameterFault> {
        let left = self.parameters.iter().find(|(name, _)| !self.read.contains(name));
        left.map_or(Ok(()), |(name, _)| Err(ParameterFault::Unknown(name.to_owned())))
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ParameterFault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let value = parse(text).ok_or_else(|| ParameterFault::Invalid {
            name: name.to_owned(),
            value: text.to_owned(),
            expected,
        })?;
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &str) -> Parameters {
        Parameters::parse(&Method::POST, "/", body.as_bytes(), 100)
            .expect("they are few")
            .expect("a call")
    }

    #[test]
    fn lists_come_in_the_order_of_their_numbers() {
        let parameters = post("Action=A&S.10=c&S.2=b&S.1=a&SX.1=no");
        assert_eq!(parameters.reader().texts("S"), ["a", "b", "c"]);
    }

    #[test]
    fn structures_are_found_by_their_members() {
        let parameters = post("Filter.2.Name=n&Filter.2.Value.1=v&Filter.1.Name=m");
        let mut reader = parameters.reader();
        assert_eq!(reader.structures("Filter"), ["Filter.1", "Filter.2"]);
        assert_eq!(reader.texts("Filter.2.Value"), ["v"]);
    }

    #[test]
    fn what_nobody_asked_for_is_told_in_the_end() {
        let parameters = post("Action=A&Version=1&Known=1&Other=2");
        let mut reader = parameters.reader();
        assert_eq!(reader.number("Known"), Ok(Some(1)));
        assert_eq!(reader.finish(), Err(ParameterFault::Unknown("Other".to_owned())));
    }

    #[test]
    fn a_call_is_a_get_or_a_post_of_the_root() {
        let parse =
            |method, target, body| Parameters::parse(&method, target, body, 100).expect("they are few");
        let get = parse(Method::GET, "/?Action=A&X-Amz-Date=1", b"Ignored=1").expect("a call");
        assert_eq!(get.iter().collect::<Vec<_>>(), [("Action", "A")]);
        assert!(parse(Method::POST, "/x", b"").is_none());
        assert!(parse(Method::PUT, "/", b"").is_none());
    }

    #[test]
    fn they_are_counted_before_they_are_read() {
        let parse = |target, body| Parameters::parse(&Method::POST, target, body, 4);
        assert!(
            parse("/?A=1", b"B=2&&C=&D&").is_ok(),
            "what lies between two `&` and is empty is none"
        );
        assert_eq!(
            parse("/?A=1", b"B=2&C=&D&E").expect_err("five"),
            TooManyParameters
        );
        assert_eq!(parse("/?A&B&C&D&E", b"").expect_err("five"), TooManyParameters);
    }

    #[test]
    fn a_value_of_another_kind_names_its_parameter() {
        let parameters = post("DryRun=maybe");
        assert!(matches!(
            parameters.reader().flag("DryRun"),
            Err(ParameterFault::Invalid { name, .. }) if name == "DryRun"
        ));
        assert_eq!(
            parameters.reader().required("VpcId"),
            Err(ParameterFault::Missing("VpcId".to_owned()))
        );
    }
}
