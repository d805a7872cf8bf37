//! How kube-apiserver shows the servers behind it for whom it asks: by headers, and a certificate that says it may.

use std::path::Path;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

const NAME: &str = "front-proxy-client";

/// Makes the certificates in `folder`, and gives kube-apiserver's flags for them.
pub(super) fn flags(folder: &Path) -> anyhow::Result<Vec<String>> {
    let write = |name: &str, pem: String| {
        let path = folder.join(name);
        std::fs::write(&path, pem).with_context(|| format!("{}", path.display()))?;
        anyhow::Ok(path.display().to_string())
    };
    let mut authority = CertificateParams::new(Vec::new()).context("an authority")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "front-proxy-ca");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().context("an authority's key")?;
    let ca = write("front-proxy-ca.crt", authority.self_signed(&key).context("an authority")?.pem())?;
    let issuer = Issuer::new(authority, key);

    let mut client = CertificateParams::new(Vec::new()).context("a client's certificate")?;
    client.distinguished_name.push(DnType::CommonName, NAME);
    client.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().context("a client's key")?;
    let signed = client.signed_by(&key, &issuer).context("a client's certificate")?;
    Ok(vec![
        format!("--requestheader-client-ca-file={ca}"),
        format!("--requestheader-allowed-names={NAME}"),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--proxy-client-cert-file={}", write("front-proxy-client.crt", signed.pem())?),
        format!("--proxy-client-key-file={}", write("front-proxy-client.key", key.serialize_pem())?),
    ])
}
