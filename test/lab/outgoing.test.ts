// What this host and its containers ask of others (OUTGOING), with nmap; the other scanners and the innocents are in long/outgoing.test.ts.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { readableBuild } from "../support/readable-build.ts";
import { CONTAINER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { bridgeContainer } from "./support/docker.ts";
import { Lab } from "./support/lab.ts";
import { foundOutgoing, watching } from "./support/outgoing.ts";
import { shipped } from "./support/settings.ts";
import { program, serve } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const NMAP = ["nmap", "-n", "-Pn", "--max-retries", "0", "-T4"];

test("nmap on this host is told with its process, and stands in status and why", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, watching);
  await lab.target.mustRun([...NMAP, "-sS", "-p", "1-1000", "--max-rate", "300", source(1).ipv4]);
  const event = await foundOutgoing(
    daemon,
    /^this host \(198\.51\.100\.1\) asks many ports of 203\.0\.113\.1: 32 different/,
  );
  assert.equal(event.source, TARGET.ipv4);
  assert.match(event.message ?? "", /; sent by user root; raw sockets are open in nmap \(pid \d+/);
  assert.match((await daemon.status()).warnings.join("\n"), /outgoing scan: this host/);
  const { stdout } = await daemon.cli(["why", TARGET.ipv4]);
  assert.match(stdout, /asks many ports of/);
  assert.match(daemon.lines.join("\n"), /outgoing scan: this host/);
  // The first scan has used up the contacts that are told at once; from then on fifty a second are.
  await lab.target.mustRun([...NMAP, "-6", "-sS", "-p", "1-100", "--max-rate", "40", source(1).ipv6]);
  const six = await foundOutgoing(daemon, /asks many ports of 2001:db8:b:1::1: 32 different/);
  assert.equal(six.source, TARGET.ipv6);
});

test("a scan by connect() is told with its process as soon as a socket of it is there to be looked up", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  // Refused at once, a socket is gone before anybody looks; silent ports come later, in order.
  const dark = "table inet dark { chain in { type filter hook input priority 0; tcp dport 4000-4999 drop; }; }";
  await lab.scanner.mustRun(["nft", dark]);
  const daemon = await Daemon.start(lab, watching);
  const scan = lab.spawn(lab.target, [...NMAP, "-sT", "-r", "-p", "1-40,4000-4999", source(2).ipv4]);
  await foundOutgoing(daemon, /many ports of 203\.0\.113\.2: .*; process nmap \(pid \d+, user root/);
  await scan.stop();
});

test("a container that scans one port of many hosts is told by its address", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await bridgeContainer(lab);
  await lab.scanner.mustRun(["ip", "route", "add", "10.88.0.0/24", "via", TARGET.ipv4]);
  const daemon = await Daemon.start(lab, watching);
  await waitUntil("the daemon knows the container's network", async () =>
    (await lab.target.mustRun(["nft", "list", "set", "inet", "portreeve", "inside4"])).includes("10.88.0"),
  );
  await lab.inner.mustRun([...NMAP, "-sS", "-p", "2222", "203.0.113.0/24"]);
  const event = await foundOutgoing(daemon, /^the container 10\.88\.0\.2 asks tcp\/2222 of many hosts/);
  assert.equal(event.source, CONTAINER.ipv4);
});

test("a host behind this one, of PROTECT, is told by its address", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await lab.scanner.mustRun(["ip", "route", "add", "10.88.0.0/24", "via", TARGET.ipv4]);
  const daemon = await Daemon.start(lab, { ...watching, PROTECT: "10.88.0.0/24" });
  await lab.inner.mustRun([...NMAP, "-sS", "-p", "1-100", source(3).ipv4]);
  await foundOutgoing(daemon, /^the protected host 10\.88\.0\.2 asks many ports of 203\.0\.113\.3/);
});

const PREFIX = "2001:db8:b:1::";
const countsSchema = z.object({ opened: z.number(), failed: z.number() });
const NOBODY_ID = 65_534;
const NOBODY = ["setpriv", "--reuid", String(NOBODY_ID), "--clear-groups"];

test("a user who scans is limited, where it has never been, and nobody else is", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.scanner, { tcp: [80] });
  const daemon = await Daemon.start(lab, { ...shipped, OUTGOING: "limit" });
  const [, file = ""] = program("peers", {});
  // Of a copy: that user may not enter this repository in a home of mode 0700.
  const readable = readableBuild({ uid: NOBODY_ID, gid: NOBODY_ID });
  const copy = readable.file("peers.mjs");
  copyFileSync(file, copy);
  const peers = (options: Parameters<typeof program>[1]) => [
    readable.node,
    copy,
    ...program("peers", options).slice(2),
  ];
  const visits = async (as: readonly string[], prefix: string, hosts: number) => {
    const argv = [...as, ...peers({ prefix, hosts, ports: "80", lanes: hosts, timeout: 900 })];
    return countsSchema.parse(JSON.parse(await lab.target.mustRun(argv))).opened;
  };
  assert.equal(await visits(NOBODY, PREFIX, 10), 10);
  const ports = Array.from({ length: 40 }, (_, index) => 3_000 + index).join(",");
  const scan = peers({ prefix: "203.0.113.", hosts: 1, ports, "every-port": true });
  await lab.target.mustRun([...NOBODY, ...scan]);
  await foundOutgoing(daemon, /that user's new TCP connections .* are limited/);
  const opened = await visits(NOBODY, "2001:db8:b:2::", 100);
  assert.ok(opened > 0 && opened <= 40, `${opened} of 100 new destinations`);
  assert.equal(await visits(NOBODY, PREFIX, 10), 10, "where it has been before");
  assert.equal(await visits([], "2001:db8:b:3::", 100), 100, "another user");
});
