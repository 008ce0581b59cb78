// Watched UDP ports that the kernel gives to this host's own clients are no traps, and are named; reserved ones are traps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clientPorts, describeClientPorts } from "../../src/config/client-ports.ts";
import { load, settingsOf } from "./support.ts";

const ephemeral = { first: 32_768, last: 60_999 };
const one = (port: number) => ({ first: port, last: port });
const udpOf = (text: string) => settingsOf(load(text)).udp;

test("reserved ports are given to no client", () => {
  assert.deepEqual(clientPorts({ ephemeral }), [ephemeral]);
  assert.deepEqual(clientPorts({ ephemeral, reserved: [one(8_080), one(40_000), { first: 60_990, last: 61_010 }] }), [
    { first: 32_768, last: 39_999 },
    { first: 40_001, last: 60_989 },
  ]);
});

test("the ports that an administrator has named are named, with the range and the remedies", () => {
  const listed = udpOf('UDP_MODE="sudp"\nUDP_PORTS="2000,32770-32772,54321"');
  assert.equal(
    describeClientPorts(listed, { ephemeral }),
    "4 UDP ports that are watched are no trap: 32770-32772, 54321; this host itself asks other hosts from 32768-60999 " +
      "(net.ipv4.ip_local_port_range): reserve the ports (net.ipv4.ip_local_reserved_ports), or take them out of the configuration",
  );
  const reserved = [one(54_321), { first: 32_770, last: 32_771 }];
  assert.match(describeClientPorts(listed, { ephemeral, reserved }), /^1 UDP port that is watched is no trap: 32772;/);
  assert.equal(describeClientPorts(listed, { ephemeral, reserved: [...reserved, one(32_772)] }), "");
  const below = udpOf('UDP_MODE="audp"\nADVANCED_PORTS_UDP="2000"');
  assert.match(describeClientPorts(below, { ephemeral: { first: 1_024, last: 65_535 } }), /no trap: 1024-1999;/);
  assert.equal(describeClientPorts(below, { ephemeral }), "");
});

test("nothing is said where every closed port is watched, where the daemon listens, and where UDP is not watched", () => {
  for (const text of ["", 'UDP_MODE="udp"\nUDP_PORTS="54321"'])
    assert.equal(describeClientPorts(udpOf(text), { ephemeral }), "", text);
  const off = { ...udpOf('UDP_MODE="sudp"\nUDP_PORTS="54321"'), active: false };
  assert.equal(describeClientPorts(off, { ephemeral }), "");
});
