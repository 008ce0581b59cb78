// Debian's three helpers for the ignore files, as commands of the same names: portsentry-build-ignore-file,
// portsentry-add-ip and portsentry-rm-ip. They replace a file whole or not at all, and keep its mode and owner.
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { addEntry, buildIgnoreText, isBuilt, removeEntry } from "../config/build-ignore.ts";
import { escapeText } from "../config/problems.ts";
import { errorCode } from "../control/errors.ts";
import { type Prefix, parseAddress, parsePrefix } from "../wire/address.ts";
import { editFile, readText, replaceFile } from "./replace-file.ts";

export const ignoreTools = ["portsentry-build-ignore-file", "portsentry-add-ip", "portsentry-rm-ip"] as const;
export type IgnoreTool = (typeof ignoreTools)[number];

export interface ToolContext {
  /** /etc/portsentry */
  readonly folder: string;
  readonly complain: (line: string) => void;
  /** Addresses of the host's interfaces, as text. */
  readonly ownAddresses: () => readonly string[];
}

export const realToolContext: ToolContext = {
  folder: "/etc/portsentry",
  complain: (line) => void process.stderr.write(`${line}\n`),
  ownAddresses: () =>
    Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address)),
};

/** What Perl's die ends with where no system call has failed. */
const EXIT_DIED = 255;
const NEW_FILE_MODE = 0o644;

/** Returns the exit code. */
export function runIgnoreTool(tool: IgnoreTool, args: readonly string[], context: ToolContext): number {
  try {
    switch (tool) {
      case "portsentry-build-ignore-file":
        return build(context);
      case "portsentry-add-ip":
        return edit(args, context, { tool, purpose: "Adds an ip to portsentry.ignore.static.", change: addEntry });
      case "portsentry-rm-ip":
        return edit(args, context, {
          tool,
          purpose: "Remove an ip from portsentry.ignore.static.",
          change: removeEntry,
        });
    }
  } catch (error) {
    context.complain(`${tool}: ${error instanceof Error ? escapeText(error.message, 1000) : String(error)}`);
    return EXIT_DIED;
  }
}

function build(context: ToolContext): number {
  const { staticPath, ignorePath } = paths(context);
  const staticText = tryReadText(staticPath);
  if (staticText.code !== undefined) {
    context.complain(`Cannot open ${staticPath}: ${staticText.code}`);
    return EXIT_DIED;
  }
  const own = context.ownAddresses().flatMap((text) => parseAddress(text.replace(/%.*$/, "")) ?? []);
  const { text, problems } = buildIgnoreText({ staticText: staticText.text, staticPath, ignorePath, own });
  for (const problem of problems) context.complain(problem);
  replaceFile(ignorePath, text, NEW_FILE_MODE);
  return 0;
}

interface Edit {
  readonly tool: IgnoreTool;
  readonly purpose: string;
  readonly change: (staticText: string, entry: Prefix) => string | undefined;
}

function edit(args: readonly string[], context: ToolContext, { tool, purpose, change }: Edit): number {
  const [typed] = args;
  if (typed === undefined) {
    context.complain(`${purpose}\nusage: ${tool} ip-address`);
    return EXIT_DIED;
  }
  const entry = parsePrefix(typed);
  if (entry === undefined) {
    context.complain(
      `${escapeText(typed)} is not in aaa.bbb.ccc.ddd format!\n` +
        "Write an IPv4 or IPv6 address, or a network such as 192.0.2.0/24 or 2001:db8::/32.",
    );
    return EXIT_DIED;
  }
  const { staticPath, ignorePath } = paths(context);
  const before = tryReadText(staticPath);
  if (before.code !== undefined) {
    context.complain(`Can't read ${staticPath}: ${before.code}`);
    return EXIT_DIED;
  }
  editFile(staticPath, (text) => change(text, entry));
  // A file that was made from the static one would keep the old entries until the next start.
  const made = tryReadText(ignorePath);
  return made.code === undefined && isBuilt(made.text) ? build(context) : 0;
}

function paths({ folder }: ToolContext): { staticPath: string; ignorePath: string } {
  return { staticPath: join(folder, "portsentry.ignore.static"), ignorePath: join(folder, "portsentry.ignore") };
}

type TextRead = { readonly text: string; readonly code: undefined } | { readonly code: string };

function tryReadText(path: string): TextRead {
  try {
    return { text: readText(path), code: undefined };
  } catch (error) {
    return { code: describeCode(errorCode(error)) };
  }
}

/** strerror(3) of what happens to files of administrators. */
function describeCode(code: string): string {
  switch (code) {
    case "ENOENT":
      return "No such file or directory";
    case "EACCES":
      return "Permission denied";
    case "EISDIR":
      return "Is a directory";
    default:
      return code === "" ? "it cannot be read" : code;
  }
}
