// The network interfaces of this namespace as /sys/class/net shows them: those that the packet ring hears, and those
// whose packets it would hear twice.
import { readdirSync, readFileSync } from "node:fs";
import { ARPHRD_LOOPBACK } from "./packet-constants.ts";

const FOLDER = "/sys/class/net";
/** A host with more interfaces than this is a host of containers; those beyond are not looked at. */
const MAX_LINKS = 4_096;

export interface Link {
  readonly name: string;
  readonly index: number;
  readonly isLoopback: boolean;
  /** A part of a bridge or bond that has this interface's own address: what comes in here comes in there too. */
  readonly isPart: boolean;
}

/** In no order. Interfaces that vanish meanwhile are left out. */
export function listLinks(): Link[] {
  return namesOfLinks().flatMap((name) => readLink(name) ?? []);
}

export function findLink(name: string): Link | undefined {
  // A name is a path here: only what the kernel takes for one (dev_valid_name) is looked up.
  return /^[^/\s]{1,15}$/.test(name) && name !== "." && name !== ".." ? readLink(name) : undefined;
}

function namesOfLinks(): readonly string[] {
  try {
    return readdirSync(FOLDER).slice(0, MAX_LINKS);
  } catch {
    // No /sys: then nothing is known of the interfaces, and none is left out.
    return [];
  }
}

function readLink(name: string): Link | undefined {
  const index = Number(read(name, "ifindex"));
  if (!Number.isInteger(index) || index <= 0) return undefined;
  const address = read(name, "address");
  const master = address === undefined || address === "" ? undefined : read(name, "master/address");
  return {
    name,
    index,
    isLoopback: Number(read(name, "type")) === ARPHRD_LOOPBACK,
    isPart: master !== undefined && master === address,
  };
}

function read(name: string, attribute: string): string | undefined {
  try {
    return readFileSync(`${FOLDER}/${name}/${attribute}`, "latin1").trim();
  } catch {
    // Gone, or there is no such attribute.
    return undefined;
  }
}
