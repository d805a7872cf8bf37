//! Where things are in the data directory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The data directory of one control plane.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(root: &Path) -> anyhow::Result<Folder> {
        std::fs::create_dir_all(root)
            .with_context(|| format!("cannot make the data directory {}", root.display()))?;
        // Kubeconfigs name files, and users change directories.
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot use the data directory {}", root.display()))?;
        Ok(Folder { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The store and keys of the control plane's API server.
    pub(super) fn control_plane(&self) -> PathBuf {
        self.root.join("control-plane")
    }

    /// The store and keys of a member's API server.
    pub(super) fn member(&self, name: &str) -> PathBuf {
        self.root.join("members").join(name)
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    pub(super) fn member_kubeconfig(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.kubeconfig"))
    }

    /// The members of the last start.
    pub(super) fn members_file(&self) -> PathBuf {
        self.root.join("members.json")
    }

    /// The control plane's token for a member.
    pub(super) fn token_file(member: &Path) -> PathBuf {
        member.join("token")
    }

    /// The keys of the webhook server, and its port.
    pub(super) fn webhook(&self) -> PathBuf {
        self.root.join("webhook")
    }

    /// What registers the webhook server with another control plane.
    pub(super) fn webhook_configuration(&self) -> PathBuf {
        self.root.join("webhook-configuration.yaml")
    }

    /// The compiled code of plugins.
    pub(super) fn code(&self) -> PathBuf {
        self.root.join("compiled-plugins")
    }
}

/// Writes a file as a whole or not at all, for this user alone.
pub(super) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)
        .with_context(|| format!("cannot write to {}", directory.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
