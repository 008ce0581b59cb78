// No false alarm with everything on: the shipped file with blocking, greylisting as shipped, and a part of the ports published
// into a container. What honest hosts do, all of them beside each other over both families: nobody is found, held or blocked, and
// no connection fails. Greylisting lets a first connection wait for repetitions of the client's kernel, which is allowed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { repositoryFolder } from "../../support/repository.ts";
import { CONTAINER, type Family, families, type Source, source, TARGET } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { bridgeContainer, insidePort, publishByDocker } from "../support/docker.ts";
import { BEHIND, openGateway, PROTECTED } from "../support/gateway.ts";
import { assertInnocent } from "../support/innocent.ts";
import { Lab } from "../support/lab.ts";
import { type Packet, udp } from "../support/packets.ts";
import { sendPackets } from "../support/raw.ts";
import type { Settings } from "../support/settings.ts";
import { exchange, reconnect, serve, talk, visit } from "../support/traffic.ts";
import { waitUntil } from "../support/wait.ts";

/** Served by the host itself. */
const OWN = [22, 25, 53, 80, 143, 443, 587, 993, 9100];
const OWN_TALKING = 2222;
/** Served by the container: its web application, databases, FTP with its passive ports, a service that talks. */
const PASSIVE = [30_000, 30_001, 30_002, 30_003, 30_004, 30_005];
const INSIDE = [21, 3306, 5432, 8080, ...PASSIVE];
const INSIDE_TALKING = 5222;
const VPN = 51_820;
const RESTARTED = 8081;
/** Longer than greylisting lets anybody wait. */
const PATIENT_MS = 25_000;
const OFFICE = 40;

/** Keys of the shipped file whose files are the test's own, or this machine's. */
const ELSEWHERE = /^(IGNORE_FILE|HISTORY_FILE|BLOCKED_FILE|STATE_DIR|CONTROL_SOCKET|KILL_HOSTS_DENY)$/;

function shippedFile(): Settings {
  const text = readFileSync(repositoryFolder("conf/portsentry.conf"), "utf8");
  const keys = [...text.matchAll(/^(\w+)="(.*)"$/gm)].map(([, key = "", value = ""]) => [key, value] as const);
  return Object.fromEntries(keys.filter(([key]) => !ELSEWHERE.test(key)));
}

/** Where the second half of the services is: in a container whose ports this host publishes, or on a host behind it. */
type Where = "published" | "behind";

class World {
  readonly lab: Lab;
  readonly where: Where;
  #last = 0;
  readonly everybody: Source[] = [];

  constructor(lab: Lab, where: Where) {
    this.lab = lab;
    this.where = where;
  }

  /** The address at which a port is served. */
  at(family: Family, port: number): string {
    const isInside = [...INSIDE, INSIDE_TALKING, VPN, RESTARTED].includes(port);
    return isInside && this.where === "behind" ? BEHIND[family] : TARGET[family];
  }

