// KILL_ROUTE as a list of commands: where sh splits it, which lists are known, and what they are called.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nameRoute, recognizeList, shuttingParts } from "../../src/command/command-list.ts";

const DROP = "iptables -I INPUT -s $TARGET$ -j DROP";
const LOG =
  "iptables -I INPUT -s $TARGET$ -m limit --limit 3/minute -j LOG --log-level debug --log-prefix 'a && b; c: '";

/** Joint and program or target of each part; or the part that is unknown. */
function partsOf(text: string): readonly string[] | string {
  const list = recognizeList(text);
  if ("unknown" in list) return list.unknown;
  return list.map(({ joint, known, template }) => `${joint}${known?.name ?? template.words?.[0]}`);
}

for (const [text, parts] of [
  [DROP, ["iptables DROP"]],
  [`${DROP} 2>/dev/null`, ["iptables DROP"]],
  [`${DROP} && ${LOG}`, ["iptables DROP", "&&iptables LOG"]],
  [`${DROP}; ip6tables -I INPUT -s $TARGET$ -j DROP;`, ["iptables DROP", ";ip6tables DROP"]],
  [`ipset add blk $TARGET$ > /dev/null 2>&1 || true`, ["ipset blk", "||true"]],
  ["ip route add blackhole $TARGET$ || :", ["ip route blackhole", "||true"]],
  [`iptables -C INPUT -s $TARGET$ -j DROP || ${DROP}`, ["iptables", "||iptables DROP"]],
  [`logger "scan from $TARGET$" ; route add -host $TARGET$ reject`, ["logger", ";route reject"]],
  ["nft add element inet t s { $TARGET$ } && echo done", ["nft set s", "&&echo"]],
  [`${DROP} && /usr/local/bin/tell $TARGET$`, "/usr/local/bin/tell $TARGET$"],
  [`${DROP} | cat`, `${DROP} | cat`],
  [`${DROP} &`, `${DROP} &`],
  [`${DROP} ;; true`, `${DROP} ;; true`],
  [`&& ${DROP}`, `&& ${DROP}`],
  [`${DROP} && `, `${DROP} && `],
  [`(${DROP}) && true`, `(${DROP})`],
  [`${DROP} > /tmp/log && true`, `${DROP} > /tmp/log`],
  ["echo $TARGET$ && true", "echo $TARGET$ && true"],
  ["echo $TARGET$", "echo $TARGET$"],
  ["if true; then route add -host $TARGET$ reject; fi", "if true"],
] as const) {
  test(text, () => assert.deepEqual(partsOf(text), parts));
}

test("a rule that logs shuts nobody out; where all parts are such, they are what is looked for", () => {
  const shutting = (text: string) => {
    const list = recognizeList(text);
    return "unknown" in list ? [] : shuttingParts(list).map(({ name }) => name);
  };
  assert.deepEqual(shutting(`${DROP} && ${LOG}`), ["iptables DROP"]);
  assert.deepEqual(shutting(LOG), ["iptables LOG"]);
});

test("what blocks has a short name", () => {
  assert.equal(nameRoute("/sbin/route add -host $TARGET$ reject"), "route reject");
  assert.equal(nameRoute(`${DROP} && ${LOG}`), "iptables DROP");
  assert.equal(nameRoute("ipset add blk $TARGET$; ip route add prohibit $TARGET$"), "ipset blk and ip route prohibit");
  assert.equal(nameRoute("/usr/local/sbin/block-it $TARGET$ now"), "block-it");
  assert.equal(nameRoute("/sbin/x $TARGET$ | logger"), "x");
});
