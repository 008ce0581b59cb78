// Responder with small scripts as commands: the documented order, what the exit code decides, one thing at a time for a
// source, and what happens when commands fail, hang or are missing.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CommandRunner, type RunnerOptions } from "../../../src/enforce/commands/command-runner.ts";
import { Responder } from "../../../src/enforce/commands/responder.ts";
import type { ResponseRequest, ResponseSettings } from "../../../src/enforce/commands/response.ts";
import { nthIpv4, prefix } from "../../support/prefix.ts";

const root = mkdtempSync(join(tmpdir(), "portreeve-responder-"));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

/** A folder with a fake program that notes how it was called and answers as its file "answers" says. */
class Bench {
  readonly folder = join(root, `${folders++}`);
  readonly deny = join(this.folder, "hosts.deny");
  readonly responder: Responder;
  readonly runner: CommandRunner;

  constructor(settings: Partial<ResponseSettings>, options: RunnerOptions = {}) {
    mkdirSync(this.folder);
    this.runner = new CommandRunner(options);
    this.responder = new Responder({ settings: this.settings(settings), runner: this.runner });
  }

  /** Settings in which DIR stands for this folder. */
  settings(settings: Partial<ResponseSettings>): ResponseSettings {
    const filled = Object.entries(settings).map(([key, value]) => [
      key,
      typeof value === "string" ? value.replaceAll("DIR", this.folder) : value,
    ]);
    const none = { killRoute: undefined, unkillRoute: undefined, hostsDeny: undefined, runCommand: undefined };
    return { ...none, runCommandFirst: false, hostsDenyFile: this.deny, ...Object.fromEntries(filled) };
  }

  program(name: string, body: string): void {
    writeFileSync(join(this.folder, name), `#!/bin/sh\necho "${name} $*" >> ${this.folder}/calls\n${body}\n`, {
      mode: 0o755,
    });
  }

