//! Node ports: each that is taken is an object of its own, which no API serves.

use std::collections::HashMap;

use serde_json::{Value, json};
use windlass_schema::FieldError;

use super::inheritance::{needs_health_port, needs_node_ports, node_port, ports, ports_mut};
use super::{invalid, set};
use crate::objects::{Call, field};
use crate::state::{State, now};
use crate::status::ApiError;
use crate::store::{Expect, Key, Op};

/// Kubernetes' default range.
const FIRST: i64 = 30000;
const LAST: i64 = 32767;
/// Where the store keeps the ports that are taken. No group has a space in its name.
const TAKEN: &str = "node ports/taken";

fn key(port: i64) -> Key {
    Key::new(TAKEN, "", port.to_string())
}

/// The ports that a service has, each once.
fn held(service: &Value) -> Vec<i64> {
    let health = service.pointer("/spec/healthCheckNodePort").and_then(Value::as_i64);
    let mut held: Vec<i64> =
        ports(service).iter().map(node_port).chain(health).filter(|port| *port != 0).collect();
    held.sort_unstable();
    held.dedup();
    held
}

/// Gives a service the ports that it lacks.
pub(super) fn claim(call: &Call, old: Option<&Value>, new: &mut Value) -> Result<Vec<Op>, ApiError> {
    let mut mine = old.map(held).unwrap_or_default();
    let mut ops = Vec::new();
    if needs_node_ports(new) {
        for (at, port) in ports(new).iter().map(node_port).enumerate().filter(|(_, port)| *port != 0) {
            if mine.contains(&port) {
                continue;
            }
            if let Some(why) = refusal(&call.state, port) {
                let field = format!("spec.ports[{at}].nodePort");
                return Err(invalid(call, new, FieldError::invalid(field, &json!(port), &why)));
            }
            mine.push(port);
            ops.push(Op::create(key(port), object(new, port)));
        }
        let given = new.pointer("/spec/allocateLoadBalancerNodePorts") != Some(&Value::Bool(false));
        if given {
            ops.extend(fill(call, new, &mut mine)?);
        }
    }
    if needs_health_port(new) {
        let wanted = new.pointer("/spec/healthCheckNodePort").and_then(Value::as_i64).unwrap_or(0);
        match wanted {
            0 => {
                let port = any(&call.state, &mine).ok_or_else(exhausted)?;
                set(new, "healthCheckNodePort", Some(json!(port)));
                ops.push(Op::create(key(port), object(new, port)));
            }
            port if mine.contains(&port) => {}
            port => match refusal(&call.state, port) {
                Some(why) => {
                    return Err(ApiError::internal(format!(
                        "failed to allocate requested HealthCheck NodePort {port}: {why}"
                    )));
                }
                None => ops.push(Op::create(key(port), object(new, port))),
            },
        }
    }
    Ok(ops)
}

/// Gives a port to each of the service's that has none; the same to those of the same number.
fn fill(call: &Call, new: &mut Value, mine: &mut Vec<i64>) -> Result<Vec<Op>, ApiError> {
    let number = |port: &Value| port.get("port").and_then(Value::as_i64).unwrap_or(0);
    let mut by_number: HashMap<i64, i64> = HashMap::new();
    for port in ports(new).iter().filter(|port| node_port(port) != 0) {
        by_number.entry(number(port)).or_insert_with(|| node_port(port));
    }
    let lacking: Vec<i64> = ports(new).iter().filter(|port| node_port(port) == 0).map(number).collect();
    let mut ops = Vec::new();
    for number in lacking {
        if by_number.contains_key(&number) {
            continue;
        }
        let port = any(&call.state, mine).ok_or_else(exhausted)?;
        mine.push(port);
        by_number.insert(number, port);
        ops.push(Op::create(key(port), object(new, port)));
    }
    for port in ports_mut(new).filter(|port| !port.get("nodePort").is_some_and(|given| *given != 0)) {
        let number = port.get("port").and_then(Value::as_i64).unwrap_or(0);
        if let Some(given) = by_number.get(&number) {
            port.insert("nodePort".to_owned(), json!(given));
        }
    }
    Ok(ops)
}

fn exhausted() -> ApiError {
    ApiError::internal("failed to allocate a nodePort: range is full")
}

/// Why a port can't be had.
fn refusal(state: &State, port: i64) -> Option<String> {
    if !(FIRST..=LAST).contains(&port) {
        return Some(format!(
            "provided port is not in the valid range. The range of valid ports is {FIRST}-{LAST}"
        ));
    }
    state.store.get(&key(port)).map(|_| "provided port is already allocated".to_owned())
}

/// A port that is free: the first from a random one on.
fn any(state: &State, mine: &[i64]) -> Option<i64> {
    let count = LAST - FIRST + 1;
    let start = i64::from(u16::from_le_bytes(state.random_bytes())) % count;
    (0..count)
        .map(|step| FIRST + (start + step) % count)
        .find(|port| !mine.contains(port) && state.store.get(&key(*port)).is_none())
}

fn object(service: &Value, port: i64) -> Value {
    json!({"metadata": {"name": port.to_string(), "creationTimestamp": now()}, "service": owner(service)})
}

fn owner(service: &Value) -> String {
    format!("{}/{}", field::meta(service, "namespace"), field::meta(service, "name"))
}

/// Lets go of the ports that a service had and `new` has not.
pub(super) fn release(call: &Call, old: &Value, new: Option<&Value>) -> Vec<Op> {
    let kept = new.map(held).unwrap_or_default();
    let gone = held(old).into_iter().filter(|port| !kept.contains(port));
    gone.filter_map(|port| {
        let stored = call.state.store.get(&key(port))?;
        let own = field::parse(&stored)["service"] == owner(old).as_str();
        own.then(|| Op::delete(key(port), Expect::Revision(stored.revision)))
    })
    .collect()
}
