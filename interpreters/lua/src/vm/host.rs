//! Functions in Rust that scripts call through the prelude.

use omnilua::{Lua, Table, Value, Variadic};

use super::convert::type_name;

/// Why a function could not be called like this.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) String);

impl From<omnilua::Error> for Refusal {
    fn from(error: omnilua::Error) -> Refusal {
        Refusal(error.to_string())
    }
}

/// What a function was called with.
pub(super) struct Arguments<'a> {
    pub(super) lua: &'a Lua,
    function: &'static str,
    values: &'a [Value],
}

impl<'a> Arguments<'a> {
    pub(super) fn all(&self) -> &'a [Value] {
        self.values
    }

    /// The argument at `place`, counted from 1; nil where none was given.
    pub(super) fn get(&self, place: usize) -> &'a Value {
        self.values.get(place - 1).unwrap_or(&Value::Nil)
    }

    /// A string, or a number as one.
    pub(super) fn string(&self, place: usize) -> Result<String, Refusal> {
        match self.get(place) {
            Value::String(text) => Ok(String::from_utf8_lossy(&text.as_bytes()?).into_owned()),
            Value::Number(number) => Ok(super::number::printed(*number)),
            _ => Err(self.wrong(place, "string")),
        }
    }

    pub(super) fn table(&self, place: usize) -> Result<&'a Table, Refusal> {
        match self.get(place) {
            Value::Table(table) => Ok(table),
            _ => Err(self.wrong(place, "table")),
        }
    }

    /// Sees to it that there are just so many.
    pub(super) fn exactly(&self, count: usize) -> Result<(), Refusal> {
        let given = self.values.len();
        if given == count {
            return Ok(());
        }
        Err(Refusal(format!("{} takes {count} arguments, not {given}", self.function)))
    }

    #[cold]
    pub(super) fn wrong(&self, place: usize, expected: &str) -> Refusal {
        let got = type_name(self.get(place));
        Refusal(format!("bad argument #{place} to {} ({expected} expected, got {got})", self.function))
    }
}

/// Puts a function into the table that the prelude is given.
pub(super) fn define(
    lua: &Lua,
    host: &Table,
    function: &'static str,
    call: impl Fn(&Arguments<'_>) -> Result<Value, Refusal> + 'static,
) -> omnilua::Result<()> {
    let checked = move |lua: &Lua, values: Variadic<Value>| {
        // Indices come as integers, though this Lua has but one kind of number.
        let one_kind = |value| match value {
            Value::Integer(number) => Value::Number(number as f64),
            other => other,
        };
        let values: Vec<Value> = values.into_iter().map(one_kind).collect();
        match call(&Arguments { lua, function, values: &values }) {
            Ok(result) => Ok((true, result)),
            Err(Refusal(why)) => Ok((false, Value::String(lua.create_string(why)?))),
        }
    };
    host.raw_set(function, lua.create_function(checked)?)
}
