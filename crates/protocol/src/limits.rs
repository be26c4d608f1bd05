//! Every bound on what a peer may make this device hold, in one place.

/// Any number that is stored: what fits a signed 64-bit integer, which is what databases have.
pub const NUMBER: u64 = i64::MAX as u64;
/// Text of one message, in bytes of UTF-8.
pub const TEXT_BYTES: usize = 16 * 1024;
/// Name of a room or a device, in bytes of UTF-8.
pub const NAME_BYTES: usize = 128;
/// An entry's encoded header.
pub const HEADER_BYTES: usize = 512;
/// The shortest header there can be: that of a creation entry whose numbers are small.
pub const SHORTEST_HEADER: usize = 97;
/// What an entry counts for beside its header and its body, in bytes: its signature and what is around it.
pub const ENTRY_BYTES: usize = 80;
/// An entry's body, its 16 random bytes included.
pub const BODY_BYTES: usize = 64 * 1024;
/// Entries under one signature.
pub const GROUP_ENTRIES: usize = 64;
/// Bytes of header and body under one signature; a group always fits one data frame.
pub const GROUP_BYTES: usize = 256 * 1024;
/// Bytes of header and body under one signature in the membership lane: also pushed in control frames.
pub const MEMBERSHIP_GROUP_BYTES: usize = 32 * 1024;
/// A record's value.
pub const RECORD_BYTES: usize = 32 * 1024;
/// Addresses in an addresses record, and of one host in a link.
pub const ADDRESSES: usize = 16;
/// One address as text.
pub const ADDRESS_BYTES: usize = 80;
/// Addresses at which one device was found.
pub const FOUND_ADDRESSES: usize = 8;
/// Devices that were found.
pub const FOUND: usize = 256;
/// Hosts in a link.
pub const LINK_HOSTS: usize = 4;
/// A link as text.
pub const LINK_BYTES: usize = 4096;
/// Branches kept of one forked log.
pub const BRANCHES: usize = 8;
/// Entries of one forked log of which it is remembered on which branch they stand.
pub const BRANCHED: usize = 65_536;
/// Logs one membership may have in the content lane. A device begins another only when its database was replaced.
pub const LOGS_PER_MEMBER: usize = 32;
/// Members with receipts of their own; above, nobody publishes one.
pub const RECEIPT_MEMBERS: usize = 64;
/// Counts of who holds what are told at most this often, in milliseconds; in rooms of more than 256 members more seldom.
pub const COUNTS_EVERY_MS: u64 = 1000;
/// Logs that counts are told of: those that were written to last.
pub const COUNTED_LOGS: usize = 32;
/// Steps told of one log.
pub const COUNT_STEPS: usize = 8;
/// Longest life of an invite, in milliseconds: 30 days.
pub const INVITE_TTL_MS: u64 = 30 * 24 * 3600 * 1000;
/// Uses of one invite.
pub const INVITE_USES: u32 = 10_000;
/// Adds that one word of leaving names: who was added more often says so more than once.
pub const LEFT: usize = 256;
/// Votes written into one act of the majority, which has to fit a group with the cuts of a removal.
pub const VOTES: usize = 256;
/// How long a device gives each of the others that may write the same, in milliseconds.
pub const DUTY_EVERY_MS: u64 = 2000;
/// Acts of the majority remembered that came in logs of which nothing more is taken, in one room.
pub const OVERHEARD: usize = 16;
/// Acts of the majority that are not in force and that a device writes again, in one room, so that everybody knows them.
pub const OUTRANKED: usize = 64;
/// What a device could not write again, in one room: of more it takes up nothing more to be written.
pub const UNWRITABLE: usize = 64;
/// How often one batch makes a device look anew who belongs, before its end.
pub const EVALUATIONS: usize = 64;
/// Control entries written at one commit without being asked.
pub const DUTIES: usize = 64;

