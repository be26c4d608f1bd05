// @ts-check
/** @import {Session} from "../session.js" */
import { call } from "../backend.js";
import { h } from "../element.js";
import { FailureLine } from "../failure.js";
import { say, tell } from "../locale.js";
import { called } from "../logic/face.js";
import { field, openDialog } from "./dialog.js";

/**
 * What a device is called on this one.
 * @param {Session} session
 * @param {string} device
 */
export function openRename(session, device) {
  const known = session.device(device);
  const own = known?.own_name ?? known?.name ?? "";
  const input = h("input", { type: "text", testid: "rename-input", autocomplete: "off", dir: "auto", autofocus: true });
  input.value = known?.name ?? "";
  const submit = h(
    "button",
    { type: "submit", class: "button button-primary", testid: "rename-submit" },
    say("action.save"),
  );
  const failure = new FailureLine();
  const form = h(
    "form",
    {},
    field(input, say("device.name"), say("devices.rename.help")),
    failure,
    h("div", { class: "dialog-actions" }, submit),
  );
  const { close } = openDialog(
    { testid: "rename-dialog", title: tell("devices.rename.title", { name: called(own, device) }) },
    form,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = input.value.trim();
    const done = await failure.during(submit, async () => {
      await call("set_device", { device_id: device, name: name === own ? "" : name });
      await session.pullDevices();
      return true;
    });
    if (done) close();
  });
}
