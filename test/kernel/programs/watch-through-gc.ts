// Watches a socket without keeping what watchReadable returns, with the garbage collector run between the datagrams.
import * as K from "../../../src/kernel/constants.ts";
import { bindSocket, connectSocket, openSocket, receive, send, watchReadable } from "../../../src/kernel/libc.ts";

const ROUNDS = 20;
const address = Buffer.from(`\x01\x00\0portreeve-gc-${process.pid}`, "latin1");
const reader = openSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
bindSocket(reader, address, "a test's socket");
const sender = openSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
if (connectSocket(sender, address) !== 0) throw new Error("cannot connect");

const buffer = Buffer.alloc(100);
let rounds = 0;
function next(): void {
  globalThis.gc?.();
  if (rounds === ROUNDS) {
    process.stdout.write(`delivered ${rounds}\n`);
    process.exit(0);
  }
  setImmediate(() => {
    globalThis.gc?.();
    send(sender, Buffer.from("x"), 0);
  });
}
watchReadable(
  reader,
  () => {
    if (receive(reader, buffer, K.MSG_DONTWAIT) <= 0) return;
    rounds++;
    next();
  },
  (error) => {
    throw error;
  },
);
setInterval(() => undefined, 60_000);
next();
