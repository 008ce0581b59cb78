// Every client command as a child process against a fake daemon: what it asks, what it prints, with and without --json.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockedEntry, UnblockRequest } from "../../src/control/api.ts";
import { entry, probeEvent } from "../control/fake-daemon.ts";
import { makeLab, portreeve } from "./run-command.ts";

const inTwoHours = (): string => new Date(Date.now() + 2 * 3_600_000 + 30_000).toISOString();

test("status --json is the daemon's status as one object on one line", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const { code, out, err } = await ask("status", "--json");
  assert.deepEqual([code, err], [0, ""]);
  assert.equal(out.split("\n").length, 2);
  const answer: unknown = JSON.parse(out);
  assert.deepEqual(answer, daemon.status);
  for (const field of ["probes", "sources", "lost", "held", "blocked", "proven", "unproven", "uptimeSeconds"]) {
    assert.ok(answer !== null && typeof answer === "object" && field in answer, field);
  }
  for (const field of ["capture", "firewall", "warnings"]) assert.match(out, new RegExp(`"${field}":`));
});

test("status is a summary with the warnings last", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const quiet = await ask("status");
  assert.equal(quiet.code, 0);
  assert.equal(
    quiet.out,
    `portreeve 0.1.0 has been running for 1d 2h

blocking       on, by nftables
capture        nflog
configuration  /etc/portsentry/portsentry.conf
watched        TCP in mode atcp (1,021 ports)
probes         12,345 from 678 sources now tracked
held           3
blocked        2: 1 proven, 1 unproven
lost           0
counters       undecodable 4

no warnings
`,
  );
  daemon.status = { ...daemon.status, lost: 1, blocking: false, blocked: 0, warnings: ["one \x1b[31mred", "two"] };
  const { out } = await ask("status");
  assert.match(out, /^blocking {7}off: probes are logged, and no source is shut out$/m);
  assert.match(out, /^blocked {8}0$/m);
  assert.match(out, /^lost {11}1 packet that the kernel could not deliver$/m);
  assert.ok(out.endsWith("\n2 warnings:\n  one \\x1b[31mred\n  two\n"), out);
});

test("blocked --json is one array of entries", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const forEver: BlockedEntry = { ...entry, source: "2001:db8::/64", until: null, soft: true, reason: "\x9b31m" };
  daemon.blocks = [entry, forEver];
  const { code, out } = await ask("blocked", "--json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), [entry, forEver]);
  assert.ok(!out.includes("\x9b"), "a control character reached the terminal");
  daemon.blocks = [];
  assert.equal((await ask("blocked", "--json")).out, "[]\n");
});

test("blocked is an aligned table", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const forEver: BlockedEntry = { ...entry, source: "2001:db8::/64", until: null, grade: "manual", offences: 1 };
  const hostile: BlockedEntry = { ...entry, until: inTwoHours(), soft: true, enforced: false, reason: "a\nb\x1b[2J" };
  daemon.blocks = [{ ...forEver, reason: "ticket 4711" }, hostile];
  const { code, out } = await ask("blocked");
  assert.equal(code, 0);
  const [head = "", first = "", second = "", ...rest] = out.split("\n");
  assert.deepEqual(rest, [""]);
  assert.match(head, /^SOURCE +SINCE +UNTIL +REMAINING +GRADE +BLOCK +OFFENCES +REASON$/);
  assert.match(first, /^2001:db8::\/64 +2026-11-22 10:00:00 +for ever +- +manual +full +1 +ticket 4711$/);
  assert.match(second, /^192\.0\.2\.7 .* 2h +direct +soft, NOT ENFORCED +2 +a\\x0ab\\x1b\[2J$/);
  for (const title of ["SINCE", "GRADE", "BLOCK", "REASON"]) {
    const column = head.indexOf(title);
    assert.deepEqual([first[column - 1], second[column - 1]], [" ", " "], title);
    assert.notDeepEqual([first[column], second[column]], [" ", " "], title);
  }
  daemon.blocks = [];
  assert.equal((await ask("blocked")).out, "no source is blocked\n");
});

test("a table of more rows than are measured is complete", async (t) => {
  const { daemon, ask } = await makeLab(t);
  daemon.blocks = Array.from({ length: 1203 }, (_, index) => ({ ...entry, reason: `number ${index}` }));
  const lines = (await ask("blocked")).out.trimEnd().split("\n");
  assert.equal(lines.length, 1204);
  assert.ok(lines.slice(1).every((line, index) => line.endsWith(`  number ${index}`)));
});

