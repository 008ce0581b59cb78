// The services that this host depends on, as real programs: a resolver (dnsmasq) and time servers (chrony; their names are
// looked up through that resolver). What is forged in their names does not disturb them, over both families, nor hold who is
// configured by an address. A name may be that of a pool that anybody joins: who is known by one is held like anybody.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { families, furtherHost, source, TARGET } from "./support/addresses.ts";
import { Chrony } from "./support/clock.ts";
import { Daemon } from "./support/daemon.ts";
import { assertInnocent, passMark } from "./support/innocent.ts";
import { setElements } from "./support/kernel.ts";
import { type Host, Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { Stage } from "./support/stage.ts";
import { keepAsking } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const resolver = furtherHost(1);
const clock = furtherHost(2);
/** Told by its address, and away. */
const otherClock = furtherHost(41);
/** Known to systemd-timesyncd's configuration only. */
const thirdClock = furtherHost(42);
const CLOSED = [2001, 2002, 2003, 2004, 2005];
const ANSWERS = 5;

const CHRONY = `# As Debian's, the lab's names in the place of debian.pool.ntp.org
confdir /etc/chrony/conf.d
pool ntp.lab.test iburst minpoll 0 maxpoll 0
sourcedir /etc/chrony/sources.d
makestep 1 3
`;

function stageOf(lab: Lab): Stage {
  const stage = new Stage(join(lab.folder, "stage"));
  for (const folder of ["etc/chrony/conf.d", "etc/chrony/sources.d", "etc/systemd"])
    mkdirSync(stage.path(folder), { recursive: true });
  stage.write("etc/resolv.conf", families.map((family) => `nameserver ${resolver[family]}\n`).join(""));
  stage.write("etc/chrony/chrony.conf", CHRONY);
  stage.write("etc/chrony/sources.d/lab.sources", `server ${otherClock.ipv4}\nserver ${otherClock.ipv6}\n`);
  stage.write("etc/systemd/timesyncd.conf", `[Time]\nNTP=third.lab.test\n`);
  return stage;
}

async function startResolver(lab: Lab, host: Host): Promise<void> {
  const options = ["--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"];
  const listen = families.map((family) => `--listen-address=${resolver[family]}`);
  const records = Object.entries({ ntp: clock, third: thirdClock }).map(
    ([name, { ipv4, ipv6 }]) => `--host-record=${name}.lab.test,${ipv4},${ipv6}`,
  );
  const zone = ["--address=/lab.test/192.0.2.250", "--bind-interfaces", "--pid-file=", "--user=root"];
  const dnsmasq = lab.spawn(host, ["dnsmasq", ...options, ...zone, ...records, ...listen]);
  await dnsmasq.waitForLine(/started/);
}

const guardSchema = z.array(z.looseObject({ source: z.string(), because: z.string() }));

/** Reason and address, without peers and own addresses. */
async function guardOf(daemon: Daemon): Promise<readonly string[]> {
  const { stdout } = await daemon.cli(["guard", "--json"]);
  return guardSchema
    .parse(JSON.parse(stdout))
    .filter(({ because }) => because === "resolver" || because === "time server")
    .map(({ source: address, because }) => `${because} ${address}`)
    .sort();
}

/** Who is known by a name: its new connections are met with silence, and one packet, with PROOF="off", blocks nobody. */
async function heldButFree(lab: Lab, daemon: Daemon): Promise<void> {
  const held = [...((await setElements(lab, "held4")) ?? []), ...((await setElements(lab, "held6")) ?? [])];
  const named = [clock, thirdClock].flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6.replace(/::\w+$/, "::")]);
  assert.deepEqual(
    named.filter((address) => !held.includes(address)),
    [],
    "not held",
  );
  await passMark(lab, daemon);
  assert.deepEqual(await daemon.blocked(), []);
}

test("a resolver and time servers: known from /etc, and what is forged in their names changes nothing", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const hosts = [await lab.addHost(1), await lab.addHost(2)] as const;
  await startResolver(lab, hosts[0]);
  const chrony = await Chrony.fetch(lab);
  await chrony.serve(hosts[1]);
  const stage = stageOf(lab);
  const daemon = await Daemon.start(lab, harsh, [], stage);
  const expected = families.flatMap((family) => [
    `resolver ${resolver[family]}`,
    ...[clock, otherClock, thirdClock].map((each) => `time server ${each[family]}`),
  ]);
  await waitUntil("names are looked up", async () => (await guardOf(daemon)).length === expected.length);
  assert.deepEqual(await guardOf(daemon), expected.sort());

  const forge = () =>
    sendPackets(
      lab,
      families.flatMap((family) =>
        [resolver, clock, otherClock, thirdClock].flatMap(({ [family]: from }) =>
          CLOSED.flatMap((port) => [syn({ from, to: TARGET[family], port }), udp({ from, to: TARGET[family], port })]),
        ),
      ),
    );
  // Before this host has asked the time server anything: it is no peer yet.
  await forge();
  await heldButFree(lab, daemon);
  await assertInnocent(lab, daemon, [resolver, otherClock]);

  await chrony.follow(stage);
  const asking = families.map((family) => keepAsking(lab, lab.target, { server: resolver[family], every: 50 }));
  const answered = () => asking.map(({ state }) => state().answered);
  const served = async () => {
    const answers = await chrony.answers(stage);
    return families.map((family) => answers.get(clock[family]) ?? 0);
  };
  const before = { answered: answered(), served: await served() };
  await forge();
  await waitUntil("queries go on", () => answered().every((n, index) => n - (before.answered[index] ?? 0) >= ANSWERS));
  await waitUntil("the time is still told", async () =>
    (await served()).every((n, index) => n - (before.served[index] ?? 0) >= 2),
  );
  assert.deepEqual(
    asking.map(({ state }) => state().failed),
    [0, 0],
  );
  await heldButFree(lab, daemon);
  await assertInnocent(lab, daemon, [resolver, otherClock]);
  // The same packets in anybody else's name.
  await sendPackets(lab, [syn({ from: source(9).ipv4, to: TARGET.ipv4, port: CLOSED[0] ?? 0 })]);
  await daemon.waitForBlock(source(9).ipv4);
});
