// Sends IPv4 packets in whatever name they carry, from world's end of the link: a program that the corpus script starts
// there. Standard input: one packet a line in hexadecimal, with a pause in milliseconds before it if there is one.
//   send.mjs BUILD DEVICE MAC
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [build, device, mac] = process.argv.slice(2);
const { RawLink, sleep } = await import(join(build, "test/support/raw-link.js"));
const link = new RawLink(device, mac);
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [hex, pauseMs = "0"] = line.split(" ");
  sleep(Number(pauseMs));
  link.send(Buffer.from(hex, "hex"));
});
await once(lines, "close");
