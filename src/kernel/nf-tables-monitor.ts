// Reports the changes that other programs make to our nf_tables table: the kernel's notifications, a run of changes closed by NEWGEN, which
// names the process that committed them. Our own commits are left out.
import * as K from "./constants.ts";
import { NetlinkSocket, walkAttributes, walkMessages } from "./netlink.ts";

const message = (type: number) => (K.NFNL_SUBSYS_NFTABLES << 8) | type;

/** One foreign transaction that touched the table. */
export interface ForeignChange {
  /** True: a table, chain, rule or set came or went; false: only elements of sets. */
  readonly structural: boolean;
  /** Sets whose elements came or went, each once; absent: not known, or too many. */
  readonly sets?: readonly string[];
  /** The program's name as the kernel knows it ("nft", "dockerd"), "" if that is not known. */
  readonly program: string;
}

const structuralTypes: ReadonlySet<number> = new Set(
  [
    K.NFT_MSG_NEWTABLE,
    K.NFT_MSG_DELTABLE,
    K.NFT_MSG_NEWCHAIN,
    K.NFT_MSG_DELCHAIN,
    K.NFT_MSG_NEWRULE,
    K.NFT_MSG_DELRULE,
    K.NFT_MSG_DELSET,
  ].map(message),
);
const removalTypes: ReadonlySet<number> = new Set(
  [K.NFT_MSG_DELTABLE, K.NFT_MSG_DELCHAIN, K.NFT_MSG_DELRULE, K.NFT_MSG_DELSETELEM].map(message),
);
const elementTypes: ReadonlySet<number> = new Set([K.NFT_MSG_NEWSETELEM, K.NFT_MSG_DELSETELEM].map(message));
const MAX_DATAGRAMS_PER_READ = 256;
/** Our table has some thirty sets; another program may make more in it. */
const MAX_SETS = 64;

export class NfTablesMonitor {
  readonly socket: NetlinkSocket;
  /** The table's name as it stands in an attribute: with its closing zero. */
  readonly #table: Buffer;
  /**
   * By which the kernel names this process in a commit: the process's id, but in a container the id in the host's namespace, which
   * the first commit under this program's name tells.
   */
  #ownPid: number;
  #isPidSure = false;
  readonly #ownName: string;
  #structural = false;
  #elements = false;
  readonly #sets = new Set<string>();
  #removedElsewhere = false;
  /** Something may have changed while nothing was heard. */
  #hasMissed = false;
  /** How often notifications did not fit the socket: the owner then checks everything. */
  readonly counters = { notificationOverruns: 0 };

  constructor(table: string, own: { readonly pid: number; readonly name: string }) {
    this.#table = Buffer.from(`${table}\0`, "latin1");
    this.#ownPid = own.pid;
    this.#ownName = own.name;
    this.socket = new NetlinkSocket({
      name: "nf_tables notifications",
      protocol: K.NETLINK_NETFILTER,
      groups: 1 << (K.NFNLGRP_NFTABLES - 1),
      receiveBufferBytes: 4 << 20,
      datagramBytes: 131_072,
    });
  }

  /**
   * Hears nothing while a million elements are added, of which the kernel would have to tell each and the socket holds some
   * thousands. Where another program has committed anything meanwhile, the next read says that something has changed.
   */
  deafWhile<T>(tables: { readonly commits: number; generation(): number }, run: () => T): T {
    this.socket.leave(K.NFNLGRP_NFTABLES);
    const generation = tables.generation();
    const { commits } = tables;
    try {
      return run();
    } finally {
      this.socket.join(K.NFNLGRP_NFTABLES);
      const others = tables.generation() - generation - (tables.commits - commits);
      if (others !== 0) this.#hasMissed = true;
    }
  }

  /**
   * Reads what has arrived; calls `onChange` once for each foreign transaction that touched the table, and
   * `onRemovedElsewhere` for one that removed rules or elements of other tables (iptables of today is among them).
   */
  read(onChange: (change: ForeignChange) => void, onRemovedElsewhere: () => void = () => undefined): void {
    if (this.#hasMissed) onChange({ structural: true, program: "" });
    this.#hasMissed = false;
    for (let datagrams = 0; datagrams < MAX_DATAGRAMS_PER_READ; datagrams++) {
      const length = this.socket.receive();
      if (length === 0) return;
      if (length < 0) {
        this.counters.notificationOverruns++;
        onChange({ structural: true, program: "" });
        continue;
      }
      walkMessages(this.socket.buffer, length, ({ type, bytes, at, end }) => {
        if (type === message(K.NFT_MSG_NEWGEN)) {
          if (this.#removedElsewhere) onRemovedElsewhere();
          this.#removedElsewhere = false;
          this.#commit(bytes, at, end, onChange);
          return;
        }
        const isOurs = this.#isOurs(bytes, at, end);
        this.#structural ||= isOurs && structuralTypes.has(type);
        if (isOurs && elementTypes.has(type)) this.#noteElements(bytes, at, end);
        this.#removedElsewhere ||= !isOurs && removalTypes.has(type);
      });
    }
  }

  #noteElements(bytes: Buffer, at: number, end: number): void {
    this.#elements = true;
    if (this.#sets.size >= MAX_SETS) return;
    walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (type, valueAt, valueEnd) => {
      if (type === K.NFTA_SET_ELEM_LIST_SET) this.#sets.add(bytes.toString("latin1", valueAt, valueEnd - 1));
    });
  }

  #isOurs(bytes: Buffer, at: number, end: number): boolean {
    const attributeAt = at + K.NFGENMSG_BYTES;
    const valueAt = attributeAt + K.NLA_HEADER_BYTES;
    return (
      valueAt + this.#table.length <= end &&
      (bytes.readUInt16LE(attributeAt + 2) & K.NLA_TYPE_MASK) === K.NFTA_TABLE &&
      bytes.readUInt16LE(attributeAt) === K.NLA_HEADER_BYTES + this.#table.length &&
      this.#table.compare(bytes, valueAt, valueAt + this.#table.length) === 0
    );
  }

  #commit(bytes: Buffer, at: number, end: number, onChange: (change: ForeignChange) => void): void {
    const structural = this.#structural;
    const touched = structural || this.#elements;
    const sets = [...this.#sets];
    this.#structural = false;
    this.#elements = false;
    this.#sets.clear();
    if (!touched) return;
    let pid = 0;
    let program = "";
    walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (type, valueAt, valueEnd) => {
      if (type === K.NFTA_GEN_PROC_PID) pid = bytes.readUInt32BE(valueAt);
      if (type === K.NFTA_GEN_PROC_NAME) program = bytes.toString("latin1", valueAt, valueEnd - 1);
    });
    if (!this.#isPidSure && program === this.#ownName) this.#ownPid = pid;
    if (pid === this.#ownPid) this.#isPidSure = true;
    else onChange({ structural, ...(sets.length > 0 && sets.length < MAX_SETS && { sets }), program });
  }

  close(): void {
    this.socket.close();
  }
}
