//! Tokens of service accounts: issued by TokenRequest, and good for as long as the account and what they are bound to
//! are there.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::User;
use crate::objects::field;
use crate::state::State;
use crate::store::{Key, Stored};

/// Whom tokens are from, and for whom they are where nothing else is asked for.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const ACCOUNTS: &str = "/serviceaccounts";
const CLAIMS: &str = "kubernetes.io";
/// How far two clocks may be apart.
const CLOCK_TOLERANCE_SECONDS: i64 = 60;

/// What a token may be bound to: the kind, how its claim is called, where it is stored, and whether in a namespace.
const BOUND: [(&str, &str, &str, bool); 3] = [
    ("Pod", "pod", "/pods", true),
    ("Secret", "secret", "/secrets", true),
    ("Node", "node", "/nodes", false),
];

/// An object that a token ends with.
pub(crate) struct Bond {
    claim: &'static str,
    pub(crate) object: std::sync::Arc<Stored>,
}

/// The object of a kind that a token can be bound to: nothing for other kinds, nothing inside where it isn't there.
pub(crate) fn bond(state: &State, kind: &str, namespace: &str, name: &str) -> Option<Option<Bond>> {
    let (_, claim, resource, namespaced) = BOUND.iter().find(|(known, ..)| *known == kind)?;
    let key = Key::new(*resource, if *namespaced { namespace } else { "" }, name);
    Some(state.store.get(&key).map(|object| Bond { claim, object }))
}

/// A token for an account.
pub(crate) fn issue(
    state: &State,
    account: &Stored,
    audiences: &[String],
    lifetime: SignedDuration,
    bonds: &[Bond],
) -> Option<String> {
    let now = Timestamp::now();
    let (namespace, name) = (&*account.key.namespace, &*account.key.name);
    let reference = |object: &Stored| json!({"name": &*object.key.name, "uid": &*object.uid});
    let mut kubernetes = Map::from_iter([
        ("namespace".to_owned(), json!(namespace)),
        ("serviceaccount".to_owned(), reference(account)),
    ]);
    for bond in bonds {
        kubernetes.insert(bond.claim.to_owned(), reference(&bond.object));
    }
    state.authority.token_key().sign(&json!({
        "iss": ISSUER, "sub": user_name(namespace, name), "aud": audiences, "jti": state.new_uid(),
        "iat": now.as_second(), "nbf": now.as_second(), "exp": now.as_second() + lifetime.as_secs(),
        CLAIMS: kubernetes,
    }))
}

fn user_name(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// The audiences that a token is for, of those that are asked about; none where it is no token that holds.
pub(crate) fn authenticate(state: &State, token: &str, audiences: &[String]) -> Option<(User, Vec<String>)> {
    let claims = state.authority.token_key().verify(token)?;
    let now = Timestamp::now().as_second();
    let second = |name: &str| claims[name].as_i64();
    if claims["iss"] != ISSUER
        || second("exp")? + CLOCK_TOLERANCE_SECONDS < now
        || second("nbf")? - CLOCK_TOLERANCE_SECONDS > now
    {
        return None;
    }
    let of_token: Vec<&str> = claims["aud"].as_array()?.iter().filter_map(Value::as_str).collect();
    let shared: Vec<String> =
        audiences.iter().filter(|audience| of_token.contains(&audience.as_str())).cloned().collect();
    if shared.is_empty() {
        return None;
    }
    let kubernetes = &claims[CLAIMS];
    let namespace = kubernetes["namespace"].as_str()?;
    let name = kubernetes["serviceaccount"]["name"].as_str()?;
    let account = state.store.get(&Key::new(ACCOUNTS, namespace, name))?;
    if kubernetes["serviceaccount"]["uid"] != *account.uid || field::is_being_deleted(&field::parse(&account))
    {
        return None;
    }
    let mut extra = vec![("credential-id", format!("JTI={}", claims["jti"].as_str().unwrap_or_default()))];
    let bound_to_pod = kubernetes.get("pod").is_some();
    for (kind, claim, ..) in BOUND {
        let Some(reference) = kubernetes.get(claim) else { continue };
        let (name, uid) = (reference["name"].as_str()?, reference["uid"].as_str().unwrap_or_default());
        // The node of a pod is told, but the pod is what the token lives with.
        if !(claim == "node" && bound_to_pod) {
            bond(state, kind, namespace, name)?.filter(|bond| *bond.object.uid == *uid)?;
        }
        if claim != "secret" {
            extra.push(if claim == "pod" {
                ("pod-name", name.to_owned())
            } else {
                ("node-name", name.to_owned())
            });
            extra.push(if claim == "pod" {
                ("pod-uid", uid.to_owned())
            } else {
                ("node-uid", uid.to_owned())
            });
        }
    }
    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
    let mut user = User::new(user_name(namespace, name), groups);
    user.uid = account.uid.to_string();
    user.extra = extra
        .into_iter()
        .map(|(name, value)| (format!("authentication.kubernetes.io/{name}"), vec![value]))
        .collect();
    Some((user, shared))
}
