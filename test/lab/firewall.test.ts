// The firewall against the kernel: every rule set loads, what is enforced is held, for as long as it says, and is let go.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, test } from "node:test";
import { Libnftables } from "../../src/kernel/libnftables.ts";
import { NfTables } from "../../src/kernel/nf-tables.ts";
import { equivalentCommand } from "../../src/table/equivalent-command.ts";
import { findMissingFeature } from "../../src/table/features.ts";
import { Firewall, type Outcome } from "../../src/table/firewall.ts";
import { NftSensor } from "../../src/table/nft-sensor.ts";
import { buildRuleset } from "../../src/table/ruleset.ts";
import { TABLE } from "../../src/table/ruleset-plan.ts";
import { SetUses } from "../../src/table/set-uses.ts";
import { sets } from "../../src/table/sets.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";
import { ordinaryPlan, planVariants } from "../table/plan.ts";
import { enterOwnNamespace, mustDo } from "./support/own-namespace.ts";
import { waitUntil } from "./support/wait.ts";

enterOwnNamespace(import.meta.filename);

const nft = new Libnftables();
const tables = new NfTables(TABLE);
const near = new AddressRanges(["2001:db8:a::/64", "fe80::/10"].map(prefix));
let sensor: NftSensor;
let firewall: Firewall;

beforeEach(() => {
  mustDo("nft", "flush ruleset");
  sensor = new NftSensor(nft, tables, near);
  firewall = new Firewall(nft, tables, () => sensor.near);
  sensor.load(ordinaryPlan, near);
});
afterEach(() => mustDo("nft", "flush ruleset"));
process.on("exit", () => {
  tables.close();
  nft.close();
});

const failures = (outcomes: readonly Outcome[]) => outcomes.map(({ failure }) => failure).filter((text) => text !== "");
const listed = (set: string) => mustDo("nft", "list", "set", "inet", TABLE, set);
const nthWide = (index: number) => `198.18.${index >> 4}.${(index & 15) << 4}`;
const inMinutes = (minutes: number) => Date.now() + minutes * 60_000;

test("every plan loads, on and resting, twice and after one another, and keeps the blocks", () => {
  const blocks = [
    block("192.0.2.7", { untilMs: inMinutes(60) }),
    block("192.0.2.8", { soft: true, untilMs: inMinutes(60) }),
  ];
  const wide = block("10.0.0.0/8", { untilMs: inMinutes(60) });
  assert.deepEqual(failures(firewall.enforce([...blocks, wide], Date.now())), []);
  for (const [name, plan] of Object.entries(planVariants)) {
    for (const step of ["on", "on", "resting", "resting", "on"]) {
      if (step === "resting") sensor.rest(plan);
      else assert.equal(sensor.load(plan, near), false, name);
      for (const each of [...blocks, wide]) assert.ok(firewall.stands(each, Date.now()), `${name}, ${step}`);
      if (step === "on") assert.ok(!sensor.drift.hasDrifted(), name);
    }
  }
});

test("this kernel lacks no feature, and the probing leaves nothing behind", () => {
  assert.equal(findMissingFeature(nft), undefined);
  assert.ok(!mustDo("nft", "list", "tables").includes("portreeve_probe"));
});

test("a table in another form is replaced, and says so", () => {
  mustDo(
    "nft",
    `delete table inet ${TABLE}; add table inet ${TABLE}; add set inet ${TABLE} blocked4 { type inet_service; }`,
  );
  assert.equal(sensor.load(ordinaryPlan, near), true);
  assert.deepEqual(failures(firewall.enforce([block("192.0.2.7")], Date.now())), []);
  assert.equal(sensor.load(ordinaryPlan, near), false);
});

test("rules that the kernel refuses are refused in nft's words, and the old ones stay", () => {
  const before = tables.fingerprint();
  const held = block("192.0.2.7");
  assert.deepEqual(failures(firewall.enforce([held], Date.now())), []);
  const bad = { ...ordinaryPlan, watchedTcp: [{ first: 1, last: 99_999 }] };
  assert.throws(() => sensor.load(bad, near), { name: "KernelError", message: /cannot load the table: .*range/s });
  assert.equal(tables.fingerprint(), before);
  assert.ok(firewall.stands(held, Date.now()));
});

