// A text that changes whenever a table of nf_tables does: its flags, chains and the handles of its rules. (linux/netfilter/nf_tables.h)
import * as K from "./constants.ts";
import { KernelError } from "./errors.ts";
import { type NetlinkMessage, type NetlinkWriter, walkAttributes } from "./netlink.ts";

/** How the owner of the netlink socket asks the kernel. */
export interface Questions {
  begin(type: number, flags: number): NetlinkWriter;
  request(request: Uint8Array, visit: (answer: NetlinkMessage) => void): void;
}

interface Dump {
  readonly entries: readonly string[];
  readonly interrupted: boolean;
}

const DUMP_ATTEMPTS = 5;

export class TableFingerprint {
  readonly #table: string;
  readonly #questions: Questions;

  constructor(table: string, questions: Questions) {
    this.#table = table;
    this.#questions = questions;
  }

  /**
   * The table's flags (dormant), its chains with hooks and policies, and the handles of its rules, in order: equal texts
   * mean that none of them came, went or was changed. "" without a table.
   */
  read(): string {
    const flags = this.#readFlags();
    if (flags === undefined) return "";
    return [flags, this.#readWhole(() => this.#readChains()), this.#readWhole(() => this.#readRules())].join(" ");
  }

  /** A commit in the middle of a dump, to whatever table, may make it miss entries or tell some twice. */
  #readWhole(read: () => Dump): string {
    let dump = read();
    for (let again = 1; dump.interrupted && again < DUMP_ATTEMPTS; again++) dump = read();
    return dump.entries.join(" ");
  }

  #readFlags(): number | undefined {
    let found: number | undefined;
    const request = this.#questions.begin(K.NFT_MSG_GETTABLE, K.NLM_F_ACK).text(K.NFTA_TABLE, this.#table).finish();
    try {
      this.#questions.request(request, ({ bytes, at, end }) => {
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
    this.#questions.request(
      this.#questions.begin(K.NFT_MSG_GETCHAIN, K.NLM_F_DUMP).finish(),
      ({ flags, bytes, at, end }) => {
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
      },
    );
    return { entries, interrupted };
  }

  #readRules(): Dump {
    const entries: string[] = [];
    let interrupted = false;
    const request = this.#questions.begin(K.NFT_MSG_GETRULE, K.NLM_F_DUMP).text(K.NFTA_TABLE, this.#table).finish();
    this.#questions.request(request, ({ flags, bytes, at, end }) => {
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
}
