//! Amounts of several resources.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use windlass_api::quantity::{Quantity, QuantityError};

/// Amounts by resource name: `cpu`, `memory`, `nvidia.com/gpu`. What is absent is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(BTreeMap<String, Quantity>);

/// The amount of a resource is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{resource}")]
pub struct ResourceError {
    pub resource: String,
    pub source: QuantityError,
}

impl Resources {
    /// From an object's list.
    ///
    /// # Errors
    /// An amount is no quantity.
    pub fn read(list: &BTreeMap<String, Text>) -> Result<Resources, ResourceError> {
        let amounts = list
            .iter()
            .map(|(name, text)| match Quantity::try_from(text) {
                Ok(amount) => Ok((name.clone(), amount)),
                Err(source) => Err(ResourceError { resource: name.clone(), source }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Resources(amounts))
    }

    /// From a list that somebody reports; what is no quantity counts as zero.
    pub fn reported(list: &BTreeMap<String, Text>) -> Resources {
        let amounts = list
            .iter()
            .filter_map(|(name, text)| Some((name.clone(), Quantity::try_from(text).ok()?)))
            .collect();
        Resources(amounts)
    }

    /// The amount of one resource.
    pub fn get(&self, name: &str) -> Quantity {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Whether the resource is listed at all.
    pub fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Sets one amount.
    pub fn set(&mut self, name: &str, amount: Quantity) {
        match self.0.get_mut(name) {
            Some(present) => *present = amount,
            None => {
                self.0.insert(name.to_owned(), amount);
            }
        }
    }

    /// Adds `other`, so many times.
    pub fn add(&mut self, other: &Resources, count: i64) {
        for (name, amount) in &other.0 {
            self.set(name, self.get(name).plus(amount.times(count)));
        }
    }

    /// Subtracts `other`; amounts may become negative.
    pub fn subtract(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            self.set(name, self.get(name).minus(*amount));
        }
    }

    /// Raises each amount to `other`'s where that is higher.
    pub fn raise(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            if *amount > self.get(name) {
                self.set(name, *amount);
            }
        }
    }

    /// All amounts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    /// The amounts above zero, by name.
    pub fn positive(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.iter().filter(|(_, amount)| *amount > Quantity::ZERO)
    }
}

impl<'a> FromIterator<(&'a str, Quantity)> for Resources {
    fn from_iter<I: IntoIterator<Item = (&'a str, Quantity)>>(amounts: I) -> Self {
        Resources(amounts.into_iter().map(|(name, amount)| (name.to_owned(), amount)).collect())
    }
}