test("blocks of every kind: in their own set, for their own time, as nft itself sees them", () => {
  const hour = { untilMs: inMinutes(60) };
  const expected: readonly (readonly [string, Parameters<typeof block>[1], string])[] = [
    ["192.0.2.1", hour, "blocked4"],
    ["192.0.2.2", {}, "blocked4"],
    ["192.0.2.3", { ...hour, soft: true }, "soft4"],
    ["2001:db8:0:1::/64", hour, "blocked6"],
    ["2001:db8:0:2::/64", { ...hour, soft: true }, "soft6"],
    ["2001:db8:a::5", hour, "blocked6"],
    ["2001:db8:0:3::", hour, "blockednet6"],
    ["2001:db8:a::/64", hour, "blockednet6"],
    ["2001:db8:8000::/33", {}, "blockednet6"],
    ["10.0.0.0/8", hour, "blockednet4"],
    ["172.16.0.0/12", {}, "blockednet4"],
  ];
  const blocks = expected.map(([source, more]) => block(source, more));
  assert.deepEqual(failures(firewall.enforce(blocks, Date.now())), []);
  for (const [index, [source, more, set]] of expected.entries()) {
    const one = blocks[index] ?? assert.fail();
    assert.ok(firewall.stands(one, Date.now()), source);
    const element = set.startsWith("blockednet") ? source : formatPrefix({ ...one.source, bits: 128 });
    const line = new RegExp(
      `[ {]${element.replaceAll(".", "\\.")}( timeout (?:59m|1h)\\S* expires (?:59m|1h)[^,}]*)?[ ,}\n]`,
    ).exec(listed(set));
    assert.ok(line !== null, `${element} is not in ${listed(set)}`);
    assert.equal(line[1] !== undefined, more?.untilMs !== undefined, source);
  }
});

test("a block that is enforced again gets its new time, longer, shorter, for ever, in sets and intervals", () => {
  for (const source of ["192.0.2.1", "2001:db8:0:1::/64", "10.0.0.0/8", "2001:db8::/32"]) {
    for (const minutes of [60, 600, 5, undefined, 30]) {
      const untilMs = minutes === undefined ? undefined : inMinutes(minutes);
      const again = block(source, { untilMs });
      assert.deepEqual(failures(firewall.enforce([again], Date.now())), []);
      const set = { 32: "blockednet6", 64: "blocked6", 104: "blockednet4", 128: "blocked4" }[again.source.bits] ?? "";
      const left = /expires (?:(\d+)h)?(?:(\d+)m)?/.exec(listed(set));
      const minutesLeft = left === null ? undefined : Number(left[1] ?? 0) * 60 + Number(left[2] ?? 0);
      if (minutes === undefined) assert.equal(minutesLeft, undefined, source);
      else
        assert.ok(minutesLeft === minutes || minutesLeft === minutes - 1, `${source}: ${minutesLeft}, not ${minutes}`);
    }
  }
});

/** Whether packets from these addresses would meet an interval, as nft itself sees it. */
const blocksNetwork = (address: string) =>
  spawnSync("nft", [
    "get",
    "element",
    "inet",
    TABLE,
    address.includes(":") ? "blockednet6" : "blockednet4",
    `{ ${address} }`,
  ]).status === 0;

test("networks that touch, in any order: each is held, and let go (attacks.md T1)", () => {
  const networks = ["192.0.2.240/28", "192.0.2.32/28", "192.0.2.16/28", "f000::/56", "0:0:200::/56", "0:0:100::/56"];
  const blocks = networks.map((each) => block(each, { untilMs: inMinutes(60) }));
  for (const each of blocks) {
    // Added before, as plain nft does it: what is there before made the kernel's look-up fail.
    assert.deepEqual(failures(firewall.enforce([each], Date.now())), [], formatPrefix(each.source));
    assert.ok(firewall.stands(each, Date.now()));
  }
  for (const each of blocks) {
    assert.deepEqual(firewall.lift([each], Date.now()), []);
    assert.ok(!firewall.isPresent(each), formatPrefix(each.source));
  }
  assert.doesNotMatch(listed("blockednet4") + listed("blockednet6"), /elements/);
});

