// Every expected text is copied from real runs of PortSentry 1.2 (golden transcripts), or from its source.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kind } from "../../src/detect/kinds.ts";
import * as lines from "../../src/record/lines.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { prefix } from "../support/prefix.ts";

const host = "127.0.0.1";

function tcp(kind: Kind, tcpFlags = 0): string {
  return lines.detectionLine({ kind, protocol: 6, port: 300, tcpFlags }, host).text;
}

test("start and stop lines end in a newline", () => {
  assert.deepEqual(lines.startingLine, {
    tag: "adminalert",
    text: "adminalert: PortSentry 1.2 is starting.",
    newline: true,
  });
  assert.equal(lines.listeningLine.text, "adminalert: PortSentry is now active and listening.");
  assert.equal(lines.listeningLine.newline, true);
  assert.deepEqual(
    lines.shuttingDownLines.map((line) => [line.tag, line.text, line.newline]),
    [
      ["securityalert", "securityalert: PortSentry is shutting down", true],
      ["adminalert", "adminalert: PortSentry is shutting down", true],
    ],
  );
});

test("a host behind this one stands behind the port", () => {
  const contact = { kind: Kind.Syn, protocol: 6, port: 300, tcpFlags: TcpFlag.Syn, host: prefix("2001:db8::7") };
  const line = lines.detectionLine(contact, host).text;
  assert.equal(line, "attackalert: TCP SYN/Normal scan from host: 127.0.0.1/127.0.0.1 to TCP port: 300 of 2001:db8::7");
});

test("detection lines of 1.2, the blank before TCP NULL included", () => {
  const at = "from host: 127.0.0.1/127.0.0.1 to TCP port: 300";
  assert.equal(tcp(Kind.Null), `attackalert:  TCP NULL scan ${at}`);
  assert.equal(tcp(Kind.Fin), `attackalert: TCP FIN scan ${at}`);
  assert.equal(tcp(Kind.Xmas), `attackalert: TCP XMAS scan ${at}`);
  assert.equal(tcp(Kind.Syn), `attackalert: TCP SYN/Normal scan ${at}`);
  assert.equal(tcp(Kind.Connect), `attackalert: Connect ${at}`);
  assert.equal(
    tcp(Kind.SynFin, TcpFlag.Syn | TcpFlag.Fin),
    `attackalert: Unknown Type: TCP Packet Flags: SYN: 1 FIN: 1 ACK: 0 PSH: 0 URG: 0 RST: 0 ${at}`,
  );
  assert.equal(
    tcp(Kind.Maimon, TcpFlag.Fin | TcpFlag.Ack),
    `attackalert: Unknown Type: TCP Packet Flags: SYN: 0 FIN: 1 ACK: 1 PSH: 0 URG: 0 RST: 0 ${at}`,
  );
  assert.equal(
    tcp(Kind.Unknown, TcpFlag.Psh | TcpFlag.Urg | TcpFlag.Rst),
    `attackalert: Unknown Type: TCP Packet Flags: SYN: 0 FIN: 0 ACK: 0 PSH: 1 URG: 1 RST: 1 ${at}`,
  );
  assert.equal(lines.detectionLine({ kind: Kind.Syn, protocol: 6, port: 1, tcpFlags: 2 }, host).newline, false);
});

test("UDP and protocols that 1.2 did not know", () => {
  const contact = { kind: Kind.Udp, protocol: 17, port: 161, tcpFlags: 0 };
  assert.equal(
    lines.detectionLine(contact, "127.0.0.6").text,
    "attackalert: UDP scan from host: 127.0.0.6/127.0.0.6 to UDP port: 161",
  );
  assert.equal(
    lines.detectionLine({ ...contact, kind: Kind.Unknown, protocol: 132 }, "127.0.0.6").text,
    "attackalert: SCTP scan from host: 127.0.0.6/127.0.0.6 to SCTP port: 161",
  );
});

test("response lines of 1.2", () => {
  const contact = { kind: Kind.Syn, protocol: 6, port: 300, tcpFlags: 2 };
  const said = [
    lines.ipOptionsLine(contact, host),
    lines.alreadyBlockedLine(host),
    lines.ignoringResponseLine(6),
    lines.ignoringResponseLine(17),
    lines.blockedByRouteLine("127.0.0.2", "/bin/false 127.0.0.2 11 tcp"),
    lines.couldNotBlockLine(host),
  ];
  assert.deepEqual(
    said.map((line) => line.text),
    [
      "attackalert: Packet from host: 127.0.0.1/127.0.0.1 to TCP port: 300 has IP options set (detection avoidance technique).",
      "attackalert: Host: 127.0.0.1/127.0.0.1 is already blocked Ignoring",
      "attackalert: Ignoring TCP response per configuration file setting.",
      "attackalert: Ignoring UDP response per configuration file setting.",
      'attackalert: Host 127.0.0.2 has been blocked via dropped route using command: "/bin/false 127.0.0.2 11 tcp"',
      "attackalert: ERROR: Could not block host 127.0.0.1/127.0.0.1!!",
    ],
  );
  assert.ok(said.every((line) => !line.newline && line.tag === "attackalert"));
});

test("of a block of addresses the second half is an address, for readers that take it for a host", () => {
  assert.equal(lines.hostPair("2001:db8:1:2::/64"), "2001:db8:1:2::/64/2001:db8:1:2::");
  assert.equal(lines.hostPair("192.0.2.7"), "192.0.2.7/192.0.2.7");
});
