// The seam behind blocks: which backend makes them, what those of the administrator's own are asked, and that nobody else
// names one.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { CommandParts } from "../../src/enforce/backends/command-backend.ts";
import { makerOf, openCommandBackends } from "../../src/enforce/backends.ts";
import type { ResponseRequest, ResponseResult, ResponseStep } from "../../src/enforce/commands/response.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { block } from "../judge/blocks.ts";
import { repositoryFolder } from "../support/repository.ts";

const ROUTE = 'KILL_ROUTE="/sbin/ip route add blackhole $TARGET$"\n';
const LINE = 'KILL_HOSTS_DENY="ALL: $TARGET$"\n';

for (const { conf, maker } of [
  { conf: "", maker: "nftables" },
  { conf: LINE, maker: "nftables" },
  { conf: ROUTE + LINE, maker: "kill-route" },
  { conf: `FIREWALL="nftables"\n${ROUTE}${LINE}`, maker: "nftables" },
  { conf: `FIREWALL="none"\n${ROUTE}`, maker: "kill-route" },
  { conf: `FIREWALL="none"\n${LINE}`, maker: "hosts.deny" },
  { conf: 'FIREWALL="none"\n', maker: undefined },
]) {
  test(`${maker ?? "nothing"} makes full blocks with ${JSON.stringify(conf)}`, () => {
    assert.equal(makerOf(settingsOf(load(`BLOCK_TCP="1"\n${conf}`))), maker);
  });
}

/** A responder whose steps fail where they are in `broken`; what it is asked is noted. */
function setUp(broken: readonly ResponseStep[] = []) {
  const asked: string[] = [];
  const noted = (what: string, { source }: ResponseRequest) => asked.push(`${what} ${formatPrefix(source)}`);
  const resultOf = (step: ResponseStep): ResponseResult => {
    const ok = !broken.includes(step);
    return { step, ok, text: `${step} it`, detail: ok ? "" : "exit code 1" };
  };
  const responder: CommandParts["responder"] = {
    respond: async (request) => {
      noted("respond", request);
      const results = (["hosts-deny", "route"] as const).map(resultOf);
      return {
        results,
        madeBy: results
          .filter(({ ok }) => ok)
          .map(({ step }) => step)
          .join(" "),
      };
    },
    undo: async (request) => {
      noted("undo", request);
      return (["route", "hosts-deny"] as const).map(resultOf);
    },
    isStillThere: async (request, lineOnly = false) => {
      noted(lineOnly ? "line of" : "rule of", request);
      return lineOnly;
    },
    suspects: async (requests) => requests.slice(1),
    close: async () => void asked.push("close"),
  };
  const requestOf = ({ source }: Block) => ({ source, port: 0, protocol: 6, modeName: "tcp" }) as const;
  return { asked, backends: openCommandBackends({ responder, requestOf }) };
}

const both = [block("192.0.2.1"), block("192.0.2.2")];

test("a block of a command is made by the steps that block, one source after the other, and undone by all", async () => {
  const { asked, backends } = setUp();
  assert.deepEqual(
    backends.map(({ name, step, suffices }) => [name, step, suffices]),
    [
      ["kill-route", "route", true],
      ["hosts.deny", "hosts-deny", false],
    ],
  );
  for (const backend of backends) {
    assert.deepEqual(
      (await backend.enforce(both)).map(({ failure }) => failure),
      ["", ""],
    );
    assert.deepEqual(await backend.lift(both), []);
    await backend.close();
    assert.deepEqual(asked.splice(0), [
      "respond 192.0.2.1",
      "respond 192.0.2.2",
      "undo 192.0.2.1",
      "undo 192.0.2.2",
      "close",
    ]);
  }
});

test("one step that works is a block; where none does it is said why, and what cannot be undone is told", async () => {
  const [one] = both;
  assert.ok(one !== undefined);
  for (const backend of setUp(["route"]).backends) {
    assert.deepEqual(await backend.enforce([one]), [{ block: { ...one, madeBy: "hosts-deny" }, failure: "" }]);
    assert.deepEqual(await backend.lift([one]), [{ block: one, failure: "exit code 1: route it" }]);
  }
  for (const backend of setUp(["route", "hosts-deny"]).backends) {
    const failure = "exit code 1: hosts-deny it; exit code 1: route it";
    assert.deepEqual(await backend.enforce([one]), [{ block: { ...one, madeBy: "" }, failure }]);
  }
});

test("KILL_ROUTE asks for the rule and has a list of all of them, a line in hosts.deny is asked for alone", async () => {
  const { asked, backends } = setUp();
  const [route, line] = backends;
  const [one, other] = both;
  assert.ok(route !== undefined && line !== undefined && one !== undefined && other !== undefined);
  assert.deepEqual([await route.stands(one), await line.stands(one)], [false, true]);
  assert.deepEqual(asked, ["rule of 192.0.2.1", "line of 192.0.2.1"]);
  assert.deepEqual(await route.suspects?.(both), [other]);
  assert.equal(line.suspects, undefined);
});

const files = readdirSync(repositoryFolder("src"), { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith(".ts"),
);

test("no class has a method that does nothing: what a thing cannot do is absent", () => {
  const empty = /^ {2}(?:async |override )?#?\w+\([^{}]*\)(?:: [^{}]+)? \{\s*\}/m;
  const text = (path: string) => readFileSync(repositoryFolder(`src/${path}`), "utf8");
  assert.deepEqual(
    files.filter((path) => empty.test(text(path))),
    [],
  );
  assert.match("class A {\n  close(): void {}\n}", empty);
});

test("no other file names a backend, or compares with one", () => {
  const seam = /^(judge\/block|enforce\/backends|table\/firewall)\.ts$|^enforce\/backends\//;
  const named = /"kill-route"|"hosts\.deny"|\bbackend\b[^\n]*"nftables"/;
  const others = files.filter(
    (path) => !seam.test(path) && named.test(readFileSync(repositoryFolder(`src/${path}`), "utf8")),
  );
  assert.deepEqual(others, []);
  assert.ok(files.length > 300);
});
