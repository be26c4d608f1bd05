//! What a server says of itself to everybody on its network: one thing, in two encodings.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode};

/// Tags in one announcement: what fits one string of a TXT record, which has 255 bytes.
pub(crate) const TAGS: usize = 24;
/// A name, in bytes of UTF-8.
pub(crate) const NAME_BYTES: usize = lanline_protocol::limits::NAME_BYTES;

/// Keys of the TXT record (RFC 6763, section 6.4).
const PROTOCOL_KEY: &str = "v";
const TAGS_KEY: &str = "t";
const NAME_KEY: &str = "n";

/// What a device is called on the network for a day: drawn at its start and each day anew, so that who listens cannot
/// follow it from one day or network to the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Instance(#[cbor(with = "minicbor::bytes")] pub(crate) [u8; 8]);

/// By which the members of one room recognise one device under one [`Instance`]. To everybody else it is noise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Tag(#[cbor(with = "minicbor::bytes")] pub(crate) [u8; 8]);

/// What a server announces. Where it is says the datagram's source, or the records of its host.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Announcement {
    /// As what it goes today.
    #[n(0)]
    pub(crate) instance: Instance,
    /// The TCP port on which it listens; never 0.
    #[n(1)]
    pub(crate) port: u16,
    /// The version of the protocol that it speaks there.
    #[n(2)]
    pub(crate) protocol: u16,
    /// At most [`TAGS`].
    #[n(3)]
    pub(crate) tags: Vec<Tag>,
    /// Its name, while a person wants it to be seen: 1 to [`NAME_BYTES`] bytes of whatever the sender likes.
    #[n(4)]
    pub(crate) name: Option<String>,
}

impl Announcement {
    /// Whether it keeps to the limits.
    pub(crate) fn is_sound(&self) -> bool {
        let named = |name: &String| !name.is_empty() && name.len() <= NAME_BYTES;
        self.port != 0 && self.tags.len() <= TAGS && self.name.as_ref().is_none_or(named)
    }

    /// As the pairs of a TXT record; instance and port stand in the service's name and its SRV record.
    pub(crate) fn to_txt(&self) -> Vec<(&'static str, Vec<u8>)> {
        let tags = self.tags.iter().flat_map(|tag| tag.0).collect();
        let mut pairs = vec![(PROTOCOL_KEY, self.protocol.to_string().into_bytes()), (TAGS_KEY, tags)];
        pairs.extend(self.name.as_ref().map(|name| (NAME_KEY, name.clone().into_bytes())));
        pairs
    }

    /// From a service's name, its SRV record and its TXT record. Keys that are not known mean nothing.
    pub(crate) fn from_txt<'a>(
        instance: &str,
        port: u16,
        value: impl Fn(&'static str) -> Option<&'a [u8]>,
    ) -> Option<Self> {
        let text = |key| value(key).map(std::str::from_utf8).transpose().ok();
        let protocol = text(PROTOCOL_KEY)??;
        // Other programs would read "+1" as well.
        let digits = protocol.bytes().all(|byte| byte.is_ascii_digit());
        let protocol = digits.then(|| protocol.parse().ok())??;
        let (tags, rest) = value(TAGS_KEY).unwrap_or_default().as_chunks::<8>();
        if !rest.is_empty() || tags.len() > TAGS {
            return None;
        }
        let tags = tags.iter().map(|tag| Tag(*tag)).collect();
        let announcement =
            Self { instance: instance.parse().ok()?, port, protocol, tags, name: text(NAME_KEY)?.map(str::to_owned) };
        announcement.is_sound().then_some(announcement)
    }
}

impl fmt::Display for Instance {
    /// As 13 characters of base32 (RFC 4648), in lower case without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

/// The text is no instance's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParseInstanceError;

impl FromStr for Instance {
    type Err = ParseInstanceError;

    /// In either case: names of DNS have none.
    fn from_str(text: &str) -> Result<Self, ParseInstanceError> {
        if text.len() != 13 {
            return Err(ParseInstanceError);
        }
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| ParseInstanceError)?;
        bytes.try_into().map(Self).map_err(|_| ParseInstanceError)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({self})")
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, num::u8::ANY as BYTE, prelude::*};

    use super::*;

