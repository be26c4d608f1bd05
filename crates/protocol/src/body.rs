//! What entries say: one type a kind, encoded as CBOR maps with numbered fields behind 16 random bytes.

use minicbor::{Decode, Encode};

use crate::cbor;
use crate::id::{EntryId, Hash, LogId};
use crate::identity::{PublicKey, Signature};
use crate::kind::Kind;
use crate::limits;

/// Random bytes before a body's content. Erased with it, they keep a short body from being guessed from
/// the hash that remains.
pub const SALT_BYTES: usize = 16;

/// Who may add members to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum MayAdd {
    /// Any member.
    #[n(0)]
    Members,
    /// The owner; whom another member adds is pending until the owner admits.
    #[n(1)]
    Owner,
}

/// A room's settings, replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Settings {
    /// The room's name, at most [`limits::NAME_BYTES`].
    #[n(0)]
    pub name: String,
    /// Who may add members.
    #[n(1)]
    pub may_add: MayAdd,
    /// How long content is kept, in milliseconds; absent: for ever.
    #[n(2)]
    pub retention_ms: Option<u64>,
}

/// The creation entry's body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Create {
    /// 32 random bytes; with them the room's id cannot be foreseen.
    #[n(0)]
    pub nonce: Hash,
    /// The first settings.
    #[n(1)]
    pub settings: Settings,
    /// The first beacon key.
    #[n(2)]
    pub beacon: Hash,
}

/// Where a control entry stands in the chain. Field 0 of every control body except the creation's, known
/// or not.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Link {
    /// The control entry before this one; of an act of the majority, its ballot's id.
    #[n(0)]
    pub previous: EntryId,
    /// 0 at creation, one more with each act of the majority.
    #[n(1)]
    pub epoch: u32,
    /// The votes that make this entry an act of the majority; empty for what the owner writes.
    #[n(2)]
    pub votes: Vec<Vote>,
}

/// One voter's signature for an act of the majority.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Vote {
    /// Who votes.
    #[n(0)]
    pub voter: PublicKey,
    /// Over [`Ballot`], under [`crate::identity::Context::Vote`].
    #[n(1)]
    pub signature: Signature,
}

/// What a voter signs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ballot {
    /// The room, by its creation entry.
    #[n(0)]
    pub room: EntryId,
    /// What the act builds on, as in [`Link::previous`].
    #[n(1)]
    pub previous: EntryId,
    /// The epoch that the act begins.
    #[n(2)]
    pub epoch: u32,
    /// The act's kind: [`Kind::Remove`] or [`Kind::Appoint`].
    #[n(3)]
    pub kind: u16,
    /// Whom it is about.
    #[n(4)]
    pub subject: PublicKey,
}

impl Ballot {
    /// What it is known by: the hash of its bytes. An act of the majority is known in the control chain by its
    /// ballot, and not by the entry that carries it, of which there may be several.
    pub fn id(&self) -> EntryId {
        EntryId::new(*Hash::of(&cbor::encode(self)).as_bytes())
    }
}

/// What the author of this entry wants the majority to do; whoever has enough of them gathers them into the act.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cast {
    /// As in the [`Ballot`].
    #[n(0)]
    pub previous: EntryId,
    /// As in the [`Ballot`].
    #[n(1)]
    pub epoch: u32,
    /// As in the [`Ballot`].
    #[n(2)]
    pub kind: u16,
    /// As in the [`Ballot`].
    #[n(3)]
    pub subject: PublicKey,
    /// The author's, over the [`Ballot`], under [`crate::identity::Context::Vote`].
    #[n(4)]
    pub signature: Signature,
}

/// The owner adds a device, or confirms one that a member added.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Admit {
    /// Its place in the chain.
    #[n(0)]
    pub link: Link,
    /// The newcomer.
    #[n(1)]
    pub key: PublicKey,
    /// The name it gave, at most [`limits::NAME_BYTES`].
    #[n(2)]
    pub name: String,
    /// The invite it honours.
    #[n(3)]
    pub invite: Option<EntryId>,
}

