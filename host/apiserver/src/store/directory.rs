//! The directory that a store lives in: its lock, its data file, and a marker that tells whether the data file is
//! still the one that was left there.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::disk::{Disk, FORMAT, Opener};

const DATA_FILE: &str = "store.redb";
const LOCK_FILE: &str = "store.lock";
const MARKER_FILE: &str = "STORE";
const MARKER: &str = "A Windlass store. Its data is in store.redb; without that file it does not start.\n";

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
    #[error("the store could not be written to: {problem}; check the disk's free space and its health")]
    Unwritable { problem: String },
    #[error("{path} has format {found}, this version reads format {FORMAT}; use the version that wrote it")]
    Format { path: PathBuf, found: u64 },
}

/// A directory that holds a store, or is about to. Locked for as long as this lives.
pub(super) struct Directory {
    dir: PathBuf,
    /// The data file.
    path: PathBuf,
    opener: Opener,
    _lock: File,
}

/// What is kept beside the data file, to find out at the next start whether that is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marker {
    /// How often the data file had been opened when it was opened last.
    opened: u64,
    /// The data file's inode.
    inode: u64,
}

impl Directory {
    /// Locks the directory, and makes an empty store in it if it is missing or empty.
    pub(super) fn open(dir: &Path, opener: Opener) -> Result<Directory, OpenError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable(dir))?;
        let lock = lock(dir)?;
        let directory = Directory { dir: dir.to_owned(), path: dir.join(DATA_FILE), opener, _lock: lock };
        if !directory.path.try_exists().map_err(unusable(&directory.path))? {
            // The marker is made after the data, so that a crash in between doesn't make the data look lost.
            if directory.marker_path().try_exists().map_err(unusable(dir))? {
                return Err(OpenError::Missing { path: directory.path });
            }
            directory.create()?;
        }
        Ok(directory)
    }

    /// Opens the data file. After a failed operation that has to be done anew: redb then refuses everything.
    pub(super) fn disk(&self) -> Result<Disk, OpenError> {
        let path = &self.path;
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(unusable(path))?;
        Disk::open(path, file, &self.opener)
    }

    /// Whether the data file, which was opened so often before, is another than at the last start: an older one, or a
    /// copy. Whoever followed the store may then have seen revisions that the file does not know of.
    pub(super) fn is_restored(&self, opened: u64) -> Result<bool, OpenError> {
        if opened == 0 {
            return Ok(false);
        }
        let inode = self.inode()?;
        // The file is counted first, so it is ahead where starts were cut off.
        Ok(!self.marker()?.is_some_and(|marker| marker.inode == inode && marker.opened <= opened))
    }

    /// Keeps in mind how often the data file was opened.
    pub(super) fn mark(&self, opened: u64) -> Result<(), OpenError> {
        let path = self.marker_path();
        let text = format!("{MARKER}opened {opened} times, inode {}\n", self.inode()?);
        let draft = path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            sync(&self.dir)
        };
        write().map_err(unusable(&path))
    }

    fn marker(&self) -> Result<Option<Marker>, OpenError> {
        let path = self.marker_path();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Marker::parse(&text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                Ok(None)
            }
            Err(error) => Err(unusable(&path)(error)),
        }
    }

    fn marker_path(&self) -> PathBuf {
        self.dir.join(MARKER_FILE)
    }

    fn inode(&self) -> Result<u64, OpenError> {
        Ok(fs::metadata(&self.path).map_err(unusable(&self.path))?.ino())
    }

    /// Makes the data file under another name first, so that it is there in full or not at all.
    fn create(&self) -> Result<(), OpenError> {
        let draft = self.path.with_extension("new");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(unusable(&draft))?;
        Disk::create(&draft, file, &self.opener)?;
        fs::rename(&draft, &self.path).and_then(|()| sync(&self.dir)).map_err(unusable(&self.path))
    }
}

impl Marker {
    fn parse(text: &str) -> Option<Marker> {
        let (opened, inode) = text.lines().last()?.strip_prefix("opened ")?.split_once(" times, inode ")?;
        Some(Marker { opened: opened.parse().ok()?, inode: inode.parse().ok()? })
    }
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

pub(super) fn unusable(path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}