  /** One that has not been there. */
  newcomer(): Source {
    const one = source(++this.#last);
    this.everybody.push(one);
    return one;
  }

  async opens(who: Source, family: Family, port: number, count = 1, lanes = 1): Promise<void> {
    const how = { to: this.at(family, port), from: who[family], port, count, lanes, timeout: PATIENT_MS };
    assert.deepEqual(
      await visit(this.lab.scanner, how),
      { opened: count, failed: 0, errors: {} },
      `${who[family]} to port ${port}`,
    );
  }

  async opensEach(who: Source, family: Family, ports: readonly number[], count = 1): Promise<void> {
    await Promise.all(ports.map((port) => this.opens(who, family, port, count)));
  }
}

type Honest = (world: World, family: Family) => Promise<void>;

const honest: Readonly<Record<string, Honest>> = {
  "a web customer": async (world, family) => {
    const who = world.newcomer();
    await world.opensEach(who, family, [80, 443]);
    await world.opens(who, family, 8080, 20, 6);
    await world.opensEach(who, family, [80, 443, 8080], 3);
  },
  "a mail program, all ports at once": async (world, family) => {
    const who = world.newcomer();
    await world.opensEach(who, family, [143, 993, 587, 25]);
    await world.opensEach(who, family, [143, 993, 587], 5);
  },
  "a mail server that is called back": async (world, family) => {
    const who = world.newcomer();
    await serve(world.lab, world.lab.scanner, { tcp: [25], address: who[family] });
    await world.opens(who, family, 25, 3);
    const back = await visit(world.lab.target, { to: who[family], port: 25, count: 3, timeout: PATIENT_MS });
    assert.deepEqual(back, { opened: 3, failed: 0, errors: {} }, "our own connections");
    // Its question who sends the mail: nothing is served there, and that is tolerated.
    const ident = await visit(world.lab.scanner, {
      to: TARGET[family],
      from: who[family],
      port: 113,
      timeout: PATIENT_MS,
    });
    // The decoy opens it and says nothing.
    assert.equal(ident.opened, 0);
  },
  "a resolver": async (world, family) => {
    const who = world.newcomer();
    const how = { to: TARGET[family], from: who[family], port: 53, udp: true } as const;
    for (let question = 0; question < 5; question++)
      await exchange(await talk(world.lab, world.lab.scanner, how), `question ${question}`);
    await world.opens(who, family, 53, 2);
  },
  "a client of our time, and a VPN that changes its port": async (world, family) => {
    const who = world.newcomer();
    for (const port of [123, VPN, VPN, VPN]) {
      const flow = await talk(world.lab, world.lab.scanner, {
        to: world.at(family, port),
        from: who[family],
        port,
        udp: true,
      });
      for (const line of ["one", "two", "three"]) await exchange(flow, line);
      await flow.stop();
    }
  },
  "passive FTP": async (world, family) => {
    const who = world.newcomer();
    const control = await talk(world.lab, world.lab.scanner, { to: world.at(family, 21), from: who[family], port: 21 });
    for (const port of PASSIVE) await world.opens(who, family, port);
    control.write("quit\n");
  },
  "monitoring of everything": async (world, family) => {
    const who = world.newcomer();
    for (let round = 0; round < 3; round++)
      await world.opensEach(who, family, [22, 25, 80, 443, 9100, 3306, 5432, 8080]);
  },
  "a load balancer that ends each look by an RST": async (world, family) => {
    const who = world.newcomer();
    for (let look = 0; look < 8; look++) {
      const one = await talk(world.lab, world.lab.scanner, {
        to: world.at(family, INSIDE_TALKING),
        from: who[family],
        port: INSIDE_TALKING,
      });
      one.write("reset\n");
      await one.waitForEnd();
    }
    await world.opens(who, family, 8080, 3);
  },
  "an office behind one address": async (world, family) => {
    const who = world.newcomer();
    await Promise.all(
      [22, 443, 143, 993, 8080, 5432].map((port) => world.opens(who, family, port, OFFICE, OFFICE / 4)),
    );
  },
  "privacy addresses": async (world, family) => {
    const who = world.newcomer();
    if (family === "ipv4") return;
    for (let address = 1; address <= 12; address++) {
      const one = { ...who, ipv6: who.ipv6.replace(/1$/, `${address.toString(16)}:${address}`) };
      await world.opensEach(one, family, [443, 8080, 22]);
    }
  },
  "our own questions, and a container's": async (world, family) => {
    const [who, other] = [world.newcomer(), world.newcomer()];
    await serve(world.lab, world.lab.scanner, { udp: [53], mode: "echo", address: who[family] });
    const resolver = await serve(world.lab, world.lab.scanner, { udp: [53], mode: "hold", address: other[family] });
    for (const host of [world.lab.target, world.lab.inner]) {
      const question = await talk(world.lab, host, { to: other[family], port: 53, udp: true });
      const asked = resolver.lines.length;
      question.write("question\n");
      await resolver.waitForLine(/^asked on 53$/, asked);
      // Its socket has gone when the answer comes.
      await question.stop();
      const from = resolver.lines.length;
      resolver.write("go\n");
      await resolver.waitForLine(/^answered from 53$/, from);
    }
    for (let number = 0; number < 10; number++) {
      const question = await talk(world.lab, world.lab.target, { to: who[family], port: 53, udp: true });
      await exchange(question, `question ${number}`);
      await question.stop();
    }
    await serve(world.lab, world.lab.scanner, { tcp: [8088], address: who[family] });
    const asGuest = await visit(world.lab.inner, { to: who[family], port: 8088, count: 10, timeout: PATIENT_MS });
    assert.deepEqual(asGuest, { opened: 10, failed: 0, errors: {} }, "the container's connections");
  },
  traceroute: async (world, family) => {
    const who = world.newcomer();
    const packet = (port: number): Packet => ({ from: who[family], to: TARGET[family], port });
    const hops = Array.from({ length: 48 }, (_, index) => udp(packet(33_434 + index)));
    await sendPackets(world.lab, hops, { perSecond: 20 });
  },
};

async function openWorld(t: TestContext, where: Where): Promise<World> {
  const lab = where === "behind" ? await openGateway() : await Lab.open({ inner: true });
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: OWN });
  await serve(lab, lab.target, { tcp: [OWN_TALKING], udp: [53, 123], mode: "echo" });
  const at = (port: number) => portInside(where, port);
  await serve(lab, lab.inner, { tcp: INSIDE.filter((port) => port !== 21).map(at) });
  await serve(lab, lab.inner, { tcp: [INSIDE_TALKING, 21].map(at), udp: [at(VPN)], mode: "echo" });
  if (where === "published") {
    await bridgeContainer(lab);
    await publishByDocker(lab, "iptables", { tcp: [...INSIDE, INSIDE_TALKING, RESTARTED], udp: [VPN] });
  }
  return new World(lab, where);
}

