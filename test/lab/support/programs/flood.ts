// Floods a port with SYNs of forged sources at a given rate until it is ended, always in the same rounds of so many sources
// or with a new one in each packet. Prints how many it has sent, ten times a second: {"sent": n}
//   flood.js --dev link0 --mac 02:00:00:00:00:01 --to ADDRESS --port N --rate PPS [--sources N (0: always new)]
import { writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { FloodSender, Sources } from "../../../support/flood-sender.ts";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({
  options: { dev: text, mac: text, to: text, port: text, rate: text, sources: { type: "string", default: "0" } },
});
const FRAMES = 128;
/** What it could not send because others had the processor is sent later, but never as one burst. */
const MAX_LAG_MS = 20;
const TELL_EVERY_MS = 100;
const clock = new Int32Array(new SharedArrayBuffer(4));
const perMs = Number(values.rate) / 1000;
const inRound = Number(values.sources) || Number.POSITIVE_INFINITY;
const sender = new FloodSender({ device: values.dev, mac: values.mac, to: values.to });

let sources = new Sources();
let left = inRound;
let sent = 0;
let dueMs = performance.now();
let toldMs = dueMs;
for (;;) {
  const frames = Math.min(FRAMES, left);
  sender.send(frames, sources, Number(values.port));
  sent += frames;
  left -= frames;
  if (left === 0) {
    sources = new Sources();
    left = inRound;
  }
  const nowMs = performance.now();
  dueMs = Math.max(dueMs, nowMs - MAX_LAG_MS) + frames / perMs;
  if (dueMs - nowMs > 0.2) Atomics.wait(clock, 0, 0, dueMs - nowMs);
  if (nowMs - toldMs < TELL_EVERY_MS) continue;
  toldMs = nowMs;
  writeSync(1, `${JSON.stringify({ sent })}\n`);
}
