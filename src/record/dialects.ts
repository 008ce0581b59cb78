// What each form of log lines says. JSON has its events; the few lines without one are in 1.2's words.
import type { LogFormat } from "../base/log-format.ts";
import type { Dialect } from "./dialect.ts";
import { dialect1 } from "./dialect1.ts";
import { dialect2 } from "./dialect2.ts";

export const dialects: Readonly<Record<LogFormat, Dialect>> = {
  portsentry1: dialect1,
  portsentry2: dialect2,
  json: dialect1,
};
