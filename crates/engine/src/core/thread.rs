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
    id::Hash,
    replica::{Output, Target},
    session::ConnectionId,
    store::{Store, StoreError},
};
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::{
    Clock, Connections, Machine, Replica, fault,
    input::{Burst, Input},
    open_replica,
};
use crate::{
    api::{ApiError, StoreCondition, StoreState},
    board::Board,
    folder::Folder,
    net::{CloseReason, ConnectionEvent, show},
};

/// What one transaction may take in at most.
const BURST_INPUTS: usize = 1024;
const BURST_BYTES: usize = 4 * 1024 * 1024;
const BURST_TIME: Duration = Duration::from_millis(20);

/// How long a full disk is left alone before it is tried again.
const RETRY_MS: u64 = 5000;
/// What is written to try it: about as much as a burst of messages.
const RETRY_BYTES: usize = 256 * 1024;
const RETRY_NAME: &str = "retry";

/// How long after a change it is looked who is to be dialled, where no connection came or went.
const TARGETS_MS: u64 = 250;
/// The longest pause; nothing depends on it.
const PAUSE_MS: u64 = 60_000;
/// A connection that leaves a ping unanswered for this long gives way to another of the same device.
const SILENT: Duration = Duration::from_secs(3);

/// The thread's own.
pub(super) struct Thread {
    /// `None` once the store has failed.
    pub(super) machine: Option<Machine>,
    /// Why nothing can be written, where that is so.
    refusal: Option<ApiError>,
    retry_at_ms: u64,
    /// Where this device listens.
    addresses: Vec<String>,
    targets_at_ms: Option<u64>,
    targets: watch::Sender<Vec<Target>>,
    inputs: Receiver<Input>,
    clock: Clock,
    pub(super) board: Arc<Board>,
    seed: Zeroizing<[u8; 32]>,
    /// Let go of last: whoever takes the folder next finds the database closed.
    _folder: Folder,
}

impl Thread {
    pub(super) fn new(
        replica: Replica,
        folder: Folder,
        seed: Zeroizing<[u8; 32]>,
        clock: Clock,
        inputs: Receiver<Input>,
        targets: watch::Sender<Vec<Target>>,
        board: Arc<Board>,
    ) -> Self {
        Self {
            machine: Some(Machine { replica, connections: Connections::default() }),
            refusal: None,
            retry_at_ms: 0,
            addresses: Vec::new(),
            targets_at_ms: Some(0),
            targets,
            inputs,
            clock,
            board,
            seed,
            _folder: folder,
        }
    }

    /// Works until it is told to end, or nobody is left to ask for anything.
    pub(super) fn run(mut self) {
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            let reason = Some(fault::internal().message);
            self.board.set_store(StoreState { state: StoreCondition::Failed, reason });
            if let Some(mut machine) = self.machine.take() {
                self.part_with_all(&mut machine.connections, &CloseReason::Shutdown);
            }
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
        let Some(machine) = &self.machine else { return Duration::from_millis(PAUSE_MS) };
        let ms = if self.refusal.is_some() {
            at(self.retry_at_ms)
        } else {
            let wake = machine.replica.next_wake_ms(now);
            let targets = self.targets_at_ms.map(at);
            let overdue = machine.connections.overdue_at().map(at);
            [wake, targets, overdue].into_iter().flatten().min().unwrap_or(PAUSE_MS)
        };
        Duration::from_millis(ms.min(PAUSE_MS))
    }

