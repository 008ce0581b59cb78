// Gives changed copies of Debian's file and of 2.x's to PortSentry 1.2 and to ours, and fails on the first few differences that no page tells.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { changeConfig } from "./changed-config.ts";
import { compareConfig, orderOf, readOurs } from "./compare-config.ts";
import type { Mode } from "./contest.ts";
import { Lab } from "./lab.ts";
import { Random } from "./networks.ts";
import { OldConfigRunner } from "./old-config-run.ts";
import { fetchOldPortsentry } from "./old-portsentry.ts";

const BATCH = 50;
const MAX_SHOWN = 10;
const modes: readonly Mode[] = ["tcp", "stcp", "atcp", "udp", "sudp", "audp"];
/** The files do nothing to anybody; these show what would be done. */
const responding = [
  ['BLOCK_TCP="0"', 'BLOCK_TCP="1"'],
  ['BLOCK_UDP="0"', 'BLOCK_UDP="1"'],
  ['#KILL_RUN_CMD_FIRST = "0"', 'KILL_RUN_CMD_FIRST = "1"'],
  ['#KILL_RUN_CMD_FIRST="0"', 'KILL_RUN_CMD_FIRST="1"'],
  ['#KILL_RUN_CMD="', 'KILL_RUN_CMD="'],
  ['\n#KILL_ROUTE="/sbin/iptables -I', '\nKILL_ROUTE="/sbin/iptables -I'],
  ['\n#KILL_HOSTS_DENY="ALL: $TARGET$ : DENY"', '\nKILL_HOSTS_DENY="ALL: $TARGET$ : DENY"'],
] as const;
/** 2.x's file, with paths that 1.2 can write: it does not start otherwise. */
const besideTheOthers = [
  ["/var/log/portsentry.log", "/var/lib/portsentry/portsentry.history"],
  ["/tmp/portsentry.blocked", "/var/lib/portsentry/portsentry.blocked"],
] as const;

function replaced(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((changed, [from, to]) => changed.replace(from, to), text);
}

// build/test/lab/support -> the repository
const root = resolve(import.meta.dirname, "../../../..");
const page = join(root, "docs/reference/differences.md");

export async function compareChanged(t: TestContext, count: number, seed: number): Promise<void> {
  const debian = readFileSync(join(await fetchOldPortsentry(), "etc/portsentry/portsentry.conf"), "utf8");
  const second = replaced(
    readFileSync(join(root, "test/config/fixtures/portsentry-2.0.7.conf"), "utf8"),
    besideTheOthers,
  );
  const bases = [debian, second].flatMap((file) => [file, replaced(file, responding)]);
  const lab = await Lab.open();
  t.after(() => lab.close());
  const runner = await OldConfigRunner.start(lab);
  const random = new Random(seed);
  const known = new Map<string, number>();
  const faults: string[] = [];
  let started = 0;
  for (let done = 0; done < count; done += BATCH) {
    const cases = Array.from({ length: Math.min(BATCH, count - done) }, () => {
      const { bytes, changes } = changeConfig(bases[random.below(bases.length)] ?? debian, random);
      const mode = modes[random.below(modes.length)] ?? "tcp";
      const ours = readOurs(bytes, mode);
      return { changes, ours, order: orderOf(bytes, mode, ours) };
    });
    const shown = await runner.run(cases.map(({ order }) => order));
    for (const [index, { order, ours, changes }] of cases.entries()) {
      const old = shown[index];
      if (old === undefined) continue;
      if (old.started) started++;
      for (const difference of compareConfig(order, old, ours)) {
        if (difference.known !== undefined) known.set(difference.known, (known.get(difference.known) ?? 0) + 1);
        else faults.push(`number ${done + index}, -${order.mode}: ${changes.join(", ")}: ${difference.what}`);
      }
    }
    if (faults.length >= MAX_SHOWN) break;
  }
  t.diagnostic(`seed ${seed}: ${count} files, 1.2 started with ${started}`);
  for (const [heading, times] of known) t.diagnostic(`${times} times: ${heading}`);
  assert.deepEqual(faults.slice(0, MAX_SHOWN), []);
  const headings = readFileSync(page, "utf8").split("\n");
  for (const heading of known.keys()) assert.ok(headings.includes(`### ${heading}`), `${heading} is in no page`);
}
