// The assembled daemon without the kernel: the table is sets in memory, the clock stands until a test moves it, and everything
// that is said is one list of lines.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import type { DaemonParts } from "../../src/daemon/daemon-parts.ts";
import { CommandRunner } from "../../src/enforce/commands/command-runner.ts";
import { Responder } from "../../src/enforce/commands/responder.ts";
import type { HostFacts } from "../../src/host/host.ts";
import { Journal } from "../../src/record/journal.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import { Firewall } from "../../src/table/firewall.ts";
import { logPrefixes } from "../../src/table/log-rules.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { load, settingsOf } from "../config/support.ts";
import { lineSink } from "../record/line-sink.ts";
import { buildTcp } from "../support/build-packet.ts";
import { prefix } from "../support/prefix.ts";
import { FakeNft, FakeTables } from "../table/fake-tables.ts";

export const NOW_MS = 1_700_000_000_000;
export const OWN = "203.0.113.1";
export const host: HostFacts = {
  ...{ own: [prefix(OWN)], broadcast: [], near: [], gateways: [], resolvers: [] },
  ephemeral: { first: 32_768, last: 60_999 },
};

export const settingsWith = (text: string) => settingsOf(load(text));

export function assemble(t: TestContext, conf: string, more: Partial<DaemonParts> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-daemon-"));
  const now = { ms: NOW_MS, uptimeMs: 1e9 };
  const clock = { nowMs: () => now.ms, wallMs: (timeMs: number) => timeMs, ofWallMs: (timeMs: number) => timeMs };
  const lines: string[] = [];
  const say = (text: string) => void lines.push(text.trimEnd());
  const settings = settingsWith(`STATE_DIR="${folder}"\nCONTROL_SOCKET="${join(folder, "control.sock")}"\n${conf}`);
  const tables = new FakeTables();
  const sensor = {
    /** What the kernel says to the next rules; "" when it takes them. */
    refusal: "",
    plans: [] as RulesetPlan[],
    load(plan: RulesetPlan): boolean {
      if (sensor.refusal !== "") throw new Error(sensor.refusal);
      sensor.plans.push(plan);
      return false;
    },
    follow: (plan: RulesetPlan) => void sensor.plans.push(plan),
  };
  const troubles = createTroubles();
  const store = openStore(
    join(folder, "portreeve.db"),
    clock.nowMs,
    { maxEvents: 1_000 },
    { onTrouble: say, onRecovered: say },
  );
  const runner = new CommandRunner();
  const daemon = new Daemon({
    ...{ version: "0", settings, host, sensor, store, troubles, clock, history: undefined, prover: undefined },
    firewall: new Firewall(new FakeNft(), tables, () => new AddressRanges([])),
    capture: { start: () => undefined, lost: 0, malformed: 0, close: () => undefined },
    journal: new Journal({ sink: lineSink(say), format: "portsentry1", nowMs: clock.nowMs }),
    responder: new Responder({ settings: settings.responses, runner }),
    counted: { guard: { counters: {} }, runners: [runner], monitor: undefined, blockedFiles: [] },
    hashSeed: { k0: 1, k1: 2 },
    uptimeMs: () => now.uptimeMs,
    ...more,
  });
  t.after(() => {
    daemon.close();
    store.close();
    rmSync(folder, { recursive: true });
  });
  /** One delivery: SYNs of one source, dropped by the sensor. */
  const deliver = (source: string, ...ports: number[]): void => {
    for (const port of ports) {
      const bytes = buildTcp({
        source,
        destination: OWN,
        sourcePort: 40_000,
        destinationPort: port,
        flags: TcpFlag.Syn,
      });
      daemon.walk.packet(bytes, 0, bytes.length, logPrefixes.probe.charCodeAt(0));
    }
    daemon.walk.batchEnd();
  };
  return {
    daemon,
    now,
    clock,
    folder,
    settings,
    tables,
    sensor,
    troubles,
    store,
    deliver,
    take: () => lines.splice(0),
  };
}
