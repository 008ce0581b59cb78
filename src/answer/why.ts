// `portreeve why ADDRESS`: what is so, and the evidence for it, in sentences.

import { printTime } from "../base/clock.ts";
import type { Explanation } from "../control/api.ts";
import type { Daemon } from "../daemon/daemon.ts";
import { describeEnded } from "../enforce/ended.ts";
import { describeGuard } from "../host/guard.ts";
import { type Block, isInTable } from "../judge/block.ts";
import { type Event, eventTypes } from "../record/event.ts";
import { describeEvidence, describeNeighbours, describePorts, gradeText, sparedText } from "../record/evidence-text.ts";
import { describeFinding, describeReason } from "../record/finding-text.ts";
import { describeTapSource } from "../sense/tap-finding.ts";
import { endsBefore } from "../table/address-span.ts";
import { formatPrefix, IPV4_MAPPED_BITS, isIpv4, type Prefix } from "../wire/address.ts";
import { entryOf } from "./entry.ts";
import { triedPortsOf } from "./tried.ts";

const EVENTS_SHOWN = 20;
/** Of them at most so many that are no probes. */
const DECISIONS_SHOWN = 12;
/** Blocks around a source whose events are shown as well. */
const NETWORKS_ASKED = 3;

export function explain(daemon: Daemon, asked: Prefix): Explanation {
  const { clock } = daemon;
  const source = daemon.sources.keyOf(asked);
  const blocks = daemon.blocker.list.containing(asked);
  const block = strongestOf(blocks);
  // All addresses together are no host of ours, though 0.0.0.0 is.
  const spared = isEverywhere(asked) ? undefined : daemon.judge.spares(asked.w0, asked.w1, asked.w2, asked.w3);
  const history = daemon.sources.evidenceOn(source);
  // The rules let exempt addresses pass whatever else holds of them.
  const isExempt = asked.bits === 128 && (spared === "ignored" || spared === "own");
  const ports = triedPortsOf(daemon, source, { block, history });
  const held = !isExempt && daemon.sources.isHeld(source);
  const because: string[] = [];
  because.push(...describeWider(blocks, source));
  if (block !== undefined) because.push(`Evidence: ${gradeText(block.grade)}.`, ...describeExtent(block));
  const unlisted = block === undefined ? heldUnlisted(daemon, asked) : [];
  if (unlisted.length > 0) because.push(unlistedText(unlisted));
  const guard = daemon.judge.guardReason([asked.w0, asked.w1, asked.w2, asked.w3]);
  const passes = spared === "ignored" && block !== undefined && isInTable(block);
  if (spared !== undefined && spared !== "guarded") because.push(sparedText(spared));
  if (passes)
    because.push(
      `A block of ${formatPrefix(block.source)} is listed as well, and the allow list lets the source pass it: "portreeve unblock ${formatPrefix(block.source)}" takes the block off the list.`,
    );
  else if (guard !== undefined)
    because.push(`The source is in the guard as ${describeGuard(guard)}: it is never held or blocked without a proof.`);
  if (held) because.push("The source is held: its packets are dropped until 5 s after its last probe.");
  const networks = isExempt ? [] : daemon.sources.heldNetworksOf(asked);
  if (networks.length > 0) because.push(heldNetworksText(networks));
  if (history !== undefined) because.push(...describeEvidence(history, daemon.sources.habitsOf(source), clock));
  if (ports !== undefined) because.push(describePorts(ports));
  because.push(...describeNeighbours(daemon.crowds.evidenceOn(source), asked));
  because.push(...describeScattered(daemon, asked));
  const tapSource = daemon.sources.tapSourceOf(source);
  if (tapSource !== undefined) because.push(...describeTapSource(tapSource, clock));
  because.push(...daemon.names.describe(source));
  return {
    source: formatPrefix(source),
    state: stateOf({
      block: passes ? undefined : (block ?? unlisted[0]),
      spared: spared ?? (guard === undefined ? undefined : "guarded"),
      held: held || networks.length > 0,
      isKnown: history !== undefined || tapSource !== undefined,
    }),
    because,
    ...(block !== undefined && { block: { ...entryOf(block, clock), enforced: isEnforced(daemon, block) } }),
    probes: history?.probes ?? tapSource?.probes ?? 0,
    contacts: Math.max(
      ...[history?.contacts.length ?? 0, history?.slowContacts ?? 0, tapSource?.ports.count ?? 0, ports?.tried ?? 0],
    ),
    ...(ports !== undefined && { ports }),
    ...(tapSource !== undefined && {
      firstSeen: printTime(clock, tapSource.firstMs),
      lastSeen: printTime(clock, tapSource.lastMs),
    }),
    ...(history !== undefined && {
      firstSeen: printTime(clock, history.firstMs),
      lastSeen: printTime(clock, history.lastMs),
    }),
    offences: daemon.enforcement.offencesOf(source),
    events: eventsOf(daemon, source, blocks),
  };
}

