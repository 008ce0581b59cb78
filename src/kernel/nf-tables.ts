// nf_tables over netlink, where libnftables is too slow or has no call (docs/decisions/0002-set-elements.md): elements of
// plain sets are added, removed, looked up and dumped without text; the generation number and a fingerprint of a table's
// rules tell whether somebody else changed it. (linux/netfilter/nf_tables.h)
import * as K from "./constants.ts";
import { errnoName, KernelError, remedyFor } from "./errors.ts";
import { MessageBatch } from "./message-batch.ts";
import { NetlinkSocket, NetlinkWriter, walkAttributes } from "./netlink.ts";
import { readNamedCounters } from "./nf-counters.ts";
import {
  type ElementChange,
  type ElementKey,
  type ElementState,
  type ElementVisitor,
  groupBySet,
  type IntervalChange,
  type IntervalState,
  type IntervalsOfSet,
  KeySum,
  readElements,
  writeElement,
} from "./nf-elements.ts";
import { type Questions, TableFingerprint } from "./nf-fingerprint.ts";

const message = (type: number) => (K.NFNL_SUBSYS_NFTABLES << 8) | type;

/** Elements in one message: 40 bytes each, and an attribute's length is 16 bits. */
const ELEMENTS_PER_MESSAGE = 1_000;
/** Each has an answer of its own, and all of them must find room in the socket: less than 1 KB each. */
const KEYS_PER_QUESTION = 100;
const WRITER_BYTES = 65_536;
/** Two elements each, which one message must hold both. */
const INTERVALS_PER_MESSAGE = ELEMENTS_PER_MESSAGE / 2;

export interface SetUse {
  readonly set: string;
  /** How many elements it may hold; undefined: as many as there is memory for. */
  readonly size: number | undefined;
  /** How many it holds; undefined where the kernel does not tell (before Linux 6.16). */
  readonly count: number | undefined;
}

