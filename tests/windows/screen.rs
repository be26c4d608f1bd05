//! A screen for each window, so that no window manager, no other window and nobody's mouse is in the way.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, ImageFormat, MapState};
use x11rb::rust_connection::RustConnection;

/// A running Xvfb; it ends with this.
pub(crate) struct Screen {
    server: Child,
    /// Its name, for `DISPLAY`.
    pub(crate) name: String,
}

impl Screen {
    /// Starts one under a number that is free.
    pub(crate) fn open() -> Result<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb could not be started; `cargo xtask test` installs it")?;
        let mut number = String::new();
        let ready = server.stdout.take().context("Xvfb has no output")?;
        BufReader::new(ready).read_line(&mut number)?;
        let number: u32 = number.trim().parse().context("Xvfb named no display")?;
        Ok(Self { server, name: format!(":{number}") })
    }

    /// Asks the window of `process` to close, as the button in its frame does.
    pub(crate) fn close_window(&self, process: u32) -> Result<()> {
        let (display, window) = self.window_of(process)?;
        let atom = |name: &str| -> Result<u32> { Ok(display.intern_atom(false, name.as_bytes())?.reply()?.atom) };
        let (protocols, delete) = (atom("WM_PROTOCOLS")?, atom("WM_DELETE_WINDOW")?);
        let close = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
        // Checked, so that the screen has it before this connection ends.
        display.send_event(false, window, EventMask::NO_EVENT, close)?.check()?;
        Ok(())
    }

    /// Writes what the window of `process` shows as a PNG. The driver could do so too, but after a window
    /// shrank, WebKit's first picture of it never comes.
    pub(crate) fn picture(&self, process: u32, file: &Path) -> Result<()> {
        let (display, window) = self.window_of(process)?;
        let size = display.get_geometry(window)?.reply()?;
        let image =
            display.get_image(ImageFormat::Z_PIXMAP, window, 0, 0, size.width, size.height, u32::MAX)?.reply()?;
        let colours = image.data.chunks_exact(4).flat_map(|pixel| pixel.iter().rev().skip(1).copied());
        let file = std::io::BufWriter::new(std::fs::File::create(file)?);
        let mut picture = png::Encoder::new(file, size.width.into(), size.height.into());
        picture.set_color(png::ColorType::Rgb);
        picture.write_header()?.write_image_data(&colours.collect::<Vec<u8>>())?;
        Ok(())
    }

    /// The title of the window of `process`.
    pub(crate) fn title(&self, process: u32) -> Result<String> {
        let (display, window) = self.window_of(process)?;
        let atom = |name: &str| -> Result<u32> { Ok(display.intern_atom(false, name.as_bytes())?.reply()?.atom) };
        let (name, text) = (atom("_NET_WM_NAME")?, atom("UTF8_STRING")?);
        Ok(String::from_utf8(display.get_property(false, window, name, text, 0, 1000)?.reply()?.value)?)
    }

    fn window_of(&self, process: u32) -> Result<(RustConnection, u32)> {
        let (display, screen) = x11rb::connect(Some(&self.name))?;
        let root = display.setup().roots.get(screen).context("the display has no screen")?.root;
        let owner = display.intern_atom(false, b"_NET_WM_PID")?.reply()?.atom;
        let windows = display.query_tree(root)?.reply()?.children;
        for window in windows {
            let pid = display.get_property(false, window, owner, AtomEnum::CARDINAL, 0, 1)?.reply()?;
            let is_its = pid.value32().and_then(|mut pid| pid.next()) == Some(process);
            if is_its && display.get_window_attributes(window)?.reply()?.map_state == MapState::VIEWABLE {
                return Ok((display, window));
            }
        }
        bail!("process {process} has no window on the screen")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
