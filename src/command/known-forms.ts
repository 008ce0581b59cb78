// What the recognizers of known commands share: the shape of what they find, and how they fill arguments in.
import { formatPrefix } from "../wire/address.ts";
import { replaceTokens, type TemplateValues } from "./template.ts";

export type KnownKind = "iptables" | "nft" | "ip-route" | "route" | "ipset" | "ufw" | "firewalld";

/** The commands for one source. */
export interface CommandForms {
  readonly block: readonly string[];
  readonly unblock: readonly string[];
  /** Absent: nothing tells whether the block is there. */
  readonly readBack?: readonly string[];
  /** Prints every block of the kind, each with its source as a word: one process for all of them. Absent: there is none. */
  readonly list?: readonly string[];
}

export interface KnownCommand {
  readonly kind: KnownKind;
  /** What it does, in few words: "iptables DROP". */
  readonly name: string;
  /** False for what lets packets through, such as a rule that logs them. */
  readonly shutsOut: boolean;
  /** The forms for a source, or why there are none for it. */
  forms(values: TemplateValues): CommandForms | string;
  /** What the answer to `readBack` means; undefined: it does not tell. */
  isThere(answer: { readonly exitCode: number | undefined; readonly output: string }): boolean | undefined;
  /** The program took the command for a mistake: it cannot have done it either. Absent: that cannot be told. */
  isRefused?(answer: { readonly exitCode: number | undefined }): boolean;
}

/** True for an argument that is the source and nothing else; "/32" says what is so anyway. */
export function isTargetWord(word: string | undefined): boolean {
  return word === "$TARGET$" || word === "$TARGET$/32";
}

/** Fills the arguments in: the source without a "/32" that would not fit IPv6 or a block of addresses. */
export function fillWords(words: readonly string[], values: TemplateValues): readonly string[] {
  const target = formatPrefix(values.target);
  return words.map((word) => (isTargetWord(word) ? target : replaceTokens(word, values)));
}

/** The sources that a `list` command has named. */
export function listedSources(output: string): ReadonlySet<string> {
  return new Set(output.split(/[\s,{}]+/).map((word) => word.replace(/\/(?:32|128)$/, "")));
}

/** "/sbin/ip" for ("/sbin/ip", /^ip$/): the words' program, if it is the one meant. */
export function isProgram(word: string | undefined, name: RegExp): boolean {
  return word !== undefined && name.test(baseName(word));
}

/** A program's name without its folder. */
export function baseName(program: string): string {
  return program.slice(program.lastIndexOf("/") + 1);
}
