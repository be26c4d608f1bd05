//! Commands taken in turn: what was asked first takes effect first, and nothing waits that need not.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{FutureExt, future::poll_immediate};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::api::{Answer, ApiError, CallError, ErrorCode, Job, Order};

/// Where commands are put in line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Unbounded, so that putting in line needs no waiting and so fixes the order; each door bounds what it has asked
    /// and not yet had answered.
    sender: mpsc::UnboundedSender<Waiting>,
    /// Whether what is aside was ended with the line.
    ended: Arc<AtomicBool>,
}

/// How many commands that may take seconds can be under way at once; one more fails rather than hold the others up.
const ASIDE_MAX: usize = 256;

#[derive(Debug)]
struct Waiting {
    job: Job,
    answer: oneshot::Sender<Answer>,
}

impl Line {
    /// A line, and the task that serves it until the line is dropped.
    pub(crate) fn new() -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let ended = Arc::new(AtomicBool::new(false));
        (Self { sender, ended: Arc::clone(&ended) }, serve(receiver, ended))
    }

    /// Puts a command in line; the order is fixed when this returns. The answer may be dropped: the command runs all
    /// the same.
    pub(crate) fn put(&self, job: Job) -> impl Future<Output = Answer> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let sent = self.sender.send(Waiting { job, answer });
        let ended = Arc::clone(&self.ended);
        async move {
            match (sent, answered.await) {
                (Ok(()), Ok(answer)) => answer,
                (Err(_), _) => Err(closed()),
                (Ok(()), Err(_)) if ended.load(Ordering::Acquire) => Err(closed()),
                // The task died with it: a panic, which is a fault of ours.
                (Ok(()), Err(_)) => Err(CallError::Failed(ApiError::new(
                    ErrorCode::Internal,
                    "This failed inside Lanline: try again, and report it if it fails again.",
                ))),
            }
        }
    }
}

pub(crate) fn closed() -> CallError {
    CallError::Failed(ApiError::new(ErrorCode::Internal, "This device is shutting down: start it again."))
}

async fn serve(mut line: mpsc::UnboundedReceiver<Waiting>, ended: Arc<AtomicBool>) {
    let mut pipelined = JoinSet::new();
    let mut aside = JoinSet::new();
    while let Some(Waiting { job, answer }) = line.recv().await {
        while pipelined.try_join_next().is_some() {}
        while aside.try_join_next().is_some() {}
        match job.order {
            Order::Pipelined => {
                // A command of this kind hands over its effect before it first waits; so polling it once, here,
                // keeps the order, and what is left is waiting. Unconstrained, lest tokio's budget end that poll early.
                let mut run = job.run;
                let first = poll_immediate(tokio::task::unconstrained(run.as_mut()));
                match std::panic::AssertUnwindSafe(first).catch_unwind().await {
                    Ok(Some(result)) => drop(answer.send(result)),
                    Ok(None) => drop(pipelined.spawn(async move { drop(answer.send(run.await)) })),
                    Err(_) => {}
                }
            }
            Order::InTurn => {
                while pipelined.join_next().await.is_some() {}
                let _ = tokio::spawn(async move { drop(answer.send(job.run.await)) }).await;
            }
            Order::Aside if aside.len() >= ASIDE_MAX => {
                let error = ApiError::new(
                    ErrorCode::Refused,
                    format!("{ASIDE_MAX} connections are being made already: wait for one of them, then try again."),
                );
                drop(answer.send(Err(CallError::Failed(error))));
            }
            Order::Aside => {
                while pipelined.join_next().await.is_some() {}
                aside.spawn(async move { drop(answer.send(job.run.await)) });
            }
        }
    }
    while pipelined.join_next().await.is_some() {}
    // What is aside goes with this task.
    ended.store(true, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use serde_json::{Value, json};
    use tokio::sync::Notify;

    use super::*;

    type Diary = Arc<Mutex<Vec<u32>>>;

    fn line() -> Line {
        let (line, serving) = Line::new();
        tokio::spawn(serving);
        line
    }

    fn job(order: Order, run: impl Future<Output = Value> + Send + 'static) -> Job {
        Job { order, run: Box::pin(async { Ok(run.await) }) }
    }

    /// Writes its number down at once, then waits to be let go of.
    fn note(diary: &Diary, n: u32, gate: &Arc<Notify>) -> impl Future<Output = Value> + Send + use<> {
        let (diary, gate) = (diary.clone(), gate.clone());
        async move {
            diary.lock().unwrap().push(n);
            gate.notified().await;
            json!(n)
        }
    }

    async fn soon<T>(future: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(10), future).await.expect("it took too long")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pipelined_commands_take_effect_in_order_while_none_is_answered() {
        let (line, diary, gate) = (line(), Diary::default(), Arc::new(Notify::new()));
        let answers: Vec<_> = (0..1000).map(|n| line.put(job(Order::Pipelined, note(&diary, n, &gate)))).collect();
        soon(async {
            while diary.lock().unwrap().len() < 1000 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(diary.lock().unwrap().iter().copied().eq(0..1000));
        gate.notify_waiters();
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(soon(answer).await, Ok(json!(n)));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_command_in_turn_sees_all_that_was_asked_before_it() {
        let (line, diary, gate) = (line(), Diary::default(), Arc::new(Notify::new()));
        drop(line.put(job(Order::Pipelined, note(&diary, 1, &gate))));
        let later = diary.clone();
        let turn = line.put(job(Order::InTurn, async move {
            later.lock().unwrap().push(2);
            Value::Null
        }));
        let last = line.put(job(Order::Pipelined, note(&diary, 3, &Arc::new(Notify::new()))));
        drop(last);
        while diary.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(*diary.lock().unwrap(), [1]);
        gate.notify_one();
        soon(turn).await.unwrap();
        soon(async {
            while diary.lock().unwrap().len() < 3 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(*diary.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_command_aside_holds_nothing_up() {
        let line = line();
        let slow: Vec<_> = (0..ASIDE_MAX).map(|_| line.put(job(Order::Aside, std::future::pending()))).collect();
        assert_eq!(soon(line.put(job(Order::InTurn, async { json!(1) }))).await, Ok(json!(1)));
        let refused = soon(line.put(job(Order::Aside, std::future::pending()))).await.unwrap_err();
        assert!(matches!(refused, CallError::Failed(ApiError { code: ErrorCode::Refused, .. })));
        drop(slow);
    }

    #[tokio::test]
    async fn what_is_aside_when_the_line_ends_is_told_so() {
        let line = line();
        let answer = line.put(job(Order::Aside, std::future::pending()));
        soon(line.put(job(Order::InTurn, async { json!(1) }))).await.unwrap();
        drop(line);
        assert_eq!(soon(answer).await, Err(closed()));
    }

    #[tokio::test]
    async fn a_panic_in_a_command_is_answered_and_the_next_runs() {
        let line = line();
        for order in [Order::InTurn, Order::Pipelined, Order::Aside] {
            let broken = soon(line.put(job(order, async { panic!("on purpose") }))).await.unwrap_err();
            assert!(matches!(broken, CallError::Failed(ApiError { code: ErrorCode::Internal, .. })), "{order:?}");
            assert_eq!(soon(line.put(job(Order::InTurn, async { json!(1) }))).await, Ok(json!(1)));
        }
    }
}
