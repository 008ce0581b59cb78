// The same configuration and the same probes for Debian's PortSentry 1.2 and for ours, one after the other on one stage:
// everything that each says and leaves behind, as a transcript without times and process ids.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildTcp, buildUdp } from "../../support/build-packet.ts";
import { source, TARGET } from "./addresses.ts";
import type { Lab } from "./lab.ts";
import { fetchOldPortsentry } from "./old-portsentry.ts";
import { Prober } from "./prober.ts";
import type { Settings } from "./settings.ts";
import { Stage } from "./stage.ts";
import { SyslogReader } from "./syslog-reader.ts";
import { serve } from "./traffic.ts";
import { waitUntil } from "./wait.ts";

export type Mode = "tcp" | "udp" | "stcp" | "sudp" | "atcp" | "audp";

/** TCP flags of the raw probes; "connect" is a real connection, "datagram" a real client that waits for an answer. */
export const flagsOf = { null: 0, fin: 1, syn: 2, synfin: 3, rst: 4, ack: 16, maimon: 17, xmas: 41, all: 63 } as const;
export type Kind = keyof typeof flagsOf | "connect" | "udp" | "datagram" | "short datagram";

export interface Probe {
  readonly kind: Kind;
  /** Number of the lab's source, or an address. */
  readonly from: number | string;
  readonly port: number;
  /** With an IP option (record route) in the header. */
  readonly ipOptions?: true;
  /** 1.2 says nothing of it. That it does is checked. */
  readonly silent?: true;
}

export interface Case {
  readonly name: string;
  readonly mode: Mode;
  readonly conf: Settings;
  readonly ignored?: readonly string[];
  readonly probes: readonly Probe[];
  /** A command of `conf` that does not work, and why. */
  readonly failing?: { readonly command: RegExp; readonly detail: string };
  /** Ports that another program serves when PortSentry starts. */
  readonly served?: readonly number[];
  /** Sent without waiting for what comes of them. */
  readonly atOnce?: true;
}

/** Lines of syslog as "<29>portsentry: text", with a visible newline. */
export interface Transcript {
  readonly start: readonly string[];
  /** What was said of each probe that was spoken of, in the order of the probes. */
  readonly scans: readonly (readonly string[])[];
  readonly stop: readonly string[];
  /** What probed ports said. */
  readonly answers: readonly string[];
  readonly history: readonly string[];
  readonly blocked: readonly string[];
  readonly hostsDeny: readonly string[];
  /** What the recording script was called with. */
  readonly commands: readonly string[];
}

export const RECORD = "/run/record";
const HOSTS_DENY = "# the administrator's own line\nALL: 192.0.2.99\n";
const root = resolve(import.meta.dirname, "../../../..");
const OURS = [process.execPath, join(root, "bin/portsentry")];
const SCAN = /portsentry: attackalert: (?:Connect| ?TCP \S+ scan|UDP scan|Unknown Type: .*) from host: /;
/** The last line of a probe that every case ends with: of a source that was found before, or cannot be blocked. */
const END = /is already blocked|Could not block host/;
const ACTIVE = /now active and listening/;
const STOPPED = /adminalert: PortSentry is shutting down/;
const READY_OR_STOPPED = /now active and listening|adminalert: PortSentry is shutting down/;

/** What the second contestant is waited for: so many lines after so many probes. */
export interface Pace {
  readonly linesAfter: readonly number[];
  readonly isExtra: (line: string) => boolean;
}

export class Contest {
  readonly #lab: Lab;
  readonly #stage: Stage;
  readonly #syslog: SyslogReader;
  readonly #prober: Prober;
  readonly #old: string;
  /** Another one for each raw probe: connection tracking takes what it has seen before for an answer. */
  #sourcePort = 20_000;

  private constructor(parts: { lab: Lab; stage: Stage; syslog: SyslogReader; prober: Prober; old: string }) {
    this.#lab = parts.lab;
    this.#stage = parts.stage;
    this.#syslog = parts.syslog;
    this.#prober = parts.prober;
    this.#old = parts.old;
  }

  static async open(lab: Lab): Promise<Contest> {
    const stage = new Stage(join(lab.folder, "stage"));
    const old = join(await fetchOldPortsentry(), "usr/sbin/portsentry");
    const syslog = await SyslogReader.start(lab, stage.path("dev/log"));
    // 1.2 cannot listen again on a port with connections in TIME_WAIT: each case is to find its ports free.
    await lab.target.set("net.ipv4.tcp_max_tw_buckets", "0");
    // A KILL_ROUTE that blocks nothing is noticed by an answer: the kernel answers a source's datagrams once a second, else.
    await lab.target.set("net.ipv4.icmp_ratelimit", "0");
    const prober = await Prober.start(lab);
    return new Contest({ lab, stage, syslog, prober, old });
  }

