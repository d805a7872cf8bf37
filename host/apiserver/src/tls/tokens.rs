//! Bearer tokens: random, kept on disk as hashes only.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

use super::certificates::{TlsError, unusable};
use super::file::write_private;
use super::identity::Identity;

const TOKEN_BYTES: usize = 32;

/// All tokens of one data directory, by the hash of the token.
pub(super) struct Tokens {
    path: PathBuf,
    known: RwLock<BTreeMap<String, Identity>>,
}

impl Tokens {
    pub(super) fn open(path: &Path) -> Result<Tokens, TlsError> {
        let known = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| TlsError::Tokens { path: path.to_owned(), problem: error.to_string() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(unusable(path)(error)),
        };
        Ok(Tokens { path: path.to_owned(), known: RwLock::new(known) })
    }

    pub(super) fn issue(&self, identity: Identity) -> Result<String, TlsError> {
        let mut bytes = [0; TOKEN_BYTES];
        rustls::crypto::ring::default_provider()
            .secure_random
            .fill(&mut bytes)
            .map_err(|_| TlsError::Configuration("the system has no random numbers".to_owned()))?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let mut known = self.known.write();
        let mut changed = known.clone();
        changed.insert(hash(&token), identity);
        let json = serde_json::to_vec_pretty(&changed).expect("strings are serialised to memory");
        write_private(&self.path, &json).map_err(unusable(&self.path))?;
        *known = changed;
        Ok(token)
    }

    pub(super) fn identity(&self, token: &str) -> Option<Identity> {
        // Looking up a hash takes a time that tells nothing about the tokens.
        self.known.read().get(&hash(token)).cloned()
    }
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}
