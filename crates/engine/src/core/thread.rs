use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use lanline_protocol::{
    clock::Time,
    replica::Output,
    session::ConnectionId,
    store::{Store, StoreError},
};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    Clock, Connections, Machine, Replica,
    allowance::Allowances,
    database,
    fault::{self, Refusal},
    input::{Burst, Input},
    notices, open_replica, open_store,
    published::Published,
};
use crate::{
    api::{ApiError, StoreCondition, StoreState},
    board::Board,
    folder::Folder,
    impostors::Impostors,
    net::{CloseReason, ConnectionEvent},
    platform, reaching,
    store::trouble,
};

/// What one transaction may take in at most.
const BURST_INPUTS: usize = 1024;
const BURST_BYTES: usize = 4 * 1024 * 1024;
const BURST_TIME: Duration = Duration::from_millis(20);

/// How many connections are so many that their answers are taken together, and how long those are waited for. Each member
/// acknowledges each message; to be woken for every one takes longer than to deal with it, and holds up the rest of those
/// to whom the message is on its way.
const MANY: usize = 64;
const LINGER: Duration = Duration::from_millis(1);

/// How long a full disk is left alone before it is tried again.
const RETRY_MS: u64 = 5000;
/// What is written to try it: about as much as a burst of messages.
const RETRY_BYTES: usize = 256 * 1024;
const RETRY_NAME: &str = "retry";

/// The longest pause; nothing depends on it.
const PAUSE_MS: u64 = 60_000;
/// The thread's own.
pub(super) struct Thread {
    /// `None` where the database cannot be read, or is not to be trusted any more.
    pub(super) machine: Option<Machine>,
    /// What becomes of the machine's connections where there is none for a while.
    parted: Connections,
    /// Why nothing can be written, where that is so.
    refusal: Option<Refusal>,
    /// Where this device listens.
    addresses: Vec<String>,
    published: Published,
    /// Where it is said whom to reach.
    reaches: UnboundedSender<reaching::Asked>,
    inputs: Receiver<Input>,
    clock: Clock,
    pub(super) allowances: Allowances<ConnectionEvent>,
    pub(super) board: Arc<Board>,
    impostors: Arc<Impostors>,
    /// Done when nothing is taken in any more, for good.
    failed: CancellationToken,
    seed: Zeroizing<[u8; 32]>,
    /// Let go of last: whoever takes the folder next finds the database closed.
    pub(super) folder: Arc<Folder>,
}

impl Thread {
    #[expect(clippy::too_many_arguments, reason = "made in one place, of things that have nothing else in common")]
    pub(super) fn new(
        replica: Replica,
        folder: Arc<Folder>,
        seed: Zeroizing<[u8; 32]>,
        clock: Clock,
        inputs: Receiver<Input>,
        (published, reaches): (Published, UnboundedSender<reaching::Asked>),
        (board, impostors): (Arc<Board>, Arc<Impostors>),
        failed: CancellationToken,
    ) -> Self {
        Self {
            machine: Some(Machine { replica, connections: Connections::default(), ends: false }),
            parted: Connections::default(),
            refusal: None,
            addresses: Vec::new(),
            published,
            reaches,
            inputs,
            clock,
            allowances: Allowances::default(),
            board,
            impostors,
            failed,
            seed,
            folder,
        }
    }