  get calls(): readonly string[] {
    const path = join(this.folder, "calls");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  get denied(): string {
    return existsSync(this.deny) ? readFileSync(this.deny, "utf8") : "";
  }
}

const request = (source = "192.0.2.1", port = 23): ResponseRequest => ({
  source: prefix(source),
  port,
  protocol: 6,
  modeName: "tcp",
});
const all = {
  killRoute: "DIR/route $TARGET$",
  hostsDeny: "ALL: $TARGET$ : DENY",
  runCommand: "DIR/run $TARGET$ $PORT$ $MODE$",
};

test("hosts.deny, then route, and the command by itself: one after the other, a failure stopping none", async () => {
  for (const [runCommandFirst, order] of [
    [false, ["hosts-deny", "route", "run"]],
    [true, ["run", "hosts-deny", "route"]],
  ] as const) {
    const bench = new Bench({ ...all, runCommandFirst });
    // Each program notes whether the line was there when it ran.
    bench.program("route", `grep -c ALL: ${bench.deny} >> ${bench.folder}/calls; exit 1`);
    bench.program("run", `grep -cs ALL: ${bench.deny} >> ${bench.folder}/calls || echo none >> ${bench.folder}/calls`);
    assert.deepEqual(bench.responder.steps(), order);
    const { results: blocking, madeBy } = await bench.responder.respond(request());
    assert.deepEqual(
      blocking.map(({ step, ok }) => [step, ok]),
      [
        ["hosts-deny", true],
        ["route", false],
      ],
    );
    // What failed needs no undoing.
    assert.deepEqual(JSON.parse(madeBy), [null, null, "ALL: $TARGET$ : DENY", bench.deny]);
    const results = [...blocking, ...(await bench.responder.run(request()))];
    assert.deepEqual(bench.calls, ["route 192.0.2.1", "1", "run 192.0.2.1 23 tcp", "1"]);
    const texts = new Map(results.map(({ step, text }) => [step, text]));
    assert.equal(texts.get("hosts-deny"), "ALL: 192.0.2.1 : DENY");
    assert.equal(texts.get("route"), `${bench.folder}/route 192.0.2.1`);
    assert.equal(texts.get("run"), `${bench.folder}/run 192.0.2.1 23 tcp`);
    assert.equal(bench.denied, "ALL: 192.0.2.1 : DENY\n");
  }
});

test("only KILL_RUN_CMD where it alone is asked for, and only steps that are set", async () => {
  const bench = new Bench(all);
  bench.program("run", "");
  const results = await bench.responder.run(request());
  assert.deepEqual(
    results.map(({ step, ok }) => [step, ok]),
    [["run", true]],
  );
  assert.equal(bench.denied, "");
  const none = new Bench({ killRoute: "", hostsDeny: "  " });
  assert.deepEqual(none.responder.steps(), []);
  assert.deepEqual((await none.responder.respond(request())).results, []);
  assert.equal(await none.responder.isStillThere(request()), undefined);
});

test("a command that fails, is missing, hangs or lacks $TARGET$ is said to, with its text", async () => {
  const cases: readonly (readonly [killRoute: string, detail: RegExp])[] = [
    ["/bin/false $TARGET$", /^exit code 1$/],
    ["DIR/missing $TARGET$", /^cannot run .*missing: ENOENT$/],
    ["DIR/missing $TARGET$ > /dev/null", /^exit code 127: .*not found/],
    ["/bin/sleep 1000 $TARGET$", /invalid time interval|exit code 1/],
    ["/bin/sh -c 'sleep 1000' $TARGET$", /^timed out after 0\.2 s$/],
    ["/bin/true", /no \$TARGET\$/],
    ["if $TARGET$", /^exit code 2: .*[Ss]yntax error/],
  ];
  for (const [killRoute, detail] of cases) {
    const bench = new Bench({ killRoute }, { timeLimitMs: 200 });
    const [result] = (await bench.responder.respond(request())).results;
    assert.equal(result?.ok, false, killRoute);
    assert.match(result?.detail ?? "", detail);
    assert.equal(result?.text, killRoute.replace("DIR", bench.folder).replace("$TARGET$", "192.0.2.1"));
  }
});

test("a hosts.deny that is a directory fails alone", async () => {
  const bench = new Bench(all);
  mkdirSync(bench.deny);
  bench.program("route", "");
  const results = (await bench.responder.respond(request())).results;
  assert.deepEqual(
    results.map(({ ok }) => ok),
    [false, true],
  );
  assert.match(results[0]?.detail ?? "", /it is a directory/);
  assert.equal(results[0]?.text, "ALL: 192.0.2.1 : DENY");
});

test("the same request while it is in the works is done once; another waits for it", async () => {
  const bench = new Bench({ ...all, runCommand: undefined, unkillRoute: "DIR/unroute $TARGET$" });
  for (const name of ["route", "unroute"]) bench.program(name, `echo "end ${name}" >> ${bench.folder}/calls`);
  const { responder } = bench;
  const first = responder.respond(request());
  const joined = responder.respond(request("192.0.2.1", 80));
  const undone = responder.undo(request());
  const again = responder.respond(request("192.0.2.1", 81));
  const [made, undo, , likewise] = await Promise.all([first, undone, again, joined]);
  assert.equal(likewise.results, made.results);
  assert.deepEqual(
    undo.map(({ step, ok }) => [step, ok]),
    [
      ["route", true],
      ["hosts-deny", true],
    ],
  );
  assert.deepEqual(bench.calls, [
    "route 192.0.2.1",
    "end route",
    "unroute 192.0.2.1",
    "end unroute",
    "route 192.0.2.1",
    "end route",
  ]);
  assert.equal(bench.denied, "ALL: 192.0.2.1 : DENY\n");
  assert.notEqual((await responder.respond(request())).results, (await again).results, "what is done is not joined");
  await responder.close();
});

/** A fake iptables that keeps its rules in a file. */
const iptables = `verb=$1; shift; rules=$(dirname $0)/rules; touch $rules
case $verb in
  -I) echo "$*" >> $rules;;
  -C) grep -qxF -- "$*" $rules || exit 1;;
  -D) grep -qxF -- "$*" $rules || exit 1
      at=$(grep -nxF -- "$*" $rules | head -1 | cut -d: -f1); sed -i "$at"d $rules;;
esac`;

test("a known command is read back and undone by its inverse, as often as the rule is there", async () => {
  const bench = new Bench({ killRoute: "DIR/iptables -I INPUT -s $TARGET$ -j DROP" });
  bench.program("iptables", iptables);
  const { responder } = bench;
  assert.equal(await responder.isStillThere(request()), false);
  await responder.respond(request());
  await responder.respond(request());
  assert.equal(await responder.isStillThere(request()), true);
  const [result] = await responder.undo(request());
  assert.deepEqual(result, {
    step: "route",
    ok: true,
    text: `${bench.folder}/iptables -D INPUT -s 192.0.2.1 -j DROP`,
    detail: "",
  });
  assert.equal(await responder.isStillThere(request()), false);
  const [gone] = await responder.undo(request());
  assert.deepEqual([gone?.ok, gone?.detail], [true, "it was gone already"]);
});

test("a known command that failed because its rule is there already has done its work", async () => {
  const bench = new Bench({ killRoute: "DIR/iptables -I INPUT -s $TARGET$ -j DROP" });
  bench.program("iptables", "case $1 in -I) echo exists; exit 1;; esac");
  const [result] = (await bench.responder.respond(request())).results;
  assert.deepEqual([result?.ok, result?.detail], [true, "it was there already"]);
});

test("a rule that does not go away is not called undone", async () => {
  const bench = new Bench({ killRoute: "DIR/iptables -I INPUT -s $TARGET$ -j DROP" });
  bench.program("iptables", "");
  const [result] = await bench.responder.undo(request());
  assert.deepEqual([result?.ok, result?.detail], [false, "it is still there after 16 removals"]);
});

test("iptables commands run one after the other, and wait for a lock that another program holds", async () => {
  const bench = new Bench({ killRoute: "DIR/iptables -I INPUT -s $TARGET$ -j DROP" });
  bench.program(
    "iptables",
    `mkdir ${bench.folder}/alone || { echo "not alone" >> ${bench.folder}/calls; exit 9; }
if mkdir ${bench.folder}/once 2>/dev/null; then rmdir ${bench.folder}/alone; echo "Another app is currently holding the xtables lock."; exit 4; fi
rmdir ${bench.folder}/alone`,
  );
  const sources = Array.from({ length: 40 }, (_, index) => index);
  const results = await Promise.all(
    sources.map((index) => bench.responder.respond({ ...request(), source: nthIpv4(index) })),
  );
  assert.ok(
    results.flatMap((each) => each.results).every(({ ok }) => ok),
    JSON.stringify(results.flatMap((each) => each.results).find(({ ok }) => !ok)),
  );
  assert.equal(bench.calls.length, 41);
});

test("IPv6: a known command in its IPv6 form, an unknown one reported and not run, the line in brackets", async () => {
  const bench = new Bench({
    ...all,
    killRoute: "DIR/iptables -I INPUT -s $TARGET$ -j DROP",
    unkillRoute: "DIR/unroute $TARGET$",
  });
  bench.program("ip6tables", iptables);
  bench.program("run", "");
  const results = (await bench.responder.respond(request("2001:db8::/64"))).results;
  assert.deepEqual(
    results.map(({ ok, text }) => [ok, text.replace(`${bench.folder}/`, "")]),
    [
      [true, "ALL: [2001:db8::]/64 : DENY"],
      [true, "ip6tables -I INPUT -s 2001:db8::/64 -j DROP"],
    ],
  );
  // UNKILL_ROUTE is for IPv4: what was run is undone by its own inverse.
  assert.ok((await bench.responder.undo(request("2001:db8::/64"))).every(({ ok }) => ok));
  assert.equal(bench.denied, "");
  assert.equal(await bench.responder.isStillThere(request("2001:db8::/64")), false);

  const own = new Bench({ killRoute: "DIR/route $TARGET$", unkillRoute: "DIR/unroute $TARGET$" });
  own.program("route", "");
  const [refused] = (await own.responder.respond(request("2001:db8::1"))).results;
  assert.deepEqual([refused?.ok, refused?.text], [false, `${own.folder}/route 2001:db8::1`]);
  assert.match(refused?.detail ?? "", /the command is for IPv4/);
  const [undone] = await own.responder.undo(request("2001:db8::1"));
  assert.equal(undone?.ok, true);
  assert.deepEqual(own.calls, []);
});

test("which routes are gone is told by one list for each family; a command that has none says so", async () => {
  const bench = new Bench({ killRoute: "DIR/ip route add blackhole $TARGET$" });
  bench.program("ip", 'case "$*" in "-4 route show"*) echo "blackhole 192.0.2.1"; echo "blackhole 192.0.2.3";; esac');
  const sources = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3", "2001:db8::2"].map((source) =>
    request(source),
  );
  const suspects = await bench.responder.suspects(sources);
  assert.deepEqual(suspects, [sources[1], sources[2], sources[4]]);
  assert.deepEqual(bench.calls, ["ip -4 route show type blackhole", "ip -6 route show type blackhole"]);
  const unlisted = new Bench({ killRoute: "DIR/own-firewall $TARGET$" });
  assert.equal(await unlisted.responder.suspects(sources), undefined);
  assert.equal(await new Bench({ hostsDeny: "ALL: $TARGET$" }).responder.suspects(sources), undefined);
});

