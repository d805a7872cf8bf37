//! Amounts of memory as Java's virtual machine writes them, and what a pod needs for them.

use std::fmt;

use windlass_sdk::quantity::Quantity;
use windlass_sdk::serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

/// Spark gives each pod at least so much besides the heap.
const OVERHEAD_MIN: JavaAmount = JavaAmount { amount: 384.0, unit: Unit::MEBI };
/// Spark's default.
const HEAP: JavaAmount = JavaAmount { amount: 1.0, unit: Unit::GIBI };

/// A field with an amount such as `512m` or `1.5g`; `None` where it isn't given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct JavaMemory(Option<JavaAmount>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct JavaAmount {
    amount: f64,
    unit: Unit,
}

/// Bytes to the power of 1024.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Unit(i32);

/// A sum that is no quantity.
#[derive(Debug, PartialEq)]
pub(crate) struct OutOfRange(f64);

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "with its overhead this comes to {:e} bytes, which is out of range", self.0)
    }
}

impl Unit {
    const MEBI: Unit = Unit(2);
    const GIBI: Unit = Unit(3);

    /// As Spark's configuration has them. What has no unit counts in mebibytes there.
    fn of(suffix: &str) -> Option<Unit> {
        Some(match suffix {
            "b" => Unit(0),
            "k" | "kb" => Unit(1),
            "m" | "mb" | "" => Unit::MEBI,
            "g" | "gb" => Unit::GIBI,
            "t" | "tb" => Unit(4),
            "p" | "pb" => Unit(5),
            _ => return None,
        })
    }

    fn bytes(self) -> f64 {
        1024_f64.powi(self.0)
    }

    fn smaller(self, other: Unit) -> Unit {
        if self < other { self } else { other }
    }
}

impl JavaAmount {
    fn parse(text: &str) -> Option<JavaAmount> {
        let text = text.to_ascii_lowercase();
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let unit = Unit::of(suffix)?;
        let amount = number.parse().ok().filter(|_| number.starts_with(|c: char| c.is_ascii_digit()))?;
        Some(JavaAmount { amount, unit })
    }

    fn in_unit(self, unit: Unit) -> f64 {
        if self.unit == unit { self.amount } else { self.amount * (self.unit.bytes() / unit.bytes()) }
    }
}

/// What a pod requests: the heap, and beside it what is asked for or else `factor` of the heap, but no less than
/// [`OVERHEAD_MIN`].
pub(crate) fn pod_memory(
    JavaMemory(heap): JavaMemory,
    JavaMemory(overhead): JavaMemory,
    factor: f64,
) -> Result<Quantity, OutOfRange> {
    let heap = heap.unwrap_or(HEAP);
    let overhead = overhead.unwrap_or_else(|| {
        let unit = heap.unit.smaller(OVERHEAD_MIN.unit);
        let part = JavaAmount { amount: heap.amount * factor, unit: heap.unit };
        JavaAmount { amount: part.in_unit(unit).max(OVERHEAD_MIN.in_unit(unit)), unit }
    });
    let unit = heap.unit.smaller(overhead.unit);
    let total = heap.in_unit(unit) + overhead.in_unit(unit);
    let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi"][unit.0 as usize];
    // Karmada counts six digits after the point.
    format!("{total:.6}{suffix}").parse().map_err(|_| OutOfRange(total * unit.bytes()))
}

impl<'de> Deserialize<'de> for JavaMemory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JavaMemory, D::Error> {
        deserializer.deserialize_str(JavaMemoryVisitor)
    }
}

struct JavaMemoryVisitor;

impl Visitor<'_> for JavaMemoryVisitor {
    type Value = JavaMemory;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of memory as Java has it, such as 512m or 2g")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<JavaMemory, E> {
        match JavaAmount::parse(text) {
            None if !text.is_empty() => Err(E::invalid_value(Unexpected::Str(text), &self)),
            amount => Ok(JavaMemory(amount)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> JavaMemory {
        windlass_sdk::json::parse(&format!("{text:?}")).unwrap()
    }

    #[test]
    fn a_pod_needs_more_than_its_heap() {
        let check = |heap: &str, overhead: &str, factor: f64, want: &str| {
            let memory = pod_memory(read(heap), read(overhead), factor).unwrap();
            assert_eq!(memory.to_string(), want, "{heap} + {overhead}");
        };
        check("512m", "", 0.1, "896Mi");
        check("8g", "", 0.1, "9448928051200m");
        check("1g", "512m", 0.1, "1536Mi");
        check("", "", 0.4, "1503238553600m");
        check("1024", "1G", 0.1, "2Gi");
        check("1024b", "1024b", 0.1, "2048");
        check("1.5Gb", "512M", 0.1, "2Gi");
        check("512k", "", 0.1, "393728Ki");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["-1g", "1 g", "g", "1gi", "1.2.3g", ".5g", "\u{e9}"] {
            assert!(windlass_sdk::json::parse::<JavaMemory>(&format!("{text:?}")).is_err(), "{text}");
        }
        let huge = format!("{}p", "9".repeat(300));
        assert!(pod_memory(read(&huge), read(""), 0.1).is_err());
    }
}
