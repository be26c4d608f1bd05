// @ts-check

/** Without a scroll event for so long, the page stands still; it is waited for so long at most. */
const STILL_MS = 100;
const PATIENCE_MS = 1500;

/** Knows when something that is scrolled stands still: an engine in the middle of a smooth scroll overrides where it is put. */
export class Stillness {
  #movedAt = 0;

  moved() {
    this.#movedAt = performance.now();
  }

  async wait() {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < Math.min(deadline, this.#movedAt + STILL_MS)) {
      await new Promise((done) => setTimeout(done, STILL_MS / 4));
    }
  }
}
