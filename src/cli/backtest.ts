// portreeve backtest: says from the recorded probes which sources would be found scanning under another policy or other
// thresholds, before anyone switches these on.
import { ExitCode } from "../base/exit-code.ts";
import type { Settings } from "../config/settings.ts";
import { Backtest } from "../replay/backtest.ts";
import { describeSources, IGNORED, summarize } from "../replay/backtest-report.ts";
import { parseSince, proposeSettings, readPresent } from "../replay/backtest-settings.ts";
import type { FoundSources } from "../replay/found-sources.ts";
import { type Prefix, parsePrefix } from "../wire/address.ts";
import { type BacktestRecord, openRecord } from "./backtest-record.ts";
import { backtestText } from "./backtest-text.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonLine, writeAll } from "./terminal.ts";

export interface BacktestOptions extends ClientOptions {
  readonly policy?: string;
  readonly set?: readonly string[];
  readonly since?: string;
}

/** This key is the same each time, so that the answer is, too: the daemon's own key is secret, and drawn anew at each start. */
const SEED = { k0: 0x706f7274, k1: 0x72656576 };

export async function backtest(given: BacktestOptions, terminal: Terminal): Promise<ExitCode> {
  const present = readPresent(given.conf);
  const proposed = proposeSettings(present, given.policy, given.set ?? []);
  const sinceMs = given.since === undefined ? undefined : parseSince(given.since, terminal.nowMs());
  const test = new Backtest({ present, proposed, sinceMs, seed: SEED });
  const record = await openRecord(present);
  try {
    for await (const numbered of record.events) test.see(numbered);
    const clientsKnown = await noteClients(test.found, record);
    await noteSpared(test.found, record, present);
    const summary = summarize(
      test,
      { present, proposed },
      {
        clientsKnown,
        guardKnown: record.guard !== undefined,
        badRows: record.badRows,
        // The probes that the daemon has missed since its start say nothing about a shorter time.
        live: sinceMs === undefined ? record.live : undefined,
      },
    );
    const sources = describeSources(test);
    if (given.json !== true) await writeAll(terminal, backtestText({ sources, summary }, terminal));
    else await writeAll(terminal, jsonLines([...sources, { summary }]));
    return ExitCode.Ok;
  } finally {
    record.close();
  }
}

async function* jsonLines(values: readonly unknown[]): AsyncGenerator<string> {
  for (const value of values) yield toJsonLine(value);
}

/** False: it is not known. */
async function noteClients(found: FoundSources, record: BacktestRecord): Promise<boolean> {
  const clients = await record.clients();
  if (clients === undefined) return false;
  for await (const client of clients) found.noteClient(client);
  return true;
}

/** The allow list first: it counts even for a proven source. */
async function noteSpared(found: FoundSources, record: BacktestRecord, { ignored }: Settings): Promise<void> {
  const byReason = new Map<string, Prefix[]>();
  for await (const { source, because } of record.guard ?? []) {
    const block = parsePrefix(source);
    if (block === undefined) continue;
    const blocks = byReason.get(because);
    if (blocks === undefined) byReason.set(because, [block]);
    else blocks.push(block);
  }
  const guard = [...byReason].map(([because, blocks]) => ({ because, blocks }));
  found.noteSpared([{ because: IGNORED, blocks: ignored }, ...guard]);
}
