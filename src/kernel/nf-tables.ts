// nf_tables over netlink, where libnftables is too slow or has no call (docs/decisions/0002-set-elements.md): elements of
// plain sets are added, removed, looked up and dumped without text; the generation number and a fingerprint of a table's
// rules tell whether somebody else changed it. (linux/netfilter/nf_tables.h)
import * as K from "./constants.ts";
import { errnoName, KernelError, remedyFor } from "./errors.ts";
import { type NetlinkMessage, NetlinkSocket, NetlinkWriter, walkAttributes } from "./netlink.ts";

const message = (type: number) => (K.NFNL_SUBSYS_NFTABLES << 8) | type;

/** A key of a set: 4 bytes for ipv4_addr, 16 for ipv6_addr, in network order. */
export type ElementKey = Uint8Array;

export interface ElementChange {
  readonly set: string;
  readonly key: ElementKey;
  /** How long the kernel keeps it; undefined = until it is removed. Ignored for removals. */
  readonly timeoutMs?: number | undefined;
}

/** An interval of a set: from `first` up to, and without, `end`; without `end`: to the last address there is. */
export interface IntervalChange {
  readonly first: ElementKey;
  readonly end: ElementKey | undefined;
  readonly timeoutMs: number | undefined;
}

/** A set of intervals, and how it is to change. */
export interface IntervalsOfSet {
  readonly set: string;
  readonly gone: readonly IntervalChange[];
  readonly added: readonly IntervalChange[];
}

/** The answer of a look-up: absent, or present with what is left of its time (undefined: it does not expire). */
export type ElementState =
  | { readonly present: false }
  | { readonly present: true; readonly expiresInMs: number | undefined };

interface Dump {
  readonly entries: readonly string[];
  readonly interrupted: boolean;
}

/** Elements in one message: 40 bytes each, and an attribute's length is 16 bits. */
const ELEMENTS_PER_MESSAGE = 1_000;
const WRITER_BYTES = 65_536;
/** Two elements each, which one message must hold both. */
const INTERVALS_PER_MESSAGE = ELEMENTS_PER_MESSAGE / 2;
const DUMP_ATTEMPTS = 5;

