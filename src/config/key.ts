// Defines a key of the configuration file, and the functions by which the tables of keys (keys.ts, tap-keys.ts) write one down.
import type { OldReading, ValueType } from "./values.ts";

export const groups = {
  watch: "What is watched",
  scan: "What counts as a scan",
  tap: "Where both sides of the traffic are seen: mirror ports and captures",
  block: "What happens to a scanner",
  respond: "PortSentry's own responses",
  files: "Files, logs and limits",
} as const;
export type Group = keyof typeof groups;

export interface Key<T> {
  readonly name: string;
  readonly group: Group;
  readonly type: ValueType<T>;
  /** The value when a file has no such key; an old PortSentry file without the key means this value. */
  readonly absent: string;
  /** The value in conf/portsentry.conf; without it the key stands there as a comment, with `absent`. */
  readonly shipped?: string;
  /** Without `shipped`: the commented lines of conf/portsentry.conf, instead of one with `absent`. */
  readonly examples?: readonly Example[];
  /** The program that has brought in the key. A file without any key of Portreeve's is an old PortSentry configuration. */
  readonly origin: "portsentry" | "portreeve";
  /** A key of Portreeve's that people put into PortSentry's file, where it does nothing: it makes no file Portreeve's. */
  readonly inOldFiles?: true;
  /** What PortSentry 1.2 makes of any text; without it an old file's value that `type` refuses counts as absent. */
  readonly oldReading?: OldReading<T>;
  /** For an administrator: one to three sentences. */
  readonly meaning: string;
}

/** A commented line of the shipped file, for a key that has no value there. */
export interface Example {
  readonly value: string;
  readonly when: string;
}

/** The values of a table of keys, each under the name that its key has in the table. */
export type Values<Table> = { readonly [Name in keyof Table]: Table[Name] extends Key<infer T> ? T : never };

/** Gives the value of a key. One that the mode does not use is not complained about in an old file. */
export type Take = <T>(key: Key<T>, isUsed?: boolean) => T;

export function takeEach<Table extends Readonly<Record<string, Key<unknown>>>>(table: Table, take: Take): Values<Table>;
export function takeEach(table: Readonly<Record<string, Key<unknown>>>, take: Take): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(table).map(([name, key]) => [name, take(key)]));
}

type More<T> = Pick<Key<T>, "absent" | "meaning"> &
  Partial<Pick<Key<T>, "shipped" | "examples" | "origin" | "inOldFiles" | "oldReading">>;

export function key<T>(group: Group, name: string, type: ValueType<T>, more: More<T>): Key<T> {
  return { name, group, type, origin: "portreeve", ...more };
}

/** A key that PortSentry 1.2 or 2.x knows. */
export function old<T>(group: Group, name: string, type: ValueType<T>, more: More<T>): Key<T> {
  return key(group, name, type, { ...more, origin: "portsentry" });
}
