import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { BlockedFile, blockedFilePath } from "../../src/record/blocked-file.ts";
import { importBlocked, parseBlocked } from "../../src/record/blocked-import.ts";
import { historyLine } from "../../src/record/history.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { IpProtocol } from "../../src/wire/packet.ts";
import { prefix } from "../support/prefix.ts";

const LINE = "1795340071 - 11/22/2026 09:34:31 Host: 127.0.0.2/127.0.0.2 Port: 11 TCP Blocked";
/** Two records of 2.x: 192.0.2.1 and 2001:db8::7. */
const RECORDS = Buffer.from("0200c00002010a0020010db8000000000000000000000007", "hex");

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "blocked-file-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function put(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content);
  chmodSync(path, 0o600);
}

const sources = (content: string | Uint8Array) => {
  const { blocks, faults } = parseBlocked(Buffer.from(content));
  return { sources: blocks.map(({ source }) => formatPrefix(source)), faults };
};

test("1.2's text", () => {
  const { blocks, faults } = parseBlocked(Buffer.from(`${LINE}\n${LINE.replace("TCP", "UDP")}`));
  assert.equal(faults, 0);
  assert.deepEqual(
    blocks.map(({ source, sinceMs, protocol }) => [formatPrefix(source), sinceMs, protocol]),
    [
      ["127.0.0.2", 1_795_340_071_000, IpProtocol.Tcp],
      ["127.0.0.2", 1_795_340_071_000, IpProtocol.Udp],
    ],
  );
});

test("2.x's records, and what is left of a cut file", () => {
  assert.deepEqual(sources(RECORDS), { sources: ["192.0.2.1", "2001:db8::7"], faults: 0 });
  for (let length = 2; length < RECORDS.length; length++) {
    const whole = length < 6 ? [] : ["192.0.2.1"];
    assert.deepEqual(
      sources(RECORDS.subarray(0, length)),
      { sources: whole, faults: length === 6 ? 0 : 1 },
      `${length}`,
    );
  }
  assert.deepEqual(sources(Buffer.concat([RECORDS, Buffer.from([9, 9, 9, 9, 9, 9])])).faults, 1);
});

test("a name out of the network cannot change who is read", () => {
  const line = (name: string, address = "203.0.113.5") => LINE.replace("127.0.0.2/127.0.0.2", `${name}/${address}`);
  assert.deepEqual(sources(line("host.example")), { sources: ["203.0.113.5"], faults: 0 });
  assert.deepEqual(sources(line("8.8.8.8")), { sources: ["203.0.113.5"], faults: 0 });
  assert.deepEqual(sources(line("203.0.113.0/24", "203.0.113.0")), { sources: ["203.0.113.0"], faults: 0 });
  assert.deepEqual(sources(line("::/1", "::")), { sources: ["::"], faults: 0 });
  assert.deepEqual(sources(line("x/8.8.8.8 Port: 1 TCP Blocked")), { sources: ["203.0.113.5"], faults: 0 });
});

test("what says nothing is counted and left out", () => {
  for (const bad of [
    "nonsense",
    LINE.replace("127.0.0.2/127.0.0.2", "a/999.0.0.1"),
    LINE.replace(" Blocked", ""),
    "x".repeat(5000),
  ]) {
    assert.deepEqual(sources(`${bad}\n${LINE}\n\n`), { sources: ["127.0.0.2"], faults: 1 }, bad.slice(0, 50));
  }
  assert.deepEqual(sources(""), { sources: [], faults: 0 });
});

test("never throws, whatever the bytes are", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(Buffer.from(LINE), Buffer.from("\n"), RECORDS, RECORDS.subarray(0, 6)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const bytes = Buffer.concat(pieces);
      assert.ok(parseBlocked(bytes).blocks.length <= bytes.length);
    }),
    { numRuns: 500 },
  );
});

test("what we write is read back, in 1.2's form, whole or not at all", async (t) => {
  const path = join(makeFolder(t), "portsentry.blocked.atcp");
  const troubles: string[] = [];
  const file = new BlockedFile(path, {
    onTrouble: (text) => troubles.push(text),
    onRecovered: (text) => troubles.push(text),
  });
  const entries = ["192.0.2.1", "2001:db8:0:1::/64", "2001:db8::7"].map((sourceText, index) => ({
    source: prefix(sourceText),
    timeMs: 1_795_340_071_000 + index * 1000,
    sourceText,
    protocol: IpProtocol.Tcp,
    port: 11,
  }));
  await file.write(entries);
  assert.equal(readFileSync(path, "utf8"), entries.map((entry) => `${historyLine(entry)}\n`).join(""));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const { blocks, troubles: none } = importBlocked(path.replace(/\.atcp$/, ""));
  assert.deepEqual(
    blocks.map(({ source, sinceMs }) => [formatPrefix(source), sinceMs]),
    entries.map(({ sourceText, timeMs }) => [sourceText, timeMs]),
  );
  const before = statSync(path).ino;
  await file.write(entries);
  assert.equal(statSync(path).ino, before, "unchanged: not written again");
  rmSync(path);
  await file.write(entries);
  assert.ok(statSync(path).isFile(), "removed by somebody: written again");
  await file.write([]);
  assert.equal(readFileSync(path, "utf8"), "");
  assert.deepEqual([troubles, none], [[], []]);
});

