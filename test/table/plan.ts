// A plan as an ordinary host has it, for the tests of the rule set.
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { prefix } from "../support/prefix.ts";

export const ordinaryPlan: RulesetPlan = {
  enforce: true,
  holdTcp: true,
  holdUdp: true,
  grace: false,
  watchedTcp: [{ first: 1, last: 65_535 }],
  watchedUdp: [
    { first: 1, last: 32_767 },
    { first: 61_000, last: 61_000 },
  ],
  toleratedTcp: [
    { first: 80, last: 80 },
    { first: 443, last: 443 },
  ],
  toleratedUdp: [{ first: 33_434, last: 33_534 }],
  publicTcp: [
    { first: 25, last: 25 },
    { first: 80, last: 80 },
    { first: 443, last: 443 },
  ],
  publicUdp: [{ first: 53, last: 53 }],
  ignored: ["192.0.2.0/24", "2001:db8:1::/48"].map(prefix),
  guarded: ["198.51.100.254", "2001:db8:a::fe"].map(prefix),
  near: ["2001:db8:a::/64"].map(prefix),
  nearIpv4: ["198.51.100.0/24"].map(prefix),
  seesWayBack: true,
  latelyOpenSeconds: 3_600,
  ephemeral: { first: 32_768, last: 60_999 },
};

/** Every kind of plan that settings and the moment can make. */
export const planVariants: Readonly<Record<string, RulesetPlan>> = {
  ordinary: ordinaryPlan,
  "log only": { ...ordinaryPlan, holdTcp: false, holdUdp: false },
  "TCP held, UDP not": { ...ordinaryPlan, holdUdp: false },
  "UDP held, TCP not": { ...ordinaryPlan, holdTcp: false },
  "first contacts greylisted": { ...ordinaryPlan, greylist: { earliestMs: 800 } },
  "what is sent is watched": { ...ordinaryPlan, outgoing: { limits: false } },
  "what is sent is limited": { ...ordinaryPlan, outgoing: { limits: true } },
  "no look-up of the way back in the hook forward": { ...ordinaryPlan, seesWayBack: false },
  "in the grace after boot": { ...ordinaryPlan, grace: true },
  "no firewall": { ...ordinaryPlan, enforce: false, holdTcp: false, holdUdp: false },
  "named interfaces and the loopback": { ...ordinaryPlan, interfaces: ["link0", "lo"] },
  "every interface, and -v": { ...ordinaryPlan, interfaces: ["ALL"], tellsIgnored: true },
  "served ports count": { ...ordinaryPlan, countsServed: true },
  "hosts behind it": {
    ...ordinaryPlan,
    protected: ["203.0.113.0/24", "2001:db8:b::/48"].map(prefix),
    interfaces: ["link0"],
  },
  "hosts behind it, first contacts greylisted": {
    ...ordinaryPlan,
    protected: ["203.0.113.0/24", "2001:db8:b::/48"].map(prefix),
    greylist: { earliestMs: 800 },
  },
  "hosts behind it, log only": {
    ...ordinaryPlan,
    protected: ["203.0.113.0/24"].map(prefix),
    holdTcp: false,
    holdUdp: false,
  },
  "hosts behind it, no firewall": {
    ...ordinaryPlan,
    protected: ["203.0.113.0/24"].map(prefix),
    enforce: false,
    holdTcp: false,
    holdUdp: false,
  },
  "hosts behind it, in the grace after boot": {
    ...ordinaryPlan,
    protected: ["203.0.113.0/24"].map(prefix),
    grace: true,
  },
  "nothing listed": {
    ...ordinaryPlan,
    watchedTcp: [],
    watchedUdp: [],
    toleratedTcp: [],
    toleratedUdp: [],
    publicTcp: [],
    publicUdp: [],
    ignored: [],
    guarded: [],
    near: [],
    nearIpv4: [],
  },
};
