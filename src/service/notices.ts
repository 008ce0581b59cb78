// What the daemon says of itself at start, beyond the settings: what it uses, what it found, what it changed.
import { release } from "node:os";
import { join } from "node:path";
import type { Daemon } from "../daemon/daemon.ts";
import { guardedOthers } from "../daemon/plan.ts";
import type { Restored } from "../enforce/restore.ts";
import { readConntrackUse } from "../host/host.ts";
import { BATCH_GROUP, PROMPT_GROUP } from "../table/log-rules.ts";
import { TABLE } from "../table/ruleset-plan.ts";
import { formatPrefix } from "../wire/address.ts";

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
      ? `The kernel is Linux ${release()}; the daemon reads a packet ring (AF_PACKET) and socket tables (sock_diag).`
      : `The kernel is Linux ${release()}; the daemon owns nftables table inet ${TABLE} and reads log groups ${PROMPT_GROUP} and ${BATCH_GROUP} (nfnetlink_log).`,
    store.persistent
      ? `The store is ${join(settings.stateDir, "portreeve.db")}, and the control socket is ${settings.controlSocket}.`
      : `The store is in memory only, so nothing outlives this run; the control socket is ${settings.controlSocket}.`,
    guarded.length === 0
      ? "The guard is empty: this host has no gateway and no resolver."
      : `The guard holds ${listed(guarded)}: ${guarded.length === 1 ? "it is never" : "none of them is ever"} held or softly blocked.`,
    ...(daemon.inForce.plan().watchedUdp.length > 0
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
    `Connection tracking is active now, as the sensor needs it (at most ${now.limit} connections: net.netfilter.nf_conntrack_max).`,
  ];
}

function restoredNotices({ restored, adopted, expired, leftOut, failures }: Restored): string[] {
  const lines: string[] = [];
  if (restored + adopted > 0)
    lines.push(`${restored} blocks restored from the store, ${adopted} more found in the kernel.`);
  if (expired > 0) lines.push(`${expired} blocks ended while the daemon was away.`);
  if (leftOut > 0)
    lines.push(
      `${leftOut} older blocks do not fit into the list (see blockLimit in "portreeve status") and are unblocked.`,
    );
  if (failures.length > 0) lines.push(`${failures.length} blocks could not be restored: ${listed(failures)}.`);
  return lines;
}

function listed(items: readonly string[]): string {
  const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : "";
  return `${items.slice(0, SHOWN).join(", ")}${more}`;
}
