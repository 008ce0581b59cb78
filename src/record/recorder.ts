// Turns the results of the stages into events, lines and history: this is the one place that decides what is remembered and
// reported about a probe, a finding, a block. The block list, and not the recorder, keeps and stores the blocks in force.

import { type Finding, isSoftAtMost, isWeak } from "../detect/finding.ts";
import { Disposition, dispositionNames, type Probe } from "../detect/probe.ts";
import type { Block } from "../judge/block.ts";
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Host, ResponseOutcome, Spared } from "./dialect.ts";
import type { Event } from "./event.ts";
import { EventBudgets } from "./event-budgets.ts";
import { kindOf, storedTypeOf } from "./event-quota.ts";
import { type Journal, LineClass } from "./journal.ts";
import type { Line } from "./lines.ts";
import type { Series } from "./series/series.ts";
import { type RecorderPolicy, Speaker } from "./speaker.ts";
import {
  blockEvent,
  eventBase,
  failureEvent,
  findingEvent,
  type OutgoingNews,
  outgoingEvent,
  probeFields,
  runEvent,
  seenOf,
  sourceOf,
} from "./wording.ts";

export type { RecorderPolicy } from "./speaker.ts";

export interface RecorderParts {
  readonly store: { addEvent(event: Event): number | undefined };
  readonly journal: Journal;
  /** undefined: no HISTORY_FILE. */
  readonly history: { append(line: string): void } | undefined;
  readonly nowMs: () => number;
  /** From nowMs() to what the wall clock shows (Clock). Absent: they are the same. */
  readonly wallMs?: (timeMs: number) => number;
  /** For RESOLVE_HOST: the lines about a source wait for its name. */
  readonly names?: { lookup(address: string): Promise<string> } | undefined;
  /** Whether the breaker is open. Absent: never. */
  readonly isFlooded?: () => boolean;
  /** The version of this program; "" by default. */
  readonly version?: string;
  /** Counts what is recorded and what is not. */
  readonly series: Pick<Series, "probe" | "decision">;
  /** The tool that the source of a probe is known to use. Asked only for events that are recorded. */
  readonly toolOf?: (probe: Probe) => string | undefined;
}

/** `number`: that of the event in the store; absent: it has none. */
export type EventListener = (event: Event, number?: number) => void;

const MAX_LISTENERS = 64;

export class Recorder {
  readonly #counters = { historyLinesSuppressed: 0, listenersFailed: 0 };
  readonly #parts: RecorderParts;
  readonly #speaker: Speaker;
  #policy: RecorderPolicy;
  readonly #budgets: EventBudgets;
  readonly #listeners = new Set<EventListener>();

  constructor(parts: RecorderParts, policy: RecorderPolicy) {
    this.#parts = parts;
    this.#policy = policy;
    this.#budgets = new EventBudgets(parts.nowMs, parts.isFlooded ?? (() => false));
    const onSuppressed = () => {
      this.#counters.historyLinesSuppressed++;
    };
    this.#speaker = new Speaker({ ...parts, onSuppressed }, policy);
  }

