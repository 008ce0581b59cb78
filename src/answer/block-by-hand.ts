// `portreeve block`: what is refused, and in which words; what stands already is neither shortened nor loses its reason.

import { printTime } from "../base/clock.ts";
import type { BlockedEntry, BlockRequest, Reply } from "../control/api.ts";
import { MAX_REASON_CHARS } from "../control/requests.ts";
import { readTarget, refuse } from "../control/target.ts";
import type { Daemon } from "../daemon/daemon.ts";
import type { Block } from "../judge/block.ts";
import { describeReason } from "../record/finding-text.ts";
import { formatPrefix, IPV4_MAPPED_BITS, isIpv4, type Prefix, parsePrefix, prefixContains } from "../wire/address.ts";
import { entryOf } from "./entry.ts";

/** Wider ones are more often a slip than meant: 65,536 addresses of IPv4, a provider's IPv6. */
const WIDEST = { ipv4: 16, ipv6: 32 } as const;
/** What a block without a reason is said to be. */
const NO_REASON = "by hand";
/** Entries of the allow list that a refusal names. */
const ENTRIES_NAMED = 5;

export function blockByHand(daemon: Daemon, request: BlockRequest): Reply<BlockedEntry> {
  const parsed = readTarget(request.source);
  if ("refused" in parsed) return parsed;
  const source = parsed.ok;
  const name = formatPrefix(source);
  if (!daemon.inForce.enforces)
    return refuse("no-firewall", 'FIREWALL is "none", so nothing here can block; set FIREWALL to "auto" or "nftables"');
  const isForced = request.force === true;
  const session = ownSessionWithin(source, request);
  if (session !== undefined && !isForced) {
    return refuse(
      "own-session",
      `you are logged in from ${session}: blocking ${name} would end your own session; use --force if you mean it`,
    );
  }
  const spared = daemon.judge.sparesWithin(source);
  if (spared === "own")
    return refuse(
      "own",
      `${name} holds an address of this host, a loopback or a multicast address: it is never blocked`,
    );
  if (spared !== undefined && !isForced) return refuse(spared, sparedMessage(source, spared, daemon));
  if (isTooWide(source) && !isForced)
    return refuse("too-wide", `${name} is wider than a /${widestOf(source)}; use --force if you mean all of it`);
  const standing = daemon.blocker.list.get(source);
  const before = standing?.soft === false && !isForced ? standing : undefined;
  if (before !== undefined && isShorter(request.forMs, before, daemon)) {
    const until = before.untilMs === undefined ? "for ever" : `until ${printTime(daemon.clock, before.untilMs)}`;
    return refuse(
      "longer",
      `${name} is blocked ${until} (${describeReason(before.reason)}); use --force to shorten that block`,
    );
  }
  const reason = joinReasons(request.reason, before === undefined ? undefined : describeReason(before.reason));
  const result = daemon.blocker.blockByHand(source, request.forMs, reason, { mayShorten: isForced });
  if (typeof result !== "string") return { ok: entryOf(result, daemon.clock) };
  return refuse(result.includes("full") ? "full" : "kernel", `cannot block ${name}: ${result}`);
}

/** Why a source of a list is not blocked, which nobody can force; undefined: nothing is in the way. */
export function hindranceOf(source: Prefix, request: Pick<BlockRequest, "session">, daemon: Pick<Daemon, "judge">) {
  if (ownSessionWithin(source, request) !== undefined) return "own-session";
  return daemon.judge.sparesWithin(source) ?? (isTooWide(source) ? "too-wide" : undefined);
}

function isTooWide(source: Prefix): boolean {
  return lengthOf(source) < widestOf(source);
}

function widestOf(source: Prefix): number {
  return WIDEST[isIpv4(source) ? "ipv4" : "ipv6"];
}

/** An end that was asked for; without one the later of the two counts. */
function isShorter(forMs: number | undefined, { untilMs }: Block, daemon: Daemon): boolean {
  if (forMs === undefined || forMs === 0) return false;
  return untilMs === undefined || daemon.clock.nowMs() + forMs < untilMs;
}

function joinReasons(reason: string | undefined, before: string | undefined): string {
  const isKnown = before === undefined || before === NO_REASON || before === reason;
  if (reason === undefined) return before ?? NO_REASON;
  return isKnown ? reason : `${reason} (before: ${before})`.slice(0, MAX_REASON_CHARS);
}

function lengthOf(source: Prefix): number {
  return isIpv4(source) ? source.bits - IPV4_MAPPED_BITS : source.bits;
}

/** The first address that the caller is logged in from and that the block would shut out. */
function ownSessionWithin(block: Prefix, { session = [] }: Pick<BlockRequest, "session">): string | undefined {
  return session.find((text) => {
    const address = parsePrefix(text);
    return address !== undefined && prefixContains(block, address);
  });
}

function sparedMessage(source: Prefix, spared: "ignored" | "guarded", daemon: Daemon): string {
  const name = formatPrefix(source);
  return spared === "ignored"
    ? `${name} ${onAllowList(source, daemon.settings.ignored)}, whose addresses pass even a block; take it out with "portreeve disallow", or use --force`
    : `${name} holds an address that this host depends on (see "portreeve guard"): blocking it may cut this host off; use --force if you mean it`;
}

/** Which entries of the allow list a source lies in, or holds. */
function onAllowList(source: Prefix, ignored: readonly Prefix[]): string {
  const around = ignored.find((entry) => prefixContains(entry, source));
  if (around !== undefined) {
    const part = formatPrefix(around) === formatPrefix(source) ? "" : ` as part of ${formatPrefix(around)}`;
    return `is on the allow list (IGNORE_FILE)${part}`;
  }
  const inside = ignored.filter((entry) => prefixContains(source, entry)).map(formatPrefix);
  const more = inside.length > ENTRIES_NAMED ? ` and ${inside.length - ENTRIES_NAMED} more` : "";
  return `holds ${inside.slice(0, ENTRIES_NAMED).join(", ")}${more} of the allow list (IGNORE_FILE)`;
}
