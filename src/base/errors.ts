// What is said of something that was thrown.

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code that Node gives to system errors ("ENOENT"), or "". */
export function errorCode(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** The code, or the message of an error that has none. */
export function codeOf(error: unknown): string {
  return errorCode(error) || messageOf(error);
}