    /// Takes in what is waiting, commits, carries out, answers. Whether to go on.
    fn burst(&mut self, first: Option<Input>) -> bool {
        let (begun, now) = (Instant::now(), self.clock.now());
        let mut burst = Burst::default();
        let (mut go_on, mut taken) = (true, Ok(()));
        let mut next = first;
        while let Some(input) = next.take() {
            burst.inputs += 1;
            burst.bytes += input.bytes();
            if matches!(input, Input::Close) {
                go_on = false;
                break;
            }
            taken = self.take(now, input, &mut burst);
            let full = burst.inputs >= BURST_INPUTS || burst.bytes >= BURST_BYTES || begun.elapsed() >= BURST_TIME;
            if taken.is_err() || full {
                break;
            }
            next = self.inputs.try_recv().ok();
        }
        let failure = self.settle(taken).err().map(|error| ApiError::from(&error));
        for write in std::mem::take(&mut burst.writes) {
            write.answer(failure.as_ref());
        }
        for read in std::mem::take(&mut burst.reads) {
            read.look(self.machine.as_ref().ok_or(self.refusal.as_ref().unwrap_or(&fault::internal())));
        }
        // Only now, when limits are raised, are the frames that wait behind these judged.
        drop(burst);
        self.publish_targets();
        go_on
    }

    fn take(&mut self, now: Time, input: Input, burst: &mut Burst) -> Result<(), StoreError> {
        let machine = match (&mut self.machine, &self.refusal) {
            (Some(machine), None) => machine,
            (_, refusal) => {
                match input {
                    Input::Read(read) => burst.reads.push(read),
                    Input::Write(write) => write.answer(refusal.as_ref()),
                    Input::Net(ConnectionEvent::Opened { handle, .. }) => handle.close(CloseReason::ReadOnly),
                    Input::Listening { addresses } => self.addresses = addresses,
                    Input::Net(_) | Input::Close => {}
                }
                return Ok(());
            }
        };
        match input {
            Input::Read(read) => burst.reads.push(read),
            Input::Write(mut write) => {
                let acted = write.act(machine, now);
                burst.writes.push(write);
                self.targets_at_ms.get_or_insert(now.steady_ms + TARGETS_MS);
                acted?;
            }
            Input::Listening { addresses } => {
                self.addresses = addresses;
                machine.replica.set_addresses(now, &self.addresses)?;
            }
            Input::Net(ConnectionEvent::Frame { id, bytes, permit }) => {
                burst.permits.push(permit);
                machine.replica.frame(now, ConnectionId(id.0), &bytes)?;
                self.targets_at_ms.get_or_insert(now.steady_ms + TARGETS_MS);
            }
            Input::Net(event) => machine.take_event(now, event)?,
            Input::Close => {}
        }
        Ok(())
    }

    /// Commits, and carries out what is to follow; or deals with a store that does not take it.
    fn settle(&mut self, taken: Result<(), StoreError>) -> Result<(), StoreError> {
        let now = self.clock.now();
        if self.refusal.is_some() {
            if self.machine.is_some() && now.steady_ms >= self.retry_at_ms {
                self.retry(now);
            }
            return Ok(());
        }
        let Some(machine) = self.machine.as_mut() else { return Ok(()) };
        match taken.and_then(|()| machine.replica.commit(now)) {
            Ok(outputs) => {
                self.carry_out(now, outputs);
                Ok(())
            }
            Err(error) => {
                self.fail(now, &error);
                Err(error)
            }
        }
    }

    fn carry_out(&mut self, now: Time, outputs: Vec<Output>) {
        let Some(machine) = self.machine.as_mut() else { return };
        machine.carry_out(now, outputs, &self.board);
        if machine.replica.name() != self.board.name() {
            self.board.set_name(machine.replica.name());
        }
        if std::mem::take(&mut machine.connections.changed) {
            self.targets_at_ms = Some(now.steady_ms);
        }
    }

    /// The store did not take it: nothing since the last commit counts. On a full disk reading goes on.
    fn fail(&mut self, now: Time, error: &StoreError) {
        tracing::error!(%error, "the store failed");
        let Some(mut machine) = self.machine.take() else { return };
        self.part_with_all(&mut machine.connections, &CloseReason::ReadOnly);
        let mut condition = fault::condition(error);
        if *error == StoreError::Full {
            let mut store = machine.replica.into_store();
            match store.rollback().and_then(|()| open_replica(&self.seed, store, now)) {
                Ok(replica) => self.machine = Some(Machine { replica, connections: machine.connections }),
                Err(error) => condition = fault::condition(&error),
            }
        }
        self.refusal = condition.reason.clone().map(|reason| ApiError::new(crate::api::ErrorCode::ReadOnly, reason));
        self.retry_at_ms = now.steady_ms + RETRY_MS;
        self.targets_at_ms = Some(now.steady_ms);
        self.board.set_store(condition);
    }

