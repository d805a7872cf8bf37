//! The pods of a Ray cluster, wherever its description stands: a head, and groups of workers.

use windlass_sdk::json::{Numeric, Text};
use windlass_sdk::kubernetes::{PodSpec, PodTemplate};
use windlass_sdk::{Answer, Component, Pods};

pub(crate) const HEAD: &str = "ray-head";

windlass_sdk::shape! {
    pub(crate) struct ClusterSpec<'a> {
        pub(crate) suspend: bool,
        head_group_spec: HeadGroup<'a>,
        pub(crate) worker_group_specs: Vec<WorkerGroup<'a>>,
    }

    struct HeadGroup<'a> {
        template: Option<PodTemplate<'a>>,
    }

    pub(crate) struct WorkerGroup<'a> {
        group_name: Text<'a>,
        replicas: Numeric,
        pub(crate) min_replicas: Numeric,
        pub(crate) max_replicas: Numeric,
        template: PodTemplate<'a>,
    }
}

impl<'a> WorkerGroup<'a> {
    /// The name of the group at `index`: groups count from 1.
    pub(crate) fn name(&self, index: usize) -> Text<'a> {
        if self.group_name.is_empty() {
            format!("worker-{}", index + 1).into()
        } else {
            self.group_name.clone()
        }
    }
}

impl<'a> ClusterSpec<'a> {
    /// `place` is where the description stands: `spec.rayClusterSpec`.
    pub(crate) fn components(&self, place: &str) -> Answer<Vec<Component<'a>>> {
        let head =
            self.head_group_spec.template.iter().map(|template| Ok(Component::of_pods(HEAD, 1, template)));
        let workers = self.worker_group_specs.iter().enumerate().map(|(index, group)| {
            let replicas =
                group.replicas.count(0, || format!("{place}.workerGroupSpecs[{index}].replicas"))?;
            Ok(Component::of_pods(group.name(index), replicas, &group.template))
        });
        head.chain(workers).collect()
    }

    pub(crate) fn pods(&self) -> impl Iterator<Item = &PodSpec<'a>> {
        let head = self.head_group_spec.template.iter().map(|template| &template.spec);
        head.chain(self.worker_group_specs.iter().map(|group| &group.template.spec))
    }

    /// The pods that are made from each template, and how many they are to be.
    pub(crate) fn templates(&self, pods: Pods<'_>) -> impl Iterator<Item = (&PodSpec<'a>, u32)> {
        let head =
            self.head_group_spec.template.iter().map(move |template| (&template.spec, pods.of(HEAD).desired));
        let groups = self.worker_group_specs.iter().enumerate();
        head.chain(
            groups.map(move |(index, group)| (&group.template.spec, pods.of(&group.name(index)).desired)),
        )
    }
}
