//! Why a text is no template, and why a template prints nothing of a document.

/// A text that is no template, or one that RFC 9535 can't express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct SyntaxError {
    /// Which character, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The text ends inside braces.
    #[error("the '{{' has no '}}' on its line")]
    UnclosedAction,
    /// A bracket without its end.
    #[error("the '[' has no ']' on its line")]
    UnclosedBracket,
    /// A filter without its end.
    #[error("the '[?(' has no ')]' on its line")]
    UnclosedFilter,
    /// A quote without its end.
    #[error("the quote is not closed on its line")]
    UnclosedQuote,
    /// A backslash before something that it can't escape.
    #[error("this is no escape of a text")]
    Escape,
    /// A character that begins nothing.
    #[error("{0:?} can't stand here")]
    Unexpected(char),
    /// Several conditions in one filter.
    #[error("a filter has one condition: this dialect knows neither && nor ||")]
    Logic,
    /// A regular expression.
    #[error("a filter compares with ==, !=, <, <=, > or >=: this dialect has no regular expressions")]
    RegularExpression,
    /// A comparison that there is not.
    #[error("a filter compares with ==, !=, <, <=, > or >=, not with {0:?}")]
    Operator(String),
    /// A word that is neither a path nor known.
    #[error("{0:?} is no keyword: a field begins with a dot, a text with a quote")]
    Word(String),
    /// A number that is none.
    #[error("{0:?} is not a number")]
    Number(String),
    /// Brackets around something else than an index.
    #[error("[{0}] is neither an index, a slice nor a name in single quotes")]
    Index(String),
    /// A slice that takes no step forwards.
    #[error("the step of a slice is greater than 0")]
    Step,
    /// A field without a name.
    #[error("a field's name is missing after the dot")]
    NoName,
    /// A recursive descent to anything but a field.
    #[error("after .. stands a field's name")]
    Descent,
    /// A value beside a path.
    #[error("a text or a number stands alone, in braces of its own")]
    Literal,
    /// A keyword within an action.
    #[error("{0:?} stands first in its braces")]
    Keyword(&'static str),
    /// A range that has no end.
    #[error("the range has no {{end}}")]
    UnclosedRange,
    /// An end that has no range.
    #[error("there is no range to end")]
    End,
    /// More behind `end`.
    #[error("nothing follows \"end\" in its braces")]
    AfterEnd,
    /// A side of a comparison that may be several values.
    #[error("what is compared is one value: a literal, or a path of names and indexes")]
    NotOne,
    /// A filter that doesn't depend on the items.
    #[error("a filter begins with a path of the item: @")]
    NoCondition,
    /// A filter or union within a filter.
    #[error("a filter's path has names, indexes, slices and wildcards only")]
    Nested,
    /// Ranges in ranges in ranges.
    #[error("ranges may be nested {0} deep")]
    Depth(usize),
}

/// A template that can't be printed of a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {failure}")]
pub struct EvaluationError {
    /// Which character of the template, from 1.
    pub column: usize,
    /// The path up to there: `.status.jobId`.
    pub path: String,
    /// What is wrong there.
    pub failure: Failure,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No value has the field.
    #[error("{0:?} is not found")]
    NotFound(String),
    /// An index, slice or filter of something that is no list.
    #[error("this is not a list but {0}")]
    NoList(&'static str),
    /// An index or an end of a slice beyond the list.
    #[error("{index} is outside of the list, which has {length}")]
    OutOfBounds {
        /// As it is counted from the list's start.
        index: i64,
        /// The number of items.
        length: usize,
    },
    /// A slice that begins after its end.
    #[error("the slice begins at {start} and ends at {end}")]
    Reversed {
        /// Where it begins.
        start: i64,
        /// Where it ends.
        end: i64,
    },
    /// More than one evaluation may look at or print.
    #[error("this leads to too many values")]
    TooMuch,
    /// The evaluation of a segment failed.
    #[error("{0}")]
    Segment(String),
}
