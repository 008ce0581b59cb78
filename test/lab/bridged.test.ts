// A machine with an address of its own on the LAN, which a bridge of this host joins to it: as far as the kernel shows bridged
// packets to the rules of IP (br_netfilter, as Docker switches it on), held and softly blocked sources get no new connection to it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, INNER_LINK, LINK, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const GUEST = { ipv4: "198.51.100.10", ipv6: "2001:db8:a::10" } as const;
const [USED, NEW, CLOSED, OUTSIDE] = [8000, 8001, 2001, 7000];
const served = { opened: 1, failed: 0, errors: {} };

/** The target's link becomes a port of its bridge, as hypervisors have it, and the lab's inner host another one. */
async function bridgeGuest({ target, inner, scanner }: Lab): Promise<void> {
  const batch = (host: typeof target, ...commands: string[]) =>
    host.mustRun(["ip", "-batch", "-"], `${commands.join("\n")}\n`);
  await batch(
    target,
    `addr flush dev ${INNER_LINK}`,
    `addr flush dev ${LINK}`,
    `link add br0 address ${TARGET.mac} type bridge`,
    `link set ${LINK} master br0`,
    `link set ${INNER_LINK} master br0`,
    `addr add ${TARGET.ipv4}/24 broadcast + dev br0`,
    `addr add ${TARGET.ipv6}/64 dev br0 nodad`,
    "link set br0 up",
    `route replace default via ${SCANNER.ipv4}`,
    `route replace default via ${SCANNER.ipv6}`,
  );
  await batch(
    inner,
    `addr flush dev ${LINK}`,
    `addr add ${GUEST.ipv4}/24 dev ${LINK}`,
    `addr add ${GUEST.ipv6}/64 dev ${LINK} nodad`,
    `route replace default via ${SCANNER.ipv4}`,
    `route replace default via ${SCANNER.ipv6}`,
  );
  for (const to of [GUEST, TARGET])
    for (const family of families)
      await waitUntil(`${to[family]} answers`, async () => {
        const { code } = await scanner.run(["ping", "-c1", "-W1", to[family]]);
        return code === 0;
      });
}

test("a source that is softly blocked opens no connection to a machine on this host's bridge but those that it uses", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await bridgeGuest(lab);
  await serve(lab, lab.inner, { tcp: [USED, NEW] });
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on" });
  const reaches = async (family: Family, port: number, number = 1) =>
    (await visit(lab.scanner, { to: GUEST[family], port, from: source(number)[family], timeout: 800 })).opened === 1;
  const inOne = async (family: Family, ownPort: number) => {
    const [from, key] = [source(1)[family], source(1).key[family]];
    const stranger = await visit(lab.scanner, { to: GUEST[family], port: CLOSED, from: source(2)[family] });
    assert.deepEqual(stranger.errors, { ECONNREFUSED: 1 }, "its closed ports are its own affair");
    assert.ok(await reaches(family, USED), "nothing is known of it");
    await sendPackets(lab, [syn({ from, to: TARGET[family], port: CLOSED })]);
    assert.equal((await daemon.waitForBlock(key)).soft, true);
    assert.deepEqual([await reaches(family, NEW), await reaches(family, USED)], [false, true], "softly blocked");
    assert.ok(await reaches(family, NEW, 2), "another one");
    await serve(lab, lab.scanner, { tcp: [ownPort], address: from });
    assert.deepEqual(await visit(lab.inner, { to: from, port: ownPort }), served, "the machine asks it");
    await daemon.unblock(key);
    assert.ok(await reaches(family, NEW), "unblocked");
  };
  await Promise.all(families.map((family, index) => inOne(family, OUTSIDE + index)));
  const [held, soft] = [await daemon.counter("forwardHeldDropped"), await daemon.counter("forwardSoftDropped")];
  assert.ok(held + soft >= families.length, `dropped: ${held} held, ${soft} softly blocked`);
  assert.deepEqual(
    (await daemon.blocked()).map((block) => block.source),
    [],
  );

  // Where the kernel does not show bridged packets to the rules of IP, as without Docker, nothing can be done.
  await sendPackets(lab, [syn({ from: source(3).ipv4, to: TARGET.ipv4, port: CLOSED })]);
  await daemon.waitForBlock(source(3).ipv4);
  assert.ok(!(await reaches("ipv4", NEW, 3)));
  await lab.target.set("net.bridge.bridge-nf-call-iptables", "0");
  assert.ok(await reaches("ipv4", NEW, 3), "not seen by us");
});
