// `portreeve import`: blocks a list of sources, a part at a time, so that the daemon's other work gets its turn between two of
// them. What must not be blocked is left out, and the rest is blocked. The log has one line for all of a list.
import { plural } from "../base/plural.ts";
import type { Imported, ImportRequest, NotImported, Reply } from "../control/api.ts";
import { readTarget, refuse } from "../control/target.ts";
import type { Daemon } from "../daemon/daemon.ts";
import type { Prefix } from "../wire/address.ts";
import { hindranceOf } from "./block-by-hand.ts";

/** What a source of a list is blocked for where nobody has said why. */
const NO_REASON = "imported";
/** A list of which no part has come for so long was left off. */
const LEFT_OFF_MS = 10_000;

type Totals = { -readonly [K in "added" | "merged" | "skipped" | "refused"]: number };
type Answering = Pick<Daemon, "inForce" | "judge" | "recorder"> & {
  readonly blocker: Pick<Daemon["blocker"], "lists" | "list">;
};

/** Later calls `task` unless it is stopped before. */
export type Later = (task: () => void, afterMs: number) => { stop(): void };

const timer: Later = (task, afterMs) => {
  const running = setTimeout(task, afterMs).unref();
  return { stop: () => clearTimeout(running) };
};

export function createImport(daemon: Answering, later: Later = timer): (request: ImportRequest) => Reply<Imported> {
  let totals: Totals | undefined;
  let leftOff: ReturnType<Later> | undefined;
  const tell = (end: string) => {
    if (totals === undefined) return;
    const { added, merged, skipped, refused } = totals;
    totals = undefined;
    daemon.recorder.notice(
      `${end}: ${plural(added, "source")} blocked, ${merged} for longer than before, ${skipped} blocked already, ${refused} refused`,
    );
  };
  return (request) => {
    const reply = importPart(daemon, request);
    if (!("ok" in reply) || request.isDryRun === true) return reply;
    leftOff?.stop();
    totals = sum(totals, reply.ok);
    if (request.isLast === true) tell("a list was imported");
    else leftOff = later(() => tell("the import of a list was left off"), LEFT_OFF_MS);
    return reply;
  };
}

function sum(before: Totals | undefined, { added, merged, skipped, refused }: Imported): Totals {
  const { added: a = 0, merged: m = 0, skipped: s = 0, refused: r = 0 } = before ?? {};
  return { added: a + added, merged: m + merged, skipped: s + skipped, refused: r + refused.length };
}

function importPart(daemon: Answering, request: ImportRequest): Reply<Imported> {
  if (!daemon.inForce.enforces)
    return refuse("no-firewall", 'FIREWALL is "none", so nothing here can block; set FIREWALL to "auto" or "nftables"');
  const refused: NotImported[] = [];
  const wanted: Prefix[] = [];
  const places: number[] = [];
  for (const [index, text] of request.sources.entries()) {
    const parsed = readTarget(text);
    const code = "refused" in parsed ? parsed.refused.code : hindranceOf(parsed.ok, request, daemon);
    if (code !== undefined) refused.push({ index, code });
    else if ("ok" in parsed) {
      wanted.push(parsed.ok);
      places.push(index);
    }
  }
  const counts = { added: 0, merged: 0, skipped: 0 };
  const { forMs, reason = NO_REASON, isDryRun = false } = request;
  for (const [at, outcome] of daemon.blocker.lists.take(wanted, { forMs, reason, isDryRun }).entries()) {
    if (outcome !== "full" && outcome !== "kernel") counts[outcome]++;
    else refused.push({ index: places[at] ?? 0, code: outcome });
  }
  return { ok: { ...counts, refused } };
}
