// Describes the shape of a value from outside, and finds where a value differs. Hand-written, because a client command lives for a
// tenth of a second, of which zod would take half. Fields that a shape does not name are left as they are.
import { isCount, isFields } from "./checks.ts";

interface Fault {
  /** "events.3.port"; "" is the value itself. */
  readonly place: string;
  /** "a number is expected". */
  readonly message: string;
}

/** Finds where a value is not a T; undefined when it is one. */
export type Shape<T> = ((value: unknown) => Fault | undefined) & { readonly describes?: T };

/** The shape of a field that may be absent, but not undefined: JSON has no such value. */
export interface MayBeAbsent<T> {
  readonly whenThere: Shape<T>;
}

/** One for every field of T: "optional" for those, and only those, that T calls optional. */
type ShapesOf<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? MayBeAbsent<NonNullable<T[K]>> : Shape<T[K]>;
};

export function isOf<T>(shape: Shape<T>, value: unknown): value is T {
  return shape(value) === undefined;
}

/** "events.3.port: a number is expected"; "" for a value that is as it should be. */
export function describeFault(shape: Shape<unknown>, value: unknown): string {
  const { place, message } = shape(value) ?? isNo("");
  return place === "" ? message : `${place}: ${message}`;
}

export const text = simple<string>("text is expected", (value) => typeof value === "string");
export const number = simple<number>("a number is expected", Number.isFinite);
export const flag = simple<boolean>("true or false is expected", (value) => typeof value === "boolean");
export const count = numberFrom(0);

export function numberFrom(least: number, most = Number.MAX_VALUE): Shape<number> {
  const range = most === Number.MAX_VALUE ? `of at least ${least}` : `from ${least} to ${most}`;
  return simple(
    `a number ${range} is expected`,
    (value) => typeof value === "number" && value >= least && value <= most,
  );
}

export function member<T extends string>(members: readonly T[]): Shape<T> {
  return simple(`one of ${members.join(", ")} is expected`, (value) => members.some((one) => one === value));
}

/** A name of the table's. */
export function keyOf<T extends object>(table: T): Shape<keyof T & string> {
  const names = Object.keys(table).join(", ");
  return simple(`one of ${names} is expected`, (value) => typeof value === "string" && Object.hasOwn(table, value));
}

/** Text of so many characters. */
export function textOf(least: number, most: number): Shape<string> {
  const isGood = (value: unknown) => typeof value === "string" && value.length >= least && value.length <= most;
  return simple(`text of ${least} to ${most} characters is expected`, isGood);
}

/** A number that counts things, and survives JSON. */
export function wholeNumber(most = Number.MAX_SAFE_INTEGER): Shape<number> {
  return simple(`a whole number from 0 to ${most} is expected`, (value) => isCount(value) && value <= most);
}

/** A member of a closed set that the reader does not know: any text of that length. */
export function word<T extends string>(mostChars: number): Shape<T> {
  const isWord = (value: unknown) => typeof value === "string" && value.length <= mostChars;
  return simple(`a word of at most ${mostChars} characters is expected`, isWord);
}

export function orNull<T>(inner: Shape<T>): Shape<T | null> {
  return (value) => (value === null ? undefined : inner(value));
}

export function optional<T>(inner: Shape<T>): MayBeAbsent<T> {
  return { whenThere: inner };
}

export function listOf<T>(inner: Shape<T>, most = Number.POSITIVE_INFINITY): Shape<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return isNo("a list is expected");
    return value.length > most ? isNo(`at most ${most} are expected`) : firstFault(value.entries(), inner);
  };
}

export function recordOf<T>(inner: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value) => (isFields(value) ? firstFault(Object.entries(value), inner) : isNo("an object is expected"));
}

export function fields<T extends object>(shapes: ShapesOf<T>): Shape<T> {
  const entries = Object.entries<Shape<unknown> | MayBeAbsent<unknown>>(shapes);
  return (value) => {
    if (!isFields(value)) return isNo("an object is expected");
    for (const [name, of] of entries) {
      if ("whenThere" in of && !Object.hasOwn(value, name)) continue;
      const fault = ("whenThere" in of ? of.whenThere : of)(value[name]);
      if (fault !== undefined) return inside(name, fault);
    }
    return undefined;
  };
}

/** The same, and nothing besides: a misspelt option must not pass for none. */
export function onlyFields<T extends object>(shapes: ShapesOf<T>): Shape<T> {
  const known = fields<T>(shapes);
  return (value) => {
    const name = isFields(value) ? Object.keys(value).find((key) => !Object.hasOwn(shapes, key)) : undefined;
    return name === undefined ? known(value) : isNo(`unknown field "${name.slice(0, 40)}"`);
  };
}

function simple<T>(message: string, is: (value: unknown) => boolean): Shape<T> {
  return (value) => (is(value) ? undefined : isNo(message));
}

function isNo(message: string): Fault {
  return { place: "", message };
}

function firstFault(entries: Iterable<[string | number, unknown]>, inner: Shape<unknown>): Fault | undefined {
  for (const [name, value] of entries) {
    const fault = inner(value);
    if (fault !== undefined) return inside(name, fault);
  }
  return undefined;
}

function inside(name: string | number, { place, message }: Fault): Fault {
  return { place: place === "" ? String(name) : `${name}.${place}`, message };
}
