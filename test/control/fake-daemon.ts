// A daemon without a kernel: the interface of control/endpoints.ts over plain lists, and a place for its socket.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { BlockedEntry, BlockRequest, Explanation, GuardEntry, Refusal, Status } from "../../src/control/api.ts";
import type { ServedApi } from "../../src/control/endpoints.ts";
import type { ControlLimits } from "../../src/control/limits.ts";
import type { Figures } from "../../src/control/record-api.ts";
import { type ControlServer, type ControlServerOptions, serveControl } from "../../src/control/server.ts";
import type { Event } from "../../src/record/event.ts";

export interface FakeDaemon {
  readonly api: ServedApi;
  /** What the daemon would answer; tests change it. */
  status: Status;
  blocks: Iterable<BlockedEntry>;
  guarded: Iterable<GuardEntry>;
  events: Event[];
  explanation: Explanation;
  /** When set, every request that can be refused is refused so. */
  refusal: Refusal | undefined;
  readonly blockRequests: BlockRequest[];
  readonly unblockTargets: string[];
  readonly whyAddresses: string[];
  emit(event: Event, number?: number): void;
  /** How many subscriptions are open now. */
  followers(): number;
  /** Resolves as soon as `count` subscriptions are open. */
  untilFollowers(count: number): Promise<void>;
}

export const time = "2026-11-22T10:00:00.000Z";

export const entry: BlockedEntry = {
  source: "192.0.2.7",
  since: time,
  until: "2026-11-23T10:00:00.000Z",
  grade: "direct",
  soft: false,
  reason: "6 ports in 10s",
  backend: "nftables",
  enforced: true,
  offences: 2,
};

export const probeEvent: Event = {
  time,
  type: "probe",
  source: "192.0.2.7",
  protocol: "tcp",
  port: 23,
  kind: "syn",
  tool: "nmap",
  action: "held",
};

const status: Status = {
  version: "0.1.0",
  probes: 12345,
  sources: 678,
  lost: 0,
  held: 3,
  blocked: 2,
  proven: 1,
  unproven: 1,
  uptimeSeconds: 93_600,
  capture: "nflog",
  firewall: "nftables",
  blockedBy: "nftables",
  blocking: true,
  configuration: "/etc/portsentry/portsentry.conf",
  watched: { tcp: { mode: "atcp", ports: 1021 }, udp: null },
  warnings: [],
  counters: { undecodable: 4, evictions: 0 },
};

const figures: Figures = {
  kind: { syn: 12_000, xmas: 0 },
  tool: { nmap: 2, 'odd "tool"\n\\': 1 },
  action: { "probe held": 11_000, "block silence": 1 },
  latency: {
    buckets: [
      [0.001, 1],
      [0.01, 3],
    ],
    sumSeconds: 0.5,
    count: 4,
  },
};

const explanation: Explanation = {
  source: "192.0.2.7",
  state: "blocked",
  because: ["It tried 6 ports that nobody serves within 10 seconds."],
  block: entry,
  probes: 40,
  contacts: 12,
  firstSeen: time,
  lastSeen: "2026-11-22T10:05:00.000Z",
  offences: 2,
  events: [probeEvent],
};

export function createFakeDaemon(): FakeDaemon {
  const listeners = new Set<(event: Event, number?: number) => void>();
  const waiting: { count: number; resolve: () => void }[] = [];
  const changed = (): void => {
    for (const wait of waiting.filter(({ count }) => count === listeners.size)) wait.resolve();
  };
  const daemon: FakeDaemon = {
    status,
    blocks: [entry],
    guarded: [],
    events: [probeEvent],
    explanation,
    refusal: undefined,
    blockRequests: [],
    unblockTargets: [],
    whyAddresses: [],
    emit: (event, number) => {
      for (const listener of listeners) listener(event, number);
    },
    followers: () => listeners.size,
    untilFollowers: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve });
        changed();
      }),
    api: {
      status: () => ({ ok: daemon.status }),
      figures: () => ({ ok: figures }),
      blocked: () => ({ ok: daemon.blocks }),
      guard: () => ({ ok: daemon.guarded }),
      block(request) {
        daemon.blockRequests.push(request);
        return daemon.refusal === undefined ? { ok: entry } : { refused: daemon.refusal };
      },
      unblock({ target }) {
        daemon.unblockTargets.push(target);
        return daemon.refusal === undefined ? { ok: { unblocked: [target] } } : { refused: daemon.refusal };
      },
      why({ source = "" }) {
        daemon.whyAddresses.push(source);
        return daemon.refusal === undefined ? { ok: daemon.explanation } : { refused: daemon.refusal };
      },
      events({ limit = 100, source }) {
        if (daemon.refusal !== undefined) return { refused: daemon.refusal };
        const about = daemon.events.filter((event) => source === undefined || event.source === source);
        return { ok: limit === 0 ? [] : about.slice(-limit) };
      },
      /** The events' numbers are their places, from 1 on. */
      eventsAfter({ after, limit = 100 }) {
        const numbered = daemon.events.map((event, index) => ({ number: index + 1, event }));
        return { ok: numbered.filter(({ number }) => number > after).slice(0, limit) };
      },
      follow(listener) {
        listeners.add(listener);
        changed();
        return () => {
          listeners.delete(listener);
          changed();
        };
      },
    },
  };
  return daemon;
}

/** A directory that anybody may enter and that goes with the test. */
export function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-control-"));
  chmodSync(folder, 0o755);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Served {
  readonly daemon: FakeDaemon;
  readonly folder: string;
  readonly socket: string;
  readonly server: ControlServer;
  /** What routes threw. */
  readonly reported: Error[];
}

/** A fake daemon behind a socket of its own; both go with the test. */
export async function serveFake(
  t: TestContext,
  limits: Partial<ControlLimits> = {},
  readers: Pick<ControlServerOptions, "group" | "peerUid"> = {},
): Promise<Served> {
  const daemon = createFakeDaemon();
  const folder = makeFolder(t);
  const socket = join(folder, "control.sock");
  const reported: Error[] = [];
  const report = (error: Error): void => void reported.push(error);
  const server = await serveControl({ path: socket, api: daemon.api, mode: 0o660, report, limits, ...readers });
  t.after(() => server.close());
  return { daemon, folder, socket, server, reported };
}
