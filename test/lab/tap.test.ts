// A mirror port: a router copies what goes to and comes from the outside to a sensor that takes part in nothing. nmap's
// scans of the networks behind the router are found there, named, and said by whom; those who use their services are not.
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Family, furtherHost, LINK, type Source, source } from "./support/addresses.ts";
import type { LabEvent } from "./support/contract.ts";
import { Daemon } from "./support/daemon.ts";
import type { Running } from "./support/exec.ts";
import { type Host, Lab } from "./support/lab.ts";
import { harsh } from "./support/settings.ts";
import { exchange, serve, talk, visit } from "./support/traffic.ts";
import { waitFor, waitUntil } from "./support/wait.ts";

const NUMBERS = [1, 2, 3, 4, 5, 6];
/** As many as SWEEP_HOSTS and one more; the first three serve more than a conversation. */
const all = NUMBERS.map(furtherHost);
const homes = all.slice(0, 3);
const OUTSIDE = 20;
const CLIENT = 21;
const HOME_NETWORKS = ["192.0.2.0/26", ...NUMBERS.map((number) => `2001:db8:c:${number}::/64`)].join(",");
const WEB = 80;
const ECHO = 2_200;
const BULK = 2_300;
const BULK_BYTES = 20_000_000;
/** Behind the outside host, as the internet is behind an uplink. */
const scans = {
  syn: source(11),
  udp: source(12),
  ping: source(13),
  ack: source(14),
  named: source(15),
  silent: source(17),
};
/** Of the home networks; the router drops what goes there. */
const SILENT = "192.0.2.40";