export class NfTables {
  readonly #socket = new NetlinkSocket({
    name: "nf_tables",
    protocol: K.NETLINK_NETFILTER,
    sendBufferBytes: 8 << 20,
    receiveBufferBytes: 1 << 20,
    datagramBytes: 131_072,
  });
  readonly #writer = new NetlinkWriter(WRITER_BYTES);
  readonly #batch = new MessageBatch();
  readonly #table: string;
  readonly #questions: Questions;
  readonly #fingerprint: TableFingerprint;

  /** Transactions that were committed here. One that changes nothing does not make the generation grow. */
  commits = 0;

  /** Works on one table of family inet. */
  constructor(table: string) {
    this.#table = table;
    this.#questions = {
      begin: (type, flags) => this.#begin(type, flags),
      request: (request, visit) => this.#socket.request(request, visit),
    };
    this.#fingerprint = new TableFingerprint(table, this.#questions);
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

  /** Takes all elements out of a set, however many, by one message. Returns "" or the errno's name. */
  empty(set: string): string {
    return this.#transactParts(() => this.#batch.add(this.#beginElements(K.NFT_MSG_DELSETELEM, set).finish()));
  }

  /**
   * Puts intervals into sets in place of all that they hold, in one transaction. They must be ascending and disjoint, and
   * may touch. Returns "" or the errno's name.
   */
  replaceIntervals(sets: readonly (readonly [set: string, intervals: readonly IntervalChange[]])[]): string {
    return this.#transactParts(() => {
      for (const [set, intervals] of sets) {
        this.#batch.add(this.#beginElements(K.NFT_MSG_DELSETELEM, set).finish());
        this.#addIntervals(K.NFT_MSG_NEWSETELEM, set, intervals);
      }
    });
  }

  /** Takes intervals out of sets and adds others, in one transaction. ENOENT also where one to be taken out is not there. */
  changeIntervals(sets: readonly IntervalsOfSet[]): string {
    return this.#transactParts(() => {
      for (const { set, gone, added } of sets) {
        this.#addIntervals(K.NFT_MSG_DELSETELEM, set, gone);
        this.#addIntervals(K.NFT_MSG_NEWSETELEM, set, added);
      }
    });
  }

  #addIntervals(type: number, set: string, intervals: readonly IntervalChange[]): void {
    for (let at = 0; at < intervals.length; at += INTERVALS_PER_MESSAGE) {
      const writer = this.#beginElements(type, set);
      const list = writer.beginNested(K.NFTA_SET_ELEM_LIST_ELEMENTS);
      for (const { first, end, timeoutMs } of intervals.slice(at, at + INTERVALS_PER_MESSAGE)) {
        writeElement(writer, type === K.NFT_MSG_NEWSETELEM ? { key: first, timeoutMs } : { key: first });
        if (end !== undefined) writeElement(writer, { key: end, flags: K.NFT_SET_ELEM_INTERVAL_END });
      }
      this.#batch.add(writer.endNested(list).finish());
    }
  }

  /** For a full set, where an expired element cannot be added before it is removed. */
  #removeSingly(changes: readonly ElementChange[]): string {
    const codes = changes.map((change) => this.#transact([[K.NFT_MSG_DELSETELEM, [change]]]));
    return codes.find((code) => code !== "" && code !== "ENOENT") ?? "";
  }

  #transact(steps: readonly (readonly [number, readonly ElementChange[]])[]): string {
    return this.#transactParts(() => {
      for (const [type, changes] of steps) {
        for (let at = 0; at < changes.length; at += ELEMENTS_PER_MESSAGE) {
          for (const [set, group] of groupBySet(changes.slice(at, at + ELEMENTS_PER_MESSAGE))) {
            this.#batch.add(this.#elements(type, set, group));
          }
        }
      }
    });
  }

  /** `addParts` adds the messages to the batch. */
  #transactParts(addParts: () => void): string {
    this.#batch.begin();
    this.#batch.add(this.#batchMark(K.NFNL_MSG_BATCH_BEGIN));
    addParts();
    this.#batch.add(this.#batchMark(K.NFNL_MSG_BATCH_END));
    const errno = this.#socket.transact(this.#batch.bytes);
    if (errno === 0) this.commits++;
    return errno === 0 ? "" : errnoName(errno);
  }

  #batchMark(type: number): Uint8Array {
    const sequence = this.#socket.nextSequence();
    return this.#writer.begin(type, K.NLM_F_REQUEST, sequence).nfgen(0, K.NFNL_SUBSYS_NFTABLES).finish();
  }

  #elements(type: number, set: string, changes: readonly ElementChange[]): Uint8Array {
    const writer = this.#beginElements(type, set);
    const list = writer.beginNested(K.NFTA_SET_ELEM_LIST_ELEMENTS);
    for (const { key, timeoutMs } of changes) {
      writeElement(writer, type === K.NFT_MSG_NEWSETELEM ? { key, timeoutMs } : { key });
    }
    return writer.endNested(list).finish();
  }

  #beginElements(type: number, set: string): NetlinkWriter {
    return this.#begin(type, type === K.NFT_MSG_NEWSETELEM ? K.NLM_F_CREATE : 0)
      .text(K.NFTA_SET_ELEM_LIST_TABLE, this.#table)
      .text(K.NFTA_SET_ELEM_LIST_SET, set);
  }

  /** Asks the kernel for one element: the read-back behind every "blocked". Throws KernelError but for ENOENT. */
  lookup(set: string, key: ElementKey): ElementState {
    let state: ElementState = { present: false };
    this.#lookUp(set, key, (_key, expiresInMs) => {
      state = { present: true, expiresInMs };
    });
    return state;
  }

  /**
   * Asks the kernel for many elements, a hundred at a time; `visit` has each in the order of the keys. Throws KernelError.
   */
  lookupAll(
    keys: readonly Pick<ElementChange, "set" | "key">[],
    visit: (at: number, state: ElementState) => void,
  ): void {
    for (let at = 0; at < keys.length; ) {
      const set = keys[at]?.set ?? "";
      let end = at + 1;
      while (end < keys.length && end - at < KEYS_PER_QUESTION && keys[end]?.set === set) end++;
      at = this.#lookUpRun(set, keys, { at, end }, visit);
    }
  }

  /** The keys between two places, all of one set. Returns the place of the first that was not asked for. */
  #lookUpRun(
    set: string,
    keys: readonly Pick<ElementChange, "set" | "key">[],
    { at, end }: { readonly at: number; readonly end: number },
    visit: (at: number, state: ElementState) => void,
  ): number {
    let answered = at;
    const run = keys.slice(at, end).map(({ key }) => key);
    const errno = this.#ask(set, run, (_key, expiresInMs) => visit(answered++, { present: true, expiresInMs }));
    // The kernel stops at the first that is not there.
    if (errno === 0) return end;
    if (errno !== K.ENOENT) this.#refuseLookUp(errno);
    visit(answered, { present: false });
    return answered + 1;
  }

  /** The interval of a set in which a key lies, by its first key. Throws KernelError but for ENOENT. */
  intervalAt(set: string, key: ElementKey): IntervalState | undefined {
    let state: IntervalState | undefined;
    this.#lookUp(set, key, (first, expiresInMs) => {
      state = { first: Uint8Array.from(first), expiresInMs };
    });
    return state;
  }

  #lookUp(set: string, key: ElementKey, visit: ElementVisitor): void {
    const errno = this.#ask(set, [key], visit);
    if (errno !== 0 && errno !== K.ENOENT) this.#refuseLookUp(errno);
  }

  #refuseLookUp(errno: number): never {
    const code = errnoName(errno);
    throw new KernelError("nf_tables: an element cannot be looked up", code, remedyFor(code));
  }

  /** Returns the errno of the first that was not answered, or 0. */
  #ask(set: string, keys: readonly ElementKey[], visit: ElementVisitor): number {
    const writer = this.#begin(K.NFT_MSG_GETSETELEM, K.NLM_F_ACK)
      .text(K.NFTA_SET_ELEM_LIST_TABLE, this.#table)
      .text(K.NFTA_SET_ELEM_LIST_SET, set);
    const list = writer.beginNested(K.NFTA_SET_ELEM_LIST_ELEMENTS);
    for (const key of keys) writeElement(writer, { key });
    return this.#socket.query(writer.endNested(list).finish(), (answer) => readElements(answer, visit));
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

  /** readNamedCounters(). */
  readCounters(): Map<string, number> {
    return readNamedCounters(this.#table, this.#questions);
  }

  /** TableFingerprint.read(). */
  fingerprint(): string {
    return this.#fingerprint.read();
  }

  /**
   * How many elements a set has, and a sum of their keys: equal texts mean the same elements, up to 2^-32. "" without
   * the set. For sets whose elements do not expire.
   */
  digest(set: string): string {
    const sum = new KeySum();
    try {
      this.visitElements(set, (key) => sum.add(key));
    } catch (error) {
      if (error instanceof KernelError && error.code === "ENOENT") return "";
      throw error;
    }
    return sum.text;
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
