// `portreeve unblock`: lifts what is listed, takes out what only the kernel holds, and looks again before it says so.
import { setImmediate as nextTurn } from "node:timers/promises";
import { plural } from "../base/plural.ts";
import type { Refusal, Reply } from "../control/api.ts";
import { readTarget, refuse } from "../control/target.ts";
import type { Daemon } from "../daemon/daemon.ts";
import { slices } from "../enforce/slices.ts";
import type { Block } from "../judge/block.ts";
import { describeReason } from "../record/finding-text.ts";
import type { Held } from "../table/held-elements.ts";
import { formatPrefix, type Prefix, prefixContains } from "../wire/address.ts";

/** Sources that are named in one message. */
const NAMED = 5;
/** Among so many blocks those that only the kernel holds are named too when all are lifted. */
const READ_WHOLE = 10_000;
const LIFTED_AT_ONCE = 10_000;

type Refused = { readonly refused: Refusal };
type Network = Pick<Block, "source" | "untilMs">;

/** So long a client waits for the commands that undo rules; they go on after that. */
const WAIT_FOR_COMMANDS_MS = 20_000;

export async function unblockByHand(daemon: Daemon, target: string): Promise<Reply<readonly string[]>> {
  if (target === "all") return unblockAll(daemon);
  const parsed = readTarget(target);
  if ("refused" in parsed) return parsed;
  const source = parsed.ok;
  const listed = listedFor(daemon, source);
  const before = daemon.blocker.rules.leftIn(source);
  const failures = daemon.blocker.lift(listed, "by hand");
  for (const { block } of before) void daemon.blocker.rules.undo(block, "by hand");
  const unlisted = await takeOutUnlisted(daemon, source);
  for (const block of listed) daemon.sources.release(block.source);
  daemon.sources.release(source);
  daemon.sources.releaseNetworks(source);
  if (failures.length > 0) return refuse("kernel", `not lifted: ${failures.slice(0, NAMED).join("; ")}`);
  const ended = [...listed, ...before.map(({ block }) => block)].map((block) => block.source);
  const stays = await tellRules(daemon, ended);
  if (stays !== undefined) return stays;
  const lifted = [...new Set([...ended.map(formatPrefix), ...unlisted])];
  const name = formatPrefix(source);
  const [around, ...more] = daemon.blocker.list.containing(source);
  if (around !== undefined) return refuse("covered", coveredMessage(name, lifted, [around, ...more]));
  const left = daemon.inForce.enforces
    ? namesOf(unlistedSingles(daemon, source), unlistedNetworks(daemon, source).hit)
    : [];
  if (left.length > 0) return refuse("kernel", `${name}: the kernel still holds ${left.slice(0, NAMED).join(", ")}`);
  return lifted.length > 0 ? { ok: lifted } : refuse("no-such-block", `${name} is not blocked`);
}

/** `portreeve unblock --rule-gone`: an administrator has taken out by hand what no command of ours could undo. */
export function forgetRules({ blocker: { rules }, recorder }: Daemon, target: string): Reply<readonly string[]> {
  const parsed = target === "all" ? undefined : readTarget(target);
  if (parsed !== undefined && "refused" in parsed) return parsed;
  const gone = parsed === undefined ? rules.left : rules.leftIn(parsed.ok);
  if (gone.length === 0)
    return refuse(
      "no-such-block",
      `no rule ${parsed === undefined ? "" : `of ${formatPrefix(parsed.ok)} `}is known to stay`,
    );
  for (const { block } of gone) {
    rules.forget(block.source);
    recorder.unblocked(block.source, "its rule was taken out by hand");
  }
  return { ok: gone.map(({ block }) => formatPrefix(block.source)) };
}

/** The blocks inside; and that of the /64 that an IPv6 address is counted by. */
function listedFor(daemon: Daemon, source: Prefix): Block[] {
  const { list } = daemon.blocker;
  const key = daemon.sources.keyOf(source);
  const ofKey = key === source ? undefined : list.get(key);
  return [...list.inside(source), ...(ofKey === undefined ? [] : [ofKey])];
}

function coveredMessage(name: string, lifted: readonly string[], around: readonly [Block, ...Block[]]): string {
  const blocks = around
    .slice(0, NAMED)
    .map(({ source, reason }) => `${formatPrefix(source)} (${describeReason(reason)})`);
  const remedy = `"portreeve unblock ${formatPrefix(around[0].source)}"`;
  const done = lifted.length === 0 ? "" : `lifted ${lifted.slice(0, NAMED).join(", ")}, but `;
  return `${done}${name} is blocked as part of ${blocks.join(" and of ")}: lift that with ${remedy}`;
}

