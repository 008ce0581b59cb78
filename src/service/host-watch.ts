// Follows the host while the daemon runs: addresses, routes, resolvers, SSH sessions, time servers, and which ports are served.
import { messageOf } from "../base/errors.ts";
import type { Troubles } from "../base/troubles.ts";
import { clientPorts, describeClientPorts } from "../config/client-ports.ts";
import type { InForce } from "../daemon/in-force.ts";
import { BridgedGuests, thisBridges } from "../host/bridged-guests.ts";
import { thisLinks } from "../host/container-networks.ts";
import type { Guard } from "../host/guard.ts";
import { type HostFacts, readHost } from "../host/host.ts";
import { describeUnread, readVirtualServices } from "../host/ipvs.ts";
import { describeMissing, missingInterfaces } from "../host/missing-interfaces.ts";
import { SettledAddresses } from "../host/settled-addresses.ts";
import { listDefaultGateways } from "../kernel/routes.ts";
import { type Listener, listReachable } from "../kernel/sock-diag.ts";
import type { Recorder } from "../record/recorder.ts";
import type { ServedPorts } from "../table/kernel-sensor.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Loops } from "./loops.ts";

/** How often the host is looked at where no notification tells of a change. */
const HOST_MS = 30_000;
/** How often SSH sessions are looked at. */
const SESSIONS_MS = 5_000;
/** How often IPVS is asked. */
const SERVICES_MS = 2_000;
/** How often the names of time servers are looked up. */
const NAMES_MS = 3_600_000;
/** Changes of routes and addresses come in bursts. */
const HOST_SETTLE_MS = 200;
/** Under which the warning stands that logins cannot be seen. */
const LOGINS = "SSH logins";

/** What is asked of the system. */
export interface HostSources {
  readonly readHost: () => HostFacts;
  readonly listReachable: typeof listReachable;
  readonly readVirtualServices: typeof readVirtualServices;
  readonly missingInterfaces: typeof missingInterfaces;
  readonly bridgedGuests: () => readonly string[];
}

export interface HostWatchParts {
  readonly inForce: Pick<InForce, "apply" | "settings" | "host">;
  readonly guard: Pick<Guard, "extend" | "lookAtSessions" | "sessionWarning" | "lookUpNames" | "hasUnknownNames">;
  readonly troubles: Troubles;
  readonly recorder: Pick<Recorder, "warning">;
  /** Absent on a mirror port. */
  readonly served: Pick<ServedPorts, "remember"> | undefined;
  /** Whether a port is one of the daemon's own listeners', and no service. */
  readonly isOurs: (protocol: number, port: number) => boolean;
  readonly loops: Pick<Loops, "every" | "guarded">;
  /** The packet ring says itself in the log which interfaces come and go. */
  readonly isRing: boolean;
  readonly nowMs: () => number;
  /** Absent: this host's. */
  readonly host?: HostSources;
}

export class HostWatch {
  readonly #parts: HostWatchParts;
  readonly #host: HostSources;
  readonly #settled = new SettledAddresses();
  #settling: NodeJS.Timeout | undefined;
  #hostText = "";
  #servicesText = "";
  /** What was said last, by topic. */
  readonly #told = new Map<string, string>();
  #missing: readonly string[] = [];
  #isStopping = false;

  constructor(parts: HostWatchParts) {
    this.#parts = parts;
    this.#host = parts.host ?? thisSystem(parts.nowMs);
  }

  /** Before anything is captured. */
  lookAtAll(): void {
    this.#lookAtSessions();
    this.look();
    this.#lookAtServices();
  }

