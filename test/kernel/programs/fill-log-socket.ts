// Writes far more lines than a log socket takes that nobody reads; then reads what it took. Its own process, as a call
// that waits would wait for ever.
import { Syslog } from "../../../src/kernel/syslog.ts";
import { openReader } from "../support.ts";

const [path = "", count = "0"] = process.argv.slice(2);
const reader = openReader(path);
const syslog = new Syslog({ ident: "portsentry", pid: 1, path, now: () => new Date(0) });
for (let line = 0; line < Number(count); line++) syslog.write(29, `line ${line}`);
const dropped = syslog.dropped;
const taken = reader.read();
syslog.write(29, "there is room again");
process.stdout.write(JSON.stringify({ dropped, taken, afterwards: reader.read().length }));
