//! Resources that distinguish the resources of statements and the conditions on the keys that follow from a resource.
//!
//! An ARN is matched part by part, so each part is solved by itself, and the outcomes of the parts are then combined.

use super::forms::{self, steps};
use super::language::{Class, Matcher, Step, TooMany, Witness, as_it_is, literal, witnesses};
use super::principals::{ACCOUNT_DIGITS, partition};
use super::sets::{self, Bits, Budget, Spent, reach};
use crate::arn::{ARN_PARTS, split};
use crate::condition::{Condition, Test};
use crate::context::{RequestContext, eq_folded};
use crate::pattern::Pattern;
use crate::resource::{Resource, ResourcePattern};

/// A resource, from which condition keys follow.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) resource: Resource,
    /// Its owner, if its ARN does not name one; `None` if the ARN does, or if nobody owns it.
    owner: Option<String>,
    /// The Region that the request goes to, if it is not that of the ARN.
    region: Option<String>,
}

/// What an action can be authorised on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Targets<'a> {
    /// `*` alone.
    Everything,
    /// ARNs of these forms, with `${...}` in the places that vary.
    Forms(Vec<&'a str>),
    /// ARNs of these forms and anything else that a caller writes, in a request to any Region.
    Written(Vec<&'a str>),
    /// Anything: it is not known.
    Unknown,
}

/// Why there is no list of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsolved {
    /// The patterns overlap in too many ways.
    TooMany,
    /// The budget of classes is spent.
    Spent,
}

impl From<TooMany> for Unsolved {
    fn from(_: TooMany) -> Self {
        Self::TooMany
    }
}

impl From<Spent> for Unsolved {
    fn from(_: Spent) -> Self {
        Self::Spent
    }
}

impl Target {
    /// Sets the keys that follow from the resource (IAM User Guide, *AWS global condition context keys*).
    pub(super) fn add_keys(&self, context: &mut RequestContext<'_>) {
        let arn = self.resource.arn();
        let account = arn
            .map(super::super::arn::Arn::account)
            .filter(|account| !account.is_empty());
        if let Some(account) = account.or(self.owner.as_deref()) {
            context.insert("aws:ResourceAccount", account.to_owned());
        }
        let region = arn
            .map(super::super::arn::Arn::region)
            .filter(|region| !region.is_empty());
        if let Some(region) = self.region.as_deref().or(region) {
            context.insert("aws:RequestedRegion", region.to_owned());
        }
    }
}

/// Whether a key follows from the resource.
pub(super) fn is_key(key: &str) -> bool {
    is_account(key) || is_region(key)
}

pub(super) fn is_account(key: &str) -> bool {
    eq_folded(key, "aws:ResourceAccount")
}

fn is_region(key: &str) -> bool {
    eq_folded(key, "aws:RequestedRegion")
}

/// Whether a condition on such a key can be turned into a pattern for a part of the ARN.
pub(super) fn is_solved(condition: &Condition) -> bool {
    !condition.has_variables()
        && (matches!(condition.test, Test::Null(_)) || forms::matcher(&condition.test, Class::Any).is_some())
}

/// Patterns of resources, and conditions on the keys that follow from them.
pub(super) struct Patterns {
    /// For each entry that is an ARN, a pattern for each part from the second on.
    entries: Vec<[Matcher; ARN_PARTS - 1]>,
    accounts: Vec<Matcher>,
    regions: Vec<Matcher>,
    /// The last parts that have no wildcards.
    literals: Vec<String>,
    /// Accounts that are used where they suffice.
    usual_accounts: Vec<String>,
    /// Whether a condition reads a key that follows from the resource.
    reads_keys: bool,
}

