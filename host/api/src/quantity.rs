//! Kubernetes quantities, computed exactly.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

/// Nano-units in a unit.
const NANO: i128 = 1_000_000_000;
/// The largest amount that Kubernetes promises to hold: 2^63-1 units.
const CAP: i128 = (i64::MAX as i128) * NANO;
/// Kubernetes computes up to this many digits without looking at its cap.
const UNCAPPED_DIGITS: usize = 18;

/// How a quantity is written. A sum is written as its first term is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Powers of ten with a letter: `1500m`, `2k`, `3G`.
    #[default]
    DecimalSi,
    /// Powers of 1024: `1536Mi`, `2Gi`.
    BinarySi,
    /// Powers of ten with an exponent: `2e3`.
    DecimalExponent,
}

/// An amount of a resource, in nano-units, and how it is written.
///
/// Finer amounts are rounded up, away from zero, when they are read. Arithmetic saturates at the bounds of 128 bits,
/// which is 10^20 times what any sum of real quantities comes to. Equality and order are those of the amount.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

/// A text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a quantity: want a number with an optional suffix, as in 500m, 2, 1.5Gi or 1e3")]
pub struct QuantityError {
    /// What was read.
    pub text: String,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity { nano: 0, format: Format::DecimalSi };

    /// Whole units.
    pub const fn from_units(units: i64) -> Quantity {
        Quantity { nano: units as i128 * NANO, format: Format::DecimalSi }
    }

    /// Nano-units, written in the given format.
    pub const fn from_nano(nano: i128, format: Format) -> Quantity {
        Quantity { nano, format }
    }

    /// The amount in nano-units.
    pub const fn nano(self) -> i128 {
        self.nano
    }

    /// How the amount is written.
    pub const fn format(self) -> Format {
        self.format
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// The amount in whole units, rounded away from zero, at most `i64::MAX`.
    pub fn units(self) -> i64 {
        clamp(div_away(self.nano, NANO))
    }

    /// The amount in thousandths, rounded away from zero, at most `i64::MAX`.
    pub fn milli(self) -> i64 {
        clamp(div_away(self.nano, NANO / 1000))
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        Quantity { nano: self.nano.saturating_add(other.nano), format }
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        Quantity { nano: self.nano.saturating_sub(other.nano), format }
    }

    /// The amount so many times.
    #[must_use]
    pub fn times(self, count: i64) -> Quantity {
        Quantity { nano: self.nano.saturating_mul(i128::from(count)), format: self.format }
    }

    /// How many whole times `part` fits in; `None` if `part` is nothing or less.
    pub fn fits(self, part: Quantity) -> Option<i64> {
        (part.nano > 0).then(|| clamp(self.nano.max(0) / part.nano))
    }

    /// The amount as a plain decimal number: `1.024` for `1024m`.
    pub fn decimal(self) -> String {
        let sign = if self.nano < 0 { "-" } else { "" };
        let nano = self.nano.unsigned_abs();
        let (units, rest) = (nano / NANO.unsigned_abs(), nano % NANO.unsigned_abs());
        if rest == 0 {
            return format!("{sign}{units}");
        }
        let rest = format!("{rest:09}");
        format!("{sign}{units}.{}", rest.trim_end_matches('0'))
    }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Rounds away from zero, as Kubernetes does.
fn div_away(value: i128, by: i128) -> i128 {
    value / by + if value % by == 0 { 0 } else { value.signum() }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

/// The canonical form: no fraction, and the largest suffix that needs none.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        let whole = self.nano % NANO == 0;
        let small = self.nano.unsigned_abs() < 1024 * NANO.unsigned_abs();
        match self.format {
            Format::BinarySi if whole && !small => write_binary(f, self.nano / NANO),
            Format::DecimalExponent => {
                write_decimal(f, self.nano, i32::MAX, |exponent| format!("e{exponent}"))
            }
            Format::BinarySi | Format::DecimalSi => write_decimal(f, self.nano, 18, |exponent| {
                let suffix = match exponent {
                    -9 => "n",
                    -6 => "u",
                    -3 => "m",
                    3 => "k",
                    6 => "M",
                    9 => "G",
                    12 => "T",
                    15 => "P",
                    _ => "E",
                };
                suffix.to_owned()
            }),
        }
    }
}

fn write_binary(f: &mut fmt::Formatter<'_>, mut units: i128) -> fmt::Result {
    let suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut power = 0;
    while units % 1024 == 0 && power + 1 < suffixes.len() {
        units /= 1024;
        power += 1;
    }
    write!(f, "{units}{}", suffixes[power])
}

fn write_decimal(
    f: &mut fmt::Formatter<'_>,
    nano: i128,
    exponent_max: i32,
    suffix: impl Fn(i32) -> String,
) -> fmt::Result {
    let (mut mantissa, mut exponent) = (nano, -9);
    while mantissa % 1000 == 0 && exponent < exponent_max {
        mantissa /= 1000;
        exponent += 3;
    }
    if exponent == 0 { write!(f, "{mantissa}") } else { write!(f, "{mantissa}{}", suffix(exponent)) }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| QuantityError { text: text.chars().take(64).collect() })
    }
}

