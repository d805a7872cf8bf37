//! The data file: redb, with one table of records.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, TableDefinition};

use super::directory::{OpenError, unusable};
use super::object::{Change, Event};
use super::record;

/// Revision → record.
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
pub(super) const FORMAT: u64 = 1;
/// The newest revision that was dropped from the log.
const HORIZON_KEY: &str = "horizon";
/// How often the file was opened.
const OPENED_KEY: &str = "opened";
/// Where a new store begins: "0" and "" mean something else to clients.
const HORIZON_FIRST: u64 = 1;

/// All objects are in memory, so the file's pages are read only when they are rewritten.
const PAGE_CACHE_BYTES: usize = 64 << 20;

/// Why a commit did not happen, or may not have.
#[derive(Debug)]
pub(super) struct CommitFailure {
    pub(super) problem: String,
    /// The disk is full: another attempt is worth it when there is room again.
    pub(super) full: bool,
}

/// Turns an open, non-empty or new file into a database. A parameter so that tests can let it fail.
pub(super) type Opener = Arc<dyn Fn(File) -> Result<Database, DatabaseError> + Send + Sync>;

/// The opener of real files.
pub(super) fn file_opener() -> Opener {
    Arc::new(|file| builder().create_with_backend(FileBackend::new(file)?))
}

/// How a database is opened.
pub(super) fn builder() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(PAGE_CACHE_BYTES);
    // Everything is read at the start anyway, and a page that the disk gives back altered has to be found then rather
    // than served: this adds 0.2 s to the start with 50,000 objects of 3 KB. It rebuilds the allocator's state every
    // time, so quick-repair, which saves that in every commit and syncs twice, would buy nothing. It costs: 17,500
    // instead of 20,500 writes a second from 32 clients, and 0.66 ms instead of 0.43 ms for a single one.
    builder.set_check_integrity_on_open(true);
    builder
}

/// The open data file.
pub(super) struct Disk {
    path: PathBuf,
    database: Database,
}

impl Disk {
    /// Makes an empty store of a new file.
    pub(super) fn create(path: &Path, file: File, opener: &Opener) -> Result<(), OpenError> {
        Disk::initialise(file, opener).map_err(|error| unreadable(path, error))
    }

    fn initialise(file: File, opener: &Opener) -> Result<(), redb::Error> {
        let database = opener(file)?;
        let transaction = database.begin_write()?;
        transaction.open_table(RECORDS)?;
        {
            let mut meta = transaction.open_table(META)?;
            for (key, value) in [(FORMAT_KEY, FORMAT), (HORIZON_KEY, HORIZON_FIRST), (OPENED_KEY, 0)] {
                meta.insert(key, value)?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Opens a file that holds a store.
    pub(super) fn open(path: &Path, file: File, opener: &Opener) -> Result<Disk, OpenError> {
        // redb would make an empty file a new database.
        if file.metadata().map_err(unusable(path))?.len() == 0 {
            return Err(OpenError::Damaged { path: path.to_owned(), problem: "it is empty".to_owned() });
        }
        let database = opener(file).map_err(|error| unreadable(path, error.into()))?;
        let disk = Disk { path: path.to_owned(), database };
        match disk.meta(FORMAT_KEY)? {
            FORMAT => Ok(disk),
            found => Err(OpenError::Format { path: path.to_owned(), found }),
        }
    }

    /// How often the file was opened before.
    pub(super) fn opened(&self) -> Result<u64, OpenError> {
        self.meta(OPENED_KEY)
    }

    /// Counts one more opening.
    pub(super) fn count_opening(&self, opened: u64) -> Result<(), CommitFailure> {
        self.commit_with(&[], &[], &[(OPENED_KEY, opened)])
    }

    /// Drops all of the log, and goes on from a higher revision.
    pub(super) fn advance(&self, log: &[Arc<Event>], horizon: u64) -> Result<(), CommitFailure> {
        self.commit_with(&[], log, &[(HORIZON_KEY, horizon)])
    }

    /// The newest revision that was dropped from the log.
    pub(super) fn horizon(&self) -> Result<u64, OpenError> {
        self.meta(HORIZON_KEY)
    }

    fn meta(&self, key: &str) -> Result<u64, OpenError> {
        self.read(|database| {
            let meta = database.begin_read()?.open_table(META)?;
            Ok(meta.get(key)?.map(|value| value.value()))
        })?
        .ok_or_else(|| self.damaged(format!("it lacks the entry {key:?}")))
    }

    /// Hands each record after a revision to `each`, in order, until that gives an error.
    pub(super) fn read_after(
        &self,
        revision: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), String>,
    ) -> Result<(), OpenError> {
        self.read(|database| {
            let records = database.begin_read()?.open_table(RECORDS)?;
            for entry in records.range(revision.saturating_add(1)..)? {
                let (revision, bytes) = entry?;
                if let Err(problem) = each(revision.value(), bytes.value()) {
                    return Ok(Err(problem));
                }
            }
            Ok(Ok(()))
        })?
        .map_err(|problem| self.damaged(problem))
    }

    /// Writes the events and drops from the log what is `overdue`, in one durable commit.
    pub(super) fn commit(&self, events: &[Arc<Event>], overdue: &[Arc<Event>]) -> Result<(), CommitFailure> {
        let horizon = overdue.last().map(|last| (HORIZON_KEY, last.revision()));
        self.commit_with(events, overdue, horizon.as_slice())
    }

    fn commit_with(
        &self,
        events: &[Arc<Event>],
        overdue: &[Arc<Event>],
        entries: &[(&str, u64)],
    ) -> Result<(), CommitFailure> {
        self.try_commit(events, overdue, entries).map_err(|error| {
            let is_full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            let full = matches!(&error, redb::Error::Io(io) if is_full(io.kind()));
            CommitFailure { problem: format!("{}: {error}", self.path.display()), full }
        })
    }

    fn try_commit(
        &self,
        events: &[Arc<Event>],
        overdue: &[Arc<Event>],
        entries: &[(&str, u64)],
    ) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut records = transaction.open_table(RECORDS)?;
            for event in events {
                let header = record::header(event);
                let json = &event.object.json;
                let mut place = records.insert_reserve(event.revision(), header.len() + json.len())?;
                let bytes = place.as_mut();
                bytes[..header.len()].copy_from_slice(&header);
                bytes[header.len()..].copy_from_slice(json);
            }
            for event in overdue {
                // The object stays for as long as it is the newest of its key; what it replaced goes now, and so
                // does the record of a deletion.
                if let Some(previous) = &event.previous {
                    records.remove(previous.revision)?;
                }
                if event.change == Change::Deleted {
                    records.remove(event.revision())?;
                }
            }
        }
        if !entries.is_empty() {
            let mut meta = transaction.open_table(META)?;
            for (key, value) in entries {
                meta.insert(key, value)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn read<T>(&self, read: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, OpenError> {
        read(&self.database).map_err(|error| unreadable(&self.path, error))
    }

    fn damaged(&self, problem: impl Into<String>) -> OpenError {
        OpenError::Damaged { path: self.path.clone(), problem: problem.into() }
    }
}

fn unreadable(path: &Path, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        // What redb says of a file that isn't one of its own, or ends too early.
        redb::Error::Io(source)
            if !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            OpenError::Io { path, source }
        }
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path, holder: "another process".to_owned() },
        error => OpenError::Damaged { path, problem: error.to_string() },
    }
}
