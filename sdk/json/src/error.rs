//! Why text could not be read.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// This is not what was to be read.
#[derive(Debug)]
pub struct Unread(Box<Cause>);

#[derive(Debug)]
struct Cause {
    /// Where, in bytes; `None` as long as only the reader knows.
    at: Option<usize>,
    /// `None` where the text is no JSON.
    message: Option<String>,
}

impl Unread {
    #[cold]
    pub(crate) fn no_json(at: usize) -> Unread {
        Unread(Box::new(Cause { at: Some(at), message: None }))
    }

    /// At this place, unless a more exact one is known.
    #[cold]
    pub(crate) fn at(mut self, at: usize) -> Unread {
        self.0.at.get_or_insert(at);
        self
    }

    /// The place, in bytes: behind a scalar, or behind the bracket that opens a list or object.
    pub fn place(&self) -> usize {
        self.0.at.unwrap_or_default()
    }

    /// What is wrong with what is there; `None` where it is not JSON.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message().unwrap_or("not JSON"), self.place())
    }
}

impl std::error::Error for Unread {}

impl de::Error for Unread {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Unread {
        Unread(Box::new(Cause { at: None, message: Some(message.to_string()) }))
    }

    #[cold]
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Unread {
        match unexpected {
            Unexpected::Unit => Unread::custom(format_args!("invalid type: null, expected {expected}")),
            other => Unread::custom(format_args!("invalid type: {other}, expected {expected}")),
        }
    }
}
