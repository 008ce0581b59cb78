// Keys that hold a path. Apart from the other types of values, so that a command that needs no more than CONTROL_SOCKET
// loads no more.
import { normalize } from "node:path";
import { hasControl } from "../base/escape.ts";
import { key } from "./key.ts";
import type { ValueType } from "./values.ts";

const MAX_PATH_BYTES = 4095;

/** An absolute path. A Unix socket has room for 107 bytes only (unix(7), sun_path). */
export function path(maxBytes = MAX_PATH_BYTES): ValueType<string> {
  const allowed = `a path that begins with "/", at most ${maxBytes} bytes`;
  return {
    allowed,
    parse(text) {
      const good = text.startsWith("/") && Buffer.byteLength(text) <= maxBytes && !hasControl(text);
      return good ? { ok: text } : { error: `write ${allowed}` };
    },
  };
}

/** An absolute path, or nothing. */
export const optionalPath: ValueType<string | undefined> = {
  allowed: 'a path that begins with "/", or nothing',
  parse: (text) => (text.trim() === "" ? { ok: undefined } : path().parse(text)),
};

/** The path of a file that is written; /dev/null stands for none. */
export const optionalFile: ValueType<string | undefined> = {
  allowed: optionalPath.allowed,
  parse: (text) => (normalize(text) === "/dev/null" ? { ok: undefined } : optionalPath.parse(text)),
};

export const controlSocketKey = key("files", "CONTROL_SOCKET", path(107), {
  absent: "/run/portreeve/control.sock",
  meaning:
    "The commands `portreeve status`, `blocked`, `why` and the like talk to the daemon through this Unix socket.",
});
