// What can go wrong on the way to the daemon. Each error carries the exit code of sysexits.h that a command ends with.
import { errorCode } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";

export class ControlError extends Error {
  override readonly name: string = "ControlError";
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? ExitCode.Unavailable;
  }
}

export class DaemonNotRunning extends ControlError {
  override readonly name = "DaemonNotRunning";

  constructor(path: string, cause?: unknown) {
    const remedy =
      'start it with "systemctl start portsentry" or "portreeve run"; "systemctl status portsentry" and "portreeve check" say why it does not run';
    const what = errorCode(cause) === "ECONNREFUSED" ? "no program listens on the socket" : "no socket at";
    super("not-running", `the daemon is not running (${what} ${path}): ${remedy}`, { cause });
  }
}

export class NotPermitted extends ControlError {
  override readonly name = "NotPermitted";

  constructor(path: string, cause?: unknown) {
    const remedy =
      "run the command as root (sudo portreeve ...), or read as a member of the group that CONTROL_GROUP names";
    super("not-permitted", `not permitted to open the control socket ${path}: ${remedy}`, {
      exitCode: ExitCode.NoPermission,
      cause,
    });
  }
}

/** The daemon answered, but not as agreed: another version, or another program behind the socket. */
export class ProtocolError extends ControlError {
  override readonly name = "ProtocolError";

  constructor(path: string, detail: string, cause?: unknown) {
    const remedy = "is the daemon of another version? systemctl restart portreeve";
    super("protocol", `unexpected answer from ${path}: ${detail}; ${remedy}`, { cause });
  }
}

/** The place of the control socket is taken, or cannot be used. */
export class SocketUnusable extends ControlError {
  override readonly name = "SocketUnusable";

  constructor(message: string, cause?: unknown) {
    super("socket-unusable", message, { cause });
  }
}
