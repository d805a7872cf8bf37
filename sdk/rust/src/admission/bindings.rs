//! The generated side of the contract in `sdk/wit/admission@0.1.0`.
#![allow(missing_docs, clippy::all)]

wit_bindgen::generate!({
    inline: "
        package windlass:sdk-admission;

        world admission-plugin {
            export windlass:admission/hook@0.1.0;
        }
    ",
    path: "../wit/admission@0.1.0",
    world: "windlass:sdk-admission/admission-plugin",
    pub_export_macro: true,
    export_macro_name: "export_hook",
    default_bindings_module: "windlass_sdk::admission::bindings",
    generate_all,
});