  get counters() {
    return { ...this.#budgets.counters, ...this.#counters, ...this.#speaker.counters };
  }

  /** After a reload. */
  configure(policy: RecorderPolicy): void {
    this.#policy = policy;
    this.#speaker.configure(policy);
  }

  starting(): void {
    this.#speaker.write(this.#speaker.dialect.starting(this.#parts.version ?? ""));
  }

  /** Writes the lines between starting() and listening(): modes and ports (start-lines.ts). 2.x has no such lines. */
  modes(lines: readonly Line[]): void {
    if (!this.#speaker.dialect.outcomeFirst) this.#speaker.write(lines);
  }

  listening(): void {
    this.#speaker.write([this.#speaker.dialect.listening]);
  }

  /** Writes the last line: every line that waits for a name or an outcome is written before it. */
  stopping(): void {
    this.#speaker.finish();
    this.#speaker.write(this.#speaker.dialect.stopping);
  }

  /** Start, stop and administration: never held back, no event. */
  notice(message: string): void {
    this.#speaker.write([this.#speaker.dialect.notice(message)]);
  }

  warning(message: string, sourceText?: string): void {
    this.#report({ ...eventBase("warning", this.#wallNowMs(), sourceText), message }, message);
  }

  /** The kernel's rule set was not as the daemon left it. */
  drift(message: string): void {
    this.#report({ ...eventBase("drift", this.#wallNowMs(), undefined), message }, message);
  }

  /** This host, or one behind it, scans others, or has ended to. */
  outgoing(news: OutgoingNews): void {
    this.#report(outgoingEvent(this.#wallNowMs(), news), `outgoing scan: ${news.message}`);
  }

  /** A probe of a source that is not blocked. No string is built when the budget is spent. */
  probe(probe: Probe, sourceText?: string): void {
    this.#parts.series.probe(probe, this.#isHeld(probe));
    if (!this.#budgets.admitProbe()) return;
    this.#emitProbe(this.#probeEvent(probe, sourceText ?? sourceOf(probe)));
  }

  /** A probe of a source that is already blocked (or, with BLOCK_*="0", already found). Call this or probe(). */
  repeat(probe: Probe, sourceText?: string): void {
    this.#parts.series.probe(probe, this.#isHeld(probe));
    const recorded = this.#budgets.admitProbe();
    const said = this.#parts.journal.admit(LineClass.Repeat, 2, this.#parts.nowMs());
    if (!recorded && !said) return;
    const text = sourceText ?? sourceOf(probe);
    const event = this.#probeEvent(probe, text);
    if (recorded) this.#emitProbe(event);
    if (!said) return;
    this.#speaker.repeat(text, seenOf(probe), event);
  }

  /** A probe that there is no room to keep until it could be recorded: it counts as one that was not recorded. */
  passOver(): void {
    this.#budgets.passOver();
  }

  /** A probe of a watched port that makes no scan yet (SCAN_TRIGGER): 2.x says so. Besides probe(), not instead. */
  untriggered(probe: Probe, sourceText?: string): void {
    if (!this.#speaker.dialect.outcomeFirst || !this.#parts.journal.admit(LineClass.Repeat, 1, this.#parts.nowMs()))
      return;
    this.#speaker.untriggered(sourceText ?? sourceOf(probe), seenOf(probe));
  }

  /** A probe for which nothing is done: 2.x says so. */
  spared(probe: Probe, because: Spared): void {
    if (!this.#speaker.dialect.outcomeFirst || !this.#parts.journal.admit(LineClass.Repeat, 2, this.#parts.nowMs()))
      return;
    this.#speaker.spared(sourceOf(probe), seenOf(probe), because);
  }

  /** A source that was found is blocked by a command already, which is not run again. */
  stillBlocked({ source, protocol }: Finding): void {
    this.#speaker.stillBlocked(formatPrefix(source), protocol);
  }

  /** After "run", "soft" and "block" one of blocked(), blockFailed(), responded() and stillBlocked() follows: 2.x reports both in one line. */
  finding(verdict: Verdict): void {
    const { finding } = verdict;
    this.#parts.series.decision("finding", verdict.action === "spare" ? verdict.because : verdict.action, finding.tool);
    const recorded = this.#budgets.admitDecision("grade" in verdict && verdict.grade !== "direct");
    if (finding.members !== undefined) {
      this.#manyFound(verdict, recorded);
      return;
    }
    const said = this.#parts.journal.admit(LineClass.Decision, this.#speaker.dialect.findingLineCount(verdict));
    const hasHistory = this.#parts.history !== undefined && historyFor(verdict, this.#policy.proof);
    const wanted = hasHistory && !this.#speaker.isHistorySpent();
    if (!recorded && !said && !wanted) return;
    const sourceText = formatPrefix(finding.source);
    const event = findingEvent(this.#wallMs(finding.timeMs), verdict, sourceText);
    if (recorded) this.#emit(event);
    const remembered = wanted && this.#speaker.admitHistory(sourceText);
    if (said || remembered) this.#speaker.finding(verdict, { sourceText, said, remembered, event });
  }

  /** A finding about a network, or about sources from anywhere, is a warning: readers of PortSentry's lines take each source for a host. */
  #manyFound(verdict: Verdict, recorded: boolean): void {
    const { source, timeMs } = verdict.finding;
    const event = findingEvent(this.#wallMs(timeMs), verdict, formatPrefix(source));
    if (recorded) this.#emit(event);
    if (verdict.action === "spare") return;
    this.#say(LineClass.Warning, [this.#speaker.dialect.warning(event.message ?? "")], event);
  }

  /** `command` is what an administrator would have typed to block the source. */
  blocked(block: Block, command: string, finding?: Finding): void {
    const sourceText = formatPrefix(block.source);
    const event = blockEvent(this.#wallMs(block.sinceMs), block, finding);
    this.#emitDecision(event);
    const route: ResponseOutcome = { step: "route", ok: true, text: command, detail: "" };
    const lines = (host: Host) => this.#speaker.dialect.response(route, host);
    this.#speaker.tell({ sourceText, lines, count: 1, event }, "blocked", finding?.protocol);
  }

  /** The kernel (or a command) did not take the block: it is never called blocked. */
  blockFailed(source: Prefix, why: string, finding?: Finding): void {
    const sourceText = formatPrefix(source);
    const event = failureEvent(this.#wallNowMs(), sourceText, { why, finding });
    this.#emitDecision(event);
    const lines = (host: Host) => this.#speaker.dialect.blockFailed(host, why);
    this.#speaker.tell({ sourceText, lines, count: 2, event }, "failed", finding?.protocol);
  }

  /**
   * PortSentry's own responses (KILL_*) have been carried out, in this order. `block`: they are this block, which
   * blocked() is then not called for; without it (BLOCK_*="2", or responses beside the kernel's block) nothing is
   * recorded as a block. `stands`: the built-in table holds the source whatever the responses came to, so that one which
   * failed says so and no more. A response that failed is never called a success.
   */
  responded(
    source: Prefix,
    results: readonly ResponseOutcome[],
    about: { readonly block?: Block; readonly finding?: Finding; readonly stands?: boolean } = {},
  ): void {
    const { block, finding, stands = false } = about;
    const sourceText = formatPrefix(source);
    const failures = results.filter(({ ok }) => !ok);
    // KILL_RUN_CMD is no block: that it failed is said, and no host is missed by it.
    const isUnblocked = failures.some(({ step }) => step !== "run") && !stands;
    const events: Event[] = [];
    if (failures.length > 0) {
      const why = failures.map(({ step, detail, text }) => `${step}: ${detail}: ${text}`).join("; ");
      events.push(failureEvent(this.#wallNowMs(), sourceText, { why, finding, stands: !isUnblocked }));
    }
    if (block !== undefined) events.push(blockEvent(this.#wallMs(block.sinceMs), block, finding));
    if (events.length === 0 && results.length > 0)
      events.push(runEvent(this.#wallNowMs(), sourceText, { texts: results.map(({ text }) => text), finding }));
    for (const event of events) this.#emitDecision(event);
    const [event, second] = events;
    if (event === undefined) {
      this.#speaker.conclude(sourceText, "failed");
      return;
    }
    const lines = (host: Host) => [
      ...results.flatMap((result) => this.#speaker.dialect.response(result, host)),
      ...(isUnblocked ? this.#speaker.dialect.responsesFailed(host) : []),
    ];
    const count = results.length + failures.length;
    const outcome = failures.length > 0 && !stands ? "failed" : "blocked";
    this.#speaker.tell({ sourceText, lines, count, event }, outcome, finding?.protocol);
    if (second !== undefined) this.#speaker.tell({ sourceText, lines: () => [], count: 1, event: second }, "unknown");
  }

  /** `how`: "by hand", "expired", "all" ... */
  unblocked(source: Prefix, how: string): void {
    const sourceText = formatPrefix(source);
    this.#speaker.forgetHistory(sourceText);
    const event: Event = { ...eventBase("unblock", this.#wallNowMs(), sourceText), action: how };
    this.#emitDecision(event);
    this.#say(
      LineClass.Decision,
      [this.#speaker.dialect.notice(`Host ${sourceText} has been unblocked (${how})`)],
      event,
    );
  }

  /** Calls `listener` for each event from now on; returns the way to stop, or undefined when 64 listen already. */
  follow(listener: EventListener): (() => void) | undefined {
    if (this.#listeners.size >= MAX_LISTENERS) return undefined;
    // Its own function, so that the same listener may follow twice.
    const own: EventListener = (event, number) => listener(event, number);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  #wallMs(timeMs: number): number {
    return this.#parts.wallMs?.(timeMs) ?? timeMs;
  }

  #wallNowMs(): number {
    return this.#wallMs(this.#parts.nowMs());
  }

  #probeEvent(probe: Probe, sourceText: string): Event {
    const tool = this.#parts.toolOf?.(probe);
    const named = tool === undefined ? {} : { tool };
    const event = { ...eventBase("probe", this.#wallMs(probe.timeMs), sourceText), ...probeFields(probe), ...named };
    const disposition = dispositionNames[probe.disposition];
    return { ...event, action: this.#isHeld(probe) ? "held" : "logged", disposition };
  }

  #isHeld(probe: Probe): boolean {
    if (probe.disposition === Disposition.Held) return true;
    if (probe.disposition !== Disposition.Probe) return false;
    return probe.protocol === IpProtocol.Udp ? this.#policy.holdsUdp : this.#policy.holdsTcp;
  }

  #report(event: Event, message: string): void {
    this.#emitDecision(event);
    this.#say(LineClass.Warning, [this.#speaker.dialect.warning(message)], event);
  }

  #say(lineClass: LineClass, said: readonly Line[], event: Event): void {
    if (this.#parts.journal.admit(lineClass, said.length)) this.#speaker.write(said, event);
  }

  #emitProbe(event: Event): void {
    const missed = this.#budgets.takeMissed();
    this.#emit(missed === 0 ? event : { ...event, missed });
  }

  #emitDecision(event: Event): void {
    this.#parts.series.decision(event.type, event.grade ?? event.action);
    if (this.#budgets.admitDecision(kindOf(storedTypeOf(event)) === "proven")) this.#emit(event);
  }

  #emit(event: Event): void {
    const number = this.#parts.store.addEvent(event);
    for (const listener of this.#listeners) {
      try {
        listener(event, number);
      } catch {
        this.#counters.listenersFailed++;
        this.#listeners.delete(listener);
      }
    }
  }
}

/**
 * Whether a verdict makes a history line. fail2ban bans on one, so with PROOF="on" only proof does; with "off",
 * every first finding, with BLOCK_*="0" too, as in 1.2. Never for ignored or guarded sources, nor on breadth alone.
 */
export function historyFor(verdict: Verdict, proof: "on" | "off"): boolean {
  if (isWeak(verdict.finding) || isSoftAtMost(verdict.finding)) return false;
  if (verdict.action === "spare" || (verdict.action === "block" && verdict.guard !== undefined)) return false;
  if (proof === "off") return true;
  return verdict.action === "block" && (verdict.grade === "handshake" || verdict.grade === "silence");
}
