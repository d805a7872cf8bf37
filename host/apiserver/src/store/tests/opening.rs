//! What a directory may hold, and what is said when it holds something else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::store::OpenError;

/// The error of opening, and that the data file was left as it is.
fn refusal(dir: &Path) -> OpenError {
    let data = || fs::read(dir.join("store.redb")).ok();
    let before = data();
    let error = Store::open(dir, Options::default()).expect_err("it is refused");
    assert_eq!(data(), before);
    assert!(error.to_string().contains(&*dir.to_string_lossy()), "{error}");
    error
}

#[tokio::test]
async fn a_directory_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let error = refusal(dir.path());
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    write(&store, create("a", 1)).await;
    drop(store);
    assert_eq!(spec(&open(&dir), "a"), Some(1.into()));
}

#[tokio::test]
async fn a_new_directory_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not/yet");
    drop(Store::open(&path, Options::default()).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("store.redb"))), (0o700, 0o600));
}

#[tokio::test]
async fn what_is_no_store_is_never_replaced_by_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for n in 0..50 {
        write(&store, create(&format!("{n}"), "x".repeat(2000))).await;
    }
    drop(store);
    let file = dir.path().join("store.redb");
    let good = fs::read(&file).unwrap();

    for contents in [&b""[..], b"not a database", &[0; 10_000], &good[..good.len() / 3], &good[..4000]] {
        fs::write(&file, contents).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("restore it from a backup"), "{error}");
    }
    fs::remove_file(&file).unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::Missing { .. }));

    fs::write(&file, good).unwrap();
    assert_eq!(open(&dir).snapshot(PODS).len(), 50);
}

#[tokio::test]
async fn altered_bytes_are_found_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for n in 0..20 {
        write(&store, create(&format!("{n}"), "x".repeat(2000))).await;
    }
    let listing =
        |store: &Store| store.snapshot(PODS).iter().map(|object| (**object).clone()).collect::<Vec<_>>();
    let expected = listing(&store);
    drop(store);
    let file = dir.path().join("store.redb");
    let good = fs::read(&file).unwrap();
    // Most of the file is free space: look where the data is.
    let used: Vec<usize> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    for at in used.iter().step_by(used.len() / 40) {
        let mut altered = good.clone();
        altered[*at] ^= 0x55;
        fs::write(&file, &altered).unwrap();
        match Store::open(dir.path(), Options::default()) {
            Ok(store) => assert_eq!(listing(&store), expected, "byte {at}"),
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. } | OpenError::Format { .. }), "{error}")
            }
        }
    }
}

#[tokio::test]
async fn a_restored_backup_moves_the_revision_forward() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    let store = open(&dir);
    write(&store, create("a", 1)).await;
    write(&store, put("a", 2)).await;
    write(&store, create("gone", 1)).await;
    write(&store, Op::delete(pod("gone"), Expect::Exists)).await;
    drop(store);
    let backup = fs::read(&file).unwrap();
    let store = open(&dir);
    assert_eq!(store.revision(), 5);
    let seen = write(&store, put("a", 3)).await.revision();
    drop(store);

    // In place, and under a new inode.
    for restore in [|file: &Path| drop(fs::remove_file(file)), |_: &Path| ()] {
        restore(&file);
        fs::write(&file, &backup).unwrap();
        let store = open(&dir);
        let restored = store.revision();
        assert!(restored > seen + 100_000);
        assert_eq!(spec(&store, "a"), Some(2.into()));
        let expired = RevisionError::Expired { requested: seen, oldest: restored };
        assert_eq!(store.watch(PODS, seen).err(), Some(expired));
        drop(store);
        // Once is enough, also if nothing was written since.
        let store = open(&dir);
        assert_eq!((store.revision(), spec(&store, "gone")), (restored, None));
        let mut watch = store.watch(PODS, restored).unwrap();
        write(&store, Op::delete(pod("a"), Expect::Revision(3))).await;
        assert_eq!(follow(&mut watch, 1).await[0].2, restored + 1);
        drop(store);
        let store = open(&dir);
        assert_eq!((store.revision(), store.snapshot(PODS).len()), (restored + 1, 0));
    }
}