  start(): void {
    const { guard, loops } = this.#parts;
    loops.every(HOST_MS, "host", () => this.look());
    loops.every(SESSIONS_MS, "SSH sessions", () => {
      if (this.#lookAtSessions()) this.look();
    });
    loops.every(SERVICES_MS, "IPVS", () => this.#lookAtServices());
    loops.every(NAMES_MS, "time servers", () => this.#lookUpNames());
    // At boot the network may come later than we do.
    loops.every(HOST_MS, "time servers", () => guard.hasUnknownNames() && this.#lookUpNames());
    this.#lookUpNames();
  }

  /** From now on it looks when it is told to, and not by itself. */
  close(): void {
    this.#isStopping = true;
    clearTimeout(this.#settling);
  }

  /** Something has changed: the host is looked at once the changes have settled. */
  lookSoon(): void {
    if (this.#isStopping) return;
    this.#settling ??= setTimeout(
      this.#parts.loops.guarded("host", () => this.look()),
      HOST_SETTLE_MS,
    );
  }

  /** Takes changes of addresses, routes and resolvers into the guard, and remembers which ports are served. */
  look(): void {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    const { inForce, guard, nowMs } = this.#parts;
    const facts = guard.extend(this.#host.readHost());
    // Before an address is called settled: what is served there must be known by then.
    this.#rememberServices(facts);
    const settled = this.#settled.look(facts.own, nowMs(), inForce.settings.latelyOpenMs);
    const host = { ...facts, settled, bridgedGuests: this.#host.bridgedGuests() };
    const text = JSON.stringify(host);
    if (text !== this.#hostText) {
      inForce.apply({ host });
      this.#hostText = text;
    }
    this.#tell("client ports", describeClientPorts(inForce.settings.udp, inForce.host));
    this.#tellInterfaces();
  }

  #rememberServices(host: HostFacts): void {
    const { isOurs } = this.#parts;
    const clients = clientPorts(host);
    const isClients = (port: number) => clients.some(({ first, last }) => port >= first && port <= last);
    const isService = ({ protocol, port }: Listener) =>
      (protocol === IpProtocol.Tcp || !isClients(port)) && !isOurs(protocol, port);
    const own = new AddressRanges(host.own);
    const isOwn = ({ w0, w1, w2, w3 }: Prefix) => own.contains(w0, w1, w2, w3);
    const listeners: Listener[] = [...this.#host.listReachable(), ...this.#host.readVirtualServices().ports];
    this.#remember(
      // An address that the host does not have (IP_FREEBIND, ip_nonlocal_bind, a group) may come, and says nothing until then.
      listeners.filter(isService).map(({ protocol, port, address }) => {
        return address !== undefined && isOwn(address) ? { protocol, port, address } : { protocol, port };
      }),
    );
  }

  /** True when they are others than before. The log has the warning once for as long as it stands. */
  #lookAtSessions(): boolean {
    const { guard, recorder, troubles } = this.#parts;
    const before = guard.sessionWarning;
    const isNew = guard.lookAtSessions();
    const now = guard.sessionWarning;
    if (now === "") troubles.clear(LOGINS);
    else troubles.set(LOGINS, now);
    if (before === "" && now !== "") recorder.warning(now);
    return isNew;
  }

  #tellInterfaces(): void {
    const { inForce, isRing, recorder } = this.#parts;
    const { interfaces } = inForce.settings;
    const missing = this.#host.missingInterfaces(interfaces);
    const before = this.#missing;
    this.#missing = missing;
    this.#tell("interfaces", describeMissing(missing), isRing);
    if (isRing) return;
    for (const name of before.filter((one) => interfaces.includes(one) && !missing.includes(one)))
      recorder.warning(`interface ${name} is there: probes on it are seen`);
  }

  /** A warning of `status` for as long as it stands; the log has it once. */
  #tell(topic: string, text: string, isLogged = false): void {
    const { recorder, troubles } = this.#parts;
    if (text === (this.#told.get(topic) ?? "")) return;
    this.#told.set(topic, text);
    if (text === "") troubles.clear(topic);
    else {
      troubles.set(topic, text);
      if (!isLogged) recorder.warning(text);
    }
  }

  #remember(ports: Parameters<ServedPorts["remember"]>[0]): void {
    const { served, inForce } = this.#parts;
    served?.remember(ports, inForce.settings.latelyOpenMs, inForce.host.ephemeral);
  }

  /** Ports of IPVS have no socket, so the sensor would take them for closed ones. */
  #lookAtServices(): void {
    const services = this.#host.readVirtualServices();
    const text = JSON.stringify(services);
    if (text === this.#servicesText) return;
    this.#servicesText = text;
    const unread = describeUnread(services);
    if (unread !== "") this.#parts.recorder.warning(unread);
    this.#remember(services.ports);
  }

  #lookUpNames(): void {
    const { guard, recorder } = this.#parts;
    void guard
      .lookUpNames()
      .then((isNew) => isNew && !this.#isStopping && this.look())
      .catch((error: unknown) => recorder.warning(`time servers: ${messageOf(error)}`));
  }
}

function thisSystem(nowMs: () => number): HostSources {
  const guests = new BridgedGuests(thisBridges(thisLinks(listDefaultGateways)), nowMs);
  return { readHost, listReachable, readVirtualServices, missingInterfaces, bridgedGuests: () => guests.look() };
}
