// Lists that may be long are worked through in slices: what is made of a slice is gone before the next one is made.

export function* slices<T>(items: Iterable<T>, length: number): Generator<T[]> {
  let slice: T[] = [];
  for (const item of items) {
    slice.push(item);
    if (slice.length < length) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}
