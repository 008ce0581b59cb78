// Serves TCP and UDP ports on both families, or on one address, until it is ended:
//   listen.js --tcp 80,443 --udp 53 [--mode answer|close|echo|hold] [--address ADDRESS]
// answer: sends one byte and waits for the client to close. close: sends one byte and closes first (TIME_WAIT stays
// with this side). echo: sends back what it gets. UDP: echoes at once. hold: TCP sends its byte, and UDP its echo, only when
// a line "go" is read.
// Prints "ready" once every port is bound.
import { createSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    tcp: { type: "string" },
    udp: { type: "string" },
    mode: { type: "string", default: "answer" },
    address: { type: "string", default: "::" },
  },
});
const held: (() => void)[] = [];

function ports(list: string | undefined): readonly number[] {
  return list === undefined || list === "" ? [] : list.split(",").map(Number);
}

function serve(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  socket.setNoDelay(true);
  if (values.mode === "echo") {
    socket.pipe(socket);
    return;
  }
  socket.resume();
  if (values.mode === "hold") {
    held.push(() => socket.write("x", () => process.stdout.write(`answered from ${socket.localPort}\n`)));
    process.stdout.write(`asked on ${socket.localPort}\n`);
  } else if (values.mode === "close") socket.end("x");
  else socket.write("x");
}

function listenTcp(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: false }, serve);
    server.on("error", reject);
    server.listen({ port, host: values.address, ipv6Only: false, backlog: 4096 }, () => resolve(server));
  });
}

function listenUdp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: values.address.includes(":") ? "udp6" : "udp4", ipv6Only: false });
    socket.on("error", reject);
    socket.on("message", (message, peer) => {
      const answer = (): void =>
        socket.send(message, peer.port, peer.address, () => process.stdout.write(`answered from ${port}\n`));
      if (values.mode !== "hold") return answer();
      held.push(answer);
      process.stdout.write(`asked on ${port}\n`);
    });
    socket.bind(port, values.address, () => resolve());
  });
}

createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "go") for (const answer of held.splice(0)) answer();
});
await Promise.all([...ports(values.tcp).map(listenTcp), ...ports(values.udp).map(listenUdp)]);
process.stdout.write("ready\n");
