//! Watches: order, resumption, expiry, fairness.

use super::*;
use crate::store::Change::{Added, Deleted, Modified};

fn event(change: crate::store::Change, name: &str, revision: u64) -> (crate::store::Change, String, u64) {
    (change, name.to_owned(), revision)
}

#[tokio::test]
async fn a_watch_gets_what_follows_a_snapshot_and_nothing_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    write(&store, create("a", 1)).await;
    let (snapshot, mut watch) = store.snapshot_and_watch(PODS);
    let mut everything = store.watch_all(1).unwrap();
    assert_eq!(snapshot.len(), 1);
    assert_eq!(watch.try_next(), Ok(None));
    write(&store, Op::create(Key::new("/nodes", "", "n"), json!({"metadata": {}}))).await;
    // A bookmark may name the revision although nothing happened to pods.
    assert_eq!(watch.progress(), 3);
    write(&store, put("a", 2)).await;
    write(&store, Op::delete(pod("a"), Expect::Exists)).await;
    assert_eq!(watch.progress(), 3);
    assert_eq!(follow(&mut watch, 2).await, [event(Modified, "a", 4), event(Deleted, "a", 5)]);
    assert_eq!((watch.progress(), watch.try_next()), (5, Ok(None)));
    let all = [event(Added, "a", 2), event(Added, "n", 3), event(Modified, "a", 4), event(Deleted, "a", 5)];
    assert_eq!(follow(&mut everything, 4).await, all);
}

#[tokio::test]
async fn a_watch_that_waits_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    // Nothing was ever written to the resource.
    let (_, mut watch) = store.snapshot_and_watch(PODS);
    let waiting = tokio::spawn(async move { follow(&mut watch, 1).await });
    tokio::task::yield_now().await;
    write(&store, create("a", 1)).await;
    assert_eq!(waiting.await.unwrap(), [event(Added, "a", 2)]);
}

#[tokio::test]
async fn watches_resume_after_a_restart_with_the_previous_objects() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    write(&store, create("a", 1)).await;
    write(&store, create("b", 1)).await;
    write(&store, put("a", 2)).await;
    write(&store, Op::delete(pod("b"), Expect::Exists)).await;
    let mut before = store.watch_all(1).unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(before.next().await.unwrap());
    }
    drop((store, before));

    let store = open(&dir);
    assert_eq!(store.revision(), 5);
    let mut after = store.watch_all(1).unwrap();
    for event in seen {
        assert_eq!(after.next().await.unwrap(), event);
    }
    let mut pods = store.watch(PODS, 3).unwrap();
    write(&store, create("b", 2)).await;
    let expected = [event(Modified, "a", 4), event(Deleted, "b", 5), event(Added, "b", 6)];
    assert_eq!(follow(&mut pods, 3).await, expected);
}

#[tokio::test]
async fn a_log_that_was_pruned_says_how_far_it_reaches_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), short_log(10)).unwrap();
    for n in 0..30 {
        write(&store, put(&format!("{}", n % 3), n)).await;
    }
    write(&store, Op::delete(pod("0"), Expect::Exists)).await;
    let expired = RevisionError::Expired { requested: 21, oldest: 22 };
    assert_eq!(store.watch(PODS, 21).err(), Some(expired));
    assert!(store.watch(PODS, 22).is_ok());
    assert_eq!(expired.to_string(), "too old resource version: 21 (22)");
    drop(store);

    let store = Store::open(dir.path(), short_log(10)).unwrap();
    assert_eq!(store.watch(PODS, 21).err(), Some(expired));
    assert_eq!(store.watch("apps/deployments", 21).err(), Some(expired));
    assert_eq!(store.watch_all(33).err(), Some(RevisionError::Future { requested: 33, current: 32 }));
    let mut watch = store.watch(PODS, 22).unwrap();
    assert_eq!(follow(&mut watch, 10).await.last(), Some(&event(Deleted, "0", 32)));
    assert_eq!(
        (spec(&store, "0"), spec(&store, "1"), spec(&store, "2")),
        (None, Some(28.into()), Some(29.into()))
    );
    // The deletion's own record goes in the end, and nothing else with it.
    for n in 0..20 {
        write(&store, put("1", n)).await;
    }
    drop(store);
    let store = Store::open(dir.path(), short_log(10)).unwrap();
    assert_eq!(
        (spec(&store, "0"), spec(&store, "1"), spec(&store, "2")),
        (None, Some(19.into()), Some(29.into()))
    );
}

#[tokio::test]
async fn a_laggard_is_closed_and_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), short_log(100)).unwrap();
    let (_, mut laggard) = store.snapshot_and_watch(PODS);
    let (_, mut diligent) = store.snapshot_and_watch(PODS);
    for n in 0..150 {
        write(&store, put("a", n)).await;
        assert_eq!(follow(&mut diligent, 1).await[0].2, n + 2);
    }
    let expired = Err(RevisionError::Expired { requested: 1, oldest: 51 });
    assert_eq!(laggard.next().await, expired);
    assert_eq!(laggard.next().await, expired);
}

#[tokio::test]
async fn every_watcher_sees_every_event_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&dir));
    let watchers: Vec<_> = (0..20)
        .map(|_| {
            let (_, mut watch) = store.snapshot_and_watch(PODS);
            tokio::spawn(async move { follow(&mut watch, 400).await })
        })
        .collect();
    let writers = (0..8).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..50 {
                write(&store, put(&format!("{writer}-{}", n % 5), n)).await;
            }
        })
    });
    futures::future::join_all(writers).await;
    for watcher in watchers {
        let revisions: Vec<u64> =
            watcher.await.unwrap().into_iter().map(|(_, _, revision)| revision).collect();
        assert_eq!(revisions, (2..402).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn one_can_wait_for_a_revision() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let waits = store.reached(3);
    let writes = async {
        write(&store, create("a", 1)).await;
        write(&store, create("b", 1)).await;
    };
    tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(waits, writes) }).await.unwrap();
    assert_eq!(store.revision(), 3);
}