impl TryFrom<&Text> for Quantity {
    type Error = QuantityError;

    fn try_from(text: &Text) -> Result<Self, Self::Error> {
        text.0.parse()
    }
}

impl From<Quantity> for Text {
    fn from(quantity: Quantity) -> Text {
        Text(quantity.to_string())
    }
}

/// Multiplier or power of ten, and format, of a suffix.
enum Suffix {
    Ten(i64, Format),
    Two(u32),
}

fn suffix(text: &str) -> Option<Suffix> {
    let ten = |exponent| Some(Suffix::Ten(exponent, Format::DecimalSi));
    match text {
        "" => ten(0),
        "n" => ten(-9),
        "u" => ten(-6),
        "m" => ten(-3),
        "k" => ten(3),
        "M" => ten(6),
        "G" => ten(9),
        "T" => ten(12),
        "P" => ten(15),
        "E" => ten(18),
        "Ki" => Some(Suffix::Two(10)),
        "Mi" => Some(Suffix::Two(20)),
        "Gi" => Some(Suffix::Two(30)),
        "Ti" => Some(Suffix::Two(40)),
        "Pi" => Some(Suffix::Two(50)),
        "Ei" => Some(Suffix::Two(60)),
        _ => {
            let exponent = text.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // An exponent too long to count is as good as any that is out of reach.
            let magnitude = digits.parse::<i64>().unwrap_or(i64::MAX).min(100_000);
            let exponent = if exponent.starts_with('-') { -magnitude } else { magnitude };
            Some(Suffix::Ten(exponent, Format::DecimalExponent))
        }
    }
}

fn parse(text: &str) -> Option<Quantity> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, rest) = unsigned.split_at(digits_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let (nano, format) = match suffix(rest)? {
        Suffix::Ten(exponent, format) => {
            let scale = exponent - i64::try_from(fraction.len()).ok()?;
            let capped = whole.len() + fraction.len() > UNCAPPED_DIGITS || scale < -9;
            (scaled(whole, fraction, scale + 9, capped), format)
        }
        Suffix::Two(power) => {
            let nano = binary(whole, fraction, power);
            // Part of a unit has no binary form.
            let format = if nano > 0 && nano < NANO { Format::DecimalSi } else { Format::BinarySi };
            (nano, format)
        }
    };
    Some(Quantity { nano: if negative { -nano } else { nano }, format })
}

/// `whole fraction × 10^power`, rounded up.
fn scaled(whole: &str, fraction: &str, power: i64, capped: bool) -> i128 {
    let digits = || whole.bytes().chain(fraction.bytes()).map(|byte| i128::from(byte - b'0'));
    let length = (whole.len() + fraction.len()) as i64;
    let mut value: i128 = 0;
    let mut rounded = false;
    for (index, digit) in digits().enumerate() {
        // How many places to the left of the nano-units' point this digit ends up.
        if length - 1 - index as i64 + power >= 0 {
            let Some(next) = value.checked_mul(10).and_then(|value| value.checked_add(digit)) else {
                return CAP;
            };
            value = next;
        } else {
            rounded |= digit != 0;
        }
    }
    if value != 0 {
        for _ in 0..power.max(0) {
            let Some(next) = value.checked_mul(10) else { return CAP };
            value = next;
        }
    }
    value += i128::from(rounded);
    if capped { value.min(CAP) } else { value }
}

