// Every scan type of nmap, masscan, fragments and extension headers, with the real tools against the real daemon: named
// rightly, blocked (the weak kinds only logged), one history line, listed as the kernel has it, unblocked, welcome again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, type Source, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { assertInnocent } from "./support/innocent.ts";
import { kernelBlocks } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { synBehindOptions, synInFragments } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { masscan, nmap } from "./support/scan.ts";
import { shipped } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const OPEN = [3000, 3031];
const PORTS = "3000-3031";
const CLOSED = Array.from({ length: 30 }, (_, index) => 3001 + index);
/** What fail2ban's shipped jail reads. */
const HISTORY_LINE = /^\d+ - \d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d Host: \S+\/(\S+) Port: \d+ (TCP|UDP) Blocked$/;

interface Case {
  readonly name: string;
  readonly kind: string;
  readonly families: readonly Family[];
  /** ACK, Maimon, Window: anybody may receive and send such packets, so they are logged and no more. */
  readonly weak?: boolean;
  readonly scan: (lab: Lab, family: Family, from: Source) => Promise<unknown>;
}

function nmapCase(options: string, kind: string, more: Partial<Case> = {}): Case {
  const argv = [...options.split(" "), "-p", PORTS, "--min-parallelism", "32", "--max-rtt-timeout", "100ms"];
  return {
    name: `nmap ${options}`,
    kind,
    families: ["ipv4", "ipv6"],
    scan: (lab, family, from) => nmap(lab, { family, source: from, options: argv }),
    ...more,
  };
}

const cases: readonly Case[] = [
  nmapCase("-sS", "syn"),
  nmapCase("-sT", "syn"),
  nmapCase("-sF", "fin"),
  nmapCase("-sN", "null"),
  nmapCase("-sX", "xmas"),
  nmapCase("-sM", "maimon", { weak: true }),
  nmapCase("-sA", "ack", { weak: true }),
  nmapCase("-sW", "ack", { weak: true }),
  nmapCase("-sU", "udp"),
  nmapCase("-sS --scanflags SYNFIN", "synfin"),
  nmapCase("-sS -f", "syn", { families: ["ipv4"] }),
  {
    name: "SYNs behind an 8-byte destination-options header",
    kind: "syn",
    families: ["ipv6"],
    scan: (lab, _family, from) =>
      sendPackets(
        lab,
        CLOSED.map((port) => synBehindOptions({ from: from.ipv6, to: TARGET.ipv6, port })),
      ),
  },
  {
    name: "SYNs in fragments",
    kind: "syn",
    families: ["ipv6"],
    scan: (lab, _family, from) =>
      sendPackets(
        lab,
        CLOSED.flatMap((port) => synInFragments({ from: from.ipv6, to: TARGET.ipv6, port })),
      ),
  },
  {
    name: "masscan",
    kind: "syn",
    families: ["ipv4", "ipv6"],
    scan: (lab, family, from) => masscan(lab, { family, source: from }, PORTS),
  },
];

test("every scan is named, blocked, recorded, listed and forgiven", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: OPEN, udp: OPEN });
  // The sources are neighbours, and more of them come in a minute than a network may send.
  const daemon = await Daemon.start(lab, { ...shipped, NEIGHBOURS: "0", SLOW_NEIGHBOURS: "0" });
  let number = 0;
  for (const each of cases) {
    for (const family of each.families) {
      number++;
      const from = source(number);
      await t.test(`${each.name} over ${family}`, async () => {
        await each.scan(lab, family, from);
        if (each.weak === true) await assertOnlyLogged(lab, daemon, { kind: each.kind, family, from });
        else await assertBlockedAndForgiven(lab, daemon, { kind: each.kind, family, from });
        const open = await visit(lab.scanner, { to: TARGET[family], port: OPEN[0] ?? 0, from: from[family] });
        assert.deepEqual(open, { opened: 1, failed: 0, errors: {} }, "the source cannot connect any more");
      });
    }
  }
});

interface Expected {
  readonly kind: string;
  readonly family: Family;
  readonly from: Source;
}

async function assertBlockedAndForgiven(lab: Lab, daemon: Daemon, { kind, family, from }: Expected): Promise<void> {
  const key = from.key[family];
  const block = await daemon.waitForBlock(key);
  const { enforced, soft, grade, backend, offences } = block;
  assert.deepEqual(
    { enforced, soft, grade, backend, offences },
    {
      enforced: true,
      soft: false,
      grade: "direct",
      backend: "nftables",
      offences: 1,
    },
  );
  assert.ok(await kernelBlocks(lab, key), "listed as enforced, but the kernel does not have it");
  const events = await daemon.eventsOf(key);
  const findings = events.filter((event) => event.type === "finding");
  assert.deepEqual(new Set(findings.map((event) => event.kind)), new Set([kind]));
  assert.equal(events.filter((event) => event.type === "block").length, 1);
  await assertHistory(daemon, from, family, 1);
  await daemon.unblock(key);
  assert.ok(!(await daemon.blocked()).some((entry) => entry.source === key), "still listed after unblock");
  assert.ok(!(await kernelBlocks(lab, key)), "still in the kernel after unblock");
}

async function assertOnlyLogged(lab: Lab, daemon: Daemon, { kind, family, from }: Expected): Promise<void> {
  const key = from.key[family];
  await waitUntil(`an event of kind ${kind} from ${key}`, async () =>
    (await daemon.eventsOf(key)).some((event) => event.kind === kind),
  );
  const kinds = (await daemon.eventsOf(key)).map((event) => event.kind);
  assert.deepEqual(new Set(kinds), new Set([kind]));
  await assertInnocent(lab, daemon, [from]);
  await assertHistory(daemon, from, family, 0);
}

async function assertHistory(daemon: Daemon, from: Source, family: Family, lines: number): Promise<void> {
  // The address that probed, of a /64 too: fail2ban bans what the line names.
  const address = from[family];
  const linesOf = () => daemon.history().filter((line) => HISTORY_LINE.exec(line)?.[1] === address);
  // The file is written behind the block.
  await waitUntil(`history lines of ${address}`, () => linesOf().length >= lines);
  const own = linesOf();
  assert.equal(own.length, lines, `history lines of ${address}:\n${daemon.history().join("\n")}`);
}