test("networks in networks, in any order: the kernel holds their union, each part until its latest end", () => {
  const inner = block("203.0.113.64/28", { untilMs: inMinutes(120) });
  const outer = block("203.0.113.0/24", { untilMs: inMinutes(60) });
  for (const order of [
    [inner, outer],
    [outer, inner],
  ]) {
    for (const each of order) assert.deepEqual(failures(firewall.enforce([each], Date.now())), []);
    for (const each of order) assert.ok(firewall.stands(each, Date.now()));
    for (const address of ["203.0.113.0", "203.0.113.63", "203.0.113.64", "203.0.113.79", "203.0.113.255"])
      assert.ok(blocksNetwork(address), address);
    assert.match(listed("blockednet4"), /203\.0\.113\.64\/28 timeout (2h|1h59m)/);
    assert.ok(!blocksNetwork("203.0.112.255") && !blocksNetwork("203.0.114.0"));
    const [first = inner, second = outer] = order;
    assert.deepEqual(firewall.lift([first], Date.now()), []);
    assert.ok(firewall.stands(second, Date.now()));
    assert.equal(blocksNetwork("203.0.113.1"), second === outer);
    assert.ok(blocksNetwork("203.0.113.65"));
    assert.deepEqual(firewall.lift([second], Date.now()), []);
    assert.doesNotMatch(listed("blockednet4"), /elements/);
  }
});

test("nested networks end by themselves, the wider one first", async () => {
  const inner = block("203.0.113.64/28", { untilMs: Date.now() + 60_000 });
  const outer = block("203.0.113.0/24", { untilMs: Date.now() + 500 });
  assert.deepEqual(failures(firewall.enforce([inner, outer], Date.now())), []);
  assert.ok(blocksNetwork("203.0.113.1"));
  await waitUntil("the wider one has ended", () => !blocksNetwork("203.0.113.1") && !blocksNetwork("203.0.113.80"));
  assert.ok(blocksNetwork("203.0.113.64") && blocksNetwork("203.0.113.79"));
  firewall.liftEnded([outer], Date.now());
  assert.ok(firewall.stands(inner, Date.now()));
});

test("what has ended in the list and not in the kernel is taken out there, full and soft, and nothing else", () => {
  const texts = ["192.0.2.60", "2001:db8:60::/64"];
  const [full, soft] = [false, true].map((isSoft) => texts.map((text) => block(text, { soft: isSoft })));
  const stays = block("192.0.2.61");
  const all = [...(full ?? []), ...(soft ?? []), stays];
  assert.deepEqual(failures(firewall.enforce(all, Date.now())), []);
  firewall.liftEnded([...(full ?? []), block("192.0.2.62")], Date.now());
  for (const each of full ?? []) assert.ok(!firewall.isPresent(each), formatPrefix(each.source));
  for (const each of [...(soft ?? []), stays]) assert.ok(firewall.isPresent(each), formatPrefix(each.source));
  firewall.liftEnded(soft ?? [], Date.now());
  for (const each of soft ?? []) assert.ok(!firewall.isPresent(each), formatPrefix(each.source));
  assert.deepEqual(failures(firewall.lift([stays], Date.now())), []);
});

test("all of both families, and what ends at the last address there is", () => {
  const blocks = ["240.0.0.0/4", "0.0.0.0/0", "8000::/1", "ff00::/8"].map((each) => block(each));
  for (const each of blocks) assert.deepEqual(failures(firewall.enforce([each], Date.now())), []);
  for (const each of blocks) assert.ok(firewall.stands(each, Date.now()), formatPrefix(each.source));
  assert.deepEqual(firewall.lift(blocks.slice(1, 3), Date.now()), []);
  assert.ok(blocksNetwork("255.255.255.255") && !blocksNetwork("239.255.255.255"));
  assert.ok(blocksNetwork("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") && !blocksNetwork("fe00::1"));
});

