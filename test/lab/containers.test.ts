// Ports that Docker publishes, by its own rules in both of its backends: they are kept from scanners as ports of the host itself
// are, their customers are served and known, and what else is forwarded goes on as without us.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTAINER, type Family, families, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { BRIDGE, backends, bridgeContainer, insidePort, publishByDocker } from "./support/docker.ts";
import { Lab } from "./support/lab.ts";
import { describe, measureLeaks } from "./support/leak.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { masscan, nmap, portsReportedOpen } from "./support/scan.ts";
import { harsh, shipped } from "./support/settings.ts";
import { askByDatagram, serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const PUBLISHED = [21, 22, 23, 53, 110, 111, 135, 139, 3306, 5432, 6379, 8080];
/** Asked by each scan: some of them are closed. */
const ASKED = [...PUBLISHED, 5, 79, 106, 513, 1025, 1720, 2049, 5060, 6001, 9999].join(",");
const ONE = 5432;
const CLOSED = 2001;
const served = (count: number) => ({ opened: count, failed: 0, errors: {} });

for (const backend of backends) {
  test(`published ports (Docker's ${backend}) tell scanners nothing and serve customers`, async (t) => {
    const lab = await Lab.open({ inner: true });
    t.after(() => lab.close());
    await bridgeContainer(lab);
    await serve(lab, lab.inner, { tcp: PUBLISHED.map(insidePort) });
    await publishByDocker(lab, backend, { tcp: PUBLISHED });
    // Its userland proxy, which only this host itself meets.
    if (backend === "iptables") await serve(lab, lab.target, { tcp: PUBLISHED });
    const undefended = await nmap(lab, { family: "ipv4", source: source(1), options: ["-sS", "-T4", "-p", ASKED] });
    assert.deepEqual(portsReportedOpen(undefended.stdout), PUBLISHED, "without us");

    const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on", GREYLIST: "on" });
    await Promise.all(
      families.map(async (family) => {
        const how = { to: TARGET[family], port: ONE, from: source(2)[family] };
        assert.deepEqual(await visit(lab.scanner, how), served(1), family);
        assert.deepEqual(await visit(lab.scanner, { ...how, count: 20 }), served(20), family);
      }),
    );
    const scans = ["-sS -T4", "-sT -T4"].map((name) => ({
      name,
      options: [...name.split(" "), "-p", ASKED],
      timeoutSeconds: 20,
    }));
    const leaks = await Promise.all(families.map((family, index) => measureLeaks(lab, family, scans, 10 + 10 * index)));
    for (const { ports } of leaks.flat()) assert.deepEqual(ports, [], describe(leaks.flat()));
    const capture = await Capture.start(lab);
    await masscan(lab, { family: "ipv4", source: source(60) }, ASKED);
    assert.deepEqual(portsThatAnswered(await capture.stop(), source(60).ipv4), []);
    await daemon.waitForBlock(source(60).ipv4);
    const blocked = (await daemon.blocked()).map((block) => block.source);
    for (const family of families) assert.ok(!blocked.includes(source(2).key[family]), "a customer");
    // The first SYN to each port that nobody had asked before.
    assert.ok((await daemon.counter("forwardFirstDropped")) > 0, "first contacts are counted");
  });
}

const UDP_USED = 1194;
const UDP_NEW = 5004;

test("a softly blocked source reaches no published port but those that it uses, until unblock", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await bridgeContainer(lab);
  const udp = [UDP_USED, UDP_NEW];
  await serve(lab, lab.inner, { tcp: PUBLISHED.map(insidePort), udp: udp.map(insidePort) });
  await publishByDocker(lab, "iptables", { tcp: PUBLISHED, udp });
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on" });
  const reaches = async (family: Family, port: number) =>
    (await visit(lab.scanner, { to: TARGET[family], port, from: source(1)[family] })).opened === 1;
  const isShutTo = async (family: Family, port: number) =>
    (await visit(lab.scanner, { to: TARGET[family], port, from: source(1)[family], timeout: 800 })).opened === 0;
  const asks = (family: Family, port: number) =>
    askByDatagram(lab.scanner, { to: TARGET[family], from: source(1)[family], port });
  const isSoftlyBlocked = async (family: Family, port: number) => {
    await sendPackets(lab, [syn({ from: source(1)[family], to: TARGET[family], port })]);
    assert.equal((await daemon.waitForBlock(source(1).key[family])).soft, true);
  };
  const inOne = async (family: Family, ownPort: number) => {
    const key = source(1).key[family];
    assert.ok((await reaches(family, 22)) && (await asks(family, UDP_USED)), "nothing is known of it");
    await isSoftlyBlocked(family, CLOSED);
    assert.ok((await isShutTo(family, ONE)) && !(await asks(family, UDP_NEW)), "new ports");
    assert.ok((await reaches(family, 22)) && (await asks(family, UDP_USED)), "known pairs");
    const probes = (await daemon.eventsOf(key)).filter(({ type }) => type === "probe");
    assert.deepEqual(
      probes.filter(({ port, disposition }) => port !== CLOSED && disposition === "probe"),
      [],
      "no published port counts as closed",
    );
    await daemon.unblock(key);
    assert.ok(await reaches(family, ONE), "unblocked");
    await isSoftlyBlocked(family, CLOSED + 1);
    await serve(lab, lab.scanner, { tcp: [ownPort], address: source(1)[family] });
    const asked = await visit(lab.inner, { to: source(1)[family], port: ownPort });
    assert.deepEqual(asked, served(1), "a container asks it");
  };
  await Promise.all(families.map((family, index) => inOne(family, 7000 + index)));
  // At least the datagram of each family, of which no line tells, by the hold or by the soft block.
  const [held, soft] = [await daemon.counter("forwardHeldDropped"), await daemon.counter("forwardSoftDropped")];
  assert.ok(held + soft >= families.length, `dropped without a line: ${held} held, ${soft} softly blocked`);

  // The container goes: its customers who come back make no scanners.
  const customer = { to: TARGET.ipv4, port: 3306, from: source(3).ipv4 };
  assert.deepEqual(await visit(lab.scanner, customer), served(1));
  const to = ["-j", "DNAT", "--to-destination", `${CONTAINER.ipv4}:${insidePort(3306)}`];
  const published = ["DOCKER", "!", "-i", BRIDGE, "-p", "tcp", "-m", "tcp", "--dport", "3306", ...to];
  await lab.target.mustRun(["iptables", "-t", "nat", "-D", ...published]);
  const stranger = { ...customer, from: source(4).ipv4 };
  for (const how of [customer, stranger]) assert.deepEqual((await visit(lab.scanner, how)).errors, { ECONNREFUSED: 1 });
  const blocked = (await daemon.blocked()).map((block) => block.source);
  assert.ok(!blocked.includes(source(3).ipv4) && !blocked.includes(source(4).ipv4), String(blocked));
  await daemon.stop();
  // Its soft block stays, and goes on without the daemon.
  assert.deepEqual([await isShutTo("ipv4", 6379), await reaches("ipv4", 22)], [true, true]);
});

test("what is routed to others passes; to a container's own address only while its source is not held", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: [8000] });
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on" });
  const [to, from] = [CONTAINER.ipv4, source(1).ipv4];
  await lab.scanner.mustRun(["ip", "route", "add", "10.88.0.0/24", "via", TARGET.ipv4]);
  await sendPackets(lab, [syn({ from, to: TARGET.ipv4, port: CLOSED })]);
  await daemon.waitForBlock(from);
  // A link of this host, and none of containers.
  assert.deepEqual(await visit(lab.scanner, { to, from, port: 8000 }), served(1));
  await bridgeContainer(lab);
  await waitUntil("the daemon knows the container's network", async () =>
    (await lab.target.mustRun(["nft", "list", "set", "inet", "portreeve", "inside4"])).includes("10.88.0.0/24"),
  );
  assert.equal((await visit(lab.scanner, { to, from, port: 8000, timeout: 800 })).opened, 0);
  // The guard, here our gateway, is neither held nor shut out.
  assert.deepEqual(await visit(lab.scanner, { to, from: SCANNER.ipv4, port: 8000 }), served(1));
});