test("a route that is written for IPv6 is not run for IPv4, and is none that could be gone", async () => {
  const bench = new Bench({ killRoute: "DIR/ip -6 route add blackhole $TARGET$" });
  bench.program("ip", "");
  const [refused] = (await bench.responder.respond(request())).results;
  assert.deepEqual([refused?.ok, refused?.detail], [false, "not run: the command is for IPv6"]);
  const [made] = (await bench.responder.respond(request("2001:db8::1"))).results;
  assert.deepEqual([made?.ok, made?.text], [true, `${bench.folder}/ip -6 route add blackhole 2001:db8::1`]);
  const both = [request(), request("2001:db8::1")];
  assert.deepEqual(await bench.responder.suspects(both), both.slice(1));
});

test("an UNKILL_ROUTE that works has undone a command of an unknown form", async () => {
  const bench = new Bench({ killRoute: "DIR/route $TARGET$", unkillRoute: "DIR/unroute $TARGET$" });
  bench.program("unroute", "");
  const [undone] = await bench.responder.undo(request());
  assert.deepEqual([undone?.ok, undone?.detail], [true, ""]);
  assert.deepEqual(bench.calls, ["unroute 192.0.2.1"]);
});

test("an iptables that fails for another reason than the lock is not tried again", async () => {
  const bench = new Bench({ killRoute: "DIR/iptables -I INPUT -s $TARGET$ -j DROP" });
  bench.program("iptables", `case $1 in -I) echo "No chain/target/match by that name."; exit 4;; *) exit 1;; esac`);
  const [result] = (await bench.responder.respond(request())).results;
  assert.equal(result?.ok, false);
  assert.equal(bench.calls.filter((call) => call.startsWith("iptables -I")).length, 1);
});

