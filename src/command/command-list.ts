// A KILL_ROUTE as a list of commands, joined as sh joins them: "A && B", "A; B", "A || true". It is known when each of its
// parts is: a command of a known form, or one that changes nothing that would have to be undone.
import { recognizeCommand } from "./known-commands.ts";
import { baseName, isProgram, type KnownCommand } from "./known-forms.ts";
import { parseTemplate, type Template } from "./template.ts";

/** What stands before a part. */
export type Joint = "" | "&&" | "||" | ";";

export interface ListPart {
  readonly joint: Joint;
  readonly template: Template;
  /** Absent: it changes nothing. */
  readonly known?: KnownCommand;
}

/** The first part that is of no known form. */
export interface UnknownPart {
  readonly unknown: string;
}

/** Programs that only tell something. */
const TELLING = /^(?:true|echo|printf|logger|sleep|date)$/;
/** Asking for a rule, before it is made or after. */
const ASKING: readonly (readonly [program: RegExp, verb: RegExp])[] = [
  [/^ip6?tables(?:-nft|-legacy)?$/, /^(?:-C|--check)$/],
  [/^ipset$/, /^(?:test|-T)$/],
];
/** What the parts print is read by us: where it would go in a shell does not matter. */
const TO_NULL = /(?:\s+(?:[12]?>>?\s*\/dev\/null|2>&1))+$/;

export function recognizeList(text: string): readonly ListPart[] | UnknownPart {
  const pieces = splitList(text);
  if (pieces === undefined) return { unknown: text };
  const parts: ListPart[] = [];
  for (const { joint, text: piece } of pieces) {
    const bare = piece.trim().replace(TO_NULL, "");
    const template = parseTemplate(bare === ":" ? "true" : bare);
    const known = recognizeCommand(template);
    if (known === undefined && (pieces.length === 1 || !changesNothing(template))) return { unknown: piece.trim() };
    parts.push({ joint, template, ...(known !== undefined && { known }) });
  }
  return parts.some(({ known }) => known !== undefined) ? parts : { unknown: text };
}

/** What does the block, in few words: "iptables DROP", for a command of no known form its program. */
export function nameRoute(text: string): string {
  const list = recognizeList(text);
  if (!("unknown" in list))
    return shuttingParts(list)
      .map(({ name }) => name)
      .join(" and ");
  const [program = ""] = parseTemplate(text).words ?? text.trim().split(/\s+/);
  return baseName(program).slice(0, 40);
}

/** The parts that shut a source out; where none does, all that change something. */
export function shuttingParts(list: readonly ListPart[]): readonly KnownCommand[] {
  const known = list.flatMap((part) => part.known ?? []);
  const shutting = known.filter(({ shutsOut }) => shutsOut);
  return shutting.length > 0 ? shutting : known;
}

function changesNothing({ words = [] }: Template): boolean {
  const [program, ...rest] = words;
  if (isProgram(program, TELLING)) return true;
  return ASKING.some(([name, verb]) => isProgram(program, name) && rest.some((word) => verb.test(word)));
}

/** Splits outside quotes; undefined where another operator stands ("|", "&"), or a quote has no end. */
function splitList(text: string): { readonly joint: Joint; readonly text: string }[] | undefined {
  const pieces: { joint: Joint; text: string }[] = [];
  let joint: Joint = "";
  let from = 0;
  let at = 0;
  while (at < text.length) {
    const character = text[at] ?? "";
    if (character === "'" || character === '"') {
      const close = text.indexOf(character, at + 1);
      if (close < 0) return undefined;
      at = close + 1;
      continue;
    }
    const operator = operatorAt(text, at);
    if (operator === undefined) return undefined;
    if (operator === "") {
      at++;
      continue;
    }
    pieces.push({ joint, text: text.slice(from, at) });
    joint = operator;
    at += operator.length;
    from = at;
  }
  const last = text.slice(from);
  if (joint !== ";" || last.trim() !== "") pieces.push({ joint, text: last });
  return pieces.some((piece) => piece.text.trim() === "") ? undefined : pieces;
}

/** "" for no operator; undefined for one that makes no list. */
function operatorAt(text: string, at: number): Joint | undefined {
  const character = text[at];
  const next = text[at + 1];
  if (character === ";") return next === ";" ? undefined : ";";
  if (character === "&") {
    if (next === "&") return "&&";
    return text[at - 1] === ">" ? "" : undefined;
  }
  if (character !== "|") return "";
  return next === "|" ? "||" : undefined;
}
