// nft add element FAMILY TABLE SET { $TARGET$ }: undone by "delete element", read back by "get element".
import { isIpv4 } from "../wire/address.ts";
import { fillWords, isProgram, type KnownCommand } from "./known-forms.ts";

const ADD_ELEMENT =
  /^(?:add|create) element (?:(ip|ip6|inet|arp|bridge|netdev) )?([A-Za-z][\w./\\-]*) ([A-Za-z][\w./\\-]*) \{ ?\$TARGET\$(?:\/32)?( [^{},;]*)?\}$/;

export function recognizeNft(words: readonly string[]): KnownCommand | undefined {
  const [program = "", ...rest] = words;
  if (!isProgram(program, /^nft$/)) return undefined;
  // nft joins its arguments itself, so that one quoted argument and many are the same to it.
  const match = ADD_ELEMENT.exec(rest.join(" ").trim().replace(/\s+/g, " "));
  if (match === null) return undefined;
  const [, family = "ip", table = "", set = "", attributes = ""] = match;
  const extra = attributes
    .trim()
    .split(" ")
    .filter((word) => word !== "");
  return {
    kind: "nft",
    name: `nft set ${set}`,
    shutsOut: true,
    forms(values) {
      const four = isIpv4(values.target);
      if (four && family === "ip6") return "not run: the command is for IPv6";
      if (!four && family !== "ip6") return `not run: it is not known that the set ${set} holds IPv6 addresses`;
      const command = (verb: string, more: readonly string[]) =>
        fillWords([program, verb, "element", family, table, set, "{", "$TARGET$", ...more, "}"], values);
      return {
        block: command("add", extra),
        unblock: command("delete", []),
        readBack: command("get", []),
        list: [program, "list", "set", family, table, set],
      };
    },
    isThere({ exitCode, output }) {
      if (exitCode === 0) return true;
      return exitCode === 1 && output.includes("No such file or directory") ? false : undefined;
    },
  };
}
