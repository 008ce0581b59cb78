// A host with one counter for the IP-ID of all its packets, as nmap -sI needs it (Linux has given its RSTs the ID 0 for years):
// answers every SYN and SYN+ACK with an RST whose ID is one more. The namespace's own kernel has to be kept quiet. Prints
// "ready".
//   zombie.js --dev DEVICE --mac GATEWAY --address ADDRESS
import { parseArgs } from "node:util";
import { buildTcp } from "../../../support/build-packet.ts";
import { RawLink, type Segment, sleep } from "../../../support/raw-link.ts";

const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const text = { type: "string" } as const;
const { values } = parseArgs({ options: { dev: text, mac: text, address: text } });
const link = new RawLink(values.dev ?? "", values.mac ?? "");
let identification = 1;

process.stdout.write("ready\n");
for (;;) {
  for (let segment = link.next(); segment !== undefined; segment = link.next()) {
    if (segment.destination === values.address && (segment.flags & SYN) !== 0) answer(segment);
  }
  sleep(1);
}

/** RFC 9293 section 3.10.7.1. */
function answer(segment: Segment): void {
  const isAcked = (segment.flags & ACK) !== 0;
  const packet = buildTcp({
    source: segment.destination,
    destination: segment.source,
    sourcePort: segment.destinationPort,
    destinationPort: segment.sourcePort,
    identification: identification++ & 0xffff,
    flags: isAcked ? RST : RST | ACK,
    sequence: isAcked ? segment.acknowledgment : 0,
    acknowledgment: isAcked ? 0 : (segment.sequence + 1) >>> 0,
    window: 0,
  });
  link.send(packet);
}
