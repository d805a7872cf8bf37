//! By nodes: allocatable less requested and promised, pod slots, node selectors and tolerations.

use k8s_openapi::api::core::v1::Taint;
use windlass_api::quantity::{Format, Quantity};

use super::packing::{Bins, Left, Piece, count_sets};
use super::{COUNT_MAX, Estimate, RefusedNodes, Shortage};
use crate::node::Node;
use crate::selector::{node_matches, taint_text, untolerated};
use crate::snapshot::Promise;
use crate::workload::Need;

/// How many whole sets the nodes hold, beside what they hold and were promised.
pub(super) fn count(nodes: &[Node], promises: &[Promise], needs: &[Need]) -> Estimate {
    let table = Table::new(nodes, promises, needs);
    let pieces: Vec<Piece> = needs.iter().map(|need| table.piece(need)).collect();
    let (count, left) = count_sets(&table.bins, &pieces, COUNT_MAX);
    let Some(left) = left else { return Estimate::of(count) };
    if needs.len() > 1 {
        let (count, still_left) = table.count_largest_first(pieces.as_slice());
        if still_left.is_none() {
            return Estimate::of(count);
        }
    }
    Estimate::none(table.shortage(&needs[left.piece], &pieces[left.piece], &left))
}

/// The same of few nodes, by the better of two orders of the pieces also where the first does.
pub(super) fn count_best(nodes: &[Node], promises: &[Promise], needs: &[Need]) -> Estimate {
    let estimate = count(nodes, promises, needs);
    if needs.len() < 2 || estimate.count == 0 || estimate.count >= COUNT_MAX {
        return estimate;
    }
    let table = Table::new(nodes, promises, needs);
    let pieces: Vec<Piece> = needs.iter().map(|need| table.piece(need)).collect();
    let (count, _) = table.count_largest_first(&pieces);
    if count > estimate.count { Estimate::of(count) } else { estimate }
}

/// Nodes by resources.
struct Table<'a> {
    nodes: &'a [Node],
    /// The dimensions before the last, which is pod slots.
    resources: Vec<&'a str>,
    bins: Bins,
}

impl<'a> Table<'a> {
    fn new(nodes: &'a [Node], promises: &'a [Promise], needs: &'a [Need]) -> Table<'a> {
        let mut resources: Vec<&str> = Vec::new();
        for need in promises.iter().flat_map(|promise| &promise.needs).chain(needs) {
            for (resource, _) in need.request.positive() {
                if !resources.contains(&resource) {
                    resources.push(resource);
                }
            }
        }
        let dimensions = resources.len() + 1;
        let mut left = Vec::with_capacity(nodes.len() * dimensions);
        for node in nodes {
            left.extend(resources.iter().map(|resource| node.free(resource).nano()));
            left.push(node.free_slots().into());
        }
        let bins = Bins::new(dimensions, left);
        let mut table = Table { nodes, resources, bins };
        for promise in promises {
            for need in &promise.needs {
                let piece = table.piece(need);
                // What fits nowhere any more takes no room, unless it is waited for.
                let placed = table.bins.place(&piece);
                if promise.kept {
                    table.bins.gather(&piece, piece.count.saturating_sub(placed));
                }
            }
        }
        table
    }

    fn piece(&self, need: &Need) -> Piece {
        let amounts = self.resources.iter().map(|resource| need.request.get(resource).nano().max(0));
        Piece {
            count: need.replicas,
            size: amounts.chain([1]).collect(),
            eligible: self.nodes.iter().map(|node| refusal(node, need).is_none()).collect(),
        }
    }

    /// Large pieces are the harder ones to place: once more, with those first that take the most of some resource.
    fn count_largest_first(&self, pieces: &[Piece]) -> (i64, Option<Left>) {
        let mut total = vec![0i128; self.resources.len() + 1];
        for bin in self.bins.iter() {
            for (total, left) in total.iter_mut().zip(bin) {
                *total = total.saturating_add(*left);
            }
        }
        // In millionths of the total of its scarcest resource.
        let share = |piece: &Piece| {
            let shares = piece.size.iter().zip(&total).map(|(size, total)| match total {
                0 if *size > 0 => i128::MAX,
                0 => 0,
                total => size.saturating_mul(1_000_000) / total,
            });
            shares.max().unwrap_or(0)
        };
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(share(&pieces[*index])));
        let sorted: Vec<Piece> = order
            .iter()
            .map(|index| {
                let piece = &pieces[*index];
                Piece { count: piece.count, size: piece.size.clone(), eligible: piece.eligible.clone() }
            })
            .collect();
        count_sets(&self.bins, &sorted, COUNT_MAX)
    }

    fn shortage(&self, need: &Need, piece: &Piece, left: &Left) -> Shortage {
        let component = need.name.clone();
        let mut refused = RefusedNodes::default();
        for reason in self.nodes.iter().filter_map(|node| refusal(node, need)) {
            match reason {
                NodeRefusal::Cordoned => refused.cordoned += 1,
                NodeRefusal::Tainted(taint) => *refused.tainted.entry(taint).or_default() += 1,
                NodeRefusal::Unselected => refused.unselected += 1,
            }
        }
        let open =
            || self.bins.iter().zip(&piece.eligible).filter(|(_, eligible)| **eligible).map(|(bin, _)| bin);
        let nodes = open().count();
        if nodes == 0 {
            return Shortage::Refused { component, nodes: self.nodes.len(), refused };
        }
        for (index, resource) in self.resources.iter().enumerate() {
            let most = open().map(|bin| bin[index]).max().unwrap_or(0);
            let wanted = need.request.get(resource);
            if most < wanted.nano() {
                let most = Quantity::from_nano(most, self.format_of(resource, wanted.format()));
                let resource = (*resource).to_owned();
                return Shortage::Resource { component, resource, wanted, most, nodes, refused };
            }
        }
        if open().all(|bin| bin[self.resources.len()] <= 0) {
            return Shortage::Slots { component, nodes, refused };
        }
        Shortage::Packing { component, placed: left.placed, wanted: need.replicas, nodes }
    }

    /// Amounts of a resource print as the nodes' do.
    fn format_of(&self, resource: &str, fallback: Format) -> Format {
        let listed = self.nodes.iter().find(|node| node.allocatable.names(resource));
        listed.map_or(fallback, |node| node.allocatable.get(resource).format())
    }
}

enum NodeRefusal {
    Cordoned,
    Tainted(String),
    Unselected,
}

/// Why a node does not take such pods, whatever room it has.
fn refusal(node: &Node, need: &Need) -> Option<NodeRefusal> {
    let claim = need.claim.as_deref();
    let tolerations = claim.map(|claim| claim.tolerations.as_slice()).unwrap_or_default();
    if node.unschedulable {
        // Whoever tolerates the taint that comes with it tolerates it.
        let taint = Taint {
            key: "node.kubernetes.io/unschedulable".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        };
        if untolerated(&[taint], tolerations).is_some() {
            return Some(NodeRefusal::Cordoned);
        }
    }
    if let Some(taint) = untolerated(&node.taints, tolerations) {
        return Some(NodeRefusal::Tainted(taint_text(taint)));
    }
    let claim = claim?;
    let labelled = claim.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let selected = claim
        .hard_node_affinity
        .as_ref()
        .is_none_or(|selector| node_matches(selector, &node.name, &node.labels));
    (!labelled || !selected).then_some(NodeRefusal::Unselected)
}
