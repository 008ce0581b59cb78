// KILL_ROUTE and KILL_RUN_CMD as PortSentry knows them: a command line with $TARGET$, $PORT$ and $MODE$. What replaces
// these was parsed and is printed again by us, so nothing from the network is ever read as syntax. A template without
// shell syntax is a list of arguments; any other goes to /bin/sh as it stands.
import { formatPrefix, type Prefix } from "../wire/address.ts";

export interface TemplateValues {
  readonly target: Prefix;
  readonly port: number;
  /** What $MODE$ prints: "tcp", "stcp", "stealth" and so on. */
  readonly modeName: string;
}

export interface Template {
  readonly text: string;
  /** The arguments as sh would split them, tokens still in place; undefined where only sh can tell. */
  readonly words: readonly string[] | undefined;
  /** True also where braces are the only shell syntax: `words` then hold them as sh takes them, as plain text. */
  readonly viaShell: boolean;
}

export interface FilledCommand {
  readonly argv: readonly string[];
  readonly viaShell: boolean;
  /** The command as PortSentry prints it. */
  readonly text: string;
}

/** What sh gives a meaning outside quotes, wherever it stands; braces are apart, as nft's syntax needs them. */
const ALWAYS_SYNTAX = /[;&|<>`$()*?[\]~\n\r\\]/;
const SYNTAX_IN_DOUBLE_QUOTES = /[`$\\]/;
/** First words that name no program: reserved words and commands that only a shell has. */
const SHELL_WORD =
  /^(?:[A-Za-z_]\w*\+?=.*|!|\{|\}|:|\.|alias|bg|break|case|cd|command|continue|do|done|elif|else|esac|eval|exec|exit|export|fg|fi|for|getopts|hash|if|jobs|local|read|readonly|return|set|shift|source|then|times|trap|type|ulimit|umask|unalias|unset|until|wait|while)$/s;
const TOKEN = /\$(TARGET|PORT|MODE)\$/g;
/** What a token stands for while the template is split: a character that no template can hold. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { TARGET: "\u{f0000}", PORT: "\u{f0001}", MODE: "\u{f0002}" };

export function parseTemplate(text: string): Template {
  const words = splitWords(text);
  const braces = words !== undefined && hasBareBrace(text);
  return { text, words, viaShell: words === undefined || braces };
}

/** The command for one source: its arguments are as many as the template has, whatever the values are. */
export function fill(template: Template, values: TemplateValues): FilledCommand {
  const text = replaceTokens(template.text, values);
  if (template.viaShell || template.words === undefined) return { argv: ["/bin/sh", "-c", text], viaShell: true, text };
  return { argv: template.words.map((word) => replaceTokens(word, values)), viaShell: false, text };
}

/** Replaces every token. `targetText` is for places with their own way of writing addresses (hosts.deny). */
export function replaceTokens(text: string, values: TemplateValues, targetText = formatPrefix(values.target)): string {
  const { port, modeName } = values;
  const safe =
    /^[0-9a-fA-F:./[\]]+$/.test(targetText) && /^[a-z0-9]{1,16}$/.test(modeName) && Number.isInteger(port) && port >= 0;
  if (!safe || port > 65_535) {
    throw new Error(`"${targetText}", ${port} and "${modeName}" must not stand in a command: not an address, port, mode`);
  }
  return text.replace(TOKEN, (_token, name: string) => {
    if (name === "TARGET") return targetText;
    return name === "PORT" ? `${port}` : modeName;
  });
}

/** Arguments as sh splits them, or undefined if anything but blanks and simple quotes needs sh. */
function splitWords(template: string): readonly string[] | undefined {
  const text = template.replace(TOKEN, (_token, name: string) => PLACEHOLDERS[name] ?? "");
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (isBlank(text[at])) {
      at++;
      continue;
    }
    const word = readWord(text, at);
    if (word === undefined) return undefined;
    words.push(word.text);
    at = word.end;
  }
  if (SHELL_WORD.test(words[0] ?? "")) return undefined;
  return words.map(restoreTokens);
}

function readWord(text: string, start: number): { readonly text: string; readonly end: number } | undefined {
  if (text[start] === "#" || text[start] === "!") return undefined;
  let word = "";
  let at = start;
  while (at < text.length && !isBlank(text[at])) {
    const character = text[at] ?? "";
    if (character === "'" || character === '"') {
      const close = text.indexOf(character, at + 1);
      if (close < 0) return undefined;
      const quoted = text.slice(at + 1, close);
      if (character === '"' && SYNTAX_IN_DOUBLE_QUOTES.test(quoted)) return undefined;
      word += quoted;
      at = close + 1;
      continue;
    }
    if (ALWAYS_SYNTAX.test(character)) return undefined;
    word += character;
    at++;
  }
  return { text: word, end: at };
}

function hasBareBrace(text: string): boolean {
  return /[{}]/.test(text.replace(/'[^']*'|"[^"]*"/g, ""));
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

function restoreTokens(word: string): string {
  return word.replace(/\u{f0000}|\u{f0001}|\u{f0002}/gu, (mark) => {
    const found = Object.entries(PLACEHOLDERS).find(([, placeholder]) => placeholder === mark);
    return found === undefined ? mark : `$${found[0]}$`;
  });
}
