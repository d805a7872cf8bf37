//! Addresses that load balancers give, and the Services that ask for them.

use windlass_sdk::json::{Int, Text};
use windlass_sdk::{Answer, Changes, Members};

windlass_sdk::shape! {
    pub(crate) struct Service<'a> {
        spec: ServiceSpec<'a>,
        status: Option<BalancedStatus<'a>>,
    }

    struct ServiceSpec<'a> {
        r#type: Text<'a>,
    }

    /// The part of a Service's or an Ingress' status that is about load balancers.
    pub(crate) struct BalancedStatus<'a>: Serialize {
        load_balancer: LoadBalancer<'a>,
    }

    struct LoadBalancer<'a>: Serialize {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ingress: Vec<Address<'a>>,
    }

    struct Address<'a>: Serialize {
        #[serde(skip_serializing_if = "str::is_empty")]
        ip: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        hostname: Text<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ip_mode: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ports: Vec<PortStatus<'a>>,
    }

    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    struct PortStatus<'a>: Serialize {
        port: Int,
        protocol: Text<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Text<'a>>,
    }
}

impl<'a> Service<'a> {
    /// The addresses, where there is a load balancer.
    pub(crate) fn status(&self) -> Answer<Option<&BalancedStatus<'a>>> {
        Ok(self.status.as_ref().filter(|_| self.is_balanced()))
    }

    pub(crate) fn health(&self) -> Answer<bool> {
        Ok(!self.is_balanced() || self.status.as_ref().is_some_and(BalancedStatus::has_address))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if !self.is_balanced() {
            return Ok(Changes::none());
        }
        aggregate(members)
    }

    fn is_balanced(&self) -> bool {
        self.spec.r#type == "LoadBalancer"
    }
}

impl BalancedStatus<'_> {
    pub(crate) fn has_address(&self) -> bool {
        self.load_balancer
            .ingress
            .iter()
            .any(|address| !address.ip.is_empty() || !address.hostname.is_empty())
    }
}

/// All members' addresses, each once, with the ports of all who report it.
pub(crate) fn aggregate(members: Members<'_>) -> Answer<Changes> {
    let mut addresses: Vec<Address<'_>> = Vec::new();
    for member in members.reported::<BalancedStatus<'_>>()? {
        for address in member.status.load_balancer.ingress {
            match addresses.iter_mut().find(|known| known.place() == address.place()) {
                Some(known) => known.ports.extend(address.ports),
                None => addresses.push(address),
            }
        }
    }
    for address in &mut addresses {
        address.ports.sort_unstable();
        address.ports.dedup();
    }
    // Names before bare addresses; those that say how they are reached before those that don't.
    addresses.sort_unstable_by(|a, b| {
        let order = |address: &Address<'_>| (address.hostname.is_empty(), address.ip_mode.is_none());
        let ((a_bare, a_open), (b_bare, b_open)) = (order(a), order(b));
        (a_bare, &a.hostname, &a.ip, a_open, &a.ip_mode).cmp(&(
            b_bare,
            &b.hostname,
            &b.ip,
            b_open,
            &b.ip_mode,
        ))
    });
    let status = BalancedStatus { load_balancer: LoadBalancer { ingress: addresses } };
    Ok(Changes::none().set("/status", status))
}

impl Address<'_> {
    /// What tells addresses apart.
    fn place(&self) -> (&str, &str, Option<&str>) {
        (&self.hostname, &self.ip, self.ip_mode.as_deref())
    }
}
