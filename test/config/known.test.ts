import assert from "node:assert/strict";
import { test } from "node:test";
import { explainSettings } from "../../src/config/explain.ts";
import { loadSettings } from "../../src/config/load.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FILE, filesOf, IGNORE, tellProblem } from "./support.ts";

const KNOWN = "/etc/portsentry/known";

function load(files: Readonly<Record<string, string>>) {
  const text = `BLOCK_TCP="0"\nKNOWN_SCANNERS="${KNOWN}"\n`;
  const { settings, problems } = loadSettings(FILE, filesOf({ [FILE]: text, [IGNORE]: "", ...files }));
  const told = problems.filter(({ file, key }) => file === KNOWN || key === "KNOWN_SCANNERS").map(tellProblem);
  return { known: settings?.tap.known.map(({ prefix, name }) => `${formatPrefix(prefix)} ${name}`), told };
}

test("KNOWN_SCANNERS is read with the configuration, and its bad lines are told with it", () => {
  assert.deepEqual(load({ [KNOWN]: "192.0.2.0/24 Example University\nnobody\n" }), {
    known: ["192.0.2.0/24 Example University"],
    told: [
      '2 warning "nobody" is no address or network; write "192.0.2.0/24 Example University" or "2001:db8::/32 name"; the line is left out',
    ],
  });
});

test("a list that is not there gives no names, and keeps nobody from starting", () => {
  const { known, told } = load({});
  assert.deepEqual(known, []);
  assert.equal(told.length, 1);
  assert.match(told[0] ?? "", /^2 warning KNOWN_SCANNERS \/etc\/portsentry\/known: .*no scanner is known by name/);
});

test("check says what a mirror port watches, and how many scanners are known by name", () => {
  const text = `BLOCK_TCP="0"\nCAPTURE="ring"\nHOME_NETWORKS="192.0.2.0/24"\nKNOWN_SCANNERS="${KNOWN}"\n`;
  const { settings } = loadSettings(FILE, filesOf({ [FILE]: text, [IGNORE]: "", [KNOWN]: "192.0.2.9 Example\n" }));
  const lines = explainSettings(settings ?? assert.fail());
  assert.ok(
    lines.includes("A mirror port is watched for scans of 192.0.2.0/24; this host's own ports are not watched."),
  );
  assert.ok(lines.includes("1 scanner is known by name (KNOWN_SCANNERS)."));
  assert.ok(!lines.some((line) => line.includes("TCP port")));
});
