//! JSON Web Tokens, signed with a key of the data directory: ECDSA over P-256 with SHA-256 (ES256).

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::certificates::{TlsError, unusable};
use super::file::write_private;

const ALGORITHM: &str = "ES256";

/// Signs tokens, and knows those that it signed.
pub(crate) struct TokenKey {
    pair: EcdsaKeyPair,
    /// Names the key in a token's header.
    id: String,
    random: SystemRandom,
}

impl TokenKey {
    /// Opens the key in this file; makes one if there is none.
    pub(super) fn open(path: &Path) -> Result<TokenKey, TlsError> {
        let damaged = |problem: String| TlsError::Tokens { path: path.to_owned(), problem };
        let random = SystemRandom::new();
        let key = match fs::read(path) {
            Ok(key) => key,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map_err(|_| TlsError::Configuration("the system has no random numbers".to_owned()))?;
                write_private(path, key.as_ref()).map_err(unusable(path))?;
                key.as_ref().to_vec()
            }
            Err(error) => return Err(unusable(path)(error)),
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &random)
            .map_err(|error| damaged(error.to_string()))?;
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(pair.public_key().as_ref()));
        Ok(TokenKey { pair, id, random })
    }

    /// A token that says this. `None` where the system has no randomness.
    pub(crate) fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({"alg": ALGORITHM, "kid": self.id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(&self.random, message.as_bytes()).ok()?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// What a token says that was signed with this key. Whether it still holds is for the caller to judge.
    pub(crate) fn verify(&self, token: &str) -> Option<Value> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        if header["alg"] != ALGORITHM || header["kid"] != self.id.as_str() {
            return None;
        }
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        key.verify(message.as_bytes(), &decode(signature)?).ok()?;
        serde_json::from_slice(&decode(claims)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_with_the_key_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let key = TokenKey::open(&path).unwrap();
        let token = key.sign(&json!({"sub": "a"})).unwrap();
        assert_eq!(key.verify(&token), Some(json!({"sub": "a"})));
        assert_eq!(TokenKey::open(&path).unwrap().verify(&token), Some(json!({"sub": "a"})));

        let other = TokenKey::open(&dir.path().join("other")).unwrap();
        assert_eq!(other.verify(&token), None);
        let parts: Vec<&str> = token.split('.').collect();
        let unsigned = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": key.id}).to_string());
        let forged = URL_SAFE_NO_PAD.encode(json!({"sub": "b"}).to_string());
        for wrong in [
            format!("{unsigned}.{}.", parts[1]),
            format!("{}.{forged}.{}", parts[0], parts[2]),
            format!("{}.{}", parts[0], parts[1]),
            String::new(),
            "...".to_owned(),
        ] {
            assert_eq!(key.verify(&wrong), None, "{wrong}");
        }
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(TokenKey::open(&path), Err(TlsError::Tokens { .. })));
    }
}
