/** Messages as the backend gives them, for the tests of this folder. */

/**
 * @param {string} id
 * @param {object} [fields]
 */
export function message(id, fields = {}) {
  return {
    id,
    room: "room",
    author: "bob",
    author_name: "Bob",
    sent_at: Number(id),
    kind: "text",
    text: `text ${id}`,
    status: "queued",
    stored_by: 0,
    delivered_to: 0,
    read_by: 0,
    ...fields,
  };
}

/**
 * @param {number} from
 * @param {number} to inclusive
 */
export function messages(from, to) {
  return Array.from({ length: to - from + 1 }, (_, at) => message(String(from + at)));
}
