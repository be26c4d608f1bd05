//! What the fuzz target reaches of what is heard on the network. Nothing of it is in what is shipped.

use super::announcement::Announcement;
use super::message::{DATAGRAM_BYTES, MAGIC, Message};

/// With what a datagram begins that is looked at.
pub const BEGINNING: [u8; 8] = MAGIC;

/// Reads a datagram, and where it is one writes it again.
///
/// # Panics
/// Where it is read otherwise than it was written, or beyond the limits.
pub fn datagram(bytes: &[u8]) {
    let Some(message) = Message::from_datagram(bytes) else { return };
    let written = message.to_datagram();
    assert!(bytes.len() <= DATAGRAM_BYTES && written.len() <= bytes.len());
    assert_eq!(Message::from_datagram(&written).as_ref(), Some(&message));
    if let Message::Announce(announcement) = message {
        assert!(announcement.is_sound());
    }
}

/// Reads the records of a service, and where they are one's of ours writes them again.
///
/// # Panics
/// Where it is read otherwise than it was written, or beyond the limits.
pub fn records(instance: &str, port: u16, pairs: &[(&str, &[u8])]) {
    let value = |key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let Some(announcement) = Announcement::from_txt(instance, port, value) else { return };
    assert!(announcement.is_sound());
    let written = announcement.to_txt();
    assert!(written.iter().all(|(key, value)| key.len() + 1 + value.len() <= 255));
    let value = |key| written.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_slice());
    let again = Announcement::from_txt(&announcement.instance.to_string(), port, value);
    assert_eq!(again, Some(announcement));
}