export class NfTables {
  readonly #socket = new NetlinkSocket({
    name: "nf_tables",
    protocol: K.NETLINK_NETFILTER,
    sendBufferBytes: 8 << 20,
    datagramBytes: 131_072,
  });
  readonly #writer = new NetlinkWriter(WRITER_BYTES);
  readonly #table: string;

  /** Works on one table of family inet. */
  constructor(table: string) {
    this.#table = table;
  }

  /** The rule set's generation: grows by one with every committed transaction of any program. */
  generation(): number {
    let generation = 0;
    const request = this.#begin(K.NFT_MSG_GETGEN, K.NLM_F_ACK).finish();
    this.#socket.request(request, (answer) => {
      walkAttributes(answer.bytes, answer.at + K.NFGENMSG_BYTES, answer.end, (type, at) => {
        if (type === K.NFTA_GEN_ID) generation = answer.bytes.readUInt32BE(at);
      });
    });
    return generation;
  }

  /**
   * Adds elements that are not there, in one transaction; one that is there keeps its time. Returns "" or the errno's
   * name: ENOENT (no such table or set), ENFILE or ENOSPC (the set is full), EPERM.
   */
  insert(changes: readonly ElementChange[]): string {
    return this.#transact([[K.NFT_MSG_NEWSETELEM, changes]]);
  }

  /** Like insert(), but an element that is there gets the new time. */
  replace(changes: readonly ElementChange[]): string {
    // Before Linux 6.12 adding what is there keeps the old time: add (so that there is one), delete, add.
    return this.#transact([
      [K.NFT_MSG_NEWSETELEM, changes],
      [K.NFT_MSG_DELSETELEM, changes],
      [K.NFT_MSG_NEWSETELEM, changes],
    ]);
  }

  /** Removes elements in one transaction; one that has just expired is no error. */
  remove(changes: readonly ElementChange[]): string {
    const code = this.#transact([
      [K.NFT_MSG_NEWSETELEM, changes],
      [K.NFT_MSG_DELSETELEM, changes],
    ]);
    return code === "ENFILE" || code === "ENOSPC" ? this.#removeSingly(changes) : code;
  }

  /**
   * Puts intervals into sets in place of all that they hold, in one transaction. They must be ascending and disjoint, and
   * may touch. Returns "" or the errno's name.
   */
  replaceIntervals(sets: readonly (readonly [set: string, intervals: readonly IntervalChange[]])[]): string {
    return this.#transactParts(
      sets.flatMap(([set, intervals]) => [
        this.#beginElements(K.NFT_MSG_DELSETELEM, set).finishCopy(),
        ...this.#intervals(K.NFT_MSG_NEWSETELEM, set, intervals),
      ]),
    );
  }

  /** Takes intervals out of sets and adds others, in one transaction. ENOENT also where one to be taken out is not there. */
  changeIntervals(sets: readonly IntervalsOfSet[]): string {
    return this.#transactParts(
      sets.flatMap(({ set, gone, added }) => [
        ...this.#intervals(K.NFT_MSG_DELSETELEM, set, gone),
        ...this.#intervals(K.NFT_MSG_NEWSETELEM, set, added),
      ]),
    );
  }

  #intervals(type: number, set: string, intervals: readonly IntervalChange[]): Uint8Array[] {
    const messages: Uint8Array[] = [];
    for (let at = 0; at < intervals.length; at += INTERVALS_PER_MESSAGE) {
      const writer = this.#beginElements(type, set);
      const list = writer.beginNested(K.NFTA_SET_ELEM_LIST_ELEMENTS);
      for (const { first, end, timeoutMs } of intervals.slice(at, at + INTERVALS_PER_MESSAGE)) {
        writeElement(writer, type === K.NFT_MSG_NEWSETELEM ? { key: first, timeoutMs } : { key: first });
        if (end !== undefined) writeElement(writer, { key: end, flags: K.NFT_SET_ELEM_INTERVAL_END });
      }
      messages.push(writer.endNested(list).finishCopy());
    }
    return messages;
  }

  /** For a full set, where an expired element cannot be added before it is removed. */
  #removeSingly(changes: readonly ElementChange[]): string {
    const codes = changes.map((change) => this.#transact([[K.NFT_MSG_DELSETELEM, [change]]]));
    return codes.find((code) => code !== "" && code !== "ENOENT") ?? "";
  }

  #transact(steps: readonly (readonly [number, readonly ElementChange[]])[]): string {
    const parts: Uint8Array[] = [];
    for (const [type, changes] of steps) {
      for (let at = 0; at < changes.length; at += ELEMENTS_PER_MESSAGE) {
        for (const [set, group] of groupBySet(changes.slice(at, at + ELEMENTS_PER_MESSAGE))) {
          parts.push(this.#elements(type, set, group));
        }
      }
    }
    return this.#transactParts(parts);
  }

  #transactParts(parts: readonly Uint8Array[]): string {
    const begin = this.#batchMark(K.NFNL_MSG_BATCH_BEGIN);
    const errno = this.#socket.transact(Buffer.concat([begin, ...parts, this.#batchMark(K.NFNL_MSG_BATCH_END)]));
    return errno === 0 ? "" : errnoName(errno);
  }

  #batchMark(type: number): Uint8Array {
    const sequence = this.#socket.nextSequence();
    return this.#writer.begin(type, K.NLM_F_REQUEST, sequence).nfgen(0, K.NFNL_SUBSYS_NFTABLES).finishCopy();
  }

  #elements(type: number, set: string, changes: readonly ElementChange[]): Uint8Array {
    const writer = this.#beginElements(type, set);
    const list = writer.beginNested(K.NFTA_SET_ELEM_LIST_ELEMENTS);
    for (const { key, timeoutMs } of changes) {
      writeElement(writer, type === K.NFT_MSG_NEWSETELEM ? { key, timeoutMs } : { key });
    }
    return writer.endNested(list).finishCopy();
  }

  #beginElements(type: number, set: string): NetlinkWriter {
    return this.#begin(type, type === K.NFT_MSG_NEWSETELEM ? K.NLM_F_CREATE : 0)
      .text(K.NFTA_SET_ELEM_LIST_TABLE, this.#table)
      .text(K.NFTA_SET_ELEM_LIST_SET, set);
  }

  /** Asks the kernel for one element: the read-back behind every "blocked". Throws KernelError but for ENOENT. */
  lookup(set: string, key: ElementKey): ElementState {
    const writer = this.#begin(K.NFT_MSG_GETSETELEM, K.NLM_F_ACK)
      .text(K.NFTA_SET_ELEM_LIST_TABLE, this.#table)
      .text(K.NFTA_SET_ELEM_LIST_SET, set);
    const list = writer.beginNested(K.NFTA_SET_ELEM_LIST_ELEMENTS);
    const element = writer.beginNested(K.NFTA_LIST_ELEM);
    const keyAt = writer.beginNested(K.NFTA_SET_ELEM_KEY);
    writer.attribute(K.NFTA_DATA_VALUE, key).endNested(keyAt).endNested(element).endNested(list);
    let state: ElementState = { present: false };
    const errno = this.#socket.query(writer.finish(), (answer) => {
      readElements(answer, (_key, expiresInMs) => {
        state = { present: true, expiresInMs };
      });
    });
    if (errno === 0 || errno === K.ENOENT) return state;
    const code = errnoName(errno);
    throw new KernelError("nf_tables: an element cannot be looked up", code, remedyFor(code));
  }

  /**
   * Visits every element of a set; the key is valid during the visit only. The kernel walks a set from its beginning
   * for every 500 elements it has told: 100,000 take half a second, 1,000,000 a minute. Throws KernelError, ENOENT when
   * the table or set is not there.
   */
  visitElements(set: string, visit: ElementVisitor): void {
    const request = this.#begin(K.NFT_MSG_GETSETELEM, K.NLM_F_DUMP)
      .text(K.NFTA_SET_ELEM_LIST_TABLE, this.#table)
      .text(K.NFTA_SET_ELEM_LIST_SET, set)
      .finish();
    this.#socket.request(request, (answer) => readElements(answer, visit));
  }

  /** The bound and the number of elements of each named set of the table; one question and one answer, however many elements. */
  readSetUses(): SetUse[] {
    const uses: SetUse[] = [];
    const request = this.#begin(K.NFT_MSG_GETSET, K.NLM_F_DUMP).text(K.NFTA_TABLE, this.#table).finish();
    this.#socket.request(request, ({ bytes, at, end }) => {
      let set = "";
      let flags = 0;
      let size: number | undefined;
      let count: number | undefined;
      walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (type, valueAt, valueEnd) => {
        if (type === K.NFTA_SET_NAME) set = bytes.toString("latin1", valueAt, valueEnd - 1);
        if (type === K.NFTA_SET_FLAGS) flags = bytes.readUInt32BE(valueAt);
        if (type === K.NFTA_SET_COUNT) count = bytes.readUInt32BE(valueAt);
        if (type !== K.NFTA_SET_DESC) return;
        walkAttributes(bytes, valueAt, valueEnd, (inner, innerAt) => {
          if (inner === K.NFTA_SET_DESC_SIZE) size = bytes.readUInt32BE(innerAt);
        });
      });
      if ((flags & K.NFT_SET_ANONYMOUS) === 0) uses.push({ set, size, count });
    });
    return uses;
  }

  /** At once where the kernel tells it (Linux 6.16), else by reading the set whole. */
  countElements(set: string): number {
    const told = this.readSetUses().find((use) => use.set === set)?.count;
    if (told !== undefined) return told;
    let count = 0;
    this.visitElements(set, () => {
      count++;
    });
    return count;
  }

  /**
   * The table's flags (dormant), its chains with hooks and policies, and the handles of its rules, in order: equal texts
   * mean that none of them came, went or was changed. "" without a table.
   */
  fingerprint(): string {
    const flags = this.#readFlags();
    if (flags === undefined) return "";
    return [flags, this.#readWhole(() => this.#readChains()), this.#readWhole(() => this.#readRules())].join(" ");
  }

  /**
   * How many elements a set has, and a sum of their keys: equal texts mean the same elements, up to 2^-32. "" without
   * the set. For sets whose elements do not expire.
   */
  digest(set: string): string {
    let count = 0;
    let sum = 0;
    try {
      this.visitElements(set, (key) => {
        // FNV-1a; the order in which the kernel tells them may change.
        let hash = 0x811c9dc5;
        for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ (key[at] ?? 0), 0x01000193);
        sum = (sum + hash) >>> 0;
        count++;
      });
    } catch (error) {
      if (error instanceof KernelError && error.code === "ENOENT") return "";
      throw error;
    }
    return `${count}:${sum}`;
  }

  /** A commit in the middle of a dump, to whatever table, may make it miss entries or tell some twice. */
  #readWhole(read: () => Dump): string {
    let dump = read();
    for (let again = 1; dump.interrupted && again < DUMP_ATTEMPTS; again++) dump = read();
    return dump.entries.join(" ");
  }

  #readFlags(): number | undefined {
    let found: number | undefined;
    const request = this.#begin(K.NFT_MSG_GETTABLE, K.NLM_F_ACK).text(K.NFTA_TABLE, this.#table).finish();
    try {
      this.#socket.request(request, ({ bytes, at, end }) => {
        found ??= 0;
        walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (type, valueAt) => {
          if (type === K.NFTA_TABLE_FLAGS) found = bytes.readUInt32BE(valueAt);
        });
      });
    } catch (error) {
      if (!(error instanceof KernelError && error.code === "ENOENT")) throw error;
    }
    return found;
  }

  #readChains(): Dump {
    const entries: string[] = [];
    let interrupted = false;
    this.#socket.request(this.#begin(K.NFT_MSG_GETCHAIN, K.NLM_F_DUMP).finish(), ({ flags, bytes, at, end }) => {
      if ((flags & K.NLM_F_DUMP_INTR) !== 0) interrupted = true;
      let chain = "";
      let ours = false;
      walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (type, valueAt, valueEnd) => {
        if (type === K.NFTA_TABLE) ours = bytes.toString("latin1", valueAt, valueEnd - 1) === this.#table;
        if (type === K.NFTA_CHAIN_NAME) chain += bytes.toString("latin1", valueAt, valueEnd - 1);
        if (type === K.NFTA_CHAIN_HOOK || type === K.NFTA_CHAIN_POLICY)
          chain += `/${bytes.toString("hex", valueAt, valueEnd)}`;
      });
      if (ours) entries.push(chain);
    });
    return { entries, interrupted };
  }

  #readRules(): Dump {
    const entries: string[] = [];
    let interrupted = false;
    const request = this.#begin(K.NFT_MSG_GETRULE, K.NLM_F_DUMP).text(K.NFTA_TABLE, this.#table).finish();
    this.#socket.request(request, ({ flags, bytes, at, end }) => {
      if ((flags & K.NLM_F_DUMP_INTR) !== 0) interrupted = true;
      let rule = "";
      let ours = false;
      walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (type, valueAt, valueEnd) => {
        if (type === K.NFTA_TABLE) ours = bytes.toString("latin1", valueAt, valueEnd - 1) === this.#table;
        if (type === K.NFTA_RULE_CHAIN) rule += bytes.toString("latin1", valueAt, valueEnd - 1);
        if (type === K.NFTA_RULE_HANDLE) rule += `#${bytes.readBigUInt64BE(valueAt)}`;
      });
      if (ours) entries.push(rule);
    });
    return { entries, interrupted };
  }

  #begin(type: number, flags: number): NetlinkWriter {
    return this.#writer
      .begin(message(type), K.NLM_F_REQUEST | flags, this.#socket.nextSequence())
      .nfgen(K.NFPROTO_INET, 0);
  }

  close(): void {
    this.#socket.close();
  }
}

