//! What Kubeflow's workloads mean: training jobs of several roles, jobs of a runtime, MPI jobs, and notebooks.
//!
//! Nothing restores their state. The operators start a job's pods and know nothing of checkpoints: neither a spec nor a
//! status has a field for one (an elastic policy is about how many workers meet, not about where they go on). Where
//! checkpoints are is up to the arguments of the containers, and they find them there wherever the job moves, if that is
//! a place which both clusters reach. What a policy preserves comes along as labels.

mod mpi;
mod notebook;
mod progress;
mod roles;
mod simulation;
mod trainer;
mod training;

use mpi::{MpiJob, MpiProgress, MpiSimulation};
use notebook::{Notebook, NotebookProgress};
use progress::{Progress, Simulation};
use trainer::{TRAIN_JOB, TrainJob, TrainJobProgress};
use training::TrainingJob;
use windlass_sdk::Reflection;

windlass_sdk::interpreter! {
    name: "kubeflow",
    description: "Kubeflow: training jobs, TrainJob, MPIJob, Notebook",
    kinds: [
        ("kubeflow.org/v1", "PyTorchJob") => TrainingJob<'_> { components, dependencies },
        ("kubeflow.org/v1", "PyTorchJob") => Progress<'_> { aggregate, health },
        ("kubeflow.org/v1", "PyTorchJob") => Simulation<'_> { simulate },
        ("kubeflow.org/v1", "TFJob") => TrainingJob<'_> { components, dependencies },
        ("kubeflow.org/v1", "TFJob") => Progress<'_> { aggregate, health },
        ("kubeflow.org/v1", "TFJob") => Simulation<'_> { simulate },
        ("kubeflow.org/v1", "XGBoostJob") => TrainingJob<'_> { components, dependencies },
        ("kubeflow.org/v1", "XGBoostJob") => Progress<'_> { aggregate, health },
        ("kubeflow.org/v1", "XGBoostJob") => Simulation<'_> { simulate },
        ("kubeflow.org/v1", "PaddleJob") => TrainingJob<'_> { components, dependencies },
        ("kubeflow.org/v1", "PaddleJob") => Progress<'_> { aggregate, health },
        ("kubeflow.org/v1", "PaddleJob") => Simulation<'_> { simulate },
        ("kubeflow.org/v1", "JAXJob") => TrainingJob<'_> { components, dependencies },
        ("kubeflow.org/v1", "JAXJob") => Progress<'_> { aggregate, health },
        ("kubeflow.org/v1", "JAXJob") => Simulation<'_> { simulate },
        ("kubeflow.org/v1", "MPIJob") => TrainingJob<'_> { components, dependencies },
        ("kubeflow.org/v1", "MPIJob") => Progress<'_> { aggregate, health },
        ("kubeflow.org/v1", "MPIJob") => Simulation<'_> { simulate },

        ("kubeflow.org/v2beta1", "MPIJob") => MpiJob<'_> { components, dependencies },
        ("kubeflow.org/v2beta1", "MPIJob") => MpiProgress<'_> { aggregate, status, health },
        ("kubeflow.org/v2beta1", "MPIJob") => MpiSimulation<'_> { simulate },

        ("trainer.kubeflow.org/v1alpha1", "TrainJob") => TrainJob<'_> { components, dependencies, simulate },
        ("trainer.kubeflow.org/v1alpha1", "TrainJob") => TrainJobProgress<'_> { aggregate, health },

        ("kubeflow.org/v1", "Notebook") => Notebook<'_> { replicas, components, dependencies },
        ("kubeflow.org/v1", "Notebook") => NotebookProgress<'_> { aggregate, status, health, simulate },
        ("kubeflow.org/v1beta1", "Notebook") => Notebook<'_> { replicas, components, dependencies },
        ("kubeflow.org/v1beta1", "Notebook") => NotebookProgress<'_> { aggregate, health, simulate },
    ],
    declared: [
        ("kubeflow.org/v1", "PyTorchJob") | ("kubeflow.org/v1", "TFJob") | ("kubeflow.org/v1", "XGBoostJob")
        | ("kubeflow.org/v1", "PaddleJob") | ("kubeflow.org/v1", "JAXJob") | ("kubeflow.org/v1", "MPIJob") => {
            status: Reflection::whole(),
        },
        ("trainer.kubeflow.org/v1alpha1", "TrainJob") => { status: TRAIN_JOB.reflection() },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/kubeflow");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
