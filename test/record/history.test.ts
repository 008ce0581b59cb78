import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { HistoryFile, historyLine } from "../../src/record/history.ts";
import { needsRoot, obstacles } from "../base/support.ts";
import { prefix } from "../support/prefix.ts";

/** fail2ban's shipped failregex, with <HOST> as its own pattern for IPv4 and IPv6 addresses has it. */
const fail2ban = /\/(?<host>(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]+) Port: [0-9]+ (TCP|UDP) Blocked$/;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "portreeve-history-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function listener() {
  const said: string[] = [];
  return {
    said,
    onTrouble: (message: string) => said.push(`trouble: ${message}`),
    onRecovered: (message: string) => said.push(`recovered: ${message}`),
  };
}

test("the line of a real run, in UTC and in a zone half a day away", () => {
  const module = new URL("../../src/record/history.js", import.meta.url).href;
  const program = `import { historyLine } from ${JSON.stringify(module)};
    process.stdout.write(historyLine({ timeMs: 1795340071999, sourceText: "127.0.0.2", protocol: 6, port: 11 }));`;
  const print = (zone: string) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      env: { ...process.env, TZ: zone },
    }).stdout;
  assert.equal(print("UTC"), "1795340071 - 11/22/2026 09:34:31 Host: 127.0.0.2/127.0.0.2 Port: 11 TCP Blocked");
  assert.equal(
    print("Pacific/Auckland"),
    "1795340071 - 11/22/2026 22:34:31 Host: 127.0.0.2/127.0.0.2 Port: 11 TCP Blocked",
  );
});

test("a host behind this one stands in front, where fail2ban's pattern does not look", () => {
  const line = historyLine({ timeMs: 0, sourceText: "192.0.2.9", protocol: 6, port: 23, host: prefix("198.51.100.7") });
  assert.match(line, / Behind: 198\.51\.100\.7 Host: 192\.0\.2\.9\/192\.0\.2\.9 Port: 23 TCP Blocked$/);
  assert.equal(fail2ban.exec(line)?.groups?.host, "192.0.2.9");
});

test("fail2ban finds the address", () => {
  for (const [sourceText, host] of [
    ["192.0.2.9", "192.0.2.9"],
    ["2001:db8::9", "2001:db8::9"],
    ["2001:db8:1:2::/64", "2001:db8:1:2::"],
  ]) {
    const line = historyLine({ timeMs: 0, sourceText: sourceText ?? "", protocol: 17, port: 65535 });
    assert.equal(fail2ban.exec(line)?.groups?.host, host, line);
  }
});

test("lines are appended, mode 0600, and go to the new file after rotation or removal", (t) => {
  const path = join(folder(t), "portsentry.history");
  const heard = listener();
  const history = new HistoryFile(path, heard);
  history.append("one");
  history.flush();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  renameSync(path, `${path}.1`);
  history.append("two");
  history.flush();
  assert.equal(readFileSync(`${path}.1`, "utf8"), "one\n");
  assert.equal(readFileSync(path, "utf8"), "two\n");
  rmSync(path);
  writeFileSync(path, "another's\n");
  history.append("three");
  history.close();
  assert.equal(readFileSync(path, "utf8"), "another's\nthree\n");
  assert.deepEqual(heard.said, []);
});

test("a burst is written before it gathers memory", (t) => {
  const path = join(folder(t), "portsentry.history");
  const history = new HistoryFile(path, listener());
  for (let i = 0; i < 3000; i++) history.append("x".repeat(80));
  assert.ok(statSync(path).size > 65_536);
  history.close();
  assert.equal(statSync(path).size, 3000 * 81);
});

test("failure is said once, counted, never thrown; recovery is said once", (t) => {
  const base = folder(t);
  const path = join(base, "sub", "portsentry.history");
  const heard = listener();
  const history = new HistoryFile(path, heard);
  for (const line of ["one", "two"]) {
    history.append(line);
    history.flush();
  }
  assert.deepEqual(history.counters, { historyErrors: 2, historyLinesLost: 2 });
  assert.equal(heard.said.length, 1);
  assert.match(heard.said[0] ?? "", /^trouble: cannot write history file .*ENOENT/);
  spawnSync("mkdir", [join(base, "sub")]);
  history.append("three");
  history.flush();
  history.append("four");
  history.close();
  assert.equal(heard.said.length, 2);
  assert.match(heard.said[1] ?? "", /^recovered: /);
  assert.equal(readFileSync(path, "utf8"), "three\nfour\n");
});

for (const [name, make, why] of obstacles) {
  test(`${name} in its place is refused, said once, and nothing is written behind it`, { skip: needsRoot }, (t) => {
    const base = folder(t);
    const path = join(base, "portsentry.history");
    make(path);
    const heard = listener();
    const history = new HistoryFile(path, heard);
    for (const line of ["one", "two"]) {
      history.append(line);
      history.flush();
    }
    assert.equal(heard.said.length, 1);
    assert.match(heard.said[0] ?? "", why);
    assert.match(
      heard.said[0] ?? "",
      /^trouble: cannot write history file .*; its lines are lost until the file can be written$/,
    );
    const others = join(base, name.startsWith("another") ? "portsentry.history" : "real");
    if (existsSync(others)) assert.equal(readFileSync(others, "utf8"), "kept\n");
    assert.ok(!existsSync("/nonexistent/made"));
    // Mended: the next line goes to a file of ours.
    rmSync(path, { recursive: true });
    history.append("three");
    history.close();
    assert.equal(readFileSync(path, "utf8"), "three\n");
  });
}

test("a link that somebody puts in place of the file while it is open is not followed", (t) => {
  const base = folder(t);
  const path = join(base, "portsentry.history");
  writeFileSync(join(base, "real"), "kept\n");
  const heard = listener();
  const history = new HistoryFile(path, heard);
  history.append("one");
  history.flush();
  rmSync(path);
  symlinkSync(join(base, "real"), path);
  history.append("two");
  history.close();
  assert.equal(readFileSync(join(base, "real"), "utf8"), "kept\n");
  assert.match(heard.said[0] ?? "", /symbolic link/);
});

test("a FIFO without a reader does not stop the daemon", (t) => {
  const path = join(folder(t), "fifo");
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  chmodSync(path, 0o600);
  const heard = listener();
  const history = new HistoryFile(path, heard);
  history.append("one");
  history.flush();
  assert.match(heard.said[0] ?? "", /it is no regular file/);
});
