import assert from "node:assert/strict";
import { test } from "node:test";
import { findMissingFeature, seesWayBack } from "../../src/table/features.ts";

/** An nft that refuses every command text in which `lacking` stands, and keeps what it was told. */
function nftWithout(lacking: string | undefined) {
  const told: string[] = [];
  return {
    told,
    run(commands: string) {
      told.push(commands);
      const ok = lacking === undefined || !commands.includes(lacking);
      return { ok, output: "", error: ok ? "" : "Error: Could not process rule: No such file or directory" };
    },
  };
}

test("names the feature that is refused", () => {
  const missing = (lacking: string) => findMissingFeature(nftWithout(lacking)) ?? "";
  assert.match(missing("socket transparent"), /nft_socket/);
  assert.match(missing("fib daddr"), /nft_fib_inet/);
  assert.match(missing("ct state"), /nf_conntrack/);
  assert.match(missing("log group"), /nfnetlink_log/);
  assert.match(missing("limit rate"), /nft_limit/);
  assert.match(missing("flags dynamic"), /dynamic sets/);
  assert.match(missing("add table"), /family inet/);
});

test("names none when each works alone, and leaves nothing behind", () => {
  const nft = nftWithout(undefined);
  assert.equal(findMissingFeature(nft), undefined);
  assert.equal(nft.told.at(-1), "delete table inet portreeve_probe");
  const made = nft.told.filter((commands) => commands.includes("add chain")).length;
  const removed = nft.told.filter((commands) => commands === "delete table inet portreeve_probe").length;
  assert.ok(made >= 7);
  assert.equal(removed, made);
});

test("whether the hook forward can ask for the way back is tried, and leaves nothing behind", () => {
  const nft = nftWithout(undefined);
  assert.equal(seesWayBack(nft), true);
  assert.match(nft.told[0] ?? "", /hook forward .*\n.*fib saddr \. iif oif missing return/);
  assert.equal(nft.told.at(-1), "delete table inet portreeve_probe");
  assert.equal(seesWayBack(nftWithout("hook forward")), false);
});
