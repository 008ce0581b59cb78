// What the corpus's innocent do, and a connect scan as RustScan makes it: a program that runs in world's namespace (or
// in home's, for what home asks of the world).
//   clients.mjs connect SOURCE TARGET FIRST-LAST     connects to each port and shuts down at once (RustScan's scan_socket)
//   clients.mjs talk SOURCE TARGET PORT...           connects, says a line, waits for the answer, closes; port by port
//   clients.mjs chat SOURCE TARGET PORT COUNT        a line every 150 ms on one connection; prints "ready" after the first
//   clients.mjs ask SOURCE TARGET PORT COUNT         datagrams, each answered before the next
//   clients.mjs answer-late SOURCE PORT DELAY_MS     answers datagrams late; prints "ready"
//   clients.mjs resolve SOURCE SERVER NAME...        asks a name server by Node's resolver
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const [job, source, target, ...rest] = process.argv.slice(2);
const ANSWER_MS = 1000;
const familyOf = (address) => (address.includes(":") ? 6 : 4);

const jobs = {
  connect: async () => {
    const [first, last] = rest[0].split("-").map(Number);
    for (let port = first; port <= last; port++) await touch(port);
  },
  talk: async () => {
    for (const port of rest.map(Number)) await talk(port);
  },
  chat: async () => {
    const socket = connect({ host: target, port: Number(rest[0]), localAddress: source });
    socket.on("data", () => process.stdout.write("ready\n"));
    for (let i = 0; i < Number(rest[1]); i++) {
      socket.write(`line ${i}\r\n`);
      await wait(150);
    }
    const closed = once(socket, "close");
    socket.end();
    socket.resume();
    await Promise.race([closed, wait(ANSWER_MS)]);
    socket.destroy();
  },
  ask: async () => {
    const socket = createSocket(familyOf(target) === 4 ? "udp4" : "udp6");
    socket.bind(0, source);
    await once(socket, "listening");
    for (let i = 0; i < Number(rest[1]); i++) {
      socket.send(Buffer.alloc(48, 0x23), Number(rest[0]), target);
      await Promise.race([once(socket, "message"), wait(ANSWER_MS)]);
    }
    socket.close();
  },
  "answer-late": () => {
    const socket = createSocket("udp4");
    socket.on("message", (message, from) =>
      setTimeout(() => socket.send(message, from.port, from.address), Number(rest[0])),
    );
    socket.bind(Number(target), source, () => process.stdout.write("ready\n"));
  },
  resolve: async () => {
    const resolver = new Resolver({ timeout: ANSWER_MS, tries: 1 });
    resolver.setServers([target.includes(":") ? `[${target}]` : target]);
    resolver.setLocalAddress(...(familyOf(source) === 4 ? [source] : ["0.0.0.0", source]));
    for (const name of rest) await resolver.resolve4(name).catch(() => undefined);
  },
};
await jobs[job]();

async function touch(port) {
  const socket = connect({ host: target, port, localAddress: source });
  await Promise.race([once(socket, "connect"), once(socket, "error")]).catch(() => undefined);
  socket.on("error", () => undefined);
  socket.end();
  socket.resume();
}

async function talk(port) {
  const socket = connect({ host: target, port, localAddress: source });
  let gone = false;
  socket.on("error", () => {
    gone = true;
  });
  socket.on("connect", () =>
    socket.write(port === 80 || port === 8080 ? "GET /200 HTTP/1.1\r\nHost: home\r\n\r\n" : "hello\r\n"),
  );
  await Promise.race([once(socket, "data").catch(() => undefined), once(socket, "close"), wait(ANSWER_MS)]);
  if (gone) return;
  const closed = once(socket, "close");
  socket.end();
  socket.resume();
  await Promise.race([closed, wait(ANSWER_MS)]);
  socket.destroy();
}
