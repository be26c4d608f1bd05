// @ts-check
/** @import {Table} from "../../logic/phrases.js" */

/**
 * Why another device is not found, or not reached.
 * @type {Table}
 */
export default {
  "doctor.why": "Why not?",
  "doctor.title": "Find out why",
  "doctor.lead": "This device looks at itself and at the network, and changes nothing.",
  "doctor.address": "Address of the other device",
  "doctor.address.help": "Empty: this device alone is checked.",
  "doctor.run": "Check",
  "doctor.busy": "Checking… this takes up to half a minute.",
  "doctor.bar": "Being checked",
  "doctor.verdict.fail": { one: "{count} problem found", other: "{count} problems found" },
  "doctor.verdict.warn": {
    one: "No problem found, but {count} thing may be in the way",
    other: "No problem found, but {count} things may be in the way",
  },
  "doctor.verdict.ok": "All that could be checked is as it should be",
  "doctor.verdict.nothing": "Nothing could be checked",
  "doctor.cause": "Most likely why {address} is not reached",
  "doctor.more": "Also found",
  "doctor.checks": { one: "{count} check", other: "{count} checks" },
  "doctor.others": { one: "{count} other check", other: "{count} other checks" },
  "doctor.state.ok": "fine",
  "doctor.state.warn": "may be in the way",
  "doctor.state.fail": "problem",
  "doctor.state.skipped": "not checked",
  "doctor.command.copy": "Copy command",
  "doctor.report.help": "Somebody helps you? The report has all of this, without names of people, rooms or devices.",
  "doctor.report.copy": "Copy report",
  "doctor.check.interface": "Network",
  "doctor.check.server": "Server",
  "doctor.check.port": "Port",
  "doctor.check.local_firewall": "Firewall of this device",
  "doctor.check.remote_firewall": "Firewall of the other device",
  "doctor.check.multicast": "Multicast",
  "doctor.check.isolation": "Devices kept apart by the Wi-Fi",
  "doctor.check.subnet": "Both on one network",
  "doctor.check.vpn": "VPN",
  "doctor.check.captive_portal": "Sign-in page of the network",
  "doctor.check.permission": "Permission to use the network",
  "doctor.check.clock": "Clock",
  "doctor.check.version": "Versions",
};