test("20,000 networks that touch, and one more in one of them: only its edges are written, and asked for", (t) => {
  let reads = 0;
  t.mock.method(tables, "visitElements", (...asked: Parameters<NfTables["visitElements"]>) => {
    reads++;
    NfTables.prototype.visitElements.apply(tables, asked);
  });
  const limit = 20_001;
  firewall = new Firewall(nft, tables, () => sensor.near, limit);
  const networks = Array.from({ length: limit - 1 }, (_, index) =>
    block(`10.${index >> 8}.${index & 255}.0/24`, { untilMs: inMinutes(60 + (index % 2) * 60) }),
  );
  const startMs = performance.now();
  assert.deepEqual(failures(firewall.enforce(networks, Date.now())), []);
  const allMs = performance.now() - startMs;
  reads = 0;
  const inner = block("10.7.7.64/26", { untilMs: inMinutes(180) });
  const againMs = performance.now();
  assert.deepEqual(failures(firewall.enforce([inner], Date.now())), []);
  t.diagnostic(`all: ${allMs.toFixed(0)} ms; one more: ${(performance.now() - againMs).toFixed(0)} ms`);
  assert.match(
    failures(firewall.enforce([block("172.16.0.0/16")], Date.now()))[0] ?? "",
    /^20001 networks are blocked/,
  );
  assert.ok(firewall.stands(inner, Date.now()) && firewall.isPresent(inner));
  assert.deepEqual(firewall.lift(networks.slice(500, 503), Date.now()), []);
  assert.deepEqual(firewall.lift([inner], Date.now()), []);
  assert.equal(reads, 0, "no set was read whole");
  assert.deepEqual(
    [499, 500, 502, 503].map((index) => blocksNetwork(`10.1.${index - 256}.9`)),
    [true, false, false, true],
  );
  assert.deepEqual(firewall.auditNetworks(Date.now()), { gone: [], torn: [], foreign: [], untimely: false });
  assert.deepEqual(firewall.networkCounts, { networkBlocks: limit - 4, networkBlocksRefused: 1 });
});

test("lift takes blocks of every kind away, and those that are gone are no failure", () => {
  const blocks = ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::/64", "10.0.0.0/8", "2001:db8::/32"].map((each) =>
    block(each),
  );
  assert.deepEqual(failures(firewall.enforce(blocks, Date.now())), []);
  mustDo(
    "nft",
    `delete element inet ${TABLE} blocked4 { 192.0.2.2 }; delete element inet ${TABLE} blockednet4 { 10.0.0.0/8 }`,
  );
  assert.deepEqual(firewall.lift(blocks, Date.now()), []);
  for (const each of blocks) assert.ok(!firewall.stands(each, Date.now()), formatPrefix(each.source));
  mustDo("nft", `delete table inet ${TABLE}`);
  assert.deepEqual(firewall.lift(blocks, Date.now()), []);
});

test("holds is false after somebody deleted the element, or gave it another time, or the table", () => {
  const one = block("192.0.2.1", { untilMs: inMinutes(60) });
  const enforce = () => assert.deepEqual(failures(firewall.enforce([one], Date.now())), []);
  enforce();
  mustDo("nft", `delete element inet ${TABLE} blocked4 { 192.0.2.1 }`);
  assert.ok(!firewall.stands(one, Date.now()));
  mustDo("nft", `add element inet ${TABLE} blocked4 { 192.0.2.1 timeout 10s }`);
  assert.ok(!firewall.stands(one, Date.now()));
  enforce();
  mustDo("nft", "flush ruleset");
  assert.ok(!firewall.stands(one, Date.now()));
  assert.ok(sensor.drift.hasDrifted());
  assert.match(failures(firewall.enforce([one], Date.now()))[0] ?? "", /ENOENT.*another program/);
});

