// What the commands have in common on their command lines.

export const defaultConfFile = "/etc/portsentry/portsentry.conf";

/** What every client command takes. */
export interface ClientOptions {
  readonly conf: string;
  readonly json?: boolean;
}
