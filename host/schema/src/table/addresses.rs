//! Cells about where something is reached: addresses, ports, hosts.

use serde_json::Value;

use super::cells::{or_none, plain};

const SHOWN: usize = 3;

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The first address of a type in `status.addresses`.
pub(super) fn of_type(object: &Value, wanted: &str) -> String {
    let found = items(&object["status"]["addresses"]).find(|address| address["type"] == wanted);
    or_none(found.map(|address| plain(&address["address"])).unwrap_or_default())
}

/// The service that an API is served by; `Local` where it is this server.
pub(super) fn api_service(object: &Value) -> String {
    match &object["spec"]["service"] {
        service if service.is_object() => {
            format!("{}/{}", plain(&service["namespace"]), plain(&service["name"]))
        }
        _ => "Local".to_owned(),
    }
}

/// The load balancer's addresses, by commas.
pub(super) fn balancer(object: &Value) -> String {
    let texts: Vec<String> = items(&object["status"]["loadBalancer"]["ingress"])
        .map(|ingress| match plain(&ingress["ip"]) {
            ip if ip.is_empty() => plain(&ingress["hostname"]),
            ip => ip,
        })
        .collect();
    texts.join(",")
}

pub(super) fn external(object: &Value) -> String {
    let spec = &object["spec"];
    let mut external: Vec<String> = items(&spec["externalIPs"]).map(plain).collect();
    match spec["type"].as_str().unwrap_or("ClusterIP") {
        "ExternalName" => plain(&spec["externalName"]),
        "LoadBalancer" => {
            let balancer = balancer(object);
            if !balancer.is_empty() {
                external.insert(0, balancer);
            }
            if external.is_empty() { "<pending>".to_owned() } else { external.join(",") }
        }
        _ => or_none(external.join(",")),
    }
}

/// `80:30080/TCP,53/UDP`.
pub(super) fn service_ports(object: &Value) -> String {
    let texts: Vec<String> = items(&object["spec"]["ports"])
        .map(|port| {
            let node = match port["nodePort"].as_i64() {
                Some(node) if node > 0 => format!(":{node}"),
                _ => String::new(),
            };
            format!("{}{node}/{}", plain(&port["port"]), plain(&port["protocol"]))
        })
        .collect();
    or_none(texts.join(","))
}

/// `10.0.0.1:80,10.0.0.2:80 + 3 more...`.
pub(super) fn endpoints(object: &Value) -> String {
    let texts: Vec<String> = items(&object["subsets"])
        .flat_map(|subset| {
            let ports: Vec<String> =
                items(&subset["ports"]).map(|port| format!(":{}", plain(&port["port"]))).collect();
            let ports = if ports.is_empty() { vec![String::new()] } else { ports };
            ports.into_iter().flat_map(|port| {
                items(&subset["addresses"]).map(move |address| format!("{}{port}", plain(&address["ip"])))
            })
        })
        .collect();
    or_none(some_of(&texts))
}

pub(super) fn slice_ports(object: &Value) -> String {
    let texts: Vec<String> = items(&object["ports"])
        .map(|port| match plain(&port["port"]) {
            number if number.is_empty() => "*".to_owned(),
            number => number,
        })
        .collect();
    if texts.is_empty() { "<unset>".to_owned() } else { some_of(&texts) }
}

pub(super) fn slice_endpoints(object: &Value) -> String {
    let texts: Vec<String> =
        items(&object["endpoints"]).flat_map(|endpoint| items(&endpoint["addresses"]).map(plain)).collect();
    if texts.is_empty() { "<unset>".to_owned() } else { some_of(&texts) }
}

/// The hosts of an ingress' rules; `*` where no rule names one.
pub(super) fn hosts(object: &Value) -> String {
    let texts: Vec<String> = items(&object["spec"]["rules"])
        .map(|rule| plain(&rule["host"]))
        .filter(|host| !host.is_empty())
        .collect();
    if texts.is_empty() { "*".to_owned() } else { some_of(&texts) }
}

pub(super) fn tls_ports(object: &Value) -> &'static str {
    if items(&object["spec"]["tls"]).next().is_some() { "80, 443" } else { "80" }
}

fn some_of(texts: &[String]) -> String {
    match texts.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} + {more} more...", texts[..SHOWN].join(",")),
        _ => texts.join(","),
    }
}
