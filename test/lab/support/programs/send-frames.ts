// Sends Ethernet frames from a file, in order, each once, at most so many a second; a frame that the link's queue has no room for
// is sent again. The file: length (u16, little endian) and bytes of each. Prints {"sent": n, "seconds": n}.
//   send-frames.js --dev DEVICE --rate PPS FILE
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as K from "../../../../src/kernel/constants.ts";
import { closeFd, openSocket, sendTo } from "../../../../src/kernel/libc.ts";
import { interfaceIndex } from "../../../support/interface-index.ts";
import { sleep } from "../../../support/raw-link.ts";

const ENOBUFS = 105;
const PAUSE_MS = 2;
/** A sender that was kept waiting does not make up for it: a burst would overrun the link's queue. */
const MAX_BURST = 100;
const text = { type: "string" } as const;
const { values, positionals } = parseArgs({ options: { dev: text, rate: text }, allowPositionals: true });
const perMs = Number(values.rate) / 1000;
const bytes = readFileSync(positionals[0] ?? "");
// Protocol 0: nothing is to be received. struct sockaddr_ll: family, protocol, interface index.
const fd = openSocket(K.AF_PACKET, K.SOCK_RAW, 0);
const address = Buffer.alloc(20);
address.writeUInt16LE(K.AF_PACKET, 0);
address.writeInt32LE(interfaceIndex(values.dev ?? ""), 4);

const startedMs = performance.now();
let sent = 0;
let lastMs = startedMs;
let due = 0;
for (let at = 0; at < bytes.length; ) {
  const nowMs = performance.now();
  due = Math.min(due + (nowMs - lastMs) * perMs, MAX_BURST);
  lastMs = nowMs;
  for (; due >= 1 && at < bytes.length; due--) {
    const length = bytes.readUInt16LE(at);
    sendFrame(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
    sent++;
  }
  sleep(PAUSE_MS);
}
closeFd(fd);
process.stdout.write(`${JSON.stringify({ sent, seconds: (performance.now() - startedMs) / 1000 })}\n`);

function sendFrame(frame: Uint8Array): void {
  for (;;) {
    const result = sendTo(fd, frame, address);
    if (result >= 0) return;
    if (result !== -ENOBUFS) throw new Error(`cannot send: errno ${-result}`);
    sleep(1);
  }
}
