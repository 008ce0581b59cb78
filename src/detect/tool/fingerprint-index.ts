// Which rows of fingerprints.ts a packet can fit at all, by its protocol, its TCP window and what lies behind its header:
// for nearly every packet of the world none, and that is known after one look into a table.
import { IpProtocol, type Packet } from "../../wire/packet.ts";
import { CompiledRow } from "./fingerprint-match.ts";
import { fingerprints } from "./fingerprints.ts";
import { Layout } from "./header-layout.ts";

export const compiledRows: readonly CompiledRow[] = fingerprints.map((row, index) => new CompiledRow(row, index));

const layouts = Object.values(Layout);
const protocols = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Icmp, IpProtocol.Sctp];
const windows = [...new Set(fingerprints.flatMap(({ habits }) => habits.window?.of ?? []))];

/** 0 for a window that no row names. */
const classOfWindow = new Uint8Array(65_536);
windows.forEach((window, index) => {
  classOfWindow[window] = index + 1;
});
const WINDOW_CLASSES = windows.length + 1;

const NONE: readonly CompiledRow[] = [];
const candidates: readonly (readonly CompiledRow[])[] = protocols.flatMap((protocol) =>
  [undefined, ...windows].flatMap((window) =>
    layouts.map((layout) => {
      const fitting = compiledRows.filter(({ row }) => {
        const { window: wanted, layout: wantedLayout } = row.habits;
        if (row.protocol !== protocol) return false;
        if (wantedLayout !== undefined && !wantedLayout.of.includes(layout)) return false;
        return wanted === undefined || (window !== undefined && wanted.of.includes(window));
      });
      return fitting.length === 0 ? NONE : fitting;
    }),
  ),
);

export function candidatesOf(packet: Packet, layout: Layout): readonly CompiledRow[] {
  const protocol = classOfProtocol(packet.protocol);
  if (protocol < 0) return NONE;
  const window = classOfWindow[packet.tcpWindow] ?? 0;
  return candidates[(protocol * WINDOW_CLASSES + window) * layouts.length + layout] ?? NONE;
}

function classOfProtocol(protocol: number): number {
  switch (protocol) {
    case IpProtocol.Tcp:
      return 0;
    case IpProtocol.Udp:
      return 1;
    case IpProtocol.Icmp:
      return 2;
    case IpProtocol.Sctp:
      return 3;
    default:
      return -1;
  }
}