describe("a mirror port", () => {
  let lab: Lab;
  let daemon: Daemon;
  let outside: Host;
  let client: Host;
  let talks: Running[];
  const known = () => join(lab.folder, "known-scanners");
  const shutOut = () => join(lab.folder, "shut-out.log");
  const settingsOf = (more: Readonly<Record<string, string>> = {}) => ({
    ...harsh,
    POLICY: "score",
    FIREWALL: "none",
    CAPTURE: "ring",
    INTERFACE: LINK,
    HOME_NETWORKS,
    KNOWN_SCANNERS: known(),
    KILL_ROUTE: `${join(lab.folder, "shut-out")} $TARGET$`,
    ...more,
  });

  before(async () => {
    lab = await Lab.open();
    for (const number of NUMBERS) {
      const home = await lab.addHost(number);
      await serve(lab, home, { tcp: [ECHO], mode: "echo" });
      if (number > homes.length) continue;
      await serve(lab, home, { tcp: [WEB], udp: [5_353] });
      await serveBulk(lab, home);
    }
    outside = await lab.addHost(OUTSIDE);
    client = await lab.addHost(CLIENT);
    await routeSources(lab, outside);
    await lab.scanner.mustRun(["ip", "route", "add", "blackhole", `${SILENT}/32`]);
    for (const number of [OUTSIDE, CLIENT]) await mirror(lab.scanner, `host${number}`);
    // These began before anybody looked.
    talks = await talkToAll();
    writeFileSync(known(), `${scans.syn.ipv4} Example "University"\n`);
    writeFileSync(join(lab.folder, "shut-out"), `#!/bin/sh\necho "$@" >> ${shutOut()}\n`);
    chmodSync(join(lab.folder, "shut-out"), 0o755);
    daemon = await Daemon.start(lab, settingsOf());
  });
  after(() => lab.close());

  const talkToAll = (): Promise<Running[]> =>
    Promise.all(all.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].map((to) => talk(lab, client, { to, port: ECHO }))));
  const findingsOf = async (of: string): Promise<readonly LabEvent[]> =>
    (await daemon.eventsOf(of)).filter(({ type }) => type === "finding");
  const findingOf = (of: string): Promise<LabEvent> =>
    waitFor(`a finding of ${of}`, async () => (await findingsOf(of)).at(0));
  const commandsRun = (): string => readFileSync(shutOut(), "utf8");
  const scan = (from: Source, family: Family, ...options: readonly string[]) =>
    nmap(outside, from[family], family, options);

  test("it says what it is", async () => {
    const { capture, firewall, held } = await daemon.status();
    assert.deepEqual([capture, firewall, held], ["ring", "none", 0]);
    const said = daemon.lines.find((line) => line.includes("A mirror port is watched"));
    assert.match(said ?? "", /192\.0\.2\.0\/26, 2001:db8:c:1::\/64/);
  });

  for (const family of ["ipv4", "ipv6"] as const) {
    const targets = homes.map((home) => home[family]);

    test(`nmap -sS over ${family}: kind, tool, scorer, ports and hosts`, async () => {
      await scan(scans.syn, family, "-sS", "-p", "1-40", ...targets);
      const { kind, tool, grade, action, message = "" } = await findingOf(scans.syn.key[family]);
      assert.deepEqual([kind, tool], ["syn", "nmap"]);
      assert.deepEqual([grade, action], ["direct", "block"]);
      assert.match(message, /^(\d+ different ports|tcp\/\d+) of \d hosts? .*, nmap; found (by|as) /);
    });

    test(`nmap -sU over ${family}`, async () => {
      await scan(scans.udp, family, "-sU", "-p", "1000-1039", targets[0] ?? "");
      assert.equal((await findingOf(scans.udp.key[family])).kind, "udp");
    });

    test(`nmap -sA over ${family}`, async () => {
      await scan(scans.ack, family, "-sA", "-p", "1-40", targets[0] ?? "");
      assert.equal((await findingOf(scans.ack.key[family])).kind, "ack");
    });
  }

  test("datagrams to many ports that nobody answers are told of, and nothing is done about them", async () => {
    await ask(outside, scans.silent.ipv4, SILENT);
    const { kind, action, message = "" } = await findingOf(scans.silent.ipv4);
    assert.deepEqual([kind, action], ["udp", "log"]);
    assert.match(message, /^\d+ different ports of 1 host .*; found by breadth alone$/);
  });

  test("nmap -sn: a sweep of pings", async () => {
    await nmap(outside, scans.ping.ipv4, "ipv4", ["-sn", "-PE", "192.0.2.0/26"]);
    const { kind, message = "" } = await findingOf(scans.ping.ipv4);
    assert.equal(kind, "icmp-echo");
    assert.match(message, /^icmp-echo of \d+ hosts /);
  });

  test("who is shut out and remembered, and who is not", async () => {
    await waitUntil("the command has run", () => Promise.resolve(commandsRun().includes(scans.syn.ipv4)));
    assert.ok(!commandsRun().includes(scans.silent.ipv4), commandsRun());
    await waitUntil("the history has the scanner", () =>
      daemon.history().some((line) => line.includes(`Host: ${scans.syn.ipv4}/`)),
    );
    assert.ok(!daemon.history().some((line) => line.includes(scans.silent.ipv4)));
    const [entry] = (await daemon.blocked()).filter(({ source: blocked }) => blocked === scans.syn.ipv4);
    assert.deepEqual([entry?.backend, entry?.grade], ["kill-route", "direct"]);
  });

  test("why tells of tool, name and outcomes", async () => {
    const { stdout } = await daemon.cli(["why", scans.syn.ipv4]);
    assert.match(stdout, /The source is known as "Example "University"" \(KNOWN_SCANNERS\)/);
    assert.match(stdout, /bear the marks of nmap/);
    assert.match(stdout, /The mirror port has shown this source ask 40 different ports of 3 hosts \(syn\) since /);
    assert.match(stdout, /traffic on a mirror port proves no source/);
  });

  test("a list of names that has changed is in force with the next reload; a bad line is told", async () => {
    assert.equal((await findingOf(scans.syn.ipv4)).known, 'Example "University"');
    const seen = daemon.lines.length;
    writeFileSync(known(), `${scans.named.ipv4} Example Institute\nnobody\n`);
    daemon.signal("SIGHUP");
    await daemon.waitForLine(/known-scanners:2: .*"nobody" is no address/, seen);
    await daemon.waitForLine(/is in force/, seen);
    await scan(scans.named, "ipv4", "-sS", "-p", "1-40", homes[0]?.ipv4 ?? "");
    assert.equal((await findingOf(scans.named.ipv4)).known, "Example Institute");
  });

  test("who uses services, was connected before, carries much, or stays, is no scanner", async () => {
    talks.push(...(await talkToAll()));
    for (const { ipv4, ipv6 } of homes) {
      for (const to of [ipv4, ipv6]) {
        const visits = await visit(client, { to, port: WEB, count: 50 });
        assert.deepEqual([visits.opened, visits.failed], [50, 0]);
      }
      assert.equal(await fetchBulk(client, ipv4), BULK_BYTES);
      assert.equal(await fetchBulk(client, ipv6), BULK_BYTES);
    }
    for (const each of talks) for (const word of ["one", "two", "three"]) await exchange(each, word);
    // Found when the waits of its own contacts are over; then so are those of what came before.
    await ask(outside, source(18).ipv4, SILENT);
    await findingOf(source(18).ipv4);
    const { ipv4, key } = furtherHost(CLIENT);
    const told = (await daemon.events()).filter((event) => event.source === ipv4 || event.source === key.ipv6);
    assert.deepEqual(told, []);
    const { lost, probes, sources } = await daemon.status();
    assert.equal(lost, 0);
    assert.ok(probes > 300 && sources >= 8, `${probes} probes of ${sources} sources`);
  });

  test("it ends well", async () => {
    assert.equal(await daemon.stop(), 0);
  });
});

