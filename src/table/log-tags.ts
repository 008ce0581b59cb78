// The first letter of a log prefix, which the kernel hands on with each packet that a rule has logged: what the rule had decided.
import { Disposition } from "../detect/probe.ts";
import { logPrefixes } from "./log-rules.ts";

/** No probe, but an answer of ours to a source that a command was to shut out. */
export const THROUGH_TAG = logPrefixes.through.charCodeAt(0);

/** SYNs to served ports that greylist.ts has met with silence, and their repetitions, which are served or have to wait: evidence of nothing. */
export const FIRST_CONTACT_TAG = logPrefixes.firstContact.charCodeAt(0);
export const REPEATED_TAG = logPrefixes.repeated.charCodeAt(0);
export const WAITING_TAG = logPrefixes.waiting.charCodeAt(0);

/** Of a source that is fully blocked: dropped whatever it is, and evidence of nothing. */
export const BLOCKED_TAG = logPrefixes.blocked.charCodeAt(0);

const CLOSED_TAG = logPrefixes.closed.charCodeAt(0);
const EXCUSED_TAG = logPrefixes.excused.charCodeAt(0);

/** The logged packet is the answer of a protected host, and the probe what it answers. */
export function isRefusal(tag: number): boolean {
  return tag === CLOSED_TAG || tag === EXCUSED_TAG;
}
/** What this host or a container asks of others, and what came of it (outgoing.ts). */
export const ASKS_TAG = logPrefixes.asks.charCodeAt(0);
export const MADE_TAG = logPrefixes.made.charCodeAt(0);
export const UPSHOT_TAG = logPrefixes.upshot.charCodeAt(0);

/** By tag; undefined: a rule that is not ours logs to our group. */
const dispositions: readonly (Disposition | undefined)[] = (() => {
  const byTag: (Disposition | undefined)[] = new Array(256).fill(undefined);
  const pairs: readonly (readonly [string, Disposition])[] = [
    [logPrefixes.probe, Disposition.Probe],
    [logPrefixes.held, Disposition.Held],
    [logPrefixes.quiet, Disposition.Quiet],
    [logPrefixes.stray, Disposition.Stray],
    [logPrefixes.other, Disposition.Other],
    [logPrefixes.delegated, Disposition.Delegated],
    [logPrefixes.guarded, Disposition.Guarded],
    [logPrefixes.local, Disposition.Probe],
    [logPrefixes.ignored, Disposition.Probe],
    [logPrefixes.closed, Disposition.Probe],
    [logPrefixes.excused, Disposition.Quiet],
  ];
  for (const [prefix, disposition] of pairs) byTag[prefix.charCodeAt(0)] = disposition;
  return byTag;
})();

/** undefined: no rule of ours logs with this tag. */
export function dispositionOf(tag: number): Disposition | undefined {
  return dispositions[tag];
}
