//! Admission hooks, asked anything.

use std::marker::PhantomData;

use serde_json::Value;

use super::super::case::Case;
use super::super::hook::request;
use super::super::random::Random;
use super::distort::{distorted, text};
use super::{Question, change, rounds};
use crate::admission::bindings::exports::windlass::admission::hook::{Guest, Request};

/// Asks the plugin of what the cases' inputs become.
pub(in super::super) fn survive<P: Guest>(cases: &[Case]) {
    let inputs: Vec<&Value> = cases.iter().map(|case| &case.input).collect();
    rounds(|| {}, |random| Asked::<P>::of(&inputs, random));
}

struct Asked<P> {
    plugin: PhantomData<P>,
    request: Request,
    settings: String,
}

impl<P> Asked<P> {
    fn of(inputs: &[&Value], random: &mut Random) -> Asked<P> {
        let input = *random.pick(inputs);
        let mut request = request(&input["request"]);
        for part in [&mut request.object, &mut request.old_object] {
            let of = if random.chance(80) { &input["request"]["object"] } else { input };
            *part = random.chance(80).then(|| distorted(of, random));
        }
        for part in [&mut request.namespace, &mut request.name, &mut request.kind, &mut request.user] {
            if random.chance(20) {
                *part = text(random);
            }
        }
        let settings = &input["settings"];
        let settings = if random.chance(50) { settings.to_string() } else { distorted(settings, random) };
        Asked { plugin: PhantomData, request, settings }
    }
}

impl<P: Guest> Question for Asked<P> {
    fn ask(&self) {
        let _ = P::check_settings(self.settings.clone());
        if let Ok(admitted) = P::admit(self.request.clone(), self.settings.clone()) {
            admitted.changes.iter().for_each(|it| change(&it.path, it.value.as_deref()));
        }
    }

    fn parts(&self) -> Vec<String> {
        vec![format!("{:?}", self.request), format!("settings {}", self.settings)]
    }
}
