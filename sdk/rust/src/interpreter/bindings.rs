//! The generated side of the contract in `sdk/wit/interpreter@0.1.0`.
#![allow(missing_docs, clippy::all)]

wit_bindgen::generate!({
    inline: "
        package windlass:sdk-interpreter;

        world interpreter-plugin {
            export windlass:interpreter/interpreter@0.1.0;
        }
    ",
    path: "../wit/interpreter@0.1.0",
    world: "windlass:sdk-interpreter/interpreter-plugin",
    pub_export_macro: true,
    export_macro_name: "export_interpreter",
    default_bindings_module: "windlass_sdk::interpreter::bindings",
    generate_all,
});
