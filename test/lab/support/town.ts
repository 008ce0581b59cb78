// The innocents whom a forger can choose from, each with a kernel of its own: the gateway, a resolver with a real DNS server,
// a known customer with an open connection, a live stranger; and a dead address. The daemon blocks with the built-in table
// and runs outside commands that only write down whom they were called for.
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Family, families, furtherHost, SCANNER, TARGET } from "./addresses.ts";
import { Daemon } from "./daemon.ts";
import type { Running } from "./exec.ts";
import { type Host, Lab } from "./lab.ts";
import { harsh, type Settings } from "./settings.ts";
import { Stage } from "./stage.ts";
import { exchange, keepAsking, serve, talk, visit } from "./traffic.ts";

export const SERVED = 8000;
export const TALKING = 8001;
/** For the stranger, one a case: whoever has been served by a port is no stranger to it. */
export const STRANGERS_PORTS = Array.from({ length: 16 }, (_, index) => 8_010 + index);
export const resolver = furtherHost(1);
export const customer = furtherHost(2);
export const stranger = furtherHost(3);
/** No host, and no route to it. */
export const dead = furtherHost(40);
export const gateway = { ...SCANNER, key: { ipv4: SCANNER.ipv4, ipv6: SCANNER.ipv6 } };
export const victims = { gateway, resolver, customer, stranger, dead } as const;

/** Longer than a hold (5 s): what delays a stranger is then the soft block. */
export const SOFT_BLOCK_SECONDS = 6;
/** Any packet makes a finding: whatever of it is not proven must not become a full block. */
const settings: Settings = { ...harsh, PROOF: "on", ANSWER: "reset", SOFT_BLOCK_TIME: `${SOFT_BLOCK_SECONDS}s` };

export class Town {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly customerHost: Host;
  readonly strangerHost: Host;
  /** The customer's open connections. */
  readonly conversations: Readonly<Record<Family, Running>>;
  readonly #asking: readonly ReturnType<typeof keepAsking>[];
  readonly #killRecord: string;

  private constructor(parts: {
    readonly lab: Lab;
    readonly daemon: Daemon;
    readonly hosts: { readonly customer: Host; readonly stranger: Host };
    readonly conversations: Readonly<Record<Family, Running>>;
    readonly asking: readonly ReturnType<typeof keepAsking>[];
    readonly killRecord: string;
  }) {
    this.lab = parts.lab;
    this.daemon = parts.daemon;
    this.customerHost = parts.hosts.customer;
    this.strangerHost = parts.hosts.stranger;
    this.conversations = parts.conversations;
    this.#asking = parts.asking;
    this.#killRecord = parts.killRecord;
  }

