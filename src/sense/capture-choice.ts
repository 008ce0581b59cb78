// CAPTURE: whether the kernel's sensor (nftables and its log) or the packet ring sees the probes, and why. Asked once,
// before anything is started; a reload keeps what was chosen.
import { readFileSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { blocksByResponse } from "../config/enforcement.ts";
import type { Settings } from "../config/settings.ts";
import { Libnftables } from "../kernel/libnftables.ts";
import { NfTables } from "../kernel/nf-tables.ts";
import { TABLE } from "../table/ruleset-plan.ts";
import { formatPrefix } from "../wire/address.ts";

export interface CaptureChoice {
  readonly capture: "nflog" | "ring";
  /** For the log: why it is the ring; "" for nflog. */
  readonly reason: string;
}

/** What of the system decides. */
export interface CaptureFacts {
  readonly mayAdminister: boolean;
  readonly mayCapture: boolean;
  /** Why nftables cannot be used, "" where it can. */
  readonly lacksNftables: () => string;
}

export function chooseCapture(
  settings: Pick<Settings, "capture" | "firewall">,
  facts: CaptureFacts = readFacts(),
): CaptureChoice {
  if (settings.capture === "ring") return { capture: "ring", reason: 'CAPTURE="ring"' };
  const nflog: CaptureChoice = { capture: "nflog", reason: "" };
  // An administrator who asks for nftables is told what is missing, and does not get less in silence.
  if (settings.capture === "nflog" || settings.firewall === "nftables" || !facts.mayCapture) return nflog;
  if (!facts.mayAdminister)
    return { capture: "ring", reason: "nftables needs CAP_NET_ADMIN, which this process lacks" };
  const lacking = facts.lacksNftables();
  return lacking === "" ? nflog : { capture: "ring", reason: `nftables cannot be used: ${lacking}` };
}

/** With the ring no table is loaded, so no block can be ours. */
export function applyCapture(settings: Settings, { capture }: CaptureChoice): Settings {
  return capture === "ring" && settings.firewall !== "none" ? { ...settings, firewall: "none" } : settings;
}

/** What is said of the choice at start; "" for nothing. `asked`: the settings as they stand in the file. */
export function describeCapture(asked: Settings, { capture, reason }: CaptureChoice): string {
  if (capture === "nflog") return "";
  const blocks = asked.tcp.block || asked.udp.block;
  const nobody =
    blocks && !blocksByResponse(asked)
      ? " No source is blocked, because neither KILL_ROUTE nor KILL_HOSTS_DENY is set."
      : "";
  const { homes } = asked.tap;
  if (homes.length > 0) {
    const networks = homes.map(formatPrefix).join(", ");
    return `A mirror port is watched (${reason}): a scanner of ${networks} is found by how its contacts end; this host's own ports are not watched, and no finding proves a source.${nobody}`;
  }
  return `Packets are seen by a packet ring on the interfaces (${reason}); no nftables table is loaded.${nobody}`;
}

/** linux/capability.h */
const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;

function readFacts(): CaptureFacts {
  const effective = readEffective();
  const has = (bit: number) => ((effective >> BigInt(bit)) & 1n) === 1n;
  return { mayAdminister: has(CAP_NET_ADMIN), mayCapture: has(CAP_NET_RAW), lacksNftables };
}

function readEffective(): bigint {
  try {
    const match = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"));
    return BigInt(`0x${match?.[1] ?? "0"}`);
  } catch {
    // No /proc: what is missing is said when it is used.
    return 0n;
  }
}

function lacksNftables(): string {
  try {
    new Libnftables().close();
    const tables = new NfTables(TABLE);
    try {
      tables.generation();
    } finally {
      tables.close();
    }
    return "";
  } catch (error) {
    return messageOf(error);
  }
}
