//! The macro that makes a plugin of a hook.

/// Declares an admission plugin: its name, the requests that it wants to see, and the [`Hook`](crate::admission::Hook)
/// that decides on them.
#[macro_export]
macro_rules! hook {
    (
        name: $name:literal,
        description: $description:literal,
        watches: $watched:expr,
        hook: $hook:ty $(,)?
    ) => {
        /// The plugin as the host sees it.
        pub struct Plugin;

        const _: () = {
            use $crate::admission::bindings::exports::windlass::admission::hook as wire;

            impl wire::Guest for Plugin {
                fn describe() -> wire::Manifest {
                    $crate::admission::manifest($name, env!("CARGO_PKG_VERSION"), $description, &$watched)
                }

                fn check_settings(settings: String) -> Result<(), wire::Denial> {
                    $crate::admission::on_wire::check_settings::<$hook>(&settings)
                }

                fn admit(request: wire::Request, settings: String) -> Result<wire::Admitted, wire::Denial> {
                    $crate::admission::on_wire::admit::<$hook>(&request, &settings)
                }
            }
        };

        #[cfg(target_family = "wasm")]
        $crate::admission::bindings::export_hook!(Plugin);
    };
}
