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

    /// With the amounts as they are after they have been written and read again.
    pub(crate) fn reread(mut self) -> Self {
        for (_, quantity) in &mut self.0 {
            if let Ok(read) = quantity.to_string().parse() {
                *quantity = read;
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Notation;

    #[test]
    fn reading_again_changes_only_the_notation() {
        let list = ResourceList::default()
            .with("a", Quantity::new(1_000_000_000, Notation::Binary))
            .with("b", Quantity::new(2_048, Notation::Binary))
            .with("c", Quantity::from_milli(1_500));
        assert_eq!(crate::json::write(&list), r#"{"a":"1000000000","b":"2Ki","c":"1500m"}"#);
        assert_eq!(crate::json::write(&list.reread()), r#"{"a":"1G","b":"2Ki","c":"1500m"}"#);
    }
}