test("UNKILL_ROUTE goes before the inverse; without either the admin is told", async () => {
  const bench = new Bench({
    killRoute: "/no/iptables -I INPUT -s $TARGET$ -j DROP",
    unkillRoute: "DIR/unroute $TARGET$",
  });
  bench.program("unroute", "exit 3");
  const [result] = await bench.responder.undo(request());
  assert.deepEqual(result, {
    step: "route",
    ok: false,
    text: `${bench.folder}/unroute 192.0.2.1`,
    detail: "exit code 3",
  });
  bench.responder.setSettings(bench.settings({ killRoute: "DIR/route $TARGET$" }));
  const [unknown] = await bench.responder.undo(request());
  assert.equal(unknown?.ok, false);
  assert.match(unknown?.detail ?? "", /UNKILL_ROUTE is not set/);
  assert.equal(await bench.responder.isStillThere(request()), undefined);
});

test("with a line alone, the line is what stands", async () => {
  const bench = new Bench({ hostsDeny: "ALL: $TARGET$ : spawn x $PORT$" });
  assert.equal(await bench.responder.isStillThere(request()), false);
  await bench.responder.respond(request());
  assert.equal(await bench.responder.isStillThere(request("192.0.2.1", 0)), true);
  await bench.responder.undo(request("192.0.2.1", 0));
  assert.equal(bench.denied, "");
});

