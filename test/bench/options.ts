// The options behind a bench's name, as in `npm run bench -- disclosure --runs=5`; scripts/test.mjs hands them on.
import { parseArgs } from "node:util";

/** Fails for an option that `defaults` does not name. */
export function readOptions<Name extends string>(
  defaults: Readonly<Record<Name, string>>,
): Readonly<Record<Name, string>> {
  const args = (process.env.BENCH_OPTIONS ?? "").split("\n").filter((each) => each !== "");
  const names = Object.keys(defaults).map((name) => [name, { type: "string" as const }] as const);
  const { values } = parseArgs({ args, options: Object.fromEntries(names) });
  return { ...defaults, ...values };
}
