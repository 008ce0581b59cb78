// PortSentry 2.0.7's lines: the form of the compatibility sheet, section 8.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Kind } from "../../src/detect/kinds.ts";
import * as lines from "../../src/record/lines2.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { prefix } from "../support/prefix.ts";

const contact = { kind: Kind.Syn, protocol: 6, port: 11, tcpFlags: TcpFlag.Syn };
const facts = { contact, hasIpOptions: false, sourceText: "192.0.2.7", name: "192.0.2.7", flags: {} };

test("the Scan line with every field", () => {
  assert.equal(
    lines.scanText({ ...facts, flags: { ignored: false, triggered: true, noblock: false, blocked: true } }),
    "Scan from: [192.0.2.7] (192.0.2.7) protocol: [TCP] port: [11] type: [TCP SYN/Normal scan] IP opts: [not set] " +
      "ignored: [false] triggered: [true] noblock: [false] blocked: [true]",
  );
  assert.equal(
    lines.scanText({ ...facts, name: "host.example.net", hasIpOptions: true, flags: { ignored: true } }),
    "Scan from: [192.0.2.7] (host.example.net) protocol: [TCP] port: [11] type: [TCP SYN/Normal scan] IP opts: [set] " +
      "ignored: [true] triggered: [unset] noblock: [unset] blocked: [unset]",
  );
});

test("a host behind this one is one field more", () => {
  const text = lines.scanText({ ...facts, contact: { ...contact, host: prefix("198.51.100.7") } });
  assert.match(text, / port: \[11\] .* blocked: \[unset\] host: \[198\.51\.100\.7\]$/);
});

test("types: listeners know no header, UDP is UDP, the NULL scan lost 1.2's blank", () => {
  const type = (kind: Kind, protocol = 6, tcpFlags = 0) =>
    /type: (\[.*?\]) IP opts: (\[.*?\])/
      .exec(lines.scanText({ ...facts, contact: { kind, protocol, port: 1, tcpFlags } }))
      ?.slice(1)
      .join(" ");
  assert.equal(type(Kind.Connect), "[Connect] [unknown]");
  assert.equal(type(Kind.Udp, 17), "[UDP] [not set]");
  assert.equal(type(Kind.Null), "[TCP NULL scan] [not set]");
  assert.equal(type(Kind.Fin), "[TCP FIN scan] [not set]");
  assert.equal(type(Kind.Xmas), "[TCP XMAS scan] [not set]");
  assert.equal(
    type(Kind.SynFin, 6, TcpFlag.Syn | TcpFlag.Fin),
    "[Unknown Type: TCP Packet Flags: SYN: 1 FIN: 1 ACK: 0 PSH: 0 URG: 0 RST: 0] [not set]",
  );
  assert.equal(type(Kind.SynFin, 6, 0x2b), "[TCP XMAS scan] [not set]");
});

test("of an address block the brackets hold an address", () => {
  assert.match(
    lines.scanText({ ...facts, sourceText: "2001:db8:1:2::/64", name: "2001:db8:1:2::/64" }),
    /^Scan from: \[2001:db8:1:2::\] \(2001:db8:1:2::\/64\) protocol: /,
  );
});

test("the history line begins with local time and its offset, in every zone", () => {
  const timeMs = Date.UTC(2026, 10, 22, 9, 36, 9, 35);
  const expected = new Map([
    ["UTC", "2026-11-22T09:36:09.035+0000"],
    ["Asia/Kolkata", "2026-11-22T15:06:09.035+0530"],
    ["America/St_Johns", "2026-11-22T06:06:09.035-0330"],
  ]);
  const module = new URL("../../src/record/lines2.js", import.meta.url).href;
  const program = `import(${JSON.stringify(module)}).then((m) => console.log(m.offsetTime(new Date(${timeMs}))));`;
  for (const [zone, text] of expected) {
    const { stdout } = spawnSync(process.execPath, ["-e", program], { env: { TZ: zone }, encoding: "utf8" });
    assert.equal(stdout.trim(), text);
  }
  assert.equal(lines.scanHistoryLine(timeMs, facts), `${lines.offsetTime(new Date(timeMs))} ${lines.scanText(facts)}`);
});

test("the other lines; errors are marked as such", () => {
  const failure = { sourceText: "192.0.2.7", command: "/bin/false", detail: "exit code 1" };
  const all = [
    lines.versionLine("0.1.0"),
    lines.listeningLine2,
    lines.shuttingDownLine2,
    lines.alreadyBlockedLine2("192.0.2.7", "192.0.2.7"),
    lines.disposeFailedLine("192.0.2.7", "h.example"),
    lines.commandFailedLine2("block host", failure),
  ];
  assert.deepEqual(
    all.map(({ text, severity }) => [text, severity]),
    [
      ["Portsentry 2.0.7 (portreeve 0.1.0)", undefined],
      ["Portsentry is now active and listening.", undefined],
      ["Portsentry is shutting down", undefined],
      ["attackalert: Host: 192.0.2.7/192.0.2.7 is already blocked Ignoring", undefined],
      ["attackalert: Error during target dispose h.example/192.0.2.7!", "error"],
      ['There was an error trying to block host (exit code 1) 192.0.2.7: "/bin/false"', "error"],
    ],
  );
  assert.ok(all.every(({ newline }) => !newline));
});
