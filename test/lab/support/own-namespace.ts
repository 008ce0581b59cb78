// For test files that work on the kernel's own tables: runs the file again in a network namespace that ends with it.
import { spawnSync } from "node:child_process";

const MARK = "PORTREEVE_TEST_NAMESPACE";

/**
 * To be called first, with import.meta.filename. Returns only in a process that has a network namespace of its own; the
 * one outside waits for it and ends as it does. The runner reads the inner one's report, as both share their output.
 */
export function enterOwnNamespace(file: string): void {
  if (process.env[MARK] === file) return;
  if (process.getuid?.() !== 0) throw new Error("needs a network namespace of its own: run these tests as root");
  const argv = ["--net", process.execPath, ...process.execArgv, file];
  const { status, error } = spawnSync("unshare", argv, { stdio: "inherit", env: { ...process.env, [MARK]: file } });
  if (error !== undefined) throw error;
  process.exit(status ?? 1);
}

/** Throws in a process that has the machine's own network namespace. */
export function requireOwnNamespace(): void {
  if (process.env[MARK] === undefined)
    throw new Error("call enterOwnNamespace() first: this would work on the machine's own tables");
}

/** Runs a program in this namespace; it must succeed. Its standard output. */
export function mustDo(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}
