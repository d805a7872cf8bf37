//! sparkoperator.k8s.io/v1beta2 SparkApplication: one driver, some executors, and what each of them needs.

use windlass_sdk::json::{Entries, Numeric, Text};
use windlass_sdk::kubernetes::{Affinity, NodeClaim, PodSpec, ResourceList, Toleration, node_claim};
use windlass_sdk::quantity::Quantity;
use windlass_sdk::{Answer, Component, Rejection, Requirements};

use crate::memory::{JavaMemory, pod_memory};

pub(crate) const DRIVER: &str = "driver";
pub(crate) const EXECUTOR: &str = "executor";

/// The part of memory that Spark adds for what isn't the heap: in programs for the JVM, and in Python's and R's.
const JVM_OVERHEAD_FACTOR: f64 = 0.1;
const OTHER_OVERHEAD_FACTOR: f64 = 0.4;

windlass_sdk::shape! {
    pub(crate) struct Application<'a> {
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        r#type: Text<'a>,
        memory_overhead_factor: Numeric,
        driver: Role<'a>,
        executor: Role<'a>,
        dynamic_allocation: DynamicAllocation,
    }

    struct DynamicAllocation {
        enabled: bool,
        initial_executors: Numeric,
        min_executors: Numeric,
    }

    /// Driver or executor. Where pods may run stands in it as it does in a pod.
    struct Role<'a> {
        instances: Numeric,
        cores: Option<Quantity>,
        memory: JavaMemory,
        memory_overhead: JavaMemory,
        gpu: Gpu<'a>,
        node_selector: Entries<'a, Text<'a>>,
        tolerations: Vec<Toleration<'a>>,
        affinity: Affinity<'a>,
        priority_class_name: Text<'a>,
    }

    struct Gpu<'a> {
        name: Text<'a>,
        quantity: Numeric,
    }
}

impl<'a> Application<'a> {
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        let Spec { driver, executor, .. } = &self.spec;
        let component = |name: &'static str, replicas, role: &Role<'a>| {
            let requirements = self.requirements(name, role)?;
            Ok(Component { name: name.into(), replicas, requirements: Some(requirements) })
        };
        Ok(vec![component(DRIVER, 1, driver)?, component(EXECUTOR, self.executors()?, executor)?])
    }

    /// As many as are asked for, or as dynamic allocation begins with or keeps, where that is more.
    fn executors(&self) -> Answer<i32> {
        let DynamicAllocation { enabled, initial_executors, min_executors } = self.spec.dynamic_allocation;
        let asked = self.spec.executor.instances.count(1, || "spec.executor.instances".to_owned())?;
        if !enabled {
            return Ok(asked);
        }
        let at = |field: &str| format!("spec.dynamicAllocation.{field}");
        let initial = initial_executors.count(1, || at("initialExecutors"))?;
        let least = min_executors.count(1, || at("minExecutors"))?;
        Ok(asked.max(initial).max(least))
    }

    fn requirements(&self, name: &str, role: &Role<'a>) -> Answer<Requirements<'a>> {
        let memory = pod_memory(role.memory, role.memory_overhead, self.overhead_factor())
            .map_err(|error| Rejection::new(format!("spec.{name}.memory"), error))?;
        let cores = role.cores.clone().unwrap_or(Quantity::from_milli(1000));
        let mut resource_request = ResourceList::default().with("cpu", cores).with("memory", memory);
        let Gpu { name: gpu, quantity } = &role.gpu;
        if let Some(quantity) = quantity.get().filter(|quantity| *quantity > 0.0 && !gpu.is_empty()) {
            let wrong = || Rejection::new(format!("spec.{name}.gpu.quantity"), "is out of range");
            let quantity = Quantity::from_f64(quantity).ok_or_else(wrong)?;
            resource_request = resource_request.with(gpu.clone(), quantity);
        }
        Ok(Requirements {
            node_claim: role.node_claim(),
            resource_request,
            namespace: Text::default(),
            priority_class_name: role.priority_class_name.clone(),
        })
    }

    fn overhead_factor(&self) -> f64 {
        let language = &self.spec.r#type;
        let is_jvm = language.eq_ignore_ascii_case("java") || language.eq_ignore_ascii_case("scala");
        let usual = if is_jvm { JVM_OVERHEAD_FACTOR } else { OTHER_OVERHEAD_FACTOR };
        self.spec.memory_overhead_factor.get().unwrap_or(usual)
    }
}

impl<'a> Role<'a> {
    fn node_claim(&self) -> Option<NodeClaim<'a>> {
        node_claim(&PodSpec {
            node_selector: self.node_selector.clone(),
            tolerations: self.tolerations.clone(),
            affinity: self.affinity.clone(),
            ..PodSpec::default()
        })
    }
}
