//! Compiled code on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_plugins::{CacheError, Catalogue, CodeCache, Limits};

use crate::setting::{engine, interpreter, revised, thing};
use windlass_test_guests::{GOOD, revise};

fn serves(directory: &Path) {
    let catalogue = Catalogue::new(engine(4), CodeCache::open(directory).expect("a cache"));
    let plugin = interpreter(&catalogue, &GOOD.component(), Limits::default());
    revised(plugin.revise_replica(&thing(), revise::WELL));
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|own| own == extension))
        .collect()
}

#[test]
fn code_is_compiled_once_and_kept_private() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("code");
    serves(&directory);
    let artifacts = files(&directory, "cwasm");
    assert_eq!((artifacts.len(), files(&directory, "tmp").len()), (1, 0));
    let written = fs::metadata(&artifacts[0]).and_then(|file| file.modified()).expect("a time");
    serves(&directory);
    assert_eq!(fs::metadata(&artifacts[0]).and_then(|file| file.modified()).expect("a time"), written);
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&artifacts[0])), (0o700, 0o600));
}

#[test]
fn damaged_code_is_compiled_anew_and_never_run() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("code");
    serves(&directory);
    let artifact = files(&directory, "cwasm").remove(0);
    let good = fs::read(&artifact).expect("code");
    let recorded = artifact.with_extension("sha256");
    let middle = good.len() / 2;
    let mut flipped = good.clone();
    flipped[middle] ^= 1;
    for bad in [&flipped[..], &good[..middle], &[]] {
        fs::write(&artifact, bad).expect("written");
        serves(&directory);
        assert_eq!(fs::read(&artifact).expect("code").len(), good.len(), "it is written again");
    }
    fs::remove_file(&recorded).expect("removed");
    serves(&directory);
    assert!(recorded.exists());
}

#[test]
fn two_at_the_same_time_do_not_disturb_each_other() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = Arc::new(parent.path().join("code"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| serves(&directory));
        }
    });
    assert_eq!(files(&directory, "cwasm").len(), 1);
    assert_eq!(files(&directory, "tmp").len(), 0);
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("code");
    fs::create_dir(&directory).expect("a directory");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).expect("a mode");
    assert!(matches!(CodeCache::open(&directory), Err(CacheError::NotPrivate { .. })));
    let file = parent.path().join("file");
    fs::write(&file, "").expect("written");
    let error = CodeCache::open(&file).expect_err("a file");
    assert!(error.to_string().contains("file"), "{error}");
}
