//! A few seeds with every test run; `windlass-simulation` runs thousands.

#[test]
fn two_hundred_seeds_hold() {
    for seed in 1..=200 {
        if let Err(failure) = windlass_simulation::run(seed, false) {
            panic!("seed {seed}: {}\nwindlass-simulation --seed {seed} --trace", failure.what);
        }
    }
}
