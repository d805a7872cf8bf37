//! The escapes of quoted texts: those of Go's string literals.

/// The text between the quotes, or `None` where it has a backslash before something that it can't escape.
pub(crate) fn unquote(inner: &str, quote: char) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        text.push(match chars.next()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' => '\\',
            c if c == quote => c,
            // One byte: beyond ASCII it would be no text of its own.
            'x' => number(&mut chars, 2, 16, None).filter(char::is_ascii)?,
            c @ '0'..='7' => number(&mut chars, 2, 8, Some(c)).filter(char::is_ascii)?,
            'u' => number(&mut chars, 4, 16, None)?,
            'U' => number(&mut chars, 8, 16, None)?,
            _ => return None,
        });
    }
    Some(text)
}

fn number(chars: &mut std::str::Chars<'_>, digits: usize, radix: u32, first: Option<char>) -> Option<char> {
    let mut value = first.map_or(Some(0), |first| first.to_digit(radix))?;
    for _ in 0..digits {
        value = value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)?;
    }
    char::from_u32(value)
}
