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
            /// Sets the name this device shows to others.
            in_turn set_profile(SetProfile) -> Nothing;
            /// Begins to listen for other devices.
            in_turn start_server(StartServer) -> Listening;
            /// Stops listening and takes leave of everyone who had dialled in.
            in_turn stop_server(NoParams) -> Nothing;
            /// Dials a device, by address, by id, or by both. Answers or fails within 10 s.
            aside connect(Connect) -> Connected;
            /// Takes leave of a connected device.
            in_turn disconnect(Disconnect) -> Nothing;
            /// The devices connected now.
            in_turn peers(NoParams) -> Peers;
            /// Makes a room whose owner is this device.
            in_turn create_room(CreateRoom) -> RoomCreated;
            /// The rooms this device holds.
            in_turn rooms(NoParams) -> Rooms;
            /// Who is in a room, this device included.
            in_turn members(InRoom) -> Members;
            /// Makes an invite to a room. Needs a running server.
            in_turn invite(Invite) -> Invited;
            /// Joins a room by an invite's link. Answers or fails within 20 s.
            aside join(Join) -> Joined;
            /// A text, such as an invite's link, as a QR code.
            in_turn qr_code(QrCode) -> QrPicture;
            /// Brings the window of this device to the front, and asks the person about a link. `not_found` where there
            /// is no window.
            in_turn present(Present) -> Nothing;
            /// Leaves a room for good; what was held stays readable.
            in_turn leave_room(InRoom) -> Nothing;
            /// Removes a member from a room.
            in_turn remove_member(RemoveMember) -> Nothing;
            /// Writes a message; answers once it is on this device's disk.
            pipelined send_message(SendMessage) -> Sent;
            /// A page of a room's messages, oldest first.
            in_turn messages(Messages) -> MessagePage;
            /// Marks a room's messages as read, all up to the one named.
            in_turn mark_read(MarkRead) -> Nothing;
            /// Who holds, received and read a message.
            in_turn receipts(OfMessage) -> Receipts;
        }
    };
}
