// Whatever is counted is told: the source is searched for counters, and each must be a key of `counters` in
// `status --json`, or stand below with the key that tells it, or with the reason why nothing tells it.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type TestContext, test } from "node:test";
import { wallClock } from "../../src/base/clock.ts";
import { createTroubles } from "../../src/base/troubles.ts";
import { Followers } from "../../src/control/followers.ts";
import { controlLimits } from "../../src/control/limits.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { CommandRunner } from "../../src/enforce/commands/command-runner.ts";
import { Responder } from "../../src/enforce/commands/responder.ts";
import { LeftRules } from "../../src/enforce/left-rules.ts";
import { Guard } from "../../src/host/guard.ts";
import { Prover } from "../../src/judge/proof/prover.ts";
import { BlockedFile } from "../../src/record/blocked-file.ts";
import { HistoryFile } from "../../src/record/history.ts";
import { Journal } from "../../src/record/journal.ts";
import { openResolver } from "../../src/record/resolver.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import { ConnectMode } from "../../src/sense/connect-mode.ts";
import { Decoy } from "../../src/sense/decoy.ts";
import { PortState } from "../../src/sense/port-state.ts";
import { RingSensor } from "../../src/sense/ring-sensor.ts";
import { SilentWatch } from "../../src/sense/silent-watch.ts";
import { TapWatch } from "../../src/sense/tap-watch.ts";
import { LearnedSets } from "../../src/table/learned-sets.ts";
import { OutgoingLimits } from "../../src/table/outgoing-limits.ts";
import { RuleCounters } from "../../src/table/rule-counters.ts";
import { buildRuleset } from "../../src/table/ruleset.ts";
import { load, settingsOf } from "../config/support.ts";
import { lineSink } from "../record/line-sink.ts";
import { prefix } from "../support/prefix.ts";
import { repositoryFolder } from "../support/repository.ts";
import { ordinaryPlan, planVariants } from "../table/plan.ts";

const source = repositoryFolder("src");
/** wire/ and config/ count nothing; what replay and the commands count stands in their own reports. */
const reportedElsewhere = ["wire", "cli", "config", "replay"];
const rooms = readdirSync(source).filter((room) => !reportedElsewhere.includes(room));

