// What is served at one of several addresses counts for that one: at another the port is a trap, while the service stands and after
// it has gone. Its own customers are none, nor are those of a wildcard listener, and in doubt nobody is: over the other family, and
// at an address that has just come.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Family, families, LINK, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { nmap } from "./support/scan.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

/** Two more addresses of the target: one that is there at the start, and one that comes later. */
const OTHER = { ipv4: "198.51.100.9", ipv6: "2001:db8:a::9" } as const;
const NEW = { ipv4: "198.51.100.10", ipv6: "2001:db8:a::10" } as const;
/** At one address of each family, at every address, and at one address of IPv4 alone. */
const [BOUND, WILDCARD, FOUR] = [8080, 9090, 8443];

async function own(lab: Lab, addresses: Readonly<Record<Family, string>>): Promise<void> {
  await lab.target.mustRun(["ip", "addr", "add", `${addresses.ipv4}/32`, "dev", LINK]);
  await lab.target.mustRun(["ip", "addr", "add", `${addresses.ipv6}/128`, "dev", LINK, "nodad"]);
}

async function disown(lab: Lab, addresses: Readonly<Record<Family, string>>): Promise<void> {
  await lab.target.mustRun(["ip", "addr", "del", `${addresses.ipv4}/32`, "dev", LINK]);
  await lab.target.mustRun(["ip", "addr", "del", `${addresses.ipv6}/128`, "dev", LINK]);
}

async function begin(t: TestContext, more: Settings = {}) {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await own(lab, OTHER);
  const services = await Promise.all([
    ...families.map((family) => serve(lab, lab.target, { tcp: [BOUND], udp: [BOUND], address: TARGET[family] })),
    serve(lab, lab.target, { tcp: [WILDCARD], udp: [WILDCARD] }),
    serve(lab, lab.target, { tcp: [FOUR], address: TARGET.ipv4 }),
  ]);
  return { lab, services, daemon: await Daemon.start(lab, { ...harsh, ...more }) };
}

interface Knock {
  readonly family: Family;
  readonly to: string;
  readonly port: number;
  readonly build: typeof syn;
}

/** Each from a source of its own; those with `scans` are found, of the others a probe is seen and no more. */
async function knock(lab: Lab, daemon: Daemon, first: number, knocks: readonly (Knock & { scans: boolean })[]) {
  const sent = knocks.map((one, index) => ({ ...one, from: source(first + index) }));
  await sendPackets(
    lab,
    sent.map(({ build, from, family, to, port }) => build({ from: from[family], to, port })),
  );
  const keys = new Map(sent.map(({ from, family, scans }) => [from.key[family], scans]));
  const sourcesOf = async (type: string) =>
    (await daemon.events()).flatMap((event) => {
      return event.type === type && event.source !== undefined && keys.has(event.source) ? [event.source] : [];
    });
  await waitUntil("every probe is seen", async () => new Set(await sourcesOf("probe")).size === sent.length);
  const scanners = [...keys].filter(([, scans]) => scans).map(([key]) => key);
  await waitUntil("scanners are found", async () => new Set(await sourcesOf("finding")).size >= scanners.length);
  assert.deepEqual([...new Set(await sourcesOf("finding"))].sort(), scanners.sort());
}

/** Nobody serves there: a trap where nobody did. */
function knocksOf(family: Family) {
  const places = [
    { to: OTHER[family], port: BOUND, scans: true },
    { to: TARGET[family], port: BOUND, scans: false },
    { to: NEW[family], port: BOUND, scans: false },
    { to: OTHER[family], port: WILDCARD, scans: false },
  ];
  return [
    ...[syn, udp].flatMap((build) => places.map((place) => ({ ...place, family, build }))),
    { to: OTHER[family], port: FOUR, scans: family === "ipv4", family, build: syn },
  ];
}

test("nmap of an address at which a port is not served is found, and no customer is, before and after the service is gone", async (t) => {
  const { lab, daemon, services } = await begin(t);
  const [customer, scanner] = [source(1), source(2)];
  await Promise.all(
    families.map(async (family) => {
      const { opened } = await visit(lab.scanner, { to: TARGET[family], from: customer[family], port: BOUND });
      assert.equal(opened, 1);
      await nmap(lab, { family, source: scanner, to: OTHER[family], options: ["-sS", "-p", `${BOUND}`] });
    }),
  );
  const found = async () =>
    new Set((await daemon.events()).filter(({ type }) => type === "finding").map((event) => event.source));
  await waitUntil("both scans are found", async () => (await found()).size === 2);
  assert.deepEqual([...(await found())].sort(), families.map((family) => scanner.key[family]).sort());

  await Promise.all(services.map((service) => service.stop()));
  await own(lab, NEW);
  const knocks = families.flatMap(knocksOf);
  await knock(lab, daemon, 11, knocks);
  await daemon.stop();
  // What a reboot takes.
  await lab.target.mustRun(["nft", "flush", "ruleset"]);
  await disown(lab, NEW);
  await daemon.restart();
  await own(lab, NEW);
  await knock(lab, daemon, 101, knocks);
});

test("the packet ring knows at which address a port is served", async (t) => {
  const { lab, daemon } = await begin(t, { CAPTURE: "ring", FIREWALL: "none" });
  const knocks = families.flatMap((family) =>
    [syn, udp].map((build) => ({ family, to: OTHER[family], port: BOUND, scans: true, build })),
  );
  await knock(lab, daemon, 1, knocks);
});
