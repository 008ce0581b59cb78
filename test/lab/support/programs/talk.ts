// One long conversation: connects, prints "connected", sends each line that it reads and prints what comes back.
// The line "quit" closes it in good order, "reset" with an RST. Over UDP it sends each line as a datagram.
//   talk.js --to ADDRESS --port N [--from ADDRESS] [--udp]
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    to: { type: "string", default: "" },
    port: { type: "string", default: "0" },
    from: { type: "string" },
    udp: { type: "boolean", default: false },
  },
});
const port = Number(values.port);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function talkTcp(): void {
  const from = values.from === undefined ? {} : { localAddress: values.from };
  const socket = connect({ host: values.to, port, ...from });
  socket.on("connect", () => say("connected"));
  socket.on("data", (bytes) => say(bytes.toString().trimEnd()));
  socket.on("error", (error: NodeJS.ErrnoException) => say(`error ${error.code}`));
  socket.on("close", () => process.exit(0));
  createInterface({ input: process.stdin }).on("line", (line) => {
    if (line === "quit") socket.end();
    else if (line === "reset") socket.resetAndDestroy();
    else socket.write(`${line}\n`);
  });
}

function talkUdp(): void {
  const socket = createSocket(values.to.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes) => say(bytes.toString().trimEnd()));
  socket.on("error", (error: NodeJS.ErrnoException) => say(`error ${error.code}`));
  socket.bind({ port: 0, address: values.from }, () => say(`connected from ${socket.address().port}`));
  createInterface({ input: process.stdin }).on("line", (line) => {
    if (line === "quit") process.exit(0);
    else socket.send(`${line}\n`, port, values.to);
  });
}

if (values.udp) talkUdp();
else talkTcp();
