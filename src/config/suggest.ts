// "did you mean ...?": the known name nearest to a mistyped one.

/** The nearest of `names` by edits, of two the first; undefined when none is near enough to be meant. */
export function suggestName(typed: string, names: readonly string[]): string | undefined {
  const wanted = typed.toUpperCase();
  // Beyond this length nothing can be near; it also bounds the work that a hostile file can cause.
  if (wanted.length > 40) return undefined;
  const tolerated = Math.min(3, Math.ceil(wanted.length / 4));
  let best: string | undefined;
  let bestEdits = tolerated + 1;
  for (const name of names) {
    if (Math.abs(name.length - wanted.length) >= bestEdits) continue;
    const edits = countEdits(wanted, name.toUpperCase());
    if (edits < bestEdits) {
      best = name;
      bestEdits = edits;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment distance). */
export function countEdits(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(at(previous, j) + 1, at(row, j - 1) + 1, substitution);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, at(beforePrevious, j - 2) + 1);
      row.push(edits);
    }
    beforePrevious = previous;
    previous = row;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
