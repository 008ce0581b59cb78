import { KernelError } from "../kernel/errors.ts";

/** Without the table nothing is held. */
export function whenThere<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof KernelError && error.code === "ENOENT") return otherwise;
    throw error;
  }
}
