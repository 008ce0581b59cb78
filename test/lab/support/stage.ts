// A host's files as a program in the lab sees them: /etc, /dev (with its log socket), /var/lib and /run are the stage's
// own, in a mount namespace that ends with the program. The real ones are never written.
//
//   <folder>/etc/portsentry/portsentry.conf, <folder>/etc/hosts.deny, <folder>/dev/log, <folder>/var/lib/portsentry ...
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "./exec.ts";
import type { Host } from "./lab.ts";

/** What programs need of the real /etc: users, the loader's cache, the time zone, Debian's choice of iptables. */
const ETC = ["passwd", "group", "ld.so.cache", "localtime", "alternatives", "protocols", "services"];
const DEVICES = ["null", "zero", "random", "urandom"];

/** Mounts the stage over the real folders, then becomes the program. `ip netns exec` has made the mount namespace. */
const ENTER = `set -e
stage=$1; shift
mount --make-rprivate /
for device in ${DEVICES.join(" ")}; do mount --bind /dev/$device $stage/dev/$device; done
for folder in /etc /var/lib /run /dev; do mount --rbind $stage$folder $folder; done
exec "$@"`;

export class Stage {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    for (const name of ["dev", "etc/portsentry", "var/lib", "run"]) mkdirSync(join(folder, name), { recursive: true });
    for (const name of DEVICES) writeFileSync(join(folder, "dev", name), "");
    for (const name of ETC) copyFromHost(folder, name);
  }

  /** Where a path of the stage lies for everybody else. */
  path(inside: string): string {
    return join(this.folder, inside);
  }

  write(inside: string, text: string): void {
    writeFileSync(this.path(inside), text);
  }

  writeProgram(inside: string, text: string): void {
    writeFileSync(this.path(inside), text);
    chmodSync(this.path(inside), 0o755);
  }

  /** "" where there is no such file. */
  read(inside: string): string {
    return existsSync(this.path(inside)) ? readFileSync(this.path(inside), "utf8") : "";
  }

  /** Forgets what programs have written into /var/lib and /run, and what is in /etc/portsentry. */
  clear(): void {
    for (const inside of ["var/lib", "run", "etc/portsentry"]) {
      const folder = this.path(inside);
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
    }
    mkdirSync(this.path("var/lib/portsentry"));
  }

  argv(host: Host, argv: readonly string[]): readonly string[] {
    return host.argv(this.enter(argv));
  }

  /** The same for who is in the namespace already: the mount namespace has to be one that may be changed. */
  enter(argv: readonly string[]): readonly string[] {
    return ["sh", "-c", ENTER, "sh", this.folder, ...argv];
  }

  /** Runs a program to its end; a daemon's first process ends at once. */
  mustRun(host: Host, argv: readonly string[]): Promise<string> {
    return mustRun(this.argv(host, argv));
  }
}

function copyFromHost(folder: string, name: string): void {
  const from = join("/etc", name);
  if (!existsSync(from)) return;
  const links = name === "localtime" ? { dereference: true } : { verbatimSymlinks: true };
  cpSync(from, join(folder, "etc", name), { recursive: true, ...links });
}
