import assert from "node:assert/strict";
import { test } from "node:test";
import { explainSettings } from "../../src/config/explain.ts";
import { loadSettings } from "../../src/config/load.ts";
import { FILE, filesOf, IGNORE, load, settingsOf } from "./support.ts";

function explain(text: string, ignore?: string): string {
  return explainSettings(settingsOf(load(`IGNORE_FILE="${IGNORE}"\n${text}`, ignore))).join("\n");
}

test("a host that only logs", () => {
  const said = explain("");
  assert.match(said, /^Every closed TCP port is watched\.$/m);
  assert.match(said, /^Every closed UDP port outside the range .* is watched\.$/m);
  assert.match(said, /^The first probe of a closed port counts as a scan\.$/m);
  assert.match(said, /^A scanner is logged only; nothing is held, dropped or blocked\.$/m);
  assert.match(said, /^These addresses are exempt: 127\.0\.0\.0\/8 \(/m);
  assert.match(said, /as "portsentry"; there is no history file\.$/m);
  assert.doesNotMatch(said, /shut out/);
});

test("a host that blocks, with proof", () => {
  const said = explain('BLOCK_TCP="1"\nBLOCK_UDP="1"\nPROOF="on"\nPOLICY="score"\nTOLERATED_PORTS_TCP="443,80"');
  assert.match(
    said,
    /^A source scans when it tries 3 different closed ports \(a port tried 10m ago counts half\), or 10 within 1d\.$/m,
  );
  assert.match(
    explain('POLICY="score"\nSLOW_SCORE_WINDOW="0"'),
    /^A source scans when it tries 3 .* ago counts half\)\.$/m,
  );
  assert.match(said, /^These TCP ports are tolerated, .* by habit: 80, 443;/m);
  assert.match(said, /^A scanner is held at its first probe, and blocked in the kernel/m);
  assert.match(said, /^An unproven scanner opens no new connection for 10m;/m);
  assert.match(said, /^A proven scanner is shut out for 1d, each further time 4 times as long, at most 30d\.$/m);
  assert.match(
    said,
    /^A scanner counts as proven when it repeats exactly the probes that were left unanswered \(ANSWER\)\.$/m,
  );
  assert.doesNotMatch(said, /logged only/);
});

test("one protocol only, without proof, for ever", () => {
  const said = explain('BLOCK_UDP="1"\nBLOCK_TIME="0"\nSCAN_TRIGGER="3"');
  assert.match(said, /^A scanner of UDP ports is held/m);
  assert.match(said, /^A scanner of TCP ports is logged only\.$/m);
  assert.match(said, /^Every scanner, proven or not, is shut out for ever\.$/m);
  assert.match(said, /^3 probes of closed ports from one source count as a scan/m);
});

test("FIREWALL none blocks nothing", () => {
  assert.match(explain('BLOCK_TCP="1"\nFIREWALL="none"'), /logged only; nothing is held/);
});

test("the same length each time", () => {
  const on = 'BLOCK_TCP="1"\n';
  assert.match(explain(`${on}BLOCK_TIME_FACTOR="1"`), /shut out for 1d, each time\.$/m);
  assert.match(explain(`${on}BLOCK_TIME="30d"`), /shut out for 30d, each time\.$/m);
});

test("lists are cut, never a port in the middle", () => {
  const ports = Array.from({ length: 200 }, (_, i) => 10_000 + i * 2).join(",");
  const said = explain(`TCP_MODE="stcp"\nTCP_PORTS="${ports}"`);
  assert.match(said, /^200 TCP ports are watched while closed: (\d{5}, )+\d{5} \.\.\.\.$/m);
  const networks = Array.from({ length: 50 }, (_, i) => `192.0.2.${i}`).join("\n");
  assert.match(
    explain("", networks),
    /^These addresses are exempt: (192\.0\.2\.\d+, ){39}192\.0\.2\.39 and 10 more \(/m,
  );
});

test("of the exempt addresses those that an administrator has added come first", () => {
  const file = `127.0.0.1\n0.0.0.0\n::1\n${Array.from({ length: 45 }, (_, i) => `192.0.2.${i}`).join("\n")}\n`;
  const files = { [FILE]: `IGNORE_FILE="${IGNORE}"\n`, [IGNORE]: file, [`${IGNORE}.static`]: "::1\n198.51.100.9\n" };
  const said = explainSettings(settingsOf(loadSettings(FILE, filesOf(files)))).join("\n");
  assert.match(said, /^These addresses are exempt: 198\.51\.100\.9, 192\.0\.2\.0, .* and 9 more \(/m);
});

test("exceptions that are switched off are not told", () => {
  const said = explain('LATELY_OPEN="0"\nBOOT_GRACE="0"\nUDP_MODE="sudp"\nUDP_PORTS="7"');
  assert.doesNotMatch(said, /trap/);
  assert.match(said, /^1 UDP port is watched while closed outside .*: 7\.$/m);
  assert.match(explain(""), /served within the last 1h \(above 1023: 1d\) is no trap where it was/);
});

test("what greylisting costs is told where it is in force", () => {
  const on = 'BLOCK_TCP="1"\nGREYLIST="on"';
  const told = (text: string) => explainSettings(settingsOf(load(text))).filter((line) => line.includes("(GREYLIST)"));
  assert.deepEqual(told(on), [
    "The first SYN of a source to a served TCP port that is not public gets no answer; its repetition after 800ms or more is served (GREYLIST). " +
      "The first connection of a new customer takes a second longer; one that opens two such ports at once waits three seconds for the second, " +
      "one that opens more of them seven seconds for each. Known customers, the guard and exempt addresses wait for nothing.",
  ]);
  for (const text of ['GREYLIST="on"', `${on}\nANSWER="open"`, `${on}\nTCP_MODE="tcp"\nTCP_PORTS="1"`])
    assert.deepEqual(told(text), []);
});

test("OUTGOING: what is done about a scan by this host, and where nothing is", () => {
  const told = (text: string) => explainSettings(settingsOf(load(text))).filter((line) => line.includes("OUTGOING"));
  assert.deepEqual(told(""), []);
  assert.match(told('OUTGOING="watch"').join(), /reported \(OUTGOING\), and not limited\.$/);
  assert.match(told('OUTGOING="limit"').join(), /limited to five a second until two minutes after the scan\.$/);
  assert.match(told('OUTGOING="limit"\nFIREWALL="none"').join(), /not limited, because FIREWALL is "none"\.$/);
  assert.match(told('OUTGOING="limit"\nCAPTURE="ring"').join(), /no effect with CAPTURE="ring"\.$/);
  assert.match(
    told('OUTGOING="watch"\nCAPTURE="ring"\nHOME_NETWORKS="192.0.2.0/24"').join(),
    /no effect with a mirror port\.$/,
  );
});

test("a wrong OUTGOING is refused with the word that was meant", () => {
  assert.match(JSON.stringify(load('OUTGOING="on"')), /write \\"watch\\"/);
});
