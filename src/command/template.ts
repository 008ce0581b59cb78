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
/** In single quotes a "$" is plain, but a word must not get a token by joining quotes: sh would see none. */
const SYNTAX_IN_QUOTES = { '"': /[`$\\]/, "'": /\$/ };
/** First words that name no program: reserved words and commands that only a shell has. */
const SHELL_WORD =
  /^(?:[A-Za-z_]\w*\+?=.*|!|\{|\}|:|\.|alias|bg|break|case|cd|command|continue|do|done|elif|else|esac|eval|exec|exit|export|fg|fi|for|getopts|hash|if|jobs|local|read|readonly|return|set|shift|source|then|times|trap|type|ulimit|umask|unalias|unset|until|wait|while)$/s;
const TOKEN = /\$(TARGET|PORT|MODE)\$/g;
const TOKEN_HERE = /\$(?:TARGET|PORT|MODE)\$/y;

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
    throw new Error(
      `"${targetText}", ${port} and "${modeName}" must not stand in a command: not an address, port, mode`,
    );
  }
  return text.replace(TOKEN, (_token, name: string) => {
    if (name === "TARGET") return targetText;
    return name === "PORT" ? `${port}` : modeName;
  });
}

/** Arguments as sh splits them, tokens as they stand; undefined if anything but blanks and simple quotes needs sh. */
function splitWords(text: string): readonly string[] | undefined {
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
  return SHELL_WORD.test(words[0] ?? "") ? undefined : words;
}

function readWord(text: string, start: number): { readonly text: string; readonly end: number } | undefined {
  if (text[start] === "#" || text[start] === "!") return undefined;
  let word = "";
  let at = start;
  while (at < text.length && !isBlank(text[at])) {
    const part = readPart(text, at);
    if (part === undefined) return undefined;
    word += part.text;
    at = part.end;
  }
  return { text: word, end: at };
}

/** A quoted piece, a token, or one character. */
function readPart(text: string, at: number): { readonly text: string; readonly end: number } | undefined {
  const character = text[at] ?? "";
  if (character === "'" || character === '"') {
    const close = text.indexOf(character, at + 1);
    const quoted = text.slice(at + 1, close);
    if (close < 0 || SYNTAX_IN_QUOTES[character].test(quoted.replace(TOKEN, ""))) return undefined;
    return { text: quoted, end: close + 1 };
  }
  TOKEN_HERE.lastIndex = at;
  const token = TOKEN_HERE.exec(text)?.[0];
  if (token !== undefined) return { text: token, end: at + token.length };
  return ALWAYS_SYNTAX.test(character) ? undefined : { text: character, end: at + 1 };
}

function hasBareBrace(text: string): boolean {
  return /[{}]/.test(text.replace(/'[^']*'|"[^"]*"/g, ""));
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}
