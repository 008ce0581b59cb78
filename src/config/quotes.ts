// Quotes that are not the format's own: what word processors and web pages make of ". Pure.

/** Typographic quotes and primes, and the bytes of Windows-1252's, which read as Latin-1 are control characters. */
const TYPOGRAPHIC =
  "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2032\u2033\u2035\u2036\u301d\u301e\uff02\u0091\u0092\u0093\u0094";
const typographic = new RegExp(`[${TYPOGRAPHIC}]`);
const quoted = new RegExp(`^[${TYPOGRAPHIC}'\`]+(.*?)[${TYPOGRAPHIC}'\`]+[ \\t]*(?:#.*)?$`);
const edges = new RegExp(`^[${TYPOGRAPHIC}'\`]+|[${TYPOGRAPHIC}'\`"]+$`, "g");

export function hasTypographicQuotes(text: string): boolean {
  return typographic.test(text);
}

/** The value that is meant: without the wrong quotes around it, and without a comment behind it. */
export function unquote(text: string): string {
  const inner = quoted.exec(text)?.[1];
  return (
    inner ??
    text
      .replace(/[ \t]+#.*$/, "")
      .replace(edges, "")
      .trimEnd()
  );
}
