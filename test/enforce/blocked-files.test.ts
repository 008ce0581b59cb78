// BLOCKED_FILE as each PortSentry keeps it, a list that the administrator has deleted, and whom a replaced PortSentry had blocked.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import type { LoadOptions } from "../../src/config/options.ts";
import { blockedFiles, isListDeleted, readOldBlocks } from "../../src/enforce/blocked-files.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../support/prefix.ts";

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-blocked-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const base = join(folder, "portsentry.blocked");
  const settingsWith = (text: string, options: LoadOptions = {}) => ({
    ...settingsOf(load(text, undefined, options)),
    blockedFile: base,
  });
  const said: string[] = [];
  const filesOf = (settings: Parameters<typeof blockedFiles>[0]) =>
    blockedFiles(settings, createTroubles(), (message) => said.push(message));
  const entry = (source: string, protocol: number) => ({
    ...{ source: prefix(source), sourceText: source, timeMs: 1_700_000_000_000, protocol, port: 79 },
  });
  return { folder, base, settingsWith, filesOf, entry, said };
}

test("each protocol in its own mode has the file with the mode's suffix, as in 1.2", async (t) => {
  const { folder, settingsWith, filesOf, entry } = setUp(t);
  const files = filesOf(settingsWith('TCP_MODE="atcp"\nUDP_MODE="sudp"\nADVANCED_PORTS_TCP="1024"\nUDP_PORTS="7"\n'));
  assert.deepEqual(
    files.map(({ protocol, file }) => [protocol, file.form]),
    [
      [6, "lines"],
      [17, "lines"],
    ],
  );
  await Promise.all(files.map(({ file }, index) => file.write([entry(`192.0.2.${index + 1}`, 6)], 0)));
  assert.deepEqual(readdirSync(folder).sort(), ["portsentry.blocked.atcp", "portsentry.blocked.sudp"]);
  assert.match(readFileSync(join(folder, "portsentry.blocked.atcp"), "utf8"), /192\.0\.2\.1/);
});

test("a protocol that is not watched has none; where both would write the same file there is one for both", (t) => {
  const { settingsWith, filesOf } = setUp(t);
  const both = settingsWith("");
  const protocols = (settings: Parameters<typeof blockedFiles>[0]) => filesOf(settings).map(({ protocol }) => protocol);
  assert.deepEqual(protocols({ ...both, udp: { ...both.udp, active: false } }), [6]);
  assert.deepEqual(protocols({ ...both, tcp: { ...both.tcp, active: false } }), [17]);
  const same = { ...both.tcp, active: true, modeName: "connect" };
  assert.deepEqual(protocols({ ...both, tcp: same, udp: same }), [undefined]);
  assert.deepEqual(protocols({ ...both, blockedFile: undefined }), []);
});

test("2.x: its records; a list that is deleted is how it is told to forget, and 1.2 knows no such thing", (t) => {
  const { base, settingsWith, filesOf } = setUp(t);
  const old = settingsWith("");
  const two = { ...old, generation: 2 as const };
  assert.ok(filesOf(two).every(({ file }) => file.form === "records"));
  assert.deepEqual([isListDeleted(two), isListDeleted(old)], [true, false]);
  assert.equal(isListDeleted({ ...two, blockedFile: undefined }), false);
  writeFileSync(base, "");
  assert.equal(isListDeleted(two), false);
});

test("the sources of a replaced PortSentry are taken over as far as their protocol is blocked", (t) => {
  const { base, settingsWith } = setUp(t);
  const line = (source: string, protocol: string) =>
    `1700000000 - 11/14/2023 22:13:20 Host: ${source}/${source} Port: 79 ${protocol} Blocked\n`;
  writeFileSync(`${base}.tcp`, line("192.0.2.1", "TCP"));
  writeFileSync(`${base}.udp`, `${line("192.0.2.2", "UDP")}nonsense\n`);
  const warnings: string[] = [];
  const recorder = { warning: (message: string) => warnings.push(message) };
  const taken = (text: string) =>
    readOldBlocks(settingsWith(text), recorder).map(
      ({ source, protocol }) => `${formatPrefix(source)} ${protocol ?? "both"}`,
    );
  assert.deepEqual(taken('BLOCK_TCP="1"\nBLOCK_UDP="1"\n'), ["192.0.2.1 6", "192.0.2.2 17"]);
  assert.match(warnings.splice(0).join("\n"), /portsentry\.blocked\.udp: 1 entries cannot be read/);
  assert.deepEqual(taken('BLOCK_TCP="1"\nBLOCK_UDP="0"\n'), ["192.0.2.1 6"]);
  assert.deepEqual(taken('BLOCK_TCP="0"\nBLOCK_UDP="1"\n'), ["192.0.2.2 17"]);
  assert.deepEqual(taken('BLOCK_TCP="0"\nBLOCK_UDP="0"\n'), []);
  assert.deepEqual(readOldBlocks({ ...settingsWith(""), blockedFile: undefined }, recorder), []);
});