test("block sends what was given and says what the kernel holds", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const plain = await ask("block", "192.0.2.7");
  assert.equal(plain.code, 0);
  assert.match(
    plain.out,
    /^blocked 192\.0\.2\.7 until 2026-11-23 10:00:00 \(.*\), for the 2nd time: 6 ports in 10s\n$/,
  );
  const json = await ask("block", "192.0.2.0/24", "--for", "2w", "--reason", "by hand", "--force", "--json");
  assert.deepEqual(JSON.parse(json.out), entry);
  await ask("block", "2001:db8::7", "--for", "0");
  // Whoever runs the tests may be logged in over SSH.
  const requests = daemon.blockRequests.map(({ session: _, ...request }) => request);
  assert.deepEqual(requests, [
    { source: "192.0.2.7" },
    { source: "192.0.2.0/24", forMs: 14 * 86_400_000, reason: "by hand", force: true },
    { source: "2001:db8::7", forMs: 0 },
  ]);
});

test("a block that the kernel does not hold is a failure", async (t) => {
  const { daemon, ask } = await makeLab(t);
  daemon.api.block = () => ({ ok: { ...entry, enforced: false } });
  const { code, err } = await ask("block", "192.0.2.7");
  assert.equal(code, 1);
  assert.match(err, /the kernel does not hold 192\.0\.2\.7: it is NOT shut out/);
});

test("unblock takes one target or --all", async (t) => {
  const { daemon, ask } = await makeLab(t);
  assert.deepEqual(await ask("unblock", "192.0.2.0/24"), { code: 0, out: "unblocked 192.0.2.0/24\n", err: "" });
  const all = await ask("unblock", "--all", "--json");
  assert.deepEqual(JSON.parse(all.out), { unblocked: ["all"] });
  for (const wrong of [[], ["all"], ["--all", "192.0.2.7"]]) assert.equal((await ask("unblock", ...wrong)).code, 64);
  assert.deepEqual(daemon.unblockTargets, ["192.0.2.0/24", "all"]);
  const requests: UnblockRequest[] = [];
  daemon.api.unblock = (request) => {
    requests.push(request);
    return { ok: { unblocked: [request.target] } };
  };
  assert.equal((await ask("unblock", "192.0.2.7", "--rule-gone")).out, "forgotten: the rule of 192.0.2.7\n");
  await ask("unblock", "192.0.2.7");
  assert.deepEqual(requests, [{ target: "192.0.2.7", ruleIsGone: true }, { target: "192.0.2.7" }]);
  daemon.api.unblock = () => ({ ok: { unblocked: [] } });
  assert.equal((await ask("unblock", "--all")).out, "no source was blocked\n");
});

test("what the daemon refuses ends with 1, a bad address with 64, and its reason", async (t) => {
  const { daemon, ask } = await makeLab(t);
  daemon.refusal = { code: "no-such-block", message: "192.0.2.9 is not \x1b[1mblocked" };
  const refused = { code: 1, out: "", err: "portreeve: 192.0.2.9 is not \\x1b[1mblocked\n" };
  assert.deepEqual(await ask("unblock", "192.0.2.9"), refused);
  assert.deepEqual(await ask("block", "192.0.2.9", "--json"), refused);
  assert.deepEqual(await ask("why", "192.0.2.9"), refused);
  assert.deepEqual(await ask("events", "--source", "192.0.2.9"), refused);
  assert.deepEqual(await ask("events", "-f", "--source", "192.0.2.9"), { ...refused });
  daemon.refusal = { code: "bad-address", message: '"192.0.2" is no address' };
  assert.equal((await ask("block", "192.0.2")).code, 64);
});

test("events are one line each, one object each with --json", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const warning = { time: probeEvent.time, type: "warning", message: "the rule set was gone\x07" } as const;
  daemon.events = [probeEvent, { ...probeEvent, source: "192.0.2.8", port: 80 }, warning];
  const { code, out } = await ask("events");
  assert.equal(code, 0);
  assert.deepEqual(out.split("\n"), [
    "TIME                 TYPE     SOURCE           PORT       WHAT",
    "2026-11-22 10:00:00  probe    192.0.2.7        tcp/23     syn; by nmap; held",
    "2026-11-22 10:00:00  probe    192.0.2.8        tcp/80     syn; by nmap; held",
    "2026-11-22 10:00:00  warning  -                -          the rule set was gone\\x07",
    "",
  ]);
  const json = await ask("events", "--json", "-n", "2");
  const parsed: unknown = JSON.parse(`[${json.out.trimEnd().split("\n").join(",")}]`);
  assert.deepEqual(parsed, daemon.events.slice(1));
  const one = await ask("events", "--json", "--source", "192.0.2.8");
  assert.deepEqual(JSON.parse(one.out), daemon.events[1]);
  assert.equal((await ask("events", "-n", "0")).out, "");
});