test("2,000 sources at once: each gets its line and its answer; what was not run says so", async () => {
  const bench = new Bench({ killRoute: "/bin/true $TARGET$", hostsDeny: "ALL: $TARGET$" });
  const results = await Promise.all(
    Array.from({ length: 2000 }, (_, index) => bench.responder.respond({ ...request(), source: nthIpv4(index) })),
  );
  const lines = results.flatMap((each) => each.results).filter(({ step }) => step === "hosts-deny");
  assert.ok(lines.length === 2000 && lines.every(({ ok }) => ok));
  assert.equal(bench.denied.split("\n").length, 2001);
  const routes = results.flatMap((each) => each.results).filter(({ step }) => step === "route");
  assert.equal(routes.filter(({ ok }) => ok).length, bench.runner.counters.commandsStarted);
  assert.equal(
    routes.filter(({ detail }) => /wait already/.test(detail)).length,
    bench.runner.counters.commandsRefused,
  );
  assert.equal(bench.runner.counters.commandsStarted + bench.runner.counters.commandsRefused, 2000);
});

test("a request that no packet can make is an answer too, not a throw", async () => {
  const bench = new Bench({ ...all, runCommand: "/bin/true $MODE$" });
  const results = (await bench.responder.respond({ ...request(), modeName: "$(id)" })).results;
  assert.ok(results.length === 2 && results.every(({ ok }) => !ok));
  assert.match(results[0]?.detail ?? "", /must not stand in a command/);
});

test("close() answers everything and does nothing more", async () => {
  const bench = new Bench({ killRoute: "/bin/sh -c 'sleep 1000' $TARGET$", runCommand: "/bin/sleep 1000" });
  const responding = bench.responder.respond(request());
  await bench.responder.close();
  assert.deepEqual(
    (await responding).results.map(({ ok }) => ok),
    [false],
  );
  const [after] = (await bench.responder.respond(request())).results;
  assert.match(after?.detail ?? "", /stopping/);
});

/** A fake of iptables, of which "-I NOPE" and rules with "--log-level DEBUG" fail as the real one's do. */
const picky = `case "$*" in *NOPE*) echo "No chain/target/match by that name."; exit 1;; *DEBUG*) echo "log-level: must be 0-7"; exit 2;; esac
${iptables}`;
const DROP = "DIR/iptables -I INPUT -s $TARGET$ -j DROP";
const LOG = "DIR/iptables -I INPUT -s $TARGET$ -j LOG --log-level";

function rulesOf(bench: Bench): readonly string[] {
  const path = join(bench.folder, "rules");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
}

test("A && B is done, read back and undone part by part; what logs is no block", async () => {
  const bench = new Bench({ killRoute: `${DROP} && ${LOG} debug` });
  bench.program("iptables", picky);
  const { responder } = bench;
  const { results, madeBy } = await responder.respond(request());
  assert.deepEqual(
    results.map(({ ok, detail }) => [ok, detail]),
    [[true, ""]],
  );
  assert.equal(
    results[0]?.text,
    `${DROP} && ${LOG} debug`.replaceAll("DIR", bench.folder).replaceAll("$TARGET$", "192.0.2.1"),
  );
  assert.equal(JSON.parse(madeBy)[0], `${DROP} && ${LOG} debug`.replaceAll("DIR", bench.folder));
  assert.deepEqual(rulesOf(bench), ["INPUT -s 192.0.2.1 -j DROP", "INPUT -s 192.0.2.1 -j LOG --log-level debug"]);
  assert.equal(await responder.isStillThere(request()), true);
  const [undone] = await responder.undo(request());
  assert.deepEqual([undone?.ok, undone?.detail], [true, ""]);
  assert.deepEqual(rulesOf(bench), []);
  assert.equal(await responder.isStillThere(request()), false);
  const [gone] = await responder.undo(request());
  assert.deepEqual([gone?.ok, gone?.detail], [true, "it was gone already"]);
});

