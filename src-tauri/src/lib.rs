//! The app's shell: one window around the pages of `ui/`, and the door between them and the device.
//!
//! A door translates and decides nothing: a command goes to the [`Node`](lanline_engine::Node) under its own
//! name, an event comes back under its own. What a command means stands in `lanline_engine::api`.

mod commands;
mod device;
mod events;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use lanline_engine::Flags;
use tauri::AppHandle;
use tauri::async_runtime::{block_on, spawn};

use device::Device;

/// Exit code of an app that could not start, as in the terminal.
const CANNOT_START: u8 = 2;

/// Messages and files between the devices on one private network.
#[derive(Parser)]
#[command(name = "lanline-app", version)]
struct Arguments {
    /// The folder with this device's key and messages; made when missing
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The name that others see
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The TCP port that the server listens on; 0 for any free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// Runs the app until its window is closed.
///
/// Where the device cannot be opened (a bad setting, a locked or unwritable folder), the reason goes to
/// stderr, the window shows it and offers to try again, and unless that works the exit code is 2.
/// Without a display there is no window.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) if !answer.use_stderr() => answer.exit(),
        Err(error) => {
            eprintln!("lanline-app: {}", sentence(&error.to_string()));
            return ExitCode::from(CANNOT_START);
        }
    };
    let flags = Flags { data_dir: arguments.data_dir, name: arguments.name, port: arguments.port, no_discovery: None };
    let device = Arc::new(block_on(Device::new(flags)));
    let shown = match device.node() {
        Err(error) if !has_display() => Err(error.message),
        Ok(_) if !has_display() => Err("There is no display to open a window on: use `lanline` instead.".to_owned()),
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
        Err(sentence) => {
            eprintln!("lanline-app: {sentence}");
            ExitCode::from(CANNOT_START)
        }
    }
}

/// The first paragraph of clap's message, on one line.
fn sentence(message: &str) -> String {
    let first = message.split("\n\n").next().unwrap_or(message);
    let words = first.trim_start_matches("error:").split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{words}: see `lanline-app --help`.")
}

/// Shows the window until it is closed.
fn show(device: &Arc<Device>) -> tauri::Result<()> {
    let handled = Arc::clone(device);
    let app = tauri::Builder::default()
        .invoke_handler(move |invoke| commands::handle(invoke, &handled))
        .build(tauri::generate_context!())?;
    if let Ok(node) = device.node() {
        // Before there is a page that could ask for anything, so that it misses nothing.
        events::forward(&node, app.handle());
    }
    window::open(&app, device.window_folder())?;
    spawn(exit_on_signal(app.handle().clone()));
    app.run_return(|_, _| ());
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

/// Whether a window can be opened at all. Elsewhere than on X11 and Wayland there always is a display.
fn has_display() -> bool {
    !cfg!(all(unix, not(any(target_vendor = "apple", target_os = "android"))))
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
