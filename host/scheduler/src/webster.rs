//! Webster's (Sainte-Laguë's) method: seats go one by one to whoever has the highest votes / (2 · seats + 1).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use windlass_api::names::fnv32a;

/// Who gets seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    pub name: &'a str,
    /// The weight; negative ones count as zero.
    pub votes: i64,
    /// Seats from before that do not count here, but decide a tie: who has fewer goes first.
    pub present: i64,
}

/// Which of two names goes first where all else is equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TieOrder {
    /// The lower name.
    #[default]
    Ascending,
    /// The higher name.
    Descending,
}

impl TieOrder {
    /// By a resource's UID, so that not every odd replica goes to the same cluster.
    pub fn of_uid(uid: &str) -> TieOrder {
        if !uid.is_empty() && fnv32a(uid) & 1 == 1 { TieOrder::Descending } else { TieOrder::Ascending }
    }
}

/// A party in the queue for the next seat.
struct Bidder<'a> {
    index: usize,
    party: &'a Party<'a>,
    seats: i64,
    order: TieOrder,
}

impl Bidder<'_> {
    fn votes(&self) -> u128 {
        u128::from(self.party.votes.max(0).unsigned_abs())
    }

    fn divisor(&self) -> u128 {
        2 * u128::from(self.seats.unsigned_abs()) + 1
    }
}

impl Ord for Bidder<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // votes / divisor, compared without dividing: 64 bits times 33 bits.
        (self.votes() * other.divisor())
            .cmp(&(other.votes() * self.divisor()))
            .then_with(|| other.seats.cmp(&self.seats))
            .then_with(|| other.party.present.cmp(&self.party.present))
            .then_with(|| match self.order {
                TieOrder::Ascending => other.party.name.cmp(self.party.name),
                TieOrder::Descending => self.party.name.cmp(other.party.name),
            })
            .then_with(|| other.index.cmp(&self.index))
    }
}

impl PartialOrd for Bidder<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Bidder<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Bidder<'_> {}

