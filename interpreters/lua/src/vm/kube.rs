//! The `kube` library.

use omnilua::{Lua, Table, Value};
use serde_json::{Value as Json, json};
use windlass_sdk::json::{parse, write};
use windlass_sdk::kubernetes::{PodTemplate, pod_dependencies, pod_requirements};
use windlass_sdk::quantity::Quantity;

use super::convert::{table_to_json, to_lua};
use super::host::{Arguments, Refusal, define};
use crate::empties::Empties;

pub(super) fn install(lua: &Lua, host: &Table) -> omnilua::Result<()> {
    define(lua, host, "resourceAdd", |arguments| {
        let mut sum = Quantity::default();
        for place in 1..=arguments.all().len() {
            let further = quantity(arguments, place)?;
            sum = sum.add(&further).map_err(|error| Refusal(error.to_string()))?;
        }
        Ok(Value::String(arguments.lua.create_string(sum.to_string())?))
    })?;
    define(lua, host, "getResourceQuantity", |arguments| {
        arguments.exactly(1)?;
        let quantity = quantity(arguments, 1)?;
        if quantity.is_negative() {
            return Err(Refusal(format!("getResourceQuantity takes no negative quantity: {quantity}")));
        }
        Ok(Value::Number(quantity.to_f64()))
    })?;
    define(lua, host, "accuratePodRequirements", |arguments| {
        arguments.exactly(1)?;
        let template = pod_template(arguments)?;
        let template = read(&template)?;
        match pod_requirements(&template) {
            Some(requirements) => returned(arguments.lua, &written(&requirements)),
            None => Ok(Value::Nil),
        }
    })?;
    define(lua, host, "getPodDependencies", |arguments| {
        arguments.exactly(2)?;
        let template = pod_template(arguments)?;
        let template = read(&template)?;
        let namespace = match arguments.get(2) {
            Value::Nil => "default".to_owned(),
            _ => arguments.string(2)?,
        };
        let dependencies: Vec<Json> = pod_dependencies(&template.spec, &namespace)
            .into_iter()
            .map(|dependent| {
                let mut reference = json!({"apiVersion": dependent.api_version, "kind": dependent.kind});
                for (field, value) in [("namespace", dependent.namespace), ("name", dependent.name)] {
                    if !value.is_empty() {
                        reference[field] = Json::String(value);
                    }
                }
                reference
            })
            .collect();
        match dependencies.is_empty() {
            true => Ok(Value::Nil),
            false => returned(arguments.lua, &Json::Array(dependencies)),
        }
    })
}

fn quantity(arguments: &Arguments<'_>, place: usize) -> Result<Quantity, Refusal> {
    match arguments.get(place) {
        Value::Nil => Ok(Quantity::default()),
        Value::String(text) => {
            String::from_utf8_lossy(&text.as_bytes()?).parse().map_err(|error| Refusal(format!("{error}")))
        }
        _ => Err(arguments.wrong(place, "string")),
    }
}

/// The first argument, as JSON text.
fn pod_template(arguments: &Arguments<'_>) -> Result<String, Refusal> {
    let table = table_to_json(arguments.table(1)?).map_err(|error| Refusal(error.to_string()))?;
    Ok(match Empties::of(&[]).settle(table) {
        Json::Array(items) if items.is_empty() => "{}".to_owned(),
        template => template.to_string(),
    })
}

fn read(template: &str) -> Result<PodTemplate<'_>, Refusal> {
    parse(template).map_err(|wrong| Refusal(format!("the table is no pod template: {wrong}")))
}

fn written(value: &impl windlass_sdk::serde::Serialize) -> Json {
    serde_json::from_str(&write(value)).expect("what was written as JSON is JSON")
}

fn returned(lua: &Lua, value: &Json) -> Result<Value, Refusal> {
    Ok(to_lua(lua, value, &|_| {})?)
}
