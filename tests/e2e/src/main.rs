//! The `windlass` binary, as the tests of this package run it.

fn main() -> std::process::ExitCode {
    windlass::main()
}
