use lanline_engine::{
    Settings,
    api::{
        CallError, Compare, CompareEnd, ConfirmCompare, Connect, Connected, ErrorCode, Event, KnownDevice,
        KnownDevices, NoParams, Nothing, Pictures,
    },
    events::EventStream,
};
use tokio::io::{AsyncBufReadExt, BufReader, Stdin};

use crate::{device::Device, exit::Failure, line, member, print};

/// Compares with a device, and takes what the person saw there.
pub(crate) async fn run(settings: &Settings, which: &str) -> Result<(), Failure> {
    let device = Device::to_stay(settings).await?;
    let result = compare(&device, which).await;
    device.close().await;
    result
}

async fn compare(device: &Device, which: &str) -> Result<(), Failure> {
    let devices: KnownDevices = device.call("devices", NoParams {}).await?;
    let known = member::find(&devices, which).map_err(Failure::input)?;
    let name = line::called(&known.device_id, &known.name);
    let mut events = device.events();
    let pictures = begin(device, known).await?;
    print::text(&shown(&name, &pictures));
    print::text("Are they the same there, in the same order? Type yes or no.");
    let mut input = BufReader::new(tokio::io::stdin());
    let said = {
        let mut answer = std::pin::pin!(answer(&mut input));
        tokio::select! {
            said = &mut answer => said,
            how = ended(&mut events, &known.device_id) => {
                if !is_unsaid(how) {
                    return Err(Failure::undone(over(&name, how)));
                }
                print::text(&over(&name, how));
                print::text("If you saw other pictures there, type no still.");
                answer.await
            }
        }
    };
    let Some(same) = said else {
        return Err(Failure::undone(format!("Nothing is kept: it is not known whether {name} shows the same.")));
    };
    let params = ConfirmCompare { device_id: known.device_id.clone(), same, words: Some(pictures.words) };
    device.call::<_, Nothing>("confirm_compare", params).await?;
    let how = if same { CompareEnd::Same } else { CompareEnd::Differ };
    print::text(&over(&name, how));
    if same && device.is_here() {
        print::text("This device stays connected until you press Enter: let the other person answer first.");
        tokio::select! {
            _ = next(&mut input) => {}
            how = ended(&mut events, &known.device_id) => print::text(&over(&name, how)),
        }
    }
    if same { Ok(()) } else { Err(Failure::undone("Do not send secrets to that device before this is cleared up.")) }
}

/// Begins, with a device that is dialled first where it is not connected.
async fn begin(device: &Device, known: &KnownDevice) -> Result<Pictures, CallError> {
    let params = || Compare { device_id: known.device_id.clone() };
    match device.call("compare", params()).await {
        Err(CallError::Failed(error)) if error.code == ErrorCode::NotFound => {}
        begun => return begun,
    }
    let params_of = Connect { address: None, device_id: Some(known.device_id.clone()) };
    device.call::<_, Connected>("connect", params_of).await?;
    device.call("compare", params()).await
}

/// Whether they are the same; `None`: nobody says so.
async fn answer(input: &mut BufReader<Stdin>) -> Option<bool> {
    loop {
        match next(input).await?.trim().to_lowercase().as_str() {
            "yes" | "y" => return Some(true),
            "no" | "n" => return Some(false),
            _ => print::text("Type yes where all seven are the same in the same order, and no otherwise."),
        }
    }
}

async fn next(input: &mut BufReader<Stdin>) -> Option<String> {
    let mut line = String::new();
    input.read_line(&mut line).await.ok().filter(|read| *read > 0).map(|_| line)
}

/// How the comparison ends that is not ended by this person's word.
async fn ended(events: &mut EventStream, device: &str) -> CompareEnd {
    loop {
        match events.next().await {
            Some(Event::CompareEnded { device_id, reason: CompareEnd::Same, .. }) if device_id == device => {}
            Some(Event::CompareEnded { device_id, reason, .. }) if device_id == device => return reason,
            Some(_) => {}
            None => return CompareEnd::Gone,
        }
    }
}

/// Whether nobody has said anything of what was shown: whoever stands between may have ended it, to keep people from that.
pub(crate) fn is_unsaid(how: CompareEnd) -> bool {
    matches!(how, CompareEnd::TimeOver | CompareEnd::Gone | CompareEnd::Withdrawn)
}

/// What a device and this one show, one line a picture.
pub(crate) fn shown(name: &str, pictures: &Pictures) -> String {
    let rows: Vec<String> =
        pictures.emoji.iter().zip(&pictures.words).map(|(emoji, word)| format!("  {emoji}  {word}")).collect();
    format!("{name} and this device are to show the same pictures:\n{}", rows.join("\n"))
}

/// What it means that a comparison with a device ended so.
pub(crate) fn over(name: &str, how: CompareEnd) -> String {
    match how {
        CompareEnd::Same => format!("{name} is verified now: nobody stands between."),
        CompareEnd::Differ | CompareEnd::TheyDiffer => format!(
            "The pictures of {name} differ: somebody may stand between you. Send it no secrets, ask in person what is \
             wrong, and compare again on another network."
        ),
        CompareEnd::Broken => format!(
            "{name} did not keep to the comparison: it, or somebody between, tried to choose the pictures. Send it no \
             secrets until you have asked in person."
        ),
        CompareEnd::TimeOver => format!("Two minutes are over without a word on what {name} shows: compare again."),
        CompareEnd::Gone => format!("The connection to {name} ended: compare again once it is back."),
        CompareEnd::Withdrawn => format!("{name} ended the comparison: compare again when it suits."),
    }
}
