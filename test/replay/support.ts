// A capture of the corpus through the replay, as `portreeve replay FILE --home ...` does it.
import { type Replayed, replay } from "../../src/replay/replay.ts";
import type { ScannerReport } from "../../src/replay/report.ts";
import { type ReplayChoices, readReplaySettings } from "../../src/replay/settings.ts";
import type { Capture } from "../support/corpus.ts";

export async function replayed(capture: Capture, choices: ReplayChoices = {}): Promise<Replayed> {
  const settings = readReplaySettings({ home: capture.expected.homes, ...choices }, (warning) => {
    throw new Error(warning);
  });
  // The corpus is small, and memory for a million contacts takes time to make.
  const limits = { maxContacts: 4_096, maxSources: 1_024 };
  const hooks = { progress: () => undefined, explain: () => undefined };
  return await replay(capture.file, { ...settings, limits }, hooks);
}

/** IPv6 sources beyond our networks are told by /64. */
export function found(reports: ReadonlyMap<string, ScannerReport>, source: string): ScannerReport | undefined {
  const exact = reports.get(source);
  if (exact !== undefined || !source.includes(":")) return exact;
  const [network = ""] = source.split("::");
  return reports.get(`${network}::/64`);
}
