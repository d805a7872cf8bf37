//! Where strings, lists and objects end.

/// The first byte from `at` on that ends a plain run of characters in a string: a quote, a backslash, or what may not
/// stand in strings. The length of `bytes` if there is none.
#[inline]
pub(crate) fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
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
    let mut place = Place { depth: 0, in_string: false, escaped: false };
    let mut at = at;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        match place.pass_block(block) {
            Some(end) => return Some(at + end),
            None => at += block.len(),
        }
    }
    loop {
        if place.pass(*bytes.get(at)?) {
            return Some(at + 1);
        }
        at += 1;
    }
}

/// Whether `text`, a list or object that ends where it ends, has more than `most` levels.
pub(crate) fn is_deeper_than(most: usize, text: &str) -> bool {
    // Few have as many brackets.
    if text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() <= most {
        return false;
    }
    let mut place = Place { depth: 0, in_string: false, escaped: false };
    text.bytes().any(|byte| {
        place.pass(byte);
        place.depth > most
    })
}

/// Where in a list or object one is.
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

    /// Passes sixteen bytes; how many of them if the outermost bracket closes among them.
    #[inline]
    fn pass_block(&mut self, block: &[u8; 16]) -> Option<usize> {
        let masks = crate::block::masks(block);
        if self.escaped || masks.backslashes != 0 {
            return block.iter().position(|byte| self.pass(*byte)).map(|at| at + 1);
        }
        // A bit is set from an opening quote up to the closing one.
        let mut strings = masks.quotes;
        for shift in [1, 2, 4, 8] {
            strings ^= strings << shift;
        }
        if self.in_string {
            strings = !strings;
        }
        self.in_string = strings & 0x8000 != 0;
        let (opens, mut closes) = (masks.opens & !strings, masks.closes & !strings);
        let closing = closes.count_ones() as usize;
        if closing < self.depth {
            self.depth = self.depth + opens.count_ones() as usize - closing;
            return None;
        }
        while closes != 0 {
            let at = closes.trailing_zeros();
            closes &= closes - 1;
            let opened = (opens & ((1 << at) - 1)).count_ones() as usize;
            let closed = closing - closes.count_ones() as usize;
            if self.depth + opened == closed {
                return Some(at as usize + 1);
            }
        }
        self.depth = self.depth + opens.count_ones() as usize - closing;
        None
    }
}
