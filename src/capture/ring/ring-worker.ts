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
    writer.write(facts, words, packet.at, packet.bytes);
  };
}

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