test("a list whose DROP stands is a block though another part failed, which is said", async () => {
  const bench = new Bench({ killRoute: `${DROP} && ${LOG} DEBUG` });
  bench.program("iptables", picky);
  const { results, madeBy } = await bench.responder.respond(request());
  assert.equal(results[0]?.ok, true);
  assert.match(
    results[0]?.detail ?? "",
    /^exit code 2: log-level: must be 0-7: .*iptables .* -j LOG --log-level DEBUG$/,
  );
  assert.notEqual(madeBy, "");
  assert.deepEqual(rulesOf(bench), ["INPUT -s 192.0.2.1 -j DROP"]);
  const [undone] = await bench.responder.undo({ ...request(), madeBy });
  assert.equal(undone?.ok, true);
  assert.deepEqual(rulesOf(bench), []);
});

for (const { killRoute, rules, ok } of [
  { killRoute: `${DROP} && DIR/iptables -I NOPE -s $TARGET$ -j DROP`, rules: [], ok: false },
  { killRoute: `DIR/iptables -I NOPE -s $TARGET$ -j DROP; ${DROP}`, rules: [], ok: false },
  { killRoute: "DIR/iptables -I NOPE -s $TARGET$ -j DROP || true", rules: [], ok: false },
  { killRoute: `DIR/iptables -I NOPE -s $TARGET$ -j DROP || ${DROP}`, rules: ["INPUT -s 192.0.2.1 -j DROP"], ok: true },
  { killRoute: `${DROP} || DIR/iptables -I NOPE -s $TARGET$ -j DROP`, rules: ["INPUT -s 192.0.2.1 -j DROP"], ok: true },
  { killRoute: `${DROP}; DIR/ip6tables -I INPUT -s $TARGET$ -j DROP`, rules: ["INPUT -s 192.0.2.1 -j DROP"], ok: true },
] as const) {
  test(`${killRoute} ${ok ? "blocks" : "fails, and what it did is taken back"}`, async () => {
    const bench = new Bench({ killRoute });
    bench.program("iptables", picky);
    const { results, madeBy } = await bench.responder.respond(request());
    assert.equal(results[0]?.ok, ok, results[0]?.detail);
    assert.deepEqual(rulesOf(bench), rules);
    assert.equal(madeBy !== "", ok);
    if (!ok) assert.match(results[0]?.detail ?? "", /No chain.*; what the other parts did is taken back$/);
  });
}

test("a list goes to ip6tables for IPv6, part by part", async () => {
  const bench = new Bench({ killRoute: `${DROP} && ${LOG} debug` });
  bench.program("ip6tables", iptables);
  const [made] = (await bench.responder.respond(request("2001:db8::1"))).results;
  assert.equal(made?.ok, true, made?.detail);
  assert.deepEqual(rulesOf(bench), ["INPUT -s 2001:db8::1 -j DROP", "INPUT -s 2001:db8::1 -j LOG --log-level debug"]);
  await bench.responder.undo(request("2001:db8::1"));
  assert.deepEqual(rulesOf(bench), []);
});

test("a block is read back and undone by what made it, whatever the settings say now", async () => {
  const bench = new Bench({ killRoute: DROP, hostsDeny: "ALL: $TARGET$ : DENY" });
  bench.program("iptables", iptables);
  bench.program("route", "exit 1");
  const { responder } = bench;
  const { madeBy } = await responder.respond(request());
  responder.setSettings(bench.settings({ killRoute: "DIR/route add -host $TARGET$ reject" }));
  const asked = { ...request(), madeBy };
  assert.equal(await responder.isStillThere(asked), true);
  assert.equal(await responder.isStillThere(asked, true), true);
  const undone = await responder.undo(asked);
  assert.deepEqual(
    undone.map(({ step, ok }) => [step, ok]),
    [
      ["route", true],
      ["hosts-deny", true],
    ],
  );
  assert.deepEqual([rulesOf(bench), bench.denied], [[], ""]);
  assert.ok(
    bench.calls.every((call) => call.startsWith("iptables")),
    "the new command is not asked about an old block",
  );
});

