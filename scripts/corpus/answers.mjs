// What comes to home without a question of home's, and is nobody's scan: built, and sent in the names of innocents.
import { join } from "node:path";
import { build, HOME, homeHost, innocentAddress as victim } from "./lab.mjs";
import { range } from "./nmap.mjs";
import { numbers, send } from "./props.mjs";
import { openTcpPorts } from "./services.mjs";

const { buildIcmp, buildIp, buildTcp, buildUdp } = await import(join(build, "test/support/build-packet.js"));
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const PSH = 0x08;
const ACK = 0x10;

function innocent(name, how, packetsOf, more = {}) {
  const packets = packetsOf(numbers(how.length));
  return {
    name,
    capture: { snapBytes: 128 },
    run: (lab) => send(lab, packets),
    expected: { how: `built: ${how}`, scanners: [], decoys: [], innocent: [...new Set(more.sources)] },
  };
}

const victims = range(150, 169).map(victim);
const fromVictims = (port, flags) => (random) =>
  range(1, 60).map((index) => {
    const source = victims[index % victims.length];
    const destination = homeHost(1 + random(8));
    const answered = { sequence: random(2 ** 32), acknowledgment: random(2 ** 32), window: flags === RST ? 0 : 64_240 };
    return buildTcp({
      source,
      destination,
      sourcePort: port,
      destinationPort: 1024 + random(60_000),
      flags,
      ...answered,
    });
  });

export const answerCases = [
  innocent(
    "backscatter-syn-ack",
    "servers that somebody floods in home's name answer home",
    fromVictims(443, SYN | ACK),
    { sources: victims },
  ),
  innocent("backscatter-rst", "the same with a closed port", fromVictims(80, RST | ACK), { sources: victims }),
  innocent(
    "backscatter-icmp",
    "routers that report SYNs which home never sent",
    (random) =>
      range(1, 40).map((index) => {
        const destination = homeHost(1 + random(8));
        const quoted = buildTcp({
          source: destination,
          destination: victim(99),
          sourcePort: 1024 + random(60_000),
          destinationPort: 80,
        });
        const payload = quoted.subarray(0, 28);
        const type = index % 2 === 0 ? 3 : 11;
        return buildIcmp({
          source: victims[index % victims.length],
          destination,
          type,
          code: type === 3 ? 1 : 0,
          payload,
        });
      }),
    { sources: victims },
  ),
  innocent(
    "amplification",
    "answers of DNS, NTP, SSDP, memcached, CLDAP and chargen servers to questions forged in home's name",
    (random) =>
      range(1, 90).map((index) => {
        const sourcePort = [53, 123, 1900, 11_211, 389, 19][index % 6];
        const payload = new Uint8Array(400).fill(index);
        const destinationPort = index % 3 === 0 ? 80 : 1024 + random(60_000);
        return buildUdp({
          source: victims[index % victims.length],
          destination: HOME.ipv4,
          sourcePort,
          destinationPort,
          payload,
        });
      }),
    { sources: victims },
  ),
  innocent(
    "amplification-fragments",
    "the same in fragments: the later ones have no ports",
    (random) =>
      range(1, 20).flatMap((index) => {
        const source = victims[index % victims.length];
        const whole = buildUdp({
          source,
          destination: HOME.ipv4,
          sourcePort: 53,
          destinationPort: 1024 + random(60_000),
          payload: new Uint8Array(1600),
        });
        const body = whole.subarray(20);
        const cut = { source, destination: HOME.ipv4, identification: random(65_536) };
        return [
          buildIp({ ...cut, moreFragments: true }, 17, body.subarray(0, 1208)),
          buildIp({ ...cut, fragmentOffset: 1208 }, 17, body.subarray(1208)),
        ];
      }),
    { sources: victims },
  ),
  innocent(
    "late-segments",
    "what is left of connections that began before the capture and that home has forgotten",
    (random) =>
      range(1, 24).flatMap((index) => {
        const flow = {
          source: victim(170 + (index % 12)),
          destination: HOME.ipv4,
          sourcePort: 32_768 + random(28_000),
          destinationPort: openTcpPorts[index % openTcpPorts.length],
          sequence: random(2 ** 32),
          acknowledgment: random(2 ** 32),
          window: 501,
          dontFragment: true,
        };
        const data = { ...flow, flags: ACK | PSH, payload: new Uint8Array(80) };
        const last = { ...flow, flags: ACK | FIN };
        return index % 3 === 0 ? [buildTcp({ ...flow, flags: RST })] : [buildTcp(data), buildTcp(last)];
      }),
    { sources: range(170, 181).map(victim) },
  ),
];
