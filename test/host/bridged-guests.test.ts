import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { BridgedGuests, MAX_GUESTS, thisBridges } from "../../src/host/bridged-guests.ts";
import { thisLinks } from "../../src/host/container-networks.ts";

interface Bridge {
  readonly ports: readonly string[];
  /** Link-layer addresses by the port behind which they were seen; "local": of this host's own. */
  readonly seen: readonly (readonly [mac: string, port: string, local?: "local"])[];
}

/** The kernel's /sys/class/net with these bridges; links called "card..." are network cards. */
function setUp(t: TestContext, gateways: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-bridges-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const addresses: Record<string, readonly string[]> = {};
  const links = { ...thisLinks(() => gateways, folder), addresses: () => addresses };
  const now = { ms: 0 };
  const guests = new BridgedGuests(thisBridges(links, folder), () => now.ms);
  const link = (name: string) =>
    mkdirSync(join(folder, name, name.startsWith("card") ? "device" : ""), { recursive: true });
  const bridge = (name: string, { ports, seen }: Bridge): void => {
    for (const inside of ["bridge", "brif"]) mkdirSync(join(folder, name, inside), { recursive: true });
    for (const [index, port] of ports.entries()) {
      link(port);
      mkdirSync(join(folder, port, "brport"), { recursive: true });
      writeFileSync(join(folder, port, "brport", "port_no"), `0x${(index + 255).toString(16)}\n`);
      rmSync(join(folder, name, "brif", port), { force: true });
      symlinkSync(`../../${port}/brport`, join(folder, name, "brif", port));
    }
    const entries = seen.map(([mac, port, local]) => {
      const entry = Buffer.alloc(16);
      Buffer.from(mac.replaceAll(":", ""), "hex").copy(entry);
      const number = ports.indexOf(port) + 255;
      entry.writeUInt8(number & 0xff, 6);
      entry.writeUInt8(local === undefined ? 0 : 1, 7);
      entry.writeUInt8(number >> 8, 12);
      return entry;
    });
    writeFileSync(join(folder, name, "brforward"), Buffer.concat(entries));
  };
  return {
    guests,
    addresses,
    bridge,
    link,
    now,
    remove: (name: string) => rmSync(join(folder, name), { recursive: true }),
  };
}

const VM = "52:54:00:00:00:01";
const CONTAINER = "52:54:00:00:00:02";
const ROUTER = "02:00:00:00:00:fe";
const OURS = "02:00:00:00:00:01";

test("what is seen behind a port without a card is a guest, where the bridge has a card elsewhere", (t) => {
  const { guests, bridge } = setUp(t);
  bridge("vmbr0", {
    ports: ["card0", "tap100i0", "veth101i0"],
    seen: [
      [ROUTER, "card0"],
      [OURS, "card0", "local"],
      [VM, "tap100i0"],
      ["fe:54:00:00:00:01", "tap100i0", "local"],
      [CONTAINER, "veth101i0"],
    ],
  });
  bridge("docker0", { ports: ["veth1"], seen: [["02:42:ac:11:00:02", "veth1"]] });
  assert.deepEqual(guests.look(), [VM, CONTAINER]);
});

test("a bridge over which the default gateway is reached leads out, whatever its ports are", (t) => {
  const { guests, bridge, addresses } = setUp(t, ["198.51.100.254"]);
  bridge("br0", { ports: ["veth0"], seen: [[VM, "veth0"]] });
  assert.deepEqual(guests.look(), []);
  addresses.br0 = ["198.51.100.1/24"];
  assert.deepEqual(guests.look(), [VM]);
});

test("a silent guest is remembered for an hour, and forgotten at once when it is seen behind a card", (t) => {
  const { guests, bridge, now, remove } = setUp(t);
  const ports = ["card0", "tap0"];
  bridge("br0", {
    ports,
    seen: [
      [VM, "tap0"],
      [CONTAINER, "tap0"],
    ],
  });
  assert.deepEqual(guests.look(), [VM, CONTAINER]);
  bridge("br0", { ports, seen: [[VM, "card0"]] });
  now.ms = 3_599_999;
  assert.deepEqual(guests.look(), [CONTAINER]);
  remove("br0");
  assert.deepEqual(guests.look(), [CONTAINER]);
  now.ms = 3_600_000;
  assert.deepEqual(guests.look(), []);
});

test("a guest that invents addresses fills the list to its bound, and takes no other out of it", (t) => {
  const { guests, bridge } = setUp(t);
  const invented = Array.from({ length: MAX_GUESTS + 9 }, (_, index) => {
    return [
      `06:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 0xff).toString(16).padStart(2, "0")}`,
      "tap0",
    ] as const;
  });
  bridge("br0", { ports: ["card0", "tap0"], seen: [[VM, "tap0"]] });
  assert.deepEqual(guests.look(), [VM]);
  bridge("br0", { ports: ["card0", "tap0"], seen: invented });
  const found = guests.look();
  assert.equal(found.length, MAX_GUESTS);
  assert.ok(found.includes(VM));
});
