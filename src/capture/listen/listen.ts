// Connect mode (-tcp, -udp, --connect): a real listener on every watched port. One wildcard socket a port, all in one
// epoll set. A port that another program has is reported once and tried again; it never moves to another port, and is no
// reason to stop. A service that wants a port of ours cannot have it until the port is taken off the list.
//
// What this means for the kernel's sensor: our listeners look to it like services, so SYNs to them are no traps, and
// without a rule of their own (RulesetPlan) it would take them for services lately open and their scanners for known
// customers. openPorts() is the list that such a rule needs. Where a port is busy or left out, or only has a listener
// on 127.0.0.1, the sensor goes on to watch it as in the stealth modes.
import { setImmediate as nextTurn } from "node:timers/promises";
import { EpollSet } from "../../kernel/epoll.ts";
import type { Opened } from "../../kernel/inet-socket.ts";
import { closeFd, watchReadable } from "../../kernel/libc.ts";
import type { PortRange } from "../../wire/port-range.ts";
import { planListeners, portKey, rangesOf, readListenerLimit, type WantedPorts } from "./listen-limits.ts";
import { type ListenProtocol, type ListenReport, type ListenSink, newListenCounters } from "./listen-sink.ts";
import { openTcp, TcpTaker } from "./listen-tcp.ts";
import { openUdp, UdpTaker } from "./listen-udp.ts";

export const RETRY_MS = 5_000;
/** Ports opened before the event loop has its turn (some 70 us each), and ports tried again every RETRY_MS. */
const OPENED_PER_TURN = 256;
const RETRIED_PER_TICK = 2_048;
/** Ports served in one wake-up, ARRIVALS_PER_TURN from each. */
const PORTS_PER_WAKEUP = 32;

/** How a kernel says that it has no IPv6. */
const noIpv6: readonly string[] = ["EAFNOSUPPORT", "EADDRNOTAVAIL"];

export interface ListenerOptions extends WantedPorts {
  /** PORT_BANNER. */
  readonly banner?: string | undefined;
  /** Datagrams get the banner also when it is longer than they are (2.x). Absent: they do not. */
  readonly mayAmplify?: boolean;
}

/** What a test, or a host with other needs, replaces. */
export interface ListenLimits {
  /** Listeners at most; by default what the limit on open files leaves. */
  readonly listeners?: number;
  readonly nowMs?: () => number;
  /** Calls `task` every so often until the function that it returns is called. */
  readonly every?: (task: () => void, intervalMs: number) => () => void;
  readonly open?: (protocol: ListenProtocol, port: number, ipv6: boolean) => Opened;
}

interface Port {
  readonly protocol: ListenProtocol;
  readonly port: number;
  /** -1: another program has the port. */
  fd: number;
  isToldBusy: boolean;
}

export class Listeners {
  readonly counters = newListenCounters();
  readonly #limits: Required<ListenLimits>;
  readonly #tcp = new TcpTaker(this.counters);
  readonly #udp = new UdpTaker(this.counters);
  readonly #ports = new Map<number, Port>();
  readonly #byFd = new Map<number, Port>();
  /** Not open, or open and resting: tried again at the next tick, the longest waiting first. */
  readonly #waiting = new Set<Port>();
  #wanted: ListenerOptions;
  #running: Running | undefined;
  #toldLeftOut = "";
  /** Counts updates: an older one that is still opening ports ends. */
  #update = 0;

  constructor(options: ListenerOptions & { readonly limits?: ListenLimits }) {
    this.#wanted = options;
    this.#limits = { listeners: readListenerLimit(), nowMs: Date.now, every, open, ...options.limits };
  }

