// @ts-check
import { h, hidden, icon } from "./element.js";
import { say } from "./locale.js";

/** The two buttons that float over a conversation: up to what nobody saw yet, and down to the newest. */
export class LogJumps {
  up = h("div", { class: "log-jump log-jump-up" });
  down = h("div", { class: "log-jump" });
  #goUp;
  #goDown;

  /**
   * @param {() => void} goUp
   * @param {() => void} goDown
   */
  constructor(goUp, goDown) {
    this.#goUp = goUp;
    this.#goDown = goDown;
  }

  /**
   * @param {{above: number, below: number, away: boolean}} view how many unseen messages are above and below what is on
   *   screen; `away`: that is not the end
   */
  show({ above, below, away }) {
    const up = above > 0 ? say("room.above", { count: above }) : "";
    put(this.up, up, () => jump("jump-unread", up, [icon("down"), up], this.#goUp));
    const down = !away ? "" : below > 0 ? say("room.newest.count", { count: below }) : say("room.newest");
    put(this.down, down, () =>
      jump("jump-newest", down, [icon("down"), below > 0 ? down : hidden(down)], this.#goDown),
    );
  }
}

/**
 * @param {HTMLElement} slot
 * @param {string} label empty for none
 * @param {() => HTMLElement} make
 */
function put(slot, label, make) {
  if ((slot.dataset.label ?? "") === label) return;
  slot.dataset.label = label;
  const focused = slot.contains(document.activeElement);
  const made = label === "" ? [] : [make()];
  slot.replaceChildren(...made);
  if (focused) made[0]?.focus({ preventScroll: true });
}

/**
 * @param {string} testid
 * @param {string} label
 * @param {(Node | string)[]} content
 * @param {() => void} click
 */
function jump(testid, label, content, click) {
  return h("button", { type: "button", class: "jump-button", testid, title: label, on: { click } }, ...content);
}
