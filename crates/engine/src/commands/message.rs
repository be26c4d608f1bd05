use super::{message_id, room_id};
use crate::{
    Node,
    api::{
        ApiError, CLIENT_ID_MAX, ErrorCode, MarkRead, MessagePage, Messages, Nothing, OfMessage, PAGE_DEFAULT,
        PAGE_MAX, Receipts, SendMessage, Sent, TEXT_MAX,
    },
};

impl Node {
    /// Writes a message; answers once it is on this device's disk.
    ///
    /// `pipelined`: it hands the message to the core before it first waits, so that what was called first is written
    /// first.
    pub async fn send_message(&self, params: SendMessage) -> Result<Sent, ApiError> {
        let SendMessage { room, text, reply_to, client_id } = params;
        if text.is_empty() {
            return Err(ApiError::invalid("A message needs a text: type something."));
        }
        if text.len() > TEXT_MAX {
            return Err(ApiError::new(
                ErrorCode::TooLarge,
                format!("A message may have {TEXT_MAX} bytes of text: send it in parts."),
            ));
        }
        if client_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > CLIENT_ID_MAX) {
            return Err(ApiError::invalid(format!("A `client_id` has 1 to {CLIENT_ID_MAX} bytes.")));
        }
        let room = room_id(&room)?;
        let reply_to = reply_to.as_deref().map(message_id).transpose()?;
        let sent = self
            .core()
            .write(move |machine, now| machine.replica.send_message(now, room, &text, reply_to, client_id.as_deref()));
        sent.await.map(|id| Sent { id: id.to_string() })
    }

    /// A page of a room's messages, oldest first.
    pub async fn messages(&self, params: Messages) -> Result<MessagePage, ApiError> {
        let limit = params.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(ApiError::invalid(format!("A page has 1 to {PAGE_MAX} messages: choose a `limit` between.")));
        }
        let room = room_id(&params.room)?;
        let before = params.before.as_deref().map(message_id).transpose()?;
        let found = self.core().read(move |machine| {
            let (messages, more) = machine.replica.messages(room, before, limit as usize)?;
            let first = messages.first().filter(|_| more).map(|first| first.id);
            let unread = first.map_or(Ok(0), |first| machine.replica.unread_before(room, first))?;
            Ok((messages, more, unread as u64))
        });
        let (messages, more, unread_before) = found.await?;
        Ok(MessagePage { messages: messages.into_iter().map(Into::into).collect(), more, unread_before })
    }

    /// Marks a room's messages as read, all up to the one named.
    pub async fn mark_read(&self, params: MarkRead) -> Result<Nothing, ApiError> {
        let (room, message) = (room_id(&params.room)?, message_id(&params.id)?);
        self.core().write(move |machine, now| machine.replica.mark_read(now, room, message)).await
    }

    /// Who holds, received and read a message.
    pub async fn receipts(&self, params: OfMessage) -> Result<Receipts, ApiError> {
        let message = message_id(&params.id)?;
        self.core().read(move |machine| machine.replica.receipts(message)).await.map(Into::into)
    }
}
