//! What the person is to be asked, until the page comes for it: links that were opened outside the app.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError};

use lanline_engine::Presentation;
use lanline_engine::api::{ApiError, ErrorCode, OpenedInvite};
use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager, WebviewWindow};

use crate::window;

/// The command by which the page takes the next question. It is the shell's own: no other door has a page.
pub(crate) const COMMAND: &str = "opened_link";

/// The event that tells the page that there is one.
const EVENT: &str = "link-opened";

/// How many wait at most. Each is a click of the person, who can click again.
const WAITING: usize = 8;

/// A question, as the page takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// Whether to join by this invite.
    Invite(OpenedInvite),
    /// None: the link is of no use, and this is why.
    Failure(ApiError),
}

/// The questions that wait, and the window that will ask them.
#[derive(Default)]
pub(crate) struct Questions {
    queue: Mutex<Queue>,
    /// Empty until there is a window. What comes before waits for it.
    app: OnceLock<AppHandle>,
}

#[derive(Default)]
struct Queue {
    /// What the page took last: it takes no other before that is answered.
    asked: Option<Question>,
    waiting: VecDeque<Question>,
}

impl Questions {
    /// From now on the window of `app` asks.
    pub(crate) fn ask_in(&self, app: &AppHandle) {
        let _ = self.app.set(app.clone());
    }

    /// Brings the window to the front, and has the page ask.
    ///
    /// # Errors
    /// The window is closed, or there are too many questions already.
    pub(crate) fn present(&self, presentation: Presentation) -> Result<(), ApiError> {
        let window = self.window()?;
        let placed = match presentation {
            Presentation::Window => Ok(false),
            Presentation::Invite(invite) => self.place(Question::Invite(invite)),
            Presentation::Unusable(error) => self.place(Question::Failure(error)),
        };
        if let Some(window) = window {
            window::bring_to_front(&window);
            if placed == Ok(true)
                && let Err(error) = window.emit_to(window::LABEL, EVENT, ())
            {
                tracing::warn!(%error, "the page was not told of a link");
            }
        }
        placed.map(drop)
    }

    /// Takes the one that waits longest: the one before it is answered.
    pub(crate) fn take(&self) -> Option<Question> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.asked = queue.waiting.pop_front();
        queue.asked.clone()
    }

    /// Puts it behind the others; `false` where the same is asked already, as after a double click.
    fn place(&self, question: Question) -> Result<bool, ApiError> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Queue { asked, waiting } = &mut *queue;
        if asked.as_ref() == Some(&question) || waiting.contains(&question) {
            return Ok(false);
        }
        if waiting.len() >= WAITING {
            return Err(ApiError::new(
                ErrorCode::Refused,
                format!("{WAITING} links wait for an answer in the window: give it, then open this link again."),
            ));
        }
        waiting.push_back(question);
        Ok(true)
    }

    /// The window; none where it is still to come.
    fn window(&self) -> Result<Option<WebviewWindow>, ApiError> {
        let Some(app) = self.app.get() else { return Ok(None) };
        let window = app.get_webview_window(window::LABEL);
        window.map(Some).ok_or_else(|| ApiError::new(ErrorCode::NotFound, "The window was closed: open the app again."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanline_engine::api::InviteHost;
    use serde_json::json;

    fn invite(number: usize) -> OpenedInvite {
        OpenedInvite {
            link: format!("lanline:j/{number}"),
            room: "r".to_owned(),
            expires_at: 1,
            hosts: vec![InviteHost { device_id: "d".to_owned(), addresses: vec!["10.0.0.2:1".to_owned()] }],
        }
    }

    #[test]
    fn a_link_that_comes_before_the_window_waits_for_it() {
        let questions = Questions::default();
        questions.present(Presentation::Window).unwrap();
        assert_eq!(questions.take(), None);
        questions.present(Presentation::Invite(invite(1))).unwrap();
        questions.present(Presentation::Unusable(ApiError::invalid("Copy it again."))).unwrap();
        assert_eq!(questions.take(), Some(Question::Invite(invite(1))));
        // While it is asked, it is not asked again; once it is answered, it may be.
        questions.present(Presentation::Invite(invite(1))).unwrap();
        assert_eq!(questions.take(), Some(Question::Failure(ApiError::invalid("Copy it again."))));
        assert_eq!(questions.take(), None);
        questions.present(Presentation::Invite(invite(1))).unwrap();
        assert_eq!(questions.take(), Some(Question::Invite(invite(1))));
    }

    #[test]
    fn one_link_is_one_question_and_they_are_not_too_many() {
        let questions = Questions::default();
        for _ in 0..3 {
            questions.present(Presentation::Invite(invite(0))).unwrap();
        }
        for number in 1..WAITING {
            questions.present(Presentation::Invite(invite(number))).unwrap();
        }
        let refused = questions.present(Presentation::Invite(invite(WAITING))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Refused);
        for number in 0..WAITING {
            assert_eq!(questions.take(), Some(Question::Invite(invite(number))));
        }
        assert_eq!(questions.take(), None);
    }

    #[test]
    fn a_question_is_spelt_as_the_page_reads_it() {
        assert_eq!(
            serde_json::to_value(Question::Invite(invite(1))).unwrap(),
            json!({ "invite": {
                "link": "lanline:j/1", "room": "r", "expires_at": 1,
                "hosts": [{ "device_id": "d", "addresses": ["10.0.0.2:1"] }],
            }})
        );
        assert_eq!(
            serde_json::to_value(Question::Failure(ApiError::invalid("No."))).unwrap(),
            json!({ "failure": { "code": "invalid_argument", "message": "No." } })
        );
    }
}