/** Returns what has been taken out. Other networks that nobody lists are listed: writing the sets would end them. */
async function takeOutUnlisted(daemon: Daemon, source: Prefix): Promise<string[]> {
  const { firewall, blocker } = daemon;
  if (!daemon.inForce.enforces || firewall === undefined) return [];
  const inside = isSingle(source) ? [] : await firewall.held.inside(source, () => nextTurn());
  const singles = [...inside.filter((held) => !isListed(daemon, held)), ...unlistedSingles(daemon, source)];
  if (singles.length > 0) firewall.held.remove(singles);
  const { hit, others } = unlistedNetworks(daemon, source);
  if (hit.length > 0 && others.length > 0) blocker.adopt([], others, "found in the kernel");
  if (hit.length > 0) firewall.rewriteNetworks(daemon.clock.nowMs());
  return namesOf(singles, hit);
}

function isSingle({ bits }: Prefix): boolean {
  return bits === 128;
}

function unlistedSingles(daemon: Daemon, source: Prefix): Held[] {
  return (daemon.firewall?.held.of(source) ?? []).filter((held) => !isListed(daemon, held));
}

function isListed({ blocker }: Daemon, { source, soft }: Held): boolean {
  return source !== undefined && blocker.list.get(source)?.soft === soft;
}

/** Networks that the kernel holds and nobody lists: those that hold or touch the source, and others. */
function unlistedNetworks(daemon: Daemon, source: Prefix): { readonly hit: Network[]; readonly others: Network[] } {
  const { firewall } = daemon;
  // Most often nothing is there, and a million blocks need not be read to know that.
  const isAny = !isSingle(source) || firewall?.foreignNetworksAround(source, daemon.clock.nowMs()).length !== 0;
  const foreign = (isAny ? firewall?.auditNetworks(daemon.clock.nowMs()).foreign : undefined) ?? [];
  const isHit = (one: Network) => prefixContains(one.source, source) || prefixContains(source, one.source);
  return { hit: foreign.filter(isHit), others: foreign.filter((one) => !isHit(one)) };
}

function namesOf(singles: readonly Held[], networks: readonly Network[]): string[] {
  const sources = [...singles, ...networks].flatMap((one) => (one.source === undefined ? [] : [one.source]));
  return [...new Set(sources.map(formatPrefix))];
}

/** In slices, for there may be a million; a block that the kernel will not give up does not keep the others. */
async function unblockAll(daemon: Daemon): Promise<Reply<readonly string[]>> {
  const { blocker, firewall } = daemon;
  const before = blocker.rules.left.map(({ block }) => block);
  for (const block of before) void blocker.rules.undo(block, "all");
  const isShort = daemon.inForce.enforces && blocker.list.size <= READ_WHOLE;
  const unlisted = isShort ? (firewall?.held.read() ?? []).filter((held) => !isListed(daemon, held)) : [];
  const networks = isShort ? (firewall?.auditNetworks(daemon.clock.nowMs()).foreign ?? []) : [];
  const lifted: string[] = [];
  const failures: string[] = [];
  for (const slice of slices(blocker.list.values(), LIFTED_AT_ONCE)) {
    failures.push(...blocker.lift(slice, "all"));
    for (const { source } of slice) {
      daemon.sources.release(source);
      lifted.push(formatPrefix(source));
    }
  }
  firewall?.emptyBlockSets();
  if (failures.length > 0) return refuse("kernel", `not lifted: ${failures.slice(0, NAMED).join("; ")}`);
  const left = firewall?.countBlocked() ?? 0;
  if (left > 0) return refuse("kernel", `the kernel still holds ${left} elements in its sets of blocks`);
  const stays = await tellRules(daemon);
  if (stays !== undefined) return stays;
  return {
    ok: [...new Set([...before.map(({ source }) => formatPrefix(source)), ...lifted, ...namesOf(unlisted, networks)])],
  };
}

/** Waits for the commands that undo the rules of these sources, or of all; what stays, or is not done yet, is told. */
async function tellRules({ blocker: { rules } }: Daemon, sources?: readonly Prefix[]): Promise<Refused | undefined> {
  const isDone = await inTime(rules.ended(sources), WAIT_FOR_COMMANDS_MS);
  if (!isDone)
    return refuse(
      "rule-stays",
      `${plural(rules.pending, "rule is", "rules are")} still being undone: see "portreeve status"`,
    );
  const stays = sources === undefined ? rules.left : sources.flatMap((source) => rules.leftIn(source));
  const [first] = stays;
  if (first === undefined) return undefined;
  const named = stays.slice(0, NAMED).map(({ block, failure }) => `${formatPrefix(block.source)}: ${failure}`);
  const more = stays.length > NAMED ? `; and ${stays.length - NAMED} more` : "";
  return refuse(
    "rule-stays",
    `not unblocked, because a rule stays that a command has made: ${named.join("; ")}${more}; when you have taken it out by hand, say so: ` +
      `portreeve unblock ${stays.length > 1 ? "--all" : formatPrefix(first.block.source)} --rule-gone`,
  );
}

async function inTime(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
