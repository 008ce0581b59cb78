// The ring's own thread: sleeps in poll(2), walks the blocks that the kernel hands over, and copies the packets that passed the
// filter into the shared ring. It has no event loop to speak of; it ends when it is told by the last descriptor.
import { parentPort, workerData } from "node:worker_threads";
import { signalEvent } from "../../kernel/event-fd.ts";
import * as P from "../../kernel/packet-constants.ts";
import { MappedRing, PollSet, type RingPacket } from "../../kernel/packet-ring.ts";
import { takeSocketError } from "../../kernel/packet-socket.ts";
import { isRingJob, type RingJob } from "./ring-job.ts";
import { type RecordFacts, SharedRingWriter } from "./shared-ring.ts";

const LINK_ETHERNET = 1;
const LINK_RAW = 101;

function run(job: RingJob): void {
  const { fds, stopFd, wakeFd, geometry, isTap, memory } = job;
  const writer = new SharedRingWriter(memory, () => signalEvent(wakeFd));
  const rings: MappedRing[] = [];
  try {
    for (const fd of fds) rings.push(new MappedRing(fd, geometry));
    const visitors = rings.map((ring) => (isTap ? tapVisitor(ring, writer) : hostVisitor(ring, writer)));
    const polled = new PollSet([...fds, stopFd]);
    parentPort?.postMessage("ready");
    while (!writer.isStopped) {
      polled.wait();
      for (const [index, ring] of rings.entries()) {
        // Read to clear it, or poll would return at once for ever. That an interface went is noticed elsewhere.
        if (polled.hasFailed(index)) takeSocketError(fds[index] ?? -1);
        const visit = visitors[index];
        if (visit !== undefined && ring.walk(visit) > 0) writer.publish();
      }
    }
  } finally {
    for (const ring of rings) ring.close();
  }
}

/** The fields of a record about its packet; reused. */
class Facts implements RecordFacts {
  note = 0;
  seconds = 0;
  nanoseconds = 0;
}

function hostVisitor({ words }: MappedRing, writer: SharedRingWriter): (packet: RingPacket) => void {
  const facts = new Facts();
  return (packet) => {
    facts.note = packet.packetType;
    facts.seconds = packet.seconds;
    facts.nanoseconds = packet.nanoseconds;
    const tagBytes = tagBytesOf(words, packet);
    writer.write(facts, words, packet.at + tagBytes, packet.bytes - tagBytes);
  };
}

/**
 * The bytes of VLAN tags in front of the IP header. The bytes themselves have to tell: sll_protocol is the tag's in some kernels, and
 * that of IP behind it since 6.11. A tag that names no VLAN reads as IPv4 with a header of no length, or as IPv6 of 16 KiB and more.
 * A packet begins at a whole word.
 */
function tagBytesOf(words: Int32Array, { at, bytes }: RingPacket): number {
  for (let length = 0; length + P.VLAN_HLEN < bytes; length += P.VLAN_HLEN) {
    const tag = words[(at + length) >> 2] ?? 0;
    if ((tag & VLAN_BITS) !== 0) return 0;
    const type = ((tag >>> 8) & 0xff00) | (tag >>> 24);
    if (type === P.ETH_P_8021Q || type === P.ETH_P_8021AD) continue;
    const behind = length + P.VLAN_HLEN;
    const version = ((words[(at + behind) >> 2] ?? 0) >>> 4) & 15;
    return (type === P.ETH_P_IP && version === 4) || (type === P.ETH_P_IPV6 && version === 6) ? behind : 0;
  }
  return 0;
}

/** The bits of a tag that name a VLAN, as a word of little endian has them. */
const VLAN_BITS = 0xff0f;

function tapVisitor({ words }: MappedRing, writer: SharedRingWriter): (packet: RingPacket) => void {
  const facts = new Facts();
  return (packet) => {
    facts.note = linkTypeOf(packet.hardwareType);
    facts.seconds = packet.seconds;
    facts.nanoseconds = packet.nanoseconds;
    writer.write(facts, words, packet.at, packet.bytes);
  };
}

/** LINKTYPE_ETHERNET, or LINKTYPE_RAW for interfaces whose packets have nothing in front. */
function linkTypeOf(hardwareType: number): number {
  switch (hardwareType) {
    case P.ARPHRD_NONE:
    case P.ARPHRD_PPP:
    case P.ARPHRD_RAWIP:
    case P.ARPHRD_TUNNEL:
    case P.ARPHRD_TUNNEL6:
    case P.ARPHRD_SIT:
    case P.ARPHRD_IPGRE:
      return LINK_RAW;
    default:
      return LINK_ETHERNET;
  }
}

const job: unknown = workerData;
if (isRingJob(job)) run(job);