function groupBySet(changes: readonly ElementChange[]): Map<string, ElementChange[]> {
  const groups = new Map<string, ElementChange[]>();
  for (const change of changes) {
    const group = groups.get(change.set);
    if (group === undefined) groups.set(change.set, [change]);
    else group.push(change);
  }
  return groups;
}

interface WrittenElement {
  readonly key: ElementKey;
  readonly timeoutMs?: number | undefined;
  readonly flags?: number;
}

function writeElement(writer: NetlinkWriter, { key, timeoutMs, flags }: WrittenElement): void {
  const element = writer.beginNested(K.NFTA_LIST_ELEM);
  const keyAt = writer.beginNested(K.NFTA_SET_ELEM_KEY);
  writer.attribute(K.NFTA_DATA_VALUE, key).endNested(keyAt);
  if (flags !== undefined) writer.u32be(K.NFTA_SET_ELEM_FLAGS, flags);
  if (timeoutMs !== undefined) writer.u64be(K.NFTA_SET_ELEM_TIMEOUT, Math.max(1, timeoutMs));
  writer.endNested(element);
}

export interface SetUse {
  readonly set: string;
  /** How many elements it may hold; undefined: as many as there is memory for. */
  readonly size: number | undefined;
  /** How many it holds; undefined where the kernel does not tell (before Linux 6.16). */
  readonly count: number | undefined;
}

