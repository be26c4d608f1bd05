// @ts-check
import { h, icon } from "./element.js";
import { hue, initials } from "./logic/face.js";

/**
 * A coloured disc with initials. Decoration: the name always stands beside it.
 * @param {string} id what the colour belongs to
 * @param {string} name
 * @param {{online?: boolean, square?: boolean}} [look]
 */
export function avatar(id, name, look = {}) {
  const letters = initials(name);
  return h(
    "span",
    {
      class: ["avatar", look.square && "avatar-square"].filter(Boolean).join(" "),
      "aria-hidden": "true",
      data: { hue: hue(id), online: look.online },
    },
    letters === "" ? icon("person") : letters,
  );
}
