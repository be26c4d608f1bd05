// @ts-check
import { h } from "../element.js";
import { FailureLine } from "../failure.js";
import { say } from "../locale.js";
import { openDialog } from "./dialog.js";

/**
 * Asks before something that cannot be undone, and does it; a failure is told in the dialog, which then stays.
 *
 * @param {{
 *   title: Node[],
 *   text: (Node | string)[][],
 *   action: string,
 *   takes?: boolean,
 *   run: () => Promise<void>,
 *   done?: () => void,
 * }} question `takes`: whether it takes something from somebody, and so is shown as a danger; it does where not told
 */
export function openConfirm({ title, text, action, takes = true, run, done }) {
  const failure = new FailureLine();
  const look = takes ? "button button-danger" : "button button-primary";
  const confirm = h("button", { type: "button", class: look, testid: "confirm" }, action);
  const cancel = h(
    "button",
    { type: "button", class: "button", testid: "cancel", autofocus: true },
    say("action.cancel"),
  );
  const { close } = openDialog(
    { testid: "confirm-dialog", title },
    ...text.map((paragraph) => h("p", {}, ...paragraph)),
    failure,
    h("div", { class: "dialog-actions" }, cancel, confirm),
  );
  cancel.addEventListener("click", close);
  confirm.addEventListener("click", async () => {
    const ok = await failure.during(confirm, async () => {
      await run();
      return true;
    });
    if (!ok) return;
    close();
    done?.();
  });
}
