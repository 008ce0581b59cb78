// `portreeve why ADDRESS`: what is so, and the evidence for it, in sentences.
import type { Explanation } from "../control/api.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import type { Daemon } from "./daemon.ts";
import { entryOf } from "./entry.ts";
import { describeGuard } from "./guard.ts";

const EVENTS_SHOWN = 20;

export function explain(daemon: Daemon, asked: Prefix): Explanation {
  const source = daemon.keyOf(asked);
  const block = daemon.blocker.list.covering(source) ?? daemon.blocker.list.covering(asked);
  const spared = daemon.judge.spares(asked.w0, asked.w1, asked.w2, asked.w3);
  const row = daemon.detector.table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
  const history = row < 0 ? undefined : daemon.detector.table.describe(row);
  const held = daemon.isHeld(source);
  const because: string[] = [];
  if (block !== undefined) because.push(`Evidence: ${gradeText(block.grade)}.`);
  const guard = daemon.judge.guardReason([asked.w0, asked.w1, asked.w2, asked.w3]);
  if (spared !== undefined && spared !== "guarded") because.push(sparedText(spared));
  else if (guard !== undefined)
    because.push(`In the guard, as ${describeGuard(guard)}: never held or blocked unproven.`);
  if (held) because.push("It is in the hold: its packets are dropped until 5 s after its last probe.");
  if (history !== undefined && history.directProbes > 0) {
    because.push(
      `${history.directProbes} of its probes went to closed ports, or were of a form that only scanners send.`,
    );
  }
  return {
    source: formatPrefix(source),
    state: stateOf({
      block,
      spared: spared ?? (guard === undefined ? undefined : "guarded"),
      held,
      isKnown: history !== undefined,
    }),
    because,
    ...(block !== undefined && { block: entryOf(block) }),
    probes: history?.probes ?? 0,
    contacts: history?.contacts.length ?? 0,
    ...(history !== undefined && {
      firstSeen: new Date(history.firstMs).toISOString(),
      lastSeen: new Date(history.lastMs).toISOString(),
    }),
    offences: daemon.offencesOf(source),
    events: daemon.store.events({ limit: EVENTS_SHOWN, source: formatPrefix(source) }).reverse(),
  };
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

function gradeText(grade: string): string {
  switch (grade) {
    case "direct":
      return "packets that only a scan sends; their source address is not proven";
    case "silence":
      return "the silence test: it repeats exactly the probes that we leave unanswered, so it sees our answers";
    case "handshake":
      return "a completed handshake with a listener of ours: it received what we sent it";
    case "manual":
      return "an administrator's word";
    default:
      return grade;
  }
}

function sparedText(because: "ignored" | "own"): string {
  switch (because) {
    case "ignored":
      return "On the allow list (IGNORE_FILE): never held or blocked.";
    case "own":
      return "An address of this host, or one that no other host may send from: never judged.";
  }
}