/// A frame from a peer that is neither a member nor holds an invite.
pub const STRANGER_FRAME: usize = 4 * 1024;
/// A control frame.
pub const CONTROL_FRAME: usize = 64 * 1024;
/// A data frame.
pub const DATA_FRAME: usize = 1024 * 1024;
/// Rooms named in one `Open` frame, so that it fits a stranger's frame.
pub const OPEN_TAGS: usize = 64;
/// Rooms two devices may share on one connection.
pub const SHARED_ROOMS: usize = 4096;
/// Heads in one page.
pub const HEADS_PAGE: usize = 400;
/// Heads one peer may tell of one room and lane.
pub const HEADS: usize = 100_000;
/// Records read at a time where all of a room are told.
pub const RECORDS_PAGE: usize = 64;
/// Lost entries that one frame asks for.
pub const WANT_ENTRIES: usize = 64;
/// Lost entries of one room that are looked after at a time.
pub const LOST: usize = 1024;
/// Bytes of entries and records in one batch, before the last group that starts below it.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Entries and records in one batch, before the last group that starts below it.
pub const BATCH_ITEMS: usize = 512;
/// Bytes sent to one peer and not acknowledged, over all rooms.
pub const WINDOW_BYTES: usize = 1024 * 1024;

/// Bytes of what is to be sent that are kept encoded, over all rooms.
pub const TAIL_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that wait to be taken by the network, above which a connection is given nothing more that can wait.
pub const QUEUE_BYTES: usize = 1024 * 1024;

/// Bytes given to a connection to send from which it is worth a look how many of them still wait.
pub const QUEUE_NOTED: usize = 256 * 1024;

/// How far ahead of this device's clock an entry may be and still move it, in microseconds: 5 minutes.
pub const CLOCK_AHEAD_US: u64 = 5 * 60 * 1_000_000;
/// Receipts are written at most this often, in milliseconds.
pub const RECEIPTS_EVERY_MS: u64 = 150;
/// Digests of a quiet room are compared again after this long, in milliseconds.
pub const DIGEST_EVERY_MS: u64 = 60_000;
/// A member that was asked for lost entries and gave none for so long is passed over, in milliseconds.
pub const GIVE_LOST_MS: u64 = 10_000;
/// What a member did not give it is asked for again after this long, in milliseconds: it may hold it by then.
pub const ASK_LOST_AGAIN_MS: u64 = 10 * 60_000;
/// All connections are looked at, for what waits for a time, at least this often while something happens.
pub const LOOK_MS: u64 = 250;
/// A peer is told of arrivals that it need not be sent at most this often, in milliseconds.
pub const SKIP_MS: u64 = 1000;
/// What is stored is read through again after this long, in milliseconds: a day.
pub const SCRUB_EVERY_MS: u64 = 24 * 3600 * 1000;
/// Entries that are read through at a time, and the pause between, in milliseconds.
pub const SCRUB_ITEMS: usize = 64;
/// See [`SCRUB_ITEMS`].
pub const SCRUB_PAUSE_MS: u64 = 1000;
/// Join attempts on one connection; of those by a code, for each code.
pub const JOIN_ATTEMPTS: u32 = 8;
/// How long a code is shown, in milliseconds.
pub const CODE_MS: u64 = 120_000;
/// Wrong guesses of codes within [`WRONG_GUESSES_MS`], after which a person has to ask for the next code knowingly.
pub const WRONG_GUESSES: usize = 5;
/// See [`WRONG_GUESSES`], in milliseconds.
pub const WRONG_GUESSES_MS: u64 = 3600 * 1000;
/// What one side of the exchange of a code sends.
pub const PAIRING_BYTES: usize = 64;
/// How long two people have to compare what their devices show, in milliseconds.
pub const COMPARE_MS: u64 = 120_000;
/// How often one device may begin to compare within [`COMPARISONS_MS`]; and of how many comparisons with one device it is
/// remembered for as long what was shown.
pub const COMPARISONS: usize = 8;
/// See [`COMPARISONS`], in milliseconds.
pub const COMPARISONS_MS: u64 = 600_000;
/// How long it is tried to reach a device that asks for it, in milliseconds.
pub const REACH_MS: u64 = 3000;
/// How often one device, and strangers from one IP address together, may ask to be reached within [`REACHES_MS`].
pub const REACHES: usize = 6;
/// See [`REACHES`], in milliseconds.
pub const REACHES_MS: u64 = 60_000;
/// Devices that are being reached at one time.
pub const REACHES_AT_ONCE: usize = 8;
/// Devices that were reached within [`REACHES_MS`] from which on strangers are not.
pub const REACHING_STRANGERS: usize = 64;
/// Records one member may have in one room, over all its stores and names.
pub const RECORDS_PER_MEMBER: usize = 64;
/// A connection with a stranger ends after this long without a `join`, in milliseconds.
pub const STRANGER_MS: u64 = 30_000;