/// `whole.fraction × 2^power`, in nano-units, rounded up.
fn binary(whole: &str, fraction: &str, power: u32) -> i128 {
    let units = whole.bytes().try_fold(0i128, |value, byte| {
        value.checked_mul(10)?.checked_add(i128::from(byte - b'0')).filter(|value| *value <= CAP / NANO)
    });
    let Some(shifted) =
        units.and_then(|units| units.checked_mul(1 << power)).filter(|units| *units <= CAP / NANO)
    else {
        return CAP;
    };
    // The fraction times 2^power × 10^9, digit by digit from the last one, as on paper: what is carried past the point
    // is the whole part. At most 10 × 2^90 is carried.
    let multiplier = NANO << power;
    let (mut nano, mut finer) = (0, false);
    for byte in fraction.bytes().rev() {
        nano += i128::from(byte - b'0') * multiplier;
        finer |= nano % 10 != 0;
        nano /= 10;
    }
    nano += i128::from(finer);
    (shifted * NANO + nano).min(CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<Quantity>().unwrap_or_else(|error| panic!("{error}")).to_string()
    }

    #[test]
    fn canonical_forms_are_kubernetes() {
        for (text, want) in [
            ("0", "0"),
            ("0m", "0"),
            ("-0", "0"),
            ("1.5", "1500m"),
            ("1.024", "1024m"),
            ("1024m", "1024m"),
            ("1000m", "1"),
            ("100000", "100k"),
            ("1000000", "1M"),
            ("1.5Gi", "1536Mi"),
            ("1Gi", "1Gi"),
            ("1024Mi", "1Gi"),
            ("1023Ki", "1023Ki"),
            ("0.5Ki", "512"),
            ("100Ki", "100Ki"),
            ("0.1Mi", "104857600m"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("1.2e3", "1200"),
            ("12e2", "1200"),
            ("1e-3", "1e-3"),
            ("0.1n", "1n"),
            ("1.1n", "2n"),
            ("-1.1n", "-2n"),
            ("1n", "1n"),
            ("5u", "5u"),
            (".5", "500m"),
            ("5.", "5"),
            ("+5", "5"),
            ("-5k", "-5k"),
            ("007", "7"),
            ("10E", "10E"),
            ("10e20", "1e21"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9223372036854775807"),
            ("8Ei", "9223372036854775807"),
            ("7Ei", "7Ei"),
        ] {
            assert_eq!(canonical(text), want, "of {text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "", "-", ".", "+.", "1.2.3", "1 ", " 1", "1ki", "1Kii", "Ki", "1e", "1e+", "1e1.5", "0x1", "1,5",
            "1é", "--1",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text:?}");
        }
        assert!("9".repeat(10_000).parse::<Quantity>().is_ok());
    }

    #[test]
    fn amounts_out_of_reach_are_capped_and_never_overflow() {
        for text in ["1e999999999999999999999", "99999999999999999999999E", "9e40", "99999999999999999999Ei"]
        {
            let quantity: Quantity = text.parse().unwrap();
            assert_eq!(quantity.units(), i64::MAX, "{text}");
            assert!(quantity.times(i64::MAX).plus(quantity.times(i64::MAX)) > Quantity::ZERO);
        }
        assert_eq!(canonical("1e-999999999999999999"), "1e-9");
        assert_eq!(canonical(&format!("0.{}1", "0".repeat(5000))), "1n");
    }

    #[test]
    fn a_sum_keeps_the_form_of_its_first_term() {
        let of = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(of("1.024").plus(of("2.048")).to_string(), "3072m");
        assert_eq!(Quantity::ZERO.plus(of("512Mi")).plus(of("512Mi")).to_string(), "1Gi");
        assert_eq!(of("1").plus(of("2")).to_string(), "3");
        assert_eq!(of("1k").plus(of("24")).to_string(), "1024");
        assert_eq!(of("1Ki").minus(of("24")).to_string(), "1k");
    }

    #[test]
    fn amounts_divide_into_whole_parts() {
        let of = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(of("10").fits(of("3")), Some(3));
        assert_eq!(of("-1").fits(of("3")), Some(0));
        assert_eq!(of("10").fits(Quantity::ZERO), None);
        assert_eq!(of("9E").fits(of("1n")), Some(i64::MAX));
        assert_eq!((of("1500m").units(), of("-1500m").units(), of("1n").milli()), (2, -2, 1));
    }

    #[test]
    fn a_plain_decimal_has_no_suffix() {
        for (text, want) in
            [("1024m", "1.024"), ("2", "2"), ("-5m", "-0.005"), ("1Gi", "1073741824"), ("0", "0")]
        {
            assert_eq!(text.parse::<Quantity>().unwrap().decimal(), want);
        }
    }
}
