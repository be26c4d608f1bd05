// @ts-check
import { ApiError } from "./backend.js";
import { h, icon } from "./element.js";
import { language } from "./locale.js";

/**
 * The sentence of an error. The engine writes English, whatever the page around it speaks.
 * @param {ApiError} error
 */
export function errorText({ code, message, local }) {
  const lang = local ? language() : "en";
  return h("span", { testid: "error", data: { code }, lang, dir: "auto" }, message);
}

/** The place beside a control where its failure is told: a live region, empty while all is well. */
export class FailureLine extends HTMLElement {
  /** @type {string | null} what is shown, for what can be offered against it */
  code = null;

  connectedCallback() {
    this.setAttribute("role", "alert");
  }

  /**
   * @param {unknown} thrown
   * @param {Remedy | null} [remedy]
   */
  show(thrown, remedy) {
    const error = ApiError.from(thrown);
    const focused = this.contains(document.activeElement);
    this.code = error.code;
    this.replaceChildren(h("p", { class: "failure" }, icon("alert"), errorText(error)));
    if (!remedy) return;
    const { label, run, testid } = remedy;
    const button = h("button", { type: "button", class: "button button-small", testid }, label);
    button.addEventListener("click", () => run(button));
    this.append(button);
    if (focused) button.focus();
  }

  clear() {
    this.code = null;
    this.replaceChildren();
  }

  /**
   * Runs what a control does: tells why when it fails, and keeps the control from being used twice meanwhile.
   * @template T
   * @param {HTMLButtonElement | null} control
   * @param {() => Promise<T>} action
   * @param {(error: ApiError) => Remedy | null} [remedy]
   * @returns {Promise<T | undefined>} undefined when it failed
   */
  async during(control, action, remedy) {
    if (control?.getAttribute("aria-disabled") === "true") return undefined;
    // A remedy stays in sight while it is tried.
    if (!this.contains(control)) this.clear();
    // Not `disabled`: that would throw the keyboard's focus away.
    control?.setAttribute("aria-disabled", "true");
    control?.setAttribute("aria-busy", "true");
    try {
      const result = await action();
      this.clear();
      return result;
    } catch (thrown) {
      this.show(thrown, remedy?.(ApiError.from(thrown)));
      return undefined;
    } finally {
      control?.removeAttribute("aria-disabled");
      control?.removeAttribute("aria-busy");
    }
  }
}

customElements.define("failure-line", FailureLine);

/**
 * What can be done against a failure.
 * @typedef {{label: string, run: (button: HTMLButtonElement) => unknown, testid?: string}} Remedy
 */
