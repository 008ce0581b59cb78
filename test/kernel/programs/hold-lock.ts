// Takes the lock that is named, says whether it got it, and keeps it until it is killed.
import { lockFile } from "../../../src/kernel/libc.ts";

const lock = lockFile(process.argv[2] ?? "");
process.stdout.write(lock === undefined ? "refused\n" : "locked\n");
if (lock !== undefined) setInterval(() => undefined, 60_000);
