//! Compare-and-swap, atomicity, and what readers see of it.

use super::*;
use crate::store::Change;

#[tokio::test]
async fn each_expectation_is_held_against_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let created = write(&store, create("a", 1)).await;
    assert_eq!(created.change, Change::Added);
    let updated = write(&store, Op::update(pod("a"), created.revision(), value("a", 2))).await;
    assert_eq!(updated.previous.as_ref(), Some(&created.object));

    for (op, message) in [
        (create("a", 3), r#"/pods "ns/a": already exists"#),
        (
            Op::update(pod("a"), created.revision(), value("a", 3)),
            r#"/pods "ns/a": has been modified: expected revision 2, found 3"#,
        ),
        (
            Op::delete(pod("a"), Expect::Revision(created.revision())),
            r#"/pods "ns/a": has been modified: expected revision 2, found 3"#,
        ),
        (Op::update(pod("b"), 2, value("b", 3)), r#"/pods "ns/b": not found"#),
        (Op::delete(pod("b"), Expect::Anything), r#"/pods "ns/b": not found"#),
        (Op { expect: Expect::Exists, ..put("b", 3) }, r#"/pods "ns/b": not found"#),
    ] {
        let error = store.write(vec![op]).await.unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!((store.revision(), spec(&store, "a")), (3, Some(2.into())));

    let deleted = write(&store, Op::delete(pod("a"), Expect::Exists)).await;
    assert_eq!((deleted.change, deleted.revision()), (Change::Deleted, 4));
    let last: Value = serde_json::from_slice(&deleted.object.json).unwrap();
    assert_eq!((&last["spec"], &last["metadata"]["resourceVersion"]), (&2.into(), &"4".into()));
    assert!(store.get(&pod("a")).is_none());
}

#[tokio::test]
async fn a_request_happens_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    write(&store, create("a", 1)).await;
    let ops = vec![put("a", 2), create("b", 2), Op::delete(pod("a"), Expect::Exists), create("b", 3)];
    assert!(matches!(store.write(ops).await, Err(WriteError::Conflict { key, .. }) if *key.name == *"b"));
    assert_eq!((spec(&store, "a"), spec(&store, "b"), store.revision()), (Some(1.into()), None, 2));

    // A later operation sees what an earlier one of the same request did.
    let events =
        store.write(vec![put("a", 2), Op::update(pod("a"), 3, value("a", 3)), create("b", 4)]).await.unwrap();
    assert_eq!(events.iter().map(|event| event.revision()).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!((spec(&store, "a"), spec(&store, "b")), (Some(3.into()), Some(4.into())));
}

#[tokio::test]
async fn of_many_that_swap_the_same_revision_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&dir));
    let mut revision = write(&store, create("a", 0)).await.revision();
    for round in 0..20 {
        let attempts = (0..16).map(|n| {
            let (store, op) = (Arc::clone(&store), Op::update(pod("a"), revision, value("a", n)));
            // A neighbour's failure must not hurt others in the same batch.
            tokio::spawn(async move { store.write(vec![op, create(&format!("{round}-{n}"), n)]).await })
        });
        let results = futures::future::join_all(attempts).await;
        let won: Vec<_> = results.into_iter().filter_map(|result| result.unwrap().ok()).collect();
        assert_eq!(won.len(), 1);
        revision = won[0][0].revision();
    }
    assert_eq!(store.snapshot(PODS).len(), 21);
    assert_eq!(store.revision(), 1 + 1 + 2 * 20);
}

#[tokio::test]
async fn a_snapshot_is_ordered_and_stays_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for (namespace, name) in [("b", "x"), ("a", "y"), ("b", "a"), ("a", "z"), ("c", "x")] {
        let key = Key::new(PODS, namespace, name);
        write(&store, Op::create(key, value(name, 1))).await;
    }
    let names = |objects: Vec<&Arc<crate::store::Stored>>| -> Vec<String> {
        objects.iter().map(|object| format!("{}/{}", object.key.namespace, object.key.name)).collect()
    };
    let before = store.snapshot(PODS);
    store.write(vec![Op::delete(Key::new(PODS, "b", "a"), Expect::Exists)]).await.unwrap();
    assert_eq!((before.revision(), before.len()), (6, 5));
    assert_eq!(names(before.iter().collect()), ["a/y", "a/z", "b/a", "b/x", "c/x"]);
    assert_eq!(names(before.range(Some("b"), None).collect()), ["b/a", "b/x"]);
    assert_eq!(names(before.range(Some("b"), Some(("b", "a"))).collect()), ["b/x"]);
    assert_eq!(names(before.range(None, Some(("a", "z"))).collect()), ["b/a", "b/x", "c/x"]);
    assert_eq!(names(before.range(Some("b"), Some(("a", "z"))).collect()), ["b/a", "b/x"]);
    assert_eq!(names(before.range(Some("b"), Some(("c", "a"))).collect()), Vec::<String>::new());
    assert_eq!(names(store.snapshot(PODS).range(Some("b"), None).collect()), ["b/x"]);
    assert_eq!(store.snapshot("apps/deployments").len(), 0);
}

#[tokio::test]
async fn the_past_can_be_read_as_far_as_the_log_reaches() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), short_log(4)).unwrap();
    write(&store, create("a", 1)).await;
    write(&store, create("b", 1)).await;
    write(&store, put("a", 2)).await;
    write(&store, Op::delete(pod("b"), Expect::Exists)).await;
    let listing = |revision| -> Result<Vec<(String, u64)>, RevisionError> {
        let snapshot = store.snapshot_at(PODS, revision)?;
        assert_eq!(snapshot.revision(), revision);
        Ok(snapshot.iter().map(|object| (object.key.name.to_string(), object.revision)).collect())
    };
    let at = |entries: &[(&str, u64)]| {
        Ok(entries.iter().map(|(name, revision)| ((*name).to_owned(), *revision)).collect())
    };
    assert_eq!(listing(1), at(&[]));
    assert_eq!(listing(3), at(&[("a", 2), ("b", 3)]));
    assert_eq!(listing(4), at(&[("a", 4), ("b", 3)]));
    assert_eq!(listing(5), at(&[("a", 4)]));
    assert_eq!(listing(6), Err(RevisionError::Future { requested: 6, current: 5 }));
    write(&store, create("c", 1)).await;
    assert_eq!(listing(2), at(&[("a", 2)]));
    assert_eq!(listing(1), Err(RevisionError::Expired { requested: 1, oldest: 2 }));
}

#[tokio::test]
async fn what_is_no_object_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let op = Op::create(pod("a"), json!({"spec": 1}));
    let error = store.write(vec![create("b", 1), op]).await.unwrap_err();
    assert_eq!(error.to_string(), r#"/pods "ns/a": metadata has to be a JSON object"#);
    assert!(store.snapshot(PODS).is_empty());
}
