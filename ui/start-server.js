// @ts-check
/** @import {FailureLine} from "./failure.js" */
/** @import {Session} from "./session.js" */
import { announce } from "./announcer.js";
import { call } from "./backend.js";
import { say } from "./locale.js";

/**
 * Starts this device's server. Where its port is taken, any other free one is offered beside the failure.
 * @param {Session} session
 * @param {FailureLine} failure
 * @param {HTMLButtonElement} button
 * @param {string} testid of that offer
 * @param {number} [port]
 */
export async function startServer(session, failure, button, testid, port) {
  await failure.during(
    button,
    async () => {
      await call("start_server", port === undefined ? {} : { port });
      await session.pullStatus();
      announce(say("server.running"));
    },
    ({ code }) =>
      code === "port_in_use" && port === undefined
        ? {
            label: say("server.start.any"),
            testid,
            run: (other) => startServer(session, failure, other, testid, 0),
          }
        : null,
  );
}
