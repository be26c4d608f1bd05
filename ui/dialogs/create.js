// @ts-check
/** @import {Session} from "../session.js" */
import { call } from "../backend.js";
import { h } from "../element.js";
import { FailureLine } from "../failure.js";
import { say } from "../locale.js";
import { field, openDialog } from "./dialog.js";

/** @param {Session} session */
export function openCreate(session) {
  const name = h("input", {
    type: "text",
    testid: "room-name-input",
    autofocus: true,
    autocomplete: "off",
    required: true,
    dir: "auto",
  });
  const submit = h(
    "button",
    { type: "submit", class: "button button-primary", testid: "room-create" },
    say("create.submit"),
  );
  const failure = new FailureLine();
  const form = h(
    "form",
    { novalidate: true },
    field(name, say("create.name")),
    failure,
    h("div", { class: "dialog-actions" }, submit),
  );
  const { dialog, close } = openDialog({ testid: "create-dialog", title: [say("create.title")] }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // The list is pulled while the button still waits: pressed again in between, it would make a second room.
    const made = await failure.during(submit, async () => {
      const { room } = await call("create_room", { name: name.value.trim() });
      await session.pullRooms();
      return room;
    });
    if (made === undefined || !dialog.open) return;
    close();
    session.open(made);
  });
}
