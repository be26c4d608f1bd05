// @ts-check

/**
 * Times as people read them. All times are ms since the Unix epoch, shown in the device's time zone.
 */

const DAY_MS = 24 * 60 * 60 * 1000;

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * Building a format costs far more than using one.
 * @param {string} lang
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(lang, options) {
  const key = lang + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(lang, options);
    formats.set(key, made);
  }
  return made;
}

/**
 * @param {number} at
 * @returns {number} midnight before `at`
 */
function dayStart(at) {
  return new Date(at).setHours(0, 0, 0, 0);
}

/**
 * @param {number} a
 * @param {number} b
 */
export function sameDay(a, b) {
  return dayStart(a) === dayStart(b);
}

/**
 * How many calendar days `at` lies before `now`; negative in the future.
 * @param {number} at
 * @param {number} now
 */
export function daysAgo(at, now) {
  // Rounded, since a day with a change of clocks is 23 or 25 hours long.
  return Math.round((dayStart(now) - dayStart(at)) / DAY_MS);
}

/**
 * @param {number} at
 * @param {string} lang
 */
export function timeOfDay(at, lang) {
  return format(lang, { hour: "numeric", minute: "2-digit" }).format(at);
}

/** The last moment that there is a date for (ECMA-262, 21.4.1.1). */
const LAST = 8.64e15;

/**
 * @param {number} at what lies beyond all dates, as a link may say, is the last of them
 * @param {string} lang
 */
export function dateAndTime(at, lang) {
  return format(lang, { dateStyle: "medium", timeStyle: "short" }).format(Math.min(at, LAST));
}

/**
 * A day's heading: "today", "yesterday", the weekday within a week, else the date.
 * @param {number} at
 * @param {number} now
 * @param {string} lang
 */
export function dayLabel(at, now, lang) {
  const days = daysAgo(at, now);
  if (days === 0 || days === 1) {
    const word = new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(-days, "day");
    return word.charAt(0).toLocaleUpperCase(lang) + word.slice(1);
  }
  if (days > 1 && days < 7) return format(lang, { weekday: "long" }).format(at);
  const year = new Date(at).getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
  return format(lang, { weekday: "short", day: "numeric", month: "long", year }).format(at);
}

/**
 * As short as a list has room for: the time today, else the day.
 * @param {number} at
 * @param {number} now
 * @param {string} lang
 */
export function listTime(at, now, lang) {
  const days = daysAgo(at, now);
  if (days === 0) return timeOfDay(at, lang);
  if (days > 0 && days < 7) return format(lang, { weekday: "short" }).format(at);
  return format(lang, { day: "numeric", month: "numeric", year: "2-digit" }).format(at);
}

/**
 * How long ago something was, as coarse as people say it: now, some tens of seconds, minutes, hours.
 * @param {number} at
 * @param {number} now
 * @param {string} lang
 */
export function ago(at, now, lang) {
  const seconds = Math.max(0, (now - at) / 1000);
  const told = agoFormat(lang);
  if (seconds < 5) return told.format(0, "second");
  if (seconds < 55) return told.format(-Math.max(10, Math.round(seconds / 10) * 10), "second");
  if (seconds < 3570) return told.format(-Math.max(1, Math.round(seconds / 60)), "minute");
  return told.format(-Math.round(seconds / 3600), "hour");
}

/** @type {Map<string, Intl.RelativeTimeFormat>} */
const agoFormats = new Map();

/** @param {string} lang */
function agoFormat(lang) {
  let made = agoFormats.get(lang);
  if (!made) {
    made = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
    agoFormats.set(lang, made);
  }
  return made;
}
