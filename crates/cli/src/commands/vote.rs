use lanline_engine::{
    Settings,
    api::{Act, InRoom, Member, Members, Proposal, Proposals, Tally, Vote},
};

use crate::{device::Device, exit::Failure, line, member, plain, print, room};

/// What is voted for, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Remove this member.
    Remove(String),
    /// Make this member the owner.
    Owner(String),
}

impl Wish {
    /// The act on the member that is meant; or else a sentence.
    pub(crate) fn act(&self, members: &[Member]) -> Result<Act, String> {
        match self {
            Self::Remove(given) => {
                member::find(members, given).map(|member| Act { remove: Some(member.device_id.clone()), owner: None })
            }
            Self::Owner(given) => {
                member::find(members, given).map(|member| Act { remove: None, owner: Some(member.device_id.clone()) })
            }
        }
    }
}

/// Votes in a room, or lists what is voted on there.
pub(crate) async fn run(settings: &Settings, given: &str, wish: Option<Wish>, json: bool) -> Result<(), Failure> {
    let asked = Device::for_a_moment(settings, async |device| {
        let room = room::named(device, given).await?.room;
        let members: Members = device.call("members", InRoom { room: room.clone() }).await?;
        let Some(wish) = wish else {
            let open: Proposals = device.call("room_votes", InRoom { room }).await?;
            return Ok((members, None, open));
        };
        let act = wish.act(&members).map_err(Failure::input)?;
        let tally: Tally = device.call("vote", Vote { room, act: act.clone() }).await?;
        Ok((members, Some((act, tally)), Vec::new()))
    });
    let (members, voted, open) = asked.await?;
    match voted {
        Some((_, tally)) if json => {
            print::json(&tally)?;
        }
        None if json => {
            print::json(&open)?;
        }
        Some((act, tally)) => print::text(&counted(&members, &act, &tally)),
        None => print::text(&listed(&members, &open)),
    }
    Ok(())
}

/// What an act does, in words that follow "to".
fn what(members: &[Member], act: &Act) -> String {
    match (&act.remove, &act.owner) {
        (Some(device), _) => format!("remove {}", called(members, device)),
        (None, Some(device)) => format!("make {} the owner", called(members, device)),
        (None, None) => "do nothing".to_owned(),
    }
}

/// A member by its name and the beginning of its id; harmless.
fn called(members: &[Member], device: &str) -> String {
    let name = members.iter().find(|member| member.device_id == device).map_or("", |member| &member.name);
    line::called_with_id(device, name)
}

/// How a vote stands, in a sentence.
pub(crate) fn counted(members: &[Member], act: &Act, tally: &Tally) -> String {
    let what = what(members, act);
    let Tally { votes, needed, done, missing } = tally;
    if *done {
        return format!("Done: {votes} voted to {what}.");
    }
    let missing: Vec<String> = missing.iter().map(|device| called(members, device)).collect();
    if missing.is_empty() {
        format!("{votes} of the {needed} votes that it takes to {what}, and nobody is left to vote.")
    } else {
        let missing = missing.join(", ");
        format!("{votes} of the {needed} votes that it takes to {what}. Still to vote, on their devices: {missing}.")
    }
}

/// What is voted on, a line each.
pub(crate) fn listed(members: &[Member], open: &[Proposal]) -> String {
    if open.is_empty() {
        return "Nothing is voted on in this room.".to_owned();
    }
    let row = |proposal: &Proposal| {
        let people: Vec<String> = proposal.votes.iter().map(|device| called(members, device)).collect();
        let count = format!("{} of {}", proposal.votes.len(), proposal.needed);
        [count, plain::line(&format!("{}: {}", what(members, &proposal.act), people.join(", ")))]
    };
    print::table(&open.iter().map(row).collect::<Vec<_>>())
}
