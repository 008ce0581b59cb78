// Every known form of KILL_ROUTE with the real programs, in a network namespace of its own: the source is shut out, read
// back, noticed when an admin takes the rule away by hand, undone to the last copy, for IPv4, IPv6 and whole blocks.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CommandRunner } from "../../src/enforce/commands/command-runner.ts";
import { Responder } from "../../src/enforce/commands/responder.ts";
import { prefix } from "../support/prefix.ts";
import { enterOwnNamespace, mustDo } from "./support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const folder = mkdtempSync(join(tmpdir(), "portreeve-responses-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
mustDo("ip", "link", "set", "lo", "up");
mustDo(
  "nft",
  "add table inet t; add set inet t four { type ipv4_addr; flags interval, timeout; }; add table ip6 t; add set ip6 t six { type ipv6_addr; flags interval; }; add table ip f; add set ip f four { type ipv4_addr; }",
);

function responderFor(killRoute: string, unkillRoute?: string): Responder {
  const none = { hostsDeny: undefined, runCommand: undefined, runCommandFirst: false };
  const settings = { killRoute, unkillRoute, ...none, hostsDenyFile: join(folder, "hosts.deny") };
  return new Responder({ settings, runner: new CommandRunner() });
}

const request = (source: string) => ({ source: prefix(source), port: 23, protocol: 6 as const, modeName: "stcp" });

