// Virtual machines and containers with addresses of their own on the LAN: the link-layer addresses behind those ports of a bridge
// that lead to no network card, where the bridge itself leads out of this host. What the bridge forwards to them is shut to held
// and softly blocked sources, where the kernel shows it to us (src/table/forward.ts).
//
// The kernel forgets a silent guest after five minutes. It is remembered here for longer, or until it is seen behind a card.
import { readdirSync, readFileSync } from "node:fs";
import { isBridgeOut, isOverNetworkCard, type LinkHost } from "./container-networks.ts";

export const MAX_GUESTS = 4_096;
const KEPT_MS = 3_600_000;
/** struct __fdb_entry of linux/if_bridge.h */
const ENTRY_BYTES = 16;
const PORT_AT = 6;
const LOCAL_AT = 7;
const PORT_HIGH_AT = 12;

/** Where a bridge has seen a link-layer address. */
export interface Seen {
  readonly mac: string;
  /** The port's name. */
  readonly port: string;
}

export interface BridgeHost extends LinkHost {
  readonly bridges: () => readonly string[];
  /** What a bridge knows now, without addresses of this host's own. */
  readonly seenBy: (bridge: string) => readonly Seen[];
}

export class BridgedGuests {
  readonly #host: BridgeHost;
  readonly #nowMs: () => number;
  /** Until when each is remembered. */
  readonly #guests = new Map<string, number>();

  constructor(host: BridgeHost, nowMs: () => number) {
    this.#host = host;
    this.#nowMs = nowMs;
  }

  /** Looks again; link-layer addresses in a fixed order. */
  look(): readonly string[] {
    const host = this.#host;
    const nowMs = this.#nowMs();
    for (const bridge of host.bridges().filter((name) => isBridgeOut(name, host))) {
      const isCard = new Map(host.lowerOf(bridge).map((port) => [port, leadsToCard(port, host)]));
      for (const { mac, port } of host.seenBy(bridge)) {
        if (isCard.get(port) !== false) this.#guests.delete(mac);
        else if (this.#guests.has(mac) || this.#guests.size < MAX_GUESTS) this.#guests.set(mac, nowMs + KEPT_MS);
      }
    }
    for (const [mac, untilMs] of this.#guests) if (untilMs <= nowMs) this.#guests.delete(mac);
    return [...this.#guests.keys()].sort();
  }
}

function leadsToCard(port: string, host: LinkHost): boolean {
  return host.isPhysical(port) || isOverNetworkCard(port, host);
}

/** `folder`: where the kernel shows its links. */
export function thisBridges(links: LinkHost, folder = "/sys/class/net"): BridgeHost {
  return {
    ...links,
    bridges: () => orNone(() => readdirSync(folder).filter((name) => links.isBridge(name))),
    seenBy: (bridge) =>
      orNone(() => {
        const ports = new Map(
          readdirSync(`${folder}/${bridge}/brif`).map((port) => [
            Number(readFileSync(`${folder}/${bridge}/brif/${port}/port_no`, "latin1").trim()),
            port,
          ]),
        );
        return readSeen(readFileSync(`${folder}/${bridge}/brforward`), ports);
      }),
  };
}

/** A link may go while it is read; then nothing is known of it. */
function orNone<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch {
    return [];
  }
}

function readSeen(entries: Buffer, ports: ReadonlyMap<number, string>): Seen[] {
  const seen: Seen[] = [];
  for (let at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES) {
    const port = ports.get(entries.readUInt8(at + PORT_AT) | (entries.readUInt8(at + PORT_HIGH_AT) << 8));
    if (port === undefined || entries.readUInt8(at + LOCAL_AT) !== 0) continue;
    const mac = entries.toString("hex", at, at + PORT_AT).replace(/..(?!$)/g, "$&:");
    seen.push({ mac, port });
  }
  return seen;
}
