//! The Lua that scripts run in.
//!
//! Scripts are compiled once and run often, each time with a global table of its own. A run ends after so many
//! instructions and so much memory; it has no clock, no randomness and nothing outside its arguments.

mod clock;
mod convert;
mod host;
mod kube;
mod number;
mod strings;

use std::rc::Rc;

use clock::Clock;
pub(crate) use convert::Returned;
use omnilua::{
    Function, HostHooks, Lua, LuaVersion, Sandbox, SandboxConfig, Table, TripReason, Value, Variadic,
};

/// What a script may execute in one run: some hundred milliseconds.
const INSTRUCTIONS_MAX: u64 = 10_000_000;
/// What it may hold, garbage included. Far below what an instance has: it is looked at between instructions, and one
/// that joins strings may double it.
const MEMORY_BYTES_MAX: usize = 32 << 20;
/// How many instructions are between two looks at what has been used up.
const INSTRUCTIONS_UNCHECKED: u32 = 4;
/// Garbage that is kept for the collector to find in its own time.
const GARBAGE_KIB_MAX: f64 = 8.0 * 1024.0;

/// What goes wrong in a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScriptError {
    /// The script itself says so, or does what can't be done.
    #[error("line {line}: {message}")]
    At { line: u32, message: String },
    /// As above, somewhere in the script.
    #[error("{0}")]
    Somewhere(String),
    #[error("takes more than {INSTRUCTIONS_MAX} instructions: does a loop never end?")]
    Instructions,
    #[error("takes more than {} MiB of memory", MEMORY_BYTES_MAX >> 20)]
    Memory,
    #[error("defines no function {0}")]
    Undefined(&'static str),
    #[error("defines {0}, but as a {1} instead of a function")]
    NoFunction(&'static str, &'static str),
}

impl ScriptError {
    /// From Lua's `<string>:3: what is wrong`.
    fn new(error: &omnilua::Error) -> ScriptError {
        let text = error.to_string();
        let placed = text.strip_prefix("<string>:").and_then(|rest| {
            let (line, message) = rest.split_once(':')?;
            Some(ScriptError::At { line: line.parse().ok()?, message: message.trim_start().to_owned() })
        });
        placed.unwrap_or(ScriptError::Somewhere(text))
    }
}

/// An argument of a script's function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Argument<'a> {
    Nil,
    Integer(i64),
    Json(&'a serde_json::Value),
}

/// A compiled script.
#[derive(Debug)]
pub(crate) struct Script(Function);

/// A Lua with the libraries that scripts may use.
#[derive(Debug)]
pub(crate) struct Vm {
    lua: Lua,
    sandbox: Sandboxed,
    /// Makes the globals of one run.
    globals: Function,
    clock: Rc<Clock>,
}

impl Vm {
    /// # Errors
    /// The libraries can't be set up: a fault of this plugin's own.
    pub(crate) fn new() -> Result<Vm, ScriptError> {
        Vm::prepared().map_err(|error| ScriptError::new(&error))
    }

    fn prepared() -> omnilua::Result<Vm> {
        // 5.2 has 5.1's numbers, and lets the globals of a chunk be passed as an argument.
        let lua = Lua::with_hooks_versioned(HostHooks::default(), LuaVersion::V52)?;
        let clock = Rc::new(Clock::default());
        let host = lua.create_table()?;
        number::install(&lua, &host)?;
        strings::install(&lua, &host)?;
        clock::install(&lua, &host, &clock)?;
        kube::install(&lua, &host)?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=prelude").into_function()?;
        let globals: Function = prelude.call(host)?;
        let sandbox = lua.install_sandbox(SandboxConfig {
            instruction_limit: Some(INSTRUCTIONS_MAX),
            memory_limit_bytes: Some(MEMORY_BYTES_MAX),
            check_interval: INSTRUCTIONS_UNCHECKED,
            remove_globals: Vec::new(),
        })?;
        Ok(Vm { lua, sandbox: Sandboxed(sandbox), globals, clock })
    }

    /// # Errors
    /// The script is no Lua: where, and why.
    pub(crate) fn compile(&self, script: &str) -> Result<Script, ScriptError> {
        // On the script's own first line, so that lines are counted as the author counts them.
        let chunk = format!("local _ENV = ... ; {script}");
        self.lua
            .load(chunk)
            .set_name("=<string>")
            .into_function()
            .map(Script)
            .map_err(|error| ScriptError::new(&error))
    }

    /// Runs the script, then calls the function that it has defined; `RESULTS` of what that returns.
    ///
    /// # Errors
    /// What the script does wrong, or that it takes too long or too much.
    pub(crate) fn run<const RESULTS: usize>(
        &self,
        Script(script): &Script,
        function: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<[Returned; RESULTS], ScriptError> {
        self.sandbox.0.reset();
        self.clock.forget();
        let answer = self.answer(script, function, arguments);
        let tripped = self.sandbox.0.tripped();
        if tripped.is_some() || self.lua.gc().count().is_ok_and(|kib| kib > GARBAGE_KIB_MAX) {
            self.lua.gc_collect();
        }
        match tripped {
            Some(TripReason::Instructions) => Err(ScriptError::Instructions),
            Some(TripReason::Memory) => Err(ScriptError::Memory),
            None => answer,
        }
    }

    fn answer<const RESULTS: usize>(
        &self,
        script: &Function,
        function: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<[Returned; RESULTS], ScriptError> {
        let wrong = |error: omnilua::Error| ScriptError::new(&error);
        let globals: Table = self.globals.call(()).map_err(wrong)?;
        script.call::<_, ()>(&globals).map_err(wrong)?;
        let defined: Value = globals.raw_get(function).map_err(wrong)?;
        let callable = match defined {
            Value::Function(callable) => callable,
            Value::Nil => return Err(ScriptError::Undefined(function)),
            other => return Err(ScriptError::NoFunction(function, convert::type_name(&other))),
        };
        let arguments: Vec<Value> = arguments
            .iter()
            .map(|argument| match argument {
                Argument::Nil => Ok(Value::Nil),
                Argument::Integer(number) => Ok(Value::Number(*number as f64)),
                Argument::Json(json) => convert::to_lua(&self.lua, json, &|text| self.clock.see(text)),
            })
            .collect::<omnilua::Result<_>>()
            .map_err(wrong)?;
        let returned: Variadic<Value> = callable.call(Variadic::from(arguments)).map_err(wrong)?;
        let mut returned = returned.into_iter();
        let mut results = [const { Returned::Nil }; RESULTS];
        for result in &mut results {
            *result = Returned::read(returned.next().unwrap_or(Value::Nil))?;
        }
        Ok(results)
    }
}

/// A sandbox, which has no `Debug` of its own.
struct Sandboxed(Sandbox);

impl std::fmt::Debug for Sandboxed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sandbox")
    }
}

#[cfg(test)]
mod tests;
