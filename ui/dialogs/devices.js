// @ts-check
/** @import {Session} from "../session.js" */
import { h, redraw } from "../element.js";
import { say } from "../locale.js";
import { knownRow } from "../known-row.js";
import { openDialog } from "./dialog.js";

/**
 * The devices that this one has met.
 * @param {Session} session
 */
export function openDevices(session) {
  const list = h("ul", { class: "people" });
  const none = h("p", { class: "quiet" }, say("devices.none"));
  let shown = "";
  const show = () => {
    const { devices, writable } = session;
    const now = JSON.stringify([devices, devices.map(({ device_id }) => session.isConnected(device_id)), writable]);
    if (now === shown) return;
    shown = now;
    none.hidden = devices.length > 0;
    redraw(
      list,
      devices.map((known) => knownRow(session, known)),
    );
  };
  const heard = ["devices", "peers", "status"];
  openDialog(
    {
      testid: "devices-dialog",
      title: [say("devices.title")],
      onClose: () => heard.forEach((what) => session.removeEventListener(what, show)),
    },
    h("p", { class: "quiet small" }, say("devices.lead")),
    none,
    list,
  );
  show();
  heard.forEach((what) => session.addEventListener(what, show));
  void session.pullDevices();
}
