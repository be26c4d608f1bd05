use lanline_engine::{
    Settings,
    api::{Check, CheckState, Diagnose, Diagnosis},
};

use crate::{device::Device, exit::Failure, plain, print};

/// What is written of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The checks, for who runs it.
    Checks {
        /// As JSON.
        json: bool,
    },
    /// The report, to be passed on.
    Report,
}

/// Says what stands between devices that do not find or reach each other. Fails where something does.
pub(crate) async fn run(settings: &Settings, address: Option<String>, shape: Shape) -> Result<(), Failure> {
    let found = Device::for_a_moment(settings, async |device| {
        let diagnosis: Diagnosis = device.call("diagnose", Diagnose { address }).await?;
        Ok(diagnosis)
    });
    let diagnosis = found.await?;
    match shape {
        Shape::Checks { json: true } => {
            print::json(&diagnosis)?;
        }
        Shape::Checks { json: false } => print::text(&told(&diagnosis.checks)?),
        Shape::Report => {
            let lines: Vec<String> = diagnosis.report.lines().map(plain::line).collect();
            print::text(&lines.join("\n"));
        }
    }
    match diagnosis.checks.iter().filter(|check| check.state == CheckState::Fail).count() {
        0 => Ok(()),
        1 => Err(Failure::undone("One thing is in the way: see what is said of it.")),
        failed => {
            Err(Failure::undone(format!("{failed} things are in the way: see what is said of them, the first first.")))
        }
    }
}

/// One line a check, and below it what to do.
fn told(checks: &[Check]) -> Result<String, Failure> {
    let mut lines = Vec::new();
    for check in checks {
        let state = match check.state {
            CheckState::Ok => "ok",
            CheckState::Warn => "warning",
            CheckState::Fail => "failure",
            CheckState::Skipped => "skipped",
        };
        let name = serde_json::to_value(check.name).map_err(Failure::input)?;
        let name = name.as_str().unwrap_or_default();
        lines.push(format!("{state:7}  {name:15}  {}", plain::line(&check.finding)));
        lines.extend(check.remedy.iter().map(|remedy| format!("{:7}  {:15}  {}", "", "", plain::line(remedy))));
    }
    lines.push("To pass this on, without names: `lanline doctor --report`, with the same address.".to_owned());
    Ok(lines.join("\n"))
}
