//! What scheduling costs: the writes that the API server counts, and the processor's time of everybody who takes part.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use anyhow::Context;
use http::Request;

use crate::servers::{Kubernetes, Process};

/// Ticks of the clock that the kernel counts processors' time by: the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
const WRITES: [&str; 5] = ["POST", "PUT", "PATCH", "APPLY", "DELETE"];

/// Reads what has been spent since it was started.
pub(super) struct Meter<'a> {
    server: &'a Kubernetes,
    before: Cost,
}

/// Sums over all bindings.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    spec_writes: f64,
    status_writes: f64,
    event_writes: f64,
    scheduler_seconds: f64,
    kube_apiserver_seconds: f64,
    etcd_seconds: f64,
}

impl<'a> Meter<'a> {
    pub(super) async fn start(server: &'a Kubernetes) -> anyhow::Result<Meter<'a>> {
        Ok(Meter { server, before: Cost::so_far(server).await? })
    }

    /// What was spent, and by this scheduler since it began; without one, by this process.
    pub(super) async fn read(self, scheduler: Option<&Process>) -> anyhow::Result<Cost> {
        let Meter { server, before } = self;
        let now = Cost::so_far(server).await?;
        Ok(Cost {
            spec_writes: now.spec_writes - before.spec_writes,
            status_writes: now.status_writes - before.status_writes,
            event_writes: now.event_writes - before.event_writes,
            scheduler_seconds: match scheduler {
                Some(scheduler) => processor_seconds(scheduler.id()?)?,
                None => now.scheduler_seconds - before.scheduler_seconds,
            },
            kube_apiserver_seconds: now.kube_apiserver_seconds - before.kube_apiserver_seconds,
            etcd_seconds: now.etcd_seconds - before.etcd_seconds,
        })
    }
}

impl Cost {
    async fn so_far(server: &Kubernetes) -> anyhow::Result<Cost> {
        let request = Request::get("/metrics").body(Vec::new()).context("a request")?;
        let metrics = server.client.request_text(request).await.context("kube-apiserver's metrics")?;
        let writes = writes(&metrics);
        let count = |resource: &str, subresource: &str| {
            let key = (resource.to_owned(), subresource.to_owned());
            writes.get(&key).copied().unwrap_or_default()
        };
        Ok(Cost {
            spec_writes: count("resourcebindings", ""),
            status_writes: count("resourcebindings", "status"),
            event_writes: count("events", ""),
            scheduler_seconds: processor_seconds(std::process::id())?,
            kube_apiserver_seconds: processor_seconds(server.kube_apiserver.id()?)?,
            etcd_seconds: processor_seconds(server.etcd.id()?)?,
        })
    }

    /// Of one of so many bindings.
    pub(super) fn of_each(&self, bindings: usize) -> impl fmt::Display {
        let each = |sum: f64, unit: f64| sum * unit / bindings as f64;
        format!(
            "{:>6.2} {:>7.2} {:>7.2} {:>11.2} {:>11.2} {:>7.2}",
            each(self.spec_writes, 1.0),
            each(self.status_writes, 1.0),
            each(self.event_writes, 1.0),
            each(self.scheduler_seconds, 1000.0),
            each(self.kube_apiserver_seconds, 1000.0),
            each(self.etcd_seconds, 1000.0)
        )
    }

    /// What the columns are.
    pub(super) fn heading() -> impl fmt::Display {
        format!(
            "{:>6} {:>7} {:>7} {:>11} {:>11} {:>7}",
            "specs", "status", "events", "client ms", "server ms", "etcd ms"
        )
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        let Cost {
            spec_writes,
            status_writes,
            event_writes,
            scheduler_seconds,
            kube_apiserver_seconds,
            etcd_seconds,
        } = other;
        self.spec_writes += spec_writes;
        self.status_writes += status_writes;
        self.event_writes += event_writes;
        self.scheduler_seconds += scheduler_seconds;
        self.kube_apiserver_seconds += kube_apiserver_seconds;
        self.etcd_seconds += etcd_seconds;
    }
}

/// How many writes there were of each resource and subresource, by the server's own metrics.
fn writes(metrics: &str) -> BTreeMap<(String, String), f64> {
    let mut sums = BTreeMap::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("apiserver_request_total{")) {
        let Some((labels, count)) = line.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            let found = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
            found.and_then(|value| value.strip_suffix('"')).unwrap_or_default()
        };
        if WRITES.contains(&label("verb")) {
            let sum = sums.entry((label("resource").to_owned(), label("subresource").to_owned()));
            *sum.or_insert(0.0) += count.trim().parse::<f64>().unwrap_or_default();
        }
    }
    sums
}

/// In user and in kernel mode, all threads.
fn processor_seconds(id: u32) -> anyhow::Result<f64> {
    let file = format!("/proc/{id}/stat");
    let stat = std::fs::read_to_string(&file).with_context(|| file.clone())?;
    ticks(&stat).map(|ticks| ticks / TICKS_PER_SECOND).with_context(|| format!("{file} has no times: {stat}"))
}

/// The 14th and the 15th field; the second is a name in parentheses with whatever in it.
fn ticks(stat: &str) -> Option<f64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11).map(str::parse::<f64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_counted_by_resource_and_reads_are_not() {
        let metrics = "# TYPE apiserver_request_total counter\n\
            apiserver_request_total{code=\"200\",resource=\"events\",subresource=\"\",verb=\"POST\",version=\"v1\"} 3\n\
            apiserver_request_total{code=\"201\",resource=\"events\",subresource=\"\",verb=\"POST\",version=\"v1\"} 4\n\
            apiserver_request_total{code=\"200\",resource=\"b\",subresource=\"status\",verb=\"PATCH\"} 1e+03\n\
            apiserver_request_total{code=\"200\",resource=\"b\",subresource=\"\",verb=\"LIST\"} 9\n";
        let found = writes(metrics);
        assert_eq!(found.len(), 2);
        assert_eq!(found[&("events".to_owned(), String::new())], 7.0);
        assert_eq!(found[&("b".to_owned(), "status".to_owned())], 1000.0);
    }

    #[test]
    fn a_programs_name_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 8 0 100";
        assert_eq!(ticks(stat), Some(300.0));
        assert_eq!(ticks("7 (a) S 1"), None);
    }
}
