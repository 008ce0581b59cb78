// What PortSentry 1.2 makes of a value: numbers as atoi reads them, lists of them between commas, everything else as it stands. No
// text is refused. A note says what counts where the text is not what its key takes. Pure.
import { escapeText } from "../base/escape.ts";
import type { PortRange } from "../wire/port-range.ts";
import { optionalFile, optionalPath } from "./paths.ts";
import { MAX_PORT, mergePorts } from "./ports.ts";
import { hasTypographicQuotes } from "./quotes.ts";
import type { OldReading, ValueType } from "./values.ts";

const MAX_NOTES = 4;
/** What ADVANCED_PORTS_* count as when they are not there. */
const ADVANCED_PORTS = 1024;
const MAX_TRIGGER = 10_000;
/** PortSentry remembers this many probes. */
const OLD_MAX_TRIGGER = 50;

/** C's atoi on a machine with int of 32 and long of 64 bits: blanks, a sign, digits; whatever follows does not matter. */
export function atoi(text: string): number {
  const [, sign = "", digits = ""] = /^[ \t\n\v\f\r]*([+-]?)([0-9]*)/.exec(text) ?? [];
  const number = BigInt(digits === "" ? 0 : digits) * (sign === "-" ? -1n : 1n);
  const [lowest, highest] = [-(2n ** 63n), 2n ** 63n - 1n];
  const limited = number < lowest ? lowest : number > highest ? highest : number;
  return Number(BigInt.asIntN(32, limited));
}

const isPlain = (text: string) => /^[0-9]+$/.test(text.trim());

/** The value, and what it counts as where that is not what stands there. */
function read<T>(ok: T, counts: string, isClear: boolean, allowed: string): { readonly ok: T; readonly note?: string } {
  return isClear ? { ok } : { ok, note: `this counts as "${counts}", as in PortSentry; write ${allowed}` };
}

/** "1" blocks, "2" runs, every other number does neither. */
export const oldReaction: OldReading<"log" | "block" | "run"> = (text) => {
  const number = atoi(text);
  const ok = number === 1 ? "block" : number === 2 ? "run" : "log";
  const counts = number === 1 || number === 2 ? `${number}` : "0";
  return read(ok, counts, text.trim() === counts, '"0" or "1" or "2"');
};

/** Every number but 0 is on. */
export const oldFlag: OldReading<boolean> = (text) => {
  const ok = atoi(text) !== 0;
  return read(ok, ok ? "1" : "0", text.trim() === (ok ? "1" : "0"), '"0" or "1"');
};

export const oldTrigger: OldReading<number> = (text) => {
  const number = atoi(text);
  const ok = Math.min(Math.max(number, 0), MAX_TRIGGER);
  if (number > OLD_MAX_TRIGGER) {
    const note = `PortSentry counts to ${OLD_MAX_TRIGGER} and takes each probe for a scan above that; here it counts as "${ok}"`;
    return { ok, note };
  }
  return read(ok, `${ok}`, isPlain(text), `a whole number, 0 to ${OLD_MAX_TRIGGER}`);
};

/** Ports below this number are watched: 0 and 1 are none. */
export const oldAdvancedPorts: OldReading<number> = (text) => {
  const number = atoi(text);
  const ok = number < 0 ? ADVANCED_PORTS : number < 2 ? 0 : Math.min(number, MAX_PORT + 1);
  const isClear = isPlain(text) && ok === number && ok > 0;
  return read(ok, `${ok}`, isClear, `a whole number, 2 to ${MAX_PORT + 1}`);
};

/** Items between commas, empty ones passed over; ranges, which 2.x reads and 1.2 takes for their first port, count whole. */
export const oldPortList: OldReading<readonly PortRange[]> = (text) => {
  const [printable = ""] = /^[ -~]*/.exec(text) ?? [];
  const items = printable.split(",");
  const notes: string[] = [];
  const note = (words: string) =>
    notes.length <= MAX_NOTES && notes.push(notes.length < MAX_NOTES ? words : "and so on");
  if (printable.length < text.length) {
    const what = hasTypographicQuotes(text) ? "a typographic quote" : "a character that is no ASCII";
    note(`the list ends at ${what}, as in PortSentry`);
  }
  const ranges: PortRange[] = [];
  for (const item of items) {
    const word = item.trim();
    if (word === "") continue;
    const [, first = "", last = first] = /^([0-9]+)(?:[ \t]*-[ \t]*([0-9]+))?$/.exec(word) ?? [];
    const range = first === "" ? { first: 0, last: 0 } : { first: Number(first), last: Number(last) };
    if (range.first >= 1 && range.first <= range.last && range.last <= MAX_PORT) {
      ranges.push(range);
      continue;
    }
    const port = atoi(word);
    const isPort = port >= 1 && port <= MAX_PORT;
    if (isPort) ranges.push({ first: port, last: port });
    const shown = `"${escapeText(word, 40)}"`;
    note(isPort ? `${shown} counts as ${port}, as in PortSentry` : `${shown} is no port, and does not count`);
  }
  const empty = items.filter((item) => item.trim() === "").length;
  if (empty > 0 && text.trim() !== "") note("an item without a number is passed over, as in PortSentry");
  const ok = mergePorts(ranges);
  return notes.length === 0
    ? { ok }
    : { ok, note: `${notes.join("; ")}; write ports and ranges with commas between them` };
};

/** True when PortSentry finds an item in this list, whatever it is. */
export function hasItem(text: string): boolean {
  return /^[ -~]*/.exec(text)?.[0].replaceAll(",", "") !== "";
}

/**
 * A path ends where PortSentry ends it: a blank of another alphabet behind IGNORE_FILE must exempt nobody less. Its daemon
 * stands in "/", from where a path without "/" at its start is looked for.
 */
function fromRoot(type: ValueType<string | undefined>): OldReading<string | undefined> {
  return (whole) => {
    const [text = ""] = /^[ -~]*/.exec(whole) ?? [];
    if (text !== whole) {
      const { ok } = fromRoot(type)(text);
      return { ok, note: "the path ends at a character that is no ASCII, as in PortSentry; remove the character" };
    }
    const parsed = type.parse(text);
    if ("ok" in parsed) return parsed;
    const rooted = type.parse(text.startsWith("/") ? text : `/${text}`);
    if (!("ok" in rooted)) return { ok: undefined, note: `${parsed.error}; until then there is no such file` };
    return {
      ok: rooted.ok,
      note: `this counts as "/${escapeText(text, 200)}", as in PortSentry, and from the folder of the call with 2.x's command line; ${parsed.error}`,
    };
  };
}

export const oldPath = fromRoot(optionalPath);
export const oldFile = fromRoot(optionalFile);
