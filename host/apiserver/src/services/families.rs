//! The IP families of a service: the fields for one and for several, what is inferred from what, and what is refused.

use std::net::IpAddr;

use serde_json::{Value, json};
use windlass_schema::FieldError;

use super::{is_headless, set, text, texts};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    pub(super) fn parse(name: &str) -> Option<Family> {
        [Family::V4, Family::V6].into_iter().find(|family| family.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    const fn other(self) -> Family {
        match self {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        }
    }
}

/// Holds `clusterIP` and `clusterIPs` together where a client writes only one of them.
pub(super) fn match_singular(old: Option<&Value>, new: &mut Value) {
    let one = text(new, "clusterIP").to_owned();
    let Some(old) = old else {
        if !one.is_empty() && texts(new, "clusterIPs").is_empty() {
            set(new, "clusterIPs", Some(json!([one])));
        }
        return;
    };
    let (before, all_before) = (text(old, "clusterIP"), texts(old, "clusterIPs"));
    if texts(new, "clusterIPs").is_empty() && !all_before.is_empty() && before == one {
        set(new, "clusterIPs", Some(json!(all_before)));
    }
    if before != one && texts(new, "clusterIPs") == all_before {
        let cleared = one.is_empty();
        set(new, "clusterIPs", (!cleared).then(|| json!([one])));
    }
}

/// Settles policy and families. `configured` are those that have addresses, the default one first.
pub(super) fn settle(old: Option<&Value>, new: &mut Value, configured: &[Family]) -> Vec<FieldError> {
    if text(new, "type") == "ExternalName" {
        return Vec::new();
    }
    let same = |name: &str| old.is_some_and(|old| texts(old, name) == texts(new, name));
    let preferred = |service: &Value| text(service, "ipFamilyPolicy") == "PreferDualStack";
    if old.is_some_and(preferred) && preferred(new) && same("clusterIPs") && same("ipFamilies") {
        // A service is not moved to two families, or back to one, only because the cluster was.
        return Vec::new();
    }
    let headless = is_headless(new);
    let selects = new.pointer("/spec/selector").and_then(Value::as_object).is_some_and(|map| !map.is_empty());
    if text(new, "ipFamilyPolicy").is_empty() {
        let kept = old.map(|old| text(old, "ipFamilyPolicy")).filter(|policy| !policy.is_empty());
        let policy = kept.unwrap_or(if headless && !selects { "RequireDualStack" } else { "SingleStack" });
        set(new, "ipFamilyPolicy", Some(json!(policy)));
    }
    let errors = malformed(new);
    if !errors.is_empty() {
        return errors;
    }
    let single = text(new, "ipFamilyPolicy") == "SingleStack";
    let errors = reduce(old, new, single);
    if !errors.is_empty() {
        return errors;
    }
    let mut families: Vec<Family> = texts(new, "ipFamilies").into_iter().filter_map(Family::parse).collect();
    let mut errors = Vec::new();
    for (at, address) in addresses(new).into_iter().enumerate().skip(families.len()) {
        let family = Family::of(address);
        if configured.contains(&family) {
            families.push(family);
        } else {
            let detail = format!("{} is not configured on this cluster", family.name());
            errors.push(FieldError::invalid(
                format!("spec.clusterIPs[{at}]"),
                &new["spec"]["clusterIPs"],
                &detail,
            ));
        }
    }
    let free = headless && !selects;
    if !free {
        errors.extend(unconfigured(new, configured));
    }
    if !errors.is_empty() {
        return errors;
    }
    if families.is_empty() {
        families.extend(configured.first().copied().or(Some(Family::V4)));
    }
    if let ([family], false) = (families.as_slice(), single)
        && (free || configured.len() > 1)
    {
        families.push(family.other());
    }
    let names: Vec<&str> = families.into_iter().map(Family::name).collect();
    set(new, "ipFamilies", Some(json!(names)));
    Vec::new()
}

fn addresses(service: &Value) -> Vec<IpAddr> {
    texts(service, "clusterIPs").into_iter().filter_map(|text| text.parse().ok()).collect()
}

/// What the fields say that can't be, whatever the cluster is.
fn malformed(new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (one, all) = (text(new, "clusterIP"), texts(new, "clusterIPs"));
    let list = &new["spec"]["clusterIPs"];
    match (one, all.first()) {
        ("", Some(_)) => {
            errors.push(FieldError::invalid(
                "spec.clusterIPs",
                list,
                "must be empty when `clusterIP` is not specified",
            ));
        }
        (one, Some(first)) if one != *first => {
            errors.push(FieldError::invalid("spec.clusterIPs", list, "first value must match `clusterIP`"));
        }
        _ => {}
    }
    let families = texts(new, "ipFamilies");
    for (at, family) in families.iter().enumerate() {
        let field = format!("spec.ipFamilies[{at}]");
        if Family::parse(family).is_none() {
            errors.push(FieldError::not_supported(field, &json!(family), ["IPv4", "IPv6"]));
        } else if families[..at].contains(family) {
            errors.push(FieldError::duplicate(field, &json!(family)));
        }
    }
    const POLICIES: [&str; 3] = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    let policy = text(new, "ipFamilyPolicy");
    if !POLICIES.contains(&policy) {
        errors.push(FieldError::not_supported("spec.ipFamilyPolicy", &json!(policy), POLICIES));
    }
    for (at, address) in all.iter().enumerate() {
        match address.parse::<IpAddr>() {
            Ok(found) => {
                let wanted = families.get(at).and_then(|family| Family::parse(family));
                if wanted.is_some_and(|wanted| wanted != Family::of(found)) && all[0] != "None" {
                    let detail =
                        format!("expected an {} value as indicated by `ipFamilies[{at}]`", families[at]);
                    errors.push(FieldError::invalid(
                        format!("spec.clusterIPs[{at}]"),
                        &json!(address),
                        &detail,
                    ));
                }
            }
            Err(_) if at == 0 && *address == "None" => {
                if all.len() > 1 {
                    errors.push(FieldError::invalid(
                        "spec.clusterIPs",
                        list,
                        "'None' must be the first and only value",
                    ));
                }
            }
            Err(_) => errors.push(FieldError::invalid(
                format!("spec.clusterIPs[{at}]"),
                &json!(address),
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            )),
        }
    }
    let found = addresses(new);
    if all.len() > 2 {
        errors.push(FieldError::invalid("spec.clusterIPs", list, "may only hold up to 2 values"));
    } else if let [first, second] = found.as_slice()
        && Family::of(*first) == Family::of(*second)
    {
        let detail = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid("spec.clusterIPs", list, detail));
    }
    errors
}