  static async build(more: Settings = {}): Promise<Town> {
    const lab = await Lab.open();
    try {
      return await Town.#in(lab, more);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  static async #in(lab: Lab, more: Settings): Promise<Town> {
    const resolverHost = await lab.addHost(1);
    const hosts = { customer: await lab.addHost(2), stranger: await lab.addHost(3) };
    await startResolver(lab, resolverHost);
    await serve(lab, lab.target, { tcp: [SERVED, ...STRANGERS_PORTS] });
    await serve(lab, lab.target, { tcp: [TALKING], mode: "echo" });
    const stage = new Stage(join(lab.folder, "stage"));
    stage.clear();
    stage.write("etc/resolv.conf", families.map((family) => `nameserver ${resolver[family]}\n`).join(""));
    const killRecord = join(lab.folder, "killed");
    const script = join(lab.folder, "kill-route");
    writeFileSync(script, `#!/bin/sh\necho "$@" >>${killRecord}\n`);
    chmodSync(script, 0o755);
    const outside = { KILL_ROUTE: `${script} route $TARGET$`, KILL_RUN_CMD: `${script} run $TARGET$` };
    const daemon = await Daemon.start(lab, { ...settings, ...outside, ...more }, [], stage);
    const converse = async (family: Family): Promise<Running> => {
      const [to, from] = [TARGET[family], customer[family]];
      const { opened } = await visit(hosts.customer, { to, from, port: SERVED });
      if (opened !== 1) throw new Error("the customer could not become known");
      return await talk(lab, hosts.customer, { to, from, port: TALKING });
    };
    const conversations = { ipv4: await converse("ipv4"), ipv6: await converse("ipv6") };
    const asking = families.map((family) => keepAsking(lab, lab.target, { server: resolver[family], every: 50 }));
    return new Town({ lab, daemon, hosts, conversations, asking, killRecord });
  }

  /** Over both families together. */
  answers(): { readonly answered: number; readonly failed: number } {
    const states = this.#asking.map(({ state }) => state());
    const sum = (key: "answered" | "failed") => states.reduce((total, state) => total + state[key], 0);
    return { answered: sum("answered"), failed: sum("failed") };
  }

  /** What the outside commands were called with: "route ADDRESS" (of IPv4 only, as its form is not known), "run ADDRESS". */
  killed(): readonly string[] {
    if (!existsSync(this.#killRecord)) return [];
    return readFileSync(this.#killRecord, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  }

  /** What the kernels of the two who must not be delayed say of their own connections, since they began. */
  async waits(): Promise<Readonly<Record<"customer" | "gateway", TcpWaits>>> {
    return { customer: await tcpWaits(this.customerHost), gateway: await tcpWaits(this.lab.scanner) };
  }

  /** The customer's source port of its open connection. */
  async customerPort(family: Family): Promise<number> {
    const text = await this.customerHost.mustRun(["ss", "-Htn", "state", "established", `dport = :${TALKING}`]);
    const line = text
      .split("\n")
      .find((each) => each.includes(family === "ipv4" ? `${customer.ipv4}:` : `[${customer.ipv6}]:`));
    const port = Number(/[\d\]]:(\d+)\s/.exec(line ?? "")?.[1]);
    if (!(port > 0)) throw new Error(`no open connection of the customer over ${family}:\n${text}`);
    return port;
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

/** Counters of a kernel's TCP. */
export interface TcpWaits {
  /**
   * TCPTimeouts: how often nothing came back until the retransmission timer ran out (RFC 6298), for a SYN as for data. That
   * is a stall. A single segment lost in a full queue of the link is made good within a round trip or two by fast
   * retransmission or a loss probe (RFC 8985), on any network, and is none: so RetransSegs is told, and not judged.
   */
  readonly timeouts: number;
  /** RetransSegs: segments sent again for whatever reason. */
  readonly retransmissions: number;
}

async function tcpWaits(host: Host): Promise<TcpWaits> {
  const text = await host.mustRun(["cat", "/proc/net/snmp", "/proc/net/netstat"]);
  const counter = (protocol: string, name: string): number => {
    const lines = text.split("\n").filter((line) => line.startsWith(`${protocol}: `));
    const [names = [], values = []] = lines.map((line) => line.split(" "));
    const value = Number(values[names.indexOf(name)]);
    if (Number.isNaN(value)) throw new Error(`the kernel does not count ${protocol} ${name}`);
    return value;
  };
  return { timeouts: counter("TcpExt", "TCPTimeouts"), retransmissions: counter("Tcp", "RetransSegs") };
}

async function startResolver(lab: Lab, host: Host): Promise<void> {
  const addresses = families.map((family) => `--listen-address=${resolver[family]}`);
  const options = ["--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"];
  const zone = ["--address=/lab.test/192.0.2.250", "--bind-interfaces", "--pid-file=", "--user=root"];
  const dnsmasq = lab.spawn(host, ["dnsmasq", ...options, ...zone, ...addresses]);
  await dnsmasq.waitForLine(/started/);
}

/** What goes on between the innocents while a task runs: each must go on without a hitch. */
export async function whileAllGoOn(town: Town, task: Promise<void>): Promise<{ readonly longestMs: number }> {
  let isOver = false;
  let longestMs = 0;
  const over = task.finally(() => {
    isOver = true;
  });
  const converse = async (family: Family): Promise<void> => {
    for (let count = 0; !isOver; count++) {
      const startedMs = performance.now();
      await exchange(town.conversations[family], `${count} over ${family}`);
      longestMs = Math.max(longestMs, performance.now() - startedMs);
    }
  };
  const visits = async (family: Family): Promise<void> => {
    const to = TARGET[family];
    do {
      await mustVisit(town.customerHost, to, customer[family]);
      await mustVisit(town.lab.scanner, to, gateway[family]);
    } while (!isOver);
  };
  await Promise.all([over, ...families.flatMap((family) => [converse(family), visits(family)])]);
  return { longestMs };
}

async function mustVisit(host: Host, to: string, from: string): Promise<void> {
  const { opened, errors } = await visit(host, { to, from, port: SERVED });
  if (opened !== 1) throw new Error(`${from} could not connect to ${to}: ${JSON.stringify(errors)}`);
}
