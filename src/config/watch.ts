// Which ports of a protocol are watched, and how: from its mode, its lists and its exclusions.

import type { PortRange } from "../wire/port-range.ts";
import type { Take } from "./key.ts";
import { keys } from "./keys.ts";
import type { LoadOptions } from "./options.ts";
import { ALL_PORTS, subtractPorts } from "./ports.ts";
import type { WatchSettings } from "./settings.ts";

export type Mode = WatchSettings["mode"];
/** BLOCK_TCP, BLOCK_UDP: "0", "1", "2". */
export type Reaction = "log" | "block" | "run";

const commandLineModes: Readonly<Record<string, Mode>> = {
  tcp: "listen",
  udp: "listen",
  stcp: "listed",
  sudp: "listed",
  atcp: "advanced",
  audp: "advanced",
};

export function watchTcp(take: Take, options: LoadOptions, generation: 1 | 2): WatchSettings {
  const active = options.tcpMode !== undefined || options.udpMode === undefined;
  const mode = chooseMode(take(keys.tcpMode, active && options.tcpMode === undefined), options.tcpMode);
  const uses = usesOf(mode, active);
  return watchSettings("tcp", generation, {
    mode,
    active,
    listed: take(keys.tcpPorts, uses.listed),
    below: take(keys.advancedPortsTcp, uses.below),
    excluded: take(keys.advancedExcludeTcp, uses.excluded),
    tolerated: take(keys.toleratedTcp),
    publicPorts: take(keys.publicTcp),
    reaction: take(keys.blockTcp, active),
  });
}

export function watchUdp(take: Take, options: LoadOptions, generation: 1 | 2): WatchSettings {
  const active = options.udpMode !== undefined || options.tcpMode === undefined;
  const mode = chooseMode(take(keys.udpMode, active && options.udpMode === undefined), options.udpMode);
  const uses = usesOf(mode, active);
  return watchSettings("udp", generation, {
    mode,
    active,
    listed: take(keys.udpPorts, uses.listed),
    below: take(keys.advancedPortsUdp, uses.below),
    excluded: take(keys.advancedExcludeUdp, uses.excluded),
    tolerated: take(keys.toleratedUdp),
    publicPorts: take(keys.publicUdp),
    reaction: take(keys.blockUdp, active),
  });
}

/** Which lists of ports the mode uses. */
function usesOf(mode: Mode, active: boolean) {
  const listed = mode === "listed" || mode === "listen";
  return { listed: active && listed, below: active && mode === "advanced", excluded: active && !listed };
}

interface WatchValues {
  readonly mode: Mode;
  readonly active: boolean;
  readonly listed: readonly PortRange[];
  readonly below: number;
  readonly excluded: readonly PortRange[];
  readonly tolerated: readonly PortRange[];
  readonly publicPorts: readonly PortRange[];
  readonly reaction: Reaction;
}

function chooseMode(ofFile: Mode, ofCommandLine: string | undefined): Mode {
  return (ofCommandLine === undefined ? undefined : commandLineModes[ofCommandLine]) ?? ofFile;
}

function watchSettings(protocol: "tcp" | "udp", generation: 1 | 2, values: WatchValues): WatchSettings {
  const { mode, active, tolerated, publicPorts, reaction } = values;
  return {
    mode,
    modeName: nameMode(protocol, generation, mode),
    active,
    watched: active ? watchedPorts(values) : [],
    tolerated,
    publicPorts,
    block: active && reaction === "block",
    runOnly: active && reaction === "run",
  };
}

function watchedPorts({ mode, listed, below, excluded }: WatchValues): readonly PortRange[] {
  switch (mode) {
    case "all":
      // The exclusions count here too: an administrator who lists a port there does not want probes of it logged.
      return subtractPorts(ALL_PORTS, excluded);
    case "advanced":
      return below < 2 ? [] : subtractPorts([{ first: 1, last: below - 1 }], excluded);
    case "listed":
    case "listen":
      return listed;
  }
}

function nameMode(protocol: "tcp" | "udp", generation: 1 | 2, mode: Mode): string {
  switch (mode) {
    case "listen":
      return generation === 2 ? "connect" : protocol;
    case "listed":
      return generation === 2 ? "stealth" : `s${protocol}`;
    case "advanced":
    case "all":
      return generation === 2 ? "stealth" : `a${protocol}`;
  }
}
