// A Debian system of its own in the target's network namespace, to install packages in: either the machine's own system
// under a layer that is thrown away, or a root that debootstrap made. Mounts, processes and network are all private, so
// nothing of the machine is touched, and everything ends with the lab.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { mustRun, type Outcome, type Running, run } from "./exec.ts";
import type { Lab } from "./lab.ts";

/**
 * Runs as the first process of the new system. Arguments: "overlay" or "plain", a folder of ours, the root to use. The end
 * of orphans is not waited for by anybody: with SIGCHLD ignored the kernel takes them away.
 */
const INIT = `
set -e
kind=$1 folder=$2 system=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 layer "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
if [ $kind = overlay ]; then
  mount -t overlay -o "lowerdir=$system,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
else
  mount --bind "$system" "$folder/root"
fi
cd "$folder/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 dev dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/\${node%:*}" c 1 "\${node#*:}"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=755 run run
mkdir -m 1777 run/lock
mount -t tmpfs -o mode=1777 tmp tmp
# Nobody answers there: names are not found at once, not after twenty seconds.
rm -f usr/sbin/policy-rc.d etc/resolv.conf
echo nameserver 127.0.0.1 > etc/resolv.conf
[ $kind = plain ] || rm -rf etc/portsentry etc/default/portsentry var/lib/portsentry
mkdir .outside
pivot_root . .outside
umount -l /.outside
rmdir /.outside
cd /
echo ready
exec /usr/bin/env --ignore-signal=CHLD /usr/bin/sleep infinity
`;

const ENVIRONMENT = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "HOME=/root",
  "LANG=C.UTF-8",
  "DEBIAN_FRONTEND=noninteractive",
];
const INSTALL_MS = 300_000;

export class Root {
  readonly #init: Running;
  readonly #pid: number;

  private constructor(init: Running, pid: number) {
    this.#init = init;
    this.#pid = pid;
  }

  /** The machine's own system, as it is on its disk; what is written goes to memory and is gone with the lab. */
  static overlay(lab: Lab): Promise<Root> {
    return Root.#start(lab, "overlay", "/");
  }

  /** A system that is in `folder` already; what is written stays there. */
  static at(lab: Lab, folder: string): Promise<Root> {
    return Root.#start(lab, "plain", folder);
  }

  static async #start(lab: Lab, kind: "overlay" | "plain", system: string): Promise<Root> {
    const folder = join(lab.folder, "root");
    mkdirSync(folder);
    const own = ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--"];
    const init = lab.spawn(lab.target, [...own, "sh", "-c", INIT, "init", kind, folder, system]);
    await init.waitForLine(/^ready$/);
    const [pid = ""] = (await mustRun(["pgrep", "--parent", String(init.pid)])).split("\n");
    return new Root(init, Number(pid));
  }

  /** Everything that runs inside ends. */
  async close(): Promise<void> {
    await this.#init.stop("SIGKILL");
  }

  /** The name, outside, of a file inside. */
  path(inside: string): string {
    return join(`/proc/${this.#pid}/root`, inside);
  }

  read(inside: string): string {
    return readFileSync(this.path(inside), "utf8");
  }

  write(inside: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.path(inside)), { recursive: true });
    writeFileSync(this.path(inside), content);
  }

  argv(argv: readonly string[]): readonly string[] {
    const inside = ["--mount", "--pid", "--net", "--root", "--wd"];
    return ["nsenter", "--target", String(this.#pid), ...inside, "--", "env", "-i", ...ENVIRONMENT, ...argv];
  }

  run(argv: readonly string[]): Promise<Outcome> {
    return run(this.argv(argv), "", INSTALL_MS);
  }

  /** What it printed; it has to succeed. */
  async mustRun(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv);
    if (code !== 0) throw new Error(`${argv.join(" ")}: exit code ${code}\n${stderr}${stdout}`);
    return stdout;
  }

  /** A line as an administrator types it. */
  shell(line: string): Promise<Outcome> {
    return this.run(["sh", "-c", line]);
  }

  mustShell(line: string): Promise<string> {
    return this.mustRun(["sh", "-c", line]);
  }
}
