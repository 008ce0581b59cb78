// Ports that podman, libvirt, LXD and Incus publish, by their own rules in each of their backends.
import { test } from "node:test";
import { engines } from "../support/engines.ts";
import { assertPortsAreKept } from "../support/published-ports.ts";

for (const engine of engines)
  test(`published ports of ${engine.name} tell scanners nothing and serve customers`, (t) =>
    assertPortsAreKept(t, engine));
