// `portreeve why ADDRESS`: what is so, and the evidence for it, in sentences.
import type { Explanation } from "../control/api.ts";
import type { SourceEvidence } from "../detect/detector.ts";
import { scoreBound } from "../detect/scorers.ts";
import { type Clock, printTime, wallClock } from "../record/clock.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import type { Daemon } from "./daemon.ts";
import { entryOf } from "./entry.ts";
import { describeGuard } from "./guard.ts";
import { describeTapSource } from "./tap-finding.ts";

const EVENTS_SHOWN = 20;

export function explain(daemon: Daemon, asked: Prefix): Explanation {
  const { clock } = daemon;
  const source = daemon.keyOf(asked);
  const block = daemon.blocker.list.covering(source) ?? daemon.blocker.list.covering(asked);
  const spared = daemon.judge.spares(asked.w0, asked.w1, asked.w2, asked.w3);
  const history = daemon.evidenceOn(source);
  const held = daemon.isHeld(source);
  const because: string[] = [];
  if (block !== undefined) because.push(`Evidence: ${gradeText(block.grade)}.`);
  const guard = daemon.judge.guardReason([asked.w0, asked.w1, asked.w2, asked.w3]);
  if (spared !== undefined && spared !== "guarded") because.push(sparedText(spared));
  else if (guard !== undefined)
    because.push(`In the guard, as ${describeGuard(guard)}: never held or blocked unproven.`);
  if (held) because.push("It is in the hold: its packets are dropped until 5 s after its last probe.");
  if (history !== undefined) because.push(...describeEvidence(history, clock));
  const tapSource = daemon.tapSourceOf(source);
  if (tapSource !== undefined) because.push(...describeTapSource(tapSource, clock));
  because.push(...daemon.names.describe(source));
  return {
    source: formatPrefix(source),
    state: stateOf({
      block,
      spared: spared ?? (guard === undefined ? undefined : "guarded"),
      held,
      isKnown: history !== undefined || tapSource !== undefined,
    }),
    because,
    ...(block !== undefined && { block: entryOf(block, clock) }),
    probes: history?.probes ?? tapSource?.probes ?? 0,
    contacts: Math.max(history?.contacts.length ?? 0, history?.slowContacts ?? 0, tapSource?.ports.count ?? 0),
    ...(tapSource !== undefined && {
      firstSeen: printTime(clock, tapSource.firstMs),
      lastSeen: printTime(clock, tapSource.lastMs),
    }),
    ...(history !== undefined && {
      firstSeen: printTime(clock, history.firstMs),
      lastSeen: printTime(clock, history.lastMs),
    }),
    offences: daemon.offencesOf(source),
    events: daemon.store.events({ limit: EVENTS_SHOWN, source: formatPrefix(source) }).reverse(),
  };
}

/** Nothing counts any more once the source has been found. */
export function describeEvidence(evidence: SourceEvidence, clock: Pick<Clock, "wallMs"> = wallClock): string[] {
  const { directProbes, score, slowContacts, slowSinceMs, isFlagged, policy } = evidence;
  const sentences: string[] = [];
  if (directProbes > 0) {
    sentences.push(`${directProbes} of its probes went to closed ports, or were of a form that only scanners send.`);
  }
  if (policy.policy !== "score" || isFlagged) return sentences;
  sentences.push(
    `Its score is ${score.toFixed(2)} now; above ${scoreBound(policy.scorePorts)} is a scan (SCORE_PORTS).`,
  );
  if (policy.slowScoreWindowMs > 0 && slowContacts > 0) {
    const since = printTime(clock, slowSinceMs);
    sentences.push(
      `It has tried ${slowContacts} or more different ports since ${since}; ${policy.slowScorePorts} are a scan (SLOW_SCORE_PORTS).`,
    );
  }
  return sentences;
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
