// An outgoing scan in words, for the log, the events and `status`.
import type { OutgoingScan } from "../detect/outgoing/outgoing-scans.ts";
import { protocolName } from "../detect/probe.ts";
import type { Asker } from "../host/askers.ts";
import { formatPrefix } from "../wire/address.ts";

/** What is known of the sender. */
export interface Sender {
  /** Absent: not this host itself, but a host behind it. */
  readonly own?: {
    readonly process?: Asker | undefined;
    /** The user's name; absent where it is not known. */
    readonly user?: string | undefined;
    readonly unit?: string | undefined;
    /** Processes that have raw sockets, where no other is known. */
    readonly raw?: readonly Asker[] | undefined;
  };
  /** Of a host behind this one: it is a container of this host. */
  readonly isContainer?: boolean;
}

/** "this host (198.51.100.1) asks tcp/23 of many hosts: 84 of 86 new contacts failed, the last to 203.0.113.9; process ..." */
export function describeScan(scan: OutgoingScan, sender: Sender): string {
  const { shape, remote, protocol, port, failures, contacts } = scan;
  const name = `${protocolName(protocol)}/${port}`;
  const what =
    shape === "hosts"
      ? `asks ${name} of many hosts: ${failures} of ${contacts} new contacts failed, the last to ${formatPrefix(remote)}`
      : `asks many ports of ${formatPrefix(remote)}: ${failures} different ones failed, the last ${name}`;
  return `${subject(scan, sender)} ${what}${describeSender(sender)}`;
}

export function describeEnd(scan: OutgoingScan, sender: Sender): string {
  const seconds = Math.max(1, Math.round((scan.lastMs - scan.sinceMs) / 1000));
  return `the scan by ${subject(scan, sender)} has ended: ${scan.failures} contacts failed in ${seconds} s, of those that the kernel told`;
}

/** "; process nmap (pid 12, user root, unit session-3.scope)", or what else is known; "" of a container. */
function describeSender({ own }: Sender): string {
  if (own === undefined) return "";
  const { process, user, unit = "", raw = [] } = own;
  if (process !== undefined) return `; process ${describeAsker(process, user)}`;
  const known = [user === undefined ? "" : `user ${user}`, unit === "" ? "" : `unit ${unit}`].filter(
    (part) => part !== "",
  );
  const sockets = raw.map((asker) => describeAsker(asker)).join(", ");
  const sent = known.length > 0 ? `; sent by ${known.join(", ")}` : "; the process is not known";
  return sockets === "" ? sent : `${sent}; raw sockets are open in ${sockets}`;
}

function subject({ origin }: OutgoingScan, { own, isContainer }: Sender): string {
  if (own !== undefined) return `this host (${formatPrefix(origin)})`;
  return `the ${isContainer === true ? "container" : "protected host"} ${formatPrefix(origin)}`;
}

function describeAsker({ pid, name, unit }: Asker, user?: string): string {
  const parts = [`pid ${pid}`, user === undefined ? "" : `user ${user}`, unit === "" ? "" : `unit ${unit}`];
  return `${name} (${parts.filter((part) => part !== "").join(", ")})`;
}
