//! What all of Flux's objects have in common: they can be suspended, and say whether they are ready.

use windlass_sdk::json::Text;
use windlass_sdk::status::{Field, Fields, Reflected, Status, StatusMetadata, has_condition};
use windlass_sdk::{Answer, Changes, Members};

windlass_sdk::shape! {
    pub(crate) struct Synced<'a> {
        api_version: Text<'a>,
        kind: Text<'a>,
        metadata: StatusMetadata<'a>,
        status: Option<Status<'a>>,
    }
}

/// What tells one kind's status from another's.
struct SyncedKind {
    /// For which reasons it is ready; any, where there are none here.
    ready_for: &'static [&'static str],
    fields: Fields,
}

static BUCKET: SyncedKind = SyncedKind {
    ready_for: &["Succeeded"],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last("artifact"),
        Field::last_named("url"),
        Field::of_members_only("observedIgnore"),
    ]),
};

static GIT_REPOSITORY: SyncedKind = SyncedKind {
    ready_for: &["Succeeded"],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last("artifact"),
        Field::of_members_only("observedIgnore"),
        Field::of_members_only("observedRecurseSubmodules"),
    ]),
};

/// Karmada's own table for HelmCharts reads `observedGeneration` from where it isn't, so no generation ever counts as
/// observed there.
static HELM_CHART: SyncedKind = SyncedKind {
    ready_for: &["Succeeded", "ChartPullSucceeded"],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last("artifact"),
        Field::last_named("url"),
        Field::last_named("observedChartName"),
        Field::last_named("observedSourceArtifactRevision"),
    ]),
};

static HELM_REPOSITORY: SyncedKind = SyncedKind {
    ready_for: &["Succeeded"],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last("artifact"),
        Field::last_named("url"),
    ]),
};

static OCI_REPOSITORY: SyncedKind = SyncedKind {
    ready_for: &["Succeeded"],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last("artifact"),
        Field::last_named("url"),
        Field::of_members_only("observedIgnore"),
        Field::of_members_only("observedLayerSelector"),
    ]),
};

static KUSTOMIZATION: SyncedKind = SyncedKind {
    ready_for: &["ReconciliationSucceeded"],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last_named_or_kept("lastAppliedRevision"),
        Field::last_named_or_kept("lastAttemptedRevision"),
    ]),
};

/// Failures are the members' together. Karmada adds them to what the template has already, each time again, and not at
/// all to a template that has none; and it forgets which generation was observed while a member lags.
static HELM_RELEASE_V2BETA1: SyncedKind = SyncedKind {
    ready_for: &["ReconciliationSucceeded"],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last_named_or_kept("helmChart"),
        Field::last_named_or_kept("lastAppliedRevision"),
        Field::last_named_or_kept("lastAttemptedRevision"),
        Field::last_named_or_kept("lastAttemptedValuesChecksum"),
        Field::last_named_or_kept("lastReleaseRevision"),
        Field::sum_if_reported("failures"),
        Field::sum_if_reported("installFailures"),
        Field::sum_if_reported("upgradeFailures"),
    ]),
};

/// Since v2beta2 the reason says how the release came to be: InstallSucceeded, UpgradeSucceeded, TestSucceeded.
static HELM_RELEASE: SyncedKind = SyncedKind {
    ready_for: &[],
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::conditions(),
        Field::last_named_or_kept("helmChart"),
        Field::last_named_or_kept("lastAppliedRevision"),
        Field::last_named_or_kept("lastAttemptedConfigDigest"),
        Field::last_named_or_kept("lastAttemptedReleaseAction"),
        Field::last_named_or_kept("lastAttemptedRevision"),
        Field::last_named_or_kept("lastAttemptedRevisionDigest"),
        Field::last_named_or_kept("lastAttemptedValuesChecksum"),
        Field::last_named_or_kept("lastReleaseRevision"),
        Field::last_named_or_kept("storageNamespace"),
        Field::sum_if_reported("failures"),
        Field::sum_if_reported("installFailures"),
        Field::sum_if_reported("upgradeFailures"),
        Field::of_members_only("history"),
    ]),
};

impl<'a> Synced<'a> {
    /// Only the kinds of the manifest are ever read as these.
    fn of_kind(&self) -> &'static SyncedKind {
        match self.kind.as_str() {
            "Bucket" => &BUCKET,
            "GitRepository" => &GIT_REPOSITORY,
            "HelmChart" => &HELM_CHART,
            "HelmRepository" => &HELM_REPOSITORY,
            "OCIRepository" => &OCI_REPOSITORY,
            "Kustomization" => &KUSTOMIZATION,
            _ if self.api_version.ends_with("/v2beta1") => &HELM_RELEASE_V2BETA1,
            _ => &HELM_RELEASE,
        }
    }

    pub(crate) fn status(&self) -> Answer<Option<Reflected<'a>>> {
        Ok(self.of_kind().fields.reflect(&self.metadata, self.status.as_ref()))
    }

    pub(crate) fn health(&self) -> Answer<bool> {
        Ok(self
            .status
            .as_ref()
            .is_some_and(|status| has_condition(status, "Ready", self.of_kind().ready_for)))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        self.of_kind().fields.aggregate(&self.metadata, self.status.as_ref(), members)
    }
}
