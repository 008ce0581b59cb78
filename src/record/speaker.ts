// Writes the lines that recorder.ts has decided on, in the dialect of LOG_FORMAT: in order, with names where they are wanted,
// and for 2.x once the outcome of a scan is known. The caller asks the budgets; lines without a budget are always written.
import type { Finding } from "../detect/finding.ts";
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Dialect, Host, Outcome, Seen, Spared } from "./dialect.ts";
import { dialects } from "./dialects.ts";
import type { Event } from "./event.ts";
import { HistorySources } from "./history-sources.ts";
import { type Journal, LineClass } from "./journal.ts";
import { LineQueue } from "./line-queue.ts";
import type { Line } from "./lines.ts";

export interface RecorderPolicy {
  readonly proof: "on" | "off";
  /** Whether the kernel holds the source of a direct TCP (UDP) probe: BLOCK_TCP (BLOCK_UDP) and a firewall. */
  readonly holdsTcp: boolean;
  readonly holdsUdp: boolean;
  /** Whether a scan leads to a block (or to commands) at all; by default as above. */
  readonly blocksTcp?: boolean;
  readonly blocksUdp?: boolean;
  /** 2.x's -v and -d. Absent: neither was given. */
  readonly switches?: { readonly verbose: boolean; readonly debug: boolean };
  readonly ignoreFile?: string | undefined;
  /** $MODE$ of each protocol, for 1.2's wordings of "already blocked" and "could not block"; "atcp", "audp". */
  readonly modeNames?: { readonly tcp: string; readonly udp: string };
}

export interface SpeakerParts {
  readonly journal: Journal;
  readonly history: { append(line: string): void } | undefined;
  readonly nowMs: () => number;
  readonly wallMs?: (timeMs: number) => number;
  readonly names?: { lookup(address: string): Promise<string> } | undefined;
  /** A history line was left out, as too many came. */
  readonly onSuppressed: () => void;
}

/** Findings whose outcome is still to come (commands take their time). */
const MAX_AWAITED = 65_536;

/** How a finding is reported. */
export interface Telling {
  readonly sourceText: string;
  readonly said: boolean;
  readonly remembered: boolean;
  readonly event: Event;
}

/** A finding that is reported once its outcome is known. */
interface Awaited {
  readonly finding: Finding;
  readonly said: boolean;
  readonly remembered: boolean;
}

/** The lines about a source, and the event that they belong to. */
export interface Saying {
  readonly sourceText: string;
  readonly lines: (host: Host) => readonly Line[];
  readonly count: number;
  readonly event: Event;
}

export class Speaker {
  readonly dialect: Dialect;
  readonly #parts: SpeakerParts;
  readonly #queue: LineQueue;
  readonly #inHistory: HistorySources;
  /** By source. */
  readonly #awaited = new Map<string, Awaited>();
  #policy: RecorderPolicy;

  constructor(parts: SpeakerParts, policy: RecorderPolicy) {
    this.#parts = parts;
    this.#policy = policy;
    const { names, journal } = parts;
    this.dialect = dialects[journal.format];
    // Events have no names: nobody should wait for one.
    const named = names !== undefined && journal.format !== "json";
    this.#queue = new LineQueue(named ? (address) => names.lookup(address) : undefined);
    this.#inHistory = new HistorySources(parts.nowMs, parts.onSuppressed);
  }

  get counters() {
    return { ...this.#queue.counters, ...this.#inHistory.counters };
  }

  configure(policy: RecorderPolicy): void {
    this.#policy = policy;
  }

  write(lines: readonly Line[], event?: Event): void {
    this.#queue.put(() => this.#parts.journal.write(lines, event));
  }

  /** Writes every line that waits for a name or an outcome. */
  finish(): void {
    for (const sourceText of [...this.#awaited.keys()]) this.conclude(sourceText, "unknown");
    this.#queue.drain();
  }

  finding(verdict: Verdict, { sourceText, said, remembered, event }: Telling): void {
    const { finding } = verdict;
    if (this.dialect.outcomeFirst && verdict.action !== "spare" && verdict.action !== "log") {
      this.#await(sourceText, { finding, said, remembered });
      return;
    }
    this.#named(sourceText, finding.protocol, (host) => {
      if (said) this.#parts.journal.write(this.dialect.finding(verdict, host), event);
      if (remembered) this.#appendHistory(finding, wholeHost(host, finding), "logged");
    });
  }

  repeat(sourceText: string, seen: Seen, event: Event): void {
    const outcome: Outcome = this.#blocks(seen.protocol) ? "blocked" : "logged";
    this.#named(sourceText, seen.protocol, (host) => {
      this.#parts.journal.write(this.dialect.repeat(seen, host, outcome), event);
      // 2.x remembers each packet, 1.2 the first one of each source.
      if (this.dialect.outcomeFirst && this.#inHistory.has(sourceText)) this.#appendHistory(seen, host, outcome);
    });
  }