  /** Resolves when every port was tried once. Rejects with a KernelError if there can be no epoll set. */
  async start(sink: ListenSink, report: ListenReport): Promise<void> {
    if (this.#running !== undefined) throw new Error("listeners: started twice");
    const set = new EpollSet(PORTS_PER_WAKEUP);
    const watch = watchReadable(set.fd, () => this.#wake(), report.failed);
    const stopRetrying = this.#limits.every(() => this.#retry(), RETRY_MS);
    this.#running = { sink, report, set, watch, stopRetrying };
    await this.update(this.#wanted);
  }

  /**
   * For a reload: ports off the list are let go at once, those that stay are not touched. Resolves as start(), or when
   * a later update, or the end, took over.
   */
  async update(wanted: ListenerOptions): Promise<void> {
    this.#wanted = wanted;
    if (this.#running === undefined) return;
    const update = ++this.#update;
    const banner = Buffer.from(wanted.banner ?? "", "utf8");
    this.#tcp.banner = banner;
    this.#udp.banner = banner;
    this.#udp.mayAmplify = wanted.mayAmplify === true;
    const plan = planListeners(wanted, this.#limits.listeners);
    const keys = new Set(plan.keys);
    for (const [key, port] of this.#ports) if (!keys.has(key)) this.#letGo(key, port);
    this.#tellLeftOut(plan.leftOut);
    let opened = 0;
    for (const key of plan.keys) {
      if (this.#running === undefined || update !== this.#update) return;
      if (this.#ports.has(key)) continue;
      const port: Port = { protocol: key >= portKey(17, 0) ? 17 : 6, port: key & 0xffff, fd: -1, isToldBusy: false };
      this.#ports.set(key, port);
      this.#tryOpen(port);
      if (++opened % OPENED_PER_TURN === 0) await nextTurn();
    }
  }

  /** Ports that are ours now: for the sensor, which must not take them for services. */
  openPorts(protocol: ListenProtocol): PortRange[] {
    const open = [...this.#ports.values()].filter((port) => port.protocol === protocol && port.fd >= 0);
    return rangesOf(open.map(({ port }) => port).sort((a, b) => a - b));
  }

  async close(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.stopRetrying();
    running?.watch.close();
    for (const [key, port] of this.#ports) this.#letGo(key, port);
    running?.set.close();
  }

  #wake(): void {
    const running = this.#running;
    if (running === undefined) return;
    const timeMs = this.#limits.nowMs();
    const count = running.set.ready();
    for (let index = 0; index < count; index++) {
      const fd = running.set.at(index);
      const port = this.#byFd.get(fd);
      if (port === undefined) continue;
      const taker = port.protocol === 6 ? this.#tcp : this.#udp;
      if (taker.take(fd, port.port, timeMs, running.sink)) continue;
      // Left in the set it would wake us without end.
      running.set.remove(fd);
      this.#waiting.add(port);
    }
    running.sink.batchEnd();
  }

  #retry(): void {
    let tried = 0;
    for (const port of [...this.#waiting]) {
      if (++tried > RETRIED_PER_TICK) return;
      this.#waiting.delete(port);
      if (port.fd < 0) this.#tryOpen(port);
      else if (this.#running?.set.add(port.fd) !== "") this.#waiting.add(port);
    }
  }

  #tryOpen(port: Port): void {
    const running = this.#running;
    if (running === undefined) return;
    const opened = this.#openEither(port);
    const code = "fd" in opened ? this.#watch(running, port, opened.fd) : opened.code;
    if (code === "") {
      if (port.isToldBusy) running.report.free(port.protocol, port.port);
      port.isToldBusy = false;
      return;
    }
    this.#waiting.add(port);
    if (!port.isToldBusy) running.report.busy(port.protocol, port.port, code);
    port.isToldBusy = true;
  }

  #openEither({ protocol, port }: Port): Opened {
    const opened = this.#limits.open(protocol, port, true);
    return "code" in opened && noIpv6.includes(opened.code) ? this.#limits.open(protocol, port, false) : opened;
  }

  /** "" or why the set does not take it (ENOSPC: fs.epoll.max_user_watches). */
  #watch(running: Running, port: Port, fd: number): string {
    const code = running.set.add(fd);
    if (code !== "") {
      closeFd(fd);
      return code;
    }
    port.fd = fd;
    this.#byFd.set(fd, port);
    return "";
  }

  #letGo(key: number, port: Port): void {
    this.#ports.delete(key);
    this.#waiting.delete(port);
    if (port.fd < 0) return;
    this.#byFd.delete(port.fd);
    closeFd(port.fd);
  }

  #tellLeftOut(leftOut: Readonly<Record<ListenProtocol, readonly PortRange[]>>): void {
    const sizes = [...leftOut[6], ...leftOut[17]].map(({ first, last }) => last - first + 1);
    this.counters.portsLeftOut = sizes.reduce((sum, size) => sum + size, 0);
    const text = JSON.stringify(leftOut);
    if (text === this.#toldLeftOut) return;
    this.#toldLeftOut = text;
    for (const protocol of [6, 17] as const) {
      if (leftOut[protocol].length > 0) this.#running?.report.leftOut(protocol, leftOut[protocol]);
    }
  }
}

interface Running {
  readonly sink: ListenSink;
  readonly report: ListenReport;
  readonly set: EpollSet;
  readonly watch: { close(): void };
  readonly stopRetrying: () => void;
}

function open(protocol: ListenProtocol, port: number, ipv6: boolean): Opened {
  return protocol === 6 ? openTcp(port, ipv6) : openUdp(port, ipv6);
}

function every(task: () => void, intervalMs: number): () => void {
  const timer = setInterval(task, intervalMs);
  return () => clearInterval(timer);
}
