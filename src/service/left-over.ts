// What earlier runs have left, for `portreeve check`, which asks no daemon.

import { readLeftRules } from "../enforce/left-rules.ts";
import { describeLeft } from "../enforce/rule-undo.ts";

/** The rules that stay after their blocks, in a sentence; "" for none, or where STATE_DIR may not be read. */
export function describeLeftOver(stateDir: string): string {
  try {
    const left = readLeftRules(stateDir);
    const last = left.at(-1);
    return last === undefined ? "" : `STATE_DIR: ${describeLeft(left.length, last)}`;
  } catch {
    // The daemon says why at its start.
    return "";
  }
}
