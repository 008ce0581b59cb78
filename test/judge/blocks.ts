// Blocks for tests.
import type { Block } from "../../src/judge/block.ts";
import type { Prefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

export function block(source: string | Prefix, more: Partial<Block> = {}): Block {
  return {
    source: typeof source === "string" ? prefix(source) : source,
    sinceMs: 0,
    untilMs: undefined,
    grade: "direct",
    soft: false,
    reason: "a test",
    offences: 1,
    backend: "nftables",
    enforced: false,
    ...more,
  };
}
