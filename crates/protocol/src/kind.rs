//! What an entry is, by number.

/// The two streams a room is synced in. Logs do not mix them: who belongs is settled before content flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Control chain, adds, invites, leaving.
    Membership,
    /// What is said, and records.
    Content,
}

impl Lane {
    /// Both, in the order they are synced.
    pub const ALL: [Self; 2] = [Self::Membership, Self::Content];

    /// Its number on the wire and in the store.
    pub const fn number(self) -> u8 {
        match self {
            Self::Membership => 0,
            Self::Content => 1,
        }
    }

    /// From its number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Membership),
            1 => Some(Self::Content),
            _ => None,
        }
    }
}

/// An entry's kind. Numbers 1 to 31 are the control chain's, 32 to 63 other acts about membership, 64 and
/// above content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The room's first entry.
    Create,
    /// The owner adds a device, or confirms one that a member added.
    Admit,
    /// A device is removed.
    Remove,
    /// Another member becomes the owner.
    Appoint,
    /// The room's settings.
    Settings,
    /// The key that the room's members are found by.
    Beacon,
    /// A member adds a device.
    Add,
    /// An invite that any member may honour.
    Invite,
    /// A device removes itself.
    Leave,
    /// A voter says what it wants the majority to do.
    Vote,
    /// The author's name.
    Profile,
    /// A message.
    Text,
    /// A kind of a newer version: kept and passed on.
    Unknown(u16),
}

impl Kind {
    const KNOWN: [(u16, Self); 12] = [
        (1, Self::Create),
        (2, Self::Admit),
        (3, Self::Remove),
        (4, Self::Appoint),
        (5, Self::Settings),
        (6, Self::Beacon),
        (32, Self::Add),
        (33, Self::Invite),
        (34, Self::Leave),
        (35, Self::Vote),
        (64, Self::Profile),
        (65, Self::Text),
    ];

    /// Its number in a header.
    pub fn number(self) -> u16 {
        match self {
            Self::Unknown(number) => number,
            known => Self::KNOWN.iter().find(|(_, kind)| *kind == known).map_or(0, |(number, _)| *number),
        }
    }

    /// From its number.
    pub fn from_number(number: u16) -> Self {
        Self::KNOWN.iter().find(|(known, _)| *known == number).map_or(Self::Unknown(number), |(_, kind)| *kind)
    }

    /// Whether it belongs to the control chain, known or not.
    pub fn is_control(self) -> bool {
        (1..32).contains(&self.number())
    }

    /// The lane its log is synced in.
    pub fn lane(self) -> Lane {
        if self.number() < 64 { Lane::Membership } else { Lane::Content }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_one_kind() {
        for number in 0..=u16::MAX {
            assert_eq!(Kind::from_number(number).number(), number);
        }
    }
}
