//! kill -9 in a loop under load, with a log of what was acknowledged outside the store.
//!
//! The test runs its own binary again as the victim. The log is a pipe rather than a file: the bytes that went into
//! it before the kill are there to be read after it.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::store::{Change, Stored};

const ROUNDS: usize = 10;
const WRITERS: usize = 10;
const NAMES_PER_WRITER: usize = 20;
/// Acknowledgements to wait for before the kill, different in each round.
const ACKNOWLEDGED: [usize; 3] = [40, 150, 301];
const VICTIM_DIR: &str = "WINDLASS_STORE_CRASH_VICTIM_DIR";
/// Small enough to be pruned in every round.
const LOG_EVENTS: usize = 400;

/// Not a test of its own: the process that is killed. Does nothing unless the parent says where.
#[test]
fn victim() {
    let Some(dir) = std::env::var_os(VICTIM_DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(Store::open(Path::new(&dir), short_log(LOG_EVENTS)).unwrap());
        let writers = (0..WRITERS).map(|writer| tokio::spawn(write_for_ever(Arc::clone(&store), writer)));
        futures::future::join_all(writers).await;
    });
}

/// Writes pairs of objects, each in one request, and tells each acknowledgement in one line:
/// `ack NAME REVISION SEQUENCE`, where a deleted pair has the sequence 0.
async fn write_for_ever(store: Arc<Store>, writer: usize) {
    for step in 1u64.. {
        let name = format!("{writer}-{}", step as usize % NAMES_PER_WRITER);
        let twin = format!("{name}-twin");
        let deletes = step % 7 == 0 && store.get(&pod(&name)).is_some();
        let sequence = if deletes { 0 } else { step };
        let ops = if deletes {
            vec![Op::delete(pod(&name), Expect::Exists), Op::delete(pod(&twin), Expect::Exists)]
        } else {
            let content = json!({"sequence": step, "padding": "x".repeat(500 + step as usize * 37 % 3000)});
            vec![put(&name, content.clone()), put(&twin, content)]
        };
        let events = store.write(ops).await.unwrap();
        let line = format!("ack {name} {} {sequence}\n", events[1].revision());
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

/// What the parent knows of a name: the newest acknowledged revision and sequence.
type Acknowledged = HashMap<String, (u64, u64)>;

/// Runs a victim until so many writes were acknowledged, kills it, and reads the rest of what it said.
fn run_victim(dir: &Path, kill_after: usize, acknowledged: &mut Acknowledged) -> usize {
    let name = "store::tests::crash::victim";
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(VICTIM_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut count = 0;
    let mut killed = false;
    for line in BufReader::new(victim.stdout.take().unwrap()).split(b'\n') {
        let line = String::from_utf8(line.unwrap()).unwrap();
        // The test harness's own lines are no acknowledgements; the last line may be cut off.
        let fields: Vec<&str> = line.split(' ').collect();
        let Some(["ack", name, revision, sequence]) = fields.get(fields.len().saturating_sub(4)..) else {
            continue;
        };
        let (Ok(revision), Ok(sequence)) = (revision.parse(), sequence.parse()) else { continue };
        acknowledged.insert((*name).to_owned(), (revision, sequence));
        count += 1;
        if count >= kill_after && !killed {
            victim.kill().unwrap();
            killed = true;
        }
    }
    victim.wait().unwrap();
    assert!(killed, "the victim ended by itself after {count} writes");
    count
}

fn sequence(object: &Stored) -> u64 {
    let value: Value = serde_json::from_slice(&object.json).expect("no object is half written");
    assert_eq!(value["metadata"]["resourceVersion"], object.revision.to_string());
    value["spec"]["sequence"].as_u64().unwrap()
}

/// Opens the store after a kill and holds it against what was acknowledged. Gives back its revision.
async fn check(dir: &Path, acknowledged: &Acknowledged, reached: u64) -> u64 {
    let store = Store::open(dir, short_log(LOG_EVENTS)).unwrap();
    let Some(RevisionError::Expired { oldest, .. }) = store.watch(PODS, 0).err() else {
        panic!("0 is too old")
    };
    assert!(store.revision() >= reached, "the revision went back from {reached} to {}", store.revision());
    let snapshot = store.snapshot(PODS);
    for (name, (revision, acknowledged)) in acknowledged {
        match snapshot.get("ns", name) {
            // It may be newer than what was acknowledged, never older.
            Some(found) => {
                assert!(
                    found.revision + 1 >= *revision,
                    "{name}: {} is older than {revision}",
                    found.revision
                );
                if found.revision + 1 == *revision {
                    assert_eq!(sequence(found), *acknowledged, "{name}");
                }
            }
            None if *acknowledged == 0 => {}
            // Gone by a later deletion that was not acknowledged any more: then the log tells of it.
            None => assert!(
                deleted_after(&store, name, oldest.max(*revision)),
                "{name} of revision {revision} is lost"
            ),
        }
    }
    // No request is there by half: both of a pair, one revision apart, or none.
    for object in snapshot.iter().filter(|object| !object.key.name.ends_with("-twin")) {
        let twin =
            snapshot.get("ns", &format!("{}-twin", object.key.name)).expect("a pair is written together");
        assert_eq!((twin.revision, sequence(twin)), (object.revision + 1, sequence(object)));
    }
    assert_eq!(
        snapshot.iter().filter(|object| object.key.name.ends_with("-twin")).count() * 2,
        snapshot.len()
    );

    // A watch from the oldest revision that is held resumes, and leads to what is there now.
    let past = store.snapshot_at(PODS, oldest).unwrap();
    let mut replayed: BTreeMap<String, u64> =
        past.iter().map(|object| (object.key.name.to_string(), object.revision)).collect();
    let mut watch = store.watch(PODS, oldest).unwrap();
    let mut last = oldest;
    while let Some(event) = watch.try_next().unwrap() {
        assert_eq!(event.revision(), last + 1, "revisions have neither gaps nor repeats");
        last = event.revision();
        let name = event.object.key.name.to_string();
        let before = match event.change {
            Change::Added | Change::Modified => replayed.insert(name, event.revision()),
            Change::Deleted => replayed.remove(&name),
        };
        assert_eq!(before, event.previous.as_ref().map(|previous| previous.revision));
    }
    let present: BTreeMap<String, u64> =
        snapshot.iter().map(|object| (object.key.name.to_string(), object.revision)).collect();
    assert_eq!((replayed, last), (present, store.revision()));
    store.revision()
}

fn deleted_after(store: &Store, name: &str, revision: u64) -> bool {
    let mut watch = store.watch(PODS, revision).unwrap();
    std::iter::from_fn(|| watch.try_next().unwrap())
        .any(|event| event.change == Change::Deleted && *event.object.key.name == *name)
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_in_a_loop() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::new();
    let mut revision = 0;
    let mut total = 0;
    let begin = Instant::now();
    for round in 0..ROUNDS {
        total += run_victim(dir.path(), ACKNOWLEDGED[round % ACKNOWLEDGED.len()], &mut acknowledged);
        let reached = acknowledged.values().map(|(revision, _)| *revision).max().unwrap_or(0);
        revision = check(dir.path(), &acknowledged, reached.max(revision)).await;
        // The rounds are what counts, not how many fit on a slow machine.
        if begin.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    assert!(total > 100, "only {total} writes");
}
