// The files that are made from the table of keys, and the shipped ones: they say what the table says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { renderKeyReference } from "../../scripts/papers/key-reference.ts";
import { readIgnoreFile } from "../../src/config/ignore-file.ts";
import { allKeys } from "../../src/config/keys.ts";
import { loadSettings } from "../../src/config/load.ts";
import { formatPorts } from "../../src/config/ports.ts";
import { renderShippedFile } from "../../src/config/shipped-file.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FILE, filesOf, IGNORE, readRepositoryFile, settingsOf } from "./support.ts";

const REMEDY = "differs from src/config/keys.ts; run: npm run build && node scripts/docs.mjs";

test("docs/reference/configuration.md is made from the table", () => {
  assert.ok(
    readRepositoryFile("docs/reference/configuration.md") === renderKeyReference(),
    `docs/reference/configuration.md ${REMEDY}`,
  );
});

test("conf/portsentry.conf is made from the table", () => {
  assert.ok(readRepositoryFile("conf/portsentry.conf") === renderShippedFile(), `conf/portsentry.conf ${REMEDY}`);
});

test("the shipped files load without a problem, and are safe", () => {
  const shipped = {
    [FILE]: readRepositoryFile("conf/portsentry.conf"),
    [IGNORE]: readRepositoryFile("conf/portsentry.ignore"),
  };
  const loaded = loadSettings(FILE, filesOf(shipped));
  assert.deepEqual(loaded.problems, []);
  const settings = settingsOf(loaded);
  assert.deepEqual([settings.tcp.block, settings.udp.block, settings.proof], [false, false, "on"]);
  assert.deepEqual([settings.policy, settings.scorePorts], ["score", 3]);
  assert.deepEqual([formatPorts(settings.tcp.watched), formatPorts(settings.udp.watched)], ["1-65535", "1-65535"]);
  assert.equal(formatPorts(settings.tcp.tolerated), "22,25,53,80,110,113,139,143,443,445,465,587,993,995,8080,8443");
  assert.equal(formatPorts(settings.udp.tolerated), "53,123,137-138,443,500,1900,5353,33434-33534");
  assert.equal(settings.historyFile, "/var/lib/portsentry/portsentry.history");
  assert.deepEqual(settings.ignored.map(formatPrefix), ["127.0.0.0/8", "::1"]);
});

test("the shipped file stays without a problem when blocking is switched on", () => {
  const text = readRepositoryFile("conf/portsentry.conf").replaceAll(/^(BLOCK_(?:TCP|UDP))="0"/gm, '$1="1"');
  const loaded = loadSettings(FILE, filesOf({ [FILE]: text, [IGNORE]: "" }));
  assert.deepEqual(loaded.problems, []);
  assert.deepEqual([loaded.settings?.tcp.block, loaded.settings?.udp.block], [true, true]);
});

test("switching the shipped file's defaults on changes nothing", () => {
  const text = readRepositoryFile("conf/portsentry.conf");
  const choices = allKeys.filter(({ examples }) => examples !== undefined).map(({ name }) => name);
  const load = (conf: string) => loadSettings(FILE, filesOf({ [FILE]: conf, [IGNORE]: "" }));
  const defaults = [...text.matchAll(/^#([A-Z_]+)="/gm)].map((match) => match[1]);
  assert.ok(defaults.length > 10);
  const enabled = text.replaceAll(/^#(([A-Z_]+)=")/gm, (line, bare, name) => (choices.includes(name) ? line : bare));
  assert.deepEqual(load(enabled), load(text));
});

test("the walkthrough: one KILL_ROUTE line is uncommented, and it is the only one", () => {
  const wanted = 'KILL_ROUTE="/sbin/iptables -I INPUT -s $TARGET$ -j DROP"';
  const text = readRepositoryFile("conf/portsentry.conf");
  assert.equal(text.split(`\n#${wanted}\n`).length, 2);
  const edited = text
    .replace(`\n#${wanted}\n`, () => `\n${wanted}\n`)
    .replaceAll(/^(BLOCK_(?:TCP|UDP))="0"$/gm, '$1="1"');
  const seen = (conf: string) => conf.split("\n").filter((line) => line.includes("KILL_ROUTE") && !line.includes("#"));
  assert.deepEqual([seen(text), seen(edited)], [[], [wanted]]);
  const settings = settingsOf(loadSettings(FILE, filesOf({ [FILE]: edited, [IGNORE]: "" })));
  assert.equal(settings.responses.killRoute, "/sbin/iptables -I INPUT -s $TARGET$ -j DROP");
  assert.deepEqual([settings.tcp.block, settings.udp.block], [true, true]);
});

test("every example of the shipped file can be used", () => {
  for (const { name, examples, type } of allKeys) {
    for (const { value } of examples ?? []) {
      assert.deepEqual(type.parse(value), { ok: value });
      const { settings } = loadSettings(FILE, filesOf({ [FILE]: `${name}="${value}"`, [IGNORE]: "" }));
      assert.ok(settings !== undefined && Object.values(settings.responses).includes(value), `${name}="${value}"`);
    }
  }
});

test("every key is told in the reference and in the shipped file", () => {
  const reference = renderKeyReference();
  const shipped = renderShippedFile();
  for (const key of allKeys) {
    assert.match(reference, new RegExp(`^### ${key.name}$`, "m"));
    assert.match(shipped, new RegExp(`^#?${key.name}="`, "m"));
  }
  for (const line of shipped.split("\n")) if (line.startsWith("# ")) assert.ok(line.length <= 84, line);
});

test("the shipped ignore file reads without a problem", () => {
  assert.deepEqual(readIgnoreFile(readRepositoryFile("conf/portsentry.ignore"), IGNORE).problems, []);
});
