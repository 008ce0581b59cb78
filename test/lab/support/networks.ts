// Random blocks and unblocks of addresses and networks that touch, overlap and lie in one another, on the real daemon, with
// kill -9, restarts, ends and other programs' commands in between. After each step what is listed is what the kernel holds,
// what is answered, and nothing came or went that the step did not mean.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { BlockedEntry } from "../../../src/control/api.ts";
import { KernelError } from "../../../src/kernel/errors.ts";
import { NfTables } from "../../../src/kernel/nf-tables.ts";
import { formatPrefix, isIpv4, type Prefix, parsePrefix, prefixContains } from "../../../src/wire/address.ts";
import { prefix } from "../../support/prefix.ts";
import { DaemonHere } from "./daemon-here.ts";
import { mustDo } from "./own-namespace.ts";
import { waitUntil } from "./wait.ts";

/** A link of ours: its addresses count one by one. */
const NEAR = "2001:db8:a::/64";
/** What ends so soon, the one may have ended and the other not yet. */
const ENDING_MS = 3_000;
const SETTLE_MS = 30_000;
/** More would make each look at all of them slow. */
const MANY = 120;

/** xorshift32: the same seed, the same steps. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed || 1;
  }
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}

type Entries = ReadonlyMap<string, BlockedEntry>;

/** An address or a network of a world that is small enough for them to meet. */
function randomSource(random: Random): Prefix {
  const kind = random.below(10);
  if (kind < 6) {
    const bits = random.pick([24, 25, 26, 27, 28, 28, 29, 30, 31, 32, 32, 32]);
    return prefix(`203.0.${random.pick([113, 113, 113, 112])}.${random.below(256)}/${bits}`);
  }
  if (kind < 9) {
    const bits = random.pick([48, 52, 56, 56, 60, 64, 64, 64, 72, 128]);
    const subnet = (random.below(4) << 12) | (random.below(3) << 8) | random.below(8);
    return prefix(`2001:db8:b:${subnet.toString(16)}::${random.pick(["", "1", "2"])}/${bits}`);
  }
  // Not the network of ::1, which is this host.
  return prefix(
    `2001:db8:a:0:1::f${random.below(16).toString(16)}0${random.below(16).toString(16)}/${random.pick([112, 120, 124, 128])}`,
  );
}

/** Takes so many random steps, by PORTREEVE_TEST_SEED or a seed of its own. */
export async function tryNetworks(t: TestContext, steps: number): Promise<void> {
  const seed = Number(process.env.PORTREEVE_TEST_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`PORTREEVE_TEST_SEED=${seed}`);
  const trial = new NetworkTrial(seed);
  t.after(() => trial.close());
  await trial.start();
  for (let step = 1; step <= steps; step++) {
    await trial.step();
    if (step % 5_000 === 0 || step === steps) t.diagnostic(`${step} steps: ${JSON.stringify(trial.counts)}`);
  }
}

export class NetworkTrial {
  readonly counts: Record<string, number> = {};
  readonly #daemon = new DaemonHere();
  readonly #tables = new NfTables("portreeve");
  readonly #random: Random;
  readonly #steps: string[] = [];
  #listed: Entries = new Map();

  constructor(seed: number) {
    this.#random = new Random(seed);
    mustDo("ip", "link", "set", "lo", "up");
    mustDo("ip", "link", "add", "near0", "type", "veth", "peer", "name", "near1");
    for (const link of ["near0", "near1"]) mustDo("ip", "link", "set", link, "up");
    mustDo("ip", "addr", "add", `${NEAR.replace("/64", "1/64")}`, "dev", "near0", "nodad");
  }

  start(): Promise<void> {
    return this.#daemon.start(SETTLE_MS);
  }

  async close(): Promise<void> {
    this.#tables.close();
    await this.#daemon.close();
  }

