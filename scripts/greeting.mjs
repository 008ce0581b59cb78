// What `npm start` says on a terminal before the daemon speaks: its own first lines are PortSentry's, word for word, as log
// readers know them, and name neither Portreeve nor what to type next.

/** @param {readonly string[]} given the arguments of `portreeve run` */
export function greeting(version, given) {
  const what = given.includes("--block") ? "detects and blocks" : "detects and logs, and blocks no source";
  return [
    `Portreeve ${version} ${what}. The lines below are the log, in PortSentry's words.`,
    "In another shell: sudo bin/portreeve status, events -f, why ADDRESS or --help. Ctrl-C ends the daemon here.",
    "",
  ].join("\n");
}
