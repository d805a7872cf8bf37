//! Our client of interpreter webhooks against our server of them, and against servers that are broken.

#![allow(clippy::unwrap_used, reason = "all of it is test code: a panic is how a test fails")]

mod broken;
mod served;
mod things;
mod well;