/** Counters whose name in the file is not the key by which status tells them. */
const toldAs: Readonly<Record<string, string>> = {
  "enforce/block-list.ts refused": "blocksRefused",
  "enforce/commands/hosts-deny.ts refused": "hostsDenyRefused",
  "table/learned-sets.ts refused": "learnedRefused",
  "table/network-blocks.ts refused": "networkBlocksRefused",
  "enforce/text-table.ts refused": "reasonsNotKept",
  "capture/listen/decoy-listener.ts acceptFailures": "decoyAcceptFailures",
  "capture/listen/decoy-listener.ts handshakes": "decoyHandshakes",
  "capture/listen/decoy-listener.ts screened": "decoyScreened",
  "capture/listen/decoy-listener.ts unfinished": "decoyUnfinished",
  "capture/listen/listen-tcp.ts acceptFailures": "listenAcceptFailures",
  "capture/listen/listen-tcp.ts accepts": "listenAccepts",
  "capture/listen/listen-tcp.ts wakeupsCutShort": "listenWakeupsCutShort",
  "capture/listen/listen-udp.ts answers": "listenAnswers",
  "capture/listen/listen-udp.ts answersWithheld": "listenAnswersWithheld",
  "capture/listen/listen-udp.ts datagrams": "listenDatagrams",
  "capture/listen/listen-udp.ts datagramsToMany": "listenDatagramsToMany",
  "capture/listen/listen-udp.ts receiveFailures": "listenReceiveFailures",
  "capture/listen/listen-udp.ts wakeupsCutShort": "listenWakeupsCutShort",
  "capture/ring/ring.ts delivered": "ringDelivered",
  "enforce/blocker.ts failures": "blockFailures",
  "judge/proof/delayed-answers.ts refused": "answersRefused",
  "judge/proof/newcomers.ts refused": "notTested",
  "sense/recent-table.ts evictions": "ringAskedEvicted",
  "sense/tap-watch.ts undecodable": "tapUndecodable",
  "detect/outgoing/two-tiers.ts evicted": "outgoingEvicted",
  "detect/source-table.ts evictions": "evictedSources",
  "detect/tap/cluster-table.ts evictions": "tapClustersEvicted",
  "detect/tap/contact-ledger.ts evictions": "tapContactsForgotten",
  "detect/tap/contact-teller.ts heldForgotten": "tapHeldForgotten",
  "detect/tap/link-senders.ts forgotten": "tapSendersForgotten",
  "detect/tap/recent-pairs.ts forgotten": "tapPairsForgotten",
  "detect/tap/contact-teller.ts opened": "tapOpens",
  "detect/tap/contact-waits.ts decidedEarly": "tapContactsDecidedEarly",
  "detect/tap/coordinated.ts untracked": "tapCoordinatedUntracked",
  "detect/tap/decoys.ts unnamed": "tapDecoysUnnamed",
  "detect/tap/tap-judge.ts ignoredCount": "tapIgnored",
  "detect/tap/tap-sources.ts evictedScanners": "tapScannersForgotten",
  "detect/tap/tap-sources.ts evictions": "tapSourcesForgotten",
  "detect/crowds.ts passedOver": "crowdProbesPassedOver",
  "detect/tried-ports.ts evicted": "triedSourcesEvicted",
  "detect/tried-ports.ts passedOver": "triedPortsPassedOver",
  "detect/first-contacts.ts evicted": "firstContactSourcesEvicted",
  "detect/first-contacts.ts repeated": "firstContactsRepeated",
  "detect/first-contacts.ts waiting": "firstContactsWaiting",
  "detect/wider-prefixes.ts evictions": "widerEvicted",
  "judge/breaker.ts withheld": "blocksWithheld",
  "judge/escalation.ts evictions": "evictedOffences",
  "judge/proof/silence-test.ts evictions": "evictedTests",
  "kernel/nflog.ts malformed": "nflogMalformed",
  "kernel/packet-socket.ts dropped": "ringDropped",
  "kernel/conntrack-ends.ts overruns": "silentOverruns",
  "kernel/packet-socket.ts seen": "ringSeen",
  "kernel/syslog.ts dropped": "linesLost",
  "kernel/tcp-reset.ts refused": "answersRefused",
  "kernel/tcp-reset.ts sent": "answersSent",
};

