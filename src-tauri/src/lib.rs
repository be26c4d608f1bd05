//! The app's shell: one window around the pages of `ui/`, and the door between them and the device.
//!
//! A door translates and decides nothing: a command goes to the [`Node`](lanline_engine::Node) under its own
//! name, an event comes back under its own. What a command means stands in `lanline_engine::api`.

mod arguments;
mod commands;
mod device;
mod display;
mod events;
#[cfg(any(target_os = "macos", target_os = "ios", target_os = "android"))]
mod opened_urls;
mod questions;
mod second_start;
mod window;

use std::process::ExitCode;
use std::sync::Arc;

use lanline_engine::api::{ApiError, ErrorCode};
use tauri::async_runtime::{block_on, spawn};
use tauri::{AppHandle, RunEvent};

use arguments::{Arguments, Stop};
use device::Device;
use second_start::hand_over;

/// Exit code of an app that could not start, as in the terminal.
const CANNOT_START: u8 = 2;

/// Runs the app until its window is closed.
///
/// Where another app has the device's window already, that one comes to the front, asks about the link that this
/// one was started with, if any, and this one ends. Where the device cannot be opened (a bad flag or setting, a locked
/// or unwritable folder), the reason goes to stderr, the window shows it and offers to try again where that can help,
/// and unless it does the exit code is 2. Without a display there is no window.
pub fn run() -> ExitCode {
    let (flags, link) = match Arguments::read(std::env::args_os()) {
        Ok(Arguments { flags, link }) => (Ok(flags), link),
        Err(Stop::Help(answer)) => answer.exit(),
        Err(Stop::Wrong(sentence)) => (Err(ApiError::invalid(sentence)), None),
    };
    let hand_over = || flags.as_ref().ok().and_then(|flags| block_on(hand_over(flags, link.as_deref())));
    // Before the folder is tried, which takes a second where it is locked.
    if let Some(handed) = hand_over() {
        return ended(handed);
    }
    let device = Arc::new(block_on(Device::new(flags.clone())));
    // The other process may just have been starting.
    if device.node().is_err_and(|error| error.code == ErrorCode::Locked)
        && let Some(handed) = hand_over()
    {
        return ended(handed);
    }
    if let Some(link) = link {
        device.open_link(link);
    }
    let has_display = display::is_there();
    let shown = match device.node() {
        Err(error) if !has_display => Err(error.message),
        Ok(_) if !has_display => Err("There is no display to open a window on: use `lanline` instead.".to_owned()),
        opened => {
            if let Err(error) = opened {
                eprintln!("lanline-app: {}", error.message);
            }
            show(&device).map_err(|error| format!("The window could not be opened: {error}."))
        }
    };
    block_on(device.close());
    match shown {
        Ok(()) if device.node().is_ok() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(CANNOT_START),
        Err(sentence) => failed(&sentence),
    }
}

/// The end of a start that was handed over.
fn ended(handed: Result<(), String>) -> ExitCode {
    match handed {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => failed(&sentence),
    }
}

fn failed(sentence: &str) -> ExitCode {
    eprintln!("lanline-app: {sentence}");
    ExitCode::from(CANNOT_START)
}

/// Shows the window until it is closed.
fn show(device: &Arc<Device>) -> tauri::Result<()> {
    let handled = Arc::clone(device);
    let builder = tauri::Builder::default().invoke_handler(move |invoke| commands::handle(invoke, &handled));
    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "android"))]
    let builder = opened_urls::register(builder);
    let app = builder.build(tauri::generate_context!())?;
    if let Ok(node) = device.node() {
        // Before there is a page that could ask for anything, so that it misses nothing.
        events::forward(&node, app.handle());
    }
    window::open(&app, device.window_folder())?;
    device.questions().ask_in(app.handle());
    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "android"))]
    opened_urls::listen(app.handle(), device);
    spawn(exit_on_signal(app.handle().clone()));
    let device = Arc::clone(device);
    app.run_return(move |_, event| {
        // Where the system ends the app itself (Cmd+Q on macOS), nothing after this runs.
        if matches!(event, RunEvent::Exit) {
            block_on(device.close());
        }
    });
    Ok(())
}

/// Ends the app as if its window was closed, when the system or a terminal asks it to.
async fn exit_on_signal(app: AppHandle) {
    #[cfg(unix)]
    let asked = async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = hang_up.recv() => Ok(()),
            interrupt = tokio::signal::ctrl_c() => interrupt,
        }
    };
    #[cfg(not(unix))]
    let asked = tokio::signal::ctrl_c();
    match asked.await {
        Ok(()) => app.exit(0),
        Err(error) => tracing::warn!(%error, "signals cannot be heard"),
    }
}
