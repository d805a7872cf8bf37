//! How one event is written to disk: a small header and the object's JSON.
//!
//! One table holds everything: revision → record. The newest record of a key is the object; the older ones are kept
//! for as long as the log needs them, so the log costs no second copy. Uid and labels are kept beside the JSON so
//! that a start parses none.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::object::{Change, Event, Key, Stored};

/// The first byte of every record.
const VERSION: u8 = 1;

/// One event as it is on disk.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) change: Change,
    pub(super) object: Stored,
    /// The revision of the object before, 0 if it was added.
    pub(super) previous: u64,
}

/// The header that goes before the object's JSON.
pub(super) fn header(event: &Event) -> Vec<u8> {
    let Stored { key, revision: _, uid, labels, json: _, version_at } = &*event.object;
    let mut out = Vec::with_capacity(256);
    out.push(VERSION);
    out.push(match event.change {
        Change::Added => 0,
        Change::Modified => 1,
        Change::Deleted => 2,
    });
    out.extend_from_slice(&event.previous.as_ref().map_or(0, |previous| previous.revision).to_le_bytes());
    out.extend_from_slice(&version_at.to_le_bytes());
    for text in [&*key.resource, &key.namespace, &key.name, uid] {
        put_text(&mut out, text);
    }
    put_len(&mut out, labels.len());
    for (name, value) in labels {
        put_text(&mut out, name);
        put_text(&mut out, value);
    }
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    // Parts of an object, which is itself no larger than 4 GiB.
    out.extend_from_slice(&(len as u32).to_le_bytes());
}

/// Reads records, sharing the strings that most of them have in common.
#[derive(Debug, Default)]
pub(super) struct Reader {
    shared: HashSet<Arc<str>>,
}

impl Reader {
    /// `None` where the bytes are no record.
    pub(super) fn read(&mut self, revision: u64, bytes: &[u8]) -> Option<Record> {
        let mut rest = bytes;
        let [version, change] = take(&mut rest)?;
        if version != VERSION {
            return None;
        }
        let change = match change {
            0 => Change::Added,
            1 => Change::Modified,
            2 => Change::Deleted,
            _ => return None,
        };
        let previous = u64::from_le_bytes(take(&mut rest)?);
        let version_at = u32::from_le_bytes(take(&mut rest)?);
        let resource = self.share(take_text(&mut rest)?);
        let namespace = self.share(take_text(&mut rest)?);
        let name = take_text(&mut rest)?.into();
        let uid = take_text(&mut rest)?.into();
        let labels = (0..take_len(&mut rest)?)
            .map(|_| Some((take_text(&mut rest)?.into(), take_text(&mut rest)?.into())))
            .collect::<Option<_>>()?;
        let digits = revision.to_string();
        if rest.get(version_at as usize..)?.get(..digits.len())? != digits.as_bytes() {
            return None;
        }
        let key = Key { resource, namespace, name };
        let json = Bytes::copy_from_slice(rest);
        Some(Record { change, previous, object: Stored { key, revision, uid, labels, json, version_at } })
    }

    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.shared.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        self.shared.insert(Arc::clone(&shared));
        shared
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_len(rest: &mut &[u8]) -> Option<usize> {
    take(rest).map(|len| u32::from_le_bytes(len) as usize)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let len = take_len(rest)?;
    let (text, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::object::Draft;
    use proptest::prelude::*;
    use serde_json::json;

    fn event() -> Event {
        let object = |revision| {
            let key = Key::new("/pods", "ns", "a");
            let value = json!({"metadata": {"uid": "u", "labels": {"b": "2", "a": ""}}, "spec": {}});
            Arc::new(Draft::new(&key, &value).unwrap().finish(key, revision))
        };
        Event { change: Change::Modified, object: object(12), previous: Some(object(7)) }
    }

    fn bytes(event: &Event) -> Vec<u8> {
        [&header(event)[..], &event.object.json].concat()
    }

    #[test]
    fn what_is_written_is_read() {
        let event = event();
        let record = Reader::default().read(12, &bytes(&event)).unwrap();
        assert_eq!((record.change, record.previous), (Change::Modified, 7));
        assert_eq!(record.object, *event.object);
    }

    #[test]
    fn a_record_under_another_revision_is_none() {
        assert!(Reader::default().read(13, &bytes(&event())).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0usize..200, byte: u8, len in 0usize..200) {
            let mut bytes = bytes(&event());
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Reader::default().read(12, &bytes);
            bytes.truncate(len);
            let _ = Reader::default().read(12, &bytes);
        }
    }
}
