/// Done when the system or the person asks this program to end. Whoever asks once more has it ended at once.
pub(crate) async fn asked_to_end() {
    let Some(mut signals) = Signals::new() else {
        tracing::warn!("signals cannot be caught: the program will end without taking leave");
        return std::future::pending().await;
    };
    let (asked, ask) = tokio::sync::oneshot::channel();
    // A task of its own, which still hears when nobody waits for this any more.
    tokio::spawn(async move {
        signals.next().await;
        let _ = asked.send(());
        signals.next().await;
        tracing::warn!("ended without taking leave");
        std::process::exit(AT_ONCE);
    });
    // An error is the runtime's end.
    let _ = ask.await;
}

/// Exit code of a program that did not take leave.
const AT_ONCE: i32 = 1;

/// What asks this program to end.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hang_up] = kinds.map(|kind| signal(kind).ok());
        Some(Self([interrupt?, terminate?, hang_up?]))
    }

    async fn next(&mut self) {
        let Self([interrupt, terminate, hang_up]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// What asks this program to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
