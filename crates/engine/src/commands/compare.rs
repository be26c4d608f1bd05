use std::time::Duration;

use lanline_protocol::{comparing::CompareOver, comparison, frame::CompareEndReason};
use tokio::sync::oneshot;

use super::{device_id, join::refused};
use crate::{
    Node,
    api::{ApiError, Compare, ConfirmCompare, ErrorCode, Nothing, Pictures},
};

/// How long the other device may take to answer.
const ANSWER: Duration = Duration::from_secs(8);

impl Node {
    /// Has a connected device and this one show their people the same pictures.
    pub async fn compare(&self, params: Compare) -> Result<Pictures, ApiError> {
        let device = device_id(&params.device_id)?;
        let (answer, answered) = oneshot::channel();
        let asked = self.core().write(move |machine, now| {
            let shown = machine.replica.compare_with(now, device)?;
            if shown.is_none() {
                machine.connections.await_pictures(device, answer);
            }
            Ok(shown)
        });
        if let Some(shown) = asked.await? {
            return Ok(shown.into());
        }
        match tokio::time::timeout(ANSWER, answered).await {
            Ok(Ok(Ok(shown))) => Ok(shown.into()),
            Ok(Ok(Err(how))) => Err(not_shown(how)),
            Ok(Err(_)) => Err(crate::turn::closed().into()),
            Err(_) => {
                let stopped = self.core().write(move |machine, _| {
                    machine.replica.stop_comparing(device);
                    Ok(())
                });
                stopped.await?;
                Err(not_shown(CompareOver::TimeOver))
            }
        }
    }

    /// Takes what the person saw on the other device.
    pub async fn confirm_compare(&self, params: ConfirmCompare) -> Result<Nothing, ApiError> {
        let device = device_id(&params.device_id)?;
        let seen = match params.words {
            Some(words) => {
                let no_pictures = || ApiError::invalid("`words` are to be the seven that came with the pictures.");
                Some(comparison::Pictures::of_words(words.iter().map(String::as_str)).ok_or_else(no_pictures)?)
            }
            None => None,
        };
        let same = params.same;
        self.core().write(move |machine, now| machine.replica.confirm_comparison(now, device, seen, same)).await
    }
}

/// Why nothing is shown.
fn not_shown(how: CompareOver) -> ApiError {
    let unreachable = |sentence: &str| ApiError::new(ErrorCode::Unreachable, sentence);
    match how {
        CompareOver::Refused(CompareEndReason::Busy) => refused(
            "The other device is comparing already, or was asked too often: finish there, or try again in some minutes.",
        ),
        CompareOver::Refused(CompareEndReason::NoFellow) => {
            refused("The other device shares no room with this one: invite it to one first.")
        }
        CompareOver::Gone => unreachable("The connection to the other device ended: try again once it is back."),
        CompareOver::TimeOver => unreachable(
            "The other device did not answer: see whether it has the same version of Lanline, and try again.",
        ),
        _ => unreachable("The other device ended the comparison: try again."),
    }
}
