// The sentences that people read: the messages and comments of the source, and the paragraphs of the pages.
export interface Prose {
  readonly line: number;
  readonly text: string;
}

interface Source {
  readonly messages: readonly Prose[];
  readonly comments: readonly Prose[];
}

const MIN_WORDS = 3;
const CODE = /^(?:SELECT|\{ type|add |int |void |const |ct |tcp |ip6? |meta )/;

/** Strings of three words and more, with X for each value; comments, of which lines that stand together are one. */
export function proseOfSource(text: string): Source {
  const strings: Prose[] = [];
  const comments: (Prose & { readonly last: number; readonly isLine: boolean })[] = [];
  let at = 0;
  let line = 1;
  let before = "";
  code(false);
  const messages = strings.filter(
    ({ text }) => text.split(/\s+/).filter((word) => /[a-z]{2}/i.test(word)).length >= MIN_WORDS && !CODE.test(text),
  );
  return { messages, comments };

  function code(isInTemplate: boolean): void {
    let depth = 0;
    while (at < text.length) {
      const char = text[at] ?? "";
      if (char === "\n") line++;
      else if (text.startsWith("//", at)) comment(text.indexOf("\n", at), true);
      else if (text.startsWith("/*", at)) comment(text.indexOf("*/", at) + 2, false);
      else if (char === "/" && !/[\w)\]]/.test(before)) expression();
      else if (char === '"' || char === "'" || char === "`") literal(char);
      else if (isInTemplate && char === "{") depth++;
      else if (isInTemplate && char === "}" && depth-- === 0) return;
      if (/\S/.test(text[at] ?? "")) before = text[at] ?? "";
      at++;
    }
  }

  function comment(end: number, isLine: boolean): void {
    const raw = text.slice(at, end);
    const words = raw
      .replace(/^\/\/ ?|^\/\*\*?|\*\/$/g, "")
      .replace(/\n\s*\* ?/g, " ")
      .trim();
    const last = comments.at(-1);
    const lines = raw.split("\n").length - 1;
    if (isLine && last?.isLine && last.last === line - 1) {
      comments[comments.length - 1] = { ...last, text: `${last.text} ${words}`, last: line };
    } else comments.push({ line, text: words, last: line + lines, isLine });
    line += lines;
    at = end - 1;
  }

  function expression(): void {
    let isClass = false;
    for (at++; at < text.length && (isClass || text[at] !== "/") && text[at] !== "\n"; at++) {
      if (text[at] === "\\") at++;
      else if (text[at] === "[") isClass = true;
      else if (text[at] === "]") isClass = false;
    }
    before = ")";
  }

  function literal(quote: string): void {
    const first = line;
    let words = "";
    for (at++; at < text.length && text[at] !== quote; at++) {
      if (text[at] === "\\") words += text[++at] === "n" ? "\n" : (text[at] ?? "");
      else if (quote === "`" && text.startsWith("${", at)) {
        at += 2;
        code(true);
        words += "X";
      } else words += text[at] ?? "";
      if (text[at] === "\n") line++;
    }
    strings.push({ line: first, text: words });
  }
}

/** Paragraphs, items, cells and headings; what stands between fences is left out. */
export function proseOfPage(page: string): Prose[] {
  const found: Prose[] = [];
  let isCode = false;
  let open = false;
  for (const [index, text] of page.split("\n").entries()) {
    const isFence = /^\s*```/.test(text);
    if (isFence) isCode = !isCode;
    const isOne = /^\s*(?:[*-] |\||#|\d+\. )/.test(text);
    const last = found.at(-1);
    if (isCode || isFence || text.trim() === "") open = false;
    else if (/^\s*\|/.test(text)) {
      found.push(...text.split("|").map((cell) => ({ line: index + 1, text: cell.trim() })));
      open = false;
    } else if (!open || isOne || last === undefined) {
      found.push({ line: index + 1, text: text.replace(/^\s*(?:[*-]|#+|\d+\.)\s+/, "") });
      open = !/^#/.test(text);
    } else found[found.length - 1] = { line: last.line, text: `${last.text} ${text.trim()}` };
  }
  return found;
}
