use proptest::prelude::*;

use super::*;
use crate::snapshot::ClusterState;
use crate::testing::cluster;

/// A region, zones and a label each, by number.
fn state(index: usize, region: u8, zones: &[u8], rack: u8, cpu: i64) -> (ClusterState, i64) {
    let built = cluster(&format!("m{index:05}"))
        .region(&format!("r{region}"))
        .label("rack", &rack.to_string())
        .with(|state| state.zones = zones.iter().map(|zone| format!("z{zone}")).collect());
    (built.into(), cpu)
}

fn candidates(states: &[(ClusterState, i64)]) -> Vec<Candidate<'_>> {
    let mut candidates = Vec::new();
    for (index, (state, room)) in states.iter().enumerate() {
        let mut candidate = Candidate::new(index, state, 0, None);
        candidate.estimated(*room);
        candidates.push(candidate);
    }
    candidates.sort_by(Candidate::order);
    candidates
}

fn range(min: usize, max: usize) -> Range {
    Range { min, max }
}

fn covered(topology: Topology<'_>, taken: &[Candidate<'_>]) -> usize {
    let mut groups: Vec<&String> = taken.iter().flat_map(|one| topology.groups_of(one.cluster)).collect();
    groups.sort();
    groups.dedup();
    groups.len()
}

fn names(taken: &[Candidate<'_>]) -> Vec<String> {
    taken.iter().map(|one| one.name().to_owned()).collect()
}

#[test]
fn clusters_of_several_zones_count_for_each() {
    let states = [state(0, 0, &[0, 1], 0, 9), state(1, 0, &[2], 0, 5), state(2, 0, &[1], 0, 1)];
    let zones = |min, max, clusters| {
        select(&[(Topology::Zone, range(min, max))], clusters, candidates(&states), None)
    };
    assert_eq!(names(&zones(2, 2, range(1, 1)).unwrap()), ["m00000"]);
    assert_eq!(names(&zones(2, 2, Range::ANY).unwrap()), ["m00000", "m00002"]);
    assert_eq!(names(&zones(1, 1, Range::ANY).unwrap()), ["m00001"]);
    assert_eq!(
        zones(3, 3, range(1, 1)).unwrap_err().to_string(),
        "no choice of the 3 clusters that fit has exactly 3 zone groups, exactly 1 clusters"
    );
}

#[test]
fn what_is_there_stays_where_that_does() {
    let states =
        [state(0, 0, &[0], 0, 9), state(1, 1, &[1], 0, 5), state(2, 2, &[2], 0, 1), state(3, 3, &[3], 0, 0)];
    let mut candidates = candidates(&states);
    for one in candidates.iter_mut().filter(|one| one.index >= 2) {
        one.score = 100;
    }
    candidates.sort_by(Candidate::order);
    let both = [(Topology::Region, range(2, 2)), (Topology::Zone, range(1, 2))];
    assert_eq!(names(&select(&both, Range::ANY, candidates.clone(), None).unwrap()), ["m00002", "m00003"]);
    let three = [(Topology::Region, range(3, 3)), (Topology::Zone, range(1, 9))];
    assert_eq!(names(&select(&three, Range::ANY, candidates, None).unwrap()), ["m00002", "m00003", "m00000"]);
}

#[test]
fn room_is_made_within_the_bounds() {
    let states =
        [state(0, 0, &[0], 0, 9), state(1, 1, &[1], 1, 1), state(2, 1, &[2], 1, 7), state(3, 2, &[3], 1, 20)];
    let both = [(Topology::Region, range(2, 2)), (Topology::Label("rack"), range(2, 2))];
    let take = |clusters, wanted| select(&both, clusters, candidates(&states), Some(wanted));
    assert_eq!(names(&take(range(2, 2), 16).unwrap()), ["m00003", "m00000"]);
    assert!(take(range(2, 2), 30).unwrap_err().to_string().contains("hold 29 of 30 replicas"));
}

#[test]
fn a_search_among_five_thousand_ends() {
    let start = std::time::Instant::now();
    let states: Vec<_> = (0..5000u32)
        .map(|index| {
            state(
                index as usize,
                (index % 250) as u8,
                &[(index % 241) as u8, (index % 239) as u8],
                (index % 251) as u8,
                1,
            )
        })
        .collect();
    let kinds = [
        (Topology::Region, range(120, 125)),
        (Topology::Zone, range(2, 100)),
        (Topology::Label("rack"), range(3, 40)),
    ];
    let _ = select(&kinds, range(120, 130), candidates(&states), Some(4000));
    let many = [(Topology::Region, range(250, 250)), (Topology::Label("rack"), range(251, 251))];
    assert_eq!(select(&many, Range::ANY, candidates(&states), None).unwrap().len(), 5000);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

proptest! {
    /// Where any choice does one is found, and it does.
    #[test]
    fn a_choice_is_found_if_there_is_one(
        made in prop::collection::vec((0u8..3, prop::collection::vec(0u8..4, 1..3), 0u8..3, 0i64..5), 1..8),
        regions in (1usize..4, 0usize..3), zones in (1usize..4, 0usize..3), racks in (1usize..4, 0usize..3),
        count in (1usize..5, 0usize..4), wanted in prop::option::of(0i64..12),
    ) {
        let states: Vec<_> = made.iter().enumerate()
            .map(|(index, (region, zones, rack, cpu))| state(index, *region, zones, *rack, *cpu)).collect();
        let bounds = |(min, more): (usize, usize)| range(min, min + more);
        let kinds = [(Topology::Region, bounds(regions)), (Topology::Zone, bounds(zones)),
            (Topology::Label("rack"), bounds(racks))];
        let clusters = bounds(count);
        let all = candidates(&states);
        let does = |taken: &[Candidate<'_>]| {
            kinds.iter().all(|(topology, range)| {
                let covered = covered(*topology, taken);
                covered >= range.min && covered <= range.max
            }) && taken.len() >= clusters.min && taken.len() <= clusters.max
        };
        let any = (0u32..1 << all.len()).any(|chosen| {
            let taken: Vec<_> = all.iter().enumerate()
                .filter(|(index, _)| chosen >> index & 1 == 1).map(|(_, one)| *one).collect();
            does(&taken)
        });
        match select(&kinds, clusters, all.clone(), wanted) {
            Ok(taken) => {
                prop_assert!(does(&taken));
                prop_assert!(wanted.is_none_or(|wanted| room(&taken) >= wanted));
            }
            Err(SelectError::NoRoom { available, wanted, .. }) => prop_assert!(any && available < wanted),
            Err(error) => prop_assert!(!any, "{error}"),
        }
    }
}
