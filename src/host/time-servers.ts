// The time servers that chrony, systemd-timesyncd or ntpd is told to ask. Addresses count at once; names are looked up in
// the background. The addresses of a pool's name change: the rules learn from the answers which servers the host really asks.

import { Resolver } from "node:dns/promises";
import { readdirSync, readFileSync } from "node:fs";
import { type Prefix, parseAddress } from "../wire/address.ts";

export interface TimeServers {
  readonly addresses: readonly Prefix[];
  readonly names: readonly string[];
}

const MAX_NAMES = 32;
const MAX_ADDRESSES = 256;
const LOOKUP_MS = 3_000;
const MAX_FILE_CHARS = 262_144;

const chronyFolders = ["/etc/chrony/conf.d", "/etc/chrony/sources.d", "/etc/chrony.d", "/run/chrony-dhcp"];
const chronyFiles = ["/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntp.conf", "/etc/ntpsec/ntp.conf"];
const timesyncFolders = ["/etc/systemd/timesyncd.conf.d", "/run/systemd/timesyncd.conf.d"];
const timesyncFiles = ["/etc/systemd/timesyncd.conf", "/run/systemd/timesyncd.conf"];

/** `read`: a file's text, "" when there is none; `list`: the names in a folder. */
export function readTimeServers(
  read: (path: string) => string = readText,
  list: (path: string) => string[] = listFolder,
): TimeServers {
  const within = (folders: readonly string[]) =>
    folders.flatMap((folder) =>
      list(folder)
        .filter((name) => /\.(conf|sources)$/.test(name))
        .map((name) => `${folder}/${name}`),
    );
  const chrony = [...chronyFiles, ...within(chronyFolders)].flatMap((file) => parseNtpConf(read(file)));
  const timesync = [...timesyncFiles, ...within(timesyncFolders)].flatMap((file) => parseTimesyncd(read(file)));
  const hosts = [...new Set([...chrony, ...timesync])];
  const addresses = hosts.map(parseAddress).filter((address) => address !== undefined);
  const names = hosts.filter((host) => parseAddress(host) === undefined);
  return { addresses: addresses.slice(0, MAX_ADDRESSES), names: names.slice(0, MAX_NAMES) };
}

/** "server HOST ...", "pool HOST ...", "peer HOST ..." of chrony.conf(5) and ntp.conf(5). */
export function parseNtpConf(text: string): string[] {
  return [...text.matchAll(/^[ \t]*(?:server|pool|peer)[ \t]+(?:-[46][ \t]+)?([\w.:-]{1,253})/gim)].map(
    (match) => match[1] ?? "",
  );
}

/** "NTP=HOST HOST ..." and "FallbackNTP=..." of timesyncd.conf(5). */
export function parseTimesyncd(text: string): string[] {
  return [...text.matchAll(/^[ \t]*(?:Fallback)?NTP[ \t]*=(.*)$/gim)].flatMap((match) =>
    (match[1] ?? "").split(/\s+/).filter((host) => /^[\w.:-]{1,253}$/.test(host)),
  );
}

/** The addresses of names, of those that can be looked up; never rejects. */
export async function lookUp(names: readonly string[]): Promise<Prefix[]> {
  if (names.length === 0) return [];
  const resolver = new Resolver({ timeout: LOOKUP_MS, tries: 1 });
  const asked = names.flatMap((name) => [resolver.resolve4(name), resolver.resolve6(name)]);
  const answers = await Promise.allSettled(asked);
  const texts = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  return texts
    .map(parseAddress)
    .filter((address) => address !== undefined)
    .slice(0, MAX_ADDRESSES);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(0, MAX_FILE_CHARS);
  } catch {
    return "";
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
