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

/**
 * The second of two lines that have run into one (`BLOCK_UDP="1"BLOCK_TCP="1"`), where PortSentry finds it: it looks for the name
 * anywhere in the line, and for "=" or a blank where the name would end at the line's start. It then takes the first line's value.
 */
export function readJoined(text: string): { readonly key: string; readonly value: string } | undefined {
  const [, first = "", key = "", value = ""] =
    /^([A-Z_]+)[ =][^"]*"[^"]*"[ \t]*([A-Z_]+)[ \t]*=[ \t]*"([^"]*)"/.exec(text) ?? [];
  return key !== "" && key.length === first.length ? { key, value } : undefined;
}

/** The value that begins behind the quote at the start of `text`; blanks that no quote closes are no part of it here. */
export function valueOfPortSentry(text: string): string {
  const rest = text.slice(1);
  const end = rest.search(/[^ -~]|"/);
  const value = end < 0 ? rest : rest.slice(0, end);
  return rest[end] === '"' ? value : value.trimEnd();
}
