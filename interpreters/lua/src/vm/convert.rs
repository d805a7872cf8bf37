//! JSON to tables and back, as Karmada does it.

use omnilua::{Lua, Table, Value};
use serde_json::{Map, Number};

use super::ScriptError;

/// Deeper tables than this are refused: they contain themselves, most likely.
const DEPTH_MAX: usize = 100;
/// How many values a script may return: a small table that is shared again and again is a huge object.
const VALUES_MAX: usize = 2_000_000;

/// A value for a script. Null is nil: it is no field of a table and no item of a list. `see` is shown every string.
pub(super) fn to_lua(lua: &Lua, json: &serde_json::Value, see: &impl Fn(&str)) -> omnilua::Result<Value> {
    Ok(match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Boolean(*value),
        serde_json::Value::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => {
            see(text);
            Value::String(lua.create_string(text)?)
        }
        serde_json::Value::Array(items) => {
            let table = lua.create_table()?;
            let items = items.iter().filter(|item| !item.is_null());
            for (index, item) in (1..).zip(items) {
                table.raw_set(Value::Number(f64::from(index)), to_lua(lua, item, see)?)?;
            }
            Value::Table(table)
        }
        serde_json::Value::Object(fields) => {
            let table = lua.create_table()?;
            for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                table.raw_set(name.as_str(), to_lua(lua, field, see)?)?;
            }
            Value::Table(table)
        }
    })
}

/// What a script returns. An empty table is an empty list: see `empties`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Returned {
    Nil,
    Boolean(bool),
    Number(f64),
    Table(serde_json::Value),
    /// By the name of its type.
    Other(&'static str),
}

impl Returned {
    pub(super) fn read(value: Value) -> Result<Returned, ScriptError> {
        Ok(match value {
            Value::Nil => Returned::Nil,
            Value::Boolean(value) => Returned::Boolean(value),
            Value::Integer(number) => Returned::Number(number as f64),
            Value::Number(number) => Returned::Number(number),
            Value::Table(table) => Returned::Table(table_to_json(&table)?),
            other => Returned::Other(type_name(&other)),
        })
    }

    /// The type's name in Lua.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Returned::Nil => "nil",
            Returned::Boolean(_) => "boolean",
            Returned::Number(_) => "number",
            Returned::Table(_) => "table",
            Returned::Other(name) => name,
        }
    }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::UserData(_) | Value::LightUserData(_) => "userdata",
        Value::Thread(_) => "thread",
    }
}

pub(super) fn table_to_json(table: &Table) -> Result<serde_json::Value, ScriptError> {
    Reader { values: 0, path: Vec::new() }.table(table)
}

struct Reader {
    values: usize,
    /// Names and indices of where the reader is.
    path: Vec<String>,
}

impl Reader {
    fn value(&mut self, value: Value) -> Result<serde_json::Value, ScriptError> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(self.wrong("has too many values"));
        }
        Ok(match value {
            Value::Nil => serde_json::Value::Null,
            Value::Boolean(value) => serde_json::Value::Bool(value),
            Value::Integer(number) => serde_json::Value::Number(number.into()),
            Value::Number(number) => self.number(number)?,
            Value::String(text) => {
                let bytes = text.as_bytes().map_err(|error| ScriptError::new(&error))?;
                serde_json::Value::String(String::from_utf8_lossy(&bytes).into_owned())
            }
            Value::Table(table) => self.table(&table)?,
            other => return Err(self.wrong(&format!("is a {}, which JSON has not", type_name(&other)))),
        })
    }

    /// Whole numbers are integers, as far as those go.
    fn number(&self, number: f64) -> Result<serde_json::Value, ScriptError> {
        // 2^63, which no i64 reaches.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number) {
            return Ok(serde_json::Value::Number((number as i64).into()));
        }
        Number::from_f64(number)
            .map(serde_json::Value::Number)
            .ok_or_else(|| self.wrong(&format!("is {number}, which JSON has not")))
    }

    fn table(&mut self, table: &Table) -> Result<serde_json::Value, ScriptError> {
        if self.path.len() >= DEPTH_MAX {
            return Err(ScriptError::Somewhere(format!(
                "returns a table that is nested more than {DEPTH_MAX} deep: does it contain itself?"
            )));
        }
        let pairs = table.raw_pairs().map_err(|error| ScriptError::new(&error))?;
        match pairs.first() {
            Some((Value::String(_), _)) => self.object(pairs),
            _ => self.list(pairs),
        }
    }

    fn object(&mut self, pairs: Vec<(Value, Value)>) -> Result<serde_json::Value, ScriptError> {
        let mut object = Map::new();
        for (key, value) in pairs {
            let Value::String(name) = key else { return Err(self.mixed()) };
            let name = name.as_bytes().map_err(|error| ScriptError::new(&error))?;
            self.path.push(String::from_utf8_lossy(&name).into_owned());
            let value = self.value(value)?;
            let name = self.path.pop().expect("what was pushed is popped once");
            object.insert(name, value);
        }
        Ok(serde_json::Value::Object(object))
    }

    fn list(&mut self, pairs: Vec<(Value, Value)>) -> Result<serde_json::Value, ScriptError> {
        let mut items = vec![None; pairs.len()];
        for (key, value) in pairs {
            let key = match key {
                Value::Integer(key) => key as f64,
                Value::Number(key) => key,
                _ => return Err(self.mixed()),
            };
            // Every key is another one, so all places are taken if none lies outside.
            let place = (key >= 1.0 && key.fract() == 0.0).then_some(key as usize - 1);
            let Some(item) = place.and_then(|place| items.get_mut(place)) else {
                return Err(self.wrong(&format!("has the index {key} but not all those before it")));
            };
            self.path.push(key.to_string());
            *item = Some(self.value(value)?);
            self.path.pop();
        }
        Ok(items.into_iter().map(|item| item.unwrap_or_default()).collect())
    }

    #[cold]
    fn mixed(&self) -> ScriptError {
        self.wrong("has keys that are neither all names nor all indices")
    }

    #[cold]
    fn wrong(&self, what: &str) -> ScriptError {
        let place = if self.path.is_empty() { "the table".to_owned() } else { self.path.join(".") };
        ScriptError::Somewhere(format!("returns a table that is no JSON: {place} {what}"))
    }
}
