// Programs of commands that are not there are named while they are missing, and what makes full blocks has a name.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeMaker } from "../../src/enforce/backends.ts";
import { missingCommands } from "../../src/enforce/missing-commands.ts";
import { load, settingsOf } from "../config/support.ts";

const ROUTE = 'KILL_ROUTE="/sbin/route add -host $TARGET$ reject"\n';

test("a missing program is named with its package, where the command would be run", () => {
  const missing = (conf: string, there: readonly string[] = []) =>
    missingCommands(settingsOf(load(conf)), (path) => there.includes(path));
  const route =
    "KILL_ROUTE: /sbin/route is not there or cannot be run, so that the command fails each time: install net-tools";
  assert.deepEqual(missing(`BLOCK_TCP="1"\n${ROUTE}`), [route]);
  assert.deepEqual(missing(`BLOCK_TCP="1"\n${ROUTE}`, ["/sbin/route"]), []);
  assert.deepEqual(missing(ROUTE), [], "nothing is blocked");
  const run = 'BLOCK_TCP="2"\nKILL_RUN_CMD="/usr/local/bin/tell $TARGET$"\n';
  assert.deepEqual(missing(run + ROUTE), [
    "KILL_RUN_CMD: /usr/local/bin/tell is not there or cannot be run, so that the command fails each time: install it",
  ]);
});

for (const [conf, said] of [
  ["", "nftables"],
  ['KILL_HOSTS_DENY="ALL: $TARGET$"\n', "nftables"],
  [ROUTE, "KILL_ROUTE (route reject)"],
  [`FIREWALL="nftables"\n${ROUTE}`, "nftables and KILL_ROUTE (route reject)"],
  ['FIREWALL="none"\nKILL_HOSTS_DENY="ALL: $TARGET$"\n', "a line in hosts.deny"],
  ['FIREWALL="none"\n', "nothing"],
] as const) {
  test(`${said} is what blocks with ${JSON.stringify(conf)}`, () => {
    assert.equal(describeMaker(settingsOf(load(`BLOCK_TCP="1"\n${conf}`))), said);
  });
}
