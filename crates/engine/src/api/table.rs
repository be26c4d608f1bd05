/// The one table of commands: every door is made from it, so none can lack one.
///
/// `for_each_command!(callback)` calls the macro `callback!` with every row, each of the form
/// `#[doc = "…"] order name(Params) -> Result;`, where `Params` and `Result` are types of
/// `lanline_engine::api` and `order` is one word:
///
/// - `in_turn`: takes effect after all that was asked before it, and before all that is asked later;
/// - `pipelined`: takes effect in its turn, but its answer (a commit to disk) is awaited beside others;
/// - `aside`: begins in its turn, then holds nothing up; it may take seconds.
///
/// This file holds nothing else, so that a build script can `include!` it.
#[macro_export]
macro_rules! for_each_command {
    ($callback:ident) => {
        $callback! {
            /// What this device is and how it is doing.
            in_turn status(NoParams) -> Status;
            /// Puts a notice away: `status` gives it no more. One that is gone already is none to tell.
            in_turn dismiss_notice(DismissNotice) -> Nothing;
            /// Sets the name this device shows to others.
            ///
            /// Errors: `too_large`.
            in_turn set_profile(SetProfile) -> Nothing;
            /// What the person of this device chose.
            in_turn settings(NoParams) -> Preferences;
            /// Changes what the person of this device chose, and gives all of it.
            in_turn set_settings(SetSettings) -> Preferences;
            /// Begins to listen for other devices.
            ///
            /// Errors: `port_in_use`.
            in_turn start_server(StartServer) -> Listening;
            /// Stops listening and takes leave of everyone who had dialled in.
            in_turn stop_server(NoParams) -> Nothing;
            /// Dials a device, by address, by id, or by both. Answers or fails within 10 s.
            ///
            /// Errors: `unreachable`, `refused` (no Lanline there, or too much under way), `identity_changed`, `version_unsupported`, `not_found` (no address of the device is known).
            aside connect(Connect) -> Connected;
            /// Takes leave of a connected device.
            ///
            /// Errors: `not_found`.
            in_turn disconnect(Disconnect) -> Nothing;
            /// Looks for why others do not find or reach this device, or why it does not reach the one at `address`; with an address, the cause comes first. Reads what the system says of its network and firewall and changes nothing; asks connected devices whether they reach this one, and all on the network who is there. Answers within 30 s.
            aside diagnose(Diagnose) -> Diagnosis;
            /// The devices connected now.
            in_turn peers(NoParams) -> Peers;
            /// The devices found on this network now, connected or not; asked for, all are asked who is there, too. A `nearby_changed` tells that it is another list. Best first: those this device knows, those that show a name, the others.
            in_turn nearby(NoParams) -> NearbyDevices;
            /// Asks each address of the local networks (the 256 around each own IPv4 address, of four networks at most) who is there, over five seconds. What answers comes into `nearby`. For where nothing else finds a device; a person asks for it.
            in_turn probe(NoParams) -> Probed;
            /// Shows this device's name to everybody on its networks for a while, at most an hour, in place of what was said before. Only while its server runs is there anything to see.
            in_turn set_visible(SetVisible) -> Visible;
            /// Devices that this one has met in a room of both, connected or not.
            in_turn devices(NoParams) -> KnownDevices;
            /// Calls a device by another name on this device, and blocks it or not. A `room_changed` tells of each room.
            ///
            /// Errors: `not_found`, `too_large`.
            in_turn set_device(SetDevice) -> Nothing;
            /// Forgets what is known of a device beside the rooms: its name here, that it is blocked or verified, where and when it was met. In a room of both it is met again.
            ///
            /// Errors: `not_found`.
            in_turn forget_device(ForgetDevice) -> Nothing;
            /// Has a connected device of a room of both and this one show the same seven pictures, so that their people see that nobody stands between; the other tells its person by `compare_asked`. They are shown for two minutes, and asked for again the same. Answers or fails within 10 s.
            ///
            /// Errors: `not_found` (it is not connected), `refused`, `unreachable`.
            aside compare(Compare) -> Pictures;
            /// Says whether the other device shows the same pictures. If so, it is `verified` as `compared` on this device; if not, it is verified no more on both until they see the same, and both are told by `compare_ended`. That they differ is taken for ten minutes after `words` were shown, however the comparison ended: whoever stands between would end it.
            ///
            /// Errors: `not_found` (nothing is shown any more, or other pictures than `words`).
            in_turn confirm_compare(ConfirmCompare) -> Nothing;
            /// Makes a room whose owner is this device.
            ///
            /// Errors: `too_large`.
            in_turn create_room(CreateRoom) -> RoomCreated;
            /// The rooms this device holds.
            in_turn rooms(NoParams) -> Rooms;
            /// Who is in a room, this device included.
            ///
            /// Errors: `not_found`.
            in_turn members(InRoom) -> Members;
            /// Makes an invite to a room. Needs a running server.
            ///
            /// Errors: `not_found`, `not_a_member`.
            in_turn invite(Invite) -> Invited;
            /// Shows a code of six digits to type in place of an invite's link, for 120 s, in place of any code before: one is live a device. `invite` shows one, too. Needs a running server.
            ///
            /// Errors: `not_found` (this device does not know the invite), `not_a_member`.
            in_turn show_code(ShowCode) -> ShownCode;
            /// The code that is live, as `show_code` or `invite` gave it: nothing once its time is over, it was hidden, or one was typed, right or wrong. For who may have missed `code_ended`.
            in_turn shown_code(NoParams) -> ShownCode;
            /// Shows no code any more.
            in_turn hide_code(NoParams) -> Nothing;
            /// Joins a room by an invite's link, or by the address of a device and the code that it shows. Answers or fails within 20 s; by a code, where the owner still has to admit this device, after 20 s with `pending`.
            ///
            /// Errors: `expired` (also where no code is shown there), `used`, `wrong_code`, `refused`, `unreachable`, `identity_changed`, `version_unsupported`.
            aside join(Join) -> Joined;
            /// A text, such as an invite's link, as a QR code.
            ///
            /// Errors: `too_large`.
            in_turn qr_code(QrCode) -> QrPicture;
            /// Brings the window of this device to the front, and asks the person about a link.
            ///
            /// Errors: `not_found` (this process has no window).
            in_turn present(Present) -> Nothing;
            /// Leaves a room for good; what was held stays readable.
            ///
            /// Errors: `not_found`, `not_a_member`.
            in_turn leave_room(InRoom) -> Nothing;
            /// Removes a member from a room.
            ///
            /// Errors: `not_found`, `not_a_member`, `not_owner`.
            in_turn remove_member(OfMember) -> Nothing;
            /// Confirms a member whom another member added: it may vote from then on, and waits no more to be let in.
            ///
            /// Errors: `not_found`, `not_a_member`, `not_owner`.
            in_turn admit(OfMember) -> Nothing;
            /// Makes another member the owner of a room.
            ///
            /// Errors: `not_found`, `not_a_member`, `not_owner`.
            in_turn hand_over(OfMember) -> Nothing;
            /// Says what the majority of a room is to do. It is done once more than half of the voters said the same; said again, nothing changes.
            ///
            /// Errors: `not_found`, `not_a_member`, `too_large` (more than 511 voters).
            in_turn vote(Vote) -> Tally;
            /// What is voted on in a room. A `room_changed` tells of each vote.
            ///
            /// Errors: `not_found`, `not_a_member`.
            in_turn room_votes(InRoom) -> Proposals;
            /// Writes a message; answers once it is on this device's disk.
            ///
            /// Errors: `not_found`, `not_a_member`, `too_large`.
            pipelined send_message(SendMessage) -> Sent;
            /// A page of a room's messages, oldest first.
            ///
            /// Errors: `not_found`.
            in_turn messages(Messages) -> MessagePage;
            /// Marks a room's messages as read, all up to the one named.
            ///
            /// Errors: `not_found`.
            in_turn mark_read(MarkRead) -> Nothing;
            /// Writes this device's key and rooms, encrypted under a passphrase, to a new file: for another machine, or should this one be lost. Takes a second or more.
            ///
            /// Errors: `exists` (there is a file of that name), `not_found`, `read_only`.
            aside export_identity(ExportIdentity) -> Nothing;
            /// Makes this device the one that was exported, in place of what it is: the same id, with its rooms as they were then. It connects anew, and an `events_lost` says that all is to be asked for again. What was said since then comes from the members. Only where this device has no rooms.
            ///
            /// Errors: `exists` (this device has rooms), `refused` (it is being exported), `wrong_passphrase`, `not_found`, `version_unsupported`, `read_only`. A damaged file is an `invalid_argument`.
            in_turn import_identity(ImportIdentity) -> Nothing;
            /// Who holds, received and read a message.
            ///
            /// Errors: `not_found`.
            in_turn receipts(OfMessage) -> Receipts;
        }
    };
}
