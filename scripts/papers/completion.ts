// Completion for bash and zsh, made from the command line itself, so that it has every command and option that there is.
import type { Command, Option } from "commander";

/** What is offered in the place of a word. */
type Offer = { readonly words: readonly string[] } | "files" | "nothing";

/** Options whose value is a file. */
const fileOptions: readonly string[] = ["--conf", "--known"];
const fileArguments: readonly string[] = ["file"];

interface OfferedOption {
  readonly flags: readonly string[];
  readonly description: string;
  /** Absent: it takes no value. */
  readonly value?: Offer;
}

interface OfferedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OfferedOption[];
  readonly operand: Offer;
}

export function bashCompletion(program: Command): string {
  const commands = offeredCommands(program);
  return `# bash completion for portreeve(8), made from its table of commands by scripts/completions.mjs.

_portreeve() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ \${COMP_WORDS[i]} == -* ]] || { command=\${COMP_WORDS[i]}; break; }
    done
    case "$command $prev" in
${commands.flatMap(valueCases).join("")}    esac
    case "$command" in
        "") COMPREPLY=($(compgen -W "${[...commands.map(({ name }) => name), ...globalFlags(program)].join(" ")}" -- "$cur")) ;;
${commands.map(commandCase).join("")}    esac
}

complete -F _portreeve portreeve
`;
}

function valueCases({ name, options }: OfferedCommand): string[] {
  return options.flatMap(({ flags, value }) => {
    if (value === undefined) return [];
    const patterns = flags.map((flag) => `"${name} ${flag}"`).join("|");
    return [`        ${patterns}) ${bashOffer(value)}return ;;\n`];
  });
}

function commandCase({ name, options, operand }: OfferedCommand): string {
  const flags = options.flatMap((option) => option.flags).join(" ");
  return `        ${name})
            if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "${flags}" -- "$cur")); else ${bashOffer(operand)}return; fi ;;
`;
}

function bashOffer(offer: Offer): string {
  if (offer === "nothing") return "";
  if (offer === "files") return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); ';
  return `COMPREPLY=($(compgen -W "${offer.words.join(" ")}" -- "$cur")); `;
}

export function zshCompletion(program: Command): string {
  const commands = offeredCommands(program);
  const named = commands.map(({ name, description }) => `        ${quote(`${name}:${description}`)}\n`).join("");
  return `#compdef portreeve
# zsh completion for portreeve(8), made from its table of commands by scripts/completions.mjs.

_portreeve() {
    local curcontext="$curcontext" state line
    local -a commands
    commands=(
${named}    )
    _arguments -C ${globalFlags(program)
      .map((flag) => quote(flag))
      .join(" ")} '1: :->command' '*:: :->argument'
    case $state in
        command) _describe command commands ;;
        argument)
            case $words[1] in
${commands.map(zshCase).join("")}            esac ;;
    esac
}

_portreeve "$@"
`;
}

function zshCase({ name, options, operand }: OfferedCommand): string {
  const specs = options.flatMap(({ flags, description, value }) =>
    flags.map((flag) => {
      const text = description.replace(/[[\]\\:]/g, (character) => `\\${character}`);
      return quote(`${flag}[${text}]${value === undefined ? "" : `: :${zshOffer(value)}`}`);
    }),
  );
  const operands = operand === "nothing" ? [] : [quote(`*: :${zshOffer(operand)}`)];
  return `                ${name}) _arguments ${[...specs, ...operands].join(" ")} ;;\n`;
}

function zshOffer(offer: Offer): string {
  if (offer === "nothing") return " ";
  return offer === "files" ? "_files" : `(${offer.words.join(" ")})`;
}

/** A word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function globalFlags(program: Command): string[] {
  return program
    .createHelp()
    .visibleOptions(program)
    .flatMap((option) => flagsOf(option));
}

function offeredCommands(program: Command): OfferedCommand[] {
  const help = program.createHelp();
  const names = program.commands.map((command) => command.name());
  return help.visibleCommands(program).map((command) => {
    const isHelp = command.name() === "help";
    const isFile = command.registeredArguments.some((argument) => fileArguments.includes(argument.name()));
    return {
      name: command.name(),
      description: help.subcommandDescription(command),
      options: help.visibleOptions(command).map(offeredOption),
      operand: isHelp ? { words: names } : isFile ? "files" : "nothing",
    };
  });
}

function offeredOption(option: Option): OfferedOption {
  const takesValue = option.required || option.optional;
  const words = option.argChoices;
  const isFile = fileOptions.includes(option.long ?? "");
  const value: Offer = words !== undefined ? { words } : isFile ? "files" : "nothing";
  return { flags: flagsOf(option), description: option.description, ...(takesValue && { value }) };
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}
