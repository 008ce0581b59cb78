// Debian's own PortSentry 1.2, the program that ours replaces: fetched by apt, checked, unpacked beside the host's files
// and never installed. Its configuration's path is compiled in, so it only runs on a Stage.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "./exec.ts";

/** Debian 12's and Debian 13's: the same program, built by another compiler. The first that is to be had is taken. */
const packages = [
  { version: "1.2-14+b1", sha256: "b99f3709a4894d8f3340ef03dfddcf3946cebcf1a931219e6bf2ef32c9d27b7a" },
  { version: "1.2-16", sha256: "ad4fce7cde04406fe79fcc5c2f6f4cc0ce3331f21badb017b4b8484ab34180b5" },
] as const;
type Pinned = (typeof packages)[number];

/** The folder of the unpacked package: usr/sbin/portsentry, etc/portsentry/portsentry.conf ... Kept between runs. */
export async function fetchOldPortsentry(): Promise<string> {
  const failures: string[] = [];
  for (const pinned of packages) {
    try {
      return await fetchPinned(pinned);
    } catch (error) {
      failures.push(String(error));
    }
  }
  const remedy = `put Debian 12's ${fileOf(packages[0])} into ${folderOf(packages[0])}, or run "apt-get update"`;
  throw new Error(`cannot get Debian's PortSentry 1.2: ${remedy}\n${failures.join("\n")}`);
}

const fileOf = ({ version }: Pinned) => `portsentry_${version}_amd64.deb`;
const folderOf = ({ sha256 }: Pinned) => join(tmpdir(), `portreeve-debian-portsentry-${sha256.slice(0, 12)}`);

async function fetchPinned(pinned: Pinned): Promise<string> {
  const folder = folderOf(pinned);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const deb = join(folder, fileOf(pinned));
  const download = ["sh", "-c", 'cd "$1" && exec apt-get download "portsentry=$2"', "sh", folder, pinned.version];
  if (!existsSync(deb)) await mustRun(download);
  const sum = createHash("sha256").update(readFileSync(deb)).digest("hex");
  if (sum !== pinned.sha256) throw new Error(`${deb} has SHA-256 ${sum}, not that of Debian's package; remove it`);
  const root = join(folder, "root");
  await mustRun(["dpkg-deb", "-x", deb, root]);
  return root;
}
