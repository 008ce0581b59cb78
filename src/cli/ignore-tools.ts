// Debian's three helpers for the ignore files, as commands of the same names: portsentry-build-ignore-file,
// portsentry-add-ip and portsentry-rm-ip. They replace a file whole or not at all, and keep
// its mode and owner (base/replaced-file.ts).
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { errorCode } from "../base/errors.ts";
import { escapeText, escapeWord } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { addEntry, buildIgnoreText, isBuilt, removeEntry } from "../config/build-ignore.ts";
import { editFile, fileAt } from "../config/edit-ignore.ts";
import { type Prefix, parseAddress, parsePrefix } from "../wire/address.ts";

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

/** Returns the exit code. */
export async function runIgnoreTool(tool: IgnoreTool, args: readonly string[], context: ToolContext): Promise<number> {
  try {
    switch (tool) {
      case "portsentry-build-ignore-file":
        return await build(context);
      case "portsentry-add-ip":
        return await edit(args, context, {
          tool,
          purpose: "Adds an ip to portsentry.ignore.static.",
          change: addEntry,
        });
      case "portsentry-rm-ip":
        return await edit(args, context, {
          tool,
          purpose: "Remove an ip from portsentry.ignore.static.",
          change: removeEntry,
        });
    }
  } catch (error) {
    context.complain(`${tool}: ${error instanceof Error ? escapeText(error.message, 1000) : String(error)}`);
    return ExitCode.Died;
  }
}

async function build(context: ToolContext): Promise<number> {
  const { staticPath, ignorePath } = paths(context);
  const staticText = await tryReadText(staticPath);
  if (staticText.code !== undefined) {
    context.complain(`Cannot open ${staticPath}: ${staticText.code}`);
    return ExitCode.Died;
  }
  const own = context.ownAddresses().flatMap((text) => parseAddress(text.replace(/%.*$/, "")) ?? []);
  const { text, problems } = buildIgnoreText({ staticText: staticText.text, staticPath, ignorePath, own });
  for (const problem of problems) context.complain(problem);
  await fileAt(ignorePath).replace(text);
  return 0;
}

interface Edit {
  readonly tool: IgnoreTool;
  readonly purpose: string;
  readonly change: (staticText: string, entry: Prefix) => string | undefined;
}

async function edit(args: readonly string[], context: ToolContext, { tool, purpose, change }: Edit): Promise<number> {
  const [typed] = args;
  if (typed === undefined) {
    context.complain(`${purpose}\nusage: ${tool} ip-address`);
    return ExitCode.Died;
  }
  const entry = parsePrefix(typed);
  if (entry === undefined) {
    context.complain(
      `${escapeWord(typed)} is not in aaa.bbb.ccc.ddd format!\n` +
        "Write an IPv4 or IPv6 address, or a network such as 192.0.2.0/24 or 2001:db8::/32.",
    );
    return ExitCode.Died;
  }
  const { staticPath, ignorePath } = paths(context);
  const before = await tryReadText(staticPath);
  if (before.code !== undefined) {
    context.complain(`Can't read ${staticPath}: ${before.code}`);
    return ExitCode.Died;
  }
  await editFile(staticPath, (text) => change(text, entry));
  // A file that was made from the static one would keep the old entries until the next start.
  const made = await tryReadText(ignorePath);
  return made.code === undefined && isBuilt(made.text) ? await build(context) : 0;
}

function paths({ folder }: ToolContext): { staticPath: string; ignorePath: string } {
  return { staticPath: join(folder, "portsentry.ignore.static"), ignorePath: join(folder, "portsentry.ignore") };
}

type TextRead = { readonly text: string; readonly code: undefined } | { readonly code: string };

async function tryReadText(path: string): Promise<TextRead> {
  try {
    const read = await fileAt(path).read();
    return read === undefined ? { code: describeCode("ENOENT") } : { text: read.bytes.toString(), code: undefined };
  } catch (error) {
    const code = errorCode(error);
    return { code: code === "" && error instanceof Error ? error.message : describeCode(code) };
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
