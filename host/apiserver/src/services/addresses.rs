//! Cluster IPs: each is an IPAddress, out of the ServiceCIDRs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use windlass_schema::FieldError;

use super::families::Family;
use super::{SERVICES, invalid, is_headless, set, text, texts};
use crate::catalogue::store_name;
use crate::objects::{Call, field};
use crate::state::{State, now};
use crate::status::ApiError;
use crate::store::{Expect, Key, Op, Store};

/// The range that a server begins with, as kubeadm has it.
pub(crate) const RANGE: &str = "10.96.0.0/12";
/// The first address of that range, which is the API server's own.
pub(crate) const FIRST_ADDRESS: &str = "10.96.0.1";
/// The ServiceCIDR that holds it.
pub(crate) const RANGES_NAME: &str = "kubernetes";

const GROUP: &str = "networking.k8s.io";
const RANGES: &str = "servicecidrs";
const ADDRESSES: &str = "ipaddresses";
/// Addresses at the beginning of a range that people choose themselves, and that are given out last.
const CHOSEN_MAX: u128 = 256;
/// Addresses are tried at random this often before they are gone through in order.
const RANDOM_ATTEMPTS: usize = 16;

/// One block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    family: Family,
    /// The first that may be given out.
    first: u128,
    /// How many there are.
    count: u128,
}

impl Range {
    fn parse(text: &str) -> Option<Range> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
        let (number, width) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        // A range of all addresses there are is none that can be counted.
        let size =
            1_u128.checked_shl(width - bits.clamp(1, width)).filter(|_| (1..=width).contains(&bits))?;
        let base = number & !(size - 1);
        // Neither the address of the network nor, in version 4, that of all of it is anybody's.
        let unused = if width == 32 { 2 } else { 1 };
        let count = size.saturating_sub(unused);
        Some(Range { family: Family::of(address), first: base + 1, count })
    }

    fn at(&self, offset: u128) -> IpAddr {
        let number = self.first + offset;
        match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or_default())),
            Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let number = match address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        };
        Family::of(address) == self.family && number >= self.first && number - self.first < self.count
    }
}

/// The addresses that there are, the default family's first.
pub(super) struct Ranges(Vec<Range>);

impl Ranges {
    pub(super) fn read(store: &Store) -> Ranges {
        let mut found: Vec<(bool, Range)> = Vec::new();
        for stored in store.snapshot(&store_name(GROUP, RANGES)).iter() {
            let object = field::parse(stored);
            if field::is_being_deleted(&object) {
                continue;
            }
            let default = &*stored.key.name == RANGES_NAME;
            found.extend(
                texts(&object, "cidrs").into_iter().filter_map(Range::parse).map(|one| (!default, one)),
            );
        }
        // The sort keeps the order within an object, whose first range is of the default family.
        found.sort_by_key(|(other, _)| *other);
        Ranges(found.into_iter().map(|(_, range)| range).collect())
    }

    pub(super) fn families(&self) -> Vec<Family> {
        let mut families = Vec::new();
        for range in &self.0 {
            if !families.contains(&range.family) {
                families.push(range.family);
            }
        }
        families
    }

    /// An address that is free.
    fn any(&self, family: Family, state: &State) -> Option<IpAddr> {
        let free = |address: &IpAddr| state.store.get(&key(*address)).is_none();
        let ranges = || self.0.iter().filter(move |range| range.family == family && range.count > 0);
        for range in ranges() {
            let chosen = (range.count / 16).min(CHOSEN_MAX);
            for _ in 0..RANDOM_ATTEMPTS {
                let random = u128::from_le_bytes(state.random_bytes());
                let address = range.at(chosen + random % (range.count - chosen));
                if free(&address) {
                    return Some(address);
                }
            }
            let mut rest = (chosen..range.count).chain(0..chosen).map(|offset| range.at(offset));
            if let Some(address) = rest.find(free) {
                return Some(address);
            }
        }
        None
    }
}

fn key(address: IpAddr) -> Key {
    Key::new(store_name(GROUP, ADDRESSES), "", address.to_string())
}

