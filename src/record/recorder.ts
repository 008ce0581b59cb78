// Turns what the stages found into events, lines and history: the one place that says what is remembered and said
// of a probe, a finding, a block. What is in force is not its business: the block list keeps that, and stores it.
import type { Block } from "../block/block.ts";
import type { Finding } from "../detect/finding.ts";
import { Disposition, type Probe } from "../detect/probe.ts";
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { Bucket } from "./bucket.ts";
import type { Event } from "./event.ts";
import { type HistoryEntry, historyLine } from "./history.ts";
import { type Journal, LineClass } from "./journal.ts";
import * as lines from "./lines.ts";
import {
  contactFields,
  contactLines,
  eventBase,
  findingLineCount,
  findingLines,
  findingMessage,
  sourceOf,
} from "./wording.ts";

export interface RecorderParts {
  readonly store: { addEvent(event: Event): void };
  readonly journal: Journal;
  /** undefined: no HISTORY_FILE. */
  readonly history: { append(line: string): void } | undefined;
  readonly nowMs: () => number;
}

export interface RecorderPolicy {
  readonly proof: "on" | "off";
  /** Whether the kernel holds the source of a direct TCP (UDP) probe: BLOCK_TCP (BLOCK_UDP) and a firewall. */
  readonly holdsTcp: boolean;
  readonly holdsUdp: boolean;
}

export type EventListener = (event: Event) => void;

const MAX_LISTENERS = 64;
const MAX_HISTORY_SOURCES = 262_144;
/** What a flood may add to the store and the history file: probes are many, decisions are what counts. */
const probeBudget = { burst: 2000, perSecond: 500 };
const decisionBudget = { burst: 20_000, perSecond: 5000 };
const historyBudget = { burst: 100_000, perSecond: 5000 };

export class Recorder {
  readonly counters = {
    probeEventsDropped: 0,
    decisionEventsDropped: 0,
    historyLinesSuppressed: 0,
    listenersFailed: 0,
  };
  readonly #parts: RecorderParts;
  #policy: RecorderPolicy;
  readonly #probes: Bucket;
  readonly #decisions: Bucket;
  readonly #historyLines: Bucket;
  readonly #listeners = new Set<EventListener>();
  /** Sources that have a history line; the oldest go first. */
  readonly #inHistory = new Set<string>();

  constructor(parts: RecorderParts, policy: RecorderPolicy) {
    this.#parts = parts;
    this.#policy = policy;
    const nowMs = parts.nowMs();
    this.#probes = new Bucket(probeBudget, nowMs);
    this.#decisions = new Bucket(decisionBudget, nowMs);
    this.#historyLines = new Bucket(historyBudget, nowMs);
  }

  /** After a reload. */
  configure(policy: RecorderPolicy): void {
    this.#policy = policy;
  }

  starting(): void {
    this.#parts.journal.write([lines.startingLine]);
  }

  listening(): void {
    this.#parts.journal.write([lines.listeningLine]);
  }

  stopping(): void {
    this.#parts.journal.write(lines.shuttingDownLines);
  }

  /** Start, stop and administration: never held back, no event. */
  notice(message: string): void {
    this.#parts.journal.write([lines.noticeLine(message)]);
  }

  warning(message: string, sourceText?: string): void {
    this.#warn("warning", message, sourceText);
  }

  /** The kernel's rule set was not as the daemon left it. */
  drift(message: string): void {
    this.#warn("drift", message, undefined);
  }

