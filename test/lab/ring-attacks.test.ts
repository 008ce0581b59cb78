// CAPTURE="ring" under attack: what a scanner can do so that the ring takes its probes for something else.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { TcpFlag } from "../../src/wire/packet.ts";
import { buildTcp } from "../support/build-packet.ts";
import { CONTAINER, type Source, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

let mark = 200;

for (const capture of ["ring", "nflog"]) {
  describe(`CAPTURE="${capture}"`, () => {
    let lab: Lab;
    let daemon: Daemon;
    before(async () => {
      lab = await Lab.open({ inner: true });
      await serve(lab, lab.target, { tcp: [8_000] });
      const settings = { ...harsh, BLOCK_TCP: "0", BLOCK_UDP: "0", CAPTURE: capture };
      daemon = await Daemon.start(lab, capture === "ring" ? { ...settings, FIREWALL: "none" } : settings);
    });
    after(() => lab.close());

    /** The probes that are known of a source, when one that was sent behind them is known. */
    async function probesOf({ key }: Source, family: "ipv4" | "ipv6" = "ipv4") {
      const last = source(mark++);
      await sendPackets(lab, [syn({ from: last.ipv4, to: TARGET.ipv4, port: 23 })]);
      await waitUntil("the last probe", async () => (await daemon.eventsOf(last.ipv4)).length > 0);
      return (await daemon.eventsOf(key[family])).filter(({ type }) => type === "probe");
    }

    test("segments that are forwarded disarm no port of this host", async () => {
      const [liar, scanner] = [source(1), source(2)];
      const ends = { source: liar.ipv4, destination: CONTAINER.ipv4, destinationPort: 40_000 };
      const flags = TcpFlag.Syn | TcpFlag.Ack;
      await sendPackets(
        lab,
        [7_001, 7_002, 7_003].map((sourcePort) => buildTcp({ ...ends, sourcePort, flags })),
      );
      await probesOf(liar);
      await sendPackets(
        lab,
        [7_001, 7_002, 7_003].map((port) => syn({ from: scanner.ipv4, to: TARGET.ipv4, port })),
      );
      await probesOf(scanner);
      const findings = (await daemon.eventsOf(scanner.ipv4)).filter(({ type }) => type === "finding");
      assert.ok(findings.length > 0, "its probes count");
    });

    test("nor does a SYN that is forwarded make its destination one whom this host has asked", async () => {
      const friend = source(3);
      // A container asks a friend outside; the friend's own probe comes from the port that was asked, to the port that asked.
      const question = syn({ from: CONTAINER.ipv4, to: friend.ipv4, port: 999, fromPort: 7_100 });
      const mac = (await lab.target.mustRun(["cat", "/sys/class/net/link1/address"])).trim();
      await sendPackets(lab, [question], { host: lab.inner, mac });
      await probesOf(friend);
      await sendPackets(lab, [syn({ from: friend.ipv4, to: TARGET.ipv4, port: 7_100, fromPort: 999 })]);
      assert.equal((await probesOf(friend)).length, 1);
    });

    test("a SYN behind long IPv6 options is a probe", async () => {
      const from = source(4);
      const bytes = [0, 13, 0x1e, 108, ...new Array<number>(108).fill(0)];
      const ends = { source: from.ipv6, destination: TARGET.ipv6, sourcePort: 40_000, destinationPort: 24 };
      await sendPackets(lab, [buildTcp({ ...ends, extensionHeaders: [{ type: 60, bytes }] })]);
      assert.equal((await probesOf(from, "ipv6")).length, 1);
    });

    test("a TCP header in two fragments, of which the second comes first", async () => {
      const from = source(5);
      const whole = buildTcp({ source: from.ipv4, destination: TARGET.ipv4, sourcePort: 40_000, destinationPort: 25 });
      await sendPackets(lab, piecesOf(whole).reverse());
      assert.equal((await probesOf(from)).length, 1);
    });

    test("a SYN or datagram behind several tags that name a priority and no VLAN is a probe", async () => {
      const from = source(6);
      for (const tags of [[0], [0x6000, 0x4000], [0, 0, 0x6000]]) {
        const port = 30 + tags.length;
        const four = { from: from.ipv4, to: TARGET.ipv4, port };
        const six = { from: from.ipv6, to: TARGET.ipv6, port };
        await sendPackets(lab, [syn(four), udp(four), syn(six), udp(six)], { tags });
      }
      assert.equal((await probesOf(from)).length, 6);
      assert.equal((await probesOf(from, "ipv6")).length, 6);
    });

    test("a datagram to this host is a probe in a frame to everybody or to a group as well", async () => {
      const from = source(7);
      for (const [port, mac] of [
        [41, "ff:ff:ff:ff:ff:ff"],
        [42, "01:00:5e:00:00:fb"],
      ] as const) {
        const datagrams = [from.ipv4, from.ipv6].map((address, index) =>
          udp({ from: address, to: index === 0 ? TARGET.ipv4 : TARGET.ipv6, port }),
        );
        await sendPackets(lab, datagrams, { mac });
      }
      assert.equal((await probesOf(from)).length, 2);
      assert.equal((await probesOf(from, "ipv6")).length, 2);
    });
  });
}

/** An IPv4 packet in a first fragment of eight bytes and the rest. */
function piecesOf(whole: Uint8Array): Uint8Array[] {
  const piece = (from: number, to: number, more: boolean): Uint8Array => {
    const bytes = Uint8Array.from([...whole.subarray(0, 20), ...whole.subarray(20 + from, 20 + to)]);
    const view = new DataView(bytes.buffer);
    view.setUint16(2, bytes.length);
    view.setUint16(4, 0x1234);
    view.setUint16(6, (from >> 3) | (more ? 0x2000 : 0));
    view.setUint16(10, 0);
    let sum = 0;
    for (let at = 0; at < 20; at += 2) sum += view.getUint16(at);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(10, ~sum & 0xffff);
    return bytes;
  };
  return [piece(0, 8, true), piece(8, whole.length - 20, false)];
}
