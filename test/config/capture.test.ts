import assert from "node:assert/strict";
import { test } from "node:test";
import { load, problemsAt, settingsOf } from "./support.ts";

const BLOCKING = 'BLOCK_TCP="1"\nTCP_MODE=""\nKILL_ROUTE="/sbin/iptables -I INPUT -s $TARGET$ -j DROP"\n';

test("INTERFACE: all, all but the loopback, or names; the command line comes first", () => {
  const of = (text: string, interfaces?: readonly string[]) => settingsOf(load(text, "", { interfaces })).interfaces;
  assert.deepEqual(of(""), ["ALL_NLO"]);
  assert.deepEqual(of('INTERFACE="ALL"\n'), ["ALL"]);
  assert.deepEqual(of('INTERFACE=" eth0, wg-home "\n'), ["eth0", "wg-home"]);
  assert.deepEqual(of('INTERFACE="eth0"\n', ["eth1"]), ["eth1"]);
  assert.deepEqual(of('INTERFACE="eth0"\n', []), ["eth0"]);
});

test("INTERFACE: what the kernel takes for no name is refused", () => {
  const many = Array.from({ length: 65 }, (_, index) => `e${index}`).join(",");
  for (const value of ["", "eth0,", "ALL,eth0", "ALL_NLO,ALL", "..", "a/b", "sixteen-letters-", "a b", many]) {
    const problems = problemsAt(load(`INTERFACE="${value}"\n`), "INTERFACE");
    assert.equal(problems.length, 1, value);
    assert.match(problems[0] ?? "", /^1 error .*write "ALL", "ALL_NLO" or names/);
  }
});

test("CAPTURE: the ring loads no table, so nothing of ours blocks", () => {
  const ring = `CAPTURE="ring"\n${BLOCKING}`;
  assert.equal(settingsOf(load(BLOCKING)).capture, "auto");
  assert.equal(settingsOf(load(`${BLOCKING}FIREWALL="auto"\n`)).firewall, "auto");
  assert.equal(settingsOf(load(`${ring}FIREWALL="auto"\n`)).firewall, "none");
  assert.deepEqual(problemsAt(load(ring), "CAPTURE"), []);
  const both = load(`${ring}FIREWALL="nftables"\n`);
  assert.equal(both.settings, undefined);
  assert.match(problemsAt(both, "FIREWALL").join(), /which loads no table/);
  const nobody = load('CAPTURE="ring"\nBLOCK_TCP="1"\nTCP_MODE=""\n');
  assert.match(problemsAt(nobody, "BLOCK_TCP").join(), /CAPTURE is "ring" and no KILL_ROUTE/);
  assert.match(problemsAt(load(`${ring}PROOF="on"\n`), "CAPTURE").join(), /the silence test needs the hold/);
  assert.match(problemsAt(load('CAPTURE="pcap"\n'), "CAPTURE").join(), /write "auto" or "nflog" or "ring"/);
});
