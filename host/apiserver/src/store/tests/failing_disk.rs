//! A disk that is full, or fails: writes are refused, reads go on.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::*;
use crate::store::disk::{Opener, builder};

/// What the disk does at present.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well = 0,
    Full = 1,
    Broken = 2,
    /// Takes everything, but does not say that it is safe.
    FullAtSync = 3,
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<AtomicU8>);

impl Disk {
    fn set(&self, mood: Mood) {
        self.0.store(mood as u8, Ordering::SeqCst);
    }

    fn fails(&self, moods: &[Mood]) -> io::Result<()> {
        let mood = self.0.load(Ordering::SeqCst);
        match moods.iter().find(|candidate| **candidate as u8 == mood) {
            Some(Mood::Broken) => Err(io::Error::other("the disk is broken")),
            Some(_) => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn opener(&self) -> Opener {
        let disk = self.clone();
        Arc::new(move |file| {
            let file = FileBackend::new(file)?;
            builder().create_with_backend(Backend { disk: disk.clone(), file })
        })
    }
}

#[derive(Debug)]
struct Backend {
    disk: Disk,
    file: FileBackend,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.fails(&[Mood::Full, Mood::Broken])?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.fails(&[Mood::Broken, Mood::FullAtSync])?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.fails(&[Mood::Full, Mood::Broken])?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

async fn recovers(store: &Store, op: Op) -> Arc<Event> {
    let attempts = async {
        loop {
            match store.write(vec![op.clone()]).await {
                Ok(events) => return events[0].clone(),
                Err(WriteError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), attempts).await.expect("writes are accepted again")
}

#[tokio::test]
async fn on_a_full_disk_reads_go_on_and_writes_come_back_with_the_space() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let store = Store::open_with(dir.path(), Options::default(), disk.opener()).unwrap();
    write(&store, create("a", 1)).await;
    let (_, mut watch) = store.snapshot_and_watch(PODS);

    disk.set(Mood::Full);
    let error = store.write(vec![create("b", 1)]).await.unwrap_err();
    assert!(matches!(error, WriteError::Failed { .. }));
    assert!(
        error.to_string().contains("store.redb") && error.to_string().contains("free some space"),
        "{error}"
    );
    for _ in 0..3 {
        assert!(matches!(store.write(vec![create("b", 1)]).await, Err(WriteError::Unavailable { .. })));
    }
    assert!(store.failure().is_some());
    assert_eq!((spec(&store, "a"), spec(&store, "b"), store.revision()), (Some(1.into()), None, 2));
    assert_eq!(watch.try_next(), Ok(None));

    disk.set(Mood::Well);
    let created = recovers(&store, create("b", 2)).await;
    assert_eq!((created.revision(), store.failure()), (3, None));
    assert_eq!(follow(&mut watch, 1).await[0].2, 3);
    drop(store);
    let store = open(&dir);
    assert_eq!((spec(&store, "a"), spec(&store, "b")), (Some(1.into()), Some(2.into())));
}

#[tokio::test]
async fn a_commit_that_turns_out_to_be_on_disk_is_published_on_recovery() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let store = Store::open_with(dir.path(), Options::default(), disk.opener()).unwrap();
    write(&store, create("a", 1)).await;
    let (_, mut watch) = store.snapshot_and_watch(PODS);
    disk.set(Mood::FullAtSync);
    assert!(matches!(store.write(vec![put("a", 2)]).await, Err(WriteError::Failed { .. })));
    assert_eq!(spec(&store, "a"), Some(1.into()));
    disk.set(Mood::Well);
    let created = recovers(&store, create("b", 1)).await;
    // Whichever it was, memory, watchers and disk agree on it.
    let followed = follow(&mut watch, created.revision() as usize - 2).await;
    let value = spec(&store, "a");
    assert_eq!(followed.len() == 2, value == Some(2.into()));
    drop(store);
    assert_eq!(spec(&open(&dir), "a"), value);
}

#[tokio::test]
async fn after_another_error_only_a_restart_helps() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let store = Store::open_with(dir.path(), Options::default(), disk.opener()).unwrap();
    write(&store, create("a", 1)).await;
    disk.set(Mood::Broken);
    assert!(matches!(store.write(vec![put("a", 2)]).await, Err(WriteError::Failed { .. })));
    disk.set(Mood::Well);
    let error = store.write(vec![put("a", 3)]).await.unwrap_err();
    assert!(error.to_string().contains("restart"), "{error}");
    assert_eq!(spec(&store, "a"), Some(1.into()));
    drop(store);
    let store = open(&dir);
    assert_eq!(spec(&store, "a"), Some(1.into()));
    write(&store, put("a", 4)).await;
}
