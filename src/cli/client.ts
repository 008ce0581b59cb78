// Where `portreeve` begins: a usual call of a command that asks the daemon is answered here, every other is left to main.ts.
// scripts/client-file.mjs joins this file and all that it needs into build/src/cli/client.cjs.
import type { ExitCode } from "../base/exit-code.ts";
import { type PlainCall, readPlainCall } from "./plain-call.ts";
import type { Terminal } from "./terminal.ts";

const call = readPlainCall(process.argv.slice(2));
if (call === undefined) await import("./main.ts");
else {
  // Not before: main.ts has a terminal of its own.
  const { exitCodeOf, terminal } = await import("./own-terminal.ts");
  process.exitCode = await run(call, terminal).catch(exitCodeOf);
}

async function run({ command, operand, options }: PlainCall, terminal: Terminal): Promise<ExitCode> {
  switch (command) {
    case "status":
      return (await import("./status.ts")).status(options, terminal);
    case "blocked":
      return (await import("./blocked.ts")).blocked(options, terminal);
    case "guard":
      return (await import("./guard.ts")).guard(options, terminal);
    case "confirm":
      return (await import("./confirm.ts")).confirm(options, terminal);
    case "metrics":
      return (await import("./metrics.ts")).metrics(options, terminal);
    case "events":
      return (await import("./events.ts")).events(operand === "" ? [] : [operand], options, terminal);
    case "report":
      return (await import("./report.ts")).report(options, terminal);
    case "why":
      return (await import("./why.ts")).why(operand, options, terminal);
    case "block": {
      const [{ block }, { findOwnSession }] = await Promise.all([import("./block.ts"), import("./own-session.ts")]);
      return block(operand, options, terminal, findOwnSession(process));
    }
    case "unblock":
      return (await import("./unblock.ts")).unblock(operand === "" ? undefined : operand, options, terminal);
    case "allow":
    case "disallow":
      return (await import("./allow.ts")).editAllowList(command, operand, options, terminal);
  }
}
