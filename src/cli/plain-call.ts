// The plain forms of commands that only ask the daemon, as "portreeve status --json -c FILE", read without commander: a
// monitoring check gives one of them every few seconds, and commander would be a third of its time. Every line in another
// form, right or wrong, is left to program.ts.
import { type ClientOptions, defaultConfFile } from "./options.ts";

export interface PlainCall {
  readonly command: "status" | "blocked" | "guard" | "why";
  /** The address for "why", else "". */
  readonly operand: string;
  readonly options: ClientOptions;
}

const commands = ["status", "blocked", "guard", "why"] as const satisfies readonly PlainCall["command"][];

/** Undefined: read it with program.ts. */
export function readPlainCall([name, ...words]: readonly string[]): PlainCall | undefined {
  const command = commands.find((one) => one === name);
  if (command === undefined) return undefined;
  const operands: string[] = [];
  let conf: string | undefined;
  let json = false;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--json") json = true;
    else if ((word === "-c" || word === "--conf") && conf === undefined) conf = words.shift() ?? "-";
    else operands.push(word);
  }
  const isPlain = [...operands, conf ?? ""].every((word) => !word.startsWith("-"));
  if (!isPlain || operands.length !== (command === "why" ? 1 : 0)) return undefined;
  return { command, operand: operands[0] ?? "", options: { conf: conf ?? defaultConfFile, ...(json ? { json } : {}) } };
}