/// Up to where a removed member's log counts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cut {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// The last number that counts.
    #[n(1)]
    pub seq: u64,
    /// The entry there.
    #[n(2)]
    pub id: EntryId,
}

/// A device is removed. Of its logs under the adds that this ends, only what the cuts name counts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Remove {
    /// Its place in the chain.
    #[n(0)]
    pub link: Link,
    /// Who is removed.
    #[n(1)]
    pub key: PublicKey,
    /// What still counts; logs not named count nothing.
    #[n(2)]
    pub cuts: Vec<Cut>,
}

/// Another member becomes the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Appoint {
    /// Its place in the chain.
    #[n(0)]
    pub link: Link,
    /// The new owner.
    #[n(1)]
    pub key: PublicKey,
}

/// New settings.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChangeSettings {
    /// Its place in the chain.
    #[n(0)]
    pub link: Link,
    /// The settings from here on.
    #[n(1)]
    pub settings: Settings,
}

/// A new beacon key, at each removal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Beacon {
    /// Its place in the chain.
    #[n(0)]
    pub link: Link,
    /// The key from here on.
    #[n(1)]
    pub key: Hash,
}

/// Just the place of a control entry whose kind this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UnknownControl {
    /// Its place in the chain.
    #[n(0)]
    pub link: Link,
}

/// A member adds a device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Add {
    /// The newcomer.
    #[n(0)]
    pub key: PublicKey,
    /// The name it gave, at most [`limits::NAME_BYTES`].
    #[n(1)]
    pub name: String,
    /// The invite it honours.
    #[n(2)]
    pub invite: Option<EntryId>,
    /// The last of the control chain that the author knew, as in [`Link::previous`]; removals before it do not end
    /// this add.
    #[n(3)]
    pub control: EntryId,
}

/// An invite that any member may honour.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Invite {
    /// Derived from the link's secret.
    #[n(0)]
    pub key: PublicKey,
    /// When it ends, in milliseconds since the Unix epoch.
    #[n(1)]
    pub expires_at_ms: u64,
    /// How many devices it may add.
    #[n(2)]
    pub uses: u32,
}

/// A device removes itself; the log this stands in ends with it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Leave {
    /// The adds of itself that it ends, and what else made it a voter.
    #[n(0)]
    pub adds: Vec<EntryId>,
    /// The tips of its other logs.
    #[n(1)]
    pub cuts: Vec<Cut>,
}

/// The author's name from here on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Profile {
    /// At most [`limits::NAME_BYTES`].
    #[n(0)]
    pub name: String,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Text {
    /// At most [`limits::TEXT_BYTES`].
    #[n(0)]
    pub text: String,
    /// The message it answers.
    #[n(1)]
    pub reply_to: Option<EntryId>,
}

/// A decoded body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the type it holds")]
pub enum Body {
    Create(Create),
    Admit(Admit),
    Remove(Remove),
    Appoint(Appoint),
    Settings(ChangeSettings),
    Beacon(Beacon),
    UnknownControl(UnknownControl),
    Add(Add),
    Invite(Invite),
    Leave(Leave),
    Vote(Cast),
    Profile(Profile),
    Text(Text),
    /// A kind of a newer version, or a body that does not read as its kind.
    Unknown,
}

