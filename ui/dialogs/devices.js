// @ts-check
/** @import {Session} from "../session.js" */
import { h } from "../element.js";
import { KeptRows } from "../kept-rows.js";
import { say } from "../locale.js";
import { knownRow } from "../known-row.js";
import { openDialog } from "./dialog.js";

/**
 * The devices that this one has met.
 * @param {Session} session
 */
export function openDevices(session) {
  const list = h("ul", { class: "people" });
  const rows = new KeptRows(list);
  const none = h("p", { class: "quiet" }, say("devices.none"));
  const show = () => {
    const { devices, writable } = session;
    none.hidden = devices.length > 0;
    rows.show(
      devices.map((known) => ({
        device: known.device_id,
        shows: [known, session.isConnected(known.device_id), writable],
        draw: (failure) => knownRow(session, known, failure),
      })),
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
