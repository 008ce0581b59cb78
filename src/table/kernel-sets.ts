// The sets of the kernel's table as nft defines them, made from the rows of sets.ts.
import { outgoingSets } from "./outgoing-sets.ts";
import type { SetRow } from "./set-row.ts";
import { sets } from "./sets.ts";

interface KernelSet {
  readonly name: string;
  readonly row: SetRow;
  /** A key's parts. */
  readonly key: string;
  /** What stands between the braces of nft's "add set". */
  readonly definition: string;
}

const kindFlags = {
  fixed: "flags interval; auto-merge;",
  timed: "flags timeout;",
  "timed ranges": "flags interval, timeout;",
  dynamic: "flags dynamic, timeout;",
} as const satisfies Readonly<Record<SetRow["kind"], string>>;

const rows: Readonly<Record<string, SetRow>> = { ...sets, ...outgoingSets };
export const kernelSets: readonly KernelSet[] = Object.entries(rows).flatMap(([name, row]) =>
  row.parts.map((part) => {
    const key = row.key(part.address);
    const size = row.size === undefined ? "" : ` size ${row.size};`;
    const timeout = row.seconds === undefined ? "" : ` timeout ${row.seconds}s;`;
    const definition = `type ${key}; ${kindFlags[row.kind]}${size}${timeout}`;
    return { name: `${row.name ?? name}${part.suffix}`, row, key, definition };
  }),
);

/** The sets that blocks are in. */
export const blockSets: readonly string[] = kernelSets.filter(({ row }) => row.holdsBlocks).map(({ name }) => name);

/** The length of a key: 4 or 16 bytes of address, and each further part padded to four. */
export function keyLength(set: string): number {
  const parts = kernelSets.find(({ name }) => name === set)?.key.split(" . ") ?? [];
  return parts.reduce((bytes, part) => bytes + (part === "ipv6_addr" ? 16 : 4), 0);
}
