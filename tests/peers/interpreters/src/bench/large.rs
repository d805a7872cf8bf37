//! Objects of a megabyte.

use std::time::Duration;

use serde_json::Value;

use super::manifests::enlarged;
use super::ours::{Ours, repeatedly};
use super::report::{Large, Row};

const BYTES: usize = 1_000_000;

/// Each question about an object of a megabyte, beside serde_json reading the object.
pub(super) fn measure(rows: &[Row], ours: &Ours, round: Duration) -> Vec<Large> {
    let mut all = Vec::new();
    for row in rows {
        let Ok(call) = ours.call(&enlarged(&row.question, BYTES)) else { continue };
        if call.check().is_err() {
            continue;
        }
        let read = || call.texts().map(serde_json::from_str::<Value>).filter(Result::is_ok).count();
        let (mut reading, mut asking) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            reading.push(repeatedly(round, read));
            asking.push(call.round(round));
        }
        all.push(Large {
            row: row.name(),
            bytes: call.bytes(),
            reading: super::median(&mut reading),
            ours: super::median(&mut asking),
        });
    }
    all
}
