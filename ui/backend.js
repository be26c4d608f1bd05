// @ts-check
/** @import {Commands, Events} from "./types.js" */
import { say } from "./locale.js";

/**
 * The page's only way to the device it runs on. Nothing else in the page touches Tauri.
 */

/** Why a command failed: a code to decide by, and one sentence that says what to do, to be shown as it is. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {boolean} [local] whether the sentence is the page's own, in the person's language; all others are English
   */
  constructor(code, message, local = false) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.local = local;
  }

  /**
   * Whatever was thrown, as an ApiError: commands answer `{code, message}`, the bridge itself with a bare string.
   * @param {unknown} thrown
   * @returns {ApiError}
   */
  static from(thrown) {
    if (thrown instanceof ApiError) return thrown;
    if (typeof thrown === "object" && thrown !== null && "message" in thrown) {
      const code = "code" in thrown && typeof thrown.code === "string" ? thrown.code : "internal";
      return new ApiError(code, String(thrown.message));
    }
    return new ApiError("internal", String(thrown));
  }
}

/** Whether the page runs inside the app at all. */
export function present() {
  return window.__TAURI__ !== undefined;
}

function bridge() {
  if (!window.__TAURI__) throw new ApiError("internal", say("app.absent"), true);
  return window.__TAURI__;
}

/**
 * Calls a command.
 * @template {keyof Commands} C
 * @param {C} command
 * @param {Commands[C]["takes"]} [params]
 * @returns {Promise<Commands[C]["gives"]>}
 * @throws {ApiError}
 */
export async function call(command, params) {
  try {
    return /** @type {Commands[C]["gives"]} */ (await bridge().core.invoke(command, params ?? {}));
  } catch (thrown) {
    throw ApiError.from(thrown);
  }
}

/**
 * Listens to an event; resolves once the listener is in place, so that what is pulled afterwards misses nothing.
 * @template {keyof Events} E
 * @param {E} event
 * @param {(payload: Events[E]) => void} handler
 * @returns {Promise<() => void>} stops listening
 * @throws {ApiError}
 */
export async function on(event, handler) {
  try {
    return await bridge().event.listen(event.replaceAll("_", "-"), ({ payload }) => {
      handler(/** @type {Events[E]} */ (payload));
    });
  } catch (thrown) {
    throw ApiError.from(thrown);
  }
}
