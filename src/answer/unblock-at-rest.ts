// `portreeve unblock --all` while no daemon runs: takes the blocks out of the kernel's table and of the store, so that the next start
// does not bring them back, and undoes what commands of the administrator's did for them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import { StartError } from "../base/start-error.ts";
import { loadSettings } from "../config/load.ts";
import { readServiceModes } from "../config/service-modes.ts";
import type { Settings } from "../config/settings.ts";
import type { Unblocked } from "../control/api.ts";
import { addLeftRules } from "../enforce/left-rules.ts";
import { type StoppedState, withStoppedState } from "../enforce/stopped-state.ts";
import { openBootClock } from "../host/boot-clock.ts";
import { Libnftables } from "../kernel/libnftables.ts";
import { NfTables } from "../kernel/nf-tables.ts";
import { Firewall } from "../table/firewall.ts";
import { TABLE } from "../table/ruleset-plan.ts";
import { whenThere } from "../table/when-there.ts";
import { formatPrefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";

/** Blocks that leave the store in one go. */
const AT_ONCE = 1_000;

export interface UnblockedAtRest extends Unblocked {
  /** The kernel's sets of blocks were not empty. */
  readonly wasInKernel: boolean;
  /** What stays, or could not be done, each in a sentence. */
  readonly faults: readonly string[];
}

/** Why nothing was done. */
interface NotLifted {
  readonly refused: string;
  readonly exitCode: ExitCode;
}

/** Does not throw: the caller has other classes of errors (scripts/client-file.mjs). `usualFile`: that of the service. */
export async function unblockAtRest(confFile: string, usualFile: string): Promise<UnblockedAtRest | NotLifted> {
  const modes = confFile === usualFile ? readServiceModes(readFileSync) : undefined;
  const { settings } = loadSettings(confFile, readFileSync, modes);
  if (settings === undefined) {
    const refused =
      `the daemon is not running, and ${confFile} has errors ("portreeve check" names them), so that STATE_DIR is not known; ` +
      `"nft delete table inet ${TABLE}" lifts the blocks of the built-in table until the daemon starts`;
    return { refused, exitCode: ExitCode.Configuration };
  }
  try {
    return await liftAll(settings);
  } catch (error) {
    // Another daemon, with another socket, has the same STATE_DIR; or the kernel refuses.
    return { refused: messageOf(error), exitCode: error instanceof StartError ? error.exitCode : ExitCode.Unavailable };
  }
}

async function liftAll(settings: Settings): Promise<UnblockedAtRest> {
  const faults: string[] = [];
  const trouble = (message: string) => void faults.push(message);
  const done = await withStoppedState(settings, trouble, async (state) => {
    // First, as nobody is shut out by the store.
    const wasInKernel = emptyTable();
    const { left } = await state.undo();
    for (const { block, failure } of left) trouble(`the rule of ${formatPrefix(block.source)} stays: ${failure}`);
    await addLeftRules(settings.stateDir, left).catch((error: unknown) => trouble(messageOf(error)));
    const { nowMs } = openBootClock(join(settings.stateDir, "clock"), trouble);
    return { unblocked: forget(state, nowMs()), wasInKernel };
  });
  return { ...(done ?? { unblocked: [], wasInKernel: emptyTable() }), faults };
}

/** False where nothing was in it, or there is no table. */
function emptyTable(): boolean {
  const tables = new NfTables(TABLE);
  const nft = new Libnftables();
  try {
    const firewall = new Firewall(nft, tables, () => new AddressRanges([]));
    const count = whenThere(0, () => firewall.countBlocked());
    if (count > 0) firewall.emptyBlockSets();
    return count > 0;
  } finally {
    nft.close();
    tables.close();
  }
}

/** Takes the blocks out of the store. Returns the sources of those that had time left. */
function forget({ store }: StoppedState, nowMs: number): readonly string[] {
  const sources: string[] = [];
  for (const [index, { source, untilMs }] of store.loadBlocks().entries()) {
    store.deleteBlock(source);
    if (untilMs === undefined || untilMs > nowMs) sources.push(formatPrefix(source));
    if (index % AT_ONCE === AT_ONCE - 1) store.flush();
  }
  store.flush();
  return sources;
}
