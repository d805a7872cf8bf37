//! admission.k8s.io AdmissionReview: what is sent, and whether what comes back is an answer to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::definition::Stage;
use crate::admission::attributes::{Attributes, Named, Review};

const GROUP: &str = "admission.k8s.io";
const KIND: &str = "AdmissionReview";

/// The first version that both sides know.
pub(super) fn version(offered: &[String]) -> Option<&'static str> {
    offered.iter().find_map(|version| ["v1", "v1beta1"].into_iter().find(|known| known == version))
}

pub(super) fn request(
    version: &str,
    uid: &str,
    attributes: &Attributes,
    named: &Named,
    review: &Review,
) -> Value {
    let mut request = attributes.request(named);
    request.insert("uid".to_owned(), json!(uid));
    request.insert("object".to_owned(), review.object.clone());
    request.insert("oldObject".to_owned(), review.old.clone());
    json!({"kind": KIND, "apiVersion": format!("{GROUP}/{version}"), "request": request})
}

/// What a webhook says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) allowed: bool,
    /// The Status of a refusal; `Null` where it gives none.
    pub(super) status: Value,
    pub(super) warnings: Vec<String>,
    /// The JSON patch; empty where there is none.
    pub(super) patch: Vec<u8>,
    pub(super) patch_type: String,
}

/// Reads an answer.
///
/// # Errors
/// It is none, or not to this question; worded as kube-apiserver words it.
pub(super) fn answer(body: &[u8], version: &str, uid: &str, stage: Stage) -> Result<Answer, String> {
    let review: Value = serde_json::from_slice(body)
        .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))?;
    let response = review.get("response").filter(|response| response.is_object());
    let response = response.ok_or("webhook response was absent")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if version == "v1" {
        let given = text(&response["uid"]);
        if given != uid {
            return Err(format!("expected response.uid={uid:?}, got {given:?}"));
        }
        let (api_version, kind) = (text(&review["apiVersion"]), text(&review["kind"]));
        if api_version != format!("{GROUP}/v1") || kind != KIND {
            let api_version = if api_version.is_empty() { "/".to_owned() } else { api_version };
            return Err(format!(
                "expected webhook response of {GROUP}/v1, Kind={KIND}, got {api_version}, Kind={kind}"
            ));
        }
    }
    let encoded = text(&response["patch"]);
    let patch =
        STANDARD.decode(&encoded).map_err(|error| format!("response.patch is not base64: {error}"))?;
    let patch_type = response.get("patchType").filter(|kind| !kind.is_null());
    match (version, stage, patch.is_empty(), patch_type) {
        ("v1", Stage::Mutating, false, None) => {
            return Err("webhook returned response.patch but not response.patchType".to_owned());
        }
        ("v1", Stage::Mutating, true, Some(_)) => {
            return Err("webhook returned response.patchType but not response.patch".to_owned());
        }
        ("v1", Stage::Validating, false, _) => {
            return Err("validating webhook may not return response.patch".to_owned());
        }
        ("v1", Stage::Validating, _, Some(_)) => {
            return Err("validating webhook may not return response.patchType".to_owned());
        }
        _ => {}
    }
    let patch_type = match version {
        "v1" => patch_type.map(text).unwrap_or_default(),
        // The older version has but one.
        _ => "JSONPatch".to_owned(),
    };
    let warnings = response["warnings"].as_array().into_iter().flatten();
    Ok(Answer {
        allowed: response["allowed"] == true,
        status: response["status"].clone(),
        warnings: warnings.filter_map(Value::as_str).map(str::to_owned).collect(),
        patch: if stage == Stage::Mutating { patch } else { Vec::new() },
        patch_type,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(review: Value, stage: Stage, expected: Result<bool, &str>) {
        let body = review.to_string();
        let found = answer(body.as_bytes(), "v1", "u", stage).map(|answer| answer.allowed);
        assert_eq!(found, expected.map_err(str::to_owned), "{review}");
    }

    fn review(response: Value) -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }

    #[test]
    fn an_answer_has_to_be_to_the_question() {
        check(review(json!({"uid": "u", "allowed": true})), Stage::Validating, Ok(true));
        check(review(json!({"uid": "u"})), Stage::Validating, Ok(false));
        check(review(Value::Null), Stage::Validating, Err("webhook response was absent"));
        let other = Err(r#"expected response.uid="u", got "x""#);
        check(review(json!({"uid": "x", "allowed": true})), Stage::Validating, other);
        let bare = json!({"response": {"uid": "u", "allowed": true}});
        let kind =
            Err("expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=");
        check(bare, Stage::Validating, kind);
        let patch = json!({"uid": "u", "allowed": true, "patch": "W10="});
        let why = Err("webhook returned response.patch but not response.patchType");
        check(review(patch.clone()), Stage::Mutating, why);
        check(review(patch), Stage::Validating, Err("validating webhook may not return response.patch"));
    }

    #[test]
    fn the_first_version_that_both_know_is_spoken() {
        let offered =
            |versions: &[&str]| version(&versions.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert_eq!(offered(&["v2", "v1beta1", "v1"]), Some("v1beta1"));
        assert_eq!(offered(&["v2"]), None);
    }
}
