//! Filters: `[?(@.type=="Ready")]` to the logical expression of RFC 9535.

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, Literal, Selector, SingularQuery, SingularQuerySegment, Test,
};
use serde_json::Value;

use crate::error::{Reason, SyntaxError};
use crate::scan::{Closing, Part, Scan};
use crate::step::{Kind, Step, select};

/// What a filter begins with.
const OPEN: &str = "[?(";

/// Reads a filter, which is known to begin here, to its end.
pub(crate) fn read(scan: &mut Scan<'_>) -> Result<Kind, SyntaxError> {
    let open = scan.pos();
    scan.skip(OPEN.len());
    let start = scan.pos();
    let end = find_end(scan).ok_or_else(|| scan.error(open, Reason::UnclosedFilter))?;
    let inside = &scan.rest()[..end - start];
    scan.skip(inside.len() + 2);

    let is_operator = |c: char| matches!(c, '=' | '!' | '<' | '>');
    let filter = match inside.find(is_operator) {
        Some(left) if left > 0 => {
            let operator = &inside[left..];
            let operator = &operator[..operator.find(|c| !is_operator(c)).unwrap_or(operator.len())];
            let right = left + operator.len();
            let sides = [(start, start + left), (start + right, end)];
            compare(scan, operator, start + left, sides)?
        }
        _ => exists(scan, start, end)?,
    };
    Ok(Kind::Filter(select(Selector::Filter(filter))))
}

/// Where the parenthesis closes: the first outside of quotes that a bracket follows.
fn find_end(scan: &Scan<'_>) -> Option<usize> {
    let line = scan.rest().split('\n').next().unwrap_or_default();
    let mut quote: Option<char> = None;
    let mut before = '(';
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open && before != '\\' => quote = None,
            (None, ')') => return line[index + 1..].starts_with(']').then_some(scan.pos() + index),
            _ => {}
        }
        before = c;
    }
    None
}

/// The items that have something.
fn exists(scan: &Scan<'_>, start: usize, end: usize) -> Result<Filter, SyntaxError> {
    if scan.within(start, end).rest().trim().is_empty() {
        return Err(scan.error(start, Reason::NoCondition));
    }
    let mut segments = Vec::new();
    for part in scan.within(start, end).action(Closing::End)? {
        let step = match part {
            Part::Step(step) => step,
            Part::Literal { column, .. } => {
                return Err(SyntaxError { column, reason: Reason::NoCondition });
            }
            Part::Word { column, word } => return Err(SyntaxError { column, reason: Reason::Word(word) }),
        };
        let segment = step.kind.segment().filter(|_| !matches!(step.kind, Kind::Filter(_)));
        let nested = || SyntaxError { column: step.column, reason: Reason::Nested };
        segments.push(segment.ok_or_else(nested)?.clone());
    }
    Ok(Filter::Atom(FilterAtom::test(Test::RelQuery(segments), false)))
}

/// The items of which a comparison holds. A side that an item doesn't have makes it false: to RFC 9535, nothing is
/// unequal to something and equal to nothing.
fn compare(
    scan: &Scan<'_>,
    operator: &str,
    operator_at: usize,
    [left, right]: [(usize, usize); 2],
) -> Result<Filter, SyntaxError> {
    let (left, right) = (comparable(scan, left)?, comparable(scan, right)?);
    let mut all: Vec<Filter> = [&left, &right].into_iter().filter_map(present).collect();
    let comparison = Comparison::try_new(operator, left, right)
        .map_err(|_| scan.error(operator_at, Reason::Operator(operator.to_owned())))?;
    all.push(Filter::Atom(FilterAtom::cmp(Box::new(comparison))));
    Ok(Filter::And(all))
}

/// Whether the item has what is compared; literals are always there.
fn present(side: &Comparable) -> Option<Filter> {
    let Comparable::SingularQuery(SingularQuery::Current(segments)) = side else { return None };
    let segment = |segment: &SingularQuerySegment| match segment {
        SingularQuerySegment::Name(name) => Selector::Name(name.clone()),
        SingularQuerySegment::Index(index) => Selector::Index(*index),
    };
    let segments = segments.iter().map(segment).flat_map(|selector| select(selector).segments).collect();
    Some(Filter::Atom(FilterAtom::test(Test::RelQuery(segments), false)))
}

fn comparable(scan: &Scan<'_>, (start, end): (usize, usize)) -> Result<Comparable, SyntaxError> {
    if scan.within(start, end).rest().trim().is_empty() {
        return Err(scan.error(start, Reason::NotOne));
    }
    let parts = scan.within(start, end).action(Closing::End)?;
    if let [Part::Literal { value, column }] = parts.as_slice() {
        let literal = match value {
            Value::String(text) => Literal::String(text.clone()),
            Value::Bool(yes) => Literal::Bool(*yes),
            value => match (value.as_i64(), value.as_f64()) {
                (Some(whole), _) => Literal::Int(whole),
                (None, Some(float)) => Literal::Float(float),
                (None, None) => return Err(SyntaxError { column: *column, reason: Reason::NotOne }),
            },
        };
        return Ok(Comparable::Literal(literal));
    }
    let mut segments = Vec::new();
    for part in parts {
        match part {
            Part::Step(Step { kind: Kind::Field(name, _), .. }) => {
                segments.push(SingularQuerySegment::Name(name));
            }
            Part::Step(Step { kind: Kind::Index(index, _), .. }) => {
                segments.push(SingularQuerySegment::Index(index));
            }
            Part::Step(Step { column, .. }) | Part::Literal { column, .. } => {
                return Err(SyntaxError { column, reason: Reason::NotOne });
            }
            Part::Word { column, word } => return Err(SyntaxError { column, reason: Reason::Word(word) }),
        }
    }
    Ok(Comparable::SingularQuery(SingularQuery::Current(segments)))
}
