//! Kubernetes quantities: `500m`, `1.5Gi`, `2e3`; read, added, compared and printed as Kubernetes does.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The finest unit there is: finer amounts are rounded up to it.
const NANO: i32 = -9;
/// With so many digits at most Kubernetes reads a quantity into 64 bits, and keeps its spelling if it likes it.
const DIGITS_FAST: usize = 18;
/// What an amount in a binary notation is capped at.
const BINARY_MAX: i128 = i64::MAX as i128;

/// An exact amount of something, which remembers the notation it was written in.
///
/// Printing gives Kubernetes' canonical form (`1024Mi` is `1Gi`, `0.5` is `500m`). A quantity that was parsed and not
/// calculated with keeps its own spelling where Kubernetes keeps it: `1.024` prints as `1.024`, not as `1024m`.
#[derive(Clone, Debug, Default)]
pub struct Quantity {
    /// The amount is `mantissa * 10^scale`.
    mantissa: i128,
    scale: i32,
    notation: Notation,
    /// Set where the kept spelling is not the canonical one.
    spelling: Option<Box<str>>,
}

/// How a quantity is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// `500m`, `2`, `3k`
    #[default]
    Decimal,
    /// `2Ki`, `1Gi`
    Binary,
    /// `2e3`
    Exponent,
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number with a suffix.
    #[error("{0:?} is not a quantity: want a number and a suffix, such as 500m, 2 or 1.5Gi")]
    Format(String),
    /// More than can be counted.
    #[error("{0:?} is out of the range of quantities")]
    Range(String),
}

impl Quantity {
    /// A whole number of units.
    pub const fn new(units: i64, notation: Notation) -> Quantity {
        Quantity { mantissa: units as i128, scale: 0, notation, spelling: None }
    }

    /// A number of thousandths, as `cpu` is counted.
    pub const fn from_milli(milli: i64) -> Quantity {
        Quantity { mantissa: milli as i128, scale: -3, notation: Notation::Decimal, spelling: None }
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(&self) -> bool {
        self.mantissa < 0
    }

    /// In units, rounded up.
    pub fn value(&self) -> i64 {
        self.scaled(0)
    }

    /// In thousandths, rounded up.
    pub fn milli_value(&self) -> i64 {
        self.scaled(-3)
    }

    /// The nearest floating-point number, calculated as Kubernetes does: with the same last digit.
    pub fn to_f64(&self) -> f64 {
        match self.scale {
            0 => self.mantissa as f64,
            scale => self.mantissa as f64 * 10f64.powi(scale),
        }
    }

    /// The quantity that Kubernetes reads from a JSON number; `None` for infinity and the like.
    pub fn from_f64(number: f64) -> Option<Quantity> {
        let size = number.abs();
        if !number.is_finite() {
            return None;
        }
        // The notation in which Go prints the number, and from which Kubernetes reads it.
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            format!("{number:e}").parse().ok()
        } else {
            number.to_string().parse().ok()
        }
    }

    /// `self` and `other` together. A sum takes the notation of what was added to zero.
    ///
    /// # Errors
    /// The sum is out of range.
    pub fn add(&self, other: &Quantity) -> Result<Quantity, QuantityError> {
        let range = || QuantityError::Range(format!("{self} + {other}"));
        let (a, b, scale) = aligned(self, other).ok_or_else(range)?;
        let notation = if self.is_zero() { other.notation } else { self.notation };
        Ok(Quantity { mantissa: a.checked_add(b).ok_or_else(range)?, scale, notation, spelling: None })
    }

    /// Multiples of `10^scale`, rounded away from zero, at the limits of 64 bits.
    fn scaled(&self, scale: i32) -> i64 {
        let by = self.scale - scale;
        let whole = if by >= 0 {
            power_of_ten(by).and_then(|factor| self.mantissa.checked_mul(factor))
        } else {
            power_of_ten(-by).map(|divisor| round_away(self.mantissa, divisor))
        };
        match whole {
            Some(whole) => whole.clamp(i64::MIN.into(), i64::MAX.into()) as i64,
            None if self.mantissa < 0 => i64::MIN,
            None => i64::MAX,
        }
    }

