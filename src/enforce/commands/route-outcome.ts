// What came of KILL_ROUTE, or of undoing it, for one source.

export interface RouteOutcome {
  readonly ok: boolean;
  /** The command as PortSentry would print it. */
  readonly text: string;
  /** Why it is not ok; "" if it is, or what makes it so all the same. */
  readonly detail: string;
  /** It was not tried: the command has no form for such a source. */
  readonly isNotFor?: boolean;
}

export function failed(text: string, detail: string): RouteOutcome {
  return { ok: false, text, detail };
}

export function notFor(text: string, detail: string): RouteOutcome {
  return { ok: false, text, detail, isNotFor: true };
}