    /// Works until it is told to end, or nobody is left to ask for anything. After a panic it goes on refusing: who
    /// asks is answered, and the folder stays held until the device is closed.
    pub(super) fn run(mut self) {
        while catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            let error = fault::internal();
            let state = StoreState { state: StoreCondition::Failed, reason: Some(error.message.clone()) };
            self.give_up(error, CloseReason::Shutdown, state);
        }
    }

    fn work(&mut self) {
        loop {
            let first = match self.inputs.recv_timeout(self.pause()) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if !self.burst(first) {
                return;
            }
        }
    }

    /// How long there is nothing to do by itself.
    fn pause(&self) -> Duration {
        let now = self.clock.now();
        let at = |at: u64| at.saturating_sub(now.steady_ms);
        let ms = if let Some(refusal) = &self.refusal {
            refusal.retry.as_ref().map_or(PAUSE_MS, |(when, _)| at(*when))
        } else {
            let machine = self.machine.as_ref();
            let wake = machine.and_then(|machine| machine.replica.next_wake_ms(now));
            let wake = if machine.is_some_and(Machine::has_room_again) { Some(0) } else { wake };
            let overdue = machine.and_then(|machine| machine.connections.overdue_at()).map(at);
            let released = self.allowances.next_ms().map(at);
            [wake, overdue, released].into_iter().flatten().min().unwrap_or(PAUSE_MS)
        };
        Duration::from_millis(ms.min(PAUSE_MS))
    }

    /// Takes in what is waiting, commits, carries out, answers. Whether to go on.
    fn burst(&mut self, first: Option<Input>) -> bool {
        let (begun, now) = (Instant::now(), self.clock.now());
        let mut burst = Burst::default();
        if let Some(machine) = self.machine.as_mut() {
            machine.note_queues();
        }
        let (mut go_on, mut taken) = (true, Ok(()));
        let mut next = first;
        while let Some(input) = next.take() {
            burst.inputs += 1;
            burst.bytes += input.bytes();
            if matches!(input, Input::Close) {
                go_on = false;
                break;
            }
            burst.presses |= !matches!(input, Input::Net(ConnectionEvent::Frame { .. }));
            taken = self.take(now, input, &mut burst);
            let full = burst.inputs >= BURST_INPUTS || burst.bytes >= BURST_BYTES || begun.elapsed() >= BURST_TIME;
            if taken.is_err() || full || self.ends() {
                break;
            }
            next = self.inputs.try_recv().ok();
        }
        // What waited comes last, and one frame of it in any case.
        while taken.is_ok()
            && !self.ends()
            && let Some(event) = self.allowances.next(now.steady_ms, || platform::free(self.folder.path()))
        {
            if let ConnectionEvent::Batch { batch, .. } = &event {
                burst.bytes += batch.size();
            }
            taken = self.take_frame(now, event, &mut burst);
            if burst.bytes >= BURST_BYTES || begun.elapsed() >= BURST_TIME {
                break;
            }
        }
        let failure = self.settle(taken).err();
        // Not where that failed: then it goes on as it was.
        go_on &= !self.ends();
        for write in std::mem::take(&mut burst.writes) {
            write.answer(failure.as_ref());
        }
        // Dealt with only now: what was answered is on disk, whatever the store says after it.
        if let Some(error) = self.machine.as_ref().and_then(|machine| machine.replica.failure()).cloned() {
            self.fail(self.clock.now(), &error);
        }
        for read in std::mem::take(&mut burst.reads) {
            let refusal = self.refusal.as_ref().map(|refusal| &refusal.error);
            read.look(self.machine.as_ref().ok_or(refusal.unwrap_or(&fault::internal())), self.clock.now());
        }
        let many = self.machine.as_ref().is_some_and(|machine| machine.connections.open.len() >= MANY);
        let linger = go_on && many && !burst.presses && burst.inputs > 0;
        // Only now, when limits are raised, are the frames that wait behind these judged.
        drop(burst);
        self.publish();
        if linger {
            std::thread::sleep(LINGER);
        }
        go_on
    }

    fn ends(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.ends)
    }

    fn take(&mut self, now: Time, input: Input, burst: &mut Burst) -> Result<(), StoreError> {
        let machine = match (&mut self.machine, &self.refusal) {
            (Some(machine), None) => machine,
            (_, refusal) => {
                match input {
                    Input::Read(read) => burst.reads.push(read),
                    Input::Write(write) => write.answer(refusal.as_ref().map(|refusal| &refusal.error)),
                    Input::Net(ConnectionEvent::Opened { handle, .. }) => {
                        let farewell = refusal.as_ref().map_or(CloseReason::Shutdown, |r| r.farewell.clone());
                        handle.close(farewell);
                    }
                    Input::Listening { addresses } => self.addresses = addresses,
                    Input::Net(_)
                    | Input::Unreached(_)
                    | Input::Found { .. }
                    | Input::Reached(..)
                    | Input::Moved { .. }
                    | Input::Close => {}
                }
                return Ok(());
            }
        };
        match input {
            Input::Read(read) => burst.reads.push(read),
            Input::Write(mut write) => {
                let acted = write.act(machine, now);
                burst.writes.push(write);
                acted?;
            }
            Input::Listening { addresses } => {
                self.addresses = addresses;
                machine.replica.set_addresses(now, &self.addresses)?;
            }
            Input::Net(event @ (ConnectionEvent::Frame { .. } | ConnectionEvent::Batch { .. })) => {
                return match self.hold(now, event) {
                    Some(event) => self.take_frame(now, event, burst),
                    None => Ok(()),
                };
            }
            Input::Net(event) => {
                if let ConnectionEvent::Closed { id, .. } = &event {
                    self.allowances.closed(ConnectionId(id.0));
                }
                machine.take_event(now, event)?;
            }
            Input::Unreached(device) => machine.replica.unreached(now, device),
            Input::Found { device, addresses } => machine.replica.found(device, addresses),
            Input::Reached(connection, outcome) => machine.replica.reached(now, connection, outcome),
            Input::Moved { here } => machine.moved(now, &here)?,
            Input::Close => {}
        }
        Ok(())
    }

    /// Commits, and carries out what is to follow; or deals with a store that does not take it. The error is what those
    /// are told whose writes it was.
    fn settle(&mut self, taken: Result<(), StoreError>) -> Result<(), ApiError> {
        let now = self.clock.now();
        if let Some(refusal) = &self.refusal {
            if let Some((at, cause)) = refusal.retry.clone()
                && now.steady_ms >= at
            {
                self.retry(now, cause);
            }
            return Ok(());
        }
        let Some(machine) = self.machine.as_mut() else { return Ok(()) };
        machine.tell_wishes();
        match taken.and_then(|()| machine.replica.commit(now)) {
            Ok(outputs) => {
                self.carry_out(now, outputs);
                Ok(())
            }
            Err(error) => {
                self.fail(now, &error);
                Err(ApiError::from(&error))
            }
        }
    }

    fn carry_out(&mut self, now: Time, outputs: Vec<Output>) {
        let Some(machine) = self.machine.as_mut() else { return };
        let mut noticed = machine.carry_out(now, outputs, &self.board, &self.impostors, &self.reaches);
        for device in self.allowances.take_news() {
            noticed |= machine.tell_slowed(now, device, &self.board);
        }
        if machine.replica.name() != self.board.name() {
            self.board.set_name(machine.replica.name());
        }
        if noticed {
            // The replica's own transaction is over, this one is apart.
            let store = machine.replica.store_mut();
            let kept = notices::keep(store, &self.board.notices()).and_then(|()| store.commit());
            if let Err(error) = kept {
                self.fail(now, &error);
            }
        }
    }

    /// The store did not take it: nothing since the last commit counts. Where the reason may pass, such as a full disk,
    /// reading goes on and writing is tried again.
    fn fail(&mut self, now: Time, error: &StoreError) {
        tracing::error!(%error, "the store failed");
        let Some(Machine { replica, mut connections, .. }) = self.machine.take() else { return };
        self.allowances.all_closed();
        self.part_with_all(&mut connections, &CloseReason::ReadOnly);
        self.parted = connections;
        if !trouble(error).may_pass() {
            return self.give_up(error.into(), CloseReason::ReadOnly, fault::condition(error));
        }
        let mut store = replica.into_store();
        match store.rollback().and_then(|()| open_replica(&self.seed, store, now)) {
            Ok(replica) => self.go_on_with(replica),
            // The database is opened anew when writing is tried again.
            Err(error) => tracing::error!(%error, "the database cannot be read for now"),
        }
        self.wait(now, error);
    }

    /// Takes nothing in for a while.
    fn wait(&mut self, now: Time, error: &StoreError) {
        self.refusal = Some(Refusal {
            error: error.into(),
            farewell: CloseReason::ReadOnly,
            retry: Some((now.steady_ms + RETRY_MS, error.clone())),
        });
        self.board.set_store(fault::condition(error));
    }

    /// Takes nothing in any more.
    fn give_up(&mut self, error: ApiError, farewell: CloseReason, state: StoreState) {
        self.allowances.all_closed();
        if let Some(mut machine) = self.machine.take() {
            self.part_with_all(&mut machine.connections, &farewell);
        }
        self.refusal = Some(Refusal { error, farewell, retry: None });
        self.board.set_store(state);
        self.publish();
        self.failed.cancel();
    }

    fn go_on_with(&mut self, replica: Replica) {
        let mut connections = std::mem::take(&mut self.parted);
        connections.wishes_changed = true;
        self.published.begin_anew();
        self.machine = Some(Machine { replica, connections, ends: false });
    }

    /// Tries whether writing works again.
    fn retry(&mut self, now: Time, cause: StoreError) {
        match self.try_again(now, cause) {
            Ok(()) => {}
            Err(error) if trouble(&error).may_pass() => return self.wait(now, &error),
            Err(error) => return self.give_up((&error).into(), CloseReason::ReadOnly, fault::condition(&error)),
        }
        self.refusal = None;
        self.board.set_store(StoreState { state: StoreCondition::Ok, reason: None });
        let told = match self.machine.as_mut() {
            Some(machine) => machine.replica.set_addresses(now, &self.addresses),
            None => Ok(()),
        };
        // What fails now is dealt with as ever.
        let _ = self.settle(told);
    }

    fn try_again(&mut self, now: Time, cause: StoreError) -> Result<(), StoreError> {
        if self.machine.is_none() {
            if !database(&self.folder).exists() {
                // To make an empty one would be to lose all that was in it without a word.
                return Err(StoreError::Failed("its file was deleted or moved".to_owned()));
            }
            let store = open_store(&self.folder, &self.seed).map_err(|error| {
                // Whatever it is: this device has read it before, and may again.
                tracing::debug!(%error, "the database cannot be opened yet");
                cause
            })?;
            let replica = open_replica(&self.seed, store, now)?;
            self.go_on_with(replica);
        }
        let Some(machine) = self.machine.as_mut() else { return Ok(()) };
        // Nothing was fed to the replica since it was opened: it stays in step with a store that is rolled back.
        let store = machine.replica.store_mut();
        // They may be what could not be written.
        let tried = notices::keep(store, &self.board.notices()).and_then(|()| try_writing(store));
        if tried.is_err() {
            store.rollback()?;
        }
        tried
    }

    fn part_with_all(&self, connections: &mut Connections, reason: &CloseReason) {
        for device in connections.end_all(reason) {
            let (device_id, reason) = (device.to_string(), reason.name().to_owned());
            self.board.emit(crate::api::Event::PeerDisconnected { device_id, reason });
        }
    }

    fn publish(&mut self) {
        let machine = self.machine.as_ref().filter(|_| self.refusal.is_none());
        self.published.publish(machine.map(|machine| &machine.replica));
    }
}