  /** One random step, and a look at everything after it. Rejects with what led to a failure. */
  async step(): Promise<void> {
    try {
      await this.#oneStep();
    } catch (error) {
      const listed = [...this.#listed.values()].map(({ source, until, soft }) => `${source} ${until} ${soft}`);
      const told = [
        "last steps:",
        ...this.#steps.slice(-25),
        "listed before:",
        ...listed,
        this.#daemon.log.slice(-3_000),
      ];
      throw new Error(`${String(error)}\n${told.join("\n")}`, { cause: error });
    }
  }

  async #oneStep(): Promise<void> {
    const random = this.#random;
    const choice = random.below(1_000);
    if (this.#listed.size > MANY) await this.#unblock("203.0.113.0/24");
    if (choice < 430) await this.#block();
    else if (choice < 760) await this.#unblock(this.#anySource());
    else if (choice < 890) await this.#why();
    else if (choice < 985) await this.#foreign();
    else if (choice < 990) await this.#unblock("all");
    else if (choice < 993) await this.#restart();
    else await this.#kill();
  }

  /** One that is listed, something near it, or any. */
  #anySource(): string {
    const listed = [...this.#listed.keys()];
    const one = listed[this.#random.below(listed.length || 1)];
    return one !== undefined && this.#random.below(3) > 0 ? one : formatPrefix(randomSource(this.#random));
  }

  async #block(): Promise<void> {
    const source = formatPrefix(randomSource(this.#random));
    const forMs = this.#random.pick([0, 2_000, 5_000, 60_000, 600_000, 3_600_000, 86_400_000]);
    const force = this.#random.below(4) === 0;
    const reason = `reason ${this.#steps.length}`;
    this.#note(`block ${source} --for ${forMs}ms${force ? " --force" : ""}`);
    const before = this.#listed.get(source);
    const reply = await this.#daemon.client.ask("block", { source, forMs, reason, ...(force && { force }) });
    if ("ok" in reply) {
      assert.ok(reply.ok.enforced && reply.ok.source === source && reply.ok.reason.includes(reason));
      const after = await this.#check([source], []);
      if (forMs > ENDING_MS) assert.ok(after.has(source), `${source} is not listed`);
      if (before !== undefined && !before.soft && !force) assert.ok(leftMs(reply.ok) >= leftMs(before) - ENDING_MS);
      return;
    }
    assert.equal(reply.refused.code, "longer", reply.refused.message);
    assert.ok(before !== undefined && !force && leftMs(before) > forMs - ENDING_MS);
    await this.#check([], []);
  }

  async #unblock(target: string): Promise<void> {
    this.#note(`unblock ${target}`);
    const before = this.#listed;
    const reply = await this.#daemon.client.ask("unblock", { target });
    if (target === "all") {
      assert.ok("ok" in reply, JSON.stringify(reply));
      assert.equal((await this.#check([], [...before.keys()])).size, 0);
      return;
    }
    const source = prefix(target);
    const meant = [...before.keys()].filter((each) => prefixContains(source, prefix(each)) || isKeyOf(each, source));
    const after = await this.#check([], meant);
    const around = [...after.keys()].filter((each) => prefixContains(prefix(each), source));
    if ("ok" in reply) {
      assert.ok(reply.ok.unblocked.length > 0);
      assert.deepEqual(around, []);
      assert.ok(meant.every((each) => !after.has(each)));
      assert.doesNotMatch((await this.#explain(target)).state, /blocked/);
      return;
    }
    const { code, message } = reply.refused;
    if (code === "covered") {
      // A network that covers the source may have ended between the answer and the look at the list.
      const aroundBefore = [...before.keys()].filter((each) => prefixContains(prefix(each), source));
      assert.ok(
        [...around, ...aroundBefore].some((each) => message.includes(each)),
        `${message}\n${around.join()}`,
      );
      assert.ok(meant.every((each) => !after.has(each)));
    } else {
      assert.equal(code, "no-such-block", message);
      const stayed = meant.filter((each) => leftMs(before.get(each)) > ENDING_MS);
      assert.deepEqual([...stayed, ...around.filter((each) => leftMs(after.get(each)) > ENDING_MS)], []);
    }
  }

  async #explain(source: string) {
    const reply = await this.#daemon.client.ask("why", { source });
    assert.ok("ok" in reply, JSON.stringify(reply));
    return reply.ok;
  }

  async #why(): Promise<void> {
    const asked = { ...prefix(this.#anySource()), bits: 128 };
    const source = formatPrefix(asked);
    this.#note(`why ${source}`);
    const { state, because, block } = await this.#explain(source);
    const around = [...this.#listed.values()].filter(
      (entry) => leftMs(entry) > ENDING_MS && prefixContains(prefix(entry.source), asked),
    );
    const full = around.filter(({ soft }) => !soft);
    if (full.length > 0) assert.equal(state, "blocked");
    else if (around.length > 0) assert.match(state, /blocked/);
    else if (block === undefined) assert.doesNotMatch(state, /blocked/);
    if (around.length > 0) {
      assert.ok(block !== undefined);
      // One that is about to end may be gone from the kernel already, or by a foreign hand that was not noticed yet.
      assert.ok(block.enforced || leftMs(block) <= ENDING_MS);
    }
    for (const entry of around)
      if (entry.source !== source && !isKeyOf(entry.source, asked))
        assert.ok(because.some((text) => text.includes(entry.source) && text.includes(entry.reason)));
    await this.#check([], []);
  }

  /** What an administrator or another program does to our table. */
  async #foreign(): Promise<void> {
    const random = this.#random;
    const set = random.pick(["blocked4", "blocked6", "blockednet4", "blockednet6", "soft4", "soft6"]);
    const what = random.below(100);
    if (what < 4) return this.#nft(random.pick(["flush ruleset", "delete table inet portreeve"]), [], []);
    if (what < 8) return this.#nft("flush chain inet portreeve shield", [], []);
    if (what < 25) {
      const inSet = this.#inSet(set);
      // One, with those in it, is an unblock; several are put back.
      const staying = inSet.filter((one) => leftMs(this.#listed.get(one)) > ENDING_MS);
      const isOne = (among: readonly string[]) =>
        among.filter((one) => !among.some((other) => other !== one && contains(other, one))).length <= 1;
      // A network that is about to end may hold all the others, or be over.
      return this.#nft(`flush set inet portreeve ${set}`, [], isOne(staying) || isOne(inSet) ? inSet : []);
    }
    const family = set.endsWith("4");
    const time = random.pick(["", " timeout 1h", " timeout 20s"]);
    if (what < 60) {
      const source = randomSource(random);
      const wanted = set.startsWith("blockednet") ? source : { ...source, bits: 128 };
      if (isIpv4(source) !== family) return;
      const text = formatPrefix(wanted);
      return this.#nft(`add element inet portreeve ${set} { ${text}${time} }`, [wanted], [text, `${text}/64`]);
    }
    const inKernel = set.startsWith("blockednet") ? this.#intervals(set) : this.#keys(set);
    const element = inKernel[random.below(inKernel.length || 1)];
    if (element === undefined) return;
    const gone = this.#inSet(set).filter((each) => element.prefixes.some((part) => prefixContains(part, prefix(each))));
    return this.#nft(`delete element inet portreeve ${set} { ${element.text} }`, [], gone);
  }

  /** Runs it; nft may refuse (an interval that overlaps, an element that is gone), which changes nothing. */
  async #nft(command: string, mayCome: readonly Prefix[], mayGo: readonly string[]): Promise<void> {
    this.#note(`nft ${command}`);
    const { status } = spawnSync("nft", [command]);
    const come = (source: string) => mayCome.some((each) => isWithin(prefix(source), each));
    await this.#check(status === 0 ? come : [], status === 0 ? mayGo : []);
  }

  #inSet(set: string): string[] {
    return [...this.#listed.values()].filter((entry) => setOf(entry) === set).map(({ source }) => source);
  }

  #keys(set: string): { readonly text: string; readonly prefixes: readonly Prefix[] }[] {
    const keys: Prefix[] = [];
    this.#visit(set, (key) => keys.push(prefixOfKey(key)));
    return keys.map((key) => ({ text: formatPrefix(key), prefixes: isIpv4(key) ? [key] : [key, slash64(key)] }));
  }

  #intervals(set: string): { readonly text: string; readonly prefixes: readonly Prefix[] }[] {
    return this.#readIntervals(set).flatMap(({ first, end }) => {
      const width = set.endsWith("4") ? 32 : 128;
      const hostBits = (end - first).toString(2).length - 1;
      // Those that are one network: nft takes them by its name.
      if (end - first !== 1n << BigInt(hostBits)) return [];
      const network = parsePrefix(`${formatPrefix(prefixOfNumber(first, width))}/${width - hostBits}`);
      return network === undefined ? [] : [{ text: formatPrefix(network), prefixes: [network] }];
    });
  }

  async #restart(): Promise<void> {
    this.#note("restart");
    await this.#daemon.end("SIGTERM");
    await this.start();
    await this.#check([], []);
  }

  /** In the middle of a request, which may have been done, or not, or be found in the kernel. */
  async #kill(): Promise<void> {
    const source = this.#anySource();
    const forMs = this.#random.pick([0, 600_000, 3_600_000]);
    const isBlock = this.#random.below(2) === 0;
    this.#note(`kill during ${isBlock ? "block" : "unblock"} ${source}`);
    const asked = isBlock
      ? this.#daemon.client.ask("block", { source, forMs, force: true })
      : this.#daemon.client.ask("unblock", { target: source });
    const answered = asked.catch(() => undefined);
    await delay(this.#random.below(8));
    await this.#daemon.end("SIGKILL");
    await answered;
    await this.start();
    const within = (each: string) => isWithin(prefix(each), prefix(source)) || isKeyOf(each, prefix(source));
    await this.#check(within, isBlock ? [source] : [...this.#listed.keys()].filter(within));
  }

  /**
   * Waits until list and kernel are one, and compares the list with the one before: only `come` may have come or been made
   * anew, only `go` may have gone, and what has ended.
   */
  async #check(come: readonly string[] | ((source: string) => boolean), go: readonly string[]): Promise<Entries> {
    const before = this.#listed;
    let after: Entries = new Map();
    let differences = ["not looked"];
    const isOne = async () => {
      after = await this.#readList();
      differences = this.#compare(after);
      return differences.length === 0;
    };
    await waitUntil("list and kernel are one", isOne, SETTLE_MS).catch((error: unknown) => {
      throw new Error(differences.slice(0, 10).join("\n"), { cause: error });
    });
    const mayCome = typeof come === "function" ? come : (source: string) => come.includes(source);
    const came = [...after.keys()].filter((source) => !before.has(source) && !mayCome(source));
    assert.deepEqual(came, [], "came without being asked for");
    const went = [...before.values()].filter((entry) => !after.has(entry.source) && leftMs(entry) > ENDING_MS);
    const unasked = went.map(({ source }) => source).filter((source) => !go.includes(source));
    assert.deepEqual(unasked, [], "went without being asked for");
    this.#listed = after;
    return after;
  }