/** What goes up by one and is no counter of what happened to the daemon. */
const notTold: Readonly<Record<string, string>> = {
  "base/histogram.ts count": "GET /v1/figures tells it",
  "base/histogram.ts sumMs": "GET /v1/figures tells it",
  "enforce/block-list.ts changes": "a version number, for whoever copies the list",
  "enforce/block-list.ts direct": "a size, which status tells as a figure of its own (unproven)",
  "enforce/block-list.ts soft": "a size",
  "enforce/commands/command-output.ts length": "a position",
  "enforce/expiry-queue.ts size": "a size",
  "enforce/commands/iptables-lane.ts inLane": "a size",
  "enforce/commands/responder.ts changes": "a version number of the settings",
  "enforce/rule-undo.ts changes": "a version number, for the file that keeps the rules",
  "enforce/rule-undo.ts running": "a size",
  "capture/file/capture-buffer.ts offset": "a position; of a capture file, which no daemon reads",
  "capture/file/capture-input.ts bytesRead": "of a capture file; stands in the report of replay",
  "capture/file/capture-intake.ts skipBytes": "a position in a capture file",
  "capture/file/capture-report.ts further": "of a capture file; stands in the report of replay",
  "capture/file/pcap.ts packets": "of a capture file; stands in the report of replay",
  "capture/file/pcapng-blocks.ts packets": "of a capture file; stands in the report of replay",
  "capture/file/pcapng-interfaces.ts total": "of a capture file: how many interfaces it has",
  "record/turn-output.ts lines": "a size; what is lost is told (linesLost)",
  "record/turn-output.ts waiting": "a size",
  "table/learned-file.ts count": "the length of a list",
  "daemon/walk.ts waitingCount": "a size; what does not fit is told (probeEventsDropped)",
  "detect/prefix-rows.ts size": "a size",
  "detect/prefix-rows.ts span": "a size",
  "detect/prefix-tree.ts opened": "a size",
  "detect/prefix-tree.ts size": "a size",
  "detect/row-order.ts opened": "a size",
  "detect/scattered.ts count": "a sample's size within a minute",
  "detect/scattered.ts distinct": "evidence within a minute",
  "detect/scattered.ts earlier": "evidence within a minute",
  "detect/scattered.ts probes": "evidence within a minute",
  "detect/scattered.ts usual": "an average",
  "detect/source-table.ts size": "a size, which status tells as a figure of its own (sources)",
  "detect/tap/busiest.ts count": "evidence on one source",
  "detect/tap/cluster.ts memberCount": "evidence on one cluster",
  "detect/tap/cluster.ts pairs": "evidence on one cluster",
  "detect/tap/cluster.ts repeats": "evidence on one cluster",
  "detect/tap/cluster.ts squares": "evidence on one cluster",
  "detect/tap/contact-rows.ts size": "a size",
  "detect/tap/decoys.ts groups": "the number of a group",
  "detect/tap/distinct.ts count": "evidence on one source",
  "detect/tap/distinct.ts exact": "evidence on one source",
  "detect/tap/pending-ring.ts head": "a position",
  "detect/tap/pending-ring.ts size": "a size",
  "detect/tap/tap-source.ts accepted": "evidence on one source",
  "detect/tap/tap-source.ts halfOpen": "evidence on one source",
  "detect/tap/tap-source.ts kernelSyns": "evidence on one source",
  "detect/tap/tap-source.ts rawSyns": "evidence on one source",
  "detect/tap/tap-source.ts refused": "evidence on one source",
  "detect/tap/tap-source.ts unanswered": "evidence on one source",
  "detect/tap/tap-source.ts unknown": "evidence on one source",
  "detect/tap/tap-sources.ts seen": "stands in the report of replay",
  "detect/tried-ports.ts ports": "a size",
  "detect/tap/tap-sources.ts size": "a size, which status tells as a figure of its own (sources)",
  "judge/proof/delayed-answers.ts waiting": "a size",
  "judge/proof/silence-pairs.ts size": "a size",
  "judge/proof/silence-test.ts answeredPorts": "evidence on one source",
  "judge/proof/silence-test.ts answeredRepeated": "evidence on one source",
  "judge/proof/silence-test.ts bits": "evidence on one source",
  "judge/proof/silence-test.ts next": "a position",
  "judge/proof/silence-test.ts silentPorts": "evidence on one source",
  "judge/proof/silence-test.ts silentRepeated": "evidence on one source",
  "kernel/netlink.ts at": "a position",
  "kernel/nf-tables.ts commits": "compared with the kernel's number of them by the monitor",
  "kernel/nflog.ts lost": "status tells it as a figure of its own (lost)",
  "record/event-budgets.ts missed": "told by the next event (missed)",
  "record/history.ts pending": "a text",
  "record/history.ts pendingLines": "a size",
  "record/resolver.ts inFlight": "a size",
  "record/series/network-counts.ts networks": "a size",
  "record/series/network-counts.ts others": "the series tell it (other)",
  "record/series/running-counts.ts held": "the series tell it (probe held)",
  "record/series/running-counts.ts logged": "the series tell it (probe logged)",
  "record/stored-events.ts badRows": "stands in the report of backtest",
};

