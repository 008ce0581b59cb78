// What a daemon has left that does not run: the blocks in its store, and what commands of the administrator's did for them. For the
// removal of the package, and for `unblock --all`.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../base/errors.ts";
import type { Settings } from "../config/settings.ts";
import { lockStateFolder } from "../host/state-folder.ts";
import { openStore } from "../record/sqlite-store.ts";
import type { Store } from "../record/store.ts";
import { CommandRunner } from "./commands/command-runner.ts";
import { HostsDeny } from "./commands/hosts-deny.ts";
import { Responder } from "./commands/responder.ts";
import { type UndoneBlocks, undoStored } from "./undo-stored.ts";

/** How long commands are begun: somebody waits. */
const MOST_MS = 60_000;

export interface StoppedState {
  readonly store: Store;
  /** Undoes what commands did for the stored blocks. */
  undo(): Promise<UndoneBlocks>;
  /** Removes what KILL_HOSTS_DENY needs beside its file; why not, or "". */
  leaveHostsDeny(): Promise<string>;
}

/**
 * Hands the state to `work`, and closes it. `trouble` gets what is wrong with the store. Undefined where no daemon has ever run. Throws
 * StartError where one runs.
 */
export async function withStoppedState<T>(
  settings: Settings,
  trouble: (message: string) => void,
  work: (state: StoppedState) => Promise<T>,
): Promise<T | undefined> {
  const { stateDir, responses } = settings;
  const path = join(stateDir, "portreeve.db");
  if (!existsSync(path)) return undefined;
  // Another Portreeve that is at work on the same state ends its blocks itself.
  const lock = lockStateFolder(stateDir, dirname(settings.controlSocket));
  const listener = { onTrouble: trouble, onRecovered: () => undefined };
  const store = openStore(path, Date.now, { maxEvents: settings.maxEvents }, listener);
  const runner = new CommandRunner();
  const file = new HostsDeny(responses.hostsDenyFile);
  const responder = new Responder({ settings: responses, runner, openHostsDeny: () => file });
  const nowMs = () => performance.now();
  try {
    return await work({
      store,
      undo: () => undoStored(store.loadBlocks(), { settings, responder, deadlineMs: nowMs() + MOST_MS, nowMs }),
      leaveHostsDeny: () => file.leave().then(() => "", messageOf),
    });
  } finally {
    await responder.close();
    store.close();
    lock.close();
  }
}
