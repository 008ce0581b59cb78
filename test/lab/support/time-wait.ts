// A client so busy that its source ports come round again while the server still remembers them in TIME_WAIT: a SYN
// then meets neither a listener nor a connection, and is honest all the same.
import assert from "node:assert/strict";
import { families, type Source, TARGET } from "./addresses.ts";
import type { Lab } from "./lab.ts";
import { serve, visit } from "./traffic.ts";

const PORT = 7000;
const FIRST_CLIENT_PORT = 20_000;

/** What would let a SYN pass for other reasons than its socket: none of it may be needed. */
const MEMORIES = ["known4", "known6", "lately"];

export interface Load {
  /** Connections over each family, in each of two rounds. */
  readonly count: number;
  /** Fewer than `count`, so that they have to be used again. */
  readonly clientPorts: number;
}

/**
 * Every one of the connections has to open. Before the second round the kernel's memories of customers and ports are
 * emptied, so that its SYNs have nothing but the TIME_WAIT sockets to speak for them.
 */
export async function manyConnections(lab: Lab, client: Source, load: Load): Promise<void> {
  const { count, clientPorts } = load;
  const range = `${FIRST_CLIENT_PORT} ${FIRST_CLIENT_PORT + clientPorts - 1}`;
  await lab.scanner.set("net.ipv4.ip_local_port_range", range);
  await serve(lab, lab.target, { tcp: [PORT], mode: "close" });
  for (const family of families) {
    for (const round of [1, 2]) {
      const how = { to: TARGET[family], from: client[family], port: PORT, count, lanes: 20, patient: true } as const;
      assert.deepEqual(await visit(lab.scanner, how), { opened: count, failed: 0, errors: {} }, `round ${round}`);
      const waiting = await lab.target.mustRun(["ss", "-Htn", "state", "time-wait"]);
      const sockets = waiting.split("\n").filter((line) => line.includes(client[family])).length;
      // libuv's bind() gets only every fourth port of the range from the kernel; each is used many times over.
      assert.ok(sockets > clientPorts / 8, `only ${sockets} sockets are in TIME_WAIT: the test does not test`);
      for (const set of MEMORIES) await lab.target.mustRun(["nft", "flush", "set", "inet", "portreeve", set]);
    }
  }
}
