//! Requests for certificates: they say who made them, whatever they were sent with.

use serde_json::Value;

use super::{Call, field};

const REQUESTS: (&str, &str) = ("certificatesigningrequests", "certificates.k8s.io");

/// What a new request has besides its defaults.
pub(crate) fn shape_new(call: &Call, object: &mut Value) {
    if !call.resource.is(REQUESTS) {
        return;
    }
    let info = call.user.info();
    let spec = field::child(object, "spec");
    for name in ["username", "uid", "groups", "extra"] {
        match info.get(name) {
            Some(value) => spec.insert(name.to_owned(), value.clone()),
            None => spec.remove(name),
        };
    }
}