test("2.x's records: each source once it is added, the list whole after a write, and read back", async (t) => {
  const path = join(makeFolder(t), "portsentry.blocked");
  const file = new BlockedFile(path, { onTrouble: assert.fail, onRecovered: assert.fail }, "records");
  const sources = ["192.0.2.1", "2001:db8::7", "2001:db8:0:1::/64"].map(prefix);
  const entries = sources.map((source) => ({ source, timeMs: 0, sourceText: "", protocol: IpProtocol.Tcp, port: 11 }));
  const records = ["0200c0000201", "0a0020010db8000000000000000000000007", "0a0020010db8000000010000000000000000"];
  await file.write([]);
  assert.equal(statSync(path).size, 0);
  for (const source of sources) file.add(source);
  assert.equal(readFileSync(path, "hex"), records.join(""));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await file.write(entries.slice(1));
  assert.equal(readFileSync(path, "hex"), records.slice(1).join(""));
  file.add(prefix("192.0.2.1"));
  await file.write(entries.slice(1));
  assert.equal(readFileSync(path, "hex"), records.slice(1).join(""), "what was added and is not listed is taken out");
  await file.write(entries);
  assert.deepEqual(
    importBlocked(path).blocks.map(({ source }) => formatPrefix(source)),
    ["192.0.2.1", "2001:db8::7", "2001:db8:0:1::"],
  );
});

test("a record is not added to a link", (t) => {
  const folder = makeFolder(t);
  const said: string[] = [];
  const file = new BlockedFile(
    join(folder, "link"),
    { onTrouble: (text) => said.push(text), onRecovered: assert.fail },
    "records",
  );
  symlinkSync(join(folder, "target"), join(folder, "link"));
  file.add(prefix("192.0.2.1"));
  assert.match(said.join(), /link: it is a symbolic link, which is not followed/);
  assert.equal(existsSync(join(folder, "target")), false);
});

test("a file that cannot be written is said once, and that it works again", async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, "gone", "portsentry.blocked");
  const said: string[] = [];
  const file = new BlockedFile(path, { onTrouble: (text) => said.push(text), onRecovered: (text) => said.push(text) });
  await file.write([]);
  await file.write([]);
  assert.equal(file.counters.blockedFileErrors, 2);
  mkdirSync(join(folder, "gone"));
  await file.write([]);
  assert.equal(said.length, 2);
  assert.match(said[0] ?? "", /^cannot write blocked file .*ENOENT.*; blocking goes on/);
  assert.match(said[1] ?? "", /writing works again$/);
});

test("only the newest stand in a very long list", async (t) => {
  const path = join(makeFolder(t), "b");
  const file = new BlockedFile(path, { onTrouble: assert.fail, onRecovered: assert.fail });
  const entries = Array.from({ length: 65_540 }, (_, i) => ({
    source: prefix("192.0.2.1"),
    timeMs: i * 1000,
    sourceText: "192.0.2.1",
    protocol: IpProtocol.Udp,
    port: 9,
  }));
  await file.write(entries);
  assert.equal(file.counters.blockedFileLeftOut, 4);
  assert.ok(readFileSync(path, "utf8").startsWith("4 - "));
});

test("1.2's files of every mode are imported, each source once", (t) => {
  const base = join(makeFolder(t), "portsentry.blocked");
  put(`${base}.tcp`, `${LINE}\n`);
  put(`${base}.audp`, `${LINE}\n${LINE.replaceAll("127.0.0.2", "192.0.2.9")}\n`);
  put(base, RECORDS);
  const { blocks, troubles } = importBlocked(base);
  assert.deepEqual(
    blocks.map(({ source }) => formatPrefix(source)),
    ["192.0.2.1", "2001:db8::7", "127.0.0.2", "192.0.2.9"],
  );
  assert.deepEqual(troubles, []);
  assert.deepEqual(importBlocked(join(base, "nothing", "there")).blocks, []);
});

test("files that others could have written are refused", (t) => {
  const folder = makeFolder(t);
  const base = join(folder, "portsentry.blocked");
  put(join(folder, "real"), `${LINE}\n`);
  symlinkSync(join(folder, "real"), base);
  mkdirSync(`${base}.tcp`);
  put(`${base}.udp`, `${LINE}\n`);
  chmodSync(`${base}.udp`, 0o602);
  const { blocks, troubles } = importBlocked(base);
  assert.deepEqual(blocks, []);
  assert.equal(troubles.length, 3);
  assert.match(troubles.join("\n"), /it is a link\n.*no regular file\n.*others than its owner may write it/);
  assert.equal(readdirSync(folder).length, 4);
});

test("1.2's modes have a file each, 2.x's share one", () => {
  assert.equal(blockedFilePath("/b", "atcp"), "/b.atcp");
  assert.equal(blockedFilePath("/b", "sudp"), "/b.sudp");
  assert.equal(blockedFilePath("/b", "stealth"), "/b");
  assert.equal(blockedFilePath("/b", "connect"), "/b");
});
