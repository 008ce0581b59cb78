// Programs of the administrator's commands that are not there, for `status`.

import { missingPrograms, packageOf } from "../config/command.ts";
import type { Settings } from "../config/settings.ts";

/** Commands of which a program is missing now: each time that they are run they fail. */
export function missingCommands(settings: Settings, isProgram: (path: string) => boolean): readonly string[] {
  const { tcp, udp, responses } = settings;
  const blocks = tcp.block || udp.block;
  const { killRoute, unkillRoute, runCommand } = responses;
  const commands = [
    { key: "KILL_ROUTE", template: blocks ? killRoute : undefined },
    { key: "UNKILL_ROUTE", template: blocks && killRoute !== undefined ? unkillRoute : undefined },
    { key: "KILL_RUN_CMD", template: blocks || tcp.runOnly || udp.runOnly ? runCommand : undefined },
  ];
  return commands.flatMap(({ key, template }) =>
    missingPrograms(template ?? "", isProgram).map((program) => {
      const debian = packageOf(program);
      const remedy = debian === undefined ? "install it" : `install ${debian}`;
      return `${key}: ${program} is not there or cannot be run, so that the command fails each time: ${remedy}`;
    }),
  );
}
