// Packets from outside that carry an address of a container, or of a host behind this one, as their source: a scanner that writes
// them gets no exemption by what they seem to say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildTcp } from "../support/build-packet.ts";
import { SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { BEHIND, openGateway, PROTECTED } from "./support/gateway.ts";
import { setElements } from "./support/kernel.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { askByDatagram, serve, visit } from "./support/traffic.ts";

const SYN_ACK = 0x12;
const [CLOSED, SERVED, ASKED] = [2001, 8000, 2053];

test("an answer that a scanner writes in a protected host's name opens no port, and a question none of this host", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: [SERVED] });
  for (const key of ["all", "default", "link0"]) await lab.target.set(`net.ipv4.conf.${key}.rp_filter`, "0");
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", PROTECT: PROTECTED });
  const [scanner, customer] = [source(1).ipv4, source(2).ipv4];
  assert.equal((await visit(lab.scanner, { to: BEHIND.ipv4, port: SERVED, from: customer })).opened, 1);
  const served = await setElements(lab, "behind4");
  // A SYN to a closed port, and at once what would be the host's answer if it were open: before the host's own, which is late.
  await lab.inner.mustRun(
    ["nft", "-f", "-"],
    `table ip late { chain in { type filter hook input priority 0; tcp dport ${CLOSED} drop; }; }`,
  );
  const ports = { sourcePort: 40_000, destinationPort: CLOSED };
  const opens = buildTcp({
    ...{ source: BEHIND.ipv4, destination: scanner, sourcePort: CLOSED, destinationPort: 40_000 },
    ...{ flags: SYN_ACK, sequence: 1, acknowledgment: 1 },
  });
  await sendPackets(lab, [buildTcp({ source: scanner, destination: BEHIND.ipv4, ...ports, sequence: 0 }), opens]);
  assert.deepEqual(await setElements(lab, "behind4"), served, "only the host itself has said so");

  // A datagram of a protected host to the scanner, as if it had asked: the scanner's own would be an answer.
  await sendPackets(lab, [udp({ from: BEHIND.ipv4, to: scanner, port: 53, fromPort: ASKED })]);
  assert.deepEqual(await setElements(lab, "flows4"), []);
  // The host itself asks.
  await askByDatagram(lab.inner, { to: SCANNER.ipv4, from: BEHIND.ipv4, port: 53 });
  await sendPackets(lab, [syn({ from: scanner, to: TARGET.ipv4, port: CLOSED })]);
  assert.equal((await daemon.waitForBlock(scanner)).soft, true);
});