impl Body {
    /// Reads a stored body, its salt included. What cannot be read as its kind, or breaks a limit, is
    /// [`Body::Unknown`] for content, and [`Body::UnknownControl`] or [`Body::Unknown`] for control: kept,
    /// never guessed at.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Self {
        let content = bytes.get(SALT_BYTES..).unwrap_or_default();
        let known = match kind {
            Kind::Create => {
                cbor::decode(content).ok().filter(|b: &Create| name_fits(&b.settings.name)).map(Self::Create)
            }
            Kind::Admit => cbor::decode(content).ok().filter(|b: &Admit| name_fits(&b.name)).map(Self::Admit),
            Kind::Remove => cbor::decode(content).ok().map(Self::Remove),
            Kind::Appoint => cbor::decode(content).ok().map(Self::Appoint),
            Kind::Settings => {
                cbor::decode(content).ok().filter(|b: &ChangeSettings| name_fits(&b.settings.name)).map(Self::Settings)
            }
            Kind::Beacon => cbor::decode(content).ok().map(Self::Beacon),
            Kind::Add => cbor::decode(content).ok().filter(|b: &Add| name_fits(&b.name)).map(Self::Add),
            Kind::Invite => {
                cbor::decode(content).ok().filter(|b: &Invite| b.expires_at_ms <= limits::NUMBER).map(Self::Invite)
            }
            Kind::Leave => cbor::decode(content).ok().map(Self::Leave),
            Kind::Vote => cbor::decode(content).ok().map(Self::Vote),
            Kind::Profile => cbor::decode(content).ok().filter(|b: &Profile| name_fits(&b.name)).map(Self::Profile),
            Kind::Text => {
                cbor::decode(content).ok().filter(|b: &Text| b.text.len() <= limits::TEXT_BYTES).map(Self::Text)
            }
            Kind::Unknown(_) => None,
        };
        known.unwrap_or_else(|| {
            if kind.is_control() && kind != Kind::Create {
                cbor::decode(content).map_or(Self::Unknown, Self::UnknownControl)
            } else {
                Self::Unknown
            }
        })
    }

    /// A control body's place in the chain.
    pub fn link(&self) -> Option<&Link> {
        match self {
            Self::Admit(body) => Some(&body.link),
            Self::Remove(body) => Some(&body.link),
            Self::Appoint(body) => Some(&body.link),
            Self::Settings(body) => Some(&body.link),
            Self::Beacon(body) => Some(&body.link),
            Self::UnknownControl(body) => Some(&body.link),
            _ => None,
        }
    }

    /// Whom it lets in, and by which invite.
    pub fn lets_in(&self) -> Option<(PublicKey, Option<EntryId>)> {
        match self {
            Self::Admit(body) => Some((body.key, body.invite)),
            Self::Add(body) => Some((body.key, body.invite)),
            _ => None,
        }
    }

    /// The kind it is written under. [`Body::Unknown`] and [`Body::UnknownControl`] are never written.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Create(_) => Kind::Create,
            Self::Admit(_) => Kind::Admit,
            Self::Remove(_) => Kind::Remove,
            Self::Appoint(_) => Kind::Appoint,
            Self::Settings(_) => Kind::Settings,
            Self::Beacon(_) => Kind::Beacon,
            Self::Add(_) => Kind::Add,
            Self::Invite(_) => Kind::Invite,
            Self::Leave(_) => Kind::Leave,
            Self::Vote(_) => Kind::Vote,
            Self::Profile(_) => Kind::Profile,
            Self::Text(_) => Kind::Text,
            Self::UnknownControl(_) | Self::Unknown => Kind::Unknown(0),
        }
    }

    /// Encodes it behind its salt.
    pub fn encode(&self, salt: [u8; SALT_BYTES]) -> Vec<u8> {
        let content = match self {
            Self::Create(body) => cbor::encode(body),
            Self::Admit(body) => cbor::encode(body),
            Self::Remove(body) => cbor::encode(body),
            Self::Appoint(body) => cbor::encode(body),
            Self::Settings(body) => cbor::encode(body),
            Self::Beacon(body) => cbor::encode(body),
            Self::UnknownControl(body) => cbor::encode(body),
            Self::Add(body) => cbor::encode(body),
            Self::Invite(body) => cbor::encode(body),
            Self::Leave(body) => cbor::encode(body),
            Self::Vote(body) => cbor::encode(body),
            Self::Profile(body) => cbor::encode(body),
            Self::Text(body) => cbor::encode(body),
            Self::Unknown => Vec::new(),
        };
        [salt.as_slice(), &content].concat()
    }
}

/// Whether a name is short enough, and one line of text.
pub(crate) fn name_fits(name: &str) -> bool {
    name.len() <= limits::NAME_BYTES && !name.chars().any(char::is_control)
}