  async #readList(): Promise<Entries> {
    const entries = new Map<string, BlockedEntry>();
    for await (const entry of this.#daemon.client.entries("blocked", {})) {
      assert.ok(entry.enforced, `${entry.source} is not enforced`);
      entries.set(entry.source, entry);
    }
    return entries;
  }

  /** What the list and the kernel's sets do not agree on, in words. */
  #compare(listed: Entries): string[] {
    const found: string[] = [];
    const judge = (where: string, inList: number, inKernel: number) => {
      if (Math.max(inList, inKernel) <= ENDING_MS) return;
      if (inList === 0) found.push(`${where}: the kernel holds it for ${inKernel} ms, the list does not`);
      else if (inKernel === 0) found.push(`${where}: listed for ${inList} ms, the kernel does not hold it`);
      else if (inList !== inKernel && Math.abs(inList - inKernel) > ENDING_MS)
        found.push(`${where}: listed for ${inList} ms, in the kernel for ${inKernel} ms`);
    };
    for (const set of ["blocked4", "blocked6", "soft4", "soft6"]) {
      const kernel = new Map<string, number>();
      this.#visit(set, (key, expiresInMs) => {
        kernel.set(formatPrefix(prefixOfKey(key)), expiresInMs ?? Number.POSITIVE_INFINITY);
      });
      const inSet = new Map(
        [...listed.values()]
          .filter((entry) => setOf(entry) === set)
          .map((entry) => [formatPrefix({ ...prefix(entry.source), bits: 128 }), leftMs(entry)] as const),
      );
      for (const key of new Set([...kernel.keys(), ...inSet.keys()]))
        judge(`${set} ${key}`, inSet.get(key) ?? 0, kernel.get(key) ?? 0);
    }
    for (const set of ["blockednet4", "blockednet6"]) {
      const width = set.endsWith("4") ? 32 : 128;
      const kernel = this.#readIntervals(set);
      const networks = [...listed.values()]
        .filter((entry) => setOf(entry) === set)
        .map((entry) => {
          const source = prefix(entry.source);
          const first = numberOf(source);
          return { first, end: first + (1n << BigInt(128 - source.bits)), leftMs: leftMs(entry) };
        });
      // Between two neighbouring bounds all addresses are alike.
      const bounds = [...kernel, ...networks].flatMap(({ first, end }) => [first, end, first - 1n]);
      for (const at of new Set(bounds)) {
        if (at < 0n || at >> BigInt(width) > 0n) continue;
        const longest = (among: readonly { first: bigint; end: bigint; leftMs: number }[]) =>
          Math.max(0, ...among.filter(({ first, end }) => first <= at && at < end).map((one) => one.leftMs));
        judge(`${set} ${formatPrefix(prefixOfNumber(at, width))}`, longest(networks), longest(kernel));
      }
    }
    return found;
  }

  #visit(set: string, visit: (key: Buffer, expiresInMs: number | undefined, isEnd?: boolean) => void): void {
    try {
      this.#tables.visitElements(set, visit);
    } catch (error) {
      // The table is gone for the moment.
      if (!(error instanceof KernelError && error.code === "ENOENT")) throw error;
    }
  }

  #readIntervals(set: string): { first: bigint; end: bigint; leftMs: number }[] {
    const starts: { at: bigint; leftMs: number }[] = [];
    const ends: bigint[] = [];
    this.#visit(set, (key, expiresInMs, isEnd) => {
      const at = BigInt(`0x${key.toString("hex")}`);
      if (isEnd === true) ends.push(at);
      else starts.push({ at, leftMs: expiresInMs ?? Number.POSITIVE_INFINITY });
    });
    const last = 1n << BigInt(set.endsWith("4") ? 32 : 128);
    const bounds = [...ends, ...starts.map(({ at }) => at), last].sort((a, b) => Number(a > b) - Number(a < b));
    return starts.map(({ at, leftMs: left }) => ({
      first: at,
      end: bounds.find((bound) => bound > at) ?? last,
      leftMs: left,
    }));
  }

  #note(step: string): void {
    this.#steps.push(`${this.#steps.length} ${step}`);
    const [kind = "", what = ""] = step.split(" ");
    const name = kind === "nft" ? `nft ${what}` : kind;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }
}

