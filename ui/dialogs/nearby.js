// @ts-check
/** @import {Session} from "../session.js" */
import { h } from "../element.js";
import { say } from "../locale.js";
import { NearbyList } from "../nearby-list.js";
import { nearbyOffers } from "../nearby-offers.js";
import { VisibleSwitch } from "../visible-switch.js";
import { openDialog } from "./dialog.js";
import { openJoin } from "./join.js";

/**
 * The devices that are found nearby now.
 * @param {Session} session
 */
export function openNearby(session) {
  const offers = nearbyOffers(session, (found) => {
    // What is joined opens: nothing is to lie over it then.
    close();
    openJoin(session, found);
  });
  const list = new NearbyList(session, { offers });
  const visible = new VisibleSwitch(session);
  const lead = h("p", { class: "quiet small" }, say("nearby.lead"));
  list.addEventListener("off", () => [lead, visible].forEach((part) => part.remove()));
  const { close } = openDialog(
    { testid: "nearby-dialog", title: [say("nearby.title")], wide: true },
    lead,
    list,
    visible,
  );
  void session.pullStatus();
}
