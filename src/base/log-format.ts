// The forms of log lines that LOG_FORMAT knows, and how `check` names each. record/dialects.ts has the lines of each form.

export const logFormats = [
  { name: "portsentry1", said: "in PortSentry 1.2's words" },
  { name: "portsentry2", said: "in PortSentry 2's words" },
  { name: "json", said: "as JSON" },
] as const;
export type LogFormat = (typeof logFormats)[number]["name"];
