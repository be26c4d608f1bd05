//! What the device is asked on behalf of a conversation, and what it answered.

use std::time::Duration;

use futures_util::future::BoxFuture;
use lanline_engine::api::{
    ApiError, CallError, Compare, ConfirmCompare, ErrorCode, InRoom, Invite, Invited, Joined, KnownDevices, Listening,
    MarkRead, Member, Members, MessagePage, Messages, NoParams, Nothing, OfMessage, Pictures, Proposals, Receipts,
    RoomSummary, Rooms, SendMessage, Sent, StartServer, Status, Tally, Vote,
};

use crate::{
    commands,
    commands::vote::Wish,
    device::Device,
    line::{self, Line},
    member, plain,
    qr::Qr,
    room,
};

/// What a device that is just ending may take until that shows.
const ENDING: Duration = Duration::from_secs(2);

/// An answer, and in which room it was asked for where that matters.
pub(super) enum Answer {
    /// A room as it is entered.
    Entry {
        room: String,
        members: Result<Members, CallError>,
        page: Result<MessagePage, CallError>,
    },
    Members {
        room: String,
        members: Result<Members, CallError>,
    },
    Page {
        room: String,
        page: Result<MessagePage, CallError>,
    },
    Marked {
        room: String,
    },
    Rooms(Result<Rooms, CallError>),
    /// The room that was meant, or a sentence.
    Found(Result<Result<RoomSummary, String>, CallError>),
    Sent {
        room: String,
        number: u64,
        sent: Result<Sent, CallError>,
    },
    /// The device ended before it answered; what was said is to be sent again.
    Interrupted,
    /// Lines to show.
    Lines(Result<Vec<Line>, CallError>),
    Joined(Result<Joined, CallError>),
    /// What is compared with a device.
    Compared {
        device_id: String,
        words: Vec<String>,
        lines: Vec<Line>,
    },
    Left {
        room: String,
        left: Result<Nothing, CallError>,
    },
}

type Asked = BoxFuture<'static, Answer>;

pub(super) fn entry(device: &Device, room: &str, limit: u32) -> Asked {
    let members = device.submit("members", InRoom { room: room.to_owned() });
    let page = device.submit("messages", Messages { room: room.to_owned(), before: None, limit: Some(limit) });
    let room = room.to_owned();
    Box::pin(async move { Answer::Entry { room, members: members.await, page: page.await } })
}

pub(super) fn members(device: &Device, room: &str) -> Asked {
    let room = room.to_owned();
    let members = device.submit("members", InRoom { room: room.clone() });
    Box::pin(async move { Answer::Members { room, members: members.await } })
}

pub(super) fn page(device: &Device, room: &str, before: Option<String>) -> Asked {
    let room = room.to_owned();
    // The newest are looked at often and hold what is new; farther back there may be much.
    let limit = before.as_ref().map(|_| 500);
    let page = device.submit("messages", Messages { room: room.clone(), before, limit });
    Box::pin(async move { Answer::Page { room, page: page.await } })
}

pub(super) fn mark(device: &Device, room: &str, id: String) -> Asked {
    let room = room.to_owned();
    let marked = device.submit::<_, Nothing>("mark_read", MarkRead { room: room.clone(), id });
    Box::pin(async move {
        if let Err(error) = marked.await {
            // After leaving, say: there is nothing to mark then.
            tracing::debug!(%error, "not marked as read");
        }
        Answer::Marked { room }
    })
}

pub(super) fn rooms(device: &Device) -> Asked {
    let rooms = device.submit("rooms", NoParams {});
    Box::pin(async move { Answer::Rooms(rooms.await) })
}

/// `client_id` is the message's own, so that sending it again sends nothing twice.
pub(super) fn send(device: &Device, room: &str, number: u64, client_id: String, text: String) -> Asked {
    let room = room.to_owned();
    let params = SendMessage { room: room.clone(), text, reply_to: None, client_id: Some(client_id) };
    let (sent, device) = (device.submit("send_message", params), device.clone());
    Box::pin(async move {
        let sent: Result<Sent, CallError> = sent.await;
        let internal = matches!(&sent, Err(CallError::Failed(ApiError { code: ErrorCode::Internal, .. })));
        if internal && has_ended(&device).await {
            return Answer::Interrupted;
        }
        Answer::Sent { room, number, sent }
    })
}

/// Whether a device in another process is gone, or about to be.
async fn has_ended(device: &Device) -> bool {
    if device.is_here() {
        return false;
    }
    let mut events = device.events();
    tokio::time::timeout(ENDING, async { while events.next().await.is_some() {} }).await.is_ok()
}

pub(super) fn invite(device: &Device, room: &RoomSummary, draw: bool) -> Asked {
    let (device, name) = (device.clone(), room.name.clone());
    let params = Invite { room: room.room.clone(), ttl_ms: None, uses: None };
    Box::pin(async move {
        let invited: Result<Invited, CallError> = device.call("invite", params).await;
        let lines = match invited {
            Ok(invited) => {
                let qr = if draw { Qr::drawn(&device, &invited.link).await } else { None };
                let link = plain::line(&invited.link);
                let explained = commands::invite::explained(&name, &invited, None);
                let status: Result<Status, CallError> = device.call("status", NoParams {}).await;
                let addresses = status.map(|status| status.server.addresses).unwrap_or_default();
                let by_code = commands::invite::by_code(&invited, addresses.first().map(String::as_str));
                Ok(qr.into_iter().chain([link, explained, by_code]).map(Line::Block).collect())
            }
            Err(error) => Err(error),
        };
        Answer::Lines(lines)
    })
}