function portInside(where: Where, port: number): number {
  return where === "published" ? insidePort(port) : port;
}

/** Clients of a service that is stopped and started again; a container is taken away meanwhile, and published at a second port. */
async function restartService(world: World): Promise<void> {
  const { lab, where } = world;
  const start = () => serve(lab, lab.inner, { tcp: [portInside(where, RESTARTED)] });
  const service = await start();
  const clients = Array.from({ length: 10 }, () => world.newcomer());
  const returning = families.map((family) => {
    const from = clients.map((one) => one[family]).join(",");
    return reconnect(lab, lab.scanner, { to: world.at(family, RESTARTED), port: RESTARTED, from, every: 300 });
  });
  const sum = (key: "connected" | "refusals") => returning.reduce((total, { state }) => total + state()[key], 0);
  const all = clients.length * families.length;
  const refused = (by: string) => {
    const before = sum("refusals");
    return waitUntil(`all are refused by ${by}`, () => sum("refusals") >= before + 2 * all, 60_000);
  };
  await waitUntil("all are connected", () => sum("connected") === all, 60_000);
  await service.stop();
  await refused("the host on which it was");
  if (where === "published") {
    await publishing(lab, "-D", RESTARTED);
    await refused("this host");
    await publishing(lab, "-A", RESTARTED);
    await publishing(lab, "-A", RESTARTED + 1);
  }
  await start();
  await waitUntil("all are connected again", () => sum("connected") === all, 60_000);
  if (where === "behind") return;
  await Promise.all(families.map((family) => world.opens(clients[0] ?? assert.fail(), family, RESTARTED + 1)));
}

/** Adds Docker's rule for a port, or takes it out. */
async function publishing({ target }: Lab, change: "-A" | "-D", port: number): Promise<void> {
  for (const family of families) {
    const to = `${family === "ipv4" ? CONTAINER.ipv4 : `[${CONTAINER.ipv6}]`}:${insidePort(RESTARTED)}`;
    const rule = `DOCKER ! -i docker0 -p tcp -m tcp --dport ${port} -j DNAT --to-destination ${to}`.split(" ");
    await target.mustRun([family === "ipv4" ? "iptables" : "ip6tables", "-t", "nat", change, ...rule]);
  }
}

