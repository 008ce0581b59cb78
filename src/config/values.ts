// The values that can stand between the quotes of a key: for each type its parser, and the words that tell an
// administrator what is allowed. Pure; whether a file or a user exists is not asked here.

import { formatDuration, parseDuration } from "../base/duration.ts";
import { escapeText } from "../base/escape.ts";
import { type Prefix, parsePrefix } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import { MAX_PORT, mergePorts } from "./ports.ts";

/** A note is for the administrator: the value counts, though not as one may think. */
export type Parsed<T> = { readonly ok: T; readonly note?: string } | { readonly error: string };

/** A reading that takes any text. */
export type OldReading<T> = (text: string) => { readonly ok: T; readonly note?: string };

export interface ValueType<T> {
  /** For the reference, the shipped file and messages: "a whole number, 2 to 6". */
  readonly allowed: string;
  /** The error says what is wrong and what is allowed; it does not repeat the whole value. */
  parse(text: string): Parsed<T>;
}

const MAX_IDENT_CHARACTERS = 32;
/** Mistakes of one list that are told. */
const MAX_MISTAKES = 8;

/** "1,2,5-9" with blanks where one likes; "" is the empty list. */
export const portList: ValueType<readonly PortRange[]> = {
  allowed: 'ports and ranges with commas between them, as in "1,7,100-200", or nothing',
  parse(text) {
    if (text.trim() === "") return { ok: [] };
    const ranges: PortRange[] = [];
    const mistakes = new Set<string>();
    for (const item of text.split(",")) {
      const range = parsePortRange(item.trim());
      if ("error" in range) mistakes.add(range.error);
      else ranges.push(range.ok);
    }
    return mistakes.size === 0 ? { ok: mergePorts(ranges) } : { error: joinMistakes([...mistakes]) };
  },
};

/** All of them at once, as a list is mended in one go. */
function joinMistakes(mistakes: readonly string[]): string {
  const told = mistakes.slice(0, MAX_MISTAKES).join("; ");
  const rest = mistakes.length - MAX_MISTAKES;
  return rest > 0 ? `${told}; and ${rest} more` : told;
}

function parsePortRange(item: string): Parsed<PortRange> {
  if (item === "") return { error: "nothing stands between two commas, or at the end after one; remove that comma" };
  const match = /^([0-9]{1,6})(?:[ \t]*-[ \t]*([0-9]{1,6}))?$/.exec(item);
  if (match === null) return { error: `"${escapeText(item, 40)}" is no port or range; write ${portList.allowed}` };
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  for (const port of [first, last]) {
    if (port < 1 || port > MAX_PORT) return { error: `${port} is no port: ports are 1 to ${MAX_PORT}` };
  }
  if (last < first) return { error: `the range ${first}-${last} runs backwards; write ${last}-${first}` };
  return { ok: { first, last } };
}

export interface DurationLimits {
  readonly minMs: number;
  readonly maxMs: number;
  /** What "0" means, where it is allowed: "for ever", "off". */
  readonly zero?: string;
}

/** In milliseconds; "0" (where allowed) gives 0. */
export function duration(limits: DurationLimits): ValueType<number> {
  const span = `${formatDuration(limits.minMs)} to ${formatDuration(limits.maxMs)}`;
  const zero = limits.zero === undefined ? "" : `, or "0": ${limits.zero}`;
  const allowed = `a time from ${span}, as in "90s", "10m", "1h", "1d", "2w" or plain seconds${zero}`;
  return {
    allowed,
    parse(text) {
      const ms = parseDuration(text);
      if (ms === undefined) return { error: `this is no time; write ${allowed}` };
      if (ms === 0 && limits.zero !== undefined) return { ok: 0 };
      if (ms < limits.minMs || ms > limits.maxMs) return { error: `this is out of range; write ${allowed}` };
      return { ok: ms };
    },
  };
}

export function integer(min: number, max: number): ValueType<number> {
  const allowed = `a whole number, ${min} to ${max}`;
  return {
    allowed,
    parse(text) {
      const number = /^[0-9]{1,12}$/.test(text.trim()) ? Number(text.trim()) : Number.NaN;
      return number >= min && number <= max ? { ok: number } : { error: `write ${allowed}` };
    },
  };
}

