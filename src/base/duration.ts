// Lengths of time as they are typed and printed.

const UNITS = [
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/** "800ms", "90s", "10m", "1h", "1d", "2w" or plain seconds, in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^([0-9]{1,10})(ms|s|m|h|d|w)?$/.exec(text.trim());
  if (match === null) return undefined;
  const unit = UNITS.find(([letter]) => letter === (match[2] ?? "s"));
  return unit === undefined ? undefined : Number(match[1]) * unit[1];
}

/** Whole seconds in the largest unit that leaves no rest: 5400000 is "90m". Less than a second: "800ms". */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < 1000) return `${Math.ceil(ms)}ms`;
  const unit = UNITS.find(([, unitMs]) => unitMs >= 1000 && ms >= unitMs && ms % unitMs === 0);
  return unit === undefined ? `${Math.ceil(ms / 1000)}s` : `${ms / unit[1]}${unit[0]}`;
}
