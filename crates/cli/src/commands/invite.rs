use std::io::IsTerminal;

use jiff::tz::TimeZone;
use lanline_engine::{
    Settings,
    api::{Invite, Invited, NoParams, Status},
};

use crate::{clock, device::Device, exit::Failure, plain, print, qr::Qr, room};

/// What an invite is to be like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// How long it lives, in milliseconds; `None` for the default.
    pub(crate) ttl_ms: Option<u64>,
    /// How many devices may join by it; `None` for the default.
    pub(crate) uses: Option<u32>,
    /// Whether its QR code is drawn even where standard output is no terminal.
    pub(crate) qr: bool,
}

/// Makes an invite to a room.
pub(crate) async fn run(settings: &Settings, given: &str, wish: Wish, json: bool) -> Result<(), Failure> {
    let made = Device::for_a_moment(settings, async |device| {
        let room = room::named(device, given).await?;
        let status: Status = device.call("status", NoParams {}).await?;
        if !status.server.running {
            return Err(Failure::input(no_server(device.is_here())));
        }
        let params = Invite { room: room.room.clone(), ttl_ms: wish.ttl_ms, uses: wish.uses };
        let invited: Invited = device.call("invite", params).await?;
        let wants_qr = !json && (wish.qr || std::io::stdout().is_terminal());
        let qr = if wants_qr { Qr::drawn(device, &invited.link).await } else { None };
        Ok((room, status, invited, qr))
    });
    let (room, status, invited, qr) = made.await?;
    if json {
        print::json(&invited)?;
        return Ok(());
    }
    if let Some(qr) = qr {
        print::text(&qr);
    }
    print::text(&plain::line(&invited.link));
    print::aside(&explained(&room.name, &invited, wish.uses));
    print::aside(&by_code(&invited, status.server.addresses.first().map(String::as_str)));
    Ok(())
}

fn no_server(is_here: bool) -> &'static str {
    if is_here {
        "An invite needs a running server, and no Lanline runs with this data folder: start one with `lanline serve`, \
         leave it running, and invite from another terminal."
    } else {
        "An invite needs a running server: start it with `lanline call start_server`, or run `lanline serve` instead \
         of the Lanline that runs without."
    }
}

/// How to join without the link.
pub(crate) fn by_code(invited: &Invited, address: Option<&str>) -> String {
    match (&invited.code, address) {
        (Some(code), Some(address)) => format!(
            "Or within two minutes, by the code {}: `lanline join {} {}`. It is good for one try.",
            plain::line(code),
            plain::line(address),
            plain::line(code).replace(' ', "")
        ),
        (Some(_), None) => String::from("This device has no address on a network, so that nobody can type a code."),
        (None, _) => String::from(
            "No code is shown: five wrong ones were typed within an hour, and somebody may be guessing. Give the link.",
        ),
    }
}

/// What a link is for.
pub(crate) fn explained(room: &str, invited: &Invited, uses: Option<u32>) -> String {
    let devices = match uses {
        None | Some(1) => "one device".to_owned(),
        Some(uses) => format!("{uses} devices"),
    };
    let until = clock::full(invited.expires_at, &TimeZone::system());
    format!("It lets {devices} into {} until {until}; whoever has it can join.", plain::name(room))
}
