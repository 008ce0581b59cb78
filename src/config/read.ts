// Reads one file through a function that throws as fs.readFileSync does; the outcome is a value, with the cause in words.
import { escapeText } from "../base/escape.ts";

export type ReadFile = (path: string) => Uint8Array;

export type ReadResult = { readonly bytes: Uint8Array } | { readonly fault: string; readonly missing: boolean };

export function tryRead(path: string, readFile: ReadFile): ReadResult {
  try {
    return { bytes: readFile(path) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { fault: code === "" ? escapeText(String(error), 200) : faultOfCode(code), missing: code === "ENOENT" };
  }
}

function faultOfCode(code: string): string {
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
    case "EPERM":
      return `no permission (${code})`;
    case "EISDIR":
      return "it is a directory";
    default:
      return escapeText(code, 40);
  }
}
