// @ts-check
/** @import {Standing} from "./logic/nearby.js" */
/** @import {Offer} from "./nearby-row.js" */
/** @import {Session} from "./session.js" */
/** @import {NearbyDevice} from "./types.js" */
import { ApiError, call } from "./backend.js";
import { say } from "./locale.js";
import { whyNot } from "./why-not.js";

/** How many addresses of one device are tried, one after the other. */
const TRIED = 3;

/**
 * What to do about a device that was found: connect to it, or join it by the code that it shows.
 * @param {Session} session
 * @param {(found: NearbyDevice) => void} join
 * @returns {(found: NearbyDevice, standing: Standing) => Offer[]}
 */
export function nearbyOffers(session, join) {
  return (found, standing) => {
    if (standing === "blocked" || standing === "connected") return [];
    const connecting = {
      testid: "nearby-connect",
      label: say("device.connect.submit"),
      run: (/** @type {HTMLButtonElement} */ control, /** @type {import("./failure.js").FailureLine} */ failure) =>
        failure.during(
          control,
          async () => {
            await connect(found);
            await session.pullPeers();
          },
          (error) => whyNot(error, found.addresses[0]),
        ),
    };
    if (standing === "known") return [connecting];
    const joining = { testid: "nearby-join", label: say("nearby.join"), run: () => join(found) };
    // It may be one of a room of both that cannot be recognised yet; without a room there is none.
    return session.rooms.length > 0 ? [connecting, joining] : [joining];
  };
}

/**
 * Connects to it, and to nobody else where it is known who it is; else by the first of its addresses where something
 * answers.
 * @param {NearbyDevice} found
 */
async function connect({ device_id, addresses }) {
  if (device_id) return call("connect", { device_id });
  for (const [at, address] of addresses.slice(0, TRIED).entries()) {
    try {
      return await call("connect", { address });
    } catch (thrown) {
      const last = at + 1 >= Math.min(addresses.length, TRIED);
      if (last || ApiError.from(thrown).code !== "unreachable") throw thrown;
    }
  }
  return null;
}