/** The key is valid during the visit only. `isEnd`: in a set of intervals, the first key behind one. */
export type ElementVisitor = (key: Buffer, expiresInMs: number | undefined, isEnd?: boolean) => void;

/** Walks one NEWSETELEM message. Straight-line code: a dump may hold a million elements. */
export function readElements(answer: NetlinkMessage, visit: ElementVisitor): void {
  const { bytes, end } = answer;
  const list = findAttribute(bytes, answer.at + K.NFGENMSG_BYTES, end, K.NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list < 0) return;
  const listEnd = list + bytes.readUInt16LE(list);
  for (let element = list + K.NLA_HEADER_BYTES; element + K.NLA_HEADER_BYTES <= listEnd; ) {
    const length = bytes.readUInt16LE(element);
    if (length < K.NLA_HEADER_BYTES || element + length > listEnd) return;
    const from = element + K.NLA_HEADER_BYTES;
    const key = findAttribute(bytes, from, element + length, K.NFTA_SET_ELEM_KEY);
    const left = findAttribute(bytes, from, element + length, K.NFTA_SET_ELEM_EXPIRATION);
    const flags = findAttribute(bytes, from, element + length, K.NFTA_SET_ELEM_FLAGS);
    if (key >= 0) {
      // key attribute > data value attribute > the key itself
      const valueAt = key + 2 * K.NLA_HEADER_BYTES;
      const expiresInMs = left < 0 ? undefined : bytes.readUInt32BE(left + 4) * 2 ** 32 + bytes.readUInt32BE(left + 8);
      visit(
        bytes.subarray(valueAt, key + K.NLA_HEADER_BYTES + bytes.readUInt16LE(key + K.NLA_HEADER_BYTES)),
        expiresInMs,
        flags >= 0 && (bytes.readUInt32BE(flags + K.NLA_HEADER_BYTES) & K.NFT_SET_ELEM_INTERVAL_END) !== 0,
      );
    }
    element += (length + 3) & ~3;
  }
}

/** Where the attribute of that type begins, or -1. */
function findAttribute(bytes: Buffer, at: number, end: number, wanted: number): number {
  let cursor = at;
  while (cursor + K.NLA_HEADER_BYTES <= end) {
    const length = bytes.readUInt16LE(cursor);
    if (length < K.NLA_HEADER_BYTES || cursor + length > end) return -1;
    if ((bytes.readUInt16LE(cursor + 2) & K.NLA_TYPE_MASK) === wanted) return cursor;
    cursor += (length + 3) & ~3;
  }
  return -1;
}

/** Why the kernel refused an element, for a person. */
export function elementRemedy(code: string): string {
  switch (code) {
    case "ENFILE":
    case "ENOSPC":
      return "the kernel's set is full";
    case "ENOENT":
      return "the table is gone: another program removed it";
    default:
      return remedyFor(code);
  }
}