/** Their connections stand while connection tracking forgets them, and the daemon goes and comes. */
async function outliveAll(world: World, daemon: Daemon): Promise<void> {
  const who = world.newcomer();
  const talks = await Promise.all(
    families.map((family) =>
      talk(world.lab, world.lab.scanner, { to: TARGET[family], from: who[family], port: OWN_TALKING }),
    ),
  );
  const published = await Promise.all(
    families.map((family) =>
      talk(world.lab, world.lab.scanner, {
        to: world.at(family, INSIDE_TALKING),
        from: who[family],
        port: INSIDE_TALKING,
      }),
    ),
  );
  await daemon.stop();
  await daemon.restart();
  for (const one of [...talks, ...published]) await exchange(one, "after the daemon's restart");
  await world.lab.target.mustRun(["conntrack", "-F"]);
  // What is translated is known to connection tracking alone: those connections end with it, with or without us.
  for (const one of world.where === "behind" ? [...talks, ...published] : talks)
    await exchange(one, "after connection tracking has forgotten");
  for (const one of talks) one.write("quit\n");
}

async function assertNothingCut(daemon: Daemon): Promise<void> {
  for (const name of ["heldPackets", "forwardHeldDropped", "forwardSoftDropped", "softDropped", "blockedDropped"])
    assert.equal(await daemon.counter(name), 0, name);
}

const blocking: Settings = { ...shippedFile(), BLOCK_TCP: "1", BLOCK_UDP: "1" };
/** Then every probe of a port that is not tolerated is a block. */
const harshest: Settings = { ...blocking, PROOF: "off", POLICY: "trigger", SCAN_TRIGGER: "0" };
const variants: Readonly<Record<string, { readonly settings: Settings; readonly where: Where }>> = {
  "the shipped file, blocking on, published ports": { settings: blocking, where: "published" },
  "the harshest judgement, published ports": { settings: harshest, where: "published" },
  // No greylisting then: the decoy stands in for published ports too.
  "closed ports that answer, published ports": { settings: { ...blocking, ANSWER: "open" }, where: "published" },
  "the shipped file, blocking on, a host behind (PROTECT)": {
    settings: { ...blocking, PROTECT: PROTECTED },
    where: "behind",
  },
  "the harshest judgement, a host behind (PROTECT)": { settings: { ...harshest, PROTECT: PROTECTED }, where: "behind" },
};

for (const [name, { settings, where }] of Object.entries(variants)) {
  test(`honest hosts: ${name}`, async (t) => {
    const world = await openWorld(t, where);
    assert.equal(settings.GREYLIST, "on");
    const daemon = await Daemon.start(world.lab, settings);
    const all = Object.entries(honest).flatMap(([who, act]) => families.map((family) => ({ who, act, family })));
    const results = await Promise.allSettled([
      ...all.map(({ act, family }) => act(world, family)),
      restartService(world),
    ]);
    const failed = results.flatMap((result, index) =>
      result.status === "rejected" ? [`${all[index]?.who ?? "restart"} ${all[index]?.family}: ${result.reason}`] : [],
    );
    assert.deepEqual(failed, []);
    if (settings.ANSWER !== "open")
      for (const counter of ["firstContacts", "firstContactsRepeated"])
        assert.ok((await daemon.counter(counter)) > 0, `${counter}: greylisting was not there`);
    await assertNothingCut(daemon);
    await outliveAll(world, daemon);
    await assertNothingCut(daemon);
    const accused = (await daemon.events()).filter(
      ({ type, disposition }) =>
        type === "finding" || type === "block" || disposition === "probe" || disposition === "held",
    );
    assert.deepEqual(accused, [], "somebody has asked a trap, was found or blocked");
    assert.deepEqual(await daemon.blocked(), []);
    await assertInnocent(world.lab, daemon, [...world.everybody, CONTAINER]);
  });
}