    /// The amount as a whole number of units, if it is one.
    fn units(&self) -> Option<i128> {
        if self.scale >= 0 {
            return power_of_ten(self.scale).and_then(|factor| self.mantissa.checked_mul(factor));
        }
        let (units, rest) = divided(self.mantissa, power_of_ten(-self.scale)?);
        (rest == 0).then_some(units)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        match aligned(self, other) {
            Some((a, b, _)) => a.cmp(&b),
            // One is too large to be written in the other's unit.
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

/// Both mantissas at the finer of the two scales.
fn aligned(a: &Quantity, b: &Quantity) -> Option<(i128, i128, i32)> {
    let scale = a.scale.min(b.scale);
    let at_scale = |q: &Quantity| match q.mantissa {
        0 => Some(0),
        mantissa => mantissa.checked_mul(power_of_ten(q.scale - scale)?),
    };
    Some((at_scale(a)?, at_scale(b)?, scale))
}

fn power_of_ten(exponent: i32) -> Option<i128> {
    const POWERS: [i128; 39] = {
        let mut powers = [1; 39];
        let mut exponent = 1;
        while exponent < powers.len() {
            powers[exponent] = powers[exponent - 1] * 10;
            exponent += 1;
        }
        powers
    };
    POWERS.get(usize::try_from(exponent).ok()?).copied()
}

fn round_away(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = divided(dividend, divisor);
    if rest == 0 { quotient } else { quotient + dividend.signum() }
}

/// Quotient and remainder. Nearly all amounts fit in 64 bits, where dividing takes a tenth of the time.
fn divided(dividend: i128, divisor: i128) -> (i128, i128) {
    match (i64::try_from(dividend), i64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) if divisor > 0 => {
            ((dividend / divisor).into(), (dividend % divisor).into())
        }
        _ => (dividend / divisor, dividend % divisor),
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        let wrong = || QuantityError::Format(text.to_owned());
        let range = || QuantityError::Range(text.to_owned());

        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let negative = text.starts_with('-');
        let significant = unsigned.trim_start_matches('0');
        if significant.is_empty() {
            return if unsigned.is_empty() { Err(wrong()) } else { Ok(Quantity::default()) };
        }
        let digits_at = |from: usize| {
            significant[from..]
                .find(|c: char| !c.is_ascii_digit())
                .map_or(significant.len(), |end| from + end)
        };
        let whole_end = digits_at(0);
        let whole = &significant[..whole_end];
        let (fraction, suffix) = match significant[whole_end..].strip_prefix('.') {
            Some(_) => {
                let end = digits_at(whole_end + 1);
                (&significant[whole_end + 1..end], &significant[end..])
            }
            None => ("", &significant[whole_end..]),
        };
        let (base, exponent, notation) = suffix_meaning(suffix).ok_or_else(wrong)?;

        let digits = whole.len().max(1) + fraction.len();
        let mut mantissa = number(whole, fraction).ok_or_else(range)?;
        let mut scale = -(fraction.len() as i32);
        if base == 10 {
            scale = scale.checked_add(exponent).ok_or_else(range)?;
        } else {
            let fits = mantissa.leading_zeros() > exponent as u32;
            mantissa = fits.then(|| mantissa << exponent).ok_or_else(range)?;
        }
        let fast = scale >= NANO
            && if base == 10 {
                digits <= DIGITS_FAST
            } else {
                fraction.is_empty() && 14 - (whole.len() as i32) - exponent * 3 / 10 >= 0
            };
        let spelled = fast && base == 10 && scale % 3 == 0 && keeps_spelling(whole, fraction);
        if !fast && mantissa != 0 {
            // Such amounts are counted in the finest unit.
            mantissa = if scale >= NANO {
                power_of_ten(scale - NANO)
                    .and_then(|factor| mantissa.checked_mul(factor))
                    .ok_or_else(range)?
            } else {
                power_of_ten(NANO - scale).map_or(1, |divisor| round_away(mantissa, divisor))
            };
            scale = NANO;
        }
        let mut quantity = Quantity { mantissa, scale, notation, spelling: None };
        if notation == Notation::Binary {
            if quantity.units().is_some_and(|units| units > BINARY_MAX) {
                quantity.mantissa = BINARY_MAX;
                quantity.scale = 0;
            } else if !fast && mantissa > 0 && mantissa < 10i128.pow(9) {
                quantity.notation = Notation::Decimal;
            }
        }
        if negative {
            quantity.mantissa = -quantity.mantissa;
        }
        // Most kept spellings are the canonical one anyway.
        let plain = !text.contains('.') && !text.starts_with(['+', '0']) && notation != Notation::Exponent;
        if spelled && !plain {
            quantity.spelling = Some(text.into());
        }
        Ok(quantity)
    }
}

/// Whether Kubernetes takes these digits for canonical.
fn keeps_spelling(whole: &str, fraction: &str) -> bool {
    let zeros_at_end = match fraction.len() {
        0 => whole.ends_with("000"),
        _ => fraction.ends_with("000"),
    };
    !whole.is_empty() && !zeros_at_end
}

fn number(whole: &str, fraction: &str) -> Option<i128> {
    let mut digits = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() <= DIGITS_FAST {
        return Some(digits.fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0')).into());
    }
    digits.try_fold(0i128, |sum, digit| sum.checked_mul(10)?.checked_add(i128::from(digit - b'0')))
}

/// Base, exponent and notation that a suffix stands for.
fn suffix_meaning(suffix: &str) -> Option<(u8, i32, Notation)> {
    let decimal = |exponent| Some((10, exponent, Notation::Decimal));
    let binary = |exponent| Some((2, exponent, Notation::Binary));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            Some((10, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 64)?, Notation::Exponent))
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(spelling) = &self.spelling {
            return f.write_str(spelling);
        }
        if self.mantissa == 0 {
            return f.write_str("0");
        }
        if self.notation == Notation::Binary
            && let Some(mut units) = self.units()
            && units.abs() >= 1024
        {
            let mut power = 0;
            while units % 1024 == 0 && power < 6 {
                units >>= 10;
                power += 1;
            }
            print(f, units)?;
            return f.write_str(["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]);
        }
        let (mut mantissa, mut exponent) = (self.mantissa, self.scale);
        while let (tenth, 0) = divided(mantissa, 10) {
            mantissa = tenth;
            exponent += 1;
        }
        let largest = if self.notation == Notation::Exponent { i32::MAX } else { 18 };
        let wanted = (exponent - exponent.rem_euclid(3)).min(largest);
        // Zeros are printed rather than multiplied in: there is no limit to overflow.
        print(f, mantissa)?;
        (wanted..exponent).try_for_each(|_| f.write_str("0"))?;
        match (self.notation, wanted) {
            (_, 0) => Ok(()),
            (Notation::Exponent, exponent) => write!(f, "e{exponent}"),
            (_, exponent) => {
                let index = ((exponent + 9) / 3) as usize;
                f.write_str(["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][index])
            }
        }
    }
}

fn print(f: &mut fmt::Formatter<'_>, number: i128) -> fmt::Result {
    match i64::try_from(number) {
        Ok(number) => write!(f, "{number}"),
        Err(_) => write!(f, "{number}"),
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.spelling {
            Some(spelling) => serializer.serialize_str(spelling),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
        deserializer.deserialize_any(QuantityVisitor)
    }
}

struct QuantityVisitor;

impl Visitor<'_> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity, such as 500m, 2 or 1.5Gi")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        text.trim().parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
        Quantity::from_f64(number).ok_or_else(|| E::custom(QuantityError::Range(number.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, printed: &str) {
        let quantity: Quantity = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(quantity.to_string(), printed, "{text}");
    }

    #[test]
    fn quantities_print_as_kubernetes_prints_them() {
        for (text, printed) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.0", "0"),
            ("1", "1"),
            ("1024m", "1024m"),
            ("1.024", "1.024"),
            ("2.048", "2.048"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("1000m", "1"),
            ("1000", "1k"),
            ("1100", "1100"),
            ("2048Ki", "2Mi"),
            ("1500Ki", "1500Ki"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("1024", "1024"),
            ("128Mi", "128Mi"),
            ("1e3", "1e3"),
            ("1E3", "1E3"),
            ("12e6", "12e6"),
            ("10e2", "1e3"),
            ("1e-3", "1e-3"),
            ("-500m", "-500m"),
            ("0.1n", "1n"),
            ("2.0490000000000004", "2049000001n"),
            ("100000", "100k"),
            ("1.024k", "1.024k"),
            ("5.", "5."),
            ("9223372036854775807Ki", "9223372036854775807"),
            ("1000E", "1000E"),
        ] {
            check(text, printed);
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_in_words() {
        for text in
            ["", "-", "abc", "1 Gi", "1gi", "1Gib", "0x10", "1.2.3", "1e", "1e1000000000000", "NaN", "1_000"]
        {
            let error = text.parse::<Quantity>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        let huge = "9".repeat(60);
        assert_eq!(huge.parse::<Quantity>().unwrap_err(), QuantityError::Range(huge.clone()));
    }

    #[test]
    fn a_sum_is_canonical_and_takes_the_first_notation() {
        let sum = |texts: &[&str]| {
            texts
                .iter()
                .fold(Quantity::default(), |sum, text| sum.add(&text.parse().unwrap()).unwrap())
                .to_string()
        };
        assert_eq!(sum(&["1.024", "2.048"]), "3072m");
        assert_eq!(sum(&["1Gi", "1G"]), "2073741824");
        assert_eq!(sum(&["512Mi", "512Mi"]), "1Gi");
        assert_eq!(sum(&["500m", "500m"]), "1");
        assert_eq!(sum(&[]), "0");
    }

    #[test]
    fn amounts_compare_across_notations() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(quantity("1Gi"), quantity("1073741824"));
        assert!(quantity("1G") < quantity("1Gi"));
        assert!(quantity("1e25") > quantity("1n"));
        assert_eq!(quantity("1.1").value(), 2);
        assert_eq!(quantity("1100u").milli_value(), 2);
        assert_eq!(quantity("1024m").to_f64(), 1.024);
    }

    #[test]
    fn json_numbers_are_quantities_too() {
        let read = |json: &str| serde_json::from_str::<Quantity>(json).map(|quantity| quantity.to_string());
        assert_eq!(read("1").unwrap(), "1");
        assert_eq!(read("0.5").unwrap(), "500m");
        assert_eq!(read("1.0").unwrap(), "1");
        assert_eq!(read("\" 1Gi \"").unwrap(), "1Gi");
        assert_eq!(read("1e400").ok(), None);
        assert!(read("true").unwrap_err().to_string().contains("a quantity"));
    }
}
