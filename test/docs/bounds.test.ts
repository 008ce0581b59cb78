// The bounds and defaults that the pages state are the constants of src. One row a sentence: the page, what it says with
// its figures in groups, and the figures that are in force. A figure of a constant that its room keeps to itself is read
// from the source, by the file's name, so that a file may move.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { MAX_IGNORED } from "../../src/config/ignore-file.ts";
import { allKeys } from "../../src/config/keys.ts";
import { controlLimits } from "../../src/control/limits.ts";
import { IMPORT_BODY_BYTES, MAX_IMPORTED_SOURCES } from "../../src/control/requests.ts";
import { SCAN_PORTS } from "../../src/detect/outgoing/outgoing-scans.ts";
import { MAX_ELEMENTS, MAX_MEMBERS } from "../../src/detect/tap/cluster.ts";
import { DEFAULT_MAX_CONTACTS, DEFAULT_MAX_SOURCES } from "../../src/detect/tap/tap-rules.ts";
import { MAX_STANDING } from "../../src/enforce/standing-connections.ts";
import { MAX_GUESTS } from "../../src/host/bridged-guests.ts";
import { MAX_BLOCKS } from "../../src/host/memory-limit.ts";
import { MAX_SESSIONS } from "../../src/host/ssh-sessions.ts";
import { DEFAULT_OFFENCE_CAPACITY } from "../../src/judge/escalation.ts";
import { PROOF_BITS, silenceLimits, slowWindow } from "../../src/judge/proof/silence-test.ts";
import { MAX_WRITTEN } from "../../src/record/blocked-file.ts";
import { LOOKUP_MS } from "../../src/record/resolver.ts";
import { spanNames, spans } from "../../src/record/series/dimensions.ts";
import { COPY_BYTES, rates } from "../../src/table/log-rules.ts";
import { MAX_NETWORKS } from "../../src/table/network-blocks.ts";
import { outgoingRates } from "../../src/table/outgoing.ts";
import { outgoingSets } from "../../src/table/outgoing-sets.ts";
import { buildRuleset } from "../../src/table/ruleset.ts";
import { sets } from "../../src/table/sets.ts";
import { repositoryFolder } from "../support/repository.ts";
import { ordinaryPlan } from "../table/plan.ts";

const KERNEL = "docs/reference/kernel-table.md";
const BOUNDS = "docs/reference/bounds.md";
const GUARD = "docs/reference/guard.md";
const FAULTS = "docs/reference/faults.md";
const LIMITS = "docs/reference/known-limits.md";
const HOW = "docs/reference/how-it-works.md";
const DETECTION = "docs/reference/detection.md";
const EXEMPTIONS = "docs/security/exemptions.md";

const sources = readdirSync(repositoryFolder("src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ name: basename(path), text: readFileSync(repositoryFolder(`src/${path}`), "utf8") }));

/** "64 * 1024", "4 << 20", "1_048_576" */
function numberOf(expression: string): number {
  const [whole = "", shift] = expression.split("<<");
  const product = whole.split("*").reduce((result, factor) => result * Number(factor.replaceAll("_", "").trim()), 1);
  return shift === undefined ? product : product * 2 ** Number(shift);
}

/** The number that stands behind `before` in the one file of src that is called so and has it. */
function inSource(name: string, before: string | RegExp): number {
  const text = typeof before === "string" ? before : before.source;
  const pattern = new RegExp(`${text}([\\d_.]+(?: (?:\\*|<<) [\\d_.]+)*)`);
  const found = sources.filter((file) => file.name === name).flatMap((file) => pattern.exec(file.text)?.[1] ?? []);
  assert.equal(found.length, 1, `src has ${found.length} files ${name} with "${before}": mend this table`);
  return numberOf(found[0] ?? "");
}

/** Of one class of log lines: a second, the burst; in the long run a second, its burst. */
function lineLimits(about: string): readonly number[] {
  const four = /burst: (\S+), perSecond: (\S+), lasting: \{ burst: (\S+), perSecond: (\S+) \} \},\s+about: "([^"]+)"/g;
  const found = sources
    .filter(({ name }) => name === "journal.ts")
    .flatMap(({ text }) => [...text.matchAll(four)])
    .find((match) => match[5] === about);
  assert.ok(found !== undefined, `src has no lines about "${about}": mend this table`);
  const [, burst = "", perSecond = "", longBurst = "", longPerSecond = ""] = found;
  return [perSecond, burst, longPerSecond, longBurst].map(numberOf);
}

/** What the shipped file sets, or leaves at its default. */
function shipped(key: string): string {
  const found = allKeys.find(({ name }) => name === key);
  assert.ok(found !== undefined, `there is no key ${key}`);
  return found.shipped ?? found.absent;
}

