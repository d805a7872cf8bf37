//! Where strings, lists and objects end.

use crate::block::{BLOCK, Masks, masks};

/// The first byte from `at` on that ends a plain run of characters in a string: a quote, a backslash, or what may not
/// stand in strings. The length of `bytes` if there is none.
#[inline]
pub(crate) fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    // A byte of the mask is high where the byte of `word` is 0; above the lowest such byte some may be by mistake.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let backslashes = zeros(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let ends = (quotes | backslashes | controls) & HIGH;
        if ends != 0 {
            return at + ends.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        at += 1;
    }
    at
}

/// Behind the list or object that begins at `at`, if it ends.
pub(crate) fn end_of_container(bytes: &[u8], at: usize) -> Option<usize> {
    let mut place = BlockPlace::default();
    let mut at = at;
    let (blocks, rest) = bytes.get(at..)?.as_chunks::<BLOCK>();
    for block in blocks {
        match place.pass(block) {
            Some(end) => return Some(at + end),
            None => at += BLOCK,
        }
    }
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    place.pass(&last).map(|end| at + end)
}

/// Where in a list or object one is, block by block.
#[derive(Default)]
struct BlockPlace {
    depth: usize,
    /// All ones in a string, else none.
    in_string: u64,
    /// 1 behind a backslash that is none of the string itself.
    escaped: u64,
}

/// One in each byte.
const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// The high bit of each byte.
const HIGH: u64 = ONES << 7;

impl BlockPlace {
    /// Passes a block; how many bytes of it if the outermost bracket closes in it.
    #[inline]
    fn pass(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let Masks { quotes, backslashes, opens, closes } = masks(block);
        // A bit is set from an opening quote up to the closing one.
        let mut strings = quotes & !self.escaped_by(backslashes);
        for shift in [1, 2, 4, 8, 16, 32] {
            strings ^= strings << shift;
        }
        strings ^= self.in_string;
        self.in_string = (strings.cast_signed() >> 63).cast_unsigned();
        let (opens, closes) = (opens & !strings, closes & !strings);
        // For each byte of the masks, which stands for eight of the block: how many there are up to its end.
        let opened = ones_of_bytes(opens).wrapping_mul(ONES);
        let closed = ones_of_bytes(closes).wrapping_mul(ONES);
        // How deep it is where each eight begin, less all that close in them, and 128 so that it is a number of its byte.
        // What is deeper than 64 can't end in this block.
        let depth = self.depth.min(BLOCK) as u64;
        let shallowest = (HIGH + ONES * depth + (opened << 8)) - closed;
        let may_end = !(shallowest - ONES) & HIGH;
        if may_end == 0 {
            self.depth = self.depth + (opened >> 56) as usize - (closed >> 56) as usize;
            return None;
        }
        let before = (1 << (may_end.trailing_zeros() & !7)) - 1;
        let count = |mask: u64| (mask & before).count_ones() as usize;
        self.depth = self.depth + count(opens) - count(closes);
        let mut brackets = (opens | closes) & !before;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if opens >> at & 1 == 1 {
                self.depth += 1;
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    return Some(at as usize + 1);
                }
            }
        }
        None
    }

    /// What stands behind a backslash that is not itself behind one.
    #[inline]
    fn escaped_by(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        // As simdjson does it: in a run of backslashes, every other one escapes. The subtraction carries from where a run
        // begins to behind its end, and whether that is an odd place tells the rest.
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let beginning = backslashes & !self.escaped;
        let behind = ((beginning << 1) | ODD).wrapping_sub(beginning) ^ ODD;
        let escaped = behind ^ (backslashes | self.escaped);
        self.escaped = (behind & backslashes) >> 63;
        escaped
    }
}

/// How many bits of each byte are set.
#[inline]
fn ones_of_bytes(mask: u64) -> u64 {
    let pairs = mask - ((mask >> 1) & (ONES * 0x55));
    let fours = (pairs & (ONES * 0x33)) + ((pairs >> 2) & (ONES * 0x33));
    (fours + (fours >> 4)) & (ONES * 0x0f)
}

/// Whether `text`, a list or object that ends where it ends, has more than `most` levels.
pub(crate) fn is_deeper_than(most: usize, text: &str) -> bool {
    // Few have as many brackets.
    if text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() <= most {
        return false;
    }
    let mut place = Place::default();
    text.bytes().any(|byte| {
        place.pass(byte);
        place.depth > most
    })
}

/// Where in a list or object one is, byte by byte.
#[derive(Default)]
struct Place {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Place {
    /// Passes one byte; whether the outermost bracket closes with it.
    #[inline]
    fn pass(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a list or object ends is the same byte by byte and block by block, wherever in a block it begins.
    #[track_caller]
    fn check(text: &str) {
        for indent in [0, 1, 7, 31, 62, 63, 64] {
            let text = format!("{}{text} }}]\"", "]".repeat(indent));
            let mut place = Place::default();
            let plainly =
                text.bytes().skip(indent).position(|byte| place.pass(byte)).map(|at| indent + at + 1);
            assert_eq!(end_of_container(text.as_bytes(), indent), plainly, "{text}");
        }
    }

    #[test]
    fn what_ends_is_found_to_end() {
        for text in
            ["{}", "[]", r#"{"a":{}}"#, r#"[[],[[]],{}]"#, r#"{"}":"]","[":["{"]}"#, "[", "{\"a", "[[]"]
        {
            check(text);
        }
        for levels in [1, 7, 8, 9, 63, 64, 65, 127, 128, 300] {
            check(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
            check(&format!("{}1{}", "[{\"a\": ".repeat(levels), "  }]".repeat(levels)));
            check(&format!("[{}]", "[],".repeat(levels)));
            check(&format!("[{}]", r#"{"a":"}"},"#.repeat(levels)));
        }
    }

    #[test]
    fn a_quote_behind_backslashes_ends_a_string_or_does_not() {
        for before in [0, 1, 2, 50, 58, 60, 61, 62, 63, 64, 126] {
            for backslashes in 0..70 {
                let string = format!("{}{}", "x".repeat(before), "\\".repeat(backslashes));
                // With an odd number, the string goes on behind the quote.
                let rest = if backslashes % 2 == 0 { "" } else { "]}\"" };
                check(&format!(r#"["{string}"{rest},"\"",{{"\\":[]}}]"#));
            }
        }
    }

    #[test]
    fn any_json_ends_where_it_ends_byte_by_byte() {
        // A plain congruential generator: the same texts each time.
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..2_000 {
            let mut text = String::from("[");
            let mut open = vec!['{'; 0];
            for _ in 0..random(120) {
                match random(6) {
                    0 => {
                        text.push_str("[[");
                        open.extend([']', ']']);
                    }
                    1 => {
                        text.push_str(r#"{"k\\":"#);
                        open.push('}');
                    }
                    2 => text.extend(open.pop()),
                    3 => text.push_str(&" ".repeat(random(20))),
                    4 => text.push_str(r#""a\"}]\\","#),
                    _ => text.push_str("1,"),
                }
            }
            text.extend(open.into_iter().rev());
            text.push(']');
            check(&text);
        }
    }
}
