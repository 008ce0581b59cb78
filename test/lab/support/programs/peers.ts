// Asks many hosts, as programs do that look for pages or peers: host I is PREFIX with I in its last group, each asked once. Prints one
// JSON object: {"opened": n, "failed": n}.
//   peers.js --prefix 2001:db8:b:1:: --hosts N --ports 80,443|any [--every-port] [--lanes N] [--timeout MS] [--udp]
// "any": a port of its own for each host, from 10000 on. --every-port: each host is asked for each of the ports.
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    prefix: { type: "string", default: "" },
    hosts: { type: "string", default: "1" },
    ports: { type: "string", default: "80" },
    lanes: { type: "string", default: "50" },
    timeout: { type: "string", default: "1000" },
    "every-port": { type: "boolean", default: false },
    udp: { type: "boolean", default: false },
  },
});

const hosts = Number(values.hosts);
const ports = values.ports === "any" ? [] : values.ports.split(",").map(Number);

function* contacts(): Generator<{ host: string; port: number }> {
  for (let index = 1; index <= hosts; index++) {
    const host = `${values.prefix}${index.toString(values.prefix.includes(":") ? 16 : 10)}`;
    if (values["every-port"]) for (const port of ports) yield { host, port };
    else yield { host, port: ports[index % ports.length] ?? 10_000 + ((index * 7_919) % 20_000) };
  }
}

function ask({ host, port }: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (opened: boolean) => {
      socket.destroy();
      resolve(opened);
    };
    socket.setTimeout(Number(values.timeout), () => end(false));
    socket.on("connect", () => end(true));
    socket.on("error", () => end(false));
  });
}

function send({ host, port }: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.send("query", port, host, (error) => {
      socket.close();
      resolve(error === null);
    });
  });
}

const left = contacts();
const counts = { opened: 0, failed: 0 };

async function lane(): Promise<void> {
  for (const contact of left) {
    if (await (values.udp ? send(contact) : ask(contact))) counts.opened++;
    else counts.failed++;
  }
}

await Promise.all(Array.from({ length: Number(values.lanes) }, lane));
process.stdout.write(`${JSON.stringify(counts)}\n`);
