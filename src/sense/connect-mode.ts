// Connect mode inside the daemon: listeners on the watched ports of a protocol in mode tcp or udp; what they accept goes
// to the walk, and the kernel's sensor is told which ports are ours.
import { messageOf } from "../base/errors.ts";
import { Listeners } from "../capture/listen/listen.ts";
import { newListenCounters } from "../capture/listen/listen-sink.ts";
import type { Settings } from "../config/settings.ts";
import { listServedPorts } from "../kernel/sock-diag.ts";
import { protocolLabel } from "../record/lines.ts";
import type { Recorder } from "../record/recorder.ts";
import { couldNotBindLine } from "../record/start-lines.ts";
import type { Arrival } from "../wire/arrival.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { PortRange } from "../wire/port-range.ts";

export interface ConnectModeParts {
  readonly settings: () => Settings;
  /** Gets what the listeners accept. */
  readonly sink: { arrival(arrival: Arrival): void; batchEnd(): void };
  readonly recorder: Pick<Recorder, "modes" | "notice" | "warning">;
  /** The ports on which a listener stands have changed. */
  readonly listened: (ports: OpenPorts) => void;
  readonly nowMs: () => number;
}

export interface OpenPorts {
  readonly tcp: readonly PortRange[];
  readonly udp: readonly PortRange[];
}

export class ConnectMode {
  readonly #parts: ConnectModeParts;
  #listeners: Listeners | undefined;

  constructor(parts: ConnectModeParts) {
    this.#parts = parts;
  }

  get counters(): Readonly<Record<string, number>> {
    const counters = Object.entries(this.#listeners?.counters ?? newListenCounters());
    return Object.fromEntries(counters.map(([name, count]) => [`listen${capitalized(name)}`, count]));
  }

  /** Resolves when every port was tried once. Nothing is done where no protocol is in connect mode. */
  async start(): Promise<void> {
    const wanted = this.#wanted();
    if (wanted.tcp.length === 0 && wanted.udp.length === 0) return;
    const { sink, recorder, settings, nowMs } = this.#parts;
    this.#listeners = new Listeners({
      ...wanted,
      ...answersOf(settings()),
      limits: { nowMs },
    });
    // What is said at start (modes.ts) names these.
    const told = new Set(listServedPorts().map(({ protocol, port }) => `${protocol}:${port}`));
    await this.#listeners.start(
      {
        accepted: (arrival) => sink.arrival(arrival),
        datagram: (arrival) => sink.arrival(arrival),
        batchEnd: () => sink.batchEnd(),
      },
      {
        busy: (protocol, port) => {
          if (!told.delete(`${protocol}:${port}`)) recorder.modes([couldNotBindLine(protocol, port)]);
        },
        free: (protocol, port) => {
          recorder.notice(`${protocolLabel(protocol)} port ${port} has become free and is listened on`);
          this.#tellKernel();
        },
        leftOut: (protocol, ports) => recorder.warning(leftOutText(protocol, ports)),
        failed: (error) => recorder.warning(`listeners: ${messageOf(error)}`),
      },
    );
    this.#tellKernel();
  }

  /** After a reload. */
  update(): void {
    const wanted = this.#wanted();
    if (this.#listeners === undefined) {
      void this.start().catch((error: unknown) => this.#parts.recorder.warning(`listeners: ${String(error)}`));
      return;
    }
    void this.#listeners
      .update({ ...wanted, ...answersOf(this.#parts.settings()) })
      .then(() => this.#tellKernel())
      .catch((error: unknown) => this.#parts.recorder.warning(`listeners: ${String(error)}`));
  }

  isOurs(protocol: number, port: number): boolean {
    const open = this.#open();
    const ranges = protocol === IpProtocol.Tcp ? open.tcp : open.udp;
    return ranges.some(({ first, last }) => port >= first && port <= last);
  }

  async close(): Promise<void> {
    await this.#listeners?.close();
    this.#listeners = undefined;
  }

  #wanted(): OpenPorts {
    const { tcp, udp } = this.#parts.settings();
    return { tcp: tcp.mode === "listen" ? tcp.watched : [], udp: udp.mode === "listen" ? udp.watched : [] };
  }

  #open(): OpenPorts {
    return {
      tcp: this.#listeners?.openPorts(IpProtocol.Tcp) ?? [],
      udp: this.#listeners?.openPorts(IpProtocol.Udp) ?? [],
    };
  }

  #tellKernel(): void {
    this.#parts.listened(this.#open());
  }
}

function answersOf({ banner, generation }: Settings) {
  return { banner, mayAmplify: generation === 2 };
}

function leftOutText(protocol: number, ports: readonly PortRange[]): string {
  const list = ports.slice(0, 8).map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  const label = protocolLabel(protocol);
  return `${label} ports ${list.join(",")}${ports.length > 8 ? " and more" : ""} have no listener: the limit on open files is too low`;
}

function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
