//! Amounts by resource name.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::json::Text;
use crate::quantity::Quantity;

/// core/v1 ResourceList, in the order of names.
#[derive(Clone, Debug, Default)]
pub struct ResourceList<'a>(Vec<(Text<'a>, Quantity)>);

impl<'a> ResourceList<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list with `quantity` of `name`, whatever it had of it before.
    #[must_use]
    pub fn with(mut self, name: impl Into<Text<'a>>, quantity: Quantity) -> ResourceList<'a> {
        let name = name.into();
        match self.0.binary_search_by(|(known, _)| known.as_str().cmp(&name)) {
            Ok(index) => self.0[index].1 = quantity,
            Err(index) => self.0.insert(index, (name, quantity)),
        }
        self
    }

    pub fn get(&self, name: &str) -> Option<&Quantity> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok().map(|index| &self.0[index].1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Quantity)> {
        self.0.iter().map(|(name, quantity)| (name.as_str(), quantity))
    }
}

impl<'a, N: Into<Text<'a>>> FromIterator<(N, Quantity)> for ResourceList<'a> {
    fn from_iter<I: IntoIterator<Item = (N, Quantity)>>(amounts: I) -> ResourceList<'a> {
        amounts.into_iter().fold(ResourceList::default(), |list, (name, quantity)| list.with(name, quantity))
    }
}

impl Serialize for ResourceList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, quantity) in &self.0 {
            map.serialize_entry(name, quantity)?;
        }
        map.end()
    }
}
