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
#[derive(Clone)]
pub(super) struct Bins {
    dimensions: usize,
    /// Bin after bin.
    left: Vec<i128>,
}

/// A piece that did not fit, and how many of its pods did before it.
pub(super) struct Left {
    pub(super) piece: usize,
    pub(super) placed: i64,
}

/// Pods of a piece that were put into a bin.
struct Put {
    bin: usize,
    piece: usize,
    count: i64,
}

/// Steps after which counting stops: the count is then what was found so far. A step looks at one piece in one bin.
const STEPS_MAX: usize = 4_000_000;

/// How many pods are gathered for at most: each takes what a bin has left.
const GATHERED_MAX: i64 = 1000;

impl Bins {
    /// Of bins that all have as many dimensions.
    pub(super) fn new(dimensions: usize, left: Vec<i128>) -> Bins {
        Bins { dimensions, left }
    }

    /// The bins, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[i128]> {
        self.left.chunks_exact(self.dimensions)
    }

    fn len(&self) -> usize {
        self.left.len() / self.dimensions
    }

    fn bin(&self, index: usize) -> &[i128] {
        &self.left[index * self.dimensions..(index + 1) * self.dimensions]
    }

    fn take(&mut self, index: usize, size: &[i128], count: i64) {
        let bin = &mut self.left[index * self.dimensions..(index + 1) * self.dimensions];
        for (left, size) in bin.iter_mut().zip(size) {
            *left = left.saturating_sub(size.saturating_mul(i128::from(count)));
        }
    }

    /// Puts pods of a piece into the bins, first fit. How many found a place.
    pub(super) fn place(&mut self, piece: &Piece) -> i64 {
        self.place_from(&mut 0, 0, piece, &mut Vec::new())
    }

    /// Takes pods of a piece, that fit into no bin, out of those that have the most left for them, though that is too
    /// little.
    pub(super) fn gather(&mut self, piece: &Piece, count: i64) {
        // By how many thousandths of a pod.
        let left_for = |bin: &[i128]| {
            let dimensions = bin.iter().zip(&piece.size).filter(|(_, size)| **size > 0);
            dimensions.map(|(left, size)| left.saturating_mul(1000) / size).min().unwrap_or(0)
        };
        for _ in 0..count.min(GATHERED_MAX) {
            let bins = (0..self.len()).filter(|bin| piece.eligible[*bin]);
            // Of equal ones the first.
            let most = bins.max_by_key(|bin| (left_for(self.bin(*bin)), std::cmp::Reverse(*bin)));
            let Some(most) = most.filter(|bin| left_for(self.bin(*bin)) > 0) else { return };
            self.take(most, &piece.size, 1);
        }
    }

    /// The same from bin `open` on, which moves past the bins that have no room for the piece any more.
    fn place_from(&mut self, open: &mut usize, index: usize, piece: &Piece, puts: &mut Vec<Put>) -> i64 {
        let mut missing = piece.count;
        let mut bin = *open;
        while missing > 0 && bin < self.len() {
            let count = if piece.eligible[bin] { fits(self.bin(bin), &piece.size, missing) } else { 0 };
            if count > 0 {
                self.take(bin, &piece.size, count);
                puts.push(Put { bin, piece: index, count });
                missing -= count;
            } else if bin == *open {
                // Bins only ever fill up.
                *open += 1;
            }
            bin += 1;
        }
        piece.count - missing
    }
}

/// How many pods of a size fit into what is left of a bin, at most `max`.
fn fits(bin: &[i128], size: &[i128], max: i64) -> i64 {
    let mut count = max;
    for (left, size) in bin.iter().zip(size) {
        // Dividing is much dearer than multiplying, and most often there is room for all or none.
        if *size > 0 && size.saturating_mul(i128::from(count)) > *left {
            count = if left < size { 0 } else { i64::try_from(left / size).unwrap_or(i64::MAX) };
        }
    }
    count
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
    let mut open = vec![0; pieces.len()];
    let mut puts = Vec::new();
    let (mut sets, mut steps) = (0, 0);
    while sets < max && steps < STEPS_MAX {
        puts.clear();
        for (index, piece) in pieces.iter().enumerate() {
            let placed = bins.place_from(&mut open[index], index, piece, &mut puts);
            if placed < piece.count {
                return (sets, (sets == 0).then_some(Left { piece: index, placed }));
            }
        }
        steps += pieces.len() * bins.len();
        // First fit puts the next set where it put this one, as long as each bin that was used has that much left
        // again: so those sets need not be placed one by one.
        let repeats = repeats(&bins, pieces, &mut puts).min(max - sets - 1);
        for put in &puts {
            bins.take(put.bin, &pieces[put.piece].size, put.count.saturating_mul(repeats));
        }
        sets += 1 + repeats;
    }
    (sets, None)
}

/// How often the same puts can be made again.
fn repeats(bins: &Bins, pieces: &[Piece], puts: &mut [Put]) -> i64 {
    puts.sort_unstable_by_key(|put| put.bin);
    let mut repeats = i64::MAX;
    for puts in puts.chunk_by(|a, b| a.bin == b.bin) {
        for (dimension, left) in bins.bin(puts[0].bin).iter().enumerate() {
            let used = puts.iter().fold(0i128, |used, put| {
                used.saturating_add(pieces[put.piece].size[dimension].saturating_mul(i128::from(put.count)))
            });
            if *left < used {
                return 0;
            }
            if used > 0 {
                repeats = repeats.min(i64::try_from(left / used).unwrap_or(i64::MAX));
            }
        }
    }
    repeats
}

fn count_singles(bins: &Bins, piece: &Piece, max: i64) -> (i64, Option<Left>) {
    let mut count: i64 = 0;
    for (bin, _) in bins.iter().zip(&piece.eligible).filter(|(_, eligible)| **eligible) {
        count = count.saturating_add(fits(bin, &piece.size, max));
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
        (0..max).take_while(|_| pieces.iter().all(|piece| bins.place(piece) == piece.count)).count() as i64
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
            let bins = Bins::new(2, bins.concat());
            prop_assert_eq!(count_sets(&bins, &pieces, 100).0, slowly(&bins, &pieces, 100));
        }
    }
}
