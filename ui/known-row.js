// @ts-check
/** @import {Session} from "./session.js" */
/** @import {KnownDevice} from "./types.js" */
import { avatar } from "./avatar.js";
import { call } from "./backend.js";
import { openConfirm } from "./dialogs/confirm.js";
import { openRename } from "./dialogs/rename.js";
import { h, icon, named } from "./element.js";
import { FailureLine } from "./failure.js";
import { language, say, tell } from "./locale.js";
import { dateAndTime } from "./logic/clock.js";
import { SHORT_ID, called } from "./logic/face.js";

/**
 * One device that this one has met: how sure it is who that is, and what can be done about it.
 * @param {Session} session
 * @param {KnownDevice} known
 * @param {FailureLine} failure where it is told why something failed
 */
export function knownRow(session, known, failure) {
  const { device_id: device, own_name, blocked, last_address } = known;
  const name = called(known.name, device);
  const online = session.isConnected(device);
  return h(
    "li",
    {
      class: "person known",
      testid: "known-device",
      data: { device, online, verified: known.verified ?? "no", blocked },
    },
    avatar(device, name, { online }),
    h(
      "div",
      { class: "person-text" },
      h(
        "p",
        { class: "person-name" },
        named(name),
        blocked ? h("span", { class: "tag tag-danger", testid: "known-blocked" }, say("devices.blocked")) : null,
      ),
      h(
        "p",
        { class: "person-facts quiet small" },
        h("span", {}, presence(known, online)),
        h("span", { class: "mono", dir: "ltr", title: device }, device.slice(0, SHORT_ID)),
        last_address ? h("span", { class: "mono breakable", dir: "ltr" }, last_address) : null,
      ),
      own_name ? h("p", { class: "quiet small" }, ...tell("devices.own", { name: own_name })) : null,
      // Who is blocked is not compared with.
      known.verified || !blocked ? verification(known) : null,
      blocked ? h("p", { class: "known-help small" }, say("devices.blocked.help")) : null,
    ),
    session.writable ? h("div", { class: "known-choices" }, ...choices(session, known, name, online, failure)) : null,
    failure,
  );
}

/** @param {KnownDevice} known */
function verification({ verified, verified_at }) {
  const words =
    verified && verified_at
      ? say(`devices.verified.${verified}`, { at: dateAndTime(verified_at, language()) })
      : say("devices.verified.no");
  return h(
    "p",
    { class: `verification small ${verified ? "verification-yes" : "quiet"}`, testid: "known-verified" },
    icon(verified ? "check" : "info"),
    h("span", {}, words),
  );
}

/**
 * @param {KnownDevice} known
 * @param {boolean} online
 */
function presence({ last_seen_at }, online) {
  if (online) return say("people.state.online");
  return say("people.state.seen", { at: dateAndTime(last_seen_at, language()) });
}

/**
 * @param {Session} session
 * @param {KnownDevice} known
 * @param {string} name
 * @param {boolean} online
 * @param {FailureLine} failure
 */
function choices(session, { device_id, blocked }, name, online, failure) {
  const make = button(name, device_id);
  const set = (/** @type {boolean} */ to) => async () => {
    await call("set_device", { device_id, blocked: to });
    await session.pullDevices();
  };
  const compare = make("known-compare", say("devices.compare"), (control) => {
    void failure.during(control, async () => session.compare(device_id, await call("compare", { device_id })));
  });
  return [
    online && !blocked ? compare : null,
    make("known-rename", say("devices.rename"), () => openRename(session, device_id)),
    blocked
      ? make("known-unblock", say("devices.unblock"), (control) => void failure.during(control, set(false)))
      : make("known-block", say("devices.block"), () =>
          openConfirm({
            title: tell("devices.block.title", { name }),
            text: [[say("devices.blocked.help")], [say("devices.block.text")]],
            action: say("devices.block.submit"),
            run: set(true),
          }),
        ),
    make("known-forget", say("devices.forget"), () =>
      openConfirm({
        title: tell("devices.forget.title", { name }),
        text: [[say("devices.forget.text")]],
        action: say("devices.forget.submit"),
        run: async () => {
          await call("forget_device", { device_id });
          await session.pullDevices();
        },
      }),
    ),
  ].filter((control) => control instanceof HTMLElement);
}

/**
 * @param {string} name
 * @param {string} device
 */
function button(name, device) {
  /**
   * @param {string} testid
   * @param {string} label
   * @param {(control: HTMLButtonElement) => void} click
   */
  return (testid, label, click) => {
    const control = h(
      "button",
      {
        type: "button",
        class: "button button-small",
        testid,
        "aria-label": say("people.about", { label, name }),
        data: { device },
      },
      label,
    );
    control.addEventListener("click", () => click(control));
    return control;
  };
}