/** Everything that could hold a source here. */
function everything(): string {
  const outputs = [
    ["iptables-save"],
    ["ip6tables-save"],
    ["iptables-legacy-save"],
    ["ip6tables-legacy-save"],
    ["nft", "list", "ruleset"],
    ["ip", "-4", "route", "show", "table", "all"],
    ["ip", "-6", "route", "show", "table", "all"],
  ].map(([program = "", ...args]) => spawnSync(program, args, { encoding: "utf8" }).stdout ?? "");
  // Time stamps, and the counters of tables that listing itself has made.
  return outputs.join("\n").replace(/^#.*$/gm, "");
}

const singles = ["192.0.2.1", "2001:db8::1"];
const blocks = ["198.51.100.0/24", "2001:db8:5::/64"];
const four = ["192.0.2.1"];

/** Template, the sources it is for, and whether a second run makes a second copy. */
const forms: readonly (readonly [killRoute: string, sources: readonly string[], copies: boolean])[] = [
  ["/sbin/iptables -I INPUT -s $TARGET$ -j DROP", [...singles, ...blocks], true],
  ["iptables -A INPUT -s $TARGET$/32 -j REJECT --reject-with icmp-host-unreachable", [...singles, ...blocks], true],
  ["iptables -w 2 -t raw --insert PREROUTING 1 -p tcp --jump DROP --source $TARGET$", [...singles, ...blocks], true],
  ["iptables -I INPUT -s $TARGET$ -m comment --comment 'by portsentry' -j DROP", singles, true],
  ["iptables-legacy -I INPUT -s $TARGET$ -j DROP", singles, true],
  ["ip6tables -I INPUT -s $TARGET$ -j DROP", ["2001:db8::1"], true],
  ["nft add element inet t four { $TARGET$ }", [...four, "198.51.100.0/24"], false],
  ["nft add element inet t four { $TARGET$ timeout 1h }", four, false],
  ["/usr/sbin/nft 'add element f four { $TARGET$ }'", four, false],
  ["nft add element ip6 t six { $TARGET$ }", ["2001:db8::1", "2001:db8:5::/64"], false],
  ["ip route add blackhole $TARGET$", [...singles, ...blocks], false],
  ["/sbin/ip -4 ro add prohibit $TARGET$/32", four, false],
  ["ip route add unreachable $TARGET$ table 77 metric 5", singles, false],
  ["ip route replace blackhole $TARGET$", singles, false],
  ["/sbin/route add -host $TARGET$ reject", [...singles, ...blocks], false],
  ["route add $TARGET$ reject", singles, false],
  ["/sbin/route add -host $TARGET$ gw 127.0.0.1", singles, false],
];

for (const [killRoute, sources, copies] of forms) {
  for (const source of sources) {
    test(`${killRoute} for ${source}`, async (t) => {
      const program = killRoute.split(" ")[0] ?? "";
      if (/legacy/.test(program) && spawnSync(program, ["-L", "-n"]).status !== 0) return t.skip(`no ${program} here`);
      const responder = responderFor(killRoute);
      const asked = request(source);
      // Listing makes the tables of iptables; removing them is not what is tested.
      await responder.isStillThere(asked);
      const before = everything();
      assert.equal(await responder.isStillThere(asked), false);
      const [blocked] = (await responder.respond(asked)).results;
      assert.equal(blocked?.ok, true, blocked?.detail);
      assert.equal(await responder.isStillThere(asked), true);
      const [bare = ""] = source.split("/");
      assert.ok(everything().includes(bare) && !before.includes(bare), "in the kernel, and put there by this");

      const [again] = (await responder.respond(asked)).results;
      assert.equal(again?.ok, true, again?.detail);
      if (copies) assert.equal(again?.detail, "");
      const [undone] = await responder.undo(asked);
      assert.equal(undone?.ok, true, undone?.detail);
      assert.equal(await responder.isStillThere(asked), false);
      assert.ok(!everything().includes(bare), "no copy is left");
      const [gone] = await responder.undo(asked);
      assert.deepEqual([gone?.ok, gone?.detail], [true, "it was gone already"]);
    });
  }
}

test("an admin who deletes the rule by hand is noticed", async () => {
  const responder = responderFor("/sbin/iptables -I INPUT -s $TARGET$ -j DROP");
  await responder.respond(request("192.0.2.1"));
  mustDo("iptables", "-D", "INPUT", "-s", "192.0.2.1", "-j", "DROP");
  assert.equal(await responder.isStillThere(request("192.0.2.1")), false);
});

test("a chain, set or table that is not there is a failure, and no source is in it", async () => {
  const templates = [
    "iptables -I NOPE -s $TARGET$ -j DROP",
    "nft add element inet t nope { $TARGET$ }",
    "ip route add blackhole $TARGET$ table nope",
  ];
  for (const template of templates) {
    const responder = responderFor(template);
    const [result] = (await responder.respond(request("192.0.2.1"))).results;
    assert.equal(result?.ok, false);
    assert.match(result?.detail ?? "", /^exit code \d+: \S/);
    assert.notEqual(await responder.isStillThere(request("192.0.2.1")), true);
  }
});

test("an IPv6 source and a set that is not known to hold IPv6: reported, nothing run", async () => {
  const [result] = (await responderFor("nft add element inet t four { $TARGET$ }").respond(request("2001:db8::1")))
    .results;
  assert.equal(result?.ok, false);
  assert.match(result?.detail ?? "", /not known that the set four holds IPv6/);
});

test("UNKILL_ROUTE undoes what only the admin knows how to", async () => {
  const rule = "-s $TARGET$ -m limit --limit 3/minute -j DROP && true";
  const responder = responderFor(`iptables -I INPUT ${rule}`, `iptables -D INPUT ${rule}`);
  assert.equal((await responder.respond(request("192.0.2.1"))).results[0]?.ok, true);
  assert.match(mustDo("iptables", "-S"), /192\.0\.2\.1/);
  assert.equal((await responder.undo(request("192.0.2.1")))[0]?.ok, true);
  assert.doesNotMatch(mustDo("iptables", "-S"), /192\.0\.2\.1/);
});

for (const program of ["iptables", "iptables-legacy"]) {
  test(`300 sources at once through ${program}, while another program changes the rules`, async (t) => {
    if (spawnSync(program, ["-L", "-n"]).status !== 0) return t.skip(`no ${program} here`);
    const responder = responderFor(`${program} -I INPUT -s $TARGET$ -j DROP`);
    const other = spawnSync("sh", [
      "-c",
      `(for i in 1 2 3 4 5 6 7 8 9; do ${program} -w -N x$i; done) > /dev/null 2>&1 &`,
    ]);
    assert.equal(other.status, 0);
    const sources = Array.from({ length: 300 }, (_, index) => `203.0.${index >> 7}.${index & 127}`);
    const responses = await Promise.all(sources.map((source) => responder.respond(request(source))));
    const results = responses.flatMap((response) => response.results);
    assert.deepEqual(
      results.filter(({ ok }) => !ok),
      [],
    );
    const held = mustDo(program, "-S", "INPUT")
      .split("\n")
      .filter((line) => line.includes("203.0."));
    assert.equal(held.length, 300);
    const undone = (await Promise.all(sources.map((source) => responder.undo(request(source))))).flat();
    assert.deepEqual(
      undone.filter(({ ok }) => !ok),
      [],
    );
    assert.doesNotMatch(mustDo(program, "-S", "INPUT"), /203\.0\./);
  });
}
