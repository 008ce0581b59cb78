// Ports that podman and libvirt publish, by their own rules. test/lab/long/engines.test.ts has the other backends, LXD and Incus.
import { describe, test } from "node:test";
import { engines } from "./support/engines.ts";
import { assertPortsAreKept } from "./support/published-ports.ts";

const here = ["podman, nftables", "libvirt, iptables"];

describe("published ports", { concurrency: 2 }, () => {
  for (const engine of engines.filter(({ name }) => here.includes(name)))
    test(`of ${engine.name} tell scanners nothing and serve customers`, (t) => assertPortsAreKept(t, engine));
});
