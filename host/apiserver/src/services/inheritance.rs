//! What a changed service has from the one before: clients leave out what they were given, and change the type
//! without clearing what only the old type had.

use serde_json::{Map, Value, json};

use super::{set, text, texts};
use crate::objects::field;

fn needs_address(service: &Value) -> bool {
    text(service, "type") != "ExternalName"
}

pub(super) fn needs_node_ports(service: &Value) -> bool {
    matches!(text(service, "type"), "NodePort" | "LoadBalancer")
}

pub(super) fn needs_health_port(service: &Value) -> bool {
    text(service, "type") == "LoadBalancer" && text(service, "externalTrafficPolicy") == "Local"
}

pub(super) fn node_port(port: &Value) -> i64 {
    port.get("nodePort").and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn ports(service: &Value) -> &[Value] {
    service.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn ports_mut(service: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let ports = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    ports.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Clears what the new type has no use for, where the client left it as it was.
pub(super) fn drop_what_the_type_lacks(old: &Value, new: &mut Value) {
    let same = |new: &Value, name: &str| old["spec"].get(name) == new["spec"].get(name);
    if needs_address(old) && !needs_address(new) {
        if same(new, "clusterIP") && same(new, "clusterIPs") {
            set(new, "clusterIP", None);
            set(new, "clusterIPs", None);
        }
        for name in ["ipFamilies", "ipFamilyPolicy"] {
            if same(new, name) {
                set(new, name, None);
            }
        }
    }
    let numbers = |service: &Value| ports(service).iter().map(node_port).collect::<Vec<_>>();
    if needs_node_ports(old) && !needs_node_ports(new) && numbers(old) == numbers(new) {
        ports_mut(new).for_each(|port| {
            port.remove("nodePort");
        });
    }
    let balanced = |service: &Value| text(service, "type") == "LoadBalancer";
    for (name, had, has) in [
        ("healthCheckNodePort", needs_health_port(old), needs_health_port(new)),
        ("allocateLoadBalancerNodePorts", balanced(old), balanced(new)),
        ("loadBalancerClass", balanced(old), balanced(new)),
        ("externalTrafficPolicy", needs_node_ports(old), needs_node_ports(new)),
    ] {
        if had && !has && same(new, name) {
            set(new, name, None);
        }
    }
    if !balanced(new) && new.get("status").is_some() {
        field::child(new, "status").insert("loadBalancer".to_owned(), json!({}));
    }
}

/// Gives back what the service was given before, where the client left it out.
pub(super) fn keep_what_was_given(old: &Value, new: &mut Value) {
    if needs_address(old) && needs_address(new) {
        if text(new, "clusterIP").is_empty() && !text(old, "clusterIP").is_empty() {
            set(new, "clusterIP", Some(json!(text(old, "clusterIP"))));
        }
        if texts(new, "clusterIPs").is_empty() && !texts(old, "clusterIPs").is_empty() {
            set(new, "clusterIPs", Some(json!(texts(old, "clusterIPs"))));
        }
    }
    if needs_node_ports(old) && needs_node_ports(new) {
        let now: Vec<i64> = ports(new).iter().map(node_port).collect();
        for port in ports_mut(new).filter(|port| !port.get("nodePort").is_some_and(|given| *given != 0)) {
            let before =
                ports(old).iter().find(|before| before.get("name") == port.get("name")).map(node_port);
            if let Some(before) = before.filter(|before| *before != 0 && !now.contains(before)) {
                port.insert("nodePort".to_owned(), json!(before));
            }
        }
    }
    let health = &old["spec"]["healthCheckNodePort"];
    if needs_health_port(old) && needs_health_port(new) && new["spec"]["healthCheckNodePort"].is_null() {
        set(new, "healthCheckNodePort", Some(health.clone()).filter(Value::is_number));
    }
}
