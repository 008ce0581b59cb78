// A clean Debian made by debootstrap, in which packages are installed as an administrator installs them. Nothing is started by
// the installation (policy-rc.d); what a test starts runs in network, mount and process namespaces of its own.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { mustRun, type Outcome, run } from "./exec.ts";

export const repository = findRepository();
const MIRROR = "http://deb.debian.org/debian";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const STEP_MS = 300_000;

/** The folder above the tests, or the working directory, that has the package's sources. */
function findRepository(): string {
  const folders = [resolve(import.meta.dirname, "../../../.."), process.cwd()];
  const found = folders.find((folder) => existsSync(join(folder, "scripts/deb.mjs")));
  if (found === undefined) throw new Error(`no scripts/deb.mjs in ${folders.join(" or ")}`);
  return found;
}

/** Debian packages that a test needs on this machine. */
export async function needDebianPackages(names: readonly string[]): Promise<void> {
  const script = `(await import(process.argv[1])).ensureDebianPackages(process.argv.slice(2))`;
  const setup = join(repository, "scripts/setup.mjs");
  await mustRun([process.execPath, "--input-type=module", "-e", script, "--", setup, ...names]);
}

/** Builds the package from the build that the tests are of, quickly compressed. Returns the file. */
export async function buildPackage(folder: string): Promise<string> {
  const argv = [process.execPath, join(repository, "scripts/deb.mjs"), "--fast", "--out", folder];
  const build = resolve(import.meta.dirname, "../../..");
  const outcome = await run(["env", `PORTREEVE_BUILD=${build}`, ...argv], "", STEP_MS);
  const file = /^(\/.*\.deb) /m.exec(outcome.stdout)?.[1];
  if (outcome.code !== 0 || file === undefined) throw new Error(`npm run deb: ${outcome.stderr}${outcome.stdout}`);
  return file;
}

/** Another run may have made it meanwhile, which is as good. */
function putInPlace(fresh: string, base: string): void {
  try {
    renameSync(fresh, base);
  } catch (error) {
    if (!existsSync(base)) throw error;
    rmSync(fresh, { recursive: true, force: true });
  }
}

export class DebianRoot {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** A fresh copy of a minimal Debian ("bookworm", "trixie"), which is made once a machine. */
  static async make(suite: string): Promise<DebianRoot> {
    await needDebianPackages(["debootstrap"]);
    const base = join(tmpdir(), `portreeve-debootstrap-${suite}`);
    if (!existsSync(base)) {
      const fresh = mkdtempSync(join(tmpdir(), "portreeve-debootstrap-"));
      const made = await run(["debootstrap", "--variant=minbase", suite, fresh, MIRROR], "", STEP_MS);
      if (made.code !== 0) throw new Error(`debootstrap ${suite}: ${made.stdout.slice(-2000)}${made.stderr}`);
      // The root folder of a Debian, which not only root looks into.
      chmodSync(fresh, 0o755);
      putInPlace(fresh, base);
    }
    const folder = mkdtempSync(join(tmpdir(), "portreeve-root-"));
    await mustRun(["cp", "-a", `${base}/.`, folder]);
    writeFileSync(join(folder, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    writeFileSync(join(folder, "etc/resolv.conf"), readFileSync("/etc/resolv.conf"));
    return new DebianRoot(folder);
  }

  /** Runs apt-get inside, with the network of this machine; throws when it fails. Returns what it printed. */
  async apt(...args: string[]): Promise<string> {
    const env = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"];
    const outcome = await run(["chroot", this.path, ...env, "apt-get", "-q", "-y", ...args], "", STEP_MS);
    if (outcome.code !== 0) throw new Error(`apt-get ${args.join(" ")}: ${outcome.stdout}${outcome.stderr}`);
    return `${outcome.stdout}${outcome.stderr}`;
  }

  /** Copies a file of this machine in, as /tmp/NAME. */
  async take(file: string): Promise<string> {
    await mustRun(["cp", file, join(this.path, "tmp")]);
    return join("/tmp", file.split("/").at(-1) ?? "");
  }

  /** Runs a shell script inside, cut off from this machine's network and processes; what it starts ends with it. */
  sh(script: string): Promise<Outcome> {
    const enter =
      'set -e; mount --make-rprivate /; mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; ' +
      'mount -t tmpfs tmpfs "$1/run"; ip link set lo up; exec chroot "$1" env -i PATH="$3" LC_ALL=C /bin/sh -c "$2"';
    const argv = ["unshare", "-n", "-m", "-p", "-f", "--kill-child", "sh", "-c", enter, "sh", this.path, script, PATH];
    return run(argv, "", STEP_MS);
  }

  read(path: string): string {
    return readFileSync(join(this.path, path), "utf8");
  }

  write(path: string, text: string): void {
    mkdirSync(resolve(join(this.path, path), ".."), { recursive: true });
    writeFileSync(join(this.path, path), text);
  }

  exists(path: string): boolean {
    return existsSync(join(this.path, path));
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
