// What the daemon says of itself at start, beyond the settings: what it uses, what it found, what it changed.
import { release } from "node:os";
import { join } from "node:path";
import type { Restored } from "../enforce/restore.ts";
import { readConntrackUse } from "../host/host.ts";
import { BATCH_GROUP, PROMPT_GROUP, TABLE } from "../table/ruleset.ts";
import { formatPrefix } from "../wire/address.ts";
import type { Daemon } from "./daemon.ts";
import { guardedOthers } from "./plan.ts";

const SHOWN = 8;

interface StartFacts {
  readonly daemon: Daemon;
  readonly restored: Restored;
  readonly conntrackBefore: { readonly used: number; readonly limit: number } | undefined;
}

export function startNotices({ daemon, restored, conntrackBefore }: StartFacts): string[] {
  const { settings, host, store } = daemon;
  const guarded = [...new Set(guardedOthers(host).map(formatPrefix))];
  return [
    daemon.capture === "ring"
      ? `Kernel: Linux ${release()}; packet ring (AF_PACKET), socket tables (sock_diag).`
      : `Kernel: Linux ${release()}, nftables table inet ${TABLE}, log groups ${PROMPT_GROUP} and ${BATCH_GROUP} (nfnetlink_log).`,
    store.persistent
      ? `Store: ${join(settings.stateDir, "portreeve.db")}; control socket: ${settings.controlSocket}.`
      : `Store: in memory only, so nothing outlives this run; control socket: ${settings.controlSocket}.`,
    guarded.length === 0
      ? "Guard: no gateway and no resolver found on this host."
      : `Guard, never held or softly blocked: ${listed(guarded)}.`,
    ...(daemon.plan().watchedUdp.length > 0
      ? [
          `UDP ports ${host.ephemeral.first}-${host.ephemeral.last} are this host's own (ip_local_port_range) and never traps.`,
        ]
      : []),
    ...(daemon.capture === "ring" ? [] : conntrackNotice(conntrackBefore)),
    ...restoredNotices(restored),
  ];
}

function conntrackNotice(before: StartFacts["conntrackBefore"]): string[] {
  const now = readConntrackUse();
  if (now === undefined || (before !== undefined && before.used > 0)) return [];
  return [
    `Connection tracking is active now, as the sensor asks it (at most ${now.limit} connections: net.netfilter.nf_conntrack_max).`,
  ];
}

function restoredNotices({ restored, adopted, expired, leftOut, failures }: Restored): string[] {
  const lines: string[] = [];
  if (restored + adopted > 0)
    lines.push(`${restored} blocks restored from the store, ${adopted} more found in the kernel.`);
  if (expired > 0) lines.push(`${expired} blocks ended while the daemon was away.`);
  if (leftOut > 0)
    lines.push(`${leftOut} older blocks do not fit into the list (see blockLimit in "portreeve status"): unblocked.`);
  if (failures.length > 0) lines.push(`${failures.length} blocks could not be restored: ${listed(failures)}.`);
  return lines;
}

function listed(items: readonly string[]): string {
  const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : "";
  return `${items.slice(0, SHOWN).join(", ")}${more}`;
}
