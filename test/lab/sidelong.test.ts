// Ways to learn which datagram services there are without asking any: what an ICMP error does to the path is seen by its
// sender, and a router's anycast address leads to the same services. Both told every open port and made no finding.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildIcmp, buildUdp } from "../support/build-packet.ts";
import { type Family, families, NEIGHBOURS, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const PUBLIC = 53;
const SERVED = 5004;
const CLOSED = 2001;
const PATH_MTU = 1_320;
/** An address of the target's own inside a network that is routed to it, as one of containers or of a VPN is. */
const INNER = { address: "2001:db8:d:1::1/64", anycast: "2001:db8:d:1::" } as const;
const settings = { ...harsh, PROOF: "on", SCAN_TRIGGER: "10000" };

type Quote = { readonly to: string; readonly port: number; readonly options?: boolean };

/** "Too big for the path": quotes a datagram from a port of the target's to `to`, and comes from there. */
function tooBig(family: Family, { to, port, options = false }: Quote): Uint8Array {
  const isFour = family === "ipv4";
  const quoted = buildUdp({
    source: TARGET[family],
    destination: to,
    sourcePort: port,
    destinationPort: 40_000,
    ...(options && !isFour ? { extensionHeaders: [{ type: 60, bytes: [0, 0, 1, 4, 0, 0, 0, 0] }] } : {}),
  });
  const [type, code] = isFour ? [3, 4] : [2, 0];
  const rest = [0, 0, PATH_MTU >> 8, PATH_MTU & 255] as const;
  return buildIcmp({ source: to, destination: TARGET[family], type, code, rest, payload: quoted });
}

for (const family of families) {
  test(`an ICMP error over ${family} about a datagram that never was tells nothing of the port that it quotes`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await Daemon.start(lab, settings);
    await serve(lab, lab.target, { udp: [PUBLIC, SERVED] });
    const [asker, resolver] = [source(1)[family], source(2)[family]];
    const path = async (to: string) =>
      (await lab.target.mustRun(["ip", "route", "get", to])).includes(`mtu ${PATH_MTU}`);
    const errors = [SERVED, CLOSED].flatMap((port) => [
      tooBig(family, { to: asker, port }),
      tooBig(family, { to: asker, port, options: true }),
    ]);
    await sendPackets(lab, [...errors, tooBig(family, { to: resolver, port: PUBLIC })]);
    // The last of them is believed, as before: a public port is no secret, and its service may be kept out of connection tracking.
    await waitUntil("the path of a public port", () => path(resolver));
    assert.equal(await path(asker), false);
  });
}

/** "Send it over another gateway": in the name of the gateway, about a datagram from a port of the target's to `to`. */
function redirect({ to, port }: Quote): Uint8Array {
  const quoted = buildUdp({ source: TARGET.ipv4, destination: to, sourcePort: port, destinationPort: 40_000 });
  const rest = NEIGHBOURS[0].ipv4.split(".").map(Number) as [number, number, number, number];
  return buildIcmp({ source: SCANNER.ipv4, destination: TARGET.ipv4, type: 5, code: 1, rest, payload: quoted });
}

test("nor does an ICMP redirect, which a neighbour on the link sends in the gateway's name", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await Daemon.start(lab, settings);
  await serve(lab, lab.target, { udp: [PUBLIC, SERVED] });
  // The new gateway's link-layer address is known: the kernel believes the first redirect then.
  await lab.target.mustRun(["ping", "-c", "1", "-W", "5", NEIGHBOURS[0].ipv4]);
  const [asker, resolver] = [source(1).ipv4, source(2).ipv4];
  const isRedirected = async (to: string) =>
    (await lab.target.mustRun(["ip", "route", "get", to])).includes(`via ${NEIGHBOURS[0].ipv4}`);
  await sendPackets(lab, [
    redirect({ to: asker, port: SERVED }),
    redirect({ to: asker, port: CLOSED }),
    redirect({ to: resolver, port: PUBLIC }),
  ]);
  await waitUntil("the path of a public port", () => isRedirected(resolver));
  assert.equal(await isRedirected(asker), false);
});

test("datagrams to an anycast address of a router are probes like others", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await lab.target.set("net.ipv6.conf.all.forwarding", "1");
  await lab.target.mustRun(["ip", "link", "add", "inner0", "type", "bridge"]);
  await lab.target.mustRun(["ip", "addr", "add", INNER.address, "dev", "inner0", "nodad"]);
  await lab.target.mustRun(["ip", "link", "set", "inner0", "up"]);
  const daemon = await Daemon.start(lab, harsh);
  const { ipv6, key } = source(1);
  await sendPackets(lab, [
    buildUdp({ source: ipv6, destination: INNER.anycast, sourcePort: 40_000, destinationPort: CLOSED }),
  ]);
  await daemon.waitForBlock(key.ipv6);
});
