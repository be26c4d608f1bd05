use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use lanline_engine::Flags;

/// Messages and files between the devices on one private network.
#[derive(Debug, Parser)]
#[command(name = "lanline", version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Speaks JSON-RPC 2.0 over standard input and output, one object a line.
    Rpc(Device),
    /// Runs a device that listens, until it is told to stop (Ctrl-C).
    Serve(Device),
    /// Calls one command, and prints what it answers as JSON.
    Call {
        #[command(flatten)]
        device: Device,
        /// The command's name.
        method: String,
        /// Its arguments, as a JSON object.
        params: Option<String>,
    },
}

/// Which device.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Device {
    /// The folder with the device's key and messages; made when missing.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The TCP port that the server listens on; 0 for any free one.
    #[arg(long, value_name = "PORT", value_parser = port, allow_negative_numbers = true)]
    port: Option<u16>,
    /// The name that others see.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Neither announces this device nor looks for others.
    #[arg(long)]
    no_discovery: bool,
}

impl Args {
    pub(crate) fn device(&self) -> &Device {
        match &self.subcommand {
            Subcommand::Rpc(device) | Subcommand::Serve(device) | Subcommand::Call { device, .. } => device,
        }
    }
}

impl Device {
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            data_dir: self.data_dir.clone(),
            name: self.name.clone(),
            port: self.port,
            no_discovery: Some(self.no_discovery),
        }
    }
}

fn port(given: &str) -> Result<u16, String> {
    given.parse().map_err(|_| "it must be a whole number from 0 to 65535".to_owned())
}

/// The command line; or else how to end, having said why.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    Args::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Whoever closed standard output does not want to read it.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            eprintln!("{}", sentence(&error.to_string()));
            ExitCode::from(2)
        }
    })
}

/// The first paragraph of clap's message, on one line.
fn sentence(message: &str) -> String {
    let first = message.split("\n\n").next().unwrap_or(message);
    let words = first.trim_start_matches("error:").split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{words}: see `lanline --help`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn every_complaint_is_one_line() {
        for line in [
            ["lanline", "rpc", "--port", "x"].as_slice(),
            &["lanline", "rpc", "--port", "-1"],
            &["lanline", "rpc", "--port", "65536"],
            &["lanline", "rpc", "--colour"],
            &["lanline", "call"],
            &["lanline", "dance"],
        ] {
            let said = sentence(&Args::try_parse_from(line).unwrap_err().to_string());
            assert!(!said.contains('\n') && said.ends_with('.'), "{said}");
        }
    }
}
