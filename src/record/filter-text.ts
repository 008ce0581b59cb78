// The filter language of events and blocks: words with blanks between them, all of which must hold, as in
//   source:203.0.113.0/24 kind:syn port:22 tool:masscan -grade:direct since:24h
// A comma stands between alternatives, "-" or "!" in front denies, quotes hold blanks. A word without a colon is an address or a part of the
// message.
import { escapeWord } from "../base/escape.ts";
import { parseWhen, whenExamples } from "../base/when.ts";
import { kindNames } from "../detect/kinds.ts";
import { grades } from "../judge/verdict.ts";
import { isIpv4, type Prefix, parsePrefix, prefixContains } from "../wire/address.ts";
import { eventTypes } from "./event.ts";

/** What is known of an event, or of a block; a word about a fact that is absent does not hold. */
export interface Facts {
  /** ISO 8601. */
  readonly time: string;
  readonly type?: string;
  readonly source?: string;
  readonly protocol?: string;
  readonly port?: number;
  readonly kind?: string;
  readonly tool?: string;
  readonly known?: string;
  readonly grade?: string;
  readonly action?: string;
  readonly message?: string;
}

export type Condition = (facts: Facts) => boolean;
type Read = { readonly ok: Condition } | { readonly error: string };

/** A filter that was read. What stands beside the condition follows from it, for a store that has an index of it. */
export interface Filter {
  readonly condition: Condition;
  readonly within?: Prefix;
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

export const MAX_FILTER_CHARS = 500;
const MAX_WORDS = 20;
const MAX_VALUES = 20;

interface Key {
  readonly meaning: string;
  readonly example: string;
  readonly read: (value: string, nowMs: number) => Read;
}

/** Each key of the language, a row each. */
export const filterKeys = {
  source: { meaning: "the address, or a network around it", example: "source:203.0.113.0/24", read: readSource },
  kind: { meaning: "the kind of scan", example: "kind:syn,xmas", read: oneOf("kind", kindNames) },
  port: {
    meaning: "the port, a range, or a protocol's port",
    example: "port:22 or port:1-1023 or port:udp/53",
    read: readPort,
  },
  proto: { meaning: "the protocol", example: "proto:udp", read: equal("protocol") },
  tool: { meaning: "the scanner's program", example: "tool:masscan", read: equal("tool") },
  known: { meaning: "the source's name in KNOWN_SCANNERS", example: "known:shodan", read: equal("known") },
  grade: { meaning: "how it is proven", example: "grade:silence,handshake", read: oneOf("grade", grades) },
  type: { meaning: "the type of event", example: "type:finding,block", read: oneOf("type", eventTypes) },
  action: { meaning: "the action that followed", example: "action:held", read: equal("action") },
  text: { meaning: "a part of the message", example: 'text:"closed ports"', read: readText },
  since: {
    meaning: `from this time on: ${whenExamples}`,
    example: "since:24h",
    read: (value, now) => readTime(value, now, false),
  },
  until: { meaning: "before this time", example: "until:7d", read: (value, now) => readTime(value, now, true) },
} as const satisfies Readonly<Record<string, Key>>;

type KeyName = keyof typeof filterKeys;

/** `nowMs`: the wall clock, for "24h". The error names the word and what may stand there. */
export function parseFilter(text: string, nowMs: number): { readonly ok: Filter } | { readonly error: string } {
  if (text.length > MAX_FILTER_CHARS) return { error: `the filter is longer than ${MAX_FILTER_CHARS} characters` };
  const words = text.match(/(?:"[^"]*"|[^\s"]|"(?=[^"]*$))+/g) ?? [];
  if (words.length > MAX_WORDS) return { error: `the filter has more than ${MAX_WORDS} words` };
  const conditions: Condition[] = [];
  for (const word of words) {
    const read = readWord(word, nowMs);
    if ("error" in read) return read;
    conditions.push(read.ok);
  }
  return { ok: { condition: (facts) => conditions.every((holds) => holds(facts)), ...bounds(words, nowMs) } };
}

