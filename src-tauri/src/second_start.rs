//! A second start with a folder that another process holds: that process shows its window, and this one ends.
//!
//! One app a folder, not one a machine: two devices may run side by side here, each in a folder of its own.

use std::path::Path;
use std::time::Duration;

use lanline_engine::api::{ApiError, ErrorCode};
use lanline_engine::socket::Client;
use lanline_engine::{Flags, Settings};
use serde_json::json;

/// How long the other process may take before it counts as one without a window.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has the process that holds the folder, if one does, bring its window to the front and ask about the link.
///
/// `None` where there is no such process or it has no window; else it is done, or the sentence says why not.
pub(crate) async fn hand_over(flags: &Flags, link: Option<&str>) -> Option<Result<(), String>> {
    let folder = Settings::load(flags.clone()).ok()?.data_dir;
    match present(&folder, link).await? {
        Ok(()) => Some(Ok(())),
        Err(error) if error.code == ErrorCode::NotFound => None,
        // The link's fault, and the window says so too; but a process may have no window to say it in.
        Err(error) => match present(&folder, None).await? {
            Ok(()) => Some(Err(error.message)),
            Err(_) => None,
        },
    }
}

async fn present(folder: &Path, link: Option<&str>) -> Option<Result<(), ApiError>> {
    let called = async {
        let client = Client::connect(folder).await?;
        Some(client.call("present", &json!({ "link": link })).await)
    };
    let answer = tokio::time::timeout(PATIENCE, called).await.ok()??;
    Some(answer.map(drop).map_err(ApiError::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanline_engine::{Node, Presentation};
    use std::sync::{Arc, Mutex};

    fn flags(folder: &Path) -> Flags {
        Flags { data_dir: Some(folder.into()), ..Flags::default() }
    }

    #[tokio::test]
    async fn only_a_process_with_a_window_is_handed_anything() {
        let folder = tempfile::tempdir().unwrap();
        let flags = flags(folder.path());
        assert_eq!(hand_over(&flags, None).await, None, "nobody holds the folder");

        let node = Node::open(Settings::load(flags.clone()).unwrap()).await.unwrap();
        assert_eq!(hand_over(&flags, None).await, None, "it has no window");
        assert_eq!(hand_over(&flags, Some("lanline:j/x")).await, None, "it has no window");

        let shown = Arc::new(Mutex::new(Vec::new()));
        let shows = Arc::clone(&shown);
        node.set_presenter(move |presentation| {
            shows.lock().unwrap().push(presentation);
            Ok(())
        });
        assert_eq!(hand_over(&flags, None).await, Some(Ok(())));
        assert_eq!(*shown.lock().unwrap(), [Presentation::Window]);
        let sentence = hand_over(&flags, Some("lanline:j/x")).await.unwrap().unwrap_err();
        assert!(sentence.contains("copy it again"), "{sentence}");
        assert!(matches!(shown.lock().unwrap()[1], Presentation::Unusable(_)));
        node.close().await;
        assert_eq!(hand_over(&flags, None).await, None);
    }
}