  /** PortSentry 1.2 takes one thing after the other, so that it is enough to wait for each probe's first line. */
  async playOld(asked: Case): Promise<Transcript> {
    try {
      return await this.#playOldOnce(asked);
    } catch (error) {
      // Its handler of SIGTERM calls syslog(), and waits for ever where the signal came within another such call.
      if (!(error instanceof NotEnded)) throw error;
      return this.#playOldOnce(asked);
    }
  }

  #playOldOnce(asked: Case): Promise<Transcript> {
    return this.#play([this.#old], asked, async (from, heard) => {
      const scans = () => linesOf(textsOf(this.#syslog.since(from))).scans;
      const isLast = heard === asked.probes.filter(({ silent }) => silent !== true).length;
      const isThere = () => scans().length >= heard && (!isLast || END.test(scans().at(-1)?.at(-1) ?? ""));
      await this.#until(`probe ${heard} of "${asked.name}" in 1.2's lines`, from, isThere);
    });
  }

  /** Ours does the responses beside the packets: each probe waits until what is expected of the last was said. */
  playOurs(asked: Case, { linesAfter, isExtra }: Pace): Promise<Transcript> {
    return this.#play(OURS, asked, async (from, heard) => {
      // Of probes that are sent at once all lines are waited for, those of a command that ends late among them.
      const wanted = (asked.atOnce === true ? linesAfter.at(-1) : linesAfter[heard - 1]) ?? 0;
      const count = () => {
        const lines = textsOf(this.#syslog.since(from)).filter((line) => !isExtra(line));
        return linesOf(lines).scans.flat().length;
      };
      // What does not come in time is missing in the transcript, which says more than a time-out.
      await this.#until("", from, () => count() >= wanted).catch(() => undefined);
    });
  }

  async #play(
    program: readonly string[],
    asked: Case,
    settle: (from: number, heard: number) => Promise<void>,
  ): Promise<Transcript> {
    const { target } = this.#lab;
    const stage = this.#stage;
    this.#prepare(asked);
    const ports = { tcp: asked.served ?? [], udp: asked.served ?? [] };
    const service = asked.served && (await serve(this.#lab, target, { ...ports, mode: "close", address: TARGET.ipv4 }));
    const from = this.#syslog.count;
    try {
      await stage.mustRun(target, [...program, `-${asked.mode}`]);
      const first = await this.#syslog.waitFor(READY_OR_STOPPED, from);
      if (!ACTIVE.test(first)) throw new Error(`did not start:\n${this.#syslog.since(from).join("\n")}`);
      const answers = await this.#probe(asked, (heard) => settle(from, heard));
      await this.#stop(from);
      return { ...linesOf(textsOf(this.#syslog.since(from))), answers, ...this.#leftBehind(asked) };
    } finally {
      await this.#stop(from);
      await service?.stop();
      // Neither rules nor half-closed connections, which would keep 1.2 from its ports.
      await target.mustRun(["sh", "-c", "nft flush ruleset; ss -KHtan > /dev/null"]);
    }
  }

  /** Ends the daemon that has said something since. */
  async #stop(from: number): Promise<void> {
    const last = this.#syslog.since(from).at(-1);
    const pid = last === undefined ? 0 : pidOf(last);
    if (pid === 0 || isGone(pid)) return;
    process.kill(pid, "SIGTERM");
    await waitUntil(`end of process ${pid}`, () => isGone(pid)).catch(async (error: unknown) => {
      process.kill(pid, "SIGKILL");
      await waitUntil(`end of process ${pid}, killed`, () => isGone(pid));
      throw new NotEnded(String(error));
    });
    await this.#syslog.waitFor(STOPPED, from);
  }

  #leftBehind({ mode }: Case): Pick<Transcript, "history" | "blocked" | "hostsDeny" | "commands"> {
    const read = (path: string): string[] => fileLines(this.#stage.read(path));
    return {
      history: read("/var/lib/portsentry/portsentry.history"),
      blocked: read(`/var/lib/portsentry/portsentry.blocked.${mode}`),
      hostsDeny: read("/etc/hosts.deny"),
      commands: read(`${RECORD}.log`),
    };
  }

  #prepare({ conf, ignored = [] }: Case): void {
    const stage = this.#stage;
    stage.clear();
    const lines = Object.entries({ ...files, ...conf }).map(([key, value]) => `${key}="${value}"\n`);
    stage.write("/etc/portsentry/portsentry.conf", lines.join(""));
    stage.write("/etc/portsentry/portsentry.ignore", ignored.map((line) => `${line}\n`).join(""));
    stage.write("/etc/hosts.deny", HOSTS_DENY);
    stage.writeProgram(RECORD, `#!/bin/sh\necho "$@" >> ${RECORD}.log\n`);
  }

  async #probe(asked: Case, settle: (heard: number) => Promise<void>): Promise<string[]> {
    const answers: string[] = [];
    let heard = 0;
    for (const probe of asked.probes) {
      const answer = await this.#send(probe);
      if (answer !== "") answers.push(answer);
      if (probe.silent === true) continue;
      heard++;
      if (asked.atOnce !== true) await settle(heard);
    }
    await settle(heard);
    return answers;
  }

  #send({ kind, from, port, ipOptions }: Probe): Promise<string> {
    const address = typeof from === "number" ? source(from).ipv4 : from;
    if (kind === "connect") return this.#prober.connect({ from: address, port });
    if (kind === "datagram") return this.#prober.datagram({ from: address, port }, 64);
    if (kind === "short datagram") return this.#prober.datagram({ from: address, port }, 2);
    const packet = {
      source: address,
      destination: TARGET.ipv4,
      sourcePort: this.#sourcePort++,
      destinationPort: port,
      // RFC 791 section 3.1: record route, with room for one address.
      ...(ipOptions === true && { ipOptions: [7, 7, 4, 0, 0, 0, 0] }),
    };
    if (kind === "udp") return this.#prober.packet(buildUdp({ ...packet, payload: Uint8Array.of(0x68, 0x69) }));
    return this.#prober.packet(buildTcp({ ...packet, flags: flagsOf[kind] }));
  }

  async #until(what: string, from: number, condition: () => boolean): Promise<void> {
    try {
      await waitUntil(what, condition, 4_000);
    } catch (error) {
      throw new Error(`${String(error)}\n--- syslog ---\n${this.#syslog.since(from).join("\n")}`);
    }
  }
}

