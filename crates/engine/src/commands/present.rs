use std::sync::Arc;

use super::invite_link;
use crate::{
    Node,
    api::{ApiError, InviteHost, Nothing, OpenedInvite, Present},
    presenter::Presentation,
};

impl Node {
    /// Brings the window of this device to the front, and asks the person about a link.
    ///
    /// A link that is no invite is told of in the window too, since who opened it sees no answer but that.
    pub async fn present(&self, params: Present) -> Result<Nothing, ApiError> {
        let Some(link) = params.link else {
            return self.presenter().present(Presentation::Window);
        };
        match invite(&link) {
            Ok(invite) => self.presenter().present(Presentation::Invite(invite)),
            Err(error) => {
                let shown = self.presenter().present(Presentation::Unusable(error.clone()));
                tracing::debug!(?shown, "a link that is no invite was opened");
                Err(error)
            }
        }
    }

    /// Has `present` shown by a window from now on, in place of what showed it before. It is called from any thread,
    /// must not block, and fails where there is no window any more.
    pub fn set_presenter(&self, present: impl Fn(Presentation) -> Result<(), ApiError> + Send + Sync + 'static) {
        self.presenter().set(Arc::new(present));
    }
}

fn invite(text: &str) -> Result<OpenedInvite, ApiError> {
    let link = invite_link(text)?;
    let hosts = link.hosts.into_iter();
    Ok(OpenedInvite {
        link: text.split_whitespace().collect(),
        room: link.room.to_string(),
        expires_at: link.expires_at_ms,
        hosts: hosts.map(|host| InviteHost { device_id: host.device.to_string(), addresses: host.addresses }).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use lanline_protocol::{
        id::RoomId,
        identity::DeviceId,
        link::{InviteLink, InviteSecret, LinkHost},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Flags, Settings,
        api::{ErrorCode, LINK_MAX},
    };

    async fn alice(folder: &std::path::Path) -> Node {
        let flags = Flags { data_dir: Some(folder.into()), name: Some("Alice".into()), ..Flags::default() };
        Node::open(Settings::load(flags).unwrap()).await.unwrap()
    }

    fn link() -> InviteLink {
        InviteLink {
            room: RoomId::new([1; 32]),
            secret: InviteSecret::new([2; 16]),
            expires_at_ms: 1_800_000_000_000,
            hosts: vec![LinkHost { device: DeviceId::new([3; 32]), addresses: vec!["192.168.1.20:12345".into()] }],
        }
    }

    async fn present(node: &Node, link: Option<&str>) -> Result<Value, ApiError> {
        node.call("present", json!({ "link": link })).await.map_err(ApiError::from)
    }

    #[tokio::test]
    async fn a_link_is_a_question_and_no_deed() {
        let folder = tempfile::tempdir().unwrap();
        let node = alice(folder.path()).await;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let shows = shown.clone();
        node.set_presenter(move |presentation| {
            shows.lock().unwrap().push(presentation);
            Ok(())
        });
        let text = link().to_string();
        let (start, end) = text.split_at(40);
        assert_eq!(present(&node, None).await, Ok(Value::Null));
        assert_eq!(present(&node, Some(&format!(" {start}\r\n{end}\n"))).await, Ok(Value::Null));
        assert_eq!(
            *shown.lock().unwrap(),
            [
                Presentation::Window,
                Presentation::Invite(OpenedInvite {
                    link: text,
                    room: RoomId::new([1; 32]).to_string(),
                    expires_at: 1_800_000_000_000,
                    hosts: vec![InviteHost {
                        device_id: DeviceId::new([3; 32]).to_string(),
                        addresses: vec!["192.168.1.20:12345".into()],
                    }],
                }),
            ]
        );
        assert_eq!(node.call("rooms", Value::Null).await.unwrap(), json!([]));
        assert_eq!(node.call("peers", Value::Null).await.unwrap(), json!([]));
        node.close().await;
    }

    #[tokio::test]
    async fn what_is_no_invite_is_refused_and_shown() {
        let folder = tempfile::tempdir().unwrap();
        let node = alice(folder.path()).await;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let shows = shown.clone();
        node.set_presenter(move |presentation| {
            shows.lock().unwrap().push(presentation);
            Ok(())
        });
        let mut short = link().to_string();
        short.pop();
        let long = format!("lanline:j/{}", "a".repeat(LINK_MAX));
        for bad in ["", "lanline:", "lanline:j/", "--data-dir", "https://example.org/", &short, &long, "\0\u{202e}"] {
            let error = present(&node, Some(bad)).await.unwrap_err();
            let join = node.call("join", json!({ "link": bad })).await.map_err(ApiError::from).unwrap_err();
            assert_eq!(error, join, "{bad:.40}");
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert_eq!(shown.lock().unwrap().pop(), Some(Presentation::Unusable(error)));
        }
        node.close().await;
    }

    #[tokio::test]
    async fn a_device_without_a_window_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let node = alice(folder.path()).await;
        let link = link().to_string();
        for given in [None, Some(link.as_str())] {
            let error = present(&node, given).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::NotFound);
            assert!(error.message.contains("without a window"), "{error}");
        }
        assert_eq!(present(&node, Some("lanline:x")).await.unwrap_err().code, ErrorCode::InvalidArgument);
        node.close().await;
    }
}
