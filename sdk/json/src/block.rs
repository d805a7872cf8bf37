//! Sixty-four bytes at once: where among them stands what structures JSON. A bit for each byte, the first one lowest.

/// How many bytes are looked at together.
pub(crate) const BLOCK: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masks {
    pub(crate) quotes: u64,
    pub(crate) backslashes: u64,
    /// `{` and `[`.
    pub(crate) opens: u64,
    /// `}` and `]`.
    pub(crate) closes: u64,
}

/// `[` and `{`, and so `]` and `}`, differ in this bit, and it makes them of no other character.
const FOLD: u8 = 0x20;

/// Every host of plugins has these instructions, whether or not the plugin is compiled for them everywhere.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
pub(crate) fn masks(block: &[u8; BLOCK]) -> Masks {
    Masks {
        quotes: are(b'"', 0, block),
        backslashes: are(b'\\', 0, block),
        opens: are(b'{', FOLD, block),
        closes: are(b'}', FOLD, block),
    }
}

/// Which bytes are `byte`, with `fold` in them.
#[cfg(target_arch = "wasm32")]
#[target_feature(enable = "simd128")]
#[inline]
fn are(byte: u8, fold: u8, block: &[u8; BLOCK]) -> u64 {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128_or};

    let word = |eight: &[u8; 8]| u64::from_le_bytes(*eight);
    let sixteens = block.as_chunks::<16>().0.iter().enumerate();
    sixteens.fold(0, |all, (at, sixteen)| {
        let [low, high] = sixteen.as_chunks::<8>().0 else { return all };
        let bytes = v128_or(u64x2(word(low), word(high)), u8x16_splat(fold));
        all | u64::from(u8x16_bitmask(u8x16_eq(bytes, u8x16_splat(byte)))) << (at * 16)
    })
}

/// Which bytes are `byte`, with `fold` in them.
#[cfg(not(target_arch = "wasm32"))]
#[inline]
fn are(byte: u8, fold: u8, block: &[u8; BLOCK]) -> u64 {
    // The compiler makes vectors of this. Of each eight bytes, the bits are then gathered in the topmost one.
    let mut bits = [0; BLOCK];
    for at in 0..BLOCK {
        bits[at] = if block[at] | fold == byte { 1 << (at % 8) } else { 0 };
    }
    let eights = bits.as_chunks::<8>().0.iter().enumerate();
    eights.fold(0, |all, (at, eight)| {
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(u64::from_ne_bytes([1; 8])) >> 56;
        all | gathered << (at * 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [0; BLOCK];
                let some = b"a~}{]\x7f\x80\x5e\x1f\"\\[0:,z\xff";
                block.iter_mut().zip(some.iter().cycle()).for_each(|(place, byte)| *place = *byte);
                block[at] = byte;
                let bits = |of: &[u8]| {
                    (0..BLOCK).filter(|at| of.contains(&block[*at])).fold(0u64, |bits, at| bits | (1 << at))
                };
                let want = Masks {
                    quotes: bits(b"\""),
                    backslashes: bits(b"\\"),
                    opens: bits(b"{["),
                    closes: bits(b"}]"),
                };
                assert_eq!(masks(&block), want);
            }
        }
    }
}
