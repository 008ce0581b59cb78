// The usual forms of commands that ask the daemon, as "portreeve status --json -c FILE", read without commander: a monitoring check
// gives one of them every few seconds, and commander would be a third of its time. Every line in another form, right or wrong, is
// left to program.ts.
import { controlLimits } from "../control/limits.ts";
import { defaultConfFile } from "./options.ts";

interface Form {
  /** How many operands the command takes, at least and at most. */
  readonly operands: readonly [least: number, most: number];
  readonly options?: readonly OptionName[];
}

/** The long options, and what follows them. One that is missing here, as --type, needs commander's checks. */
export const plainOptions = {
  json: "nothing",
  conf: "text",
  follow: "nothing",
  limit: "count",
  source: "text",
  since: "text",
  until: "text",
  force: "nothing",
  for: "text",
  reason: "text",
  all: "nothing",
} as const;

type OptionName = keyof typeof plainOptions;
interface Values {
  readonly nothing: boolean;
  readonly text: string;
  readonly count: number;
}
export type PlainOptions = { readonly [Name in OptionName]?: Values[(typeof plainOptions)[Name]] } & {
  readonly conf: string;
};

const shortNames: Readonly<Record<string, OptionName | undefined>> = { "-c": "conf", "-f": "follow", "-n": "limit" };
const common: readonly OptionName[] = ["conf", "json"];

/** As client-commands.ts has the commands. */
export const forms = {
  status: { operands: [0, 0] },
  blocked: { operands: [0, 0] },
  guard: { operands: [0, 0] },
  confirm: { operands: [0, 0] },
  metrics: { operands: [0, 0] },
  events: { operands: [0, 1], options: ["follow", "limit", "source", "since", "until"] },
  report: { operands: [0, 0], options: ["since", "until"] },
  why: { operands: [1, 1] },
  block: { operands: [1, 1], options: ["for", "reason", "force"] },
  unblock: { operands: [0, 1], options: ["all"] },
  allow: { operands: [1, 1], options: ["reason", "force"] },
  disallow: { operands: [1, 1] },
} as const satisfies Readonly<Record<string, Form>>;

type CommandName = keyof typeof forms;

export interface PlainCall {
  readonly command: CommandName;
  /** The address of "why", the source of "block", the filter of "events" and the like; "" for none. */
  readonly operand: string;
  readonly options: PlainOptions;
}

/** Undefined: read it with program.ts. */
export function readPlainCall([name = "", ...words]: readonly string[]): PlainCall | undefined {
  if (!isCommand(name)) return undefined;
  const form: Form = forms[name];
  const allowed = [...common, ...(form.options ?? [])];
  const operands: string[] = [];
  const given = new Map<OptionName, Values[keyof Values]>();
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith("-")) {
      operands.push(word);
      continue;
    }
    const option = shortNames[word] ?? allowed.find((one) => word === `--${one}`);
    if (option === undefined || !allowed.includes(option) || given.has(option)) return undefined;
    const value = plainOptions[option] === "nothing" || readValue(plainOptions[option], words.shift() ?? "-");
    if (value === undefined) return undefined;
    given.set(option, value);
  }
  const [least, most] = form.operands;
  if (operands.length < least || operands.length > most) return undefined;
  const options: PlainOptions = { conf: defaultConfFile, ...Object.fromEntries(given) };
  return { command: name, operand: operands[0] ?? "", options };
}

function readValue(kind: "text" | "count", word: string): string | number | undefined {
  if (kind === "count")
    return /^\d{1,6}$/.test(word) && Number(word) <= controlLimits.events ? Number(word) : undefined;
  return word.startsWith("-") ? undefined : word;
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(forms, name);
}
