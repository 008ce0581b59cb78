// The packet ring in a namespace of the lab: prints each packet that passes its filter as a line
//   packet TYPE HEX         on a host: whom it was for (sll_pkttype), and the packet
//   frame LINKTYPE HEX      on a tap (--tap)
// and "ready", "gone NAME", "back NAME". SIGTERM ends it with a line of its counters.
//   ring.js --interfaces ALL|ALL_NLO|NAME,NAME [--tap] [--cpu (no packets; the process's CPU time with the counters)]
import { parseArgs } from "node:util";
import { RingSource } from "../../../../src/capture/ring/ring.ts";
import { choiceOf } from "../../../../src/sense/open-sensor.ts";

const { values } = parseArgs({
  options: {
    interfaces: { type: "string", default: "ALL_NLO" },
    tap: { type: "boolean", default: false },
    cpu: { type: "boolean", default: false },
  },
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const hex = (bytes: Uint8Array, at: number, end: number) => Buffer.from(bytes.subarray(at, end)).toString("hex");
const ephemeral = { first: 32_768, last: 60_999 };
const source = new RingSource({
  interfaces: choiceOf(values.interfaces.split(",")),
  snapBytes: 128,
  filter: values.tap ? { mode: "tap", passBulk: false } : { mode: "host", ephemeral, servedUdp: [] },
  report: { gone: (name) => say(`gone ${name}`), back: (name) => say(`back ${name}`) },
});
const onError = (error: unknown) => {
  say(`error ${String(error)}`);
  process.exitCode = 1;
};
const packet = (bytes: Uint8Array, at: number, end: number, type: number) => {
  if (!values.cpu) say(`packet ${type} ${hex(bytes, at, end)}`);
};
if (values.tap) {
  const frame = (bytes: Uint8Array, at: number, end: number, linkType: number) =>
    say(`frame ${linkType} ${hex(bytes, at, end)}`);
  source.startTap({ frame, batchEnd: () => undefined }, onError);
} else source.start({ packet, batchEnd: () => undefined }, onError);
await source.ready();
const before = process.cpuUsage();
say("ready");
process.on("SIGTERM", () => {
  const { user, system } = process.cpuUsage(before);
  say(JSON.stringify({ ...source.counters, cpuMicroseconds: user + system }));
  source.close();
});
