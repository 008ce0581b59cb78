// What a program of ours ends with: the codes of sysexits.h, and PortSentry's.

export const ExitCode = {
  Ok: 0,
  No: 1,
  Usage: 64,
  Data: 65,
  NoInput: 66,
  Unavailable: 69,
  Software: 70,
  CannotCreate: 73,
  Io: 74,
  NoPermission: 77,
  Configuration: 78,
  /** The only code of PortSentry 1.2 for trouble, exit(-1), and that of Perl's die where no system call has failed. */
  Died: 255,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