/// That it listens is told by an event; here it is whether it cannot.
pub(super) fn listen(device: &Device, port: Option<u16>) -> Asked {
    let started = device.submit::<_, Listening>("start_server", StartServer { port });
    Box::pin(async move { Answer::Lines(started.await.map(|_| Vec::new())) })
}

pub(super) fn join(device: &Device, invite: &str) -> Asked {
    // A link may be broken over lines; an address has no space.
    let (first, rest) = match invite.split_once(char::is_whitespace) {
        Some((address, code)) if !address.to_ascii_lowercase().starts_with("lanline:") => (address, code),
        _ => (invite, ""),
    };
    let joined = device.submit("join", commands::join::asked(first.to_owned(), rest));
    Box::pin(async move { Answer::Joined(joined.await) })
}

pub(super) fn leave(device: &Device, room: &str) -> Asked {
    let room = room.to_owned();
    let left = device.submit("leave_room", InRoom { room: room.clone() });
    Box::pin(async move { Answer::Left { room, left: left.await } })
}

pub(super) fn list_rooms(device: &Device) -> Asked {
    let rooms = device.submit::<_, Rooms>("rooms", NoParams {});
    Box::pin(async move { Answer::Lines(rooms.await.map(|rooms| vec![Line::Block(commands::rooms::table(&rooms))])) })
}

/// Looks for the room that is meant.
pub(super) fn find_room(device: &Device, given: String) -> Asked {
    let rooms = device.submit::<_, Rooms>("rooms", NoParams {});
    Box::pin(async move { Answer::Found(rooms.await.map(|rooms| room::find(&rooms, &given).cloned())) })
}

pub(super) fn list_members(device: &Device, room: &str, me: &str) -> Asked {
    let (members, me) = (device.submit::<_, Members>("members", InRoom { room: room.to_owned() }), me.to_owned());
    Box::pin(async move {
        let table = |members: Vec<Member>| vec![Line::Block(commands::members::table(&members, &me))];
        Answer::Lines(members.await.map(table))
    })
}

/// Votes, or lists what is voted on.
pub(super) fn vote(device: &Device, room: &str, wish: Option<Wish>) -> Asked {
    let (device, room) = (device.clone(), room.to_owned());
    Box::pin(async move {
        let asked = async {
            let members: Members = device.call("members", InRoom { room: room.clone() }).await?;
            let Some(wish) = wish else {
                let open: Proposals = device.call("room_votes", InRoom { room }).await?;
                return Ok(commands::vote::listed(&members, &open));
            };
            let act = match wish.act(&members) {
                Ok(act) => act,
                Err(sentence) => return Ok(sentence),
            };
            let tally: Tally = device.call("vote", Vote { room, act: act.clone() }).await?;
            Ok(commands::vote::counted(&members, &act, &tally))
        };
        Answer::Lines(asked.await.map(|lines| vec![Line::Block(lines)]))
    })
}

/// Compares with the device that is meant.
pub(super) fn compare(device: &Device, given: String) -> Asked {
    let device = device.clone();
    Box::pin(async move {
        let asked = async {
            let devices: KnownDevices = device.call("devices", NoParams {}).await?;
            let known = match member::find(&devices, &given) {
                Ok(known) => known,
                Err(sentence) => return Ok(Err(sentence)),
            };
            let pictures: Pictures = device.call("compare", Compare { device_id: known.device_id.clone() }).await?;
            let name = line::called(&known.device_id, &known.name);
            let shown = commands::compare::shown(&name, &pictures);
            let how = "Ask what is shown there: then /same or /differ says what you saw.";
            let lines = vec![Line::Block(format!("{shown}\n{how}"))];
            Ok(Ok((known.device_id.clone(), pictures.words, lines)))
        };
        match asked.await {
            Ok(Ok((device_id, words, lines))) => Answer::Compared { device_id, words, lines },
            Ok(Err(sentence)) => Answer::Lines(Ok(vec![Line::Block(sentence)])),
            Err(error) => Answer::Lines(Err(error)),
        }
    })
}

/// Says what was seen there; what that means is told by an event.
pub(super) fn confirm(device: &Device, device_id: String, words: Vec<String>, same: bool) -> Asked {
    let params = ConfirmCompare { device_id, same, words: Some(words) };
    let confirmed = device.submit::<_, Nothing>("confirm_compare", params);
    Box::pin(async move { Answer::Lines(confirmed.await.map(|()| Vec::new())) })
}

/// Who holds and has read a message; `called` says what to call a device.
pub(super) fn receipts(device: &Device, id: &str, called: impl Fn(&str) -> String + Send + 'static) -> Asked {
    let receipts = device.submit::<_, Receipts>("receipts", OfMessage { id: id.to_owned() });
    Box::pin(async move {
        let receipts = receipts.await;
        let line = |what: &str, devices: &[String]| {
            let people: Vec<String> = devices.iter().map(|device| called(device)).collect();
            format!("  {what:10} {}", if people.is_empty() { "nobody yet".to_owned() } else { people.join(", ") })
        };
        Answer::Lines(receipts.map(|receipts| {
            let lines = [("stored", receipts.stored), ("delivered", receipts.delivered), ("read", receipts.read)];
            vec![Line::Block(lines.map(|(what, devices)| line(what, &devices)).join("\n"))]
        }))
    })
}
