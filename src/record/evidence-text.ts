// What is known of a source, in sentences, for `portreeve why`.
import { type Clock, printTime, wallClock } from "../base/clock.ts";
import { plural } from "../base/plural.ts";
import type { SourceEvidence } from "../detect/detector.ts";
import type { NeighbourEvidence } from "../detect/neighbours.ts";
import { MIN_DIRECT_SCORE, scoreBound } from "../detect/scorers.ts";
import type { Prefix } from "../wire/address.ts";
import { membersText } from "./finding-text.ts";

/** Nothing counts any more once the source has been found. `habits`: kinds of tolerated ports that it has tried. */
export function describeEvidence(
  evidence: SourceEvidence,
  habits: readonly string[] = [],
  clock: Pick<Clock, "wallMs"> = wallClock,
): string[] {
  const { directProbes, score, directScore, slowContacts, slowSinceMs, isFlagged, isWaiting, policy } = evidence;
  const sentences: string[] = [];
  if (directProbes > 0) {
    const many = isFlagged ? `At least ${directProbes}` : `${directProbes}`;
    sentences.push(`${many} of its probes went to closed ports, or had a form that only scanners send.`);
  }
  if (isWaiting) {
    sentences.push(
      "The source has been found scanning and waits for its block: more unproven sources are found than are blocked in a second.",
    );
  }
  if (policy.policy !== "score" || isFlagged) return sentences;
  const bound = scoreBound(policy.scorePorts);
  const isTolerated = score > bound && directScore < MIN_DIRECT_SCORE;
  sentences.push(
    isTolerated
      ? `Its score is ${score.toFixed(2)} now, nearly all of it for ports that are tolerated or were served lately: a score above ${bound} is a scan only when a closed port of another kind is among them (SCORE_PORTS).`
      : `Its score is ${score.toFixed(2)} now; a score above ${bound} is a scan (SCORE_PORTS).`,
  );
  if (habits.length > 0) {
    sentences.push(
      `The source has tried tolerated ports of ${plural(habits.length, "kind")} lately: ${habits.join(", ")}.`,
    );
  }
  if (policy.slowScoreWindowMs > 0 && slowContacts > 0) {
    const since = printTime(clock, slowSinceMs);
    sentences.push(
      `The source has tried ${slowContacts} or more different ports since ${since}; ${policy.slowScorePorts} ports are a scan (SLOW_SCORE_PORTS).`,
    );
  }
  return sentences;
}

/** What a source has asked, whether it was blocked by then or not, and what it was told. */
export function describePorts({
  tried,
  all,
  answered,
  open,
}: {
  readonly tried: number;
  readonly all: boolean;
  readonly answered: number;
  readonly open: number;
}): string {
  const many = `${all ? "" : "at least "}${plural(tried, "different port")}`;
  const served =
    open === 0 ? "none of them is served here" : `${open} of them ${open === 1 ? "is" : "are"} served here`;
  const told =
    answered === 0 ? "the silence test has answered none" : `the silence test has answered ${answered} of them`;
  return `The source has asked ${many}: ${served}, and ${told}.`;
}

/** Of the networks that a source lies in, where it is not alone there. */
export function describeNeighbours(evidence: readonly NeighbourEvidence[], asked: Prefix): string[] {
  return evidence.flatMap(({ network, sources, ports, isFound }): string[] => {
    if (sources < 2 && network.bits !== asked.bits) return [];
    const found = isFound ? ": the network is found to scan as a whole" : "";
    return [
      `${membersText(network, sources)} have each tried a closed port lately, at least ${ports} ports together${found}.`,
    ];
  });
}

export function gradeText(grade: string): string {
  switch (grade) {
    case "direct":
      return "the probes of the source, to closed ports or in a form that only scanners send, made a scan; that they came from its address is not proven";
    case "silence":
      return "the source repeats exactly the probes that were left unanswered, so it sees the answers (silence test)";
    case "handshake":
      return "the source completed a handshake with a listener of the daemon, so it received what the daemon sent";
    case "manual":
      return "an administrator blocked the source by hand";
    default:
      return grade;
  }
}

export function sparedText(because: "ignored" | "own"): string {
  switch (because) {
    case "ignored":
      return "The source is on the allow list (IGNORE_FILE): it is never held or blocked.";
    case "own":
      return "The source is an address of this host, or one that no other host may send from: it is never judged.";
  }
}