test("findings, blocks and what was run are told in words", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const { time } = probeEvent;
  const about = { time, source: "192.0.2.7", protocol: "tcp", port: 23 } as const;
  daemon.events = [
    { ...probeEvent, missed: 4 },
    { ...about, type: "finding", kind: "syn", tool: "zmap", known: "Censys", action: "log", message: "3 ports" },
    { ...about, type: "finding", kind: "syn", grade: "silence", action: "block", message: "84 ports" },
    { ...about, type: "finding", action: "ran", message: "ALL: 192.0.2.7 : DENY" },
    { ...about, type: "finding", action: "ignored", message: "3 ports" },
    { ...about, type: "block", grade: "direct", action: "soft", message: "3 ports" },
    { time, type: "unblock", source: "2001:db8:1111:2222::/64", action: "expired" },
    { time, type: "warning", source: "192.0.2.7", action: "block-failed", message: "no room" },
  ];
  const told = (await ask("events")).out.split("\n").map((line) => line.replace(/^.*?(tcp\/23 +|- {10}|\/64 +)/, ""));
  assert.deepEqual(told.slice(1, -1), [
    "syn; by nmap; held; 4 more before it are not recorded",
    '3 ports; by zmap; known as "Censys"; logged only',
    "84 ports; proven by the silence test (silence); full block",
    "ALL: 192.0.2.7 : DENY; this was run or written",
    "3 ports; spared, as it is on the allow list",
    "3 ports; not proven (direct); soft block",
    "-          expired",
    "no room; block-failed",
  ]);
});

test("events are chosen by time, type and source; all of a time are read, in parts", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const asked: unknown[] = [];
  daemon.api.events = (request) => {
    asked.push({ events: request });
    return { ok: [] };
  };
  daemon.api.eventsAfter = (request) => {
    asked.push({ eventsAfter: request });
    return { ok: request.after === 0 ? [{ number: 7, event: probeEvent }] : [] };
  };
  const all = await ask("events", "--since", "2026-11-22 10:00", "--until", "2026-11-23", "--type", "finding,block");
  assert.equal(all.out.split("\n").length, 3);
  await ask("events", "--since", "2026-11-22", "-n", "5", "--type", "block", "--type", "unblock");
  await ask("events", "--source", "192.0.2.0/24");
  const [sinceMs, untilMs] = [Date.UTC(2026, 10, 22, 10), Date.UTC(2026, 10, 23)];
  assert.deepEqual(asked, [
    { eventsAfter: { after: 0, sinceMs, untilMs, types: "finding,block" } },
    { eventsAfter: { after: 7, sinceMs, untilMs, types: "finding,block" } },
    { events: { sinceMs: Date.UTC(2026, 10, 22), limit: 5, types: "block,unblock" } },
    { events: { source: "192.0.2.0/24", limit: 50 } },
  ]);
  for (const [option = "", value = "", complaint] of [
    ["--since", "soon", /--since soon: write a time like "12h"/],
    ["--until", "25:00", /--until 25:00: write a time/],
    ["--type", "probes", /"probes" is no type of event: write probe, finding, block/],
    ["--source", "example.org", /"example.org" is not an IPv4 or IPv6 address or CIDR/],
  ] as const) {
    const { code, err } = await ask("events", option, value);
    assert.equal(code, 64, value);
    assert.match(err, complaint);
  }
  assert.equal(asked.length, 4);
});

test("why explains in sentences; --json gives the whole explanation", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const json = await ask("why", "192.0.2.7", "--json");
  assert.deepEqual(JSON.parse(json.out), daemon.explanation);
  const blockEvent = { time: probeEvent.time, type: "block", source: "192.0.2.7", grade: "manual" } as const;
  daemon.explanation = {
    ...daemon.explanation,
    block: { ...entry, until: inTwoHours(), enforced: false },
    events: [probeEvent, { ...blockEvent, action: "block", message: "6 ports" }],
  };
  const { code, out } = await ask("why", "192.0.2.7");
  assert.equal(code, 0);
  const lines = out.split("\n");
  assert.deepEqual(lines, [
    "192.0.2.7 is blocked, for another 2h.",
    "It tried 6 ports that nobody serves within 10 seconds.",
    'The kernel does NOT hold this block now: see the warnings of "portreeve status".',
    "The source sent 40 probes to at least 12 different ports, the first at 2026-11-22 10:00:00, the last at 2026-11-22 10:05:00.",
    "The source has been blocked 2 times.",
    "To let it in now: portreeve unblock 192.0.2.7; for good: portreeve allow 192.0.2.7.",
    "",
    "Findings, blocks and the like, the newest first:",
    "TIME                 TYPE     SOURCE           PORT       WHAT",
    "2026-11-22 10:00:00  block    192.0.2.7        -          6 ports; by an administrator (manual); full block",
    "",
    "The last probes, the newest first:",
    "TIME                 TYPE     SOURCE           PORT       WHAT",
    "2026-11-22 10:00:00  probe    192.0.2.7        tcp/23     syn; by nmap; held",
    "",
  ]);
});