function leftMs(entry: BlockedEntry | undefined): number {
  if (entry === undefined) return 0;
  return entry.until === null ? Number.POSITIVE_INFINITY : Math.max(0, Date.parse(entry.until) - Date.now());
}

const near = prefix(NEAR);

/** Where docs/reference/kernel-table.md says that a block is. */
function setOf({ source: text, soft }: BlockedEntry): string {
  const source = prefix(text);
  const family = isIpv4(source) ? "4" : "6";
  const isNear = prefixContains(near, source);
  const hasHostPart = source.w2 !== 0 || source.w3 !== 0;
  const isPlain =
    source.bits === 128 ? isIpv4(source) || isNear || hasHostPart : source.bits === 64 && !isNear && family === "6";
  return isPlain ? `${soft ? "soft" : "blocked"}${family}` : `blockednet${family}`;
}

function prefixOfKey(key: Uint8Array): Prefix {
  return prefixOfNumber(BigInt(`0x${Buffer.from(key).toString("hex")}`), key.length * 8);
}

function prefixOfNumber(number: bigint, width: number): Prefix {
  const word = (shift: number) => Number((number >> BigInt(shift)) & 0xffffffffn);
  if (width === 32) return { w0: 0, w1: 0, w2: 0xffff, w3: word(0), bits: 128 };
  return { w0: word(96), w1: word(64), w2: word(32), w3: word(0), bits: 128 };
}

function numberOf(source: Prefix): bigint {
  const words = isIpv4(source) ? [source.w3] : [source.w0, source.w1, source.w2, source.w3];
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
}

function slash64({ w0, w1 }: Prefix): Prefix {
  return { w0, w1, w2: 0, w3: 0, bits: 64 };
}

/** Whether a block is the one that an IPv6 address beyond our links is counted by. */
function isKeyOf(block: string, source: Prefix): boolean {
  const one = prefix(block);
  return !isIpv4(one) && one.bits === 64 && source.bits === 128 && prefixContains(one, source);
}

/** A key without a host part is its /64. */
function isWithin(one: Prefix, wanted: Prefix): boolean {
  return prefixContains(wanted, one) || formatPrefix(one) === formatPrefix(slash64(wanted));
}

function contains(outer: string, inner: string): boolean {
  return prefixContains(prefix(outer), prefix(inner));
}
