import type { LineSink } from "../../src/record/journal.ts";

/** Gives each line, as it is said, to `write`, and 2.x's errors to `writeError`. */
export function lineSink(write: (text: string) => void, writeError: (text: string) => void = write): LineSink {
  return {
    write: (text, _newline, error) => {
      (error ? writeError : write)(`${text}\n`);
      return true;
    },
  };
}
