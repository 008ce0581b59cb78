// Makes the values that the tests of detect/ and judge/ start from.
import { hashSource } from "../../src/detect/keyed-hash.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Evidence, Probe } from "../../src/detect/probe.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { prefix } from "../support/prefix.ts";

export { prefix };

export const seed = { k0: 0x01234567, k1: 0x89abcdef };

export function ranges(...texts: readonly string[]): AddressRanges {
  return new AddressRanges(texts.map(prefix));
}

export interface ProbeFields {
  readonly source?: string;
  readonly port?: number;
  readonly protocol?: number;
  readonly kind?: Kind;
  readonly evidence?: Evidence;
  readonly disposition?: Disposition;
  readonly timeMs?: number;
}

/** A SYN from 192.0.2.1 to closed port 1 at second 1000, unless told otherwise. */
export function probe(fields: ProbeFields = {}): Probe {
  const source = prefix(fields.source ?? "192.0.2.1");
  const made = new Probe();
  made.source0 = source.w0;
  made.source1 = source.w1;
  made.source2 = source.w2;
  made.source3 = source.w3;
  made.sourceBits = source.bits;
  made.protocol = fields.protocol ?? 6;
  made.port = fields.port ?? 1;
  made.kind = fields.kind ?? Kind.Syn;
  made.evidence = fields.evidence ?? Evidence.Direct;
  made.disposition = fields.disposition ?? Disposition.Probe;
  made.timeMs = fields.timeMs ?? 1_000_000;
  return made;
}

/** The keyed hash of a probe's source. */
export function hashOf({ source0, source1, source2, source3, sourceBits }: Probe): number {
  return hashSource(seed, source0, source1, source2, source3, sourceBits);
}
