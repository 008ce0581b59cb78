import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatWords, parseAddress } from "../../src/wire/address.ts";
import { isOutside, Sources, scramble } from "./flood-sender.ts";

test("sources are distinct and such as the kernel takes for real", () => {
  const sources = new Sources();
  const seen = new Set<number>();
  for (let i = 0; i < 200_000; i++) {
    const address = sources.next();
    assert.ok(isOutside(address), formatWords(0, 0, 0xffff, address));
    seen.add(address);
  }
  assert.equal(seen.size, 200_000);
});

test("runs that begin elsewhere go on in the same sequence", () => {
  const counters = Array.from({ length: 100 }, (_, counter) => counter).filter((counter) =>
    isOutside(scramble(counter)),
  );
  const sources = new Sources();
  assert.deepEqual(
    counters.map(() => sources.next()),
    counters.map((counter) => new Sources(counter).next()),
  );
});

test("no two counters give one address", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (a, b) => {
      assert.equal(scramble(a) === scramble(b), a === b);
    }),
  );
});

test("what is not outside", () => {
  const inside = ["0.1.2.3", "10.255.255.255", "127.0.0.1", "172.31.0.1", "192.168.0.0", "198.51.100.7", "224.0.0.1"];
  const outside = [
    "1.0.0.1",
    "9.255.255.255",
    "11.0.0.0",
    "172.32.0.0",
    "192.167.255.255",
    "198.51.101.0",
    "223.9.9.9",
  ];
  const word = (text: string) => parseAddress(text)?.w3 ?? Number.NaN;
  for (const text of inside) assert.equal(isOutside(word(text)), false, text);
  for (const text of outside) assert.equal(isOutside(word(text)), true, text);
});
