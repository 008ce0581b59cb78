// Portreeve leaves a host: called when the package is removed, after the daemon has stopped (packaging/leave.mjs).
import { readFileSync } from "node:fs";
import { plural } from "../base/plural.ts";
import { loadSettings } from "../config/load.ts";
import { readServiceModes } from "../config/service-modes.ts";
import type { Settings } from "../config/settings.ts";
import { formatPrefix } from "../wire/address.ts";
import { readLeftRules } from "./left-rules.ts";
import { withStoppedState } from "./stopped-state.ts";

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

async function undoAll(settings: Settings): Promise<{ readonly undone: number; readonly left: readonly string[] }> {
  const troubles: string[] = [];
  const found = await withStoppedState(
    settings,
    (message) => troubles.push(message),
    async ({ undo, leaveHostsDeny }) => {
      const { undone, left } = await undo();
      const earlier = readLeftRules(settings.stateDir);
      const fault = await leaveHostsDeny();
      const named = [...earlier, ...left].map(({ block, failure }) => `${formatPrefix(block.source)}: ${failure}`);
      return { undone, left: [...troubles, ...named, ...(fault === "" ? [] : [fault])] };
    },
  );
  return found ?? { undone: 0, left: [] };
}
