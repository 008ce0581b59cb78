// Turns what the stages found into events, lines and history: the one place that says what is remembered and said
// of a probe, a finding, a block. What is in force is not its business: the block list keeps that, and stores it.
import type { Block } from "../block/block.ts";
import type { Finding } from "../detect/finding.ts";
import { Disposition, type Probe } from "../detect/probe.ts";
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { Bucket } from "./bucket.ts";
import { type Dialect, dialectOf, type Host, type Outcome, type ResponseOutcome, type Seen } from "./dialect.ts";
import type { Event } from "./event.ts";
import { type Journal, LineClass } from "./journal.ts";
import { LineQueue } from "./line-queue.ts";
import type { Line } from "./lines.ts";
import { contactFields, eventBase, findingMessage, sourceOf } from "./wording.ts";

export interface RecorderParts {
  readonly store: { addEvent(event: Event): void };
  readonly journal: Journal;
  /** undefined: no HISTORY_FILE. */
  readonly history: { append(line: string): void } | undefined;
  readonly nowMs: () => number;
  /** For RESOLVE_HOST: the lines about a source wait for its name. */
  readonly names?: { lookup(address: string): Promise<string> } | undefined;
  /** Of this program; "" by default. */
  readonly version?: string;
}

export interface RecorderPolicy {
  readonly proof: "on" | "off";
  /** Whether the kernel holds the source of a direct TCP (UDP) probe: BLOCK_TCP (BLOCK_UDP) and a firewall. */
  readonly holdsTcp: boolean;
  readonly holdsUdp: boolean;
  /** Whether a scan leads to a block (or to commands) at all; by default as above. */
  readonly blocksTcp?: boolean;
  readonly blocksUdp?: boolean;
  /** $MODE$ of each protocol, for 1.2's wordings of "already blocked" and "could not block"; "atcp", "audp". */
  readonly modeNames?: { readonly tcp: string; readonly udp: string };
}

export type EventListener = (event: Event) => void;

const MAX_LISTENERS = 64;
const MAX_HISTORY_SOURCES = 262_144;
/** Findings whose outcome is still to come (commands take their time). */
const MAX_AWAITED = 65_536;
/** What a flood may add to the store and the history file: probes are many, decisions are what counts. */
const probeBudget = { burst: 2000, perSecond: 500 };
const decisionBudget = { burst: 20_000, perSecond: 5000 };
const historyBudget = { burst: 100_000, perSecond: 5000 };

/** A finding that is told of once it is known what came of it. */
interface Awaited {
  readonly finding: Finding;
  readonly said: boolean;
  readonly remembered: boolean;
}

/** What is said of a source, when, and as which event. */
interface Saying {
  readonly sourceText: string;
  readonly lines: (host: Host) => readonly Line[];
  readonly count: number;
  readonly event: Event;
}

export class Recorder {
  readonly counters = {
    probeEventsDropped: 0,
    decisionEventsDropped: 0,
    historyLinesSuppressed: 0,
    listenersFailed: 0,
  };
  readonly #parts: RecorderParts;
  readonly #dialect: Dialect;
  readonly #queue: LineQueue;
  #policy: RecorderPolicy;
  readonly #probes: Bucket;
  readonly #decisions: Bucket;
  readonly #historyLines: Bucket;
  readonly #listeners = new Set<EventListener>();
  /** Sources that have a history line; the oldest go first. */
  readonly #inHistory = new Set<string>();
  /** By source. */
  readonly #awaited = new Map<string, Awaited>();

  constructor(parts: RecorderParts, policy: RecorderPolicy) {
    this.#parts = parts;
    this.#dialect = dialectOf(parts.journal.format);
    const { names, journal } = parts;
    // Events have no names: nobody should wait for one.
    const named = names !== undefined && journal.format !== "json";
    this.#queue = new LineQueue(named ? (address) => names.lookup(address) : undefined);
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
    this.#write(this.#dialect.starting(this.#parts.version ?? ""));
  }

