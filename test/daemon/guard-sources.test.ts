// What the guard reads of the host: container networks, time servers, IPVS services.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type LinkHost, listContainerNetworks, thisLinks } from "../../src/host/container-networks.ts";
import { describeUnread, parseVirtualServices } from "../../src/host/ipvs.ts";
import { lookUp, parseNtpConf, parseTimesyncd, readTimeServers } from "../../src/host/time-servers.ts";
import { formatPrefix } from "../../src/wire/address.ts";

test("networks of container bridges and engines' links; not those of a bridge with a network card, nor of links", () => {
  const host: LinkHost = {
    addresses: () => ({
      eth0: ["198.51.100.1/24"],
      docker0: ["172.17.0.1/16", "fd00:1::1/64", "fe80::1/64"],
      "br-0123456789ab": ["172.18.0.1/16"],
      "br-lan": ["192.168.1.1/24"],
      br0: ["192.168.2.1/24"],
      vmnet: ["192.168.3.1/24"],
      cni0: ["10.88.0.1/16"],
      "flannel.1": ["10.244.0.0/32"],
      brother: ["192.168.4.1/24"],
    }),
    gateways: () => ["198.51.100.254"],
    isBridge: (name) => ["docker0", "br-0123456789ab", "br-lan", "br0", "vmnet"].includes(name),
    lowerOf: (name) =>
      ({ "br-lan": ["lan1", "veth1"], br0: ["eth1"], vmnet: ["tap0"], docker0: ["veth0"] })[name] ?? [],
    isPhysical: (name) => ["lan1", "eth1"].includes(name),
  };
  assert.deepEqual(listContainerNetworks(host).map(formatPrefix).sort(), [
    "10.88.0.0/16",
    "172.17.0.0/16",
    "172.18.0.0/16",
    "192.168.3.0/24",
    "fd00:1::/64",
  ]);
});

/** A tree as the kernel's /sys/class/net: links with what they are made of. */
function linksUnder(
  t: TestContext,
  links: Readonly<Record<string, { bridge?: true; card?: true; lower?: readonly string[] }>>,
  gateways: readonly string[] = [],
): LinkHost {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-links-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, { bridge, card, lower = [] }] of Object.entries(links)) {
    mkdirSync(join(folder, name));
    if (bridge === true) for (const inside of ["bridge", "brif"]) mkdirSync(join(folder, name, inside));
    if (card === true) mkdirSync(join(folder, name, "device"));
    for (const below of lower) {
      symlinkSync(`../${below}`, join(folder, name, `lower_${below}`));
      if (bridge === true) writeFileSync(join(folder, name, "brif", below), "");
    }
  }
  const cidrs = Object.keys(links).map((name, index): [string, string[]] => [name, [`10.0.${index}.1/24`]]);
  return { ...thisLinks(() => gateways, folder), addresses: () => Object.fromEntries(cidrs) };
}

test("a bridge over a bond, a VLAN, both, or another bridge over them is a link of strangers", (t) => {
  const host = linksUnder(t, {
    eth0: { card: true },
    eth1: { card: true },
    bond0: { lower: ["eth0", "eth1"] },
    "bond0.10": { lower: ["bond0"] },
    "eth0.20": { lower: ["eth0"] },
    vmbr0: { bridge: true, lower: ["bond0", "tap100"] },
    vmbr1: { bridge: true, lower: ["tap101", "bond0.10"] },
    br0: { bridge: true, lower: ["eth0.20"] },
    br1: { bridge: true, lower: ["br0.30"] },
    "br0.30": { lower: ["br0"] },
    docker0: { bridge: true, lower: ["veth0"] },
    "br-0123456789ab": { bridge: true },
    cni0: { bridge: true, lower: ["veth1", "vmbr2.5"] },
    "vmbr2.5": { lower: ["vmbr2"] },
    vmbr2: { bridge: true, lower: ["tap102"] },
    veth0: {},
    veth1: {},
    tap100: {},
    tap101: {},
    tap102: {},
  });
  const found = listContainerNetworks(host).map(formatPrefix);
  assert.deepEqual(found, ["10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24", "10.0.14.0/24"]);
});

