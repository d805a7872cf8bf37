//! Numbers in the notations that Kubernetes' clients and Karmada's scripts let pass.

use std::fmt;
use std::iter::Sum;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::answer::{Answer, Rejection};

/// An integer field of a Kubernetes object: `3`, and `3.0` too, as Kubernetes reads objects of unknown type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<T = i32>(pub T);

impl<T: Serialize> Serialize for Int<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: TryFrom<i64>> Deserialize<'de> for Int<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Int<T>, D::Error> {
        deserializer.deserialize_any(IntVisitor(PhantomData))
    }
}

struct IntVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i64>> Visitor<'_> for IntVisitor<T> {
    type Value = Int<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer in range")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Int<T>, E> {
        let wrong = || E::invalid_value(Unexpected::Signed(number), &self);
        T::try_from(number).map(Int).map_err(|_| wrong())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Int<T>, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Int<T>, E> {
        // All whole numbers below 2^53 are exact.
        if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
            self.visit_i64(number as i64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }
}

/// A field that may be a number or a string that spells one, as Karmada's scripts read it with `tonumber`; anything
/// else counts as not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Numeric(Option<f64>);

impl Numeric {
    /// The number, where there is one.
    pub const fn get(self) -> Option<f64> {
        self.0
    }

    /// The number as one of pods, or `default` where none is given.
    ///
    /// # Errors
    /// It is negative, a fraction, or more than 31 bits hold; `field` says where it stands.
    pub fn count(self, default: i32, field: impl FnOnce() -> String) -> Answer<i32> {
        let Some(number) = self.0 else { return Ok(default) };
        if number < 0.0 {
            return Err(Rejection::new(field(), "must not be negative"));
        }
        if number.fract() != 0.0 || number > f64::from(i32::MAX) {
            return Err(Rejection::new(field(), format!("{number} is not a number of pods")));
        }
        Ok(number as i32)
    }
}

impl From<f64> for Numeric {
    fn from(number: f64) -> Numeric {
        Numeric(number.is_finite().then_some(number))
    }
}

/// What isn't given counts for nothing.
impl Sum for Numeric {
    fn sum<I: Iterator<Item = Numeric>>(numbers: I) -> Numeric {
        // `f64`'s own sum of nothing is -0.
        numbers.filter_map(Numeric::get).fold(0.0, |sum, number| sum + number).into()
    }
}

/// Whole numbers are written without a point; what isn't given is null.
impl Serialize for Numeric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => {
                serializer.serialize_i64(number as i64)
            }
            number => number.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Numeric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Numeric, D::Error> {
        deserializer.deserialize_any(NumericVisitor)
    }
}

/// As `tonumber` reads a string: what has no point is a whole number, and 16 is the only other base.
fn spelled(text: &str) -> Option<f64> {
    let text = text.trim_matches([' ', '\t', '\n']);
    if text.contains('.') {
        return text.parse().ok();
    }
    let whole = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    whole.ok().map(|whole| whole as f64)
}

struct NumericVisitor;

impl<'de> Visitor<'de> for NumericVisitor {
    type Value = Numeric;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a string that spells one")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Numeric, E> {
        Ok(Numeric(Some(number as f64)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Numeric, E> {
        Ok(Numeric(Some(number as f64)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Numeric, E> {
        Ok(Numeric(Some(number)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Numeric, E> {
        Ok(spelled(text).map_or(Numeric(None), Numeric::from))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Numeric, E> {
        Ok(Numeric(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Numeric, E> {
        Ok(Numeric(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Numeric, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Numeric(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Numeric, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Numeric(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_may_be_written_as_whole_floats() {
        let read = |json: &str| serde_json::from_str::<Int>(json).ok().map(|int| int.0);
        assert_eq!(read("3"), Some(3));
        assert_eq!(read("3.0"), Some(3));
        assert_eq!(read("3e2"), Some(300));
        assert_eq!(read("3.5"), None);
        assert_eq!(read("\"3\""), None);
        assert_eq!(read("2147483648"), None);
        assert_eq!(read("18446744073709551615"), None);
    }

    #[test]
    fn anything_may_stand_where_a_number_is_hoped_for() {
        let read = |json: &str| serde_json::from_str::<Numeric>(json).unwrap().get();
        assert_eq!(read("2"), Some(2.0));
        assert_eq!(read("\" 2.5 \""), Some(2.5));
        assert_eq!(read("\"0x10\""), Some(16.0));
        for nothing in
            ["\"\"", "\"two\"", "\"inf\"", "\"1e3\"", "\"0x\"", "true", "null", "[1,[2]]", "{\"a\":{}}"]
        {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn sums_are_written_as_they_were() {
        let sum = |json: &str| {
            let numbers: Vec<Numeric> = serde_json::from_str(json).unwrap();
            serde_json::to_string(&numbers.into_iter().sum::<Numeric>()).unwrap()
        };
        assert_eq!(sum("[1, \"2\", true, 3.0]"), "6");
        assert_eq!(sum("[1, 0.5]"), "1.5");
        assert_eq!(sum("[1e300, 1e300]"), "2e+300");
        assert_eq!(sum("[]"), "0");
    }

    #[test]
    fn pods_are_whole() {
        let count = |number: f64| Numeric::from(number).count(7, || "spec.replicas".to_owned());
        assert_eq!(count(3.0), Ok(3));
        assert_eq!(Numeric::default().count(7, String::new), Ok(7));
        for wrong in [-1.0, 1.5, 1e10] {
            assert_eq!(count(wrong).unwrap_err().field, "spec.replicas", "{wrong}");
        }
    }
}