/** Of words with one value that are not denied. */
function bounds(words: readonly string[], nowMs: number): Omit<Filter, "condition"> {
  const valueAt = (name: string) =>
    words.find((word) => word.startsWith(`${name}:`) && !word.includes(","))?.slice(name.length + 1);
  const [source, since, until] = ["source", "since", "until"].map((name) => unquote(valueAt(name) ?? ""));
  const within = parsePrefix(source ?? "");
  const sinceMs = parseWhen(since ?? "", nowMs);
  const untilMs = parseWhen(until ?? "", nowMs);
  // An IPv6 address is counted by its /64, which does not lie within it.
  const isWhole = within !== undefined && (isIpv4(within) || within.bits <= 64);
  return {
    ...(isWhole && { within }),
    ...(sinceMs !== undefined && { sinceMs: Math.max(0, Math.trunc(sinceMs)) }),
    ...(untilMs !== undefined && { untilMs: Math.max(0, Math.ceil(untilMs)) }),
  };
}

function readWord(word: string, nowMs: number): Read {
  if ((word.match(/"/g) ?? []).length % 2 === 1) return { error: `${escapeWord(word)}: a quote is not closed` };
  if (/^[-!]./s.test(word)) {
    const read = readWord(word.slice(1), nowMs);
    return "error" in read ? read : { ok: (facts) => !read.ok(facts) };
  }
  const [, name = "", values = ""] = /^([a-z]+):(.*)$/s.exec(word) ?? [];
  const key = Object.keys(filterKeys).find((one): one is KeyName => one === name);
  if (key !== undefined) return readValues(key, values, nowMs);
  const bare = unquote(word);
  // An IPv6 address has colons too.
  if (parsePrefix(bare) !== undefined) return readSource(bare);
  if (name !== "" && !word.startsWith('"'))
    return {
      error: `"${escapeWord(name)}:" is no key of a filter: write one of ${Object.keys(filterKeys).join(", ")}`,
    };
  return readText(bare);
}

function readValues(name: KeyName, text: string, nowMs: number): Read {
  const key: Key = filterKeys[name];
  const values = (text.match(/(?:"[^"]*"|[^,"])+/g) ?? []).map(unquote);
  if (values.length === 0) return { error: `"${name}:" has no value: write it as ${key.example}` };
  if (values.length > MAX_VALUES) return { error: `"${name}:" has more than ${MAX_VALUES} values` };
  const conditions: Condition[] = [];
  for (const value of values) {
    const read = key.read(value, nowMs);
    if ("error" in read) return { error: `${name}:${escapeWord(value)}: ${read.error}` };
    conditions.push(read.ok);
  }
  return { ok: (facts) => conditions.some((holds) => holds(facts)) };
}

function unquote(text: string): string {
  return text.replaceAll('"', "");
}

function readSource(value: string): Read {
  const within = parsePrefix(value);
  if (within === undefined) return { error: "write an address or a network, as 192.0.2.7 or 2001:db8::/32" };
  return {
    ok: ({ source }) => {
      const about: Prefix | undefined = source === undefined ? undefined : parsePrefix(source);
      // The /64 of an address that is asked for is what the address is counted by.
      return about !== undefined && (prefixContains(within, about) || prefixContains(about, within));
    },
  };
}

function readPort(value: string): Read {
  const [, protocol, first, last = first] = /^(?:([a-z]+)\/)?(\d{1,5})(?:-(\d{1,5}))?$/.exec(value) ?? [];
  const [low, high] = [Number(first), Number(last)];
  if (!(low <= high && high <= 65_535)) return { error: "write a port from 0 to 65535, a range as 1-1023, or tcp/22" };
  return {
    ok: (facts) =>
      facts.port !== undefined &&
      facts.port >= low &&
      facts.port <= high &&
      (protocol === undefined || facts.protocol === protocol),
  };
}

function readText(value: string): Read {
  const wanted = value.toLowerCase();
  return { ok: ({ message = "" }) => message.toLowerCase().includes(wanted) };
}

function readTime(value: string, nowMs: number, isEnd: boolean): Read {
  const ms = parseWhen(value, nowMs);
  if (ms === undefined) return { error: `write a time like ${whenExamples}` };
  return { ok: ({ time }) => Date.parse(time) >= ms !== isEnd };
}

/** Names are compared as they are printed, in any case. */
function equal(name: "protocol" | "tool" | "known" | "action") {
  return (value: string): Read => {
    const wanted = value.toLowerCase();
    return { ok: (facts) => facts[name]?.toLowerCase() === wanted };
  };
}

function oneOf(name: "kind" | "grade" | "type", names: readonly string[]) {
  return (value: string): Read =>
    names.includes(value) ? { ok: (facts) => facts[name] === value } : { error: `write one of ${names.join(", ")}` };
}
