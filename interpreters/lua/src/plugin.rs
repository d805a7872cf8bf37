//! The contract's functions, of one instance: what a customization answers once there is one.

use std::cell::RefCell;

use windlass_sdk::interpreter::bindings::exports::windlass::interpreter::interpreter as wire;
use windlass_sdk::interpreter::manifest;

use crate::NAME;
use crate::customized::Customized;

/// The plugin as the host sees it. Its settings are the `spec` of a ResourceInterpreterCustomization.
pub struct Plugin;

thread_local! {
    /// An instance has one thread.
    static CUSTOMIZED: RefCell<Option<Customized>> = const { RefCell::new(None) };
}

fn customized<T>(ask: impl FnOnce(&Customized) -> Result<T, wire::Rejection>) -> Result<T, wire::Rejection> {
    CUSTOMIZED.with_borrow(|customized| ask(customized.as_ref().ok_or_else(unconfigured)?))
}

fn unconfigured() -> wire::Rejection {
    wire::Rejection {
        field: "settings".to_owned(),
        message: "are missing: they are the spec of a ResourceInterpreterCustomization".to_owned(),
    }
}

fn never<T>() -> Result<T, wire::Rejection> {
    Err(wire::Rejection { field: "kind".to_owned(), message: "no customization answers this".to_owned() })
}

impl wire::Guest for Plugin {
    fn configure(settings: String) -> Result<(), wire::Rejection> {
        let configured = Customized::configure(&settings)?;
        CUSTOMIZED.with_borrow_mut(|customized| *customized = Some(configured));
        Ok(())
    }

    fn describe() -> wire::Manifest {
        CUSTOMIZED.with_borrow(|customized| match customized {
            Some(customized) => customized.manifest(),
            None => manifest(
                NAME,
                env!("CARGO_PKG_VERSION"),
                "Lua of a ResourceInterpreterCustomization",
                &[],
                &[],
            ),
        })
    }

    fn inspect(object: String, questions: wire::Questions) -> wire::Inspection {
        CUSTOMIZED.with_borrow(|customized| match customized {
            Some(customized) => customized.inspect(&object, questions),
            None => {
                let mut inspection = wire::Inspection::empty();
                inspection.reject(questions, unconfigured);
                inspection
            }
        })
    }

    fn revise_replica(object: String, replicas: i32) -> Result<Vec<wire::Change>, wire::Rejection> {
        customized(|customized| customized.revise_replica(&object, replicas))
    }

    fn retain(desired: String, observed: String) -> Result<Vec<wire::Change>, wire::Rejection> {
        customized(|customized| customized.retain(&desired, &observed))
    }

    fn aggregate_status(
        object: String,
        items: Vec<wire::MemberStatus>,
    ) -> Result<Vec<wire::Change>, wire::Rejection> {
        customized(|customized| customized.aggregate_status(&object, &items))
    }

    fn preserve_state(
        _: String,
        _: Vec<wire::PreservationRule>,
    ) -> Result<Vec<wire::Preserved>, wire::Rejection> {
        never()
    }

    fn restore_state(_: String, _: Vec<wire::Preserved>) -> Result<Vec<wire::Change>, wire::Rejection> {
        never()
    }

    fn simulate_status(_: String, _: Vec<wire::ComponentPods>, _: u32) -> Result<String, wire::Rejection> {
        never()
    }
}

#[cfg(target_family = "wasm")]
windlass_sdk::interpreter::bindings::export_interpreter!(Plugin);
