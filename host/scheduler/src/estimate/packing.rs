//! Counting whole sets over bins by first fit, in time that does not grow with the count.

/// Pods of one kind.
pub(super) struct Piece {
    /// How many of them a set has.
    pub(super) count: i64,
    /// What each takes: by dimension, in any unit, never negative.
    pub(super) size: Vec<i128>,
    /// Which bins take it at all, by bin.
    pub(super) eligible: Vec<bool>,
}

/// What is left in each bin, by dimension.
pub(super) type Bins = Vec<Vec<i128>>;

/// A piece that did not fit, and how many of its pods did before it.
pub(super) struct Left {
    pub(super) piece: usize,
    pub(super) placed: i64,
}

/// Steps after which counting stops: the count is then what was found so far. A step looks at one piece in one bin.
const STEPS_MAX: usize = 4_000_000;

/// How many pods of a size fit into what is left of a bin.
fn fits(bin: &[i128], size: &[i128]) -> i64 {
    let mut count = i128::from(i64::MAX);
    for (left, size) in bin.iter().zip(size) {
        if *size > 0 {
            count = count.min((*left).max(0) / size);
        }
    }
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn take(bin: &mut [i128], size: &[i128], count: i64) {
    for (left, size) in bin.iter_mut().zip(size) {
        *left = left.saturating_sub(size.saturating_mul(i128::from(count)));
    }
}

/// Puts pods of a piece into the bins, first fit. How many found a place.
pub(super) fn place(bins: &mut Bins, piece: &Piece, mut wanted: i64) -> i64 {
    let asked = wanted;
    for (bin, _) in bins.iter_mut().zip(&piece.eligible).filter(|(_, eligible)| **eligible) {
        if wanted == 0 {
            break;
        }
        let count = fits(bin, &piece.size).min(wanted);
        if count > 0 {
            take(bin, &piece.size, count);
            wanted -= count;
        }
    }
    asked - wanted
}

/// How many whole sets fit, at most `max`; with it, what was left over when not even one did.
pub(super) fn count_sets(bins: &Bins, pieces: &[Piece], max: i64) -> (i64, Option<Left>) {
    if pieces.iter().all(|piece| piece.count == 0) {
        return (max, None);
    }
    if let [piece] = pieces
        && piece.count == 1
    {
        return count_singles(bins, piece, max);
    }
    let mut bins = bins.clone();
    let mut sets = 0;
    let mut steps = 0;
    while sets < max && steps < STEPS_MAX {
        let before = bins.clone();
        for (index, piece) in pieces.iter().enumerate() {
            let placed = place(&mut bins, piece, piece.count);
            if placed < piece.count {
                return (sets, (sets == 0).then_some(Left { piece: index, placed }));
            }
        }
        steps += pieces.len() * bins.len();
        sets += 1;
        // First fit puts the next set where it put this one, as long as each bin that was used has that much left
        // again: so those sets need not be placed one by one.
        let repeats = repeats(&before, &bins).min(max - sets);
        for (bin, before) in bins.iter_mut().zip(&before) {
            for (left, before) in bin.iter_mut().zip(before) {
                *left -= (before - *left) * i128::from(repeats);
            }
        }
        sets += repeats;
    }
    (sets, None)
}

fn repeats(before: &Bins, after: &Bins) -> i64 {
    let mut repeats = i128::from(i64::MAX);
    for (before, after) in before.iter().zip(after) {
        for (before, after) in before.iter().zip(after) {
            let used = before - after;
            if used > 0 {
                repeats = repeats.min((*after).max(0) / used);
            }
        }
    }
    i64::try_from(repeats).unwrap_or(i64::MAX)
}

fn count_singles(bins: &Bins, piece: &Piece, max: i64) -> (i64, Option<Left>) {
    let mut count: i64 = 0;
    for (bin, _) in bins.iter().zip(&piece.eligible).filter(|(_, eligible)| **eligible) {
        count = count.saturating_add(fits(bin, &piece.size));
    }
    (count.min(max), (count == 0).then_some(Left { piece: 0, placed: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, one set at a time.
    fn slowly(bins: &Bins, pieces: &[Piece], max: i64) -> i64 {
        let mut bins = bins.clone();
        (0..max)
            .take_while(|_| pieces.iter().all(|piece| place(&mut bins, piece, piece.count) == piece.count))
            .count() as i64
    }

    proptest! {
        #[test]
        fn counting_in_leaps_agrees_with_counting_one_by_one(
            bins in prop::collection::vec(prop::collection::vec(0i128..60, 2), 1..6),
            pieces in prop::collection::vec((0i64..4, 0i128..7, 0i128..7, any::<u8>()), 1..4),
        ) {
            let pieces: Vec<Piece> = pieces
                .into_iter()
                .map(|(count, a, b, eligible)| Piece {
                    count,
                    size: vec![a, b],
                    eligible: (0..bins.len()).map(|bin| eligible >> bin & 1 == 1).collect(),
                })
                .collect();
            prop_assert_eq!(count_sets(&bins, &pieces, 100).0, slowly(&bins, &pieces, 100));
        }
    }
}