impl Patterns {
    /// Collects the patterns. A variable matches any text, so a pattern matches whatever it can match.
    pub(super) fn of<'p>(
        entries: impl Iterator<Item = &'p ResourcePattern>,
        conditions: &[&Condition],
        usual_accounts: &[String],
    ) -> Self {
        let mut patterns = Self {
            entries: Vec::new(),
            accounts: Vec::new(),
            regions: Vec::new(),
            literals: Vec::new(),
            usual_accounts: usual_accounts.to_vec(),
            reads_keys: !conditions.is_empty(),
        };
        for parts in entries.filter_map(ResourcePattern::parts) {
            patterns.add(parts);
        }
        for condition in conditions {
            let matcher = forms::matcher(&condition.test, Class::NotColon).unwrap_or_default();
            if is_account(condition.key.as_str()) {
                patterns.accounts.push(matcher);
            } else {
                patterns.regions.push(matcher);
            }
        }
        patterns
    }

    /// Adds a pattern by its parts.
    pub(super) fn add(&mut self, parts: &[Pattern; ARN_PARTS]) {
        let [_, others @ ..] = parts;
        let mut index = 1;
        let entry = others.each_ref().map(|part| {
            let class = if index == ARN_PARTS - 1 {
                Class::Any
            } else {
                Class::NotColon
            };
            index += 1;
            Matcher::of(steps(&part.tokens(), class))
        });
        if let [.., last] = parts
            && !last.as_str().contains(['*', '?', '$'])
        {
            self.literals.push(last.as_str().to_owned());
        }
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    /// Adds a pattern for the value of a key that follows from the resource.
    pub(super) fn add_of_key(&mut self, key: &str, matcher: Matcher) {
        let patterns = if is_account(key) {
            &mut self.accounts
        } else {
            &mut self.regions
        };
        patterns.push(matcher);
        self.reads_keys = true;
    }

    /// One resource for each combination of outcomes of the patterns.
    ///
    /// # Errors
    /// If there are more combinations than the limit or the budget allows.
    pub(super) fn targets(
        &self,
        targets: &Targets<'_>,
        service: &str,
        budget: &mut Budget,
    ) -> Result<Vec<Target>, Unsolved> {
        let mut found = Vec::new();
        match targets {
            Targets::Everything => self.add_everything(&mut found)?,
            Targets::Forms(forms) => self.add_forms(forms, &mut found, budget)?,
            Targets::Written(forms) => {
                self.add_forms(forms, &mut found, budget)?;
                self.add_whatever(service, &mut found, budget)?;
                self.add_regions(&mut found)?;
            }
            Targets::Unknown => self.add_whatever(service, &mut found, budget)?,
        }
        Ok(found)
    }

    fn add_forms(
        &self,
        forms: &[&str],
        found: &mut Vec<Target>,
        budget: &mut Budget,
    ) -> Result<(), Unsolved> {
        for arn in forms {
            if let Some(parts) = split(arn) {
                self.add_arns(&parts.map(language_of_part), &example(arn), found, budget)?;
            }
        }
        Ok(())
    }

    /// Adds `*` and ARNs of any form.
    fn add_whatever(
        &self,
        service: &str,
        found: &mut Vec<Target>,
        budget: &mut Budget,
    ) -> Result<(), Unsolved> {
        self.add_everything(found)?;
        let some = |class| Matcher::of(vec![Step::One(class), Step::Many(class)]);
        let or_empty = |matcher: Matcher| Matcher {
            ways: matcher.ways.into_iter().chain([vec![]]).collect(),
        };
        let parts = [
            Matcher::exactly("arn"),
            Matcher::of(partition()),
            some(Class::NotColon),
            or_empty(some(Class::Region)),
            or_empty(account()),
            some(Class::Any),
        ];
        let example = format!("arn:aws:{service}:us-east-1:123456789012:example");
        self.add_arns(&parts, &example, found, budget)
    }

    /// Adds the same resources in requests to Regions other than that of their ARNs, if a condition distinguishes
    /// Regions.
    fn add_regions(&self, found: &mut Vec<Target>) -> Result<(), TooMany> {
        if self.regions.is_empty() {
            return Ok(());
        }
        let elsewhere: Vec<Target> = self
            .regions(&Matcher::of(some_region()))?
            .iter()
            .flat_map(|region| {
                found.iter().map(|target| Target {
                    region: Some(region.text.clone()),
                    ..target.clone()
                })
            })
            .collect();
        found.extend(elsewhere);
        Ok(())
    }

    /// Adds `*` in each Region that a condition distinguishes.
    fn add_everything(&self, found: &mut Vec<Target>) -> Result<(), TooMany> {
        for region in self.regions(&Matcher::of(some_region()))? {
            found.push(Target {
                resource: Resource::Any,
                owner: None,
                region: Some(region.text),
            });
        }
        Ok(())
    }

    fn add_arns(
        &self,
        languages: &[Matcher; ARN_PARTS],
        example: &str,
        found: &mut Vec<Target>,
        budget: &mut Budget,
    ) -> Result<(), Unsolved> {
        let mut parts: Vec<Vec<Witness>> = Vec::new();
        let examples = split(example).unwrap_or_default();
        let [_, languages @ ..] = languages;
        let [_, examples @ ..] = examples;
        for (index, (language, example)) in languages.iter().zip(examples).enumerate() {
            parts.push(self.witnesses_of_part(index, language, example)?);
        }
        let length = self.entries.len() + self.accounts.len() + self.regions.len();
        let every = Bits::of(length, |_| true);
        let dimensions: Vec<Vec<Bits>> = parts
            .iter()
            .map(|witnesses| witnesses.iter().map(|witness| witness.matches.clone()).collect())
            .collect();
        // Of the combinations of texts that match the same patterns, one is enough.
        for reached in reach(&every, &dimensions, budget, sets::as_it_is)? {
            let texts: Vec<&str> = reached
                .choices
                .iter()
                .zip(&parts)
                .filter_map(|(choice, witnesses)| witnesses.get(*choice))
                .map(|witness| witness.text.as_str())
                .collect();
            let Ok(resource) = format!("arn:{}", texts.join(":")).parse::<Resource>() else {
                continue;
            };
            self.add_owned(&resource, found)?;
        }
        Ok(())
    }

    /// Adds a resource with each owner and in each Region that its ARN leaves open.
    fn add_owned(&self, resource: &Resource, found: &mut Vec<Target>) -> Result<(), TooMany> {
        let is_open = |part: fn(&crate::arn::Arn) -> &str| {
            self.reads_keys && resource.arn().is_some_and(|arn| part(arn).is_empty())
        };
        let open = |is_open: bool, witnesses: Result<Vec<Witness>, TooMany>| -> Result<Vec<_>, TooMany> {
            match is_open {
                true => Ok(witnesses?.into_iter().map(|witness| Some(witness.text)).collect()),
                false => Ok(vec![None]),
            }
        };
        let owners = open(is_open(crate::arn::Arn::account), self.accounts(&account()))?;
        let regions = open(
            is_open(crate::arn::Arn::region),
            self.regions(&Matcher::of(some_region())),
        )?;
        for owner in &owners {
            for region in &regions {
                found.push(Target {
                    resource: resource.clone(),
                    owner: owner.clone(),
                    region: region.clone(),
                });
            }
        }
        Ok(())
    }

    /// Texts for one part; the partition is part 0.
    fn witnesses_of_part(
        &self,
        index: usize,
        language: &Matcher,
        example: &str,
    ) -> Result<Vec<Witness>, TooMany> {
        let anything = Matcher::of(vec![Step::Many(Class::Any)]);
        let of_entries = self
            .entries
            .iter()
            .map(|entry| entry.get(index).cloned().unwrap_or_default());
        // A condition on a key is about one part only; an empty part does not decide it.
        let keys = |is_here: bool, matchers: &[Matcher]| -> Vec<Matcher> {
            let ways = |matcher: &Matcher| match is_here {
                true => matcher.clone(),
                false => anything.clone(),
            };
            matchers.iter().map(ways).collect()
        };
        let patterns: Vec<Matcher> = of_entries
            .chain(keys(index == ACCOUNT, &self.accounts))
            .chain(keys(index == REGION, &self.regions))
            .collect();
        let mut preferred: Vec<String> = Vec::new();
        match index {
            ACCOUNT => preferred.extend(self.usual_accounts.iter().cloned()),
            REGION => preferred.extend(USUAL_REGIONS.map(str::to_owned)),
            LAST => {
                preferred.push(example.to_owned());
                preferred.extend(self.literals.iter().cloned());
            }
            PARTITION => preferred.extend(["aws", "aws-cn"].map(str::to_owned)),
            _ => preferred.push(example.to_owned()),
        }
        // Equal patterns have equal outcomes, and there are many of them, such as those for one Region.
        let mut distinct: Vec<Matcher> = Vec::new();
        let places: Vec<usize> = patterns
            .iter()
            .map(|pattern| {
                let known = distinct.iter().position(|known| known == pattern);
                known.unwrap_or_else(|| {
                    distinct.push(pattern.clone());
                    distinct.len() - 1
                })
            })
            .collect();
        let found = witnesses(language, &distinct, &preferred, as_it_is)?;
        let spread = |witness: Witness| Witness {
            matches: Bits::of(places.len(), |index| {
                places.get(index).is_some_and(|place| witness.matches.has(*place))
            }),
            text: witness.text,
        };
        Ok(found.into_iter().map(spread).collect())
    }

    fn accounts(&self, language: &Matcher) -> Result<Vec<Witness>, TooMany> {
        witnesses(language, &self.accounts, &self.usual_accounts, as_it_is)
    }

    fn regions(&self, language: &Matcher) -> Result<Vec<Witness>, TooMany> {
        witnesses(
            language,
            &self.regions,
            &USUAL_REGIONS.map(str::to_owned),
            as_it_is,
        )
    }
}

