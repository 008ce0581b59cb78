// ipset add SET $TARGET$: undone by "del", read back by "test". What a set of ipset holds is of one family, and its name
// does not tell which.
import { isIpv4 } from "../wire/address.ts";
import { fillWords, isProgram, isTargetWord, type KnownCommand } from "./known-forms.ts";

const ADD = /^(?:add|-A|--add)$/;
/** Options of ipset itself, wherever they stand. */
const QUIET = /^(?:-exist|-!|--exist|-q|-quiet|--quiet)$/;
/** Options of an element that are a word and its value. */
const ELEMENT_OPTIONS = /^(?:timeout|comment|packets|bytes|skbmark|skbprio|skbqueue)$/;

export function recognizeIpset(words: readonly string[]): KnownCommand | undefined {
  const [program = "", ...rest] = words;
  if (!isProgram(program, /^ipset$/)) return undefined;
  const [verb = "", set = "", target, ...options] = rest.filter((word) => !QUIET.test(word));
  if (!ADD.test(verb) || !/^[A-Za-z0-9_][\w.-]*$/.test(set) || !isTargetWord(target)) return undefined;
  if (options.length % 2 !== 0 || options.some((word, at) => at % 2 === 0 && !ELEMENT_OPTIONS.test(word)))
    return undefined;
  return {
    kind: "ipset",
    name: `ipset ${set}`,
    shutsOut: true,
    forms(values) {
      if (!isIpv4(values.target)) return `not run: it is not known that the set ${set} holds IPv6 addresses`;
      const command = (as: string) => fillWords([program, as, set, "$TARGET$"], values);
      return {
        block: fillWords([program, ...rest], values),
        unblock: command("del"),
        readBack: command("test"),
        list: [program, "list", set],
      };
    },
    isThere({ exitCode, output }) {
      if (exitCode === 0) return true;
      // "192.0.2.1 is NOT in set blk."; a set that is not there, or no right to ask, ends with 1 as well.
      return exitCode === 1 && /is NOT in set/i.test(output) ? false : undefined;
    },
  };
}
