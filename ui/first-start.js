// @ts-check
/** @import {Status} from "./types.js" */
import { call } from "./backend.js";
import { field } from "./dialogs/dialog.js";
import { passphraseInput, pathInput } from "./dialogs/export.js";
import { h, icon } from "./element.js";
import { FailureLine } from "./failure.js";
import { say } from "./locale.js";

/**
 * The first page a person ever sees: asks for a name, or for a device that was exported.
 * @param {Status} status
 * @param {HTMLElement} notice what else waits for the person
 * @param {() => Promise<void>} done
 */
export function firstStart(status, notice, done) {
  const name = h("input", { type: "text", testid: "name-input", autocomplete: "off", autofocus: true, dir: "auto" });
  name.value = status.default_name;
  const save = h("button", { type: "submit", class: "button button-primary", testid: "name-save" }, say("first.save"));
  const failure = new FailureLine();
  const form = h(
    "form",
    { class: "first-form", novalidate: true },
    field(name, say("first.name"), say("first.name.help")),
    failure,
    save,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await failure.during(save, async () => {
      await call("set_profile", { name: name.value.trim() });
      await done();
    });
  });
  return h(
    "div",
    { class: "full-page", testid: "first-start" },
    h("span", { class: "brand" }, icon("brand")),
    h("h1", {}, say("first.title")),
    h("p", { class: "quiet" }, say("first.lead")),
    notice,
    form,
    moved(done),
  );
}

/**
 * For whoever has this device already, on another computer. Closed until it is asked for.
 * @param {() => Promise<void>} done
 */
function moved(done) {
  const path = pathInput("import-path");
  const passphrase = passphraseInput("import-passphrase", "current-password");
  const submit = h("button", { type: "submit", class: "button", testid: "import-submit" }, say("import.submit"));
  const failure = new FailureLine();
  const form = h(
    "form",
    { class: "first-form", novalidate: true },
    field(path, say("import.path"), say("import.help")),
    field(passphrase, say("export.passphrase")),
    failure,
    submit,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await failure.during(submit, async () => {
      await call("import_identity", { path: path.value.trim(), passphrase: passphrase.value });
      passphrase.value = "";
      await done();
    });
  });
  return h("details", { class: "first-import" }, h("summary", { testid: "import-open" }, say("import.open")), form);
}
