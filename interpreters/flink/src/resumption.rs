//! Where a job goes on after it has moved: from what it wrote to durable storage in its former home.
//!
//! Flink writes checkpoints to `<checkpoint directory>/<job id>/chk-<n>` and savepoints to
//! `<savepoint directory>/savepoint-<...>`. The operator deploys a job for the first time from
//! `spec.job.initialSavepointPath`, whatever its upgrade mode is; only a stateless job is to begin anew.

use windlass_sdk::json::{Json, Text};
use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::{Answer, Changes, Rejection, State};

/// The options that name a directory, the newer name first: Flink prefers it, too.
const CHECKPOINTS: [&str; 2] = ["execution.checkpointing.dir", "state.checkpoints.dir"];
const SAVEPOINTS: [&str; 2] = ["execution.checkpointing.savepoint-dir", "state.savepoints.dir"];
/// Whether checkpoints are in a directory named after the job; they are unless this is false.
const JOB_DIRECTORY: [&str; 2] = ["execution.checkpointing.create-subdir", "state.checkpoints.create-subdir"];

const JOB_ID_DIGITS: usize = 32;

windlass_sdk::shape! {
    pub(crate) struct Resumed<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        flink_configuration: Json<'a>,
        /// Null for a cluster without a job of its own.
        job: Json<'a>,
    }
}

impl Resumed<'_> {
    /// The labels as for any object, and the path from which the job goes on, where the state and the configuration
    /// tell it.
    pub(crate) fn restore(&self, state: &State<'_>) -> Answer<Changes> {
        let labels = state.labels(&self.metadata);
        let job = &self.spec.job;
        let stateless = job.field("upgradeMode").string().is_some_and(|mode| mode == "stateless");
        if stateless || !job.text().starts_with('{') {
            return Ok(labels);
        }
        Ok(match self.path(state)? {
            Some(path) => labels.set("/spec/job/initialSavepointPath", path),
            None => labels,
        })
    }

    /// A savepoint, which somebody asked for, goes before a checkpoint.
    fn path(&self, state: &State<'_>) -> Answer<Option<String>> {
        let savepoint = only(state, "savepoint", is_savepoint)?;
        if let (Some(savepoint), Some(directory)) = (savepoint, self.option(&SAVEPOINTS)) {
            return Ok(Some(join(&directory, &[savepoint])));
        }
        let (Some(job), Some(directory)) = (only(state, "job id", is_job_id)?, self.option(&CHECKPOINTS))
        else {
            return Ok(None);
        };
        let checkpoint = only(state, "checkpoint", is_checkpoint)?;
        let shared = self.option(&JOB_DIRECTORY).is_some_and(|value| value == "false");
        let below = if shared { None } else { Some(job) };
        let steps: Vec<&str> = below.into_iter().chain(checkpoint).collect();
        Ok(Some(join(&directory, &steps)))
    }

    /// The first of the options that is set. The configuration is flat, or nested along the dots as Flink's own file.
    fn option(&self, names: &[&str]) -> Option<Text<'_>> {
        let configuration = &self.spec.flink_configuration;
        let values = names.iter().flat_map(|name| {
            let nested = name.split('.').fold(*configuration, |found, step| found.field(step));
            [configuration.field(name), nested]
        });
        values.filter_map(|value| text(&value)).find(|text| !text.is_empty())
    }
}

/// A string, or a boolean as YAML has it without quotes.
fn text<'a>(value: &Json<'a>) -> Option<Text<'a>> {
    value.string().or_else(|| value.is("false").then(|| Text::from("false")))
}

/// The one preserved value of a form; several would be a guess.
fn only<'a>(state: &State<'a>, what: &str, is: fn(&str) -> bool) -> Answer<Option<&'a str>> {
    let mut found = state.iter().filter(|(_, value)| is(value));
    let Some((label, value)) = found.next() else { return Ok(None) };
    match found.find(|(_, other)| *other != value) {
        None => Ok(Some(value)),
        Some((other, _)) => Err(Rejection::new(
            "spec.job.initialSavepointPath",
            format!("the preserved labels {label:?} and {other:?} each hold a {what}: preserve one of them"),
        )),
    }
}

fn is_job_id(value: &str) -> bool {
    value.len() == JOB_ID_DIGITS && value.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn is_checkpoint(value: &str) -> bool {
    let number = value.strip_prefix("chk-");
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// `savepoint-fd7201-0f3a5c7e9b1d`
fn is_savepoint(value: &str) -> bool {
    let parts = value.strip_prefix("savepoint-").and_then(|rest| rest.split_once('-'));
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    parts.is_some_and(|(job, id)| hex(job) && hex(id))
}

fn join(directory: &str, steps: &[&str]) -> String {
    let mut path = directory.trim_end_matches('/').to_owned();
    for step in steps {
        path.push('/');
        path.push_str(step);
    }
    path
}
