// Many hand-made packets at a steady rate: trafgen reads a configuration of 120,000 packets for a minute and more before it
// sends the first, on one of the two cores.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { LINK, TARGET } from "./addresses.ts";
import { type Running, run } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { frame } from "./raw.ts";

const program = join(import.meta.dirname, "programs/send-frames.js");
const sentSchema = z.object({ sent: z.number(), seconds: z.number() });
const SENDING_MS = 600_000;

function argvFor(lab: Lab, packets: readonly Uint8Array[], perSecond: number): readonly string[] {
  const file = join(lab.folder, `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}.frames`);
  const parts = packets.flatMap((packet) => {
    const bytes = frame(packet, TARGET.mac);
    return [Uint8Array.of(bytes.length & 255, bytes.length >>> 8), bytes];
  });
  writeFileSync(file, Buffer.concat(parts));
  return [process.execPath, program, "--dev", LINK, "--rate", String(perSecond), file];
}

/** As sendSteadily(), beside the test, which may stop it. */
export function startSteadily(lab: Lab, packets: readonly Uint8Array[], perSecond: number): Running {
  return lab.spawn(lab.scanner, argvFor(lab, packets, perSecond));
}

/** Sends each packet once, in order, from the scanner's side to the target, and says how long that took. */
export async function sendSteadily(
  lab: Lab,
  packets: readonly Uint8Array[],
  perSecond: number,
): Promise<{ readonly seconds: number }> {
  const argv = argvFor(lab, packets, perSecond);
  const { code, stdout, stderr } = await run(lab.scanner.argv(argv), "", SENDING_MS);
  if (code !== 0) throw new Error(`send-frames.js: code ${code}\n${stderr}`);
  const { sent, seconds } = sentSchema.parse(JSON.parse(stdout));
  if (sent !== packets.length) throw new Error(`send-frames.js sent ${sent} of ${packets.length}`);
  return { seconds };
}
