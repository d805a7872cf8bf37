//! The empty WASI context.
//!
//! Language runtimes import WASI even where the plugin's own code never uses it. A plugin is a pure function, so
//! there is nothing behind those imports: the environment has no variables and no arguments, what is printed is kept
//! for an error's message, random numbers are the same in each instance (a hash map needs some seed), and while an
//! instance starts and is given its settings it is always the same time (runtimes seed themselves from it). Everything
//! else — clocks in a call, files, sockets, exit — ends the call with an error that names the import.

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentExtern, ComponentItem};
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use crate::guest::Guest;

/// A plugin called an import that the host does not offer.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "called {import}, which the host does not offer: a plugin has no clock, files, network or process of its own"
)]
pub(crate) struct NotOffered {
    import: String,
}

/// `wasi:io/streams.output-stream`. There is nothing behind it, so handles need no table.
struct OutputStream;

/// `wasi:io/poll.pollable`. Only output streams have one, and they are always ready.
struct Pollable;

/// `wasi:io/error.error`. None is ever made.
struct IoError;

/// `wasi:io/streams.stream-error`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// `wasi:clocks/wall-clock.datetime`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// The time, while there is one.
const EPOCH: Datetime = Datetime { seconds: 0, nanoseconds: 0 };

type Written = Result<(), StreamError>;

/// How much a plugin may print at once; more is asked for again.
const PRINT_BYTES_MAX: u64 = 4 << 10;

/// Enough for any seed.
const RANDOM_BYTES_MAX: usize = 4 << 10;

/// The seed of every hash map.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A linker in which everything that `component` imports is defined.
///
/// # Errors
/// The component imports something that is not a function, a type or an instance of these.
pub(crate) fn linker(component: &Component) -> wasmtime::Result<Linker<Guest>> {
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    for (name, item) in component.component_type().imports(engine) {
        match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                let mut defined = linker.instance(name)?;
                let interface = name.split('@').next().unwrap_or(name);
                for (export, item) in instance.exports(engine) {
                    define(&mut defined, interface, name, export, item)?;
                }
            }
            _ => define(&mut linker.root(), "", name, name, item)?,
        }
    }
    Ok(linker)
}

/// Defines one import.
fn define(
    linker: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    versioned: &str,
    name: &str,
    item: ComponentExtern<'_>,
) -> wasmtime::Result<()> {
    match item.ty {
        ComponentItem::Resource(_) => linker.resource(name, resource_type(name), |_, _| Ok(())),
        ComponentItem::ComponentFunc(_) => define_function(linker, interface, versioned, name),
        // Types need no definition.
        ComponentItem::Type(_) => Ok(()),
        _ => {
            Err(wasmtime::Error::msg(format!("imports {versioned}, which is neither a function nor a type")))
        }
    }
}

/// Interfaces that use another one's resource name it again: by its name it is the same everywhere.
fn resource_type(name: &str) -> ResourceType {
    match name {
        "output-stream" => ResourceType::host::<OutputStream>(),
        "pollable" => ResourceType::host::<Pollable>(),
        "error" => ResourceType::host::<IoError>(),
        _ => ResourceType::host::<()>(),
    }
}

/// Defines one function: one of the few that mean something, or else one that fails by its name.
fn define_function(
    linker: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    versioned: &str,
    name: &str,
) -> wasmtime::Result<()> {
    match (interface, name) {
        ("wasi:cli/environment", "get-environment") => {
            linker.func_wrap(name, |_, ()| Ok((Vec::<(String, String)>::new(),)))
        }
        ("wasi:cli/environment", "get-arguments") => {
            linker.func_wrap(name, |_, ()| Ok((Vec::<String>::new(),)))
        }
        ("wasi:cli/stderr", "get-stderr") | ("wasi:cli/stdout", "get-stdout") => {
            linker.func_wrap(name, |_, ()| Ok((Resource::<OutputStream>::new_own(0),)))
        }
        ("wasi:io/streams", "[method]output-stream.check-write") => linker
            .func_wrap(name, |_, (_,): (Resource<OutputStream>,)| {
                Ok((Ok::<u64, StreamError>(PRINT_BYTES_MAX),))
            }),
        (
            "wasi:io/streams",
            "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush",
        ) => linker.func_wrap(
            name,
            |mut store: StoreContextMut<'_, Guest>, (_, bytes): (Resource<OutputStream>, Vec<u8>)| {
                store.data_mut().print(&bytes);
                Ok((Written::Ok(()),))
            },
        ),
        ("wasi:io/streams", "[method]output-stream.flush" | "[method]output-stream.blocking-flush") => {
            linker.func_wrap(name, |_, (_,): (Resource<OutputStream>,)| Ok((Written::Ok(()),)))
        }
        ("wasi:io/streams", "[method]output-stream.subscribe") => linker
            .func_wrap(name, |_, (_,): (Resource<OutputStream>,)| Ok((Resource::<Pollable>::new_own(0),))),
        ("wasi:io/poll", "[method]pollable.block") => {
            linker.func_wrap(name, |_, (_,): (Resource<Pollable>,)| Ok(()))
        }
        ("wasi:io/poll", "[method]pollable.ready") => {
            linker.func_wrap(name, |_, (_,): (Resource<Pollable>,)| Ok((true,)))
        }
        ("wasi:io/poll", "poll") => linker.func_wrap(name, |_, (all,): (Vec<Resource<Pollable>>,)| {
            Ok(((0_u32..).take(all.len()).collect::<Vec<u32>>(),))
        }),
        ("wasi:random/insecure-seed", "insecure-seed" | "get-insecure-seed") => {
            linker.func_wrap(name, |_, ()| Ok(((SEED, !SEED),)))
        }
        ("wasi:random/random" | "wasi:random/insecure", "get-random-bytes" | "get-insecure-random-bytes") => {
            linker.func_wrap(name, |_, (length,): (u64,)| {
                let length = usize::try_from(length).ok().filter(|length| *length <= RANDOM_BYTES_MAX);
                let length =
                    length.ok_or_else(|| NotOffered { import: "wasi:random for a large buffer".into() })?;
                Ok((SEED.to_le_bytes().into_iter().cycle().take(length).collect::<Vec<u8>>(),))
            })
        }
        ("wasi:random/random" | "wasi:random/insecure", "get-random-u64" | "get-insecure-random-u64") => {
            linker.func_wrap(name, |_, ()| Ok((SEED,)))
        }
        ("wasi:clocks/wall-clock", "now") => {
            let not_offered = NotOffered { import: format!("{versioned}#{name}") };
            linker.func_wrap(name, move |store: StoreContextMut<'_, Guest>, ()| {
                if store.data().is_starting() { Ok((EPOCH,)) } else { Err(not_offered.clone().into()) }
            })
        }
        ("wasi:clocks/monotonic-clock", "now") => {
            let not_offered = NotOffered { import: format!("{versioned}#{name}") };
            linker.func_wrap(name, move |store: StoreContextMut<'_, Guest>, ()| {
                if store.data().is_starting() { Ok((0_u64,)) } else { Err(not_offered.clone().into()) }
            })
        }
        _ => {
            let import = if versioned == name { name.to_owned() } else { format!("{versioned}#{name}") };
            linker.func_new(name, move |_, _, _, _| Err(NotOffered { import: import.clone() }.into()))
        }
    }
}