function shippedNumber(key: string, unit = ""): number {
  const value = shipped(key);
  assert.ok(value.endsWith(unit), `${key} is "${value}", not in "${unit}"`);
  return Number(value.slice(0, value.length - unit.length));
}

const names: Readonly<Record<string, number>> = {
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  ten: 10,
  quarter: 0.25,
  twentieth: 0.05,
  hour: 1,
  week: 7,
  day: 1,
};

function figureOf(text: string): number {
  return names[text] ?? Number(text.replaceAll(",", ""));
}

interface Row {
  readonly page: string;
  /** Its groups are figures. */
  readonly says: RegExp;
  readonly are: () => readonly number[];
}

const rows: readonly Row[] = [
  // OUTGOING.
  {
    page: BOUNDS,
    says: /outgoing contacts told by the kernel \| ([\d,]+)\/s, burst ([\d,]+); refusals ([\d,]+)\/s/,
    are: () => [outgoingRates.asks, outgoingRates.asksBurst, outgoingRates.came],
  },
  {
    page: BOUNDS,
    says: /outgoing contacts that wait for an answer \| ([\d,]+), ([\d,]+) s each/,
    are: () => [
      inSource("outgoing-contacts.ts", "const MAX_OPEN = "),
      inSource("outgoing-contacts.ts", "const WAIT_MS = ") / 1_000,
    ],
  },
  {
    page: BOUNDS,
    says: /services and hosts that are asked \| ([\d,]+) newcomers and ([\d,]+) others/,
    are: () => [inSource("outgoing-scans.ts", "const NEWCOMERS = "), inSource("outgoing-scans.ts", "const KEPT = ")],
  },
  {
    page: BOUNDS,
    says: /outgoing scans at a time \| ([\d,]+)/,
    are: () => [inSource("outgoing-scans.ts", "const MAX_SCANS = ")],
  },
  {
    page: BOUNDS,
    says: /limited containers, limited users \| ([\d,]+) each/,
    are: () => [outgoingSets.outlimited.size],
  },
  {
    page: "docs/guides/outgoing-scans.md",
    says: /when ([\d,]+) different ones have failed \(refused or silent\) within (\w+) minutes/,
    are: () => [SCAN_PORTS, inSource("outgoing-scans.ts", "const PORTS_WINDOW_MS = ") / 60_000],
  },
  {
    page: "docs/guides/outgoing-scans.md",
    says: /accepted no connection within the hour: (\w+) a second are let through \(burst ([\d,]+)\)/,
    are: () => [outgoingRates.limited, outgoingRates.limitedBurst],
  },
  // The daemon's bounds.
  {
    page: BOUNDS,
    says: /silence test: sources \| ([\d,]+) \([^)]*\); ([\d,]+) newcomers a second/,
    are: () => [
      silenceLimits.sources,
      inSource("newcomers.ts", /const forAnybody = \{ burst: \S+ perSecond: /) +
        inSource("newcomers.ts", /const forInsistent = \{ burst: \S+ perSecond: /),
    ],
  },
  {
    page: BOUNDS,
    says: /ports of a source, closed and open alike \| ([\d,]+)/,
    are: () => [silenceLimits.portsPerSource],
  },
  {
    page: BOUNDS,
    says: /answers by RST \| ([\d,]+)\/s to one source, ([\d,]+)\/s in all, ([\d,]+)\/s more/,
    are: () => [
      inSource("prover.ts", /const answersToOne = \{ burst: \S+ perSecond: /),
      inSource("prover.ts", /const answersInAll = \{ burst: \S+ perSecond: /),
      inSource("prover.ts", /const answersToPromising = \{ burst: \S+ perSecond: /),
    ],
  },
  {
    page: BOUNDS,
    says: /leave unanswered \(PROTECT\) \| ([\d,]+) sources, ([\d,]+) contacts of each; ([\d,]+) ends/,
    are: () => [
      inSource("silent-hosts.ts", "const MAX_SOURCES = "),
      inSource("silent-hosts.ts", "const MAX_CONTACTS = "),
      inSource("silent-watch.ts", "const ENDS_PER_SECOND = "),
    ],
  },
  {
    page: BOUNDS,
    says: /mirror port: contacts; sources \| ([\d,]+); MAX_SOURCES, at most ([\d,]+)/,
    are: () => [DEFAULT_MAX_CONTACTS, DEFAULT_MAX_SOURCES],
  },
  {
    page: BOUNDS,
    says: /scans by many: direct probes looked at \| ([\d,]+)\/s, burst ([\d,]+) /,
    are: () => [
      inSource("crowds.ts", /const looks = \{ burst: \S+ perSecond: /),
      inSource("crowds.ts", "const looks = { burst: "),
    ],
  },
  {
    page: BOUNDS,
    says: /sources have tried, for `portreeve why` \| ([\d,]+) probes\/s, burst ([\d,]+); ([\d,]+) sources, ([\d,]+) newcomers a second, burst ([\d,]+); ([\d,]+) ports of one source, ([\d,]+) in all/,
    are: () => [
      inSource("tried-ports.ts", /const looks = \{ burst: \S+ perSecond: /),
      inSource("tried-ports.ts", "const looks = { burst: "),
      inSource("tried-ports.ts", "const MAX_SOURCES = "),
      inSource("tried-ports.ts", /const newcomers = \{ burst: \S+ perSecond: /),
      inSource("tried-ports.ts", "const newcomers = { burst: "),
      inSource("tried-ports.ts", "const MAX_PORTS_OF_ONE = "),
      inSource("tried-ports.ts", "const MAX_PORTS = "),
    ],
  },
  {
    page: BOUNDS,
    says: /SYNs and datagrams of fully blocked sources that the kernel tells \| ([\d,]+)\/s, burst ([\d,]+)/,
    are: () => [rates.blocked, rates.blockedBurst],
  },
  {
    page: BOUNDS,
    says: /tools: sources \| ([\d,]+); ([\d,]+) newcomers a second/,
    are: () => [
      inSource("tool-memory.ts", "const CAPACITY = "),
      inSource("tool-memory.ts", /const newcomers = \{ burst: \S+ perSecond: /),
    ],
  },
  {
    page: BOUNDS,
    says: /counting the connections that a full block ends \| all connections up to ([\d,]+),.*a delivery, ([\d,]+) connections; a (twentieth) of the time/,
    are: () => [
      inSource("standing-connections.ts", "const MAX_STANDING = "),
      inSource("ended.ts", "const MAX_CONNECTIONS = "),
      inSource("ended.ts", "const SHARE_OF_TIME = "),
    ],
  },
  {
    page: BOUNDS,
    says: /wider IPv6 blocks \| ([\d,]+); ([\d,]+) waiting/,
    are: () => [inSource("wider-blocks.ts", "const MAX_WIDE = "), inSource("wider-blocks.ts", "const MAX_WAITING = ")],
  },
  {
    page: BOUNDS,
    says: /commands of the administrator's own \| (\d+) at once, ([\d,]+) waiting, (\d+) s each/,
    are: () => [
      inSource("command-runner.ts", "atOnce = "),
      inSource("command-runner.ts", "queueLimit = "),
      inSource("command-runner.ts", "timeLimitMs = ") / 1000,
    ],
  },
  {
    page: BOUNDS,
    says: /hosts\.deny in the works \| ([\d,]+)/,
    are: () => [inSource("source-turns.ts", "const MAX_SOURCES = ")],
  },
  {
    page: BOUNDS,
    says: /hosts\.deny in the works \| ([\d,]+)/,
    are: () => [inSource("hosts-deny.ts", "queueLimit = ")],
  },
  {
    page: BOUNDS,
    says: /the guard without gateways, resolvers and peers \| ([\d,]+)/,
    are: () => [inSource("guard.ts", "const MAX_GUARDED = ")],
  },
  { page: BOUNDS, says: /BLOCKED_FILE \| ([\d,]+) sources/, are: () => [MAX_WRITTEN] },
  { page: BOUNDS, says: /BLOCKED_FILE has the newest ([\d,]+) blocks/, are: () => [MAX_WRITTEN] },
  {
    page: BOUNDS,
    says: /RESOLVE_HOST \| (\d+) questions at once, (\d+) waiting, (\d+) s each; ([\d,]+) lines waiting/,
    are: () => [
      inSource("resolver.ts", "const MAX_IN_FLIGHT = "),
      inSource("resolver.ts", "const MAX_WAITING = "),
      LOOKUP_MS / 1000,
      inSource("line-queue.ts", "const MAX_QUEUED = "),
    ],
  },
  {
    page: BOUNDS,
    says: /blocks listed \| one for (\d+) KiB of .* and for (\d+) bytes of V8's heap beyond (\d+) MiB, at most ([\d,]+):/,
    are: () => [
      inSource("memory-limit.ts", "const MEMORY_BYTES_A_BLOCK = ") / 1024,
      inSource("memory-limit.ts", "const HEAP_BYTES_A_BLOCK = "),
      inSource("memory-limit.ts", "const HEAP_BYTES_TAKEN = ") / 2 ** 20,
      MAX_BLOCKS,
    ],
  },
  {
    page: BOUNDS,
    says: /no finding's numbers \| ([\d,]+) different texts of ([\d,]+) characters/,
    are: () => [inSource("text-table.ts", "const MAX_TEXTS = "), inSource("text-table.ts", "const MAX_CHARS = ")],
  },
  { page: BOUNDS, says: /networks blocked \| ([\d,]+)/, are: () => [MAX_NETWORKS] },
  { page: KERNEL, says: /`bridged` .*\| ([\d,]+): what is bridged/, are: () => [MAX_GUESTS] },
  { page: KERNEL, says: /`blockednet4\/6` .*\| of ([\d,]+) networks in all/, are: () => [MAX_NETWORKS] },
  { page: BOUNDS, says: /offences remembered \| ([\d,]+)/, are: () => [DEFAULT_OFFENCE_CAPACITY] },
  { page: BOUNDS, says: /offences remembered \| ([\d,]+)/, are: () => [inSource("sqlite-store.ts", "maxOffences: ")] },
  {
    page: BOUNDS,
    says: /probe events \| ([\d,]+)\/s, burst ([\d,]+); while the breaker is open ([\d,]+)\/s, burst ([\d,]+)/,
    are: () => [
      inSource("event-budgets.ts", /const probeBudget = \{ burst: \S+ perSecond: /),
      inSource("event-budgets.ts", /const probeBudget = \{ burst: /),
      inSource("event-budgets.ts", /const floodProbeBudget = \{ burst: \S+ perSecond: /),
      inSource("event-budgets.ts", /const floodProbeBudget = \{ burst: /),
    ],
  },
  {
    page: BOUNDS,
    says: /sources that wait for their lot \| a (quarter) of a second's, (\d+) to ([\d,]+)/,
    are: () => [
      inSource("breaker.ts", "const PLACES_PER_TOKEN_A_SECOND = "),
      inSource("breaker.ts", "const MIN_PLACES = "),
      inSource("breaker.ts", "const MAX_PLACES = "),
    ],
  },
  {
    page: BOUNDS,
    says: /burst (ten) minutes' \|/,
    are: () => [inSource("claims.ts", "const FULL_BURST_SECONDS = ") / 60],
  },
  {
    page: BOUNDS,
    says: /log lines \| findings and blocks ([\d,]+)\/s \(burst ([\d,]+)\) and in the long run (\d+)\/s \(burst ([\d,]+)\)/,
    are: () => lineLimits("findings and blocks"),
  },
  {
    page: BOUNDS,
    says: /repetitions ([\d,]+)\/s \(([\d,]+)\), ([\d,]+)\/s \(([\d,]+)\); warnings ([\d,]+)\/s \(([\d,]+)\), ([\d.]+)\/s \(([\d,]+)\)/,
    are: () => [...lineLimits("blocked sources"), ...lineLimits("warnings")],
  },
  {
    page: BOUNDS,
    says: /events of findings and blocks \| ([\d,]+)\/s \(burst ([\d,]+)\)/,
    are: () => [
      inSource("event-budgets.ts", /const decisionBudget = \{ burst: \S+ perSecond: /),
      inSource("event-budgets.ts", /const decisionBudget = \{ burst: /),
    ],
  },
  {
    page: BOUNDS,
    says: /history lines \| ([\d,]+)\/s \(burst ([\d,]+)\) and in the long run (\d+)\/s \(([\d,]+)\), of the ([\d,]+) latest/,
    are: () => [
      inSource("history-sources.ts", /const budget = \{ burst: \S+ perSecond: /),
      inSource("history-sources.ts", /const budget = \{ burst: /),
      inSource("history-sources.ts", /lasting: \{ burst: \S+ perSecond: /),
      inSource("history-sources.ts", /lasting: \{ burst: /),
      inSource("history-sources.ts", "const MAX_SOURCES = "),
    ],
  },
  {
    page: BOUNDS,
    says: /(two) pages of the blocked at a time, which reach ([\d,]+) entries deep/,
    are: () => [inSource("blocked-page.ts", "const MAX_AT_ONCE = "), inSource("requests.ts", "const MAX_OFFSET = ")],
  },
  {
    page: BOUNDS,
    says: /minutes are kept for (\d+) days, hours for (\d+), days for (\d+); of each dimension a minute has (\d+) values, an hour (\d+), a day (\d+); ([\d,]+) networks/,
    are: () => [
      ...spanNames.map((name) => spans[name].keptSeconds / 86_400),
      ...spanNames.map((name) => spans[name].values),
      inSource("network-counts.ts", "const SLOTS = ") / 2,
    ],
  },
  {
    page: BOUNDS,
    says: /store, while it fails.* blocks, (\d+) minutes of counts/,
    are: () => [inSource("sqlite-store.ts", "const MAX_PENDING_MINUTES = ")],
  },
  {
    page: BOUNDS,
    says: /store, while it fails \| ([\d,]+) events, ([\d,]+) blocks/,
    are: () => [inSource("sqlite-store.ts", "maxPendingEvents: "), inSource("sqlite-store.ts", "maxPendingBlocks: ")],
  },
  {
    page: BOUNDS,
    says: /one turn of the event loop \| (\d+) ms of reading and judging, (\d+) packets a step; (\d+) ended blocks; ([\d,]+) rows/,
    are: () => [
      inSource("nflog.ts", "const TURN_MS = "),
      inSource("nflog.ts", "const PACKETS_PER_STEP = "),
      inSource("block-ends.ts", "const EXPIRIES_PER_TURN = "),
      inSource("flush-size.ts", "const MOST_ROWS = "),
    ],
  },
  {
    page: BOUNDS,
    says: /control socket \| (\d+) followers, (\d+) KiB requests, ([\d,]+) events an answer/,
    are: () => [controlLimits.followers, controlLimits.bodyBytes / 1024, controlLimits.events],
  },
  {
    page: BOUNDS,
    says: /in parts of ([\d,]+) sources and at most (\d+) KiB; lines of ([\d,]+) characters/,
    are: () => [MAX_IMPORTED_SOURCES, IMPORT_BODY_BYTES / 1024, inSource("import.ts", "const MAX_LINE_CHARS = ")],
  },
  // The kernel's rules.
  {
    page: KERNEL,
    says: /further probes are logged and dropped.*; ([\d,]+) new holds a second/,
    are: () => [rates.newHolds],
  },
  {
    page: LIMITS,
    says: /A flood of more than ([\d,]+) forged sources a second stops new holds/,
    are: () => [rates.newHolds],
  },
  {
    page: KERNEL,
    says: /Logging is limited as well: ([\d,]+) probes a second at once, in a burst ([\d,]+),/,
    are: () => [rates.prompt, rates.promptBurst],
  },
  {
    page: KERNEL,
    says: /new sources flood in\), ([\d,]+) a second in batches of at most \d+ ms, ([\d,]+) a second of weak evidence/,
    are: () => [rates.batch, rates.weak],
  },
  {
    page: KERNEL,
    says: /the daemon is not woken by packets but looks every (\d+) ms/,
    are: () => [inSource("nflog.ts", "const FLOOD_LOOK_MS = ")],
  },
  { page: HOW, says: /Logged to the daemon \((\d+) bytes\)/, are: () => [COPY_BYTES] },
  {
    page: HOW,
    says: /the source is put in the hold for (\d+) s/,
    are: () => [inSource("sets.ts", "const HOLD_SECONDS = ")],
  },
  {
    page: KERNEL,
    says: /or behind one link-layer address on them, were put in the hold: (\d+) at once, and (\d+) a minute/,
    are: () => [
      inSource("neighbours.ts", "const NEIGHBOUR_BURST = "),
      inSource("neighbours.ts", "const NEIGHBOURS_PER_MINUTE = "),
    ],
  },
  {
    page: KERNEL,
    says: /of a link-layer address only (\d+) at once/,
    are: () => [inSource("neighbours.ts", "const NEIGHBOUR_BURST_OF_MAC = ")],
  },
  {
    page: KERNEL,
    says: /of an IPv6 \/40 (\d+), of a \/32 (\d+), of an IPv4 \/16 (\d+), where/,
    are: () => [40, 32, 16].map((width) => inSource("neighbours.ts", `const PER_MINUTE_OF_${width} = `)),
  },
  {
    page: HOW,
    says: /at most ([\d,]+) half-open handshakes a listener/,
    are: () => [inSource("decoy-listener.ts", "const BACKLOG = ")],
  },
  {
    page: HOW,
    says: /at most ([\d,]+) new ones a second are answered/,
    are: () => [inSource("decoy.ts", "const TRACKED_RATE = ")],
  },
  // Times at which the daemon looks.
  {
    page: GUARD,
    says: /resolv\.conf, systemd-resolved's resolv\.conf \| every (\d+) s/,
    are: () => [inSource("host-watch.ts", "const HOST_MS = ") / 1000],
  },
  {
    page: GUARD,
    says: /the names of sshd's processes\) \| every (\d+) s/,
    are: () => [inSource("host-watch.ts", "const SESSIONS_MS = ") / 1000],
  },
  {
    page: GUARD,
    says: /`learned`\): saved every (ten) minutes/,
    are: () => [inSource("running.ts", "const SAVE_MS = ") / 60_000],
  },
  {
    page: FAULTS,
    says: /the kernel's list of them is read every (\d+) s/,
    are: () => [inSource("running.ts", "const LOOK_MS = ") / 1000],
  },
  // The silence test.
  { page: HOW, says: /passes the test once in 2\^(\d+), whatever/, are: () => [PROOF_BITS] },
  { page: HOW, says: /if it waits for up to (\d+) s before it repeats/, are: () => [slowWindow.ms / 1000] },
  { page: "README.md", says: /one false proof in 2\^(\d+)/, are: () => [PROOF_BITS] },
  { page: "README.md", says: /repeats within (\d+) s/, are: () => [slowWindow.ms / 1000] },
  // README.
  {
    page: "README.md",
    says: /HOLD the source, same packet, (\d+) s/,
    are: () => [inSource("sets.ts", "const HOLD_SECONDS = ")],
  },
  { page: "README.md", says: /log (\d+) bytes \(nfnetlink_log\)/, are: () => [COPY_BYTES] },
  { page: "README.md", says: /above\s+([\d,]+) new sources a second/, are: () => [rates.newHolds] },
  { page: "README.md", says: /\(([\d,]+) pairs of each kind and family\)/, are: () => [sets.known.size] },
  { page: "README.md", says: /\(([\d,]+) pairs of each kind and family\)/, are: () => [sets.knownu.size] },
  {
    page: "README.md",
    says: /used within the last (week)/,
    are: () => [inSource("sets.ts", "const KNOWN_DAYS = ")],
  },
  { page: "README.md", says: /\(UDP: a (day)\)/, are: () => [inSource("sets.ts", "const KNOWN_UDP_DAYS = ")] },
  { page: "README.md", says: /is (three) different ports within minutes/, are: () => [shippedNumber("SCORE_PORTS")] },
  { page: "README.md", says: /or (ten) within a day/, are: () => [shippedNumber("SLOW_SCORE_PORTS")] },
  { page: "README.md", says: /(\d+) neighbours that try a port each/, are: () => [shippedNumber("NEIGHBOURS")] },
  {
    page: "README.md",
    says: /with (one) or more live connections/,
    are: () => [shippedNumber("SHARED_ADDRESS_CONNECTIONS")],
  },
  {
    page: "README.md",
    says: /served within the last (hour) \(above 1023: the last (day)\)/,
    are: () => [shippedNumber("LATELY_OPEN", "h"), inSource("lately.ts", "const HIGH_PORT_FACTOR = ") / 24],
  },
  { page: "README.md", says: /of these, (five) kinds within/, are: () => [shippedNumber("TOLERATED_KINDS")] },
  // Defaults that the guides state.
  {
    page: "docs/guides/i-am-locked-out.md",
    says: /SOFT_BLOCK_TIME \(shipped: (\d+) minutes\)/,
    are: () => [shippedNumber("SOFT_BLOCK_TIME", "m")],
  },
  {
    page: "docs/guides/i-am-locked-out.md",
    says: /BLOCK_TIME \(shipped: (\d+) day\); each further time (\d+) times as long, at most (\d+) days/,
    are: () => [
      shippedNumber("BLOCK_TIME", "d"),
      shippedNumber("BLOCK_TIME_FACTOR"),
      shippedNumber("BLOCK_TIME_MAX", "d"),
    ],
  },
  {
    page: "docs/guides/i-am-locked-out.md",
    says: /you tried a closed port \| (\d+) s after your last probe/,
    are: () => [inSource("sets.ts", "const HOLD_SECONDS = ")],
  },
  {
    page: "docs/guides/exceptions.md",
    says: /ports of (five) kinds are tried/,
    are: () => [shippedNumber("TOLERATED_KINDS")],
  },
  {
    page: "docs/guides/exceptions.md",
    says: /PUBLIC_PORTS_TCP \(shipped: (\d+), (\d+), (\d+)\) and PUBLIC_PORTS_UDP \((\d+), (\d+)\)/,
    are: () => [...shipped("PUBLIC_PORTS_TCP").split(","), ...shipped("PUBLIC_PORTS_UDP").split(",")].map(Number),
  },
  {
    page: "docs/guides/install-the-package.md",
    says: /For (two) minutes after a boot/,
    are: () => [shippedNumber("BOOT_GRACE", "s") / 60],
  },
  {
    page: "docs/guides/troubleshooting.md",
    says: /LATELY_OPEN: (\d+) hour, above/,
    are: () => [shippedNumber("LATELY_OPEN", "h")],
  },
  {
    page: "docs/guides/troubleshooting.md",
    says: /below ADVANCED_PORTS_UDP \(([\d,]+)\)/,
    are: () => [shippedNumber("ADVANCED_PORTS_UDP")],
  },
  // The exemptions, each with its bound.
  { page: EXEMPTIONS, says: /\| ([\d,]+) entries; an entry that holds everybody/, are: () => [MAX_IGNORED] },
  {
    page: EXEMPTIONS,
    says: /\| (\d+) of each file; looked at every (\d+) s/,
    are: () => [inSource("host.ts", "const MAX_RESOLVERS = "), inSource("host-watch.ts", "const HOST_MS = ") / 1000],
  },
  {
    page: EXEMPTIONS,
    says: /The same as for a gateway \| (\d+) addresses/,
    are: () => [inSource("time-servers.ts", "const MAX_ADDRESSES = ")],
  },
  {
    page: EXEMPTIONS,
    says: /\| (\d+) networks; a forger in their name/,
    are: () => [inSource("container-networks.ts", "const MAX_NETWORKS = ")],
  },
  {
    page: EXEMPTIONS,
    says: /\| (\d+) names, (\d+) addresses/,
    are: () => [
      inSource("time-servers.ts", "const MAX_NAMES = "),
      inSource("time-servers.ts", "const MAX_ADDRESSES = "),
    ],
  },
  {
    page: EXEMPTIONS,
    says: /\| ([\d,]+) sessions; looked at every (\d+) s/,
    are: () => [MAX_SESSIONS, inSource("host-watch.ts", "const SESSIONS_MS = ") / 1000],
  },
  { page: EXEMPTIONS, says: /Scan within (\d+) s of the boot/, are: () => [shippedNumber("BOOT_GRACE", "s")] },
  {
    page: EXEMPTIONS,
    says: /\| 7 days; ([\d,]+) of each family; IPv6 beyond our links/,
    are: () => [sets.known.size],
  },
  { page: EXEMPTIONS, says: /\| 1 day; ([\d,]+) of each family/, are: () => [sets.knownu.size] },
  {
    page: EXEMPTIONS,
    says: /for datagrams from ephemeral ports; ([\d,]+) of each family/,
    are: () => [sets.flows.size],
  },
  { page: EXEMPTIONS, says: /\| ([\d,]+) elements: further ports/, are: () => [sets.lately.size] },
  { page: EXEMPTIONS, says: /\| GUARD_TIME; ([\d,]+) of each family/, are: () => [sets.peer.size] },
  { page: EXEMPTIONS, says: /Hold (one) connection/, are: () => [shippedNumber("SHARED_ADDRESS_CONNECTIONS")] },
  {
    page: EXEMPTIONS,
    says: /cannot be counted in time \(more than ([\d,]+) connections/,
    are: () => [MAX_STANDING],
  },
  { page: EXEMPTIONS, says: /More than ([\d,]+) new sources a second/, are: () => [rates.newHolds] },
  {
    page: EXEMPTIONS,
    says: /\| (\d+) new sources of a network a minute, (\d+) at once, are held one by one \(\/40: (\d+), \/32: (\d+), \/16: (\d+)\)/,
    are: () => [
      inSource("neighbours.ts", "const NEIGHBOURS_PER_MINUTE = "),
      inSource("neighbours.ts", "const NEIGHBOUR_BURST = "),
      ...[40, 32, 16].map((width) => inSource("neighbours.ts", `const PER_MINUTE_OF_${width} = `)),
    ],
  },
  // What the detectors remember.
  { page: DETECTION, says: /\*Bounds\.\* ([\d,]+) networks/, are: () => [inSource("neighbours.ts", "capacity = ")] },
  {
    page: DETECTION,
    says: /found by\. ([\d,]+) sources are followed/,
    are: () => [inSource("habits.ts", "capacity = ")],
  },
  {
    page: DETECTION,
    says: /Bounds: ([\d,]+) clusters with ([\d,]+) elements and (\d+) members/,
    are: () => [inSource("coordinated.ts", "capacity: "), MAX_ELEMENTS, MAX_MEMBERS],
  },
  {
    page: DETECTION,
    says: /At most ([\d,]+) prefixes are remembered/,
    are: () => [inSource("wider-prefixes.ts", "capacity: ")],
  },
  {
    page: DETECTION,
    says: /A window counts ([\d,]+) sources/,
    are: () => [inSource("scattered.ts", "const MAX_SOURCES = ")],
  },
  {
    page: FAULTS,
    says: /where at most ([\d,]+) blocks are listed/,
    are: () => [inSource("drift-settler.ts", "const READ_WHOLE = ")],
  },
];

for (const { page, says, are } of rows) {
  test(`${page} says what is in force: ${says.source.slice(0, 80)}`, () => {
    // A sentence may go on in the next line.
    const said = says.exec(readFileSync(repositoryFolder(page), "utf8").replaceAll(/\s+/g, " "));
    assert.ok(said !== null, `${page} has no sentence like ${says}: it has gone, or this table is to be mended`);
    assert.deepEqual(said.slice(1).map(figureOf), are());
  });
}

/** Name, size and seconds of each set of the table, as the rules define them. */
function kernelSets(): ReadonlyMap<
  string,
  { readonly size: number | undefined; readonly seconds: number | undefined }
> {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
  const defined = buildRuleset(ordinaryPlan, "on").matchAll(/^add set inet portreeve (\w+) \{(.*)\}$/gm);
  return new Map(
    [...defined].map(([, name = "", definition = ""]) => {
      const size = /size (\d+);/.exec(definition)?.[1];
      const [, count, unit = ""] = /timeout (\d+)([smhd]);/.exec(definition) ?? [];
      const seconds = count === undefined ? undefined : Number(count) * (units[unit] ?? Number.NaN);
      return [name, { size: size === undefined ? undefined : Number(size), seconds }];
    }),
  );
}

/** "`held4/6`" and "`many24`, `many56`" name more than one. */
function namesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`(\w+)((?:\/\w+)*)`/g)].flatMap(([, first = "", more = ""]) => [
    first,
    ...more
      .split("/")
      .slice(1)
      .map((end) => first.replace(/(?:\d+|tcp)$/, end)),
  ]);
}

interface DescribedSet {
  readonly name: string;
  readonly what: string;
  readonly bound: string;
}

function describedSets(): readonly DescribedSet[] {
  return [
    ...readFileSync(repositoryFolder(KERNEL), "utf8").matchAll(/^\| (`.*?) \| (.*?) \| .*? \| (.*?) \|$/gm),
  ].flatMap(([, cell = "", what = "", bound = ""]) => namesIn(cell).map((name) => ({ name, what, bound })));
}

test("the page describes each set of the kernel's table, and no other", () => {
  const described = new Set(describedSets().map(({ name }) => name));
  const defined = [...kernelSets().keys()];
  assert.deepEqual([...described].sort(), defined.sort());
});

test("the page has the size of each set", () => {
  const sets = kernelSets();
  for (const { name, bound } of describedSets()) {
    const size = sets.get(name)?.size;
    if (size === undefined) continue;
    assert.equal(figureOf(/^([\d,]+)/.exec(bound)?.[1] ?? "none"), size, `${name}: "${bound}"`);
  }
});

test("the page has the time of each set that forgets", () => {
  const units: Readonly<Record<string, number>> = { s: 1, minutes: 60, days: 86_400 };
  const sets = kernelSets();
  const timed = describedSets().filter(({ name }) => sets.get(name)?.seconds !== undefined);
  let compared = 0;
  for (const { name, what } of timed) {
    const times = [...what.matchAll(/(\d+) (s|minutes|days)\b/g)].map(
      ([, count, unit = ""]) => Number(count) * (units[unit] ?? 0),
    );
    if (times.length === 0) continue;
    compared++;
    assert.ok(times.includes(sets.get(name)?.seconds ?? 0), `${name}: ${sets.get(name)?.seconds} s, "${what}"`);
  }
  assert.ok(compared >= 12, `only ${compared} times are compared`);
});

test("the decoy's and the learned sets are among them", () => {
  const defined = kernelSets();
  assert.equal(defined.get("lured4")?.size, sets.lured.size);
  assert.equal(defined.get("client6")?.size, sets.client.size);
});

const UNITS: Readonly<Record<string, string>> = { second: "s", minute: "m", hour: "h", day: "d", week: "w" };
const folders = ["docs/guides", "docs/reference", "docs/security"];

/** Each `KEY (value)` and `KEY (shipped: value)` of the pages, in the words of the configuration file. */
function statedDefaults(): readonly { readonly page: string; readonly key: string; readonly value: string }[] {
  const pages = [
    "README.md",
    ...folders.flatMap((one) => readdirSync(repositoryFolder(one)).map((name) => `${one}/${name}`)),
  ];
  const stated =
    /\b([A-Z][A-Z0-9_]+)`?(?: \((?:shipped: )?|: )(\d[\d, ]*(?:[smhdw]| (?:second|minute|hour|day)s?)?)(?=[),;.])/g;
  return pages.flatMap((page) =>
    [...readFileSync(repositoryFolder(page), "utf8").matchAll(stated)]
      .filter(([, key]) => allKeys.some(({ name }) => name === key))
      .map(([, key = "", value = ""]) => ({
        page,
        key,
        value: value
          .trim()
          .replace(/ (second|minute|hour|day)s?$/, (_, unit: string) => UNITS[unit] ?? unit)
          .replaceAll(/[, ]+/g, ","),
      })),
  );
}

test("each default that a page states beside its key is the shipped one", () => {
  const stated = statedDefaults();
  assert.ok(stated.length >= 14, `only ${stated.length} are found`);
  assert.deepEqual(
    stated.filter(({ key, value }) => value !== shipped(key)),
    [],
  );
});
