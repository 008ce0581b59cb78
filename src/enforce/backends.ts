// Every backend, one row each, and which of them makes a block. A further one is a file like backends/kill-route.ts, its
// name in judge/block.ts and its row here; the compiler asks for the row.

import { nameRoute } from "../command/command-list.ts";
import { blocksByFirewall } from "../config/enforcement.ts";
import type { Settings } from "../config/settings.ts";
import { type BackendName, backends } from "../judge/block.ts";
import type { CommandBackend, CommandParts } from "./backends/command-backend.ts";
import { HostsDenyLine } from "./backends/hosts-deny-line.ts";
import { KillRoute } from "./backends/kill-route.ts";

interface Row {
  /** Whether these settings have the backend make full blocks. */
  readonly makes: (settings: Settings) => boolean;
  /** What `status` calls it. */
  readonly says: (settings: Settings) => string;
  /** Absent for the built-in table (table/firewall.ts), which is opened with the sensor. */
  readonly open?: (parts: CommandParts) => CommandBackend;
}

const rows: Readonly<Record<BackendName, Row>> = {
  nftables: {
    makes: blocksByFirewall,
    says: ({ responses }) =>
      ["nftables", ...(responses.killRoute === undefined ? [] : [sayRoute(responses)])].join(" and "),
  },
  "kill-route": {
    makes: ({ responses }) => responses.killRoute !== undefined,
    says: ({ responses }) => sayRoute(responses),
    open: (parts) => new KillRoute(parts),
  },
  "hosts.deny": {
    makes: ({ responses }) => responses.hostsDeny !== undefined,
    says: () => "a line in hosts.deny",
    open: (parts) => new HostsDenyLine(parts),
  },
};

/** Which backend makes full blocks under these settings; undefined: nothing does. */
export function makerOf(settings: Settings): BackendName | undefined {
  return backends.find((name) => rows[name].makes(settings));
}

/** What makes full blocks under these settings, for a person: "KILL_ROUTE (route reject)". */
export function describeMaker(settings: Settings): string {
  const name = makerOf(settings);
  return name === undefined ? "nothing" : rows[name].says(settings);
}

function sayRoute({ killRoute = "" }: Settings["responses"]): string {
  return `KILL_ROUTE (${nameRoute(killRoute)})`;
}

/** The backends that are commands or files of the administrator's own. */
export function openCommandBackends(parts: CommandParts): readonly CommandBackend[] {
  return backends.flatMap((name) => rows[name].open?.(parts) ?? []);
}