/** The newest first: what was decided about the source and about networks around it, and beside that the last probes. */
function eventsOf({ store }: Pick<Daemon, "store">, source: Prefix, blocks: readonly Block[]): Event[] {
  const names = new Set([source, ...blocks.slice(0, NETWORKS_ASKED).map((block) => block.source)].map(formatPrefix));
  const decided = [...names].flatMap((name) =>
    store.events({ limit: DECISIONS_SHOWN, source: name, types: eventTypes.filter((type) => type !== "probe") }),
  );
  const probes = store.events({ limit: EVENTS_SHOWN, source: formatPrefix(source), types: ["probe"] });
  const newest = decided.sort(byTime).slice(-DECISIONS_SHOWN);
  // In the order in which they were stored, where two have the same time: a probe comes before what it brought about.
  return [...probes.slice(-(EVENTS_SHOWN - newest.length)), ...newest].sort(byTime).reverse();
}

function byTime(a: Event, b: Event): number {
  return Date.parse(a.time) - Date.parse(b.time);
}

/** The full before the soft, the last to end first. */
function strongestOf(blocks: readonly Block[]): Block | undefined {
  const full = blocks.filter(({ soft }) => !soft);
  const among = full.length > 0 ? full : blocks;
  return among.reduce<Block | undefined>(
    (last, one) => (last === undefined || endsBefore(last.untilMs, one.untilMs) ? one : last),
    undefined,
  );
}

function heldNetworksText(networks: readonly Prefix[]): string {
  const names = networks.map(formatPrefix).join(" and ");
  return `The source is held with its neighbours in ${names}, many of whom try closed ports: their packets are dropped until 5 s after the last new one.`;
}

/** Each ends by itself, and must be lifted by its own name. */
function describeWider(blocks: readonly Block[], source: Prefix): string[] {
  const wider = blocks.filter((block) => formatPrefix(block.source) !== formatPrefix(source));
  return wider.map((block) => {
    const how = block.soft ? "softly blocked" : "blocked";
    return `The source is part of ${formatPrefix(block.source)}, which is ${how}: ${describeReason(block.reason)}.`;
  });
}

/** The kernel is asked, not the list. */
function isEnforced(daemon: Daemon, block: Block): boolean {
  if (!isInTable(block)) return block.enforced;
  try {
    return block.enforced && daemon.firewall?.isPresent(block) === true;
  } catch {
    return false;
  }
}

/** What the kernel's sets hold for a source that no block is listed for. */
function heldUnlisted(daemon: Daemon, asked: Prefix): { readonly soft: boolean; readonly source: Prefix }[] {
  const { firewall } = daemon;
  if (!daemon.inForce.enforces || firewall === undefined) return [];
  try {
    const singles = firewall.held.of(asked).map(({ source = asked, soft }) => ({ soft, source }));
    const networks = firewall.foreignNetworksAround(asked, daemon.clock.nowMs());
    return [...singles, ...networks.map(({ source }) => ({ soft: false, source }))];
  } catch {
    // Without the table nothing is held.
    return [];
  }
}

function unlistedText(held: readonly { readonly source: Prefix }[]): string {
  const sources = held.map(({ source }) => formatPrefix(source)).join(", ");
  return `The kernel's sets hold ${sources}, though no such block is listed: "portreeve unblock" takes that out.`;
}

function isEverywhere(asked: Prefix): boolean {
  return asked.bits === 0 || (isIpv4(asked) && asked.bits === IPV4_MAPPED_BITS);
}

/** The findings about sources from anywhere, for the question about all addresses. */
function describeScattered({ crowds, clock }: Pick<Daemon, "crowds" | "clock">, asked: Prefix): string[] {
  if (!isEverywhere(asked)) return [];
  const findings = crowds.recent(clock.nowMs()).filter(({ source }) => source.bits === asked.bits);
  return findings.map((finding) => `Lately: ${describeFinding(finding)}.`);
}

/** Why a proven source is blocked softly only, and what a full block ended. */
function describeExtent(block: Block): string[] {
  const isMild = block.soft && block.grade !== "direct";
  const mild =
    "The source, or somebody behind the same address, uses this host: it keeps the ports that it uses and is shut out of the rest.";
  return [isMild ? mild : "", describeEnded(block)].filter((sentence) => sentence !== "");
}

interface Facts {
  readonly block: { readonly soft: boolean } | undefined;
  readonly spared: string | undefined;
  readonly held: boolean;
  readonly isKnown: boolean;
}

function stateOf({ block, spared, held, isKnown }: Facts): string {
  if (block !== undefined) return block.soft ? "softly blocked" : "blocked";
  if (spared !== undefined) return spared;
  if (held) return "held";
  return isKnown ? "watched" : "unknown";
}
