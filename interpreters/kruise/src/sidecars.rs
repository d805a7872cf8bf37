//! SidecarSets: containers that are put into other workloads' pods.

use windlass_sdk::json::Json;
use windlass_sdk::kubernetes::{Container, Metadata, References, Volume};
use windlass_sdk::status::{Field, Fields, StatusMetadata};
use windlass_sdk::{Answer, Changes, Dependent, Members, Replicas};

static SIDECAR_SET: Fields =
    Fields(&[Field::sum("matchedPods"), Field::sum("updatedPods"), Field::sum("readyPods")]);

windlass_sdk::shape! {
    pub(crate) struct SidecarSetSpec<'a> {
        metadata: Metadata<'a>,
        spec: Injected<'a>,
    }

    struct Injected<'a> {
        containers: Vec<Container<'a>>,
        volumes: Vec<Volume<'a>>,
    }

    pub(crate) struct SidecarSet<'a> {
        metadata: StatusMetadata<'a>,
        status: Option<SidecarSetStatus<'a>>,
    }

    pub(crate) struct SidecarSetStatus<'a>: Serialize {
        matched_pods: Json<'a>,
        updated_pods: Json<'a>,
        ready_pods: Json<'a>,
    }
}

impl SidecarSetSpec<'_> {
    /// It has no pods of its own.
    pub(crate) fn replicas(&self) -> Answer<Replicas<'_>> {
        Ok(Replicas { replicas: 0, requirements: None })
    }

    /// ConfigMaps and Secrets, the only sources of volumes that Karmada follows here.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let volumes: Vec<Volume<'_>> = self.spec.volumes.iter().map(followed).collect();
        let mut references = References::default();
        references.containers(&self.spec.containers);
        references.volumes(&volumes);
        Ok(references.dependents(&self.metadata.namespace))
    }
}

impl<'a> SidecarSet<'a> {
    /// Nothing: members write into the status alone.
    pub(crate) fn retain(&self, _observed: &Self) -> Answer<Changes> {
        Ok(Changes::none())
    }

    /// The counts that Karmada knows, each of them.
    pub(crate) fn status(&self) -> Answer<Option<SidecarSetStatus<'a>>> {
        let counted = |status: &SidecarSetStatus<'a>| SidecarSetStatus {
            matched_pods: or_zero(status.matched_pods),
            updated_pods: or_zero(status.updated_pods),
            ready_pods: or_zero(status.ready_pods),
        };
        Ok(self.status.as_ref().map(counted))
    }

    /// Healthy when all pods that match have the sidecars.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Some(SidecarSetStatus { matched_pods, updated_pods, .. }) = &self.status else {
            return Ok(false);
        };
        let (matched, updated) = (or_zero(*matched_pods), or_zero(*updated_pods));
        Ok(matched.same(&or_zero(Json::default())) || updated.same(&matched))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let counts = SIDECAR_SET.aggregate(&self.metadata, None, members)?;
        Ok(Changes::none().remove("/status").and(counts))
    }
}

fn followed<'a>(volume: &Volume<'a>) -> Volume<'a> {
    Volume {
        config_map: volume.config_map.clone(),
        secret: volume.secret.clone(),
        projected: volume.projected.clone(),
        ..Volume::default()
    }
}

fn or_zero(count: Json<'_>) -> Json<'_> {
    if count.is_null() { Json::from_text("0") } else { count }
}
