// iptables and ip6tables: -I or -A of a rule that names the source. The inverse is the same rule with -D, the read-back
// with -C; for IPv6 sources the same rule goes to ip6tables.
import { isIpv4 } from "../wire/address.ts";
import { baseName, fillWords, isProgram, isTargetWord, type KnownCommand } from "./known-forms.ts";
import type { TemplateValues } from "./template.ts";

const ADD = new Set(["-I", "-A", "--insert", "--append"]);
const INSERT = new Set(["-I", "--insert"]);
const OTHER_COMMAND =
  /^(?:-[CDEFLNPRSXZ]|--(?:check|delete|rename-chain|flush|list|new-chain|policy|replace|list-rules|delete-chain|zero))$/;
const SOURCE = new Set(["-s", "--source", "--src", "-d", "--destination", "--dst"]);
/** The lock, and a table by name. */
const LISTABLE = /^(?:-w|--wait|-t|--table|filter|raw|mangle|security|\d+)$/;
const JUMP = new Set(["-j", "--jump", "-g", "--goto"]);
/** Targets after which a packet goes on its way. */
const PASSES = new Set(["LOG", "NFLOG", "ULOG", "ACCEPT", "RETURN", "MARK", "CONNMARK", "TRACE", "AUDIT", "TEE"]);

/** A rule: words before the verb, chain, position ("1" or none), and the rest of the rule. */
interface Rule {
  readonly program: string;
  readonly verb: string;
  readonly before: readonly string[];
  readonly chain: string;
  readonly position: readonly string[];
  readonly after: readonly string[];
}

export function recognizeIptables(words: readonly string[]): KnownCommand | undefined {
  const rule = parseRule(words);
  if (rule === undefined) return undefined;
  const target = jumpOf(rule);
  return {
    kind: "iptables",
    name: `${baseName(rule.program)} ${target}`,
    shutsOut: !PASSES.has(target),
    forms(values) {
      const fitting = fitFamily(rule, values);
      if (typeof fitting === "string") return fitting;
      const { program, before, chain, after, verb, position } = fitting;
      const command = (as: string, at: readonly string[]) =>
        fillWords([program, ...before, as, chain, ...at, ...after], values);
      // An option before the verb may be of the rule: then there is no telling how to list.
      const list = before.every((word) => LISTABLE.test(word)) ? [program, ...before, "-S", chain] : undefined;
      return {
        block: command(verb, position),
        unblock: command("-D", []),
        readBack: command("-C", []),
        ...(list !== undefined && { list }),
      };
    },
    isThere({ exitCode }) {
      if (exitCode === 0) return true;
      // 1: no such rule, or no such chain. Others: a lock, a usage error, no right to ask.
      return exitCode === 1 ? false : undefined;
    },
    isRefused: ({ exitCode }) => exitCode === 2,
  };
}

function parseRule(words: readonly string[]): Rule | undefined {
  const [program = "", ...rest] = words;
  if (!isProgram(program, /^ip6?tables(?:-nft|-legacy)?$/)) return undefined;
  const verbAt = rest.findIndex((word) => ADD.has(word));
  const verb = rest[verbAt];
  const chain = rest[verbAt + 1];
  if (verb === undefined || chain === undefined || !/^[A-Za-z][\w.-]*$/.test(chain)) return undefined;
  const position = INSERT.has(verb) && /^\d+$/.test(rest[verbAt + 2] ?? "") ? rest.slice(verbAt + 2, verbAt + 3) : [];
  const before = rest.slice(0, verbAt);
  const after = rest.slice(verbAt + 2 + position.length);
  const options = [...before, ...after];
  const names = options.some((word, at) => SOURCE.has(word) && isTargetWord(options[at + 1]));
  const jumps = options.some((word, at) => JUMP.has(word) && options[at + 1] !== undefined);
  const other = options.some((word) => ADD.has(word) || OTHER_COMMAND.test(word));
  return names && jumps && !other ? { program, verb, before, chain, position, after } : undefined;
}

/** The target that the rule names. */
function jumpOf({ before, after }: Rule): string {
  const options = [...before, ...after];
  return options[options.findIndex((word) => JUMP.has(word)) + 1] ?? "";
}

function fitFamily(rule: Rule, { target }: TemplateValues): Rule | string {
  const forSix = isProgram(rule.program, /^ip6tables/);
  if (isIpv4(target)) return forSix ? "not run: the command is for IPv6" : rule;
  if (forSix) return rule;
  const before = toIpv6(rule.before);
  const after = toIpv6(rule.after);
  if (before === undefined || after === undefined) return "not run: the command is for IPv4, and its rule is too";
  const slash = rule.program.lastIndexOf("/") + 1;
  const program = `${rule.program.slice(0, slash)}ip6tables${rule.program.slice(slash + "iptables".length)}`;
  return { ...rule, program, before, after };
}

/** The options for ip6tables; undefined if one of them is about IPv4. */
function toIpv6(words: readonly string[]): readonly string[] | undefined {
  const result: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "-4" || word === "--ipv4") continue;
    if (word === "--reject-with" && /^icmp-/.test(words[at + 1] ?? "")) {
      at++;
      continue;
    }
    if (word === "icmp" || word === "-6" || word === "--ipv6" || /^\d+\.\d+\.\d+\.\d+/.test(word)) return undefined;
    result.push(word);
  }
  return result;
}
