// PortSentry's modes at run time: what is said of them at start, and adding the other protocol's mode to a daemon that runs.
import type { LoadOptions } from "../config/options.ts";
import type { Settings, WatchSettings } from "../config/settings.ts";
import type { ModeName, Modes, Reply } from "../control/api.ts";
import { listServedPorts } from "../kernel/sock-diag.ts";
import type { Line } from "../record/lines.ts";
import { modeLines } from "../record/start-lines.ts";
import { IpProtocol } from "../wire/packet.ts";

/** 1.2's lines between "is starting" and "is now active"; of the protocols that `before` did not watch. */
export function modeNotices(settings: Settings, before?: Settings): Line[] {
  const served = listServedPorts();
  const of = (watch: WatchSettings, protocol: number) =>
    watch.active
      ? modeLines({
          modeName: watch.modeName,
          protocol,
          ...portFacts(watch),
          inUse: served
            .filter((port) => port.protocol === protocol)
            .map(({ port }) => port)
            .sort((a, b) => a - b),
        })
      : [];
  return [
    ...(before?.tcp.active === true ? [] : of(settings.tcp, IpProtocol.Tcp)),
    ...(before?.udp.active === true ? [] : of(settings.udp, IpProtocol.Udp)),
  ];
}

/** Ports are told in ascending order, where 1.2 kept the file's (docs/reference/differences.md). */
function portFacts({ watched }: WatchSettings) {
  const ports = watched.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
  const below = (watched.at(-1)?.last ?? 0) + 1;
  const set = new Set(ports);
  const excluded = Array.from({ length: below - 1 }, (_, index) => index + 1).filter((port) => !set.has(port));
  return { ports, below, excluded };
}

/**
 * Watches the protocol of `mode` as well: PortSentry's init script calls `portsentry` once for each protocol.
 * `apply` reads the configuration with more options; it answers why not, or "".
 */
export function addMode(mode: ModeName, settings: Settings, apply: (options: LoadOptions) => string): Reply<Modes> {
  const isTcp = mode === "tcp" || mode === "stcp" || mode === "atcp";
  const [watched, other] = isTcp ? [settings.tcp, settings.udp] : [settings.udp, settings.tcp];
  if (watched.active && watched.modeName !== mode) {
    const message = `${isTcp ? "TCP" : "UDP"} is watched in mode ${watched.modeName} already, and a protocol has one mode; stop the daemon first`;
    return { refused: { code: "mode-taken", message } };
  }
  if (!watched.active) {
    const options = {
      [isTcp ? "tcpMode" : "udpMode"]: mode,
      ...(other.active && { [isTcp ? "udpMode" : "tcpMode"]: other.modeName }),
    };
    const refusal = apply(options);
    if (refusal !== "") return { refused: { code: "kernel", message: `cannot add mode ${mode}: ${refusal}` } };
  }
  const modes = {
    tcp: settings.tcp.active ? settings.tcp.modeName : null,
    udp: settings.udp.active ? settings.udp.modeName : null,
  };
  return { ok: { ...modes, [isTcp ? "tcp" : "udp"]: mode } };
}
