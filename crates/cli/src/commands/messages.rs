use jiff::tz::TimeZone;
use lanline_engine::{
    Settings,
    api::{Message, MessagePage, Messages, NoParams, Status},
};

use crate::{
    device::Device,
    exit::Failure,
    line::{self, Line, Look},
    print, room,
};

/// Shows a page of a room's messages.
pub(crate) async fn run(
    settings: &Settings,
    given: &str,
    before: Option<String>,
    limit: Option<u32>,
    json: bool,
) -> Result<(), Failure> {
    let found = Device::for_a_moment(settings, async |device| {
        let room = room::named(device, given).await?;
        let page: MessagePage = device.call("messages", Messages { room: room.room, before, limit }).await?;
        let status: Status = device.call("status", NoParams {}).await?;
        Ok((page, status.device_id))
    });
    let (page, me) = found.await?;
    if json {
        print::json(&page)?;
        return Ok(());
    }
    let look = Look { colours: print::has_colours(), columns: print::columns(), zone: TimeZone::system() };
    let line = |message: &Message| {
        let mut line = Line::of(message, &line::called);
        if message.author == me {
            line.mark(line::reached(message.status));
        }
        // Any other day than today is named; a list that is kept names today's too.
        line.print(&look, 0)
    };
    let lines: Vec<String> = page.messages.iter().map(line).collect();
    if !lines.is_empty() {
        print::text(&lines.join("\n"));
    }
    if page.more
        && let Some(oldest) = page.messages.first()
    {
        print::aside(&format!("There are older ones: `--before {}` shows them.", oldest.id));
    }
    Ok(())
}
