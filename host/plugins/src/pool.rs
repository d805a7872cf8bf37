//! Instances of one plugin: started when needed, kept warm, dropped when they can't be trusted any more.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::engine::{Engine, KeepsInstances};
use crate::fault::{Fault, Phase, classify, human};
use crate::guest::Guest;
use crate::journal::{Journal, Notes};
use crate::limits::{Isolation, Limits};
use crate::seats::{Seat, Seats};

/// One version of a WIT world, as its generated bindings offer it.
pub(crate) trait Contract: Send + Sync + 'static {
    /// The component with all its imports resolved and its exports looked up.
    type Pre: Send + Sync;
    /// The exports of one instance.
    type Exports: Send;

    fn pre(instance: InstancePre<Guest>) -> wasmtime::Result<Self::Pre>;
    fn instantiate(pre: &Self::Pre, store: &mut Store<Guest>) -> wasmtime::Result<Self::Exports>;
    /// Gives a fresh instance the plugin's settings. The inner error is the plugin's: it refuses them.
    fn configure(
        exports: &Self::Exports,
        store: &mut Store<Guest>,
        settings: &str,
    ) -> wasmtime::Result<Result<(), Fault>>;
}

/// The instances of one plugin.
pub(crate) struct Pool<C: Contract> {
    engine: Arc<Engine>,
    pre: Arc<C::Pre>,
    limits: Limits,
    /// What each instance is configured with before it is asked anything; JSON.
    settings: Option<Arc<str>>,
    /// The limits' deadline in ticks of the engine's clock.
    deadline: u64,
    /// Calls that may run at the same time.
    calls: Arc<Seats>,
    idle: Arc<Idle<C>>,
    notes: Notes,
}

/// Warm instances, the one used last on top. The lock is held for a push or a pop, a thousandth of a call.
struct Idle<C: Contract>(Mutex<Vec<Instance<C>>>);

struct Instance<C: Contract> {
    store: Store<Guest>,
    exports: C::Exports,
    calls: u32,
    /// Given back after the store has freed what it stands for: fields are dropped in this order.
    _place: Seat,
}

impl<C: Contract> KeepsInstances for Idle<C> {
    fn drop_one(&self) -> bool {
        let instance = self.0.lock().pop();
        instance.is_some()
    }
}

impl<C: Contract> Pool<C> {
    /// `Null` settings are none.
    pub(crate) fn new(engine: Arc<Engine>, pre: Arc<C::Pre>, limits: Limits, settings: &Value) -> Pool<C> {
        let idle: Arc<Idle<C>> = Arc::new(Idle(Mutex::new(Vec::new())));
        let keeper: Weak<Idle<C>> = Arc::downgrade(&idle);
        engine.register(keeper);
        Pool {
            deadline: engine.ticks(limits.deadline),
            calls: Seats::new(limits.concurrency),
            engine,
            pre,
            limits,
            settings: (!settings.is_null()).then(|| settings.to_string().into()),
            idle,
            notes: Notes::default(),
        }
    }

    /// The same plugin under other limits and with other settings, with instances of its own.
    pub(crate) fn with(&self, limits: Limits, settings: &Value) -> Pool<C> {
        Pool::new(Arc::clone(&self.engine), Arc::clone(&self.pre), limits, settings)
    }

    /// Makes one call. It ends within the deadline; after any failure its instance is gone.
    pub(crate) fn call<R>(
        &self,
        call: impl FnOnce(&C::Exports, &mut Store<Guest>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let Some(_seat) = self.calls.take(self.limits.queue_wait) else {
            let Limits { concurrency, queue_wait, .. } = self.limits;
            return Err(Fault::host(format!(
                "its {concurrency} places were taken for {}: it is slow, or asked too much at once",
                human(queue_wait)
            )));
        };
        let warm = self.idle.0.lock().pop();
        let mut instance = match warm {
            Some(instance) => instance,
            None => self.start()?,
        };
        instance.store.data_mut().begin_call();
        instance.store.set_epoch_deadline(self.deadline);
        let running = self.engine.running();
        let answer = call(&instance.exports, &mut instance.store);
        drop(running);
        match answer {
            Ok(answer) => {
                instance.calls += 1;
                self.notes.after(instance.store.data());
                self.keep(instance);
                Ok(answer)
            }
            Err(error) => Err(classify(&error, Phase::Call, instance.store.data(), &self.limits)),
        }
    }

    /// What its instances left behind since the last time.
    pub(crate) fn take_journal(&self) -> Journal {
        self.notes.take()
    }

    fn start(&self) -> Result<Instance<C>, Fault> {
        let Some(place) = self.engine.place(self.limits.queue_wait) else {
            return Err(Fault::host(format!(
                "no place for an instance became free in {}: all {} are in use",
                human(self.limits.queue_wait),
                self.engine.config().instances
            )));
        };
        let mut store = Store::new(self.engine.wasm(), Guest::new(self.limits.memory_bytes));
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(self.limits.answer_bytes);
        store.set_epoch_deadline(self.deadline);
        let running = self.engine.running();
        let started = C::instantiate(&self.pre, &mut store).and_then(|exports| {
            let configured = match &self.settings {
                Some(settings) => C::configure(&exports, &mut store, settings)?,
                None => Ok(()),
            };
            Ok(configured.map(|()| exports))
        });
        drop(running);
        match started {
            Ok(Ok(exports)) => Ok(Instance { store, exports, calls: 0, _place: place }),
            Ok(Err(refused)) => Err(refused),
            Err(error) => Err(classify(&error, Phase::Start, store.data(), &self.limits)),
        }
    }

    /// Keeps an instance warm, or drops it: because calls are to be isolated, because it is old or has grown, or
    /// because somebody waits for its place.
    fn keep(&self, instance: Instance<C>) {
        let Limits { calls_per_instance, resident_bytes, isolation, .. } = self.limits;
        if isolation == Isolation::Warm
            && instance.calls < calls_per_instance
            && instance.store.data().memory.used <= resident_bytes
            && !self.engine.contended()
        {
            self.idle.0.lock().push(instance);
        }
    }
}
