// OpenSSH's server in the target, with a key that lets root in: unpacked from Debian's package, not installed, on a stage
// of its own. What a login looks like to the daemon must be what the real one makes.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TARGET } from "./addresses.ts";
import { mustRun, type Running } from "./exec.ts";
import { fetchPackages } from "./fetch-packages.ts";
import type { Lab } from "./lab.ts";
import { Stage } from "./stage.ts";

const INSTALLED = "/usr/sbin/sshd";

export class Sshd {
  readonly #lab: Lab;
  readonly #key: string;

  private constructor(lab: Lab, key: string) {
    this.#lab = lab;
    this.#key = key;
  }

  /** Fetches the program, for tests that start several at a time: apt allows one download only. */
  static async fetch(): Promise<void> {
    if (!existsSync(INSTALLED)) await fetchPackages(["openssh-server"]);
  }

  /** Returns when it listens on port 22; it ends with the lab. `more`: lines of sshd_config(5). */
  static async start(lab: Lab, more: Readonly<Record<string, string>> = {}): Promise<Sshd> {
    const program = await unpack(lab);
    const stage = new Stage(join(lab.folder, "sshd"));
    const [hostKey, key] = [join(lab.folder, "host-key"), join(lab.folder, "key")];
    for (const file of [hostKey, key]) await mustRun(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file]);
    stage.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nsshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n");
    mkdirSync(stage.path("run/sshd"));
    chmodSync(stage.path("run/sshd"), 0o755);
    const options = {
      HostKey: hostKey,
      AuthorizedKeysFile: `${key}.pub`,
      PermitRootLogin: "yes",
      StrictModes: "no",
      UsePAM: "no",
      PidFile: "none",
      ...program.parts,
      ...more,
    };
    const file = join(lab.folder, "sshd_config");
    writeFileSync(
      file,
      Object.entries(options)
        .map(([name, value]) => `${name} ${value}\n`)
        .join(""),
    );
    const server = lab.spawn(
      lab.target,
      stage.enter(["env", `LD_LIBRARY_PATH=${program.libraries}`, program.path, "-D", "-e", "-f", file]),
    );
    await server.waitForLine(/Server listening on/);
    return new Sshd(lab, key);
  }

  /** A session from an address of the scanner's; returns when a command runs in it. */
  async logIn(from: string): Promise<Running> {
    const session = this.run(from, "echo ready; cat");
    await session.waitForLine(/^ready$/);
    return session;
  }

  /** A session whose shell runs `command` to its end: `ssh root@target command`. */
  run(from: string, command: string): Running {
    const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"];
    const how = ["-T", "-F", "/dev/null", "-b", from, "-i", this.#key, ...options.flatMap((one) => ["-o", one])];
    const to = from.includes(":") ? TARGET.ipv6 : TARGET.ipv4;
    return this.#lab.spawn(this.#lab.scanner, ["ssh", ...how, `root@${to}`, command]);
  }

  /** Says a line and waits for it to come back. */
  async say(session: Running, text: string): Promise<void> {
    const from = session.lines.length;
    session.write(`${text}\n`);
    await session.waitForLine(new RegExp(`^${text}$`), from);
  }
}

interface Program {
  readonly path: string;
  readonly libraries: string;
  /** From OpenSSH 9.8 on the server is several programs, each where the other expects it or where it is told. */
  readonly parts: Readonly<Record<string, string>>;
}

async function unpack(lab: Lab): Promise<Program> {
  if (existsSync(INSTALLED)) return { path: INSTALLED, libraries: "", parts: {} };
  const folder = join(lab.folder, "openssh");
  for (const file of await fetchPackages(["openssh-server"])) await mustRun(["dpkg-deb", "-x", file, folder]);
  const machine = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const libraries = [join(folder, "lib", machine), join(folder, "usr/lib", machine)].join(":");
  const parts = { SshdSessionPath: "sshd-session", SshdAuthPath: "sshd-auth" };
  const unpacked = Object.entries(parts)
    .map(([key, name]): [string, string] => [key, join(folder, "usr/lib/openssh", name)])
    .filter(([, path]) => existsSync(path));
  return { path: join(folder, INSTALLED), libraries, parts: Object.fromEntries(unpacked) };
}