/// The texts that a part of an ARN of this form can be.
fn language_of_part(part: &str) -> Matcher {
    match part {
        "${Partition}" => return Matcher::of(partition()),
        "${Region}" => return Matcher::of(some_region()),
        "${Account}" => return account(),
        _ => {}
    }
    let mut way = Vec::new();
    for (index, piece) in part.split("${").enumerate() {
        match piece.split_once('}').filter(|_| index > 0) {
            None => way.extend(literal(piece)),
            Some((name, after)) => {
                let class = if name.ends_with("WithPath") {
                    Class::Path
                } else {
                    // A request is authorised before its names are checked, so they can be any text.
                    Class::Any
                };
                way.extend([Step::One(class), Step::Many(class)]);
                way.extend(literal(after));
            }
        }
    }
    Matcher::of(way)
}

/// A readable ARN of this form.
fn example(form: &str) -> String {
    let mut example = String::new();
    for (index, piece) in form.split("${").enumerate() {
        match piece.split_once('}').filter(|_| index > 0) {
            None => example.push_str(piece),
            Some((name, after)) => {
                example.push_str(if name.ends_with("Version") { "1" } else { "example" });
                example.push_str(after);
            }
        }
    }
    example
}

fn account() -> Matcher {
    Matcher::of(vec![Step::One(Class::Digit); ACCOUNT_DIGITS])
}

fn some_region() -> Vec<Step> {
    vec![Step::One(Class::Region), Step::Many(Class::Region)]
}

/// Regions that are used where they suffice.
const USUAL_REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1"];

// The parts of an ARN, counted from the partition.
const PARTITION: usize = 0;
const REGION: usize = 2;
const ACCOUNT: usize = 3;
const LAST: usize = 4;