  untriggered(sourceText: string, seen: Seen): void {
    this.#named(sourceText, seen.protocol, (host) => this.#parts.journal.write(this.dialect.untriggered(seen, host)));
  }

  spared(sourceText: string, seen: Seen, because: Spared): void {
    const { switches, ignoreFile = "" } = this.#policy;
    const isExplained = (because === "ignored" ? switches?.verbose : switches?.debug) === true;
    this.#named(sourceText, seen.protocol, (host) => {
      const why = isExplained ? this.dialect.sparedBecause(host, because, ignoreFile) : [];
      this.#parts.journal.write([...why, ...this.dialect.spared(seen, host, because)]);
    });
  }

  /** Reports the outcome of a block, and with it the finding if that has waited for the outcome. */
  tell({ sourceText, lines, count, event }: Saying, outcome: Outcome, protocol: number = IpProtocol.Tcp): void {
    const { journal } = this.#parts;
    if (journal.admit(LineClass.Decision, count)) {
      this.#named(sourceText, protocol, (host) => journal.write(lines(host), event));
    }
    this.conclude(sourceText, outcome);
  }

  /** The same for a source that was blocked before. */
  stillBlocked(sourceText: string, protocol: number): void {
    const { journal } = this.#parts;
    if (journal.admit(LineClass.Decision, 1)) {
      this.#named(sourceText, protocol, (host) => journal.write(this.dialect.alreadyBlocked(host)));
    }
    this.conclude(sourceText, "blocked");
  }

  /** Reports a finding that has waited for its outcome; any other source needs no further line. */
  conclude(sourceText: string, outcome: Outcome): void {
    const awaited = this.#awaited.get(sourceText);
    if (awaited === undefined) return;
    this.#awaited.delete(sourceText);
    const { finding, said, remembered } = awaited;
    this.#named(sourceText, finding.protocol, (host) => {
      if (said) this.#parts.journal.write(this.dialect.outcome(finding, host, outcome));
      if (remembered) this.#appendHistory(finding, wholeHost(host, finding), outcome);
    });
  }

  /** Whether a finding makes a history line: in 1.2 one for each source until it is unblocked, in 2.x each. */
  admitHistory(sourceText: string): boolean {
    return this.#inHistory.has(sourceText) ? this.dialect.outcomeFirst : this.#inHistory.add(sourceText);
  }

  /** True, and counted, when no history line can be written now. */
  isHistorySpent(): boolean {
    return this.#inHistory.isSpent();
  }

  forgetHistory(sourceText: string): void {
    this.#inHistory.delete(sourceText);
  }

  #appendHistory(seen: Seen, host: Host, outcome: Outcome): void {
    const { history, wallMs = (timeMs) => timeMs } = this.#parts;
    const { kind, protocol, port, tcpFlags, hasIpOptions, timeMs, host: asked } = seen;
    const about = { kind, protocol, port, tcpFlags, hasIpOptions, ...(asked !== undefined && { host: asked }) };
    const said = { ...about, timeMs: wallMs(timeMs) };
    history?.append(this.dialect.history(said, host, outcome));
  }

  #await(sourceText: string, awaited: Awaited): void {
    // Found again before its outcome was told (or the outcome never came): the first finding goes first.
    this.conclude(sourceText, "unknown");
    if (this.#awaited.size >= MAX_AWAITED) {
      const [oldest] = this.#awaited.keys();
      if (oldest !== undefined) this.conclude(oldest, "unknown");
    }
    this.#awaited.set(sourceText, awaited);
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
}

/** fail2ban bans the one address that a history line names: for a /64 that is the address that probed. */
function wholeHost(host: Host, { address }: Finding): Host {
  if (address === undefined) return host;
  const text = formatPrefix(address);
  return { ...host, text, name: host.name === host.text ? text : host.name };
}
