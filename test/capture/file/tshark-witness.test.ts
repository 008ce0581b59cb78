// Captures of tcpdump, dumpcap, editcap and mergecap, read by us and by tshark: the same times, lengths, addresses, ports.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readCapture } from "../../../src/capture/file/capture-file.ts";
import { formatWords } from "../../../src/wire/address.ts";
import { decodeFrame } from "../../../src/wire/link.ts";
import { ARP_PROTOCOL, IpProtocol, Packet } from "../../../src/wire/packet.ts";
import { decodeQuoted, isIcmpError } from "../../../src/wire/quoted.ts";
import { repositoryFolder } from "../../support/repository.ts";

const folder = repositoryFolder("test/capture/fixtures");
const captures = readdirSync(folder).filter((name) => !/\.(txt|md)$/.test(name));
const interfaces: Readonly<Record<string, number>> = { "two.pcapng": 2, "comments.pcapng": 2, "mixed.pcapng": 3 };

/** tshark's line of a frame, from what we decoded of it. */
function tell(bytes: Uint8Array, at: number, end: number, linkType: number): string {
  const packet = new Packet();
  decodeFrame(linkType, bytes, at, end, packet);
  const source = formatWords(packet.source0, packet.source1, packet.source2, packet.source3);
  const destination = formatWords(packet.destination0, packet.destination1, packet.destination2, packet.destination3);
  const kind = packet.protocol === ARP_PROTOCOL ? "arp" : `ipv${packet.family}`;
  const addresses = ["ipv4", "ipv6", "arp"].flatMap((one) => (one === kind ? [source, destination] : ["", ""]));
  // Of an ICMP error tshark tells the ports of the packet that it quotes.
  const inner = new Packet();
  const from = isIcmpError(packet) ? inner : packet;
  if (from === inner) decodeQuoted(bytes, packet, inner);
  const portsOf = (protocol: number): (number | string)[] =>
    from.protocol === protocol ? [from.sourcePort, from.destinationPort] : ["", ""];
  const ports = [...portsOf(IpProtocol.Tcp), ...portsOf(IpProtocol.Udp)];
  const icmp = [IpProtocol.Icmp, IpProtocol.Icmpv6].map((protocol) =>
    packet.protocol === protocol ? packet.icmpType : "",
  );
  return [end - at, ...addresses, ...ports, ...icmp].join(",");
}

test("there are captures to read", () => {
  assert.ok(captures.length >= 17, `${captures.length} captures in ${folder}`);
});

for (const name of captures) {
  test(`${name}: as tshark reads it`, async () => {
    const lines = readFileSync(join(folder, `${name}.txt`), "utf8")
      .trim()
      .split("\n");
    const times: number[] = [];
    const told: string[] = [];
    const report = await readCapture(join(folder, name), {
      frame(bytes, at, end, linkType, timeMs) {
        times.push(timeMs);
        told.push(tell(bytes, at, end, linkType));
      },
    });
    assert.deepEqual(report.problems, []);
    assert.equal(report.packets, lines.length);
    assert.equal(report.interfaces, interfaces[name] ?? (name === "sections.pcapng" ? 3 : 1));
    assert.deepEqual(
      told,
      lines.map((line) => line.slice(line.indexOf(",") + 1)),
    );
    lines.forEach((line, index) => {
      const expected = Number(line.slice(0, line.indexOf(","))) * 1000;
      // A double holds today's milliseconds to a quarter of a microsecond.
      assert.ok(Math.abs((times[index] ?? 0) - expected) < 0.0005, `${times[index]} is not ${expected}`);
    });
  });
}
