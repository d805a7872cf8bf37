//! Reads what stands in braces: words, literals and the steps of paths.

use serde_json::Value;

use crate::error::{Reason, SyntaxError};
use crate::filter;
use crate::step::{Kind, Step};
use crate::text::unquote;

/// A place in a text, and where reading has to end.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    text: &'a str,
    pos: usize,
    end: usize,
}

/// What ends an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// `}`
    Brace,
    /// The end of what is read.
    End,
}

/// What an action consists of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Step(Step),
    Literal { column: usize, value: Value },
    Word { column: usize, word: String },
}

/// Beyond this a list has no items; and the arithmetic of indexes is safe.
const INDEX_MAX: i64 = i32::MAX as i64;

type Scanned<T> = Result<T, SyntaxError>;

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Scan<'a> {
        Scan { text, pos: 0, end: text.len() }
    }

    /// From `start` to `end` of the same text.
    pub(crate) fn within(&self, start: usize, end: usize) -> Scan<'a> {
        Scan { text: self.text, pos: start, end }
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.pos..self.end]
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.pos += next.len_utf8();
        Some(next)
    }

    pub(crate) fn skip(&mut self, bytes: usize) {
        self.pos += bytes;
    }

    /// The error at a byte of the text.
    pub(crate) fn error(&self, at: usize, reason: Reason) -> SyntaxError {
        SyntaxError { column: self.column(at), reason }
    }

    pub(crate) fn column(&self, at: usize) -> usize {
        self.text[..at].chars().count() + 1
    }

    /// Reads an action up to and with its end.
    pub(crate) fn action(&mut self, closing: Closing) -> Scanned<Vec<Part>> {
        let mut parts = Vec::new();
        let open = self.pos;
        loop {
            let at = self.pos;
            let Some(next) = self.peek() else {
                return match closing {
                    Closing::End => Ok(parts),
                    Closing::Brace => Err(self.error(open.saturating_sub(1), Reason::UnclosedAction)),
                };
            };
            let kind = match next {
                '}' if closing == Closing::Brace => {
                    self.skip(1);
                    return Ok(parts);
                }
                '\n' | '\r' => {
                    let at = if closing == Closing::Brace { open.saturating_sub(1) } else { at };
                    return Err(self.error(at, Reason::UnclosedAction));
                }
                // The current object, wherever it stands.
                ' ' | '@' | '$' => {
                    self.skip(1);
                    continue;
                }
                '[' if self.rest().starts_with("[?(") => filter::read(self)?,
                '[' => match self.bracket()? {
                    Bracket::Kind(kind) => kind,
                    Bracket::Steps(steps) => {
                        parts.extend(steps.into_iter().map(Part::Step));
                        continue;
                    }
                },
                '.' if self.rest().starts_with("..") => {
                    self.skip(2);
                    self.descend(at)?
                }
                '.' => {
                    self.skip(1);
                    self.field(at)?
                }
                '"' | '\'' => {
                    let value = self.quoted(next)?.into();
                    parts.push(Part::Literal { column: self.column(at), value });
                    continue;
                }
                '+' | '-' | '0'..='9' => {
                    let value = self.number()?;
                    parts.push(Part::Literal { column: self.column(at), value });
                    continue;
                }
                next if next == '_' || next.is_alphanumeric() => {
                    let word = self.word();
                    let column = self.column(at);
                    parts.push(match word.as_str() {
                        "true" | "false" => Part::Literal { column, value: (word == "true").into() },
                        _ => Part::Word { column, word },
                    });
                    continue;
                }
                '&' | '|' => return Err(self.error(at, Reason::Logic)),
                '~' => return Err(self.error(at, Reason::RegularExpression)),
                next => return Err(self.error(at, Reason::Unexpected(next))),
            };
            parts.push(Part::Step(self.step(at, kind)));
        }
    }

    fn step(&self, at: usize, kind: Kind) -> Step {
        Step { column: self.column(at), source: self.text[at..self.pos].to_owned(), kind }
    }

    /// A field behind its dot.
    fn field(&mut self, at: usize) -> Scanned<Kind> {
        let source = self.name();
        match source {
            "*" => Ok(Kind::wildcard()),
            "" => Err(self.error(at, Reason::NoName)),
            name => Ok(Kind::field(name.replace('\\', ""))),
        }
    }

    /// What stands behind two dots.
    fn descend(&mut self, at: usize) -> Scanned<Kind> {
        while matches!(self.peek(), Some(' ' | '@' | '$')) {
            self.skip(1);
        }
        let kind = match self.peek() {
            Some('.') if !self.rest().starts_with("..") => {
                self.skip(1);
                self.field(at)?
            }
            Some('[') if !self.rest().starts_with("[?(") => match self.bracket()? {
                Bracket::Steps(mut steps) if steps.len() == 1 => steps.remove(0).kind,
                _ => return Err(self.error(at, Reason::Descent)),
            },
            Some(next) if next == '_' || next.is_alphanumeric() => self.field(at)?,
            _ => return Err(self.error(at, Reason::Descent)),
        };
        match kind {
            Kind::Field(name, _) => Ok(Kind::descend(name)),
            _ => Err(self.error(at, Reason::Descent)),
        }
    }

    /// Up to what ends a name; a backslash keeps what follows it.
    fn name(&mut self) -> &'a str {
        let start = self.pos;
        while let Some(next) = self.peek() {
            if next == '\\' {
                self.skip(1);
            } else if is_terminator(next) {
                break;
            }
            self.next();
        }
        &self.text[start..self.pos]
    }

    fn word(&mut self) -> String {
        let start = self.pos;
        while self.peek().is_some_and(|next| !is_terminator(next)) {
            self.next();
        }
        self.text[start..self.pos].to_owned()
    }

    fn number(&mut self) -> Scanned<Value> {
        let start = self.pos;
        if matches!(self.peek(), Some('+' | '-')) {
            self.skip(1);
        }
        while matches!(self.peek(), Some('.' | '0'..='9')) {
            self.skip(1);
        }
        let source = &self.text[start..self.pos];
        if let Ok(whole) = source.parse::<i64>() {
            return Ok(whole.into());
        }
        let float = source.parse::<f64>().ok().filter(|float| float.is_finite());
        float.map(Value::from).ok_or_else(|| self.error(start, Reason::Number(source.to_owned())))
    }

    fn quoted(&mut self, quote: char) -> Scanned<String> {
        let start = self.pos;
        self.skip(1);
        loop {
            match self.next() {
                None | Some('\n') => return Err(self.error(start, Reason::UnclosedQuote)),
                Some(next) if next == quote && !self.text[..self.pos - 1].ends_with('\\') => break,
                Some(_) => {}
            }
        }
        let inner = &self.text[start + 1..self.pos - 1];
        unquote(inner, quote).ok_or_else(|| self.error(start, Reason::Escape))
    }

    /// Brackets that are no filter.
    fn bracket(&mut self) -> Scanned<Bracket> {
        let start = self.pos;
        let inside = &self.rest()[1..];
        let line = inside.split('\n').next().unwrap_or_default();
        let length = line.find(']').ok_or_else(|| self.error(start, Reason::UnclosedBracket))?;
        self.pos = start + 1 + length + 1;
        let inside = &inside[..length];
        if !inside.contains(',') {
            return self.element(start + 1, inside);
        }
        let mut union = Vec::new();
        let mut at = start + 1;
        for element in inside.split(',') {
            let trimmed = element.trim_matches(' ');
            let element_at = at + element.len() - element.trim_start_matches(' ').len();
            union.push(match self.element(element_at, trimmed)? {
                Bracket::Steps(steps) => steps,
                Bracket::Kind(kind) => {
                    vec![Step { column: self.column(element_at), source: format!("[{trimmed}]"), kind }]
                }
            });
            at += element.len() + 1;
        }
        Ok(Bracket::Kind(Kind::Union(union)))
    }

    /// One element of brackets: a path in single quotes, an index or a slice.
    fn element(&self, at: usize, element: &str) -> Scanned<Bracket> {
        if element == "*" {
            return Ok(Bracket::Kind(Kind::slice(None, None, None)));
        }
        let quoted = element.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(key) = quoted.filter(|key| !key.contains('\'')) {
            return self.key(at, key);
        }
        let wrong = |reason: fn(String) -> Reason| self.error(at, reason(element.to_owned()));
        let numbers: Vec<&str> = element.split(':').collect();
        let digits = |text: &&str| text.strip_prefix('-').unwrap_or(text).chars().all(|c| c.is_ascii_digit());
        if numbers.len() > 3 || !numbers.iter().all(digits) {
            return Err(wrong(Reason::Index));
        }
        let number = |text: &str| -> Scanned<Option<i64>> {
            match text {
                "" => Ok(None),
                text => match text.parse::<i64>() {
                    Ok(number) if (-INDEX_MAX..=INDEX_MAX).contains(&number) => Ok(Some(number)),
                    _ => Err(self.error(at, Reason::Number(text.to_owned()))),
                },
            }
        };
        let first = number(numbers[0])?;
        let Some(end) = numbers.get(1) else { return Ok(Bracket::Kind(Kind::index(first.unwrap_or(0)))) };
        let (end, step) = (number(end)?, numbers.get(2).map_or(Ok(None), |step| number(step))?);
        if step.is_some_and(|step| step <= 0) {
            return Err(self.error(at, Reason::Step));
        }
        Ok(Bracket::Kind(Kind::slice(first, end, step)))
    }

    /// A path in quotes: what would stand behind a dot.
    fn key(&self, at: usize, key: &str) -> Scanned<Bracket> {
        let mut inner = self.within(at + 1, at + 1 + key.len());
        let first = if key.is_empty() { Kind::field(String::new()) } else { inner.field(at)? };
        let mut steps = vec![Step { source: format!("['{key}']"), ..inner.step(at + 1, first) }];
        for part in inner.action(Closing::End)? {
            match part {
                Part::Step(step) => steps.push(Step { source: String::new(), ..step }),
                Part::Literal { column, .. } => return Err(SyntaxError { column, reason: Reason::Literal }),
                Part::Word { column, word } => {
                    return Err(SyntaxError { column, reason: Reason::Word(word) });
                }
            }
        }
        Ok(Bracket::Steps(steps))
    }
}

/// What brackets mean.
enum Bracket {
    Kind(Kind),
    /// A quoted path.
    Steps(Vec<Step>),
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}
