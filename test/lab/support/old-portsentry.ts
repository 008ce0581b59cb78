// Debian's own PortSentry 1.2, the program that ours replaces: fetched by apt, checked, unpacked beside the host's files
// and never installed. Its configuration's path is compiled in, so it only runs on a Stage.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "./exec.ts";

const VERSION = "1.2-14+b1";
const FILE = `portsentry_${VERSION}_amd64.deb`;
const SHA256 = "b99f3709a4894d8f3340ef03dfddcf3946cebcf1a931219e6bf2ef32c9d27b7a";

/** The folder of the unpacked package: usr/sbin/portsentry, etc/portsentry/portsentry.conf ... Kept between runs. */
export async function fetchOldPortsentry(): Promise<string> {
  const folder = join(tmpdir(), `portreeve-debian-portsentry-${SHA256.slice(0, 12)}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const deb = join(folder, FILE);
  if (!existsSync(deb)) await download(folder);
  const sum = createHash("sha256").update(readFileSync(deb)).digest("hex");
  if (sum !== SHA256) throw new Error(`${deb} has SHA-256 ${sum}, not that of Debian 12's package; remove it`);
  const root = join(folder, "root");
  await mustRun(["dpkg-deb", "-x", deb, root]);
  return root;
}

async function download(folder: string): Promise<void> {
  try {
    await mustRun(["sh", "-c", 'cd "$1" && exec apt-get download "portsentry=$2"', "sh", folder, VERSION]);
  } catch (error) {
    const remedy = `put Debian 12's ${FILE} into ${folder}, or run "apt-get update" on Debian 12`;
    throw new Error(`cannot get Debian's PortSentry 1.2: ${remedy}\n${String(error)}`);
  }
}
