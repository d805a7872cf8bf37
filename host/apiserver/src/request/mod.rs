//! What a client asks: the path, the query options, the representation it wants, the body it sends.

pub(crate) mod body;
pub(crate) mod options;
pub(crate) mod representation;
pub(crate) mod target;
