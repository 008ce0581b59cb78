// CPU time of a command that asks the daemon, under this Node and under the package's runtime, beside Node alone and
// `fail2ban-client status`, of which none may be slower under the package's runtime. The commands take turns, so that a busy machine is
// as busy for each.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { writeConf } from "../cli/run-command.ts";
import { entry, makeFolder, serveFake } from "../control/fake-daemon.ts";
import { mustRun } from "../lab/support/exec.ts";
import { fetchPackages } from "../lab/support/fetch-packages.ts";
import { waitUntil } from "../lab/support/wait.ts";
import { repositoryFolder } from "../support/repository.ts";

const ROUNDS = 20;
const PINNED = "the package's runtime";
const PYTHON = "/usr/bin/python3";
const program = join(import.meta.dirname, "../../src/cli/client.cjs");

interface Contestant {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

test("CPU time of the client commands", async (t) => {
  const { daemon, socket } = await serveFake(t);
  daemon.blocks = Array.from({ length: 20 }, () => entry);
  const conf = writeConf(t, `CONTROL_SOCKET="${socket}"\n`);
  const commands = ["status", "blocked", "why 192.0.2.7", "unblock 192.0.2.7", "block 192.0.2.7", "events", "report"];
  const rival = await fail2ban(t);
  const contestants = [...rival, ...runtimes().flatMap(([name, node]) => asked(name, node, commands, conf))];
  const samples = contestants.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, contestant] of contestants.entries()) samples[index]?.push(await cpuSeconds(contestant));
  const means = samples.map((seconds) => seconds.reduce((sum, one) => sum + one) / ROUNDS);
  for (const [index, { name }] of contestants.entries()) {
    const sorted = (samples[index] ?? []).sort((a, b) => a - b);
    const [least = 0, middle = 0] = [sorted[0], sorted[ROUNDS / 2]];
    t.diagnostic(
      `${name}: mean ${means[index]?.toFixed(3)} s, median ${middle.toFixed(3)} s, least ${least.toFixed(3)} s`,
    );
  }
  const bound = rival.length === 0 ? Number.POSITIVE_INFINITY : (means[0] ?? 0);
  const slower = contestants.filter(({ name }, index) => name.startsWith(PINNED) && (means[index] ?? 0) > bound);
  assert.deepEqual(
    slower.map(({ name }) => name),
    [],
  );
});

function asked(name: string, node: string, commands: readonly string[], conf: string): readonly Contestant[] {
  const told = commands.map((command) => ({
    name: `${name}, portreeve ${command}`,
    argv: [node, program, ...command.split(" "), "-c", conf],
  }));
  return [{ name: `${name} alone`, argv: [node, "-e", ""] }, ...told];
}

function runtimes(): readonly (readonly [name: string, file: string])[] {
  const code = `import { pinnedRuntime } from "${repositoryFolder("scripts/machine.mjs")}"; console.log(pinnedRuntime());`;
  const pinned = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
  const here = [`Node ${process.version}`, process.execPath] as const;
  return pinned.status === 0 ? [here, [PINNED, join(pinned.stdout.trim(), "node")]] : [here];
}

/** Of the process and its children, by bash's getrusage. */
async function cpuSeconds({ argv, env }: Contestant): Promise<number> {
  const script = 'TIMEFORMAT="%3U %3S"; time "$@" >/dev/null 2>&1';
  const child = spawn("bash", ["-c", script, "bash", ...argv], {
    stdio: ["ignore", "ignore", "pipe"],
    // What the package's launcher unsets; to read such a file of certificates takes Node longer than its whole start.
    env: { ...process.env, NODE_OPTIONS: "", NODE_EXTRA_CA_CERTS: "", ...env },
  });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    told += piece;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}`);
  const [user = Number.NaN, system = Number.NaN] = told.trim().split(" ").map(Number);
  return user + system;
}

/** Debian's, without a jail, from its package; none where there is no Python. */
async function fail2ban(t: TestContext): Promise<readonly Contestant[]> {
  const folder = makeFolder(t);
  const packages = await fetchPackages(["fail2ban"]);
  if (!existsSync(PYTHON) || packages.length === 0) return [];
  for (const file of packages) await mustRun(["dpkg-deb", "-x", file, folder]);
  // As the installed package has them.
  await mustRun([PYTHON, "-m", "compileall", "-q", join(folder, "usr/lib/python3/dist-packages")]);
  const conf = join(folder, "etc/fail2ban");
  await mustRun(["rm", "-rf", join(conf, "jail.d")]);
  const env = { PYTHONPATH: join(folder, "usr/lib/python3/dist-packages") };
  const [socket, pid, log] = ["socket", "pid", "log"].map((name) => join(folder, name));
  const client = (file: string) => [
    PYTHON,
    join(folder, "usr/bin", file),
    "-c",
    conf,
    "-s",
    `${socket}`,
    "-p",
    `${pid}`,
  ];
  const server = spawn(PYTHON, [...client("fail2ban-server").slice(1), `--logtarget=${log}`, "-f", "start"], {
    stdio: "ignore",
    env: { ...process.env, ...env },
  });
  t.after(() => server.kill());
  const contestant = { name: "fail2ban-client status", argv: [...client("fail2ban-client"), "status"], env };
  await waitUntil("fail2ban answers", () =>
    cpuSeconds(contestant).then(
      () => true,
      () => false,
    ),
  );
  return [contestant];
}
