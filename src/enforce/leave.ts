// Portreeve leaves a host: called when the package is removed, after the daemon has stopped (packaging/leave.mjs).
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { plural } from "../base/plural.ts";
import { loadSettings } from "../config/load.ts";
import { readServiceModes } from "../config/service-modes.ts";
import type { Settings } from "../config/settings.ts";
import { lockStateFolder } from "../host/state-folder.ts";
import { openStore } from "../record/sqlite-store.ts";
import { CommandRunner } from "./commands/command-runner.ts";
import { HostsDeny } from "./commands/hosts-deny.ts";
import { Responder } from "./commands/responder.ts";
import { type UndoneBlocks, undoStored } from "./undo-stored.ts";

/** How long commands are begun: a removal is waited for. */
const MOST_MS = 60_000;
/** Sources that are named one by one. */
const NAMED = 20;

/** Undoes what commands of the administrator's did. Returns sentences for a person: what was done, and what is left. */
export async function leaveHost(confFile: string): Promise<readonly string[]> {
  const { settings } = loadSettings(confFile, readFileSync, readServiceModes(readFileSync));
  if (settings === undefined)
    return [
      `${confFile} has errors, so that rules of KILL_ROUTE and lines of KILL_HOSTS_DENY stay where they are: take them out by hand`,
    ];
  const { undone, left } = await undoAll(settings);
  const more = left.length > NAMED ? [`... and ${plural(left.length - NAMED, "more source")}`] : [];
  return [
    ...(undone === 0
      ? []
      : [`routes and lines in ${settings.responses.hostsDenyFile} of ${plural(undone, "source")} are taken out`]),
    ...(left.length === 0 ? [] : ["these are left, and nobody will end them: take them out by hand"]),
    ...left.slice(0, NAMED),
    ...more,
  ];
}

async function undoAll(settings: Settings): Promise<UndoneBlocks> {
  const { stateDir, responses } = settings;
  const path = join(stateDir, "portreeve.db");
  if (!existsSync(path)) return { undone: 0, left: [] };
  // Another Portreeve that is at work on the same state ends its blocks itself.
  const lock = lockStateFolder(stateDir, dirname(settings.controlSocket));
  const left: string[] = [];
  const store = openStore(
    path,
    Date.now,
    { maxEvents: settings.maxEvents },
    {
      onTrouble: (message) => left.push(message),
      onRecovered: () => undefined,
    },
  );
  const runner = new CommandRunner();
  const file = new HostsDeny(responses.hostsDenyFile);
  const responder = new Responder({ settings: responses, runner, openHostsDeny: () => file });
  try {
    const nowMs = () => performance.now();
    const found = await undoStored(store.loadBlocks(), { settings, responder, deadlineMs: nowMs() + MOST_MS, nowMs });
    await file.leave().catch((error: unknown) => left.push(messageOf(error)));
    return { undone: found.undone, left: [...left, ...found.left] };
  } finally {
    await responder.close();
    store.close();
    lock.close();
  }
}
