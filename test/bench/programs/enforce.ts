// Blocks --count sources one by one in the table that this namespace has, each read back, and lifts them again. Prints
// the microseconds of each as JSON: {enforce: [...], lift: [...]}.
import { parseArgs } from "node:util";
import type { Block } from "../../../src/judge/block.ts";
import { Libnftables } from "../../../src/kernel/libnftables.ts";
import { NfTables } from "../../../src/kernel/nf-tables.ts";
import { Firewall } from "../../../src/table/firewall.ts";
import { TABLE } from "../../../src/table/ruleset-plan.ts";
import { IPV4_MAPPED_WORD } from "../../../src/wire/address.ts";
import { AddressRanges } from "../../../src/wire/address-ranges.ts";
import { Sources } from "../../support/flood-sender.ts";

const { values } = parseArgs({ options: { count: { type: "string" } } });
const count = Number(values.count ?? 1000);
const firewall = new Firewall(new Libnftables(), new NfTables(TABLE), () => new AddressRanges([]));
const sources = new Sources();
const blocks = Array.from({ length: count }, () => blockOf(sources.next(), Date.now()));

const enforce = blocks.map((block) =>
  microseconds(() => {
    const [outcome] = firewall.enforce([block], Date.now());
    if (outcome?.failure !== "") throw new Error(`not blocked: ${outcome?.failure}`);
  }),
);
const lift = blocks.map((block) =>
  microseconds(() => {
    const [failed] = firewall.lift([block], Date.now());
    if (failed !== undefined) throw new Error(`not lifted: ${failed.failure}`);
  }),
);
process.stdout.write(`${JSON.stringify({ enforce, lift })}\n`);

function microseconds(task: () => void): number {
  const started = process.hrtime.bigint();
  task();
  return Number(process.hrtime.bigint() - started) / 1000;
}

function blockOf(address: number, nowMs: number): Block {
  return {
    source: { w0: 0, w1: 0, w2: IPV4_MAPPED_WORD, w3: address, bits: 128 },
    sinceMs: nowMs,
    untilMs: nowMs + 3_600_000,
    grade: "manual",
    soft: false,
    reason: "bench",
    offences: 1,
    backend: "nftables",
    enforced: false,
  };
}