fn try_writing(store: &mut impl Store) -> Result<(), StoreError> {
    store.put_value(RETRY_NAME, Some(&vec![0; RETRY_BYTES]))?;
    store.commit()?;
    store.put_value(RETRY_NAME, None)?;
    store.commit()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use lanline_protocol::identity::DeviceKey;

    use super::*;
    use crate::api::{Notice, NoticeKind};

    /// A core that is not running.
    fn thread(folder: &std::path::Path) -> Thread {
        let folder = Arc::new(Folder::open(folder, crate::folder::Stay::Lasting).unwrap());
        let seed = Zeroizing::new([1; 32]);
        let store = open_store(&folder, &seed).unwrap();
        let clock = Clock::new();
        let replica = open_replica(&seed, store, clock.now()).unwrap();
        let told = (Arc::new(Board::new()), Arc::default());
        let (inputs, failed) = (mpsc::channel().1, CancellationToken::new());
        let outlets = (Published::new().0, tokio::sync::mpsc::unbounded_channel().0);
        Thread::new(replica, folder, seed, clock, inputs, outlets, told, failed)
    }

    #[test]
    fn a_database_that_could_not_be_read_on_a_full_disk_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut thread = thread(folder.path());
        let (now, me) = (thread.clock.now(), DeviceKey::from_seed(&thread.seed).public().device_id());
        thread.machine.as_mut().unwrap().connections.hold(me);
        thread.fail(now, &StoreError::Full);
        assert!(thread.machine.is_some() && thread.board.store().state == StoreCondition::ReadOnly);
        // As where nothing could be read, either.
        thread.parted = thread.machine.take().unwrap().connections;
        let notice = Notice {
            id: 0,
            kind: NoticeKind::Renewed,
            at: 7,
            room: None,
            device_id: None,
            count: None,
            text: "The disk had no room for this.".to_owned(),
        };
        thread.board.notice(notice);
        let later = Time { steady_ms: now.steady_ms + RETRY_MS, ..now };
        thread.retry(later, StoreError::Full);
        assert!(thread.refusal.is_none() && thread.board.store().state == StoreCondition::Ok);
        let machine = thread.machine.as_mut().unwrap();
        assert!(machine.connections.held.contains(&me), "what was asked for is not forgotten");
        assert_eq!(notices::kept(machine.replica.store_mut()).unwrap(), thread.board.notices());
        assert!(!thread.failed.is_cancelled());

        // Where it is gone it is not begun anew.
        thread.fail(later, &StoreError::Full);
        thread.machine = None;
        std::fs::remove_file(database(&thread.folder)).unwrap();
        thread.retry(later, StoreError::Full);
        assert!(thread.failed.is_cancelled() && thread.board.store().state == StoreCondition::Failed);
        assert!(!database(&thread.folder).exists());
    }
}
