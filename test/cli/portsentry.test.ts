// The built `portsentry` as a process: what can be seen of it without becoming the host's daemon.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { ModeRequest } from "../../src/control/api.ts";
import { makeFolder } from "../control/fake-daemon.ts";
import { readableBuild } from "../support/readable-build.ts";
import { finish, makeLab, writeConf } from "./run-command.ts";

const program = join(import.meta.dirname, "../../src/cli/portsentry.js");
const asRoot = { skip: process.geteuid?.() !== 0 };
const nobody = { uid: 65534, gid: 65534 };

function portsentry(args: readonly string[], user?: { readonly uid: number; readonly gid: number }) {
  const other = user === undefined ? undefined : readableBuild(user);
  const argv = [other?.file("src/cli/portsentry.js") ?? program, ...args];
  return finish(
    spawn(other?.node ?? process.execPath, argv, { cwd: "/", stdio: ["ignore", "pipe", "pipe"], ...(user ?? {}) }),
  );
}

test("a wrong line prints 1.2's usage on standard output and ends with 255", async () => {
  const { code, out, err } = await portsentry(["-tcp", "-tcp"]);
  assert.deepEqual([code, err], [255, ""]);
  assert.match(
    out,
    /^PortSentry - Port Scan Detector\.\n[\s\S]*\n\*\*\* PLEASE READ THE DOCS BEFORE USING \*\*\* \n\n$/,
  );
});

test("root is needed", asRoot, async () => {
  assert.deepEqual(await portsentry(["-stcp"], nobody), {
    code: 255,
    out: "You need to be root to run this.\n",
    err: "",
  });
});

test("a missing file", asRoot, async (t) => {
  const { code, out } = await portsentry(["-atcp", "-c", join(makeFolder(t), "none.conf")]);
  assert.equal(code, 255);
  assert.match(out, /^ERROR: Configuration files are missing\/corrupted\.\n/);
});

test("a running daemon is asked for the other mode over its socket", asRoot, async (t) => {
  const { daemon, socket } = await makeLab(t);
  const asked: string[] = [];
  const addMode = ({ mode }: ModeRequest) => {
    asked.push(mode);
    return mode === "audp"
      ? { ok: { tcp: "atcp", udp: "audp" } }
      : ({ refused: { code: "mode-taken", message: "TCP is watched already" } } as const);
  };
  const conf = writeConf(t, `CONTROL_SOCKET="${socket}"\nTCP_PORTS="1,11"\n`);
  const old = await portsentry(["-audp", "-c", conf]);
  assert.deepEqual([old.code, old.err], [255, "portsentry: this daemon adds no modes\n"]);
  Object.assign(daemon.api, { addMode });
  assert.deepEqual(await portsentry(["-audp", "-c", conf]), { code: 0, out: "", err: "" });
  const refused = await portsentry(["-stcp", "-c", conf]);
  assert.deepEqual([refused.code, refused.err], [255, "portsentry: TCP is watched already\n"]);
  assert.deepEqual(asked, ["audp", "stcp"]);
});

test("2.x's version and help", async () => {
  assert.match((await portsentry(["--version"])).out, /^Portsentry 2\.0\.7 \(portreeve \d+\.\d+\.\d+\)\n$/);
  assert.equal((await portsentry(["-h"])).code, 0);
});
