// Which ports of a protocol are watched, from its mode, its lists and its exclusions.
import { type Key, keys } from "./keys.ts";
import { ALL_PORTS, subtractPorts } from "./ports.ts";
import type { PortRange, WatchSettings } from "./settings.ts";

/** Gives the value of a key. */
export type Take = <T>(key: Key<T>) => T;

export function watchTcp(take: Take): WatchSettings {
  return watchSettings(take(keys.tcpMode), {
    listed: take(keys.tcpPorts),
    below: take(keys.advancedPortsTcp),
    excluded: take(keys.advancedExcludeTcp),
    tolerated: take(keys.toleratedTcp),
    block: take(keys.blockTcp),
  });
}

export function watchUdp(take: Take): WatchSettings {
  return watchSettings(take(keys.udpMode), {
    listed: take(keys.udpPorts),
    below: take(keys.advancedPortsUdp),
    excluded: take(keys.advancedExcludeUdp),
    tolerated: take(keys.toleratedUdp),
    block: take(keys.blockUdp),
  });
}

interface WatchValues {
  readonly listed: readonly PortRange[];
  readonly below: number;
  readonly excluded: readonly PortRange[];
  readonly tolerated: readonly PortRange[];
  readonly block: boolean;
}

function watchSettings(mode: WatchSettings["mode"], values: WatchValues): WatchSettings {
  const { tolerated, block, excluded } = values;
  switch (mode) {
    case "all":
      // The exclusions count here too: whoever lists a port there wants to hear nothing of it.
      return { mode, watched: subtractPorts(ALL_PORTS, excluded), tolerated, block };
    case "advanced":
      return { mode, watched: subtractPorts([{ first: 1, last: values.below - 1 }], excluded), tolerated, block };
    case "listed":
      return { mode, watched: values.listed, tolerated, block };
  }
}