    /// Any that keeps to the limits.
    pub(crate) fn announcements() -> impl Strategy<Value = Announcement> {
        let name = proptest::option::of("\\PC{1,32}".prop_filter("it fits", |name| name.len() <= NAME_BYTES));
        let tags = vec(any::<[u8; 8]>().prop_map(Tag), 0..=TAGS);
        (any::<[u8; 8]>(), 1..=u16::MAX, any::<u16>(), tags, name).prop_map(|(instance, port, protocol, tags, name)| {
            Announcement { instance: Instance(instance), port, protocol, tags, name }
        })
    }

    fn alice() -> Announcement {
        let tags = vec![Tag([2; 8]), Tag([3; 8])];
        Announcement { instance: Instance([1; 8]), port: 12345, protocol: 1, tags, name: Some("Alice".into()) }
    }

    fn read(instance: &str, port: u16, pairs: &[(&'static str, Vec<u8>)]) -> Option<Announcement> {
        let pairs: BTreeMap<_, _> = pairs.iter().cloned().collect();
        Announcement::from_txt(instance, port, |key| pairs.get(key).map(Vec::as_slice))
    }

    #[test]
    fn a_txt_record_says_it_in_three_pairs() {
        let tags = [[2; 8], [3; 8]].concat();
        let expected = [("v", b"1".to_vec()), ("t", tags), ("n", b"Alice".to_vec())];
        assert_eq!(alice().to_txt(), expected);
        assert_eq!(alice().instance.to_string(), "aeaqcaibaeaqc");
        assert_eq!(read("AEAQCAIBAEAQC", 12345, &expected), Some(alice()));
        let hidden = Announcement { name: None, tags: Vec::new(), ..alice() };
        assert_eq!(read("aeaqcaibaeaqc", 12345, &[("v", b"1".to_vec())]), Some(hidden));
    }

    #[test]
    fn the_longest_announcement_fits_the_strings_of_a_txt_record() {
        let long = Announcement { tags: vec![Tag([7; 8]); TAGS], name: Some("n".repeat(NAME_BYTES)), ..alice() };
        assert!(long.is_sound());
        for (key, value) in long.to_txt() {
            assert!(key.len() + 1 + value.len() <= 255, "{key}");
        }
    }

    #[test]
    fn what_does_not_keep_to_the_limits_is_none() {
        let v = || ("v", b"1".to_vec());
        assert!(read("aeaqcaibaeaqc", 1, &[v()]).is_some());
        for (instance, port, pairs) in [
            ("aeaqcaibaeaqc", 0, vec![v()]),
            ("aeaqcaibaeaq", 1, vec![v()]),
            ("aeaqcaibaeaq1", 1, vec![v()]),
            ("aeaqcaibaeaqcaeaqcaibaeaqc", 1, vec![v()]),
            ("", 1, vec![v()]),
            ("aeaqcaibaeaqc", 1, vec![]),
            ("aeaqcaibaeaqc", 1, vec![("v", b"+1".to_vec())]),
            ("aeaqcaibaeaqc", 1, vec![("v", b"".to_vec())]),
            ("aeaqcaibaeaqc", 1, vec![("v", b"65536".to_vec())]),
            ("aeaqcaibaeaqc", 1, vec![v(), ("t", vec![0; 7])]),
            ("aeaqcaibaeaqc", 1, vec![v(), ("t", vec![0; 25 * 8])]),
            ("aeaqcaibaeaqc", 1, vec![v(), ("n", vec![])]),
            ("aeaqcaibaeaqc", 1, vec![v(), ("n", vec![0xff])]),
            ("aeaqcaibaeaqc", 1, vec![v(), ("n", vec![b'n'; 129])]),
        ] {
            assert_eq!(read(instance, port, &pairs), None, "{instance} {port} {pairs:?}");
        }
    }

    proptest! {
        #[test]
        fn a_txt_record_is_read_back(announcement in announcements()) {
            prop_assert!(announcement.is_sound());
            let txt = announcement.to_txt();
            prop_assert_eq!(read(&announcement.instance.to_string(), announcement.port, &txt), Some(announcement));
        }

        #[test]
        fn no_txt_record_makes_it_panic(
            name in "\\PC{0,20}",
            port in any::<u16>(),
            v in vec(BYTE, 0..8),
            t in vec(BYTE, 0..260),
            n in vec(BYTE, 0..260),
        ) {
            let taken = read(&name, port, &[("v", v), ("t", t), ("n", n)]);
            prop_assert!(taken.is_none_or(|announcement| announcement.is_sound()));
        }
    }
}
