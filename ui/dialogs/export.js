// @ts-check
import { ApiError, call } from "../backend.js";
import { h } from "../element.js";
import { FailureLine } from "../failure.js";
import { say } from "../locale.js";
import { field, openDialog } from "./dialog.js";

/** Below this many characters a person is told that it is few. */
const SHORT = 12;

/**
 * The path of a file on this computer. The page has no way to look at its disks.
 * @param {string} testid
 */
export function pathInput(testid) {
  return h("input", {
    type: "text",
    class: "mono",
    testid,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "ltr",
    placeholder: say("export.path.placeholder"),
  });
}

/**
 * @param {string} testid
 * @param {"new-password" | "current-password"} autocomplete
 */
export function passphraseInput(testid, autocomplete) {
  return h("input", { type: "password", testid, autocomplete });
}

/** Writes this device to an encrypted file. */
export function openExport() {
  const path = pathInput("export-path");
  path.autofocus = true;
  const passphrase = passphraseInput("export-passphrase", "new-password");
  const again = passphraseInput("export-again", "new-password");
  const short = h("p", { class: "quiet small", role: "status", testid: "export-short" });
  const done = h("p", { role: "status", testid: "export-done" });
  const submit = h(
    "button",
    { type: "submit", class: "button button-primary", testid: "export-submit" },
    say("export.submit"),
  );
  const failure = new FailureLine();
  const form = h(
    "form",
    { class: "dialog-stack", novalidate: true },
    h("p", { class: "quiet" }, say("export.lead")),
    field(path, say("export.path"), say("export.path.help")),
    field(passphrase, say("export.passphrase"), say("export.passphrase.help")),
    short,
    field(again, say("export.again")),
    failure,
    done,
    h("div", { class: "dialog-actions" }, submit),
  );
  const clear = () => {
    passphrase.value = "";
    again.value = "";
    short.textContent = "";
  };
  openDialog({ testid: "export-dialog", title: [say("export.title")], onClose: clear }, form);
  passphrase.addEventListener("change", () => {
    const count = [...passphrase.value].length;
    short.textContent = count > 0 && count < SHORT ? say("export.short") : "";
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    done.textContent = "";
    await failure.during(submit, async () => {
      if (passphrase.value !== again.value) throw new ApiError("invalid_argument", say("export.differs"), true);
      const file = path.value.trim();
      await call("export_identity", { path: file, passphrase: passphrase.value });
      clear();
      done.textContent = say("export.done", { path: file });
    });
  });
}
