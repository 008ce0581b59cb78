// A client so busy that its source ports come round again while the server still remembers them in TIME_WAIT: a SYN
// then meets neither a listener nor a connection, and is honest all the same.
import assert from "node:assert/strict";
import { families, type Source, TARGET } from "./addresses.ts";
import type { Lab } from "./lab.ts";
import { serve, visit } from "./traffic.ts";

const PORT = 7000;
const FIRST_CLIENT_PORT = 20_000;

export interface Load {
  /** Connections over each family. */
  readonly count: number;
  /** Fewer than `count`, so that they have to be used again. */
  readonly clientPorts: number;
}

/** Every one of the connections has to open. */
export async function manyConnections(lab: Lab, client: Source, load: Load): Promise<void> {
  const { count, clientPorts } = load;
  const range = `${FIRST_CLIENT_PORT} ${FIRST_CLIENT_PORT + clientPorts - 1}`;
  await lab.scanner.set("net.ipv4.ip_local_port_range", range);
  await serve(lab, lab.target, { tcp: [PORT], mode: "close" });
  for (const family of families) {
    const how = { to: TARGET[family], from: client[family], port: PORT, count, lanes: 20, patient: true } as const;
    const visits = await visit(lab.scanner, how);
    assert.deepEqual(visits, { opened: count, failed: 0, errors: {} });
    const waiting = await lab.target.mustRun(["ss", "-Htn", "state", "time-wait"]);
    const sockets = waiting.split("\n").filter((line) => line.includes(client[family])).length;
    assert.ok(sockets > clientPorts / 2, `only ${sockets} sockets are in TIME_WAIT: the test does not test`);
  }
}
