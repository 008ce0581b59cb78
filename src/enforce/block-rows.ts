// The numbers of a block, by row: everything but its source and its end, 76 bytes. A Block is made of them when somebody
// asks for it. Numbers that do not fit their column stay at its largest.
//
//   since  after trial  span | offences  probes  contacts  hosts  tool  text
//   Float64 (3)              | Uint32 (6)
//   port  trigger port  proof (5)  pairs  live  protocol  trigger protocol | flags  grade  backend  policy  kind  made by
//   Uint16 (11)                                                            | Uint8 (6)
import { grown, rowsFor } from "../detect/columns.ts";
import { finderNames } from "../detect/finding.ts";
import { Kind, kindAt } from "../detect/kinds.ts";
import { type Block, backends, isInTable, TABLE_BACKEND } from "../judge/block.ts";
import type { FindingReason, Reason } from "../judge/reason.ts";
import { grades } from "../judge/verdict.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../wire/address.ts";
import { NO_TEXT, NOT_KEPT, TextTable } from "./text-table.ts";

const Flag = {
  Soft: 1,
  Enforced: 2,
  /** Its reason is a finding's. */
  Found: 4,
  Slow: 8,
  Proof: 16,
  Trigger: 32,
  OnTrial: 64,
  /** Its text of the tool is that of the host behind this one that was asked. */
  Behind: 128,
} as const;

const TIMES = 3;
const WORDS = 6;
const SHORTS = 11;
const BYTES = 6;
const MAX_WORD = 0xffffffff;
const MAX_SHORT = 0xffff;

/** Different commands that blocks were made by: as many as somebody has changed the settings. Their numbers fit into a byte. */
const MAX_MAKERS = 200;
const MAX_MAKER_CHARS = 65_536;

export class BlockRows {
  readonly texts = new TextTable();
  readonly makers = new TextTable(MAX_MAKERS, MAX_MAKER_CHARS);
  #times = new Float64Array(0);
  #words = new Uint32Array(0);
  #shorts = new Uint16Array(0);
  #bytes = new Uint8Array(0);