test("why says at least so many ports only where there may be more", async (t) => {
  const { daemon, ask } = await makeLab(t);
  for (const [all, text] of [
    [true, "sent 40 probes to 12 different ports, the first"],
    [false, "sent 40 probes to at least 12 different ports, the first"],
  ] as const) {
    daemon.explanation = { ...daemon.explanation, ports: { tried: 12, all, answered: 5, open: 1 } };
    assert.ok((await ask("why", "192.0.2.7")).out.includes(text), text);
    assert.deepEqual(JSON.parse((await ask("why", "192.0.2.7", "--json")).out).ports, daemon.explanation.ports);
  }
});

test("why has a sentence for every state", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const { source } = daemon.explanation;
  const hint = "\nTo let it in now: portreeve unblock 192.0.2.7; for good: portreeve allow 192.0.2.7.";
  const sentences = {
    "softly blocked": `192.0.2.7 is softly blocked.${hint}`,
    held: `192.0.2.7 is held.${hint}`,
    ignored: "192.0.2.7 is on the allow list.",
    watched: "192.0.2.7 is watched and not blocked.",
    unknown: "192.0.2.7 is not blocked.",
  };
  for (const [state, sentence] of Object.entries(sentences)) {
    daemon.explanation = { source, state, because: [], probes: 0, contacts: 0, offences: 0, events: [] };
    assert.equal((await ask("why", "192.0.2.7")).out, `${sentence}\n`);
  }
  const network = { ...entry, source: "192.0.2.0/24", until: null };
  daemon.explanation = { ...daemon.explanation, state: "blocked", block: network, probes: 1, contacts: 1 };
  assert.equal(
    (await ask("why", "192.0.2.7")).out,
    "192.0.2.7 is blocked, for ever.\nThe source sent 1 probe to 1 different port.\n" +
      "To let it in now: portreeve unblock 192.0.2.0/24; for good: portreeve allow 192.0.2.7.\n",
  );
});

test("block tells the daemon where its caller is logged in from", async (t) => {
  const { daemon, conf } = await makeLab(t);
  const refused = { code: "own-session", message: "you are logged in from 203.0.113.9" } as const;
  daemon.refusal = refused;
  const env = { SSH_CONNECTION: "203.0.113.9 50022 198.51.100.1 22" };
  const { code, err } = await portreeve(["block", "-c", conf, "203.0.113.0/24"], { env });
  assert.deepEqual([code, err], [1, "portreeve: you are logged in from 203.0.113.9\n"]);
  const [request] = daemon.blockRequests;
  assert.equal(request?.session?.[0], "203.0.113.9");
});

test("confirm says what stays, and why there is nothing to confirm", async (t) => {
  const { daemon, ask } = await makeLab(t);
  Object.assign(daemon.api, { confirm: () => ({ ok: { inTime: true, kept: 1 } }) });
  assert.deepEqual(await ask("confirm"), {
    code: 0,
    out: "confirmed: blocking goes on, and 1 block stays until its own time\n",
    err: "",
  });
  Object.assign(daemon.api, { confirm: () => ({ ok: { inTime: false, kept: 0 } }) });
  assert.match((await ask("confirm")).out, /^the trial was over .* blocking is on again/);
  assert.deepEqual(JSON.parse((await ask("confirm", "--json")).out), { inTime: false, kept: 0 });
  Object.assign(daemon.api, { confirm: () => ({ refused: { code: "no-trial", message: "not on trial" } }) });
  assert.deepEqual(await ask("confirm"), { code: 1, out: "", err: "portreeve: not on trial\n" });
  Object.assign(daemon.api, { confirm: undefined });
  assert.equal((await ask("confirm")).code, 69);
});

test("run --trial takes a time from ten seconds to a day", async () => {
  for (const wrong of ["", "5", "9s", "2d", "-5m", "5 m", "1.5h", "0"]) {
    const { code, err } = await portreeve(["run", "--trial", wrong]);
    assert.equal(code, 64, wrong);
    assert.match(err, /from 10 seconds to one day/, wrong);
  }
});
