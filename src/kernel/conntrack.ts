// ctnetlink (linux/netfilter/nfnetlink_conntrack.h): finds the other ends of connections that this host has begun, in the table of
// connections that stand now. The rule set learns later ones from their replies (table/learn.ts).
//
//   CTA_TUPLE_ORIG > CTA_TUPLE_IP > CTA_IP_V4_SRC | CTA_IP_V6_SRC, CTA_IP_V4_DST | CTA_IP_V6_DST
//                  > CTA_TUPLE_PROTO > CTA_PROTO_NUM (u8), CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT (be16);  CTA_STATUS
import { IPV4_MAPPED_WORD, type Prefix, prefixOfWords } from "../wire/address.ts";
import * as K from "./constants.ts";
import { type NetlinkMessage, NetlinkSocket, NetlinkWriter, walkAttributes } from "./netlink.ts";

/** Connections looked at: a table of millions must not hold up the start. */
const MAX_FLOWS = 262_144;

class Enough extends Error {}

/**
 * Flows that `isOurs` says this host began, and that were answered, at most `limit`. That connection tracking has one of
 * our addresses as its original source is not enough: when it had forgotten a connection, our next packet to a customer
 * stands there as a beginning. Throws KernelError where connection tracking cannot be asked.
 */
export function listOpenedFlows(isOurs: (flow: Flow) => boolean, limit: number): Flow[] {
  const socket = new NetlinkSocket({ name: "conntrack", protocol: K.NETLINK_NETFILTER, datagramBytes: 131_072 });
  const opened: Flow[] = [];
  let flows = 0;
  try {
    const request = new NetlinkWriter()
      .begin(
        (K.NFNL_SUBSYS_CTNETLINK << 8) | K.IPCTNL_MSG_CT_GET,
        K.NLM_F_REQUEST | K.NLM_F_DUMP,
        socket.nextSequence(),
      )
      .nfgen(0, 0)
      .finish();
    socket.request(request, (message) => {
      const flow = readFlow(message);
      if (flow?.answered === true && isOurs(flow)) opened.push(flow);
      if (++flows >= MAX_FLOWS || opened.length >= limit) throw new Enough();
    });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  } finally {
    socket.close();
  }
  return opened;
}

export interface Flow {
  readonly source: Prefix;
  readonly destination: Prefix;
  /** IP protocol; 0 where the entry does not say it, as the ports. */
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The other side has sent something back. */
  readonly answered: boolean;
}

/** One entry of the connection table in its original direction, in a message of this type; undefined for what is none. */
export function readFlow(
  { type, bytes, at, end }: NetlinkMessage,
  expected: number = K.IPCTNL_MSG_CT_NEW,
): Flow | undefined {
  if (type !== ((K.NFNL_SUBSYS_CTNETLINK << 8) | expected)) return undefined;
  let source: Prefix | undefined;
  let destination: Prefix | undefined;
  let status = 0;
  const ports = { protocol: 0, sourcePort: 0, destinationPort: 0 };
  walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (kind, valueAt, valueEnd) => {
    if (kind === K.CTA_STATUS && valueEnd - valueAt === 4) status = bytes.readUInt32BE(valueAt);
    if (kind !== K.CTA_TUPLE_ORIG) return;
    walkAttributes(bytes, valueAt, valueEnd, (part, partAt, partEnd) => {
      if (part === K.CTA_TUPLE_PROTO) readPorts(bytes, partAt, partEnd, ports);
      if (part !== K.CTA_TUPLE_IP) return;
      walkAttributes(bytes, partAt, partEnd, (address, addressAt, addressEnd) => {
        const read = addressOf(bytes, addressAt, addressEnd);
        if (address === K.CTA_IP_V4_SRC || address === K.CTA_IP_V6_SRC) source = read;
        else if (address === K.CTA_IP_V4_DST || address === K.CTA_IP_V6_DST) destination = read;
      });
    });
  });
  if (source === undefined || destination === undefined) return undefined;
  return { source, destination, ...ports, answered: (status & K.IPS_SEEN_REPLY) !== 0 };
}

function readPorts(
  bytes: Buffer,
  at: number,
  end: number,
  into: { protocol: number; sourcePort: number; destinationPort: number },
): void {
  walkAttributes(bytes, at, end, (kind, valueAt, valueEnd) => {
    if (kind === K.CTA_PROTO_NUM && valueEnd - valueAt === 1) into.protocol = bytes.readUInt8(valueAt);
    if (valueEnd - valueAt !== 2) return;
    if (kind === K.CTA_PROTO_SRC_PORT) into.sourcePort = bytes.readUInt16BE(valueAt);
    else if (kind === K.CTA_PROTO_DST_PORT) into.destinationPort = bytes.readUInt16BE(valueAt);
  });
}

function addressOf(bytes: Buffer, at: number, end: number): Prefix | undefined {
  const word = (index: number) => bytes.readUInt32BE(at + 4 * index);
  if (end - at === 4) return prefixOfWords(0, 0, IPV4_MAPPED_WORD, word(0), 128);
  return end - at === 16 ? prefixOfWords(word(0), word(1), word(2), word(3), 128) : undefined;
}
