use lanline_protocol::voting::Motion;

use super::{checked_name, device_id, room_id};
use crate::{
    Node,
    api::{
        ApiError, CreateRoom, INVITE_TTL_DEFAULT_MS, INVITE_TTL_MAX_MS, InRoom, Invite, Invited, Members, NoParams,
        Nothing, OfMember, Proposals, RoomCreated, Rooms, ShownCode, Tally, Vote,
    },
};

impl Node {
    /// Makes a room whose owner is this device.
    pub async fn create_room(&self, params: CreateRoom) -> Result<RoomCreated, ApiError> {
        let name = checked_name(&params.name)?;
        let made = self.core().write(move |machine, now| machine.replica.create_room(now, &name));
        made.await.map(|room| RoomCreated { room: room.to_string() })
    }

    /// The rooms this device holds.
    pub async fn rooms(&self, _: NoParams) -> Result<Rooms, ApiError> {
        let rooms = self.core().read(|machine| machine.replica.rooms()).await?;
        Ok(rooms.into_iter().map(Into::into).collect())
    }

    /// Who is in a room, this device included.
    pub async fn members(&self, params: InRoom) -> Result<Members, ApiError> {
        let room = room_id(&params.room)?;
        let members = self.core().read(move |machine| machine.replica.members(room)).await?;
        Ok(members.into_iter().map(Into::into).collect())
    }

    /// Makes an invite to a room.
    pub async fn invite(&self, params: Invite) -> Result<Invited, ApiError> {
        let ttl_ms = params.ttl_ms.unwrap_or(INVITE_TTL_DEFAULT_MS);
        if !(1..=INVITE_TTL_MAX_MS).contains(&ttl_ms) {
            return Err(ApiError::invalid(format!(
                "An invite lives 1 to {INVITE_TTL_MAX_MS} ms: choose a `ttl_ms` between."
            )));
        }
        let (room, uses) = (room_id(&params.room)?, params.uses.unwrap_or(1));
        let invited = self.core().write(move |machine, now| {
            let link = machine.replica.invite(now, room, ttl_ms, uses)?;
            let shown = machine.replica.show_code(now, &link, false)?;
            Ok((link, shown))
        });
        let (link, shown) = invited.await?;
        let ShownCode { code, code_expires_at } = ShownCode::of(shown);
        Ok(Invited { link: link.to_string(), expires_at: link.expires_at_ms, code, code_expires_at })
    }

    /// Leaves a room for good; what was held stays readable.
    pub async fn leave_room(&self, params: InRoom) -> Result<Nothing, ApiError> {
        let room = room_id(&params.room)?;
        self.core().write(move |machine, now| machine.replica.leave_room(now, room)).await
    }

    /// Removes a member from a room.
    pub async fn remove_member(&self, params: OfMember) -> Result<Nothing, ApiError> {
        let (room, device) = (room_id(&params.room)?, device_id(&params.device_id)?);
        self.core().write(move |machine, now| machine.replica.remove_member(now, room, device)).await
    }

    /// Confirms a member whom another member added.
    pub async fn admit(&self, params: OfMember) -> Result<Nothing, ApiError> {
        let (room, device) = (room_id(&params.room)?, device_id(&params.device_id)?);
        self.core().write(move |machine, now| machine.replica.admit(now, room, device)).await
    }

    /// Makes another member the owner of a room.
    pub async fn hand_over(&self, params: OfMember) -> Result<Nothing, ApiError> {
        let (room, device) = (room_id(&params.room)?, device_id(&params.device_id)?);
        self.core().write(move |machine, now| machine.replica.hand_over(now, room, device)).await
    }

    /// Says what the majority of a room is to do.
    pub async fn vote(&self, params: Vote) -> Result<Tally, ApiError> {
        let room = room_id(&params.room)?;
        let motion = match (params.act.remove, params.act.owner) {
            (Some(remove), None) => Motion::Remove(device_id(&remove)?),
            (None, Some(owner)) => Motion::Owner(device_id(&owner)?),
            _ => return Err(ApiError::invalid("A vote is for one thing: `remove` or `owner`, with a device's id.")),
        };
        self.core().write(move |machine, now| machine.replica.vote(now, room, motion)).await.map(Into::into)
    }

    /// What is voted on in a room.
    pub async fn room_votes(&self, params: InRoom) -> Result<Proposals, ApiError> {
        let room = room_id(&params.room)?;
        let votes = self.core().read(move |machine| machine.replica.votes(room)).await?;
        Ok(votes.into_iter().map(Into::into).collect())
    }
}