  isSoft(row: number): boolean {
    return (this.#flags(row) & Flag.Soft) !== 0;
  }

  /** Made on a claim: its source is not proven. */
  isDirect(row: number): boolean {
    return grades[this.#bytes[row * BYTES + 1] ?? 0] === "direct";
  }

  isDelegated(row: number): boolean {
    const backend = backends[this.#bytes[row * BYTES + 2] ?? 0];
    return backend !== undefined && !isInTable({ backend });
  }

  isOnTrial(row: number): boolean {
    return (this.#flags(row) & Flag.OnTrial) !== 0;
  }

  sinceMs(row: number): number {
    return this.#times[row * TIMES] ?? 0;
  }

  /** The row held nothing, or was cleared. */
  write(row: number, block: Block): void {
    this.#reach(row);
    const { grade, backend, trigger, afterTrial, reason } = block;
    let flags = (block.soft ? Flag.Soft : 0) | (block.enforced ? Flag.Enforced : 0);
    if (trigger !== undefined) flags |= Flag.Trigger;
    if (afterTrial !== undefined) flags |= Flag.OnTrial;
    this.#times[row * TIMES] = block.sinceMs;
    this.#times[row * TIMES + 1] = afterTrial?.untilMs ?? Number.POSITIVE_INFINITY;
    this.#words[row * WORDS] = Math.min(MAX_WORD, block.offences);
    const short = row * SHORTS;
    this.#shorts[short + 1] = trigger?.port ?? 0;
    // One more than the number: 0 stands for none.
    this.#shorts[short + 7] = upTo(MAX_SHORT - 1, block.knownPairs) + 1;
    this.#shorts[short + 8] = upTo(MAX_SHORT - 1, block.liveConnections) + 1;
    const byte = row * BYTES;
    this.#bytes[byte + 1] = grades.indexOf(grade);
    this.#bytes[byte + 2] = backends.indexOf(backend);
    this.#shorts[short + 10] = trigger?.protocol ?? 0;
    this.#bytes[byte + 5] = this.makers.keep(block.madeBy);
    this.#bytes[byte] = flags | this.#writeReason(row, reason);
  }

  /** The texts of the row go; write() gives the row others. */
  clear(row: number): void {
    const word = row * WORDS;
    this.texts.drop(this.#words[word + 4] ?? NO_TEXT);
    this.texts.drop(this.#words[word + 5] ?? NO_TEXT);
    this.makers.drop(this.#bytes[row * BYTES + 5] ?? NO_TEXT);
  }

  read(row: number, source: Prefix, untilMs: number | undefined): Block {
    const flags = this.#flags(row);
    const short = row * SHORTS;
    const byte = row * BYTES;
    const pairs = this.#shorts[short + 7] ?? 0;
    const live = this.#shorts[short + 8] ?? 0;
    const afterMs = this.#times[row * TIMES + 1] ?? Number.POSITIVE_INFINITY;
    const maker = this.#bytes[byte + 5] ?? NO_TEXT;
    const madeBy = maker === NOT_KEPT ? undefined : this.makers.text(maker);
    return {
      source,
      sinceMs: this.sinceMs(row),
      untilMs,
      grade: grades[this.#bytes[byte + 1] ?? 0] ?? "direct",
      soft: (flags & Flag.Soft) !== 0,
      reason: this.#readReason(row),
      offences: this.#words[row * WORDS] ?? 0,
      backend: backends[this.#bytes[byte + 2] ?? 0] ?? TABLE_BACKEND,
      ...((flags & Flag.Trigger) !== 0 && {
        trigger: { protocol: this.#shorts[short + 10] ?? 0, port: this.#shorts[short + 1] ?? 0 },
      }),
      ...((flags & Flag.OnTrial) !== 0 && {
        afterTrial: { untilMs: afterMs === Number.POSITIVE_INFINITY ? undefined : afterMs },
      }),
      ...(madeBy !== undefined && { madeBy }),
      ...(pairs > 0 && { knownPairs: pairs - 1 }),
      ...(live > 0 && { liveConnections: live - 1 }),
      enforced: (flags & Flag.Enforced) !== 0,
    };
  }

  #flags(row: number): number {
    return this.#bytes[row * BYTES] ?? 0;
  }

  #writeReason(row: number, reason: Reason): number {
    const word = row * WORDS;
    if (typeof reason === "string") {
      this.#words[word + 4] = NO_TEXT;
      this.#words[word + 5] = this.texts.keep(reason);
      return 0;
    }
    const { proof } = reason;
    this.#times[row * TIMES + 2] = reason.spanMs;
    this.#words[word + 1] = upTo(MAX_WORD, reason.probes);
    this.#words[word + 2] = upTo(MAX_WORD, reason.contacts);
    // One more than the number: 0 stands for a finding on a host.
    this.#words[word + 3] = upTo(MAX_WORD - 1, reason.hosts) + 1;
    this.#words[word + 4] = this.texts.keep(reason.host === undefined ? reason.tool : formatPrefix(reason.host));
    this.#words[word + 5] = this.texts.keep(reason.evidence);
    const short = row * SHORTS;
    this.#shorts[short] = reason.port;
    this.#shorts[short + 2] = upTo(MAX_SHORT, proof?.answeredPorts);
    this.#shorts[short + 3] = upTo(MAX_SHORT, proof?.answeredRepeated);
    this.#shorts[short + 4] = upTo(MAX_SHORT, proof?.silentPorts);
    this.#shorts[short + 5] = upTo(MAX_SHORT, proof?.silentRepeated);
    this.#shorts[short + 6] = upTo(MAX_SHORT, proof?.bits);
    const byte = row * BYTES;
    this.#bytes[byte + 3] = finderNames.indexOf(reason.policy);
    this.#bytes[byte + 4] = reason.kind;
    this.#shorts[short + 9] = reason.protocol;
    const behind = reason.host === undefined ? 0 : Flag.Behind;
    return Flag.Found | behind | (reason.isSlow ? Flag.Slow : 0) | (proof === undefined ? 0 : Flag.Proof);
  }

  #readReason(row: number): Reason {
    const flags = this.#flags(row);
    const word = row * WORDS;
    const text = this.texts.text(this.#words[word + 5] ?? NO_TEXT);
    if ((flags & Flag.Found) === 0) return text ?? "";
    const short = row * SHORTS;
    const byte = row * BYTES;
    const hosts = this.#words[word + 3] ?? 0;
    const named = this.texts.text(this.#words[word + 4] ?? NO_TEXT);
    const isBehind = (flags & Flag.Behind) !== 0;
    const host = isBehind && named !== undefined ? parsePrefix(named) : undefined;
    const reason: FindingReason = {
      policy: finderNames[this.#bytes[byte + 3] ?? 0] ?? "score",
      kind: kindAt(this.#bytes[byte + 4] ?? 0) ?? Kind.Unknown,
      protocol: this.#shorts[short + 9] ?? 0,
      port: this.#shorts[short] ?? 0,
      probes: this.#words[word + 1] ?? 0,
      contacts: this.#words[word + 2] ?? 0,
      spanMs: this.#times[row * TIMES + 2] ?? 0,
      isSlow: (flags & Flag.Slow) !== 0,
      ...(hosts > 0 && { hosts: hosts - 1 }),
      ...(!isBehind && named !== undefined && { tool: named }),
      ...(host !== undefined && { host }),
      ...((flags & Flag.Proof) !== 0 && {
        proof: {
          answeredPorts: this.#shorts[short + 2] ?? 0,
          answeredRepeated: this.#shorts[short + 3] ?? 0,
          silentPorts: this.#shorts[short + 4] ?? 0,
          silentRepeated: this.#shorts[short + 5] ?? 0,
          bits: this.#shorts[short + 6] ?? 0,
        },
      }),
      ...(text !== undefined && { evidence: text }),
    };
    return reason;
  }

  #reach(row: number): void {
    if ((row + 1) * BYTES > this.#bytes.length) this.reserve(rowsFor(row));
  }

  /** Makes room for so many rows at once. */
  reserve(rows: number): void {
    this.#times = grown(this.#times, rows * TIMES, Float64Array);
    this.#words = grown(this.#words, rows * WORDS, Uint32Array);
    this.#shorts = grown(this.#shorts, rows * SHORTS, Uint16Array);
    this.#bytes = grown(this.#bytes, rows * BYTES, Uint8Array);
  }
}

/** -1 for what is not there. */
function upTo(limit: number, value: number | undefined): number {
  return value === undefined ? -1 : Math.max(0, Math.min(limit, Math.floor(value)));
}
