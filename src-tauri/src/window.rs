//! The one window. It is made here and not in `tauri.conf.json`, because its web view keeps its data in
//! the device's folder and goes nowhere but to the app's own pages.

use std::path::PathBuf;

use tauri::webview::NewWindowResponse;
use tauri::{App, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

/// The window's name, as the capability file and the events use it.
pub(crate) const LABEL: &str = "main";

/// Opens the window. Without a `folder` its web view keeps its data where the system has it by default.
pub(crate) fn open(app: &App, folder: Option<PathBuf>) -> tauri::Result<()> {
    let mut window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Lanline")
        .inner_size(1000.0, 720.0)
        .min_inner_size(320.0, 480.0)
        // The page counts there what is unread.
        .on_document_title_changed(|window, title| {
            let _ = window.set_title(&title);
        })
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny);
    if let Some(folder) = folder {
        window = window.data_directory(folder);
    }
    window.build()?;
    Ok(())
}

/// Shows the window before all others, as far as the system lets an app do that by itself.
pub(crate) fn bring_to_front(window: &WebviewWindow) {
    #[cfg(desktop)]
    let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    // There the system itself brings an app to the front whose link was opened.
    #[cfg(mobile)]
    let shown = window.show();
    if let Err(error) = shown {
        tracing::warn!(%error, "the window could not be brought to the front");
    }
}

/// Whether `url` is one of the embedded pages, which Windows and Android serve from a host of that name.
fn is_own_page(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => {
            cfg!(any(windows, target_os = "android"))
                && url.host_str() == Some("tauri.localhost")
                && url.port().is_none()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_on_the_apps_own_pages() {
        let own = |url: &str| is_own_page(&url.parse().unwrap());
        for url in [
            "https://example.org/",
            "http://localhost/",
            "http://tauri.localhost:8080/",
            "file:///etc/passwd",
            "data:text/html,hello",
            "javascript:alert(1)",
            "tauri://elsewhere/index.html",
        ] {
            assert!(!own(url), "{url}");
        }
        #[cfg(not(any(windows, target_os = "android")))]
        assert!(own("tauri://localhost/index.html"));
        #[cfg(any(windows, target_os = "android"))]
        assert!(own("http://tauri.localhost/index.html"));
    }
}
