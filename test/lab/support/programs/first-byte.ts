// Customers that want a server's first byte: each source opens a connection to each port, all at once, and tries again until the
// byte has come; with --checks they go on until the byte has come to each, and end each connection by an RST. A try is given up after --timeout; the next one begins --every after the one before. Prints one JSON array:
// [{"from": A, "port": N, "ms": from the first try to the byte, or null, "tries": n}, ...]
//   first-byte.js --to ADDRESS --ports N,N,... --from ADDRESS,ADDRESS,... --timeout MS [--every MS] [--tries N] [--checks]
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({
  options: {
    ...{ to: text, ports: text, from: text, timeout: text },
    every: { type: "string", default: "0" },
    tries: { type: "string", default: "1" },
    checks: { type: "boolean", default: false },
  },
});

/** Whether the byte has come in time. */
function attempt(localAddress: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: values.to, port, localAddress });
    let answered = false;
    const timer = setTimeout(() => socket.destroy(), Number(values.timeout));
    socket.on("data", () => {
      answered = true;
      if (values.checks) socket.resetAndDestroy();
      else socket.end();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answered);
    });
  });
}

const pairs = values.from.split(",").flatMap((from) => values.ports.split(",").map((port) => ({ from, port })));
let unserved = pairs.length;

async function customer(from: string, port: number) {
  const startedMs = performance.now();
  let ms: number | null = null;
  let tries = 0;
  const goesOn = () => ms === null || (values.checks && unserved > 0);
  for (let left = Number(values.tries); left > 0 && goesOn(); left--) {
    const triedMs = performance.now();
    const wasServed = await attempt(from, port);
    if (ms === null) tries++;
    if (wasServed && ms === null) {
      ms = performance.now() - startedMs;
      unserved--;
    }
    if (goesOn()) await delay(Math.max(0, Number(values.every) - (performance.now() - triedMs)));
  }
  return { from, port, ms, tries };
}

const customers = await Promise.all(pairs.map(({ from, port }) => customer(from, Number(port))));
process.stdout.write(`${JSON.stringify(customers)}\n`);
