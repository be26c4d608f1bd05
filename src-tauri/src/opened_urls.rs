//! Links as macOS, iOS and Android hand them over: by an event, to the one process that runs or is started for it.

use std::sync::Arc;

use tauri::{AppHandle, Builder, Wry};
use tauri_plugin_deep_link::DeepLinkExt;

use crate::device::Device;

/// Adds what hears of them. The page may not ask it for anything: it has no permission for that.
pub(crate) fn register(builder: Builder<Wry>) -> Builder<Wry> {
    builder.plugin(tauri_plugin_deep_link::init())
}

/// Passes on each link, one that the app was started with included.
pub(crate) fn listen(app: &AppHandle, device: &Arc<Device>) {
    let device = Arc::clone(device);
    app.deep_link().on_open_url(move |event| {
        for url in event.urls() {
            device.open_link(url.into());
        }
    });
}