/// The addresses that a service has.
fn held(service: &Value) -> Vec<IpAddr> {
    texts(service, "clusterIPs").into_iter().filter_map(|text| text.parse().ok()).collect()
}

/// Gives a service the addresses that it lacks, one of each of its families.
pub(super) fn claim(
    call: &Call,
    old: Option<&Value>,
    new: &mut Value,
    ranges: &Ranges,
) -> Result<Vec<Op>, ApiError> {
    if text(new, "type") == "ExternalName" || is_headless(new) {
        return Ok(Vec::new());
    }
    let before = old.map(held).unwrap_or_default();
    let mut addresses = held(new);
    let families: Vec<Family> = texts(new, "ipFamilies").into_iter().filter_map(Family::parse).collect();
    let mut ops = Vec::new();
    for (at, family) in families.into_iter().enumerate() {
        let address = match addresses.get(at) {
            Some(address) if before.contains(address) => continue,
            Some(address) => {
                let why = if !ranges.0.iter().any(|range| range.contains(*address)) {
                    "the provided network does not match the current range"
                } else if call.state.store.get(&key(*address)).is_some() {
                    "provided IP is already allocated"
                } else {
                    ""
                };
                if !why.is_empty() {
                    let detail = format!("failed to allocate IP {address}: {why}");
                    let list = &new["spec"]["clusterIPs"];
                    return Err(invalid(call, new, FieldError::invalid("spec.clusterIPs", list, &detail)));
                }
                *address
            }
            None => {
                let address = ranges.any(family, &call.state).ok_or_else(|| {
                    let name = field::meta(new, "name");
                    ApiError::internal(format!(
                        "failed to allocate a serviceIP for Service {name:?}: range is full"
                    ))
                })?;
                addresses.push(address);
                address
            }
        };
        ops.push(Op::create(key(address), object(call, new, address)));
    }
    let texts: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    set(new, "clusterIP", texts.first().map(|first| json!(first)));
    set(new, "clusterIPs", (!texts.is_empty()).then(|| json!(texts)));
    Ok(ops)
}

/// The IPAddress by which a service holds an address.
fn object(call: &Call, service: &Value, address: IpAddr) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {
            "name": address.to_string(), "uid": call.state.new_uid(), "creationTimestamp": now(),
            "labels": {"ipaddress.kubernetes.io/ip-family": Family::of(address).name(),
                "ipaddress.kubernetes.io/managed-by": "ipallocator"},
        },
        "spec": {"parentRef": {"resource": SERVICES.0, "namespace": field::meta(service, "namespace"),
            "name": field::meta(service, "name")}},
    })
}

/// Lets go of the addresses that a service had and `new` has not.
pub(super) fn release(call: &Call, old: &Value, new: Option<&Value>) -> Vec<Op> {
    let kept = new.map(held).unwrap_or_default();
    let gone = held(old).into_iter().filter(|address| !kept.contains(address));
    gone.filter_map(|address| {
        let stored = call.state.store.get(&key(address))?;
        let parent = field::parse(&stored)["spec"]["parentRef"].take();
        let own = parent["resource"] == SERVICES.0
            && parent["namespace"] == field::meta(old, "namespace")
            && parent["name"] == field::meta(old, "name");
        own.then(|| Op::delete(key(address), Expect::Revision(stored.revision)))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_its_prefix_says_but_for_its_ends() {
        let range = Range::parse("10.0.0.7/29").unwrap();
        assert_eq!(
            (range.at(0), range.at(range.count - 1)),
            ("10.0.0.1".parse().unwrap(), "10.0.0.6".parse().unwrap())
        );
        for (address, inside) in
            [("10.0.0.0", false), ("10.0.0.1", true), ("10.0.0.6", true), ("10.0.0.7", false)]
        {
            assert_eq!(range.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(Range::parse("fd00::/64").unwrap().contains("fd00::1".parse().unwrap()));
        assert_eq!(Range::parse("10.0.0.0/32").unwrap().count, 0);
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/0", "::/0", "x/8", "10.0.0.0/-1"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
