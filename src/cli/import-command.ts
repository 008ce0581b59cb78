// The command line of `portreeve import`. It is called seldom, so that it needs no form in plain-call.ts.
import { type AddCommand, addClientCommand, commander, importExits } from "./command-parts.ts";
import type { ImportOptions } from "./import.ts";

const { Argument } = commander;

export const addImport: AddCommand = (program, { terminal, done }) => {
  const examples = [
    'portreeve import list.txt --for 1d --reason "the hoster\'s list"',
    "portreeve import list.txt --dry-run",
    "curl -s https://lists.example.net/all.txt | portreeve import - --for 1d",
  ];
  addClientCommand(program, "import", examples, importExits)
    .description(
      "Block the sources of a list: an address or CIDR a line, with # before comments. A source that is blocked for longer keeps " +
        "its block. What the allow list or the guard covers, addresses of this host and your own, and networks wider than /16 " +
        "(IPv6: /32) are refused, and the command exits with 1; the rest is blocked. These blocks make no events.",
    )
    .addArgument(new Argument("<file>", '"-" for standard input'))
    .option(
      "--for <time>",
      'block for this time: "90s", "10m", "1h", "1d", "2w", or "0" for ever (default: BLOCK_TIME, longer each time)',
    )
    .option("--reason <text>", "keep this reason with the blocks; lists show it")
    .option("--dry-run", "block nothing, and say what would be blocked")
    .action(async (file: string, given: ImportOptions) => {
      const [{ importList }, { findOwnSession }] = await Promise.all([
        import("./import.ts"),
        import("./own-session.ts"),
      ]);
      done(await importList(file, given, terminal, findOwnSession(process)));
    });
};
