// Tells of connections that connection tracking forgets and that nobody has answered: its notifications of ends, filtered in the
// kernel, so that those that were answered, nearly all, cost this process nothing.
//
//   nlmsghdr 16 | nfgenmsg 4 | attributes ..., of which CTA_STATUS has IPS_SEEN_REPLY
import { type Flow, readFlow } from "./conntrack.ts";
import * as K from "./constants.ts";
import { NetlinkSocket, walkMessages } from "./netlink.ts";
import * as P from "./packet-constants.ts";
import { attachFilter } from "./packet-socket.ts";

const ATTRIBUTES_AT = K.NLMSG_HEADER_BYTES + K.NFGENMSG_BYTES;
const RECEIVE_BUFFER_BYTES = 1 << 20;
/** The whole message. */
const ALL = 0xffffffff;

/** linux/bpf_common.h: code, two jumps, operand. Without a status the message is taken. */
const unanswered: readonly (readonly [number, number, number, number])[] = [
  [P.BPF_LD_IMM, 0, 0, ATTRIBUTES_AT],
  [P.BPF_LDX_IMM, 0, 0, K.CTA_STATUS],
  [P.BPF_LD_W_ABS, 0, 0, P.SKF_AD_OFF + P.SKF_AD_NLATTR],
  [P.BPF_JMP_JEQ_K, 3, 0, 0],
  [P.BPF_MISC_TAX, 0, 0, 0],
  [P.BPF_LD_W_IND, 0, 0, K.NLA_HEADER_BYTES],
  [P.BPF_JMP_JSET_K, 1, 0, K.IPS_SEEN_REPLY],
  [P.BPF_RET_K, 0, 0, ALL],
  [P.BPF_RET_K, 0, 0, 0],
];

export class ConntrackEnds {
  readonly #socket: NetlinkSocket;
  /** How often ends did not fit the socket: they are not told. */
  overruns = 0;

  /** Throws KernelError. */
  constructor() {
    this.#socket = new NetlinkSocket({
      name: "ends of connections",
      protocol: K.NETLINK_NETFILTER,
      groups: 1 << (K.NFNLGRP_CONNTRACK_DESTROY - 1),
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    });
    try {
      attachFilter(this.#socket.fd, programOf(unanswered), "ends of connections");
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** Reads what has arrived, at most `limit` of them. */
  read(limit: number, visit: (flow: Flow) => void): void {
    for (let count = 0; count < limit; count++) {
      const length = this.#socket.receive();
      if (length === 0) return;
      if (length < 0) {
        this.overruns++;
        continue;
      }
      walkMessages(this.#socket.buffer, length, (message) => {
        const flow = readFlow(message, K.IPCTNL_MSG_CT_DELETE);
        if (flow?.answered === false) visit(flow);
      });
    }
  }

  close(): void {
    this.#socket.close();
  }
}

function programOf(instructions: typeof unanswered): Uint8Array {
  const program = Buffer.alloc(instructions.length * P.SOCK_FILTER_BYTES);
  for (const [index, [code, yes, no, operand]] of instructions.entries()) {
    const at = index * P.SOCK_FILTER_BYTES;
    program.writeUInt16LE(code, at);
    program.writeUInt8(yes, at + 2);
    program.writeUInt8(no, at + 3);
    program.writeUInt32LE(operand, at + 4);
  }
  return program;
}
