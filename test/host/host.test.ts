import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseReservedPorts, parseResolvers, readHost } from "../../src/host/host.ts";
import { formatPrefix } from "../../src/wire/address.ts";

const resolvers = (text: string) => parseResolvers(text).map(formatPrefix);

test("nameserver lines of resolv.conf, in both families, with zone ids and comments", () => {
  const text = `# generated
search example.org
nameserver 192.0.2.53
  nameserver\t2001:DB8::53
nameserver fe80::1%eth0
nameserver 192.0.2.54 # ours
nameserver 192.0.2.55;
#nameserver 192.0.2.1
options edns0 nameserver 192.0.2.2
nameservers 192.0.2.3
nameserver127.0.0.1
`;
  assert.deepEqual(resolvers(text), ["192.0.2.53", "2001:db8::53", "fe80::1", "192.0.2.54", "192.0.2.55"]);
});

test("Windows line ends and a missing last newline", () => {
  assert.deepEqual(resolvers("nameserver 192.0.2.53\r\nnameserver 192.0.2.54"), ["192.0.2.53", "192.0.2.54"]);
});

test("what is no address is left out: names, prefixes, nothing", () => {
  assert.deepEqual(resolvers("nameserver dns.example.org\nnameserver 10.0.0.0/8\nnameserver\n192.0.2.1\n"), []);
});

test("at most 16 are read, whatever the file holds", () => {
  assert.equal(resolvers("nameserver 192.0.2.53\n".repeat(10_000)).length, 16);
  fc.assert(fc.property(fc.string({ maxLength: 500 }), (text) => parseResolvers(text).length <= 16));
});

test("reserved ports as the kernel prints them", () => {
  assert.deepEqual(parseReservedPorts("8080,9148-9150\n"), [
    { first: 8_080, last: 8_080 },
    { first: 9_148, last: 9_150 },
  ]);
  assert.deepEqual(parseReservedPorts("\n"), []);
  const many = Array.from({ length: 1_000 }, (_, index) => `${2 * index + 1}`).join(",");
  assert.equal(parseReservedPorts(many).length, 64);
});

test("a host can be read without root", () => {
  const host = readHost();
  assert.ok(host.ephemeral.first <= host.ephemeral.last);
  assert.ok(host.near.every(({ bits }) => bits < 128));
  assert.ok(host.own.every(({ bits }) => bits === 128));
});
