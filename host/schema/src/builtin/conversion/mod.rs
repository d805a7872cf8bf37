//! The versions of built-in kinds that are served but not stored, from `kinds/conversions.json`: how their objects
//! become those of the stored version and are made of them again, without loss.

mod autoscaler;
mod moves;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Definition → how it is stored.
pub(super) type Conversions = BTreeMap<String, Conversion>;

/// How a version that is not stored becomes the one that is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Conversion {
    /// The `apiVersion` of the stored version; the plural is the same.
    pub(crate) stored: String,
    /// Fields that have another name when stored: here, there.
    #[serde(default)]
    moves: Vec<(String, String)>,
    #[serde(default)]
    rules: Rules,
}

/// What is more than moving fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Rules {
    #[default]
    None,
    Autoscaler,
}

pub(super) fn read() -> Conversions {
    serde_json::from_str(include_str!("../../../kinds/conversions.json"))
        .expect("kinds/conversions.json is read by every test")
}

impl Conversion {
    /// Makes an object of the served version one of the stored version.
    pub(crate) fn store(&self, object: &mut Value) {
        moves::forth(object, self.moves.iter().map(|(here, there)| (here.as_str(), there.as_str())));
        if self.rules == Rules::Autoscaler {
            autoscaler::store(object);
        }
        moves::put(object, "apiVersion", Value::String(self.stored.clone()));
    }

    /// Makes a stored object one of the served version, whose `apiVersion` the caller knows.
    pub(crate) fn serve(&self, object: &mut Value) {
        moves::back(object, self.moves.iter().map(|(here, there)| (here.as_str(), there.as_str())));
        if self.rules == Rules::Autoscaler {
            autoscaler::serve(object);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_events_fields_have_two_names() {
        let events = read().remove("io.k8s.api.events.v1.Event").unwrap();
        let served = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
            "regarding": {"kind": "Pod"}, "note": "n", "reportingController": "c", "reason": "r",
            "series": {"count": 2}, "deprecatedCount": 3, "deprecatedSource": {"component": "c"}});
        let mut object = served.clone();
        events.store(&mut object);
        assert_eq!(
            object,
            json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"},
                "message": "n", "reportingComponent": "c", "reason": "r", "series": {"count": 2}, "count": 3,
                "source": {"component": "c"}})
        );
        events.serve(&mut object);
        object["apiVersion"] = json!("events.k8s.io/v1");
        assert_eq!(object, served);
    }
}