/// Lets go of the second family where the policy says so, and refuses the other ways to lose it.
fn reduce(old: Option<&Value>, new: &mut Value, single: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let policy = new["spec"]["ipFamilyPolicy"].clone();
    let mut refuse = |detail: &str| errors.push(FieldError::invalid("spec.ipFamilyPolicy", &policy, detail));
    for (name, lost, several) in [
        (
            "clusterIPs",
            "must be 'SingleStack' to release the secondary cluster IP",
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
        ),
        (
            "ipFamilies",
            "must be 'SingleStack' to release the secondary IP family",
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
        ),
    ] {
        let before: Vec<&str> = old.map(|old| texts(old, name)).unwrap_or_default();
        let now: Vec<String> = texts(new, name).into_iter().map(str::to_owned).collect();
        if single && now.len() > 1 {
            if now == before {
                set(new, name, Some(json!([now[0]])));
            } else {
                refuse(several);
            }
        } else if !single && before.len() == 2 && now.len() == 1 && now[0] == before[0] {
            refuse(lost);
        }
    }
    errors
}

fn unconfigured(new: &Value, configured: &[Family]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if text(new, "ipFamilyPolicy") == "RequireDualStack" && configured.len() < 2 {
        let detail = "this cluster is not configured for dual-stack services";
        errors.push(FieldError::invalid("spec.ipFamilyPolicy", &json!("RequireDualStack"), detail));
    }
    for (at, name) in texts(new, "ipFamilies").into_iter().enumerate() {
        if Family::parse(name).is_some_and(|family| !configured.contains(&family)) {
            let field = format!("spec.ipFamilies[{at}]");
            errors.push(FieldError::invalid(field, &json!(name), "not configured on this cluster"));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(old: Option<Value>, spec: Value, configured: &[Family]) -> Result<Value, Vec<String>> {
        let mut new = json!({"metadata": {"name": "s"}, "spec": spec});
        let old = old.map(|spec| json!({ "spec": spec }));
        match_singular(old.as_ref(), &mut new);
        let errors = settle(old.as_ref(), &mut new, configured);
        if errors.is_empty() {
            return Ok(new["spec"].take());
        }
        Err(errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn one_family_is_the_default_and_two_have_to_be_there() {
        let one = &[Family::V4][..];
        let two = &[Family::V6, Family::V4][..];
        let families =
            |policy: &str, families: Value| Ok(json!({"ipFamilyPolicy": policy, "ipFamilies": families}));
        assert_eq!(settled(None, json!({}), one), families("SingleStack", json!(["IPv4"])));
        assert_eq!(settled(None, json!({}), two), families("SingleStack", json!(["IPv6"])));
        let prefers = json!({"ipFamilyPolicy": "PreferDualStack"});
        assert_eq!(settled(None, prefers.clone(), one), families("PreferDualStack", json!(["IPv4"])));
        assert_eq!(settled(None, prefers, two), families("PreferDualStack", json!(["IPv6", "IPv4"])));
        assert_eq!(
            settled(None, json!({"ipFamilyPolicy": "RequireDualStack"}), one).unwrap_err(),
            [
                "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services"
            ]
        );
        assert_eq!(
            settled(None, json!({"ipFamilies": ["IPv6"]}), one).unwrap_err(),
            ["spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster"]
        );
        assert_eq!(
            settled(None, json!({"clusterIP": "None"}), one),
            Ok(json!({"clusterIP": "None", "clusterIPs": ["None"], "ipFamilyPolicy": "RequireDualStack",
                "ipFamilies": ["IPv4", "IPv6"]}))
        );
    }

    #[test]
    fn the_fields_for_one_and_for_several_have_to_agree() {
        let errors = |spec: Value| settled(None, spec, &[Family::V4]).unwrap_err();
        assert_eq!(
            errors(json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.2"]})),
            ["spec.clusterIPs: Invalid value: [\"10.0.0.2\"]: first value must match `clusterIP`"]
        );
        assert_eq!(
            errors(json!({"clusterIP": "x"})),
            [
                "spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            ]
        );
        assert_eq!(
            errors(json!({"ipFamilies": ["IPv4", "IPv4", "x"]})),
            [
                "spec.ipFamilies[1]: Duplicate value: \"IPv4\"",
                "spec.ipFamilies[2]: Unsupported value: \"x\": supported values: \"IPv4\", \"IPv6\""
            ]
        );
    }
}