  /** What is said between starting() and listening(): modes and ports (start-lines.ts). 2.x says nothing of them. */
  modes(lines: readonly Line[]): void {
    if (!this.#dialect.outcomeFirst) this.#write(lines);
  }

  listening(): void {
    this.#write([this.#dialect.listening]);
  }

  /** The last: whatever waits for a name or an outcome is written before it. */
  stopping(): void {
    for (const sourceText of [...this.#awaited.keys()]) this.#tellAwaited(sourceText, "unknown");
    this.#queue.drain();
    this.#write(this.#dialect.stopping);
  }

  /** Start, stop and administration: never held back, no event. */
  notice(message: string): void {
    this.#write([this.#dialect.notice(message)]);
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
    const seen = seenOf(probe);
    const outcome: Outcome = this.#blocks(probe.protocol) ? "blocked" : "logged";
    this.#named(text, seen.protocol, (host) => {
      this.#parts.journal.write(this.#dialect.repeat(seen, host, outcome), event);
      // 2.x remembers each packet, 1.2 the first one of each source.
      if (this.#dialect.outcomeFirst && this.#inHistory.has(text)) this.#appendHistory(seen, host, outcome);
    });
  }

  /** A probe of a watched port that makes no scan yet (SCAN_TRIGGER): 2.x says so. Besides probe(), not instead. */
  untriggered(probe: Probe, sourceText?: string): void {
    if (!this.#dialect.outcomeFirst || !this.#parts.journal.admit(LineClass.Repeat, 1)) return;
    const seen = seenOf(probe);
    this.#named(sourceText ?? sourceOf(probe), seen.protocol, (host) =>
      this.#parts.journal.write(this.#dialect.untriggered(seen, host)),
    );
  }

  /** After "run", "soft" and "block" one of blocked(), blockFailed() and responded() follows: 2.x tells of both in one line. */
  finding(verdict: Verdict): void {
    const { finding } = verdict;
    const { journal, history } = this.#parts;
    const recorded = this.#admitDecision();
    const said = journal.admit(LineClass.Decision, this.#dialect.findingLineCount(verdict));
    const sourceText = formatPrefix(finding.source);
    const remembered =
      history !== undefined && historyFor(verdict, this.#policy.proof) && this.#admitHistory(sourceText);
    const event: Event = {
      ...eventBase("finding", finding.timeMs, sourceText),
      ...contactFields(finding),
      ...("grade" in verdict && { grade: verdict.grade }),
      action: verdict.action === "spare" ? verdict.because : verdict.action,
      message: findingMessage(finding),
    };
    if (recorded) this.#emit(event);
    if (!said && !remembered) return;
    if (this.#dialect.outcomeFirst && verdict.action !== "spare" && verdict.action !== "log") {
      this.#await(sourceText, { finding, said, remembered });
      return;
    }
    this.#named(sourceText, finding.protocol, (host) => {
      if (said) journal.write(this.#dialect.finding(verdict, host), event);
      if (remembered) this.#appendHistory(finding, host, "logged");
    });
  }

  /** `command` is what an administrator would have typed to block the source. */
  blocked(block: Block, command: string, finding?: Finding): void {
    const sourceText = formatPrefix(block.source);
    const event = blockEvent(block, finding);
    this.#emitDecision(event);
    const route: ResponseOutcome = { step: "route", ok: true, text: command, detail: "" };
    const lines = (host: Host) => this.#dialect.response(route, host);
    this.#tell({ sourceText, lines, count: 1, event }, "blocked", finding?.protocol);
  }

  /** The kernel (or a command) did not take the block: it is never called blocked. */
  blockFailed(source: Prefix, why: string, finding?: Finding): void {
    const sourceText = formatPrefix(source);
    const event = this.#failureEvent(sourceText, why, finding);
    this.#emitDecision(event);
    const lines = (host: Host) => this.#dialect.blockFailed(host, why);
    this.#tell({ sourceText, lines, count: 2, event }, "failed", finding?.protocol);
  }

  /**
   * PortSentry's own responses (KILL_*) have been carried out, in this order. `block`: they are this block, which
   * blocked() is then not called for; without it (BLOCK_*="2", or responses beside the kernel's block) nothing is
   * recorded as a block. A response that failed is never called a success.
   */
  responded(
    source: Prefix,
    results: readonly ResponseOutcome[],
    about: { readonly block?: Block; readonly finding?: Finding } = {},
  ): void {
    const { block, finding } = about;
    const sourceText = formatPrefix(source);
    const failures = results.filter(({ ok }) => !ok);
    const events: Event[] = [];
    if (failures.length > 0) {
      const why = failures.map(({ step, detail, text }) => `${step}: ${detail}: ${text}`).join("; ");
      events.push(this.#failureEvent(sourceText, why, finding));
    }
    if (block !== undefined) events.push(blockEvent(block, finding));
    if (events.length === 0 && results.length > 0) events.push(this.#runEvent(sourceText, results, finding));
    for (const event of events) this.#emitDecision(event);
    const [event, second] = events;
    if (event === undefined) {
      this.#tellAwaited(sourceText, "failed");
      return;
    }
    const lines = (host: Host) => [
      ...results.flatMap((result) => this.#dialect.response(result, host)),
      ...(failures.length > 0 ? this.#dialect.responsesFailed(host) : []),
    ];
    const count = results.length + failures.length;
    this.#tell({ sourceText, lines, count, event }, failures.length > 0 ? "failed" : "blocked", finding?.protocol);
    if (second !== undefined) this.#tell({ sourceText, lines: () => [], count: 1, event: second }, "unknown");
  }

  /** `how`: "by hand", "expired", "all" ... */
  unblocked(source: Prefix, how: string): void {
    const sourceText = formatPrefix(source);
    this.#inHistory.delete(sourceText);
    const event: Event = { ...eventBase("unblock", this.#parts.nowMs(), sourceText), action: how };
    this.#emitDecision(event);
    this.#say(LineClass.Decision, [this.#dialect.notice(`Host ${sourceText} has been unblocked (${how})`)], event);
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
    this.#say(LineClass.Warning, [this.#dialect.warning(message)], event);
  }

  #write(lines: readonly Line[], event?: Event): void {
    this.#queue.put(() => this.#parts.journal.write(lines, event));
  }

  #say(lineClass: LineClass, said: readonly Line[], event: Event): void {
    if (this.#parts.journal.admit(lineClass, said.length)) this.#write(said, event);
  }

  #named(sourceText: string, protocol: number, write: (host: Host) => void): void {
    const modeName = this.#modeName(protocol);
    this.#queue.putNamed(sourceText, (name) => write({ text: sourceText, name, modeName }));
  }

  #modeName(protocol: number): string {
    const { modeNames } = this.#policy;
    return protocol === IpProtocol.Udp ? (modeNames?.udp ?? "audp") : (modeNames?.tcp ?? "atcp");
  }

  #blocks(protocol: number): boolean {
    const { blocksTcp, blocksUdp, holdsTcp, holdsUdp } = this.#policy;
    return protocol === IpProtocol.Udp ? (blocksUdp ?? holdsUdp) : (blocksTcp ?? holdsTcp);
  }

  /** Says what came of a block, and of its finding with it if that has waited for this. */
  #tell({ sourceText, lines, count, event }: Saying, outcome: Outcome, protocol: number = IpProtocol.Tcp): void {
    const { journal } = this.#parts;
    if (journal.admit(LineClass.Decision, count)) {
      this.#named(sourceText, protocol, (host) => journal.write(lines(host), event));
    }
    this.#tellAwaited(sourceText, outcome);
  }

  #await(sourceText: string, awaited: Awaited): void {
    // Found again before its outcome was told (or the outcome never came): the first finding goes first.
    this.#tellAwaited(sourceText, "unknown");
    if (this.#awaited.size >= MAX_AWAITED) {
      const [oldest] = this.#awaited.keys();
      if (oldest !== undefined) this.#tellAwaited(oldest, "unknown");
    }
    this.#awaited.set(sourceText, awaited);
  }

  #tellAwaited(sourceText: string, outcome: Outcome): void {
    const awaited = this.#awaited.get(sourceText);
    if (awaited === undefined) return;
    this.#awaited.delete(sourceText);
    const { finding, said, remembered } = awaited;
    this.#named(sourceText, finding.protocol, (host) => {
      if (said) this.#parts.journal.write(this.#dialect.outcome(finding, host, outcome));
      if (remembered) this.#appendHistory(finding, host, outcome);
    });
  }

