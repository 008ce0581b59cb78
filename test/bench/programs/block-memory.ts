// Lists --count blocks, with the offences of their sources, as a flood of forged sources makes them, and prints what that
// costs as JSON: bytes a block by V8's own account (heap and typed arrays) and by the kernel's (resident), and times.
import { parseArgs } from "node:util";
import { Kind } from "../../../src/detect/kinds.ts";
import { BlockList } from "../../../src/enforce/block-list.ts";
import { OffenceMemory } from "../../../src/judge/escalation.ts";
import { reasonOf } from "../../../src/judge/reason.ts";
import { prefixOfWords } from "../../../src/wire/address.ts";

const { values } = parseArgs({ options: { count: { type: "string" } } });
const count = Number(values.count ?? 1_000_000);
const collect = global.gc ?? (() => undefined);
const nowMs = Date.now();

function measure() {
  collect();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rss, used: heapUsed + arrayBuffers };
}

const before = measure();
const list = new BlockList(count);
const offences = new OffenceMemory({ memoryMs: 86_400_000, seed: { k0: 1, k1: 2 } });
const startedMs = performance.now();
let longestMs = 0;
for (let index = 0; index < count; index++) {
  const from = performance.now();
  const source = prefixOfWords(0x20010db8, index, 0, 0, 64);
  const finding = {
    source,
    kind: Kind.Syn,
    protocol: 6,
    port: index & 0xffff,
    tcpFlags: 2,
    hasIpOptions: false,
    probes: 3 + (index % 7),
    contacts: 3,
    firstMs: nowMs,
    timeMs: nowMs + index,
    policy: "score",
  } as const;
  list.put({
    source,
    sinceMs: nowMs + index,
    untilMs: nowMs + 86_400_000 + index,
    grade: "direct",
    soft: false,
    reason: reasonOf(finding),
    offences: offences.record(source, nowMs + index),
    backend: "nftables",
    trigger: { protocol: 6, port: finding.port },
    enforced: true,
  });
  offences.setEnd(source, nowMs + 86_400_000 + index);
  longestMs = Math.max(longestMs, performance.now() - from);
}
const elapsedMs = performance.now() - startedMs;
const after = measure();
process.stdout.write(
  `${JSON.stringify({
    blocks: list.size,
    offences: offences.size,
    usedBytes: (after.used - before.used) / count,
    residentBytes: (after.rss - before.rss) / count,
    residentInAll: after.rss,
    microseconds: (1_000 * elapsedMs) / count,
    longestMs,
  })}\n`,
);
