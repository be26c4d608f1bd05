//! `lanline chat`: a conversation in a terminal, line by line.
//!
//! [`conversation`] decides what is shown and asked, and knows neither terminal nor device; [`session`] carries that
//! out; [`keyboard`] and [`screen`] are the terminal, or whatever standard input and output are.

mod answer;
mod conversation;
mod fate;
mod keyboard;
mod screen;
mod session;
mod terminal;
mod typed;

use jiff::tz::TimeZone;
use lanline_engine::{
    Settings,
    api::{CallError, Listening, NoParams, RoomSummary, Rooms, StartServer, Status},
};

use self::{
    keyboard::{Key, Keyboard},
    screen::Screen,
    session::Session,
};
use crate::{
    clock, commands,
    device::Device,
    exit::Failure,
    line::{Line, Look},
    plain, print, room, signal,
};

/// Talks in a room until the input ends or a signal comes.
pub(crate) async fn run(settings: Settings, given: Option<&str>, qr: bool) -> Result<(), Failure> {
    let asked_to_end = tokio::spawn(signal::asked_to_end());
    let mut device = Device::to_stay(&settings).await?;
    let (mut keyboard, printer) = match Keyboard::of_terminal(settings.data_dir.clone()) {
        Some((keyboard, printer)) => (keyboard, Some(printer)),
        None => (Keyboard::of_input(), None),
    };
    let look = Look { colours: print::has_colours(), columns: None, zone: TimeZone::system() };
    let screen = Screen::new(printer, look);
    let talked = async {
        let Some(room) = choose(&device, given, &mut keyboard, &screen).await? else { return Ok(()) };
        let status: Status = device.call("status", NoParams {}).await?;
        if status.name.is_empty() {
            note(&screen, "This device has no name yet: others see the beginning of its id until --name gives one.");
        }
        if device.is_here() {
            listen(&device, &screen).await;
        }
        let mut session = Session::new(&settings, &mut device, status.device_id, &screen, room, qr);
        session.talk(&mut keyboard).await
    };
    let result = tokio::select! {
        result = talked => result,
        _ = asked_to_end => Ok(()),
    };
    screen.close().await;
    drop(keyboard);
    device.close().await;
    result
}

/// The room that was named; or the only one; or the one that is typed, where somebody can be asked. `None`: nobody
/// wants any.
async fn choose(
    device: &Device,
    given: Option<&str>,
    keyboard: &mut Keyboard,
    screen: &Screen,
) -> Result<Option<RoomSummary>, Failure> {
    if let Some(given) = given {
        return room::named(device, given).await.map(Some);
    }
    let rooms: Rooms = device.call("rooms", NoParams {}).await?;
    match rooms.as_slice() {
        [] => return Err(Failure::input(room::NO_ROOMS)),
        [room] => return Ok(Some(room.clone())),
        _ if !screen.is_terminal() => {
            return Err(Failure::input(format!(
                "There is more than one room here, {}: name the one to talk in.",
                room::list(&rooms.iter().collect::<Vec<_>>())
            )));
        }
        _ => {}
    }
    screen.show(&Line::Block(commands::rooms::table(&rooms)));
    note(screen, "Which room? Type its name, or the beginning of it.");
    loop {
        match keyboard.next().await {
            Key::Line(line) if line.trim().is_empty() => {}
            Key::Line(line) => match room::find(&rooms, &line) {
                Ok(room) => return Ok(Some(room.clone())),
                Err(sentence) => note(screen, &sentence),
            },
            Key::Bad(sentence) => note(screen, sentence),
            Key::End => return Ok(None),
        }
    }
}

/// Starts the server on the port that is set; without one, those who listen are reached all the same.
async fn listen(device: &Device, screen: &Screen) {
    // What is told while starting comes before anybody listens to it.
    let started: Result<Listening, CallError> = device.call("start_server", StartServer::default()).await;
    match started {
        Ok(listening) => {
            note(screen, &format!("This device listens on {}.", plain::line(&listening.addresses.join(", "))));
        }
        Err(error) => {
            let error = plain::line(&error.to_string());
            note(
                screen,
                &format!(
                    "{error} `/listen 0` takes any free port; until then this device reaches only others that listen."
                ),
            );
        }
    }
}

fn note(screen: &Screen, what: &str) {
    screen.show(&Line::Note { at: clock::now_ms(), what: what.to_owned() });
}
