// Counters by name, as `status` shows them: each part that counts gives its own.

export interface Counted {
  readonly counters: Readonly<Record<string, number>>;
}

/** All of them together; counters of one name, of two files for instance, are added. */
export function sumCounters(parts: Iterable<Counted | undefined>): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, count] of Object.entries(part?.counters ?? {})) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}
