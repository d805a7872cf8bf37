//! What a plugin reads of an object, as Rust structs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::text::Text;

/// Declares structs that hold what a plugin reads of an object.
///
/// Fields are named as in the object (`taskManager` is `task_manager` here); fields of the object that the struct does
/// not name are skipped without being looked at. What is absent or null is the field's default, as for Kubernetes
/// itself; use `Option` where absence has a meaning of its own. A struct that borrows from the document has the
/// lifetime `'a`. One that is passed on as it was read is marked `: Serialize`.
///
/// ```
/// use windlass_sdk::json::{Int, Text, parse};
///
/// windlass_sdk::shape! {
///     struct CronTab<'a> {
///         spec: Spec<'a>,
///     }
///
///     struct Spec<'a> {
///         cron_spec: Text<'a>,
///         replicas: Option<Int>,
///     }
/// }
///
/// let tab: CronTab = parse(r#"{"spec": {"cronSpec": "* * * * *", "replicas": null}}"#).unwrap();
/// assert_eq!(tab.spec.cron_spec.as_str(), "* * * * *");
/// assert_eq!(tab.spec.replicas, None);
///
/// let error = parse::<CronTab>(r#"{"spec": {"replicas": "many"}}"#).unwrap_err();
/// assert_eq!(error.field, "spec.replicas");
/// ```
#[macro_export]
macro_rules! shape {
    () => {};
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident<'a> $(: $serialize:ident)? {
            $( $(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty ),* $(,)?
        }
        $($rest:tt)*
    ) => {
        #[derive(Clone, Debug, Default, $crate::serde::Deserialize $(, $crate::serde::$serialize)?)]
        #[serde(crate = "windlass_sdk::serde", remote = "Self", default, rename_all = "camelCase")]
        #[serde(bound(deserialize = "'de: 'a"))]
        $(#[$attribute])*
        $visibility struct $name<'a> {
            $(
                #[serde(deserialize_with = "windlass_sdk::json::null_is_default")]
                $(#[$field_attribute])*
                $field_visibility $field: $type,
            )*
        }

        impl<'de: 'a, 'a> $crate::serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize($crate::json::ObjectOnly(deserializer))
            }
        }

        $(
            impl $crate::serde::$serialize for $name<'_> {
                fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    Self::serialize(self, serializer)
                }
            }
        )?

        $crate::shape! { $($rest)* }
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident $(: $serialize:ident)? {
            $( $(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty ),* $(,)?
        }
        $($rest:tt)*
    ) => {
        #[derive(Clone, Debug, Default, $crate::serde::Deserialize $(, $crate::serde::$serialize)?)]
        #[serde(crate = "windlass_sdk::serde", remote = "Self", default, rename_all = "camelCase")]
        $(#[$attribute])*
        $visibility struct $name {
            $(
                #[serde(deserialize_with = "windlass_sdk::json::null_is_default")]
                $(#[$field_attribute])*
                $field_visibility $field: $type,
            )*
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize($crate::json::ObjectOnly(deserializer))
            }
        }

        $(
            impl $crate::serde::$serialize for $name {
                fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    Self::serialize(self, serializer)
                }
            }
        )?

        $crate::shape! { $($rest)* }
    };
}

crate::shape! {
    /// An object, whatever is in it: for what is written into and not read.
    pub struct Object {}
}

/// Reads structs from objects alone: derived structs would take lists for their fields in order.
pub struct ObjectOnly<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Reads a field of a shape: null is the default.
///
/// # Errors
/// The value is neither null nor of this type.
pub fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A map of the document (labels, say), in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries<'a, T>(pub Vec<(Text<'a>, T)>);

impl<T> Default for Entries<'_, T> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

impl<'a, T> Entries<'a, T> {
    /// The value of `name`; the last, where a document gives it more than once.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().rev().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Sets `name`, whether it was there or not.
    pub fn set(&mut self, name: impl Into<Text<'a>>, value: T) {
        let name = name.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Of several of a name the last, in the place of the first.
impl<'a, T> FromIterator<(Text<'a>, T)> for Entries<'a, T> {
    fn from_iter<I: IntoIterator<Item = (Text<'a>, T)>>(all: I) -> Self {
        let mut entries: Vec<(Text<'a>, T)> = Vec::new();
        let mut places: BTreeMap<Text<'a>, usize> = BTreeMap::new();
        for (name, value) in all {
            match places.entry(name) {
                Entry::Occupied(place) => entries[*place.get()].1 = value,
                Entry::Vacant(place) => {
                    entries.push((place.key().clone(), value));
                    place.insert(entries.len() - 1);
                }
            }
        }
        Entries(entries)
    }
}

impl<T: Serialize> Serialize for Entries<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de> + Default> Deserialize<'de> for Entries<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// How many entries most maps have at most.
const ENTRIES: usize = 8;

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de, T>, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, Option<T>>()? {
            if entries.is_empty() {
                entries.reserve(ENTRIES);
            }
            entries.push((key, value.unwrap_or_default()));
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_stands_where_the_first_did() {
        let entries: Entries<'_, u8> =
            [("a", 1), ("b", 2), ("a", 3)].map(|(name, n)| (name.into(), n)).into_iter().collect();
        assert_eq!(entries.iter().collect::<Vec<_>>(), [("a", &3), ("b", &2)]);
    }
}
