use lanline_protocol::replica::Random;

/// The system's random numbers.
#[derive(Debug)]
pub(super) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Nothing that is predictable may be used as a key; the core's thread ends as after any panic.
            tracing::error!(%error, "the system gives no random numbers");
            std::panic::resume_unwind(Box::new("the system gives no random numbers"));
        }
    }
}