/// The seats of each party, in their order; none where nobody has votes.
///
/// One more seat to deal out never costs a party one. Takes time by the number of parties, not by that of seats.
pub fn allocate(seats: i32, parties: &[Party<'_>], order: TieOrder) -> Vec<i64> {
    let mut result = vec![0i64; parties.len()];
    let seats = u128::from(seats.max(0).unsigned_abs());
    let votes = |party: &Party<'_>| u128::from(party.votes.max(0).unsigned_abs());
    let total: u128 = parties.iter().map(votes).sum();
    if total == 0 || seats == 0 {
        return result;
    }
    // Dividing by total / early and rounding at one half deals out the first seats of just this order, all that tie
    // among them: at most half a seat a party too many, so `parties` fewer never come to more than there are.
    let early = seats.saturating_sub(parties.len() as u128);
    let mut dealt = 0;
    for (seats, party) in result.iter_mut().zip(parties) {
        let share = (2 * votes(party) * early + total) / (2 * total);
        // A party without votes rounds to nothing.
        *seats = i64::try_from(share).unwrap_or(i64::MAX);
        dealt += share;
    }
    let mut heap: BinaryHeap<Bidder<'_>> = parties
        .iter()
        .enumerate()
        .map(|(index, party)| Bidder { index, party, seats: result[index], order })
        .collect();
    for _ in dealt..seats {
        let Some(mut next) = heap.peek_mut() else { break };
        next.seats += 1;
        result[next.index] += 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parties<'a>(names: &'a [String], votes: &[i64]) -> Vec<Party<'a>> {
        names.iter().zip(votes).map(|(name, votes)| Party { name, votes: *votes, present: 0 }).collect()
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("m{index:04}")).collect()
    }

    fn check(seats: i32, votes: &[i64], want: &[i64]) {
        let names = names(votes.len());
        assert_eq!(allocate(seats, &parties(&names, votes), TieOrder::Ascending), want);
    }

    /// One seat at a time, from nothing.
    fn slowly(seats: i32, votes: &[i64], order: TieOrder) -> Vec<i64> {
        let names = names(votes.len());
        let parties = parties(&names, votes);
        let mut result = vec![0; votes.len()];
        for _ in 0..seats {
            let bidders = parties.iter().enumerate().map(|(index, party)| Bidder {
                index,
                party,
                seats: result[index],
                order,
            });
            let index = bidders.max().unwrap().index;
            result[index] += 1;
        }
        result
    }

    #[test]
    fn seats_follow_votes() {
        check(12, &[6, 12, 18], &[2, 4, 6]);
        check(9, &[1, 2], &[3, 6]);
        check(9, &[1, 3], &[2, 7]);
        check(10, &[1, 1, 1], &[4, 3, 3]);
        check(5, &[0, 0], &[0, 0]);
        check(5, &[0, 1], &[0, 5]);
        check(0, &[1, 1], &[0, 0]);
        check(-1, &[1], &[0]);
        check(3, &[-5, 1], &[0, 3]);
        check(3, &[], &[]);
    }

    #[test]
    fn a_tie_goes_to_fewer_present_seats_then_by_name() {
        let two = |present: i64| {
            [Party { name: "a", votes: 1, present }, Party { name: "b", votes: 1, present: 1 }]
        };
        assert_eq!(allocate(1, &two(1), TieOrder::Ascending), [1, 0]);
        assert_eq!(allocate(1, &two(1), TieOrder::Descending), [0, 1]);
        assert_eq!(allocate(1, &two(2), TieOrder::Ascending), [0, 1]);
        assert_eq!(TieOrder::of_uid(""), TieOrder::Ascending);
    }

    #[test]
    fn extremes_end_and_add_up() {
        let names = names(1000);
        let votes: Vec<i64> = (0..1000).map(|index| i64::MAX - index).collect();
        let result = allocate(i32::MAX, &parties(&names, &votes), TieOrder::Ascending);
        assert_eq!(result.iter().sum::<i64>(), i64::from(i32::MAX));
    }

    proptest! {
        #[test]
        fn dealing_in_bulk_agrees_with_dealing_one_by_one(
            votes in prop::collection::vec(prop_oneof![0i64..8, 0i64..1000, Just(i64::MAX)], 1..12),
            seats in 0i32..200,
            descending in any::<bool>(),
        ) {
            prop_assume!(votes.iter().any(|votes| *votes > 0));
            let order = if descending { TieOrder::Descending } else { TieOrder::Ascending };
            let names = names(votes.len());
            let fast = allocate(seats, &parties(&names, &votes), order);
            prop_assert_eq!(fast.iter().sum::<i64>(), i64::from(seats));
            prop_assert_eq!(fast, slowly(seats, &votes, order));
        }

        #[test]
        fn one_more_seat_never_costs_a_party_one(
            votes in prop::collection::vec(0i64..100, 1..12), seats in 0i32..300,
        ) {
            let names = names(votes.len());
            let parties = parties(&names, &votes);
            let fewer = allocate(seats, &parties, TieOrder::Ascending);
            let more = allocate(seats + 1, &parties, TieOrder::Ascending);
            prop_assert!(fewer.iter().zip(&more).all(|(fewer, more)| fewer <= more));
        }

        #[test]
        fn equal_votes_favour_who_has_fewer_seats_at_present(
            present in prop::collection::vec(0i64..9, 1..12), votes in 1i64..50, seats in 0i32..60,
            descending in any::<bool>(),
        ) {
            let order = if descending { TieOrder::Descending } else { TieOrder::Ascending };
            let names = names(present.len());
            let parties: Vec<Party<'_>> = names.iter().zip(&present)
                .map(|(name, present)| Party { name, votes, present: *present }).collect();
            let result = allocate(seats, &parties, order);
            for (a, more) in result.iter().zip(&present) {
                prop_assert!(result.iter().zip(&present).all(|(b, fewer)| fewer >= more || b >= a));
            }
        }

        #[test]
        fn nobody_gets_more_than_their_votes_while_those_suffice(
            votes in prop::collection::vec(0i64..30, 1..12), part in 0u32..=100,
        ) {
            let total: i64 = votes.iter().sum();
            let seats = i32::try_from(total * i64::from(part) / 100).unwrap();
            let names = names(votes.len());
            let result = allocate(seats, &parties(&names, &votes), TieOrder::Ascending);
            prop_assert!(result.iter().zip(&votes).all(|(seats, votes)| seats <= votes));
        }
    }
}
