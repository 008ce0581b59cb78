// How long another program's change to our table stands: runs a command in the target's namespace, then looks until what the
// daemon lists is what the kernel holds and all rules and configured sets are as before. Prints one JSON object:
//   {"commandMs": n, "repairedMs": n, "before": n, "after": n}   both from just before the command starts; blocks listed
//   drift-times.js --socket CONTROL_SOCKET [--may-lift N] -- COMMAND [ARGUMENT ...]
import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ControlClient } from "../../../../src/control/client.ts";
import { KernelError } from "../../../../src/kernel/errors.ts";
import { Libnftables } from "../../../../src/kernel/libnftables.ts";
import { NfTables } from "../../../../src/kernel/nf-tables.ts";
import { TABLE } from "../../../../src/table/ruleset-plan.ts";
import { placeOf } from "../../../../src/table/set-key.ts";
import { parsePrefix } from "../../../../src/wire/address.ts";

const GIVE_UP_MS = 30_000;
/** Without any pause it would take one core from those whom it times. */
const LOOK_MS = 0.5;
const blockSets = ["blocked4", "blocked6", "soft4", "soft6"];
const configuredSets = [
  ...["ignored4", "ignored6", "guard4", "guard6", "near6"],
  ...["watched_tcp", "watched_udp", "tolerated_tcp", "tolerated_udp", "listened_tcp", "listened_udp"],
];
const text = { type: "string" } as const;
const { values, positionals } = parseArgs({
  options: { socket: text, "may-lift": text },
  allowPositionals: true,
});
const [command = "", ...rest] = positionals;
const client = new ControlClient(values.socket ?? "");
const tables = new NfTables(TABLE);
const nft = new Libnftables();

/** What nft tells, without what changes by itself or with every load; "" of what is not there. */
function told(command: string): string {
  const { ok, output } = nft.query(command, command.startsWith("list table"));
  return ok ? output.replace(/"(?:handle|packets|bytes)": ?\d+/g, "") : "";
}

const rules = (): string => told(`list table inet ${TABLE}`);
const configured = (): string => configuredSets.map((set) => told(`list set inet ${TABLE} ${set}`)).join("\n");

function heldByKernel(): string {
  const held: string[] = [];
  try {
    for (const set of blockSets) tables.visitElements(set, (key) => held.push(`${set} ${key.toString("hex")}`));
  } catch (error) {
    if (error instanceof KernelError && error.code === "ENOENT") return "no table";
    throw error;
  }
  return held.sort().join("\n");
}

/** What the daemon says that the kernel holds, as the kernel would tell it. */
async function listed(): Promise<{ readonly count: number; readonly keys: string }> {
  const keys: string[] = [];
  for await (const { source, soft, enforced } of client.entries("blocked", {})) {
    const prefix = parsePrefix(source);
    const place = prefix === undefined ? undefined : placeOf(prefix, soft, false);
    const isPlain = enforced && place?.kind === "plain";
    keys.push(isPlain ? `${place.set} ${Buffer.from(place.key).toString("hex")}` : `${source} not enforced`);
  }
  return { count: keys.length, keys: keys.sort().join("\n") };
}

/** How many blocks are listed, once listed and held are the same and `lacks` names nothing that is missing. */
async function waitForTruth(lacks: (count: number) => string): Promise<number> {
  const endMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const { count, keys } = await listed();
    const lack = heldByKernel() === keys ? lacks(count) : "what is listed is not what the kernel holds";
    if (lack === "") return count;
    if (performance.now() > endMs) throw new Error(`not repaired after ${GIVE_UP_MS} ms: ${lack}`);
    await delay(LOOK_MS);
  }
}

const before = await waitForTruth(() => "");
const [rulesBefore, setsBefore] = [rules(), configured()];
const least = before - Number(values["may-lift"] ?? 0);
const startedMs = performance.now();
const { status, stderr } = spawnSync(command, rest, { encoding: "utf8" });
const commandMs = performance.now() - startedMs;
if (status !== 0) throw new Error(`${positionals.join(" ")}: exit code ${status}\n${stderr}`);
const after = await waitForTruth((count) => {
  if (count < least) return `${count} blocks, not ${least}`;
  const sets = configured();
  if (sets !== setsBefore) return `sets: ${setsBefore}\nnow: ${sets}`;
  const now = rules();
  return now === rulesBefore ? "" : `rules: ${rulesBefore}\nnow: ${now}`;
});
const repairedMs = performance.now() - startedMs;
process.stdout.write(`${JSON.stringify({ commandMs, repairedMs, before, after })}\n`);
