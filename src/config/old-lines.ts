// PortSentry 1.2's reading of a line (its ConfigTokenRetrieve): the key stands at the line's start, "=" or a blank behind it; the
// value begins behind the first quote, wherever that is, and ends at the next one or at the first byte that cannot be printed. Pure.

/** Undefined where PortSentry finds no key; without a value where it finds no quote behind one. */
export function readAsPortSentry(text: string): { readonly key: string; readonly value?: string } | undefined {
  const key = /^([A-Za-z0-9_]+)[ =]/.exec(text)?.[1];
  if (key === undefined) return undefined;
  // To C the line ends at a NUL.
  const [line = ""] = text.split("\0", 1);
  const open = line.indexOf('"');
  return open < 0 ? { key } : { key, value: valueOfPortSentry(line.slice(open)) };
}

/** The value that begins behind the quote at the start of `text`; blanks that no quote closes are no part of it here. */
export function valueOfPortSentry(text: string): string {
  const rest = text.slice(1);
  const end = rest.search(/[^ -~]|"/);
  const value = end < 0 ? rest : rest.slice(0, end);
  return rest[end] === '"' ? value : value.trimEnd();
}
