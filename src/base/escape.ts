// Makes text from outside (commands, reasons, names, file contents) safe to show: characters that could end a line, drive a
// terminal or reorder a text are written as \xNN, \uNNNN or \u{NNNNNN}. Everything else stays as it is.

/** Controls (C0, DEL, C1), format characters (bidi, zero width, tags), separators, lone surrogates, what has no meaning. */
const unsafe = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Longer lines are cut: a syslog datagram and a terminal have bounds too. */
export const MAX_LINE_CHARS = 8192;
const MAX_WORD_CHARS = 80;

export function escapeText(text: string, maxChars: number = MAX_LINE_CHARS): string {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars)}...` : text;
  return cut.replace(unsafe, escapeCharacter);
}

/** A word or path out of a file, as a message shows it. */
export function escapeWord(text: string): string {
  return escapeText(text, MAX_WORD_CHARS);
}

/** True when the text holds a control character; a tab is one of them only if `tabs` says so. */
export function hasControl(text: string, tabs: "allowed" | "refused" = "refused"): boolean {
  return (tabs === "allowed" ? /[^\P{Cc}\t]/u : /\p{Cc}/u).test(text);
}

/** For text that is JSON already: the same characters, as the \uNNNN that every JSON reader turns back. */
export function escapeJson(json: string): string {
  return json.replace(unsafe, (character) => {
    let escaped = "";
    for (let i = 0; i < character.length; i++) escaped += `\\u${hex(character.charCodeAt(i), 4)}`;
    return escaped;
  });
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 6)}}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
