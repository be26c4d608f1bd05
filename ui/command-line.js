// @ts-check
import { copyButton } from "./copy-button.js";
import { h } from "./element.js";
import { say } from "./locale.js";

/**
 * A command for a terminal, to be copied whole: it is broken where the window ends, and nothing is put in there.
 * @param {string} command
 */
export function commandLine(command) {
  return h(
    "div",
    { class: "command-line" },
    h("code", { class: "mono breakable", dir: "ltr", testid: "doctor-command" }, command),
    copyButton(() => command, { label: say("doctor.command.copy"), testid: "doctor-command-copy" }),
  );
}