  /** A probe of a source that is not blocked. No string is built when the budget is spent. */
  probe(probe: Probe, sourceText?: string): void {
    if (!this.#admitProbe()) return;
    this.#emit(this.#probeEvent(probe, sourceText ?? sourceOf(probe)));
  }

  /** A probe of a source that is already blocked (or, with BLOCK_*="0", already found). Call this or probe(). */
  repeat(probe: Probe, sourceText?: string): void {
    const recorded = this.#admitProbe();
    const said = this.#parts.journal.admit(LineClass.Repeat, 2);
    if (!recorded && !said) return;
    const text = sourceText ?? sourceOf(probe);
    const event = this.#probeEvent(probe, text);
    if (recorded) this.#emit(event);
    if (!said) return;
    const about = contactLines(probe, text, probe.hasIpOptions !== 0);
    this.#parts.journal.write([...about, lines.alreadyBlockedLine(text)], event);
  }

  finding(verdict: Verdict): void {
    const { finding } = verdict;
    const recorded = this.#admitDecision();
    const said = this.#parts.journal.admit(LineClass.Decision, findingLineCount(verdict));
    const remembered = this.#parts.history !== undefined && historyFor(verdict, this.#policy.proof);
    if (!recorded && !said && !remembered) return;
    const sourceText = formatPrefix(finding.source);
    const event: Event = {
      ...eventBase("finding", finding.timeMs, sourceText),
      ...contactFields(finding),
      ...("grade" in verdict && { grade: verdict.grade }),
      action: verdict.action === "spare" ? verdict.because : verdict.action,
      message: findingMessage(finding),
    };
    if (recorded) this.#emit(event);
    if (said) this.#parts.journal.write(findingLines(verdict, sourceText), event);
    const { protocol, port, timeMs } = finding;
    if (remembered) this.#appendHistory({ timeMs, sourceText, protocol, port });
  }

  /** `command` is what an administrator would have typed to block the source. */
  blocked(block: Block, command: string, finding?: Finding): void {
    const sourceText = formatPrefix(block.source);
    const event: Event = {
      ...eventBase("block", block.sinceMs, sourceText),
      ...(finding !== undefined && contactFields(finding)),
      grade: block.grade,
      action: block.soft ? "soft" : "block",
      message: block.reason,
    };
    this.#emitDecision(event);
    this.#say(LineClass.Decision, [lines.blockedByRouteLine(sourceText, command)], event);
  }

  /** The kernel (or a command) did not take the block: it is never called blocked. */
  blockFailed(source: Prefix, why: string, finding?: Finding): void {
    const sourceText = formatPrefix(source);
    const event: Event = {
      ...eventBase("warning", this.#parts.nowMs(), sourceText),
      ...(finding !== undefined && contactFields(finding)),
      action: "block-failed",
      message: why,
    };
    this.#emitDecision(event);
    const said = [lines.couldNotBlockLine(sourceText), lines.warningLine(`cannot block ${sourceText}: ${why}`)];
    this.#say(LineClass.Decision, said, event);
  }

  /** `how`: "by hand", "expired", "all" ... */
  unblocked(source: Prefix, how: string): void {
    const sourceText = formatPrefix(source);
    this.#inHistory.delete(sourceText);
    const event: Event = { ...eventBase("unblock", this.#parts.nowMs(), sourceText), action: how };
    this.#emitDecision(event);
    this.#say(LineClass.Decision, [lines.noticeLine(`Host ${sourceText} has been unblocked (${how})`)], event);
  }

  /** Calls `listener` for each event from now on; returns the way to stop, or undefined when 64 listen already. */
  follow(listener: EventListener): (() => void) | undefined {
    if (this.#listeners.size >= MAX_LISTENERS) return undefined;
    // Its own function, so that the same listener may follow twice.
    const own: EventListener = (event) => listener(event);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  #admitProbe(): boolean {
    if (this.#probes.take(this.#parts.nowMs(), 1)) return true;
    this.counters.probeEventsDropped++;
    return false;
  }

  #probeEvent(probe: Probe, sourceText: string): Event {
    const event = { ...eventBase("probe", probe.timeMs, sourceText), ...contactFields(probe) };
    return { ...event, action: this.#isHeld(probe) ? "held" : "logged" };
  }

  #isHeld(probe: Probe): boolean {
    if (probe.disposition === Disposition.Held) return true;
    if (probe.disposition !== Disposition.Probe) return false;
    return probe.protocol === IpProtocol.Udp ? this.#policy.holdsUdp : this.#policy.holdsTcp;
  }

  #warn(type: "warning" | "drift", message: string, sourceText: string | undefined): void {
    const event: Event = { ...eventBase(type, this.#parts.nowMs(), sourceText), message };
    this.#emitDecision(event);
    this.#say(LineClass.Warning, [lines.warningLine(message)], event);
  }

  #say(lineClass: LineClass, said: readonly lines.Line[], event: Event): void {
    const { journal } = this.#parts;
    if (journal.admit(lineClass, said.length)) journal.write(said, event);
  }

  #admitDecision(): boolean {
    if (this.#decisions.take(this.#parts.nowMs(), 1)) return true;
    this.counters.decisionEventsDropped++;
    return false;
  }

  #emitDecision(event: Event): void {
    if (this.#admitDecision()) this.#emit(event);
  }

  #emit(event: Event): void {
    this.#parts.store.addEvent(event);
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        this.counters.listenersFailed++;
        this.#listeners.delete(listener);
      }
    }
  }

  #appendHistory(entry: HistoryEntry): void {
    const { history, nowMs } = this.#parts;
    if (history === undefined || this.#inHistory.has(entry.sourceText)) return;
    if (!this.#historyLines.take(nowMs(), 1)) {
      this.counters.historyLinesSuppressed++;
      return;
    }
    if (this.#inHistory.size >= MAX_HISTORY_SOURCES) {
      for (const oldest of this.#inHistory) {
        this.#inHistory.delete(oldest);
        break;
      }
    }
    this.#inHistory.add(entry.sourceText);
    history.append(historyLine(entry));
  }
}

/**
 * Whether a verdict makes a history line. fail2ban bans on one, so with PROOF="on" only proof does; with "off",
 * every first finding, with BLOCK_*="0" too, as in 1.2. Never for ignored or guarded sources.
 */
export function historyFor(verdict: Verdict, proof: "on" | "off"): boolean {
  if (verdict.action === "spare") return false;
  if (proof === "off") return true;
  return verdict.action === "block" && (verdict.grade === "handshake" || verdict.grade === "silence");
}
