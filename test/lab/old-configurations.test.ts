// Changed copies of Debian's configuration and of 2.x's, for the real PortSentry 1.2 and for ours: both start or neither does, with the same
// ports and the same responses, but for what docs/reference/differences.md names. Ten thousand more are in long/.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryFolder } from "../support/repository.ts";
import { compareChanged } from "./support/compare-changed.ts";
import { Lab } from "./support/lab.ts";
import { Stage } from "./support/stage.ts";
import { SyslogReader } from "./support/syslog-reader.ts";
import { waitUntil } from "./support/wait.ts";

const COUNT = 300;
const SEED = 0x0dd17;
const OURS = [process.execPath, repositoryFolder("bin/portsentry")];
const ENDED = /now active and listening|adminalert: PortSentry is shutting down/;

test("PortSentry 1.2 and ours read changed copies of Debian's file and of 2.x's alike", (t) =>
  compareChanged(t, COUNT, SEED));

test("our daemon starts with files that 1.2 starts with, also where nothing is left to watch", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const stage = new Stage(join(lab.folder, "stage"));
  const syslog = await SyslogReader.start(lab, stage.path("dev/log"));
  for (const [file, mode] of [
    ["only-service-names", "stcp"],
    ["advanced-nothing", "atcp"],
    ["missing-closing-quotes", "tcp"],
    ["unknown-keys", "atcp"],
  ] as const) {
    stage.clear();
    stage.write("/etc/portsentry/portsentry.conf", readFileSync(repositoryFolder(`test/field/${file}.conf`), "utf8"));
    stage.write("/etc/portsentry/portsentry.ignore", "192.0.2.1\n");
    const from = syslog.count;
    await stage.mustRun(lab.target, [...OURS, `-${mode}`]);
    assert.match(await syslog.waitFor(ENDED, from), /now active and listening/, file);
    const pid = Number(/portsentry\[(\d+)\]/.exec(syslog.since(from).at(-1) ?? "")?.[1]);
    process.kill(pid, "SIGTERM");
    await syslog.waitFor(/adminalert: PortSentry is shutting down/, from);
    await waitUntil(`end of process ${pid}`, () => !isAlive(pid));
  }
});

/** An orphan that nobody has reaped yet has ended, too. */
function isAlive(pid: number): boolean {
  try {
    return !/ Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
