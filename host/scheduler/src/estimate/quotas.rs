//! By the namespace's ResourceQuotas: hard less used and promised, divided by what one set requests.

use windlass_api::quantity::Quantity;

use super::{Estimate, Shortage};
use crate::quota::Quota;
use crate::resources::Resources;
use crate::snapshot::{Promise, Room};
use crate::workload::Need;

/// How many whole sets the quotas allow; `None`: no quota counts them.
pub(super) fn count(room: &Room, promises: &[Promise], namespace: &str, needs: &[Need]) -> Option<Estimate> {
    let quotas = room.quotas.get(namespace)?;
    quotas
        .iter()
        .filter_map(|quota| by_one(quota, promises, namespace, needs))
        .reduce(|least, estimate| least.least(Some(estimate)))
}

fn by_one(quota: &Quota, promises: &[Promise], namespace: &str, needs: &[Need]) -> Option<Estimate> {
    let wanted = counted(quota, needs.iter())?;
    let mine = promises.iter().filter(|promise| promise.namespace == namespace);
    let promised = counted(quota, mine.flat_map(|promise| &promise.needs)).unwrap_or_default();
    let mut least: Option<Estimate> = None;
    for (name, hard) in quota.hard.iter() {
        let Some(resource) = counted_name(name) else { continue };
        let free = hard.minus(quota.used.get(name)).minus(promised.get(resource)).max(Quantity::ZERO);
        let wanted = wanted.get(resource);
        let Some(count) = free.fits(wanted) else { continue };
        let estimate = if count == 0 {
            Estimate::none(Shortage::Quota {
                quota: format!("{namespace}/{}", quota.name),
                resource: resource.to_owned(),
                wanted,
                free,
                set: needs.iter().any(|need| !need.name.is_empty()),
            })
        } else {
            Estimate::of(count)
        };
        least = Some(match least {
            Some(least) => least.least(Some(estimate)),
            None => estimate,
        });
    }
    least
}

/// What the pods that a quota counts request together; `None` if it counts none of them.
fn counted<'a>(quota: &Quota, needs: impl Iterator<Item = &'a Need>) -> Option<Resources> {
    let mut sum: Option<Resources> = None;
    for need in needs.filter(|need| quota.counts(need)) {
        let sum = sum.get_or_insert_default();
        sum.add(&need.request, need.replicas);
        sum.set("pods", sum.get("pods").plus(Quantity::from_units(need.replicas)));
    }
    sum
}

/// The resource that an entry of a quota limits, if pods use it up by requesting it.
fn counted_name(name: &str) -> Option<&str> {
    match name {
        "count/pods" => Some("pods"),
        _ if name.starts_with("limits.") || name.starts_with("count/") => None,
        _ => Some(name.strip_prefix("requests.").unwrap_or(name)),
    }
}
