import assert from "node:assert/strict";
import { test } from "node:test";
import { hashSource } from "../../../src/detect/keyed-hash.ts";
import { createExactBudget, DistinctHosts, DistinctPorts } from "../../../src/detect/tap/distinct.ts";
import { IpProtocol } from "../../../src/wire/packet.ts";

const seed = { k0: 1, k1: 2 };
const hashOf = (host: number) => hashSource(seed, 0, 0, 0xffff, host, 128);

test("ports are counted exactly while the budget lasts, and told as ranges", () => {
  const budget = createExactBudget(1);
  const ports = new DistinctPorts();
  for (let port = 1; port <= 1_000; port++) {
    ports.add(IpProtocol.Tcp, port, budget);
    ports.add(IpProtocol.Tcp, port, budget);
  }
  ports.add(IpProtocol.Udp, 53, budget);
  assert.equal(ports.count, 1_001);
  assert.equal(ports.text(4), "tcp 1-1000; udp 53");
  assert.equal(budget.bitmaps, 0);
  ports.release(budget);
  assert.equal(budget.bitmaps, 1);
});

test("without a budget an estimate within three standard errors is left, and no list", () => {
  const ports = new DistinctPorts();
  for (let port = 1; port <= 20_000; port++) ports.add(IpProtocol.Tcp, port, createExactBudget(0));
  assert.ok(Math.abs(ports.count - 20_000) < 3 * 0.046 * 20_000, `${ports.count}`);
  assert.equal(ports.text(4), "");
});

test("hosts: exact up to 32, then an estimate", () => {
  for (const count of [1, 32, 100, 1_000, 100_000]) {
    const hosts = new DistinctHosts();
    for (let host = 0; host < count; host++) for (let twice = 0; twice < 2; twice++) hosts.add(hashOf(host));
    if (count <= 32) assert.equal(hosts.count, count);
    else assert.ok(Math.abs(hosts.count - count) < 3 * 0.046 * count, `${hosts.count} for ${count}`);
  }
});

test("many ranges are cut short", () => {
  const ports = new DistinctPorts();
  for (let port = 1; port <= 19; port += 2) ports.add(IpProtocol.Tcp, port, createExactBudget());
  assert.equal(ports.text(3), "tcp 1,3,5,...");
});
