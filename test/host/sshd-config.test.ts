import assert from "node:assert/strict";
import { test } from "node:test";
import { readSshdConfig } from "../../src/host/sshd-config.ts";

function configOf(files: Readonly<Record<string, string>>, dropIns: string[] = []) {
  return readSshdConfig({
    read: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT ${path}`);
      return Buffer.from(text);
    },
    list: (path) => (path === "/etc/ssh/sshd_config.d" ? dropIns : []),
  });
}

test("the ports of sshd_config and its drop-ins, 22 always, at most 8", () => {
  const files = {
    "/etc/ssh/sshd_config":
      "Port 2222 # ours\n#Port 1\nport=2223\nListenAddress [::]:2224\nListenAddress 0.0.0.0\nPort 99999\n",
    "/etc/ssh/sshd_config.d/x.conf": "  Port 2225\n",
    "/etc/ssh/sshd_config.d/y.bak": "Port 3\n",
  };
  assert.deepEqual(configOf(files, ["x.conf", "y.bak"]).ports, [22, 2222, 2223, 2224, 2225]);
  const many = Array.from({ length: 100 }, (_, index) => `Port ${1000 + index}\n`).join("");
  assert.equal(configOf({ "/etc/ssh/sshd_config": many }).ports.length, 8);
  assert.deepEqual(configOf({}).ports, [22]);
});

test("LoginGraceTime: 120 s unless it is said; of several the longest; no limit, or one that cannot be read, is none", () => {
  const graceOf = (text: string, dropIn = "") =>
    configOf({ "/etc/ssh/sshd_config": text, "/etc/ssh/sshd_config.d/x.conf": dropIn }, ["x.conf"]).loginGraceMs;
  assert.equal(graceOf(""), 120_000);
  assert.equal(graceOf("#LoginGraceTime 30\n"), 120_000);
  assert.equal(graceOf("LoginGraceTime 30\n"), 30_000);
  assert.equal(graceOf('  logingracetime="2m" # short\n'), 120_000);
  assert.equal(graceOf("LoginGraceTime 1h30m\n"), 5_400_000);
  assert.equal(graceOf("LoginGraceTime 30\n", "LoginGraceTime 5m\n"), 300_000);
  for (const none of ["0", "none", "0s", "2y"])
    assert.equal(graceOf("LoginGraceTime 30\n", `LoginGraceTime ${none}\n`), Number.POSITIVE_INFINITY, none);
});
