//! The user that a client certificate names: the subject's common name, and its organisations as groups.

use rustls::pki_types::CertificateDer;

/// A user, as authentication found it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    pub user: String,
    pub groups: Vec<String>,
}

impl Identity {
    pub fn new(user: impl Into<String>, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Identity { user: user.into(), groups: groups.into_iter().map(Into::into).collect() }
    }

    /// Reads the subject of a certificate that was verified already. `None` where it has no common name.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Option<Identity> {
        let mut signed = Der(Der(certificate).element(SEQUENCE)?);
        let mut tbs = Der(signed.element(SEQUENCE)?);
        // version, absent in version 1 certificates; serial number; algorithm; issuer; validity
        if tbs.tag()? == VERSION {
            tbs.element(VERSION)?;
        }
        tbs.element(INTEGER)?;
        for _ in 0..3 {
            tbs.element(SEQUENCE)?;
        }
        let mut subject = Der(tbs.element(SEQUENCE)?);
        let mut identity = Identity::default();
        while !subject.0.is_empty() {
            let mut names = Der(subject.element(SET)?);
            while !names.0.is_empty() {
                let mut name = Der(names.element(SEQUENCE)?);
                let attribute = name.element(OBJECT_ID)?;
                let (tag, value) = name.any()?;
                let text = || (tag == UTF8_STRING || tag == PRINTABLE_STRING).then_some(value);
                match attribute {
                    COMMON_NAME => identity.user = String::from_utf8(text()?.to_vec()).ok()?,
                    ORGANIZATION => identity.groups.push(String::from_utf8(text()?.to_vec()).ok()?),
                    _ => {}
                }
            }
        }
        (!identity.user.is_empty()).then_some(identity)
    }
}

const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.4.10
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// Elements in DER, one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The contents of the next element, which has to be of this kind.
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }

    /// The next element and its tag.
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // Four bytes are 4 GiB: no certificate needs more.
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(count)?;
            (digits.iter().fold(0, |len, digit| (len << 8) | usize::from(*digit)), rest)
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn certificate(user: Option<&str>, groups: &[&str]) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(user) = user {
            params.distinguished_name.push(DnType::CommonName, user);
        }
        // rcgen holds one value of each type.
        if let [group] = groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_common_name_is_the_user_and_the_organisation_its_group() {
        let der = certificate(Some("system:admin"), &["system:masters"]);
        assert_eq!(Identity::of_certificate(&der), Some(Identity::new("system:admin", ["system:masters"])));
        let long = "ü".repeat(200);
        assert_eq!(Identity::of_certificate(&certificate(Some(&long), &[])).unwrap().user, long);
    }

    #[test]
    fn a_certificate_without_a_common_name_names_nobody() {
        assert_eq!(Identity::of_certificate(&certificate(None, &["system:masters"])), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at: usize, byte: u8, len: usize) {
            let der = certificate(Some("a"), &["b"]);
            let mut bytes = der.to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Identity::of_certificate(&bytes.clone().into());
            bytes.truncate(len % der.len());
            let _ = Identity::of_certificate(&bytes.into());
        }
    }
}