  #failureEvent(sourceText: string, why: string, finding: Finding | undefined): Event {
    return {
      ...eventBase("warning", this.#parts.nowMs(), sourceText),
      ...(finding !== undefined && contactFields(finding)),
      action: "block-failed",
      message: why,
    };
  }

  /** BLOCK_*="2": a command ran, and nothing is blocked by us. */
  #runEvent(sourceText: string, results: readonly ResponseOutcome[], finding: Finding | undefined): Event {
    return {
      ...eventBase("finding", this.#parts.nowMs(), sourceText),
      ...(finding !== undefined && contactFields(finding)),
      action: "ran",
      message: results.map(({ text }) => text).join("; "),
    };
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

  /** Whether a finding makes a history line: one for each source until it is unblocked, as far as the budget goes. */
  #admitHistory(sourceText: string): boolean {
    if (this.#inHistory.has(sourceText)) return this.#dialect.outcomeFirst;
    if (!this.#historyLines.take(this.#parts.nowMs(), 1)) {
      this.counters.historyLinesSuppressed++;
      return false;
    }
    if (this.#inHistory.size >= MAX_HISTORY_SOURCES) {
      const [oldest] = this.#inHistory;
      if (oldest !== undefined) this.#inHistory.delete(oldest);
    }
    this.#inHistory.add(sourceText);
    return true;
  }

  #appendHistory(seen: Seen, host: Host, outcome: Outcome): void {
    this.#parts.history?.append(this.#dialect.history(seen, host, outcome));
  }
}

/** Copied: the probe is the engine's one reused record. */
function seenOf({ kind, protocol, port, tcpFlags, hasIpOptions, timeMs }: Probe): Seen {
  return { kind, protocol, port, tcpFlags, hasIpOptions: hasIpOptions !== 0, timeMs };
}

function blockEvent(block: Block, finding: Finding | undefined): Event {
  return {
    ...eventBase("block", block.sinceMs, formatPrefix(block.source)),
    ...(finding !== undefined && contactFields(finding)),
    grade: block.grade,
    action: block.soft ? "soft" : "block",
    message: block.reason,
  };
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