test("5,000 at once, of which one is refused: that one alone has failed", () => {
  const blocks = Array.from({ length: 4_998 }, (_, index) => block(nthIpv4(index), { untilMs: inMinutes(60) }));
  const refused = block("172.16.0.0/16");
  firewall = new Firewall(nft, tables, () => sensor.near, 4_096);
  const full = Array.from({ length: 4_096 }, (_, index) => block(`${nthWide(index)}/28`));
  assert.deepEqual(failures(firewall.enforce(full, Date.now())), []);
  const outcomes = firewall.enforce(
    [...blocks.slice(0, 1_000), refused, ...blocks.slice(1_000), block("192.0.2.1")],
    Date.now(),
  );
  assert.equal(outcomes.length, 5_000);
  assert.deepEqual(
    outcomes.filter(({ failure }) => failure !== "").map((outcome) => outcome.block),
    [refused],
  );
  assert.equal(tables.countElements("blocked4"), 4_999);
});

test("a set that fills up in the middle of a transaction: what fits is enforced, the rest is said", () => {
  // The same table with a set of 100, in the form that load() finds; it is not loaded again.
  const small = buildRuleset(ordinaryPlan, "on").replace(/(add set inet portreeve blocked4 .*?)size \d+/, "$1size 100");
  mustDo("nft", `delete table inet ${TABLE}`);
  assert.ok(nft.run(small).ok);
  const blocks = Array.from({ length: 250 }, (_, index) => block(nthIpv4(index), { untilMs: inMinutes(60) }));
  const outcomes = firewall.enforce(blocks, Date.now());
  const held = outcomes.filter(({ failure }) => failure === "");
  assert.equal(held.length, tables.countElements("blocked4"));
  assert.equal(held.length, 100);
  for (const { block: each } of held) assert.ok(firewall.stands(each, Date.now()));
  assert.match(failures(outcomes)[0] ?? "", /^(ENFILE|ENOSPC); the kernel's set is full$/);
});

test("reads back every single source that the kernel holds", () => {
  const blocks = ["192.0.2.1", "2001:db8:0:1::/64", "2001:db8:a::5"].map((each) =>
    block(each, { untilMs: inMinutes(60) }),
  );
  const soft = block("192.0.2.2", { soft: true });
  assert.deepEqual(failures(firewall.enforce([...blocks, soft, block("10.0.0.0/8")], Date.now())), []);
  const held = firewall.held.read().map(({ source, soft: isSoft, expiresInMs }) => ({
    source: source === undefined ? "" : formatPrefix(source),
    isSoft,
    minutes: expiresInMs === undefined ? undefined : Math.ceil(expiresInMs / 60_000),
  }));
  assert.deepEqual(
    held.sort((a, b) => (a.source < b.source ? -1 : 1)),
    [
      { source: "192.0.2.1", isSoft: false, minutes: 60 },
      { source: "192.0.2.2", isSoft: true, minutes: undefined },
      { source: "2001:db8:0:1::/64", isSoft: false, minutes: 60 },
      { source: "2001:db8:a::5", isSoft: false, minutes: 60 },
    ],
  );
});

test("empties every block set, and nothing else", () => {
  const blocks = ["192.0.2.1", "2001:db8:0:1::/64", "10.0.0.0/8", "2001:db8::/32"].map((each) => block(each));
  assert.deepEqual(failures(firewall.enforce([...blocks, block("192.0.2.2", { soft: true })], Date.now())), []);
  firewall.emptyBlockSets();
  for (const each of blocks) assert.ok(!firewall.stands(each, Date.now()));
  assert.deepEqual(firewall.held.read(), []);
  assert.match(listed("ignored4"), /192\.0\.2\.0\/24/);
  assert.ok(!sensor.drift.hasDrifted());
});

test("the hold: found, counted, and let go, an IPv6 source by its /64", () => {
  mustDo("nft", `add element inet ${TABLE} held4 { 192.0.2.1 }; add element inet ${TABLE} held6 { 2001:db8:0:1:: }`);
  assert.equal(sensor.hold.count(), 2);
  for (const source of ["192.0.2.1", "2001:db8:0:1::/64"].map(prefix)) {
    assert.ok(sensor.hold.isHeld(source));
    sensor.hold.release(source);
    assert.ok(!sensor.hold.isHeld(source));
  }
  assert.ok(!sensor.hold.isHeld(prefix("10.0.0.0/8")));
});

test("ports that are served are remembered under the key that the rules look up", () => {
  const ports = [
    { protocol: 6, port: 443 },
    { protocol: 17, port: 5353 },
  ];
  assert.equal(sensor.served.remember(ports, 3_600_000, { first: 32_768, last: 60_999 }), "");
  const set = listed("lately");
  assert.match(set, /tcp \. 443( timeout 1h)? expires (59m|1h)/);
  assert.match(set, /udp \. 5353 timeout 1d expires/);
});

test("the host's sets follow the host, without a drift", () => {
  sensor.follow({ ...ordinaryPlan, guarded: [prefix("198.51.100.77")] }, near);
  assert.match(listed("guard4"), /198\.51\.100\.77/);
  assert.ok(!listed("guard4").includes("198.51.100.254"));
  assert.ok(!sensor.drift.hasDrifted());
});

test("the command in the log does what the block did", () => {
  const cases = ["192.0.2.1", "2001:db8:0:1::/64", "10.0.0.0/8", "2001:db8::/32"].map((each) =>
    block(each, { untilMs: inMinutes(60) }),
  );
  for (const one of [...cases, block("192.0.2.9"), block("192.0.2.3", { soft: true, untilMs: inMinutes(10) })]) {
    const command = equivalentCommand(one, Date.now());
    mustDo("nft", command.replace(/^nft /, ""));
    assert.ok(firewall.stands(one, Date.now()), command);
  }
});

test("a set that another program changed is named, filled again, and what it took is back", () => {
  const before = listed("watched_tcp");
  assert.deepEqual(sensor.drift.driftedSets(), []);
  mustDo("nft", `flush set inet ${TABLE} watched_tcp; delete element inet ${TABLE} ignored4 { 192.0.2.0/24 }`);
  assert.ok(!sensor.drift.hasDrifted(), "no rule was changed");
  assert.deepEqual(sensor.drift.driftedSets(["watched_tcp", "guard4", "held4"]), ["watched_tcp"]);
  assert.deepEqual(sensor.drift.driftedSets().sort(), ["ignored4", "watched_tcp"]);
  sensor.drift.refill(ordinaryPlan);
  assert.deepEqual(sensor.drift.driftedSets(), []);
  assert.equal(listed("watched_tcp"), before);
  // As many elements as before, but others.
  mustDo("nft", `flush set inet ${TABLE} guard4; add element inet ${TABLE} guard4 { 192.0.2.55 }`);
  assert.deepEqual(sensor.drift.driftedSets(), ["guard4"]);
});

test("a table that sleeps, and a chain that drops by its policy, are drift, which a load repairs", () => {
  const block7 = block("192.0.2.7", { untilMs: inMinutes(60) });
  for (const [command, sign] of [
    [`add table inet ${TABLE} { flags dormant; }`, /flags dormant/],
    [`chain inet ${TABLE} sensor { policy drop; }`, /policy drop/],
  ] as const) {
    assert.deepEqual(failures(firewall.enforce([block7], Date.now())), []);
    mustDo("nft", command);
    assert.match(mustDo("nft", "list", "table", "inet", TABLE), sign);
    assert.ok(sensor.drift.hasDrifted(), command);
    const replaced = sensor.load(ordinaryPlan, near);
    assert.doesNotMatch(mustDo("nft", "list", "table", "inet", TABLE), sign);
    assert.ok(!sensor.drift.hasDrifted(), command);
    if (!replaced) assert.ok(firewall.stands(block7, Date.now()));
  }
});

test("how full the sets are, as the kernel tells it or as it is counted", async () => {
  mustDo("nft", `add element inet ${TABLE} held4 { 192.0.2.1, 192.0.2.2, 192.0.2.3 }`);
  const uses = new SetUses(tables).read();
  const held = uses.find(({ set }) => set === "held4") ?? assert.fail();
  assert.equal(held.size, sets.held.size);
  assert.ok(held.count === undefined || held.count >= 3);
  assert.ok((await new SetUses(tables).count("held4", async () => undefined)) >= 3);
  assert.equal(uses.find(({ set }) => set === "blockednet4")?.size, undefined);
  assert.ok(
    uses.every(({ set }) => !set.startsWith("__")),
    "sets that are part of a rule are not told",
  );
});
