//! Lanline in a terminal: conversations, single commands, a headless device, JSON-RPC over standard input and output.

#![deny(clippy::print_stderr, reason = "it panics where nobody reads: `print::aside` does not")]

mod args;
mod bridge;
mod call;
mod chat;
mod clock;
mod commands;
mod device;
mod exit;
mod line;
mod member;
mod passphrase;
mod plain;
mod print;
mod qr;
mod room;
mod rpc;
mod serve;
mod signal;

use std::process::ExitCode;

use lanline_engine::Settings;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    args::{Args, Subcommand},
    exit::Failure,
};

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(exit) => return exit,
    };
    match run(args) {
        Ok(()) if print::is_whole() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(failure) => failure.report(),
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let Some(device) = args.device() else {
        return match args.subcommand {
            Subcommand::Man { dir } => commands::man::run(dir.as_deref()),
            Subcommand::Completions { shell } => {
                commands::completions::run(shell);
                Ok(())
            }
            _ => Ok(()),
        };
    };
    let settings = Settings::load(device.flags()).map_err(Failure::input)?;
    log(&settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::input)?;
    let result = runtime.block_on(with_device(args.subcommand, settings));
    // A thread may be waiting for standard input, which may never come.
    runtime.shutdown_background();
    result
}

async fn with_device(subcommand: Subcommand, settings: Settings) -> Result<(), Failure> {
    use Subcommand as S;
    match subcommand {
        S::Chat { room, qr, .. } => chat::run(settings, room.as_deref(), qr).await,
        S::Send { common, room, text } => commands::send::run(&settings, &room.room, &text, common.json).await,
        S::Messages { common, room, limit, before } => {
            commands::messages::run(&settings, &room.room, before, limit, common.json).await
        }
        S::Rooms(common) => commands::rooms::run(&settings, common.json).await,
        S::Create { common, called } => commands::create::run(&settings, called, common.json).await,
        S::Invite { common, room, ttl, uses, qr } => {
            let wish = commands::invite::Wish { ttl_ms: ttl, uses, qr };
            commands::invite::run(&settings, &room.room, wish, common.json).await
        }
        S::Join { common, invite, code } => commands::join::run(&settings, invite, &code, common.json).await,
        S::Members { common, room } => commands::members::run(&settings, &room.room, common.json).await,
        S::Admit { common, room, member } => commands::owner::admit(&settings, &room.room, &member, common.json).await,
        S::HandOver { common, room, member } => {
            commands::owner::hand_over(&settings, &room.room, &member, common.json).await
        }
        S::Vote { common, room, remove, owner } => {
            let wish = remove.map(commands::vote::Wish::Remove).or(owner.map(commands::vote::Wish::Owner));
            commands::vote::run(&settings, &room.room, wish, common.json).await
        }
        S::Leave { common, room } => commands::leave::run(&settings, &room.room, common.json).await,
        S::Bridge { plain, room, .. } => bridge::run(&settings, plain, &room).await,
        S::Serve(_) => serve::run(settings).await,
        S::Status(common) => commands::status::run(&settings, common.json).await,
        S::Settings { common, tell_read } => commands::settings::run(&settings, tell_read, common.json).await,
        S::Export { common, file, passphrase_file } => {
            let passphrase = passphrase::new(passphrase_file.as_deref())?;
            commands::export::run(&settings, &file, passphrase, common.json).await
        }
        S::Import { common, file, passphrase_file } => {
            let passphrase = passphrase::known(passphrase_file.as_deref())?;
            commands::import::run(&settings, &file, passphrase, common.json).await
        }
        S::Nearby { common, watch, probe } => commands::nearby::run(&settings, watch, probe, common.json).await,
        S::Peers(common) => commands::peers::run(&settings, common.json).await,
        S::Doctor { common, report, address } => {
            use commands::doctor::Shape;
            let shape = if report { Shape::Report } else { Shape::Checks { json: common.json } };
            commands::doctor::run(&settings, address, shape).await
        }
        S::Devices { common, which, change } => {
            commands::devices::run(&settings, which.as_deref(), &change, common.json).await
        }
        S::Compare { which, .. } => commands::compare::run(&settings, &which).await,
        S::Rpc(_) => rpc::run(settings).await,
        S::Call { method, params, .. } => call::run(settings, &method, params.as_deref()).await,
        S::Completions { .. } | S::Man { .. } => Ok(()),
    }
}

/// Logs to standard error, which is the only place: standard output belongs to answers.
fn log(settings: &Settings) {
    let filter: Targets = settings.log.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // It would be told on standard error, and panic where nobody reads that.
    let lines = lines.log_internal_errors(false);
    tracing_subscriber::registry().with(lines).with(filter).init();
}
