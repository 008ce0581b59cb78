// What the daemon accepts from a client, checked by hand: field by field, unknown fields refused.
// What a client accepts from the daemon is in schema.ts.
import { isCount, isFields, isText } from "../base/checks.ts";
import { type BlockRequest, type ModeName, modeNames } from "./api.ts";

/** "2001:db8:1111:2222:3333:4444:255.255.255.255/128" and no more; the daemon parses it. */
const MAX_SOURCE_CHARS = 50;
const MAX_REASON_CHARS = 200;
/** A person comes over one or two hops. */
export const MAX_SESSION_ADDRESSES = 16;
/** Ten years, as for BLOCK_TIME; beyond it "for ever" (0) is meant. */
const LONGEST_BLOCK_MS = 10 * 365 * 86_400_000;

/** The request, or what is wrong with it. */
export type Checked<T> = { readonly ok: T } | { readonly wrong: string };

export function checkBlockRequest(value: unknown): Checked<BlockRequest> {
  const unknownField = findUnknownField(value, ["source", "forMs", "reason", "force", "session"]);
  if (unknownField !== undefined || !isFields(value)) return { wrong: unknownField ?? NO_OBJECT };
  const { source, forMs, reason, force, session } = value;
  if (!isSource(source)) return { wrong: `source: ${SOURCE_WANTED}` };
  if ("forMs" in value && !(isCount(forMs) && forMs <= LONGEST_BLOCK_MS)) {
    return { wrong: `forMs: expected a whole number from 0 (for ever) to ${LONGEST_BLOCK_MS}` };
  }
  if ("reason" in value && !isText(reason, MAX_REASON_CHARS)) {
    return { wrong: `reason: expected text of at most ${MAX_REASON_CHARS} characters` };
  }
  if ("force" in value && typeof force !== "boolean") return { wrong: "force: expected true or false" };
  if ("session" in value && !isSession(session)) {
    return { wrong: `session: expected at most ${MAX_SESSION_ADDRESSES} addresses` };
  }
  return {
    ok: {
      source,
      ...(isCount(forMs) && { forMs }),
      ...(isText(reason) && { reason }),
      ...(typeof force === "boolean" && { force }),
      ...(isSession(session) && { session }),
    },
  };
}

export function checkUnblockRequest(value: unknown): Checked<{ readonly target: string }> {
  const unknownField = findUnknownField(value, ["target"]);
  if (unknownField !== undefined || !isFields(value)) return { wrong: unknownField ?? NO_OBJECT };
  return isSource(value.target) ? { ok: { target: value.target } } : { wrong: `target: ${SOURCE_WANTED}` };
}

export function checkModeRequest(value: unknown): Checked<{ readonly mode: ModeName }> {
  const unknownField = findUnknownField(value, ["mode"]);
  if (unknownField !== undefined || !isFields(value)) return { wrong: unknownField ?? NO_OBJECT };
  const mode = modeNames.find((name) => name === value.mode);
  return mode === undefined ? { wrong: `mode: expected one of ${modeNames.join(", ")}` } : { ok: { mode } };
}

const NO_OBJECT = "expected a JSON object";
const SOURCE_WANTED = `expected text of 1 to ${MAX_SOURCE_CHARS} characters`;

function isSource(value: unknown): value is string {
  return isText(value, MAX_SOURCE_CHARS) && value !== "";
}

function isSession(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MAX_SESSION_ADDRESSES && value.every(isSource);
}

/** A misspelt option must not pass for none. */
function findUnknownField(value: unknown, known: readonly string[]): string | undefined {
  if (!isFields(value)) return NO_OBJECT;
  const name = Object.keys(value).find((key) => !known.includes(key));
  return name === undefined ? undefined : `unknown field "${name.slice(0, 40)}"`;
}
