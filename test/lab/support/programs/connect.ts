// Opens many TCP connections, one after the other in each of some lanes, waits on each for the server's byte, and
// closes it, or with --patient lets the server close it first. Prints one JSON object: {"opened": n, "failed": n,
// "errors": {"ECONNREFUSED": n}}; ends early after 20 failures,
// and when it is asked to (SIGTERM), with what it has begun.
//   connect.js --to ADDRESS --port N [--from ADDRESS] [--count N] [--lanes N] [--timeout MS] [--patient]
import { connect } from "node:net";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    to: { type: "string", default: "" },
    port: { type: "string", default: "0" },
    from: { type: "string" },
    count: { type: "string", default: "1" },
    lanes: { type: "string", default: "1" },
    timeout: { type: "string", default: "5000" },
    patient: { type: "boolean", default: false },
  },
});
/** A service that is shut answers nobody: no need to wait for thousands of timeouts. */
const GIVE_UP_AFTER = 20;
const errors: Record<string, number> = {};
let opened = 0;
let left = Number(values.count);
process.once("SIGTERM", () => {
  left = 0;
});

/** Undefined when the server's byte came; otherwise what went wrong. */
function visit(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const from = values.from === undefined ? {} : { localAddress: values.from };
    const socket = connect({ host: values.to, port: Number(values.port), ...from });
    let answered = false;
    let fault = "closed without an answer";
    socket.setTimeout(Number(values.timeout), () => {
      fault = "timeout";
      socket.destroy();
    });
    socket.on("data", () => {
      answered = true;
      if (!values.patient) socket.end();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      fault = error.code ?? error.message;
    });
    socket.on("close", () => resolve(answered ? undefined : fault));
  });
}

function failures(): number {
  return Object.values(errors).reduce((sum, each) => sum + each, 0);
}

async function lane(): Promise<void> {
  while (left > 0 && failures() < GIVE_UP_AFTER) {
    left--;
    const fault = await visit();
    if (fault === undefined) opened++;
    else errors[fault] = (errors[fault] ?? 0) + 1;
  }
}

await Promise.all(Array.from({ length: Number(values.lanes) }, lane));
process.stdout.write(`${JSON.stringify({ opened, failed: failures(), errors })}\n`);
