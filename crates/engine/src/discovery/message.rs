//! What one datagram says.

use lanline_protocol::cbor;
use minicbor::{Decode, Encode, decode, encode};

use super::announcement::{Announcement, Instance};

/// With what every datagram begins: whatever else comes to this port is dropped before it is looked at.
pub(crate) const MAGIC: [u8; 8] = *b"lanline1";
/// The longest datagram that is looked at, in bytes.
pub(crate) const DATAGRAM_BYTES: usize = 1024;

/// What is said from device to device before there is a connection. Nothing of it is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A server is there.
    Announce(Announcement),
    /// Who is there? Servers answer the asker alone.
    Ask,
    /// A server is there no more.
    Bye(Instance),
}

/// Kinds of messages, as they stand in a datagram. Others are dropped.
const ANNOUNCE: u8 = 1;
const ASK: u8 = 2;
const BYE: u8 = 3;

#[derive(Encode, Decode)]
#[cbor(map)]
struct Nothing {}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Leaving {
    #[n(0)]
    instance: Instance,
}

impl Message {
    /// As a datagram: [`MAGIC`], then an array of the kind and a map, in deterministic CBOR.
    pub(crate) fn to_datagram(&self) -> Vec<u8> {
        [MAGIC.as_slice(), &cbor::encode(self)].concat()
    }

    /// From a datagram; `None` where it is not one of ours, and where it does not keep to the limits.
    pub(crate) fn from_datagram(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > DATAGRAM_BYTES {
            return None;
        }
        let message = cbor::decode(datagram.strip_prefix(&MAGIC)?).ok()?;
        match &message {
            Self::Announce(announcement) => announcement.is_sound().then_some(message),
            Self::Ask | Self::Bye(_) => Some(message),
        }
    }
}

impl<C> Encode<C> for Message {
    fn encode<W: encode::Write>(&self, e: &mut minicbor::Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?;
        match self {
            Self::Announce(announcement) => e.u8(ANNOUNCE)?.encode(announcement)?.ok(),
            Self::Ask => e.u8(ASK)?.encode(Nothing {})?.ok(),
            Self::Bye(instance) => e.u8(BYE)?.encode(Leaving { instance: *instance })?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Message {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("not a kind and a map"));
        }
        match d.u8()? {
            ANNOUNCE => d.decode().map(Self::Announce),
            ASK => d.decode().map(|Nothing {}| Self::Ask),
            BYE => d.decode().map(|Leaving { instance }| Self::Bye(instance)),
            _ => Err(decode::Error::message("another kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, num::u8::ANY as BYTE, prelude::*};

    use super::super::announcement::{self, NAME_BYTES, TAGS, Tag};
    use super::*;

    fn alice() -> Announcement {
        Announcement { instance: Instance([1; 8]), port: 12345, protocol: 1, tags: vec![Tag([2; 8])], name: None }
    }

    fn ours(cbor: &[u8]) -> Vec<u8> {
        [MAGIC.as_slice(), cbor].concat()
    }

    #[test]
    fn a_datagram_is_as_it_is_described() {
        assert_eq!(Message::Ask.to_datagram(), ours(&[0x82, 0x02, 0xa0]));
        let bye = [[0x82, 0x03, 0xa1, 0x00, 0x48].as_slice(), &[1; 8]].concat();
        assert_eq!(Message::Bye(Instance([1; 8])).to_datagram(), ours(&bye));
        let announce = [
            [0x82, 0x01, 0xa4, 0x00, 0x48].as_slice(),
            &[1; 8],
            &[0x01, 0x19, 0x30, 0x39, 0x02, 0x01, 0x03, 0x81, 0x48],
            &[2; 8],
        ];
        assert_eq!(Message::Announce(alice()).to_datagram(), ours(&announce.concat()));
        let named = Announcement { name: Some("Alice".into()), ..alice() };
        let named = Message::Announce(named).to_datagram();
        assert_eq!(named.get(10), Some(&0xa5), "one pair more");
        assert!(named.ends_with(b"\x04\x65Alice"));
    }

    #[test]
    fn the_longest_announcement_fits_a_datagram() {
        let tags = vec![Tag([0xff; 8]); TAGS];
        let long =
            Announcement { port: u16::MAX, protocol: u16::MAX, tags, name: Some("n".repeat(NAME_BYTES)), ..alice() };
        let datagram = Message::Announce(long.clone()).to_datagram();
        assert!(datagram.len() <= 512, "{}", datagram.len());
        assert_eq!(Message::from_datagram(&datagram), Some(Message::Announce(long)));
    }

    #[test]
    fn what_is_not_ours_or_beyond_the_limits_is_dropped() {
        let encoded = |announcement: Announcement| Message::Announce(announcement).to_datagram();
        let tag = || Tag([0; 8]);
        let padded = [0x82, 0x02, 0xa1, 0x18, 0x63, 0x59, 0x04, 0x00].into_iter().chain([0; 1024]).collect::<Vec<u8>>();
        for (datagram, why) in [
            (vec![], "nothing"),
            (b"lanline1".to_vec(), "only the beginning"),
            (b"lanline2\x82\x02\xa0".to_vec(), "another beginning"),
            (b"\x82\x02\xa0".to_vec(), "no beginning"),
            (ours(&[0x82, 0x02, 0xa0, 0x00]), "something behind it"),
            (ours(&[0x82, 0x18, 0x02, 0xa0]), "not the shortest way to say it"),
            (ours(&[0x82, 0x04, 0xa0]), "another kind"),
            (ours(&[0x82, 0x03, 0xa0]), "without its instance"),
            (ours(&[0x81, 0x02]), "without a map"),
            (ours(&padded), "too long"),
            (encoded(Announcement { port: 0, ..alice() }), "no port"),
            (encoded(Announcement { tags: vec![tag(); TAGS + 1], ..alice() }), "too many tags"),
            (encoded(Announcement { name: Some(String::new()), ..alice() }), "an empty name"),
            (encoded(Announcement { name: Some("n".repeat(NAME_BYTES + 1)), ..alice() }), "a long name"),
        ] {
            assert_eq!(Message::from_datagram(&datagram), None, "{why}");
        }
        assert_eq!(
            Message::from_datagram(&ours(&[0x82, 0x02, 0xa1, 0x18, 0x63, 0x00])),
            Some(Message::Ask),
            "a key more"
        );
    }

    fn messages() -> impl Strategy<Value = Message> {
        prop_oneof![
            announcement::tests::announcements().prop_map(Message::Announce),
            Just(Message::Ask),
            any::<[u8; 8]>().prop_map(|instance| Message::Bye(Instance(instance))),
        ]
    }

    proptest! {
        #[test]
        fn a_datagram_is_read_back(message in messages()) {
            prop_assert_eq!(Message::from_datagram(&message.to_datagram()), Some(message));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(BYTE, 0..1100)) {
            let _ = Message::from_datagram(&bytes);
            let _ = Message::from_datagram(&ours(&bytes));
        }

        /// Near to what is taken.
        #[test]
        fn no_change_to_a_datagram_makes_it_panic(message in messages(), at in 0_usize..600, byte in BYTE, cut in 0_usize..600) {
            let mut datagram = message.to_datagram();
            let length = datagram.len();
            if let Some(changed) = datagram.get_mut(at % length) {
                *changed = byte;
            }
            let sound = |taken: Option<Message>| match taken {
                Some(Message::Announce(announcement)) => announcement.is_sound(),
                _ => true,
            };
            prop_assert!(sound(Message::from_datagram(&datagram)));
            datagram.truncate(cut);
            prop_assert!(sound(Message::from_datagram(&datagram)));
        }
    }
}
