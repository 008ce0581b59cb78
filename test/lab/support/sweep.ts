// What many found addresses together can tell of a host's ports: all of them ask every port, and the figures of each kind
// of port are held against those of the plain closed ones. Some are open, some only tolerated, lately open or not watched.
import { z } from "zod";
import { type Family, LINK, type Source, source, TARGET } from "./addresses.ts";
import { ACCIDENT, chanceOf } from "./chance.ts";
import { Daemon } from "./daemon.ts";
import { run } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { syn } from "./packets.ts";
import { sendPackets } from "./raw.ts";
import { type Settings, shipped } from "./settings.ts";
import { program, serve } from "./traffic.ts";
import { waitUntil } from "./wait.ts";

const FIRST = 3_000;
/** Closed ports by which the addresses are found, not among those that are swept. */
const GIVE_AWAY = [61_001, 61_002, 61_003, 61_004] as const;
/** Fewer a second than MAX_UNPROVEN_PER_SECOND. */
const FOUND_PER_SECOND = 20;

export type Sort =
  | "closed"
  | "open"
  | "open, tolerated"
  | "tolerated"
  | "lately open"
  | "not watched"
  | "open, not watched";
const rare: readonly Sort[] = [
  "open",
  "open, tolerated",
  "tolerated",
  "lately open",
  "not watched",
  "open, not watched",
];

export interface Host {
  readonly sorts: ReadonlyMap<number, Sort>;
  readonly daemon: Daemon;
}

export interface Sweep {
  readonly family: Family;
  readonly sources: readonly Source[];
  readonly perSecond: number;
  /** What is sent; SYNs unless told. */
  readonly flags?: number;
}

const drawnSchema = z.array(
  z.object({
    port: z.number(),
    rsts: z.number(),
    synAcks: z.number(),
    delayMs: z.number(),
    forms: z.array(z.string()),
  }),
);
export type Drawn = z.infer<typeof drawnSchema>[number];

export function sources(count: number, first = 1): readonly Source[] {
  return Array.from({ length: count }, (_, index) => source(first + index));
}

/** A host with `count` ports of which `each` are of every rare sort, spread evenly, and the daemon on it. */
export async function startHost(lab: Lab, how: { count: number; each: number; settings: Settings }): Promise<Host> {
  const { count, each, settings } = how;
  const sorts = new Map<number, Sort>();
  for (let port = FIRST; port < FIRST + count; port++) sorts.set(port, "closed");
  const step = Math.floor(count / (each * rare.length));
  for (let index = 0; index < each * rare.length; index++)
    sorts.set(FIRST + index * step + (index % step), rare[index % rare.length] ?? "closed");
  const those = (...wanted: readonly Sort[]) =>
    [...sorts].flatMap(([port, sort]) => (wanted.includes(sort) ? [port] : []));
  await serve(lab, lab.target, { tcp: those("open", "open, tolerated", "open, not watched") });
  const leaving = await serve(lab, lab.target, { tcp: those("lately open") });
  const unwatched = new Set(those("not watched", "open, not watched"));
  const daemon = await Daemon.start(lab, {
    ...shipped,
    PROOF: "on",
    TCP_MODE: "stcp",
    TCP_PORTS: [...ranges([...sorts.keys()].filter((port) => !unwatched.has(port))), ...GIVE_AWAY].join(","),
    TOLERATED_PORTS_TCP: those("tolerated", "open, tolerated").join(","),
    LATELY_OPEN: "1h",
    ...settings,
  });
  await leaving.stop();
  return { sorts, daemon };
}

/** Each address asks four closed ports, and is found scanning and softly blocked. */
export async function giveAway(lab: Lab, { daemon }: Host, { family, sources }: Sweep): Promise<void> {
  const packets = sources.flatMap((each) =>
    GIVE_AWAY.map((port) => syn({ from: each[family], to: TARGET[family], port })),
  );
  await sendPackets(lab, packets, { perSecond: FOUND_PER_SECOND * GIVE_AWAY.length });
  await waitUntil("all addresses are softly blocked", async () => {
    const soft = new Set((await daemon.blocked()).filter((each) => each.soft).map((each) => each.source));
    return sources.every((each) => soft.has(each.key[family]));
  });
}

/** What every port drew from all addresses together. */
export async function sweep(
  lab: Lab,
  { sorts }: Host,
  { family, sources, perSecond, flags }: Sweep,
): Promise<readonly Drawn[]> {
  const argv = program("sweep", {
    dev: LINK,
    mac: TARGET.mac,
    to: TARGET[family],
    from: sources.map((each) => each[family]).join(","),
    first: FIRST,
    count: sorts.size,
    rate: perSecond,
    flags,
  });
  const { code, stdout, stderr } = await run(lab.scanner.argv(argv), "", 600_000);
  if (code !== 0) throw new Error(`sweep.js: code ${code}\n${stderr}`);
  return drawnSchema.parse(JSON.parse(stdout));
}

export interface Difference {
  readonly sort: Sort;
  readonly figure: string;
  /** The probability that chance makes as much of a difference. */
  readonly chance: number;
}

const figures: readonly (readonly [string, (drawn: Drawn) => number])[] = [
  ["RSTs", ({ rsts }) => rsts],
  ["SYN+ACKs", ({ synAcks }) => synAcks],
  ["mean delay", ({ delayMs }) => delayMs],
  ["forms", ({ forms }) => forms.length],
];

/** Each rare sort against the plain closed ports, by each figure. */
export function differences(drawn: readonly Drawn[], { sorts }: Host): readonly Difference[] {
  const of = (sort: Sort) => drawn.filter(({ port }) => sorts.get(port) === sort);
  const closed = of("closed");
  return rare.flatMap((sort) =>
    figures.map(([figure, value]) => ({ sort, figure, chance: chanceOf(of(sort).map(value), closed.map(value)) })),
  );
}

/** Those that no chance explains. */
export function telling(all: readonly Difference[]): readonly string[] {
  return all.filter(({ chance }) => chance < ACCIDENT).map(describe);
}

export function describe({ sort, figure, chance }: Difference): string {
  return `${sort}: ${figure} as different from closed ports as chance makes them in one case of ${(1 / chance).toPrecision(2)}`;
}

/** "closed: 412 RSTs, 0 SYN+ACKs from 96 ports" for each sort. */
export function totals(drawn: readonly Drawn[], { sorts }: Host): readonly string[] {
  return (["closed", ...rare] as const).map((sort) => {
    const those = drawn.filter(({ port }) => sorts.get(port) === sort);
    const sum = (value: (drawn: Drawn) => number) => those.reduce((whole, each) => whole + value(each), 0);
    const forms = new Set(those.flatMap((each) => each.forms));
    const silent = those.filter(({ rsts, synAcks }) => rsts + synAcks === 0).length;
    return `${sort}: ${sum((each) => each.rsts)} RSTs, ${sum((each) => each.synAcks)} SYN+ACKs in ${forms.size} forms from ${those.length} ports, ${silent} of them silent`;
  });
}

/** As a configuration line has them, which may not be long. */
function ranges(ports: readonly number[]): readonly string[] {
  const found: { first: number; last: number }[] = [];
  for (const port of ports) {
    const open = found.at(-1);
    if (open?.last === port - 1) open.last = port;
    else found.push({ first: port, last: port });
  }
  return found.map(({ first, last }) => `${first}-${last}`);
}
