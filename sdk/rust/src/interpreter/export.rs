//! The macro that makes a plugin of its manifest.

/// Declares an interpreter plugin: its name, its kinds, and for each kind what is read of it and which functions
/// answer.
///
/// Each kind is read as a [shape](crate::shape); the functions named behind it are methods of that shape. They are all
/// that the plugin answers and all that its manifest says: a function that is not named here is dead code, and the
/// compiler says so. A kind may be listed more than once, with shapes that read different parts of it.
///
/// | function | operation | answers |
/// | --- | --- | --- |
/// | `replicas(&self)` | InterpretReplica | [`Replicas`](crate::Replicas) |
/// | `components(&self)` | InterpretComponent | list of [`Component`](crate::Component) |
/// | `dependencies(&self)` | InterpretDependency | list of [`Dependent`](crate::Dependent) |
/// | `status(&self)` | InterpretStatus | anything that serializes; `None` where there is no status |
/// | `health(&self)` | InterpretHealth | `bool` |
/// | `revise(&self, replicas: i32)` | ReviseReplica | [`Changes`](crate::Changes) |
/// | `retain(&self, observed: &Self)` | Retain | [`Changes`](crate::Changes) |
/// | `aggregate(&self, members: Members)` | AggregateStatus | [`Changes`](crate::Changes) |
/// | `preserve(&self, rules: &[PreservationRule])` | PreserveState | list of (label, value) |
/// | `restore(&self, state: &State)` | RestoreState | [`Changes`](crate::Changes) |
/// | `simulate(&self, pods: Pods)` | the status in a simulated member | anything that serializes |
///
/// What needs no function is declared, and the host answers it by itself, in a fraction of the time of a call:
///
/// | declared | operation | |
/// | --- | --- | --- |
/// | `status:` a [`Reflection`](crate::Reflection) | InterpretStatus | the whole status, or some of its fields |
/// | `retain:` a list of [`Kept`](crate::Kept) | Retain | what the member's object keeps |
///
/// ```
/// use windlass_sdk::{Answer, Kept, Reflection};
///
/// windlass_sdk::interpreter! {
///     name: "crontab",
///     description: "CronTabs of example.com",
///     kinds: [("example.com/v1", "CronTab") => CronTab { health }],
///     declared: [
///         ("example.com/v1", "CronTab") => {
///             status: Reflection::whole(),
///             retain: [Kept::given("/spec/suspend"), Kept::filled("/spec/node")],
///         },
///     ],
/// }
/// # windlass_sdk::shape! { struct CronTab { suspend: bool } }
/// # impl CronTab { fn health(&self) -> Answer<bool> { Ok(!self.suspend) } }
/// # fn main() {}
/// ```
///
/// For several kinds it is declared at once: `("example.com/v1", "CronTab") | ("example.com/v2", "CronTab") => { … }`.
/// What is declared has no function, too:
///
/// ```compile_fail,E0080
/// # use windlass_sdk::{Answer, Reflection};
/// windlass_sdk::interpreter! {
///     name: "crontab",
///     description: "CronTabs of example.com",
///     kinds: [("example.com/v1", "CronTab") => CronTab { status }],
///     declared: [("example.com/v1", "CronTab") => { status: Reflection::whole() }],
/// }
/// # windlass_sdk::shape! { struct CronTab { suspend: bool } }
/// # impl CronTab { fn status(&self) -> Answer<bool> { Ok(self.suspend) } }
/// # fn main() {}
/// ```
///
/// Each answers with an [`Answer`](crate::Answer). Such a plugin has no settings: any that an administrator gives it are
/// refused. One that has some implements the contract's
/// [`Guest`](crate::interpreter::bindings::exports::windlass::interpreter::interpreter::Guest) itself.
#[macro_export]
macro_rules! interpreter {
    (
        name: $name:literal,
        description: $description:literal,
        kinds: [
            $( ($api_version:literal, $kind:literal) => $shape:ty { $($operation:ident),+ $(,)? } ),+ $(,)?
        ]
        $(, declared: [
            $( $( ($declared_version:literal, $declared_kind:literal) )|+ => {
                $($declaration:ident : $answer:expr),+ $(,)?
            } ),+ $(,)?
        ])?
        $(,)?
    ) => {
        /// The plugin as the host sees it.
        pub struct Plugin;

        const _: () = {
            use $crate::interpreter::bindings::exports::windlass::interpreter::interpreter as wire;
            use $crate::interpreter::{Asked, changes, manifest, no_settings, preserved, simulated, undeclared};
            use $crate::{Members, Pods, State};

            const _: () = $crate::interpreter::expect_declared_once(
                &[$( ($api_version, $kind, 0 $(| $crate::interpreter!(@flag $operation).bits())+) ),+],
                &[$($( (
                    &[$( ($declared_version, $declared_kind, concat!(
                        $declared_version, " ", $declared_kind, ": what is declared has no function and is not declared again",
                    )) ),+],
                    0 $(| $crate::interpreter!(@flag $declaration).bits())+,
                ) ),+)?],
            );

            impl wire::Guest for Plugin {
                fn configure(settings: String) -> Result<(), wire::Rejection> {
                    no_settings(&settings)
                }

                fn describe() -> wire::Manifest {
                    let kinds = [$( ($api_version, $kind, $( $crate::interpreter!(@flag $operation) )|+) ),+];
                    let declared = &[$($( (
                        [$( ($declared_version, $declared_kind) ),+].as_slice(),
                        {
                            let mut declared = $crate::interpreter::Declared::default();
                            $( declared.$declaration = $crate::interpreter!(@declared $declaration $answer); )+
                            declared
                        },
                    ) ),+)?];
                    manifest($name, env!("CARGO_PKG_VERSION"), $description, &kinds, declared)
                }

                fn inspect(object: String, questions: wire::Questions) -> wire::Inspection {
                    let asked = Asked::of(&object);
                    let mut inspection = wire::Inspection::empty();
                    'all: {
                        $(
                            let mine = questions & (wire::Questions::empty() $(| $crate::interpreter!(@question $operation))+);
                            if !mine.is_empty() && asked.is($api_version, $kind) && !inspection.answered().contains(mine) {
                                match asked.read::<$shape>() {
                                    Ok(view) => { $( $crate::interpreter!(@inspect $operation view mine inspection); )+ }
                                    Err(rejection) => inspection.reject(mine, || rejection.into()),
                                }
                                if inspection.answered().contains(questions) {
                                    break 'all;
                                }
                            }
                        )+
                        inspection.reject(questions, || undeclared(&object));
                    }
                    inspection
                }

                fn revise_replica(object: String, replicas: i32) -> Result<Vec<wire::Change>, wire::Rejection> {
                    let asked = Asked::of(&object);
                    $($( $crate::interpreter!(@revise $operation $api_version $kind ($shape) asked replicas); )+)+
                    Err(undeclared(&object))
                }

                fn retain(object: String, observed: String) -> Result<Vec<wire::Change>, wire::Rejection> {
                    let asked = Asked::of(&object);
                    $($( $crate::interpreter!(@retain $operation $api_version $kind ($shape) asked observed); )+)+
                    Err(undeclared(&object))
                }

                fn aggregate_status(object: String, items: Vec<wire::MemberStatus>) -> Result<Vec<wire::Change>, wire::Rejection> {
                    let asked = Asked::of(&object);
                    $($( $crate::interpreter!(@aggregate $operation $api_version $kind ($shape) asked items); )+)+
                    Err(undeclared(&object))
                }

                fn preserve_state(object: String, rules: Vec<wire::PreservationRule>) -> Result<Vec<wire::Preserved>, wire::Rejection> {
                    let asked = Asked::of(&object);
                    $($( $crate::interpreter!(@preserve $operation $api_version $kind ($shape) asked rules); )+)+
                    Err(undeclared(&object))
                }

                fn restore_state(object: String, state: Vec<wire::Preserved>) -> Result<Vec<wire::Change>, wire::Rejection> {
                    let asked = Asked::of(&object);
                    $($( $crate::interpreter!(@restore $operation $api_version $kind ($shape) asked state); )+)+
                    Err(undeclared(&object))
                }

                fn simulate_status(object: String, pods: Vec<wire::ComponentPods>, nodes: u32) -> Result<String, wire::Rejection> {
                    let asked = Asked::of(&object);
                    $($( $crate::interpreter!(@simulate $operation $api_version $kind ($shape) asked pods nodes); )+)+
                    Err(undeclared(&object))
                }
            }
        };

        #[cfg(target_family = "wasm")]
        $crate::interpreter::bindings::export_interpreter!(Plugin);
    };

    (@flag replicas) => { $crate::interpreter::Operations::INTERPRET_REPLICA };
    (@flag components) => { $crate::interpreter::Operations::INTERPRET_COMPONENT };
    (@flag dependencies) => { $crate::interpreter::Operations::INTERPRET_DEPENDENCY };
    (@flag status) => { $crate::interpreter::Operations::INTERPRET_STATUS };
    (@flag health) => { $crate::interpreter::Operations::INTERPRET_HEALTH };
    (@flag revise) => { $crate::interpreter::Operations::REVISE_REPLICA };
    (@flag retain) => { $crate::interpreter::Operations::RETAIN };
    (@flag aggregate) => { $crate::interpreter::Operations::AGGREGATE_STATUS };
    (@flag preserve) => { $crate::interpreter::Operations::PRESERVE_STATE };
    (@flag restore) => { $crate::interpreter::Operations::RESTORE_STATE };
    (@flag simulate) => { $crate::interpreter::Operations::SIMULATE_STATUS };
    (@flag $other:ident) => { compile_error!(concat!("no operation is called ", stringify!($other))) };

    (@declared status $answer:expr) => { Some($answer) };
    (@declared retain $answer:expr) => { $answer.into() };
    (@declared $other:ident $answer:expr) => { compile_error!(concat!(stringify!($other), " can't be declared: only status and retain can")) };

    (@question replicas) => { wire::Questions::REPLICAS };
    (@question components) => { wire::Questions::COMPONENTS };
    (@question dependencies) => { wire::Questions::DEPENDENCIES };
    (@question status) => { wire::Questions::STATUS };
    (@question health) => { wire::Questions::HEALTH };
    (@question $other:ident) => { wire::Questions::empty() };

    (@inspect replicas $view:ident $mine:ident $inspection:ident) => {
        if $mine.contains(wire::Questions::REPLICAS) { $inspection.replicas($view.replicas()) }
    };
    (@inspect components $view:ident $mine:ident $inspection:ident) => {
        if $mine.contains(wire::Questions::COMPONENTS) { $inspection.components($view.components()) }
    };
    (@inspect dependencies $view:ident $mine:ident $inspection:ident) => {
        if $mine.contains(wire::Questions::DEPENDENCIES) { $inspection.dependencies($view.dependencies()) }
    };
    (@inspect status $view:ident $mine:ident $inspection:ident) => {
        if $mine.contains(wire::Questions::STATUS) { $inspection.status($view.status()) }
    };
    (@inspect health $view:ident $mine:ident $inspection:ident) => {
        if $mine.contains(wire::Questions::HEALTH) { $inspection.health($view.health()) }
    };
    (@inspect $other:ident $view:ident $mine:ident $inspection:ident) => { let _ = &$view; };

    (@revise revise $api_version:literal $kind:literal ($shape:ty) $asked:ident $replicas:ident) => {
        if $asked.is($api_version, $kind) {
            return changes($asked.read::<$shape>().and_then(|view| view.revise($replicas)));
        }
    };
    (@revise $other:ident $api_version:literal $kind:literal ($shape:ty) $asked:ident $replicas:ident) => { let _ = $replicas; };

    (@retain retain $api_version:literal $kind:literal ($shape:ty) $asked:ident $observed:ident) => {
        if $asked.is($api_version, $kind) {
            let retained = $asked.read::<$shape>().and_then(|desired| {
                desired.retain(&$crate::json::parse_at::<$shape>("observed", &$observed)?)
            });
            return changes(retained);
        }
    };
    (@retain $other:ident $api_version:literal $kind:literal ($shape:ty) $asked:ident $observed:ident) => { let _ = &$observed; };

    (@aggregate aggregate $api_version:literal $kind:literal ($shape:ty) $asked:ident $items:ident) => {
        if $asked.is($api_version, $kind) {
            return changes($asked.read::<$shape>().and_then(|view| view.aggregate(Members::new(&$items))));
        }
    };
    (@aggregate $other:ident $api_version:literal $kind:literal ($shape:ty) $asked:ident $items:ident) => { let _ = &$items; };

    (@preserve preserve $api_version:literal $kind:literal ($shape:ty) $asked:ident $rules:ident) => {
        if $asked.is($api_version, $kind) {
            return preserved($asked.read::<$shape>().and_then(|view| view.preserve(&$rules)));
        }
    };
    (@preserve $other:ident $api_version:literal $kind:literal ($shape:ty) $asked:ident $rules:ident) => { let _ = &$rules; };

    (@restore restore $api_version:literal $kind:literal ($shape:ty) $asked:ident $state:ident) => {
        if $asked.is($api_version, $kind) {
            return changes($asked.read::<$shape>().and_then(|view| view.restore(&State::new(&$state))));
        }
    };
    (@restore $other:ident $api_version:literal $kind:literal ($shape:ty) $asked:ident $state:ident) => { let _ = &$state; };

    (@simulate simulate $api_version:literal $kind:literal ($shape:ty) $asked:ident $pods:ident $nodes:ident) => {
        if $asked.is($api_version, $kind) {
            return match $asked.read::<$shape>() {
                Ok(view) => simulated(view.simulate(Pods::new(&$pods, $nodes))),
                Err(rejection) => Err(rejection.into()),
            };
        }
    };
    (@simulate $other:ident $api_version:literal $kind:literal ($shape:ty) $asked:ident $pods:ident $nodes:ident) => { let _ = (&$pods, $nodes); };
}
