// @ts-check

/**
 * Turns many requests into few runs: at most one run at a time, at most one every `interval` ms, and always one that
 * begins after the last request, so what it pulls is never older than the event that asked for it.
 *
 * @param {() => Promise<void>} run
 * @param {number} [interval] ms between the beginnings of two runs
 * @param {{now: () => number, wait: (ms: number) => Promise<void>}} [clock]
 * @returns {() => Promise<void>} asks for a run; settles as the run that answers this request does
 */
export function coalesce(run, interval = 100, clock = wallClock) {
  /** @type {Promise<void> | null} */
  let waiting = null;
  /** @type {Promise<void>} */
  let running = Promise.resolve();
  let last = -Infinity;

  return () => {
    if (waiting) return waiting;
    waiting = (async () => {
      await running;
      const rest = last + interval - clock.now();
      if (rest > 0) await clock.wait(rest);
      waiting = null;
      last = clock.now();
      const result = run();
      running = result.catch(() => {});
      await result;
    })();
    return waiting;
  };
}

const wallClock = {
  // Not the time of day, which may be set back.
  now: () => performance.now(),
  /** @param {number} ms */
  wait: (ms) => new Promise((/** @type {(value: void) => void} */ done) => setTimeout(done, ms)),
};
