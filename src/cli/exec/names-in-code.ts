import { UsageError } from '../run-program.ts';

/** Programs that run an argument as code: the option before it, and whether all further arguments are code, too. */
const interpreters: readonly {
  readonly program: RegExp;
  readonly option: RegExp;
  readonly takesAll?: boolean;
}[] = [
  { program: /^(?:sh|ash|bash|dash|fish|ksh|zsh)$/, option: /^-[a-z]*c$/ },
  { program: /^(?:pwsh|powershell)$/, option: /^[-/](?:c|co[a-z]*|ec|en[a-z]*)$/i, takesAll: true },
  { program: /^cmd$/, option: /^\/[ckr]$/i, takesAll: true },
  { program: /^(?:node|bun)$/, option: /^(?:-e|-p|-pe|--eval|--print)$/ },
  { program: /^(?:python|ruby|perl|php)[0-9.]*$/, option: /^-[A-Za-z]*[ceEr]$/ },
];

/** The name of a program, without its folder and the ending of Windows. */
const nameOf = (program: string): string => (/[^/\\]*$/.exec(program)?.[0] ?? '').toLowerCase().replace(/\.exe$/, '');

/**
 * Customers choose their names, so a name must never become code.
 * @throws UsageError if an argument with {name} is code for a shell or another interpreter.
 */
export function refuseNamesInCode(program: string, args: readonly string[]): void {
  const words = [program, ...args];
  // Programs such as env and sudo start an interpreter that is an argument of theirs.
  for (const [at, word] of words.entries()) {
    const found = interpreters.find(({ program: known }) => known.test(nameOf(word)));
    if (found !== undefined && codeOf(found, words.slice(at + 1)).some((code) => code.includes('{name}')))
      throw new UsageError(
        `${word} would run the name of a customer as code. Read PTB_TENANT_NAME in it instead of {name}.`,
      );
    if (found !== undefined) return;
  }
}

/** The arguments that are code. Options come before the first argument that is none. */
function codeOf({ option, takesAll = false }: (typeof interpreters)[number], args: readonly string[]): string[] {
  for (const [at, arg] of args.entries()) {
    if (option.test(arg)) return args.slice(at + 1, takesAll ? undefined : at + 2);
    const [name = '', code] = arg.split(/=(.*)/s);
    if (code !== undefined && option.test(name)) return [code];
    if (!/^[-/]/.test(arg)) return [];
  }
  return [];
}