/** "room/file.ts name" for each field, or member of an object of counters, that some line counts up. */
function counted(): Set<string> {
  const found = new Set<string>();
  for (const path of rooms.flatMap((room) => [...typescriptIn(join(source, room))])) {
    const text = readFileSync(path, "utf8");
    const file = relative(source, path);
    const add = (name = "") => found.add(`${file} ${name}`);
    for (const [, name] of text.matchAll(/\bthis(?:\.#?counters)?\.#?(\w+)(?:\+\+| \+= )/g)) add(name);
    for (const [, name] of text.matchAll(/\bcounters\.(\w+)(?:\+\+| \+= )/g)) add(name);
    // What is assigned, or counted by an index, is named at least where it begins.
    for (const [, object = ""] of text.matchAll(/\bcounters = \{([^}]*)\}/g))
      for (const [, name] of object.matchAll(/\b(\w+): 0\b/g)) add(name);
  }
  return found;
}

function* typescriptIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    if (entry.endsWith(".ts")) yield join(folder, entry);
}

/** A daemon with every part that there can be: real ones, but for those that need a right or the network. */
function everything(t: TestContext): Daemon {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-counters-"));
  const { nowMs } = wallClock;
  const seed = { k0: 1, k1: 2 };
  const settings = settingsOf(load('TCP_MODE="tcp"\nCAPTURE="ring"\nHOME_NETWORKS="192.0.2.0/24"\n'));
  const silent = { onTrouble: () => undefined, onRecovered: () => undefined };
  const store = openStore(join(folder, "events.db"), nowMs, { maxEvents: 1_000 }, silent);
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const runner = new CommandRunner();
  const ports = new PortState({ finds: () => false, listServed: () => undefined });
  const ring = new RingSensor({ ports, seed, nowMs });
  const tap = new TapWatch(settings, seed);
  const capture = {
    start: () => undefined,
    lost: 0,
    malformed: 0,
    // Those of the ring's own sockets, which need a right, by name.
    counters: {
      ...{ ringSeen: 0, ringDropped: 0, ringDelivered: 0, ringStalls: 0 },
      ...{ ...ring.counters, ...ring.memory.counters, ...ports.counters, ...tap.counters },
    },
    close: () => undefined,
  };
  const sender = { sent: 0, refused: 0, answer: () => undefined };
  const tables = { insert: () => "", lookup: () => ({ present: false }) as const, visitElements: () => undefined };
  const daemon = new Daemon({
    version: "0",
    settings,
    host: {
      own: [prefix("192.0.2.1")],
      broadcast: [],
      near: [],
      gateways: [],
      resolvers: [],
      ephemeral: { first: 32_768, last: 60_999 },
    },
    sensor: { load: () => false, follow: () => undefined },
    capture,
    store,
    journal: new Journal({ sink: lineSink(() => undefined), format: "portsentry1", nowMs }),
    history: new HistoryFile(join(folder, "history"), silent),
    troubles: createTroubles(),
    prover: new Prover(sender, nowMs),
    responder: new Responder({ settings: settings.responses, runner }),
    learned: new LearnedSets(tables, nowMs),
    outgoing: {
      owners: { ownerOf: () => undefined },
      limits: new OutgoingLimits({ replace: () => "" }),
      frames: { watch: () => undefined, remove: () => undefined, isRefused: false },
      links: () => [],
      host: { read: () => Buffer.alloc(0), list: () => [], readLink: () => "", stat: () => undefined, nowMs },
    },
    decoy: new Decoy({ nowMs, nat: { any: () => false }, warn: () => undefined }),
    names: openResolver(nowMs),
    counted: {
      guard: new Guard({
        sessions: () => ({ sessions: [], warning: "" }),
        containers: () => [],
        timeServers: () => ({ addresses: [], names: [] }),
        lookUp: async () => [],
      }),
      runners: [runner],
      // It needs a right.
      monitor: { counters: { notificationOverruns: 0 } },
      blockedFiles: [new BlockedFile(join(folder, "blocked"), silent)],
    },
    hashSeed: seed,
    clock: wallClock,
    uptimeMs: () => 1e9,
  });
  daemon.countToo(
    new ConnectMode({
      settings: () => daemon.settings,
      sink: daemon.walk,
      recorder: daemon.recorder,
      listened: () => undefined,
      nowMs,
    }),
  );
  daemon.countToo(new LeftRules({ stateDir: folder, rules: daemon.blocker.rules, ...silent }));
  daemon.countToo(new RuleCounters({ readCounters: () => new Map() }));
  daemon.countToo(
    new SilentWatch({
      ...{ settings: () => daemon.settings, near: () => daemon.inForce.near, nowMs, troubles: createTroubles() },
      ...{ isClient: () => false, found: () => undefined },
    }),
  );
  daemon.countToo(new Followers({ follow: () => () => undefined, limits: controlLimits, nowMs }));
  return daemon;
}

test("every counter of the daemon is told by status --json", (t) => {
  const { counters } = everything(t).status();
  const found = counted();
  assert.ok(found.size > 100, `only ${found.size} counters found: the test looks in the wrong place`);
  const untold = [...found].filter((site) => {
    const name = site.split(" ")[1] ?? "";
    return notTold[site] === undefined && !((toldAs[site] ?? name) in counters);
  });
  assert.deepEqual(untold, [], "these are counted and no status tells them");
  const stale = [...Object.keys(toldAs), ...Object.keys(notTold)].filter((site) => !found.has(site));
  assert.deepEqual(stale, [], "these are listed here and nobody counts them");
});

test("what the kernel's rules drop or let go without a line is counted, and told by status --json", (t) => {
  const { counters } = everything(t).status();
  const decoy = { mark: 7, door: { four: 40_001, six: undefined }, behindNat: true };
  const plans = [...Object.values(planVariants), { ...ordinaryPlan, decoy }];
  const rules = new Set(plans.flatMap((plan) => buildRuleset(plan, "on").split("\n")));
  const inRules = new Set([...rules].flatMap((rule) => /counter name "(\w+)"/.exec(rule)?.[1] ?? []));
  assert.deepEqual(
    [...inRules].filter((name) => !(name in counters)),
    [],
    "these are counted and no status tells them",
  );
  const untold = [...rules].filter((rule) => /counter (drop|return)$/.test(rule) && !rule.includes("@flows"));
  assert.deepEqual(untold, [], "these count for nobody");
  const page = readFileSync(repositoryFolder("docs/reference/kernel-table.md"), "utf8");
  assert.deepEqual(
    [...inRules].filter((name) => !page.includes(`\`${name}\``)),
    [],
    "docs/reference/kernel-table.md does not name these",
  );
});

test("no counter is told in place of another: two files share a key only where they count the same thing", () => {
  const names = new Map<string, string[]>();
  for (const site of counted()) {
    const [file = "", name = ""] = site.split(" ");
    if (notTold[site] !== undefined) continue;
    const key = toldAs[site] ?? name;
    names.set(key, [...(names.get(key) ?? []), file]);
  }
  const shared = [...names]
    .filter(([, files]) => files.length > 1)
    .map(([key, files]) => `${key}: ${files.join(", ")}`);
  assert.deepEqual(shared.sort(), [
    "answersRefused: judge/proof/delayed-answers.ts, kernel/tcp-reset.ts",
    "followersRefused: control/followers.ts, control/routes.ts",
    "linesLost: kernel/syslog.ts, record/journal.ts",
    "listenWakeupsCutShort: capture/listen/listen-tcp.ts, capture/listen/listen-udp.ts",
    "widerEvicted: detect/wider-prefixes.ts, enforce/wider-blocks.ts",
  ]);
});

test("what two parts count under one name is added up", (t) => {
  const daemon = everything(t);
  const file = { counters: { blockedFileErrors: 2 } };
  daemon.countToo(file);
  daemon.countToo(file);
  assert.equal(daemon.status().counters.blockedFileErrors, 4);
});
