//! The directory on disk: a lock, a marker, and one redb file with one table of records.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, TableDefinition};

use super::object::Event;
use super::record;

/// Revision → record.
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
const FORMAT: u64 = 1;
/// The newest revision that was dropped from the log.
const HORIZON_KEY: &str = "horizon";
/// Where a new store begins: "0" and "" mean something else to clients.
const HORIZON_FIRST: u64 = 1;

const DATA_FILE: &str = "store.redb";
const LOCK_FILE: &str = "store.lock";
const MARKER_FILE: &str = "STORE";
const MARKER: &str =
    "A Windlass store, format 1. Its data is in store.redb; without that file it does not start.\n";
/// All objects are in memory, so the file's pages are read only when they are rewritten.
const PAGE_CACHE_BYTES: usize = 64 << 20;

/// Why a directory cannot be used. The directory is left as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store's {path} cannot be used; check that it exists, is writable, and has free space")]
    Io { path: PathBuf, source: io::Error },
    #[error("the data directory {path} is in use by {holder}; stop it, or choose another directory")]
    InUse { path: PathBuf, holder: String },
    #[error(
        "{path} is missing, although the data directory holds a store; \
         restore the file from a backup, or remove the whole directory to start afresh"
    )]
    Missing { path: PathBuf },
    #[error(
        "{path} is damaged or was not written by Windlass: {problem}; \
         restore it from a backup, or move the whole directory away to start afresh"
    )]
    Damaged { path: PathBuf, problem: String },
    #[error("{path} has format {found}, this version reads format {FORMAT}; use the version that wrote it")]
    Format { path: PathBuf, found: u64 },
}

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

/// A directory that holds a store, or is about to. Locked for as long as this lives.
pub(super) struct Directory {
    /// The data file.
    path: PathBuf,
    opener: Opener,
    _lock: File,
}

impl Directory {
    /// Locks the directory, and makes an empty store in it if it is missing or empty.
    pub(super) fn open(dir: &Path, opener: Opener) -> Result<Directory, OpenError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable(dir))?;
        let lock = lock(dir)?;
        let path = dir.join(DATA_FILE);
        let marker = dir.join(MARKER_FILE);
        let is_marked = marker.try_exists().map_err(unusable(&marker))?;
        if !path.try_exists().map_err(unusable(&path))? {
            if is_marked {
                return Err(OpenError::Missing { path });
            }
            create(dir, &path, &opener)?;
        }
        if !is_marked {
            // Made after the data, so that a crash in between doesn't make the data look lost.
            fs::write(&marker, MARKER).and_then(|()| sync(dir)).map_err(unusable(&marker))?;
        }
        Ok(Directory { path, opener, _lock: lock })
    }

    /// Opens the data file. After a failed operation that has to be done anew: redb then refuses everything.
    pub(super) fn disk(&self) -> Result<Disk, OpenError> {
        let path = &self.path;
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(unusable(path))?;
        // redb would make an empty file a new database.
        if file.metadata().map_err(unusable(path))?.len() == 0 {
            return Err(OpenError::Damaged { path: path.clone(), problem: "it is empty".to_owned() });
        }
        let database = (self.opener)(file).map_err(|error| unreadable(path, error.into()))?;
        let disk = Disk { path: path.clone(), database };
        let format = disk.meta(FORMAT_KEY)?;
        if format != FORMAT {
            return Err(OpenError::Format { path: path.clone(), found: format });
        }
        Ok(disk)
    }
}

/// Makes the data file under another name first, so that it is there in full or not at all.
fn create(dir: &Path, path: &Path, opener: &Opener) -> Result<(), OpenError> {
    let draft = path.with_extension("new");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(unusable(&draft))?;
    initialise(file, opener).map_err(|error| unreadable(&draft, error))?;
    fs::rename(&draft, path).and_then(|()| sync(dir)).map_err(unusable(path))
}

fn initialise(file: File, opener: &Opener) -> Result<(), redb::Error> {
    let database = opener(file)?;
    let transaction = database.begin_write()?;
    transaction.open_table(RECORDS)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT_KEY, FORMAT)?;
        meta.insert(HORIZON_KEY, HORIZON_FIRST)?;
    }
    Ok(transaction.commit()?)
}

/// Takes the directory's lock, which the system lets go of when the process ends, however it ends.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unusable(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message.
            let _ = file.read_to_string(&mut holder);
            let holder =
                if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
            return Err(OpenError::InUse { path: dir.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(unusable(&path))?;
    Ok(file)
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
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

/// The open data file.
pub(super) struct Disk {
    path: PathBuf,
    database: Database,
}

impl Disk {
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
        self.try_commit(events, overdue).map_err(|error| {
            let full = matches!(&error, redb::Error::Io(io) if matches!(
                io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded));
            CommitFailure { problem: format!("{}: {error}", self.path.display()), full }
        })
    }

    fn try_commit(&self, events: &[Arc<Event>], overdue: &[Arc<Event>]) -> Result<(), redb::Error> {
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
                if event.change == super::Change::Deleted {
                    records.remove(event.revision())?;
                }
            }
            if let Some(last) = overdue.last() {
                transaction.open_table(META)?.insert(HORIZON_KEY, last.revision())?;
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
