// The lab proves itself on a host that nobody defends: its scanners see what is open, its captures see the answers,
// its forged packets arrive, and nothing of it stays behind.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered } from "./support/capture.ts";
import { mustRun } from "./support/exec.ts";
import { Lab } from "./support/lab.ts";
import { syn, synBehindOptions, udp } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { masscan, nmap, portsReportedOpen, spreadPorts } from "./support/scan.ts";
import { exchange, reconnect, serve, talk, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

test("an undefended host", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const open = spreadPorts(20);
  await serve(lab, lab.target, { tcp: open, udp: [5353] });

  for (const family of families) {
    for (const options of [["-sS"], ["-sT"]]) {
      await t.test(`shows nmap ${options.join(" ")} over ${family} its 20 open ports`, async () => {
        const capture = await Capture.start(lab);
        const scanned = ["--top-ports", "1000", "-T4"];
        const { stdout } = await nmap(lab, { family, source: source(1), options: [...options, ...scanned] });
        const seen = portsThatAnswered(await capture.stop(), source(1)[family]);
        assert.deepEqual(portsReportedOpen(stdout), open);
        assert.deepEqual(seen, open);
      });
    }
    await t.test(`shows masscan over ${family} an open port`, async () => {
      const [port = 0] = open;
      const { stdout } = await masscan(lab, { family, source: source(2) }, `${port},1`);
      assert.match(stdout, new RegExp(`open port ${port}/tcp on ${TARGET[family]}`));
    });
    await t.test(`serves honest clients over ${family}`, async () => {
      const [port = 0] = open;
      const to = TARGET[family];
      assert.equal((await visit(lab.scanner, { to, port, count: 50, lanes: 10 })).opened, 50);
      const refused = await visit(lab.scanner, { to, port: 1, from: source(3)[family] });
      assert.deepEqual(refused.errors, { ECONNREFUSED: 1 });
    });
  }

  await t.test("receives packets in a forged name", async () => {
    const forged4 = { from: "192.0.2.77", to: TARGET.ipv4, port: 1 };
    const forged6 = { from: "2001:db8:77::1", to: TARGET.ipv6, port: 1 };
    const capture = await Capture.start(lab);
    await sendPackets(lab, [syn(forged4), syn(forged6), synBehindOptions({ ...forged6, port: 2 })]);
    const sender = keepSending(lab, [syn({ ...forged4, port: 3 })], { perSecond: 50 });
    const unreachable = lab.spawn(lab.scanner, ["tcpdump", "-lnn", "-c", "2", "-i", "link0", "icmp or icmp6"]);
    await unreachable.waitForLine(/listening on/);
    await sendPackets(lab, [udp(forged4), udp(forged6)]);
    assert.equal(await unreachable.waitForEnd(), 0);
    await sender.stop();
    const answers = (await capture.stop()).filter((segment) => segment.flags === "R.");
    const ports = new Set(answers.map((segment) => `${segment.to} ${segment.fromPort}`));
    assert.deepEqual([...ports].sort(), ["192.0.2.77 1", "192.0.2.77 3", "2001:db8:77::1 1", "2001:db8:77::1 2"]);
  });

  await t.test("holds conversations", async () => {
    await serve(lab, lab.target, { tcp: [7], mode: "echo" });
    const conversation = await talk(lab, lab.scanner, { to: TARGET.ipv4, port: 7 });
    await exchange(conversation, "hello");
    const question = await talk(lab, lab.scanner, { to: TARGET.ipv6, port: 5353, udp: true });
    await exchange(question, "hello");
  });

  await t.test("sees clients come back when a service restarts", async () => {
    const service = await serve(lab, lab.target, { tcp: [9000] });
    const from = [1, 2, 3].map((number) => source(number).ipv4).join(",");
    const clients = reconnect(lab, lab.scanner, { to: TARGET.ipv4, port: 9000, from, every: 50 });
    await waitUntil("three connected", () => clients.state().connected === 3);
    await service.stop();
    await waitUntil("three refused", () => clients.state().refusals >= 3);
    await serve(lab, lab.target, { tcp: [9000] });
    await waitUntil("three connected again", () => clients.state().connected === 3);
  });
});

test("a lab with a container forwards to it", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: [80] });
  const rule = ["-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", "10.88.0.2:80"];
  await lab.target.mustRun(["iptables", "-t", "nat", "-A", "PREROUTING", ...rule]);
  assert.equal((await visit(lab.scanner, { to: TARGET.ipv4, port: 8080 })).opened, 1);
});

test("nothing stays behind", async () => {
  const lab = await Lab.open();
  await serve(lab, lab.target, { tcp: [80] });
  await lab.close();
  const left = await mustRun(["ip", "netns", "list"]);
  assert.ok(!left.includes(lab.target.name) && !left.includes(lab.scanner.name), left);
  assert.ok(!existsSync(lab.folder));
});
