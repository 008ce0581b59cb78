// Small hand-written checks of values from outside, for what the daemon parses: zod would cost it 12 MB of resident
// memory (docs/decisions). What a client accepts is written with shape.ts.

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A whole number from 0 on that survives JSON. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === "number" && value >= 0;
}

export function isText(value: unknown, maxChars = Number.POSITIVE_INFINITY): value is string {
  return typeof value === "string" && value.length <= maxChars;
}

/** The member of a closed set that the value is. */
export function oneOf<T extends string | number>(members: readonly T[], value: unknown): T | undefined {
  return members.find((member) => member === value);
}

/** True for an absent value too. */
export function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}

/** As Date.toISOString() writes it, with any number of decimals. */
export function isTime(value: unknown): value is string {
  return (
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}

/** JSON text as a value; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
