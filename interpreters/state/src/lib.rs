//! The state of any kind that must survive a move: what the policy's rules name in its status, carried as labels.

mod label;
mod preserve;
mod restore;

use preserve::Preserving;
use restore::AnyObject;

windlass_sdk::interpreter! {
    name: "state",
    description: "Labels that carry state to the next cluster, for any kind",
    kinds: [
        ("*", "*") => Preserving<'_> { preserve },
        ("*", "*") => AnyObject<'_> { restore },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/state");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