const files: Settings = {
  IGNORE_FILE: "/etc/portsentry/portsentry.ignore",
  HISTORY_FILE: "/var/lib/portsentry/portsentry.history",
  BLOCKED_FILE: "/var/lib/portsentry/portsentry.blocked",
};

/** Without time and process id, with a visible newline at the end. */
export function textsOf(datagrams: readonly string[]): string[] {
  return datagrams.map((text) =>
    text
      .replace(/^(<\d+>)[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d portsentry\[\d+\]: /, "$1portsentry: ")
      .replace(/\n/g, "\\n"),
  );
}

function pidOf(datagram: string): number {
  const pid = Number(/portsentry\[(\d+)\]: /.exec(datagram)?.[1]);
  if (!(pid > 1)) throw new Error(`no process id in ${JSON.stringify(datagram)}`);
  return pid;
}

/** An orphan that nobody has reaped yet is gone, too. */
/** A daemon that SIGTERM did not end. It has been killed. */
class NotEnded extends Error {}

function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

/** A transcript as one text, which a failed comparison shows best. */
export function formatTranscript({
  start,
  scans,
  stop,
  answers,
  history,
  blocked,
  hostsDeny,
  commands,
}: Transcript): string {
  const parts = { start, scans: scans.flat(), stop, answers, history, blocked, hostsDeny, commands };
  return Object.entries(parts)
    .flatMap(([title, lines]) => [`[${title}]`, ...lines])
    .join("\n");
}

function linesOf(lines: readonly string[]): Pick<Transcript, "start" | "scans" | "stop"> {
  const active = lines.findIndex((line) => ACTIVE.test(line)) + 1;
  const stopping = lines.findIndex((line) => line.includes("securityalert: PortSentry is shutting down"));
  const end = stopping < 0 ? lines.length : stopping;
  return { start: lines.slice(0, active), scans: scansIn(lines.slice(active, end)), stop: lines.slice(end) };
}

/** A group for each line that tells of a probe, with what follows it; lines before the first make one of their own. */
function scansIn(lines: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (SCAN.test(line) || last === undefined) groups.push([line]);
    else last.push(line);
  }
  return groups;
}

/** The lines of a file; those of history and blocked file without their time. */
function fileLines(text: string): string[] {
  const lines = text.replace(/^\d+ - \d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d /gm, "TIME ").split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}
