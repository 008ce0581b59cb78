// Manual pages as text: a few man(7) macros over plain words. A page is made of plain text only, and nothing in it can be
// taken for a request of roff.

/** Source lines are cut here: long ones are hard to read in a diff, and checkers of pages frown on them. */
const LINE_WIDTH = 76;

/** Plain text as lines of roff that the formatter fills: escaped, and no line begins with a control character. */
export function escapeRoff(text: string): string {
  return wrap(text.split(/\s+/).map(escapeWord)).map(guardStart).join("\n");
}

/** One line of text that keeps its blanks. */
function escapeLine(text: string): string {
  return guardStart(escapeCharacters(text));
}

function escapeCharacters(text: string): string {
  return text.replace(/[\\\-'`^~]/g, (character) => escapes.get(character) ?? character);
}

/** A list of ports without blanks would run over the margin: it may be broken after its commas. */
function escapeWord(word: string): string {
  const escaped = escapeCharacters(word);
  return word.length > LINE_WIDTH / 3 ? escaped.replaceAll(",", ",\\:") : escaped;
}

function guardStart(line: string): string {
  return /^[.\s]/.test(line) ? `\\&${line}` : line;
}

function wrap(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= LINE_WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["\\", "\\e"],
  ["-", "\\-"],
  ["'", "\\(aq"],
  ["`", "\\(ga"],
  ["^", "\\(ha"],
  ["~", "\\(ti"],
]);

export interface PageTitle {
  readonly name: string;
  readonly section: number;
  readonly edition: Edition;
  readonly summary: string;
}

/** Which Portreeve a page is of; `date` is YYYY-MM-DD. */
export interface Edition {
  readonly version: string;
  readonly date: string;
}

/** The head of a page up to its NAME section. Words are not hyphenated, lines not stretched: most long words are names. */
export function pageHead({ name, section, edition, summary }: PageTitle): string {
  const title = `.TH ${name.toUpperCase()} ${section} ${edition.date} "portreeve ${edition.version}" Portreeve\n.nh\n.ad l\n`;
  return `${title}.SH NAME\n${escapeRoff(name)} \\- ${escapeRoff(summary)}\n`;
}

export function heading(title: string, ...body: readonly string[]): string {
  return `.SH ${quote(title.toUpperCase())}\n${withoutFirstBreak(body)}`;
}

export function subheading(title: string, ...body: readonly string[]): string {
  return `.SS ${quote(title)}\n${withoutFirstBreak(body)}`;
}

/** A heading begins a paragraph by itself. */
function withoutFirstBreak(body: readonly string[]): string {
  return body.join("").replace(/^\.PP\n/, "");
}

export function paragraph(text: string): string {
  return `.PP\n${escapeRoff(text)}\n`;
}

/** A term in bold and what it means, indented. Further paragraphs stay indented. */
export function item(term: string, ...meaning: readonly string[]): string {
  const [first = "", ...more] = meaning;
  return `.TP\n.B ${quote(term)}\n${escapeRoff(first)}\n${more.map((text) => `.IP\n${escapeRoff(text)}\n`).join("")}`;
}

/** Lines that are not filled, in a fixed font. */
export function example(lines: readonly string[]): string {
  return `.PP\n.EX\n${lines.map((line) => `${escapeLine(line)}\n`).join("")}.EE\n`;
}

/** References to other pages: "nft(8)". */
export function seeAlso(names: readonly (readonly [name: string, section: number])[]): string {
  const last = names.length - 1;
  const lines = names.map(([name, section], at) => `.BR ${escapeLine(name)} (${section})${at === last ? "" : " ,"}\n`);
  return heading("see also", ...lines);
}

/** An argument of a macro: in quotes, with quotes inside doubled. */
function quote(text: string): string {
  return `"${escapeCharacters(text).replaceAll('"', '""')}"`;
}
