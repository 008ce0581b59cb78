// What a refusal answers: a reset turned round, and what an ICMP error quotes, of both families.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPrefix, prefixOfWords } from "../../src/wire/address.ts";
import { decodePacket } from "../../src/wire/decode.ts";
import { IpProtocol, Packet, TcpFlag } from "../../src/wire/packet.ts";
import { decodeRefused } from "../../src/wire/refused.ts";
import { buildIcmp, buildTcp, buildUdp } from "../support/build-packet.ts";
import { decodeWhole } from "../support/decode-cuts.ts";

const SCANNER = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
const HOST = { 4: "198.51.100.7", 6: "2001:db8:1::7" } as const;
const UNREACHABLE = { 4: { type: 3, code: 3 }, 6: { type: 1, code: 4 } } as const;

function refused(bytes: Uint8Array) {
  const refusal = new Packet();
  decodePacket(bytes, 0, bytes.length, refusal);
  const packet = new Packet();
  const ok = decodeRefused(bytes, refusal, packet);
  return { ok, packet };
}

function ends(packet: Packet) {
  const { source0, source1, source2, source3, sourcePort, destinationPort } = packet;
  const { destination0, destination1, destination2, destination3 } = packet;
  const source = formatPrefix(prefixOfWords(source0, source1, source2, source3, 128));
  const destination = formatPrefix(prefixOfWords(destination0, destination1, destination2, destination3, 128));
  return [source, sourcePort, destination, destinationPort];
}

for (const family of [4, 6] as const) {
  const there = { source: SCANNER[family], destination: HOST[family], sourcePort: 40_000, destinationPort: 23 };
  const back = { source: HOST[family], destination: SCANNER[family], sourcePort: 23, destinationPort: 40_000 };

  test(`IPv${family}: a reset is turned into the SYN that it answers`, () => {
    const reset = buildTcp({ ...back, flags: TcpFlag.Rst | TcpFlag.Ack, acknowledgment: 0, window: 0 });
    const { ok, packet } = refused(reset);
    assert.ok(ok);
    assert.deepEqual(ends(packet), [SCANNER[family], 40_000, HOST[family], 23]);
    const { protocol, tcpFlags, tcpSequence } = packet;
    assert.deepEqual(
      [packet.family, protocol, tcpFlags, tcpSequence],
      [family, IpProtocol.Tcp, TcpFlag.Syn, 0xffffffff],
    );
  });

  test(`IPv${family}: an ICMP error is what it quotes, whole or cut behind the ports`, () => {
    const datagram = buildUdp({ ...there, payload: Uint8Array.of(1, 2, 3) });
    const syn = buildTcp({ ...there, sequence: 77, tcpOptions: [2, 4, 5, 180] });
    const header = family === 4 ? 20 : 40;
    for (const cut of [Number.POSITIVE_INFINITY, header + 8]) {
      for (const [sent, protocol, flags] of [
        [datagram, IpProtocol.Udp, 0],
        [syn, IpProtocol.Tcp, TcpFlag.Syn],
      ] as const) {
        const { source, destination } = back;
        const { ok, packet } = refused(
          buildIcmp({ source, destination, ...UNREACHABLE[family], payload: sent.subarray(0, cut) }),
        );
        assert.ok(ok);
        assert.deepEqual(ends(packet), [SCANNER[family], 40_000, HOST[family], 23]);
        assert.deepEqual([packet.protocol, packet.tcpFlags, packet.tcpOptionsBytes], [protocol, flags, 0]);
        if (protocol === IpProtocol.Tcp) assert.equal(packet.tcpSequence, decodeWhole(syn).packet.tcpSequence);
      }
    }
  });

  test(`IPv${family}: an error that quotes too little, or nothing, tells nothing`, () => {
    const { source, destination } = back;
    const quoted = buildUdp(there);
    for (const bytes of [0, 1, family === 4 ? 20 : 40]) {
      const error = buildIcmp({ source, destination, ...UNREACHABLE[family], payload: quoted.subarray(0, bytes) });
      assert.equal(refused(error).ok, false, `${bytes} bytes`);
    }
  });
}