    /// Tries whether a full disk has room again.
    fn retry(&mut self, now: Time) {
        let Some(Machine { replica, connections }) = self.machine.take() else { return };
        let mut store = replica.into_store();
        let tried = try_writing(&mut store);
        if tried.is_err()
            && let Err(error) = store.rollback()
        {
            tracing::debug!(%error, "the store could not be rolled back");
        }
        match open_replica(&self.seed, store, now) {
            Ok(replica) => self.machine = Some(Machine { replica, connections }),
            Err(error) => {
                let condition = fault::condition(&StoreError::Failed(error.to_string()));
                self.refusal = Some(ApiError::from(&error));
                return self.board.set_store(condition);
            }
        }
        self.retry_at_ms = now.steady_ms + RETRY_MS;
        if tried.is_err() {
            return;
        }
        self.refusal = None;
        self.targets_at_ms = Some(now.steady_ms);
        self.board.set_store(StoreState { state: StoreCondition::Ok, reason: None });
        let told = match self.machine.as_mut() {
            Some(machine) => machine.replica.set_addresses(now, &self.addresses),
            None => Ok(()),
        };
        // What fails now is dealt with as ever.
        let _ = self.settle(told);
    }

    fn part_with_all(&self, connections: &mut Connections, reason: &CloseReason) {
        for device in connections.end_all(reason) {
            let (device_id, reason) = (device.to_string(), reason.name().to_owned());
            self.board.emit(crate::api::Event::PeerDisconnected { device_id, reason });
        }
    }

    /// Says who is to be dialled, where that changed.
    fn publish_targets(&mut self) {
        let now = self.clock.now();
        if self.targets_at_ms.is_none_or(|at| now.steady_ms < at) {
            return;
        }
        self.targets_at_ms = None;
        let targets = match (&self.machine, &self.refusal) {
            (Some(machine), None) => machine.targets(),
            _ => Vec::new(),
        };
        self.targets.send_if_modified(|before| std::mem::replace(before, targets) != *before);
    }
}

impl Machine {
    /// Takes what happened on a connection, frames excepted.
    fn take_event(&mut self, now: Time, event: ConnectionEvent) -> Result<(), StoreError> {
        match event {
            ConnectionEvent::Opened { id, peer, exporter, address, dialled, handle } => {
                let (id, device) = (ConnectionId(id.0), peer.device_id());
                if let Some(before) = self.replica.connection(device) {
                    let handle = self.connections.handle(before);
                    if handle.and_then(|handle| handle.unanswered()).is_some_and(|waiting| waiting >= SILENT) {
                        self.end(now, before, &CloseReason::Silent)?;
                    }
                }
                self.connections.opened(id, device, handle, dialled);
                let (exporter, address) = (Hash::new(exporter), show(&address));
                self.replica.connected(now, id, peer, exporter, dialled, address)
            }
            ConnectionEvent::Closed { id, reason } => {
                let id = ConnectionId(id.0);
                match self.connections.ended(id, &reason) {
                    Some(_) => self.replica.disconnected(now, id),
                    None => Ok(()),
                }
            }
            // What waits is sent as the peer acknowledges, of which the window takes care.
            ConnectionEvent::Frame { .. } | ConnectionEvent::Drained { .. } => Ok(()),
        }
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = self.replica.targets();
        targets.retain(|target| !self.connections.held.contains(&target.device));
        targets
    }
}

fn try_writing(store: &mut impl Store) -> Result<(), StoreError> {
    store.put_value(RETRY_NAME, Some(&vec![0; RETRY_BYTES]))?;
    store.commit()?;
    store.put_value(RETRY_NAME, None)?;
    store.commit()
}
