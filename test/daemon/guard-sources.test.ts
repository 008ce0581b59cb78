// What the guard reads of the host: container networks, time servers, IPVS services.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LinkHost, listContainerNetworks } from "../../src/daemon/container-networks.ts";
import { describeUnread, parseVirtualServices } from "../../src/daemon/ipvs.ts";
import { lookUp, parseNtpConf, parseTimesyncd, readTimeServers } from "../../src/daemon/time-servers.ts";
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
    isBridge: (name) => ["docker0", "br-0123456789ab", "br-lan", "br0", "vmnet"].includes(name),
    portsOf: (name) => ({ "br-lan": ["lan1", "veth1"], br0: ["eth1"], vmnet: ["tap0"] })[name] ?? ["veth0"],
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
