//! What the benchmarks share: percentiles, and objects of a known size.

use std::time::Duration;

use serde_json::{Value, json};

/// The value below which `percent` of the sorted times lie.
///
/// # Panics
/// There are no times.
pub fn percentile(times: &mut [Duration], percent: f64) -> Duration {
    times.sort_unstable();
    let rank = (percent / 100.0 * (times.len() - 1) as f64).round() as usize;
    times[rank]
}

/// A ConfigMap whose JSON has about `bytes` bytes.
pub fn config_map(name: &str, bytes: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": {"bench": "true"}},
        "data": {"filler": "x".repeat(bytes.saturating_sub(450))}
    })
}

/// A Deployment of one small pod.
pub fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "nginx",
                    "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}]}
            }
        }
    })
}
