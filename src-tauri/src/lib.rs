//! The app's shell: one window around the pages of `ui/`, and the door between them and the device.
//!
//! A door translates and decides nothing: a command goes to the [`Node`](lanline_engine::Node) under its own
//! name, an event comes back under its own. What a command means stands in `lanline_engine::api`.

mod commands;
mod device;
mod display;
mod events;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use lanline_engine::Flags;
use lanline_engine::api::ApiError;
use tauri::async_runtime::{block_on, spawn};
use tauri::{AppHandle, RunEvent};

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
/// Where the device cannot be opened (a bad flag or setting, a locked or unwritable folder), the reason goes to
/// stderr, the window shows it and offers to try again where that can help, and unless it does the exit code is 2.
/// Without a display there is no window.
pub fn run() -> ExitCode {
    let flags = match Arguments::try_parse() {
        Ok(Arguments { data_dir, name, port }) => Ok(Flags { data_dir, name, port, no_discovery: None }),
        Err(answer) if !answer.use_stderr() => answer.exit(),
        Err(error) => Err(ApiError::invalid(sentence(&error.to_string()))),
    };
    let device = Arc::new(block_on(Device::new(flags)));
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
    let mut letters = words.chars();
    let begin = letters.next().map(char::to_uppercase).into_iter().flatten().collect::<String>();
    format!("{begin}{}: see `lanline-app --help`.", letters.as_str())
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