/** Both directions of an interface of the router, copied to the sensor. */
async function mirror(router: Host, dev: string): Promise<void> {
  await router.mustRun(["tc", "qdisc", "add", "dev", dev, "clsact"]);
  for (const direction of ["ingress", "egress"]) {
    const what = ["protocol", "all", "pref", "1", "u32", "match", "u32", "0", "0"];
    const copy = ["action", "mirred", "egress", "mirror", "dev", LINK];
    await router.mustRun(["tc", "filter", "add", "dev", dev, direction, ...what, ...copy]);
  }
}

/** The sources of the scans are the outside host's own, behind the router. */
async function routeSources(lab: Lab, outside: Host): Promise<void> {
  const { ipv4, ipv6 } = furtherHost(OUTSIDE);
  await outside.set("net.ipv6.ip_nonlocal_bind", "1");
  for (const route of ["203.0.113.0/24", "2001:db8:b::/48"]) {
    const via = route.includes(":") ? ipv6 : ipv4;
    await lab.scanner.mustRun(["ip", "route", "del", "local", route, "dev", "lo"]);
    await lab.scanner.mustRun(["ip", "route", "add", route, "via", via]);
    await outside.mustRun(["ip", "route", "add", "local", route, "dev", "lo"]);
  }
}

async function nmap(from: Host, address: string, family: Family, options: readonly string[]): Promise<void> {
  const six = family === "ipv6" ? ["-6"] : [];
  const discovery = options.includes("-sn") ? [] : ["-Pn"];
  const plain = ["-n", "--max-retries", "0", "--min-rate", "100", "--host-timeout", "20s"];
  const argv = ["nmap", ...six, ...discovery, ...plain, "-S", address, "-e", LINK, ...options];
  await from.mustRun(argv);
}

/** A datagram to each of 40 ports. */
async function ask(from: Host, address: string, to: string): Promise<void> {
  const send = `const s=require("node:dgram").createSocket("udp4");s.bind(0,"${address}",async()=>{for(let p=2000;p<2040;p++)await new Promise((r)=>s.send("?",p,"${to}",r));s.close()})`;
  await from.mustRun([process.execPath, "-e", send]);
}

/** 20 MB to whoever connects. */
async function serveBulk(lab: Lab, home: Host): Promise<void> {
  const send = `require("node:net").createServer((s)=>s.on("error",()=>0).end(Buffer.alloc(${BULK_BYTES}))).listen(${BULK},"::",()=>console.log("ready"))`;
  await lab.spawn(home, [process.execPath, "-e", send]).waitForLine(/^ready$/);
}

async function fetchBulk(from: Host, to: string): Promise<number> {
  const read = `let n=0;require("node:net").connect(${BULK},"${to}").on("data",(d)=>{n+=d.length}).on("end",()=>console.log(n))`;
  return Number(await from.mustRun([process.execPath, "-e", read]));
}
