//! Lanline in a terminal: a headless device, JSON-RPC over standard input and output, and single commands.

mod args;
mod call;
mod device;
mod exit;
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
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let settings = Settings::load(args.device().flags()).map_err(Failure::input)?;
    log(&settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::input)?;
    let result = runtime.block_on(async {
        match args.subcommand {
            Subcommand::Rpc(_) => rpc::run(settings).await,
            Subcommand::Serve(_) => serve::run(settings).await,
            Subcommand::Call { method, params, .. } => call::run(settings, &method, params.as_deref()).await,
        }
    });
    // A thread may be waiting for standard input, which may never come.
    runtime.shutdown_background();
    result
}

/// Logs to standard error, which is the only place: standard output belongs to answers.
fn log(settings: &Settings) {
    let filter: Targets = settings.log.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines).with(filter).init();
}