/** "0.05" or "1e-6". */
export function decimal(min: number, max: number): ValueType<number> {
  const allowed = `a number, ${min} to ${max}`;
  return {
    allowed,
    parse(text) {
      const word = text.trim();
      const number = /^[0-9]{1,9}(?:\.[0-9]{1,15})?(?:e-?[0-9]{1,2})?$/i.test(word) ? Number(word) : Number.NaN;
      return number >= min && number <= max ? { ok: number } : { error: `write ${allowed}` };
    },
  };
}

const MAX_NETWORKS = 1_000;

/** Addresses and networks with commas between them; "" is the empty list. */
export const networkList: ValueType<readonly Prefix[]> = {
  allowed: `addresses and networks with commas between them, as in "192.0.2.0/24,2001:db8::/32", at most ${MAX_NETWORKS}`,
  parse(text) {
    if (text.trim() === "") return { ok: [] };
    const words = text.split(",").map((word) => word.trim());
    if (words.length > MAX_NETWORKS) return { error: `write ${networkList.allowed}` };
    const networks: Prefix[] = [];
    for (const word of words) {
      const network = parsePrefix(word);
      if (network === undefined) return { error: `"${escapeText(word, 60)}" is none; write ${networkList.allowed}` };
      networks.push(network);
    }
    return { ok: networks };
  },
};

/** A packet mark: 32 bits, of which 0 means none. */
export const packetMark: ValueType<number> = {
  allowed: "a packet mark, 1 to 4294967295 or 0x1 to 0xffffffff",
  parse(text) {
    const word = text.trim();
    const number = /^(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(word) ? Number(word) : 0;
    return number >= 1 && number <= 0xffffffff ? { ok: number } : { error: `write ${packetMark.allowed}` };
  },
};

/** One of a few words; `refused` explains words that one may expect to work. */
export function choice<T>(
  words: ReadonlyMap<string, T>,
  refused: ReadonlyMap<string, string> = new Map(),
): ValueType<T> {
  const allowed = [...words.keys()].map((word) => `"${word}"`).join(" or ");
  return {
    allowed,
    parse(text) {
      const word = text.trim();
      for (const [known, value] of words) if (known === word) return { ok: value };
      return { error: refused.get(word) ?? `write ${allowed}` };
    },
  };
}

const MAX_INTERFACES = 64;

/** At most 15 bytes (IFNAMSIZ), and none that means something in a rule of nft: the name is put into one. */
export function isInterfaceName(name: string): boolean {
  return /^[A-Za-z0-9_.:@+-]{1,15}$/.test(name) && name !== "." && name !== "..";
}

/** "ALL", "ALL_NLO", or the names of interfaces. */
export const interfaceList: ValueType<readonly string[]> = {
  allowed: '"ALL", "ALL_NLO" or names of interfaces with commas between them, at most 64',
  parse(text) {
    const names = text.split(",").map((name) => name.trim());
    const isAll = names.some((name) => name === "ALL" || name === "ALL_NLO");
    const isGood = isAll ? names.length === 1 : names.length <= MAX_INTERFACES && names.every(isInterfaceName);
    return isGood ? { ok: names } : { error: `write ${interfaceList.allowed}` };
  },
};

/** PortSentry's switches: "1" is on and every other text off. */
export const flag: ValueType<boolean> = {
  allowed: '"0" or "1"',
  parse(text) {
    const word = text.trim();
    if (word === "0" || word === "1") return { ok: word === "1" };
    return { ok: false, note: 'this counts as "0", as in PortSentry; write "0" or "1"' };
  },
};

/** A text, or nothing. */
export const optionalText: ValueType<string | undefined> = {
  allowed: "a text, or nothing",
  parse: (text) => ({ ok: text.trim() === "" ? undefined : text }),
};

/** A group by its name or number, or none. Whether there is such a group is asked elsewhere. */
export const groupName: ValueType<string> = {
  allowed: "the name or number of a group, or nothing",
  parse(text) {
    const good = /^(?:[A-Za-z_][A-Za-z0-9_.-]{0,31}|\d{1,9}|)$/.test(text);
    return good ? { ok: text } : { error: `write ${groupName.allowed}` };
  },
};

/** RFC 3164 section 4.1.3 ends a tag at the first character that is no letter or digit; log readers also know these three. */
export const syslogIdent: ValueType<string> = {
  allowed: `letters, digits, "_", "." and "-", at most ${MAX_IDENT_CHARACTERS}`,
  parse(text) {
    const good = text.length <= MAX_IDENT_CHARACTERS && /^[A-Za-z0-9_.-]+$/.test(text);
    return good ? { ok: text } : { error: `write ${syslogIdent.allowed}` };
  },
};
