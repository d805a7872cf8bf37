//! Sixteen bytes at once: where among them stands what structures JSON. A bit for each byte, the first one lowest.

pub(crate) struct Masks {
    pub(crate) quotes: u16,
    pub(crate) backslashes: u16,
    /// `{` and `[`.
    pub(crate) opens: u16,
    /// `}` and `]`.
    pub(crate) closes: u16,
}

/// `[` and `{`, and so `]` and `}`, differ in this bit, and it makes them of no other character.
const FOLD: u8 = 0x20;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
pub(crate) fn masks(block: &[u8; 16]) -> Masks {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128_or};

    let (low, high) = words(block);
    let bytes = u64x2(low, high);
    let folded = v128_or(bytes, u8x16_splat(FOLD));
    let are = |bytes, byte| u8x16_bitmask(u8x16_eq(bytes, u8x16_splat(byte)));
    Masks {
        quotes: are(bytes, b'"'),
        backslashes: are(bytes, b'\\'),
        opens: are(folded, b'{'),
        closes: are(folded, b'}'),
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
pub(crate) fn masks(block: &[u8; 16]) -> Masks {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const LOW: u64 = ONES * 0x7f;

    let (low, high) = words(block);
    let fold = ONES * u64::from(FOLD);
    // The high bit of each byte that is `byte`, and of no other.
    let high_bits = |word: u64, byte: u8| {
        let zero = word ^ (ONES * u64::from(byte));
        !(((zero & LOW) + LOW) | zero | LOW)
    };
    // They are gathered in the topmost byte.
    let gathered = |bits: u64| ((bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u16;
    let are = |low, high, byte| gathered(high_bits(low, byte)) | (gathered(high_bits(high, byte)) << 8);
    Masks {
        quotes: are(low, high, b'"'),
        backslashes: are(low, high, b'\\'),
        opens: are(low | fold, high | fold, b'{'),
        closes: are(low | fold, high | fold, b'}'),
    }
}

fn words(block: &[u8; 16]) -> (u64, u64) {
    let (low, high) = block.split_at(8);
    let word = |half: &[u8]| half.first_chunk().map_or(0, |half| u64::from_le_bytes(*half));
    (word(low), word(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit() {
        for byte in 0..=u8::MAX {
            for at in 0..16 {
                let mut block = *b"a~}{]\x7f\x80\x5e\x1f\"\\[0:,z";
                block[at] = byte;
                let Masks { quotes, backslashes, opens, closes } = masks(&block);
                let bits = |of: &[u8]| {
                    (0..16).filter(|at| of.contains(&block[*at])).fold(0u16, |bits, at| bits | (1 << at))
                };
                assert_eq!(quotes, bits(b"\""));
                assert_eq!(backslashes, bits(b"\\"));
                assert_eq!(opens, bits(b"{["));
                assert_eq!(closes, bits(b"}]"));
            }
        }
    }
}
