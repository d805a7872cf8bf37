//! The steps of a path, each with the segment of RFC 9535 that it is rewritten to.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// Which character of the text, from 1.
    pub(crate) column: usize,
    /// As it stands in the text.
    pub(crate) source: String,
    pub(crate) kind: Kind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `.name`: one of the values has to have it.
    Field(String, Rewritten),
    /// `..name`: so here.
    Descend(String, Rewritten),
    /// `.*`
    Wildcard(Rewritten),
    /// `[-1]`: every list has to have it.
    Index(i64, Rewritten),
    /// `[1:5:2]`, `[*]`: every list has to reach so far.
    Slice { start: Option<i64>, end: Option<i64>, rewritten: Rewritten },
    /// `[?(...)]`
    Filter(Rewritten),
    /// `['a','b.c']`: all that the first leads to, then all that the second does. RFC 9535 has another order.
    Union(Vec<Vec<Step>>),
}

/// A query of RFC 9535 of one segment.
pub(crate) type Rewritten = JpQuery;

impl Kind {
    pub(crate) fn field(name: String) -> Kind {
        let query = one(Segment::name(&name));
        Kind::Field(name, query)
    }

    pub(crate) fn descend(name: String) -> Kind {
        let query = one(Segment::Descendant(Box::new(Segment::name(&name))));
        Kind::Descend(name, query)
    }

    pub(crate) fn wildcard() -> Kind {
        Kind::Wildcard(select(Selector::Wildcard))
    }

    pub(crate) fn index(index: i64) -> Kind {
        Kind::Index(index, select(Selector::Index(index)))
    }

    pub(crate) fn slice(start: Option<i64>, end: Option<i64>, step: Option<i64>) -> Kind {
        Kind::Slice { start, end, rewritten: select(Selector::Slice(start, end, step)) }
    }

    /// The segment; `None` for a union, which none can express.
    pub(crate) fn segment(&self) -> Option<&Segment> {
        match self {
            Kind::Field(_, query)
            | Kind::Descend(_, query)
            | Kind::Wildcard(query)
            | Kind::Index(_, query)
            | Kind::Slice { rewritten: query, .. }
            | Kind::Filter(query) => query.segments.first(),
            Kind::Union(_) => None,
        }
    }
}

pub(crate) fn select(selector: Selector) -> Rewritten {
    one(Segment::Selector(selector))
}

fn one(segment: Segment) -> Rewritten {
    JpQuery::new(vec![segment])
}