test("an UNKILL_ROUTE that is set later undoes what was made before; one whose rule stays is told", async () => {
  const bench = new Bench({ killRoute: "DIR/block $TARGET$" });
  for (const name of ["block", "unblock", "iptables"]) bench.program(name, "");
  const { responder } = bench;
  const { madeBy } = await responder.respond(request());
  const asked = { ...request(), madeBy };
  const [unknown] = await responder.undo(asked);
  assert.equal(unknown?.ok, false);
  assert.equal(unknown?.text, `${bench.folder}/block 192.0.2.1`);
  responder.setSettings(bench.settings({ killRoute: "DIR/block $TARGET$", unkillRoute: "DIR/unblock $TARGET$" }));
  const [undone] = await responder.undo(asked);
  assert.deepEqual([undone?.ok, undone?.text], [true, `${bench.folder}/unblock 192.0.2.1`]);
  // This fake finds every rule.
  responder.setSettings(bench.settings({ killRoute: DROP, unkillRoute: "DIR/unblock $TARGET$" }));
  const [stays] = await responder.undo(request());
  assert.deepEqual([stays?.ok, stays?.detail], [false, "it is still there after 16 removals"]);
});

test("an unknown command that fails is taken back by UNKILL_ROUTE", async () => {
  const bench = new Bench({ killRoute: "DIR/block $TARGET$", unkillRoute: "DIR/unblock $TARGET$" });
  bench.program("block", "exit 1");
  bench.program("unblock", "");
  const [failed] = (await bench.responder.respond(request())).results;
  assert.deepEqual([failed?.ok, failed?.detail], [false, "exit code 1; UNKILL_ROUTE has been run"]);
  assert.deepEqual(bench.calls, ["block 192.0.2.1", "unblock 192.0.2.1"]);
});

test("KILL_RUN_CMD has a limit and a turn of its own: no undoing waits for it", async () => {
  const runner = new CommandRunner();
  const slowRunner = new CommandRunner({ timeLimitMs: 5 });
  const none = {
    killRoute: undefined,
    unkillRoute: undefined,
    hostsDenyFile: "/nowhere/hosts.deny",
    runCommandFirst: false,
  };
  const settings = { ...none, hostsDeny: undefined, runCommand: "/bin/sleep 100", runCommandLimitMs: 150 };
  const responder = new Responder({ settings, runner, slowRunner });
  const ran = responder.run(request());
  assert.equal(responder.run(request()), ran);
  assert.deepEqual(await responder.undo(request()), []);
  assert.equal(slowRunner.running, 1, "it runs on");
  assert.deepEqual(
    (await ran).map(({ ok, detail }) => [ok, detail]),
    [[false, "timed out after 0.15 s"]],
  );
  responder.setSettings({ ...settings, runCommand: "/bin/true", runCommandLimitMs: 60_000 });
  assert.equal((await responder.run(request()))[0]?.ok, true);
  assert.equal(runner.counters.commandsStarted, 0);
});

test("a line for hosts.deny that names no source is not written, and there is nothing of it to undo", async () => {
  const bench = new Bench({ hostsDeny: "ALL: ALL" });
  const [refused] = (await bench.responder.respond(request())).results;
  assert.deepEqual([refused?.ok, refused?.detail, bench.denied], [false, "KILL_HOSTS_DENY has no $TARGET$", ""]);
  const madeBy = JSON.stringify([null, null, "ALL: ALL", bench.deny]);
  const undone = await bench.responder.undo({ ...request(), madeBy });
  assert.deepEqual(
    undone.map(({ step, ok, detail }) => [step, ok, detail]),
    [["hosts-deny", true, "nothing to undo"]],
  );
});
