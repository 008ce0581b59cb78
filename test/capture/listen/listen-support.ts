// For the tests of connect mode: free ports, clients, a sink and a report that remember, a timer that is turned by hand.
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import type { ListenProtocol, ListenReport, ListenSink } from "../../../src/capture/listen/listen-sink.ts";
import { formatWords } from "../../../src/wire/address.ts";
import type { Arrival } from "../../../src/wire/arrival.ts";
import type { PortRange } from "../../../src/wire/port-range.ts";

export async function listenOn(port: number, host = "::"): Promise<Server> {
  const server = createServer().listen(port, host);
  await once(server, "listening");
  return server;
}

export async function closeServer(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

/** Ports that were free a moment ago, ascending. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenOn(0)));
  const ports = servers.map(portOf);
  await Promise.all(servers.map(closeServer));
  return ports.sort((a, b) => a - b);
}

export function single(port: number): PortRange[] {
  return [{ first: port, last: port }];
}

/** Connects, reads to the end, and gives what came. */
export async function readAll(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks).toString("utf8");
}

export async function udpClient(host: string): Promise<UdpSocket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.bind(0, host);
  await once(socket, "listening");
  return socket;
}

/** "6 127.0.0.1 80" of each arrival; `until(n)` waits for the n-th. */
export class Seen implements ListenSink {
  readonly texts: string[] = [];
  readonly times: number[] = [];
  batches = 0;
  #waiting: { count: number; resolve: () => void }[] = [];

  accepted(arrival: Arrival): void {
    this.#add(arrival);
  }
  datagram(arrival: Arrival): void {
    this.#add(arrival);
  }
  batchEnd(): void {
    this.batches++;
    for (const { count, resolve } of this.#waiting) if (this.texts.length >= count) resolve();
  }
  async until(count: number): Promise<void> {
    if (this.texts.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }
  #add({ source0, source1, source2, source3, protocol, port, timeMs }: Arrival): void {
    this.texts.push(`${protocol} ${formatWords(source0, source1, source2, source3)} ${port}`);
    this.times.push(timeMs);
  }
}

export class Told implements ListenReport {
  readonly texts: string[] = [];
  readonly errors: unknown[] = [];
  onFailed: () => void = () => {};
  busy(protocol: ListenProtocol, port: number, code: string): void {
    this.texts.push(`busy ${protocol} ${port} ${code}`);
  }
  free(protocol: ListenProtocol, port: number): void {
    this.texts.push(`free ${protocol} ${port}`);
  }
  leftOut(protocol: ListenProtocol, ports: readonly PortRange[]): void {
    this.texts.push(`left out ${protocol} ${ports.map(({ first, last }) => `${first}-${last}`).join(",")}`);
  }
  readonly failed = (error: unknown): void => {
    this.errors.push(error);
    this.onFailed();
  };
}

export class HandTimer {
  intervalMs = 0;
  #task: (() => void) | undefined;
  readonly every = (task: () => void, intervalMs: number): (() => void) => {
    this.#task = task;
    this.intervalMs = intervalMs;
    return () => {
      this.#task = undefined;
    };
  };
  get isSet(): boolean {
    return this.#task !== undefined;
  }
  tick(): void {
    this.#task?.();
  }
}
