// Programs that manage a firewall: ufw, whose rules are deleted by naming them again, and firewalld, where each --add has its
// --remove and its --query.
import { isIpv4 } from "../wire/address.ts";
import { fillWords, isProgram, isTargetWord, type KnownCommand } from "./known-forms.ts";

export function recognizeUfw(words: readonly string[]): KnownCommand | undefined {
  const [program = "", ...rest] = words;
  if (!isProgram(program, /^ufw$/)) return undefined;
  const spec = rest[0] === "--force" ? rest.slice(1) : rest;
  const rule = afterPlace(spec);
  const action = rule?.[0];
  if (rule === undefined || (action !== "deny" && action !== "reject")) return undefined;
  const from = rule.indexOf("from");
  const isAlone = rule.filter((word) => word.includes("$")).length === 1;
  if (from < 0 || !isTargetWord(rule[from + 1]) || !isAlone) return undefined;
  return {
    kind: "ufw",
    name: `ufw ${action}`,
    shutsOut: true,
    forms(values) {
      return {
        block: fillWords([program, ...rest], values),
        unblock: fillWords([program, "delete", ...rule], values),
      };
    },
    isThere: () => undefined,
  };
}

/** The rule behind "insert 1", "prepend" or "rule"; undefined where a place has no number. */
function afterPlace(spec: readonly string[]): readonly string[] | undefined {
  const words = spec[0] === "rule" ? spec.slice(1) : spec;
  if (words[0] === "prepend") return words.slice(1);
  if (words[0] !== "insert") return words;
  return /^\d+$/.test(words[1] ?? "") ? words.slice(2) : undefined;
}

const ADD_OPTION = /^--add-(rich-rule|source|entry)(?:=(.*))?$/s;
/** Options that say where, and are the same for adding, removing and asking. */
const PLACE = /^--(?:permanent|zone=[\w-]+|ipset=[\w-]+)$/;
const TIMEOUT = /^--timeout=\d+[smh]?$/;

export function recognizeFirewalld(words: readonly string[]): KnownCommand | undefined {
  const [program = "", ...rest] = words;
  if (!isProgram(program, /^firewall-cmd$/)) return undefined;
  const options = joinValues(rest);
  const added = options.map((word) => ADD_OPTION.exec(word)).filter((match) => match !== null);
  const [match] = added;
  const isPlain = options.every((word) => ADD_OPTION.test(word) || PLACE.test(word) || TIMEOUT.test(word));
  if (match === undefined || added.length !== 1 || !isPlain) return undefined;
  const [, what = "", value = ""] = match;
  const rule = what === "rich-rule" ? richRule(value) : undefined;
  if (what === "rich-rule" ? rule === undefined : !isTargetWord(value)) return undefined;
  const place = options.filter((word) => PLACE.test(word));
  return {
    kind: "firewalld",
    name: `firewall-cmd ${what}`,
    shutsOut: true,
    forms(values) {
      const four = isIpv4(values.target);
      if (rule === 4 && !four) return "not run: the command is for IPv4";
      if (rule === 6 && four) return "not run: the command is for IPv6";
      if (what === "entry" && !four) return "not run: it is not known that the set holds IPv6 addresses";
      const filled = fillWords([value], values)[0] ?? "";
      const command = (as: string) => [program, ...place, `--${as}-${what}=${filled}`];
      return { block: fillWords([program, ...rest], values), unblock: command("remove"), readBack: command("query") };
    },
    isThere({ exitCode, output }) {
      if (exitCode === 0) return true;
      return exitCode === 1 && output.trim() === "no" ? false : undefined;
    },
  };
}

/** "--zone drop" is "--zone=drop". */
function joinValues(words: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const takesValue = /^--(?:zone|ipset|timeout|add-rich-rule|add-source|add-entry)$/.test(word);
    if (takesValue && words[at + 1] !== undefined) joined.push(`${word}=${words[++at] ?? ""}`);
    else joined.push(word);
  }
  return joined;
}

/** The family of a rule that drops or rejects what comes from the source; undefined for any other rule. */
function richRule(text: string): 4 | 6 | undefined {
  const match =
    /^rule family=["']?ipv([46])["']? source address=["']?\$TARGET\$(?:\/32)?["']? (?:log(?: [\w-]+=(?:"[^"]*"|\S+)| limit value=\S+)* )?(?:drop|reject(?: type=\S+)?)$/.exec(
      text.trim().replace(/\s+/g, " "),
    );
  if (match === null) return undefined;
  return match[1] === "6" ? 6 : 4;
}
