// Clients that keep one connection each and come back at once when it breaks or is refused, as monitoring agents and
// database pools do. Prints {"connected": n, "refusals": n} whenever it changes; ends on SIGTERM.
//   reconnect.js --to ADDRESS --port N --from ADDRESS,ADDRESS,... --every MS
import { connect } from "node:net";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    to: { type: "string", default: "" },
    port: { type: "string", default: "0" },
    from: { type: "string", default: "" },
    every: { type: "string", default: "100" },
  },
});
let connected = 0;
let refusals = 0;
let printed = "";

function client(localAddress: string): void {
  const socket = connect({ host: values.to, port: Number(values.port), localAddress });
  let up = false;
  socket.on("connect", () => {
    up = true;
    connected++;
  });
  socket.on("error", () => {
    refusals++;
  });
  socket.resume();
  socket.on("close", () => {
    if (up) connected--;
    setTimeout(() => client(localAddress), Number(values.every));
  });
}

setInterval(() => {
  const text = JSON.stringify({ connected, refusals });
  if (text !== printed) process.stdout.write(`${text}\n`);
  printed = text;
}, 20);
for (const address of values.from.split(",")) client(address);