test("links that are made of each other end the search, and a link that has gone is none", (t) => {
  const host = linksUnder(t, {
    br0: { bridge: true, lower: ["one"] },
    one: { lower: ["two", "gone"] },
    two: { lower: ["one"] },
  });
  assert.deepEqual(listContainerNetworks(host).map(formatPrefix), ["10.0.0.0/24"]);
});

test("a link over which a default gateway is reached is none of containers, whatever it is called or made of", (t) => {
  const links = { br0: { bridge: true, lower: ["veth0"] }, docker0: { bridge: true }, veth0: {} } as const;
  const found = listContainerNetworks(linksUnder(t, links, ["10.0.0.254", "2001:db8::1"])).map(formatPrefix);
  assert.deepEqual(found, ["10.0.1.0/24"]);
});

test("Open vSwitch's br-ex and the like are no engine's networks", (t) => {
  const host = linksUnder(t, { "br-ex": {}, "br-0123456789ab": {}, weave: {} });
  assert.deepEqual(listContainerNetworks(host).map(formatPrefix), ["10.0.1.0/24", "10.0.2.0/24"]);
});

test("servers, pools and peers of chrony.conf and ntp.conf", () => {
  const text =
    "# server no.example.org\npool 2.debian.pool.ntp.org iburst\nserver 192.0.2.1\n server -6 2001:db8::1 key 1\nPeer ntp.example.org\nserverx y\n";
  assert.deepEqual(parseNtpConf(text), ["2.debian.pool.ntp.org", "192.0.2.1", "2001:db8::1", "ntp.example.org"]);
});

test("NTP= and FallbackNTP= of timesyncd.conf", () => {
  const text =
    "[Time]\nNTP=192.0.2.1 ntp.example.org\n#NTP=no\nFallbackNTP=2001:db8::1 $(reboot)\nRootDistanceMaxSec=5\n";
  assert.deepEqual(parseTimesyncd(text), ["192.0.2.1", "ntp.example.org", "2001:db8::1"]);
});

test("addresses and names of every configuration, each once and bounded", () => {
  const files: Readonly<Record<string, string>> = {
    "/etc/chrony/chrony.conf": "server 192.0.2.1\n",
    "/etc/chrony/sources.d/a.sources": "server 192.0.2.2\npool ntp.example.org\n",
    "/etc/chrony/sources.d/readme": "server 192.0.2.9\n",
    "/etc/systemd/timesyncd.conf": `NTP=192.0.2.1 ${Array.from({ length: 99 }, (_, index) => `n${index}.example.org`).join(" ")}\n`,
  };
  const folders: Readonly<Record<string, string[]>> = { "/etc/chrony/sources.d": ["a.sources", "readme"] };
  const { addresses, names } = readTimeServers(
    (path) => files[path] ?? "",
    (path) => folders[path] ?? [],
  );
  assert.deepEqual(addresses.map(formatPrefix), ["192.0.2.1", "192.0.2.2"]);
  assert.equal(names[0], "ntp.example.org");
  assert.equal(names.length, 32);
});

test("no name to look up is no question", async () => {
  assert.deepEqual(await lookUp([]), []);
});

test("IPVS services of both protocols and families; those by mark and for all ports are told of", () => {
  const services = parseVirtualServices(`IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000201:0050 rr 
  -> C0000202:1F90      Masq    1      0          0         
TCP  C0000203:0050 rr
UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 wlc  
TCP  C0000201:0000 rr persistent 300
FWM  00000001 rr 
`);
  assert.deepEqual(services.ports, [
    { protocol: 6, port: 80 },
    { protocol: 17, port: 53 },
  ]);
  assert.equal(services.byMark, 2);
  assert.match(describeUnread(services), /^IPVS: 2 virtual .*ADVANCED_EXCLUDE_TCP/);
  assert.equal(describeUnread(parseVirtualServices("")), "");
});
